//! What a client means to do with an order.

use crate::meters::Meters;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most lines of an order here.
const MAX_LINES: usize = 4;

/// An order that is to be made.
pub struct Plan {
    pub request: Value,
    /// The client walks away before it accepts the quote.
    pub walks_away: bool,
    /// Lines that it takes back as soon as they are issued.
    pub voids: BTreeSet<u32>,
}

impl Plan {
    pub fn draw(random: &mut Rng, meters: &Meters) -> Self {
        let count = random.usize(1..=MAX_LINES);
        let mut lines: Vec<Value> = Vec::new();
        for line in (0..count).map(|_| line(random, meters)) {
            // A meter is in one line of an order.
            if lines.iter().all(|known| known["meter"] != line["meter"]) {
                lines.push(line);
            }
        }
        let voids = (1..=lines.len() as u32).filter(|_| random.u32(0..5) == 0).collect();
        let request = json!({ "lines": lines, "payer": payer(random) });
        Self { request, walks_away: random.u32(0..16) == 0, voids }
    }
}

/// A sum of money, or sometimes a quantity; sometimes to be loaded at once.
fn line(random: &mut Rng, meters: &Meters) -> Value {
    let home = &meters.homes[random.usize(..meters.homes.len())];
    let mut line = json!({ "meter": home.id.label().to_string() });
    if random.u32(0..5) == 0 {
        line["quantity"] = format!("0.0{}{}", random.u32(30..90), home.unit()).into();
    } else {
        line["amount"] = format!("{}.{:02}", random.u32(4..10), random.u32(0..100)).into();
    }
    if random.u32(0..5) == 0 {
        line["immediate"] = true.into();
    }
    line
}

/// Payers are called after how their payments go (`setting`).
fn payer(random: &mut Rng) -> String {
    match random.u32(0..24) {
        0..12 => "pay 0".to_owned(),
        12..15 => "twice 0".to_owned(),
        15..17 => "early 0".to_owned(),
        17..21 => format!("pay {}", random.u32(50..1_500)),
        21..23 => "decline 0".to_owned(),
        _ => format!("silent {}", random.u32(0..500)),
    }
}
