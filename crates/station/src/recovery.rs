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

mod ending;
mod found;
mod lost;

pub(crate) use ending::take_over;
pub use found::{Found, take};
pub use lost::give_up;
pub(crate) use lost::{AWAITED, arrived, end_wait, is_awaited};

use crate::lifecycle::LineState;
use crate::meters::{self, Meter};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, Order, OrderLine};
use crate::problem::{Code, Error};
use crate::tasks::Kind;
use crate::work::Work;
use coinless_protocol::CreditNumber;
use coinless_protocol::token::RefusedRange;
use serde::Serialize;
use uuid::Uuid;

/// The fewest numbers of each meter that a restore skips: more than any meter can have used since a backup.
const GAP: i64 = 1 << 16;
/// The most that are skipped: a meter takes no number that is more than 2^20 beyond its own (DESIGN §2).
const MAX_GAP: i64 = (1 << 20) - (1 << 16);
/// A meter that was enrolled after the backup has used so many times fewer numbers. What is skipped of such meters adds up over
/// all restores, since no backup says which of them has been here before.
const OLDER_TO_NEW: i64 = 8;
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
    /// Payments whose orders are missing: the order's id or its account, receipt, amount.
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
    let skipped_of_new = (skipped_of_new(work)? + gap / OLDER_TO_NEW).min(MAX_GAP);
    work.execute(
        "UPDATE meter SET gap_first = COALESCE(gap_first, last_number + 1), gap_last = last_number + $1,
                          last_number = last_number + $1, recovering_since_ms = COALESCE(recovering_since_ms, $2),
                          tariff_number = tariff_number + $1, settings_number = settings_number + $1,
                          keys_number = keys_number + $1, valve_number = valve_number + $1",
        &[gap.into(), (backup_ms - MARGIN_MS).into()],
    )?;
    // A void may have found its line loaded, which was then counted again.
    work.execute(
        "UPDATE meter_line SET refused_first = COALESCE(refused_first, CASE WHEN epoch <
                    (SELECT m.epoch FROM meter m WHERE m.meter_id = meter_line.meter_id) THEN 0 ELSE first_number END),
                refused_last = (SELECT m.gap_last FROM meter m WHERE m.meter_id = meter_line.meter_id)
         WHERE state = 'void_pending'",
        &[],
    )?;
    // What waited in the backup has not waited all the time since.
    work.execute("UPDATE outbox SET claimed_until_ms = 0, queued_ms = $1", &[work.now_ms.into()])?;
    // What was about to be asked for may have been, and some providers would ask a payer twice.
    let asks_ms = asks_from(work.now_ms + settle_ms);
    work.execute("UPDATE outbox SET due_ms = $1 WHERE task = 'pay' AND due_ms < $1", &[asks_ms.into()])?;
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
        "INSERT INTO recovery (subject, backup_ms, begun_ms, settled_ms, skipped_of_new) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (subject) DO UPDATE SET backup_ms = CASE WHEN recovery.ended_ms IS NULL THEN recovery.backup_ms ELSE $2 END,
             begun_ms = $3, settled_ms = $4, ended_ms = NULL, skipped_of_new = $5",
        &[
            SUBJECT.into(),
            backup_ms.into(),
            work.now_ms.into(),
            (work.now_ms + settle_ms).into(),
            skipped_of_new.into(),
        ],
    )?;
    if gap == MAX_GAP {
        let detail = "the backup is so old that no more numbers can be skipped: restore it no more, and make another one as soon as \
                      the recovery is done";
        work.exception(SUBJECT, "numbers_run_out", detail)?;
    }
    if skipped_of_new == MAX_GAP {
        let detail = "this station was restored so often that no more numbers can be skipped of meters that a backup does not \
                      have: do not enrol a meter again that was enrolled after the backup";
        work.exception(SUBJECT, "numbers_run_out_of_new_meters", detail)?;
    }
    Ok(work.queue_at(Kind::Recover, SUBJECT, work.now_ms)?)
}

/// How many numbers are skipped if the backup is `age_s` old. It grows with the time: a second restore from the same backup skips
/// those too that were used after the first. Four a second for an hour, one a second for a day, one in ten seconds for two
/// months, then one in a hundred seconds for most of a year.
fn gap_after(age_s: i64) -> i64 {
    const HOUR_S: i64 = 3_600;
    const DAY_S: i64 = 86_400;
    const MONTHS_S: i64 = 60 * DAY_S;
    let within = |from_s: i64, to_s: i64| (age_s.min(to_s) - from_s).max(0);
    let grown =
        4 * within(0, HOUR_S) + within(HOUR_S, DAY_S) + within(DAY_S, MONTHS_S) / 10 + within(MONTHS_S, i64::MAX) / 100;
    (GAP + grown).min(MAX_GAP)
}

