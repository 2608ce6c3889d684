//! Stripe, by its REST API. `docs/payments/stripe.md` says what Stripe promises, what it does not, and what is done about it.
//!
//! The payer pays either on Stripe's own page (a Checkout Session, whose address are the instructions) or on a page of the
//! operator's that uses Stripe's Elements (a PaymentIntent). Either way it is the PaymentIntent whose state decides.
//!
//! Facts are from Stripe's documentation: *API Reference*, *Idempotent requests*, *Advanced error handling*, *Supported
//! currencies*, *How PaymentIntents work*, *Reporting categories and types*, *Receive Stripe events in your webhook endpoint*.

mod amounts;
mod api;
mod config;
mod objects;
mod payments;
mod refunds;
mod statement;
mod webhook;

pub use api::API_VERSION;
pub use config::{StripeConfig, StripeError};
pub use webhook::TOLERANCE_MS;

use super::{
    BadCallback, Call, Callback, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome, RefundRequest,
    StatementEntry, StatementError,
};
use crate::net::http_client;
use crate::service::now_ms;
use api::Api;
use ring::hmac;
use std::fmt;
use std::time::Duration;

/// Tells the time in milliseconds since 1970.
pub type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// The metadata of a PaymentIntent, a Checkout Session or a refund that holds our payment's id. Nobody else uses this word.
const PAYMENT_ID: &str = "coinless_payment_id";
/// The metadata of a refund that holds our refund's id.
const REFUND_ID: &str = "coinless_refund_id";
/// The metadata of a refund that holds the number of its try, from the second one on.
const ATTEMPT: &str = "coinless_attempt";

/// Where the payer pays.
enum Page {
    /// On Stripe's page; then the payer is sent to `return_url`.
    Hosted { return_url: String },
    /// On the operator's page at this address.
    Own { url: String },
}

/// The station's side of Stripe.
pub struct Stripe {
    api: Api,
    webhook_keys: Vec<hmac::Key>,
    page: Page,
    description: String,
    pay_within_ms: i64,
    is_shared: bool,
    clock: Clock,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl Stripe {
    /// Stripe as `config` describes it. Reads both files of secrets.
    ///
    /// # Errors
    /// [`StripeError`] that names the value or the file that is wrong; never its content.
    pub fn new(config: &StripeConfig) -> Result<Self, StripeError> {
        Self::with_clock(config, Box::new(now_ms))
    }

    /// The same with another clock, for tests. The clock decides whether Stripe still knows an idempotency key.
    ///
    /// # Errors
    /// As [`Stripe::new`].
    pub fn with_clock(config: &StripeConfig, clock: Clock) -> Result<Self, StripeError> {
        let settings = config.check()?;
        let http = http_client(Duration::from_millis(settings.timeout_ms)).map_err(|_| StripeError::client())?;
        Ok(Self {
            api: Api::new(settings.url, settings.authorization, http),
            webhook_keys: settings.webhook_keys,
            page: settings.page,
            description: settings.description,
            pay_within_ms: settings.pay_within_ms,
            is_shared: settings.is_shared,
            clock,
        })
    }
}

impl PaymentProvider for Stripe {
    fn name(&self) -> &str {
        "stripe"
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.ask(request))
    }

    /// The same as [`PaymentProvider::start`]: with a reference both read it, without one both repeat the first call, as long as
    /// Stripe knows its key, and search after that.
    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.ask(request))
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(self.give_back(request))
    }

    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(self.read_statement(from_ms, to_ms))
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        webhook::verify(&self.webhook_keys, callback)?;
        webhook::notice(callback.body)
    }
}
