//! Reports over a time: trial balance, a utility's statement, what people booked by hand.

use super::Account;
use crate::meters;
use crate::money::{Amount, Currency, Money};
use crate::problem::{Code, Error};
use crate::store::Row;
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::MeterId;
use jiff::Timestamp;
use serde::Serialize;

/// Most delivered lines in one statement; who wants more asks for a shorter time.
pub const MAX_STATEMENT_LINES: usize = 500_000;

/// A time: from `from_ms` (inclusive) to `to_ms` (exclusive), in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its beginning.
    pub from_ms: i64,
    /// Its end.
    pub to_ms: i64,
}

/// A moment for people and for JSON: `2026-11-24T09:30:00Z`.
pub fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Reads a moment as people write it: `2026-11-24` (the beginning of that UTC day) or `2026-11-24T09:30:00Z`; gives
/// milliseconds since 1970-01-01 UTC, or words that say how to write it.
///
/// # Errors
/// The words.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let midnight = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
    let at = match midnight {
        Some(date) => date.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()),
        None => text.parse::<Timestamp>(),
    };
    at.map(Timestamp::as_millisecond).map_err(|_| "write a time as 2026-11-24 or 2026-11-24T09:30:00Z".to_owned())
}

/// The UTC day of a moment: `2026-11-24`.
pub fn day(at_ms: i64) -> String {
    time(at_ms).chars().take(10).collect()
}

/// An account in a trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialLine {
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Its balance at the beginning; debit is positive.
    pub opening: Amount,
    /// What was debited.
    pub debits: Amount,
    /// What was credited.
    pub credits: Amount,
    /// Its balance at the end.
    pub closing: Amount,
}

/// What each account did in a time, in the order of their names.
///
/// # Errors
/// When the database fails.
pub fn trial(work: &mut Work<'_>, period: Period) -> Result<Vec<TrialLine>, Error> {
    let rows = work.query(
        "SELECT e.account, m.currency,
                CAST(sum(CASE WHEN m.at_ms < $1 THEN e.amount ELSE 0 END) AS BIGINT),
                CAST(sum(CASE WHEN m.at_ms >= $1 AND e.amount > 0 THEN e.amount ELSE 0 END) AS BIGINT),
                CAST(sum(CASE WHEN m.at_ms >= $1 AND e.amount < 0 THEN -e.amount ELSE 0 END) AS BIGINT)
         FROM entry e JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
         WHERE m.at_ms < $2 GROUP BY e.account, m.currency ORDER BY e.account, m.currency",
        &[period.from_ms.into(), period.to_ms.into()],
    )?;
    let read = |row: &Row| {
        let currency = stored_currency(row, 1)?;
        let amount = |minor| Amount(Money::from_minor(minor), currency);
        let (opening, debits, credits) = (row.int(2)?, row.int(3)?, row.int(4)?);
        Ok(TrialLine {
            account: row.text(0)?.to_owned(),
            currency,
            opening: amount(opening),
            debits: amount(debits),
            credits: amount(credits),
            closing: amount(opening + debits - credits),
        })
    };
    rows.iter().map(read).collect()
}

/// A line that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveredLine {
    /// When a receipt showed it.
    pub at: String,
    /// The order.
    pub order: String,
    /// The line in it.
    pub line: u32,
    /// The meter's label.
    pub meter: String,
    /// What it measures.
    pub commodity: &'static str,
    /// Credit units (dm³, litre, Wh).
    pub units: u64,
    /// The currency.
    pub currency: Currency,
    /// For the utility.
    pub net: Amount,
    /// Taxes and levies.
    pub tax: Amount,
    /// Fees for the service.
    pub fee: Amount,
}

/// Something else that was booked on a utility's accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherEntry {
    /// When.
    pub at: String,
    /// What kind of event.
    pub event: String,
    /// What it was about.
    pub subject: String,
    /// What caused it.
    pub cause: String,
    /// Who did it.
    pub operator: Option<String>,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// How much; debit is positive: it was paid to the utility.
    pub amount: Amount,
}

/// The sums of the delivered lines in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The currency.
    pub currency: Currency,
    /// How many lines.
    pub lines: u64,
    /// For the utility.
    pub net: Amount,
    /// Taxes and levies.
    pub tax: Amount,
    /// Fees for the service.
    pub fee: Amount,
}

