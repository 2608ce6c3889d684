//! Callbacks of payment providers. What they say is not believed: a genuine one makes the station ask.

use super::extract::Body;
use crate::payments;
use crate::problem::{Code, Error, ProblemDetails};
use crate::service::Station;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

/// A provider says that something happened to a payment.
#[utoipa::path(post, path = "/v1/callbacks/{provider}/{payment}/{mac}",
    params(("provider" = String, Path), ("payment" = String, Path), ("mac" = String, Path)),
    request_body(content_type = "application/json", content = Vec<u8>),
    responses((status = 204), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(super) async fn callback(
    State(station): State<Station>,
    Path((provider, payment, mac)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<StatusCode, Error> {
    let signature = headers.get("x-signature").and_then(|value| value.to_str().ok());
    let genuine = provider == station.provider().name()
        && station.context().is_callback_mac(&payment, &mac)
        && station.provider().is_authentic(&body, signature);
    if !genuine {
        return Err(Error::refused(Code::BadCallback, "address or signature of the callback is not right"));
    }
    station.run("callback", move |work| payments::called_back(work, &payment)).await?;
    Ok(StatusCode::NO_CONTENT)
}
