//! The comparison of our books with everybody else's: statements of payment providers, sales of sales systems, receipts of
//! meters, and the ledger with itself.
//!
//! Each difference comes before a person once, with both sides' evidence. What can be put right by asking is asked for:
//! money that is only in a statement is queried at its provider and goes the way of any late answer. Everything is read in
//! pages outside the writer; only what differs is written.

mod meters;
mod noted;
mod provider;
mod sales;

pub use meters::{Credit, SilentMeter, credit, silent};

use crate::float;
use crate::ledger::{self, Period, time};
use crate::money::Amount;
use crate::problem::Error;
use crate::provider::PaymentProvider;
use crate::service::Probe;
use crate::store::Store;
use crate::tasks::{Kind, Task};
use crate::utilities::Utilities;
use crate::work::Work;
use serde::Serialize;
use std::sync::Arc;

/// What the daily task is about.
pub const SUBJECT: &str = "station";
/// Rows that are read or written in one transaction.
const PAGE: usize = 500;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The hour of the UTC day at which the day before is compared: statements are late.
const AT_HOUR: i64 = 3;
/// The most that is caught up.
const MOST_DAYS: i64 = 31;
/// How far back each day's comparison looks once more: rows may come late into a statement.
const LATE_MS: i64 = DAY_MS;
/// For how long a source may be unreadable before a person is told.
const UNREADABLE_MS: i64 = 12 * HOUR_MS;
/// Longest time that others are asked for at once.
const SLICE_MS: i64 = 6 * HOUR_MS;

/// A look into the books at a time.
#[derive(Clone)]
pub struct Look {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// Told of each of [`POINTS`] that is passed.
    pub probe: Probe,
}

/// Where a daily comparison can be cut short: after what differs was noted, and after it was noted that a source was compared.
pub const POINTS: [&str; 2] = ["station.reconcile.noted", "station.reconcile.compared"];

/// Something that two books do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whose book: `provider:<name>`, `utility:<name>`, `meters` or `ledger`.
    pub source: String,
    /// What it is about.
    pub subject: String,
    /// What kind.
    pub cause: &'static str,
    /// What our books say.
    pub ours: String,
    /// What theirs say.
    pub theirs: String,
    /// The money that it is about, with its currency.
    pub amount: Option<String>,
    /// Whether it was not before a person yet.
    pub is_new: bool,
    #[serde(skip)]
    money: Option<Amount>,
}

impl Difference {
    fn new(source: &str, subject: impl Into<String>, cause: &'static str) -> Self {
        Self {
            source: source.to_owned(),
            subject: subject.into(),
            cause,
            ours: "nothing".to_owned(),
            theirs: "nothing".to_owned(),
            amount: None,
            is_new: false,
            money: None,
        }
    }

    fn ours(self, ours: impl Into<String>) -> Self {
        Self { ours: ours.into(), ..self }
    }

    fn theirs(self, theirs: impl Into<String>) -> Self {
        Self { theirs: theirs.into(), ..self }
    }

    fn of(self, money: Amount) -> Self {
        Self { amount: Some(money.with_currency()), money: Some(money), ..self }
    }
}

/// A time to compare.
#[derive(Debug, Clone, Copy)]
struct Span {
    period: Period,
    /// What is before this was compared before.
    new_from_ms: i64,
}

/// How far one source was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Whose book.
    pub source: String,
    /// Whether it could be read.
    pub state: &'static str,
    /// Why not, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many of our rows were looked at.
    pub ours: usize,
    /// How many of theirs.
    pub theirs: usize,
    /// What our books say that moved, in each currency.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub our_sums: Vec<String>,
    /// What theirs say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub their_sums: Vec<String>,
}

