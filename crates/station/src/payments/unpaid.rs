//! Orders that nobody pays: how their payment ends, and their room at the meters is free again. Money that comes later is held.

use super::{Context, finish_both, step};
use crate::audit::{self, Action};
use crate::lifecycle::{LineEvent, LineState, PaymentEvent, PaymentState};
use crate::orders::{self, Order, OrderLine};
use crate::problem::{Code, Error};
use crate::work::Work;

/// Ends an order that nobody has paid, on an operator's word. Gives whether it was not ended before.
///
/// # Errors
/// [`Code::UnknownOrder`]; [`Code::NotPossibleNow`] if money came for it.
pub fn cancel(work: &mut Work<'_>, order_id: &str, operator: &str) -> Result<bool, Error> {
    let ended = end(work, order_id, "the operator ended this order, which nobody had paid: order again")?;
    if ended {
        audit::note(work, order_id, Action::CancelOrder, operator)?;
    }
    Ok(ended)
}

/// Ends an order that nobody has paid, whether its quote was accepted or not: a person says so. Gives whether it was not ended
/// before. Its payment is as good as declined: what the provider says after that is late.
///
/// # Errors
/// [`Code::UnknownOrder`]; [`Code::NotPossibleNow`] if money came for it.
pub(crate) fn end(work: &mut Work<'_>, order_id: &str, reason: &str) -> Result<bool, Error> {
    let (order, lines, _) = orders::lock_whole(work, order_id)?;
    match order.payment {
        PaymentState::None if lines.iter().all(|line| line.state == LineState::Quoted) => {
            orders::step_all(work, &lines, LineEvent::QuoteExpired, Some(reason))?;
        }
        PaymentState::Sent | PaymentState::Unknown => declined(work, &order, &lines, reason)?,
        PaymentState::None | PaymentState::Declined => return Ok(false),
        PaymentState::Captured | PaymentState::Exception | PaymentState::TakenBack => {
            let detail = "money came for this order: only what nobody has paid can be ended; see to its lines";
            return Err(Error::refused(Code::NotPossibleNow, detail));
        }
    }
    Ok(true)
}

/// The money was not collected.
pub(super) fn declined(work: &mut Work<'_>, order: &Order, lines: &[OrderLine], reason: &str) -> Result<(), Error> {
    step(work, order, PaymentEvent::Declined, Some(reason))?;
    lines.iter().try_for_each(|line| crate::sell::release(work, line))?;
    orders::step_all(work, lines, LineEvent::Declined, Some(reason))?;
    finish_both(work, &order.id)
}

/// Whether an order has waited too long for a customer who pays by himself. Money that comes later is held.
pub(super) fn is_over(work: &mut Work<'_>, order_id: &str, context: &Context) -> Result<bool, Error> {
    let order = orders::find(work, order_id)?;
    Ok(context.push.contains(&order.provider) && work.now_ms - order.created_ms > context.patience.unpaid_ms)
}
