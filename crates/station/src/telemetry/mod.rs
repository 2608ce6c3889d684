//! Metrics and what may stand in logs. `docs/operations.md` lists both.
//!
//! No id, name, telephone number or secret is in a label: labels are words of this program.

mod look;
mod words;

pub use look::{Look, MOST_COUNTED, OPEN_PAYMENTS, UNFINISHED};
pub use words::{Words, subject_hash};

use crate::provider::{PaymentOutcome, RefundOutcome};
use crate::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome};
use crate::service::Station;
use crate::store::{self, Watch};
use crate::tasks::{EffectResult, Kind};
use axum::Router;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long what was seen in the database is shown, however often it is asked for.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a look may take; then the gauges are left out.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);
/// Bounds of the times of requests and tasks, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];
/// The media type of OpenMetrics (its specification, "Overall Structure").
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of a station.
pub struct Telemetry {
    registry: Registry,
    requests: Times<HttpLabels>,
    tasks: Times<TaskLabels>,
    signer_refusals: Counter,
    reports: Counter,
    gauges: Gauges,
    looked_at: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Gauges {
    lines: Family<StateLabel, Gauge>,
    oldest: Family<StateLabel, Gauge>,
    payments: Family<StateLabel, Gauge>,
    refunds: Family<StateLabel, Gauge>,
    exceptions: Family<CauseLabel, Gauge>,
    outbox: Family<KindLabel, Gauge>,
    lag: Family<KindLabel, Gauge>,
    looked: Gauge,
    looks: Counter,
}

impl Telemetry {
    /// Metrics of a station whose database tells of itself through `watch`.
    pub fn new(watch: Option<Arc<Watch>>) -> Self {
        let times: fn() -> Histogram = || Histogram::new(SECONDS);
        let (requests, tasks) = (Times::new_with_constructor(times), Times::new_with_constructor(times));
        let (signer_refusals, reports, gauges) = (Counter::default(), Counter::default(), Gauges::default());
        let mut registry = Registry::with_prefix("coinless");
        let seconds = || Unit::Seconds;
        registry.register_with_unit("http_request", "Requests and how long they took", seconds(), requests.clone());
        registry.register_with_unit("task", "Tasks performed and how long they took", seconds(), tasks.clone());
        registry.register("signer_refusals", "Tokens that the signer refused to sign", signer_refusals.clone());
        registry.register("reports", "Reports of meters that were news", reports.clone());
        gauges.register(&mut registry);
        if let Some(watch) = watch {
            registry.register_collector(Box::new(StoreMetrics(watch)));
        }
        Self { registry, requests, tasks, signer_refusals, reports, gauges, looked_at: Mutex::new(None) }
    }

