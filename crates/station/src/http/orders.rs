//! Quotes and orders.

use super::extract::{Json, order_id};
use super::meters::ask_whose;
use crate::float::{self, Credential};
use crate::lifecycle::LineState;
use crate::meters::{self, Meter};
use crate::money::Currency;
use crate::orders::{self, Line, OrderRequest, PayBy, QuotedLine};
use crate::problem::{Code, Error, ProblemDetails};
use crate::recovery;
use crate::refunds;
use crate::sales::{QuoteError, SalesSystem};
use crate::service::Station;
use crate::telemetry::Words;
use crate::utilities::LOOKUP_PATIENCE;
use crate::view::{self, OrderView, QuotesView, RecoveryView};
use axum::Json as JsonAnswer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

/// How long a request for a void waits for its signature.
const VOID_PATIENCE: Duration = Duration::from_secs(5);
/// How often a watched order is looked at when other processes may change it.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Accepts a quote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acceptance {
    /// The version of the quote that the payer saw.
    pub quote_version: i64,
    /// For an order whose provider is `float`: `manager:secret`. It is paid at once, or refused.
    #[serde(default)]
    pub credential: Option<Credential>,
}

/// What sums of money buy now; nothing is stored.
#[utoipa::path(post, path = "/v1/quotes", request_body = OrderRequest,
    responses((status = 200, body = QuotesView), (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn quote(
    State(station): State<Station>,
    Json(request): Json<OrderRequest>,
) -> Result<JsonAnswer<QuotesView>, Error> {
    let (currency, mut lines) = quoted(&station, &request).await?;
    // Whoever is not told of in time is shown as the station knows him.
    let _ = tokio::time::timeout(LOOKUP_PATIENCE, ask_whose_all(&station, &mut lines)).await;
    let rooms: Vec<_> = lines.iter().map(|line| (line.meter.id, line.quote.units, line.line.immediate)).collect();
    station.read(move |work| orders::check_rooms(work, rooms.iter().copied())).await?;
    let total = orders::total(&lines)?;
    Ok(JsonAnswer(view::quotes(&lines, total, currency)))
}

/// Whether this station was restored from a backup, and needs the orders that phones know.
#[utoipa::path(get, path = "/v1/recovery", responses((status = 200, body = RecoveryView)))]
pub(super) async fn recovery(State(station): State<Station>) -> Result<JsonAnswer<RecoveryView>, Error> {
    Ok(JsonAnswer(RecoveryView { orders_since_ms: station.read(recovery::since).await? }))
}

/// Makes an order of quoted lines. The same id with the same request is the same order.
#[utoipa::path(put, path = "/v1/orders/{id}", request_body = OrderRequest,
    params(("id" = String, Path, description = "a UUID of version 7, made and stored by the caller before the first send; who knows it holds the order")),
    responses((status = 201, body = OrderView), (status = 200, body = OrderView, description = "the same order again"),
        (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn put(
    State(station): State<Station>,
    Path(id): Path<String>,
    Json(request): Json<OrderRequest>,
) -> Result<(StatusCode, JsonAnswer<OrderView>), Error> {
    let id = order_id(&id)?;
    let (known_id, known) = (id.clone(), request.clone());
    // The same order again must not depend on what is sold today.
    if station.read(move |work| orders::exists(work, &known_id, &known)).await? {
        return Ok((StatusCode::OK, JsonAnswer(show(&station, id).await?)));
    }
    let pay_by = pay_by(&station, request.provider.as_deref()).await?;
    let (currency, lines) = quoted(&station, &request).await?;
    let answer = station.run("put", move |work| {
        let new = orders::put(work, &id, &request, currency, &lines, &pay_by)?;
        Ok((new, view::order(work, &id)?))
    });
    let (new, order) = answer.await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, JsonAnswer(order)))
}

/// An order with the tokens of its lines.
#[utoipa::path(get, path = "/v1/orders/{id}", params(("id" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = ProblemDetails)))]
pub(super) async fn get(
    State(station): State<Station>,
    Path(id): Path<String>,
) -> Result<JsonAnswer<OrderView>, Error> {
    Ok(JsonAnswer(show(&station, order_id(&id)?).await?))
}

/// Accepts the quote and starts the payment. Accepting it again changes nothing.
#[utoipa::path(post, path = "/v1/orders/{id}/payment", request_body = Acceptance, params(("id" = String, Path)),
    responses((status = 202, body = OrderView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails)))]
