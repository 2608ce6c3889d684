//! What a cashier does: mark an order as paid, correct that, hand a refund out.

use super::{CashKind, NAME, stored_currency};
use crate::erase::ERASED;
use crate::lifecycle::PaymentState;
use crate::money::{Amount, Currency, Money};
use crate::operator::Operator;
use crate::orders::{self, Order};
use crate::problem::{Code, Error};
use crate::tasks::Kind;
use crate::work::Work;

/// Most characters of a note.
const MAX_NOTE_CHARS: usize = 200;
/// Most characters of an entry's id.
const MAX_ID_CHARS: usize = 64;

/// Money that a cashier took in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its id, made by the caller before the first try, unique for ever (a UUID): 1 to 64 of letters, digits and `-`. The same
    /// again is the same entry.
    pub entry_id: String,
    /// How it came in.
    pub kind: CashKind,
    /// How much, in the order's currency.
    pub amount: Money,
    /// For people: who paid, the bank's reference; at most 200 characters.
    pub note: String,
}

/// Marks an order as paid, by its id or its account code. Gives the order's id. The same entry again changes nothing.
///
/// Cash must be exactly what the order asks for, since at a counter it still can be; a transfer has arrived, whatever it is.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such order, [`Code::NotPossibleNow`] if it is not paid for at the counter or not open,
/// [`Code::BadAmount`], [`Code::OrderConflict`] if the entry's id is used for another one, [`Code::Malformed`].
pub fn mark_paid(work: &mut Work<'_>, order: &str, mark: &Mark, cashier: &Operator) -> Result<String, Error> {
    check_words(&mark.entry_id, &mark.note)?;
    let order = find(work, order)?;
    if is_known(work, &order, mark, cashier)? {
        work.queue(Kind::QueryPayment, order.id.as_str())?;
        return Ok(order.id);
    }
    check_amount(&order, mark)?;
    if mark.kind == CashKind::Cash {
        check_counter(work, &order, mark)?;
    }
    let entry = Stored { mark, currency: order.currency, corrects: None };
    insert(work, &order, &entry, cashier)?;
    work.queue(Kind::QueryPayment, order.id.as_str())?;
    Ok(order.id)
}

/// The currency of an order that is paid at the counter, by its id or its account code.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such order, [`Code::NotPossibleNow`] if it is not paid for at the counter.
pub fn currency_of(work: &mut Work<'_>, order: &str) -> Result<Currency, Error> {
    Ok(find(work, order)?.currency)
}

/// Takes a wrongly marked entry of an order back, by its opposite. The station learns that the money is gone, and a person
/// decides what becomes of what was sold for it. Gives the order's id. The same correction again changes nothing.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such order or entry, [`Code::NotPossibleNow`] if it is corrected already or the station
/// has not taken it up yet, [`Code::OrderConflict`] if the correction's id is used for another entry, [`Code::Malformed`].
pub fn correct(
    work: &mut Work<'_>,
    order: &str,
    entry_id: &str,
    correction_id: &str,
    cashier: &Operator,
    note: &str,
) -> Result<String, Error> {
    check_words(correction_id, note)?;
    let order = find(work, order)?;
    let row = work.query_first(
        "SELECT kind, amount, currency, corrects FROM cash WHERE order_id = $1 AND entry_id = $2",
        &[order.id.as_str().into(), entry_id.into()],
    )?;
    let unknown = || Error::refused(Code::UnknownOrder, "this order has no entry with this id");
    let row = row.ok_or_else(unknown)?;
    if row.optional_text(3)?.is_some() {
        return Err(not_now("a correction is not corrected: mark what was paid as a new entry"));
    }
    let original = Money::from_minor(row.int(1)?);
    let mark = Mark {
        entry_id: correction_id.to_owned(),
        kind: CashKind::read(&row, 0)?,
        amount: -original,
        note: note.to_owned(),
    };
    let entry = Stored { mark: &mark, currency: stored_currency(&row, 2)?, corrects: Some(entry_id) };
    let by = work.query_first(
        "SELECT entry_id, cashier FROM cash WHERE order_id = $1 AND corrects = $2",
        &[order.id.as_str().into(), entry_id.into()],
    )?;
    match by {
        Some(by) if by.text(0)? == correction_id => {}
        Some(by) => return Err(not_now(&format!("this entry was corrected by {} already", by.text(1)?))),
        None => {
            // Before that, a question that is under way could still give it as paid.
            check_booked(work, &order, entry_id)?;
            check_free(work, correction_id)?;
            insert(work, &order, &entry, cashier)?;
        }
    }
    work.queue(Kind::QueryPayment, order.id.as_str())?;
    Ok(order.id)
}

