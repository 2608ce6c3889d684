//! Money that a provider says it collected: each of its receipts is booked once.

use super::step;
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{LineEvent, PaymentEvent};
use crate::money::{Amount, Money};
use crate::orders::{self, Order, OrderLine};
use crate::problem::Error;
use crate::provider::{MoneyReceipt, StatementEntry};
use crate::sell;
use crate::tasks::Kind;
use crate::work::Work;

/// How long is waited for others before a person is told, or money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A payment whose outcome stays unknown for so long comes before a person.
    pub payment_ms: i64,
    /// A paid line whose sale has not succeeded for so long is taken back from the sales system, and refunded.
    pub sale_ms: i64,
    /// An order that a customer was to pay by himself, and did not for so long, ends; its room at the meter is free again.
    pub unpaid_ms: i64,
    /// A refund that has not gone through for so long comes before a person; it is still asked for.
    pub refund_ms: i64,
    /// A token that the signer has not signed for so long comes before a person; it is still asked for.
    pub signature_ms: i64,
    /// A sale that is to be taken back after a void, and was not for so long, comes before a person; it is still asked for.
    pub reversal_ms: i64,
}

impl Default for Patience {
    fn default() -> Self {
        let hour_ms = 60 * 60 * 1000;
        Self {
            payment_ms: 2 * hour_ms,
            sale_ms: 24 * hour_ms,
            unpaid_ms: 7 * 24 * hour_ms,
            refund_ms: 24 * hour_ms,
            signature_ms: hour_ms,
            reversal_ms: 24 * hour_ms,
        }
    }
}

/// Money came for an open payment. What was asked for is sold; anything else is held, and a person must look.
pub(crate) fn came(
    work: &mut Work<'_>,
    order: &Order,
    lines: &[OrderLine],
    receipts: &[MoneyReceipt],
) -> Result<(), Error> {
    let fresh = take(work, order, receipts)?;
    let wanted = |receipt: &&MoneyReceipt| (receipt.amount, receipt.currency) == (order.total, order.currency);
    // One receipt over the whole sum; else all together, if a customer paid in parts.
    let (used, rest): (Vec<_>, Vec<_>) = match fresh.iter().find(wanted) {
        Some(whole) => fresh.iter().partition(|receipt| receipt.receipt == whole.receipt),
        None if sum(&fresh, order) == Some(order.total) => (fresh.iter().collect(), Vec::new()),
        None => (Vec::new(), fresh.iter().collect()),
    };
    if used.is_empty() {
        return other(work, order, lines, &fresh);
    }
    for receipt in &used {
        book(work, order, receipt, Event::Captured, Account::PayerMoneyHeld)?;
    }
    for receipt in &rest {
        second(work, order, receipt)?;
    }
    work.execute_one(
        "noting a receipt",
        "UPDATE orders SET payment_receipt = $2 WHERE order_id = $1",
        &[order.id.as_str().into(), used[0].receipt.as_str().into()],
    )?;
    step(work, order, PaymentEvent::Captured, None)?;
    orders::step_all(work, lines, LineEvent::Captured, None)?;
    lines.iter().try_for_each(|line| Ok(work.queue(Kind::Sell, line.subject())?))
}

/// Notes the receipts that are new, and what was captured in all.
pub(super) fn take(work: &mut Work<'_>, order: &Order, receipts: &[MoneyReceipt]) -> Result<Vec<MoneyReceipt>, Error> {
    let mut fresh = Vec::new();
    for receipt in receipts {
        let inserted = work.execute(
            "INSERT INTO money_receipt (provider, receipt, order_id, amount, currency, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (provider, receipt) DO NOTHING",
            &[
                order.provider.as_str().into(),
                receipt.receipt.as_str().into(),
                order.id.as_str().into(),
                receipt.amount.minor().into(),
                receipt.currency.code().into(),
                work.now_ms.into(),
            ],
        )?;
        if inserted == 1 || found_its_order(work, order, receipt)? {
            fresh.push(receipt.clone());
        } else {
            check_same(work, order, receipt)?;
        }
    }
    // In the order's own currency: what may be refunded at most.
    let captured = fresh.iter().filter(|receipt| receipt.currency == order.currency);
    let captured = captured.map(|receipt| receipt.amount.minor()).sum::<i64>();
    if captured > 0 {
        work.execute_one(
            "noting a capture",
            "UPDATE orders SET captured = captured + $2 WHERE order_id = $1",
            &[order.id.as_str().into(), captured.into()],
        )?;
    }
    Ok(fresh)
}

/// Holds money for no order that is here, of which only a statement tells: its receipt is noted with no order, and `at_ms`. Gives
/// whether it was not noted before.
///
/// # Errors
/// When the database fails.
pub(crate) fn hold_stray(
    work: &mut Work<'_>,
    provider: &str,
    entry: &StatementEntry,
    at_ms: i64,
) -> Result<bool, Error> {
    let noted = work.execute(
        "INSERT INTO money_receipt (provider, receipt, order_id, amount, currency, at_ms) VALUES ($1, $2, '', $3, $4, $5)
         ON CONFLICT (provider, receipt) DO NOTHING",
        &[
            provider.into(),
            entry.receipt.as_str().into(),
            entry.amount.minor().into(),
            entry.currency.code().into(),
            at_ms.into(),
        ],
    )?;
    if noted == 0 {
        return Ok(false);
    }
    let movement = Movement {
        subject: &format!("{provider}/{}", entry.receipt),
        cause: format!("receipt {} captured", entry.receipt),
        event: Event::Unmatched,
        currency: entry.currency,
        debit: Account::Clearing(provider.to_owned()),
        credits: vec![(Account::Suspense, entry.amount)],
        operator: None,
    };
    ledger::book(work, &movement)?;
    Ok(true)
}

