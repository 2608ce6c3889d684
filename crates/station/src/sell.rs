//! The sale of a paid line, a step of its own in the utility's sales system.

use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{self, LineEvent, LineState, Refusal};
use crate::meters::{self, Meter};
use crate::money::Amount;
use crate::orders::{self, Order, OrderLine};
use crate::payments::Patience;
use crate::problem::Error;
use crate::recovery;
use crate::refunds;
use crate::registers;
use crate::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome, SaleRequest};
use crate::tasks::{Kind, Task, back_off};
use crate::telemetry::Words;
use crate::utilities::UtilityName;
use crate::work::Work;
use std::collections::BTreeSet;

/// The cause of an exception about a paid line that was neither sold nor taken back for too long.
pub(crate) const STUCK: &str = "sale_stuck";

/// What a sales system is to be asked about a paid line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To sell.
    Vend,
    /// What became of the sale.
    LastResponse,
    /// To take it back, since it has not succeeded for too long, or its money was taken away again.
    Reverse,
}

/// The sale of a line, whatever its state, with its utility.
pub(crate) fn sale_of(order: &Order, line: &OrderLine) -> (UtilityName, SaleRequest) {
    let sale = SaleRequest {
        sale_id: line.subject(),
        meter_id: line.meter.as_str().to_owned(),
        commodity: line.commodity,
        asked: line.asked,
        amount: line.amount,
        currency: order.currency,
        units: line.units,
        terms: line.terms.clone(),
    };
    (line.utility.clone(), sale)
}

/// What the sales system is to be asked, if the line is paid and not known to be sold.
///
/// # Errors
/// When the database fails.
pub fn request(
    work: &mut Work<'_>,
    subject: &str,
    patience: Patience,
) -> Result<Option<(Ask, UtilityName, SaleRequest)>, Error> {
    let (order, line) = orders::order_and_line(work, subject)?;
    let late = line.paid_ms.is_some_and(|paid_ms| work.now_ms - paid_ms > patience.sale_ms);
    let ask = match line.state {
        LineState::Paid | LineState::SaleUnknown
            if (late || refunds::is_uncovered(work, &order)?) && !may_have_been_sold(work, &line)? =>
        {
            Ask::Reverse
        }
        LineState::Paid => Ask::Vend,
        LineState::SaleUnknown => Ask::LastResponse,
        _ => return Ok(None),
    };
    let (utility, sale) = sale_of(&order, &line);
    Ok(Some((ask, utility, sale)))
}

