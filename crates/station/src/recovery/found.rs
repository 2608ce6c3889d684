//! What the statements of providers and the sales of utilities tell of the time since the backup.

use super::{LOOK_EVERY_MS, SUBJECT, arrived, end};
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{LineEvent, PaymentEvent, PaymentState};
use crate::meters;
use crate::money::{Currency, Money};
use crate::orders;
use crate::problem::{Code, Error};
use crate::provider::{EntryKind, StatementEntry, StatementError};
use crate::sales::SaleEntry;
use crate::tasks::{Kind, Task};
use crate::utilities::UtilityName;
use crate::work::Work;
use crate::{payments, refunds};
use std::collections::BTreeMap;

/// What was found outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The statement of each provider since the backup.
    pub statements: Vec<(String, Result<Vec<StatementEntry>, StatementError>)>,
    /// The sales of each utility that keeps its own.
    pub sales: Vec<(UtilityName, Result<Vec<SaleEntry>, String>)>,
}

/// Takes in what was found; ends the recovery when nothing is missing, else looks again later.
///
/// # Errors
/// When the database fails.
pub fn take(work: &mut Work<'_>, task: &Task, found: &Found) -> Result<(), Error> {
    let mut complete = true;
    for (provider, statement) in &found.statements {
        match statement {
            Ok(entries) => entries.iter().try_for_each(|entry| take_entry(work, provider, entry))?,
            Err(error) => complete &= missing(work, provider, &error.to_string())?,
        }
    }
    for (utility, sales) in &found.sales {
        match sales {
            Ok(sales) => take_sales(work, utility, sales)?,
            Err(why) => complete &= missing(work, utility.as_str(), why)?,
        }
    }
    let lost = work.query_first("SELECT count(*) FROM lost_payment WHERE state = 'lost'", &[])?;
    let lost = lost.map_or(Ok(0), |row| row.int(0))?;
    // What the statements say is paid must have come as far as its tokens before anything else is sold.
    let under_way = super::under_way(work)?;
    let settled = work.query_first("SELECT settled_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let settled_ms = settled.map_or(Ok(work.now_ms), |row| row.int(0))?;
    if complete && lost == 0 && under_way.is_empty() && work.now_ms >= settled_ms {
        return end(work, task);
    }
    tracing::info!(complete, lost, under_way = under_way.len(), "the recovery goes on");
    let next_ms = work.now_ms + LOOK_EVERY_MS;
    let settles_sooner = settled_ms > work.now_ms && settled_ms < next_ms;
    Ok(work.again_at(task, if settles_sooner { settled_ms } else { next_ms })?)
}

/// Notes that somebody gives no word; gives whether a person decided to do without.
fn missing(work: &mut Work<'_>, name: &str, why: &str) -> Result<bool, Error> {
    let waived = work.query_first("SELECT operator FROM recovery_waiver WHERE name = $1", &[name.into()])?;
    if waived.is_some() {
        return Ok(true);
    }
    let detail = format!("the recovery after a restore needs the word of {name}: {why}");
    work.exception(name, "recovery_waits", &detail)?;
    Ok(false)
}

fn take_entry(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<(), Error> {
    match entry.kind {
        EntryKind::Payment => take_payment(work, provider, entry),
        EntryKind::Refund => take_refund(work, entry),
        // The reconciliation sees to these.
        EntryKind::TakenBack | EntryKind::Fee => Ok(()),
    }
}

/// The order that an entry is about, if it says.
fn order_of(work: &mut Work<'_>, entry: &StatementEntry) -> Result<Option<String>, Error> {
    if entry.payment_id.is_some() {
        return Ok(entry.payment_id.clone());
    }
    let Some(account) = &entry.account else { return Ok(None) };
    let row = work.query_first("SELECT order_id FROM pay_account WHERE account = $1", &[account.as_str().into()])?;
    Ok(row.map(|row| row.text(0).map(str::to_owned)).transpose()?)
}

fn take_payment(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<(), Error> {
    let subject = format!("{provider}/{}", entry.receipt);
    let Some(id) = order_of(work, entry)? else {
        return Ok(work.exception(
            &subject,
            "payment_without_order",
            "the statement does not say for which order it is",
        )?);
    };
    refunds::lock_meters(work, &id)?;
    match orders::lock(work, &id) {
        Ok(order) => match order.payment {
            PaymentState::None => super::accepted_before(work, &order),
            PaymentState::Sent | PaymentState::Unknown | PaymentState::Declined => {
                Ok(work.queue(Kind::QueryPayment, id)?)
            }
            PaymentState::Captured | PaymentState::Exception | PaymentState::TakenBack => Ok(()),
        },
        Err(Error::Refused { code: Code::UnknownOrder, .. }) => lose(work, provider, &id, entry),
        Err(error) => Err(error),
    }
}

/// A payment whose order the backup does not have: its money is held until the order is here again.
fn lose(work: &mut Work<'_>, provider: &str, id: &str, entry: &StatementEntry) -> Result<(), Error> {
    let row = [
        provider.into(),
        entry.receipt.as_str().into(),
        id.into(),
        entry.amount.minor().into(),
        entry.currency.code().into(),
    ];
    let taken = work.execute(
        "INSERT INTO money_receipt (provider, receipt, order_id, amount, currency, at_ms) VALUES ($1, $2, $3, $4, $5, 0)
         ON CONFLICT (provider, receipt) DO NOTHING",
        &row,
    )?;
    if taken == 0 {
        return Ok(());
    }
    work.execute_one(
        "noting a lost payment",
        "INSERT INTO lost_payment (provider, receipt, order_id, amount, currency, state)
         VALUES ($1, $2, $3, $4, $5, 'lost')",
        &row,
    )?;
    let movement = Movement {
        subject: id,
        cause: format!("receipt {} captured", entry.receipt),
        event: Event::Unmatched,
        currency: entry.currency,
        debit: Account::Clearing(provider.to_owned()),
        credits: vec![(Account::Suspense, entry.amount)],
        operator: None,
    };
    ledger::book(work, &movement)
}

/// The money of an order that was forgotten is matched with it: it is paid, or somebody must look.
pub(super) fn pay(work: &mut Work<'_>, id: &str, came: &[(String, Money, Currency)]) -> Result<(), Error> {
    let order = orders::find(work, id)?;
    let sum = came.iter().map(|(_, amount, _)| amount.minor()).sum::<i64>();
    let lines = orders::lines(work, id)?;
    if sum != order.total.minor() || came.iter().any(|(.., currency)| *currency != order.currency) {
        let detail =
            format!("the order is quoted otherwise now than it was paid: {}", order.currency.format(order.total));
        work.exception(id, "other_amount", &detail)?;
        let reason = "another amount was paid; a person is looking at it";
        payments::step(work, &order, PaymentEvent::OtherMoney, Some(reason))?;
        lines.iter().try_for_each(|line| crate::sell::release(work, line))?;
        return orders::step_all(work, &lines, LineEvent::WrongMoney, Some(reason));
    }
    for (receipt, amount, currency) in came {
        let movement = Movement {
            subject: id,
            cause: format!("receipt {receipt} matched"),
            event: Event::Matched,
            currency: *currency,
            debit: Account::Suspense,
            credits: vec![(Account::PayerMoneyHeld, *amount)],
            operator: None,
        };
        ledger::book(work, &movement)?;
    }
    let receipt = came.first().map(|(receipt, ..)| receipt.as_str());
    work.execute("UPDATE orders SET payment_receipt = $2 WHERE order_id = $1", &[id.into(), receipt.into()])?;
    payments::step(work, &order, PaymentEvent::Captured, None)?;
    orders::step_all(work, &lines, LineEvent::Captured, None)?;
    for line in orders::lines(work, id)? {
        let subject = line.subject();
        let refunded = work.query_first(
            "SELECT amount FROM lost_refund WHERE order_id = $1 AND refund_id = $2",
            &[id.into(), subject.as_str().into()],
        )?;
        match refunded {
            Some(_) => refunds::found(work, &line)?,
            None => work.queue(Kind::Sell, subject)?,
        }
    }
    Ok(())
}

/// A refund that was made: its line can not be loaded any more, that was proved in the life that is forgotten.
fn take_refund(work: &mut Work<'_>, entry: &StatementEntry) -> Result<(), Error> {
    let Some(refund_id) = &entry.refund_id else {
        let subject = format!("refund/{}", entry.receipt);
        return Ok(work.exception(
            &subject,
            "refund_without_order",
            "the statement does not say which refund it is",
        )?);
    };
    let order_id = refund_id.split('/').next().unwrap_or_default().to_owned();
    work.execute(
        "INSERT INTO lost_refund (order_id, refund_id, amount) VALUES ($1, $2, $3)
         ON CONFLICT (order_id, refund_id) DO NOTHING",
        &[order_id.as_str().into(), refund_id.as_str().into(), entry.amount.minor().into()],
    )?;
    let number = refund_id.rsplit('/').next().and_then(|number| number.parse::<u32>().ok());
    let Some(number) = number else { return Ok(()) };
    refunds::lock_meters(work, &order_id)?;
    if orders::lock(work, &order_id).is_err() {
        return Ok(());
    }
    let line = orders::line(work, &order_id, number)?;
    refunds::found(work, &line)
}

/// Makes the orders again whose payments wait for them, from what their utility sold.
fn take_sales(work: &mut Work<'_>, utility: &UtilityName, sales: &[SaleEntry]) -> Result<(), Error> {
    let mut by_order = BTreeMap::<&str, Vec<&SaleEntry>>::new();
    for sale in sales {
        if let Some((order, _)) = sale.sale_id.split_once('/') {
            by_order.entry(order).or_default().push(sale);
        }
    }
    for (id, sales) in by_order {
        if super::is_awaited(&work.query(super::AWAITED, &[id.into()])?).unwrap_or(false) {
            make_again(work, utility, id, &sales)?;
        }
    }
    Ok(())
}

fn make_again(work: &mut Work<'_>, utility: &UtilityName, id: &str, sales: &[&SaleEntry]) -> Result<(), Error> {
    let rows = work.query(
        "SELECT amount, currency, provider FROM lost_payment WHERE order_id = $1 AND state = 'lost'",
        &[id.into()],
    )?;
    let Some(first) = rows.first() else { return Ok(()) };
    let paid = rows.iter().map(|row| row.int(0)).sum::<Result<i64, _>>()?;
    if paid != sales.iter().map(|sale| sale.amount.minor()).sum::<i64>() {
        // Lines of another utility are missing: its sales, or the payer's phone, bring them.
        return Ok(());
    }
    let (currency, provider) = (first.text(1)?.to_owned(), first.text(2)?.to_owned());
    work.execute_one(
        "making an order again",
        "INSERT INTO orders (order_id, request, currency, total, version, quote_version, expires_ms, provider, account,
                             payment_state, captured, refunding, created_ms)
         VALUES ($1, '{}', $2, $3, 1, 1, $4, $5, $6, 'none', 0, 0, $4)",
        &[id.into(), currency.into(), paid.into(), work.now_ms.into(), provider.into(), payments::account(id).into()],
    )?;
    for sale in sales {
        let number: u32 = sale.sale_id.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let meter = meters::find(work, meters::stored_id(&sale.meter_id)?)?;
        work.execute_one(
            "making a line again",
            "INSERT INTO order_line (order_id, line, meter_id, commodity, utility, amount, net, tax, fee, units, quote, terms,
                                     state, immediate)
             VALUES ($1, $2, $3, $4, $5, $6, $6, 0, 0, $7, '[]', '', 'quoted', 0)",
            &[
                id.into(),
                number.into(),
                meter.id.as_str().into(),
                (meter.commodity as i64).into(),
                utility.as_str().into(),
                sale.amount.minor().into(),
                (sale.units.get() as i64).into(),
            ],
        )?;
    }
    let detail = "made again from the utility's sales after a restore: how much of it is tax is not known here";
    work.exception(id, "recovered_without_tax", detail)?;
    arrived(work, id)
}
