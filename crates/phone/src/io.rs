//! What the courier needs of the world. Nothing here asks for `Send`; every future may be dropped at any point.

use coinless_protocol::coap::{Request, Response};

/// Nobody answered, or the answer got lost. Whether the other side has acted is *unknown*: the same again is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// The meter at hand: one CoAP exchange at a time, whatever carries it.
pub trait Link {
    /// Sends `request` and gives the meter's response.
    ///
    /// # Errors
    /// [`NoAnswer`] if the link broke or nothing came in time; the meter may have acted on the request.
    fn exchange(&mut self, request: &Request<'_>) -> impl Future<Output = Result<Response, NoAnswer>>;
}

/// Method of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// PUT.
    Put,
    /// POST.
    Post,
}

/// A request to the station.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// Method.
    pub method: HttpMethod,
    /// Path, beginning with `/v1/`; safe as part of a URL.
    pub path: &'a str,
    /// Media type of the body; none without a body.
    pub content_type: Option<&'static str>,
    /// The whole value of the `Authorization` header, if there is to be one. It is a secret.
    pub authorization: Option<&'a str>,
    /// Body.
    pub body: &'a [u8],
}

/// The station's answer, or that of something on the way that pretends to be it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Body, of a length that the implementation limits.
    pub body: Vec<u8>,
}

/// HTTP to one station.
pub trait Station {
    /// A stream of server-sent events.
    type Events: Events;

    /// Sends a request; redirections are not followed.
    ///
    /// # Errors
    /// [`NoAnswer`] for everything but a whole answer: the station may have acted on the request.
    fn send(&mut self, request: &HttpRequest<'_>) -> impl Future<Output = Result<HttpAnswer, NoAnswer>>;

    /// Opens the stream of server-sent events at `path`.
    ///
    /// # Errors
    /// [`NoAnswer`] if there is none.
    fn watch(&mut self, path: &str) -> impl Future<Output = Result<Self::Events, NoAnswer>>;
}

/// The body of a stream of server-sent events, as it comes in.
pub trait Events {
    /// The next bytes, cut anywhere; none at the end. Waits for `most_ms` milliseconds at most, and gives up earlier on a
    /// stream that is silent for longer than a living one is.
    ///
    /// # Errors
    /// [`NoAnswer`] if the stream broke or was silent.
    fn chunk(&mut self, most_ms: u64) -> impl Future<Output = Result<Option<Vec<u8>>, NoAnswer>>;
}

/// Time for waiting, of no meaning otherwise.
pub trait Time {
    /// Milliseconds since some moment; never goes back.
    fn now_ms(&self) -> u64;

    /// Waits for `ms` milliseconds.
    fn pause(&self, ms: u64) -> impl Future<Output = ()>;
}