pub(super) async fn pay(
    State(station): State<Station>,
    Path(id): Path<String>,
    Json(acceptance): Json<Acceptance>,
) -> Result<(StatusCode, JsonAnswer<OrderView>), Error> {
    let id = order_id(&id)?;
    let answer = station.run("accept", move |work| {
        orders::accept_with(work, &id, acceptance.quote_version, acceptance.credential.as_ref())?;
        view::order(work, &id)
    });
    Ok((StatusCode::ACCEPTED, JsonAnswer(answer.await?)))
}

/// Asks for a line to be taken back. Its token becomes a void, which must reach the meter; the meter's receipt decides.
#[utoipa::path(post, path = "/v1/orders/{id}/lines/{line}/void", params(("id" = String, Path), ("line" = u32, Path)),
    responses((status = 202, body = OrderView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(super) async fn void(
    State(station): State<Station>,
    Path((id, line)): Path<(String, String)>,
) -> Result<(StatusCode, JsonAnswer<OrderView>), Error> {
    let id = order_id(&id)?;
    let line: u32 = line.parse().map_err(|_| Error::refused(Code::UnknownLine, "a line is named by its number"))?;
    let mut changes = station.changes();
    let asked = id.clone();
    station.run("void", move |work| refunds::void(work, &asked, line)).await?;
    // The void is signed in a moment; who asked for it should not have to come back for it.
    let signed = async {
        loop {
            let order = show(&station, id.clone()).await?;
            let waiting = |l: &view::LineView| l.line == line && l.state == LineState::VoidPending && l.token.is_none();
            if !order.lines.iter().any(waiting) {
                return Ok::<_, Error>(order);
            }
            while matches!(changes.recv().await, Ok(changed) if changed != id) {}
        }
    };
    let order = match tokio::time::timeout(VOID_PATIENCE, signed).await {
        Ok(order) => order?,
        Err(_) => show(&station, id.clone()).await?,
    };
    Ok((StatusCode::ACCEPTED, JsonAnswer(order)))
}

/// The order now and at each change, as server-sent events.
#[utoipa::path(get, path = "/v1/orders/{id}/events", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = OrderView), (status = 404, body = ProblemDetails)))]
pub(super) async fn events(
    State(station): State<Station>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let id = order_id(&id)?;
    // Subscribed before the first look, so that no change falls between.
    let changes = station.changes();
    let first = show(&station, id.clone()).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(tell_changes(station, id, first, changes, sender));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

async fn tell_changes(
    station: Station,
    id: String,
    first: OrderView,
    mut changes: broadcast::Receiver<String>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
) {
    let mut order = first;
    let mut told = None;
    loop {
        if told.as_ref() != Some(&order) {
            let Ok(event) = Event::default().event("order").json_data(&order) else { return };
            let sent = tokio::select! {
                sent = sender.send(Ok(event)) => sent,
                () = station.stopped() => return,
            };
            if sent.is_err() {
                return;
            }
            told = Some(order);
        }
        // Other processes on the same database do not tell of what they change.
        let look_at = Instant::now() + LOOK_ANYWAY;
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = tokio::time::sleep_until(look_at), if station.is_shared() => break,
                () = sender.closed() => return,
                () = station.stopped() => return,
            };
            match change {
                Ok(changed) if changed != id => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    // What changed meanwhile is all in the next look.
                    while changes.try_recv().is_ok() {}
                    break;
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
        order = match show(&station, id.clone()).await {
            Ok(order) => order,
            Err(error) => {
                tracing::error!(error = %Words(&error.to_string()), "an order cannot be shown");
                return;
            }
        };
    }
}

/// Who collects: a provider of the configuration, or a manager's float, if there is any.
async fn pay_by(station: &Station, named: Option<&str>) -> Result<PayBy, Error> {
    if named == Some(float::PROVIDER) && station.read(float::any).await? {
        return Ok(PayBy { provider: float::PROVIDER.to_owned(), is_push: false });
    }
    let provider = station.provider(named)?;
    Ok(PayBy { provider: provider.name().to_owned(), is_push: provider.is_push() })
}

async fn show(station: &Station, id: String) -> Result<OrderView, Error> {
    station.read(move |work| view::order(work, &id)).await
}

/// Most sales systems that are asked at once for one request.
const TRIALS_AT_ONCE: usize = 16;

/// Asks whose the meters of these lines are.
async fn ask_whose_all(station: &Station, lines: &mut [QuotedLine]) {
    let ask = stream::iter(lines).for_each_concurrent(TRIALS_AT_ONCE, |line| async move {
        if let Ok(utility) = station.utilities().find(&line.meter.utility) {
            ask_whose(utility, &mut line.meter).await;
        }
    });
    ask.await;
}

/// Reads a request, looks its meters up and asks the sales systems what each line buys; with the currency that all sell in.
async fn quoted(station: &Station, request: &OrderRequest) -> Result<(Currency, Vec<QuotedLine>), Error> {
    let ids = request.meters()?;
    let found = station.read(move |work| ids.iter().map(|id| meters::find(work, *id)).collect::<Result<Vec<_>, _>>());
    let found = found.await?;
    let utilities =
        found.iter().map(|meter| station.utilities().find(&meter.utility)).collect::<Result<Vec<_>, _>>()?;
    let currency = utilities.first().map(|utility| utility.currency);
    let currency = currency.ok_or_else(|| Error::refused(Code::Malformed, "an order has at least one line"))?;
    if let Some(other) = utilities.iter().find(|utility| utility.currency != currency) {
        let detail = format!(
            "one payment is in one currency: {} sells in {}, others in {currency}",
            other.brand, other.currency
        );
        return Err(Error::refused(Code::WrongCurrency, detail));
    }
    request.check_currency(currency)?;
    let mut trials = Vec::with_capacity(found.len());
    for ((line, meter), utility) in request.lines.iter().zip(&found).zip(utilities) {
        meter.check_money(currency)?;
        if meter.currency.is_some() && !utility.sales.sells_money() {
            let detail = format!("{} does not sell to meters that count money", utility.brand);
            return Err(Error::refused(Code::NotSold, detail));
        }
        let line = line.parse(meter, currency)?;
        trials.push(trial(line, meter.clone(), utility.sales.clone()));
    }
    let lines: Vec<Result<QuotedLine, Error>> = stream::iter(trials).buffered(TRIALS_AT_ONCE).collect().await;
    Ok((currency, lines.into_iter().collect::<Result<_, _>>()?))
}

async fn trial(line: Line, meter: Meter, sales: Arc<dyn SalesSystem>) -> Result<QuotedLine, Error> {
    let quote = sales.trial(meter.id, meter.commodity, line.asked).await;
    let quote = quote.map_err(|error| refusal(&error, meter.id.label()))?;
    Ok(QuotedLine { line, meter, quote })
}

fn refusal(error: &QuoteError, label: impl std::fmt::Display) -> Error {
    let code = match error {
        QuoteError::Amount(_) | QuoteError::NotSold(_) => Code::BadAmount,
        QuoteError::Refused(_) => Code::NotSold,
        QuoteError::Unavailable { why } => {
            tracing::warn!(why = %Words(why), "a sales system gives no quote");
            Code::Unavailable
        }
    };
    Error::refused(code, format!("{label}: {error}"))
}
