//! Money that people take in: cash at a counter, or a bank transfer that somebody saw arrive. A named cashier marks it as
//! paid; `docs/payments/manual.md` says how.
//!
//! What was marked is kept in the station's own database, and the station learns of it as of any other provider's money: it
//! asks. So a second payment, a correction or a refund takes the same way through the books as everywhere.

mod day;
mod desk;

pub use day::{Day, DayEntry, DayRefund, DaySum, MAX_DAY_ENTRIES, WaitingRefund, day, waiting_refunds};
pub use desk::{Mark, correct, currency_of, mark_paid, pay_out};

use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::provider::{
    BadCallback, Call, Callback, EntryKind, MAX_STATEMENT_ENTRIES, MoneyReceipt, Notice, PaymentOutcome,
    PaymentProvider, PaymentRequest, RefundOutcome, RefundRequest, StatementEntry, StatementError,
};
use crate::service::now_ms;
use crate::store::{Row, Store};
use crate::work::Work;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Its name in the ledger.
pub const NAME: &str = "manual";

/// Most characters of the words that say where to pay.
const MAX_WHERE_CHARS: usize = 500;

/// Where people pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManualConfig {
    /// Words for the payer: where the counter is, which bank account money may be sent to; at most 500 characters.
    pub pay_where: String,
}

/// The words that say where to pay are missing or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pay_where says in 1 to {MAX_WHERE_CHARS} characters where people pay")]
pub struct ManualError;

/// How money came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CashKind {
    /// Notes and coins, at the counter.
    Cash,
    /// A bank transfer that the cashier saw arrive.
    Transfer,
}

impl CashKind {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Transfer => "transfer",
        }
    }

    fn read(row: &Row, at: usize) -> Result<Self, Error> {
        match row.text(at)? {
            "cash" => Ok(Self::Cash),
            "transfer" => Ok(Self::Transfer),
            _ => Err(Error::inconsistent("an entry of a cashier is of a kind that is none")),
        }
    }
}

/// Payments that people take in.
pub struct Manual {
    pay_where: String,
    store: Arc<dyn Store>,
}

impl Manual {
    /// Payments that are marked in `store`, the station's own database.
    ///
    /// # Errors
    /// [`ManualError`].
    pub fn new(config: &ManualConfig, store: Arc<dyn Store>) -> Result<Self, ManualError> {
        let pay_where = config.pay_where.trim();
        let good = (1..=MAX_WHERE_CHARS).contains(&pay_where.chars().count());
        if good { Ok(Self { pay_where: pay_where.to_owned(), store }) } else { Err(ManualError) }
    }

    fn waiting(&self, request: &PaymentRequest) -> PaymentOutcome {
        let amount = request.currency.format(request.amount);
        let instructions =
            format!("Pay {amount} {} and name the code {}: {}", request.currency, request.account, self.pay_where);
        PaymentOutcome::Pending { reference: None, instructions: Some(instructions) }
    }
}

/// An entry of a cashier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    id: String,
    amount: Money,
    currency: Currency,
    /// The entry that this one takes back, and the words of who did.
    corrects: Option<(String, String)>,
}

pub(super) fn stored_currency(row: &Row, at: usize) -> Result<Currency, Error> {
    Currency::from_code(row.text(at)?).map_err(|error| Error::inconsistent(error.to_string()))
}

/// The entries of an order, oldest first.
fn entries_of(work: &mut Work<'_>, order_id: &str) -> Result<Vec<Entry>, Error> {
    let rows = work.query(
        "SELECT entry_id, amount, currency, corrects, cashier, note FROM cash WHERE order_id = $1 ORDER BY at_ms, entry_id",
        &[order_id.into()],
    )?;
    let read = |row: &Row| {
        let words = format!("corrected by {}: {}", row.text(4)?, row.text(5)?);
        Ok(Entry {
            id: row.text(0)?.to_owned(),
            amount: Money::from_minor(row.int(1)?),
            currency: stored_currency(row, 2)?,
            corrects: row.optional_text(3)?.map(|id| (id.to_owned(), words)),
        })
    };
    rows.iter().map(read).collect()
}

