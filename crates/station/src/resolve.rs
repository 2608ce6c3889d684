//! How people see to what came before them: an exception is marked as seen to, and money that stands somewhere because of it
//! goes back.
//!
//! Where the money is, the ledger says: money that nobody asked for stands in suspense under its receipt, a line's own money
//! is still held or sold and undelivered, a declined refund stands in refunds due.

mod losses;

pub use losses::Bearer;

use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{LineEvent, LineState, PaymentState};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, OrderLine};
use crate::problem::{Code, Error};
use crate::recovery;
use crate::refunds::{self, GiveBack};
use crate::tasks::{Kind, Task};
use crate::work::Work;
use crate::{payments, sell};

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is to be moved.
    Seen,
    /// The money goes back the way it came.
    Refund,
    /// The money was paid back outside of this station, from the bank.
    Elsewhere,
    /// The provider has made the refund, as its own books show, and never said so.
    Refunded,
    /// The sales system has made the sale as quoted, as its own books show, and never said so.
    Sold,
    /// The provider has not collected the payment, as its own books show, and never said so.
    NotCollected,
    /// Money that was taken away does not come back by itself: somebody bears it.
    Borne(Bearer),
    /// A small difference with a provider's statement is left as it is.
    Rounded,
}

impl Decision {
    /// Its name in the books.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Refund => "refund",
            Self::Elsewhere => "elsewhere",
            Self::Refunded => "refunded",
            Self::Sold => "sold",
            Self::NotCollected => "not_collected",
            Self::Borne(bearer) => bearer.name(),
            Self::Rounded => "rounded",
        }
    }
}

/// How an exception is seen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What the exception is about.
    pub subject: String,
    /// Its cause.
    pub cause: String,
    /// The person.
    pub operator: String,
    /// Why, in the person's words; 1 to 500 characters.
    pub note: String,
    /// What is to be done.
    pub decision: Decision,
}

/// Longest note, in characters.
const MAX_NOTE_CHARS: usize = 500;

/// Marks an exception as seen to and moves its money as decided; gives in words what was done.
///
/// # Errors
/// [`Code::NotPossibleNow`] if there is no such open exception, or no money of it that could go back.
pub fn resolve(work: &mut Work<'_>, resolution: &Resolution) -> Result<Vec<String>, Error> {
    ledger::check_operator(&resolution.operator)?;
    let chars = resolution.note.trim().chars().count();
    if chars == 0 || chars > MAX_NOTE_CHARS {
        return Err(Error::refused(Code::Malformed, format!("say why in 1 to {MAX_NOTE_CHARS} characters")));
    }
    let (subject, cause) = (resolution.subject.as_str(), resolution.cause.as_str());
    let order_id = order_of(subject);
    if is_order(work, order_id)? {
        // Meters are locked before orders.
        refunds::lock_meters(work, order_id)?;
        orders::lock(work, order_id)?;
    }
    let earlier = earlier(work, resolution)?;
    let operator = resolution.operator.as_str();
    let done = match &resolution.decision {
        Decision::Seen => Vec::new(),
        Decision::Refunded => refunded(work, subject, cause, operator)?,
        Decision::Sold => sold(work, subject, cause, operator)?,
        Decision::NotCollected => not_collected(work, subject, cause)?,
        Decision::Refund => give_back(work, subject, cause, GiveBack::ByProvider { operator: Some(operator) })?,
        Decision::Elsewhere => give_back(work, subject, cause, GiveBack::ByHand { operator })?,
        Decision::Borne(bearer) => losses::bear(work, subject, cause, bearer, operator)?,
        Decision::Rounded => losses::round(work, subject, cause, operator)?,
    };
    let words = format!("{}: {}{earlier}", resolution.decision.name(), resolution.note.trim());
    work.execute_one(
        "seeing to an exception",
        "UPDATE exception SET resolved_ms = $3, resolved_by = $4, resolution = $5
         WHERE subject = $1 AND cause = $2",
        &[subject.into(), cause.into(), work.now_ms.into(), operator.into(), words.into()],
    )?;
    Ok(done)
}

fn is_order(work: &mut Work<'_>, id: &str) -> Result<bool, Error> {
    Ok(work.query_first("SELECT order_id FROM orders WHERE order_id = $1", &[id.into()])?.is_some())
}

