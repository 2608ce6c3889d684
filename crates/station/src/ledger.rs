//! Double entry in minor units: every movement is balanced by construction, append-only, and names its cause.
//!
//! `docs/ledger.md` is the chart of accounts and the routing rules. A positive amount is a debit. All balances of a currency
//! add up to zero at any moment.

mod accounts;
mod manual;
mod reports;
mod statements;

pub use accounts::{Account, AccountKind, Event, Nature, ROUTES, Route};
pub(crate) use manual::was_booked;
pub use manual::{Manual, Owed, check_operator, payout, settle, take_back};
pub use reports::{Balance, balances, balances_at, check};
pub use statements::{
    DeliveredLine, MAX_STATEMENT_LINES, OperatorDay, OperatorMovement, OtherEntry, Period, Totals, TrialLine,
    UtilityStatement, day, operators, parse_time, time, trial, utility_statement,
};

use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::store::{Expect, Value};
use crate::work::Work;

/// One movement of money: one account is debited, one or several that share the sum are credited.
pub struct Movement<'a> {
    /// What it is about: an order's id, or what [`Event`] says.
    pub subject: &'a str,
    /// What caused it, once only for the subject: for example `line 1 delivered`.
    pub cause: String,
    /// What kind of event: it says which accounts may be touched.
    pub event: Event,
    /// The currency.
    pub currency: Currency,
    /// The account that is debited with the sum of all credits.
    pub debit: Account,
    /// The accounts that are credited, each with its share; not negative.
    pub credits: Vec<(Account, Money)>,
    /// The person who did it, if a person did.
    pub operator: Option<&'a str>,
}

/// Books a movement.
///
/// # Errors
/// [`Error::Inconsistent`] if the same cause of the same subject was booked before, the routing rules do not allow it, a share
/// is negative or the sum too large.
pub fn book(work: &mut Work<'_>, movement: &Movement<'_>) -> Result<(), Error> {
    let credited = movement.credits.iter().map(|(account, _)| account.kind());
    if !movement.event.allows(movement.debit.kind(), credited) {
        let (event, debit) = (movement.event.name(), movement.debit.name());
        return Err(Error::inconsistent(format!("a movement of kind {event} from {debit} to what it may not touch")));
    }
    write(work, movement, None)
}

/// Takes a movement back by its opposite, which names the original.
///
/// # Errors
/// [`Error::Inconsistent`] if there is no such movement or it was taken back before.
pub fn correct(work: &mut Work<'_>, subject: &str, cause: &str, operator: &str) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT currency FROM movement WHERE subject = $1 AND cause = $2 FOR UPDATE",
        &[subject.into(), cause.into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent(format!("no movement {cause} of {subject}")))?;
    let currency = Currency::from_code(row.text(0)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    let correction = format!("correction of {cause}");
    let row = Row { subject, cause: &correction, event: Event::Correction, currency, operator: Some(operator) };
    write_movement(work, &row, Some(cause))?;
    let entries = work.query(
        "SELECT account, amount FROM entry WHERE subject = $1 AND cause = $2",
        &[subject.into(), cause.into()],
    )?;
    let entries = entries.iter().map(|entry| Ok((entry.text(0)?.to_owned(), -Money::from_minor(entry.int(1)?))));
    write_entries(work, &row, &entries.collect::<Result<Vec<_>, Error>>()?)
}

fn write(work: &mut Work<'_>, movement: &Movement<'_>, corrects: Option<&str>) -> Result<(), Error> {
    let sum = movement.credits.iter().try_fold(Money::ZERO, |sum, (_, share)| {
        sum.checked_add(*share).filter(|_| *share >= Money::ZERO).ok_or(Error::inconsistent("shares of a movement"))
    })?;
    let row = Row {
        subject: movement.subject,
        cause: &movement.cause,
        event: movement.event,
        currency: movement.currency,
        operator: movement.operator,
    };
    write_movement(work, &row, corrects)?;
    // Two shares of one account are one entry.
    let mut entries = vec![(movement.debit.name(), sum)];
    for (account, share) in &movement.credits {
        let name = account.name();
        match entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, amount)) => {
                *amount = amount.checked_sub(*share).ok_or_else(|| Error::inconsistent("shares of a movement"))?;
            }
            None => entries.push((name, -*share)),
        }
    }
    entries.retain(|(_, amount)| *amount != Money::ZERO);
    write_entries(work, &row, &entries)
}

/// What all entries of a movement share.
struct Row<'a> {
    subject: &'a str,
    cause: &'a str,
    event: Event,
    currency: Currency,
    operator: Option<&'a str>,
}

fn write_movement(work: &mut Work<'_>, row: &Row<'_>, corrects: Option<&str>) -> Result<(), Error> {
    work.execute_one(
        "booking a movement",
        "INSERT INTO movement (subject, cause, currency, at_ms, event, corrects, operator)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (subject, cause) DO NOTHING",
        &[
            row.subject.into(),
            row.cause.into(),
            row.currency.code().into(),
            work.now_ms.into(),
            row.event.name().into(),
            corrects.into(),
            row.operator.into(),
        ],
    )
}

/// Statements that write the entries of a movement and change their balances, four rows at once or one. (Fewer statements are
/// fewer to prepare and to wait for; a movement hardly ever has more accounts.)
const ENTRIES: [(usize, &str, &str); 3] = [
    (
        4,
        "INSERT INTO entry (subject, cause, account, amount)
         VALUES ($1, $2, $3, $4), ($1, $2, $5, $6), ($1, $2, $7, $8), ($1, $2, $9, $10)",
        "INSERT INTO balance (currency, part, account, balance)
         VALUES ($1, $2, $3, $4), ($1, $2, $5, $6), ($1, $2, $7, $8), ($1, $2, $9, $10)
         ON CONFLICT (account, currency, part) DO UPDATE SET balance = balance.balance + excluded.balance",
    ),
    (
        2,
        "INSERT INTO entry (subject, cause, account, amount) VALUES ($1, $2, $3, $4), ($1, $2, $5, $6)",
        "INSERT INTO balance (currency, part, account, balance) VALUES ($1, $2, $3, $4), ($1, $2, $5, $6)
         ON CONFLICT (account, currency, part) DO UPDATE SET balance = balance.balance + excluded.balance",
    ),
    (
        1,
        "INSERT INTO entry (subject, cause, account, amount) VALUES ($1, $2, $3, $4)",
        "INSERT INTO balance (currency, part, account, balance) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account, currency, part) DO UPDATE SET balance = balance.balance + excluded.balance",
    ),
];

/// Writes the entries of a movement, each of another account, and changes the balances.
fn write_entries(work: &mut Work<'_>, row: &Row<'_>, entries: &[(String, Money)]) -> Result<(), Error> {
    let part = work.part();
    let mut rest = entries;
    for (size, entry, balance) in ENTRIES {
        while rest.len() >= size {
            let (now, later) = rest.split_at(size);
            rest = later;
            let shares = || now.iter().flat_map(|(account, amount)| [account.as_str().into(), amount.minor().into()]);
            let of_movement: Vec<Value> = [row.subject.into(), row.cause.into()].into_iter().chain(shares()).collect();
            work.put(entry, &of_movement, Expect::Rows("booking entries", size as u64))?;
            let of_part: Vec<Value> = [row.currency.code().into(), part.into()].into_iter().chain(shares()).collect();
            work.put(balance, &of_part, Expect::Rows("changing balances", size as u64))?;
        }
    }
    Ok(())
}
