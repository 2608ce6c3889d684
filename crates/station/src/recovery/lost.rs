//! Payments whose orders a restore forgot: their money is held as money for no order is, until the order is here again.

use super::{SUBJECT, accept_again};
use crate::ledger;
use crate::lifecycle::LineState;
use crate::money::{Amount, Currency, Money};
use crate::orders;
use crate::problem::{Code, Error};
use crate::provider::{MoneyReceipt, StatementEntry};
use crate::store::Row;
use crate::tasks::Kind;
use crate::work::Work;
use crate::{payments, refunds};

/// Asks for the payments that only a statement knows of the order `$1`, whose account is `$2`. (A provider names one of them.)
pub(crate) const AWAITED: &str = "SELECT state FROM lost_payment WHERE order_id IN ($1, $2)";

/// Whether one of these payments waits for its order.
///
/// # Errors
/// [`Code::NotPossibleNow`] if none does, and a person has ended the recovery without one.
pub(crate) fn is_awaited(rows: &[Row]) -> Result<bool, Error> {
    let states = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
    // Of an order that was paid twice, one payment may be gone, and the other one still buys it.
    if states.contains(&"lost") {
        return Ok(true);
    }
    if states.contains(&"given_up") {
        let detail = "this order was forgotten by a restore, and the recovery was ended without it: ask the operator";
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    Ok(false)
}

/// Gives up waiting for the orders of payments that only the statements know: their money stays in suspense, before a person.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it waits for none.
pub fn give_up(work: &mut Work<'_>, operator: &str) -> Result<(), Error> {
    ledger::check_operator(operator)?;
    let rows = work.query(
        "SELECT order_id, provider, receipt, amount, currency FROM lost_payment WHERE state = 'lost' ORDER BY order_id",
        &[],
    )?;
    if rows.is_empty() {
        return Err(Error::refused(
            Code::NotPossibleNow,
            "no payment waits for its order: there is nothing to give up",
        ));
    }
    for row in &rows {
        let detail = format!("{operator} ended the recovery without the order of this payment, {}", row.text(0)?);
        let amount = Amount(Money::from_minor(row.int(3)?), currency(row, 4)?);
        let subject = format!("{}/{}", row.text(1)?, row.text(2)?);
        work.exception_of(&subject, "payment_without_order", &detail, Some(amount))?;
    }
    work.execute("UPDATE lost_payment SET state = 'given_up' WHERE state = 'lost'", &[])?;
    Ok(work.queue(Kind::Recover, SUBJECT)?)
}

/// Money that was held is gone by the decision of a person: its order is not waited for any more.
///
/// # Errors
/// When the database fails.
pub(crate) fn end_wait(work: &mut Work<'_>, provider: &str, receipt: &str) -> Result<(), Error> {
    work.execute(
        "UPDATE lost_payment SET state = 'given_up' WHERE provider = $1 AND receipt = $2 AND state = 'lost'",
        &[provider.into(), receipt.into()],
    )?;
    Ok(())
}

/// A payment whose order the backup does not have waits for it. `named`: the order's id, or its account.
pub(super) fn lose(work: &mut Work<'_>, provider: &str, named: &str, entry: &StatementEntry) -> Result<(), Error> {
    if !hold(work, provider, entry)? {
        return Ok(());
    }
    work.execute(
        "INSERT INTO lost_payment (provider, receipt, order_id, amount, currency, state)
         VALUES ($1, $2, $3, $4, $5, 'lost') ON CONFLICT (order_id, receipt) DO NOTHING",
        &[
            provider.into(),
            entry.receipt.as_str().into(),
            named.into(),
            entry.amount.minor().into(),
            entry.currency.code().into(),
        ],
    )?;
    Ok(())
}

/// A payment that can be of no order comes before a person.
pub(super) fn stray(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<(), Error> {
    if !hold(work, provider, entry)? {
        return Ok(());
    }
    let detail = "the statement does not say for which order this payment is";
    let amount = Amount(entry.amount, entry.currency);
    work.difference(&format!("{provider}/{}", entry.receipt), "payment_without_order", detail, Some(amount))?;
    Ok(())
}

/// Holds money of no order that is here. Gives whether it is held since the restore and may belong to an order that was forgotten:
/// what was held before belongs to none.
fn hold(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<bool, Error> {
    // When it was noted says nothing of when it came: no daily comparison is to look for it.
    if payments::hold_stray(work, provider, entry, 0)? {
        return Ok(true);
    }
    // The daily comparison may have held it first: its receipt says when it came, its movement when it was held.
    let held = work.query_first(
        "SELECT 1 FROM money_receipt r JOIN recovery v ON v.subject = $3
         WHERE r.provider = $1 AND r.receipt = $2 AND r.order_id = ''
         AND EXISTS (SELECT 1 FROM movement m
                     WHERE m.subject = $4 AND m.event = 'unmatched' AND m.at_ms >= v.begun_ms)
         AND NOT EXISTS (SELECT 1 FROM movement m WHERE m.subject = $4 AND m.event = 'matched')",
        &[
            provider.into(),
            entry.receipt.as_str().into(),
            SUBJECT.into(),
            format!("{provider}/{}", entry.receipt).into(),
        ],
    )?;
    Ok(held.is_some())
}

/// An order that payments waited for is here: what is said of its money now goes the way of any payment.
///
/// # Errors
/// When the database fails.
pub(crate) fn arrived(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    let rows = work.query(
        "SELECT receipt, amount, currency, provider FROM lost_payment WHERE order_id IN ($1, $2) AND state = 'lost'
         ORDER BY receipt",
        &[id.into(), payments::account(id).into()],
    )?;
    let Some(first) = rows.first() else { return Ok(()) };
    let provider = first.text(3)?.to_owned();
    let mut receipts = Vec::new();
    for row in &rows {
        if row.text(3)? == provider {
            let (receipt, amount) = (row.text(0)?.to_owned(), Money::from_minor(row.int(1)?));
            receipts.push(MoneyReceipt { receipt, amount, currency: currency(row, 2)? });
        }
    }
    work.execute(
        "UPDATE lost_payment SET state = 'arrived' WHERE order_id IN ($1, $2) AND provider = $3 AND state = 'lost'",
        &[id.into(), payments::account(id).into(), provider.as_str().into()],
    )?;
    work.execute_one(
        "noting who was paid",
        "UPDATE orders SET provider = $2 WHERE order_id = $1",
        &[id.into(), provider.as_str().into()],
    )?;
    let (order, lines) = orders::find_whole(work, id)?;
    accept_again(work, &order, &lines)?;
    let (order, lines) = orders::find_whole(work, id)?;
    payments::came(work, &order, &lines, &receipts)?;
    for receipt in &receipts {
        work.went_on(&format!("{provider}/{}", receipt.receipt), "unknown_account", "it found its order")?;
    }
    take_refunds(work, id)?;
    // It may have been the last one.
    Ok(work.queue_at(Kind::Recover, SUBJECT, work.now_ms)?)
}

/// Lines that the statement shows to be refunded are not sold again.
fn take_refunds(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    for line in orders::lines(work, id)?.iter().filter(|line| line.state == LineState::Paid) {
        let refunded = work.query_first(
            "SELECT amount FROM lost_refund WHERE order_id = $1 AND refund_id = $2",
            &[id.into(), line.subject().into()],
        )?;
        if refunded.is_some() {
            refunds::found(work, line)?;
        }
    }
    Ok(())
}

fn currency(row: &Row, at: usize) -> Result<Currency, Error> {
    Currency::from_code(row.text(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}
