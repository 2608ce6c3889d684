//! Bodies and ids out of requests, with problem details for what cannot be read.

use crate::problem::{Code, Error};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

/// A JSON body.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let Body(bytes) = Body::from_request(Request::from_parts(parts.clone(), body), state).await?;
        if holds_nul(&bytes) {
            let detail = "a text holds the character NUL (U+0000), which cannot be kept";
            return Err(Error::refused(Code::Malformed, detail).into_response());
        }
        let request = Request::from_parts(parts, bytes.into());
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::BytesRejection(rejection)) => Err(too_large(&rejection)),
            Err(rejection) => Err(Error::refused(Code::Malformed, rejection.body_text()).into_response()),
        }
    }
}

/// A body of bytes.
pub(super) struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| too_large(&rejection))
    }
}

/// Whether a text in this JSON holds NUL: only an escape that is not escaped itself can stand for it (RFC 8259 §7).
fn holds_nul(json: &[u8]) -> bool {
    const ESCAPE: &[u8] = br"\u0000";
    let backslashes_before = |at: usize| json[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    json.windows(ESCAPE.len()).enumerate().any(|(at, six)| six == ESCAPE && backslashes_before(at) % 2 == 0)
}

fn too_large(rejection: &BytesRejection) -> Response {
    let mut details = Error::refused(Code::Malformed, rejection.body_text()).details();
    details.status = rejection.status().as_u16();
    super::problem_response(details)
}

/// An order's id: a UUID of version 7 in its usual form, so that one order has one name.
pub(super) fn order_id(text: &str) -> Result<String, Error> {
    let id = uuid::Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 7);
    let detail = "an order's id is a UUID of version 7, made by whoever orders";
    id.map(|id| id.hyphenated().to_string()).ok_or_else(|| Error::refused(Code::Malformed, detail))
}

#[cfg(test)]
mod tests {
    use super::holds_nul;

    #[test]
    fn only_an_escape_is_nul() {
        for (json, holds) in [
            (r#"{"payer":"\u0000"}"#, true),
            (r#"{"payer":"a\\\u0000b"}"#, true),
            (r#"{"payer":"\\u0000"}"#, false),
            (r#"{"payer":"u0000"}"#, false),
            (r#"{"payer":"\u00000"}"#, true),
            (r#"{"payer":"\u0001"}"#, false),
            ("", false),
        ] {
            assert_eq!(holds_nul(json.as_bytes()), holds, "{json}");
        }
    }
}
