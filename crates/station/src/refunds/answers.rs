//! What providers are asked to give back, and what they say of it.

use super::owed::{Due, RefundState, book_refunded, find, set_attempt, set_state, step_line};
use super::people::{STUCK, twice};
use super::set_off;
use crate::lifecycle::LineEvent;
use crate::money::Amount;
use crate::orders;
use crate::payments::Context;
use crate::problem::Error;
use crate::provider::{RefundOutcome, RefundRequest, split_try, try_id};
use crate::tasks::{Task, back_off};
use crate::telemetry::Words;
use crate::work::Work;

/// The refund that is to be made, if it still is, with the provider's name.
///
/// # Errors
/// When the database fails.
pub fn refund_request(
    work: &mut Work<'_>,
    subject: &str,
    context: &Context,
) -> Result<Option<(String, RefundRequest)>, Error> {
    let due = find(work, subject)?;
    if due.state != RefundState::Due {
        return Ok(None);
    }
    let order = orders::find(work, &due.order_id)?;
    let request = RefundRequest {
        callback_url: context.callbacks.url(&order.provider, &try_id(&due.refund_id, due.attempt)),
        payment_id: due.order_id,
        refund_id: due.refund_id,
        attempt: due.attempt,
        amount: due.amount,
        currency: due.currency,
        payer: order.payer,
        reference: order.payment_reference,
        receipt: due.receipt,
    };
    Ok(Some((order.provider, request)))
}

/// Takes in what the provider said of a refund when it was asked.
///
/// # Errors
/// When the database fails.
pub fn refunded(work: &mut Work<'_>, task: &Task, said: &RefundOutcome) -> Result<(), Error> {
    if let RefundOutcome::Pending { why } = said {
        tracing::info!(why = %Words(why), attempts = task.attempts, "a refund is not confirmed yet; asking again");
        return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
    }
    take(work, &task.subject, None, said)?;
    Ok(work.finish(task)?)
}

/// Takes in what the provider said of a refund without being asked: of the try that `named` is the id of.
///
/// # Errors
/// [`crate::problem::Code::UnknownOrder`] if there is no such refund.
pub fn said(work: &mut Work<'_>, named: &str, said: &RefundOutcome) -> Result<(), Error> {
    let (refund_id, attempt) = split_try(named);
    take(work, refund_id, Some(attempt), said)
}

/// What was said of a refund: of this try, or of the newest one.
fn take(work: &mut Work<'_>, refund_id: &str, attempt: Option<u32>, said: &RefundOutcome) -> Result<(), Error> {
    let order = orders::lock(work, refund_id.split('/').next().unwrap_or_default())?;
    let due = find(work, refund_id)?;
    let attempt = attempt.unwrap_or(due.attempt);
    let is_newest = attempt == due.attempt;
    match (said, due.state) {
        (RefundOutcome::Refunded, RefundState::Due | RefundState::Declined) => {
            if due.state == RefundState::Declined || !is_newest {
                work.exception(refund_id, "refunded_after_decline", "the refund was declined, and made after all")?;
            }
            made(work, &due, &order.provider, attempt)
        }
        (RefundOutcome::Refunded, RefundState::ByHand) => twice(work, &due, order.provider),
        (RefundOutcome::Refunded, RefundState::SetOff) => match set_off::confirmed(work, &due)? {
            true => Ok(()),
            false => twice(work, &due, order.provider),
        },
        // Another try has done it already.
        (RefundOutcome::Refunded, RefundState::Done) if !is_newest => twice(work, &due, order.provider),
        (RefundOutcome::Declined { reason }, RefundState::Due) if is_newest => {
            let amount = Amount(due.amount, due.currency);
            work.exception_of(refund_id, "refund_declined", reason, Some(amount))?;
            set_state(work, &due, RefundState::Declined)?;
            let reason = "the provider would not give the money back; a person is looking at it";
            step_line(work, &due, LineEvent::RefundDeclined, Some(reason))
        }
        (RefundOutcome::Declined { reason }, RefundState::Done) if is_newest => {
            let amount = Amount(due.amount, due.currency);
            Ok(work.exception_of(refund_id, "declined_after_refund", reason, Some(amount))?)
        }
        _ => Ok(()),
    }
}

/// A try of a refund went through.
fn made(work: &mut Work<'_>, due: &Due, provider: &str, attempt: u32) -> Result<(), Error> {
    book_refunded(work, due, provider, None)?;
    set_state(work, due, RefundState::Done)?;
    set_attempt(work, due, attempt)?;
    work.went_on(&due.refund_id, STUCK, "it went back")?;
    step_line(work, due, LineEvent::MoneyBack, None)
}
