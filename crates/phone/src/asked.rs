//! What is asked for a meter: a sum of money, or a quantity.

use crate::{Amount, AmountError};
use coinless_protocol::{Commodity, Units};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is asked for a meter, as a line of the station's JSON has it: `"amount": "50.00"` or `"quantity": "12m3"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// So much money, whatever it buys.
    Amount(Amount),
    /// So many m³ or kWh, whatever they cost.
    Quantity(Quantity),
}

/// A quantity above zero: a decimal number with at most 3 digits after the point, and m³ or kWh. Two quantities are equal if
/// they are as much (`12m3` and `12.000 m³`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    units: Units,
    of: Measure,
}

/// The unit of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    CubicMetre,
    KilowattHour,
}

/// The text is neither an amount nor a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    /// Not an amount of money.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Not a quantity.
    #[error(
        "this is neither an amount of money such as 50.00, nor a quantity above zero with its unit and at most 3 digits after \
         the point, such as 12m3 or 30.5kWh"
    )]
    Quantity,
}

/// Most digits before the point.
const WHOLE_DIGITS: usize = 9;
const FRACTION_DIGITS: usize = 3;

impl Quantity {
    /// Credit units: dm³ or Wh.
    pub fn units(&self) -> Units {
        self.units
    }

    /// So many credit units of `commodity`; none if it is nothing.
    pub fn of_units(units: Units, commodity: Commodity) -> Option<Self> {
        let of = match commodity {
            Commodity::Electricity => Measure::KilowattHour,
            Commodity::Gas | Commodity::Water => Measure::CubicMetre,
        };
        (units > Units::ZERO).then_some(Self { units, of })
    }

    /// Whether a meter for the commodity of this name counts in its unit; `true` for a name that this version does not know.
    pub fn fits(&self, commodity: &str) -> bool {
        match self.of {
            Measure::CubicMetre => commodity != Commodity::Electricity.name(),
            Measure::KilowattHour => ![Commodity::Gas.name(), Commodity::Water.name()].contains(&commodity),
        }
    }
}

impl FromStr for Quantity {
    type Err = AskedError;

    fn from_str(text: &str) -> Result<Self, AskedError> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let of = match unit.trim_start() {
            "m3" | "M3" | "m³" => Measure::CubicMetre,
            unit if unit.eq_ignore_ascii_case("kWh") => Measure::KilowattHour,
            _ => return Err(AskedError::Quantity),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let fine = fraction.trim_end_matches('0');
        if !digits(whole) || !digits(fraction) || whole.len() > WHOLE_DIGITS || fine.len() > FRACTION_DIGITS {
            return Err(AskedError::Quantity);
        }
        let units = format!("{whole}{fine:0<FRACTION_DIGITS$}").parse().map_err(|_| AskedError::Quantity)?;
        match Units::new(units) {
            Ok(units) if units > Units::ZERO => Ok(Self { units, of }),
            _ => Err(AskedError::Quantity),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.units.get() / 1000, self.units.get() % 1000);
        let fraction = format!("{fraction:03}");
        let point = if fraction == "000" { "" } else { "." };
        let unit = match self.of {
            Measure::CubicMetre => "m3",
            Measure::KilowattHour => "kWh",
        };
        f.pad(&format!("{whole}{point}{}{unit}", fraction.trim_end_matches('0')))
    }
}

impl TryFrom<String> for Quantity {
    type Error = AskedError;

    fn try_from(text: String) -> Result<Self, AskedError> {
        text.parse()
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.to_string()
    }
}

impl Asked {
    /// The amount of money, if it is one.
    pub fn amount(&self) -> Option<&Amount> {
        match self {
            Self::Amount(amount) => Some(amount),
            Self::Quantity(_) => None,
        }
    }
}

impl FromStr for Asked {
    type Err = AskedError;

