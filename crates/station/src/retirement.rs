//! Retiring a dead meter: one that gives no receipt any more. Two people decide, on the station's estimate, which is named as such.
//!
//! Lines that were not seen loaded go to the meter that takes its place, or back to their payers; this is the one case in which that happens
//! without a receipt. What was left on the meter by the estimate goes the same way; without a new meter a person pays it back.

use crate::audit::{self, Action};
use crate::ledger::time;
use crate::lifecycle::{LineEvent, LineState};
use crate::meters::{self, Meter};
use crate::operator::Operator;
use crate::orders;
use crate::problem::{Code, Error};
use crate::records::to_hex;
use crate::refunds;
use crate::registers;
use crate::replacement;
use crate::sell;
use crate::tenants;
use crate::terms;
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::{FINE_PER_UNIT, FineCredit, MeterId, Units};
use serde::Serialize;
use std::collections::BTreeSet;

/// A proposal to retire a meter, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetirementStatus {
    /// The meter's label.
    pub meter: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub proposed: String,
    /// The label of the meter that takes its place, if one does.
    pub replace_by: Option<String>,
    /// What was sold and not seen loaded, for people.
    pub on_its_way: String,
    /// What is left on it, by estimate, for people.
    pub estimated_balance: String,
    /// How the estimate comes about, for people.
    pub reasoning: Vec<String>,
    /// Who confirmed it, if somebody did.
    pub confirmed_by: Option<String>,
    /// What the new meter got, for people.
    pub moved: Option<String>,
    /// The newest token of the new meter, in hexadecimal, while it has not loaded that.
    pub transfer_token: Option<String>,
}

/// What is left on a meter, by estimate.
struct Estimate {
    receipt: Option<u32>,
    on_its_way: i64,
    balance: i64,
    reasoning: Vec<String>,
}

const DAY_MS: i64 = 86_400_000;

/// Proposes to retire a meter, with an estimate. A new proposal takes the place of one that nobody has confirmed.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] if it hangs no more, or lines of it are being paid or sold; [`Code::Malformed`] if
/// `replace_by` cannot take its place.
pub fn propose(
    work: &mut Work<'_>,
    id: MeterId,
    replace_by: Option<MeterId>,
    operator: &Operator,
    reason: &str,
) -> Result<(), Error> {
    terms::check_reason(reason)?;
    let meter = check(work, id, replace_by)?;
    let estimate = estimate(work, &meter)?;
    work.execute_one(
        "proposing to retire a meter",
        "INSERT INTO retirement (meter_id, proposed_by, reason, proposed_ms, replace_by, receipt_number, on_its_way, balance, reasoning)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (meter_id) DO UPDATE SET proposed_by = $2, reason = $3, proposed_ms = $4, replace_by = $5,
             receipt_number = $6, on_its_way = $7, balance = $8, reasoning = $9
         WHERE retirement.confirmed_ms IS NULL",
        &[
            id.as_str().into(),
            operator.as_str().into(),
            reason.into(),
            work.now_ms.into(),
            replace_by.as_ref().map(MeterId::as_str).into(),
            estimate.receipt.into(),
            estimate.on_its_way.into(),
            estimate.balance.into(),
            estimate.reasoning.join("\n").into(),
        ],
    )?;
    audit::note(work, id.as_str(), Action::ProposeRetirement, operator.as_str())
}

/// Confirms a proposal, by another person: the meter hangs no more, and what was on its way and left on it goes elsewhere. `confirming`: the
/// utilities that want to hear of deliveries.
///
/// # Errors
/// [`Code::NotPossibleNow`] if nothing was proposed, the same person confirms, or something has changed since.
pub fn confirm(
    work: &mut Work<'_>,
    id: MeterId,
    operator: &Operator,
    confirming: &BTreeSet<UtilityName>,
) -> Result<(), Error> {
    let not = |detail: &str| Err(Error::refused(Code::NotPossibleNow, detail.to_owned()));
    let row = work.query_first(
        "SELECT proposed_by, replace_by, receipt_number, on_its_way, balance FROM retirement
         WHERE meter_id = $1 AND confirmed_ms IS NULL",
        &[id.as_str().into()],
    )?;
    let Some(row) = row else { return not("nobody has proposed to retire this meter, or it is done") };
    if row.text(0)? == operator.as_str() {
        return not("another person than the one who proposed it must confirm it");
    }
    let replace_by = row.optional_text(1)?.map(meters::stored_id).transpose()?;
    let meter = check(work, id, replace_by)?;
    let seen = meter.newest_receipt.map(|newest| i64::from(newest.number));
    if (seen, open_units(work, id)?) != (row.optional_int(2)?, row.int(3)?) {
        return not(
            "receipts or purchases came in since it was proposed: propose it again, and look at the new estimate",
        );
    }
    tenants::withdraw_quotes(work, id)?;
    let balance = Units::new(u64::try_from(row.int(4)? / FINE_PER_UNIT).unwrap_or_default());
    let balance = balance.map_err(|error| Error::inconsistent(error.to_string()))?;
    let on_its_way = end_lines(work, &meter, replace_by.is_some(), confirming)?;
    let moved = match replace_by {
        Some(new) => {
            let units = on_its_way.checked_add(balance).ok_or_else(|| Error::inconsistent("a total over 10^15"))?;
            replacement::transfer(work, id, new, units)?;
            units
        }
        None => {
            left_over(work, &meter, balance, on_its_way)?;
            Units::ZERO
        }
    };
    replacement::retire(work, id)?;
    work.execute_one(
        "retiring a dead meter",
        "UPDATE retirement SET confirmed_by = $2, confirmed_ms = $3, moved_units = $4
         WHERE meter_id = $1 AND confirmed_ms IS NULL",
        &[id.as_str().into(), operator.as_str().into(), work.now_ms.into(), (moved.get() as i64).into()],
    )?;
    audit::note(work, id.as_str(), Action::ConfirmRetirement, operator.as_str())
}