/// What was delivered for a utility, and what else moved on its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UtilityStatement {
    /// The utility.
    pub utility: String,
    /// From when.
    pub from: String,
    /// Until when.
    pub to: String,
    /// What was delivered, in the order of time.
    pub lines: Vec<DeliveredLine>,
    /// Settlements and corrections.
    pub others: Vec<OtherEntry>,
    /// Sums of the lines.
    pub totals: Vec<Totals>,
    /// The utility's accounts in this time.
    pub accounts: Vec<TrialLine>,
    /// Whether lines and other entries add up to what the accounts did.
    pub agrees: bool,
}

/// A utility's statement.
///
/// # Errors
/// [`Code::BadAmount`] if the time holds more than [`MAX_STATEMENT_LINES`].
pub fn utility_statement(
    work: &mut Work<'_>,
    utility: &UtilityName,
    period: Period,
) -> Result<UtilityStatement, Error> {
    let names = [Account::UtilityPayable, Account::TaxPayable, Account::Fees].map(|of| of(utility.clone()).name());
    let lines = delivered(work, utility, period)?;
    let others = others(work, &names, period)?;
    let totals = totals(&lines);
    let accounts: Vec<_> = trial(work, period)?.into_iter().filter(|line| names.contains(&line.account)).collect();
    let agrees = accounts.iter().all(|account| {
        let total = totals.iter().find(|total| total.currency == account.currency);
        let of_lines = total.map_or(0, |total| {
            let shares = [total.net, total.tax, total.fee];
            names
                .iter()
                .zip(shares)
                .filter(|(name, _)| **name == account.account)
                .map(|(_, share)| share.0.minor())
                .sum()
        });
        let others = others.iter().filter(|o| (&o.account, o.currency) == (&account.account, account.currency));
        let moved = account.debits.0.minor() - account.credits.0.minor();
        others.map(|other| other.amount.0.minor()).sum::<i64>() - of_lines == moved
    });
    let (from, to) = (time(period.from_ms), time(period.to_ms));
    Ok(UtilityStatement { utility: utility.to_string(), from, to, lines, others, totals, accounts, agrees })
}

fn delivered(work: &mut Work<'_>, utility: &UtilityName, period: Period) -> Result<Vec<DeliveredLine>, Error> {
    let rows = work.query(
        "SELECT m.at_ms, l.order_id, l.line, l.meter_id, l.commodity, l.units, l.net, l.tax, l.fee, m.currency
         FROM movement m JOIN order_line l
         ON l.order_id = m.subject AND m.cause = 'line ' || CAST(l.line AS TEXT) || ' delivered'
         WHERE m.at_ms >= $2 AND m.at_ms < $3 AND l.utility = $1 ORDER BY m.at_ms, l.order_id, l.line LIMIT $4",
        &[utility.as_str().into(), period.from_ms.into(), period.to_ms.into(), (MAX_STATEMENT_LINES as i64 + 1).into()],
    )?;
    if rows.len() > MAX_STATEMENT_LINES {
        let detail = format!("more than {MAX_STATEMENT_LINES} lines were delivered: ask for a shorter time");
        return Err(Error::refused(Code::BadAmount, detail));
    }
    let read = |row: &Row| {
        let currency = stored_currency(row, 9)?;
        let amount = |at| Ok::<_, Error>(Amount(Money::from_minor(row.int(at)?), currency));
        let meter: MeterId = meters::stored_id(row.text(3)?)?;
        Ok(DeliveredLine {
            at: time(row.int(0)?),
            order: row.text(1)?.to_owned(),
            line: row.number(2)?,
            meter: meter.label().to_string(),
            commodity: meters::stored_commodity(row, 4)?.name(),
            units: row.number(5)?,
            currency,
            net: amount(6)?,
            tax: amount(7)?,
            fee: amount(8)?,
        })
    };
    rows.iter().map(read).collect()
}

