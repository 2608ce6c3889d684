//! What the payer has back already, because it was taken away again, is set off against what is owed to him, and not paid as
//! well: refunds and what was taken away together never exceed what was captured.
//!
//! The order counts it. `taken_back` is what its provider says; `set_off` is what of the refunds is not paid because of that. A
//! person may know earlier than the provider says it that a refund went back in such a way: then `set_off` is ahead of it, and
//! what comes until then is not booked again. `borne` is what nobody can be asked for any more.

use super::owed::{Due, GiveBack, RefundState, book_refunded, find, set_state, step_line};
use super::people::STUCK;
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::LineEvent;
use crate::money::{Amount, Currency, Money};
use crate::orders::Order;
use crate::problem::{Code, Error};
use crate::provider::manual;
use crate::work::Work;

/// What was taken away of an order, in its own currency, and is neither set off nor borne by anybody.
pub(crate) fn left(work: &mut Work<'_>, order_id: &str) -> Result<Money, Error> {
    let row = work.query_first(
        "SELECT taken_back - set_off - borne FROM orders WHERE order_id = $1 FOR UPDATE",
        &[order_id.into()],
    )?;
    let left = row.map(|row| row.int(0)).transpose()?.unwrap_or_default();
    Ok(Money::from_minor(left.max(0)))
}

/// What of `more`, taken away just now, is booked already: refunds that a person knew of before the provider told of them.
pub(crate) fn booked_before(work: &mut Work<'_>, order_id: &str, more: Money) -> Result<Money, Error> {
    let row = work.query_first("SELECT set_off - taken_back FROM orders WHERE order_id = $1", &[order_id.into()])?;
    let ahead = row.map(|row| row.int(0)).transpose()?.unwrap_or_default();
    Ok(Money::from_minor(ahead.max(0)).min(more))
}

/// What an order has in suspense by its entries in the books: positive is what was taken away without being its payer's own
/// again. A refund that was made twice is another matter.
pub(crate) fn in_suspense(work: &mut Work<'_>, order_id: &str, currency: Currency) -> Result<Money, Error> {
    let row = work.query_first(
        "SELECT CAST(COALESCE(sum(e.amount), 0) AS BIGINT) FROM entry e
         JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
         WHERE e.subject = $1 AND e.account = 'suspense' AND m.currency = $2
         AND m.cause NOT LIKE '% refunded by the provider too%'",
        &[order_id.into(), currency.code().into()],
    )?;
    Ok(Money::from_minor(row.map(|row| row.int(0)).transpose()?.unwrap_or_default()))
}

/// Whether so much of an order was taken away that what it still asks for is not paid any more.
pub(crate) fn is_uncovered(work: &mut Work<'_>, order: &Order) -> Result<bool, Error> {
    Ok(order.taken_back > Money::ZERO && in_suspense(work, &order.id, order.currency)? > Money::ZERO)
}

/// Counts a new refund of an order, of which `off` is set off.
///
/// # Errors
/// [`Code::NotPossibleNow`] if more would go back than was captured.
pub(super) fn claim(work: &mut Work<'_>, due: &Due, off: Money, how: GiveBack<'_>) -> Result<(), Error> {
    let parameters = [due.order_id.as_str().into(), due.amount.minor().into(), off.minor().into()];
    if how == GiveBack::Made {
        // The table itself refuses more than was captured; what is made cannot be refused.
        return work.execute_one(
            "owing a refund",
            "UPDATE orders SET refunding = refunding + $2, set_off = set_off + $3 WHERE order_id = $1",
            &parameters,
        );
    }
    let claimed = work.execute(
        "UPDATE orders SET refunding = refunding + $2, set_off = set_off + $3 WHERE order_id = $1
         AND (refunding + $2 - set_off - $3
              + CASE WHEN taken_back > set_off + $3 THEN taken_back ELSE set_off + $3 END <= captured
              OR $2 = $3)",
        &parameters,
    )?;
    let detail = "with what was taken away again, more would go back than was captured";
    if claimed == 1 { Ok(()) } else { Err(Error::refused(Code::NotPossibleNow, detail)) }
}

/// Books that `off` of a refund is not paid, since the payer has it; `due` says what of it is left then.
pub(super) fn book(work: &mut Work<'_>, due: &Due, off: Money) -> Result<(), Error> {
    let currency = due.currency;
    let movement = Movement {
        subject: &due.order_id,
        cause: format!("{} set off, {} left", due.what(), currency.format(due.amount)),
        event: Event::SetOff,
        currency,
        debit: Account::RefundsDue,
        credits: vec![(Account::Suspense, off)],
        operator: None,
    };
    ledger::book(work, &movement)
}

