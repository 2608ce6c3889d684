//! Receipts: accepted from anybody, in any order, any number of times. They settle lines.

use crate::installation;
use crate::lifecycle::LineEvent;
use crate::meters::{self, Meter, NewestReceipt};
use crate::orders;
use crate::payments::Context;
use crate::problem::{Code, Error};
use crate::recovery;
use crate::refunds;
use crate::registers::{self, LineEnd};
use crate::replacement;
use crate::sell;
use crate::store::Value;
use crate::terms;
use crate::work::Work;
use coinless_protocol::cose::{Label, Sign1};
use coinless_protocol::keys::Verifier;
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::{MAX_RECEIPT_BYTES, Receipt};

/// A receipt whose signature was verified and whose readings were opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedReceipt {
    /// The receipt as it came.
    pub bytes: Vec<u8>,
    /// Its content.
    pub receipt: Receipt,
    /// What it sealed.
    pub readings: Readings,
}

/// Reads a receipt without trusting it: enough to look its meter up.
///
/// # Errors
/// [`Code::BadReceipt`].
pub fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Receipt), Error> {
    if bytes.len() > MAX_RECEIPT_BYTES {
        return Err(Error::refused(Code::BadReceipt, "a receipt has at most 256 bytes"));
    }
    Receipt::parse(bytes).map_err(|error| Error::refused(Code::BadReceipt, error.to_string()))
}

/// Verifies a receipt of `meter` with a verifier of its key, and opens its readings.
///
/// # Errors
/// [`Code::BadReceipt`] if it is not signed by that meter, or its readings do not open.
pub fn open(
    bytes: &[u8],
    meter: &Meter,
    verifier: &impl Verifier,
    readings_key: impl FnOnce() -> ReadingsKey,
) -> Result<OpenedReceipt, Error> {
    let (signed, receipt) = parse(bytes)?;
    if receipt.meter != meter.id || !signed.verify(verifier, Label::Receipt, &meter.key.hash()) {
        return Err(Error::refused(Code::BadReceipt, "the receipt is not signed by the key of this meter"));
    }
    // Agreed only now: a forged receipt costs no more than its verification.
    let readings = readings_key()
        .open(receipt.number, &receipt.readings)
        .map_err(|error| Error::refused(Code::BadReceipt, error.to_string()))?;
    Ok(OpenedReceipt { bytes: bytes.to_vec(), receipt, readings })
}

/// Takes a receipt in; gives whether it was new. One that contradicts what this station signed settles nothing and comes
/// before a person.
///
/// # Errors
/// When the database fails.
pub fn accept(work: &mut Work<'_>, opened: &OpenedReceipt, context: &Context) -> Result<bool, Error> {
    let receipt = &opened.receipt;
    let (key, row) = ([receipt.meter.as_str().into()], values(work, opened));
    let (epoch, number) = (receipt.registers.epoch.0, receipt.registers.credit);
    let token = [receipt.meter.as_str().into(), i64::from(epoch).into(), number.0.into()];
    let questions =
        [(meters::LOCK, &key[..]), (INSERT, &row), (registers::SIGNED_TOTAL, &token), (registers::OPEN, &key)];
    let [meter, inserted, signed, open] = work.query_each(questions)?;
    let meter = meters::found(receipt.meter, meter.first())?;
    if inserted.is_empty() {
        check_same(work, receipt)?;
        return Ok(false);
    }
    let signed = signed.first().map(|row| row.number(0)).transpose()?;
    let at = (receipt.registers.epoch, number);
    let standing = registers::standing(work, &meter, at, receipt.total, signed.is_some())?;
    if let Some(wrong) = contradiction(&meter, opened, signed, &standing) {
        let subject = format!("{}/receipt/{}", meter.id, receipt.number);
        work.exception(&subject, "receipt_contradiction", &wrong)?;
        return Ok(true);
    }
    let shown = NewestReceipt {
        number: receipt.number,
        registers: receipt.registers,
        total: receipt.total,
        balance: opened.readings.balance,
        flags: receipt.flags,
        clock: opened.readings.clock,
    };
    if meter.newest_receipt.is_none_or(|newest| newest.number < receipt.number) {
        note_newest(work, &meter, &shown)?;
        note_epoch(work, &meter, &shown)?;
        terms::settle(work, &meter, &shown)?;
        installation::seen(work, &meter, &shown)?;
    }
    let open = registers::read_open(&open, meter.epoch)?;
    for settled in registers::settle_open(work, &meter, &standing, open)? {
        if registers::is_of_no_order(&settled.order_id) {
            continue;
        }
        let (order, line) = orders::lock_line(work, &settled.order_id, settled.line)?;
        match settled.end {
            LineEnd::Delivered => sell::delivered(work, &order, &line, &context.confirming)?,
            LineEnd::Voided => refunds::voided(work, &line)?,
            LineEnd::CountedAgain => {
                let reason = "after a restore it cannot be proved that the meter has not loaded it: it stays bought";
                orders::step(work, &line, LineEvent::CountedAgain, Some(reason))?;
            }
        }
    }
    recovery::take_over(work, &meter, &shown)?;
    replacement::seen(work, &meter, receipt)?;
    Ok(true)
}

