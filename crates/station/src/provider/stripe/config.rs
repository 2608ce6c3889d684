//! Stripe's part of the configuration.

use super::Page;
use reqwest::Url;
use reqwest::header::HeaderValue;
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const DEFAULT_URL: &str = "https://api.stripe.com";
const DEFAULT_DESCRIPTION: &str = "Prepaid credit";
const DEFAULT_TIMEOUT_MS: u64 = 20_000;
const DEFAULT_PAY_WITHIN_MIN: u32 = 120;
/// At least: a quote holds for 30 minutes, Stripe wants 30 more between a Checkout Session and its end, and the call itself needs
/// time. At most: under 24 hours, the longest that a Checkout Session stays open, and the least that a key is remembered.
const PAY_WITHIN_MIN: std::ops::RangeInclusive<u32> = 90..=1380;
const TIMEOUTS_MS: std::ops::RangeInclusive<u64> = 100..=120_000;
/// Most bytes of a file of secrets.
const MAX_SECRETS: usize = 4096;
/// Most secrets of a webhook endpoint: Stripe keeps an old one for up to 24 hours when a new one is made.
const MAX_WEBHOOK_SECRETS: usize = 8;

/// How Stripe is reached. Secrets are in files of their own that only the station's user may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// The file with the secret key, `sk_…`, or a restricted one, `rk_…`.
    pub secret_key_file: PathBuf,
    /// The file with the secret of the webhook endpoint, `whsec_…`. While it is being changed: both, one on a line.
    pub webhook_secret_file: PathBuf,
    /// Where Stripe's page sends the payer when it is done. Needed unless there is a `pay_page`.
    #[serde(default)]
    pub return_url: Option<String>,
    /// A page of the operator's own with Stripe's Elements, instead of Stripe's page. It finds the client secret in its
    /// address, as the fragment `payment_intent_client_secret=…`, which browsers do not send to servers.
    #[serde(default)]
    pub pay_page: Option<String>,
    /// What Stripe's page says is being bought, at most 250 bytes; `Prepaid credit` if it is left out.
    #[serde(default)]
    pub description: Option<String>,
    /// How many minutes after the order was made it can be paid, 90 to 1380; 120 if it is left out.
    #[serde(default)]
    pub pay_within_min: Option<u32>,
    /// Whether other programs collect into the same account: then what is not this station's is left out of its statement.
    #[serde(default)]
    pub shared_account: bool,
    /// How long an answer may take, 100 to 120000 milliseconds; 20000 if it is left out.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Another address than `https://api.stripe.com`, for tests. Plain HTTP only to this machine.
    #[serde(default)]
    pub url: Option<String>,
}

/// Why Stripe cannot be used as it is configured. Names the value or the file, never its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stripe: {0}")]
pub struct StripeError(String);

impl StripeError {
    pub(super) fn client() -> Self {
        Self("no HTTP client can be made".to_owned())
    }
}

/// A configuration that makes sense.
pub(super) struct Settings {
    pub(super) url: String,
    pub(super) authorization: HeaderValue,
    pub(super) webhook_keys: Vec<hmac::Key>,
    pub(super) page: Page,
    pub(super) description: String,
    pub(super) pay_within_ms: i64,
    pub(super) is_shared: bool,
    pub(super) timeout_ms: u64,
}

impl StripeConfig {
    pub(super) fn check(&self) -> Result<Settings, StripeError> {
        let pay_within_min = self.pay_within_min.unwrap_or(DEFAULT_PAY_WITHIN_MIN);
        if !PAY_WITHIN_MIN.contains(&pay_within_min) {
            return Err(StripeError("pay_within_min must be 90 to 1380".to_owned()));
        }
        let timeout_ms = self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
        if !TIMEOUTS_MS.contains(&timeout_ms) {
            return Err(StripeError("timeout_ms must be 100 to 120000".to_owned()));
        }
        let description = self.description.as_deref().unwrap_or(DEFAULT_DESCRIPTION);
        if description.trim().is_empty() || description.len() > 250 {
            return Err(StripeError("description must have 1 to 250 bytes".to_owned()));
        }
        let url = address("url", self.url.as_deref().unwrap_or(DEFAULT_URL))?;
        Ok(Settings {
            url: url.trim_end_matches('/').to_owned(),
            authorization: authorization(&self.secret_key_file)?,
            webhook_keys: webhook_keys(&self.webhook_secret_file)?,
            page: self.page()?,
            description: description.to_owned(),
            pay_within_ms: i64::from(pay_within_min) * 60_000,
            is_shared: self.shared_account,
            timeout_ms,
        })
    }

    fn page(&self) -> Result<Page, StripeError> {
        match (&self.pay_page, &self.return_url) {
            (Some(url), None) if !url.contains('#') => Ok(Page::Own { url: address("pay_page", url)? }),
            (Some(_), None) => Err(StripeError("pay_page must have no fragment (#…)".to_owned())),
            (None, Some(url)) => Ok(Page::Hosted { return_url: address("return_url", url)? }),
            _ => Err(StripeError("give either return_url (Stripe's page) or pay_page (your own)".to_owned())),
        }
    }
}

/// An address by HTTPS, or by HTTP to this machine.
fn address(what: &str, text: &str) -> Result<String, StripeError> {
    let url = Url::parse(text).map_err(|_| StripeError(format!("{what} is no URL")))?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if here => Ok(text.to_owned()),
        _ => Err(StripeError(format!("{what} must begin with https://"))),
    }
}

fn authorization(path: &Path) -> Result<HeaderValue, StripeError> {
    let secrets = read(path)?;
    let wrong = || StripeError(format!("{} must hold one secret key, sk_… or rk_…", path.display()));
    let key = secrets.trim();
    if !(key.starts_with("sk_") || key.starts_with("rk_")) || !key.bytes().all(is_secret_byte) {
        return Err(wrong());
    }
    let header = Zeroizing::new(format!("Bearer {key}"));
    let mut value = HeaderValue::from_str(&header).map_err(|_| wrong())?;
    // Kept out of what is logged of a request.
    value.set_sensitive(true);
    Ok(value)
}

fn webhook_keys(path: &Path) -> Result<Vec<hmac::Key>, StripeError> {
    let secrets = read(path)?;
    let lines: Vec<&str> = secrets.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let right = |line: &&str| line.starts_with("whsec_") && line.bytes().all(is_secret_byte);
    if lines.is_empty() || lines.len() > MAX_WEBHOOK_SECRETS || !lines.iter().all(right) {
        return Err(StripeError(format!("{} must hold secrets whsec_…, one on a line", path.display())));
    }
    Ok(lines.iter().map(|line| hmac::Key::new(hmac::HMAC_SHA256, line.as_bytes())).collect())
}

fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// A short file that not everybody may read.
fn read(path: &Path) -> Result<Zeroizing<String>, StripeError> {
    let at = |error: std::io::Error| StripeError(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(at)?;
    if file.metadata().map_err(at)?.permissions().mode() & 0o007 != 0 {
        return Err(StripeError(format!("{}: everybody may read it; chmod o= it", path.display())));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_SECRETS as u64 + 1).read_to_string(&mut text).map_err(at)?;
    if text.len() > MAX_SECRETS {
        return Err(StripeError(format!("{}: more than {MAX_SECRETS} bytes", path.display())));
    }
    Ok(text)
}
