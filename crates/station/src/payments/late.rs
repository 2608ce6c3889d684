//! What a provider says of a payment whose outcome was taken as final. The same word is nothing new; another one comes before
//! a person, and money that came after all is held.

use super::{money, step};
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{LineEvent, PaymentEvent, PaymentState};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, Order};
use crate::problem::Error;
use crate::provider::{MoneyReceipt, PaymentOutcome};
use crate::refunds;
use crate::tasks::{Kind, Task, back_off};
use crate::work::Work;

/// How often a provider that gives no clear word after the end is asked once more.
const TRIES_AFTER_THE_END: u32 = 8;

pub(super) fn outcome(work: &mut Work<'_>, order: &Order, task: &Task, said: &PaymentOutcome) -> Result<(), Error> {
    match said {
        PaymentOutcome::Pending { .. } | PaymentOutcome::NotFound | PaymentOutcome::Unknown { .. } => {
            if task.kind == Kind::QueryPayment && task.attempts < TRIES_AFTER_THE_END {
                return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
            }
        }
        PaymentOutcome::Captured(receipts) => captured(work, order, receipts)?,
        PaymentOutcome::Declined { reason } if order.payment == PaymentState::Captured => {
            let detail = format!("the provider collected this payment, and now says that it declined it: {reason}");
            let amount = Amount(order.total, order.currency);
            work.exception_of(&order.id, "declined_after_capture", &detail, Some(amount))?;
        }
        PaymentOutcome::Declined { .. } => {}
        PaymentOutcome::TakenBack { receipts, amount, currency, reason } => {
            let order = collected(work, order, receipts)?;
            taken_back(work, &order, *amount, *currency, reason)?;
        }
    }
    Ok(work.finish_unless_asked_again(task)?)
}

/// Books what was collected before it was taken away again. Gives the order as it is then.
fn collected(work: &mut Work<'_>, order: &Order, receipts: &[MoneyReceipt]) -> Result<Order, Error> {
    if order.payment.is_open() {
        // It came and went before anybody knew of it: nothing was sold, and its exception says so.
        for receipt in money::take(work, order, receipts)? {
            money::book(work, order, &receipt, Event::Unmatched, Account::Suspense)?;
        }
    } else {
        captured(work, order, receipts)?;
    }
    orders::lock(work, &order.id)
}

fn captured(work: &mut Work<'_>, order: &Order, receipts: &[MoneyReceipt]) -> Result<(), Error> {
    let fresh = money::take(work, order, receipts)?;
    if fresh.is_empty() {
        return Ok(());
    }
    if order.payment != PaymentState::Declined {
        return fresh.iter().try_for_each(|receipt| money::second(work, order, receipt));
    }
    for receipt in &fresh {
        money::book(work, order, receipt, Event::Unmatched, Account::Suspense)?;
        let detail = format!(
            "this payment had ended without money, and now the provider says that it collected {} {}: it is held, nothing \
             is sold",
            receipt.currency.format(receipt.amount),
            receipt.currency
        );
        let amount = Amount(receipt.amount, receipt.currency);
        work.exception_of(&order.id, "captured_after_decline", &detail, Some(amount))?;
    }
    let reason = "the payment was declined and collected later; a person is looking at it";
    step(work, order, PaymentEvent::Captured, Some(reason))?;
    let lines = orders::lines(work, &order.id)?;
    orders::step_all(work, &lines, LineEvent::WrongMoney, Some(reason))
}

/// Money was taken away again. What was done with it meanwhile is not undone by itself: a person is told where each line is. What
/// is owed to the payer and not under way is paid with it.
fn taken_back(
    work: &mut Work<'_>,
    order: &Order,
    amount: Money,
    currency: Currency,
    reason: &str,
) -> Result<(), Error> {
    let before = taken_before(work, order, currency)?;
    let more = amount.checked_sub(before).filter(|more| *more > Money::ZERO);
    let Some(more) = more else { return Ok(()) };
    let is_own = currency == order.currency;
    let known = if is_own { refunds::booked_before(work, &order.id, more)? } else { Money::ZERO };
    let fresh = more.checked_sub(known).ok_or_else(|| Error::inconsistent("money taken back over all bounds"))?;
    if fresh > Money::ZERO {
        let words = if is_own { currency.format(amount) } else { Amount(amount, currency).with_currency() };
        let movement = Movement {
            subject: &order.id,
            cause: format!("taken back up to {words}"),
            event: Event::TakenBack,
            currency,
            debit: Account::Suspense,
            credits: vec![(Account::Clearing(order.provider.clone()), fresh)],
            operator: None,
        };
        ledger::book(work, &movement)?;
    }
    if known > Money::ZERO {
        let detail = format!(
            "{} were taken away, {} in all ({reason}), and taken to be the refund of which a person said that it was made in \
             another way: look whether it is that one",
            Amount(known, currency).with_currency(),
            currency.format(amount)
        );
        work.growing_exception(&order.id, "taken_back_as_said", &detail, Amount(amount, currency))?;
    }
    if is_own {
        work.execute_one(
            "noting money that was taken back",
            "UPDATE orders SET taken_back = $2 WHERE order_id = $1",
            &[order.id.as_str().into(), amount.minor().into()],
        )?;
        refunds::waiting(work, order)?;
    }
    let left = if is_own { refunds::left(work, &order.id)? } else { amount };
    if left > Money::ZERO {
        let lines = orders::lines(work, &order.id)?;
        let states: Vec<String> =
            lines.iter().map(|line| format!("line {} {}", line.line, line.state.name())).collect();
        let detail = format!(
            "{} were taken away again, {} in all ({reason}); {}: decide what becomes of the credit",
            Amount(more, currency).with_currency(),
            currency.format(amount),
            states.join(", ")
        );
        work.growing_exception(&order.id, "taken_back", &detail, Amount(left, currency))?;
    }
    if order.payment != PaymentState::TakenBack && order.payment != PaymentState::Declined {
        let reason = match left {
            Money::ZERO => "the money went back another way",
            _ => "the money was taken away again; a person is looking at it",
        };
        step(work, order, PaymentEvent::TakenBack, Some(reason))?;
    }
    Ok(())
}

/// What was taken away of an order before: of another currency than its own, the books alone know.
fn taken_before(work: &mut Work<'_>, order: &Order, currency: Currency) -> Result<Money, Error> {
    if currency == order.currency {
        return Ok(order.taken_back);
    }
    let row = work.query_first(
        "SELECT CAST(COALESCE(sum(e.amount), 0) AS BIGINT) FROM entry e
         JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
         WHERE e.subject = $1 AND e.account = 'suspense' AND m.event = 'taken_back' AND m.currency = $2
         AND m.cause LIKE 'taken back up to %'",
        &[order.id.as_str().into(), currency.code().into()],
    )?;
    Ok(Money::from_minor(row.map(|row| row.int(0)).transpose()?.unwrap_or_default()))
}
