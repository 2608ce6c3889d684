//! What the phone's commands print: the fields are the JSON, `Display` is for people.
//!
//! Paid, sold, on this phone and loaded are four different things, and every text says which of them is true.

mod delivery;
mod order;

pub use delivery::{DeliveryResult, NothingToDeliver};
pub use order::{BuyResult, OrderResult, RefundResult, RestoreResult, instructions};

use coinless_phone::Sum;
use coinless_phone::courier::SyncReport;
use coinless_phone::records::{StoredReceipt, StoredToken, TokenKey};
use coinless_phone::store::Contents;
use coinless_phone::wire::{MeterInfo, Quote};
use coinless_protocol::Commodity;
use coinless_protocol::identity::Identity;
use coinless_protocol::receipt::RegisterNumbers;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write};

/// More lines than this are summed up; `--json` and `coinless phone round` have every one.
pub const MANY: usize = 20;

/// Writes each of a few things on a line of its own, or how many there are.
fn write_few<T: Display>(f: &mut Formatter<'_>, things: &[T], many: &str) -> fmt::Result {
    if things.len() > MANY {
        return writeln!(f, "{} {many}", things.len());
    }
    things.iter().try_for_each(|thing| writeln!(f, "{}", thing.to_string().trim_end()))
}

/// A meter at hand.
#[derive(Serialize)]
pub struct MeterResult {
    meter: String,
    label: String,
    commodity: &'static str,
    /// open, armed or shut.
    valve: &'static str,
    /// The valve let something through while it was shut.
    valve_failed: bool,
    causes: Vec<&'static str>,
    registers: Registers,
    /// It has proved that it is this meter.
    verified: bool,
    /// What its display shows now, if that is known.
    display_code: Option<String>,
    /// Tokens on this phone for it.
    tokens: usize,
    customer: Option<String>,
    place: Option<String>,
    utility: Option<String>,
}

/// The numbers of a meter's registers.
#[derive(Serialize)]
struct Registers {
    epoch: u16,
    credit: u32,
    tariff: u32,
    settings: u32,
    keys: u32,
}

impl From<RegisterNumbers> for Registers {
    fn from(numbers: RegisterNumbers) -> Self {
        let RegisterNumbers { epoch, credit, tariff, settings, keys } = numbers;
        Self { epoch: epoch.0, credit: credit.0, tariff, settings, keys }
    }
}

impl MeterResult {
    /// What a scan has found; `code` is there if the meter was verified.
    pub fn new(identity: &Identity, code: Option<u32>, info: Option<&MeterInfo>, tokens: usize) -> Self {
        let flags = identity.flags;
        Self {
            meter: identity.meter.to_string(),
            label: identity.meter.label().to_string(),
            commodity: identity.commodity.name(),
            valve: if flags.open {
                "open"
            } else if flags.armed {
                "armed"
            } else {
                "shut"
            },
            valve_failed: flags.valve_failed,
            causes: flags.causes.iter().map(|cause| cause.words()).collect(),
            registers: identity.registers.into(),
            verified: code.is_some(),
            display_code: code.map(|code| format!("{code:06}")),
            tokens,
            customer: info.and_then(|info| info.customer.clone()),
            place: info.and_then(|info| info.place.clone()),
            utility: info.and_then(|info| info.utility.clone()),
        }
    }
}

impl Display for MeterResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let valve = match self.valve {
            "open" => "valve open".to_owned(),
            "armed" => "valve shut and armed: press the button at the meter to open it".to_owned(),
            _ if self.causes.is_empty() => "valve shut".to_owned(),
            _ => format!("valve shut: {}", self.causes.join(", ")),
        };
        writeln!(f, "{}  {}  {valve}", self.label, self.commodity)?;
        if self.valve_failed {
            writeln!(f, "  VALVE FAILED: there was flow while it was shut")?;
        }
        let who: Vec<&str> = [&self.customer, &self.place].into_iter().filter_map(Option::as_deref).collect();
        if !who.is_empty() {
            writeln!(f, "  {}", who.join(", "))?;
        }
        match &self.display_code {
            Some(code) => writeln!(f, "  it is this meter; its display shows {code}")?,
            None => writeln!(f, "  not verified: this phone does not know its key yet (use --station)")?,
        }
        if self.tokens > 0 {
            writeln!(f, "  tokens for it on this phone, NOT LOADED yet or not yet synced: {}", self.tokens)?;
        }
        Ok(())
    }
}

