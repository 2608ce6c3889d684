//! Money that is owed to payers: each refund has an id of its own, and is given back once, whoever gives it back.

use super::people::paid_by_hand;
use super::set_off;
use crate::float;
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::{self, LineEvent, LineState};
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, OrderLine};
use crate::problem::{Code, Error};
use crate::registers;
use crate::sell;
use crate::store::Row;
use crate::tasks::Kind;
use crate::work::Work;

/// Makes a line's money owed to the payer, out of the account where it is, and queues its refund.
pub(crate) fn owe(work: &mut Work<'_>, line: &OrderLine, from: Account) -> Result<(), Error> {
    owe_by(work, line, from, GiveBack::ByProvider { operator: None }).map(drop)
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
    /// The provider has made it, as its statement shows after a restore.
    Made,
}

impl<'a> GiveBack<'a> {
    pub(super) fn operator(self) -> Option<&'a str> {
        match self {
            Self::ByProvider { operator } => operator,
            Self::ByHand { operator } => Some(operator),
            Self::Made => None,
        }
    }
}

/// Makes a line's money owed to the payer, out of the account where it is, and sees to its refund. Gives what of it is not paid,
/// since the payer has it already.
pub(crate) fn owe_by(work: &mut Work<'_>, line: &OrderLine, from: Account, how: GiveBack<'_>) -> Result<Money, Error> {
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
        attempt: 1,
        returned: 0,
    };
    start(work, due, how)
}

/// Makes money owed that came for an order and was not asked for, out of suspense, and sees to its refund. Gives what of it is not
/// paid, since the payer has it already.
///
/// # Errors
/// [`Error::Inconsistent`] if it is owed already, [`Code::NotPossibleNow`] if it is in another currency than the order's and was
/// taken away again.
pub(crate) fn owe_unmatched(
    work: &mut Work<'_>,
    order_id: &str,
    receipt: &str,
    money: (Money, Currency),
    how: GiveBack<'_>,
) -> Result<Money, Error> {
    let order = orders::find(work, order_id)?;
    if order.currency != money.1 && -set_off::in_suspense(work, order_id, money.1)? < money.0 {
        return Err(Error::refused(Code::NotPossibleNow, "this money was taken away again: none of it is left"));
    }
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
        attempt: 1,
        returned: 0,
    };
    start(work, due, how)
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundState {
    Due,
    Done,
    Declined,
    /// The provider declined it or was not asked; a person has paid it back.
    ByHand,
    /// Not paid: the payer has the money, since it was taken away.
    SetOff,
}

impl RefundState {
    const ALL: [Self; 5] = [Self::Due, Self::Done, Self::Declined, Self::ByHand, Self::SetOff];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Done => "done",
            Self::Declined => "declined",
            Self::ByHand => "by_hand",
            Self::SetOff => "set_off",
        }
    }
}

/// A refund as stored.
pub(super) struct Due {
    pub(super) refund_id: String,
    pub(super) order_id: String,
    pub(super) line: Option<u32>,
    /// What is to be paid, or was asked for at last.
    pub(super) amount: Money,
    pub(super) currency: Currency,
    pub(super) receipt: Option<String>,
    pub(super) state: RefundState,
    /// The newest try, from 1; of one that is done, the one that did it.
    pub(super) attempt: u32,
    /// How often it came back after it was made.
    pub(super) returned: u32,
}

impl Due {
    /// What of its order goes back, in the books: once only, whoever gives it back.
    pub(super) fn what(&self) -> String {
        self.line.map_or_else(|| self.refund_id.clone(), |line| format!("line {line}"))
    }

    /// The cause of its end in the books: the same whoever gives it back, and another one only after it came back.
    pub(super) fn end(&self) -> String {
        match self.returned {
            0 => format!("{} refunded", self.what()),
            returned => format!("{} refunded after return {returned}", self.what()),
        }
    }

