//! Voids, reversals and refunds: the way back. Whether an issued line is refunded is decided by a receipt and nothing else.

use crate::ledger::{self, Account, Movement};
use crate::orders::{self, LineState, OrderLine};
use crate::payments::Context;
use crate::problem::{Code, Error};
use crate::provider::{RefundOutcome, RefundRequest};
use crate::registers;
use crate::sales::{ReversalOutcome, SaleRequest};
use crate::tasks::{Kind, Task, back_off};
use crate::work::Work;

/// Asks for a line to be taken back: a void is committed, and a receipt will decide. Asking again changes nothing.
///
/// # Errors
/// [`Code::AlreadyDelivered`] if the meter has it, [`Code::NotPossibleNow`] if it is not issued yet or nothing was paid.
pub fn void(work: &mut Work<'_>, order_id: &str, number: u32) -> Result<(), Error> {
    orders::find(work, order_id)?;
    let line = orders::line(work, order_id, number)?;
    match line.state {
        LineState::Issued => {
            registers::leave_out(work, line.meter, order_id, number)?;
            let reason = "the void must reach the meter; its receipt decides";
            orders::set_state(work, &line, LineState::VoidPending, Some(reason))
        }
        LineState::VoidPending | LineState::Voided | LineState::SaleReversed | LineState::Refunded => Ok(()),
        LineState::Delivered => {
            let detail = format!("line {number} is in the meter already: its receipt is here");
            Err(Error::refused(Code::AlreadyDelivered, detail))
        }
        LineState::Failed | LineState::Expired | LineState::Quoted => {
            Err(Error::refused(Code::NotPossibleNow, "nothing of this line is to be taken back"))
        }
        LineState::AwaitingPayment
        | LineState::PaymentUnknown
        | LineState::Paid
        | LineState::SaleUnknown
        | LineState::Sold => {
            Err(Error::refused(Code::NotPossibleNow, "this line is still being paid or sold: ask again in a moment"))
        }
        LineState::Exception => Err(Error::refused(Code::NotPossibleNow, "a person is looking at this line")),
    }
}

/// Notes that a receipt settled a void in the payer's favour.
pub(crate) fn voided(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    orders::set_state(work, line, LineState::Voided, None)?;
    Ok(work.queue(Kind::Reverse, line.subject())?)
}

/// The sale that is to be taken back, if it still is.
///
/// # Errors
/// When the database fails.
pub fn reversal_request(work: &mut Work<'_>, subject: &str) -> Result<Option<SaleRequest>, Error> {
    let line = orders::line_of_subject(work, subject)?;
    if line.state != LineState::Voided {
        return Ok(None);
    }
    crate::sell::sale_of(work, &line).map(Some)
}

/// Takes in what the sales system said of a reversal.
///
/// # Errors
/// When the database fails.
pub fn reversed(work: &mut Work<'_>, task: &Task, said: ReversalOutcome) -> Result<(), Error> {
    let line = orders::line_of_subject(work, &task.subject)?;
    match said {
        ReversalOutcome::Reversed if line.state == LineState::Voided => {
            orders::set_state(work, &line, LineState::SaleReversed, None)?;
            owe(work, &line, Account::SoldUndelivered)?;
        }
        ReversalOutcome::Reversed => {}
        ReversalOutcome::Unknown { why } => {
            tracing::warn!(why, attempts = task.attempts, "the outcome of a reversal is unknown; asking again");
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}

/// Makes a line's money owed to the payer, out of the account where it is, and queues its refund.
pub(crate) fn owe(work: &mut Work<'_>, line: &OrderLine, from: Account) -> Result<(), Error> {
    let movement = Movement {
        order_id: &line.order_id,
        cause: format!("line {} refund due", line.line),
        currency: orders::find(work, &line.order_id)?.currency,
        debit: from,
        credits: vec![(Account::RefundsDue, line.amount)],
    };
    ledger::book(work, movement)?;
    // The table itself refuses more than was captured.
    work.execute_one(
        "owing a refund",
        "UPDATE orders SET refunding = refunding + $2 WHERE order_id = $1",
        &[line.order_id.as_str().into(), line.amount.minor().into()],
    )?;
    Ok(work.queue(Kind::Refund, line.subject())?)
}

/// The refund that is to be made, if it still is.
///
/// # Errors
/// When the database fails.
pub fn refund_request(work: &mut Work<'_>, subject: &str) -> Result<Option<RefundRequest>, Error> {
    let line = orders::line_of_subject(work, subject)?;
    if !matches!(line.state, LineState::SaleReversed | LineState::Failed) {
        return Ok(None);
    }
    Ok(Some(RefundRequest {
        payment_id: line.order_id.clone(),
        refund_id: line.subject(),
        amount: line.amount,
        currency: orders::find(work, &line.order_id)?.currency,
    }))
}

/// Takes in what the provider said of a refund.
///
/// # Errors
/// When the database fails.
pub fn refunded(work: &mut Work<'_>, task: &Task, said: RefundOutcome, context: &Context) -> Result<(), Error> {
    let line = orders::line_of_subject(work, &task.subject)?;
    if !matches!(line.state, LineState::SaleReversed | LineState::Failed) {
        return Ok(work.finish(task)?);
    }
    match said {
        RefundOutcome::Refunded => {
            let movement = Movement {
                order_id: &line.order_id,
                cause: format!("line {} refunded", line.line),
                currency: orders::find(work, &line.order_id)?.currency,
                debit: Account::RefundsDue,
                credits: vec![(Account::Refunded(context.provider.clone()), line.amount)],
            };
            ledger::book(work, movement)?;
            orders::set_state(work, &line, LineState::Refunded, None)?;
        }
        RefundOutcome::Declined { reason } => {
            work.exception(&task.subject, "refund_declined", &reason)?;
            let reason = "the provider would not give the money back; a person is looking at it";
            orders::set_state(work, &line, LineState::Exception, Some(reason))?;
        }
        RefundOutcome::Pending { why } => {
            tracing::info!(why, attempts = task.attempts, "a refund is not confirmed yet; asking again");
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}
