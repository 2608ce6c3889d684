//! A line of a quote's explanation in figures, as the station's API tells them, so that an app can say it in its reader's language.

use super::Explanation;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// What a line of an explanation says, in figures. What says nothing is left out; without a `kind` there are none, and the line's
/// `text` says all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// What the line is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<StepKind>,
    /// `block`, `free`: credit units (dm³, litre, Wh) of this line. `rounding`: how many more would cost more than is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<u64>,
    /// A decimal number. `block`, `tax`: of one m³ or kWh. `standing`: of one day or month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// `block`: its number from 1, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// `block`: the credit units of a `per` after which it begins, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_units: Option<u64>,
    /// `block`: the credit units of a `per` at which it ends; left out of the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_units: Option<u64>,
    /// `block`: how long blocks are counted before they begin anew. `standing`: what `price` and `count` are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// `block`: counted by what the meter says was consumed, and not by what was bought.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consumed: bool,
    /// `free`: the free units count in the blocks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub counts_in_blocks: bool,
    /// `standing`: how many days or months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// `standing`, `free`: the first day (`2026-07-14`) or month (`2026-07`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `standing`, `free`: the last day or month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `tax`, `fee`: its name, in the utility's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `tax`: a decimal number, of the parts that `of` and `of_taxes` name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// `tax`: which parts of the price it is taken of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Taxed>,
    /// `tax`: the names of the taxes that it is taken of as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_taxes: Vec<String>,
    /// `fee`: who gets it, in the utility's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payee: Option<String>,
    /// `debt`: what is owed afterwards, a decimal number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// What a line of an explanation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// What is sold, at one price: all of it, or a block of the tariff.
    Block,
    /// Credit in money, for a meter that prices what is used by itself.
    Credit,
    /// A free allowance.
    Free,
    /// Standing charge.
    Standing,
    /// A tax or a levy.
    Tax,
    /// Recovery of debt.
    Debt,
    /// A fee for the service.
    Fee,
    /// What is left because one credit unit more would cost more than that.
    Rounding,
    /// A kind that this version does not know: the line's text says it.
    #[serde(other)]
    Other,
}

/// A time that prices and blocks are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// A year of the tariff.
    Year,
}

/// A part of a price that is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taxed {
    /// The gas, the water, the electricity.
    Commodity,
    /// The standing charge.
    Standing,
}

/// Figures are there to be shown: those that cannot be read are left out, and the line's text stands. Written out, since what serde
/// derives for a flattened field is several times as large.
impl<'de> Deserialize<'de> for Explanation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let Some(Value::String(text)) = fields.remove("text") else { return Err(D::Error::custom("no text")) };
        let amount = match fields.remove("amount") {
            None => String::new(),
            Some(Value::String(amount)) => amount,
            Some(_) => return Err(D::Error::custom("the amount is no text")),
        };
        let within = match fields.remove("within") {
            None => false,
            Some(Value::Bool(within)) => within,
            Some(_) => return Err(D::Error::custom("within is neither true nor false")),
        };
        let step = serde_json::from_value(Value::Object(fields)).unwrap_or_default();
        Ok(Self { text, amount, within, step })
    }
}
