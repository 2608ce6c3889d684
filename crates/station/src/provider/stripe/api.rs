//! Calls to Stripe's API: forms in, JSON out, and what an answer that is no success means.

use super::objects::{HasId, Page};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;

/// The version of the API that is asked for, whatever the account's own default is (*Versioning*).
pub const API_VERSION: &str = "2024-06-20";

/// Most bytes of an answer; a page of 100 balance transactions with their sources has a few hundred thousand.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Objects on a page; the most that Stripe gives (*Pagination*).
pub(super) const PAGE: usize = 100;

/// A form or a query, not encoded yet.
pub(super) type Form = Vec<(&'static str, String)>;

/// Why a call gave no object.
#[derive(Debug)]
pub(super) enum Failure {
    /// Stripe does not know this object.
    NotFound,
    /// Stripe understood and refused; nothing was done.
    Refused(Refusal),
    /// It may have been done or not.
    Unclear {
        /// What happened, for the log.
        why: String,
        /// Whether the answer was a repetition of the first one under this key: the same again is to be expected.
        replayed: bool,
    },
}

/// What Stripe says of a request that it refuses (*Errors*). Its message is left out: it can hold ids of orders.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    #[serde(rename = "type", deserialize_with = "word")]
    pub(super) kind: String,
    #[serde(deserialize_with = "word")]
    pub(super) code: String,
    #[serde(deserialize_with = "word")]
    pub(super) param: String,
    #[serde(skip)]
    status: u16,
}

impl Failure {
    fn unclear(why: impl Into<String>) -> Self {
        Self::Unclear { why: why.into(), replayed: false }
    }

    /// What happened, for the log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::NotFound => "Stripe does not know this object".to_owned(),
            Self::Refused(refusal) => refusal.words(),
            Self::Unclear { why, .. } => why.clone(),
        }
    }
}

impl Refusal {
    fn words(&self) -> String {
        let Self { kind, code, param, status } = self;
        format!("Stripe refused with {status}: type {kind:?}, code {code:?}, parameter {param:?}")
    }
}

/// The client.
pub(super) struct Api {
    url: String,
    authorization: HeaderValue,
    http: reqwest::Client,
}

impl Api {
    pub(super) fn new(url: String, authorization: HeaderValue, http: reqwest::Client) -> Self {
        Self { url, authorization, http }
    }

    /// Reads an object.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<T, Failure> {
        let mark = if query.is_empty() { "" } else { "?" };
        self.call(self.http.get(format!("{}/v1/{path}{mark}{}", self.url, encode(query)))).await
    }

    /// Makes or changes an object. With the same key and the same form it is done once.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: Option<&str>,
    ) -> Result<T, Failure> {
        let call = self.http.post(format!("{}/v1/{path}", self.url));
        let call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encode(form));
        self.call(match key {
            Some(key) => call.header("Idempotency-Key", key),
            None => call,
        })
        .await
    }

    /// Everything of a list, at most `most` objects; more are a failure.
    pub(super) async fn list<T: DeserializeOwned + HasId>(
        &self,
        path: &str,
        query: &Form,
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut query = query.clone();
            query.push(("limit", PAGE.to_string()));
            if let Some(last) = all.last() {
                query.push(("starting_after", last.id().to_owned()));
            }
            let page: Page<T> = self.get(path, &query).await?;
            let empty = page.data.is_empty();
            all.extend(page.data);
            if !page.has_more {
                return Ok(all);
            }
            if empty || all.len() >= most {
                return Err(Failure::unclear(format!("the list of {path} is longer than {most}")));
            }
        }
    }

    async fn call<T: DeserializeOwned>(&self, call: reqwest::RequestBuilder) -> Result<T, Failure> {
        let call = call.header(AUTHORIZATION, self.authorization.clone()).header("Stripe-Version", API_VERSION);
        // The URL can hold ids of payments: it stays out of the log.
        let broken = |error: reqwest::Error| Failure::unclear(error.without_url().to_string());
        let response = call.send().await.map_err(broken)?;
        let (status, replayed) = (response.status().as_u16(), is_replayed(response.headers()));
        let body = read(response).await?;
        if (200..=299).contains(&status) {
            // What serde says can hold a piece of the answer: it stays out of the log.
            return serde_json::from_slice(&body).map_err(|_| Failure::unclear("the answer is not as documented"));
        }
        Err(failure(status, replayed, &body))
    }
}

