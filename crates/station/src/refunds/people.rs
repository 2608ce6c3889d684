//! What people see to of refunds: those that a provider declined or does not confirm, and what they paid back by hand.

use super::owed::{Due, GiveBack, RefundState, book_refunded, find, set_attempt, set_state, step_line};
use super::set_off;
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::LineEvent;
use crate::money::{Amount, Money};
use crate::orders;
use crate::problem::Error;
use crate::tasks::Kind;
use crate::work::Work;

/// The cause of an exception about a refund that has not gone through for too long.
pub(crate) const STUCK: &str = "refund_stuck";

/// Sees again to a refund that the provider declined: has it asked for once more, as a new try, or books that a person has paid it
/// back. What the payer has already is set off before. Gives in words what was done.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if the refund does not stand so.
pub(crate) fn after_decline(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let mut due = find(work, refund_id)?;
    due.must_be(RefundState::Declined)?;
    let order = orders::find(work, &due.order_id)?;
    let off = set_off::apply(work, &order, &mut due)?;
    let mut done = off_words(Amount(off, due.currency));
    match how {
        _ if due.state == RefundState::SetOff => {}
        GiveBack::ByHand { operator } => {
            paid_by_hand(work, &due, operator)?;
            done.push(format!("refund {refund_id} is booked as paid back from the bank"));
        }
        GiveBack::ByProvider { .. } | GiveBack::Made => {
            set_state(work, &due, RefundState::Due)?;
            set_attempt(work, &due, due.attempt + 1)?;
            work.execute_one(
                "asking for a refund again",
                "UPDATE refund SET due_ms = $3 WHERE order_id = $1 AND refund_id = $2",
                &[due.order_id.as_str().into(), refund_id.into(), work.now_ms.into()],
            )?;
            work.queue(Kind::Refund, refund_id)?;
            done.push(format!("refund {refund_id} is asked for again"));
        }
    }
    Ok(done)
}

/// In words, that `off` of what was to go back is not paid.
pub(crate) fn off_words(off: Amount) -> Vec<String> {
    if off.0 == Money::ZERO {
        return Vec::new();
    }
    vec![format!("{} were taken away before, so the payer has them: they are not paid again", off.with_currency())]
}

/// A refund that was made failed at the provider later, which has its money again: that is booked, and the refund is seen to as one
/// that was declined.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if the refund does not stand so.
pub(crate) fn came_back(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let due = find(work, refund_id)?;
    due.must_be(RefundState::Done)?;
    let order = orders::find(work, &due.order_id)?;
    let movement = Movement {
        subject: &due.order_id,
        cause: format!("{} refund returned {}", due.what(), due.returned + 1),
        event: Event::RefundReturned,
        currency: due.currency,
        debit: Account::Clearing(order.provider),
        credits: vec![(Account::RefundsDue, due.amount)],
        operator: how.operator(),
    };
    ledger::book(work, &movement)?;
    set_state(work, &due, RefundState::Declined)?;
    work.execute_one(
        "counting a return of a refund",
        "UPDATE refund SET returned = returned + 1 WHERE order_id = $1 AND refund_id = $2",
        &[due.order_id.as_str().into(), refund_id.into()],
    )?;
    after_decline(work, refund_id, how)
}

/// A refund that the provider does not confirm: a person has seen in the provider's books that it was made, or has paid back by hand
/// what of it the payer does not have already. Gives in words what was done.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if the refund is not due any more.
pub(crate) fn stuck(work: &mut Work<'_>, refund_id: &str, how: GiveBack<'_>) -> Result<Vec<String>, Error> {
    let mut due = find(work, refund_id)?;
    due.must_be(RefundState::Due)?;
    let order = orders::find(work, &due.order_id)?;
    let done = match how {
        GiveBack::ByHand { operator } => {
            let off = set_off::apply(work, &order, &mut due)?;
            let mut done = off_words(Amount(off, due.currency));
            if due.state != RefundState::SetOff {
                paid_by_hand(work, &due, operator)?;
                done.push(format!("refund {refund_id} is booked as paid back from the bank"));
            }
            done
        }
        GiveBack::ByProvider { .. } | GiveBack::Made => {
            book_refunded(work, &due, &order.provider, how.operator())?;
            set_state(work, &due, RefundState::Done)?;
            vec![format!("refund {refund_id} is booked as made by the provider")]
        }
    };
    step_line(work, &due, LineEvent::MoneyBack, None)?;
    Ok(done)
}

/// Books that a person has paid a refund back from the bank.
pub(super) fn paid_by_hand(work: &mut Work<'_>, due: &Due, operator: &str) -> Result<(), Error> {
    let movement = Movement {
        subject: &due.order_id,
        cause: due.end(),
        event: Event::Refunded,
        currency: due.currency,
        debit: Account::RefundsDue,
        credits: vec![(Account::Bank, due.amount)],
        operator: Some(operator),
    };
    ledger::book(work, &movement)?;
    set_state(work, due, RefundState::ByHand)
}

/// The provider gave back what had gone back already: the payer has it twice.
pub(super) fn twice(work: &mut Work<'_>, due: &Due, provider: String) -> Result<(), Error> {
    let cause = of_twice(due);
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
    let detail = "it went back another way, and the provider gave it back too";
    Ok(work.exception_of(&due.refund_id, "refunded_twice", detail, Some(Amount(due.amount, due.currency)))?)
}

fn of_twice(due: &Due) -> String {
    format!("{} refunded by the provider too", due.what())
}

/// The cause in the books under which a refund was made twice.
pub(crate) fn twice_cause(work: &mut Work<'_>, refund_id: &str) -> Result<String, Error> {
    Ok(of_twice(&find(work, refund_id)?))
}
