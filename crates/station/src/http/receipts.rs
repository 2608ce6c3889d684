//! Receipts, from anybody.

use super::extract::Body;
use crate::keys::FastVerifier;
use crate::problem::{Error, ProblemDetails};
use crate::service::Station;
use crate::{meters, receipts};
use axum::Json as JsonAnswer;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The station has the receipt, durably.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The meter's identity.
    pub meter: String,
    /// The receipt's number.
    pub receipt: u32,
    /// Whether it was not known before.
    pub new: bool,
}

/// Takes a receipt in: the bytes as the meter gave them, at most 256. Any number of times, in any order.
#[utoipa::path(post, path = "/v1/receipts", request_body(content_type = "application/cose", content = Vec<u8>),
    responses((status = 200, body = Accepted), (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn upload(State(station): State<Station>, Body(body): Body) -> Result<JsonAnswer<Accepted>, Error> {
    let id = receipts::parse(&body)?.1.meter;
    let meter = station.read(move |work| meters::find(work, id)).await?;
    let keys = station.keys().of(&meter.utility)?;
    let readings_key = || keys.readings_key(&meter.id, &meter.key);
    let opened = receipts::open(&body, &meter, &FastVerifier::new(&meter.key), readings_key)?;
    let context = station.context().clone();
    let number = opened.receipt.number;
    let new = station.run("receipt", move |work| receipts::accept(work, &opened, &context)).await?;
    Ok(JsonAnswer(Accepted { meter: id.to_string(), receipt: number, new }))
}
