//! A checked tariff: values that cannot be wrong.

use super::config::{BlocksOver, PeriodConfig};
use super::rate::{Percent, Price, Rounding};
use crate::money::{Currency, Money};
use coinless_protocol::Commodity;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What a utility sells a commodity for: versions by the day from which they hold.
#[derive(Debug, Clone)]
pub struct Tariff {
    pub(super) commodity: Commodity,
    pub(super) currency: Currency,
    pub(super) zone: TimeZone,
    /// At least one, oldest first; only the first may have no `from`.
    pub(super) versions: Vec<Version>,
}

impl Tariff {
    /// What it sells.
    pub fn commodity(&self) -> Commodity {
        self.commodity
    }

    /// The currency of all its amounts.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The version in force on `day`.
    pub(super) fn on(&self, day: Date) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.from.is_none_or(|from| from <= day))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) from: Option<Date>,
    pub(super) blocks: Vec<Block>,
    pub(super) period: Period,
    pub(super) over: BlocksOver,
    pub(super) rounding: Rounding,
    /// If set, all taxes are per cent of energy and standing charge only.
    pub(super) prices_include_tax: bool,
    pub(super) taxes: Vec<Tax>,
    pub(super) standing: Option<Standing>,
    pub(super) debt: Option<Debt>,
    pub(super) free: Option<Free>,
    pub(super) fees: Vec<Fee>,
    pub(super) minimum: Money,
    pub(super) maximum: Money,
}

/// A block ends at `up_to` credit units since the period's start; only the last has no end, and its price is not 0.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) up_to: Option<u64>,
    pub(super) price: Price,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub(super) kind: PeriodConfig,
    /// 1 to 12.
    pub(super) year_starts_in: i8,
}

#[derive(Debug, Clone)]
pub(super) struct Tax {
    pub(super) name: String,
    pub(super) rule: TaxRule,
    pub(super) rounding: Rounding,
}

#[derive(Debug, Clone)]
pub(super) enum TaxRule {
    Percent { percent: Percent, of: Base },
    PerUnit(Price),
}

/// What a percentage is taken of; `taxes` are places in the list, all before the tax itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) energy: bool,
    pub(super) standing: bool,
    pub(super) taxes: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) rate: StandingRate,
    pub(super) at_most_days: u16,
    pub(super) rounding: Rounding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandingRate {
    PerDay(Price),
    PerMonth(Price),
}

#[derive(Debug, Clone)]
pub(super) struct Debt {
    pub(super) percent: Option<Percent>,
    pub(super) fixed: Money,
    pub(super) at_most: Option<Money>,
    pub(super) leave: Money,
    pub(super) rounding: Rounding,
}

#[derive(Debug, Clone)]
pub(super) struct Free {
    /// In credit units.
    pub(super) units: u64,
    pub(super) counts_in_blocks: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Fee {
    pub(super) name: String,
    pub(super) to: String,
    pub(super) fixed: Money,
    pub(super) percent: Option<Percent>,
    pub(super) at_most: Option<Money>,
    pub(super) rounding: Rounding,
}
