//! Calls to Daraja: one OAuth token for all, refreshed once when it is refused.

use super::codes::{is_bad_request, is_bad_token};
use super::text::clean;
use super::wire::{Acceptance, Code, Failure};
use super::{DarajaError, Secret};
use crate::net::http_client;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// A token is used no longer than until so long before its end.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// The longest time that a token is used, whatever its maker says.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

pub(super) struct Client {
    url: String,
    key: Secret,
    secret: Secret,
    http: reqwest::Client,
    // Held while a token is fetched: a second token would end the first one.
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: Arc<str>,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Code,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// What happened, for the log.
    pub why: String,
    /// Whether the request may have arrived.
    pub may_have_arrived: bool,
}

impl From<NoAnswer> for String {
    fn from(none: NoAnswer) -> Self {
        none.why
    }
}

/// An answer that came in whole.
pub(super) struct Answer {
    status: u16,
    bytes: Vec<u8>,
}

impl Client {
    pub(super) fn new(url: &str, key: Secret, secret: Secret, timeout: Duration) -> Result<Self, DarajaError> {
        let http = http_client(timeout).map_err(|error| DarajaError(error.to_string()))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), key, secret, http, token: Mutex::new(None) })
    }

    /// Sends a request, once; a second time only if its token was refused, since then it was not looked at.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, NoAnswer> {
        let not_sent = |why| NoAnswer { why, may_have_arrived: false };
        let token = self.token(None).await.map_err(not_sent)?;
        let answer = self.post_with(&token, path, body).await?;
        if !answer.is_bad_token() {
            return Ok(answer);
        }
        let token = self.token(Some(&token)).await.map_err(not_sent)?;
        let answer = self.post_with(&token, path, body).await?;
        if answer.is_bad_token() { Err(not_sent(answer.why())) } else { Ok(answer) }
    }

    async fn post_with(&self, token: &Token, path: &str, body: &impl Serialize) -> Result<Answer, NoAnswer> {
        let call = self.http.post(format!("{}{path}", self.url)).bearer_auth(&token.text).json(body);
        read(call).await.map_err(|why| NoAnswer { why, may_have_arrived: true })
    }

    /// A token that is valid for a while, and not the one that was refused.
    async fn token(&self, refused: Option<&Token>) -> Result<Token, String> {
        let mut held = self.token.lock().await;
        let good = |token: &&Token| {
            token.until > Instant::now() && refused.is_none_or(|refused| !Arc::ptr_eq(&refused.text, &token.text))
        };
        if let Some(token) = held.as_ref().filter(good) {
            return Ok(token.clone());
        }
        *held = None;
        let call = self.http.get(format!("{}/oauth/v1/generate?grant_type=client_credentials", self.url));
        let asked = Instant::now();
        let answer = read(call.basic_auth(&self.key.0, Some(&self.secret.0))).await?;
        // The token itself must not get into a message.
        let granted: Granted = match answer.status {
            200..=299 => {
                serde_json::from_slice(&answer.bytes).map_err(|_| "no OAuth token in the answer".to_owned())?
            }
            status => return Err(format!("no OAuth token: Daraja answered {status}; are key and secret right?")),
        };
        let seconds = granted.expires_in.0.parse().unwrap_or(0);
        let lifetime = Duration::from_secs(seconds).min(TOKEN_LIFETIME).saturating_sub(TOKEN_MARGIN);
        let token = Token { text: granted.access_token.into(), until: asked + lifetime };
        *held = Some(token.clone());
        Ok(token)
    }
}

/// Sends a request and reads its whole answer.
async fn read(call: reqwest::RequestBuilder) -> Result<Answer, String> {
    // Told without its URL, which may hold ids.
    let lost = |error: reqwest::Error| format!("no answer of Daraja: {}", error.without_url());
    let mut response = call.send().await.map_err(lost)?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err("an answer of Daraja is too long".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer { status, bytes })
}

impl Answer {
    /// The body of a 2xx; else what Daraja said, for the log.
    pub(super) fn body<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        match self.status {
            // What cannot be read may hold anything: only that it cannot is told.
            200..=299 => serde_json::from_slice(&self.bytes)
                .map_err(|error| format!("an answer of Daraja cannot be read: {:?}", error.classify())),
            _ => Err(self.why()),
        }
    }

    /// Whether the request was taken in, else why not.
    pub(super) fn accepted(&self) -> Result<(), String> {
        let said: Acceptance = self.body()?;
        match said.response_code.0.as_str() {
            "0" => Ok(()),
            code => {
                let words = clean(&said.response_description.unwrap_or_default());
                Err(format!("Daraja answered with the code {}: {words}", clean(code)))
            }
        }
    }

    /// The code and the words of an error.
    pub(super) fn failure(&self) -> Option<(String, String)> {
        let failure: Failure = match self.status {
            200..=299 => return None,
            _ => serde_json::from_slice(&self.bytes).ok()?,
        };
        Some((failure.error_code.0, clean(&failure.error_message.unwrap_or_default())))
    }

    /// Why the request itself was found wrong before anything was done, if it was.
    pub(super) fn bad_request(&self) -> Option<String> {
        self.failure().filter(|(code, _)| is_bad_request(self.status, code)).map(|(_, words)| words)
    }

    fn is_bad_token(&self) -> bool {
        let failure = self.failure();
        !(200..=299).contains(&self.status)
            && is_bad_token(self.status, failure.as_ref().map(|(code, _)| code.as_str()))
    }

    fn why(&self) -> String {
        match self.failure() {
            Some((code, words)) => format!("Daraja answered {} with {}: {words}", self.status, clean(&code)),
            None => format!("Daraja answered {}", self.status),
        }
    }
}