/// Locks what takes part. A replacement whose closing token never came back may be ended so too, by the same new meter.
fn check(work: &mut Work<'_>, id: MeterId, replace_by: Option<MeterId>) -> Result<Meter, Error> {
    let meter = match replace_by {
        Some(new) => {
            let (old, new) = replacement::lock_both(work, id, new)?;
            if old.replaced_by.is_some_and(|by| by != new.id) {
                let detail = format!("meter {} is being replaced by another meter", id.label());
                return Err(Error::refused(Code::NotPossibleNow, detail));
            }
            replacement::check_pair(&Meter { replaced_by: None, ..old.clone() }, &new)?;
            old
        }
        None => meters::lock(work, id)?,
    };
    Meter { replaced_by: None, ..meter.clone() }.check_sellable()?;
    tenants::check_nothing_under_way(work, id)?;
    Ok(meter)
}

/// Units of lines that no receipt has settled and that nobody wants back.
fn open_units(work: &mut Work<'_>, id: MeterId) -> Result<i64, Error> {
    let row = work.query_first(
        "SELECT CAST(COALESCE(sum(units), 0) AS BIGINT) FROM meter_line WHERE meter_id = $1 AND state = 'issued'",
        &[id.as_str().into()],
    )?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?)
}

fn estimate(work: &mut Work<'_>, meter: &Meter) -> Result<Estimate, Error> {
    let credit = meter.credit();
    let show = |fine: i64| credit.show(FineCredit(fine));
    let on_its_way = open_units(work, meter.id)?;
    let mut reasoning = Vec::new();
    let (known, since_ms) = match meter.newest_receipt {
        None => {
            let initial = meter.initial.fine().0;
            reasoning.push(format!("no receipt ever came: it was made with {}", show(initial)));
            (initial, work.now_ms)
        }
        Some(newest) => {
            let row = work.query_first(
                "SELECT received_ms FROM receipt WHERE meter_id = $1 AND number = $2",
                &[meter.id.as_str().into(), newest.number.into()],
            )?;
            let received_ms = row.map_or(Ok(work.now_ms), |row| row.int(0))?;
            let shown = show(newest.balance.0);
            reasoning.push(format!("receipt {} of {}: a balance of {shown}", newest.number, time(received_ms)));
            (newest.balance.0, received_ms)
        }
    };
    let days = (work.now_ms - since_ms).max(0) / DAY_MS;
    let a_day = use_per_day(work, meter.id)?;
    match a_day {
        Some(a_day) => reasoning.push(format!("used since then: {} a day for {days} days", show(a_day))),
        None => reasoning.push("how much is used a day is not known: nothing is taken off".to_owned()),
    }
    let used = a_day.unwrap_or_default().saturating_mul(days);
    let balance = known.saturating_sub(used).max(0);
    reasoning.push(format!("so about {} are left on it, by estimate", show(balance)));
    reasoning.push(format!("sold and not seen loaded: {}", show(on_its_way.saturating_mul(FINE_PER_UNIT))));
    Ok(Estimate { receipt: meter.newest_receipt.map(|newest| newest.number), on_its_way, balance, reasoning })
}

