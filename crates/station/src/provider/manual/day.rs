//! A cashier's day: what he took in and handed out, for counting the till.

use super::{CashKind, NAME, stored_currency};
use crate::money::{Currency, Money};
use crate::operator::Operator;
use crate::payments;
use crate::problem::{Code, Error};
use crate::store::Row;
use crate::work::Work;
use std::collections::BTreeMap;

/// Most entries, and most refunds, of one day.
pub const MAX_DAY_ENTRIES: usize = 10_000;

/// What a cashier took in and handed out in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// What was marked, oldest first.
    pub entries: Vec<DayEntry>,
    /// Refunds handed out, oldest first.
    pub refunds: Vec<DayRefund>,
    /// Sums, one for each currency and kind.
    pub sums: Vec<DaySum>,
}

/// Money that was marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayEntry {
    /// Its id.
    pub entry_id: String,
    /// The order.
    pub order_id: String,
    /// How it came in.
    pub kind: CashKind,
    /// How much; negative if it corrects another entry.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// The cashier's note.
    pub note: String,
    /// The entry that it takes back.
    pub corrects: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A refund that was handed out in cash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRefund {
    /// Its id.
    pub refund_id: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// A refund that waits at the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRefund {
    /// Its id.
    pub refund_id: String,
    /// The code of its order, which the customer was told.
    pub account: String,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
    /// Since when it is owed, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What must be there in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySum {
    /// The currency.
    pub currency: Currency,
    /// In the till, or on the bank account.
    pub kind: CashKind,
    /// What was taken in, less what was corrected.
    pub taken_in: Money,
    /// What was handed out in refunds; always from the till.
    pub handed_out: Money,
    /// The difference.
    pub left: Money,
}

/// What `cashier` took in and handed out from `from_ms` (inclusive) to `to_ms` (exclusive), in milliseconds since 1970.
///
/// # Errors
/// [`Code::Malformed`] if it is more than [`MAX_DAY_ENTRIES`]: ask for a shorter time.
pub fn day(work: &mut Work<'_>, cashier: &Operator, from_ms: i64, to_ms: i64) -> Result<Day, Error> {
    let parameters = [cashier.as_str().into(), from_ms.into(), to_ms.into(), ((MAX_DAY_ENTRIES + 1) as i64).into()];
    let entries = work.query(
        "SELECT entry_id, order_id, kind, amount, currency, note, corrects, at_ms FROM cash
         WHERE cashier = $1 AND at_ms >= $2 AND at_ms < $3 ORDER BY at_ms, entry_id LIMIT $4",
        &parameters,
    )?;
    let refunds = work.query(
        "SELECT refund_id, amount, currency, at_ms FROM cash_out
         WHERE cashier = $1 AND at_ms >= $2 AND at_ms < $3 ORDER BY at_ms, refund_id LIMIT $4",
        &parameters,
    )?;
    if entries.len() > MAX_DAY_ENTRIES || refunds.len() > MAX_DAY_ENTRIES {
        return Err(Error::refused(Code::Malformed, "this is too much for one statement: ask for a shorter time"));
    }
    let entries = entries.iter().map(read_entry).collect::<Result<Vec<_>, _>>()?;
    let refunds = refunds.iter().map(read_refund).collect::<Result<Vec<_>, _>>()?;
    let sums = sums(&entries, &refunds)?;
    Ok(Day { entries, refunds, sums })
}

/// Refunds that nobody has handed out yet, at most [`MAX_DAY_ENTRIES`].
///
/// # Errors
/// When the database fails.
pub fn waiting_refunds(work: &mut Work<'_>) -> Result<Vec<WaitingRefund>, Error> {
    let rows = work.query(
        "SELECT r.refund_id, r.order_id, r.amount, r.currency, r.due_ms FROM refund r
         JOIN orders o ON o.order_id = r.order_id
         WHERE r.state = 'due' AND o.provider = $1
         AND NOT EXISTS (SELECT 1 FROM cash_out c WHERE c.order_id = r.order_id AND c.refund_id = r.refund_id)
         ORDER BY r.refund_id LIMIT $2",
        &[NAME.into(), (MAX_DAY_ENTRIES as i64).into()],
    )?;
    let read = |row: &Row| {
        Ok(WaitingRefund {
            refund_id: row.text(0)?.to_owned(),
            account: payments::account(row.text(1)?),
            amount: Money::from_minor(row.int(2)?),
            currency: stored_currency(row, 3)?,
            since_ms: row.int(4)?,
        })
    };
    rows.iter().map(read).collect()
}

fn read_entry(row: &Row) -> Result<DayEntry, Error> {
    Ok(DayEntry {
        entry_id: row.text(0)?.to_owned(),
        order_id: row.text(1)?.to_owned(),
        kind: CashKind::read(row, 2)?,
        amount: Money::from_minor(row.int(3)?),
        currency: stored_currency(row, 4)?,
        note: row.text(5)?.to_owned(),
        corrects: row.optional_text(6)?.map(str::to_owned),
        at_ms: row.int(7)?,
    })
}

fn read_refund(row: &Row) -> Result<DayRefund, Error> {
    Ok(DayRefund {
        refund_id: row.text(0)?.to_owned(),
        amount: Money::from_minor(row.int(1)?),
        currency: stored_currency(row, 2)?,
        at_ms: row.int(3)?,
    })
}

fn sums(entries: &[DayEntry], refunds: &[DayRefund]) -> Result<Vec<DaySum>, Error> {
    let absurd = || Error::inconsistent("a cashier's sums over all bounds");
    let mut sums: BTreeMap<(String, CashKind), DaySum> = BTreeMap::new();
    let entries = entries.iter().map(|entry| (entry.currency, entry.kind, entry.amount, Money::ZERO));
    let refunds = refunds.iter().map(|refund| (refund.currency, CashKind::Cash, Money::ZERO, refund.amount));
    for (currency, kind, taken_in, handed_out) in entries.chain(refunds) {
        let none = DaySum { currency, kind, taken_in: Money::ZERO, handed_out: Money::ZERO, left: Money::ZERO };
        let sum = sums.entry((currency.code().to_owned(), kind)).or_insert(none);
        sum.taken_in = sum.taken_in.checked_add(taken_in).ok_or_else(absurd)?;
        sum.handed_out = sum.handed_out.checked_add(handed_out).ok_or_else(absurd)?;
        sum.left = sum.taken_in.checked_sub(sum.handed_out).ok_or_else(absurd)?;
    }
    Ok(sums.into_values().collect())
}
