//! Double entry in minor units: every movement is balanced by construction, append-only, and names its cause.
//!
//! A positive amount is a debit. All balances of a currency add up to zero at any moment.
//!
//! | account | kind | holds |
//! |---|---|---|
//! | `provider:<name>:captured` | asset | what a payment provider took from payers for us |
//! | `provider:<name>:refunded` | against that asset | what it gave back |
//! | `payer_money_held` | liability | received and not yet sold |
//! | `sold_undelivered` | liability | sold and not yet known to be in the meter |
//! | `utility_payable:<name>` | liability | owed to a utility for what was delivered, without tax |
//! | `tax_payable` | liability | tax on what was delivered |
//! | `refunds_due` | liability | to be given back and not yet confirmed by the provider |

use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::work::Work;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Taken from payers by a provider.
    Captured(String),
    /// Given back to payers by a provider.
    Refunded(String),
    /// Received and not yet sold.
    PayerMoneyHeld,
    /// Sold and not yet known to be in the meter.
    SoldUndelivered,
    /// Owed to a utility.
    UtilityPayable(String),
    /// Tax on what was delivered.
    TaxPayable,
    /// To be given back.
    RefundsDue,
}

impl Account {
    /// Its name in the books.
    pub fn name(&self) -> String {
        match self {
            Self::Captured(provider) => format!("provider:{provider}:captured"),
            Self::Refunded(provider) => format!("provider:{provider}:refunded"),
            Self::PayerMoneyHeld => "payer_money_held".to_owned(),
            Self::SoldUndelivered => "sold_undelivered".to_owned(),
            Self::UtilityPayable(utility) => format!("utility_payable:{utility}"),
            Self::TaxPayable => "tax_payable".to_owned(),
            Self::RefundsDue => "refunds_due".to_owned(),
        }
    }
}

/// One movement of money: one account is debited, one or several that share the sum are credited.
pub struct Movement<'a> {
    /// The order that it belongs to.
    pub order_id: &'a str,
    /// What caused it, once only within the order: for example `line 1 delivered`.
    pub cause: String,
    /// The currency.
    pub currency: Currency,
    /// The account that is debited with the sum of all credits.
    pub debit: Account,
    /// The accounts that are credited, each with its share; not negative.
    pub credits: Vec<(Account, Money)>,
}

/// Books a movement.
///
/// # Errors
/// [`Error::Inconsistent`] if the same cause of the same order was booked before, a share is negative or the sum too large.
pub fn book(work: &mut Work<'_>, movement: Movement<'_>) -> Result<(), Error> {
    let sum = movement.credits.iter().try_fold(Money::ZERO, |sum, (_, share)| {
        sum.checked_add(*share).filter(|_| *share >= Money::ZERO).ok_or(Error::inconsistent("shares of a movement"))
    })?;
    work.execute_one(
        "booking a movement",
        "INSERT INTO movement (order_id, cause, currency, at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id, cause) DO NOTHING",
        &[
            movement.order_id.into(),
            movement.cause.as_str().into(),
            movement.currency.code().into(),
            work.now_ms.into(),
        ],
    )?;
    let credits = movement.credits.iter().map(|(account, share)| (account, -*share));
    for (account, amount) in credits.chain([(&movement.debit, sum)]).filter(|(_, amount)| *amount != Money::ZERO) {
        let name = account.name();
        work.execute_one(
            "booking an entry",
            "INSERT INTO entry (order_id, cause, account, amount) VALUES ($1, $2, $3, $4)",
            &[movement.order_id.into(), movement.cause.as_str().into(), name.as_str().into(), amount.minor().into()],
        )?;
        work.execute_one(
            "changing a balance",
            "INSERT INTO account (account, currency, balance) VALUES ($1, $2, $3)
             ON CONFLICT (account, currency) DO UPDATE SET balance = account.balance + $3",
            &[name.into(), movement.currency.code().into(), amount.minor().into()],
        )?;
    }
    Ok(())
}

/// The balance of every account in the order of their names.
///
/// # Errors
/// When the database fails.
pub fn balances(work: &mut Work<'_>) -> Result<Vec<(String, Currency, Money)>, Error> {
    let rows = work.query("SELECT account, currency, balance FROM account ORDER BY account, currency", &[])?;
    let read = |row: &crate::store::Row| {
        let currency = Currency::from_code(row.text(1)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        Ok((row.text(0)?.to_owned(), currency, Money::from_minor(row.int(2)?)))
    };
    rows.iter().map(read).collect()
}

/// Checks that all accounts of each currency add up to zero and that each balance is the sum of its entries.
///
/// # Errors
/// [`Error::Inconsistent`] that says which is wrong.
pub fn check(work: &mut Work<'_>) -> Result<(), Error> {
    let off =
        work.query("SELECT currency FROM account GROUP BY currency HAVING CAST(sum(balance) AS BIGINT) <> 0", &[])?;
    if let Some(row) = off.first() {
        return Err(Error::inconsistent(format!("the accounts in {} do not add up to zero", row.text(0)?)));
    }
    let off = work.query(
        "SELECT a.account FROM account a LEFT JOIN
            (SELECT e.account, m.currency, CAST(sum(e.amount) AS BIGINT) AS total FROM entry e
             JOIN movement m ON m.order_id = e.order_id AND m.cause = e.cause GROUP BY e.account, m.currency) s
         ON s.account = a.account AND s.currency = a.currency WHERE a.balance <> COALESCE(s.total, 0)",
        &[],
    )?;
    match off.first() {
        Some(row) => Err(Error::inconsistent(format!("the balance of {} is not the sum of its entries", row.text(0)?))),
        None => Ok(()),
    }
}
