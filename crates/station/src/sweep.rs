//! The sweeper: looks for what is stuck, puts it before a person, and makes sure that whatever is not finished has its task.

use crate::lifecycle::LineState;
use crate::money::{Amount, Currency, Money};
use crate::payments::{self, Context, Patience};
use crate::problem::Error;
use crate::store::Row;
use crate::tasks::{Kind, Task};
use crate::work::Work;
use crate::{issue, orders, recovery, refunds, sell, terms};

/// How often it looks.
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// What the sweeper's task is about.
pub const SUBJECT: &str = "station";
/// Most pages of open payments that are looked through at once.
const MOST_PAGES: usize = 20;
/// Most of each kind that is taken up in one look.
const MOST: i64 = 500;
/// How long a sales system has for taking back what it did not sell in time, before a person is told: a few tries.
const RETRACTION_MS: i64 = 10 * 60_000;

/// A task that must not take for ever.
struct Limit {
    kind: Kind,
    patience_ms: i64,
    cause: &'static str,
    /// What a person is told.
    detail: &'static str,
}

fn limits(patience: Patience) -> [Limit; 4] {
    [
        Limit {
            kind: Kind::Sell,
            patience_ms: patience.sale_ms.saturating_add(RETRACTION_MS),
            cause: sell::STUCK,
            detail: "the utility has neither sold this nor taken it back for too long; look into the sales system's own books, \
                     then say --sold, --refund or --elsewhere",
        },
        Limit {
            kind: Kind::Sign,
            patience_ms: patience.signature_ms,
            cause: issue::STUCK,
            detail: "this token is not signed for too long, and lines of the meter wait for it; look after the signer",
        },
        Limit {
            kind: Kind::SignTerms,
            patience_ms: patience.signature_ms,
            cause: terms::STUCK,
            detail: "this token is not signed for too long; look after the signer",
        },
        Limit {
            kind: Kind::Reverse,
            patience_ms: patience.reversal_ms,
            cause: refunds::REVERSAL_STUCK,
            detail: "the utility has not taken this sale back for too long; have it taken back in the sales system's own \
                     books, then say --refund or --elsewhere",
        },
    ]
}

/// The tasks of which one moves a line on from a state in which it must not stay. None: it has ended, or somebody outside is
/// waited for: the payer, whoever carries the token, a person.
pub fn tasks_of(state: LineState) -> &'static [Kind] {
    match state {
        LineState::Quoted => &[Kind::Expire],
        LineState::AwaitingPayment | LineState::PaymentUnknown => &[Kind::Pay, Kind::QueryPayment],
        LineState::Paid | LineState::SaleUnknown => &[Kind::Sell],
        LineState::Sold => &[Kind::Sign],
        LineState::Voided => &[Kind::Reverse],
        LineState::SaleReversed | LineState::Failed => &[Kind::Refund],
        LineState::Issued
        | LineState::Delivered
        | LineState::VoidPending
        | LineState::Refunded
        | LineState::Expired
        | LineState::Exception => &[],
    }
}

/// Looks once, and again later.
///
/// # Errors
/// When the database fails.
pub fn sweep(work: &mut Work<'_>, task: &Task, context: &Context) -> Result<(), Error> {
    look(work, context)?;
    Ok(work.again_at(task, work.now_ms + SWEEP_EVERY_MS)?)
}

/// Looks once.
///
/// # Errors
/// When the database fails.
pub fn look(work: &mut Work<'_>, context: &Context) -> Result<(), Error> {
    stuck_payments(work, context)?;
    stuck_refunds(work, context)?;
    limits(context.patience).iter().try_for_each(|limit| stuck_tasks(work, limit))?;
    for state in LineState::ALL {
        if let [kind @ (Kind::Sell | Kind::Reverse)] = tasks_of(*state) {
            lost_lines(work, *state, *kind)?;
        }
    }
    lost_quotes(work)?;
    lost_payments(work)?;
    lost_refunds(work)?;
    lost_signatures(work)?;
    lost_terms(work)?;
    lost_recovery(work)?;
    // After all that was lost is there again.
    limits(context.patience).iter().try_for_each(|limit| done_at_last(work, limit))?;
    ended_at_last(work)
}

