//! The tariff of a small landlord: one price or blocks, a tax, a standing charge, the least and the most of a purchase.

use super::AnswerError;
use crate::money::{Currency, Money};
use crate::tariff::{
    Asked, BlockConfig, Breakdown, History, Number, QuoteError, StandingConfig, Tariff, TariffConfig, VersionConfig,
};
use coinless_protocol::{Commodity, Units};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Display units (m³, kWh) of an example where there are no blocks.
const EXAMPLE_UNITS: u32 = 20;

/// A tariff without the refinements of `docs/tariffs.md`.
#[derive(Debug, Clone, Default)]
pub struct SimpleTariff {
    /// Prices of a display unit (m³, kWh).
    pub prices: Prices,
    /// Tax in per cent; none if there is none.
    pub tax_percent: Option<Number>,
    /// Whether prices and standing charge contain the tax.
    pub prices_include_tax: bool,
    /// Standing charge for each calendar month.
    pub standing_per_month: Option<Number>,
    /// The least that a purchase may be.
    pub minimum: Option<Number>,
    /// The most that a purchase may be.
    pub maximum: Option<Number>,
}

/// One price, or blocks within a month: the last one has no end.
#[derive(Debug, Clone, Default)]
pub struct Prices(Vec<BlockConfig>);

impl Prices {
    /// The blocks, at least one.
    pub fn blocks(&self) -> &[BlockConfig] {
        &self.0
    }
}

impl std::str::FromStr for Prices {
    type Err = AnswerError;

    /// Reads `0.29`, or blocks: `0.10 up to 50, 0.25 up to 300, 0.40`, in short `0.10:50,0.25:300,0.40`.
    fn from_str(text: &str) -> Result<Self, AnswerError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let block = |(i, part): (usize, &&str)| {
            let (price, end) = match part.split_once(':').or_else(|| part.split_once("up to")) {
                Some((price, end)) => (price, Some(end)),
                None => (*part, None),
            };
            match (end, i + 1 == parts.len()) {
                (None, false) => Err(AnswerError::new(format!(
                    "{part:?} does not say where its block ends; write a decimal point and not a comma (0.29), or blocks: \
                     0.10 up to 50, 0.40"
                ))),
                (Some(_), true) => Err(AnswerError::new(
                    "the last price is for all that is above, and has no end: 0.10 up to 50, 0.40",
                )),
                _ => Ok(BlockConfig { up_to: end.map(read_number).transpose()?, price: read_number(price)? }),
            }
        };
        parts.iter().enumerate().map(block).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

/// A number that is not negative, as people write it: `0.29`.
///
/// # Errors
/// [`AnswerError`].
pub fn read_number(text: &str) -> Result<Number, AnswerError> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = Decimal::from_str_exact(text).ok().filter(|_| plain);
    number.map(Number).ok_or_else(|| AnswerError::new(format!("{text:?} is no number; write for example 0.29")))
}

impl SimpleTariff {
    /// The tariff as the configuration has it.
    pub fn config(&self, zone: Option<&str>) -> TariffConfig {
        let (price, blocks) = match self.prices.blocks() {
            [BlockConfig { up_to: None, price }] => (Some(*price), Vec::new()),
            blocks => (None, blocks.to_vec()),
        };
        let per_month = |amount| StandingConfig { per_month: Some(amount), ..StandingConfig::default() };
        let version = VersionConfig {
            price,
            blocks,
            tax_percent: self.tax_percent,
            prices_include_tax: self.prices_include_tax,
            standing: self.standing_per_month.map(per_month),
            minimum: self.minimum,
            maximum: self.maximum,
            ..VersionConfig::default()
        };
        TariffConfig { zone: zone.map(str::to_owned), versions: vec![version], ..TariffConfig::default() }
    }

    /// The tariff that sells.
    ///
    /// # Errors
    /// [`AnswerError`] with what is wrong.
    pub fn build(&self, zone: Option<&str>, currency: Currency, commodity: Commodity) -> Result<Tariff, AnswerError> {
        self.config(zone).build(currency, commodity).map_err(|error| AnswerError::new(error.problem))
    }

    /// Whether it matters when a month begins.
    pub fn has_months(&self) -> bool {
        self.prices.blocks().len() > 1 || self.standing_per_month.is_some()
    }
}

/// How many display units (m³, kWh) an example is to buy: 20, or more than all blocks have that have an end, so that every price is
/// seen.
pub fn example_units(blocks: &[BlockConfig]) -> u32 {
    let end = blocks.iter().filter_map(|block| block.up_to).filter_map(|end| end.0.ceil().to_u32()).max();
    end.map_or(EXAMPLE_UNITS, |end| end.saturating_add(end / 5).max(EXAMPLE_UNITS))
}

