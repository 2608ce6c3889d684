//! Meters and the keys that they must know.

use super::extract::Json;
use crate::meters;
use crate::problem::{Code, Error, ProblemDetails};
use crate::records::{IssuerRecord, from_hex, to_hex};
use crate::service::Station;
use crate::view::{self, MeterView};
use axum::Json as JsonAnswer;
use axum::extract::{Path, State};
use coinless_protocol::Challenge;
use coinless_protocol::token::{Order, Token};
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

/// The public keys that a meter must know.
#[utoipa::path(get, path = "/v1/issuer", responses((status = 200, body = Object)))]
pub(super) async fn issuer(State(station): State<Station>) -> JsonAnswer<IssuerRecord> {
    JsonAnswer(station.keys().record())
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
    let meter = station.read(move |work| meters::find(work, id)).await?;
    Ok(JsonAnswer(view::meter(&meter, station.sales().utility(), station.sales().currency())))
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
    let token =
        Token { meter: meter.id, meter_key: meter_key.hint(), epoch: meter.epoch, order: Order::Read(challenge) };
    let token = station.keys().sign_read_request(&token, &meter_key).map_err(Error::inconsistent)?;
    Ok(JsonAnswer(ReadToken { token: to_hex(&token) }))
}