fn note_newest(work: &mut Work<'_>, meter: &Meter, shown: &NewestReceipt) -> Result<(), Error> {
    let registers = shown.registers;
    work.execute_one(
        "noting the newest receipt",
        "UPDATE meter SET receipt_number = $2, receipt_credit = $3, receipt_total = $4, receipt_balance = $5,
                receipt_epoch = $6, receipt_tariff = $7, receipt_settings = $8, receipt_keys = $9, receipt_flags = $10,
                receipt_clock = $11
         WHERE meter_id = $1",
        &[
            meter.id.as_str().into(),
            shown.number.into(),
            registers.credit.0.into(),
            (shown.total.get() as i64).into(),
            shown.balance.0.into(),
            i64::from(registers.epoch.0).into(),
            registers.tariff.into(),
            registers.settings.into(),
            registers.keys.into(),
            i64::from(shown.flags.bits()).into(),
            stored_clock(shown.clock).into(),
        ],
    )
}

/// Notes from which receipt on the meter is in its newest key epoch.
fn note_epoch(work: &mut Work<'_>, meter: &Meter, shown: &NewestReceipt) -> Result<(), Error> {
    if shown.registers.epoch != meter.epoch || meter.epoch_receipt.is_some() {
        return Ok(());
    }
    work.execute_one(
        "noting a key epoch",
        "UPDATE meter SET epoch_receipt = $2 WHERE meter_id = $1",
        &[meter.id.as_str().into(), shown.number.into()],
    )
}

/// Stores a receipt; gives a row if it is new.
const INSERT: &str =
    "INSERT INTO receipt (meter_id, number, credit_number, total, balance, consumed, decision, bytes, received_ms, epoch, clock)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (meter_id, number) DO NOTHING RETURNING number";

/// The values of [`INSERT`].
fn values(work: &Work<'_>, opened: &OpenedReceipt) -> [Value; 11] {
    let receipt = &opened.receipt;
    [
        receipt.meter.as_str().into(),
        receipt.number.into(),
        receipt.registers.credit.0.into(),
        (receipt.total.get() as i64).into(),
        opened.readings.balance.0.into(),
        opened.readings.consumed.0.into(),
        receipt.outcome.decision.name().into(),
        opened.bytes.as_slice().into(),
        work.now_ms.into(),
        i64::from(receipt.registers.epoch.0).into(),
        stored_clock(opened.readings.clock).into(),
    ]
}

/// Seconds that no BIGINT holds are no time that a meter can have.
fn stored_clock(clock: Option<u64>) -> Option<i64> {
    clock.and_then(|clock| i64::try_from(clock).ok())
}

/// The same number with other content is an exception.
fn check_same(work: &mut Work<'_>, receipt: &Receipt) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT bytes FROM receipt WHERE meter_id = $1 AND number = $2",
        &[receipt.meter.as_str().into(), receipt.number.into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("a receipt vanished"))?;
    // Signatures may differ; what was said must not.
    if parse(row.bytes(0)?)?.1 != *receipt {
        let subject = format!("{}/receipt/{}", receipt.meter, receipt.number);
        work.exception(&subject, "receipt_number_used_twice", "two receipts of one number say different things")?;
    }
    Ok(())
}

/// What the receipt says that cannot be, if anything. `signed`: the total that was signed under the number at which it stands.
fn contradiction(
    meter: &Meter,
    opened: &OpenedReceipt,
    signed: Option<u64>,
    standing: &registers::Standing,
) -> Option<String> {
    let (receipt, readings) = (&opened.receipt, opened.readings);
    let (epoch, number) = (receipt.registers.epoch, receipt.registers.credit.0);
    if epoch > meter.epoch {
        return Some(format!("the meter is in key epoch {}, here it is in {}", epoch.0, meter.epoch.0));
    }
    let is_newest = epoch == meter.epoch;
    let signed = match signed {
        Some(signed) => signed,
        None if (epoch.0, number) == (0, 0) => 0,
        // Signed in the life that a restore forgot; what it counts is recovered, or taken over from the meter.
        None if is_newest && meter.gap.is_some_and(|gap| gap.contains(receipt.registers.credit)) => receipt.total.get(),
        None if meter.origin_unknown && (number == 0 || !is_newest) => receipt.total.get(),
        // It rose to this key epoch with the total of a number of an earlier one.
        None if number == 0 && standing.has_origin() => receipt.total.get(),
        None if number == 0 => {
            return Some(format!("the meter began key epoch {} with a total that was never signed here", epoch.0));
        }
        None => return Some(format!("the meter stands at number {number}, which was never signed here")),
    };
    if receipt.total.get() != signed {
        return Some(format!("number {number} was signed with total {signed}, the meter says {}", receipt.total.get()));
    }
    let sums = receipt.sums;
    let terms = [receipt.total.fine().0, -sums.withdrawn.0, -sums.charged.0, -readings.consumed.0];
    let balance = terms.iter().try_fold(sums.initial.0, |sum, term| sum.checked_add(*term));
    if balance != Some(readings.balance.0) {
        return Some("initial + total - withdrawn - charged - consumed is not the balance".to_owned());
    }
    None
}
