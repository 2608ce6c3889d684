//! What the books say: balances now and at a moment, and whether they are right.

use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::store::Row;
use crate::work::Work;

/// The balance of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account's name.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// Debit is positive.
    pub balance: Money,
}

/// The balance of every account, in the order of their names.
///
/// # Errors
/// When the database fails.
pub fn balances(work: &mut Work<'_>) -> Result<Vec<Balance>, Error> {
    let rows = work.query(
        "SELECT account, currency, CAST(sum(balance) AS BIGINT) FROM balance
         GROUP BY account, currency ORDER BY account, currency",
        &[],
    )?;
    rows.iter().map(read_balance).collect()
}

/// The balance of every account as it was before the moment `at_ms`.
///
/// # Errors
/// When the database fails.
pub fn balances_at(work: &mut Work<'_>, at_ms: i64) -> Result<Vec<Balance>, Error> {
    let rows = work.query(
        "SELECT e.account, m.currency, CAST(sum(e.amount) AS BIGINT) FROM entry e
         JOIN movement m ON m.subject = e.subject AND m.cause = e.cause WHERE m.at_ms < $1
         GROUP BY e.account, m.currency ORDER BY e.account, m.currency",
        &[at_ms.into()],
    )?;
    rows.iter().map(read_balance).collect()
}

fn read_balance(row: &Row) -> Result<Balance, Error> {
    let currency = Currency::from_code(row.text(1)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    Ok(Balance { account: row.text(0)?.to_owned(), currency, balance: Money::from_minor(row.int(2)?) })
}

/// Checks that all accounts of each currency add up to zero, that every movement does, and that each balance is the sum of its
/// entries.
///
/// # Errors
/// [`Error::Inconsistent`] that says which is wrong.
pub fn check(work: &mut Work<'_>) -> Result<(), Error> {
    let off =
        work.query("SELECT currency FROM balance GROUP BY currency HAVING CAST(sum(balance) AS BIGINT) <> 0", &[])?;
    if let Some(row) = off.first() {
        return Err(Error::inconsistent(format!("the accounts in {} do not add up to zero", row.text(0)?)));
    }
    let off = work.query(
        "SELECT subject, cause FROM entry GROUP BY subject, cause HAVING CAST(sum(amount) AS BIGINT) <> 0 LIMIT 1",
        &[],
    )?;
    if let Some(row) = off.first() {
        let (subject, cause) = (row.text(0)?, row.text(1)?);
        return Err(Error::inconsistent(format!("the movement {cause} of {subject} does not add up to zero")));
    }
    let off = work.query(
        "SELECT b.account FROM (SELECT account, currency, CAST(sum(balance) AS BIGINT) AS total FROM balance
                                GROUP BY account, currency) b
         LEFT JOIN (SELECT e.account, m.currency, CAST(sum(e.amount) AS BIGINT) AS total FROM entry e
                    JOIN movement m ON m.subject = e.subject AND m.cause = e.cause GROUP BY e.account, m.currency) s
         ON s.account = b.account AND s.currency = b.currency WHERE b.total <> COALESCE(s.total, 0)",
        &[],
    )?;
    match off.first() {
        Some(row) => Err(Error::inconsistent(format!("the balance of {} is not the sum of its entries", row.text(0)?))),
        None => Ok(()),
    }
}