/// Refuses what is not before a person. What was only seen may still be decided: gives who has seen it, and why.
fn earlier(work: &mut Work<'_>, resolution: &Resolution) -> Result<String, Error> {
    let (subject, cause) = (resolution.subject.as_str(), resolution.cause.as_str());
    let row = work.query_first(
        "SELECT resolved_by, resolution FROM exception WHERE subject = $1 AND cause = $2 FOR UPDATE",
        &[subject.into(), cause.into()],
    )?;
    let Some(row) = row else { return refuse(format!("there is no exception {cause} of {subject}")) };
    let Some(who) = row.optional_text(0)? else { return Ok(String::new()) };
    match row.optional_text(1)?.and_then(|words| words.strip_prefix("seen: ")) {
        Some(note) if resolution.decision != Decision::Seen => Ok(format!(" (seen before by {who}: {note})")),
        _ => refuse(format!("{who} saw to this already")),
    }
}

fn refuse<T>(detail: impl Into<String>) -> Result<T, Error> {
    Err(Error::refused(Code::NotPossibleNow, detail))
}

/// The provider's own books show a refund whose confirmation was lost, or which it had declined.
fn refunded(work: &mut Work<'_>, subject: &str, cause: &str, operator: &str) -> Result<Vec<String>, Error> {
    match cause {
        refunds::STUCK => refunds::stuck(work, subject, GiveBack::ByProvider { operator: Some(operator) }),
        "refund_declined" => {
            let order = orders::find(work, order_of(subject))?;
            refunds::told(work, &order, subject, operator)?;
            Ok(vec![format!("refund {subject} is booked as made by the provider")])
        }
        _ => refuse(format!("only refund_declined and {} can be booked as refunded by the provider", refunds::STUCK)),
    }
}

fn order_of(subject: &str) -> &str {
    subject.split('/').next().unwrap_or_default()
}

/// The sales system's own books show a sale whose confirmation was lost: the line goes on to the meter.
fn sold(work: &mut Work<'_>, subject: &str, cause: &str, operator: &str) -> Result<Vec<String>, Error> {
    if cause != sell::STUCK {
        return refuse(format!("only what is {} can be booked as sold", sell::STUCK));
    }
    let (meter, order, line) = orders::lock_line_of_subject(work, subject)?;
    if !is_decided_here(line.state, cause) {
        return refuse(format!("the line is {}: its sale is not open any more", line.state.name()));
    }
    if refunds::is_uncovered(work, &order)? && !sell::may_have_been_sold(work, &line)? {
        return refuse(
            "its money was taken away again: have the sale taken back in the sales system's own books instead",
        );
    }
    sell::sold(work, &meter, &order, &line, Some(operator))?;
    Ok(vec![format!("line {} is booked as sold; its token will be signed", line.line)])
}

/// The provider's own books show that it never collected a payment: the order ends. Money that comes later is held.
fn not_collected(work: &mut Work<'_>, order_id: &str, cause: &str) -> Result<Vec<String>, Error> {
    if cause != payments::STUCK {
        return refuse(format!("only what is {} can be ended as not collected", payments::STUCK));
    }
    if !payments::end(work, order_id, "the payment was not collected: order again")? {
        return refuse("this payment has ended already");
    }
    Ok(vec!["the order has ended as not paid; money that comes later is held, and comes before a person".to_owned()])
}

/// Whether a person decides of a line's own money: it was put before him, or nobody's answer ends its state.
fn is_decided_here(state: LineState, cause: &str) -> bool {
    match state {
        LineState::Exception => true,
        LineState::Paid | LineState::SaleUnknown => cause == sell::STUCK,
        LineState::Voided => cause == refunds::REVERSAL_STUCK,
        _ => false,
    }
}

fn give_back(work: &mut Work<'_>, subject: &str, cause: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    match cause {
        "refund_declined" => declined(work, subject, how),
        "declined_after_refund" => refunds::came_back(work, subject, how),
        refunds::STUCK => match how {
            GiveBack::ByProvider { .. } | GiveBack::Made => refuse(
                "this refund is still asked for: look into the provider's own books, then say --refunded or --elsewhere",
            ),
            GiveBack::ByHand { .. } => refunds::stuck(work, subject, how),
        },
        "other_amount" | "captured_after_decline" | "second_success" | "taken_back" => unmatched(work, subject, how),
        "unmatched_money" | "unknown_account" | "payment_without_order" => strange(work, subject, how),
        _ => match orders_line(work, subject)? {
            Some(line) if is_decided_here(line.state, cause) => own_money(work, &line, how),
            Some(line) => refuse(format!("the line is {}: no money of it waits for a decision", line.state.name())),
            None => refuse("no money of this waits for a decision: leave --refund and --elsewhere out"),
        },
    }
}

