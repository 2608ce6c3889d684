//! What an operator sees on the command line: orders, meters, the ledger, receipts.

use crate::installation::{self, InstallationStatus};
use crate::ledger;
use crate::meters::{self, Meter};
use crate::problem::Error;
use crate::records::to_hex;
use crate::reports::{self, ReportStatus};
use crate::telemetry::Words;
use crate::view::{self, OrderView};
use crate::work::Work;
use coinless_protocol::{FineCredit, MeterId};
use serde::Serialize;

/// A meter in the books.
#[derive(Debug, Clone, Serialize)]
pub struct MeterStatus {
    /// Its identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// What it measures.
    pub commodity: String,
    /// Name of the customer.
    pub customer: Option<String>,
    /// Where it hangs.
    pub place: Option<String>,
    /// Its key epoch.
    pub epoch: u16,
    /// The last number used.
    pub last_number: u32,
    /// Units of all live lines.
    pub live_total_units: u64,
    /// Units being paid, or sold and not yet known to be in the meter.
    pub reserved_units: u64,
    /// The most credit that it can hold.
    pub max_credit_units: u64,
    /// ISO 4217 code of the currency whose minor units its credit counts; none if it counts what it measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_currency: Option<String>,
    /// The units of all live lines, for people.
    pub live_total: String,
    /// The reserved units, for people.
    pub reserved: String,
    /// What its newest receipt said, if one came.
    pub newest_receipt: Option<ReceiptStatus>,
    /// How it was installed, if it was by this station.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationStatus>,
    /// What its newest report said, if one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportStatus>,
}

/// What a receipt said of credit.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptStatus {
    /// The meter's identity.
    pub meter: String,
    /// The receipt's number.
    pub receipt: u32,
    /// Number of the credit register.
    pub credit_number: u32,
    /// Total of the credit register.
    pub total_units: u64,
    /// The same for people.
    pub total: String,
    /// Balance in thousandths of a credit unit.
    pub balance_fine: i64,
    /// The same for people.
    pub balance: String,
    /// What became of the token that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Its bytes in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
}

/// The books.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerStatus {
    /// Every account and its balance; debit is positive.
    pub accounts: Vec<AccountStatus>,
    /// Whether all accounts of each currency add up to zero and each is the sum of its entries.
    pub balanced: bool,
    /// The movements of one order, if one was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryStatus>,
}

/// An account.
#[derive(Debug, Clone, Serialize)]
pub struct AccountStatus {
    /// Its name.
    pub account: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Its balance, a decimal number; debit is positive.
    pub balance: String,
}

/// An entry of a movement.
#[derive(Debug, Clone, Serialize)]
pub struct EntryStatus {
    /// What caused the movement.
    pub cause: String,
    /// The account.
    pub account: String,
    /// The amount, a decimal number; debit is positive.
    pub amount: String,
}

/// Something that a person must look at.
#[derive(Debug, Clone, Serialize)]
pub struct ExceptionStatus {
    /// What it is about.
    pub subject: String,
    /// What kind.
    pub cause: String,
    /// What happened.
    pub detail: String,
    /// When.
    pub at: String,
    /// How long ago, in milliseconds.
    pub age_ms: i64,
    /// The money that it is about, with its currency.
    pub amount: Option<String>,
    /// Who saw to it, if somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<String>,
    /// What was decided, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
}

/// An order.
///
/// # Errors
/// If there is none.
pub fn order(work: &mut Work<'_>, id: &str) -> Result<OrderView, Error> {
    view::order(work, id)
}

