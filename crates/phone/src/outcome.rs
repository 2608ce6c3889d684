//! How the lines of an order stand, as far as this phone knows: for people, for scripts, and summed up.
//!
//! Paid, sold, on this phone and loaded are four different things, and every text says which of them is true.

mod back;
mod standing;
mod steps;
#[cfg(test)]
pub(crate) mod tests;

pub use back::TakenBack;
pub use standing::Standing;
pub use steps::{Step, Steps};

use crate::Sum;
use crate::records::{StoredOrder, StoredReceipt, StoredToken, TokenKey};
use crate::store::Contents;
use crate::wire::{LineState, LineView, OrderView, PaymentState, RequestLine};
use coinless_protocol::receipt::Decision;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The meter has it.
    Loaded,
    /// Paid, sold, and its token is on this phone: to be carried to the meter.
    Ready,
    /// It is being taken back.
    Refunding,
    /// The money is back.
    Refunded,
    /// Nothing was bought, or it ended without a sale.
    Failed,
    /// A person at the station looks at it.
    Person,
    /// Not known yet.
    Open,
}

/// Whether the meter has a line's credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loaded {
    /// A receipt or the station says so.
    Yes,
    /// Not as far as this phone knows.
    No,
    /// It may have: the meter's answer, or the station's, is not here.
    Unknown,
}

/// How an order stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every line is loaded or ready to be.
    Complete,
    /// Some lines are, and the others have ended otherwise.
    Partly,
    /// No line is, and the money of at least one is on its way back, or waits for a void token to reach the meter.
    Refunding,
    /// No line is, and a person looks at at least one.
    Person,
    /// No line is, and what was paid is back.
    Refunded,
    /// No line is, and nothing was paid.
    Nothing,
    /// The payment is waited for.
    Waiting,
    /// What becomes of at least one line is not known yet.
    Unknown,
}

/// How one line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// Its number within the order.
    pub line: u32,
    /// The meter's identity.
    pub meter: String,
    /// Its label, with the check character.
    pub label: String,
    /// What it measures; none if the station has not answered.
    pub commodity: Option<String>,
    /// The company that sells.
    pub utility: Option<String>,
    /// The amount or quantity that was asked for.
    pub asked: String,
    /// What is paid or to be paid, a decimal number.
    pub amount: Option<String>,
    /// Credit units.
    pub units: Option<u64>,
    /// The same for people.
    pub shown: Option<String>,
    /// As the station says; none if it has not answered yet.
    pub state: Option<LineState>,
    /// What became of it.
    pub outcome: Outcome,
    /// The same more finely.
    pub standing: Standing,
    /// Why, if the station says so.
    pub reason: Option<String>,
    /// Money was taken for it; it may be back.
    pub was_paid: bool,
    /// The token that is to be carried.
    pub token: Option<TokenKey>,
    /// That token is in the store.
    pub on_phone: bool,
    /// Whether the meter has it.
    pub loaded: Loaded,
    /// Number of the receipt that shows it.
    pub receipt: Option<u32>,
}

/// An order summed up. The sums are of money, in the order's currency, and of the lines of that outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines of the order.
    pub lines: usize,
    /// Lines that are loaded, and what was paid for them.
    pub loaded: Part,
    /// Lines that are ready to be loaded.
    pub ready: Part,
    /// Lines whose money is on its way back, or waits for a void token to reach the meter.
    pub refunding: Part,
    /// Lines whose money is back.
    pub refunded: Part,
    /// Lines that ended without a sale.
    pub failed: Part,
    /// Lines that a person looks at.
    pub person: Part,
    /// Lines of which it is not known yet.
    pub open: Part,
    /// Lines that money was taken for; it may be back.
    pub paid: Part,
    /// Those of the open lines that are not paid yet, and nothing of it is unclear.
    pub waiting: usize,
}

