//! Replacing a meter: a closing token takes what is left out of the old one, and its receipt lets the new one be credited with it.
//!
//! From the beginning on every token of the old meter is a *closing* one: it counts all lines that are on their way, so that what was not loaded
//! is loaded and taken out at once. Nothing moves before a receipt shows that the account is closed. Then, in the transaction that reads
//! it, all lines of the old meter have ended, and a line of the new one counts the whole units that were taken out. The money of
//! all this was booked when it was sold and delivered; nothing more is.

use crate::audit::{self, Action};
use crate::meters::{self, Meter};
use crate::operator::Operator;
use crate::problem::{Code, Error};
use crate::records::to_hex;
use crate::registers;
use crate::tenants;
use crate::terms;
use crate::work::Work;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{FINE_PER_UNIT, FineCredit, MeterId, Units};
use serde::Serialize;

/// Where a replacement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplacementStatus {
    /// The old meter's label.
    pub old: String,
    /// The new meter's label.
    pub new: String,
    /// Who began it.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// The token that must reach the old meter, in hexadecimal; none if it is closed, or it is not signed yet.
    pub closing_token: Option<String>,
    /// What the closing took out, for people; none until the old meter's receipt is here.
    pub withdrawn: Option<String>,
    /// What of it the new meter gets, for people.
    pub moved: Option<String>,
    /// What is below a whole unit, and stays with the utility.
    pub rest: Option<String>,
    /// The newest token of the new meter, in hexadecimal, while it has not loaded it.
    pub transfer_token: Option<String>,
}

/// Begins to replace a meter. The same again changes nothing.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] while lines of the old one are being paid or sold, if one of them hangs no more or is
/// replaced itself, or what was sold to it is being recovered; [`Code::Malformed`] if the two cannot stand for each other.
pub fn begin(
    work: &mut Work<'_>,
    old: MeterId,
    new: MeterId,
    operator: &Operator,
    reason: &str,
) -> Result<bool, Error> {
    terms::check_reason(reason)?;
    let (old, new) = lock_both(work, old, new)?;
    if old.replaced_by == Some(new.id) {
        return Ok(false);
    }
    check_pair(&old, &new)?;
    old.check_sellable()?;
    tenants::check_nothing_under_way(work, old.id)?;
    tenants::withdraw_quotes(work, old.id)?;
    work.execute_one(
        "beginning to replace a meter",
        "UPDATE meter SET replaced_by = $2 WHERE meter_id = $1 AND replaced_by IS NULL AND retired_ms IS NULL",
        &[old.id.as_str().into(), new.id.as_str().into()],
    )?;
    work.execute_one(
        "noting a replacement",
        "INSERT INTO replacement (old_meter, new_meter, operator, reason, begun_ms) VALUES ($1, $2, $3, $4, $5)",
        &[old.id.as_str().into(), new.id.as_str().into(), operator.as_str().into(), reason.into(), work.now_ms.into()],
    )?;
    audit::note(work, old.id.as_str(), Action::ReplaceMeter, operator.as_str())?;
    let closing = meters::find(work, old.id)?;
    registers::close(work, &closing)?;
    Ok(true)
}

/// Locks two meters, in the order of their identities.
pub(crate) fn lock_both(work: &mut Work<'_>, old: MeterId, new: MeterId) -> Result<(Meter, Meter), Error> {
    if old == new {
        return Err(Error::refused(Code::Malformed, "a meter does not replace itself"));
    }
    if old.as_str() < new.as_str() {
        let old = meters::lock(work, old)?;
        return Ok((old, meters::lock(work, new)?));
    }
    let new = meters::lock(work, new)?;
    Ok((meters::lock(work, old)?, new))
}

/// Refuses a meter that cannot take the credit of another one.
pub(crate) fn check_pair(old: &Meter, new: &Meter) -> Result<(), Error> {
    old.check_in_use()?;
    new.check_in_use()?;
    new.check_sellable()?;
    let same = (&old.utility, old.commodity, old.currency) == (&new.utility, new.commodity, new.currency);
    if !same {
        let detail = format!(
            "meters {} and {} are of different utilities, or their credit counts different things",
            old.id.label(),
            new.id.label()
        );
        return Err(Error::refused(Code::Malformed, detail));
    }
    Ok(())
}

