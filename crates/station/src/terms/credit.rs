//! Credit of a meter as people write and read it: `12.5 kWh` or `20.00 EUR`.

use crate::money::Currency;
use coinless_protocol::{Commodity, FINE_PER_UNIT, FineCredit};

/// What a meter's credit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditWords {
    /// What it measures.
    pub commodity: Commodity,
    /// The currency whose minor units its credit counts; none if it counts what it measures.
    pub currency: Option<Currency>,
}

/// A text is no such amount: what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AmountError(pub String);

impl CreditWords {
    /// Reads an amount of credit, in thousandths of a credit unit.
    ///
    /// # Errors
    /// [`AmountError`] says what to write.
    pub fn parse(self, text: &str) -> Result<FineCredit, AmountError> {
        let Some(currency) = self.currency else {
            let wrong = |error| AmountError(format!("{text:?}: {error}; for example {:?}", self.example()));
            return self.commodity.parse_amount(text).map_err(wrong);
        };
        let wrong = || AmountError(format!("{text:?} is no amount of money; write for example {:?}", self.example()));
        let number = text.trim().strip_suffix(currency.code()).ok_or_else(wrong)?.trim_end();
        decimal(number, u32::from(currency.digits()) + 3).map(FineCredit).ok_or_else(wrong)
    }

    /// The same in whole credit units.
    ///
    /// # Errors
    /// [`AmountError`], also for what is finer than a credit unit.
    pub fn parse_units(self, text: &str) -> Result<u32, AmountError> {
        let fine = self.parse(text)?.0;
        let whole = u32::try_from(fine / FINE_PER_UNIT).ok().filter(|_| fine % FINE_PER_UNIT == 0);
        let least = self.show(FineCredit(FINE_PER_UNIT));
        whole.ok_or_else(|| AmountError(format!("{text:?} is too fine or too much; the least is {least}")))
    }

    /// An amount for people.
    pub fn show(self, amount: FineCredit) -> String {
        match self.currency {
            None => amount.display(self.commodity).to_string(),
            Some(currency) => {
                format!("{} {currency}", show_decimal(amount.0, u32::from(currency.digits()) + 3, currency.digits()))
            }
        }
    }

    /// A price in thousandths of a minor unit, for people.
    pub(super) fn show_price(self, price: u32) -> String {
        format!("{} per {}", self.show(FineCredit(price.into())), self.commodity.display_unit())
    }

    fn example(self) -> String {
        match self.currency {
            None => format!("12.5 {}", self.commodity.display_unit()),
            Some(currency) => format!("20.00 {currency}"),
        }
    }
}

/// A number that is not negative, times ten to the power of `digits`; none if it is none or has more digits after the point.
pub(super) fn decimal(text: &str, digits: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |s: &str| !s.is_empty() && s.len() <= 18 && s.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = digits.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let scaled = |text: &str, zeros| text.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(zeros)?);
    let below = if fraction.is_empty() { 0 } else { scaled(fraction, missing)? };
    scaled(whole, digits)?.checked_add(below)
}

/// The other way round, with at least `least` digits after the point.
fn show_decimal(value: i64, digits: u32, least: u8) -> String {
    let (digits, least) = (digits as usize, usize::from(least));
    let sign = if value < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", value.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = all.split_at(all.len() - digits);
    let kept = fraction.trim_end_matches('0').len().max(least);
    match &fraction[..kept] {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_shown() {
        let money = CreditWords { commodity: Commodity::Electricity, currency: Currency::from_code("EUR").ok() };
        for (text, fine, shown) in [
            ("20.00 EUR", 2_000_000, "20.00 EUR"),
            ("0.2961 EUR", 29_610, "0.2961 EUR"),
            ("0.00001EUR", 1, "0.00001 EUR"),
            ("7 EUR", 700_000, "7.00 EUR"),
            ("0 EUR", 0, "0.00 EUR"),
        ] {
            assert_eq!(money.parse(text), Ok(FineCredit(fine)), "{text}");
            assert_eq!(money.show(FineCredit(fine)), shown);
        }
        for bad in ["20.00", "20,00 EUR", "-1 EUR", "0.000001 EUR", "EUR", ".5 EUR", "20 USD", "999999999999999999 EUR"]
        {
            assert!(money.parse(bad).unwrap_err().0.contains("20.00 EUR"), "{bad}");
        }
        assert_eq!(money.parse_units("20.01 EUR"), Ok(2_001));
        assert!(money.parse_units("20.001 EUR").unwrap_err().0.contains("0.01 EUR"));
        let units = CreditWords { currency: None, ..money };
        assert_eq!(units.parse_units("12.5 kWh"), Ok(12_500));
        assert_eq!(units.show(FineCredit(12_500_000)), "12.500 kWh");
        assert!(units.parse("12.5").unwrap_err().0.contains("12.5 kWh"));
        let yen = CreditWords { currency: Currency::from_code("JPY").ok(), ..money };
        assert_eq!(
            (yen.parse("29.5 JPY"), yen.show(FineCredit(29_000))),
            (Ok(FineCredit(29_500)), "29 JPY".to_owned())
        );
    }
}
