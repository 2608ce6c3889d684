//! What became of tokens at a meter.

use super::{Numbers, token_words};
use coinless_phone::courier::{Delivery, DeliveryOutcome};
use coinless_phone::records::TokenKey;
use coinless_phone::store::Contents;
use coinless_phone::wire::LineState;
use coinless_phone::words::{credit_words, refusal_words};
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::Decision;
use coinless_protocol::{Commodity, MeterId, Units};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// What became of one token.
#[derive(Serialize)]
pub struct DeliveryResult {
    meter: String,
    label: String,
    epoch: u16,
    /// Its credit number; none for a token for other registers.
    number: Option<u32>,
    /// The other registers that it sets, with their numbers.
    #[serde(skip_serializing_if = "Numbers::is_empty")]
    registers: Numbers,
    #[serde(skip)]
    what: String,
    order: String,
    line: u32,
    /// It takes a line back.
    void: bool,
    /// applied, covered, a decision of the meter, other key, not taken, or unclear.
    result: &'static str,
    /// The meter needs it no more.
    pub done: bool,
    /// An earlier delivery has done this.
    again: bool,
    /// Credit units that must be used before it fits.
    use_first: Option<u64>,
    /// Number of the meter's receipt.
    receipt: Option<u32>,
    /// This phone has verified that receipt.
    verified: Option<bool>,
    /// Credit units sold to the meter since it was made, by that receipt.
    total: Option<u64>,
    /// In words.
    words: String,
}

impl DeliveryResult {
    /// What became of a token at this meter.
    pub fn new(delivery: &Delivery, meter: &Identity, contents: &Contents) -> Self {
        let key = &delivery.token.key;
        let receipt = delivery.receipt.as_ref();
        let void = is_void(key, contents);
        let use_first = match delivery.outcome {
            DeliveryOutcome::NotApplied(Decision::NotYet { use_first }) => Some(use_first.get()),
            _ => None,
        };
        Self {
            meter: key.meter.to_string(),
            label: key.meter.label().to_string(),
            epoch: key.epoch.0,
            number: key.has_credit().then_some(key.numbers.credit.0),
            registers: key.numbers.others().collect(),
            what: token_words(key),
            order: delivery.token.order.to_string(),
            line: delivery.token.line,
            void,
            result: name(&delivery.outcome),
            done: delivery.outcome.is_done(),
            again: delivery.again,
            use_first,
            receipt: receipt.map(|receipt| receipt.key.number),
            verified: receipt.map(|receipt| receipt.verified),
            total: receipt.map(|receipt| receipt.receipt.total.get()),
            words: words(delivery, void, meter),
        }
    }
}

impl DeliveryResult {
    /// Whether it sets the credit register.
    pub fn is_credit(&self) -> bool {
        self.number.is_some()
    }

    /// Whether the meter was past it already.
    pub fn is_covered(&self) -> bool {
        self.result == name(&DeliveryOutcome::Covered)
    }
}

impl Display for DeliveryResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = if self.void { "void " } else { "" };
        writeln!(f, "{}  {kind}{}: {}", self.label, self.what, self.words)
    }
}

/// This phone has no token for the meter at hand.
#[derive(Serialize)]
pub struct NothingToDeliver {
    meter: String,
    label: String,
    result: &'static str,
}

impl NothingToDeliver {
    /// For this meter.
    pub fn new(meter: &MeterId) -> Self {
        let (meter, label) = (meter.to_string(), meter.label().to_string());
        Self { meter, label, result: "nothing to deliver" }
    }
}

impl Display for NothingToDeliver {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: nothing to deliver, this phone has no token for this meter", self.label)
    }
}

/// Credit for people.
pub fn units(units: u64, commodity: Commodity) -> String {
    match Units::new(units) {
        Ok(units) => units.fine().display(commodity).to_string(),
        Err(_) => format!("{units} units"),
    }
}

fn is_void(key: &TokenKey, contents: &Contents) -> bool {
    let lines = contents.orders.iter().filter_map(|order| order.view.as_ref()).flat_map(|view| &view.lines);
    lines.filter(|line| line.state == LineState::VoidPending).any(|line| line.token_key() == Some(*key))
}

pub(super) fn name(outcome: &DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Applied => "applied",
        DeliveryOutcome::Covered => "covered",
        DeliveryOutcome::NotApplied(decision) => decision.name(),
        DeliveryOutcome::NotTaken(_) => "not taken",
        DeliveryOutcome::OtherKey => "other key",
        DeliveryOutcome::Unclear => "unclear",
    }
}

fn words(delivery: &Delivery, void: bool, meter: &Identity) -> String {
    let receipt =
        delivery.receipt.as_ref().map(|receipt| (receipt.key.number, credit_words(receipt.receipt.total, meter)));
    let (number, total) = receipt.unwrap_or_default();
    if !delivery.token.key.has_credit() {
        return register_words(&delivery.outcome, number, delivery.again, meter);
    }
    match &delivery.outcome {
        DeliveryOutcome::Applied if void => {
            format!("taken, receipt {number}; now `coinless phone sync`, and the money comes back")
        }
        DeliveryOutcome::Applied if delivery.again => {
            format!("LOADED already, receipt {number}; {total} in all so far")
        }
        DeliveryOutcome::Applied => format!("LOADED, receipt {number}; {total} in all so far"),
        DeliveryOutcome::Covered => format!("nothing left to load, the meter is past it, receipt {number}"),
        DeliveryOutcome::NotApplied(decision) => format!("NOT LOADED: {}", refusal_words(*decision, meter)),
        DeliveryOutcome::NotTaken(error) => format!("NOT LOADED: {error}"),
        DeliveryOutcome::OtherKey => {
            "NOT LOADED: it is for another key of this meter; `coinless phone sync` asks for a new one".to_owned()
        }
        DeliveryOutcome::Unclear => "unclear: the meter's receipt does not speak of it; do the same again".to_owned(),
    }
}

/// For a token whose point is not to load credit.
pub(super) fn register_words(outcome: &DeliveryOutcome, receipt: u32, again: bool, meter: &Identity) -> String {
    match outcome {
        DeliveryOutcome::Applied if again => format!("taken already, receipt {receipt}"),
        DeliveryOutcome::Applied => format!("taken, receipt {receipt}"),
        DeliveryOutcome::Covered => format!("the meter has it or a newer one, receipt {receipt}"),
        DeliveryOutcome::NotApplied(decision) => format!("NOT TAKEN: {}", refusal_words(*decision, meter)),
        DeliveryOutcome::NotTaken(error) => format!("NOT TAKEN: {error}"),
        DeliveryOutcome::OtherKey => {
            "NOT TAKEN: it is for another key of this meter; `coinless phone sync` asks for a new one".to_owned()
        }
        DeliveryOutcome::Unclear => "unclear: the meter's receipt does not speak of it; do the same again".to_owned(),
    }
}
