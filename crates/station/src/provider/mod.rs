//! Payment providers: who moves the customer's money. One module for each real system; `docs/payments.md` says what each
//! promises, what it does not, what is done about it, and which test holds each trap.
//!
//! One trait suits all of them: those that call back, those that must be polled, and those where the customer pays by himself
//! and names an account. What a callback says is not believed: it makes the station ask. Only the signed word of a provider that
//! cannot be asked is ([`PaymentProvider::is_believed`]).

pub mod daraja;
pub mod manual;
pub mod sandbox;
pub mod stripe;

use crate::app::PayerNeed;
use crate::money::{Currency, Money};
use axum::http::HeaderMap;
use std::future::Future;
use std::pin::Pin;

/// A payment to be collected. The id is made here before the first send; the same id is the same payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    /// The payment's id, unique for ever: the order's.
    pub payment_id: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Who pays, as the provider knows them (a telephone number); none if the provider finds out.
    pub payer: Option<String>,
    /// Where the provider may call back; unguessable and for this payment only.
    pub callback_url: String,
    /// A short code that a customer can type as the account when he pays by himself: 10 of `0-9A-Z`.
    pub account: String,
    /// The provider's own id of this payment, if it has told one.
    pub reference: Option<String>,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: i64,
}

/// Money to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The payment that it comes from.
    pub payment_id: String,
    /// The refund's id, unique for ever: order/line.
    pub refund_id: String,
    /// Which try it is, from 1. Another one than before only when the one before was declined for good and a person has it asked
    /// for again. A provider that answers one id in the same way for ever takes [`try_id`].
    pub attempt: u32,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Who paid.
    pub payer: Option<String>,
    /// The provider's own id of the payment.
    pub reference: Option<String>,
    /// The provider's receipt for the money that was collected.
    pub receipt: Option<String>,
    /// Where the provider may call back; unguessable and for this refund only.
    pub callback_url: String,
}

/// What stands between a refund's id and the number of its try.
const TRY_MARK: &str = "/again/";

/// The id of a try of a refund: the refund's own, or of a later one `order/1/again/2`.
pub fn try_id(refund_id: &str, attempt: u32) -> String {
    if attempt <= 1 { refund_id.to_owned() } else { format!("{refund_id}{TRY_MARK}{attempt}") }
}

/// The refund and the number of the try that an id of [`try_id`] names.
pub fn split_try(id: &str) -> (&str, u32) {
    let again = id.rsplit_once(TRY_MARK).and_then(|(refund_id, attempt)| Some((refund_id, attempt.parse().ok()?)));
    again.unwrap_or((id, 1))
}

/// Money that a provider says it collected, with its own receipt for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyReceipt {
    /// The provider's receipt number, unique at that provider: the same again is the same money.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// Accepted; the answer comes later.
    Pending {
        /// The provider's own id of the payment, if it tells one.
        reference: Option<String>,
        /// What the payer has to do now, in words for the payer.
        instructions: Option<String>,
    },
    /// Collected, final. Every receipt for this payment, at least one: a second one is money that nobody asked for.
    Captured(Vec<MoneyReceipt>),
    /// Not collected, final.
    Declined {
        /// Why, for the payer.
        reason: String,
    },
    /// It was collected, and all or part of it was taken away again, not by us: a reversal or chargeback.
    TakenBack {
        /// Everything that was collected, as in [`PaymentOutcome::Captured`].
        receipts: Vec<MoneyReceipt>,
        /// How much was taken back so far, in all.
        amount: Money,
        /// In which currency.
        currency: Currency,
        /// Why.
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

/// A callback as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// The payment or refund that its address names; none at the address for everything ([`SHARED_ADDRESS`]). That the address
    /// is genuine was checked already.
    pub subject: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, at most 128 KiB.
    pub body: &'a [u8],
    /// The time in milliseconds since 1970.
    pub now_ms: i64,
}

/// In the place of a payment's id in the address of callbacks: for providers that know one address only.
pub const SHARED_ADDRESS: &str = "-";