/// Whether the receipt is of money that was held for no order, since a statement told of it first. Then the holding is undone:
/// the money has come now.
fn found_its_order(work: &mut Work<'_>, order: &Order, receipt: &MoneyReceipt) -> Result<bool, Error> {
    let subject = format!("{}/{}", order.provider, receipt.receipt);
    let adopted = work.execute(
        "UPDATE money_receipt SET order_id = $3 WHERE provider = $1 AND receipt = $2 AND order_id = ''
         AND amount = $4 AND currency = $5
         AND NOT EXISTS (SELECT 1 FROM movement m WHERE m.subject = $6 AND m.event = 'matched')",
        &[
            order.provider.as_str().into(),
            receipt.receipt.as_str().into(),
            order.id.as_str().into(),
            receipt.amount.minor().into(),
            receipt.currency.code().into(),
            subject.as_str().into(),
        ],
    )?;
    if adopted == 0 {
        return Ok(false);
    }
    let movement = Movement {
        subject: &subject,
        cause: format!("receipt {} found its order", receipt.receipt),
        event: Event::Matched,
        currency: receipt.currency,
        debit: Account::Suspense,
        credits: vec![(Account::Clearing(order.provider.clone()), receipt.amount)],
        operator: None,
    };
    ledger::book(work, &movement)?;
    work.went_on(&subject, "unmatched_money", "it found its order")?;
    Ok(true)
}

/// A receipt number that stands for other money than before is an alarm.
fn check_same(work: &mut Work<'_>, order: &Order, receipt: &MoneyReceipt) -> Result<(), Error> {
    let row = work.query_first(
        "SELECT order_id, amount, currency FROM money_receipt WHERE provider = $1 AND receipt = $2",
        &[order.provider.as_str().into(), receipt.receipt.as_str().into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("a receipt for money vanished"))?;
    let same =
        row.text(0)? == order.id && row.int(1)? == receipt.amount.minor() && row.text(2)? == receipt.currency.code();
    if !same {
        let detail = format!(
            "receipt {} of {} was for another order or sum before, and is now for {} {}",
            receipt.receipt,
            order.provider,
            receipt.currency.format(receipt.amount),
            receipt.currency
        );
        let amount = Amount(receipt.amount, receipt.currency);
        work.exception_of(&order.id, "receipt_reused", &detail, Some(amount))?;
    }
    Ok(())
}

fn sum(receipts: &[MoneyReceipt], order: &Order) -> Option<Money> {
    let add = |sum: Money, receipt: &MoneyReceipt| {
        sum.checked_add(receipt.amount).filter(|_| receipt.currency == order.currency)
    };
    receipts.iter().try_fold(Money::ZERO, add)
}

/// Money came, but not what was asked for: it is held, nothing is sold, and a person must look.
fn other(work: &mut Work<'_>, order: &Order, lines: &[OrderLine], fresh: &[MoneyReceipt]) -> Result<(), Error> {
    for receipt in fresh {
        book(work, order, receipt, Event::Unmatched, Account::Suspense)?;
    }
    let came: Vec<String> = fresh.iter().map(|r| format!("{} {}", r.currency.format(r.amount), r.currency)).collect();
    let asked = order.currency.format(order.total);
    let detail = format!(
        "the provider says that it collected {}, asked for were {asked} {}",
        came.join(" and "),
        order.currency
    );
    let amount = match fresh {
        [one] => Some(Amount(one.amount, one.currency)),
        several => sum(several, order).map(|sum| Amount(sum, order.currency)),
    };
    work.exception_of(&order.id, "other_amount", &detail, amount)?;
    step(work, order, PaymentEvent::OtherMoney, Some("another amount was paid; a person is looking at it"))?;
    lines.iter().try_for_each(|line| sell::release(work, line))?;
    orders::step_all(work, lines, LineEvent::WrongMoney, Some("another amount was paid; a person is looking at it"))
}

/// Money for what is paid already is held, and a person must look.
pub(super) fn second(work: &mut Work<'_>, order: &Order, receipt: &MoneyReceipt) -> Result<(), Error> {
    book(work, order, receipt, Event::Unmatched, Account::Suspense)?;
    let detail = format!(
        "this order is paid, and {} collected {} {} once more (receipt {}): it is held, and should go back",
        order.provider,
        receipt.currency.format(receipt.amount),
        receipt.currency,
        receipt.receipt
    );
    let subject = format!("{}/receipt/{}", order.id, receipt.receipt);
    let amount = Amount(receipt.amount, receipt.currency);
    Ok(work.exception_of(&subject, "second_success", &detail, Some(amount))?)
}

pub(super) fn book(
    work: &mut Work<'_>,
    order: &Order,
    receipt: &MoneyReceipt,
    event: Event,
    to: Account,
) -> Result<(), Error> {
    let movement = Movement {
        subject: &order.id,
        cause: format!("receipt {} captured", receipt.receipt),
        event,
        currency: receipt.currency,
        debit: Account::Clearing(order.provider.clone()),
        credits: vec![(to, receipt.amount)],
        operator: None,
    };
    ledger::book(work, &movement)
}
