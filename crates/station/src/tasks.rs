//! What is to be done next: tasks, the effects that they need, and how results come back.
//!
//! A task is written in the same transaction as its reason. It is *prepared* by reading what the effect needs, its effect is
//! performed outside any transaction, and its result is a command of its own. Every effect carries an id made here before it
//! was first sent, so doing it again is always right; tasks are done at least once.

use crate::problem::Error;
use crate::provider::{PaymentOutcome, PaymentRequest, RefundOutcome, RefundRequest};
use crate::sales::{ReversalOutcome, SaleOutcome, SaleRequest};
use crate::work::{CLAIM_MS, Work};
use crate::{issue, orders, payments, refunds, sell};

/// Kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Forget a quote that nobody accepted. Subject: order.
    Expire,
    /// Ask the provider to collect a payment. Subject: order.
    Pay,
    /// Ask the provider what became of it. Subject: order.
    QueryPayment,
    /// Sell a line through the sales system. Subject: order/line.
    Sell,
    /// Sign a token. Subject: meter/epoch/number.
    Sign,
    /// Take a sale back. Subject: order/line.
    Reverse,
    /// Give a line's money back. Subject: order/line.
    Refund,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Expire, Self::Pay, Self::QueryPayment, Self::Sell, Self::Sign, Self::Reverse, Self::Refund];

    /// Its name in the outbox.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Pay => "pay",
            Self::QueryPayment => "query_payment",
            Self::Sell => "sell",
            Self::Sign => "sign",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
        }
    }

    fn from_name(name: &str) -> Result<Self, Error> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| Error::inconsistent(format!("the outbox holds a task {name}")))
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What kind of thing.
    pub kind: Kind,
    /// What it is about.
    pub subject: String,
    /// How often it was tried without a final answer.
    pub attempts: u32,
}

/// What a task needs from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Nothing: the result is a command without a call.
    None,
    /// Ask the provider to collect.
    StartPayment(PaymentRequest),
    /// Ask the provider what became of a payment.
    QueryPayment(PaymentRequest),
    /// Sell.
    Sell(SaleRequest),
    /// Sign this payload for this meter.
    Sign(issue::SignRequest),
    /// Take a sale back.
    Reverse(SaleRequest),
    /// Give money back.
    Refund(RefundRequest),
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectResult {
    /// Of [`Effect::None`].
    None,
    /// Of [`Effect::StartPayment`] and [`Effect::QueryPayment`].
    Payment(PaymentOutcome),
    /// Of [`Effect::Sell`].
    Sale(SaleOutcome),
    /// Of [`Effect::Sign`]: the token's bytes, or why the signer refused.
    Signed(Result<Vec<u8>, String>),
    /// Of [`Effect::Reverse`].
    Reversal(ReversalOutcome),
    /// Of [`Effect::Refund`].
    Refund(RefundOutcome),
}

/// Longest time between two tries.
const MAX_BACK_OFF_MS: i64 = 60_000;
/// First time between two tries.
const FIRST_BACK_OFF_MS: i64 = 500;

/// When a task without a final answer is tried again.
pub fn back_off(now_ms: i64, attempts: u32) -> i64 {
    now_ms + (FIRST_BACK_OFF_MS << attempts.min(16)).min(MAX_BACK_OFF_MS)
}

/// Reads what the effect of `task` needs; none if things moved on and there is nothing left to do.
///
/// # Errors
/// When the database fails.
pub fn prepare(work: &mut Work<'_>, task: &Task, context: &payments::Context) -> Result<Option<Effect>, Error> {
    match task.kind {
        Kind::Expire => Ok(Some(Effect::None)),
        Kind::Pay => Ok(payments::request(work, task, context)?.map(Effect::StartPayment)),
        Kind::QueryPayment => Ok(payments::request(work, task, context)?.map(Effect::QueryPayment)),
        Kind::Sell => Ok(sell::request(work, &task.subject)?.map(Effect::Sell)),
        Kind::Sign => Ok(issue::request(work, &task.subject)?.map(Effect::Sign)),
        Kind::Reverse => Ok(refunds::reversal_request(work, &task.subject)?.map(Effect::Reverse)),
        Kind::Refund => Ok(refunds::refund_request(work, &task.subject)?.map(Effect::Refund)),
    }
}

/// Takes a result in: the next step of the order's life, and the end of the task or its next try.
///
/// # Errors
/// When the database fails or its state is inconsistent; then nothing was written and the task is still there.
pub fn complete(
    work: &mut Work<'_>,
    task: &Task,
    result: EffectResult,
    context: &payments::Context,
) -> Result<(), Error> {
    match (task.kind, result) {
        (Kind::Expire, EffectResult::None) => {
            orders::expire(work, &task.subject)?;
            work.finish(task)?;
            Ok(())
        }
        (Kind::Pay | Kind::QueryPayment, EffectResult::Payment(outcome)) => {
            payments::outcome(work, task, outcome, context)
        }
        (Kind::Sell, EffectResult::Sale(outcome)) => sell::outcome(work, task, outcome),
        (Kind::Sign, EffectResult::Signed(outcome)) => issue::signed(work, task, outcome),
        (Kind::Reverse, EffectResult::Reversal(outcome)) => refunds::reversed(work, task, outcome),
        (Kind::Refund, EffectResult::Refund(outcome)) => refunds::refunded(work, task, outcome, context),
        (kind, result) => Err(Error::inconsistent(format!("{} was answered by {result:?}", kind.name()))),
    }
}

/// Claims up to `most` due tasks that no process works on.
///
/// # Errors
/// When the database fails.
pub fn claim(work: &mut Work<'_>, most: i64) -> Result<Vec<Task>, Error> {
    let rows = work.query(
        "SELECT subject, task, attempts FROM outbox WHERE due_ms <= $1 AND claimed_until_ms <= $1
         ORDER BY due_ms LIMIT $2",
        &[work.now_ms.into(), most.into()],
    )?;
    let mut tasks = Vec::new();
    for row in rows {
        let task =
            Task { kind: Kind::from_name(row.text(1)?)?, subject: row.text(0)?.to_owned(), attempts: row.number(2)? };
        // The condition again: another process may have been faster.
        let claimed = work.execute(
            "UPDATE outbox SET claimed_until_ms = $3 WHERE subject = $1 AND task = $2 AND claimed_until_ms <= $4",
            &[row.text(0)?.into(), row.text(1)?.into(), (work.now_ms + CLAIM_MS).into(), work.now_ms.into()],
        )?;
        if claimed == 1 {
            tasks.push(task);
        }
    }
    Ok(tasks)
}

/// Gives up the claims of a process that is known to be dead: the only one on this database.
///
/// # Errors
/// When the database fails.
pub fn release_claims(work: &mut Work<'_>) -> Result<(), Error> {
    work.execute("UPDATE outbox SET claimed_until_ms = 0 WHERE claimed_until_ms > 0", &[])?;
    Ok(())
}

/// When the next unclaimed task is due.
///
/// # Errors
/// When the database fails.
pub fn next_due(work: &mut Work<'_>) -> Result<Option<i64>, Error> {
    let row = work.query_first("SELECT min(due_ms) FROM outbox WHERE claimed_until_ms <= $1", &[work.now_ms.into()])?;
    Ok(row.map(|row| row.optional_int(0)).transpose()?.flatten())
}
