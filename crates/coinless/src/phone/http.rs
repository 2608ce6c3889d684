//! HTTP to a station.

use crate::output::{Context, Failure};
use coinless_phone::io::{Events, HttpAnswer, HttpMethod, HttpRequest, NoAnswer, Station, Time};
use coinless_sim::failpoint;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use std::error::Error;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for a whole answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stream of events may be silent; a living one sends a comment every 15 seconds or so.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);
/// Most bytes of an answer: an order of 500 lines has about one megabyte.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// The URL of a station, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationUrl {
    text: String,
    on_this_machine: bool,
}

impl StationUrl {
    /// The URL as it is kept with orders.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL that an order or a receipt was stored with.
    ///
    /// # Errors
    /// [`Failure`] if it is none.
    pub fn stored(text: &str) -> Result<Self, Failure> {
        text.parse().context(format_args!("station {text:?}"))
    }
}

impl FromStr for StationUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write the station as http://HOST:PORT or https://HOST";
        let url = Url::parse(text).map_err(|_| wrong)?;
        if !["http", "https"].contains(&url.scheme()) || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong);
        }
        let on_this_machine = matches!(url.host_str().ok_or(wrong)?, "localhost" | "127.0.0.1" | "[::1]");
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), on_this_machine })
    }
}

/// A station at a URL.
pub struct Http {
    client: Client,
    url: String,
}

impl Http {
    /// The station at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if this machine cannot do HTTP.
    pub fn new(url: &StationUrl) -> Result<Self, Failure> {
        // It is an error only if the provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none());
        if url.on_this_machine {
            client = client.no_proxy();
        }
        Ok(Self { client: client.build().context("preparing HTTP")?, url: url.text.clone() })
    }

    async fn ask(&self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        let method = match request.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Post => Method::POST,
        };
        let mut builder = self.client.request(method, format!("{}{}", self.url, request.path)).timeout(REQUEST_TIMEOUT);
        if let Some(content_type) = request.content_type {
            builder = builder.header(CONTENT_TYPE, content_type).body(request.body.to_vec());
        }
        if let Some(authorization) = request.authorization {
            let mut value = HeaderValue::from_str(authorization).map_err(|_| NoAnswer("not sent: a secret".into()))?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        let mut response = builder.send().await.map_err(no_answer)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(NoAnswer(format!("the answer is longer than {MAX_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer { status: response.status().as_u16(), body })
    }
}

impl Station for Http {
    type Events = EventStream;

    async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        let points = match (request.method, request.path) {
            (HttpMethod::Put, _) => ["phone.before_put", "phone.after_put"],
            (HttpMethod::Post, path) if path.ends_with("/payment") => ["phone.before_payment", "phone.after_payment"],
            (HttpMethod::Post, path) if path.ends_with("/void") => ["phone.before_void", "phone.after_void"],
            (HttpMethod::Post, "/v1/receipts") => ["phone.before_upload", "phone.after_upload"],
            _ => return self.ask(request).await,
        };
        failpoint::reach(points[0]);
        let answer = self.ask(request).await?;
        failpoint::reach(points[1]);
        Ok(answer)
    }

    async fn watch(&mut self, path: &str) -> Result<EventStream, NoAnswer> {
        let request = self.client.get(format!("{}{path}", self.url)).header(ACCEPT, "text/event-stream");
        let response = timeout(REQUEST_TIMEOUT, request.send()).await;
        let response = response.map_err(|_| NoAnswer("no answer in time".into()))?.map_err(no_answer)?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        if response.status() != 200 || !kind.starts_with("text/event-stream") {
            return Err(NoAnswer(format!("HTTP {} without events", response.status())));
        }
        Ok(EventStream(response))
    }
}

/// A stream of server-sent events.
pub struct EventStream(Response);

impl Events for EventStream {
    async fn chunk(&mut self, most_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        let most = Duration::from_millis(most_ms).min(SILENCE_TIMEOUT);
        match timeout(most, self.0.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk.map(|chunk| chunk.to_vec())),
            Ok(Err(error)) => Err(no_answer(error)),
            Err(_) => Err(NoAnswer("the stream is silent".into())),
        }
    }
}

/// The clock of this process.
pub struct Clock(Instant);

impl Clock {
    /// A clock that begins at 0.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Time for Clock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn pause(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }
}

/// The error with all its causes, since the first one only says that a request failed.
fn no_answer(error: reqwest::Error) -> NoAnswer {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    NoAnswer(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = |text: &str| text.parse::<StationUrl>().map(|url| (url.text, url.on_this_machine)).ok();
        assert_eq!(url("http://127.0.0.1:8600/"), Some(("http://127.0.0.1:8600".into(), true)));
        assert_eq!(url("https://Pay.Example"), Some(("https://pay.example".into(), false)));
        for bad in ["", "127.0.0.1:8600", "ftp://x", "https://x?y", "coap://x"] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
