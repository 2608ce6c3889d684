//! Numbers that cannot be mistaken for one another: epochs, register numbers, credit.

use crate::cbor::{DecodeError, Decoder, Object, Writer, read_array};
use core::fmt;

/// Thousandths of a credit unit in a credit unit.
pub const FINE_PER_UNIT: i64 = 1000;

/// By how much a number may grow at once, so that a stolen operational key cannot use numbers up (DESIGN §2).
pub const MAX_NUMBER_JUMP: u32 = 1 << 20;

/// What a meter measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Commodity {
    /// Gas; credit unit dm³.
    Gas = 1,
    /// Water; credit unit litre.
    Water = 2,
    /// Electricity; credit unit Wh.
    Electricity = 3,
}

impl Commodity {
    /// The commodity of a protocol code (1 gas, 2 water, 3 electricity).
    pub fn from_code(code: u64) -> Option<Self> {
        [Self::Gas, Self::Water, Self::Electricity].into_iter().find(|c| *c as u64 == code)
    }

    /// Its English name, as in commands and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gas => "gas",
            Self::Water => "water",
            Self::Electricity => "electricity",
        }
    }

    /// The commodity of an English name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gas, Self::Water, Self::Electricity].into_iter().find(|c| c.name() == name)
    }

    /// The unit that people see, a thousand credit units: `m³` or `kWh`.
    pub fn display_unit(self) -> &'static str {
        match self {
            Self::Gas | Self::Water => "m³",
            Self::Electricity => "kWh",
        }
    }

    fn unit_suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Gas | Self::Water => &["m³", "m3"],
            Self::Electricity => &["kWh", "kwh"],
        }
    }

    /// Reads an amount as people write it, `1.250m3` or `12 kWh`, in thousandths of a credit unit.
    ///
    /// # Errors
    /// [`AmountError`] if it is no such amount, negative, finer than a thousandth of a credit unit, or over
    /// [`Units::MAX`].
    pub fn parse_amount(self, text: &str) -> Result<FineCredit, AmountError> {
        let text = text.trim();
        let number = self.unit_suffixes().iter().find_map(|unit| text.strip_suffix(unit));
        let number = number.ok_or(AmountError::Unit(self.display_unit()))?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(AmountError::Number);
        }
        let whole: i64 = whole.parse().map_err(|_| AmountError::Number)?;
        // At most 6 digits, scaled to millionths of the display unit: thousandths of a credit unit.
        let missing = 6_u32.saturating_sub(fraction.len() as u32);
        let fraction: i64 = fraction.parse().map_err(|_| AmountError::Number)?;
        let fraction = fraction.saturating_mul(10_i64.saturating_pow(missing));
        whole
            .checked_mul(1_000_000)
            .and_then(|fine| fine.checked_add(fraction))
            .filter(|fine| *fine <= Units::MAX_FINE)
            .map(FineCredit)
            .ok_or(AmountError::Number)
    }
}

impl fmt::Display for Commodity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not an amount of a commodity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The unit is missing or another one.
    #[error("write the amount with its unit, for example 1.250{0}")]
    Unit(&'static str),
    /// The number cannot be read or is out of range.
    #[error("the amount is not a positive decimal number with at most 6 digits after the point")]
    Number,
}

/// Key epoch of a meter: raised by one by the root key; register numbers are compared within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Epoch(pub u16);

/// Number of a credit register's version, within an [`Epoch`]. The factory's is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct CreditNumber(pub u32);

/// A sum of credit in whole credit units (dm³, litre, Wh, or the minor unit of a currency, see [`crate::CreditKind`]), 0 to
/// [`Units::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Units(u64);

/// The sum of credit is over [`Units::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sum of credit is at most 10^15 units")]
pub struct UnitsError;

impl Units {
    /// The largest sum. In thousandths, and added to a few others of its kind, it still fits an `i64`.
    pub const MAX: u64 = 1_000_000_000_000_000;
    /// The same in thousandths.
    const MAX_FINE: i64 = Self::MAX as i64 * FINE_PER_UNIT;
    /// No credit.
    pub const ZERO: Self = Self(0);

    /// A sum of `units`.
    ///
    /// # Errors
    /// [`UnitsError`] over [`Units::MAX`].
    pub fn new(units: u64) -> Result<Self, UnitsError> {
        (units <= Self::MAX).then_some(Self(units)).ok_or(UnitsError)
    }

    /// The number of units.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The sum of both, if it is in range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0)?).ok()
    }

    /// The difference, if it is not negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The same in thousandths.
    pub fn fine(self) -> FineCredit {
        // At most 10^18.
        FineCredit((self.0 as i64).saturating_mul(FINE_PER_UNIT))
    }
}

/// Credit or consumption in thousandths of a credit unit (cm³, millilitre, mWh, or a thousandth of a currency's minor unit), fine
/// enough for the smallest pulse; may be negative as a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FineCredit(pub i64);

impl FineCredit {
    /// None.
    pub const ZERO: Self = Self(0);

    /// For people, in the display unit of `commodity` with three digits after the point: `12.345 m³`.
    pub fn display(self, commodity: Commodity) -> impl fmt::Display {
        struct Shown(FineCredit, Commodity);
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let fine = self.0.0;
                let sign = if fine < 0 { "-" } else { "" };
                const PER_UNIT: u64 = FINE_PER_UNIT as u64;
                let units = fine.unsigned_abs() / PER_UNIT;
                write!(f, "{sign}{}.{:03} {}", units / 1000, units % 1000, self.1.display_unit())
            }
        }
        Shown(self, commodity)
    }
}

/// One version of a credit register: as of `number`, `total` units have been sold to this meter since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Register {
    /// The version's number.
    pub number: CreditNumber,
    /// Units sold since the meter was made.
    pub total: Units,
}

impl Object<'_> for Register {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(2).uint(self.number.0).uint(self.total.0);
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        read_array(input, 2)?;
        let number = CreditNumber(input.u32()?);
        let total = Units::new(input.u64()?).map_err(|_| DecodeError::Malformed)?;
        Ok(Self { number, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn amounts_are_read_and_shown() {
        let gas = Commodity::Gas;
        assert_eq!(gas.parse_amount("1.250m3"), Ok(FineCredit(1_250_000)));
        assert_eq!(gas.parse_amount(" 12 m³"), Ok(FineCredit(12_000_000)));
        assert_eq!(gas.parse_amount("0.000001m3"), Ok(FineCredit(1)));
        assert_eq!(Commodity::Electricity.parse_amount("3kWh"), Ok(FineCredit(3_000_000)));
        for bad in ["-1m3", "1.m3", ".5m3", "1e3m3", "0.0000001m3", "99999999999999999999m3", "m3"] {
            assert_eq!(gas.parse_amount(bad), Err(AmountError::Number), "{bad}");
        }
        assert_eq!(gas.parse_amount("1kWh"), Err(AmountError::Unit("m³")));
        assert_eq!(FineCredit(1_250_000).display(gas).to_string(), "1.250 m³");
        assert_eq!(FineCredit(-40_000).display(gas).to_string(), "-0.040 m³");
    }
}
