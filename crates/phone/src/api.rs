//! The station's HTTP API as functions. Only a whole answer of the station itself counts: what a broken server, a proxy or a
//! hotel's login page says is *unknown*.

use crate::io::{HttpAnswer, HttpMethod, HttpRequest, NoAnswer, Station};
use crate::records::{SECRET_BYTES, StoredProblem};
use crate::wire::{
    ClockAnswer, Entitled, MeterInfo, OrderRequest, OrderView, Problem, ProblemReport, ProblemTaken, Quote,
    ReadRequest, Readings, ReceiptTaken, Recovery, ReportAccepted, StationInfo,
};
use crate::{Amount, hex};
use coinless_protocol::{Challenge, MeterId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

const JSON: &str = "application/json";
/// Media type of a receipt (RFC 9052 §2).
const COSE: &str = "application/cose";

/// Why a request to the station gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No whole answer came.
    #[error("no answer from the station ({0}); the same again is right")]
    NoAnswer(NoAnswer),
    /// Something answered, but it was not the station, or the station was not able to.
    #[error("the station gave no clear answer (HTTP {status}: {why}); the same again is right")]
    Unclear {
        /// HTTP status.
        status: u16,
        /// What came.
        why: String,
    },
    /// The station was restored from a backup, and sells nothing for now.
    #[error(
        "the station is being put back from a backup, and sells nothing new for now; nothing is lost: the same again in some minutes"
    )]
    Recovering,
    /// The station did nothing, since this was done too often.
    #[error("{}", words(.0))]
    TooOften(Box<Problem>),
    /// The station refused, and says why.
    #[error("the station refuses: {}", words(.0))]
    Refused(Box<Problem>),
}

impl ApiError {
    /// Whether the station may have acted: never to be called a failure.
    pub fn is_unknown(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Whether the station does not know the order that it was asked for.
    pub fn is_unknown_order(&self) -> bool {
        self.code() == Some("unknown_order")
    }

    /// Whether the station does not know the question: it is of an earlier version, or something stands in its place.
    pub(crate) fn is_unknown_question(&self) -> bool {
        matches!(self, Self::Unclear { status: 404 | 405, .. })
            || matches!(self.code(), Some("not_found" | "method_not_allowed"))
    }

    /// The station's code for the cause, if it refused.
    pub fn code(&self) -> Option<&str> {
        self.problem()?.code.as_deref()
    }

    /// What the station says of why it did nothing.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) | Self::TooOften(problem) => Some(problem),
            _ => None,
        }
    }
}

fn words(problem: &Problem) -> &str {
    problem.detail.as_deref().unwrap_or(&problem.title)
}

/// What an app must know of the station that serves it.
///
/// # Errors
/// [`ApiError`].
pub async fn station<S: Station>(station: &mut S) -> Result<StationInfo, ApiError> {
    call(station, HttpMethod::Get, "/v1/app", None).await
}

/// What the station says of `meter`.
///
/// # Errors
/// [`ApiError`].
pub async fn meter<S: Station>(station: &mut S, meter: &MeterId) -> Result<MeterInfo, ApiError> {
    call(station, HttpMethod::Get, &format!("/v1/meters/{}", meter.label()), None).await
}

/// A read request for `meter`, signed over `challenge`.
///
/// # Errors
/// [`ApiError`].
pub async fn read_request<S: Station>(
    station: &mut S,
    meter: &MeterId,
    challenge: &Challenge,
) -> Result<ReadRequest, ApiError> {
    #[derive(Serialize)]
    struct Body {
        challenge: String,
    }
    let body = to_json(&Body { challenge: hex::encode(challenge) })?;
    call(station, HttpMethod::Post, &format!("/v1/meters/{}/read-requests", meter.label()), Some(&body)).await
}

/// What the lines of `request` would buy now.
///
/// # Errors
/// [`ApiError`].
pub async fn quote<S: Station>(station: &mut S, request: &OrderRequest) -> Result<Quote, ApiError> {
    call(station, HttpMethod::Post, "/v1/quotes", Some(&to_json(request)?)).await
}

/// Makes the order `id`, or gives it again.
///
/// # Errors
/// [`ApiError`].
pub async fn put_order<S: Station>(station: &mut S, id: Uuid, request: &OrderRequest) -> Result<OrderView, ApiError> {
    let body = to_json(request)?;
    same_order(id, call(station, HttpMethod::Put, &format!("/v1/orders/{id}"), Some(&body)).await?)
}

/// The order `id` as it stands.
///
/// # Errors
/// [`ApiError`].
pub async fn order<S: Station>(station: &mut S, id: Uuid) -> Result<OrderView, ApiError> {
    same_order(id, call(station, HttpMethod::Get, &format!("/v1/orders/{id}"), None).await?)
}

/// Whether the station was restored from a backup and may have forgotten orders.
///
/// # Errors
/// [`ApiError`].
pub async fn recovery<S: Station>(station: &mut S) -> Result<Recovery, ApiError> {
    call(station, HttpMethod::Get, "/v1/recovery", None).await
}

/// Accepts a quote and starts the payment of the order `id`; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn pay<S: Station>(station: &mut S, id: Uuid, quote_version: u32) -> Result<OrderView, ApiError> {
    #[derive(Serialize)]
    struct Body {
        quote_version: u32,
    }
    let body = to_json(&Body { quote_version })?;
    same_order(id, call(station, HttpMethod::Post, &format!("/v1/orders/{id}/payment"), Some(&body)).await?)
}

/// Asks to take a line of the order `id` back; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn void<S: Station>(station: &mut S, id: Uuid, line: u32) -> Result<OrderView, ApiError> {
    same_order(id, call(station, HttpMethod::Post, &format!("/v1/orders/{id}/lines/{line}/void"), None).await?)
}

