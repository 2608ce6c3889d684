//! Money that is owed to payers: each refund has an id of its own, and is given back once, whoever gives it back.

use super::people::{STUCK, paid_by_hand, twice};
use crate::float;
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{self, LineEvent, LineState};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, OrderLine};
use crate::payments::Context;
use crate::problem::{Code, Error};
use crate::provider::{RefundOutcome, RefundRequest};
use crate::registers;
use crate::sell;
use crate::store::Row;
use crate::tasks::{Kind, Task, back_off};
use crate::telemetry::Words;
use crate::work::Work;

/// Makes a line's money owed to the payer, out of the account where it is, and queues its refund.
pub(crate) fn owe(work: &mut Work<'_>, line: &OrderLine, from: Account) -> Result<(), Error> {
    owe_by(work, line, from, GiveBack::ByProvider { operator: None })
}

/// How money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveBack<'a> {
    /// The way it came.
    ByProvider {
        /// Who decided it, if a person did.
        operator: Option<&'a str>,
    },
    /// A person has paid it back from the bank.
    ByHand {
        /// The person.
        operator: &'a str,
    },
}

impl<'a> GiveBack<'a> {
    fn operator(self) -> Option<&'a str> {
        match self {
            Self::ByProvider { operator } => operator,
            Self::ByHand { operator } => Some(operator),
        }
    }
}

/// Makes a line's money owed to the payer, out of the account where it is, and sees to its refund.
pub(crate) fn owe_by(work: &mut Work<'_>, line: &OrderLine, from: Account, how: GiveBack<'_>) -> Result<(), Error> {
    let order = orders::find(work, &line.order_id)?;
    let movement = Movement {
        subject: &line.order_id,
        cause: format!("line {} refund due", line.line),
        event: Event::RefundDue,
        currency: order.currency,
        debit: from,
        credits: vec![(Account::RefundsDue, line.amount)],
        operator: how.operator(),
    };
    ledger::book(work, &movement)?;
    let due = Due {
        refund_id: line.subject(),
        order_id: line.order_id.clone(),
        line: Some(line.line),
        amount: line.amount,
        currency: order.currency,
        receipt: order.payment_receipt,
        state: RefundState::Due,
    };
    start(work, &due, how)
}

/// Makes money owed that came for an order and was not asked for, out of suspense, and sees to its refund.
///
/// # Errors
/// [`Error::Inconsistent`] if it is owed already.
pub(crate) fn owe_unmatched(
    work: &mut Work<'_>,
    order_id: &str,
    receipt: &str,
    money: (Money, Currency),
    how: GiveBack<'_>,
) -> Result<(), Error> {
    let movement = Movement {
        subject: order_id,
        cause: format!("receipt {receipt} refund due"),
        event: Event::Matched,
        currency: money.1,
        debit: Account::Suspense,
        credits: vec![(Account::RefundsDue, money.0)],
        operator: how.operator(),
    };
    ledger::book(work, &movement)?;
    let due = Due {
        refund_id: format!("{order_id}/receipt/{receipt}"),
        order_id: order_id.to_owned(),
        line: None,
        amount: money.0,
        currency: money.1,
        receipt: Some(receipt.to_owned()),
        state: RefundState::Due,
    };
    start(work, &due, how)
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundState {
    Due,
    Done,
    Declined,
    /// The provider declined it or was not asked; a person has paid it back.
    ByHand,
}

impl RefundState {
    const ALL: [Self; 4] = [Self::Due, Self::Done, Self::Declined, Self::ByHand];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::ByHand => "by_hand",
        }
    }
}

/// A refund as stored.
pub(super) struct Due {
    pub(super) refund_id: String,
    pub(super) order_id: String,
    pub(super) line: Option<u32>,
    pub(super) amount: Money,
    pub(super) currency: Currency,
    pub(super) receipt: Option<String>,
    pub(super) state: RefundState,
}

impl Due {
    /// What of its order goes back, in the books: once only, whoever gives it back.
    pub(super) fn what(&self) -> String {
        self.line.map_or_else(|| self.refund_id.clone(), |line| format!("line {line}"))
    }
}

