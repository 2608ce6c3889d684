//! A payment provider's statement against receipts for money, refunds and the clearing account.

use super::{Compared, Difference, HOUR_MS, Look, PAGE, SLICE_MS, Span, note, noted};
use crate::ledger::{self, Account, Event, Movement, Period, time};
use crate::lifecycle::PaymentState;
use crate::money::{Amount, Currency, Money};
use crate::payments;
use crate::problem::Error;
use crate::provider::{EntryKind, PaymentProvider, StatementEntry, StatementError};
use crate::store::Row;
use crate::tasks::Kind;
use crate::work::Work;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) async fn compare(
    look: &Look,
    provider: &dyn PaymentProvider,
    Span { period, new_from_ms }: Span,
    differences: &mut Vec<Difference>,
) -> Result<Compared, Error> {
    let name = provider.name().to_owned();
    let source = format!("provider:{name}");
    // What we noted in this time may have happened earlier by their clock, but not before it was asked for.
    let asked = name.clone();
    let earliest = look.store.read(move |tx| earliest(&mut Work::new(tx, 0), &asked, period)).await?;
    let from_ms = earliest.unwrap_or(period.from_ms).min(period.from_ms) - HOUR_MS;
    let statement = match read(provider, from_ms, period.to_ms + HOUR_MS).await {
        Ok(statement) => statement,
        Err(error @ StatementError::NotOffered) => {
            return Ok(Compared::unread(&source, "not offered", error.to_string()));
        }
        Err(error @ (StatementError::Unavailable(_) | StatementError::TooOld { .. })) => {
            return Ok(Compared::unread(&source, "unavailable", error.to_string()));
        }
    };
    if statement.since_ms > new_from_ms {
        note(look, vec![gap(&source, new_from_ms, statement.since_ms.min(period.to_ms))], differences).await?;
    }
    let mut compared = Compared::new(&source);
    let within = statement.entries.iter().filter(|entry| (period.from_ms..period.to_ms).contains(&entry.at_ms));
    let within: Vec<_> = within.cloned().collect();
    compared.theirs = within.len();
    compared.their_sums = sums(&within);
    for page in taken_so_far(within).chunks(PAGE) {
        judge_page(look, &name, page.to_vec(), statement.cut_ms(from_ms), differences).await?;
    }
    compared.ours = noted::compare(look, provider, period, &statement, differences).await?;
    compared.our_sums = look.store.read(move |tx| clearing(&mut Work::new(tx, 0), &name, period)).await?;
    Ok(compared)
}

/// A statement, from as far back as it reaches.
pub(super) struct Statement {
    /// From when on it was read, in milliseconds since 1970.
    pub(super) since_ms: i64,
    pub(super) entries: Vec<StatementEntry>,
}

impl Statement {
    /// From when on it was read, if that is later than it was asked for.
    fn cut_ms(&self, asked_from_ms: i64) -> Option<i64> {
        (self.since_ms > asked_from_ms).then_some(self.since_ms)
    }
}

