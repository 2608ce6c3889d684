//! Callbacks of payment providers. What they say is not believed, unless the provider cannot be asked: a genuine one makes the
//! station ask.

use super::extract::Body;
use crate::payments;
use crate::problem::{Code, Error, ProblemDetails};
use crate::provider::{Callback, Notice};
use crate::recovery;
use crate::service::{Station, now_ms};
use crate::work::Work;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A provider says that something happened.
#[utoipa::path(post, path = "/v1/callbacks/{provider}/{subject}/{mac}",
    params(("provider" = String, Path), ("subject" = String, Path, description = "a payment, a refund, or - for all"),
        ("mac" = String, Path)),
    request_body(content_type = "application/json", content = Vec<u8>),
    responses((status = 204), (status = 200, description = "as the provider wants it"), (status = 403, body = ProblemDetails),
        (status = 404, body = ProblemDetails)))]
pub(super) async fn callback(
    State(station): State<Station>,
    Path((name, part, mac)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Error> {
    let subject = station.context().callbacks.subject(&name, &part, &mac)?;
    let provider = station.provider(Some(&name))?;
    let callback = Callback { subject: subject.as_deref(), headers: &headers, body: &body, now_ms: now_ms() };
    let notice =
        provider.read_callback(&callback).map_err(|error| Error::refused(Code::BadCallback, error.to_string()))?;
    let (context, is_believed) = (station.context().clone(), provider.is_believed());
    let take_in = move |work: &mut Work<'_>| match &notice {
        Notice::Outcome { payment_id, said } if is_believed => payments::told(work, &name, payment_id, said, &context),
        notice => payments::called_back(work, &name, notice),
    };
    let taken = station.run("callback", take_in).await;
    let is_unknown = matches!(taken, Err(Error::Refused { code: Code::UnknownOrder, .. }));
    // To an address for everything comes what is about others too: refused, it would come again and again, until the provider
    // calls nobody any more. While a restored station recovers, its order may yet come back before the provider does.
    if is_unknown && subject.is_none() && station.read(recovery::since).await?.is_none() {
        tracing::warn!("a genuine callback is about a payment that nobody asked for here; it was taken in");
    } else {
        taken?;
    }
    let acknowledgement = provider.acknowledgement();
    let status = StatusCode::from_u16(acknowledgement.status).unwrap_or(StatusCode::NO_CONTENT);
    Ok(match acknowledgement.body {
        Some((kind, body)) => (status, [(header::CONTENT_TYPE, kind)], body).into_response(),
        None => status.into_response(),
    })
}
