//! The HTTP API: REST and JSON, problem details for errors, server-sent events for live state.

mod app;
mod callbacks;
mod extract;
mod meters;
mod orders;
mod problems;
mod readings;
mod receipts;
mod reports;

use crate::health;
use crate::lifecycle::{LineState, PaymentState};
use crate::meters::parse_label;
use crate::orders::{LineRequest, OrderRequest};
use crate::problem::{Error, More, ProblemDetails};
use crate::service::Station;
use crate::telemetry::{self, Words};
use crate::view;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::serve::ListenerExt;
use std::io;
use std::time::Instant;
use tokio::net::TcpListener;
use tracing::Instrument;
use utoipa::OpenApi;

/// Most bytes of a request's body: an order of 500 lines.
pub const MAX_BODY_BYTES: usize = 128 * 1024;

/// The API of `station`.
pub fn router(station: Station) -> Router {
    Router::new()
        .route("/v1/app", get(app::about))
        .route("/v1/issuer", get(meters::issuer))
        .route("/v1/recovery", get(orders::recovery))
        .route("/v1/meters/{meter}", get(meters::meter))
        .route("/v1/meters/{meter}/read-requests", post(meters::read_request))
        .route("/v1/meters/{meter}/clock/{challenge}", get(meters::clock))
        .route("/v1/meters/{meter}/readers", post(readings::earn))
        .route("/v1/meters/{meter}/readings", get(readings::readings))
        .route("/v1/quotes", post(orders::quote))
        .route("/v1/orders/{id}", put(orders::put).get(orders::get))
        .route("/v1/orders/{id}/payment", post(orders::pay))
        .route("/v1/orders/{id}/lines/{line}/void", post(orders::void))
        .route("/v1/orders/{id}/events", get(orders::events))
        .route("/v1/receipts", post(receipts::upload))
        .route("/v1/reports", post(reports::upload))
        .route("/v1/problems/{id}", put(problems::put))
        .route("/v1/callbacks/{provider}/{subject}/{mac}", post(callbacks::callback))
        .route("/openapi.json", get(openapi))
        .merge(health::router())
        .merge(app::router())
        .fallback(app::nowhere)
        .method_not_allowed_fallback(async || {
            no_handler(405, "method_not_allowed", "this method is not for this resource")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(station.clone(), app::guard))
        .layer(middleware::from_fn_with_state(station.clone(), log))
        .with_state(station)
}

/// A span, a line and a measurement for each request: the route and not the path, since a path holds the id that opens an
/// order. The answer carries the span's id as `x-request-id`.
async fn log(State(station): State<Station>, route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let started = Instant::now();
    let id = uuid::Uuid::now_v7().simple().to_string();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!("request", request_id = id, %method, route, subject = tracing::field::Empty);
    if let Some(subject) = subject(route, request.uri().path()) {
        span.record("subject", telemetry::subject_hash(&subject));
    }
    let answering = async {
        let response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        tracing::info!(status, ms = took.as_millis() as u64, "answered");
        station.telemetry().answered(route, &method, status, took);
        response
    };
    let mut response = answering.instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The order or meter that a path is about.
fn subject(route: &str, path: &str) -> Option<String> {
    let at = |segment| path.split('/').nth(segment);
    match route {
        "/o/{id}" => return extract::order_id(at(2)?).ok(),
        "/m/{label}" => return parse_label(at(2)?).ok().map(|meter| meter.to_string()),
        _ => {}
    }
    match route.split('/').nth(2)? {
        "orders" => extract::order_id(at(3)?).ok(),
        "meters" => parse_label(at(3)?).ok().map(|meter| meter.to_string()),
        "callbacks" => at(4)?.split('.').next().map(str::to_owned),
        _ => None,
    }
}

/// Serves the API of `station` on `listener` until [`Station::stop`], and then until open requests are answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, station: Station) -> io::Result<()> {
    // Without this, small events wait for the acknowledgement of the one before, 40 ms each.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::warn!(%error, "a connection stays slow");
        }
    });
    let stopping = station.clone();
    let server = axum::serve(listener, router(station)).with_graceful_shutdown(async move { stopping.stopped().await });
    server.await
}

/// The OpenAPI 3.1 description, as checked in at `docs/openapi.json`.
pub fn openapi_json() -> String {
    let text = Api::openapi().to_pretty_json();
    text.unwrap_or_else(|error| unreachable!("the description is made of plain strings: {error}")) + "\n"
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Coinless station",
        description = "Sells credit for meters without a network, and reads their receipts."
    ),
    paths(
        app::about,
        meters::issuer,
        orders::recovery,
        meters::meter,
        meters::read_request,
        meters::clock,
        readings::earn,
        readings::readings,
        orders::quote,
        orders::put,
        orders::get,
        orders::pay,
        orders::void,
        orders::events,
        receipts::upload,
        reports::upload,
        problems::put,
        callbacks::callback
    ),
    components(schemas(
        OrderRequest,
        LineRequest,
        LineState,
        PaymentState,
        ProblemDetails,
        crate::app::AppView,
        view::OrderView,
        view::RecoveryView,
        view::MeterView,
        view::QuotesView,
        orders::Acceptance,
        meters::ReadRequest,
        meters::ReadToken,
        meters::ClockToken,
        readings::NewReader,
        readings::Entitled,
        crate::readings::ReadingsView,
        crate::problem_reports::ProblemReport,
        problems::ProblemTaken,
        receipts::Accepted,
        reports::ReportUpload,
        reports::ReportAccepted
    ))
)]
struct Api;

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}

/// What is answered where no handler is.
fn no_handler(status: u16, code: &str, title: &str) -> Response {
    problem_response(ProblemDetails {
        kind: "about:blank".to_owned(),
        title: title.to_owned(),
        status,
        detail: "see /openapi.json for what there is".to_owned(),
        code: code.to_owned(),
        more: More::default(),
    })
}

/// Problem details as an answer.
pub(crate) fn problem_response(details: ProblemDetails) -> Response {
    let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(&details).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    if let Some(after_s) = details.more.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    }
    response
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if !matches!(self, Self::Refused { .. }) {
            tracing::error!(error = %Words(&self.to_string()), "a command failed");
        }
        problem_response(self.details())
    }
}