/// Sets off of a refund that is not under way what is left of what was taken away; gives how much. `due` is then what is left of
/// it, and if nothing is, it is done.
pub(super) fn apply(work: &mut Work<'_>, order: &Order, due: &mut Due) -> Result<Money, Error> {
    let is_own = order.currency == due.currency;
    let off = if is_own { left(work, &order.id)?.min(due.amount) } else { Money::ZERO };
    if off == Money::ZERO {
        return Ok(off);
    }
    work.execute_one(
        "setting a refund off",
        "UPDATE orders SET set_off = set_off + $2 WHERE order_id = $1",
        &[order.id.as_str().into(), off.minor().into()],
    )?;
    let (asked, key) = (due.amount, [due.order_id.as_str().into(), due.refund_id.as_str().into()]);
    due.amount = less(asked, off)?;
    book(work, due, off)?;
    if due.amount == Money::ZERO {
        // Its row keeps what was asked for at last: the provider may make it after all.
        set_state(work, due, RefundState::SetOff)?;
        due.state = RefundState::SetOff;
        step_line(work, due, LineEvent::MoneyBack, None)?;
        return Ok(off);
    }
    let [order_id, refund_id] = key;
    work.execute_one(
        "setting a part of a refund off",
        "UPDATE refund SET amount = $3 WHERE order_id = $1 AND refund_id = $2",
        &[order_id, refund_id, due.amount.minor().into()],
    )?;
    Ok(off)
}

pub(super) fn less(amount: Money, off: Money) -> Result<Money, Error> {
    amount.checked_sub(off).ok_or_else(|| Error::inconsistent("a refund over all bounds"))
}

/// Money was taken away: what is owed of its order and not under way is set off. That is what the provider declined, and what
/// waits at the counter.
pub(crate) fn waiting(work: &mut Work<'_>, order: &Order) -> Result<(), Error> {
    let rows = work.query(
        "SELECT r.refund_id FROM refund r JOIN orders o ON o.order_id = r.order_id
         WHERE r.order_id = $1 AND (r.state = 'declined' OR (r.state = 'due' AND o.provider = $2
             AND NOT EXISTS (SELECT 1 FROM cash_out c WHERE c.order_id = r.order_id AND c.refund_id = r.refund_id)))
         ORDER BY r.refund_id",
        &[order.id.as_str().into(), manual::NAME.into()],
    )?;
    for row in rows {
        let mut due = find(work, row.text(0)?)?;
        if apply(work, order, &mut due)? == Money::ZERO {
            continue;
        }
        let (is_done, amount) = (due.state == RefundState::SetOff, Amount(due.amount, due.currency));
        let resolution = is_done.then_some("seen: the money went back another way");
        // What is left of it is still before the person.
        work.execute(
            "UPDATE exception SET amount = COALESCE($2, amount), resolved_ms = $3, resolved_by = $4, resolution = $5
             WHERE subject = $1 AND cause IN ('refund_declined', $6) AND resolved_ms IS NULL",
            &[
                due.refund_id.as_str().into(),
                (!is_done).then(|| amount.with_currency()).into(),
                is_done.then_some(work.now_ms).into(),
                is_done.then_some("station").into(),
                resolution.into(),
                STUCK.into(),
            ],
        )?;
    }
    Ok(())
}

/// A person knows that the provider gave a refund back which it had declined: what was taken away is that, and what is not in the
/// books yet will come as taken away.
///
/// # Errors
/// [`Code::NotPossibleNow`] if the refund was not declined.
pub(crate) fn told(work: &mut Work<'_>, order: &Order, refund_id: &str, operator: &str) -> Result<(), Error> {
    let mut due = find(work, refund_id)?;
    due.must_be(RefundState::Declined)?;
    apply(work, order, &mut due)?;
    if due.state == RefundState::SetOff {
        return Ok(());
    }
    book_refunded(work, &due, &order.provider, Some(operator))?;
    if order.currency == due.currency {
        work.execute_one(
            "setting a refund off",
            "UPDATE orders SET set_off = set_off + $2 WHERE order_id = $1",
            &[order.id.as_str().into(), due.amount.minor().into()],
        )?;
    }
    let state = if order.currency == due.currency { RefundState::SetOff } else { RefundState::Done };
    set_state(work, &due, state)?;
    step_line(work, &due, LineEvent::MoneyBack, None)
}

/// The provider says of a refund that a person knew of that it was made: it will not come as taken away. Gives whether it is so.
pub(super) fn confirmed(work: &mut Work<'_>, due: &Due) -> Result<bool, Error> {
    let less_ahead = work.execute(
        "UPDATE orders SET set_off = set_off - $2 WHERE order_id = $1 AND set_off - taken_back >= $2",
        &[due.order_id.as_str().into(), due.amount.minor().into()],
    )?;
    if less_ahead == 1 {
        set_state(work, due, RefundState::Done)?;
    }
    Ok(less_ahead == 1)
}
