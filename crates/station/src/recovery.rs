//! After a restore from a backup (DESIGN §2, last point): what was signed, paid and refunded since the backup is forgotten.
//!
//! * Every number that may have been used is skipped, and until the recovery is done every token refuses these numbers: the *gap*.
//! * Nothing new is sold to a meter before the statements of all providers and the sales of all utilities since the backup are
//!   read, and every payment in them has its order.
//! * An order that the backup does not have is made again from its utility's sales, or when its phone sends it again: the
//!   provider's statement says that it is paid.
//! * Every line that was ever paid, and not refunded, is counted from beyond the gap on. A meter that has it already gets
//!   nothing more, since totals only grow by what is missing; one that has it not gets it.
//!
//! `docs/decisions.md` lists what the model of the protocol says about this.

mod found;

pub use found::{Found, take};

use crate::lifecycle::{LineEvent, LineState};
use crate::meters::{self, Meter};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, Order, OrderLine};
use crate::problem::{Code, Error};
use crate::registers;
use crate::store::Row;
use crate::tasks::{Kind, Task};
use crate::work::Work;
use coinless_protocol::receipt::Receipt;
use serde::Serialize;
use uuid::Uuid;

/// The fewest numbers of each meter that a restore skips: more than any meter can have used since a backup.
const GAP: i64 = 1 << 16;
/// The most that are skipped: a meter takes no number that is more than 2^20 beyond its own (DESIGN §2).
const MAX_GAP: i64 = (1 << 20) - (1 << 16);
/// What the task of a recovery is about.
pub const SUBJECT: &str = "station";
/// How much earlier than the backup statements are read from: clocks differ, and payments take their time.
const MARGIN_MS: i64 = 24 * 60 * 60 * 1000;
/// Between two looks into statements.
const LOOK_EVERY_MS: i64 = 60_000;

/// A recovery that is under way, for people and for phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The moment of the backup, in milliseconds since 1970-01-01 UTC.
    pub backup_ms: i64,
    /// From when on orders may be missing: a day before the backup.
    pub orders_since_ms: i64,
    /// Until when calls of the station that died may arrive somewhere: it does not end before.
    pub settled_ms: i64,
    /// Providers and utilities whose word is missing, and why.
    pub waits_for: Vec<(String, String)>,
    /// Payments whose orders are missing: order, receipt, amount.
    pub lost_payments: Vec<(String, String, Amount)>,
    /// Orders whose payment is under way.
    pub under_way: Vec<String>,
    /// Whether the station has looked into statements since the restore.
    pub has_looked: bool,
}

/// Begins the recovery of a database that was just filled from a backup made at `backup_ms`. It does not end before
/// `settle_ms` have passed: calls of the station that died may still be on their way.
///
/// # Errors
/// When the database fails.
pub fn begin(work: &mut Work<'_>, backup_ms: i64, settle_ms: i64) -> Result<(), Error> {
    let gap = gap_after((work.now_ms - backup_ms).max(0) / 1000);
    work.execute(
        "UPDATE meter SET gap_first = COALESCE(gap_first, last_number + 1), gap_last = last_number + $1,
                          last_number = last_number + $1, recovering_since_ms = COALESCE(recovering_since_ms, $2)",
        &[gap.into(), (backup_ms - MARGIN_MS).into()],
    )?;
    // A void may have found its line loaded, which was then counted again.
    work.execute(
        "UPDATE meter_line SET refused_first = COALESCE(refused_first, first_number),
                refused_last = (SELECT m.gap_last FROM meter m WHERE m.meter_id = meter_line.meter_id)
         WHERE state = 'void_pending'",
        &[],
    )?;
    work.execute("UPDATE outbox SET claimed_until_ms = 0", &[])?;
    // Whoever accepted a quote in the life that is forgotten is given the time to say so again.
    let expires_ms = work.now_ms + orders::QUOTE_LIFETIME_MS;
    work.execute(
        "UPDATE orders SET expires_ms = $1 WHERE payment_state = 'none' AND order_id IN
         (SELECT subject FROM outbox WHERE task = 'expire')",
        &[expires_ms.into()],
    )?;
    work.execute("UPDATE outbox SET due_ms = $1 WHERE task = 'expire'", &[expires_ms.into()])?;
    work.execute("DELETE FROM recovery_waiver", &[])?;
    work.execute(
        "INSERT INTO recovery (subject, backup_ms, begun_ms, settled_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subject) DO UPDATE SET backup_ms = CASE WHEN recovery.ended_ms IS NULL THEN recovery.backup_ms ELSE $2 END,
             begun_ms = $3, settled_ms = $4, ended_ms = NULL",
        &[SUBJECT.into(), backup_ms.into(), work.now_ms.into(), (work.now_ms + settle_ms).into()],
    )?;
    Ok(work.queue_at(Kind::Recover, SUBJECT, work.now_ms)?)
}