/// The line that `order/line` names, if it names one.
fn orders_line(work: &mut Work<'_>, subject: &str) -> Result<Option<OrderLine>, Error> {
    let parts = subject.split_once('/').and_then(|(order, number)| Some((order, number.parse::<u32>().ok()?)));
    let Some((order, number)) = parts else { return Ok(None) };
    let known = orders::lines(work, order)?;
    Ok(known.into_iter().find(|line| line.line == number))
}

/// A refund that the provider declined: asked for as a new try, or paid back by hand.
fn declined(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let done = refunds::after_decline(work, refund_id, how)?;
    if let Some(line) = orders_line(work, refund_id)? {
        step(work, &line, how)?;
    }
    Ok(done)
}

fn step(work: &mut Work<'_>, line: &OrderLine, how: GiveBack<'_>) -> Result<(), Error> {
    if line.state == LineState::Exception { end_line(work, line, how) } else { Ok(()) }
}

fn end_line(work: &mut Work<'_>, line: &OrderLine, how: GiveBack<'_>) -> Result<(), Error> {
    let (event, reason) = match how {
        GiveBack::ByProvider { .. } | GiveBack::Made => {
            (LineEvent::ResolvedRefund, "a person decided that the money goes back")
        }
        GiveBack::ByHand { .. } => (LineEvent::ResolvedElsewhere, "a person gave the money back"),
    };
    orders::step(work, line, event, Some(reason)).map(drop)
}

/// Money that came for an order and was not asked for. Lines that wait because of it have no money of their own.
fn unmatched(work: &mut Work<'_>, subject: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let (order_id, only) = match subject.split_once("/receipt/") {
        Some((order, receipt)) => (order, Some(receipt)),
        None => (subject, None),
    };
    let mut receipts = Vec::new();
    for (receipt, amount) in in_suspense(work, order_id)? {
        let is_meant = match only {
            Some(only) => only == receipt,
            None => !is_before_a_person(work, &format!("{order_id}/receipt/{receipt}"))?,
        };
        if is_meant {
            receipts.push((receipt, amount));
        }
    }
    if receipts.is_empty() {
        return refuse("no money of this is in suspense that could go back");
    }
    let mut done = Vec::new();
    for (receipt, amount) in receipts {
        let off = refunds::owe_unmatched(work, order_id, &receipt, (amount.0, amount.1), how)?;
        done.extend(words(how, amount, off)?);
    }
    let payment = orders::find(work, order_id)?.payment;
    if only.is_none() && matches!(payment, PaymentState::Exception | PaymentState::TakenBack) {
        for line in orders::lines(work, order_id)? {
            // One with money of its own waits for something else.
            if account_of(work, &line)?.is_none() {
                step(work, &line, how)?;
            }
        }
    }
    Ok(done)
}

fn words(how: GiveBack<'_>, amount: Amount, off: Money) -> Result<Vec<String>, Error> {
    let left = amount.0.checked_sub(off).ok_or_else(|| Error::inconsistent("a refund over all bounds"))?;
    let left = Amount(left, amount.1);
    let mut words = refunds::off_words(Amount(off, amount.1));
    match how {
        _ if left.0 == Money::ZERO => {}
        GiveBack::ByProvider { .. } | GiveBack::Made => {
            words.push(format!("{} go back the way they came", left.with_currency()));
        }
        GiveBack::ByHand { .. } => {
            words.push(format!("{} are booked as paid back from the bank", left.with_currency()))
        }
    }
    Ok(words)
}

/// Whether money is an exception of its own: a second success.
fn is_before_a_person(work: &mut Work<'_>, subject: &str) -> Result<bool, Error> {
    Ok(work.query_first("SELECT cause FROM exception WHERE subject = $1 LIMIT 1", &[subject.into()])?.is_some())
}

