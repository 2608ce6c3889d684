//! How one line stands, in one word for programs and in words for people.

use serde::{Serialize, Serializer};

/// How a line stands, as finely as it is told to people. [`Standing::words`] says for each which of paid, sold, on this phone and
/// loaded is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of each say what it means")]
pub enum Standing {
    Unanswered,
    Rejected,
    Declined,
    Quoted,
    AwaitingPayment,
    PaymentUnknown,
    Paid,
    SaleUnknown,
    Sold,
    Ready,
    Elsewhere,
    Handed,
    NeedsOthersFirst,
    AccountClosed,
    BadContent,
    Loaded,
    LoadedUntold,
    VoidPending,
    Voided,
    SaleReversed,
    Refunded,
    Expired,
    PaymentHeld,
    FailedRefunding,
    Failed,
    Person,
    NotUnderstood,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Unanswered,
        Self::Rejected,
        Self::Declined,
        Self::Quoted,
        Self::AwaitingPayment,
        Self::PaymentUnknown,
        Self::Paid,
        Self::SaleUnknown,
        Self::Sold,
        Self::Ready,
        Self::Elsewhere,
        Self::Handed,
        Self::NeedsOthersFirst,
        Self::AccountClosed,
        Self::BadContent,
        Self::Loaded,
        Self::LoadedUntold,
        Self::VoidPending,
        Self::Voided,
        Self::SaleReversed,
        Self::Refunded,
        Self::Expired,
        Self::PaymentHeld,
        Self::FailedRefunding,
        Self::Failed,
        Self::Person,
        Self::NotUnderstood,
    ];

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Rejected => "rejected",
            Self::Declined => "declined",
            Self::Quoted => "quoted",
            Self::AwaitingPayment => "awaiting-payment",
            Self::PaymentUnknown => "payment-unknown",
            Self::Paid => "paid",
            Self::SaleUnknown => "sale-unknown",
            Self::Sold => "sold",
            Self::Ready => "ready",
            Self::Elsewhere => "elsewhere",
            Self::Handed => "handed",
            Self::NeedsOthersFirst => "needs-others-first",
            Self::AccountClosed => "account-closed",
            Self::BadContent => "bad-content",
            Self::Loaded => "loaded",
            Self::LoadedUntold => "loaded-untold",
            Self::VoidPending => "void-pending",
            Self::Voided => "voided",
            Self::SaleReversed => "sale-reversed",
            Self::Refunded => "refunded",
            Self::Expired => "expired",
            Self::PaymentHeld => "payment-held",
            Self::FailedRefunding => "failed-refunding",
            Self::Failed => "failed",
            Self::Person => "person",
            Self::NotUnderstood => "not-understood",
        }
    }

    /// In plain English.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unanswered => "the station has not answered; NOT PAID",
            Self::Rejected => "refused by the station; NOT PAID",
            Self::Declined => "payment declined; nothing was bought",
            Self::Quoted => "quoted, NOT PAID",
            Self::AwaitingPayment => "waiting for the payment",
            Self::PaymentUnknown => "what became of the payment is not known yet",
            Self::Paid => "paid, not sold yet",
            Self::SaleUnknown => "paid; what became of the sale is not known yet",
            Self::Sold => "paid, sold; its token is not made yet",
            Self::Ready => "paid, sold, on this phone, NOT LOADED yet",
            Self::Elsewhere => "paid, sold; NOT LOADED yet as far as the station knows",
            Self::Handed => "paid, sold; handed to the meter, which gave no answer: not known if LOADED, deliver again",
            Self::NeedsOthersFirst => {
                "paid, sold, on this phone, NOT LOADED: the meter needs another token first (tariff, settings or keys); sync, then deliver"
            }
            Self::AccountClosed => {
                "paid, sold, NOT LOADED: the meter's account is closed and takes no credit; ask for the money back"
            }
            Self::BadContent => {
                "paid, sold, NOT LOADED: the meter cannot use what its token holds; sync, the station must make another"
            }
            Self::Loaded => "paid, sold, LOADED",
            Self::LoadedUntold => "paid, sold, LOADED; the station does not know it yet: sync",
            Self::VoidPending => "refund asked for; its void token must reach the meter first",
            Self::Voided => "taken back from the meter; the money is on its way back",
            Self::SaleReversed => "the sale is reversed; the money is on its way back",
            Self::Refunded => "refunded",
            Self::Expired => "not paid in time; nothing was bought",
            Self::PaymentHeld => "ended without a sale; a person at the station must look at the payment",
            Self::FailedRefunding => "ended without a sale; the money is on its way back",
            Self::Failed => "ended without a sale",
            Self::Person => "a person at the station must look at this",
            Self::NotUnderstood => "in a state that this program does not know",
        }
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}