/// The ids of the newest orders, newest first.
///
/// # Errors
/// When the database fails.
pub fn newest_orders(work: &mut Work<'_>, most: i64) -> Result<Vec<String>, Error> {
    let rows = work.query("SELECT order_id FROM orders ORDER BY order_id DESC LIMIT $1", &[most.into()])?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// One meter.
///
/// # Errors
/// If there is none.
pub fn meter(work: &mut Work<'_>, id: MeterId) -> Result<MeterStatus, Error> {
    let meter = meters::find(work, id)?;
    status(work, &meter)
}

/// All meters.
///
/// # Errors
/// When the database fails.
pub fn all_meters(work: &mut Work<'_>) -> Result<Vec<MeterStatus>, Error> {
    meters::all(work)?.iter().map(|meter| status(work, meter)).collect()
}

fn status(work: &mut Work<'_>, meter: &Meter) -> Result<MeterStatus, Error> {
    let credit = meter.credit();
    let newest_receipt = meter.newest_receipt.map(|receipt| ReceiptStatus {
        meter: meter.id.to_string(),
        receipt: receipt.number,
        credit_number: receipt.registers.credit.0,
        total_units: receipt.total.get(),
        balance_fine: receipt.balance.0,
        total: credit.show(receipt.total.fine()),
        balance: credit.show(receipt.balance),
        decision: None,
        bytes: None,
    });
    Ok(MeterStatus {
        meter: meter.id.to_string(),
        label: meter.id.label().to_string(),
        commodity: meter.commodity.name().to_owned(),
        customer: meter.customer.clone(),
        place: meter.place.clone(),
        epoch: meter.epoch.0,
        last_number: meter.last_number.0,
        live_total_units: meter.live_total.get(),
        reserved_units: meter.reserved.get(),
        max_credit_units: meter.max_credit.get(),
        credit_currency: meter.currency.map(|currency| currency.code().to_owned()),
        live_total: credit.show(meter.live_total.fine()),
        reserved: credit.show(meter.reserved.fine()),
        newest_receipt,
        installation: installation::status(work, meter.id)?,
        report: reports::status(work, meter)?,
    })
}

/// The receipts of a meter, in the order of their numbers.
///
/// # Errors
/// If there is no such meter.
pub fn receipts(work: &mut Work<'_>, id: MeterId) -> Result<Vec<ReceiptStatus>, Error> {
    let meter = meters::find(work, id)?;
    let rows = work.query(
        "SELECT number, credit_number, total, balance, decision, bytes FROM receipt WHERE meter_id = $1 ORDER BY number",
        &[id.as_str().into()],
    )?;
    let read = |row: &crate::store::Row| {
        let (total, balance) = (meters::stored_units(row, 2)?, FineCredit(row.int(3)?));
        Ok(ReceiptStatus {
            meter: id.to_string(),
            receipt: row.number(0)?,
            credit_number: row.number(1)?,
            total_units: total.get(),
            balance_fine: balance.0,
            total: meter.credit().show(total.fine()),
            balance: meter.credit().show(balance),
            decision: Some(row.text(4)?.to_owned()),
            bytes: Some(to_hex(row.bytes(5)?)),
        })
    };
    rows.iter().map(read).collect()
}

/// The books, with the movements of one order if it is named.
///
/// # Errors
/// If there is no such order.
pub fn ledger(work: &mut Work<'_>, order_id: Option<&str>) -> Result<LedgerStatus, Error> {
    let accounts = ledger::balances(work)?.into_iter().map(|held| AccountStatus {
        account: held.account,
        currency: held.currency.code().to_owned(),
        balance: held.currency.format(held.balance),
    });
    let accounts = accounts.collect();
    let balanced = match ledger::check(work) {
        Ok(()) => true,
        Err(Error::Inconsistent(why)) => {
            tracing::error!(why = %Words(&why), "the books are wrong");
            false
        }
        Err(error) => return Err(error),
    };
    let entries = order_id.map(|id| entries(work, id)).transpose()?.unwrap_or_default();
    Ok(LedgerStatus { accounts, balanced, entries })
}

fn entries(work: &mut Work<'_>, order_id: &str) -> Result<Vec<EntryStatus>, Error> {
    let currency = crate::orders::find(work, order_id)?.currency;
    let rows = work.query(
        "SELECT e.cause, e.account, e.amount FROM entry e JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
         WHERE e.subject = $1 ORDER BY m.at_ms, e.cause, e.amount DESC",
        &[order_id.into()],
    )?;
    let read = |row: &crate::store::Row| {
        let amount = currency.format(crate::money::Money::from_minor(row.int(2)?));
        Ok(EntryStatus { cause: row.text(0)?.to_owned(), account: row.text(1)?.to_owned(), amount })
    };
    rows.iter().map(read).collect()
}

/// What a person must look at, oldest first.
///
/// # Errors
/// When the database fails.
pub fn exceptions(work: &mut Work<'_>) -> Result<Vec<ExceptionStatus>, Error> {
    Ok(all_exceptions(work)?.into_iter().filter(|exception| exception.resolved_by.is_none()).collect())
}

/// What a person must look at or has seen to, oldest first.
///
/// # Errors
/// When the database fails.
pub fn all_exceptions(work: &mut Work<'_>) -> Result<Vec<ExceptionStatus>, Error> {
    let rows = work.query(
        "SELECT subject, cause, detail, at_ms, amount, resolved_by, resolved_ms, resolution FROM exception
         ORDER BY at_ms, subject, cause",
        &[],
    )?;
    let now_ms = work.now_ms;
    let read = |row: &crate::store::Row| {
        let text = |at| Ok::<_, Error>(row.optional_text(at)?.map(str::to_owned));
        Ok(ExceptionStatus {
            subject: row.text(0)?.to_owned(),
            cause: row.text(1)?.to_owned(),
            detail: row.text(2)?.to_owned(),
            at: ledger::time(row.int(3)?),
            age_ms: (now_ms - row.int(3)?).max(0),
            amount: text(4)?,
            resolved_by: text(5)?,
            resolved_at: row.optional_int(6)?.map(ledger::time),
            resolution: text(7)?,
        })
    };
    rows.iter().map(read).collect()
}