    /// What has a letter is meant as a quantity.
    fn from_str(text: &str) -> Result<Self, AskedError> {
        if text.contains(char::is_alphabetic) {
            return text.parse().map(Self::Quantity);
        }
        Ok(Self::Amount(text.parse()?))
    }
}

/// What a person typed, with the digits and the point that the rest of the courier reads: keyboards of other scripts give other
/// digits (`٢٠٫٥٠`), and many languages write a comma for the point. Signs between thousands stay, and are refused later.
pub fn as_typed(text: &str) -> String {
    const ZEROS: [char; 3] = ['\u{660}', '\u{6f0}', '\u{ff10}'];
    let plain = |letter: char| match letter {
        ',' | '\u{66b}' | '\u{ff0c}' | '\u{ff0e}' => '.',
        _ => {
            let digit = |zero: char| u32::from(letter).checked_sub(u32::from(zero)).filter(|digit| *digit < 10);
            ZEROS.into_iter().find_map(digit).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(letter)
        }
    };
    text.trim().chars().map(plain).collect()
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(amount) => amount.fmt(f),
            Self::Quantity(quantity) => quantity.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_in_their_own_script() {
        for (typed, plain) in
            [(" 20,50 ", "20.50"), ("٢٠٫٥٠", "20.50"), ("۱۲٫۵m3", "12.5m3"), ("２０．５０", "20.50"), ("", "")]
        {
            assert_eq!(as_typed(typed), plain);
        }
        assert!(as_typed("1,000.00").parse::<Asked>().is_err());
        assert!(as_typed("1٬000").parse::<Asked>().is_err());
    }

    #[test]
    fn money_and_quantities() {
        let shown = |text: &str| text.parse::<Asked>().map(|asked| asked.to_string());
        assert_eq!(shown("50.00"), Ok("50.00".into()));
        for (typed, sent) in
            [("12m3", "12m3"), ("12.50 m³", "12.5m3"), ("30.5kWh", "30.5kWh"), ("0.001KWH", "0.001kWh")]
        {
            assert_eq!(shown(typed), Ok(sent.into()));
        }
        assert_eq!("12m3".parse::<Quantity>().unwrap().units().get(), 12_000);
        assert_eq!("12m3".parse::<Asked>(), "12.000 M3".parse());
        assert_ne!("12m3".parse::<Asked>(), "12kWh".parse());
        for bad in ["12l", "m3", "12.m3", ".5m3", "1.2345m3", "0m3", "-1m3", "1e3m3", "9999999999m3", "12,5m3", "12m3x"]
        {
            assert_eq!(shown(bad), Err(AskedError::Quantity), "{bad}");
        }
        assert_eq!(shown("1,50"), Err(AskedError::Amount(AmountError)));
    }

    #[test]
    fn units_fit_meters() {
        let (volume, energy): (Quantity, Quantity) = ("1m3".parse().unwrap(), "1kWh".parse().unwrap());
        assert!(volume.fits("gas") && volume.fits("water") && !volume.fits("electricity") && volume.fits("heat"));
        assert!(!energy.fits("gas") && !energy.fits("water") && energy.fits("electricity") && energy.fits(""));
    }

    #[test]
    fn as_part_of_a_line() {
        #[derive(Serialize, Deserialize, PartialEq, Debug)]
        struct Line {
            #[serde(flatten)]
            asked: Asked,
        }
        let read = |json: &str| serde_json::from_str::<Line>(json).map(|line| line.asked.to_string()).ok();
        assert_eq!(read(r#"{"more":1,"quantity":"12m3"}"#).as_deref(), Some("12m3"));
        assert_eq!(read(r#"{"amount":"5"}"#).as_deref(), Some("5"));
        assert_eq!(read(r#"{"quantity":"12"}"#), None);
        assert_eq!(serde_json::to_string(&Line { asked: "3kWh".parse().unwrap() }).unwrap(), r#"{"quantity":"3kWh"}"#);
    }
}
