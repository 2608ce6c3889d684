//! Where a sales system is and how it is spoken to.

use super::{DEFAULT_TIMEOUT_MS, TIMEOUT_LIMITS_MS};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroize;

/// Most bytes of a token.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Where a utility's sales system is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSalesConfig {
    /// Its URL without the version: `https://sales.example/coinless`. Plain `http` only to this machine itself.
    pub url: String,
    /// A file that holds the bearer token (RFC 6750) and nothing else; a line end after it is ignored.
    pub token_file: PathBuf,
    /// How long an answer may take in all, in milliseconds: 100 to 60000, else 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Why a sales system cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum HttpSalesError {
    /// The URL is wrong.
    #[error("sales system: url: {0}")]
    Url(String),
    /// The token's file is wrong; its content is not told.
    #[error("sales system: token_file {path}: {why}")]
    Token {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time-out is out of bounds.
    #[error("sales system: timeout_ms must be {} to {}", TIMEOUT_LIMITS_MS.0, TIMEOUT_LIMITS_MS.1)]
    Timeout,
    /// No HTTP client can be made.
    #[error("sales system: {0}")]
    Client(#[from] reqwest::Error),
}

impl HttpSalesConfig {
    /// The URL, checked.
    ///
    /// # Errors
    /// [`HttpSalesError::Url`].
    pub(super) fn base(&self) -> Result<Url, HttpSalesError> {
        let wrong = |why: &str| HttpSalesError::Url(why.to_owned());
        let url = Url::parse(&self.url).map_err(|error| HttpSalesError::Url(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it must not hold a user name or password: the token stands in token_file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it must end with its path"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_this_machine(&url) => Ok(url),
            "http" => Err(wrong("it must be https, except to this machine itself")),
            _ => Err(wrong("it must be https")),
        }
    }

    /// The longest time for one call.
    ///
    /// # Errors
    /// [`HttpSalesError::Timeout`].
    pub(super) fn timeout(&self) -> Result<Duration, HttpSalesError> {
        let timeout_ms = self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
        let fits = (TIMEOUT_LIMITS_MS.0..=TIMEOUT_LIMITS_MS.1).contains(&timeout_ms);
        fits.then(|| Duration::from_millis(timeout_ms)).ok_or(HttpSalesError::Timeout)
    }

    /// The header that carries the token, marked as a secret.
    ///
    /// # Errors
    /// [`HttpSalesError::Token`].
    pub(super) fn authorization(&self) -> Result<HeaderValue, HttpSalesError> {
        let wrong =
            |why: &str| HttpSalesError::Token { path: self.token_file.display().to_string(), why: why.to_owned() };
        let mut text = self.read_token().map_err(|error| wrong(&error.to_string()))?;
        let token = text.trim_end_matches(['\r', '\n']);
        // RFC 6750 §2.1: b64token.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let header = if token.is_empty() || token.len() > MAX_TOKEN_BYTES || !token.bytes().all(fits) {
            Err(wrong("it must hold a bearer token: 1 to 4096 of A-Z a-z 0-9 - . _ ~ + / ="))
        } else {
            let mut header = format!("Bearer {token}");
            let value = HeaderValue::from_str(&header).map_err(|_| wrong("the token cannot be sent"));
            header.zeroize();
            value
        };
        text.zeroize();
        header.map(|mut value| {
            value.set_sensitive(true);
            value
        })
    }

    fn read_token(&self) -> io::Result<String> {
        let mut text = String::new();
        // Two more bytes than a token has, for a line end.
        File::open(&self.token_file)?.take(MAX_TOKEN_BYTES as u64 + 3).read_to_string(&mut text)?;
        Ok(text)
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> HttpSalesConfig {
        HttpSalesConfig { url: url.to_owned(), token_file: "none".into(), timeout_ms: None }
    }

    #[test]
    fn only_https_leaves_this_machine() {
        for good in [
            "https://sales.example",
            "https://sales.example:8443/coinless/",
            "http://127.0.0.1:1/x",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(config(good).base().is_ok(), "{good}");
        }
        for bad in [
            "http://sales.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:pass@sales.example",
            "https://sales.example?x=1",
            "https://sales.example#x",
            "sales.example",
            "",
        ] {
            assert!(config(bad).base().is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_are_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let read = |content: &str| {
            let token_file = folder.path().join("token");
            std::fs::write(&token_file, content).unwrap();
            HttpSalesConfig { token_file, ..config("https://sales.example") }.authorization()
        };
        let header = read("s3cret-token==\n").unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer s3cret-token==");
        assert!(!format!("{header:?}").contains("s3cret"));
        for bad in ["", "\n", "two words", "a\nb", "ä", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
            let error = read(bad).unwrap_err().to_string();
            assert!(bad.trim().is_empty() || !error.contains(bad), "{error}");
        }
        assert!(read(&"x".repeat(MAX_TOKEN_BYTES)).is_ok());
        assert!(config("https://sales.example").authorization().is_err());
    }

    #[test]
    fn nothing_unknown_is_configured() {
        let read = serde_json::from_str::<HttpSalesConfig>;
        assert!(read(r#"{"url":"https://a.example","token_file":"t"}"#).is_ok());
        assert!(read(r#"{"url":"https://a.example","token_file":"t","token":"x"}"#).is_err());
        for timeout_ms in [0, 99, 60_001, u64::MAX] {
            assert!(HttpSalesConfig { timeout_ms: Some(timeout_ms), ..config("https://a.example") }.timeout().is_err());
        }
    }
}
