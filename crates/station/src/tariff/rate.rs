//! Rates and rounding: whole numbers with a fixed scale, so that nothing is ever rounded but where a rule says so.
//!
//! A decimal type of 96 bits rounds silently when a product does not fit. Here a product is a 128-bit whole number that is
//! checked, and a quotient is taken once, by a named rule.

use crate::money::Currency;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a part of a price becomes whole minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest; a half goes up.
    #[default]
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
    /// Up.
    Up,
    /// Down.
    Down,
}

impl Rounding {
    /// `dividend / divisor`, rounded by this rule. Neither is negative and the divisor is not zero.
    pub(super) fn divide(self, dividend: i128, divisor: i128) -> i128 {
        let (quotient, rest) = (dividend / divisor, dividend % divisor);
        let up = match self {
            Self::Down => false,
            Self::Up => rest > 0,
            Self::HalfUp => rest >= divisor - rest,
            Self::HalfEven => rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1),
        };
        quotient + i128::from(up)
    }
}

/// A price of a display unit, a day or a month, in millionths of the currency's major unit: 0 to [`Price::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price(u64);

impl Price {
    const DIGITS: u32 = 6;
    /// 10^9 major units.
    const MAX: u64 = 1_000_000_000_000_000;

    /// The price that a person wrote, if it is one.
    pub(super) fn new(number: Decimal) -> Option<Self> {
        scaled(number, Self::DIGITS).filter(|price| *price <= Self::MAX).map(Self)
    }

    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// For people: with all the currency's digits, and more if it has them.
    pub(super) fn show(self, currency: Currency) -> Decimal {
        let mut price = Decimal::from_i128_with_scale(i128::from(self.0), Self::DIGITS).normalize();
        price.rescale(price.scale().max(currency.digits().into()));
        price
    }

    /// What `count` display units, days or months cost, as a [`Fraction`] of a minor unit.
    pub(super) fn times(self, count: u64, currency: Currency) -> Option<Fraction> {
        let dividend = i128::from(self.0).checked_mul(i128::from(count))?;
        Some(Fraction { dividend, divisor: 10_i128.pow(Self::DIGITS - u32::from(currency.digits())) })
    }

    /// What `count` credit units cost, a thousandth of a display unit each.
    pub(super) fn times_credit(self, count: u64, currency: Currency) -> Option<Fraction> {
        let Fraction { dividend, divisor } = self.times(count, currency)?;
        Some(Fraction { dividend, divisor: divisor * 1000 })
    }
}

/// A percentage in ten-thousandths of a per cent: 0 to 1000 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Percent(u32);

impl Percent {
    const DIGITS: u32 = 4;
    /// What a whole, 100 %, is in these units.
    pub(super) const WHOLE: i128 = 1_000_000;
    pub(super) const HUNDRED: Self = Self(1_000_000);
    const MAX: u32 = 10_000_000;

    /// The percentage that a person wrote, if it is one.
    pub(super) fn new(number: Decimal) -> Option<Self> {
        let percent = scaled(number, Self::DIGITS)?;
        u32::try_from(percent).ok().filter(|percent| *percent <= Self::MAX).map(Self)
    }

    /// In millionths of the whole.
    pub(super) fn millionths(self) -> i128 {
        i128::from(self.0)
    }

    /// This share of an amount.
    pub(super) fn of(self, amount: i128, rounding: Rounding) -> Option<i128> {
        Some(rounding.divide(amount.checked_mul(self.millionths())?, Self::WHOLE))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(i64::from(self.0), Self::DIGITS).normalize().fmt(f)
    }
}

/// An exact amount of minor units, not yet rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction {
    dividend: i128,
    divisor: i128,
}

impl Fraction {
    /// The sum of both, which must have the same divisor: they are prices of the same kind in the same currency.
    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        debug_assert_eq!(self.divisor, other.divisor, "prices of one kind have one scale");
        Some(Self { dividend: self.dividend.checked_add(other.dividend)?, ..self })
    }

    /// In whole minor units.
    pub(super) fn rounded(self, rounding: Rounding) -> i128 {
        rounding.divide(self.dividend, self.divisor)
    }
}

/// `number` in units of `10^-digits`, if it is that exactly and not negative.
pub(super) fn scaled(number: Decimal, digits: u32) -> Option<u64> {
    let number = number.normalize();
    if number.scale() > digits || number.is_sign_negative() && !number.is_zero() {
        return None;
    }
    number.checked_mul(Decimal::from(10_u64.pow(digits)))?.to_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_rounds_as_its_name_says() {
        let rules = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down];
        let all = |dividend| rules.map(|rule| rule.divide(dividend, 100));
        assert_eq!(all(200), [2, 2, 2, 2]);
        assert_eq!(all(201), [2, 2, 3, 2]);
        assert_eq!(all(250), [3, 2, 3, 2]);
        assert_eq!(all(350), [4, 4, 4, 3]);
        assert_eq!(all(399), [4, 4, 4, 3]);
        // An odd divisor has no half.
        assert_eq!(rules.map(|rule| rule.divide(1, 3)), [0, 0, 1, 0]);
    }

    #[test]
    fn rates_are_exact_or_refused() {
        let eur = Currency::from_code("EUR").unwrap();
        let price = |text: &str| Price::new(text.parse().unwrap()).map(|price| price.show(eur).to_string());
        assert_eq!(price("0.850000000"), Some("0.85".into()));
        assert_eq!(price("0.0000001"), None);
        assert_eq!(price("-1"), None);
        assert_eq!(price("1000000000"), Some("1000000000.00".into()));
        assert_eq!(price("1000000000.1"), None);
        let percent = |text: &str| Percent::new(text.parse().unwrap()).map(|percent| percent.to_string());
        assert_eq!(percent("19.00"), Some("19".into()));
        assert_eq!(percent("0.00001"), None);
        assert_eq!(percent("1000.1"), None);
    }
}
