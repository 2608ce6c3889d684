//! The end of a recovery, and what meters hold of orders that nobody brought back.

use crate::lifecycle::LineEvent;
use crate::meters::{self, Meter, NewestReceipt};
use crate::orders;
use crate::problem::Error;
use crate::registers;
use crate::tasks::Task;
use crate::work::Work;
use coinless_protocol::MeterId;

/// A receipt from the gap shows more than all lines that are known: what the meter has was sold, whoever bought it. It is
/// counted, so that the meter's total never falls, and comes before a person.
///
/// # Errors
/// When the database fails.
pub(crate) fn take_over(work: &mut Work<'_>, meter: &Meter, receipt: &NewestReceipt) -> Result<(), Error> {
    let (epoch, number) = (receipt.registers.epoch, receipt.registers.credit);
    let in_gap = meter.gap.is_some_and(|gap| gap.contains(number)) || meter.origin_unknown && number.0 == 0;
    if meter.recovering_since_ms.is_some() || epoch != meter.epoch || !in_gap {
        return Ok(());
    }
    let meter = meters::find(work, meter.id)?;
    let Some(more) = receipt.total.checked_sub(meter.live_total).filter(|more| more.get() > 0) else { return Ok(()) };
    if registers::is_known(work, meter.id, (epoch, number))? || is_being_sold(work, &meter)? {
        return Ok(());
    }
    let units = more.get() as i64; // at most 10^15
    work.execute_one(
        "taking credit over from a meter",
        "INSERT INTO meter_line (meter_id, order_id, line, units, state, epoch, first_number)
         VALUES ($1, 'recovered', $2, $3, 'delivered', $4, $5)",
        &[
            meter.id.as_str().into(),
            receipt.number.into(),
            units.into(),
            i64::from(meter.epoch.0).into(),
            number.0.into(),
        ],
    )?;
    work.execute_one(
        "taking credit over from a meter",
        "UPDATE meter SET live_total = live_total + $2 WHERE meter_id = $1",
        &[meter.id.as_str().into(), units.into()],
    )?;
    let detail = format!("the meter holds {units} units of an order that a restore forgot; look for their payment");
    work.exception(meter.id.as_str(), "credit_without_order", &detail)?;
    registers::refresh(work, meter.id)
}

/// Whether what the meter has may be a line that is paid and not counted yet. If it is not, the next receipt tells again.
fn is_being_sold(work: &mut Work<'_>, meter: &Meter) -> Result<bool, Error> {
    let rows = work.query(
        "SELECT l.order_id FROM order_line l WHERE l.state IN ('payment_unknown', 'paid', 'sale_unknown') AND l.meter_id = $1
         AND NOT EXISTS (SELECT 1 FROM recovery_waiver w WHERE w.name = l.order_id)",
        &[meter.id.as_str().into()],
    )?;
    // Or what was left on a meter that this one replaces: its receipt comes again.
    let replaced = work.query_first(
        "SELECT 1 FROM meter WHERE replaced_by = $1 AND retired_ms IS NULL",
        &[meter.id.as_str().into()],
    )?;
    if replaced.is_some() {
        return Ok(true);
    }
    for row in &rows {
        if super::is_of_forgotten_life(work, meter, row.text(0)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends the recovery: meters are sold to again, and those with open lines get a fresh token beyond the gap.
pub(super) fn end(work: &mut Work<'_>, task: &Task) -> Result<(), Error> {
    let rows = work.query(
        "SELECT m.meter_id FROM meter m WHERE m.recovering_since_ms IS NOT NULL
         AND (m.receipt_credit BETWEEN m.gap_first AND m.gap_last OR EXISTS
              (SELECT 1 FROM meter_line l WHERE l.meter_id = m.meter_id AND l.state IN ('issued', 'void_pending')))
         ORDER BY m.meter_id",
        &[],
    )?;
    work.execute("UPDATE meter SET recovering_since_ms = NULL WHERE recovering_since_ms IS NOT NULL", &[])?;
    for row in &rows {
        let meter = meters::stored_id(row.text(0)?)?;
        let number = meters::find(work, meter)?.last_number;
        // Receipts from the gap that came during the recovery have settled nothing.
        again(work, meter)?;
        if meters::find(work, meter)?.last_number == number {
            registers::refresh(work, meter)?;
        }
    }
    work.execute("UPDATE recovery SET ended_ms = $1", &[work.now_ms.into()])?;
    work.execute(
        "UPDATE exception SET resolved_ms = $1, resolved_by = 'station', resolution = 'seen: the recovery is done'
         WHERE cause = 'recovery_waits' AND resolved_ms IS NULL",
        &[work.now_ms.into()],
    )?;
    tracing::info!(meters = rows.len(), "the recovery is done");
    Ok(work.finish(task)?)
}

/// Reads the newest receipt of a meter once more, now that the recovery is done.
fn again(work: &mut Work<'_>, meter: MeterId) -> Result<(), Error> {
    let meter = meters::find(work, meter)?;
    let Some(seen) = meter.newest_receipt else { return Ok(()) };
    for settled in registers::settle(work, meter.id)? {
        if settled.end == registers::LineEnd::CountedAgain {
            orders::lock(work, &settled.order_id)?;
            let line = orders::line(work, &settled.order_id, settled.line)?;
            let reason = "after a restore it cannot be proved that the meter has not loaded it: it stays bought";
            orders::step(work, &line, LineEvent::CountedAgain, Some(reason))?;
        } else {
            return Err(Error::inconsistent("the newest receipt settles only now what it should have settled before"));
        }
    }
    take_over(work, &meter, &seen)
}
