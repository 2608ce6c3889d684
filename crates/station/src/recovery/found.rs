//! What the statements of providers and the sales of utilities tell of the time since the backup.

use super::lost::{arrived, is_awaited, lose, stray};
use super::{AWAITED, LOOK_EVERY_MS, SUBJECT};
use crate::ledger::time;
use crate::lifecycle::{LineEvent, LineState, PaymentEvent, PaymentState};
use crate::meters::{self, Meter};
use crate::money::Amount;
use crate::orders::{self, Order, OrderRequest};
use crate::payments::{self, is_account};
use crate::problem::{Code, Error};
use crate::provider::{EntryKind, StatementEntry, StatementError};
use crate::refunds;
use crate::sales::SaleEntry;
use crate::tasks::{Kind, Task};
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::MeterId;
use std::collections::{BTreeMap, BTreeSet};

/// Nobody pays an order later than that after he made it.
const PAID_WITHIN_MS: i64 = 8 * 24 * 60 * 60 * 1000;

/// What was found outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The statement of each provider since the backup; two of one that does not reach back so far: that, and what it has.
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
            Ok(entries) => take_entries(work, provider, entries)?,
            Err(StatementError::TooOld { since_ms }) => too_old(work, provider, *since_ms)?,
            Err(error) => complete &= missing(work, provider, &error.to_string())?,
        }
    }
    for (utility, sales) in &found.sales {
        if let Err(why) = sales {
            complete &= missing(work, utility.as_str(), why)?;
        }
    }
    take_sales(work, &found.sales)?;
    let lost = work.query_first("SELECT count(*) FROM lost_payment WHERE state = 'lost'", &[])?;
    let lost = lost.map_or(Ok(0), |row| row.int(0))?;
    // What the statements say is paid must have come as far as its tokens before anything else is sold.
    let under_way = super::under_way(work)?;
    let settled = work.query_first("SELECT settled_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let settled_ms = settled.map_or(Ok(work.now_ms), |row| row.int(0))?;
    if complete && lost == 0 && under_way.is_empty() && work.now_ms >= settled_ms {
        return super::ending::end(work, task);
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

/// What a provider's statement does not have any more is looked up by a person: nobody else can.
fn too_old(work: &mut Work<'_>, provider: &str, since_ms: i64) -> Result<(), Error> {
    let row = work.query_first("SELECT backup_ms, begun_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let Some(row) = row else { return Ok(()) };
    let (backup_ms, begun_ms) = (row.int(0)?, row.int(1)?);
    let told = work.query_first(
        "SELECT 1 FROM exception WHERE subject = $1 AND cause = 'statement_too_short' AND at_ms >= $2",
        &[provider.into(), begun_ms.into()],
    )?;
    if since_ms <= backup_ms || told.is_some() {
        return Ok(());
    }
    let detail = format!(
        "its statement reaches back only to {}: look up in its own pages what was paid from {} on, before anybody is asked to \
         pay again",
        time(since_ms),
        time(backup_ms)
    );
    Ok(work.exception(provider, "statement_too_short", &detail)?)
}

fn take_entries(work: &mut Work<'_>, provider: &str, entries: &[StatementEntry]) -> Result<(), Error> {
    let orders = orders_of_accounts(work, provider, entries)?;
    for entry in entries {
        match entry.kind {
            EntryKind::Payment => take_payment(work, provider, entry, &orders)?,
            EntryKind::Refund => take_refund(work, entry)?,
            // The reconciliation sees to these.
            EntryKind::TakenBack | EntryKind::Fee => {}
        }
    }
    Ok(())
}

/// The orders of the accounts that customers named in a statement without our ids, as far as they are here.
fn orders_of_accounts(
    work: &mut Work<'_>,
    provider: &str,
    entries: &[StatementEntry],
) -> Result<BTreeMap<String, String>, Error> {
    let (mut orders, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    let named = entries.iter().filter(|entry| entry.kind == EntryKind::Payment && entry.payment_id.is_none());
    for account in named.filter_map(|entry| entry.account.as_deref()).filter(|account| is_account(account)) {
        let row = work.query_first("SELECT order_id FROM pay_account WHERE account = $1", &[account.into()])?;
        match row {
            Some(row) => drop(orders.insert(account.to_owned(), row.text(0)?.to_owned())),
            None if work.query(AWAITED, &[account.into(), account.into()])?.is_empty() => {
                unknown.insert(account);
            }
            None => {}
        }
    }
    if unknown.is_empty() {
        return Ok(orders);
    }
    // Not every order is kept by its account. Once for each payment, those are looked through that it may be for.
    let since_ms = super::since(work)?.unwrap_or(work.now_ms) - PAID_WITHIN_MS;
    let rows = work.query(
        "SELECT account, order_id FROM orders WHERE provider = $1 AND created_ms >= $2",
        &[provider.into(), since_ms.into()],
    )?;
    for row in &rows {
        if unknown.contains(row.text(0)?) {
            orders.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
        }
    }
    Ok(orders)
}

fn take_payment(
    work: &mut Work<'_>,
    provider: &str,
    entry: &StatementEntry,
    orders: &BTreeMap<String, String>,
) -> Result<(), Error> {
    if let Some(id) = &entry.payment_id {
        return take_payment_of(work, provider, id, entry);
    }
    if is_old(work, provider, entry)? {
        return Ok(());
    }
    match entry.account.as_deref().filter(|account| is_account(account)) {
        Some(account) => match orders.get(account) {
            Some(id) => take_payment_of(work, provider, id, entry),
            None => lose(work, provider, account, entry),
        },
        None => stray(work, provider, entry),
    }
}

/// Whether the backup has a payment that does not name its order: booked for one, or before a person.
fn is_old(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT 1 FROM money_receipt WHERE provider = $1 AND receipt = $2 AND order_id <> ''",
        &[provider.into(), entry.receipt.as_str().into()],
    )?;
    if row.is_some() {
        return Ok(true);
    }
    let row = work.query_first(
        "SELECT 1 FROM exception e JOIN recovery v ON v.subject = $2 AND e.at_ms < v.begun_ms
         WHERE e.subject = $1 AND e.cause = 'unknown_account'",
        &[format!("{provider}/{}", entry.receipt).into(), SUBJECT.into()],
    )?;
    Ok(row.is_some())
}

fn take_payment_of(work: &mut Work<'_>, provider: &str, id: &str, entry: &StatementEntry) -> Result<(), Error> {
    refunds::lock_meters(work, id)?;
    let order = match orders::lock(work, id) {
        Ok(order) => order,
        Err(Error::Refused { code: Code::UnknownOrder, .. }) => return lose(work, provider, id, entry),
        Err(error) => return Err(error),
    };
    match order.payment {
        PaymentState::None => {
            super::accepted_before(work, &order)?;
            let order = orders::find(work, id)?;
            doubt(work, &order)
        }
        PaymentState::Sent | PaymentState::Unknown | PaymentState::Declined => {
            doubt(work, &order)?;
            Ok(work.queue(Kind::QueryPayment, id)?)
        }
        PaymentState::Captured | PaymentState::Exception | PaymentState::TakenBack => Ok(()),
    }
}

/// A statement shows that a payment was made whose provider has not told so: it is waited for until it has.
fn doubt(work: &mut Work<'_>, order: &Order) -> Result<(), Error> {
    if order.payment != PaymentState::Sent {
        return Ok(());
    }
    let reason = "the provider's statement shows that it was paid; the provider is asked";
    payments::step(work, order, PaymentEvent::Unclear, Some(reason))?;
    let lines = orders::lines(work, &order.id)?;
    let waiting: Vec<_> = lines.into_iter().filter(|line| line.state == LineState::AwaitingPayment).collect();
    orders::step_all(work, &waiting, LineEvent::PaymentUnclear, None)
}

/// The order and the number in the id of a line, which is that of its sale and of its refund: `order/line`.
fn line_of(id: &str) -> Option<(&str, u32)> {
    let (order, number) = id.split_once('/')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    Some((order, number.parse().ok().filter(|_| is_number)?))
}

/// A refund that was made: its line can not be loaded any more, that was proved in the life that is forgotten.
fn take_refund(work: &mut Work<'_>, entry: &StatementEntry) -> Result<(), Error> {
    let amount = Some(Amount(entry.amount, entry.currency));
    let Some(refund_id) = &entry.refund_id else {
        let subject = format!("refund/{}", entry.receipt);
        let detail = "the statement does not say which refund it is";
        work.difference(&subject, "refund_without_order", detail, amount)?;
        return Ok(());
    };
    let Some((order_id, number)) = line_of(refund_id) else {
        let order_id = refund_id.split('/').next().unwrap_or_default();
        if !refunds::exists(work, order_id, refund_id)? {
            let detail = "the statement shows a refund that is of no line, and nobody here has asked for it";
            work.difference(refund_id, "refund_without_line", detail, amount)?;
        }
        return Ok(());
    };
    work.execute(
        "INSERT INTO lost_refund (order_id, refund_id, amount) VALUES ($1, $2, $3)
         ON CONFLICT (order_id, refund_id) DO NOTHING",
        &[order_id.into(), refund_id.as_str().into(), entry.amount.minor().into()],
    )?;
    refunds::lock_meters(work, order_id)?;
    match orders::lock(work, order_id) {
        Ok(_) => {}
        Err(Error::Refused { code: Code::UnknownOrder, .. }) => return Ok(()),
        Err(error) => return Err(error),
    }
    match orders::line(work, order_id, number) {
        Ok(line) => refunds::found(work, &line),
        Err(Error::Refused { code: Code::UnknownLine, .. }) => {
            let detail = "the statement shows a refund of a line that this order does not have";
            work.difference(refund_id, "refund_without_line", detail, amount)?;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The sales of one order, by their lines, each with its utility.
type Sold<'a> = BTreeMap<u32, (&'a UtilityName, &'a SaleEntry)>;

/// Makes the orders again whose payments wait for them, from what their utilities sold.
fn take_sales(work: &mut Work<'_>, found: &[(UtilityName, Result<Vec<SaleEntry>, String>)]) -> Result<(), Error> {
    let mut by_order = BTreeMap::<&str, Sold<'_>>::new();
    for (utility, sales) in found {
        for sale in sales.iter().flatten() {
            if let Some((order, number)) = line_of(&sale.sale_id) {
                by_order.entry(order).or_default().insert(number, (utility, sale));
            }
        }
    }
    for (id, sold) in by_order {
        let awaited = work.query(AWAITED, &[id.into(), payments::account(id).into()])?;
        if is_awaited(&awaited).unwrap_or(false) {
            make_again(work, id, &sold)?;
        }
    }
    Ok(())
}

fn make_again(work: &mut Work<'_>, id: &str, sold: &Sold<'_>) -> Result<(), Error> {
    let account = payments::account(id);
    let rows = work.query(
        "SELECT amount, currency, provider, order_id FROM lost_payment WHERE order_id IN ($1, $2) AND state = 'lost'
         ORDER BY receipt",
        &[id.into(), account.as_str().into()],
    )?;
    let paid = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    let total = sold.values().map(|(_, sale)| sale.amount.minor()).sum::<i64>();
    // Lines may be missing that another utility sold: its sales, or the payer's phone, bring them.
    let is_whole = paid.contains(&total) || paid.iter().sum::<i64>() == total;
    let Some(first) = rows.first().filter(|_| is_whole) else { return Ok(()) };
    let mut meters = Vec::new();
    for (utility, sale) in sold.values() {
        match meter_of(work, utility, sale)? {
            Some(meter) => meters.push(meter),
            None => {
                let detail = format!(
                    "{utility} sold line {} to a meter that it does not sell to here, {}: enrol it, and the order is made again",
                    sale.sale_id, sale.meter_id
                );
                work.difference(id, "sale_of_unknown_meter", &detail, None)?;
                return Ok(());
            }
        }
    }
    let (currency, provider) = (first.text(1)?.to_owned(), first.text(2)?.to_owned());
    work.execute_one(
        "making an order again",
        "INSERT INTO orders (order_id, request, currency, total, version, quote_version, expires_ms, provider, account,
                             payment_state, captured, refunding, created_ms)
         VALUES ($1, $7, $2, $3, 1, 1, $4, $5, $6, 'none', 0, 0, $4)",
        &[
            id.into(),
            currency.into(),
            total.into(),
            work.now_ms.into(),
            provider.into(),
            account.as_str().into(),
            OrderRequest::NOT_KNOWN.into(),
        ],
    )?;
    if first.text(3)? == account {
        work.execute_one(
            "giving an order its account",
            "INSERT INTO pay_account (account, order_id) VALUES ($1, $2)",
            &[account.into(), id.into()],
        )?;
    }
    for ((number, (utility, sale)), meter) in sold.iter().zip(&meters) {
        work.execute_one(
            "making a line again",
            "INSERT INTO order_line (order_id, line, meter_id, commodity, utility, amount, net, tax, fee, units, quote, terms,
                                     state, immediate)
             VALUES ($1, $2, $3, $4, $5, $6, $6, 0, 0, $7, '[]', '', 'quoted', 0)",
            &[
                id.into(),
                (*number).into(),
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

/// The meter of a sale, if it is enrolled for the utility that sold.
fn meter_of(work: &mut Work<'_>, utility: &UtilityName, sale: &SaleEntry) -> Result<Option<Meter>, Error> {
    let Ok(id) = sale.meter_id.parse::<MeterId>() else { return Ok(None) };
    match meters::find(work, id) {
        Ok(meter) => Ok((meter.utility == *utility).then_some(meter)),
        Err(Error::Refused { code: Code::UnknownMeter, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
