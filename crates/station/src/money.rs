//! Money in minor units of a currency. Never floating point.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in minor units (cents) of a currency that the context names; may be negative in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount of one line or order: 10^12 minor units. Sums of many such amounts still fit an `i64`.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// An amount of minor units.
    pub fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The minor units.
    pub fn minor(self) -> i64 {
        self.0
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, if it fits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl std::ops::Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A currency: its ISO 4217 code and its number of decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    digits: u8,
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("write an amount as a decimal number, for example 50.00")]
    Number,
    /// More decimal digits than the currency has.
    #[error("the amount has more decimal digits than {0} has ({1})")]
    Digits(Currency, u8),
    /// Zero or negative.
    #[error("the amount must be greater than zero")]
    NotPositive,
    /// Over [`Money::MAX`].
    #[error("the amount is absurdly large")]
    TooLarge,
}

/// The text is no ISO 4217 currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is written as its ISO 4217 code, three capital letters, for example EUR")]
pub struct CurrencyError;

/// Currencies of ISO 4217 that have no decimal digit, and those that have three; all others here have two.
const NO_DIGIT: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF"];
const THREE_DIGITS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

impl Currency {
    /// The currency of an ISO 4217 code.
    ///
    /// # Errors
    /// [`CurrencyError`] if it is not three capital letters.
    pub fn from_code(code: &str) -> Result<Self, CurrencyError> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if !bytes.iter().all(u8::is_ascii_uppercase) {
            return Err(CurrencyError);
        }
        let digits = match code {
            code if NO_DIGIT.contains(&code) => 0,
            code if THREE_DIGITS.contains(&code) => 3,
            _ => 2,
        };
        Ok(Self { code: bytes, digits })
    }

    /// Its ISO 4217 code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("XXX")
    }

    /// Its number of decimal digits.
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// Reads a positive amount as people write it: `50`, `50.00`.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn parse(self, text: &str) -> Result<Money, MoneyError> {
        let (negative, number) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(MoneyError::Number);
        }
        if negative {
            return Err(MoneyError::NotPositive);
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::from(self.digits).checked_sub(fraction.len());
        let missing = missing.ok_or(MoneyError::Digits(self, self.digits))?;
        let minor = format!("{whole}{fraction}{}", "0".repeat(missing));
        let minor = minor.trim_start_matches('0');
        if minor.is_empty() {
            return Err(MoneyError::NotPositive);
        }
        minor.parse().ok().map(Money).filter(|money| *money <= Money::MAX).ok_or(MoneyError::TooLarge)
    }

    /// The amount as a decimal number with all the currency's digits: `50.00`.
    pub fn format(self, money: Money) -> String {
        let digits = usize::from(self.digits);
        let sign = if money.0 < 0 { "-" } else { "" };
        let minor = format!("{:0>width$}", money.0.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = minor.split_at(minor.len() - digits);
        if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

/// An amount with its currency: written as a decimal number, in JSON too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount(pub Money, pub Currency);

impl Amount {
    /// With the currency's code after it: `50.00 EUR`.
    pub fn with_currency(self) -> String {
        format!("{self} {}", self.1)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.1.format(self.0))
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_code(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let eur = Currency::from_code("EUR").unwrap();
        assert_eq!(eur.parse("50.00"), Ok(Money(5000)));
        assert_eq!(eur.parse("50"), Ok(Money(5000)));
        assert_eq!(eur.parse("0.05"), Ok(Money(5)));
        assert_eq!(eur.parse("1.500"), Ok(Money(150)));
        assert_eq!(eur.parse("0"), Err(MoneyError::NotPositive));
        assert_eq!(eur.parse("-5.00"), Err(MoneyError::NotPositive));
        assert_eq!(eur.parse("1.005"), Err(MoneyError::Digits(eur, 2)));
        assert_eq!(eur.parse("99999999999999999999999"), Err(MoneyError::TooLarge));
        for bad in ["", ".", "1e5", "1,5", "NaN", "٣", " 5", "+5"] {
            assert_eq!(eur.parse(bad), Err(MoneyError::Number), "{bad}");
        }
        assert_eq!(eur.format(Money(-5)), "-0.05");
        let ugx = Currency::from_code("UGX").unwrap();
        assert_eq!(ugx.parse("5000"), Ok(Money(5000)));
        assert_eq!(ugx.format(Money(5000)), "5000");
        assert!(Currency::from_code("eur").is_err());
    }
}
