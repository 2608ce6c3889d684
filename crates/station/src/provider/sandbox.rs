//! The sandbox payment provider, over real HTTP (`coinless_sim::sandbox` is the other side).
//!
//! | call | answer |
//! |---|---|
//! | `PUT /payments/{id}` with amount, currency, payer, callback_url | 202 with the payment; the same id again is the same payment |
//! | `GET /payments/{id}` | 200 with the payment, or 404 |
//! | `GET /statement?from_ms=…&to_ms=…` | 200 with the entries |
//! | `PUT /payments/{id}/refunds/{refund}` with amount | 200 with the refund; the same again is the same refund |
//! | callback `POST` to callback_url | the payment, with `X-Signature`: HMAC-SHA-256 of the body in hexadecimal |

use super::{
    BadCallback, Call, Callback, EntryKind, MAX_STATEMENT_ENTRIES, MoneyReceipt, Notice, PaymentOutcome,
    PaymentProvider, PaymentRequest, RefundOutcome, RefundRequest, StatementEntry, StatementError,
};
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
    /// What was taken away again of a captured payment, in all: a decimal number in its currency; nothing if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<String>,
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

/// An entry of the sandbox's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxEntry {
    /// `payment`, `refund`, `taken_back` or `fee`.
    pub kind: String,
    /// The sandbox's receipt number.
    pub receipt: String,
    /// The payment's id.
    pub payment_id: Option<String>,
    /// The refund's id, as it was asked for: with `.` for `/`.
    pub refund_id: Option<String>,
    /// Decimal number in the currency.
    pub amount: String,
    /// ISO 4217 code.
    pub currency: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
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

fn read_entry(entry: &SandboxEntry) -> Result<StatementEntry, &'static str> {
    let kind = match entry.kind.as_str() {
        "payment" => EntryKind::Payment,
        "refund" => EntryKind::Refund,
        "taken_back" => EntryKind::TakenBack,
        "fee" => EntryKind::Fee,
        _ => return Err("the statement has an entry of another kind"),
    };
    let currency = Currency::from_code(&entry.currency).map_err(|_| "the statement names a currency that is none")?;
    Ok(StatementEntry {
        kind,
        receipt: entry.receipt.clone(),
        payment_id: entry.payment_id.clone(),
        refund_id: entry.refund_id.as_ref().map(|name| name.replace('.', "/")),
        account: None,
        amount: currency.parse(&entry.amount).map_err(|_| "the statement names an amount that is none")?,
        currency,
        at_ms: entry.at_ms,
    })
}

fn read_payment(payment: &SandboxPayment, asked: Currency) -> PaymentOutcome {
    let unknown = |why: &str| PaymentOutcome::Unknown { why: why.to_owned() };
    match payment.status.as_str() {
        "pending" => PaymentOutcome::Pending { reference: None, instructions: None },
        "declined" => PaymentOutcome::Declined { reason: "the payment was declined".to_owned() },
        "captured" => {
            let Ok(currency) = Currency::from_code(&payment.currency) else {
                return unknown(&format!("the provider names a currency that is none, asked was {asked}"));
            };
            let taken_back = payment.taken_back.as_deref().map(|amount| currency.parse(amount)).transpose();
            let (Ok(amount), Ok(taken_back)) = (currency.parse(&payment.amount), taken_back) else {
                return unknown("the provider names an amount that is none");
            };
            let receipts = vec![MoneyReceipt { receipt: payment.id.clone(), amount, currency }];
            match taken_back {
                Some(amount) => {
                    let reason = "taken back by the payer".to_owned();
                    PaymentOutcome::TakenBack { receipts, amount, currency, reason }
                }
                None => PaymentOutcome::Captured(receipts),
            }
        }
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
        // Neither our ids nor the sandbox's receipts have a point.
        let name = request.refund_id.replace('/', ".");
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

    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        let call = self.http.get(format!("{}/statement?from_ms={from_ms}&to_ms={to_ms}", self.url));
        Box::pin(async move {
            let unavailable = |why: &str| StatementError::Unavailable(why.to_owned());
            let entries = self.answer::<Vec<SandboxEntry>>(call).await.map_err(StatementError::Unavailable)?;
            let entries = entries.ok_or_else(|| unavailable("the provider has no statement"))?;
            if entries.len() > MAX_STATEMENT_ENTRIES {
                return Err(unavailable("the statement is too long: ask for a shorter time"));
            }
            entries.iter().map(|entry| read_entry(entry).map_err(unavailable)).collect()
        })
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        let signature = callback.headers.get("x-signature").and_then(|value| value.to_str().ok()).and_then(from_hex);
        let genuine = signature.is_some_and(|signature| {
            hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), callback.body, &signature).is_ok()
        });
        match callback.subject {
            Some(payment) if genuine => Ok(Notice::Payment { payment_id: payment.to_owned(), reference: None }),
            _ => Err(BadCallback("the signature of the callback is not right".to_owned())),
        }
    }
}