/// Some lines of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// How many.
    pub lines: usize,
    /// The sum of their amounts, as far as they are known.
    pub sum: Sum,
}

/// What a store says of tokens.
struct Known<'a> {
    contents: &'a Contents,
    tokens: HashMap<TokenKey, &'a StoredToken>,
}

impl LineReport {
    /// How the lines of `order` stand.
    pub fn of_order(order: &StoredOrder, contents: &Contents) -> Vec<Self> {
        let tokens = contents.tokens.iter().map(|token| (token.key, token)).collect();
        let known = Known { contents, tokens };
        match &order.view {
            Some(view) => {
                let line = |line| Self::answered(order, view, line, &known);
                view.lines.iter().map(line).collect()
            }
            None => (1..).zip(&order.request.lines).map(|(line, asked)| Self::unanswered(order, line, asked)).collect(),
        }
    }

    fn answered(order: &StoredOrder, view: &OrderView, line: &LineView, known: &Known<'_>) -> Self {
        let token = line.token_key();
        let stored = token.and_then(|key| known.tokens.get(&key).copied());
        let (outcome, standing) = outcome(view, line, stored.is_some());
        let shown_by = token.and_then(|key| first_receipt(known.contents, &key));
        let receipt = order.receipts.get(&line.line).copied().or(shown_by);
        let mut report = Self {
            asked: asked_of(order, line),
            label: label_of(order, line),
            line: line.line,
            meter: line.meter.clone(),
            commodity: Some(line.commodity.clone()).filter(|name| !name.is_empty()),
            utility: line.utility.clone(),
            amount: Some(line.amount.clone()),
            units: line.quote.as_ref().map(|quote| quote.units),
            shown: line.quote.as_ref().map(|quote| quote.shown.clone()),
            state: Some(line.state),
            outcome,
            standing,
            reason: line.reason.clone().or_else(|| view.payment.reason.clone().filter(|_| outcome == Outcome::Failed)),
            was_paid: was_paid(view, line),
            token,
            on_phone: stored.is_some(),
            loaded: Loaded::No,
            receipt: None,
        };
        match line.state {
            LineState::Delivered => (report.loaded, report.receipt) = (Loaded::Yes, receipt),
            LineState::Issued => report.look_for_receipt(stored, receipt, known),
            // A receipt that covers a void token says that the meter is past it, not how it got there.
            LineState::VoidPending | LineState::Exception | LineState::Other => report.loaded = Loaded::Unknown,
            _ => {}
        }
        report
    }

    /// The station knows of no receipt yet; this phone may have one.
    fn look_for_receipt(&mut self, stored: Option<&StoredToken>, receipt: Option<u32>, known: &Known<'_>) {
        match (receipt, stored) {
            (Some(_), _) => {
                (self.loaded, self.receipt, self.outcome) = (Loaded::Yes, receipt, Outcome::Loaded);
                self.standing = Standing::LoadedUntold;
            }
            (None, Some(token)) if token.handed => match refusal(known.contents, &token.key) {
                None => {
                    self.loaded = Loaded::Unknown;
                    self.standing = Standing::Handed;
                }
                Some(Decision::NeedsNewerRegister) => self.standing = Standing::NeedsOthersFirst,
                Some(Decision::Closed) => self.standing = Standing::AccountClosed,
                Some(Decision::BadContent) => self.standing = Standing::BadContent,
                Some(_) => {}
            },
            (None, Some(_)) => {}
            // Another phone may have carried it.
            (None, None) => self.loaded = Loaded::Unknown,
        }
    }