    /// # Errors
    /// [`Code::NotPossibleNow`] if it does not stand so.
    pub(super) fn must_be(&self, state: RefundState) -> Result<(), Error> {
        if self.state == state {
            return Ok(());
        }
        let detail = format!("this refund is {}: nothing is to be decided", self.state.name());
        Err(Error::refused(Code::NotPossibleNow, detail))
    }
}

fn start(work: &mut Work<'_>, mut due: Due, how: GiveBack<'_>) -> Result<Money, Error> {
    let order = orders::find(work, &due.order_id)?;
    let (claimed, is_own) = (due.amount, order.currency == due.currency);
    // What the provider has given back is not set off, whatever was taken away besides.
    let off = match how {
        GiveBack::ByProvider { .. } | GiveBack::ByHand { .. } if is_own => set_off::left(work, &order.id)?.min(claimed),
        _ => Money::ZERO,
    };
    let left = set_off::less(claimed, off)?;
    let state = if left == Money::ZERO { RefundState::SetOff } else { RefundState::Due };
    work.execute_one(
        "owing a refund",
        "INSERT INTO refund (order_id, refund_id, line, amount, currency, receipt, state, due_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            due.order_id.as_str().into(),
            due.refund_id.as_str().into(),
            due.line.into(),
            if left == Money::ZERO { claimed } else { left }.minor().into(),
            due.currency.code().into(),
            due.receipt.as_deref().into(),
            state.name().into(),
            work.now_ms.into(),
        ],
    )?;
    if is_own {
        set_off::claim(work, &due, off, how)?;
    }
    due.amount = left;
    if off > Money::ZERO {
        set_off::book(work, &due, off)?;
    }
    if state == RefundState::SetOff {
        step_line(work, &due, LineEvent::MoneyBack, None)?;
        return Ok(off);
    }
    match how {
        GiveBack::ByHand { operator } => paid_by_hand(work, &due, operator)?,
        GiveBack::Made => {
            book_refunded(work, &due, &order.provider, None)?;
            set_state(work, &due, RefundState::Done)?;
        }
        GiveBack::ByProvider { .. } if order.provider == float::PROVIDER => {
            float::give_back(work, &order, due.end(), Amount(due.amount, due.currency))?;
            set_state(work, &due, RefundState::Done)?;
            step_line(work, &due, LineEvent::MoneyBack, None)?;
        }
        GiveBack::ByProvider { .. } => work.queue(Kind::Refund, due.refund_id.as_str())?,
    }
    Ok(off)
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
        "SELECT order_id, refund_id, line, amount, currency, receipt, state, attempt, returned FROM refund
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
        attempt: row.number(7)?,
        returned: row.number(8)?,
    })
}

pub(super) fn set_attempt(work: &mut Work<'_>, due: &Due, attempt: u32) -> Result<(), Error> {
    work.execute_one(
        "counting a try of a refund",
        "UPDATE refund SET attempt = $3 WHERE order_id = $1 AND refund_id = $2",
        &[due.order_id.as_str().into(), due.refund_id.as_str().into(), attempt.into()],
    )
}

pub(super) fn book_refunded(
    work: &mut Work<'_>,
    due: &Due,
    provider: &str,
    operator: Option<&str>,
) -> Result<(), Error> {
    let movement = Movement {
        subject: &due.order_id,
        cause: due.end(),
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
    let subject = line.subject();
    // A line fails too because nobody paid it.
    let never_paid = line.state == LineState::Failed && !exists(work, &line.order_id, &subject)?;
    if never_paid || lifecycle::next(line.state, LineEvent::FoundRefunded).is_err() {
        let detail = format!("the provider's statement shows a refund of this line, which is {}", line.state.name());
        work.difference(&subject, "refund_contradiction", &detail, None)?;
        return Ok(());
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
    if let Some(from) = from {
        owe_by(work, line, from, GiveBack::Made)?;
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
