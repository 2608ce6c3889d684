//! What a meter's credit is counted in: units of what it measures, or money.

use crate::cbor::{DecodeError, Decoder, Object, Writer, read_array};
use core::fmt;

/// What credit is counted in. It is fixed when a meter is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreditKind {
    /// The credit unit is that of the commodity: dm³, litre, Wh. Consumption is credit used.
    Unit,
    /// The credit unit is the minor unit of a currency. The meter prices consumption by its tariff register.
    Money(Currency),
}

/// A currency by its code and the digits after its point (ISO 4217).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// Most digits after the point.
    pub const MAX_EXPONENT: u8 = 4;

    /// The currency with this code and this many digits after the point; none if the code is not three capital letters or there
    /// are more digits than [`Currency::MAX_EXPONENT`].
    pub fn new(code: [u8; 3], exponent: u8) -> Option<Self> {
        let lawful = code.iter().all(u8::is_ascii_uppercase) && exponent <= Self::MAX_EXPONENT;
        lawful.then_some(Self { code, exponent })
    }

    /// Its code, three capital letters.
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// Digits after the point of an amount: its minor unit is 10^-exponent.
    pub fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Object<'_> for Currency {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(2).str(self.code()).uint(self.exponent);
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        read_array(input, 2)?;
        let code = input.str()?.as_bytes().try_into().map_err(|_| DecodeError::Malformed)?;
        Self::new(code, input.u8()?).ok_or(DecodeError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn currencies_are_three_capital_letters() {
        let euro = Currency::new(*b"EUR", 2).unwrap();
        assert_eq!((euro.to_string().as_str(), euro.exponent()), ("EUR", 2));
        assert_eq!(Currency::new(*b"eur", 2), None);
        assert_eq!(Currency::new(*b"EUR", 5), None);
    }
}
