//! What is to be done next: tasks, the effects that they need, and how results come back.
//!
//! A task is written in the same transaction as its reason. It is *prepared* by reading what the effect needs, its effect is
//! performed outside any transaction, and its result is a command of its own. Every effect carries an id made here before it
//! was first sent, so doing it again is always right; tasks are done at least once.

use crate::problem::Error;
use crate::provider::{PaymentOutcome, PaymentRequest, RefundOutcome, RefundRequest};
use crate::reconcile::Compared;
use crate::recovery::{self, Found};
use crate::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome, SaleRequest};
use crate::sell::Ask;
use crate::signer::SignError;
use crate::store::Row;
use crate::utilities::UtilityName;
use crate::work::{CLAIM_MS, Work};
use crate::{issue, orders, payments, reconcile, refunds, sell, sweep, telemetry, terms};
use coinless_protocol::MeterId;

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
    /// Sign a token for another register than credit. Subject: meter/epoch/register/number.
    SignTerms,
    /// Take a sale back. Subject: order/line.
    Reverse,
    /// Give money back. Subject: a refund's id.
    Refund,
    /// Tell the sales system that the meter has the credit. Subject: order/line.
    Confirm,
    /// Look for what is stuck. Subject: `station`.
    Sweep,
    /// After a restore, look into statements. Subject: `station`.
    Recover,
    /// Compare the books with everybody else's. Subject: `station`.
    Reconcile,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Expire,
        Self::Pay,
        Self::QueryPayment,
        Self::Sell,
        Self::Sign,
        Self::SignTerms,
        Self::Reverse,
        Self::Refund,
        Self::Confirm,
        Self::Sweep,
        Self::Recover,
        Self::Reconcile,
    ];

    /// Its name in the outbox.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Pay => "pay",
            Self::QueryPayment => "query_payment",
            Self::Sell => "sell",
            Self::Sign => "sign",
            Self::SignTerms => "sign_terms",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
            Self::Confirm => "confirm",
            Self::Sweep => "sweep",
            Self::Recover => "recover",
            Self::Reconcile => "reconcile",
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
    /// Ask the named provider to collect.
    StartPayment(String, PaymentRequest),
    /// Ask the named provider what became of a payment.
    QueryPayment(String, PaymentRequest),
    /// Ask the utility's sales system about a paid line.
    Sell(Ask, UtilityName, SaleRequest),
    /// Sign this payload for this meter with the utility's key.
    Sign(issue::SignRequest),
    /// The same for another register than credit.
    SignTerms(issue::SignRequest),
    /// Take a sale back.
    Reverse(UtilityName, SaleRequest),
    /// Ask the named provider to give money back.
    Refund(String, RefundRequest),
    /// Tell the sales system that the meter has the credit.
    Confirm(UtilityName, SaleRequest),
    /// Read all statements and sales since this moment in milliseconds since 1970.
    Recover(i64),
    /// Compare the books with everybody else's.
    Reconcile,
}

/// What effects are called in names of commands and points, in the order of an order's life.
pub const STEPS: [&str; 13] = [
    "expire",
    "pay",
    "query_payment",
    "vend",
    "last_response",
    "retract",
    "sign",
    "confirm",
    "reverse",
    "refund",
    "sweep",
    "reconcile",
    "recover",
];