/// Reads a statement in slices; from as far back as it reaches, if that is later than `from_ms`.
async fn read(provider: &dyn PaymentProvider, from_ms: i64, to_ms: i64) -> Result<Statement, StatementError> {
    let mut statement = Statement { since_ms: from_ms, entries: Vec::new() };
    let mut start_ms = from_ms;
    while start_ms < to_ms {
        let end_ms = (start_ms + SLICE_MS).min(to_ms);
        match provider.statement(start_ms, end_ms).await {
            Ok(slice) => {
                statement.entries.extend(slice);
                start_ms = end_ms;
            }
            // Each time it must come nearer, or this would not end.
            Err(StatementError::TooOld { since_ms }) if since_ms > start_ms => {
                statement = Statement { since_ms, entries: Vec::new() };
                start_ms = since_ms;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(statement)
}

/// A time that nobody can compare any more.
fn gap(source: &str, from_ms: i64, to_ms: i64) -> Difference {
    let theirs = format!(
        "nothing from {} to {} any more: compare this time by hand with the provider's own pages",
        time(from_ms),
        time(to_ms)
    );
    let subject = format!("{source}/{}", time(from_ms));
    Difference::new(source, subject, "statement_gap").ours("not compared yet").theirs(theirs)
}

/// Each entry with how much was taken back of the same payment up to it.
fn taken_so_far(entries: Vec<StatementEntry>) -> Vec<(StatementEntry, Money)> {
    let mut sums = BTreeMap::<String, i64>::new();
    let with_sum = |entry: StatementEntry| {
        let of = entry.payment_id.as_ref().or(entry.account.as_ref()).unwrap_or(&entry.receipt);
        let sum = sums.entry(of.clone()).or_default();
        if entry.kind == EntryKind::TakenBack {
            *sum = sum.saturating_add(entry.amount.minor());
        }
        let sum = Money::from_minor(*sum);
        (entry, sum)
    };
    entries.into_iter().map(with_sum).collect()
}

/// When the earliest of the orders was made whose money or refund we noted in this time.
fn earliest(work: &mut Work<'_>, provider: &str, period: Period) -> Result<Option<i64>, Error> {
    let parameters = [provider.into(), period.from_ms.into(), period.to_ms.into()];
    let row = work.query_first(
        "SELECT min(o.created_ms) FROM money_receipt r JOIN orders o ON o.order_id = r.order_id
         WHERE r.provider = $1 AND r.at_ms >= $2 AND r.at_ms < $3",
        &parameters,
    )?;
    let receipts = row.map(|row| row.optional_int(0)).transpose()?.flatten();
    let row = work.query_first(
        "SELECT min(r.due_ms) FROM refund r JOIN orders o ON o.order_id = r.order_id
         WHERE o.provider = $1 AND r.done_ms >= $2 AND r.done_ms < $3",
        &parameters,
    )?;
    let refunds = row.map(|row| row.optional_int(0)).transpose()?.flatten();
    Ok([receipts, refunds].into_iter().flatten().min())
}

fn signed(entry: &StatementEntry) -> i64 {
    match entry.kind {
        EntryKind::Payment => entry.amount.minor(),
        EntryKind::Refund | EntryKind::TakenBack | EntryKind::Fee => -entry.amount.minor(),
    }
}

fn sums(entries: &[StatementEntry]) -> Vec<String> {
    let mut sums = BTreeMap::<String, (Currency, i64)>::new();
    for entry in entries {
        let sum = sums.entry(entry.currency.code().to_owned()).or_insert((entry.currency, 0));
        sum.1 = sum.1.saturating_add(signed(entry));
    }
    sums.into_values().map(|(currency, sum)| Amount(Money::from_minor(sum), currency).with_currency()).collect()
}

/// What moved on the clearing account, but for payouts, which no statement of this kind has.
fn clearing(work: &mut Work<'_>, provider: &str, period: Period) -> Result<Vec<String>, Error> {
    let rows = work.query(
        "SELECT m.currency, CAST(sum(e.amount) AS BIGINT) FROM movement m
         JOIN entry e ON e.subject = m.subject AND e.cause = m.cause
         WHERE m.at_ms >= $2 AND m.at_ms < $3 AND e.account = $1
         AND m.event <> 'payout' AND m.cause <> 'correction of paid out' GROUP BY m.currency ORDER BY m.currency",
        &[Account::Clearing(provider.to_owned()).name().into(), period.from_ms.into(), period.to_ms.into()],
    )?;
    let read = |row: &Row| Ok(Amount(Money::from_minor(row.int(1)?), currency(row, 0)?).with_currency());
    rows.iter().map(read).collect()
}

pub(super) fn currency(row: &Row, at: usize) -> Result<Currency, Error> {
    Currency::from_code(row.text(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}

/// What is to be done about an entry.
enum Step {
    Differ(Difference),
    /// The provider is asked about a payment.
    Ask(String),
    /// Money for no order is held.
    Hold(StatementEntry),
    /// A fee is booked.
    Fee(StatementEntry),
}

async fn judge_page(
    look: &Look,
    provider: &str,
    page: Vec<(StatementEntry, Money)>,
    cut_ms: Option<i64>,
    differences: &mut Vec<Difference>,
) -> Result<(), Error> {
    let name = provider.to_owned();
    let judged = look.store.read(move |tx| {
        let mut work = Work::new(tx, 0);
        let mut steps = Vec::new();
        for (entry, taken) in &page {
            steps.extend(judge(&mut work, &name, entry, *taken, cut_ms)?);
        }
        Ok::<_, Error>(steps)
    });
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for step in judged.await? {
        match step {
            Step::Differ(difference) => found.push(difference),
            other => others.push(other),
        }
    }
    if !others.is_empty() {
        let (name, others, now_ms) = (provider.to_owned(), Arc::new(others), look.now_ms);
        let done = look.store.write(move |tx| {
            let mut work = Work::new(tx, now_ms);
            for step in &*others {
                match step {
                    Step::Ask(order_id) => work.queue_at(Kind::QueryPayment, order_id, work.now_ms)?,
                    Step::Hold(entry) => drop(payments::hold_stray(&mut work, &name, entry, entry.at_ms)?),
                    Step::Fee(entry) => fee(&mut work, &name, entry)?,
                    Step::Differ(_) => {}
                }
            }
            Ok::<_, Error>(())
        });
        done.await?;
    }
    note(look, found, differences).await
}

/// What is to be done about an entry; up to it `taken` was taken back of its payment in this statement, which reaches back to
/// `cut_ms` only.
fn judge(
    work: &mut Work<'_>,
    provider: &str,
    entry: &StatementEntry,
    taken: Money,
    cut_ms: Option<i64>,
) -> Result<Vec<Step>, Error> {
    let source = format!("provider:{provider}");
    let amount = Amount(entry.amount, entry.currency);
    let differ = |subject: String, cause, ours: String| {
        let theirs = format!(
            "{} of {} at {} (receipt {})",
            kind(entry),
            amount.with_currency(),
            time(entry.at_ms),
            entry.receipt
        );
        Step::Differ(Difference::new(&source, subject, cause).ours(ours).theirs(theirs).of(amount))
    };
    let subject = format!("{provider}/{}", entry.receipt);
    Ok(match entry.kind {
        EntryKind::Payment => match known_receipt(work, provider, &entry.receipt)? {
            Some((_, known)) if known == amount => Vec::new(),
            Some((order, known)) => {
                let ours = format!("{} for order {order}", known.with_currency());
                vec![differ(subject, "statement_other_amount", ours)]
            }
            None => match order_of(work, provider, entry)? {
                // It is still asked about by itself.
                Some((order, payment, _)) if payment.is_open() => vec![Step::Ask(order)],
                Some((order, payment, _)) => {
                    let ours = format!("no such receipt; order {order} is {}", payment.name());
                    vec![Step::Ask(order), differ(subject, "only_in_statement", ours)]
                }
                None => {
                    vec![Step::Hold(entry.clone()), differ(subject, "unmatched_money", "no order for it".to_owned())]
                }
            },
        },
        EntryKind::Refund => match refund_of(work, entry)? {
            Some((_, state, known)) if state == "done" && known == amount => Vec::new(),
            // It is still asked about by itself.
            Some((_, state, known)) if state == "due" && known == amount => Vec::new(),
            Some((id, state, known)) => {
                vec![differ(id, "statement_other_refund", format!("{}, {state}", known.with_currency()))]
            }
            None => vec![differ(subject, "refund_only_in_statement", "no such refund".to_owned())],
        },
        EntryKind::TakenBack => match order_of(work, provider, entry)? {
            // Some of it may have been taken back before this statement begins: only the provider knows the whole sum.
            // Where it reaches back only so far, so may the provider's answer: each row comes before a person.
            Some((order, _, known)) if known >= taken && !was_made_before(work, &order, cut_ms)? => {
                vec![Step::Ask(order)]
            }
            Some((order, payment, known)) => {
                let ours = format!(
                    "{} taken back of order {order}, which is {}",
                    Amount(known, entry.currency).with_currency(),
                    payment.name()
                );
                vec![Step::Ask(order), differ(subject, "taken_back_in_statement", ours)]
            }
            None => vec![differ(subject, "taken_back_in_statement", "no order for it".to_owned())],
        },
        EntryKind::Fee => {
            let booked = work
                .query_first("SELECT cause FROM movement WHERE subject = $1", &[fee_subject(provider, entry).into()])?;
            if booked.is_some() { Vec::new() } else { vec![Step::Fee(entry.clone())] }
        }
    })
}

/// Whether an order was made before a statement that is cut off begins.
fn was_made_before(work: &mut Work<'_>, order_id: &str, cut_ms: Option<i64>) -> Result<bool, Error> {
    let Some(cut_ms) = cut_ms else { return Ok(false) };
    let row = work.query_first("SELECT created_ms FROM orders WHERE order_id = $1", &[order_id.into()])?;
    Ok(row.map(|row| row.int(0)).transpose()?.is_some_and(|created_ms| created_ms < cut_ms))
}

fn kind(entry: &StatementEntry) -> &'static str {
    match entry.kind {
        EntryKind::Payment => "a payment",
        EntryKind::Refund => "a refund",
        EntryKind::TakenBack => "money taken back",
        EntryKind::Fee => "a fee",
    }
}

fn known_receipt(work: &mut Work<'_>, provider: &str, receipt: &str) -> Result<Option<(String, Amount)>, Error> {
    let row = work.query_first(
        "SELECT order_id, amount, currency FROM money_receipt WHERE provider = $1 AND receipt = $2",
        &[provider.into(), receipt.into()],
    )?;
    let read = |row: &Row| Ok((row.text(0)?.to_owned(), Amount(Money::from_minor(row.int(1)?), currency(row, 2)?)));
    row.as_ref().map(read).transpose()
}

/// The order that an entry belongs to, by our id, the account that was named, or its receipt; its payment, and what was taken
/// back of it.
fn order_of(
    work: &mut Work<'_>,
    provider: &str,
    entry: &StatementEntry,
) -> Result<Option<(String, PaymentState, Money)>, Error> {
    let row = work.query_first(
        "SELECT order_id, payment_state, taken_back FROM orders WHERE provider = $1 AND payment_state <> 'none' AND
         order_id = COALESCE($2, (SELECT min(order_id) FROM orders WHERE account = $3 AND provider = $1),
                             (SELECT order_id FROM money_receipt WHERE provider = $1 AND receipt = $4))",
        &[
            provider.into(),
            entry.payment_id.as_deref().into(),
            entry.account.as_deref().into(),
            entry.receipt.as_str().into(),
        ],
    )?;
    let read = |row: &Row| {
        let state =
            PaymentState::from_name(row.text(1)?).ok_or_else(|| Error::inconsistent("the state of a payment"))?;
        Ok((row.text(0)?.to_owned(), state, Money::from_minor(row.int(2)?)))
    };
    row.as_ref().map(read).transpose()
}

/// The refund that an entry is, by our id or by payment and amount, with its state and amount.
fn refund_of(work: &mut Work<'_>, entry: &StatementEntry) -> Result<Option<(String, String, Amount)>, Error> {
    let row = match (&entry.refund_id, &entry.payment_id) {
        (Some(id), _) => work.query_first(
            "SELECT refund_id, state, amount, currency FROM refund WHERE order_id = $1 AND refund_id = $2",
            &[id.split('/').next().unwrap_or_default().into(), id.as_str().into()],
        )?,
        (None, Some(payment)) => work.query_first(
            "SELECT refund_id, state, amount, currency FROM refund WHERE order_id = $1 AND amount = $2
             ORDER BY done_ms DESC LIMIT 1",
            &[payment.as_str().into(), entry.amount.minor().into()],
        )?,
        (None, None) => None,
    };
    let read = |row: &Row| {
        let amount = Amount(Money::from_minor(row.int(2)?), currency(row, 3)?);
        Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned(), amount))
    };
    row.as_ref().map(read).transpose()
}

fn fee_subject(provider: &str, entry: &StatementEntry) -> String {
    format!("statement/{provider}/{}", entry.receipt)
}

fn fee(work: &mut Work<'_>, provider: &str, entry: &StatementEntry) -> Result<(), Error> {
    let subject = fee_subject(provider, entry);
    let movement = Movement {
        subject: &subject,
        cause: "fee".to_owned(),
        event: Event::ProviderFee,
        currency: entry.currency,
        debit: Account::ProviderFees(provider.to_owned()),
        credits: vec![(Account::Clearing(provider.to_owned()), entry.amount)],
        operator: None,
    };
    // Two comparisons may have read the same page.
    let booked = work.query_first("SELECT cause FROM movement WHERE subject = $1", &[subject.as_str().into()])?;
    if booked.is_some() { Ok(()) } else { ledger::book(work, &movement) }
}
