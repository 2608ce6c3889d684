//! Orders, and how their lines stand.

use super::{DeliveryResult, MANY, TokenResult};
use crate::phone::deliver;
use coinless_phone::courier::{BoughtAt, Refund, Restored};
use coinless_phone::outcome::{LineReport, Loaded as IsLoaded, Outcome, Part, Summary, Verdict};
use coinless_phone::records::StoredOrder;
use coinless_phone::store::Contents;
use coinless_phone::wire::{LineState, OrderView, PaymentState};
use coinless_phone::words::credit_words;
use coinless_protocol::Units;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// How many meters of those that are not as they should be are named in one row.
const NAMED: usize = 5;

/// An order on this phone.
#[derive(Serialize)]
pub struct OrderResult {
    order: String,
    /// Opens the order: whoever has it holds the order.
    link: String,
    station: String,
    currency: Option<String>,
    total: Option<String>,
    payment: PaymentState,
    payment_reason: Option<String>,
    provider: Option<String>,
    /// What the payer has to do now.
    instructions: Option<String>,
    /// Nothing will change any more.
    finished: bool,
    rejected: Option<String>,
    /// complete, partly, refunding, person, refunded, nothing, waiting or unknown.
    verdict: Verdict,
    summary: SummaryResult,
    lines: Vec<LineResult>,
    #[serde(skip)]
    sums: Summary,
    /// Every line is shown, however many there are.
    #[serde(skip)]
    in_full: bool,
}

/// The lines of an order, summed up by outcome.
#[derive(Serialize)]
struct SummaryResult {
    lines: usize,
    /// What money was taken for; it may be back.
    paid: PartResult,
    #[serde(flatten)]
    outcomes: BTreeMap<&'static str, PartResult>,
}

/// Some lines of an order: how many, and the sum of their amounts.
#[derive(Serialize)]
struct PartResult {
    lines: usize,
    amount: String,
}

/// One line of an order.
#[derive(Serialize)]
struct LineResult {
    line: u32,
    meter: String,
    label: String,
    commodity: Option<String>,
    utility: Option<String>,
    /// The amount or quantity that was asked for.
    asked: String,
    amount: Option<String>,
    units: Option<u64>,
    shown: Option<String>,
    /// As the station says; none if it has not answered yet.
    state: Option<LineState>,
    outcome: Outcome,
    words: &'static str,
    reason: Option<String>,
    paid: bool,
    sold: bool,
    on_phone: bool,
    loaded: bool,
    /// Whether `loaded` is known.
    loaded_known: bool,
    /// Number of the receipt that shows it.
    receipt: Option<u32>,
    /// Number of the token that is to be carried.
    token: Option<u32>,
}

impl OrderResult {
    /// An order of a store.
    pub fn new(order: &StoredOrder, contents: &Contents) -> Self {
        let view = order.view.as_ref();
        let reports = LineReport::of_order(order, contents);
        let sums = Summary::of(&reports);
        Self {
            order: order.id.to_string(),
            link: order.link().to_string(),
            station: order.station.clone(),
            currency: view.map(|view| view.currency.clone()),
            total: view.map(|view| view.total.clone()),
            payment: view.map_or(PaymentState::None, |view| view.payment.state),
            payment_reason: view.and_then(|view| view.payment.reason.clone()),
            provider: view.and_then(|view| view.payment.provider.clone()),
            instructions: view.and_then(instructions).map(str::to_owned),
            finished: !order.is_open(),
            rejected: order.rejected.clone(),
            verdict: sums.verdict(),
            summary: (&sums).into(),
            lines: reports.into_iter().map(LineResult::from).collect(),
            sums,
            in_full: false,
        }
    }

    /// The same with every line in the words for people.
    pub fn in_full(order: &StoredOrder, contents: &Contents) -> Self {
        Self { in_full: true, ..Self::new(order, contents) }
    }

    /// The order summed up.
    pub fn sums(&self) -> &Summary {
        &self.sums
    }

