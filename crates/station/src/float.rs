//! A manager's float: money that was paid in advance, from which orders are paid at once.
//!
//! A float has a secret that spends it, kept here as its SHA-256. An order that names the provider [`PROVIDER`] is paid when its
//! quote is accepted with the float's [`Credential`], in the same transaction; what goes back goes back into the float.

use crate::ledger::{self, Account, Event, Manual, Movement};
use crate::lifecycle::{LineEvent, PaymentEvent};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, Order};
use crate::payments;
use crate::problem::{Code, Error};
use crate::records::to_hex;
use crate::tasks::Kind;
use crate::utilities::UtilityName;
use crate::work::Work;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// What an order names as its payment provider to be paid from a float.
pub const PROVIDER: &str = "float";

/// Most bytes of a credential.
const MAX_CREDENTIAL_BYTES: usize = 256;
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Who spends a float, and the secret that allows it: `manager:secret`. Never stored, and never shown.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String)]
pub struct Credential(Zeroizing<String>);

impl From<String> for Credential {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(hidden)")
    }
}

/// A float.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Float {
    /// The manager.
    pub manager: String,
    /// The currency.
    pub currency: Currency,
    /// What can be spent.
    pub balance: Amount,
}

/// Opens a manager's float in a currency; gives its secret, which is shown this once.
///
/// # Errors
/// [`Code::Malformed`] if the name is none, [`Code::NotPossibleNow`] if there is one already.
pub fn open(work: &mut Work<'_>, manager: &str, currency: Currency) -> Result<Zeroizing<String>, Error> {
    check_name(manager)?;
    let secret = new_secret()?;
    let opened = work.execute(
        "INSERT INTO float_account (manager, currency, secret_hash, balance, opened_ms) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (manager, currency) DO NOTHING",
        &[manager.into(), currency.code().into(), hash(&secret).as_slice().into(), work.now_ms.into()],
    )?;
    if opened == 1 {
        return Ok(secret);
    }
    Err(Error::refused(Code::NotPossibleNow, format!("{manager} has a float in {currency} already")))
}

/// Replaces the secret of a float; the old one spends nothing from then on.
///
/// # Errors
/// [`Code::NotPossibleNow`] if there is no such float.
pub fn renew(work: &mut Work<'_>, manager: &str, currency: Currency) -> Result<Zeroizing<String>, Error> {
    let secret = new_secret()?;
    let renewed = work.execute(
        "UPDATE float_account SET secret_hash = $3 WHERE manager = $1 AND currency = $2",
        &[manager.into(), currency.code().into(), hash(&secret).as_slice().into()],
    )?;
    if renewed == 1 { Ok(secret) } else { Err(missing(manager, currency)) }
}

fn new_secret() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    let random = SystemRandom::new().fill(&mut *bytes);
    random.map_err(|_| Error::inconsistent("the operating system gives no random numbers"))?;
    Ok(Zeroizing::new(to_hex(&*bytes)))
}

fn check_name(manager: &str) -> Result<(), Error> {
    // The same letters as a utility's name: both are parts of the names of accounts.
    let read = manager.parse::<UtilityName>();
    let detail = "a manager's name has 1 to 32 of a-z, 0-9 and -, and begins with a letter";
    read.map(drop).map_err(|_| Error::refused(Code::Malformed, detail))
}

fn missing(manager: &str, currency: Currency) -> Error {
    Error::refused(Code::NotPossibleNow, format!("{manager} has no float in {currency}: open it first"))
}

fn hash(secret: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    bytes
}

/// Whether any float is open.
///
/// # Errors
/// When the database fails.
pub fn any(work: &mut Work<'_>) -> Result<bool, Error> {
    Ok(work.query_first("SELECT manager FROM float_account LIMIT 1", &[])?.is_some())
}

/// All floats, in the order of their managers.
///
/// # Errors
/// When the database fails.
pub fn all(work: &mut Work<'_>) -> Result<Vec<Float>, Error> {
    let rows = work.query("SELECT manager, currency, balance FROM float_account ORDER BY manager, currency", &[])?;
    let read = |row: &crate::store::Row| {
        let currency = Currency::from_code(row.text(1)?).map_err(|error| Error::inconsistent(error.to_string()))?;
        let balance = Amount(Money::from_minor(row.int(2)?), currency);
        Ok(Float { manager: row.text(0)?.to_owned(), currency, balance })
    };
    rows.iter().map(read).collect()
}

/// The first float that does not hold what the ledger says, in words; none if all do.
///
/// # Errors
/// When the database fails.
pub fn check(work: &mut Work<'_>) -> Result<Option<String>, Error> {
    let rows = work.query(
        "SELECT f.manager, f.currency FROM float_account f
         LEFT JOIN (SELECT account, currency, CAST(sum(balance) AS BIGINT) AS total FROM balance
                    GROUP BY account, currency) b
         ON b.account = 'float:' || f.manager AND b.currency = f.currency
         WHERE f.balance <> -COALESCE(b.total, 0) ORDER BY f.manager LIMIT 1",
        &[],
    )?;
    let words = |row: &crate::store::Row| {
        Ok(format!("the float of {} in {} is not what the ledger says", row.text(0)?, row.text(1)?))
    };
    rows.first().map(words).transpose()
}

