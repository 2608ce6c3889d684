//! Meters and the keys that they must know.

use super::extract::Json;
use crate::meters::{self, Meter};
use crate::problem::{Code, Error, ProblemDetails};
use crate::records::{IssuerRecord, from_hex, to_hex};
use crate::sales::Lookup;
use crate::service::{self, Station};
use crate::signer::{ReadSignRequest, SignError};
use crate::telemetry::Words;
use crate::terms;
use crate::utilities::Utility;
use crate::view::{self, MeterView};
use axum::Json as JsonAnswer;
use axum::extract::{Path, Query, State};
use coinless_protocol::Challenge;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for a signed read request.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadRequest {
    /// 8 bytes that the caller drew at random, in hexadecimal.
    pub challenge: String,
}

/// A signed read request.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ReadToken {
    /// To be posted to the meter's `/token`, in hexadecimal.
    pub token: String,
}

/// Whose keys.
#[derive(Debug, Deserialize)]
pub(super) struct IssuerQuery {
    utility: Option<String>,
}

/// The public keys that a meter of a utility must know.
#[utoipa::path(get, path = "/v1/issuer", params(("utility" = Option<String>, Query, description = "the utility's name; may be left out if there is one alone")),
    responses((status = 200, body = Object), (status = 404, body = ProblemDetails)))]
pub(super) async fn issuer(
    State(station): State<Station>,
    Query(asked): Query<IssuerQuery>,
) -> Result<JsonAnswer<IssuerRecord>, Error> {
    let name = match &asked.utility {
        Some(name) => name.parse().map_err(|error| Error::refused(Code::UnknownUtility, format!("{name}: {error}")))?,
        None => match station.utilities().only() {
            Some(utility) => utility.name.clone(),
            None => return Err(Error::refused(Code::Malformed, "say which utility: ?utility=NAME")),
        },
    };
    station.utilities().find(&name)?;
    Ok(JsonAnswer(station.keys().of(&name)?.record()))
}

/// What anybody may know of a meter before paying for it.
#[utoipa::path(get, path = "/v1/meters/{meter}",
    params(("meter" = String, Path, description = "the number as printed, with its check character")),
    responses((status = 200, body = MeterView), (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn meter(
    State(station): State<Station>,
    Path(label): Path<String>,
) -> Result<JsonAnswer<MeterView>, Error> {
    let id = meters::parse_label(&label)?;
    let mut meter = station.read(move |work| meters::find(work, id)).await?;
    let utility = station.utilities().find(&meter.utility)?;
    ask_whose(utility, &mut meter).await;
    Ok(JsonAnswer(view::meter(&meter, &utility.brand, utility.currency)))
}

/// Puts customer and place as the utility's sales system tells them in the place of those that the station keeps. Where it tells
/// none, or gives no answer, the station's own are shown.
pub(super) async fn ask_whose(utility: &Utility, meter: &mut Meter) {
    match utility.lookup(meter.id).await {
        Lookup::Known { customer, place } => {
            meter.customer = customer.or(meter.customer.take());
            meter.place = place.or(meter.place.take());
        }
        // Its quote says so, too.
        Lookup::Refused { .. } => {}
        Lookup::Unavailable { why } => {
            tracing::warn!(utility = %utility.name, why = %Words(&why), "a sales system does not say whose meter it is");
        }
    }
}

/// A signed read request: the meter answers it with a fresh receipt.
#[utoipa::path(post, path = "/v1/meters/{meter}/read-requests",
    params(("meter" = String, Path, description = "the number as printed, with its check character")),
    request_body = ReadRequest,
    responses((status = 200, body = ReadToken), (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn read_request(
    State(station): State<Station>,
    Path(label): Path<String>,
    Json(request): Json<ReadRequest>,
) -> Result<JsonAnswer<ReadToken>, Error> {
    let id = meters::parse_label(&label)?;
    let challenge = from_hex(&request.challenge).and_then(|bytes| Challenge::try_from(bytes).ok());
    let challenge = challenge
        .ok_or_else(|| Error::refused(Code::Malformed, "challenge is 8 bytes, written as 16 hexadecimal digits"))?;
    let meter = station.read(move |work| meters::find(work, id)).await?;
    let meter_key = meter.key.hash();
    let request = ReadSignRequest { utility: meter.utility, meter: meter.id, meter_key, epoch: meter.epoch, challenge };
    let token = station.signer().sign_read_request(&request).await.map_err(not_signed)?;
    Ok(JsonAnswer(ReadToken { token: to_hex(&token) }))
}

/// What is told to whoever asked for something to be signed.
fn not_signed(error: SignError) -> Error {
    match error {
        SignError::Unavailable(why) => {
            tracing::warn!(why, "what was asked for is not signed");
            Error::refused(Code::Unavailable, "the signer does not answer now; try again in a moment")
        }
        error => Error::inconsistent(error.to_string()),
    }
}

/// A token that tells a meter the time.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ClockToken {
    /// To be posted to the meter's `/token`, in hexadecimal.
    pub token: String,
}

/// A token that tells a meter the time, in answer to its own challenge: the meter takes it once, within two minutes, also if it sets its
/// clock back. At most 20 an hour for a meter.
#[utoipa::path(get, path = "/v1/meters/{meter}/clock/{challenge}",
    params(("meter" = String, Path, description = "the number as printed, with its check character"),
           ("challenge" = String, Path, description = "8 bytes from the meter's `/challenge`, as 16 hexadecimal digits")),
    responses((status = 200, body = ClockToken), (status = 404, body = ProblemDetails), (status = 429, body = ProblemDetails)))]
pub(super) async fn clock(
    State(station): State<Station>,
    Path((label, challenge)): Path<(String, String)>,
) -> Result<JsonAnswer<ClockToken>, Error> {
    let id = meters::parse_label(&label)?;
    let challenge = from_hex(&challenge).and_then(|bytes| Challenge::try_from(bytes).ok());
    let challenge = challenge
        .ok_or_else(|| Error::refused(Code::Malformed, "a challenge is 8 bytes, written as 16 hexadecimal digits"))?;
    let meter = station.read(move |work| meters::find(work, id)).await?;
    meter.check_in_use()?;
    station.may_tell_time(id)?;
    let request = terms::clock_request(&meter, challenge, service::now_ms())?;
    let token = station.sign_terms(&request).await.map_err(not_signed)?;
    Ok(JsonAnswer(ClockToken { token: to_hex(&token) }))
}
