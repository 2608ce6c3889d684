//! What stands in the database now, counted by queries that touch a bounded number of rows of an index.

use crate::lifecycle::{LineState, PaymentState};
use crate::problem::Error;
use crate::tasks::Kind;
use crate::work::Work;

/// Most rows of a kind that are counted: a gauge that shows so many says *at least*.
pub const MOST_COUNTED: i64 = 100_000;
/// Among how many lines of a state the oldest is looked for: those with the lowest ids, which begin with the time.
const OLDEST_AMONG: i64 = 1_000;
/// Most causes of exceptions that are told apart.
const MOST_CAUSES: i64 = 100;

/// States in which a line is not finished. Failed lines are seen by their refunds.
pub const UNFINISHED: [LineState; 11] = [
    LineState::Quoted,
    LineState::AwaitingPayment,
    LineState::PaymentUnknown,
    LineState::Paid,
    LineState::SaleUnknown,
    LineState::Sold,
    LineState::Issued,
    LineState::VoidPending,
    LineState::Voided,
    LineState::SaleReversed,
    LineState::Exception,
];

/// States in which a payment is not finished.
pub const OPEN_PAYMENTS: [PaymentState; 4] =
    [PaymentState::Sent, PaymentState::Unknown, PaymentState::Exception, PaymentState::TakenBack];

/// What stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// For each unfinished state: how many lines, and the age of the oldest one's order in milliseconds (0 if there is none).
    pub lines: Vec<(LineState, i64, i64)>,
    /// How many payments are in each open state.
    pub payments: Vec<(PaymentState, i64)>,
    /// How many refunds are due.
    pub refunds_due: i64,
    /// How many exceptions nobody has seen to, by cause.
    pub exceptions: Vec<(String, i64)>,
    /// For each kind of task: how many are in the outbox, and for how long in milliseconds the oldest due one has not been
    /// taken up (0 if there is none).
    pub outbox: Vec<(Kind, i64, i64)>,
}

/// Looks once.
///
/// # Errors
/// When the database fails.
pub fn look(work: &mut Work<'_>) -> Result<Look, Error> {
    Ok(Look {
        lines: UNFINISHED.iter().map(|state| lines(work, *state)).collect::<Result<_, _>>()?,
        payments: OPEN_PAYMENTS.iter().map(|state| payments(work, *state)).collect::<Result<_, _>>()?,
        refunds_due: count(
            work,
            "SELECT count(*) FROM (SELECT 1 FROM refund WHERE state = $1 LIMIT $2) counted",
            "due",
        )?,
        exceptions: exceptions(work)?,
        outbox: outbox(work)?,
    })
}

fn count(work: &mut Work<'_>, sql: &'static str, state: &str) -> Result<i64, Error> {
    let row = work.query_first(sql, &[state.into(), MOST_COUNTED.into()])?;
    Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
}

fn lines(work: &mut Work<'_>, state: LineState) -> Result<(LineState, i64, i64), Error> {
    let counted =
        count(work, "SELECT count(*) FROM (SELECT 1 FROM order_line WHERE state = $1 LIMIT $2) counted", state.name())?;
    let row = work.query_first(
        "SELECT min(o.created_ms) FROM
         (SELECT order_id FROM order_line WHERE state = $1 ORDER BY order_id LIMIT $2) l
         JOIN orders o ON o.order_id = l.order_id",
        &[state.name().into(), OLDEST_AMONG.into()],
    )?;
    let oldest = row.map(|row| row.optional_int(0)).transpose()?.flatten();
    Ok((state, counted, oldest.map_or(0, |made_ms| (work.now_ms - made_ms).max(0))))
}

fn payments(work: &mut Work<'_>, state: PaymentState) -> Result<(PaymentState, i64), Error> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM orders WHERE payment_state = $1 LIMIT $2) counted";
    Ok((state, count(work, sql, state.name())?))
}