/// Queues the first look, if none is queued.
///
/// # Errors
/// When the database fails.
pub fn start(work: &mut Work<'_>) -> Result<(), Error> {
    let queued = work.query_first(
        "SELECT due_ms FROM outbox WHERE subject = $1 AND task = $2",
        &[SUBJECT.into(), Kind::Sweep.name().into()],
    )?;
    if queued.is_none() {
        work.queue_at(Kind::Sweep, SUBJECT, work.now_ms + SWEEP_EVERY_MS)?;
    }
    Ok(())
}

/// What has had its task for too long comes before a person, once. It still has it. If it was only seen, and nothing else came
/// of it for as long again, it comes up again: what is stuck must not be forgotten.
fn stuck_tasks(work: &mut Work<'_>, limit: &Limit) -> Result<(), Error> {
    let rows = work.query(
        "SELECT b.subject FROM outbox b WHERE b.task = $1 AND b.queued_ms < $2
         AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.subject = b.subject AND e.cause = $3
                         AND (e.resolved_ms IS NULL OR e.resolved_ms >= $2))
         ORDER BY b.subject LIMIT $4",
        &[limit.kind.name().into(), (work.now_ms - limit.patience_ms).into(), limit.cause.into(), MOST.into()],
    )?;
    for row in rows {
        let subject = row.text(0)?;
        if matches!(limit.kind, Kind::Sign | Kind::SignTerms) {
            work.exception(subject, limit.cause, limit.detail)?;
            continue;
        }
        let (order, line) = orders::order_and_line(work, subject)?;
        let mut detail = limit.detail.to_owned();
        if line.state == LineState::Refunded {
            // After a restore: only the sales system does not know it.
            detail = "its money went back, and the utility has not taken the sale back for too long; have it taken back in the \
                      sales system's own books"
                .to_owned();
        }
        if limit.kind == Kind::Sell && sell::may_have_been_sold(work, &line)? {
            detail += "; a restore forgot whether it was sold before: look whether the meter has it";
        }
        work.exception_of(subject, limit.cause, &detail, Some(Amount(line.amount, order.currency)))?;
    }
    Ok(())
}

/// Payments and refunds that were stuck and have their outcome need nobody any more.
fn ended_at_last(work: &mut Work<'_>) -> Result<(), Error> {
    let payments = work.query(
        "SELECT x.subject FROM exception x WHERE x.cause = $1 AND x.resolved_ms IS NULL AND NOT EXISTS (
             SELECT 1 FROM orders o WHERE o.order_id = x.subject AND o.payment_state IN ('sent', 'unknown'))",
        &[payments::STUCK.into()],
    )?;
    all_went_on(work, &payments, payments::STUCK)?;
    let refunds = work.query(
        "SELECT x.subject FROM exception x WHERE x.cause = $1 AND x.resolved_ms IS NULL AND NOT EXISTS (
             SELECT 1 FROM refund r WHERE r.refund_id = x.subject AND r.state = 'due')",
        &[refunds::STUCK.into()],
    )?;
    all_went_on(work, &refunds, refunds::STUCK)
}

/// What was stuck and has gone on by itself needs nobody any more.
fn done_at_last(work: &mut Work<'_>, limit: &Limit) -> Result<(), Error> {
    let done = work.query(
        "SELECT x.subject FROM exception x WHERE x.cause = $1 AND x.resolved_ms IS NULL AND NOT EXISTS (
             SELECT 1 FROM outbox b WHERE b.subject = x.subject AND b.task = $2)",
        &[limit.cause.into(), limit.kind.name().into()],
    )?;
    all_went_on(work, &done, limit.cause)
}

fn all_went_on(work: &mut Work<'_>, subjects: &[Row], cause: &str) -> Result<(), Error> {
    for row in subjects {
        work.went_on(row.text(0)?, cause, "it went on")?;
    }
    Ok(())
}