fn start(work: &mut Work<'_>, due: &Due, how: GiveBack<'_>) -> Result<(), Error> {
    work.execute_one(
        "owing a refund",
        "INSERT INTO refund (order_id, refund_id, line, amount, currency, receipt, state, due_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            due.order_id.as_str().into(),
            due.refund_id.as_str().into(),
            due.line.into(),
            due.amount.minor().into(),
            due.currency.code().into(),
            due.receipt.as_deref().into(),
            due.state.name().into(),
            work.now_ms.into(),
        ],
    )?;
    // The table itself refuses more than was captured.
    let order = orders::find(work, &due.order_id)?;
    if order.currency == due.currency {
        work.execute_one(
            "owing a refund",
            "UPDATE orders SET refunding = refunding + $2 WHERE order_id = $1",
            &[due.order_id.as_str().into(), due.amount.minor().into()],
        )?;
    }
    match how {
        GiveBack::ByHand { operator } => paid_by_hand(work, due, operator),
        GiveBack::ByProvider { .. } if order.provider == float::PROVIDER => {
            float::give_back(work, &order, format!("{} refunded", due.what()), Amount(due.amount, due.currency))?;
            set_state(work, due, RefundState::Done)?;
            step_line(work, due, LineEvent::MoneyBack, None)
        }
        GiveBack::ByProvider { .. } => Ok(work.queue(Kind::Refund, due.refund_id.as_str())?),
    }
}

/// Whether a refund of this id was ever owed.
pub(crate) fn exists(work: &mut Work<'_>, order_id: &str, refund_id: &str) -> Result<bool, Error> {
    let row = work.query_first(
        "SELECT state FROM refund WHERE order_id = $1 AND refund_id = $2",
        &[order_id.into(), refund_id.into()],
    )?;
    Ok(row.is_some())
}

pub(super) fn find(work: &mut Work<'_>, refund_id: &str) -> Result<Due, Error> {
    let missing = || Error::refused(Code::UnknownOrder, "there is no refund with this id");
    let order_id = refund_id.split('/').next().unwrap_or_default();
    let row = work.query_first(
        "SELECT order_id, refund_id, line, amount, currency, receipt, state FROM refund
         WHERE order_id = $1 AND refund_id = $2 FOR UPDATE",
        &[order_id.into(), refund_id.into()],
    )?;
    read(&row.ok_or_else(missing)?)
}

fn read(row: &Row) -> Result<Due, Error> {
    let state = row.text(6)?;
    let state = RefundState::ALL.into_iter().find(|s| s.name() == state);
    Ok(Due {
        order_id: row.text(0)?.to_owned(),
        refund_id: row.text(1)?.to_owned(),
        line: row.optional_int(2)?.map(|_| row.number(2)).transpose()?,
        amount: Money::from_minor(row.int(3)?),
        currency: Currency::from_code(row.text(4)?).map_err(|error| Error::inconsistent(error.to_string()))?,
        receipt: row.optional_text(5)?.map(str::to_owned),
        state: state.ok_or_else(|| Error::inconsistent("the state of a refund"))?,
    })
}

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
        callback_url: context.callbacks.url(&order.provider, &due.refund_id),
        payment_id: due.order_id,
        refund_id: due.refund_id,
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
    self::said(work, &task.subject, said)?;
    Ok(work.finish(task)?)
}