    /// A line of an order that the station has never answered.
    fn unanswered(order: &StoredOrder, line: u32, asked: &RequestLine) -> Self {
        let (outcome, standing) = match order.rejected {
            Some(_) => (Outcome::Failed, Standing::Rejected),
            None => (Outcome::Open, Standing::Unanswered),
        };
        Self {
            line,
            meter: asked.meter.split('-').next().unwrap_or("").to_owned(),
            label: asked.meter.clone(),
            commodity: None,
            utility: None,
            asked: asked.asked.to_string(),
            amount: asked.asked.amount().map(ToString::to_string),
            units: None,
            shown: None,
            state: None,
            outcome,
            standing,
            reason: order.rejected.clone(),
            was_paid: false,
            token: None,
            on_phone: false,
            loaded: Loaded::No,
            receipt: None,
        }
    }
}

impl Outcome {
    /// Its name in JSON, messages and style sheets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Ready => "ready",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Failed => "failed",
            Self::Person => "person",
            Self::Open => "open",
        }
    }

    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Ready => "ready to load",
            Self::Refunding => "refund on its way",
            Self::Refunded => "refunded",
            Self::Failed => "failed",
            Self::Person => "a person is looking at it",
            Self::Open => "not known yet",
        }
    }
}

impl Summary {
    /// Sums lines up.
    pub fn of(lines: &[LineReport]) -> Self {
        let mut summary = Self { lines: lines.len(), ..Self::default() };
        for line in lines {
            let part = match line.outcome {
                Outcome::Loaded => &mut summary.loaded,
                Outcome::Ready => &mut summary.ready,
                Outcome::Refunding => &mut summary.refunding,
                Outcome::Refunded => &mut summary.refunded,
                Outcome::Failed => &mut summary.failed,
                Outcome::Person => &mut summary.person,
                Outcome::Open => &mut summary.open,
            };
            part.add(line);
            if line.was_paid {
                summary.paid.add(line);
            }
            if matches!(line.standing, Standing::Quoted | Standing::AwaitingPayment) {
                summary.waiting += 1;
            }
        }
        summary
    }

    /// The parts with their outcomes, best first.
    pub fn parts(&self) -> [(Outcome, Part); 7] {
        [
            (Outcome::Loaded, self.loaded),
            (Outcome::Ready, self.ready),
            (Outcome::Refunding, self.refunding),
            (Outcome::Refunded, self.refunded),
            (Outcome::Failed, self.failed),
            (Outcome::Person, self.person),
            (Outcome::Open, self.open),
        ]
    }

    /// How the order stands as a whole.
    pub fn verdict(&self) -> Verdict {
        let fine = self.loaded.lines + self.ready.lines;
        match () {
            () if self.open.lines > self.waiting => Verdict::Unknown,
            () if self.waiting > 0 => Verdict::Waiting,
            () if fine == self.lines => Verdict::Complete,
            () if fine > 0 => Verdict::Partly,
            () if self.refunding.lines > 0 => Verdict::Refunding,
            () if self.person.lines > 0 => Verdict::Person,
            () if self.refunded.lines > 0 => Verdict::Refunded,
            () => Verdict::Nothing,
        }
    }
}

