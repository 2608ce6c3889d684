//! Who may read a meter, and what its readings say.

use super::extract::Json;
use crate::meters;
use crate::problem::{Code, Error, More, ProblemDetails};
use crate::readers::{self, Earned, ReaderSecret, TypedCode};
use crate::readings::{self, ReadingsView};
use crate::service::Station;
use axum::Json as JsonAnswer;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The furthest that a place's time is from UTC, in minutes.
const MAX_OFFSET_MINUTES: i64 = 14 * 60;

/// A phone wants to read a meter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReader {
    /// The eight digits that the meter's display shows after a press of its button.
    code: String,
    /// The phone's secret: 32 bytes that it drew at random, in hexadecimal. It opens the readings from now on.
    reader: ReaderSecret,
}

/// A phone may read a meter.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Entitled {
    /// The meter's identity.
    pub meter: String,
    /// Since when, in milliseconds since 1970-01-01 UTC.
    pub earned_ms: i64,
}

/// Which days.
#[derive(Debug, Deserialize)]
pub(super) struct Days {
    #[serde(default)]
    offset_minutes: i64,
}

/// A phone earns a meter's readings by the code on the meter's display, until the tenant changes. Any number of times: a phone that has
/// earned them has them. At most 5 wrong codes an hour and 20 a day for a meter; at most 16 phones, the first to come is the first to go.
#[utoipa::path(post, path = "/v1/meters/{meter}/readers",
    params(("meter" = String, Path, description = "the number as printed, with its check character")),
    request_body = NewReader,
    responses((status = 200, body = Entitled), (status = 400, body = ProblemDetails),
        (status = 403, body = ProblemDetails, description = "`wrong_code`"), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "no receipt since the tenant changed"),
        (status = 422, body = ProblemDetails), (status = 429, body = ProblemDetails, description = "too many wrong codes")))]
pub(super) async fn earn(
    State(station): State<Station>,
    Path(label): Path<String>,
    Json(new): Json<NewReader>,
) -> Result<JsonAnswer<Entitled>, Error> {
    let id = meters::parse_label(&label)?;
    let code = TypedCode::parse(&new.code)?;
    // The key of the readings is agreed anew each time, which costs more than a look.
    let meter = station.read(move |work| {
        readers::check_tries(work, id)?;
        meters::find(work, id)
    });
    let meter = meter.await?;
    let key = station.keys().of(&meter.utility)?.readings_key(&meter.id, &meter.key);
    let secret = new.reader;
    match station.run("earn", move |work| readers::earn(work, id, code, &secret, &key)).await? {
        Earned::Entitled { earned_ms } => Ok(JsonAnswer(Entitled { meter: id.to_string(), earned_ms })),
        Earned::Wrong { left } => {
            let detail = format!(
                "meter {} does not show this code: press its button and type the eight digits that it shows then; {left} more \
                 tries are left for now",
                id.label()
            );
            let more = More { tries_left: u32::try_from(left).ok(), ..More::default() };
            Err(Error::refused(Code::WrongCode, detail).with(more))
        }
    }
}

/// What a meter's readings say: the last balance, use by day, alarms. For a phone that has earned them.
#[utoipa::path(get, path = "/v1/meters/{meter}/readings",
    params(("meter" = String, Path, description = "the number as printed, with its check character"),
        ("offset_minutes" = Option<i64>, Query, description = "how far the place's time is ahead of UTC, for the days; 0 if it is left out"),
        ("authorization" = String, Header, description = "`Bearer ` and the phone's secret in hexadecimal")),
    responses((status = 200, body = ReadingsView), (status = 400, body = ProblemDetails),
        (status = 403, body = ProblemDetails, description = "`not_entitled`"), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails)))]
pub(super) async fn readings(
    State(station): State<Station>,
    Path(label): Path<String>,
    Query(Days { offset_minutes }): Query<Days>,
    headers: HeaderMap,
) -> Result<JsonAnswer<ReadingsView>, Error> {
    let id = meters::parse_label(&label)?;
    if !(-MAX_OFFSET_MINUTES..=MAX_OFFSET_MINUTES).contains(&offset_minutes) {
        let detail = format!("offset_minutes is {MAX_OFFSET_MINUTES} at most, either way");
        return Err(Error::refused(Code::Malformed, detail));
    }
    let secret = bearer(&headers).ok_or_else(readers::not_entitled)?;
    let view = station.read(move |work| {
        meters::find(work, id)?;
        let since = readers::check(work, id, &secret)?;
        readings::view(work, id, since, offset_minutes)
    });
    Ok(JsonAnswer(view.await?))
}

/// The secret of an `Authorization` header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<ReaderSecret> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = given.split_once(' ')?;
    ReaderSecret::try_from(secret.trim().to_owned()).ok().filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}