impl Effect {
    /// What it is called, as the effect of a task of this kind: one of [`STEPS`].
    pub fn step(&self, kind: Kind) -> &'static str {
        match self {
            Self::None => kind.name(),
            Self::StartPayment(..) => "pay",
            Self::QueryPayment(..) => "query_payment",
            Self::Sell(Ask::Vend, ..) => "vend",
            Self::Sell(Ask::LastResponse, ..) => "last_response",
            Self::Sell(Ask::Reverse, ..) => "retract",
            Self::Sign(_) | Self::SignTerms(_) => "sign",
            Self::Reverse(..) => "reverse",
            Self::Refund(..) => "refund",
            Self::Confirm(..) => "confirm",
            Self::Recover(_) => "recover",
            Self::Reconcile => "reconcile",
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectResult {
    /// Of [`Effect::None`].
    None,
    /// Of [`Effect::StartPayment`] and [`Effect::QueryPayment`].
    Payment(PaymentOutcome),
    /// Of [`Effect::Sell`] with [`Ask::Vend`] or [`Ask::LastResponse`].
    Sale(SaleOutcome),
    /// Of [`Effect::Sign`] and [`Effect::SignTerms`]: the token's bytes, or why the signer did not sign.
    Signed(Result<Vec<u8>, SignError>),
    /// Of [`Effect::Reverse`], and of [`Effect::Sell`] with [`Ask::Reverse`].
    Reversal(ReversalOutcome),
    /// Of [`Effect::Refund`].
    Refund(RefundOutcome),
    /// Of [`Effect::Confirm`].
    Confirmed(ConfirmationOutcome),
    /// Of [`Effect::Recover`].
    Found(Found),
    /// Of [`Effect::Reconcile`]: what was compared, or why not.
    Reconciled(Result<Vec<Compared>, String>),
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
    let subject = task.subject.as_str();
    Ok(match task.kind {
        Kind::Expire | Kind::Sweep => Some(Effect::None),
        Kind::Reconcile => Some(Effect::Reconcile),
        Kind::Pay => payments::request(work, task, context)?.map(|(to, request)| Effect::StartPayment(to, request)),
        Kind::QueryPayment => {
            payments::request(work, task, context)?.map(|(to, request)| Effect::QueryPayment(to, request))
        }
        Kind::Sell => {
            let request = sell::request(work, subject, context.patience)?;
            request.map(|(ask, utility, sale)| Effect::Sell(ask, utility, sale))
        }
        Kind::Sign => issue::request(work, subject)?.map(Effect::Sign),
        Kind::SignTerms => terms::request(work, subject)?.map(Effect::SignTerms),
        Kind::Reverse => {
            refunds::reversal_request(work, subject)?.map(|(utility, sale)| Effect::Reverse(utility, sale))
        }
        Kind::Refund => {
            refunds::refund_request(work, subject, context)?.map(|(to, request)| Effect::Refund(to, request))
        }
        Kind::Recover => recovery::since(work)?.map(Effect::Recover),
        Kind::Confirm => sell::confirmation(work, subject)?.map(|(utility, sale)| Effect::Confirm(utility, sale)),
    })
}

/// Takes a result in: the next step of the order's life, and the end of the task or its next try.
///
/// # Errors
/// When the database fails or its state is inconsistent; then nothing was written and the task is still there.
pub fn complete(
    work: &mut Work<'_>,
    task: &Task,
    result: &EffectResult,
    context: &payments::Context,
) -> Result<(), Error> {
    match (task.kind, result) {
        (Kind::Expire, EffectResult::None) => {
            orders::expire(work, &task.subject)?;
            work.finish(task)?;
            Ok(())
        }
        (Kind::Sweep, EffectResult::None) => sweep::sweep(work, task, context),
        (Kind::Pay | Kind::QueryPayment, EffectResult::Payment(said)) => payments::outcome(work, task, said, context),
        (Kind::Sell, EffectResult::Sale(said)) => sell::outcome(work, task, said),
        (Kind::Sell, EffectResult::Reversal(said)) => sell::retracted(work, task, said),
        (Kind::Sign, EffectResult::Signed(said)) => issue::signed(work, task, said),
        (Kind::SignTerms, EffectResult::Signed(said)) => terms::signed(work, task, said),
        (Kind::Reverse, EffectResult::Reversal(said)) => refunds::reversed(work, task, said),
        (Kind::Refund, EffectResult::Refund(said)) => refunds::refunded(work, task, said),
        (Kind::Confirm, EffectResult::Confirmed(said)) => sell::confirmed(work, task, said),
        (Kind::Reconcile, EffectResult::Reconciled(compared)) => reconcile::ended(work, task, compared),
        (Kind::Recover, EffectResult::Found(found)) => recovery::take(work, task, found),
        (kind, result) => {
            // The result itself may hold a token or a telephone number.
            let outcome = telemetry::outcome(result);
            Err(Error::inconsistent(format!("{} was answered by what ends {outcome}", kind.name())))
        }
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
            "UPDATE outbox SET claimed_until_ms = $3, claimed_by = $5
             WHERE subject = $1 AND task = $2 AND claimed_until_ms <= $4",
            &[
                row.text(0)?.into(),
                row.text(1)?.into(),
                (work.now_ms + CLAIM_MS).into(),
                work.now_ms.into(),
                work.claimant().into(),
            ],
        )?;
        if claimed == 1 {
            tasks.push(task);
        }
    }
    Ok(tasks)
}

/// What of a meter's tokens is to be signed by a task, whoever claimed it: signing the same again changes nothing.
///
/// # Errors
/// When the database fails.
pub fn to_be_signed(work: &mut Work<'_>, meter: MeterId) -> Result<Vec<Task>, Error> {
    // Subjects begin with the meter; '0' comes after '/'.
    let rows = work.query(
        "SELECT subject, task, attempts FROM outbox
         WHERE subject >= $1 || '/' AND subject < $1 || '0' AND task IN ('sign', 'sign_terms') ORDER BY subject, task",
        &[meter.as_str().into()],
    )?;
    let read = |row: &Row| {
        Ok(Task { kind: Kind::from_name(row.text(1)?)?, subject: row.text(0)?.to_owned(), attempts: row.number(2)? })
    };
    rows.iter().map(read).collect()
}

/// Gives up all claims, of processes that are known to be dead: of the only one on this database.
///
/// # Errors
/// When the database fails.
pub fn release_claims(work: &mut Work<'_>) -> Result<(), Error> {
    work.execute("UPDATE outbox SET claimed_until_ms = 0 WHERE claimed_until_ms > 0", &[])?;
    Ok(())
}

/// Gives up the claims that an earlier process of this name left when it died; among others on the same database. Does nothing
/// without a name.
///
/// # Errors
/// When the database fails.
pub fn release_own_claims(work: &mut Work<'_>) -> Result<(), Error> {
    let claimant = work.claimant().to_owned();
    if !claimant.is_empty() {
        work.execute(
            "UPDATE outbox SET claimed_until_ms = 0 WHERE claimed_until_ms > 0 AND claimed_by = $1",
            &[claimant.into()],
        )?;
    }
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