/// What a genuine callback is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something happened to a payment: it is to be asked about.
    Payment {
        /// Its id.
        payment_id: String,
        /// The provider's own id of it, if it tells one.
        reference: Option<String>,
    },
    /// A customer paid by himself and named this account: the payment with this account is to be asked about. Money for an
    /// account that nobody has is found by its statement.
    Push {
        /// What the customer typed.
        account: String,
        /// The provider's receipt number.
        receipt: String,
    },
    /// Something happened to money that was collected under this receipt: its payment is to be asked about. For providers
    /// whose notices do not carry our id. Money that is in no book here yet is still asked about by itself.
    Money {
        /// The provider's receipt number.
        receipt: String,
    },
    /// What became of a payment, in the signed words of a provider that cannot be asked ([`PaymentProvider::is_believed`]): it
    /// is taken as the answer to a question. Of any other provider it only makes the station ask.
    Outcome {
        /// Its id.
        payment_id: String,
        /// What the provider says.
        said: PaymentOutcome,
    },
    /// The answer to a refund that was asked for, at the address of that refund.
    Refund {
        /// The id of the try that was asked for ([`try_id`]).
        refund_id: String,
        /// What the provider says.
        said: RefundOutcome,
    },
    /// Nothing that matters here.
    Nothing,
}

/// A callback that did not come from the provider, or that nobody can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCallback(pub String);

/// What a provider wants to hear when its callback has been taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// HTTP status.
    pub status: u16,
    /// Media type and body, if any.
    pub body: Option<(&'static str, &'static str)>,
}

/// Kinds of entries in a provider's statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// Money came in.
    Payment,
    /// We gave money back.
    Refund,
    /// Money was taken away again, not by us.
    TakenBack,
    /// What the provider keeps for itself.
    Fee,
}

/// An entry of a provider's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// What kind.
    pub kind: EntryKind,
    /// The provider's receipt number.
    pub receipt: String,
    /// The payment that it belongs to, if the provider keeps our id.
    pub payment_id: Option<String>,
    /// The refund's id, if it is one and the provider keeps our id.
    pub refund_id: Option<String>,
    /// The account that the customer named, if any.
    pub account: Option<String>,
    /// How much, not negative.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Why there is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// This provider offers none.
    #[error("this provider gives no statement")]
    NotOffered,
    /// It could not be read; ask again.
    #[error("the statement could not be read: {0}")]
    Unavailable(String),
    /// It reaches back only to this time, in milliseconds since 1970: what is older must be taken from the provider's own pages.
    #[error("the statement does not reach back so far: take what is older from the provider's own pages")]
    TooOld {
        /// From when on it can be asked for.
        since_ms: i64,
    },
}

/// Most entries of one statement; who wants more asks for a shorter time.
pub const MAX_STATEMENT_ENTRIES: usize = 100_000;

/// A call that is under way.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A payment provider. A call does not fail: a time-out, a 5xx or a dropped connection is *unknown*.
pub trait PaymentProvider: Send + Sync {
    /// Its name in the ledger and in callback URLs: 1 to 32 of `a-z0-9-`.
    fn name(&self) -> &str;

    /// Whether the same [`PaymentProvider::start`] may be sent again when its outcome is not known, and then means the same
    /// payment. If not, it is sent once, and from then on only asked about.
    fn may_start_again(&self) -> bool {
        true
    }

    /// Whether customers pay by themselves and name the order's account.
    fn is_push(&self) -> bool {
        false
    }

    /// Whether it needs to know who pays, and as what, in English (`telephone number`).
    fn payer(&self) -> (PayerNeed, Option<&'static str>) {
        (PayerNeed::None, None)
    }

    /// Whether what its callbacks say is believed, because it cannot be asked. Only for a provider that signs them with a key that
    /// [`PaymentProvider::read_callback`] verifies, and repeats them until it is answered. Its [`PaymentProvider::query`] says
    /// [`PaymentOutcome::Pending`], or starts the payment once more where that means the same payment.
    fn is_believed(&self) -> bool {
        false
    }

    /// Asks it to collect a payment.
    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome>;

    /// Asks what became of it.
    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome>;

    /// Asks it to give money back. It may be sent again with the same id and try, and then means the same refund.
    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome>;

    /// Everything that moved from `from_ms` (inclusive) to `to_ms` (exclusive), at most [`MAX_STATEMENT_ENTRIES`].
    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>>;

    /// Whether its statement has the refunds that we asked for.
    fn states_refunds(&self) -> bool {
        true
    }

    /// Whether a callback comes from the provider, and what it is about.
    ///
    /// # Errors
    /// [`BadCallback`] if it is not genuine or cannot be read.
    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback>;

    /// What the provider wants to hear after a genuine callback.
    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 204, body: None }
    }
}