/// A quote for people.
pub fn quote_words(quote: &Quote) -> String {
    let mut words = String::new();
    if quote.lines.len() > MANY {
        sum_up(quote, &mut words);
    }
    for line in quote.lines.iter().filter(|_| quote.lines.len() <= MANY) {
        let label = if line.label.is_empty() { &line.meter } else { &line.label };
        let who: Vec<&str> = [&line.customer, &line.place].into_iter().filter_map(Option::as_deref).collect();
        let _ = writeln!(
            words,
            "{label}  {}  {} {}  buys {}",
            line.commodity, line.amount, quote.currency, line.quote.shown
        );
        if !who.is_empty() {
            let _ = writeln!(words, "  {}", who.join(", "));
        }
        for step in &line.quote.explanation {
            let _ = writeln!(words, "  {:<40} {:>12}", step.text, step.amount);
        }
    }
    let _ = writeln!(words, "total {} {}; nothing is ordered yet", quote.total, quote.currency);
    words
}

/// The sums of a quote of many lines, by what the meters measure.
fn sum_up(quote: &Quote, words: &mut String) {
    let mut sums: BTreeMap<&str, (usize, Sum, Sum, u64)> = BTreeMap::new();
    for line in &quote.lines {
        let (lines, amount, fee, units) = sums.entry(&line.commodity).or_default();
        *lines += 1;
        amount.add(&line.amount);
        fee.add(line.quote.fee.as_deref().unwrap_or("0"));
        *units = units.saturating_add(line.quote.units);
    }
    for (commodity, (lines, amount, fee, units)) in sums {
        let known = [Commodity::Electricity, Commodity::Gas, Commodity::Water];
        let known = known.into_iter().find(|known| known.name() == commodity);
        let shown = known.map_or_else(|| format!("{units} units"), |known| delivery::units(units, known));
        let fees = if fee.millionths() > 0 { format!(", of which fees {fee}") } else { String::new() };
        let _ = writeln!(
            words,
            "{lines:>4} lines  {commodity:<12} {:>12} {}  buy {shown}{fees}",
            amount.to_string(),
            quote.currency
        );
    }
    let _ = writeln!(words, "each line: the same with --json");
}

/// A token on this phone.
#[derive(Serialize)]
pub struct TokenResult {
    meter: String,
    label: String,
    epoch: u16,
    number: u32,
}

impl TokenResult {
    /// The token of this name.
    pub fn new(key: &TokenKey) -> Self {
        let (meter, label) = (key.meter.to_string(), key.meter.label().to_string());
        Self { meter, label, epoch: key.epoch.0, number: key.number.0 }
    }
}

impl Display for TokenResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "token {} for {}", self.number, self.label)
    }
}

/// A receipt that a station has taken.
#[derive(Serialize)]
struct Uploaded {
    station: String,
    meter: String,
    receipt: u32,
}

/// What a sync has done.
#[derive(Serialize, Default)]
pub struct SyncResult {
    uploaded: Vec<Uploaded>,
    new_tokens: Vec<TokenResult>,
    deleted_tokens: Vec<TokenResult>,
    /// The orders that were not finished, or whose end was not shown yet.
    pub orders: Vec<OrderResult>,
    /// What did not work.
    pub problems: Vec<String>,
}

impl SyncResult {
    /// Adds the report of one station; its orders are added by the caller at the end.
    pub fn add(&mut self, url: &str, report: &SyncReport) {
        let uploaded = |key: &coinless_phone::records::ReceiptKey| Uploaded {
            station: url.to_owned(),
            meter: key.meter.to_string(),
            receipt: key.number,
        };
        self.uploaded.extend(report.uploaded.iter().map(uploaded));
        self.new_tokens.extend(report.new_tokens.iter().map(TokenResult::new));
        self.deleted_tokens.extend(report.deleted.iter().map(TokenResult::new));
        self.problems.extend(report.problems.iter().map(ToString::to_string));
    }
}