/// What `sum` buys for a new customer at `now_ms`, in milliseconds since 1970.
///
/// # Errors
/// [`QuoteError`] says what to ask instead.
pub fn example(tariff: &Tariff, sum: Money, now_ms: i64) -> Result<Breakdown, QuoteError> {
    tariff.quote(Asked::Money(sum), &History::default(), moment(now_ms))
}

/// A round sum for an example, about what `display_units` cost, within the tariff's limits.
///
/// # Errors
/// [`QuoteError`] if nothing can be bought at all.
pub fn example_sum(tariff: &Tariff, display_units: u32, now_ms: i64) -> Result<Money, QuoteError> {
    let now = moment(now_ms);
    let (least, most) = tariff.limits(now)?;
    let units = Units::new(u64::from(display_units) * 1000).map_err(|_| QuoteError::TooMuch)?;
    let cost = match tariff.quote(Asked::Units(units), &History::default(), now) {
        Ok(quote) => quote.total,
        Err(QuoteError::Unaffordable { .. }) => most,
        Err(error) => return Err(error),
    };
    Ok(round_up(cost).clamp(least, most))
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The least of 1, 2 and 5 times a power of ten minor units that is not less than `sum`; at most [`Money::MAX`].
pub fn round_up(sum: Money) -> Money {
    let mut power = 1_i64;
    while power < Money::MAX.minor() {
        for round in [1, 2, 5].map(|digit| digit * power) {
            if round >= sum.minor() {
                return Money::from_minor(round).min(Money::MAX);
            }
        }
        power *= 10;
    }
    Money::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(Option<String>, String)> {
        let prices = text.parse::<Prices>().unwrap();
        prices.blocks().iter().map(|b| (b.up_to.map(|end| end.0.to_string()), b.price.0.to_string())).collect()
    }

    #[test]
    fn prices_are_read_in_both_ways() {
        assert_eq!(shown("0.29"), [(None, "0.29".into())]);
        let blocks = [(Some("50".into()), "0.10".into()), (Some("300".into()), "0.25".into()), (None, "0.40".into())];
        assert_eq!(shown("0.10 up to 50, 0.25 up to 300, 0.40"), blocks);
        assert_eq!(shown("0.10:50,0.25:300,0.40"), blocks);
    }

    #[test]
    fn a_wrong_price_is_refused_with_what_to_write() {
        for (text, says) in [
            ("0,29", "a decimal point and not a comma"),
            ("0.10 up to 50", "the last price is for all that is above"),
            ("", "\"\" is no number"),
            ("-1", "\"-1\" is no number"),
            ("1e3", "\"1e3\" is no number"),
            ("0.29 EUR", "\"0.29 EUR\" is no number"),
            ("x up to 5, 1", "\"x\" is no number"),
        ] {
            let error = text.parse::<Prices>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let eur = Currency::from_code("EUR").unwrap();
        let wrong = SimpleTariff { prices: "0.10:50,0.25:40,0.40".parse().unwrap(), ..SimpleTariff::default() };
        let error = wrong.build(None, eur, Commodity::Gas).unwrap_err().to_string();
        assert_eq!(error, "a block ends after the one before it");
    }

    #[test]
    fn an_example_goes_through_all_blocks() {
        let units = |text: &str| example_units(text.parse::<Prices>().unwrap().blocks());
        assert_eq!([units("0.29"), units("1:5,2"), units("1:50,2:300,3")], [20, 20, 360]);
    }

    #[test]
    fn sums_are_rounded_up_to_what_people_pay() {
        let up = |minor| round_up(Money::from_minor(minor)).minor();
        assert_eq!([up(0), up(1), up(3), up(5), up(6), up(690), up(1001)], [1, 1, 5, 5, 10, 1000, 2000]);
        assert_eq!(round_up(Money::MAX), Money::MAX);
    }

    #[test]
    fn the_example_is_what_the_tariff_sells() {
        let eur = Currency::from_code("EUR").unwrap();
        let number = |text| Some(read_number(text).unwrap());
        let tariff = SimpleTariff {
            prices: "0.29".parse().unwrap(),
            tax_percent: number("19"),
            standing_per_month: number("5"),
            maximum: number("200"),
            ..SimpleTariff::default()
        };
        let tariff = tariff.build(Some("Europe/Berlin"), eur, Commodity::Electricity).unwrap();
        let now = "2026-11-24T12:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
        let sum = example_sum(&tariff, 20, now).unwrap();
        // 20 kWh cost 5.80, with 5.00 and 19 % in all 12.86.
        assert_eq!(sum, Money::from_minor(2000));
        // 20.00 / 1.19 = 16.81; (16.81 - 5.00) / 0.29
        assert_eq!(example(&tariff, sum, now).unwrap().units.get(), 40_724);
        assert_eq!(example_sum(&tariff, 100_000, now).unwrap(), Money::from_minor(20_000));
    }
}