/// How many numbers are skipped if the backup is `age_s` old. It grows with the time: a second restore from the same backup skips
/// those too that were used after the first. Four a second for an hour, one a second for a day, then one in ten seconds.
fn gap_after(age_s: i64) -> i64 {
    const HOUR_S: i64 = 3_600;
    const DAY_S: i64 = 86_400;
    let grown = 4 * age_s.min(HOUR_S) + (age_s.min(DAY_S) - HOUR_S).max(0) + (age_s - DAY_S).max(0) / 10;
    (GAP + grown).min(MAX_GAP)
}

/// Since when sales must be recovered, if any must.
///
/// # Errors
/// When the database fails.
pub fn since(work: &mut Work<'_>) -> Result<Option<i64>, Error> {
    let row =
        work.query_first("SELECT backup_ms FROM recovery WHERE subject = $1 AND ended_ms IS NULL", &[SUBJECT.into()])?;
    Ok(row.map(|row| row.int(0)).transpose()?.map(|backup_ms| backup_ms - MARGIN_MS))
}

/// How the recovery stands, if one is under way.
///
/// # Errors
/// When the database fails.
pub fn status(work: &mut Work<'_>) -> Result<Option<Status>, Error> {
    let row = work.query_first(
        "SELECT backup_ms, settled_ms FROM recovery WHERE subject = $1 AND ended_ms IS NULL",
        &[SUBJECT.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let waits = work.query(
        "SELECT subject, detail FROM exception WHERE cause = 'recovery_waits' AND resolved_ms IS NULL
         AND subject NOT IN (SELECT name FROM recovery_waiver) ORDER BY subject",
        &[],
    )?;
    let lost = work.query(
        "SELECT order_id, receipt, amount, currency FROM lost_payment WHERE state = 'lost' ORDER BY order_id, receipt",
        &[],
    )?;
    let lost = lost.iter().map(|row| {
        let currency = Currency::from_code(row.text(3)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        let amount = Amount(Money::from_minor(row.int(2)?), currency);
        Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned(), amount))
    });
    Ok(Some(Status {
        backup_ms: row.int(0)?,
        orders_since_ms: row.int(0)? - MARGIN_MS,
        settled_ms: row.int(1)?,
        lost_payments: lost.collect::<Result<_, Error>>()?,
        waits_for: waits
            .iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
            .collect::<Result<_, Error>>()?,
        under_way: under_way(work)?,
        has_looked: work
            .query_first(
                "SELECT attempts FROM outbox WHERE subject = $1 AND task = $2",
                &[SUBJECT.into(), Kind::Recover.name().into()],
            )?
            .is_some_and(|row| row.int(0).is_ok_and(|attempts| attempts > 0)),
    }))
}

/// Orders whose payment was asked for and whose outcome is not known. Not those that a customer pays by himself, today or never:
/// what he has paid is in a statement, or comes later.
fn under_way(work: &mut Work<'_>) -> Result<Vec<String>, Error> {
    let rows = work.query(
        "SELECT order_id FROM orders WHERE payment_state IN ('sent', 'unknown')
         AND NOT EXISTS (SELECT 1 FROM pay_account p WHERE p.account = orders.account) ORDER BY order_id",
        &[],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Does without the word of a provider or a utility, named as in its exception.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it is not waited for.
pub fn waive(work: &mut Work<'_>, name: &str, operator: &str) -> Result<(), Error> {
    crate::ledger::check_operator(operator)?;
    let status = status(work)?;
    let names: Vec<_> = status.iter().flat_map(|status| &status.waits_for).map(|(name, _)| name.as_str()).collect();
    if !names.contains(&name) {
        let waited = if names.is_empty() { "nobody's word".to_owned() } else { names.join(", ") };
        return Err(Error::refused(
            Code::NotPossibleNow,
            format!("the recovery does not wait for {name}; it waits for {waited}"),
        ));
    }
    work.execute(
        "INSERT INTO recovery_waiver (name, operator, at_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        &[name.into(), operator.into(), work.now_ms.into()],
    )?;
    Ok(work.queue(Kind::Recover, SUBJECT)?)
}

/// Gives up waiting for the orders of payments that only the statements know: their money stays in suspense, before a person.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it waits for none.
pub fn give_up(work: &mut Work<'_>, operator: &str) -> Result<(), Error> {
    crate::ledger::check_operator(operator)?;
    let rows = work.query("SELECT order_id, receipt FROM lost_payment WHERE state = 'lost' ORDER BY order_id", &[])?;
    if rows.is_empty() {
        return Err(Error::refused(
            Code::NotPossibleNow,
            "no payment waits for its order: there is nothing to give up",
        ));
    }
    for row in &rows {
        let detail = format!("{operator} ended the recovery without the order of receipt {}", row.text(1)?);
        work.exception(row.text(0)?, "payment_without_order", &detail)?;
    }
    work.execute("UPDATE lost_payment SET state = 'given_up' WHERE state = 'lost'", &[])?;
    Ok(work.queue(Kind::Recover, SUBJECT)?)
}

/// Asks for the payments that only a statement knows of the order `$1`.
pub(crate) const AWAITED: &str = "SELECT state FROM lost_payment WHERE order_id = $1";

/// Whether one of these payments waits for its order.
///
/// # Errors
/// [`Code::NotPossibleNow`] if a person has ended the recovery without it.
pub(crate) fn is_awaited(rows: &[Row]) -> Result<bool, Error> {
    let mut awaited = false;
    for row in rows {
        match row.text(0)? {
            "given_up" => {
                let detail =
                    "this order was forgotten by a restore, and the recovery was ended without it: ask the operator";
                return Err(Error::refused(Code::NotPossibleNow, detail));
            }
            state => awaited |= state == "lost",
        }
    }
    Ok(awaited)
}

/// Whether numbers in the gap may count an order's lines: it was made before the newest restore. Only a phone or a cashier may
/// know that by the time the recovery is done.
pub(crate) fn is_of_forgotten_life(work: &mut Work<'_>, meter: &Meter, order_id: &str) -> Result<bool, Error> {
    if meter.gap.is_none() || meter.recovering_since_ms.is_some() {
        return Ok(meter.gap.is_some());
    }
    let row = work.query_first("SELECT begun_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let begun_ms = row.map(|row| row.int(0)).transpose()?;
    Ok(id_ms(order_id).zip(begun_ms).is_none_or(|(made_ms, begun_ms)| made_ms <= begun_ms))
}

/// When an order was first made that a restore forgot, as far as its id tells: its payment may be as old.
pub(crate) fn made_ms(work: &mut Work<'_>, order_id: &str) -> Result<Option<i64>, Error> {
    let row = work.query_first("SELECT backup_ms, begun_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let Some((row, made_ms)) = row.zip(id_ms(order_id)) else { return Ok(None) };
    let (from_ms, begun_ms) = (row.int(0)? - MARGIN_MS, row.int(1)?);
    Ok((from_ms..=begun_ms).contains(&made_ms).then_some(made_ms))
}

/// The moment in an id of version 7 (RFC 9562 §5.7), by the clock of the phone that made it.
fn id_ms(order_id: &str) -> Option<i64> {
    let (seconds, nanos) = Uuid::try_parse(order_id).ok()?.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::from(nanos) / 1_000_000)
}

/// Whether an order may have been accepted in a life that a restore forgot.
pub(crate) fn may_have_forgotten(work: &mut Work<'_>, order: &Order) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT 1 FROM recovery WHERE subject = $1 AND begun_ms >= $2",
        &[SUBJECT.into(), order.created_ms.into()],
    )?;
    Ok(row.is_some())
}

/// The provider knows a payment of an order that is not accepted here: it was, in the life that is forgotten.
///
/// # Errors
/// When the database fails.
pub(crate) fn accepted_before(work: &mut Work<'_>, order: &Order) -> Result<(), Error> {
    let lines = orders::lines(work, &order.id)?;
    if lines.iter().any(|line| line.state != LineState::Quoted) {
        let detail = "the provider knows a payment of this order, which nobody accepted in time here";
        return Ok(work.exception(&order.id, "payment_after_expiry", detail)?);
    }
    accept_again(work, order, &lines)?;
    Ok(work.queue(Kind::QueryPayment, order.id.as_str())?)
}

/// Accepts an order that the payer accepted before, whatever room its meters have.
fn accept_again(work: &mut Work<'_>, order: &Order, lines: &[OrderLine]) -> Result<(), Error> {
    lines.iter().try_for_each(|line| meters::reserve(work, line.meter, line.units))?;
    orders::accepted(work, order, lines)
}

/// An order that a payment waited for is here: it is paid.
///
/// # Errors
/// When the database fails.
pub(crate) fn arrived(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    let order = orders::find(work, id)?;
    let rows = work.query(
        "SELECT receipt, amount, currency, provider FROM lost_payment WHERE order_id = $1 AND state = 'lost' ORDER BY receipt",
        &[id.into()],
    )?;
    let mut came = Vec::new();
    for row in &rows {
        let currency = Currency::from_code(row.text(2)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        came.push((row.text(0)?.to_owned(), Money::from_minor(row.int(1)?), currency));
    }
    let provider = rows.first().map(|row| row.text(3)).transpose()?.unwrap_or(&order.provider).to_owned();
    work.execute("UPDATE lost_payment SET state = 'arrived' WHERE order_id = $1", &[id.into()])?;
    work.execute_one(
        "noting who was paid",
        "UPDATE orders SET provider = $2, captured = $3 WHERE order_id = $1",
        &[id.into(), provider.into(), came.iter().map(|(_, amount, _)| amount.minor()).sum::<i64>().into()],
    )?;
    let lines = orders::lines(work, id)?;
    accept_again(work, &order, &lines)?;
    found::pay(work, id, &came)?;
    // It may have been the last one.
    Ok(work.queue_at(Kind::Recover, SUBJECT, work.now_ms)?)
}

/// A receipt from the gap shows more than all lines that are known: what the meter has was sold, whoever bought it. It is
/// counted, so that the meter's total never falls, and comes before a person.
///
/// # Errors
/// When the database fails.
pub(crate) fn take_over(work: &mut Work<'_>, meter: &Meter, receipt: &Receipt) -> Result<(), Error> {
    let number = receipt.registers.credit;
    if meter.recovering_since_ms.is_some() || !meter.gap.is_some_and(|gap| gap.contains(number)) {
        return Ok(());
    }
    let meter = meters::find(work, meter.id)?;
    let Some(more) = receipt.total.checked_sub(meter.live_total).filter(|more| more.get() > 0) else { return Ok(()) };
    if registers::is_known(work, &meter, number)? {
        return Ok(());
    }
    let units = more.get() as i64; // at most 10^15
    work.execute_one(
        "taking credit over from a meter",
        "INSERT INTO meter_line (meter_id, order_id, line, units, state, epoch, first_number)
         VALUES ($1, 'recovered', $2, $3, 'delivered', $4, $5)",
        &[
            meter.id.as_str().into(),
            receipt.number.into(),
            units.into(),
            i64::from(meter.epoch.0).into(),
            number.0.into(),
        ],
    )?;
    work.execute_one(
        "taking credit over from a meter",
        "UPDATE meter SET live_total = live_total + $2 WHERE meter_id = $1",
        &[meter.id.as_str().into(), units.into()],
    )?;
    let detail = format!("the meter holds {units} units of an order that a restore forgot; look for their payment");
    work.exception(meter.id.as_str(), "credit_without_order", &detail)?;
    registers::refresh(work, meter.id)
}

/// Ends the recovery: meters are sold to again, and those with open lines get a fresh token beyond the gap.
fn end(work: &mut Work<'_>, task: &Task) -> Result<(), Error> {
    let rows = work.query(
        "SELECT m.meter_id FROM meter m WHERE m.recovering_since_ms IS NOT NULL AND EXISTS
         (SELECT 1 FROM meter_line l WHERE l.meter_id = m.meter_id AND l.state IN ('issued', 'void_pending'))
         ORDER BY m.meter_id",
        &[],
    )?;
    work.execute("UPDATE meter SET recovering_since_ms = NULL WHERE recovering_since_ms IS NOT NULL", &[])?;
    for row in &rows {
        let meter = meters::stored_id(row.text(0)?)?;
        let number = meters::find(work, meter)?.last_number;
        // Receipts from the gap that came during the recovery have settled nothing.
        again(work, meter)?;
        if meters::find(work, meter)?.last_number == number {
            registers::refresh(work, meter)?;
        }
    }
    work.execute("UPDATE recovery SET ended_ms = $1", &[work.now_ms.into()])?;
    work.execute(
        "UPDATE exception SET resolved_ms = $1, resolved_by = 'station', resolution = 'seen: the recovery is done'
         WHERE cause = 'recovery_waits' AND resolved_ms IS NULL",
        &[work.now_ms.into()],
    )?;
    tracing::info!(meters = rows.len(), "the recovery is done");
    Ok(work.finish(task)?)
}

/// Reads the newest receipt of a meter once more, now that the recovery is done.
fn again(work: &mut Work<'_>, meter: coinless_protocol::MeterId) -> Result<(), Error> {
    let Some(seen) = meters::find(work, meter)?.newest_receipt else { return Ok(()) };
    for settled in registers::settle(work, meter, seen.credit)? {
        if settled.end == registers::LineEnd::CountedAgain {
            orders::lock(work, &settled.order_id)?;
            let line = orders::line(work, &settled.order_id, settled.line)?;
            let reason = "after a restore it cannot be proved that the meter has not loaded it: it stays bought";
            orders::step(work, &line, LineEvent::CountedAgain, Some(reason))?;
        } else {
            return Err(Error::inconsistent("the newest receipt settles only now what it should have settled before"));
        }
    }
    Ok(())
}