fn others(work: &mut Work<'_>, accounts: &[String; 3], period: Period) -> Result<Vec<OtherEntry>, Error> {
    let mut all = Vec::new();
    for account in accounts {
        let rows = work.query(
            "SELECT m.at_ms, m.event, m.subject, m.cause, m.operator, m.currency, e.amount FROM entry e
             JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
             WHERE e.account = $1 AND m.at_ms >= $2 AND m.at_ms < $3 AND m.cause NOT LIKE 'line % delivered'
             ORDER BY m.at_ms, m.subject, m.cause",
            &[account.as_str().into(), period.from_ms.into(), period.to_ms.into()],
        )?;
        for row in &rows {
            let currency = stored_currency(row, 5)?;
            all.push(OtherEntry {
                at: time(row.int(0)?),
                event: row.text(1)?.to_owned(),
                subject: row.text(2)?.to_owned(),
                cause: row.text(3)?.to_owned(),
                operator: row.optional_text(4)?.map(str::to_owned),
                account: account.clone(),
                currency,
                amount: Amount(Money::from_minor(row.int(6)?), currency),
            });
        }
    }
    Ok(all)
}

fn totals(lines: &[DeliveredLine]) -> Vec<Totals> {
    let mut totals = Vec::<Totals>::new();
    for line in lines {
        let at = totals.iter().position(|total| total.currency == line.currency).unwrap_or_else(|| {
            let zero = Amount(Money::ZERO, line.currency);
            totals.push(Totals { currency: line.currency, lines: 0, net: zero, tax: zero, fee: zero });
            totals.len() - 1
        });
        let total = &mut totals[at];
        total.lines += 1;
        for (sum, share) in [(&mut total.net, line.net), (&mut total.tax, line.tax), (&mut total.fee, line.fee)] {
            // At most 500,000 lines of at most 10^12 each.
            sum.0 = Money::from_minor(sum.0.minor() + share.0.minor());
        }
    }
    totals
}

/// What one person booked on one day in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorDay {
    /// The person.
    pub operator: String,
    /// The UTC day.
    pub day: String,
    /// The currency.
    pub currency: Currency,
    /// The sum of all that was moved.
    pub sum: Amount,
    /// The movements, in the order of time.
    pub movements: Vec<OperatorMovement>,
}

/// A movement that a person booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorMovement {
    /// When.
    pub at: String,
    /// What kind of event.
    pub event: String,
    /// What it is about.
    pub subject: String,
    /// What caused it.
    pub cause: String,
    /// How much was moved.
    pub amount: Amount,
}

/// What people booked, in the order of days and names.
///
/// # Errors
/// When the database fails.
pub fn operators(work: &mut Work<'_>, period: Period) -> Result<Vec<OperatorDay>, Error> {
    let rows = work.query(
        "SELECT m.operator, m.at_ms, m.event, m.subject, m.cause, m.currency,
                CAST(COALESCE(sum(CASE WHEN e.amount > 0 THEN e.amount ELSE 0 END), 0) AS BIGINT)
         FROM movement m LEFT JOIN entry e ON m.subject = e.subject AND m.cause = e.cause
         WHERE m.operator IS NOT NULL AND m.at_ms >= $1 AND m.at_ms < $2
         GROUP BY m.operator, m.at_ms, m.event, m.subject, m.cause, m.currency ORDER BY m.at_ms, m.subject, m.cause",
        &[period.from_ms.into(), period.to_ms.into()],
    )?;
    let mut days = std::collections::BTreeMap::<(String, String, String), OperatorDay>::new();
    for row in &rows {
        let (operator, day, currency) = (row.text(0)?.to_owned(), day(row.int(1)?), stored_currency(row, 5)?);
        let amount = Amount(Money::from_minor(row.int(6)?), currency);
        let key = (day.clone(), operator.clone(), currency.code().to_owned());
        let zero = Amount(Money::ZERO, currency);
        let entry = days.entry(key).or_insert_with(|| OperatorDay {
            operator,
            day,
            currency,
            sum: zero,
            movements: Vec::new(),
        });
        let sum = entry.sum.0.checked_add(amount.0);
        entry.sum.0 = sum.ok_or_else(|| Error::inconsistent("the sum of a day"))?;
        entry.movements.push(OperatorMovement {
            at: time(row.int(1)?),
            event: row.text(2)?.to_owned(),
            subject: row.text(3)?.to_owned(),
            cause: row.text(4)?.to_owned(),
            amount,
        });
    }
    Ok(days.into_values().collect())
}

fn stored_currency(row: &Row, at: usize) -> Result<Currency, Error> {
    Currency::from_code(row.text(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}
