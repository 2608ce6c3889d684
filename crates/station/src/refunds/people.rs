//! What people see to of refunds: those that a provider declined or does not confirm, and what they paid back by hand.

use super::owed::{Due, GiveBack, RefundState, book_refunded, find, set_state, step_line};
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::LineEvent;
use crate::money::Amount;
use crate::orders;
use crate::problem::{Code, Error};
use crate::tasks::Kind;
use crate::work::Work;

/// The cause of an exception about a refund that has not gone through for too long.
pub(crate) const STUCK: &str = "refund_stuck";

/// Sees again to a refund that the provider declined: asks for it once more under the same id, or books that a person has
/// paid it back. Gives the line that it is of, if it is one.
///
/// # Errors
/// [`Code::NotPossibleNow`] if the refund does not stand so.
pub(crate) fn after_decline(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<Option<u32>, Error> {
    let due = find(work, refund_id)?;
    if due.state != RefundState::Declined {
        let detail = format!("this refund is {}: nothing is to be decided", due.state.name());
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    match how {
        GiveBack::ByHand { operator } => paid_by_hand(work, &due, operator)?,
        GiveBack::ByProvider { .. } => {
            set_state(work, &due, RefundState::Due)?;
            work.execute_one(
                "asking for a refund again",
                "UPDATE refund SET due_ms = $3 WHERE order_id = $1 AND refund_id = $2",
                &[due.order_id.as_str().into(), refund_id.into(), work.now_ms.into()],
            )?;
            work.queue(Kind::Refund, refund_id)?;
        }
    }
    Ok(due.line)
}

/// A refund that the provider does not confirm: a person has seen in the provider's books that it was made, or has paid it back
/// by hand.
///
/// # Errors
/// [`Code::NotPossibleNow`] if the refund is not due any more.
pub(crate) fn stuck(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<(), Error> {
    let due = find(work, refund_id)?;
    if due.state != RefundState::Due {
        let detail = format!("this refund is {}: nothing is to be decided", due.state.name());
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    match how {
        GiveBack::ByHand { operator } => paid_by_hand(work, &due, operator)?,
        GiveBack::ByProvider { operator } => {
            let order = orders::find(work, &due.order_id)?;
            book_refunded(work, &due, &order.provider, operator)?;
            set_state(work, &due, RefundState::Done)?;
        }
    }
    step_line(work, &due, LineEvent::MoneyBack, None)
}

/// Books that a person has paid a refund back from the bank.
pub(super) fn paid_by_hand(work: &mut Work<'_>, due: &Due, operator: &str) -> Result<(), Error> {
    let movement = Movement {
        subject: &due.order_id,
        cause: format!("{} refunded", due.what()),
        event: Event::Refunded,
        currency: due.currency,
        debit: Account::RefundsDue,
        credits: vec![(Account::Bank, due.amount)],
        operator: Some(operator),
    };
    ledger::book(work, &movement)?;
    set_state(work, due, RefundState::ByHand)
}

/// The provider gave back what a person had paid back already: the payer has it twice.
pub(super) fn twice(work: &mut Work<'_>, due: &Due, provider: String) -> Result<(), Error> {
    let cause = format!("{} refunded by the provider too", due.what());
    let booked = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND cause = $2",
        &[due.order_id.as_str().into(), cause.as_str().into()],
    )?;
    if booked.is_some() {
        return Ok(());
    }
    let movement = Movement {
        subject: &due.order_id,
        cause,
        event: Event::TakenBack,
        currency: due.currency,
        debit: Account::Suspense,
        credits: vec![(Account::Clearing(provider), due.amount)],
        operator: None,
    };
    ledger::book(work, &movement)?;
    let detail = "it was paid back by hand, and the provider gave it back too";
    Ok(work.exception_of(&due.refund_id, "refunded_twice", detail, Some(Amount(due.amount, due.currency)))?)
}