/// Payments whose outcome has been unknown for too long come before a person. They are still asked about. That a customer who
/// pays by himself has not paid yet is not unknown.
fn stuck_payments(work: &mut Work<'_>, context: &Context) -> Result<(), Error> {
    let before_ms = work.now_ms - context.patience.payment_ms;
    for state in ["sent", "unknown"] {
        let mut from = String::new();
        for _ in 0..MOST_PAGES {
            let rows = work.query(
                "SELECT o.order_id, o.provider FROM orders o
                 WHERE o.payment_state = $1 AND o.created_ms < $2 AND o.order_id > $3
                 AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.subject = o.order_id AND e.cause = $5
                                 AND (e.resolved_ms IS NULL OR e.resolved_ms >= $2))
                 ORDER BY o.order_id LIMIT $4",
                &[state.into(), before_ms.into(), from.as_str().into(), MOST.into(), payments::STUCK.into()],
            )?;
            for row in &rows {
                if state == "unknown" || !context.push.contains(row.text(1)?) {
                    stuck_payment(work, row)?;
                }
            }
            match rows.last() {
                Some(last) if rows.len() as i64 == MOST => from = last.text(0)?.to_owned(),
                _ => break,
            }
        }
    }
    Ok(())
}

fn stuck_payment(work: &mut Work<'_>, row: &Row) -> Result<(), Error> {
    let provider = row.text(1)?;
    let detail = format!(
        "{provider} has not said for too long whether it collected this payment; look into its own books; if it did not, say \
         --not-collected"
    );
    Ok(work.exception(row.text(0)?, payments::STUCK, &detail)?)
}

/// Refunds that have not gone through for too long come before a person, with their money. They are still asked for.
fn stuck_refunds(work: &mut Work<'_>, context: &Context) -> Result<(), Error> {
    let rows = work.query(
        "SELECT r.refund_id, r.amount, r.currency, o.provider FROM refund r JOIN orders o ON o.order_id = r.order_id
         WHERE r.state = 'due' AND r.due_ms < $1
         AND NOT EXISTS (SELECT 1 FROM exception e
                         WHERE e.subject = r.refund_id AND e.cause = $2
                         AND (e.resolved_ms IS NULL OR e.resolved_ms >= $1))
         ORDER BY r.refund_id LIMIT $3",
        &[(work.now_ms - context.patience.refund_ms).into(), refunds::STUCK.into(), MOST.into()],
    )?;
    for row in rows {
        let currency = Currency::from_code(row.text(2)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        let amount = Amount(Money::from_minor(row.int(1)?), currency);
        let detail = format!("{} has not given this back for too long; look into its statement", row.text(3)?);
        work.exception_of(row.text(0)?, refunds::STUCK, &detail, Some(amount))?;
    }
    Ok(())
}

/// Lines that nothing moves on get their task again.
fn lost_lines(work: &mut Work<'_>, state: LineState, kind: Kind) -> Result<(), Error> {
    let rows = work.query(
        "SELECT l.order_id, l.line FROM order_line l WHERE l.state = $1
         AND NOT EXISTS (SELECT 1 FROM outbox b
                         WHERE b.subject = l.order_id || '/' || CAST(l.line AS TEXT) AND b.task = $2)
         ORDER BY l.order_id LIMIT $3",
        &[state.name().into(), kind.name().into(), MOST.into()],
    )?;
    for row in rows {
        let subject = format!("{}/{}", row.text(0)?, row.int(1)?);
        lost(work, kind, &subject)?;
    }
    Ok(())
}

/// Quotes that nothing would make expire.
fn lost_quotes(work: &mut Work<'_>) -> Result<(), Error> {
    let rows = work.query(
        "SELECT DISTINCT o.order_id, o.expires_ms FROM order_line l JOIN orders o ON o.order_id = l.order_id
         WHERE l.state = 'quoted'
         AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.subject = l.order_id AND b.task = 'expire')
         ORDER BY o.order_id LIMIT $1",
        &[MOST.into()],
    )?;
    // It may be accepted until then.
    rows.iter().try_for_each(|row| lost_until(work, Kind::Expire, row.text(0)?, row.int(1)?))
}

