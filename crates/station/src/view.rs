//! What the API shows of an order, a meter and a quote.

use crate::issue;
use crate::lifecycle::{LineState, PaymentState};
use crate::meters::Meter;
use crate::money::{Currency, Money};
use crate::orders::{self, QuotedLine};
use crate::problem::Error;
use crate::records::to_hex;
use crate::sales::ExplanationLine;
use crate::terms::{self, CreditWords};
use crate::work::Work;
use coinless_protocol::Units;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    pub id: String,
    /// Rises with each change.
    pub version: i64,
    /// The version of the quote that can be accepted.
    pub quote_version: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Sum of all lines, a decimal number.
    pub total: String,
    /// The payment.
    pub payment: PaymentView,
    /// The lines.
    pub lines: Vec<LineView>,
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Where it stands.
    pub state: PaymentState,
    /// Why, for the payer.
    pub reason: Option<String>,
    /// The payment provider's name.
    pub provider: String,
    /// What the payer has to do now, for the payer.
    pub instructions: Option<String>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Its number, from 1.
    pub line: u32,
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// What the meter measures.
    pub commodity: String,
    /// The utility's name.
    pub utility: String,
    /// What the payer pays, a decimal number.
    pub amount: String,
    /// Where it stands.
    pub state: LineState,
    /// What it buys.
    pub quote: QuoteView,
    /// The token to be carried to the meter, in hexadecimal.
    pub token: Option<String>,
    /// Tokens for other registers of the meter that it should get before this one, in this order, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub register_tokens: Vec<String>,
    /// Why it stands there, for the payer.
    pub reason: Option<String>,
}

/// What a sum of money buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuoteView {
    /// Credit units: dm³, litre or Wh, or minor units of the currency for a meter that counts money.
    pub units: u64,
    /// The same for people.
    pub shown: String,
    /// For the utility, a decimal number.
    pub net: String,
    /// Taxes and levies, a decimal number.
    pub tax: String,
    /// Fees for the service, a decimal number.
    pub fee: String,
    /// How the sum comes about.
    pub explanation: Vec<ExplanationLine>,
}

/// Whether the station was restored from a backup, and orders that phones know may be missing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryView {
    /// Since when orders may be missing, in milliseconds since 1970-01-01 UTC: phones that have paid orders since then PUT them
    /// again. Null if none is missing.
    pub orders_since_ms: Option<i64>,
}

/// What anybody may know of a meter before paying for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeterView {
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// What it measures.
    pub commodity: String,
    /// The utility that sells for it.
    pub utility: String,
    /// The customer's name, masked.
    pub customer: Option<String>,
    /// Where it hangs, masked.
    pub place: Option<String>,
    /// ISO 4217 code.
    pub currency: String,
    /// Its public key: SEC 1 uncompressed point in hexadecimal.
    pub public_key: String,
}

/// Quotes for several lines; nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotesView {
    /// ISO 4217 code.
    pub currency: String,
    /// Sum of all lines, a decimal number.
    pub total: String,
    /// The lines.
    pub lines: Vec<QuotedLineView>,
}

/// A quoted line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotedLineView {
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// What it measures.
    pub commodity: String,
    /// The customer's name, masked.
    pub customer: Option<String>,
    /// Where it hangs, masked.
    pub place: Option<String>,
    /// What the payer pays, a decimal number.
    pub amount: String,
    /// What it buys.
    pub quote: QuoteView,
}

/// Shows an order.
///
/// # Errors
/// [`crate::problem::Code::UnknownOrder`].
pub fn order(work: &mut Work<'_>, id: &str) -> Result<OrderView, Error> {
    let (order, found) = orders::find_whole(work, id)?;
    let mut lines = Vec::with_capacity(found.len());
    for line in found {
        lines.push(line_view(work, &line, order.currency)?);
    }
    Ok(OrderView {
        id: order.id,
        version: order.version,
        quote_version: order.quote_version,
        currency: order.currency.code().to_owned(),
        total: order.currency.format(order.total),
        payment: PaymentView {
            state: order.payment,
            reason: order.payment_reason,
            provider: order.provider,
            instructions: order.payment_instructions.filter(|_| order.payment.is_open()),
        },
        lines,
    })
}

fn line_view(work: &mut Work<'_>, line: &orders::OrderLine, currency: Currency) -> Result<LineView, Error> {
    let token = match line.state {
        LineState::Issued | LineState::VoidPending => {
            issue::current(work, line.meter, &line.order_id, line.line)?.map(|bytes| to_hex(&bytes))
        }
        _ => None,
    };
    let register_tokens = match token {
        Some(_) => terms::to_be_carried(work, line.meter)?.iter().map(|bytes| to_hex(bytes)).collect(),
        None => Vec::new(),
    };
    let explanation =
        serde_json::from_str(&line.quote).map_err(|error| Error::inconsistent(format!("a stored quote: {error}")))?;
    let credit = CreditWords { commodity: line.commodity, currency: line.counts_money.then_some(currency) };
    Ok(LineView {
        line: line.line,
        meter: line.meter.to_string(),
        label: line.meter.label().to_string(),
        commodity: line.commodity.name().to_owned(),
        utility: line.utility.to_string(),
        amount: currency.format(line.amount),
        state: line.state,
        quote: quote_view(credit, currency, line.units, (line.net, line.tax, line.fee), explanation),
        token,
        register_tokens,
        reason: line.reason.clone(),
    })
}

fn quote_view(
    credit: CreditWords,
    currency: Currency,
    units: Units,
    (net, tax, fee): (Money, Money, Money),
    explanation: Vec<ExplanationLine>,
) -> QuoteView {
    QuoteView {
        units: units.get(),
        shown: credit.show(units.fine()),
        net: currency.format(net),
        tax: currency.format(tax),
        fee: currency.format(fee),
        explanation,
    }
}

/// Shows what anybody may know of a meter.
pub fn meter(meter: &Meter, brand: &str, currency: Currency) -> MeterView {
    MeterView {
        meter: meter.id.to_string(),
        label: meter.id.label().to_string(),
        commodity: meter.commodity.name().to_owned(),
        utility: brand.to_owned(),
        customer: meter.customer.as_deref().map(mask),
        place: meter.place.as_deref().map(mask),
        currency: currency.code().to_owned(),
        public_key: to_hex(&meter.key.to_sec1()),
    }
}

/// Shows quotes that are not stored.
pub fn quotes(lines: &[QuotedLine], total: Money, currency: Currency) -> QuotesView {
    let show = |QuotedLine { meter, quote, .. }: &QuotedLine| QuotedLineView {
        meter: meter.id.to_string(),
        label: meter.id.label().to_string(),
        commodity: meter.commodity.name().to_owned(),
        customer: meter.customer.as_deref().map(mask),
        place: meter.place.as_deref().map(mask),
        amount: currency.format(quote.amount),
        quote: quote_view(
            meter.credit(),
            currency,
            quote.units,
            (quote.net, quote.tax, quote.fee),
            quote.explanation.clone(),
        ),
    };
    QuotesView {
        currency: currency.code().to_owned(),
        total: currency.format(total),
        lines: lines.iter().map(show).collect(),
    }
}

/// The first letter of each word; who lives there recognises it, others learn nothing.
fn mask(text: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| format!("{first}{}", "*".repeat(letters.count().min(5)))).unwrap_or_default()
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}