/// How many numbers are skipped of a meter that no backup had.
fn skipped_of_new(work: &mut Work<'_>) -> Result<i64, Error> {
    let row = work.query_first("SELECT skipped_of_new FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?)
}

/// The numbers that may have been used for a meter that is enrolled now, by a station that a restore forgot; and since when what
/// was sold to it must be recovered, if it must.
///
/// # Errors
/// When the database fails.
pub(crate) fn of_new_meter(work: &mut Work<'_>) -> Result<(Option<RefusedRange>, Option<i64>), Error> {
    let row = work.query_first("SELECT skipped_of_new FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let Some(row) = row else { return Ok((None, None)) };
    Ok((RefusedRange::new(CreditNumber(1), CreditNumber(row.number(0)?)), since(work)?))
}

/// From when on payments are asked for that may have been asked for before: statements were read then that would show them.
fn asks_from(settled_ms: i64) -> i64 {
    settled_ms + 2 * LOOK_EVERY_MS
}

/// The quote of an order that may have been accepted before is accepted again: first its provider is asked what it knows.
///
/// # Errors
/// When the database fails.
pub(crate) fn ask_again(work: &mut Work<'_>, order_id: &str) -> Result<(), Error> {
    let row = work.query_first("SELECT settled_ms FROM recovery WHERE subject = $1", &[SUBJECT.into()])?;
    let settled_ms = row.map_or(Ok(work.now_ms), |row| row.int(0))?;
    work.queue_at(Kind::Pay, order_id, asks_from(settled_ms).max(work.now_ms))?;
    Ok(work.queue(Kind::QueryPayment, order_id)?)
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

/// Orders whose payment was asked for and whose outcome is not known, but for those that a person does without. Not those that a
/// customer pays by himself, today or never: once a statement shows that he has, their outcome is unknown.
fn under_way(work: &mut Work<'_>) -> Result<Vec<String>, Error> {
    let rows = work.query(
        "SELECT order_id FROM orders WHERE (payment_state = 'unknown' OR payment_state = 'sent' AND
             (payment_sent_ms IS NOT NULL OR NOT EXISTS (SELECT 1 FROM pay_account p WHERE p.account = orders.account)))
         AND NOT EXISTS (SELECT 1 FROM recovery_waiver w WHERE w.name = orders.order_id) ORDER BY order_id",
        &[],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Does without the word of a provider or a utility, named as in its exception, or without the outcome of an order's payment.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it is not waited for.
pub fn waive(work: &mut Work<'_>, name: &str, operator: &str) -> Result<(), Error> {
    crate::ledger::check_operator(operator)?;
    let status = status(work)?;
    let named = status.iter().flat_map(|status| status.waits_for.iter().map(|(name, _)| name).chain(&status.under_way));
    let names: Vec<_> = named.map(String::as_str).collect();
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

/// Whether numbers in the gap may count an order's lines: it was made before the newest restore. Only a phone or a cashier may
/// know that by the time the recovery is done.
pub(crate) fn is_of_forgotten_life(work: &mut Work<'_>, meter: &Meter, order_id: &str) -> Result<bool, Error> {
    if meter.gap.is_none() && !meter.origin_unknown || meter.recovering_since_ms.is_some() {
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

/// The provider knows a payment of an order that is not accepted here: it was, in the life that is forgotten. Gives whether it is
/// accepted again; if not, it has ended, and is before a person.
///
/// # Errors
/// When the database fails.
pub(crate) fn accepted_before(work: &mut Work<'_>, order: &Order) -> Result<bool, Error> {
    let lines = orders::lines(work, &order.id)?;
    if lines.iter().any(|line| line.state != LineState::Quoted) {
        let detail = "the provider knows a payment of this order, which nobody accepted in time here";
        work.exception(&order.id, "payment_after_expiry", detail)?;
        return Ok(false);
    }
    accept_again(work, order, &lines)?;
    work.queue(Kind::QueryPayment, order.id.as_str())?;
    Ok(true)
}

/// Accepts an order that the payer accepted before, whatever room its meters have.
fn accept_again(work: &mut Work<'_>, order: &Order, lines: &[OrderLine]) -> Result<(), Error> {
    lines.iter().try_for_each(|line| meters::reserve(work, line.meter, line.units))?;
    orders::accepted(work, order, lines)
}