/// Notes that a cashier handed a refund out, whole, in cash; gives how much. The same again changes nothing. The refund is named
/// by its id, in which the order's account code may stand for the order's id: `0123456789/1`.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such refund, [`Code::NotPossibleNow`] if the order is not paid for at the counter, or the
/// refund is not due, was handed out by somebody else, or is of money that was corrected just now.
pub fn pay_out(work: &mut Work<'_>, refund: &str, cashier: &Operator) -> Result<Amount, Error> {
    let (named, what) = refund.split_once('/').unwrap_or((refund, ""));
    let order = find(work, named)?;
    let refund_id = format!("{}/{}", order.id, what.trim());
    let refund_id = refund_id.as_str();
    let row = work.query_first(
        "SELECT amount, currency, state FROM refund WHERE order_id = $1 AND refund_id = $2",
        &[order.id.as_str().into(), refund_id.into()],
    )?;
    let row = row.ok_or_else(|| Error::refused(Code::UnknownOrder, "there is no refund with this id"))?;
    let before = work.query_first(
        "SELECT cashier FROM cash_out WHERE order_id = $1 AND refund_id = $2",
        &[order.id.as_str().into(), refund_id.into()],
    )?;
    match before {
        Some(before) if before.text(0)? == cashier.as_str() => {}
        Some(before) => return Err(not_now(&format!("{} handed this refund out already", before.text(0)?))),
        None if row.text(2)? != "due" => return Err(not_now("this refund is not due any more")),
        None if has_new_correction(work, &order)? => {
            return Err(not_now("the station is still taking up that this order's money was corrected: try again in a moment"));
        }
        None => work.execute_one(
            "handing a refund out",
            "INSERT INTO cash_out (order_id, refund_id, cashier, amount, currency, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                order.id.as_str().into(),
                refund_id.into(),
                cashier.as_str().into(),
                row.int(0)?.into(),
                row.text(1)?.into(),
                work.now_ms.into(),
            ],
        )?,
    }
    if row.text(2)? == "due" {
        work.queue(Kind::Refund, refund_id)?;
    }
    Ok(Amount(Money::from_minor(row.int(0)?), stored_currency(&row, 1)?))
}

/// An entry as it is kept.
struct Stored<'a> {
    mark: &'a Mark,
    currency: Currency,
    corrects: Option<&'a str>,
}

fn not_now(why: &str) -> Error {
    Error::refused(Code::NotPossibleNow, why)
}

fn check_words(entry_id: &str, note: &str) -> Result<(), Error> {
    let good = (1..=MAX_ID_CHARS).contains(&entry_id.len())
        && entry_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !good {
        let detail = format!("an entry's id has 1 to {MAX_ID_CHARS} letters, digits and hyphens");
        return Err(Error::refused(Code::Malformed, detail));
    }
    if note.chars().count() > MAX_NOTE_CHARS || note.chars().any(char::is_control) {
        let detail = format!("a note has at most {MAX_NOTE_CHARS} characters, without line breaks");
        return Err(Error::refused(Code::Malformed, detail));
    }
    Ok(())
}

/// The order of this id or account code, locked.
fn find(work: &mut Work<'_>, named: &str) -> Result<Order, Error> {
    let named = named.trim();
    if uuid::Uuid::parse_str(named).is_ok() {
        return manual(orders::lock(work, &named.to_ascii_lowercase())?);
    }
    // As a person says it: small letters, groups, the letters that look like digits.
    let code: String = named.chars().filter(|c| !matches!(c, ' ' | '-')).take(MAX_ID_CHARS).collect();
    let code = code.to_ascii_uppercase().replace('O', "0").replace(['I', 'L'], "1");
    let row = work.query_first("SELECT order_id FROM pay_account WHERE account = $1", &[code.as_str().into()])?;
    let Some(row) = row else {
        let restored = work.query_first("SELECT 1 FROM recovery", &[])?.is_some();
        let sync = if restored {
            " (this station was restored from a backup: first let the customer's phone sync)"
        } else {
            ""
        };
        let detail = format!("no order has the code {code}: look at it once more together with the customer{sync}");
        return Err(Error::refused(Code::UnknownOrder, detail));
    };
    let id = row.text(0)?.to_owned();
    manual(orders::lock(work, &id)?)
}

