//! What goes over the wire: the bodies of `docs/sales-system.openapi.yaml`, and how a sale's id is written there.

use crate::money::{Currency, Money, MoneyError};
use crate::sales::{Asked, SaleRequest, Step};
use coinless_protocol::Commodity;
use serde::{Deserialize, Serialize};

/// The version that this adapter speaks, as the first part of every path.
pub const VERSION: &str = "v1";
/// The latest time that can be written: 2^53 - 1 milliseconds, which every reader of JSON keeps whole.
pub const MAX_TIME_MS: i64 = 9_007_199_254_740_991;
/// Media type of error answers (RFC 9457 §3).
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// What the payer asked for: `{"amount": "50.00"}` or `{"units": 12000}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBody {
    /// As much as this sum buys, a decimal number.
    Amount(String),
    /// At least so many credit units.
    Units(u64),
}

/// `POST /v1/trials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialBody {
    /// The meter's identity without check character.
    pub meter: String,
    /// `gas`, `water` or `electricity`.
    pub commodity: String,
    /// The credit unit: `dm3`, `litre` or `Wh`.
    pub unit: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What the payer asked for.
    pub asked: AskedBody,
}

/// Answer to a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteBody {
    /// The meter's identity.
    pub meter: String,
    /// What it measures.
    pub commodity: String,
    /// The credit unit.
    pub unit: String,
    /// How many credit units.
    pub units: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the payer pays, a decimal number.
    pub amount: String,
    /// For the utility, a decimal number.
    pub net: String,
    /// Taxes and levies, a decimal number.
    pub tax: String,
    /// Fees for the service, a decimal number.
    pub fee: String,
    /// How the sum comes about; adds up to `amount`.
    pub explanation: Vec<LineBody>,
    /// To be told again when this quote is sold.
    #[serde(default)]
    pub terms: String,
}

/// A line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBody {
    /// What for.
    pub text: String,
    /// How much, a decimal number; may be negative.
    pub amount: String,
    /// The same in figures, if it says so.
    #[serde(flatten, deserialize_with = "Step::told")]
    pub step: Step,
}

/// `PUT /v1/sales/{sale_id}`, and also the body of its confirmation and of its reversal: what the id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleBody {
    /// The meter's identity.
    pub meter: String,
    /// What it measures.
    pub commodity: String,
    /// The credit unit.
    pub unit: String,
    /// How many credit units the accepted quote promised.
    pub units: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the payer paid, a decimal number.
    pub amount: String,
    /// What the payer asked for.
    pub asked: AskedBody,
    /// The words of the accepted quote.
    pub terms: String,
}

/// A sale as the sales system tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleAnswer {
    /// The sale's id as in the URL.
    pub sale_id: String,
    /// The meter's identity.
    pub meter: String,
    /// What it measures.
    pub commodity: String,
    /// The credit unit.
    pub unit: String,
    /// How many credit units.
    pub units: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the payer paid, a decimal number.
    pub amount: String,
    /// `successful`, `failed` or `unknown`.
    pub outcome: String,
    /// Why it failed; only with `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureBody>,
}

/// Why a sale failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureBody {
    /// A code of the closed list.
    pub code: String,
    /// Words for the payer.
    #[serde(default)]
    pub detail: String,
}

/// Answer to a confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationAnswer {
    /// The sale's id as in the URL.
    pub sale_id: String,
    /// Always true.
    pub confirmed: bool,
}

/// Answer to a reversal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalAnswer {
    /// The sale's id as in the URL.
    pub sale_id: String,
    /// Always true.
    pub reversed: bool,
}

/// `GET /v1/meters/{meter}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterAnswer {
    /// The meter's identity.
    pub meter: String,
    /// The customer's name, if it is told.
    #[serde(default)]
    pub customer: Option<String>,
    /// Where it hangs, if it is told.
    #[serde(default)]
    pub place: Option<String>,
}

/// A page of `GET /v1/sales`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesPage {
    /// Sales, oldest first.
    pub sales: Vec<EntryBody>,
    /// Where the next page begins; none on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A sale in the sales system's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryBody {
    /// The sale's id as in the URL.
    pub sale_id: String,
    /// The meter's identity.
    pub meter: String,
    /// What it measures.
    pub commodity: String,
    /// The credit unit.
    pub unit: String,
    /// How many credit units.
    pub units: u64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the payer paid, a decimal number.
    pub amount: String,
    /// Whether it was taken back since.
    pub reversed: bool,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
}

/// An error answer (RFC 9457 §3.1) with `code`, and `sale_id` when it is about a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// `urn:coinless:sales:problem:` and the code.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The kind of problem in English.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What went wrong this time, for the payer if the problem is final.
    #[serde(default)]
    pub detail: String,
    /// Stable name of the kind of problem.
    pub code: String,
    /// The sale that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_id: Option<String>,
}

