//! A tariff as people write it, in TOML or JSON. [`TariffConfig::build`] makes a [`Tariff`](super::Tariff) of it.

use super::rate::Rounding;
use rust_decimal::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A tariff: `price` and `tax_percent` are enough; everything else is in `versions`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TariffConfig {
    /// IANA name of the time zone in which days, months and years begin; UTC if it is left out.
    pub zone: Option<String>,
    /// Price of a display unit (m³, kWh) in the currency's major unit.
    pub price: Option<Number>,
    /// Tax in per cent, on top.
    pub tax_percent: Option<Number>,
    /// Versions by the day from which they hold, oldest first.
    pub versions: Vec<VersionConfig>,
}

/// What holds from a day on, until the next version does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VersionConfig {
    /// First day, `2026-07-01`, in the tariff's time zone. The first version may leave it out and then always held.
    pub from: Option<String>,
    /// Price of a display unit if there are no blocks.
    pub price: Option<Number>,
    /// A single tax in per cent, on energy and standing charge, if there is no list of taxes.
    pub tax_percent: Option<Number>,
    /// Blocks in their order.
    pub blocks: Vec<BlockConfig>,
    /// When the blocks begin again; a month if it is left out.
    pub period: PeriodConfig,
    /// Month in which a year of blocks begins, 1 to 12; January if it is left out.
    pub year_starts_in: Option<i8>,
    /// What fills the blocks.
    pub blocks_over: BlocksOver,
    /// How the price of energy is rounded; up if it is left out, so that units are never sold below their price.
    pub rounding: Option<Rounding>,
    /// Prices and standing charge contain the taxes.
    pub prices_include_tax: bool,
    /// Taxes and levies in the order in which they are computed.
    pub taxes: Vec<TaxConfig>,
    /// Standing charge.
    pub standing: Option<StandingConfig>,
    /// Recovery of debt.
    pub debt: Option<DebtConfig>,
    /// Free allowance, once a calendar month.
    pub free: Option<FreeConfig>,
    /// Fees, which are shown apart.
    pub fees: Vec<FeeConfig>,
    /// The least that a purchase may be.
    pub minimum: Option<Number>,
    /// The most that a purchase may be.
    pub maximum: Option<Number>,
}

/// A block.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockConfig {
    /// Where it ends, in display units since the period's start; the last block has no end.
    #[serde(default)]
    pub up_to: Option<Number>,
    /// Price of a display unit in it.
    pub price: Number,
}

/// When blocks begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodConfig {
    /// On the first day of a month.
    #[default]
    Month,
    /// On the first day of a year.
    Year,
}

/// What fills the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlocksOver {
    /// What was bought in the period.
    #[default]
    Bought,
    /// What the meter says was consumed in the period, where that is known; else what was bought.
    Consumed,
}

/// A tax or a levy: either `percent` or `per_unit`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxConfig {
    /// Its name on the receipt.
    pub name: String,
    /// Per cent of what `of` names.
    #[serde(default)]
    pub percent: Option<Number>,
    /// `energy`, `standing`, names of taxes before this one, or `all`: everything before this one. Energy and standing
    /// charge if it is left out.
    #[serde(default)]
    pub of: Option<Vec<String>>,
    /// Amount for each display unit that is sold, in the currency's major unit.
    #[serde(default)]
    pub per_unit: Option<Number>,
    /// How it is rounded; half up if it is left out.
    #[serde(default)]
    pub rounding: Rounding,
}

/// A standing charge: either `per_day` or `per_month`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StandingConfig {
    /// Amount for each day.
    pub per_day: Option<Number>,
    /// Amount for each calendar month, due on its first day.
    pub per_month: Option<Number>,
    /// The most days that a purchase pays for, the latest ones; [`STANDING_DAYS`] if it is left out.
    pub at_most_days: Option<u16>,
    /// How it is rounded; half up if it is left out.
    pub rounding: Rounding,
}

/// The most days of standing charge that a purchase pays for unless the tariff says otherwise: a quarter of a year.
pub const STANDING_DAYS: u16 = 92;

/// Recovery of debt from each purchase: `percent`, `fixed`, or both.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DebtConfig {
    /// Per cent of the payment after fees.
    pub percent: Option<Number>,
    /// Amount from each purchase.
    pub fixed: Option<Number>,
    /// The most from one purchase.
    pub at_most: Option<Number>,
    /// What must be left for energy and its taxes.
    pub leave: Option<Number>,
    /// How the percentage is rounded; half up if it is left out.
    pub rounding: Rounding,
}

/// A free allowance, once a calendar month, with the first purchase.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeConfig {
    /// How many display units.
    pub units: Number,
    /// Whether they fill the blocks.
    #[serde(default)]
    pub counts_in_blocks: bool,
}

/// A fee: `fixed`, `percent`, or both.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeConfig {
    /// Its name on the receipt.
    pub name: String,
    /// Who gets it.
    pub to: String,
    /// Amount for each purchase.
    #[serde(default)]
    pub fixed: Option<Number>,
    /// Per cent of the payment after the fees before this one.
    #[serde(default)]
    pub percent: Option<Number>,
    /// The most that it may be.
    #[serde(default)]
    pub at_most: Option<Number>,
    /// How the percentage is rounded; half up if it is left out.
    #[serde(default)]
    pub rounding: Rounding,
}

/// A decimal number as it was written: text, or a whole number. A number with a point must be in quotes: without them it
/// would be read as floating point, which is not exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number in quotes, for example \"0.85\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        let number = Decimal::from_str_exact(text);
        number.map(Number).map_err(|_| E::custom(format!("{text:?} is no decimal number; write for example \"0.85\"")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Decimal::from(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Decimal::from(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Err(E::custom(format!("write the number in quotes, \"{number}\", so that it is read exactly")))
    }
}