fn manual(order: Order) -> Result<Order, Error> {
    if order.provider == NAME {
        return Ok(order);
    }
    Err(not_now(&format!(
        "this order is paid by {}, not at the counter: nothing is to be taken in for it",
        order.provider
    )))
}

/// Whether the very same entry is there already.
fn is_known(work: &mut Work<'_>, order: &Order, mark: &Mark, cashier: &Operator) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT cashier, kind, amount, currency, note, corrects FROM cash WHERE order_id = $1 AND entry_id = $2",
        &[order.id.as_str().into(), mark.entry_id.as_str().into()],
    )?;
    let Some(row) = row else {
        check_free(work, &mark.entry_id)?;
        return Ok(false);
    };
    let same = row.text(0)? == cashier.as_str()
        && row.text(1)? == mark.kind.name()
        && row.int(2)? == mark.amount.minor()
        && row.text(3)? == order.currency.code()
        && [mark.note.as_str(), ERASED].contains(&row.text(4)?)
        && row.optional_text(5)?.is_none();
    if same { Ok(true) } else { Err(taken()) }
}

/// An entry's id is its receipt number: no other order may have it.
fn check_free(work: &mut Work<'_>, entry_id: &str) -> Result<(), Error> {
    match work.query_first("SELECT order_id FROM cash WHERE entry_id = $1", &[entry_id.into()])? {
        Some(_) => Err(taken()),
        None => Ok(()),
    }
}

fn taken() -> Error {
    Error::refused(Code::OrderConflict, "this id is used for another entry: make a new one")
}

fn check_amount(order: &Order, mark: &Mark) -> Result<(), Error> {
    if order.payment == PaymentState::None {
        return Err(not_now("the customer has not accepted this order's price yet"));
    }
    let asked = order.currency.format(order.total);
    if mark.amount <= Money::ZERO || mark.amount > Money::MAX {
        let detail =
            format!("the order asks for {asked} {}; write what was taken in, greater than zero", order.currency);
        return Err(Error::refused(Code::BadAmount, detail));
    }
    if mark.kind == CashKind::Cash && mark.amount != order.total {
        let detail = format!(
            "the order asks for {asked} {}, and this is {}: take exactly what it asks for, or make another order",
            order.currency,
            order.currency.format(mark.amount)
        );
        return Err(Error::refused(Code::BadAmount, detail));
    }
    Ok(())
}

/// Cash is taken in only for an order that waits for it.
fn check_counter(work: &mut Work<'_>, order: &Order, mark: &Mark) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT cashier FROM cash WHERE order_id = $1 AND entry_id <> $2 ORDER BY at_ms LIMIT 1",
        &[order.id.as_str().into(), mark.entry_id.as_str().into()],
    )?;
    if let Some(row) = row {
        return Err(not_now(&format!(
            "{} has marked this order already: give the money back to the customer",
            row.text(0)?
        )));
    }
    if order.payment.is_open() {
        return Ok(());
    }
    Err(not_now("this order does not wait for money any more: give it back to the customer, and make a new order"))
}

fn check_booked(work: &mut Work<'_>, order: &Order, entry_id: &str) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT order_id FROM money_receipt WHERE provider = $1 AND receipt = $2 AND order_id = $3",
        &[NAME.into(), entry_id.into(), order.id.as_str().into()],
    )?;
    match row {
        Some(_) => Ok(()),
        None => Err(not_now("the station is still taking this entry up: correct it in a moment")),
    }
}

/// Whether money of an order was corrected that the station has not set off against its refunds yet.
fn has_new_correction(work: &mut Work<'_>, order: &Order) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM cash WHERE order_id = $1 AND corrects IS NOT NULL",
        &[order.id.as_str().into()],
    )?;
    let corrected = row.map(|row| row.int(0)).transpose()?.unwrap_or_default();
    Ok(-corrected > order.taken_back.minor())
}

fn insert(work: &mut Work<'_>, order: &Order, entry: &Stored<'_>, cashier: &Operator) -> Result<(), Error> {
    work.execute_one(
        "marking money",
        "INSERT INTO cash (order_id, entry_id, cashier, kind, amount, currency, note, corrects, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            order.id.as_str().into(),
            entry.mark.entry_id.as_str().into(),
            cashier.as_str().into(),
            entry.mark.kind.name().into(),
            entry.mark.amount.minor().into(),
            entry.currency.code().into(),
            entry.mark.note.as_str().into(),
            entry.corrects.into(),
            work.now_ms.into(),
        ],
    )
}