impl Compared {
    fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            state: "compared",
            why: None,
            ours: 0,
            theirs: 0,
            our_sums: Vec::new(),
            their_sums: Vec::new(),
        }
    }

    fn unread(source: &str, state: &'static str, why: String) -> Self {
        Self { state, why: Some(why), ..Self::new(source) }
    }

    /// Whether this need not be tried again.
    fn is_done(&self) -> bool {
        self.state != "unavailable"
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// From when.
    pub from: String,
    /// Until when.
    pub to: String,
    /// What was compared.
    pub compared: Vec<Compared>,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Compares everything in a time.
///
/// # Errors
/// When the database fails. A provider or sales system that does not answer is in the report.
pub async fn run(
    look: &Look,
    providers: &[Arc<dyn PaymentProvider>],
    utilities: &Utilities,
    period: Period,
) -> Result<Report, Error> {
    let (from, to) = (time(period.from_ms), time(period.to_ms));
    let mut report = Report { from, to, compared: Vec::new(), differences: Vec::new() };
    let span = Span { period, new_from_ms: period.from_ms };
    for provider in providers {
        report.compared.push(provider::compare(look, &**provider, span, &mut report.differences).await?);
    }
    for utility in utilities.all() {
        report.compared.push(sales::compare(look, utility, period, &mut report.differences).await?);
    }
    own(look, &mut report).await?;
    Ok(report)
}

/// What does not depend on others: the ledger with itself, and with the meters.
async fn own(look: &Look, report: &mut Report) -> Result<(), Error> {
    let mut ledger = Compared::new("ledger");
    let found = look.store.read(|tx| {
        let mut work = Work::new(tx, 0);
        let wrong = match ledger::check(&mut work) {
            Err(Error::Inconsistent(why)) => Some(why),
            checked => checked.map(|()| None)?,
        };
        let floats = float::check(&mut work)?;
        let found = wrong.into_iter().map(|why| ("books", why)).chain(floats.map(|why| ("floats", why)));
        Ok::<_, Error>(found.collect::<Vec<_>>())
    });
    let found = found.await?;
    ledger.ours = 1;
    let found = found.into_iter().map(|(what, why)| Difference::new("ledger", what, "books_wrong").ours(why)).collect();
    note(look, found, &mut report.differences).await?;
    report.compared.push(ledger);
    report.compared.push(meters::compare(look, &mut report.differences).await?);
    Ok(())
}

/// Puts what was found before a person, once.
async fn note(look: &Look, found: Vec<Difference>, all: &mut Vec<Difference>) -> Result<(), Error> {
    let mut rest = found.into_iter().peekable();
    while rest.peek().is_some() {
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let now_ms = look.now_ms;
        let noted = look.store.write(move |tx| {
            let mut work = Work::new(tx, now_ms);
            let mut noted = page.clone();
            for one in &mut noted {
                let detail = format!("{}: our books say {}; theirs say {}", one.source, one.ours, one.theirs);
                one.is_new = work.difference(&one.subject, one.cause, &detail, one.money)?;
            }
            Ok::<_, Error>(noted)
        });
        all.extend(noted.await?);
    }
    Ok(())
}

/// The slices in which others are asked for a time.
fn slices(from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, i64)> {
    let step = SLICE_MS;
    (0..)
        .map(move |n| from_ms + n * step)
        .take_while(move |from| *from < to_ms)
        .map(move |from| (from, (from + step).min(to_ms)))
}

/// Compares the days that each source has not been compared for yet.
///
/// # Errors
/// When the database fails.
pub async fn daily(
    look: &Look,
    providers: &[Arc<dyn PaymentProvider>],
    utilities: &Utilities,
) -> Result<Vec<Compared>, Error> {
    let now_ms = look.now_ms;
    let today = now_ms / DAY_MS * DAY_MS;
    // It may take longer than a claim lasts: it comes up again only if this process dies over it.
    look.store.write(move |tx| again(&mut Work::new(tx, now_ms), now_ms + HOUR_MS)).await?;
    let mut report = Report { from: String::new(), to: time(today), compared: Vec::new(), differences: Vec::new() };
    for provider in providers {
        let source = format!("provider:{}", provider.name());
        let Some(span) = open_span(look, &source, today).await? else { continue };
        let compared = provider::compare(look, &**provider, span, &mut report.differences).await?;
        done(look, compared, today, &mut report).await?;
    }
    for utility in utilities.all() {
        let source = format!("utility:{}", utility.name);
        let Some(span) = open_span(look, &source, today).await? else { continue };
        let compared = sales::compare(look, utility, span.period, &mut report.differences).await?;
        done(look, compared, today, &mut report).await?;
    }
    own(look, &mut report).await?;
    for one in report.differences.iter().filter(|one| one.is_new) {
        tracing::warn!(source = one.source, cause = one.cause, "the books differ; a person is shown it");
    }
    Ok(report.compared)
}

async fn open_span(look: &Look, source: &str, today: i64) -> Result<Option<Span>, Error> {
    let source = source.to_owned();
    let until = look.store.read(move |tx| {
        let sql = "SELECT until_ms FROM reconciled WHERE source = $1";
        let row = Work::new(tx, 0).query_first(sql, &[source.as_str().into()])?;
        Ok::<_, Error>(row.map(|row| row.int(0)).transpose()?)
    });
    let until_ms = until.await?;
    let new_from_ms = until_ms.unwrap_or(today - DAY_MS).max(today - MOST_DAYS * DAY_MS);
    let from_ms = if until_ms.is_some() { new_from_ms - LATE_MS } else { new_from_ms };
    let period = Period { from_ms, to_ms: today };
    Ok((new_from_ms < today).then_some(Span { period, new_from_ms }))
}

async fn done(look: &Look, compared: Compared, today: i64, report: &mut Report) -> Result<(), Error> {
    let [noted, whole] = POINTS;
    (look.probe)(noted);
    if compared.is_done() {
        let source = compared.source.clone();
        let noting = look.store.write(move |tx| {
            Work::new(tx, 0).execute_one(
                "noting a comparison",
                "INSERT INTO reconciled (source, until_ms) VALUES ($1, $2)
                 ON CONFLICT (source) DO UPDATE SET until_ms = $2",
                &[source.as_str().into(), today.into()],
            )
        });
        noting.await?;
        (look.probe)(whole);
    }
    report.compared.push(compared);
    Ok(())
}

/// Queues the first comparison, if none is queued.
///
/// # Errors
/// When the database fails.
pub fn start(work: &mut Work<'_>) -> Result<(), Error> {
    let queued = work.query_first(
        "SELECT due_ms FROM outbox WHERE subject = $1 AND task = $2",
        &[SUBJECT.into(), Kind::Reconcile.name().into()],
    )?;
    if queued.is_none() {
        work.queue_at(Kind::Reconcile, SUBJECT, next_ms(work.now_ms))?;
    }
    Ok(())
}

/// When the next day's comparison is due.
fn next_ms(now_ms: i64) -> i64 {
    let today = now_ms / DAY_MS * DAY_MS + AT_HOUR * HOUR_MS;
    if today > now_ms { today } else { today + DAY_MS }
}

fn again(work: &mut Work<'_>, due_ms: i64) -> Result<(), Error> {
    let task = Task { kind: Kind::Reconcile, subject: SUBJECT.to_owned(), attempts: 0 };
    Ok(work.again_at(&task, due_ms)?)
}

/// Takes in how a day's comparison ended: a source that could not be read is tried again in an hour, and comes before a person
/// after a while.
///
/// # Errors
/// When the database fails.
pub fn ended(work: &mut Work<'_>, task: &Task, compared: &Result<Vec<Compared>, String>) -> Result<(), Error> {
    let due_ms = match compared {
        Ok(compared) if compared.iter().all(Compared::is_done) => next_ms(work.now_ms),
        Ok(compared) => {
            if work.now_ms % DAY_MS >= AT_HOUR * HOUR_MS + UNREADABLE_MS {
                for one in compared.iter().filter(|one| !one.is_done()) {
                    work.exception(&one.source, "not_reconciled", one.why.as_deref().unwrap_or_default())?;
                }
            }
            work.now_ms + HOUR_MS
        }
        Err(why) => {
            work.exception(SUBJECT, "not_reconciled", why)?;
            work.now_ms + HOUR_MS
        }
    };
    Ok(work.again_at(task, due_ms)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_o_clock_is_next() {
        let day = 20_000 * DAY_MS;
        assert_eq!(next_ms(day), day + 3 * HOUR_MS);
        assert_eq!(next_ms(day + 3 * HOUR_MS), day + 27 * HOUR_MS);
        assert_eq!(next_ms(day + 23 * HOUR_MS), day + 27 * HOUR_MS);
    }

    #[test]
    fn slices_cover_a_time_once() {
        let parts: Vec<_> = slices(5, 5 + 2 * SLICE_MS + 1).collect();
        assert_eq!(parts, [(5, 5 + SLICE_MS), (5 + SLICE_MS, 5 + 2 * SLICE_MS), (5 + 2 * SLICE_MS, 6 + 2 * SLICE_MS)]);
        assert_eq!(slices(5, 5).count(), 0);
    }
}
