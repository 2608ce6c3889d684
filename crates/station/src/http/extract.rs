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