    /// How its only line stands, or how its lines stand summed up.
    pub fn words(&self) -> String {
        match self.lines.as_slice() {
            [line] => format!("line {}: {}", line.line, line.words_and_reason()),
            _ => {
                let part = |(outcome, part): (Outcome, Part)| format!("{} {outcome}", part.lines);
                let parts = self.sums.parts().into_iter().filter(|(_, part)| part.lines > 0);
                format!("of {} lines {}", self.sums.lines, parts.map(part).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn write_lines(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width =
            |of: fn(&LineResult) -> &str| self.lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0);
        let (labels, amounts) = (width(|line| &line.label), width(LineResult::amount).max(8));
        let numbers = self.lines.len().to_string().len();
        for line in &self.lines {
            let shown = line.shown.as_deref().unwrap_or("");
            let (number, label, amount) = (line.line, &line.label, line.amount());
            write!(f, "  {number:>numbers$}  {label:<labels$}  {amount:>amounts$}  {shown:>12}  ")?;
            writeln!(f, "{}", line.words_and_reason())?;
        }
        Ok(())
    }

    /// What is not as it should be, with a few of its meters.
    fn write_groups(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<(String, Vec<&LineResult>)> = Vec::new();
        for line in self.lines.iter().filter(|line| !matches!(line.outcome, Outcome::Loaded | Outcome::Ready)) {
            let words = line.words_and_reason();
            match groups.iter_mut().find(|(known, _)| *known == words) {
                Some((_, lines)) => lines.push(line),
                None => groups.push((words, vec![line])),
            }
        }
        for (words, lines) in groups.iter().take(MANY) {
            writeln!(f, "  {} x {words}", lines.len())?;
            if lines.len() == self.lines.len() {
                continue;
            }
            let named = lines.iter().take(NAMED).map(|line| format!("{} (line {})", line.label, line.line));
            let more = if lines.len() > NAMED { ", ..." } else { "" };
            writeln!(f, "      {}{more}", named.collect::<Vec<_>>().join(", "))?;
        }
        if groups.len() > MANY {
            writeln!(f, "  ... and {} more reasons", groups.len() - MANY)?;
        }
        Ok(())
    }

    fn write_sums(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let currency = self.currency.as_deref().unwrap_or("");
        let row = |f: &mut Formatter<'_>, what: &str, part: &Part| {
            let lines = if part.lines == 1 { "line" } else { "lines" };
            writeln!(f, "    {what:<26} {:>4} {lines:<5}  {:>12} {currency}", part.lines, part.sum.to_string())
        };
        for (outcome, part) in self.sums.parts().iter().filter(|(_, part)| part.lines > 0) {
            row(f, outcome.words(), part)?;
        }
        row(f, "paid", &self.sums.paid)
    }
}

/// What the payer has to do, while there is something to do.
pub fn instructions(view: &OrderView) -> Option<&str> {
    let waiting = matches!(view.payment.state, PaymentState::Sent | PaymentState::Unknown | PaymentState::Other);
    view.payment.instructions.as_deref().filter(|_| waiting)
}

impl LineResult {
    fn amount(&self) -> &str {
        self.amount.as_deref().unwrap_or(&self.asked)
    }

    fn words_and_reason(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.words),
            None => self.words.to_owned(),
        }
    }
}

impl From<LineReport> for LineResult {
    fn from(report: LineReport) -> Self {
        use LineState::{Delivered, Issued, Refunded, Sold, VoidPending, Voided};
        Self {
            line: report.line,
            meter: report.meter,
            label: report.label,
            commodity: report.commodity,
            utility: report.utility,
            asked: report.asked,
            amount: report.amount,
            units: report.units,
            shown: report.shown,
            state: report.state,
            outcome: report.outcome,
            words: report.standing.words(),
            reason: report.reason,
            paid: report.was_paid && report.state != Some(Refunded),
            sold: matches!(report.state, Some(Sold | Issued | Delivered | VoidPending | Voided)),
            on_phone: report.on_phone,
            loaded: report.loaded == IsLoaded::Yes,
            loaded_known: report.loaded != IsLoaded::Unknown,
            receipt: report.receipt,
            token: report.token.map(|key| key.numbers.credit.0),
        }
    }
}

impl From<&Part> for PartResult {
    fn from(part: &Part) -> Self {
        Self { lines: part.lines, amount: part.sum.to_string() }
    }
}

impl From<&Summary> for SummaryResult {
    fn from(sums: &Summary) -> Self {
        let outcomes = sums.parts().iter().map(|(outcome, part)| (outcome.name(), part.into())).collect();
        Self { lines: sums.lines, paid: (&sums.paid).into(), outcomes }
    }
}

impl Display for OrderResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.order)?;
        if let (Some(total), Some(currency)) = (&self.total, &self.currency) {
            write!(f, "  {total} {currency}")?;
        }
        writeln!(f)?;
        if let Some(rejected) = &self.rejected {
            return writeln!(f, "  NOT PAID: {rejected}");
        }
        if self.in_full || self.lines.len() <= MANY {
            self.write_lines(f)?;
        } else {
            self.write_groups(f)?;
        }
        if self.lines.len() > 1 {
            self.write_sums(f)?;
        }
        if !self.in_full && self.lines.len() > MANY {
            writeln!(f, "  each line: `coinless phone round --store DIR {}`, with --csv FILE as a file", self.order)?;
        }
        if let Some(instructions) = &self.instructions {
            writeln!(f, "  TO PAY: {instructions}")?;
        }
        writeln!(f, "  {}  (whoever has this link holds the order)", self.link)
    }
}

/// An order fetched from its link.
#[derive(Serialize)]
pub struct RestoreResult {
    #[serde(flatten)]
    order: OrderResult,
    /// This phone did not have it.
    new: bool,
    new_tokens: Vec<TokenResult>,
}