fn is_replayed(headers: &HeaderMap) -> bool {
    headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::unclear(error.without_url().to_string()))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::unclear("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer that is no success means. Only Stripe's own word that it refuses is more than unclear: something on the way
/// can answer 4xx too.
fn failure(status: u16, replayed: bool, body: &[u8]) -> Failure {
    #[derive(Deserialize)]
    struct Wrapped {
        error: Refusal,
    }
    let error = serde_json::from_slice::<Wrapped>(body).map(|wrapped| Refusal { status, ..wrapped.error });
    let unclear = |why: String| Failure::Unclear { why, replayed };
    match (status, error) {
        (400..=499, Ok(error)) if error.kind == "idempotency_error" && status != 409 => unclear(
            "this idempotency key was used before with another request: a fault of this program, or its configuration was \
             changed while a payment was open"
                .to_owned(),
        ),
        (401 | 403, _) => unclear(format!("Stripe answered {status}: look at the secret key and what it may do")),
        (404, Ok(error)) if error.kind == "invalid_request_error" => Failure::NotFound,
        (400 | 402, Ok(error)) if matches!(error.kind.as_str(), "invalid_request_error" | "card_error") => {
            Failure::Refused(error)
        }
        _ => unclear(format!("Stripe answered {status}")),
    }
}

/// A short word that is safe to log; else nothing.
fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_[].".contains(&byte);
    Ok(if text.len() <= 64 && text.bytes().all(plain) { text } else { String::new() })
}

/// `application/x-www-form-urlencoded` (WHATWG URL, section 5.2).
fn encode(form: &Form) -> String {
    let mut text = String::new();
    for (name, value) in form {
        if !text.is_empty() {
            text.push('&');
        }
        escape(&mut text, name);
        text.push('=');
        escape(&mut text, value);
    }
    text
}

fn escape(to: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => to.push(char::from(byte)),
            // Writing into a string does not fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Failure {
        failure(status, false, body.as_bytes())
    }

    #[test]
    fn forms() {
        let form = vec![("metadata[coinless_payment_id]", "a-1".to_owned()), ("name", "Wasser & Gas ü".to_owned())];
        assert_eq!(encode(&form), "metadata%5Bcoinless_payment_id%5D=a-1&name=Wasser%20%26%20Gas%20%C3%BC");
    }

    #[test]
    fn only_stripes_own_refusal_is_more_than_unclear() {
        let refused = r#"{"error":{"type":"invalid_request_error","code":"amount_too_small","param":"amount"}}"#;
        assert!(matches!(of(400, refused), Failure::Refused(refusal) if refusal.code == "amount_too_small"));
        assert!(matches!(of(404, refused), Failure::NotFound));
        for status in [301, 401, 403, 409, 424, 429, 500, 502, 503, 504] {
            assert!(matches!(of(status, refused), Failure::Unclear { .. }), "{status}");
        }
        // Not Stripe's words.
        for status in [400, 402, 404] {
            for body in ["", "<html>", "{}", "null", r#"{"error":"no"}"#, r#"{"error":{"type":"api_error"}}"#] {
                assert!(matches!(of(status, body), Failure::Unclear { .. }), "{status} {body}");
            }
        }
        let reused = r#"{"error":{"type":"idempotency_error","message":"Keys ... 'coinless-pay-0190'"}}"#;
        for status in [400, 422] {
            let Failure::Unclear { why, .. } = of(status, reused) else { panic!("{status}") };
            assert!(why.contains("another request") && !why.contains("0190"), "{why}");
        }
    }
}
