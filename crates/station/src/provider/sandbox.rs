//! The sandbox payment provider, over real HTTP (`coinless_sim::sandbox` is the other side).
//!
//! | call | answer |
//! |---|---|
//! | `PUT /payments/{id}` with amount, currency, payer, callback_url | 202 with the payment; the same id again is the same payment |
//! | `GET /payments/{id}` | 200 with the payment, or 404 |
//! | `PUT /payments/{id}/refunds/{refund}` with amount | 200 with the refund; the same again is the same refund |
//! | callback `POST` to callback_url | the payment, with `X-Signature`: HMAC-SHA-256 of the body in hexadecimal |

use super::{Call, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome, RefundRequest};
use crate::money::Currency;
use crate::net::http_client;
use crate::records::from_hex;
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an answer may take; then the outcome is unknown.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a payment is asked for with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRequest {
    /// Decimal number in the currency.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Who pays.
    pub payer: Option<String>,
    /// Where to call back.
    pub callback_url: String,
}

/// A payment as the sandbox tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxPayment {
    /// The payment's id.
    pub id: String,
    /// `pending`, `captured` or `declined`.
    pub status: String,
    /// Decimal number in the currency.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// A refund that is asked for, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRefund {
    /// Decimal number in the payment's currency.
    pub amount: String,
    /// In the answer `refunded` or `declined`.
    #[serde(default)]
    pub status: String,
}

/// The station's side of the sandbox provider.
pub struct Sandbox {
    url: String,
    key: Vec<u8>,
    http: reqwest::Client,
}

impl Sandbox {
    /// A sandbox at `url`, whose callbacks are signed with `key`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, key: &[u8]) -> Result<Self, reqwest::Error> {
        let http = http_client(TIMEOUT)?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), key: key.to_vec(), http })
    }

    fn payment_url(&self, id: &str) -> String {
        format!("{}/payments/{id}", self.url)
    }

    async fn ask(&self, request: reqwest::RequestBuilder, currency: Currency) -> PaymentOutcome {
        match self.answer::<SandboxPayment>(request).await {
            Ok(Some(payment)) => read_payment(&payment, currency),
            Ok(None) => PaymentOutcome::NotFound,
            Err(why) => PaymentOutcome::Unknown { why },
        }
    }

    /// The body of a 2xx, none for 404, else why nothing is known.
    async fn answer<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Option<T>, String> {
        // The URL holds ids of payments: it stays out of the log.
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        match response.status().as_u16() {
            200..=299 => response.json().await.map(Some).map_err(|error| error.without_url().to_string()),
            404 => Ok(None),
            status => Err(format!("the provider answered {status}")),
        }
    }
}

fn read_payment(payment: &SandboxPayment, asked: Currency) -> PaymentOutcome {
    let unknown = |why: &str| PaymentOutcome::Unknown { why: why.to_owned() };
    match payment.status.as_str() {
        "pending" => PaymentOutcome::Pending,
        "declined" => PaymentOutcome::Declined { reason: "the payment was declined".to_owned() },
        "captured" => match Currency::from_code(&payment.currency) {
            Ok(currency) => match currency.parse(&payment.amount) {
                Ok(amount) => PaymentOutcome::Captured { amount, currency },
                Err(_) => unknown("the provider names an amount that is none"),
            },
            Err(_) => unknown(&format!("the provider names a currency that is none, asked was {asked}")),
        },
        _ => unknown("the provider names a status that is none"),
    }
}

impl PaymentProvider for Sandbox {
    fn name(&self) -> &str {
        "sandbox"
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        let body = SandboxRequest {
            amount: request.currency.format(request.amount),
            currency: request.currency.code().to_owned(),
            payer: request.payer.clone(),
            callback_url: request.callback_url.clone(),
        };
        let call = self.http.put(self.payment_url(&request.payment_id)).json(&body);
        Box::pin(self.ask(call, request.currency))
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(self.ask(self.http.get(self.payment_url(&request.payment_id)), request.currency))
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        let amount = request.currency.format(request.amount);
        let name = request.refund_id.replace('/', "-");
        let url = format!("{}/refunds/{name}", self.payment_url(&request.payment_id));
        let call = self.http.put(url).json(&SandboxRefund { amount, status: String::new() });
        Box::pin(async move {
            match self.answer::<SandboxRefund>(call).await {
                Ok(Some(refund)) if refund.status == "refunded" => RefundOutcome::Refunded,
                Ok(Some(refund)) if refund.status == "declined" => {
                    RefundOutcome::Declined { reason: "the provider declined the refund".to_owned() }
                }
                Ok(Some(_)) => RefundOutcome::Pending { why: "not refunded yet".to_owned() },
                // "Not known" may come from something on the way; only a declined refund is final.
                Ok(None) => RefundOutcome::Pending { why: "the provider does not know the payment".to_owned() },
                Err(why) => RefundOutcome::Pending { why },
            }
        })
    }

    fn is_authentic(&self, body: &[u8], signature: Option<&str>) -> bool {
        let Some(signature) = signature.and_then(from_hex) else { return false };
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), body, &signature).is_ok()
    }
}