/// Why a sale or a quote is refused for good: the closed list of the contract. Whatever is not in it is not final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalCode {
    /// The utility does not sell this commodity here.
    NotSold,
    /// The utility does not know the meter.
    UnknownMeter,
    /// The utility does not sell to this meter now.
    MeterBlocked,
    /// Less than can be sold.
    AmountTooSmall,
    /// More than can be sold at once.
    AmountTooLarge,
    /// The quote does not hold any more.
    TermsExpired,
    /// The sale was taken back, before or after it was made.
    SaleReversed,
    /// The sale cannot be taken back.
    NotReversible,
}

impl FinalCode {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NotSold,
        Self::UnknownMeter,
        Self::MeterBlocked,
        Self::AmountTooSmall,
        Self::AmountTooLarge,
        Self::TermsExpired,
        Self::SaleReversed,
        Self::NotReversible,
    ];

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSold => "not_sold",
            Self::UnknownMeter => "unknown_meter",
            Self::MeterBlocked => "meter_blocked",
            Self::AmountTooSmall => "amount_too_small",
            Self::AmountTooLarge => "amount_too_large",
            Self::TermsExpired => "terms_expired",
            Self::SaleReversed => "sale_reversed",
            Self::NotReversible => "not_reversible",
        }
    }

    /// What the payer is told when the sales system has no words of its own.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotSold => "the utility does not sell this here",
            Self::UnknownMeter => "the utility does not know this meter",
            Self::MeterBlocked => "the utility does not sell to this meter now",
            Self::AmountTooSmall => "the amount is smaller than the utility sells",
            Self::AmountTooLarge => "the amount is larger than the utility sells at once",
            Self::TermsExpired => "the utility's quote does not hold any more",
            Self::SaleReversed => "the utility took the sale back",
            Self::NotReversible => "the utility does not take the sale back",
        }
    }

    /// The code of this name, if it is in the list.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// The credit unit of a commodity as the contract writes it.
pub fn unit_of(commodity: Commodity) -> &'static str {
    match commodity {
        Commodity::Gas => "dm3",
        Commodity::Water => "litre",
        Commodity::Electricity => "Wh",
    }
}

/// Writes a sale's id `order/line` for URLs and bodies: its one `/` becomes a `.`. None if the order is not 1 to 64 of
/// `0-9A-Za-z-`, or the line not a number from 1 with at most 9 digits.
pub fn encode_sale_id(sale_id: &str) -> Option<String> {
    join(sale_id.split_once('/')?, '.')
}

/// Reads a sale's id from the wire: the reverse of [`encode_sale_id`].
pub fn decode_sale_id(written: &str) -> Option<String> {
    join(written.split_once('.')?, '/')
}

fn join((order, line): (&str, &str), by: char) -> Option<String> {
    let order_fits = (1..=64).contains(&order.len()) && order.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let line_fits = (1..=9).contains(&line.len()) && line.bytes().all(|b| b.is_ascii_digit()) && !line.starts_with('0');
    (order_fits && line_fits).then(|| format!("{order}{by}{line}"))
}

/// Reads a decimal number that may be zero, as [`Currency::parse`] does otherwise.
///
/// # Errors
/// [`MoneyError`].
pub fn parse_or_zero(currency: Currency, text: &str) -> Result<Money, MoneyError> {
    match currency.parse(text) {
        Err(MoneyError::NotPositive) if !text.starts_with('-') => Ok(Money::ZERO),
        read => read,
    }
}

impl AskedBody {
    /// What was asked for, in `currency`.
    pub fn new(asked: Asked, currency: Currency) -> Self {
        match asked {
            Asked::Money(amount) => Self::Amount(currency.format(amount)),
            Asked::Units(units) => Self::Units(units.get()),
        }
    }
}

impl SaleBody {
    /// The body for a sale.
    pub fn new(sale: &SaleRequest) -> Self {
        Self {
            meter: sale.meter_id.clone(),
            commodity: sale.commodity.name().to_owned(),
            unit: unit_of(sale.commodity).to_owned(),
            units: sale.units.get(),
            currency: sale.currency.code().to_owned(),
            amount: sale.currency.format(sale.amount),
            asked: AskedBody::new(sale.asked, sale.currency),
            terms: sale.terms.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_that_cannot_be_written_are_refused() {
        for bad in ["", "a", "/", "a/", "/1", "a/b", "a/0", "a/01", "a/1/2", "a.b/1", "a%2f/1", "é/1", "a/1234567890"]
        {
            assert_eq!(encode_sale_id(bad), None, "{bad}");
        }
        assert_eq!(encode_sale_id("o-1/12").as_deref(), Some("o-1.12"));
        assert_eq!(decode_sale_id("o-1/12"), None);
    }

    proptest! {
        #[test]
        fn ids_come_back(order in "[0-9A-Za-z-]{1,64}", line in 1_u32..1_000_000_000) {
            let id = format!("{order}/{line}");
            let written = encode_sale_id(&id).unwrap();
            prop_assert!(!written.contains('/'));
            prop_assert_eq!(decode_sale_id(&written), Some(id));
        }

        #[test]
        fn two_ids_are_never_written_alike(written in ".{0,80}") {
            if let Some(id) = decode_sale_id(&written) {
                prop_assert_eq!(encode_sale_id(&id), Some(written));
            }
        }
    }
}