/// Brings a receipt; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn receipt<S: Station>(station: &mut S, bytes: &[u8]) -> Result<ReceiptTaken, ApiError> {
    let request = HttpRequest {
        method: HttpMethod::Post,
        path: "/v1/receipts",
        content_type: Some(COSE),
        authorization: None,
        body: bytes,
    };
    read(station.send(&request).await.map_err(ApiError::NoAnswer)?)
}

/// Brings a meter's signed report; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn report<S: Station>(station: &mut S, bytes: &[u8]) -> Result<ReportAccepted, ApiError> {
    #[derive(Serialize)]
    struct Body {
        report: String,
    }
    let body = to_json(&Body { report: hex::encode(bytes) })?;
    call(station, HttpMethod::Post, "/v1/reports", Some(&body)).await
}

/// A clock token for `meter`, signed at once, that answers the meter's own `challenge`.
///
/// # Errors
/// [`ApiError`].
pub async fn clock<S: Station>(
    station: &mut S,
    meter: &MeterId,
    challenge: &Challenge,
) -> Result<ClockAnswer, ApiError> {
    let path = format!("/v1/meters/{}/clock/{}", meter.label(), hex::encode(challenge));
    call(station, HttpMethod::Get, &path, None).await
}

/// Earns the readings of `meter` by the code on its display, for the phone with this secret; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn earn_readings<S: Station>(
    station: &mut S,
    meter: &MeterId,
    code: &str,
    secret: &[u8; SECRET_BYTES],
) -> Result<Entitled, ApiError> {
    #[derive(Serialize)]
    struct Body<'a> {
        code: &'a str,
        reader: String,
    }
    let body = to_json(&Body { code, reader: hex::encode(secret) })?;
    call(station, HttpMethod::Post, &format!("/v1/meters/{}/readers", meter.label()), Some(&body)).await
}

/// The readings of `meter`, which the phone with this secret has earned. Days begin as where it is `offset_minutes` later than in UTC.
///
/// # Errors
/// [`ApiError`].
pub async fn readings<S: Station>(
    station: &mut S,
    meter: &MeterId,
    secret: &[u8; SECRET_BYTES],
    offset_minutes: i32,
) -> Result<Readings, ApiError> {
    let path = format!("/v1/meters/{}/readings?offset_minutes={offset_minutes}", meter.label());
    let authorization = format!("Bearer {}", hex::encode(secret));
    let request = HttpRequest {
        method: HttpMethod::Get,
        path: &path,
        content_type: None,
        authorization: Some(&authorization),
        body: &[],
    };
    read(station.send(&request).await.map_err(ApiError::NoAnswer)?)
}

/// Reports a problem under its id; any number of times.
///
/// # Errors
/// [`ApiError`].
pub async fn problem<S: Station>(station: &mut S, problem: &StoredProblem) -> Result<ProblemTaken, ApiError> {
    let StoredProblem { id, station: _, order, meter, text, contact } = problem;
    let body = to_json(&ProblemReport { order: *order, meter, text, contact })?;
    call(station, HttpMethod::Put, &format!("/v1/problems/{id}"), Some(&body)).await
}

/// The path of the events of the order `id`.
pub fn events_path(id: Uuid) -> String {
    format!("/v1/orders/{id}/events")
}

/// Whether an amount in the station's words is `amount`.
pub(crate) fn is_amount(text: &str, amount: &Amount) -> bool {
    text.parse::<Amount>().is_ok_and(|parsed| parsed == *amount)
}

async fn call<S: Station, T: DeserializeOwned>(
    station: &mut S,
    method: HttpMethod,
    path: &str,
    json: Option<&[u8]>,
) -> Result<T, ApiError> {
    let (content_type, body) = (json.map(|_| JSON), json.unwrap_or(&[]));
    let request = HttpRequest { method, path, content_type, authorization: None, body };
    read(station.send(&request).await.map_err(ApiError::NoAnswer)?)
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(body).map_err(|error| ApiError::NoAnswer(NoAnswer(format!("not sent: {error}"))))
}

fn read<T: DeserializeOwned>(answer: HttpAnswer) -> Result<T, ApiError> {
    let HttpAnswer { status, body } = answer;
    match status {
        200..=299 => serde_json::from_slice(&body)
            .map_err(|error| ApiError::Unclear { status, why: format!("not the answer of a station: {error}") }),
        // Time-out, too early, too many requests: refused for now at most, and not by what was asked.
        400..=499 if ![408, 425, 429].contains(&status) => match problem_of(status, &body) {
            Some(problem) => Err(ApiError::Refused(Box::new(problem))),
            None => Err(ApiError::Unclear { status, why: "without a reason of the station".into() }),
        },
        429 => match problem_of(status, &body) {
            Some(problem) => Err(ApiError::TooOften(Box::new(problem))),
            None => Err(ApiError::Unclear { status, why: "without a reason".into() }),
        },
        503 if problem_of(status, &body).is_some_and(|p| p.code.as_deref() == Some("recovering")) => {
            Err(ApiError::Recovering)
        }
        _ => {
            let why = problem_of(status, &body).map_or_else(|| "without a reason".into(), |p| words(&p).to_owned());
            Err(ApiError::Unclear { status, why })
        }
    }
}

fn problem_of(status: u16, body: &[u8]) -> Option<Problem> {
    serde_json::from_slice::<Problem>(body).ok().filter(|problem| problem.status == status)
}

fn same_order(id: Uuid, view: OrderView) -> Result<OrderView, ApiError> {
    if view.id == id {
        return Ok(view);
    }
    Err(ApiError::Unclear { status: 200, why: format!("it is about the order {}", view.id) })
}