/// Takes in what the provider said of a refund, asked or not.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such refund.
pub fn said(work: &mut Work<'_>, refund_id: &str, said: &RefundOutcome) -> Result<(), Error> {
    let order = orders::lock(work, refund_id.split('/').next().unwrap_or_default())?;
    let due = find(work, refund_id)?;
    match (said, due.state) {
        (RefundOutcome::Refunded, RefundState::Due | RefundState::Declined) => {
            if due.state == RefundState::Declined {
                work.exception(refund_id, "refunded_after_decline", "the refund was declined, and made after all")?;
            }
            book_refunded(work, &due, &order.provider, None)?;
            set_state(work, &due, RefundState::Done)?;
            work.execute(
                "UPDATE exception SET resolved_ms = $3, resolved_by = 'station', resolution = 'seen: it went back'
                 WHERE subject = $1 AND cause = $2 AND resolved_ms IS NULL",
                &[refund_id.into(), STUCK.into(), work.now_ms.into()],
            )?;
            step_line(work, &due, LineEvent::MoneyBack, None)
        }
        (RefundOutcome::Refunded, RefundState::ByHand) => twice(work, &due, order.provider),
        (RefundOutcome::Declined { reason }, RefundState::Due) => {
            let amount = Amount(due.amount, due.currency);
            work.exception_of(refund_id, "refund_declined", reason, Some(amount))?;
            set_state(work, &due, RefundState::Declined)?;
            let reason = "the provider would not give the money back; a person is looking at it";
            step_line(work, &due, LineEvent::RefundDeclined, Some(reason))
        }
        (RefundOutcome::Declined { reason }, RefundState::Done) => {
            Ok(work.exception(refund_id, "declined_after_refund", reason)?)
        }
        _ => Ok(()),
    }
}

pub(super) fn book_refunded(
    work: &mut Work<'_>,
    due: &Due,
    provider: &str,
    operator: Option<&str>,
) -> Result<(), Error> {
    let movement = Movement {
        subject: &due.order_id,
        cause: format!("{} refunded", due.what()),
        event: Event::Refunded,
        currency: due.currency,
        debit: Account::RefundsDue,
        credits: vec![(Account::Clearing(provider.to_owned()), due.amount)],
        operator,
    };
    ledger::book(work, &movement)
}

/// After a restore: the provider's statement shows that a line's money went back. It was proved then that the meter can never
/// load it, so it is counted no more.
pub(crate) fn found(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    if line.state == LineState::Refunded {
        return Ok(());
    }
    if lifecycle::next(line.state, LineEvent::FoundRefunded).is_err() {
        let detail = format!("the provider's statement shows a refund of this line, which is {}", line.state.name());
        return Ok(work.exception(&line.subject(), "refund_contradiction", &detail)?);
    }
    let from = match line.state {
        LineState::Paid | LineState::SaleUnknown => {
            sell::release(work, line)?;
            Some(Account::PayerMoneyHeld)
        }
        LineState::Sold | LineState::Issued | LineState::VoidPending => {
            registers::forget(work, line.meter, &line.order_id, line.line)?;
            Some(Account::SoldUndelivered)
        }
        LineState::Voided => Some(Account::SoldUndelivered),
        _ => None,
    };
    let subject = line.subject();
    if let Some(from) = from {
        owe(work, line, from)?;
        // Its sale was taken back then; the sales system here may have forgotten that with the rest.
        work.queue(Kind::Reverse, subject.as_str())?;
    }
    let order = orders::find(work, &line.order_id)?;
    let due = find(work, &subject)?;
    if due.state != RefundState::Done {
        book_refunded(work, &due, &order.provider, None)?;
        set_state(work, &due, RefundState::Done)?;
    }
    orders::step(work, line, LineEvent::FoundRefunded, None).map(drop)
}

pub(super) fn set_state(work: &mut Work<'_>, due: &Due, state: RefundState) -> Result<(), Error> {
    let done_ms = (state == RefundState::Done).then_some(work.now_ms);
    work.execute_one(
        "moving a refund on",
        "UPDATE refund SET state = $3, done_ms = $5 WHERE order_id = $1 AND refund_id = $2 AND state = $4",
        &[
            due.order_id.as_str().into(),
            due.refund_id.as_str().into(),
            state.name().into(),
            due.state.name().into(),
            done_ms.into(),
        ],
    )
}

/// The line of a refund moves with it, unless a person has taken it over.
pub(super) fn step_line(work: &mut Work<'_>, due: &Due, event: LineEvent, reason: Option<&str>) -> Result<(), Error> {
    let Some(number) = due.line else { return Ok(()) };
    let line = orders::line(work, &due.order_id, number)?;
    match lifecycle::next(line.state, event) {
        Ok(_) => orders::step(work, &line, event, reason).map(drop),
        Err(_) => Ok(()),
    }
}
