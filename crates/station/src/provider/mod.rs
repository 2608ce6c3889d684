//! Payment providers: who moves the customer's money. One module for each real system.

pub mod sandbox;

use crate::money::{Currency, Money};
use std::future::Future;
use std::pin::Pin;

/// A payment to be collected. The id is made here before the first send; the same id is the same payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// The payment's id, unique for ever.
    pub payment_id: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Who pays, as the provider knows them (a telephone number); none if the provider finds out.
    pub payer: Option<String>,
    /// Where the provider may call back; unguessable and for this payment only.
    pub callback_url: String,
}

/// Money to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The payment that it comes from.
    pub payment_id: String,
    /// The refund's id, unique for ever.
    pub refund_id: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// Accepted; the answer comes later.
    Pending,
    /// Collected, final.
    Captured {
        /// How much was collected.
        amount: Money,
        /// In which currency.
        currency: Currency,
    },
    /// Not collected, final.
    Declined {
        /// Why, for the payer.
        reason: String,
    },
    /// The provider does not know this payment.
    NotFound,
    /// No answer, or one that says nothing: it may have been collected.
    Unknown {
        /// What happened, for the log.
        why: String,
    },
}

/// What a provider says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// Given back, final.
    Refunded,
    /// Not given back, final: a person must look.
    Declined {
        /// Why.
        reason: String,
    },
    /// Accepted or unknown: ask again with the same id.
    Pending {
        /// What happened, for the log.
        why: String,
    },
}

/// A call that is under way.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A payment provider. Every call may be repeated with the same ids and then means the same payment or refund. A call does
/// not fail: a time-out, a 5xx or a dropped connection is *unknown*.
pub trait PaymentProvider: Send + Sync {
    /// Its name in the ledger and in callback URLs.
    fn name(&self) -> &str;

    /// Asks it to collect a payment.
    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome>;

    /// Asks what became of it.
    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome>;

    /// Asks it to give money back.
    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome>;

    /// Whether a callback with this body and signature header comes from the provider. What it says is not believed in any
    /// case: a genuine callback only makes the station ask.
    fn is_authentic(&self, body: &[u8], signature: Option<&str>) -> bool;
}
