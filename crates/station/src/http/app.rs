//! The phone app: its files, and what it is told of this station.

use super::no_handler;
use crate::app::{self, AppView, Coding, File};
use crate::service::Station;
use axum::Json as JsonAnswer;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// For what has the same address in each build: it is asked about each time, and sent if it has changed.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// For what has a hash in its name.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For what may name people or open orders.
const FORGET: HeaderValue = HeaderValue::from_static("no-store");

/// The addresses of the app. What is in a path that a browser asks for is the app's affair: each opens the same page.
pub(super) fn router() -> Router<Station> {
    Router::new()
        .route("/", get(index))
        .route("/m/{label}", get(index))
        .route("/o/{id}", get(index))
        .route("/s/{*rest}", get(index))
        .route("/app/{*path}", get(asset))
        // `sw.js` and `manifest.webmanifest`, which must be here, and whatever else the folder holds.
        .route("/{file}", get(file).fallback(nowhere))
}

/// Whether an address is the API's; all others are the app's.
fn is_api(uri: &Uri) -> bool {
    uri.path().starts_with("/v1/")
}

/// Puts on every answer what a browser must know to keep it safe: those of the API are kept nowhere, all others are the app's.
pub(super) async fn guard(State(station): State<Station>, request: Request, next: Next) -> Response {
    let is_api = is_api(request.uri());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_api {
        headers.insert(header::CACHE_CONTROL, FORGET);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    } else {
        headers.extend(station.app().headers().map(|(name, value)| (name.clone(), value.clone())));
    }
    response
}

/// What the app must know of this station: its name, its currency, how people can pay.
#[utoipa::path(get, path = "/v1/app", responses((status = 200, body = AppView)))]
pub(super) async fn about(State(station): State<Station>) -> JsonAnswer<AppView> {
    JsonAnswer(app::view(&station))
}

async fn index(State(station): State<Station>, headers: HeaderMap) -> Response {
    match station.app().file(app::INDEX) {
        Some(file) => answer(file, &headers, ASK),
        None => no_app(&app::view(&station).name),
    }
}

async fn asset(State(station): State<Station>, uri: Uri, headers: HeaderMap) -> Response {
    station.app().file(name(&uri)).map_or_else(nothing, |file| answer(file, &headers, KEEP))
}

async fn file(state: State<Station>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    match state.app().file(name(&uri)) {
        Some(file) => answer(file, &headers, ASK),
        None => nowhere(state, method, uri, headers).await,
    }
}

/// The names of an app's files are the same in an address as in the folder.
fn name(uri: &Uri) -> &str {
    uri.path().trim_start_matches('/')
}

/// An address that leads nowhere. A browser gets the app's page, which says so in words: a link may have lost its end on its way.
pub(super) async fn nowhere(state: State<Station>, method: Method, uri: Uri, mut headers: HeaderMap) -> Response {
    let is_read = matches!(method, Method::GET | Method::HEAD);
    if !is_read || is_api(&uri) || !takes_page(&headers) {
        return nothing();
    }
    // Whether it has changed is asked of what is there only (RFC 9110 §13.2.1).
    headers.remove(header::IF_NONE_MATCH);
    let mut page = index(state, headers).await;
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

fn nothing() -> Response {
    let mut response = no_handler(404, "not_found", "there is nothing here");
    // A build that comes later may have it.
    response.headers_mut().insert(header::CACHE_CONTROL, FORGET);
    response
}

/// A file, in the smallest form that is taken, or that it has not changed.
fn answer(file: &File, asked: &HeaderMap, cache: HeaderValue) -> Response {
    let (coding, form) = file.form(takes(asked, "br"), takes(asked, "gzip"));
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::ETAG, form.tag.clone());
    if file.varies() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if has(asked, form.tag.to_str().unwrap_or_default()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    let coding = match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Brotli => Some("br"),
    };
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    (headers, form.body.clone()).into_response()
}

/// Whether `Accept` names HTML: browsers do where they will show a page, and programs send `*/*`.
fn takes_page(asked: &HeaderMap) -> bool {
    let mut kinds = items(asked, &header::ACCEPT).filter_map(|item| item.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

/// Whether `Accept-Encoding` names this coding, or all, and not with a weight of 0 (RFC 9110 §12.5.3).
fn takes(asked: &HeaderMap, coding: &str) -> bool {
    let mut all = false;
    for item in items(asked, &header::ACCEPT_ENCODING) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=").or_else(|| parameters.trim().strip_prefix("Q="));
        let taken = weight.is_none_or(|weight| weight.bytes().any(|byte| (b'1'..=b'9').contains(&byte)));
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return taken,
            "*" => all = taken,
            _ => {}
        }
    }
    all
}

/// Whether the asking side has what is tagged so already (RFC 9110 §13.1.2: weak comparison).
fn has(asked: &HeaderMap, tag: &str) -> bool {
    items(asked, &header::IF_NONE_MATCH).any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag)
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// What people see where no app is installed: whose address this is, and what to do.
fn no_app(name: &str) -> Response {
    let name = escaped(name);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name}</title>\n<h1>{name}</h1>\n\
         <p>This is the address of a station that sells credit for meters without a network.</p>\n\
         <p>The phone app is not installed here, so nothing can be bought on this page. Whoever sells for your meter can tell you \
         how to buy; no purchase and no order is lost.</p>\n\
         <p>If you run this station: <code>cargo xtask app</code> makes the app, and \
         <code>coinless station run --app FOLDER</code> serves it.</p>\n</html>\n"
    );
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
