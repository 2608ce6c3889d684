//! The calls of the contract, as the sandbox utility answers them.

use super::behaviour::{CallKind, Fault, Setting};
use super::book::Entry;
use super::work::{Problem, malformed, problem, unknown_sale};
use super::{Utility, lock};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use coinless_station::sales::http::wire::{FinalCode, PROBLEM_TYPE, SaleAnswer};
use serde::Deserialize;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Most bytes of a request's body.
const MAX_BODY_BYTES: usize = 16 * 1024;

type Shared = State<Arc<Utility>>;

pub(super) fn router(utility: Arc<Utility>) -> Router {
    let contract = Router::new()
        .route("/v1/meters/{meter}", get(lookup))
        .route("/v1/trials", post(trial))
        .route("/v1/sales", get(sales))
        .route("/v1/sales/{sale_id}", put(vend).get(last_response))
        .route("/v1/sales/{sale_id}/confirmation", put(confirm))
        .route("/v1/sales/{sale_id}/reversal", put(reverse));
    let admin = Router::new().route("/admin/setting", get(show_setting).put(change_setting));
    contract
        .merge(admin.layer(middleware::from_fn(this_machine_only)))
        .fallback(async || problem(404, "not_found", "there is nothing here"))
        .method_not_allowed_fallback(async || {
            problem(405, "method_not_allowed", "this method is not for this resource")
        })
        .layer(middleware::from_fn_with_state(utility.clone(), authenticate))
        .layer(middleware::map_response(as_problem))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(utility)
}

async fn authenticate(State(utility): Shared, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !same_secret(given.as_bytes(), utility.options.token.as_bytes()) {
        let mut response = problem(401, "unauthorised", "the bearer token is missing or wrong").into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    next.run(request).await
}

/// What is refused before it comes to the calls below is told as the contract tells errors.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_TYPE);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "malformed" };
    problem(status.as_u16(), code, "the request cannot be read").into_response()
}

async fn this_machine_only(ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request, next: Next) -> Response {
    if peer.ip().to_canonical().is_loopback() {
        return next.run(request).await;
    }
    problem(404, "not_found", "there is nothing here").into_response()
}

/// Compares in a time that does not depend on where they differ.
fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

async fn show_setting(State(utility): Shared) -> Json<Setting> {
    Json(utility.setting())
}

async fn change_setting(State(utility): Shared, body: Bytes) -> Result<Json<Setting>, Problem> {
    let setting = serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))?;
    utility.set(setting);
    Ok(Json(setting))
}

async fn lookup(State(utility): Shared, Path(meter): Path<String>) -> Response {
    let fault = utility.fault(CallKind::Read);
    utility.answer(fault, move |utility| utility.lookup(&meter).map(Json).into_response()).await
}

async fn trial(State(utility): Shared, body: Bytes) -> Response {
    let fault = utility.fault(CallKind::Read);
    utility.answer(fault, move |utility| utility.trial(&body).map(Json).into_response()).await
}

#[derive(Deserialize)]
struct ListQuery {
    from_ms: i64,
    to_ms: i64,
    cursor: Option<String>,
}

async fn sales(State(utility): Shared, query: Result<Query<ListQuery>, QueryRejection>) -> Response {
    let fault = utility.fault(CallKind::Read);
    let list = move |utility: &Utility| match query {
        Ok(Query(query)) => {
            utility.page((query.from_ms, query.to_ms), query.cursor.as_deref()).map(Json).into_response()
        }
        Err(error) => malformed(error.body_text()).into_response(),
    };
    utility.answer(fault, list).await
}

async fn vend(State(utility): Shared, Path(sale_id): Path<String>, body: Bytes) -> Response {
    utility.note("vend", &sale_id);
    let fault = utility.fault(CallKind::Vend);
    let sell = move |utility: &Utility| match (utility.vend(&sale_id, &body), fault) {
        (Ok(_), Some(Fault::SaysFailed)) => Problem::last(FinalCode::MeterBlocked, Some(&sale_id)).into_response(),
        (told, fault) => told.map(|told| Json(untrue(told, fault))).into_response(),
    };
    utility.answer(fault, sell).await
}

async fn last_response(State(utility): Shared, Path(sale_id): Path<String>) -> Response {
    utility.note("last_response", &sale_id);
    let fault = utility.fault(CallKind::LastResponse);
    let tell = move |utility: &Utility| {
        let told = lock(&utility.book).find(&sale_id).map(Entry::told);
        let told = told.filter(|_| fault != Some(Fault::NotFound));
        told.map(Json).ok_or_else(|| unknown_sale(&sale_id)).into_response()
    };
    utility.answer(fault, tell).await
}

async fn confirm(State(utility): Shared, Path(sale_id): Path<String>, body: Bytes) -> Response {
    utility.note("confirm", &sale_id);
    let fault = utility.fault(CallKind::Change);
    utility.answer(fault, move |utility| utility.confirm(&sale_id, &body).map(Json).into_response()).await
}

async fn reverse(State(utility): Shared, Path(sale_id): Path<String>, body: Bytes) -> Response {
    utility.note("reverse", &sale_id);
    let fault = utility.fault(CallKind::Change);
    utility.answer(fault, move |utility| utility.reverse(&sale_id, &body).map(Json).into_response()).await
}

fn untrue(told: SaleAnswer, fault: Option<Fault>) -> SaleAnswer {
    match fault {
        Some(Fault::OtherUnits) => SaleAnswer { units: told.units + 1, ..told },
        Some(Fault::OtherAmount) => SaleAnswer { amount: format!("1{}", told.amount), ..told },
        Some(Fault::OtherSale) => SaleAnswer { sale_id: format!("{}9", told.sale_id), ..told },
        _ => told,
    }
}

impl Utility {
    /// Does the work and gives its answer, except for what goes wrong.
    async fn answer(
        self: Arc<Self>,
        fault: Option<Fault>,
        work: impl FnOnce(&Self) -> Response + Send + 'static,
    ) -> Response {
        match fault {
            Some(Fault::Unavailable) => problem(503, "unavailable", "the sandbox utility is down").into_response(),
            Some(Fault::Refuse) => broken(""),
            Some(Fault::LateAnswer) => {
                let late = self.late();
                let answer = work(&self);
                late.await;
                answer
            }
            Some(Fault::LateWork) => {
                let late = self.late();
                // Apart from who asked: it is done though nobody waits for it any more.
                let working = tokio::spawn(async move {
                    late.await;
                    let answer = work(&self);
                    self.late_works.send_modify(|done| *done += 1);
                    answer
                });
                working.await.unwrap_or_else(|_| broken(""))
            }
            Some(Fault::Internal) => {
                work(&self);
                problem(500, "internal", "the sandbox utility failed").into_response()
            }
            Some(Fault::HalfAnswer) => {
                work(&self);
                broken("{\"sale_id\":")
            }
            Some(Fault::Garbage) => {
                work(&self);
                (StatusCode::OK, "<html>it works</html>").into_response()
            }
            _ => work(&self),
        }
    }
}

/// An answer that breaks off after `start`.
fn broken(start: &'static str) -> Response {
    let chunks = [Ok(start), Err(io::Error::other("the sandbox utility breaks the connection"))];
    Body::from_stream(futures_util::stream::iter(chunks)).into_response()
}