impl RestoreResult {
    /// What was fetched.
    pub fn new(restored: &Restored, contents: &Contents) -> Self {
        let new_tokens = restored.new_tokens.iter().map(TokenResult::new).collect();
        Self { order: OrderResult::new(&restored.order, contents), new: restored.is_new, new_tokens }
    }
}

impl Display for RestoreResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        let known = if self.new { "The order is on this phone now" } else { "The order was on this phone already" };
        match self.new_tokens.len() {
            0 => writeln!(f, "{known}; no token is new."),
            1 => writeln!(f, "{known}; one token is new here, to be carried to its meter."),
            tokens => writeln!(f, "{known}; {tokens} tokens are new here, to be carried to their meters."),
        }
    }
}

/// A purchase.
#[derive(Serialize)]
pub struct BuyResult {
    #[serde(flatten)]
    order: OrderResult,
    /// It was begun earlier.
    resumed: bool,
    /// What the meter's receipt says, with `--at`.
    meter: Option<Loaded>,
    /// What became of each token, with `--at`.
    pub deliveries: Vec<DeliveryResult>,
}

impl BuyResult {
    /// The order that was bought.
    pub fn order(&self) -> &OrderResult {
        &self.order
    }
}

/// What a meter's receipt says after the loading.
#[derive(Serialize)]
struct Loaded {
    meter: String,
    label: String,
    receipt: u32,
    credit_number: u32,
    /// Credit units sold to the meter since it was made.
    total: u64,
    /// The same before the loading, if a receipt says so.
    total_before: Option<u64>,
    /// Credit units loaded now.
    loaded: Option<u64>,
    /// The credit that was loaded, for people.
    #[serde(skip)]
    shown: Option<String>,
}

impl BuyResult {
    /// A purchase as far as it got.
    pub fn new(result: &BoughtAt, contents: &Contents) -> Self {
        let bought = &result.bought;
        let (order, resumed) = (OrderResult::new(&bought.order, contents), bought.resumed);
        let Some(Ok(delivered)) = &result.delivered else {
            return Self { order, resumed, meter: None, deliveries: Vec::new() };
        };
        let meter = delivered.identity.meter;
        let newest = contents.newest_receipt(&meter, delivered.identity.meter_key).map(|newest| {
            let (total, total_before) = (newest.receipt.total, result.total_before);
            let loaded = total_before.and_then(|before| total.checked_sub(before));
            Loaded {
                meter: meter.to_string(),
                label: meter.label().to_string(),
                receipt: newest.key.number,
                credit_number: newest.receipt.registers.credit.0,
                total: total.get(),
                total_before: total_before.map(|before| before.get()),
                loaded: loaded.map(|loaded| loaded.get()),
                shown: loaded
                    .filter(|loaded| *loaded > Units::ZERO)
                    .map(|loaded| credit_words(loaded, &delivered.identity)),
            }
        });
        Self { order, resumed, meter: newest, deliveries: deliver::results(delivered, contents) }
    }
}

impl Display for BuyResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        super::write_few(f, &self.deliveries, "tokens were handed to the meter")?;
        if let Some(Loaded { label, receipt, shown: Some(shown), .. }) = &self.meter {
            writeln!(f, "{label} says in its receipt {receipt}: {shown} loaded now")?;
        }
        if self.resumed {
            writeln!(f, "This purchase was begun earlier; nothing else was bought now.")?;
        }
        let waiting = self.order.lines.iter().any(|line| line.on_phone && !line.loaded);
        if waiting {
            writeln!(f, "PAID IS NOT LOADED: carry this phone to the meter, then `coinless phone deliver`")?;
        }
        Ok(())
    }
}

/// A request for money back.
#[derive(Serialize)]
pub struct RefundResult {
    #[serde(flatten)]
    order: OrderResult,
    /// The lines that were asked back.
    asked: Vec<u32>,
    /// The void tokens to be carried to their meters.
    voids: Vec<TokenResult>,
    next: &'static str,
}

impl RefundResult {
    /// What a request has brought.
    pub fn new(refund: &Refund, contents: &Contents) -> Self {
        let next = if refund.voids.is_empty() {
            "Run `coinless phone sync` to see how it goes on."
        } else {
            "No money moves yet. First carry the void token to the meter (`coinless phone deliver`), so that the credit can never \
             be loaded; then `coinless phone sync` brings the meter's receipt, and the money comes back."
        };
        let voids = refund.voids.iter().map(TokenResult::new).collect();
        Self { order: OrderResult::new(&refund.order, contents), asked: refund.lines.clone(), voids, next }
    }
}

impl Display for RefundResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        for token in &self.voids {
            writeln!(f, "void {token}: on this phone")?;
        }
        writeln!(f, "{}", self.next)
    }
}