    /// Counts a request that was answered: `route` is its template, `-` if there is none.
    pub fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let labels = HttpLabels { route: route.to_owned(), method: method_name(method), status: status_class(status) };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a task: `outcome` is what came back, `nothing` if there was nothing left to do, `error` if it failed here.
    pub fn performed(&self, kind: Kind, outcome: &'static str, took: Duration) {
        let labels = TaskLabels { kind: kind.name(), outcome };
        self.tasks.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a refusal of the signer.
    pub fn signer_refused(&self) {
        self.signer_refusals.inc();
    }

    /// Counts a report that was news.
    pub fn reported(&self) {
        self.reports.inc();
    }

    /// Everything as OpenMetrics text. The database is looked at once in [`LOOK_AGAIN_AFTER`] at most; if it does not answer in
    /// time, its gauges are left out and `coinless_database_looked` is 0.
    async fn text(&self, station: &Station) -> Result<String, fmt::Error> {
        // Held while the text is made: two scrapes do not see half of each other's gauges.
        let mut looked_at = self.looked_at.lock().await;
        if looked_at.is_none_or(|at| at.elapsed() >= LOOK_AGAIN_AFTER) {
            self.gauges.looks.inc();
            let seen = tokio::time::timeout(LOOK_PATIENCE, station.read(look::look)).await;
            match seen {
                Ok(Ok(seen)) => self.gauges.show(&seen),
                Ok(Err(error)) => {
                    tracing::error!(error = %Words(&error.to_string()), "the database cannot be looked at");
                    self.gauges.clear();
                }
                Err(_) => self.gauges.clear(),
            }
            *looked_at = Some(Instant::now());
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("lines", "Order lines that are not finished, by state", self.lines.clone());
        registry.register_with_unit(
            "line_oldest_age",
            "Time since the oldest order with a line in this state was made",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register("payments", "Payments that are not finished, by state", self.payments.clone());
        registry.register("refunds", "Refunds that the provider has not made yet", self.refunds.clone());
        registry.register("exceptions_open", "What a person must look at, by cause", self.exceptions.clone());
        registry.register("outbox_tasks", "Tasks in the outbox", self.outbox.clone());
        registry.register_with_unit(
            "outbox_lag",
            "Time since the oldest task that nobody works on was due",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register("database_looks", "How often the database was looked at", self.looks.clone());
        registry.register("database_looked", "1 if the database answered when it was looked at", self.looked.clone());
    }

    fn clear(&self) {
        self.lines.clear();
        self.oldest.clear();
        self.payments.clear();
        self.exceptions.clear();
        self.outbox.clear();
        self.lag.clear();
        self.refunds.clear();
        self.looked.set(0);
    }

    fn show(&self, seen: &Look) {
        self.clear();
        for (state, count, oldest_ms) in &seen.lines {
            let label = StateLabel { state: state.name() };
            self.lines.get_or_create(&label).set(*count);
            self.oldest.get_or_create(&label).set(oldest_ms / 1000);
        }
        for (state, count) in &seen.payments {
            self.payments.get_or_create(&StateLabel { state: state.name() }).set(*count);
        }
        for (cause, count) in &seen.exceptions {
            self.exceptions.get_or_create(&CauseLabel { cause: cause.clone() }).inc_by(*count);
        }
        for (kind, count, lag_ms) in &seen.outbox {
            let label = KindLabel { kind: kind.name() };
            self.outbox.get_or_create(&label).set(*count);
            self.lag.get_or_create(&label).set(lag_ms / 1000);
        }
        self.refunds.get_or_create(&StateLabel { state: "due" }).set(seen.refunds_due);
        self.looked.set(1);
    }
}

/// Methods are words of whoever asks: only known ones become labels.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// What came back, as a label.
pub fn outcome(result: &EffectResult) -> &'static str {
    match result {
        EffectResult::None => "done",
        EffectResult::Payment(said) => match said {
            PaymentOutcome::Pending { .. } => "pending",
            PaymentOutcome::Captured(_) => "captured",
            PaymentOutcome::Declined { .. } => "declined",
            PaymentOutcome::TakenBack { .. } => "taken_back",
            PaymentOutcome::NotFound => "not_found",
            PaymentOutcome::Unknown { .. } => "unknown",
        },
        EffectResult::Sale(said) => match said {
            SaleOutcome::Sold { .. } => "sold",
            SaleOutcome::Failed { .. } => "failed",
            SaleOutcome::NotFound => "not_found",
            SaleOutcome::Unknown { .. } => "unknown",
        },
        EffectResult::Signed(Ok(_)) => "signed",
        EffectResult::Signed(Err(_)) => "refused",
        EffectResult::Reversal(said) => match said {
            ReversalOutcome::Reversed => "reversed",
            ReversalOutcome::Refused { .. } => "refused",
            ReversalOutcome::Unknown { .. } => "unknown",
        },
        EffectResult::Refund(said) => match said {
            RefundOutcome::Refunded => "refunded",
            RefundOutcome::Declined { .. } => "declined",
            RefundOutcome::Pending { .. } => "pending",
        },
        EffectResult::Confirmed(said) => match said {
            ConfirmationOutcome::Confirmed => "confirmed",
            ConfirmationOutcome::Refused { .. } => "refused",
            ConfirmationOutcome::Unknown { .. } => "unknown",
        },
        EffectResult::Found(_) => "found",
        EffectResult::Reconciled(Ok(_)) => "done",
        EffectResult::Reconciled(Err(_)) => "unknown",
    }
}

/// The database's own counters, read when they are asked for.
#[derive(Debug)]
struct StoreMetrics(Arc<Watch>);

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut tell = |name, help, unit: Option<&Unit>, counts: store::Histogram, scale: f64| {
            // Metrics may be floating point; money and credit never are.
            let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 * scale);
            let buckets: Vec<_> = counts.buckets.iter().map(|(upper, count)| (bound(*upper), *count)).collect();
            let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
            metric.encode_histogram::<NoLabelSet>(counts.sum as f64 * scale, counts.count, &buckets, None)
        };
        let sizes = self.0.group_sizes();
        tell("store_group_commands", "Commands that were committed together", None, sizes, 1.0)?;
        let times = self.0.commit_times();
        tell("store_commit", "How long commits took", Some(&Unit::Seconds), times, 1e-6)
    }
}

/// The router of the operator's listener: `/metrics`, `/health`, `/ready`.
pub fn router(station: Station) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .merge(crate::health::router())
        .fallback(async || (axum::http::StatusCode::NOT_FOUND, "there are /metrics, /health and /ready\n"))
        .with_state(station)
}

/// Serves the metrics of `station` on `listener`, which must not be public, until [`Station::stop`].
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, station: Station) -> io::Result<()> {
    let stopping = station.clone();
    axum::serve(listener, router(station)).with_graceful_shutdown(async move { stopping.stopped().await }).await
}

async fn metrics(State(station): State<Station>) -> axum::response::Response {
    match station.telemetry().text(&station).await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