/// What became of a payment; none if nothing was marked so far.
fn outcome(work: &mut Work<'_>, order_id: &str) -> Result<Option<PaymentOutcome>, Error> {
    let entries = entries_of(work, order_id)?;
    let corrections = entries.iter().filter_map(|entry| Some((entry, entry.corrects.as_ref()?)));
    let row = work.query_first("SELECT taken_back FROM orders WHERE order_id = $1", &[order_id.into()])?;
    let told = row.map(|row| row.int(0)).transpose()?.unwrap_or_default();
    let mut taken_back = Money::ZERO;
    let mut last = None;
    for (entry, (_, words)) in corrections {
        let sum = taken_back.checked_sub(entry.amount);
        taken_back = sum.ok_or_else(|| Error::inconsistent("corrections over all bounds"))?;
        last = Some((entry.currency, words.clone()));
    }
    let receipts: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.corrects.is_none())
        .map(|entry| MoneyReceipt { receipt: entry.id, amount: entry.amount, currency: entry.currency })
        .collect();
    if let Some((currency, reason)) = last.filter(|_| taken_back.minor() > told) {
        return Ok(Some(PaymentOutcome::TakenBack { receipts, amount: taken_back, currency, reason }));
    }
    Ok((!receipts.is_empty()).then_some(PaymentOutcome::Captured(receipts)))
}

/// Whether a refund was handed out.
fn is_handed_out(work: &mut Work<'_>, refund: &RefundRequest) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT amount, currency FROM cash_out WHERE order_id = $1 AND refund_id = $2",
        &[refund.payment_id.as_str().into(), refund.refund_id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(false) };
    if row.int(0)? != refund.amount.minor() || row.text(1)? != refund.currency.code() {
        return Err(Error::inconsistent("another sum was handed out than is refunded"));
    }
    Ok(true)
}

/// What was marked and handed out from `from_ms` to `to_ms`.
fn statement(work: &mut Work<'_>, from_ms: i64, to_ms: i64) -> Result<Vec<StatementEntry>, Error> {
    let most = (MAX_STATEMENT_ENTRIES + 1) as i64;
    let cash = work.query(
        "SELECT entry_id, order_id, amount, currency, at_ms FROM cash WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms LIMIT $3",
        &[from_ms.into(), to_ms.into(), most.into()],
    )?;
    let out = work.query(
        "SELECT refund_id, order_id, amount, currency, at_ms FROM cash_out WHERE at_ms >= $1 AND at_ms < $2
         ORDER BY at_ms LIMIT $3",
        &[from_ms.into(), to_ms.into(), most.into()],
    )?;
    let read = |row: &Row, is_refund: bool| {
        let (id, amount) = (row.text(0)?, row.int(2)?);
        let kind = match amount {
            _ if is_refund => EntryKind::Refund,
            ..0 => EntryKind::TakenBack,
            _ => EntryKind::Payment,
        };
        Ok(StatementEntry {
            kind,
            receipt: id.to_owned(),
            payment_id: Some(row.text(1)?.to_owned()),
            refund_id: is_refund.then(|| id.to_owned()),
            account: None,
            amount: Money::from_minor(amount.abs()),
            currency: stored_currency(row, 3)?,
            at_ms: row.int(4)?,
        })
    };
    let cash = cash.iter().map(|row| read(row, false));
    cash.chain(out.iter().map(|row| read(row, true))).collect()
}

impl PaymentProvider for Manual {
    fn name(&self) -> &str {
        NAME
    }

    fn is_push(&self) -> bool {
        true
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async { self.waiting(request) })
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        let id = request.payment_id.clone();
        let answer = self.store.read(move |tx| outcome(&mut Work::new(tx, now_ms()), &id));
        Box::pin(async move {
            match answer.await {
                Ok(outcome) => outcome.unwrap_or_else(|| self.waiting(request)),
                Err(error) => PaymentOutcome::Unknown { why: error.to_string() },
            }
        })
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        let refund = request.clone();
        let answer = self.store.read(move |tx| is_handed_out(&mut Work::new(tx, now_ms()), &refund));
        Box::pin(async move {
            match answer.await {
                Ok(true) => RefundOutcome::Refunded,
                Ok(false) => RefundOutcome::Pending { why: "no cashier has handed it out yet".to_owned() },
                Err(error) => RefundOutcome::Pending { why: error.to_string() },
            }
        })
    }

    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        let answer = self.store.read(move |tx| statement(&mut Work::new(tx, now_ms()), from_ms, to_ms));
        Box::pin(async move {
            let entries = answer.await.map_err(|error: Error| StatementError::Unavailable(error.to_string()))?;
            if entries.len() > MAX_STATEMENT_ENTRIES {
                return Err(StatementError::Unavailable(
                    "the statement is too long: ask for a shorter time".to_owned(),
                ));
            }
            Ok(entries)
        })
    }

    fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
        Err(BadCallback("nobody calls back for money that people take in".to_owned()))
    }
}
