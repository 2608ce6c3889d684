//! Voids, reversals and refunds: the way back. Whether an issued line is refunded is decided by a receipt and nothing else.

mod answers;
mod owed;
mod people;
mod set_off;

pub use answers::{refund_request, refunded, said};
pub(crate) use owed::{GiveBack, exists, found, owe, owe_by, owe_unmatched};
pub(crate) use people::{STUCK, after_decline, came_back, off_words, stuck, twice_cause};
pub(crate) use set_off::{booked_before, in_suspense, is_uncovered, left, told, waiting};

use crate::ledger::Account;
use crate::lifecycle::{self, LineEvent, LineState, Refusal};
use crate::meters;
use crate::orders::{self, OrderLine};
use crate::problem::Error;
use crate::registers;
use crate::sales::{ReversalOutcome, SaleRequest};
use crate::sell;
use crate::tasks::{Kind, Task, back_off};
use crate::telemetry::Words;
use crate::utilities::UtilityName;
use crate::work::Work;

/// The cause of an exception about a sale that the sales system has not taken back for too long after a void.
pub(crate) const REVERSAL_STUCK: &str = "reversal_stuck";

/// Asks for a line to be taken back: a void is committed, and a receipt will decide. Asking again changes nothing.
///
/// # Errors
/// [`crate::problem::Code::AlreadyDelivered`] if the meter has it, [`crate::problem::Code::NotPossibleNow`] if it is not issued yet or nothing was paid.
pub fn void(work: &mut Work<'_>, order_id: &str, number: u32) -> Result<(), Error> {
    orders::find(work, order_id)?;
    orders::line(work, order_id, number)?;
    let (_, _, line) = orders::lock_line_of_subject(work, &format!("{order_id}/{number}"))?;
    if lifecycle::next(line.state, LineEvent::VoidAsked) == Err(Refusal::AlreadyDone) {
        return Ok(());
    }
    let reason = "the void must reach the meter; its receipt decides";
    orders::step(work, &line, LineEvent::VoidAsked, Some(reason))?;
    registers::leave_out(work, line.meter, order_id, number)
}

/// Locks the meters of an order, in the order of their numbers.
///
/// # Errors
/// When the database fails.
pub(crate) fn lock_meters(work: &mut Work<'_>, order_id: &str) -> Result<(), Error> {
    work.query(meters::LOCK_OF_ORDER, &[order_id.into()])?;
    Ok(())
}

/// Notes that a receipt settled a void in the payer's favour.
pub(crate) fn voided(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    orders::step(work, line, LineEvent::FoundNotLoadable, None)?;
    Ok(work.queue(Kind::Reverse, line.subject())?)
}

/// The sale that is to be taken back, if it still is, with its utility.
///
/// # Errors
/// When the database fails.
pub fn reversal_request(work: &mut Work<'_>, subject: &str) -> Result<Option<(UtilityName, SaleRequest)>, Error> {
    let (order, line) = orders::order_and_line(work, subject)?;
    // One that was refunded in a life that a restore forgot may stand as sold here.
    let is_asked = matches!(line.state, LineState::Voided | LineState::Refunded);
    Ok(is_asked.then(|| sell::sale_of(&order, &line)))
}

/// Takes in what the sales system said of a reversal.
///
/// # Errors
/// When the database fails.
pub fn reversed(work: &mut Work<'_>, task: &Task, said: &ReversalOutcome) -> Result<(), Error> {
    let (_, _, line) = orders::lock_line_of_subject(work, &task.subject)?;
    let is_asked_again = line.state == LineState::Refunded && matches!(said, ReversalOutcome::Unknown { .. });
    if line.state != LineState::Voided && !is_asked_again {
        late_reversal(work, &line, said)?;
        return Ok(work.finish(task)?);
    }
    match said {
        ReversalOutcome::Reversed => {
            orders::step(work, &line, LineEvent::SaleTakenBack, None)?;
            owe(work, &line, Account::SoldUndelivered)?;
        }
        ReversalOutcome::Refused { reason } => {
            work.exception(&task.subject, "reversal_refused", reason)?;
            let reason = "the utility would not take the sale back; a person is looking at it";
            orders::step(work, &line, LineEvent::ReversalRefused, Some(reason))?;
        }
        ReversalOutcome::Unknown { why, contradicts } => {
            if *contradicts {
                sell::contradiction(work, &task.subject, why)?;
            }
            tracing::warn!(why = %Words(why), attempts = task.attempts, "the outcome of a reversal is unknown; asking again");
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}

/// An answer about a line that has moved on: the same is nothing new, another one comes before a person.
fn late_reversal(work: &mut Work<'_>, line: &OrderLine, said: &ReversalOutcome) -> Result<(), Error> {
    let event = match said {
        ReversalOutcome::Reversed => LineEvent::SaleTakenBack,
        ReversalOutcome::Refused { .. } => LineEvent::ReversalRefused,
        ReversalOutcome::Unknown { .. } => return Ok(()),
    };
    if lifecycle::next(line.state, event) == Err(Refusal::Contradiction) {
        let detail = format!("the line is {}, and the sales system says of its reversal: {said:?}", line.state.name());
        work.exception(&line.subject(), "sale_contradiction", &detail)?;
    }
    Ok(())
}