fn exceptions(work: &mut Work<'_>) -> Result<Vec<(String, i64)>, Error> {
    let rows = work.query(
        "SELECT cause, count(*) FROM (SELECT cause FROM exception WHERE resolved_ms IS NULL LIMIT $1) counted
         GROUP BY cause ORDER BY cause LIMIT $2",
        &[MOST_COUNTED.into(), MOST_CAUSES.into()],
    )?;
    rows.iter().map(|row| Ok((cause(row.text(0)?), row.int(1)?))).collect()
}

/// Causes are words of this program: anything else must not become a label.
fn cause(text: &str) -> String {
    let is_word = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b':');
    if is_word { text.to_owned() } else { "other".to_owned() }
}

fn outbox(work: &mut Work<'_>) -> Result<Vec<(Kind, i64, i64)>, Error> {
    let depths = work.query(
        "SELECT task, count(*) FROM (SELECT task FROM outbox LIMIT $1) counted GROUP BY task",
        &[MOST_COUNTED.into()],
    )?;
    let waiting = work.query(
        "SELECT task, min(due_ms) FROM (SELECT task, due_ms FROM outbox WHERE due_ms <= $1 AND claimed_until_ms <= $1
                                        ORDER BY due_ms LIMIT $2) counted GROUP BY task",
        &[work.now_ms.into(), MOST_COUNTED.into()],
    )?;
    let of = |rows: &[crate::store::Row], kind: Kind| -> Result<Option<i64>, Error> {
        let named = |row: &&crate::store::Row| row.text(0).is_ok_and(|name| name == kind.name());
        Ok(rows.iter().find(named).map(|row| row.int(1)).transpose()?)
    };
    let now_ms = work.now_ms;
    let read = |kind: &Kind| {
        let lag = of(&waiting, *kind)?.map_or(0, |due_ms| (now_ms - due_ms).max(0));
        Ok((*kind, of(&depths, *kind)?.unwrap_or(0), lag))
    };
    Kind::ALL.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteTx, Tx};

    fn plan(tx: &mut SqliteTx, sql: &'static str) -> String {
        let rows = tx.query(sql, &[]).unwrap();
        rows.iter().map(|row| row.text(3).unwrap().to_owned() + "\n").collect()
    }

    #[test]
    fn nothing_is_counted_without_an_index() {
        let mut tx = SqliteTx::in_memory().unwrap();
        for sql in [
            "EXPLAIN QUERY PLAN SELECT 1 FROM order_line WHERE state = 'issued' LIMIT 9",
            "EXPLAIN QUERY PLAN SELECT order_id FROM order_line WHERE state = 'issued' ORDER BY order_id LIMIT 9",
            "EXPLAIN QUERY PLAN SELECT 1 FROM orders WHERE payment_state = 'unknown' LIMIT 9",
            "EXPLAIN QUERY PLAN SELECT 1 FROM refund WHERE state = 'due' LIMIT 9",
            "EXPLAIN QUERY PLAN SELECT cause FROM exception WHERE resolved_ms IS NULL LIMIT 9",
            "EXPLAIN QUERY PLAN SELECT task, due_ms FROM outbox WHERE due_ms <= 9 AND claimed_until_ms <= 9
             ORDER BY due_ms LIMIT 9",
        ] {
            let plan = plan(&mut tx, sql);
            assert!(plan.contains("INDEX") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
    }

    #[test]
    fn an_empty_station_has_every_gauge_at_zero() {
        let mut tx = SqliteTx::in_memory().unwrap();
        let seen = look(&mut Work::new(&mut tx, 1_000)).unwrap();
        assert_eq!(seen.lines.len(), UNFINISHED.len());
        assert!(seen.lines.iter().all(|(_, count, age)| (*count, *age) == (0, 0)));
        assert_eq!(seen.outbox.len(), Kind::ALL.len());
        assert_eq!(seen.exceptions, []);
    }

    #[test]
    fn only_words_become_labels() {
        assert_eq!(cause("task_failed:pay"), "task_failed:pay");
        assert_eq!(cause("order 01890a5d"), "other");
    }
}