/// A receipt of a locked meter, that contradicts nothing, was taken in: if it shows that the account is closed, what is left moves.
pub(crate) fn seen(work: &mut Work<'_>, meter: &Meter, receipt: &Receipt) -> Result<(), Error> {
    let is_closed = receipt.flags.causes.contains(ShutCause::ClosedAccount);
    if meter.is_retired {
        // Older ones may come late.
        let is_newest = meter.newest_receipt.is_none_or(|newest| newest.number < receipt.number);
        if !is_closed && is_newest {
            let detail = "this meter was retired as dead, and sends receipts: look where it hangs, and what it holds";
            work.exception(meter.id.as_str(), "retired_meter_speaks", detail)?;
        }
        return Ok(());
    }
    let Some(new) = meter.replaced_by.filter(|_| is_closed) else { return Ok(()) };
    let withdrawn = receipt.sums.withdrawn;
    let units = Units::new(u64::try_from(withdrawn.0 / FINE_PER_UNIT).unwrap_or_default());
    let units = units.map_err(|error| Error::inconsistent(error.to_string()))?;
    work.execute_one(
        "ending a replacement",
        "UPDATE replacement SET withdrawn = $2, moved_units = $3, ended_ms = $4 WHERE old_meter = $1 AND ended_ms IS NULL",
        &[meter.id.as_str().into(), withdrawn.0.into(), (units.get() as i64).into(), work.now_ms.into()],
    )?;
    retire(work, meter.id)?;
    transfer(work, meter.id, new, units)
}

/// A meter hangs no more.
pub(crate) fn retire(work: &mut Work<'_>, meter: MeterId) -> Result<(), Error> {
    work.execute_one(
        "retiring a meter",
        "UPDATE meter SET retired_ms = $2 WHERE meter_id = $1 AND retired_ms IS NULL",
        &[meter.as_str().into(), work.now_ms.into()],
    )
}

/// Credits a meter with what was left on another one: once, since the line has the other one's name.
pub(crate) fn transfer(work: &mut Work<'_>, old: MeterId, new: MeterId, units: Units) -> Result<(), Error> {
    if units == Units::ZERO {
        return Ok(());
    }
    let new = meters::lock(work, new)?;
    meters::reserve(work, new.id, units)?;
    registers::count(work, &new, &registers::transfer_line(old), 1, units)
}

/// Where the replacement of a meter stands.
///
/// # Errors
/// [`Code::NotPossibleNow`] if it is not replaced.
pub fn status(work: &mut Work<'_>, old: MeterId) -> Result<ReplacementStatus, Error> {
    let meter = meters::find(work, old)?;
    let row = work.query_first(
        "SELECT new_meter, operator, reason, withdrawn, moved_units FROM replacement WHERE old_meter = $1",
        &[old.as_str().into()],
    )?;
    let not = || Error::refused(Code::NotPossibleNow, format!("meter {} is not being replaced", old.label()));
    let row = row.ok_or_else(not)?;
    let new = meters::stored_id(row.text(0)?)?;
    let withdrawn = row.optional_int(3)?;
    let moved = row.optional_int(4)?;
    let credit = meter.credit();
    let show = |fine: i64| credit.show(FineCredit(fine));
    let closing = if withdrawn.is_none() { registers::newest_bytes(work, old)? } else { None };
    let transfer = if moved.is_some() { on_its_way(work, old, new)? } else { None };
    Ok(ReplacementStatus {
        old: old.label().to_string(),
        new: new.label().to_string(),
        operator: row.text(1)?.to_owned(),
        reason: row.text(2)?.to_owned(),
        closing_token: closing.map(|bytes| to_hex(&bytes)),
        withdrawn: withdrawn.map(show),
        moved: moved.map(|units| show(units * FINE_PER_UNIT)),
        rest: withdrawn.map(|fine| show(fine % FINE_PER_UNIT)),
        transfer_token: transfer.map(|bytes| to_hex(&bytes)),
    })
}

/// The newest token of the new meter, as long as it has not loaded what was left.
pub(crate) fn on_its_way(work: &mut Work<'_>, old: MeterId, new: MeterId) -> Result<Option<Vec<u8>>, Error> {
    let row = work.query_first(
        "SELECT 1 FROM meter_line WHERE meter_id = $1 AND order_id = $2 AND line = 1 AND state = 'issued'",
        &[new.as_str().into(), registers::transfer_line(old).into()],
    )?;
    if row.is_some() { registers::newest_bytes(work, new) } else { Ok(None) }
}
