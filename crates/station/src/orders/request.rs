//! What a payer asks for, read and checked.

use super::MAX_LINES;
use crate::meters::{self, Meter};
use crate::money::Currency;
use crate::problem::{Code, Error};
use crate::sales::Asked;
use coinless_protocol::{Commodity, MeterId, Units};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What a payer asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// 1 to 500 lines, each for another meter, of utilities that sell in one currency.
    pub lines: Vec<LineRequest>,
    /// ISO 4217 code; the utilities' own if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Who pays, as the payment provider knows them; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The payment provider's name; the station's first one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// One line of a request: a sum of money, or a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// The meter's number with its check character.
    pub meter: String,
    /// A decimal number in the order's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Instead of an amount: so many m³ or kWh, a decimal number with a unit that fits the meter: `12m3`, `30.5kWh`. Not for a
    /// meter that counts money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The credit will be loaded at once: the newest receipt's balance counts against the meter's maximum too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub immediate: bool,
}

/// A line that was read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The meter.
    pub meter: MeterId,
    /// What is to be bought.
    pub asked: Asked,
    /// Whether it will be loaded at once.
    pub immediate: bool,
}

/// Most characters of who pays.
const MAX_PAYER_CHARS: usize = 64;

impl OrderRequest {
    /// What is stored as the request of an order that was made again without its payer: nobody knows what was asked for.
    pub(crate) const NOT_KNOWN: &str = r#"{"lines":[]}"#;

    /// The meters of the lines, in their order; everything that does not depend on the meters is checked.
    ///
    /// # Errors
    /// A refusal that says what is wrong.
    pub fn meters(&self) -> Result<Vec<MeterId>, Error> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return Err(Error::refused(Code::Malformed, format!("an order has 1 to {MAX_LINES} lines")));
        }
        if self.payer.as_deref().is_some_and(|payer| payer.chars().count() > MAX_PAYER_CHARS) {
            return Err(Error::refused(Code::Malformed, format!("payer has at most {MAX_PAYER_CHARS} characters")));
        }
        let ids: Vec<MeterId> =
            self.lines.iter().map(|line| meters::parse_label(&line.meter)).collect::<Result<_, _>>()?;
        // Lines are quoted each by itself. What one of them buys may depend on what the meter bought before, and then the
        // second could not be sold as quoted.
        let mut known = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !known.insert(**id)) {
            let detail = format!("{} is in two lines: order all that it is to get in one", twice.label());
            return Err(Error::refused(Code::Malformed, detail));
        }
        Ok(ids)
    }

    /// Refuses another currency than the utilities'.
    ///
    /// # Errors
    /// [`Code::WrongCurrency`].
    pub fn check_currency(&self, currency: Currency) -> Result<(), Error> {
        match self.currency.as_deref() {
            Some(code) if code != currency.code() => {
                Err(Error::refused(Code::WrongCurrency, format!("these meters are sold to in {currency}")))
            }
            _ => Ok(()),
        }
    }

    /// The same request without who pays.
    pub fn without_payer(&self) -> Self {
        Self { payer: None, ..self.clone() }
    }

    /// SHA-256 of the request: what the order's id covers, also when the request itself has been erased.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if it cannot be written as JSON, which cannot be.
    pub fn digest(&self) -> Result<Vec<u8>, Error> {
        let json = serde_json::to_vec(self).map_err(|error| Error::inconsistent(error.to_string()))?;
        Ok(digest(&SHA256, &json).as_ref().to_vec())
    }
}

impl LineRequest {
    /// Reads the line for a meter that is sold to in `currency`.
    ///
    /// # Errors
    /// A refusal that says what is wrong with it.
    pub fn parse(&self, meter: &Meter, currency: Currency) -> Result<Line, Error> {
        let bad = |why: String| Error::refused(Code::BadAmount, format!("{}: {why}", meter.id.label()));
        let asked = match (&self.amount, &self.quantity) {
            (Some(amount), None) => Asked::Money(currency.parse(amount).map_err(|error| bad(error.to_string()))?),
            (None, Some(_)) if meter.currency.is_some() => {
                return Err(bad(format!("its credit is money, so order an amount of {currency}")));
            }
            (None, Some(quantity)) => Asked::Units(units(quantity, meter.commodity).map_err(bad)?),
            _ => return Err(Error::refused(Code::Malformed, "a line has either an amount or a quantity")),
        };
        Ok(Line { meter: meter.id, asked, immediate: self.immediate })
    }
}

/// Reads `12m3`, `12 m³`, `30.5kWh` as credit units.
fn units(text: &str, commodity: Commodity) -> Result<Units, String> {
    let example = match commodity {
        Commodity::Electricity => "30kWh",
        Commodity::Gas | Commodity::Water => "12m3",
    };
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let fits = match commodity {
        Commodity::Electricity => unit.trim_start().eq_ignore_ascii_case("kWh"),
        Commodity::Gas | Commodity::Water => ["m3", "m³", "M3"].contains(&unit.trim_start()),
    };
    if !fits {
        return Err(format!("a quantity of {} is written like {example}", commodity.name()));
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|byte| byte.is_ascii_digit());
    let (is_number, fraction) = (digits(whole) && digits(fraction), fraction.trim_end_matches('0'));
    if !is_number || fraction.len() > 3 {
        return Err(format!("a quantity is a decimal number with at most 3 digits after the point: {example}"));
    }
    let value: u64 = format!("{whole}{fraction:0<3}").parse().map_err(|_| "absurdly large".to_owned())?;
    match Units::new(value) {
        Ok(units) if units > Units::ZERO => Ok(units),
        Ok(_) => Err("the quantity must be greater than zero".to_owned()),
        Err(_) => Err("absurdly large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let gas = |text| units(text, Commodity::Gas).map(Units::get);
        assert_eq!(gas("12m3"), Ok(12_000));
        assert_eq!(gas("0.5 m³"), Ok(500));
        assert_eq!(gas("12.345m3"), Ok(12_345));
        assert_eq!(gas("12.3450m3"), Ok(12_345));
        assert_eq!(units("30.5kWh", Commodity::Electricity).map(Units::get), Ok(30_500));
        for bad in ["12", "12.m3", "12kWh", "m3", ".5m3", "1.2345m3", "0m3", "-1m3", "1e3m3", "9999999999999999999m3"] {
            assert!(gas(bad).is_err(), "{bad}");
        }
    }
}