fn lost_payments(work: &mut Work<'_>) -> Result<(), Error> {
    for state in ["sent", "unknown"] {
        let rows = work.query(
            "SELECT o.order_id FROM orders o WHERE o.payment_state = $1
             AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.subject = o.order_id AND b.task IN ('pay', 'query_payment'))
             ORDER BY o.order_id LIMIT $2",
            &[state.into(), MOST.into()],
        )?;
        rows.iter().try_for_each(|row| lost(work, Kind::QueryPayment, row.text(0)?))?;
    }
    Ok(())
}

fn lost_refunds(work: &mut Work<'_>) -> Result<(), Error> {
    let rows = work.query(
        "SELECT r.refund_id FROM refund r WHERE r.state = 'due'
         AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.subject = r.refund_id AND b.task = 'refund')
         ORDER BY r.refund_id LIMIT $1",
        &[MOST.into()],
    )?;
    rows.iter().try_for_each(|row| lost(work, Kind::Refund, row.text(0)?))
}

fn lost_signatures(work: &mut Work<'_>) -> Result<(), Error> {
    let rows = work.query(
        "SELECT t.meter_id, t.epoch, t.number FROM token t WHERE t.bytes IS NULL
         AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = 'sign' AND b.subject =
             t.meter_id || '/' || CAST(t.epoch AS TEXT) || '/' || CAST(t.number AS TEXT))
         ORDER BY t.meter_id LIMIT $1",
        &[MOST.into()],
    )?;
    for row in rows {
        let subject = format!("{}/{}/{}", row.text(0)?, row.int(1)?, row.int(2)?);
        lost(work, Kind::Sign, &subject)?;
    }
    Ok(())
}

fn lost_terms(work: &mut Work<'_>) -> Result<(), Error> {
    let rows = work.query(
        "SELECT t.meter_id, t.epoch, t.register, t.number FROM register_token t WHERE t.bytes IS NULL AND t.state = 'committed'
         AND t.register <> 'keys'
         AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.task = 'sign_terms' AND b.subject =
             t.meter_id || '/' || CAST(t.epoch AS TEXT) || '/' || t.register || '/' || CAST(t.number AS TEXT))
         ORDER BY t.meter_id LIMIT $1",
        &[MOST.into()],
    )?;
    for row in rows {
        let subject = format!("{}/{}/{}/{}", row.text(0)?, row.int(1)?, row.text(2)?, row.int(3)?);
        lost(work, Kind::SignTerms, &subject)?;
    }
    Ok(())
}

/// A recovery that nothing would end: nothing is sold until then.
fn lost_recovery(work: &mut Work<'_>) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT 1 FROM recovery r WHERE r.subject = $1 AND r.ended_ms IS NULL
         AND NOT EXISTS (SELECT 1 FROM outbox b WHERE b.subject = $1 AND b.task = 'recover')",
        &[recovery::SUBJECT.into()],
    )?;
    row.map_or(Ok(()), |_| lost(work, Kind::Recover, recovery::SUBJECT))
}

/// What lost its task gets it again, now.
fn lost(work: &mut Work<'_>, kind: Kind, subject: &str) -> Result<(), Error> {
    note_lost(work, kind, subject)?;
    Ok(work.queue(kind, subject)?)
}

/// The same for a task of later.
fn lost_until(work: &mut Work<'_>, kind: Kind, subject: &str, due_ms: i64) -> Result<(), Error> {
    note_lost(work, kind, subject)?;
    Ok(work.queue_at(kind, subject, due_ms)?)
}

/// That this was needed is a fault of the station, so a person is shown it.
fn note_lost(work: &mut Work<'_>, kind: Kind, subject: &str) -> Result<(), Error> {
    tracing::error!(task = kind.name(), "something unfinished had lost its task");
    let cause = format!("task_lost:{}", kind.name());
    Ok(work.exception(subject, &cause, "it was unfinished and nothing was to be done about it")?)
}
