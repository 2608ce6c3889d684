//! Sales systems: whose meter it is, what a sum of money buys, and the sale itself.

pub mod builtin;

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
    /// What the payer pays.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// What the accepted quote promised.
    pub units: Units,
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
    /// No answer, or one that says nothing: it may be sold.
    Unknown {
        /// What happened, for the log.
        why: String,
    },
}

/// What a sales system says of taking a sale back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversalOutcome {
    /// Taken back (or never made, and now never will be), final.
    Reversed,
    /// Not known: ask again with the same id.
    Unknown {
        /// What happened, for the log.
        why: String,
    },
}

/// What a sum of money buys, explained line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Credit units (dm³, litre, Wh).
    pub units: Units,
    /// What goes to the utility.
    pub net: Money,
    /// Tax.
    pub tax: Money,
    /// How the sum comes about.
    pub explanation: Vec<ExplanationLine>,
}

/// One line of an explained quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationLine {
    /// What for.
    pub text: String,
    /// How much, a decimal number.
    pub amount: String,
}

/// Why a sum of money buys nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The utility does not sell this here.
    #[error("{0} is not sold here")]
    NotSold(Commodity),
    /// The amount is out of the utility's limits.
    #[error("{0}")]
    Amount(String),
}

/// A sales system. Every call may be repeated with the same id and then means the same sale. A call does not fail: a
/// time-out, a 5xx or a dropped connection is *unknown*.
pub trait SalesSystem: Send + Sync {
    /// The utility whose sales these are: its name in the ledger.
    fn utility(&self) -> &str;

    /// The currency that it sells in.
    fn currency(&self) -> Currency;

    /// What `amount` buys for this meter now (trial vend); nothing is sold.
    fn trial<'a>(&'a self, meter: MeterId, commodity: Commodity, amount: Money) -> Call<'a, Result<Quote, QuoteError>>;

    /// Makes the sale, or gives the outcome of the same sale again (vend and last response).
    fn vend<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome>;

    /// Takes the sale back; one that was never made is refused from then on.
    fn reverse<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ReversalOutcome>;
}