impl Part {
    fn add(&mut self, line: &LineReport) {
        self.lines += 1;
        if let Some(amount) = &line.amount {
            // An amount that cannot be read was refused when the order was stored.
            self.sum.add(amount);
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// How the lines of an order stand as its station tells it: how many stand so, and the words for it, in the order of the lines.
pub fn states(view: &OrderView) -> Vec<(usize, &'static str)> {
    let mut states: Vec<(usize, &'static str)> = Vec::new();
    for line in &view.lines {
        let words = match line.state {
            LineState::Issued => "paid, sold; NOT LOADED yet",
            _ => outcome(view, line, false).1.words(),
        };
        match states.iter_mut().find(|(_, known)| *known == words) {
            Some((count, _)) => *count += 1,
            None => states.push((1, words)),
        }
    }
    states
}

/// The lines of `order` whose tokens receipts in the store cover, with the number of the first such receipt.
pub(crate) fn receipts_of(order: &StoredOrder, contents: &Contents) -> Vec<(u32, u32)> {
    let lines = order.view.iter().flat_map(|view| &view.lines).filter(|line| line.state == LineState::Issued);
    let meters: HashSet<&str> = contents.receipts.iter().map(|receipt| receipt.key.meter.as_str()).collect();
    lines
        .filter(|line| meters.contains(line.meter.as_str()))
        .filter_map(|line| Some((line.line, first_receipt(contents, &line.token_key()?)?)))
        .collect()
}

fn first_receipt(contents: &Contents, token: &TokenKey) -> Option<u32> {
    contents.receipts.iter().filter(|receipt| receipt.covers_credit(token)).map(|receipt| receipt.key.number).min()
}

/// The meter's last word on the token, if that is that it does not take it (now).
fn refusal(contents: &Contents, token: &TokenKey) -> Option<Decision> {
    let about_it =
        |receipt: &&StoredReceipt| receipt.is_of_meter(token) && receipt.receipt.outcome.token == token.numbers.credit;
    let refused = |decision: &Decision| !matches!(decision, Decision::Applied | Decision::Read | Decision::NotNewer);
    let refusals =
        contents.receipts.iter().filter(about_it).filter(|receipt| refused(&receipt.receipt.outcome.decision));
    refusals.max_by_key(|receipt| receipt.key.number).map(|receipt| receipt.receipt.outcome.decision)
}

fn was_paid(view: &OrderView, line: &LineView) -> bool {
    use LineState::*;
    let unpaid = matches!(line.state, Quoted | AwaitingPayment | PaymentUnknown | Expired);
    !unpaid && matches!(view.payment.state, PaymentState::Captured | PaymentState::TakenBack)
}

fn outcome(view: &OrderView, line: &LineView, on_phone: bool) -> (Outcome, Standing) {
    use LineState::*;
    let declined = view.payment.state == PaymentState::Declined;
    match line.state {
        Failed | Quoted | AwaitingPayment | PaymentUnknown if declined => (Outcome::Failed, Standing::Declined),
        Quoted => (Outcome::Open, Standing::Quoted),
        AwaitingPayment => (Outcome::Open, Standing::AwaitingPayment),
        PaymentUnknown => (Outcome::Open, Standing::PaymentUnknown),
        Paid => (Outcome::Open, Standing::Paid),
        SaleUnknown => (Outcome::Open, Standing::SaleUnknown),
        Sold => (Outcome::Open, Standing::Sold),
        Issued if on_phone => (Outcome::Ready, Standing::Ready),
        Issued => (Outcome::Open, Standing::Elsewhere),
        Delivered => (Outcome::Loaded, Standing::Loaded),
        VoidPending => (Outcome::Refunding, Standing::VoidPending),
        Voided => (Outcome::Refunding, Standing::Voided),
        SaleReversed => (Outcome::Refunding, Standing::SaleReversed),
        Refunded => (Outcome::Refunded, Standing::Refunded),
        Expired => (Outcome::Failed, Standing::Expired),
        Failed if matches!(view.payment.state, PaymentState::Exception | PaymentState::TakenBack) => {
            (Outcome::Person, Standing::PaymentHeld)
        }
        Failed if was_paid(view, line) => (Outcome::Refunding, Standing::FailedRefunding),
        Failed => (Outcome::Failed, Standing::Failed),
        Exception => (Outcome::Person, Standing::Person),
        Other => (Outcome::Open, Standing::NotUnderstood),
    }
}

fn request_line<'a>(order: &'a StoredOrder, line: &LineView) -> Option<&'a RequestLine> {
    let index = usize::try_from(line.line).ok()?.checked_sub(1)?;
    order.request.lines.get(index)
}

fn asked_of(order: &StoredOrder, line: &LineView) -> String {
    request_line(order, line).map_or_else(|| line.amount.clone(), |asked| asked.asked.to_string())
}

fn label_of(order: &StoredOrder, line: &LineView) -> String {
    request_line(order, line).map_or_else(|| line.label.clone(), |asked| asked.meter.clone())
}