/// The receipts of an order whose money is in suspense.
fn in_suspense(work: &mut Work<'_>, order_id: &str) -> Result<Vec<(String, Amount)>, Error> {
    let rows = work.query(
        "SELECT r.receipt, r.amount, r.currency FROM money_receipt r
         JOIN movement m ON m.subject = r.order_id AND m.cause = 'receipt ' || r.receipt || ' captured'
         WHERE r.order_id = $1 AND m.event = 'unmatched'
         AND NOT EXISTS (SELECT 1 FROM movement d
                         WHERE d.subject = r.order_id AND d.cause = 'receipt ' || r.receipt || ' refund due')
         ORDER BY r.receipt",
        &[order_id.into()],
    )?;
    let read = |row: &crate::store::Row| {
        let currency = Currency::from_code(row.text(2)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        Ok((row.text(0)?.to_owned(), Amount(Money::from_minor(row.int(1)?), currency)))
    };
    rows.iter().map(read).collect()
}

/// Money that belongs to no order: there is no payment that a provider could refund.
fn strange(work: &mut Work<'_>, subject: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let GiveBack::ByHand { operator } = how else {
        return refuse("this money belongs to no order: pay it back by hand, then say --elsewhere");
    };
    let (provider, receipt) = subject.split_once('/').unwrap_or_default();
    let row = work.query_first(
        "SELECT m.currency, e.amount FROM movement m JOIN entry e ON e.subject = m.subject AND e.cause = m.cause
         WHERE m.subject = $1 AND m.cause = $2 AND e.account = 'suspense'",
        &[subject.into(), format!("receipt {receipt} captured").into()],
    )?;
    let Some(row) = row else {
        return refuse("this money is not in the books yet: reconcile the provider's statement first");
    };
    let matched = "SELECT cause FROM movement WHERE subject = $1 AND event = 'matched'";
    if work.query_first(matched, &[subject.into()])?.is_some() {
        return refuse("this money is not in suspense any more");
    }
    let currency = Currency::from_code(row.text(0)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    let amount = Amount(Money::from_minor(-row.int(1)?), currency);
    let steps = [
        ("refund due", Event::Matched, Account::Suspense, Account::RefundsDue),
        ("refunded", Event::Refunded, Account::RefundsDue, Account::Bank),
    ];
    for (what, event, debit, credit) in steps {
        let movement = Movement {
            subject,
            cause: format!("receipt {receipt} {what}"),
            event,
            currency,
            debit,
            credits: vec![(credit, amount.0)],
            operator: Some(operator),
        };
        ledger::book(work, &movement)?;
    }
    recovery::end_wait(work, provider, receipt)?;
    words(how, amount, Money::ZERO)
}

/// The money of a line that waits for a decision goes back, from where the ledger says that it is.
fn own_money(work: &mut Work<'_>, line: &OrderLine, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    if refunds::exists(work, &line.order_id, &line.subject())? {
        return declined(work, &line.subject(), how);
    }
    let currency = orders::find(work, &line.order_id)?.currency;
    let Some(from) = account_of(work, line)? else {
        return refuse("no money of this line is here: see to the order's own exception");
    };
    if matches!(line.state, LineState::Paid | LineState::SaleUnknown) {
        sell::release(work, line)?;
    }
    if line.state == LineState::Voided {
        // The person has seen to the sale. Nobody else may say that it is still to be taken back.
        work.finish(&Task { kind: Kind::Reverse, subject: line.subject(), attempts: 0 })?;
    }
    end_line(work, line, how)?;
    let off = refunds::owe_by(work, line, from, how)?;
    let mut done = words(how, Amount(line.amount, currency), off)?;
    done.push("the utility's sales system may still count the sale: see to it there".to_owned());
    Ok(done)
}

/// Where the money of a line is that waits for a decision and is not owed yet.
fn account_of(work: &mut Work<'_>, line: &OrderLine) -> Result<Option<Account>, Error> {
    let sold = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND cause = $2",
        &[line.order_id.as_str().into(), format!("line {} sold", line.line).into()],
    )?;
    if sold.is_some() {
        return Ok(Some(Account::SoldUndelivered));
    }
    let row = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND event IN ('captured', 'float_spent') LIMIT 1",
        &[line.order_id.as_str().into()],
    )?;
    Ok(row.map(|_| Account::PayerMoneyHeld))
}
