//! Amounts of money, as a person types them and the station reads them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An amount of money above zero: a decimal number such as `50.00`, with at most 12 digits before and 6 after the point. The
/// currency is said elsewhere. Two amounts are equal if they are worth the same (`50` and `50.00`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount {
    text: String,
    millionths: u64,
}

/// The text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a decimal number above zero, for example 50.00")]
pub struct AmountError;

const WHOLE_DIGITS: usize = 12;
const FRACTION_DIGITS: usize = 6;
const MILLION: u128 = 1_000_000;

impl Amount {
    /// The amount as it was typed; so it is sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its worth in millionths of the currency's unit.
    pub fn millionths(&self) -> u64 {
        self.millionths
    }

    /// So many times as much, written with as many digits; none if that is nothing or more than an amount can be.
    pub fn times(&self, count: u32) -> Option<Self> {
        let mut sum = Sum::default();
        sum.add(&self.text);
        sum.millionths = sum.millionths.checked_mul(u128::from(count))?;
        sum.to_string().parse().ok()
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        match parse(text) {
            Some((millionths @ 1.., _)) => Ok(Self { text: text.to_owned(), millionths }),
            _ => Err(AmountError),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;

    fn try_from(text: String) -> Result<Self, AmountError> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.text
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.millionths == other.millionths
    }
}

impl Eq for Amount {}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A sum of money in one currency, shown with as many digits after the point as the finest of its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    millionths: u128,
    digits: usize,
}

impl Sum {
    /// Adds an amount in the station's words, which may be zero. Gives `false` and adds nothing if it is none.
    pub fn add(&mut self, text: &str) -> bool {
        let Some((millionths, digits)) = parse(text) else { return false };
        self.millionths += u128::from(millionths);
        self.digits = self.digits.max(digits);
        true
    }

    /// Its worth in millionths of the currency's unit.
    pub fn millionths(&self) -> u128 {
        self.millionths
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.millionths / MILLION, self.millionths % MILLION);
        let fraction = format!("{fraction:0FRACTION_DIGITS$}");
        match fraction.get(..self.digits) {
            None | Some("") => f.pad(&whole.to_string()),
            Some(digits) => f.pad(&format!("{whole}.{digits}")),
        }
    }
}

/// Millionths, and how many digits are after the point.
fn parse(text: &str) -> Option<(u64, usize)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let pointless = fraction.is_empty() && !text.contains('.');
    if !digits(whole, WHOLE_DIGITS) || !(pointless || digits(fraction, FRACTION_DIGITS)) {
        return None;
    }
    Some((format!("{whole}{fraction:0<FRACTION_DIGITS$}").parse().ok()?, fraction.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let amount = |text: &str| text.parse::<Amount>();
        assert_eq!(amount("50").unwrap(), amount("50.00").unwrap());
        assert_ne!(amount("50").unwrap(), amount("50.01").unwrap());
        assert_eq!(amount("0.5").unwrap().millionths(), 500_000);
        assert_eq!(amount("999999999999.999999").unwrap().millionths(), 999_999_999_999_999_999);
        assert_eq!(amount("50.00").unwrap().to_string(), "50.00");
        for bad in ["", "0", "0.00", "-1", "+1", "1.", ".5", "1e3", "1,50", " 1", "1.0000001", "1000000000000", "५"] {
            assert_eq!(amount(bad), Err(AmountError), "{bad}");
        }
    }

    #[test]
    fn sums() {
        let mut sum = Sum::default();
        assert_eq!(sum.to_string(), "0");
        assert!(sum.add("0.00") && sum.add("12.5") && sum.add("999999999999"));
        assert_eq!(sum.to_string(), "1000000000011.50");
        assert!(!sum.add("-1") && !sum.add("") && !sum.add("1.") && !sum.add("."));
        assert_eq!(sum.millionths(), 1_000_000_000_011_500_000);
    }
}