/// Takes in what the sales system said of a sale.
///
/// # Errors
/// When the database fails.
pub fn outcome(work: &mut Work<'_>, task: &Task, said: &SaleOutcome) -> Result<(), Error> {
    let (meter, order, line) = orders::lock_line_of_subject(work, &task.subject)?;
    if !matches!(line.state, LineState::Paid | LineState::SaleUnknown) {
        return late(work, task, &line, said);
    }
    match said {
        SaleOutcome::Sold { .. } if refunds::is_uncovered(work, &order)? && !may_have_been_sold(work, &line)? => {
            // Its money was taken away meanwhile: the sale is taken back.
            let reason = "the money was taken away again; a person is looking at it";
            orders::step(work, &line, LineEvent::SaleUnclear, Some(reason))?;
            return Ok(work.again_at(task, work.now_ms)?);
        }
        SaleOutcome::Sold { units } if *units == line.units => sold(work, &meter, &order, &line, None)?,
        SaleOutcome::Sold { units } => {
            let detail = format!("sold were {} units, quoted {}", units.get(), line.units.get());
            work.exception(&task.subject, "other_units_sold", &detail)?;
            // No token will be signed for it.
            release(work, &line)?;
            let reason = "the utility sold another quantity than quoted; a person is looking at it";
            orders::step(work, &line, LineEvent::SoldOtherwise, Some(reason))?;
        }
        SaleOutcome::Failed { reason } if may_have_been_sold(work, &line)? => {
            let detail = format!("a restore forgot whether it was sold before; now the utility says: {reason}");
            work.exception(&task.subject, "not_sold_after_restore", &detail)?;
            release(work, &line)?;
            let reason = "it may have been sold before the station was restored; a person is looking at it";
            orders::step(work, &line, LineEvent::SoldOtherwise, Some(reason))?;
        }
        SaleOutcome::Failed { reason } => not_sold(work, &line, reason)?,
        SaleOutcome::NotFound => {
            // The same sale is made again, under the same id.
            let reason = "the utility's sales system does not know of it yet";
            orders::step(work, &line, LineEvent::SaleNotKnown, Some(reason))?;
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
        SaleOutcome::Unknown { why, contradicts } => {
            if *contradicts {
                contradiction(work, &task.subject, why)?;
            }
            tracing::warn!(why = %Words(why), attempts = task.attempts, "the outcome of a sale is unknown; asking again");
            if line.state == LineState::Paid {
                let reason = "the utility's sales system has not answered yet";
                orders::step(work, &line, LineEvent::SaleUnclear, Some(reason))?;
            }
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}

/// Takes in what the sales system said of taking back a sale that did not succeed for too long, or is not paid any more.
///
/// # Errors
/// When the database fails.
pub fn retracted(work: &mut Work<'_>, task: &Task, said: &ReversalOutcome) -> Result<(), Error> {
    let (_, order, line) = orders::lock_line_of_subject(work, &task.subject)?;
    let open = matches!(line.state, LineState::Paid | LineState::SaleUnknown);
    match said {
        ReversalOutcome::Reversed if open => {
            let reason = match refunds::is_uncovered(work, &order)? {
                true => "the money was taken away again: nothing was sold for it",
                false => "the utility did not sell it in time: the money goes back",
            };
            not_sold(work, &line, reason)?;
        }
        ReversalOutcome::Reversed
            if lifecycle::next(line.state, LineEvent::SaleTakenBack) == Err(Refusal::Contradiction) =>
        {
            let detail = format!("the sales system took the sale back, and the line is {}", line.state.name());
            work.exception(&task.subject, "sale_contradiction", &detail)?;
        }
        // It is taken back for money that is gone, not for being late: it has as long as any sale.
        ReversalOutcome::Unknown { why, .. } if open && refunds::is_uncovered(work, &order)? => {
            tracing::warn!(why = %Words(why), attempts = task.attempts, "a sale is not taken back yet; asking again");
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
        ReversalOutcome::Refused { reason: why } | ReversalOutcome::Unknown { why, .. } if open => {
            let detail = format!(
                "neither sold nor taken back in time: {why}; if its books say more, --sold, --refund or --elsewhere"
            );
            // Once, in the sales system's words. If it was only seen, the sweeper comes back to it.
            work.difference(&task.subject, STUCK, &detail, Some(Amount(line.amount, order.currency)))?;
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
        // The line has moved on, and this says nothing new.
        ReversalOutcome::Reversed | ReversalOutcome::Refused { .. } | ReversalOutcome::Unknown { .. } => {}
    }
    Ok(work.finish(task)?)
}

/// Whether a paid line may have been sold, and its token signed, in a life that a restore forgot: then its money does not go back
/// without a proof.
pub(crate) fn may_have_been_sold(work: &mut Work<'_>, line: &OrderLine) -> Result<bool, Error> {
    let meter = meters::find(work, line.meter)?;
    recovery::is_of_forgotten_life(work, &meter, &line.order_id)
}

/// An answer about a line that has moved on: the same is nothing new, another one comes before a person.
fn late(work: &mut Work<'_>, task: &Task, line: &OrderLine, said: &SaleOutcome) -> Result<(), Error> {
    let event = match said {
        SaleOutcome::Sold { units } if *units == line.units => LineEvent::SoldAsQuoted,
        SaleOutcome::Sold { .. } => LineEvent::SoldOtherwise,
        SaleOutcome::Failed { .. } => LineEvent::NotSold,
        SaleOutcome::NotFound => LineEvent::SaleNotKnown,
        SaleOutcome::Unknown { .. } => LineEvent::SaleUnclear,
    };
    let contradicts = lifecycle::next(line.state, event) == Err(Refusal::Contradiction);
    let is_sold = matches!(event, LineEvent::SoldAsQuoted | LineEvent::SoldOtherwise);
    if is_sold && line.state == LineState::Refunded && recovery::since(work)?.is_some() {
        // It was sold while the statement was read that shows its refund.
        return Ok(work.queue(Kind::Reverse, task.subject.as_str())?);
    }
    if contradicts {
        let detail = format!("the line is {}, and the sales system says {said:?}", line.state.name());
        work.exception(&task.subject, "sale_contradiction", &detail)?;
    }
    Ok(work.finish(task)?)
}

/// Puts before a person that a sales system spoke of something else than it was asked. It is asked again all the same.
pub(crate) fn contradiction(work: &mut Work<'_>, subject: &str, why: &str) -> Result<(), Error> {
    let detail = format!("the sales system contradicts what it was asked, and is asked again: {why}");
    Ok(work.exception(subject, "sale_contradiction", &detail)?)
}

fn not_sold(work: &mut Work<'_>, line: &OrderLine, reason: &str) -> Result<(), Error> {
    release(work, line)?;
    orders::step(work, line, LineEvent::NotSold, Some(reason))?;
    refunds::owe(work, line, Account::PayerMoneyHeld)
}

/// Books a sale as quoted, and commits the token that counts it; with who said so, if a person did.
pub(crate) fn sold(
    work: &mut Work<'_>,
    meter: &Meter,
    order: &Order,
    line: &OrderLine,
    operator: Option<&str>,
) -> Result<(), Error> {
    let movement = Movement {
        subject: &line.order_id,
        cause: format!("line {} sold", line.line),
        event: Event::Sold,
        currency: order.currency,
        debit: Account::PayerMoneyHeld,
        credits: vec![(Account::SoldUndelivered, line.amount)],
        operator,
    };
    ledger::book(work, &movement)?;
    orders::step(work, line, LineEvent::SoldAsQuoted, None)?;
    registers::count(work, meter, &line.order_id, line.line, line.units)
}

/// Gives back the room that was reserved in the meter for a line that will not be sold.
pub(crate) fn release(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    work.execute_one(
        "releasing a reservation",
        "UPDATE meter SET reserved_units = reserved_units - $2 WHERE meter_id = $1",
        &[line.meter.as_str().into(), (line.units.get() as i64).into()],
    )
}

/// Books a delivered line: from here on the money is the utility's, the tax office's and whoever the fees are for.
pub(crate) fn delivered(
    work: &mut Work<'_>,
    order: &Order,
    line: &OrderLine,
    confirming: &BTreeSet<UtilityName>,
) -> Result<(), Error> {
    let utility = &line.utility;
    let movement = Movement {
        subject: &line.order_id,
        cause: format!("line {} delivered", line.line),
        event: Event::Delivered,
        currency: order.currency,
        debit: Account::SoldUndelivered,
        credits: vec![
            (Account::UtilityPayable(utility.clone()), line.net),
            (Account::TaxPayable(utility.clone()), line.tax),
            (Account::Fees(utility.clone()), line.fee),
        ],
        operator: None,
    };
    ledger::book(work, &movement)?;
    orders::step(work, line, LineEvent::FoundLoaded, None)?;
    if confirming.contains(utility) {
        work.queue(Kind::Confirm, line.subject())?;
    }
    Ok(())
}

/// The sale of a delivered line, of which the sales system is told.
///
/// # Errors
/// When the database fails.
pub fn confirmation(work: &mut Work<'_>, subject: &str) -> Result<Option<(UtilityName, SaleRequest)>, Error> {
    let (order, line) = orders::order_and_line(work, subject)?;
    Ok((line.state == LineState::Delivered).then(|| sale_of(&order, &line)))
}

/// Takes in whether the sales system knows now that the meter has the credit.
///
/// # Errors
/// When the database fails.
pub fn confirmed(work: &mut Work<'_>, task: &Task, said: &ConfirmationOutcome) -> Result<(), Error> {
    match said {
        ConfirmationOutcome::Confirmed => {}
        ConfirmationOutcome::Refused { reason } => {
            let (order, line) = orders::order_and_line(work, &task.subject)?;
            let detail = format!("the meter has this, and the sales system does not count it as sold: {reason}");
            let amount = Amount(line.amount, order.currency);
            work.exception_of(&task.subject, "confirmation_refused", &detail, Some(amount))?;
        }
        ConfirmationOutcome::Unknown { why } => {
            tracing::warn!(
                why = %Words(why),
                attempts = task.attempts,
                "a sales system could not be told of a delivery; trying again"
            );
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}