/// What the meter used a day, in thousandths of a credit unit, by its first and its newest receipt, if a day lies between them.
fn use_per_day(work: &mut Work<'_>, id: MeterId) -> Result<Option<i64>, Error> {
    let first = "SELECT consumed, received_ms FROM receipt WHERE meter_id = $1 AND consumed IS NOT NULL ORDER BY number LIMIT 1";
    let last = "SELECT consumed, received_ms FROM receipt WHERE meter_id = $1 AND consumed IS NOT NULL ORDER BY number DESC LIMIT 1";
    let key = [id.as_str().into()];
    let [first, last] = work.query_each([(first, &key[..]), (last, &key[..])])?;
    let (Some(first), Some(last)) = (first.first(), last.first()) else { return Ok(None) };
    let (used, span_ms) = (last.int(0)? - first.int(0)?, last.int(1)? - first.int(1)?);
    if span_ms < DAY_MS || used < 0 {
        return Ok(None);
    }
    Ok(i64::try_from(i128::from(used) * i128::from(DAY_MS) / i128::from(span_ms)).ok())
}

/// Ends all open lines; gives the units that are to be moved, or that belong to no order and cannot go back.
fn end_lines(
    work: &mut Work<'_>,
    meter: &Meter,
    is_moved: bool,
    confirming: &BTreeSet<UtilityName>,
) -> Result<Units, Error> {
    let rows = work.query(
        "SELECT order_id, line, units, state FROM meter_line
         WHERE meter_id = $1 AND state IN ('issued', 'void_pending') ORDER BY order_id, line",
        &[meter.id.as_str().into()],
    )?;
    let mut moved = Units::ZERO;
    for row in &rows {
        let (order_id, number, units) = (row.text(0)?, row.number(1)?, meters::stored_units(row, 2)?);
        let is_of_no_order = registers::is_of_no_order(order_id);
        if is_of_no_order || is_moved && row.text(3)? == "issued" {
            registers::take_as_loaded(work, meter, order_id, number)?;
            moved = moved.checked_add(units).ok_or_else(|| Error::inconsistent("a total over 10^15"))?;
            if !is_of_no_order {
                let (order, line) = orders::lock_line(work, order_id, number)?;
                sell::delivered(work, &order, &line, confirming)?;
            }
            continue;
        }
        registers::forget(work, meter.id, order_id, number)?;
        let (_, mut line) = orders::lock_line(work, order_id, number)?;
        if line.state == LineState::Issued {
            let reason = "the meter is dead: it was retired by two people";
            orders::step(work, &line, LineEvent::VoidAsked, Some(reason))?;
            line = orders::line(work, order_id, number)?;
        }
        refunds::voided(work, &line)?;
    }
    Ok(moved)
}

/// What was left on a meter that no other one replaces comes before a person: no order says what it is worth.
fn left_over(work: &mut Work<'_>, meter: &Meter, balance: Units, transferred: Units) -> Result<(), Error> {
    let left = balance.checked_add(transferred).unwrap_or(balance);
    if left == Units::ZERO {
        return Ok(());
    }
    let shown = meter.credit().show(left.fine());
    let detail = format!(
        "about {shown} were left on this dead meter, by estimate, and no other one takes its place: pay it back by hand"
    );
    Ok(work.exception(meter.id.as_str(), "retired_balance", &detail)?)
}

/// Where the retirement of a meter stands.
///
/// # Errors
/// [`Code::NotPossibleNow`] if nobody has proposed it.
pub fn status(work: &mut Work<'_>, id: MeterId) -> Result<RetirementStatus, Error> {
    let meter = meters::find(work, id)?;
    let row = work.query_first(
        "SELECT proposed_by, reason, proposed_ms, replace_by, on_its_way, balance, reasoning, confirmed_by, moved_units
         FROM retirement WHERE meter_id = $1",
        &[id.as_str().into()],
    )?;
    let not = || Error::refused(Code::NotPossibleNow, format!("nobody has proposed to retire meter {}", id.label()));
    let row = row.ok_or_else(not)?;
    let new = row.optional_text(3)?.map(meters::stored_id).transpose()?;
    let credit = meter.credit();
    let show = |fine: i64| credit.show(FineCredit(fine));
    let transfer = match new {
        Some(new) => replacement::on_its_way(work, id, new)?,
        None => None,
    };
    Ok(RetirementStatus {
        meter: id.label().to_string(),
        proposed_by: row.text(0)?.to_owned(),
        reason: row.text(1)?.to_owned(),
        proposed: time(row.int(2)?),
        replace_by: new.map(|new| new.label().to_string()),
        on_its_way: show(row.int(4)?.saturating_mul(FINE_PER_UNIT)),
        estimated_balance: show(row.int(5)?),
        reasoning: row.text(6)?.lines().map(str::to_owned).collect(),
        confirmed_by: row.optional_text(7)?.map(str::to_owned),
        moved: row.optional_int(8)?.map(|units| show(units.saturating_mul(FINE_PER_UNIT))),
        transfer_token: transfer.map(|bytes| to_hex(&bytes)),
    })
}
