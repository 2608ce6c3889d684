//! Reports, from anybody.

use super::extract::Json;
use crate::keys::FastVerifier;
use crate::problem::{Code, Error, ProblemDetails};
use crate::records::from_hex;
use crate::service::Station;
use crate::{meters, reports};
use axum::Json as JsonAnswer;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A report of a meter.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportUpload {
    /// The bytes as the meter gave them, at most 256, in hexadecimal.
    pub report: String,
}

/// The station has the report, durably.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ReportAccepted {
    /// The meter's identity.
    pub meter: String,
    /// The report's number.
    pub report: u32,
    /// Whether it was news: newer than what was known.
    pub new: bool,
}

/// Takes a report in. Any number of times, in any order; the newest one of each meter is kept.
#[utoipa::path(post, path = "/v1/reports", request_body = ReportUpload,
    responses((status = 200, body = ReportAccepted), (status = 404, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(super) async fn upload(
    State(station): State<Station>,
    Json(upload): Json<ReportUpload>,
) -> Result<JsonAnswer<ReportAccepted>, Error> {
    let bytes = from_hex(&upload.report);
    let bytes = bytes.ok_or_else(|| Error::refused(Code::Malformed, "report is written in hexadecimal digits"))?;
    let id = reports::parse(&bytes)?.1.meter;
    let meter = station.read(move |work| meters::find(work, id)).await?;
    let keys = station.keys().of(&meter.utility)?;
    let readings_key = || keys.readings_key(&meter.id, &meter.key);
    let opened = reports::open(&bytes, &meter, &FastVerifier::new(&meter.key), readings_key)?;
    let number = opened.number;
    // What a meter says, like a receipt.
    let new = station.run("receipt", move |work| reports::accept(work, &opened)).await?;
    if new {
        station.telemetry().reported();
    }
    Ok(JsonAnswer(ReportAccepted { meter: id.to_string(), report: number, new }))
}