impl Display for SyncResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let receipt =
            |receipt: &Uploaded| format!("receipt {} of {}: the station has it", receipt.receipt, receipt.meter);
        write_few(f, &self.uploaded.iter().map(receipt).collect::<Vec<_>>(), "receipts: the station has them")?;
        let new = |token| format!("{token}: now on this phone, NOT LOADED yet");
        let many = "tokens: now on this phone, NOT LOADED yet";
        write_few(f, &self.new_tokens.iter().map(new).collect::<Vec<_>>(), many)?;
        let done = |token| format!("{token}: done, deleted");
        write_few(f, &self.deleted_tokens.iter().map(done).collect::<Vec<_>>(), "tokens: done, deleted")?;
        for order in &self.orders {
            write!(f, "{order}")?;
        }
        if self.uploaded.is_empty() && self.orders.is_empty() && self.problems.is_empty() {
            writeln!(f, "everything was up to date")?;
        }
        Ok(())
    }
}

/// Everything on this phone.
#[derive(Serialize)]
pub struct ListResult {
    orders: Vec<OrderResult>,
    tokens: Vec<ListedToken>,
    receipts: Vec<ListedReceipt>,
    damaged: Vec<String>,
}

#[derive(Serialize)]
struct ListedToken {
    #[serde(flatten)]
    token: TokenResult,
    order: String,
    line: u32,
    station: String,
    /// It is to be carried to the meter.
    current: bool,
    /// The meter stands at its number or beyond; the token stays until the station knows.
    covered: bool,
}

#[derive(Serialize)]
struct ListedReceipt {
    meter: String,
    label: String,
    receipt: u32,
    outcome: &'static str,
    credit_number: u32,
    total: u64,
    verified: bool,
    acknowledged: bool,
}

impl ListResult {
    /// Everything in a store.
    pub fn new(contents: &Contents) -> Self {
        let current = contents.current_tokens();
        let token = |token: &StoredToken| ListedToken {
            token: TokenResult::new(&token.key),
            order: token.order.to_string(),
            line: token.line,
            station: token.station.clone(),
            current: current.contains(&token.key),
            covered: contents.receipts.iter().any(|receipt| receipt.covers(&token.key)),
        };
        let receipt = |stored: &StoredReceipt| ListedReceipt {
            meter: stored.key.meter.to_string(),
            label: stored.key.meter.label().to_string(),
            receipt: stored.key.number,
            outcome: stored.receipt.outcome.decision.name(),
            credit_number: stored.receipt.registers.credit.0,
            total: stored.receipt.total.get(),
            verified: stored.verified,
            acknowledged: stored.acknowledged,
        };
        Self {
            orders: contents.orders.iter().map(|order| OrderResult::new(order, contents)).collect(),
            tokens: contents.tokens.iter().map(token).collect(),
            receipts: contents.receipts.iter().map(receipt).collect(),
            damaged: contents.damaged.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Display for ListResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.orders.is_empty() && self.tokens.is_empty() && self.receipts.is_empty() {
            return writeln!(f, "nothing on this phone");
        }
        for order in &self.orders {
            write!(f, "{order}")?;
        }
        let mut tokens: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for token in &self.tokens {
            let state = match (token.covered, token.current) {
                (true, _) => "the meter needs it no more; waits for a sync",
                (false, true) => "on this phone, NOT LOADED yet",
                (false, false) => "replaced by a newer one; waits for a sync",
            };
            tokens.entry(state).or_default().push(format!("{}: {state}", token.token));
        }
        for (state, tokens) in tokens {
            write_few(f, &tokens, &format!("tokens: {state}"))?;
        }
        let mut receipts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for receipt in &self.receipts {
            let state =
                if receipt.acknowledged { "the station has it" } else { "the station does not have it yet: sync" };
            let words = format!("receipt {} of {} ({}): {state}", receipt.receipt, receipt.label, receipt.outcome);
            receipts.entry(state).or_default().push(words);
        }
        for (state, receipts) in receipts {
            write_few(f, &receipts, &format!("receipts: {state}"))?;
        }
        Ok(())
    }
}
