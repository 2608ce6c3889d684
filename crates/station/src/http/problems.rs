//! What people report.

use super::extract::Json;
use crate::problem::{Code, Error, ProblemDetails};
use crate::problem_reports::{self, ProblemReport};
use crate::service::Station;
use axum::Json as JsonAnswer;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The station has the report, durably.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ProblemTaken {
    /// Its id.
    pub id: String,
    /// Whether it was not known before.
    pub new: bool,
}

/// Reports a problem to the people who run the station, under an id that the caller made; the same again is the same report. At most 10
/// an hour about one meter or order.
#[utoipa::path(put, path = "/v1/problems/{id}",
    params(("id" = String, Path, description = "a UUID of version 7, made by the caller")), request_body = ProblemReport,
    responses((status = 200, body = ProblemTaken), (status = 400, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "`report_conflict`"), (status = 422, body = ProblemDetails),
        (status = 429, body = ProblemDetails)))]
pub(super) async fn put(
    State(station): State<Station>,
    Path(id): Path<String>,
    Json(report): Json<ProblemReport>,
) -> Result<JsonAnswer<ProblemTaken>, Error> {
    let id = uuid::Uuid::try_parse(&id).ok().filter(|id| id.get_version_num() == 7);
    let detail = "a report's id is a UUID of version 7, made by whoever reports";
    let id = id.ok_or_else(|| Error::refused(Code::Malformed, detail))?.hyphenated().to_string();
    let report = report.check()?;
    let taken = id.clone();
    let new = station.run("problem", move |work| problem_reports::take(work, &id, &report)).await?;
    Ok(JsonAnswer(ProblemTaken { id: taken, new }))
}