/// Books what a manager paid in to the bank; gives whether it is new.
///
/// # Errors
/// [`Code::NotPossibleNow`] if there is no such float, or the id was used for another sum.
pub fn pay_in(work: &mut Work<'_>, manager: &str, manual: &Manual) -> Result<bool, Error> {
    manual.check()?;
    check_name(manager)?;
    let subject = format!("float/{manager}/{}", manual.id);
    let movement = Movement {
        subject: &subject,
        cause: "paid in".to_owned(),
        event: Event::FloatPaidIn,
        currency: manual.amount.1,
        debit: Account::Bank,
        credits: vec![(Account::Float(manager.to_owned()), manual.amount.0)],
        operator: Some(&manual.operator),
    };
    if ledger::was_booked(work, &movement)? {
        return Ok(false);
    }
    if !add(work, manager, manual.amount)? {
        return Err(missing(manager, manual.amount.1));
    }
    ledger::book(work, &movement)?;
    Ok(true)
}

/// Takes out of a float what was paid in by a movement that is being taken back.
pub(crate) fn pay_in_taken_back(work: &mut Work<'_>, subject: &str, cause: &str) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT m.currency, e.account, e.amount FROM movement m JOIN entry e ON e.subject = m.subject AND e.cause = m.cause
         WHERE m.subject = $1 AND m.cause = $2 AND e.amount < 0",
        &[subject.into(), cause.into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("a payment into no float"))?;
    let currency = Currency::from_code(row.text(0)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    let manager = row.text(1)?.strip_prefix("float:").ok_or_else(|| Error::inconsistent("a payment into no float"))?;
    take(work, manager, Amount(Money::from_minor(-row.int(2)?), currency))
}

fn add(work: &mut Work<'_>, manager: &str, amount: Amount) -> Result<bool, Error> {
    let added = work.execute(
        "UPDATE float_account SET balance = balance + $3 WHERE manager = $1 AND currency = $2",
        &[manager.into(), amount.1.code().into(), amount.0.minor().into()],
    )?;
    Ok(added == 1)
}

fn take(work: &mut Work<'_>, manager: &str, amount: Amount) -> Result<(), Error> {
    let taken = work.execute(
        "UPDATE float_account SET balance = balance - $3 WHERE manager = $1 AND currency = $2 AND balance >= $3",
        &[manager.into(), amount.1.code().into(), amount.0.minor().into()],
    )?;
    let detail = format!("the float does not hold {}: pay in first", amount.with_currency());
    if taken == 1 { Ok(()) } else { Err(Error::refused(Code::FloatTooSmall, detail)) }
}

/// Pays an order whose quote was accepted in this transaction. On an error nothing of the transaction stays.
///
/// # Errors
/// [`Code::BadCredential`], [`Code::FloatTooSmall`].
pub(crate) fn pay(work: &mut Work<'_>, order_id: &str, credential: Option<&Credential>) -> Result<(), Error> {
    let order = orders::find(work, order_id)?;
    let manager = spender(work, credential, order.currency)?;
    let amount = Amount(order.total, order.currency);
    take(work, &manager, amount)?;
    let movement = Movement {
        subject: &order.id,
        cause: "paid from a float".to_owned(),
        event: Event::FloatSpent,
        currency: order.currency,
        debit: Account::Float(manager.clone()),
        credits: vec![(Account::PayerMoneyHeld, order.total)],
        operator: None,
    };
    ledger::book(work, &movement)?;
    work.execute_one(
        "noting a capture",
        "UPDATE orders SET captured = captured + $2, payment_reference = $3 WHERE order_id = $1",
        &[order.id.as_str().into(), order.total.minor().into(), manager.into()],
    )?;
    payments::step(work, &order, PaymentEvent::Captured, None)?;
    let lines = orders::lines(work, &order.id)?;
    orders::step_all(work, &lines, LineEvent::Captured, None)?;
    lines.iter().try_for_each(|line| Ok(work.queue(Kind::Sell, line.subject())?))
}

/// The manager whose secret this is. Which part of it is wrong is not told, neither in words nor in time.
fn spender(work: &mut Work<'_>, credential: Option<&Credential>, currency: Currency) -> Result<String, Error> {
    let refuse = |detail: &str| Error::refused(Code::BadCredential, detail);
    let text = credential.ok_or_else(|| refuse("this order is paid from a float: send its credential"))?;
    let wrong = || refuse("there is no float with this credential in the order's currency");
    let text = Some(text.0.as_str()).filter(|text| text.len() <= MAX_CREDENTIAL_BYTES).ok_or_else(wrong)?;
    let (manager, secret) = text.split_once(':').ok_or_else(wrong)?;
    let row = work.query_first(
        "SELECT secret_hash FROM float_account WHERE manager = $1 AND currency = $2",
        &[manager.into(), currency.code().into()],
    )?;
    let known = row.as_ref().map(|row| row.bytes(0)).transpose()?.unwrap_or(&[0; 32]);
    let same = bool::from(hash(secret).ct_eq(known));
    if same && row.is_some() { Ok(manager.to_owned()) } else { Err(wrong()) }
}

/// Puts a refund that is owed back into the float that its order was paid from.
pub(crate) fn give_back(work: &mut Work<'_>, order: &Order, cause: String, amount: Amount) -> Result<(), Error> {
    let manager = order.payment_reference.as_deref();
    let manager = manager.ok_or_else(|| Error::inconsistent("an order that no float has paid"))?;
    if !add(work, manager, amount)? {
        return Err(Error::inconsistent("a float vanished"));
    }
    let movement = Movement {
        subject: &order.id,
        cause,
        event: Event::FloatReturned,
        currency: amount.1,
        debit: Account::RefundsDue,
        credits: vec![(Account::Float(manager.to_owned()), amount.0)],
        operator: None,
    };
    ledger::book(work, &movement)
}
