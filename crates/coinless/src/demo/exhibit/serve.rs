//! The page's server: this computer alone may talk to it, and only pages of its own may press its buttons.

use super::Exhibit;
use super::deeds::Deed;
use crate::demo::FAMILY;
use crate::output::{Context, Failure};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use futures_util::stream::{Stream, unfold};
use qrcode::{Color, QrCode};
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::TcpListener;
use std::sync::Arc;

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/exhibit.js");

/// What the page may do: show its own files and the app in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    frame-src http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Modules of white around a QR code (ISO/IEC 18004 asks for 4).
const QUIET: usize = 4;

/// Serves the page until the process ends.
pub(super) async fn serve(listener: TcpListener, exhibit: Arc<Exhibit>) -> Result<(), Failure> {
    listener.set_nonblocking(true).context("listening for the page")?;
    let port = listener.local_addr().context("listening for the page")?.port();
    let listener = tokio::net::TcpListener::from_std(listener).context("listening for the page")?;
    let router = Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", PAGE)))
        .route("/style.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .route("/exhibit.js", get(|| file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/round.csv", get(|| file("text/csv; charset=utf-8", round())))
        .route("/labels/{place}", get(label))
        .route("/events", get(events))
        .route("/deeds/{name}", post(deed))
        .route("/meters/{place}/{what}", post(at_meter))
        .layer(from_fn_with_state(port, guard))
        .layer(middleware::map_response(with_headers))
        .with_state(exhibit);
    axum::serve(listener, router).await.context("the page")
}

async fn file(kind: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// A list for the manager's round: every meter of the demo.
fn round() -> String {
    let mut text = "meter,flat,amount\n".to_owned();
    for (flat, meter) in (1..).zip(FAMILY) {
        let _ = writeln!(text, "{},Flat {flat},10.00", meter.label);
    }
    text
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Refuses whoever came by another name than this computer's own (a page of elsewhere whose name leads here), and presses on buttons
/// by pages of others.
async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let said = |headers: &HeaderMap, name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let host = said(request.headers(), header::HOST).unwrap_or_default();
    let is_own_page = said(request.headers(), header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    if own.contains(&host) && (request.method() == axum::http::Method::GET || is_own_page) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this demo is for this computer alone").into_response()
    }
}

/// The QR code of a label: the address of the app at this meter, as a real phone reaches it through a forwarded port.
async fn label(State(exhibit): State<Arc<Exhibit>>, Path(place): Path<usize>) -> Result<Response, StatusCode> {
    let meter = FAMILY.get(place).ok_or(StatusCode::NOT_FOUND)?;
    let url = format!("http://localhost:{}/m/{}", exhibit.board.look(|shown| shown.real[0]), meter.label);
    let code = QrCode::new(url).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let width = code.width();
    let mut path = String::new();
    for (at, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
    }
    let size = width + 2 * QUIET;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>"
    );
    Ok(file("image/svg+xml", svg).await)
}

/// All that is shown, now and at each change.
async fn events(State(exhibit): State<Arc<Exhibit>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changes = exhibit.board.changes();
    changes.mark_changed();
    let events = unfold((exhibit, changes), |(exhibit, mut changes)| async move {
        changes.changed().await.ok()?;
        let event = Event::default().data(exhibit.board.json().to_string());
        Some((Ok(event), (exhibit, changes)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// About which meter, and whether at its next token.
#[derive(Debug, Deserialize)]
struct About {
    #[serde(default)]
    meter: usize,
    #[serde(default)]
    later: bool,
}

async fn deed(
    State(exhibit): State<Arc<Exhibit>>,
    Path(name): Path<String>,
    Query(about): Query<About>,
) -> Result<StatusCode, (StatusCode, String)> {
    let deed = Deed::from_name(&name).ok_or((StatusCode::NOT_FOUND, "there is no such button".to_owned()))?;
    // A browser that goes away must not leave a meter without power.
    let done = tokio::spawn(async move { exhibit.perform(deed, about.meter, about.later).await });
    outcome(done.await.unwrap_or_else(|error| Err(Failure::new(error.to_string()))))
}

async fn at_meter(
    State(exhibit): State<Arc<Exhibit>>,
    Path((place, what)): Path<(usize, String)>,
) -> Result<StatusCode, (StatusCode, String)> {
    let meter = exhibit.meters.get(place).ok_or((StatusCode::NOT_FOUND, "there is no such meter".to_owned()))?;
    let line = match (what.as_str(), meter.known.commodity) {
        ("press", _) => "open",
        ("use", "electricity") => "consume 1kWh",
        ("use", _) => "consume 1m3",
        _ => return Err((StatusCode::NOT_FOUND, "nobody can do that at a meter".to_owned())),
    };
    outcome(meter.at_it(line).await.map(|_| ()))
}

fn outcome(result: Result<(), Failure>) -> Result<StatusCode, (StatusCode, String)> {
    result.map(|()| StatusCode::NO_CONTENT).map_err(|failure| (StatusCode::CONFLICT, failure.to_string()))
}
