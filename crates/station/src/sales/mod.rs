//! Sales systems: whose meter it is, what a sum of money buys, and the sale itself.

pub mod builtin;
pub mod http;
mod step;

pub use crate::tariff::Asked;
pub use step::{Per, Step, StepKind, Taxed};

use crate::money::{Currency, Money};
use crate::provider::Call;
use coinless_protocol::{Commodity, MeterId, Units};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sale to be made or taken back. The id is made here before the first send; the same id is the same sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRequest {
    /// The sale's id, unique for ever: order/line.
    pub sale_id: String,
    /// The meter's identity.
    pub meter_id: String,
    /// What the meter measures.
    pub commodity: Commodity,
    /// What was asked for.
    pub asked: Asked,
    /// What the payer pays.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// What the accepted quote promised.
    pub units: Units,
    /// The sales system's own words on the accepted quote ([`Quote::terms`]).
    pub terms: String,
}

/// What a sales system says of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaleOutcome {
    /// Sold, final.
    Sold {
        /// How many credit units.
        units: Units,
    },
    /// Not sold and never will be under this id, final.
    Failed {
        /// Why, for the payer.
        reason: String,
    },
    /// Nothing is known under this id (yet): the sale may be made. Only [`SalesSystem::last_response`] says so; it is not final.
    NotFound,
    /// No answer, or one that says nothing: it may be sold.
    Unknown {
        /// What happened, for the log.
        why: String,
        /// Whether it speaks of something else than was asked, which a person should see.
        contradicts: bool,
    },
}

/// What a sales system says of taking a sale back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversalOutcome {
    /// Taken back (or never made, and now never will be), final.
    Reversed,
    /// Not taken back, final: a person must look.
    Refused {
        /// Why.
        reason: String,
    },
    /// Not known: ask again with the same id.
    Unknown {
        /// What happened, for the log.
        why: String,
        /// Whether it speaks of something else than was asked, which a person should see.
        contradicts: bool,
    },
}

/// What a sales system said when it was told that the meter has the credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmationOutcome {
    /// Noted, final.
    Confirmed,
    /// Nothing is sold under this id, or it was taken back, final: a person must look.
    Refused {
        /// Why.
        reason: String,
    },
    /// Not known: say it again with the same id.
    Unknown {
        /// What happened, for the log.
        why: String,
    },
}

/// What a payer gets for how much, explained line by line. `net + tax + fee = amount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Credit units (dm³, litre, Wh).
    pub units: Units,
    /// What the payer pays in all.
    pub amount: Money,
    /// What goes to the utility: energy, standing charge, debt.
    pub net: Money,
    /// Taxes and levies.
    pub tax: Money,
    /// Fees for the service.
    pub fee: Money,
    /// How the sum comes about.
    pub explanation: Vec<ExplanationLine>,
    /// What the sales system wants to be told again when this quote is sold; at most 1 KiB, opaque here.
    pub terms: String,
}

/// One line of an explained quote. Whoever knows its `kind` can say it in another language; `text` says all of it in the utility's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationLine {
    /// What for.
    pub text: String,
    /// How much, a decimal number.
    pub amount: String,
    /// The amount is contained in the lines before it, and does not add to the sum.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub within: bool,
    /// The same in figures.
    #[serde(flatten)]
    pub step: Step,
}

/// Why nothing can be bought so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The utility does not sell this here.
    #[error("{0} is not sold here")]
    NotSold(Commodity),
    /// The amount is out of the utility's limits.
    #[error("{0}")]
    Amount(String),
    /// The utility does not sell to this meter now.
    #[error("{0}")]
    Refused(String),
    /// The sales system does not answer; ask again.
    #[error("the utility's sales system does not answer now: nothing was ordered, try again in a moment")]
    Unavailable {
        /// What happened, for the log.
        why: String,
    },
}

/// What a sales system knows of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It sells to this meter.
    Known {
        /// The customer's name, if it tells.
        customer: Option<String>,
        /// Where the meter hangs, if it tells.
        place: Option<String>,
    },
    /// It does not sell to this meter.
    Refused {
        /// Why, for the payer.
        reason: String,
    },
    /// No answer.
    Unavailable {
        /// What happened, for the log.
        why: String,
    },
}

/// A sale in a sales system's own books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleEntry {
    /// The id that we made: order/line.
    pub sale_id: String,
    /// The meter's identity.
    pub meter_id: String,
    /// What the payer pays.
    pub amount: Money,
    /// Credit units.
    pub units: Units,
    /// Whether it was taken back.
    pub reversed: bool,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A sales system. Every call may be repeated with the same id and then means the same sale. A call does not fail: a
/// time-out, a 5xx or a dropped connection is *unknown*.
pub trait SalesSystem: Send + Sync {
    /// Whose meter this is.
    fn lookup<'a>(&'a self, meter: MeterId) -> Call<'a, Lookup>;

    /// What is bought for this meter now (trial vend); nothing is sold.
    fn trial<'a>(&'a self, meter: MeterId, commodity: Commodity, asked: Asked) -> Call<'a, Result<Quote, QuoteError>>;

    /// Makes the sale, or gives the outcome of the same sale again.
    fn vend<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome>;

    /// What became of a sale; nothing is sold.
    fn last_response<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome>;

    /// Whether its sales survive the loss of the station's database.
    fn keeps_sales_apart(&self) -> bool {
        true
    }

    /// Whether it sells to meters whose credit is money; else it only sells what they measure.
    fn sells_money(&self) -> bool {
        false
    }

    /// Whether it wants to hear that a meter has its credit.
    fn wants_confirmation(&self) -> bool {
        true
    }

    /// Says that the meter has the credit.
    fn confirm<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ConfirmationOutcome>;

    /// Takes the sale back; one that was never made is refused from then on.
    fn reverse<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ReversalOutcome>;

    /// The sales made from `from_ms` (inclusive) to `to_ms` (exclusive), or why they cannot be told now.
    fn sales<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<SaleEntry>, String>>;
}
