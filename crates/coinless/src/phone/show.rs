//! What the phone's commands print: the fields are the JSON, `Display` is for people.
//!
//! Paid, sold, on this phone and loaded are four different things, and every text says which of them is true.

mod delivery;
mod meter;
mod order;

pub use delivery::{DeliveryResult, NothingToDeliver};
pub use meter::{HandResult, Kept, MeterResult, ReportResult};
pub use order::{BuyResult, OrderResult, RefundResult, RestoreResult, instructions};

use coinless_phone::Sum;
use coinless_phone::courier::SyncReport;
use coinless_phone::records::{StoredReceipt, StoredToken, StoredVisit, TokenKey};
use coinless_phone::store::Contents;
use coinless_phone::wire::Quote;
use coinless_protocol::Commodity;
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

/// Sums over lines of a quote.
#[derive(Default)]
struct Sums {
    lines: usize,
    amount: Sum,
    fee: Sum,
    units: u64,
    /// Of meters that count money.
    credit: Sum,
}

/// The sums of a quote of many lines, by what the meters measure.
fn sum_up(quote: &Quote, words: &mut String) {
    let mut sums: BTreeMap<(&str, bool), Sums> = BTreeMap::new();
    for line in &quote.lines {
        // Meters that count money buy money, and others what they measure.
        let money = line.quote.shown.strip_suffix(&quote.currency);
        let sums = sums.entry((&line.commodity, money.is_some())).or_default();
        sums.lines += 1;
        sums.credit.add(money.unwrap_or("0").trim_end());
        sums.amount.add(&line.amount);
        sums.fee.add(line.quote.fee.as_deref().unwrap_or("0"));
        sums.units = sums.units.saturating_add(line.quote.units);
    }
    for ((commodity, is_money), Sums { lines, amount, fee, units, credit }) in sums {
        let known = [Commodity::Electricity, Commodity::Gas, Commodity::Water];
        let known = known.into_iter().find(|known| known.name() == commodity);
        let shown = match known {
            _ if is_money => format!("{credit} {}", quote.currency),
            Some(known) => delivery::units(units, known),
            None => format!("{units} units"),
        };
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

/// Registers by name, with their numbers.
pub type Numbers = BTreeMap<&'static str, u64>;

/// What a token sets, in words.
pub fn token_words(key: &TokenKey) -> String {
    let others = key.numbers.others().map(|(register, number)| match register {
        "valve" => format!("valve command {number}"),
        "clock" => "clock".to_owned(),
        _ => format!("{register} {number}"),
    });
    let others = others.collect::<Vec<_>>().join(", ");
    match (key.has_credit(), others.is_empty()) {
        (true, true) => format!("token {}", key.numbers.credit.0),
        (true, false) => format!("token {} with {others}", key.numbers.credit.0),
        (false, _) => format!("token with {others}"),
    }
}

/// A token on this phone.
#[derive(Serialize)]
pub struct TokenResult {
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
}

impl TokenResult {
    /// The token of this name.
    pub fn new(key: &TokenKey) -> Self {
        Self {
            meter: key.meter.to_string(),
            label: key.meter.label().to_string(),
            epoch: key.epoch.0,
            number: key.has_credit().then_some(key.numbers.credit.0),
            registers: key.numbers.others().collect(),
            what: token_words(key),
        }
    }
}

impl Display for TokenResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.what, self.label)
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
    /// The meters whose reports the stations have taken.
    reports: Vec<String>,
    /// The problems that the stations have taken.
    reported: Vec<String>,
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
        self.reports.extend(report.reports.iter().map(|meter| meter.meter.to_string()));
        self.reported.extend(report.problems_taken.iter().map(ToString::to_string));
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
        let reports = self.reports.iter().map(|meter| format!("report of {meter}: the station has it"));
        write_few(f, &reports.collect::<Vec<_>>(), "reports: the station has them")?;
        let reported = self.reported.iter().map(|id| format!("your report {id}: the station has it"));
        write_few(f, &reported.collect::<Vec<_>>(), "of your reports: the station has them")?;
        let new = |token| format!("{token}: now on this phone, NOT LOADED yet");
        let many = "tokens: now on this phone, NOT LOADED yet";
        write_few(f, &self.new_tokens.iter().map(new).collect::<Vec<_>>(), many)?;
        let done = |token| format!("{token}: done, deleted");
        write_few(f, &self.deleted_tokens.iter().map(done).collect::<Vec<_>>(), "tokens: done, deleted")?;
        for order in &self.orders {
            write!(f, "{order}")?;
        }
        let nothing_brought = self.uploaded.is_empty() && self.reports.is_empty() && self.reported.is_empty();
        let quiet = nothing_brought && self.orders.is_empty();
        if quiet && self.problems.is_empty() {
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
    /// Reports that the stations do not have yet.
    reports: Vec<ListedReport>,
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

#[derive(Serialize)]
struct ListedReport {
    meter: String,
    label: String,
    report: u32,
    station: String,
    verified: bool,
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
            covered: contents.settling(token).next().is_some(),
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
        let report = |visit: &StoredVisit| {
            visit.report.as_ref().map(|report| ListedReport {
                meter: visit.key.meter.to_string(),
                label: visit.key.meter.label().to_string(),
                report: report.number,
                station: visit.station.clone(),
                verified: report.verified,
            })
        };
        Self {
            reports: contents.visits.iter().filter_map(report).collect(),
            orders: contents.orders.iter().map(|order| OrderResult::new(order, contents)).collect(),
            tokens: contents.tokens.iter().map(token).collect(),
            receipts: contents.receipts.iter().map(receipt).collect(),
            damaged: contents.damaged.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Display for ListResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let empty = self.orders.is_empty() && self.tokens.is_empty() && self.receipts.is_empty();
        if empty && self.reports.is_empty() {
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
        let report = |report: &ListedReport| {
            format!("report {} of {}: the station does not have it yet: sync", report.report, report.label)
        };
        let reports: Vec<String> = self.reports.iter().map(report).collect();
        write_few(f, &reports, "reports: the station does not have them yet: sync")?;
        Ok(())
    }
}
