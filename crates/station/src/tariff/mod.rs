//! Tariffs for prepayment of gas, water and electricity: what a sum of money buys, what a quantity costs, and why.
//!
//! Nothing here reads a clock or a database. A [`TariffConfig`] is what people write; [`TariffConfig::build`] checks it and
//! makes a [`Tariff`]; [`Tariff::quote`] answers with a [`Breakdown`] whose parts add up to its total. `docs/tariffs.md`
//! states the order of computation and every rounding.
//!
//! What holds for every tariff, and is tested for random ones:
//!
//! * The parts of a quote add up to its total, and so do its lines.
//! * More money never buys less.
//! * The total for a quantity is the least payment that buys it, and is never more than a payment that bought it.
//! * Two purchases one after the other, in one period and without recovery of debt, buy no more than one purchase of the sum
//!   does, but for one minor unit that each rounded fee and tax can spare.

mod calendar;
mod charge;
mod check;
mod config;
mod explain;
mod quote;
mod rate;
mod version;

pub use check::{MAX_ITEMS, MAX_PURCHASE_UNITS, MAX_VERSIONS, TariffError};
pub use config::{
    BlockConfig, BlocksOver, DebtConfig, FeeConfig, FreeConfig, Number, PeriodConfig, STANDING_DAYS, StandingConfig,
    TariffConfig, TaxConfig, VersionConfig,
};
pub use rate::Rounding;
pub use version::Tariff;

use crate::money::{Currency, Money};
use crate::sales::Step;
use coinless_protocol::{Commodity, Units};
use jiff::Timestamp;
use jiff::civil::Date;
use std::fmt;

/// What a customer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To pay exactly this in total.
    Money(Money),
    /// To have at least these credit units on the meter, a free allowance among them, for the least total.
    Units(Units),
}

/// What a tariff must know of a customer's past. [`History::default`] is a new customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// What was bought in a calendar month; one that is not the current month counts as nothing.
    pub month: Option<Counter>,
    /// What was bought in a year of the tariff; likewise.
    pub year: Option<Counter>,
    /// What the meter says was consumed in a period; used only where the tariff has blocks over consumption, and only if it
    /// is the current period.
    pub read_back: Option<Counter>,
    /// When the customer bought last. The standing charge is paid up to and including that day. Set it to the day of
    /// connection for one who has not bought yet; without it, only one day or month is charged.
    pub last_purchase: Option<Timestamp>,
    /// What the customer owes; not negative.
    pub debt: Money,
    /// First day of the month in which the free allowance was given last.
    pub free_given: Option<Date>,
}

/// Credit units since a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The first day of the month or year that they belong to.
    pub start: Date,
    /// How many.
    pub units: Units,
}

/// A quote. `energy`, `standing`, `taxes`, `debt`, `fees` and `rounding` add up to `total`; none is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakdown {
    /// What is sold.
    pub commodity: Commodity,
    /// In which currency.
    pub currency: Currency,
    /// First day of the version by which it is sold; nothing if that version always held.
    pub version: Option<Date>,
    /// Credit units for the meter, the free ones among them.
    pub units: Units,
    /// Whether a credit unit is the currency's minor unit; else it is one of the commodity.
    pub counts_money: bool,
    /// Credit units that are free.
    pub free: Units,
    /// What the customer pays.
    pub total: Money,
    /// Energy (or water) without tax; for a meter whose credit is money, all of that credit.
    pub energy: Money,
    /// Standing charge without tax.
    pub standing: Money,
    /// Taxes and levies in the order of the tariff.
    pub taxes: Vec<NamedAmount>,
    /// Debt recovered.
    pub debt: Money,
    /// Fees in the order of the tariff.
    pub fees: Vec<FeeAmount>,
    /// What is left because one credit unit more would cost more than that. It is a part of its own, and not in `energy`,
    /// so that every other part can be computed again from the units; it is the utility's.
    pub rounding: Money,
    /// How the total comes about; the amounts of the lines that are [`LineKind::Part`] add up to it.
    pub lines: Vec<Line>,
    /// The history to be kept once this is sold.
    pub after: History,
}

impl Breakdown {
    /// All taxes and levies together.
    pub fn tax(&self) -> Money {
        Money::from_minor(self.taxes.iter().map(|tax| tax.amount.minor()).sum())
    }

    /// All fees together.
    pub fn fee(&self) -> Money {
        Money::from_minor(self.fees.iter().map(|fee| fee.amount.minor()).sum())
    }

    /// What is neither tax nor fee: energy, standing charge, debt and rounding.
    pub fn net(&self) -> Money {
        let parts = [self.energy, self.standing, self.debt, self.rounding];
        Money::from_minor(parts.iter().map(|part| part.minor()).sum())
    }
}

/// A tax or a levy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAmount {
    /// Its name.
    pub name: String,
    /// How much.
    pub amount: Money,
}

/// A fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeAmount {
    /// Its name.
    pub name: String,
    /// Who gets it.
    pub to: String,
    /// How much.
    pub amount: Money,
}

/// A line of an explained quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What for, in plain English.
    pub text: String,
    /// How much, a decimal number with all the currency's digits.
    pub amount: String,
    /// Whether it adds to the total.
    pub kind: LineKind,
    /// The same in figures.
    pub step: Step,
}

/// Whether a line's amount adds to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It does.
    Part,
    /// It is contained in the lines before it: a tax that prices include.
    Within,
}

/// An amount in its currency, for messages: `12.00 EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// How much.
    pub money: Money,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency.format(self.money), self.currency)
    }
}

/// Why there is no quote, and what to ask instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// No version of the tariff holds yet.
    #[error("no tariff is in force on {today}: the first version holds from {first}")]
    NoVersion {
        /// The local day that was asked for.
        today: Date,
        /// The first day of the first version.
        first: Date,
    },
    /// Under the tariff's minimum.
    #[error("at least {least} must be bought")]
    BelowMinimum {
        /// The minimum.
        least: Amount,
    },
    /// Over the tariff's maximum.
    #[error("at most {most} can be bought at once")]
    AboveMaximum {
        /// The maximum.
        most: Amount,
    },
    /// What is due takes all of it.
    #[error("after fees and what is due, nothing is left to buy with; at least {least} is needed")]
    TooLittle {
        /// The least payment that buys something.
        least: Amount,
    },
    /// The quantity costs more than the tariff's maximum.
    #[error("this costs more than {most}, the most that can be bought at once")]
    Unaffordable {
        /// The maximum.
        most: Amount,
    },
    /// No quantity was asked for.
    #[error("ask for more than nothing")]
    Nothing,
    /// A sum or a quantity beyond [`Money::MAX`] or [`MAX_PURCHASE_UNITS`].
    #[error("the amount is absurdly large")]
    TooMuch,
    /// The history makes no sense.
    #[error("the customer's record is wrong: {0}")]
    History(&'static str),
}
