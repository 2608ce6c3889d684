//! The context of a command: one database transaction, the time, and what to do after the commit.

use crate::money::Amount;
use crate::problem::Error;
use crate::store::{Expect, Question, Row, StoreError, Tx, Value};
use crate::tasks::{Kind, Task};
use std::sync::Arc;

/// A command at work. What it queues and touches is acted upon only after its transaction is durable.
pub struct Work<'a> {
    tx: &'a mut dyn Tx,
    claimant: Option<Arc<str>>,
    /// The time in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// What is to be told and done after the commit.
    pub after: After,
}

/// What follows a committed command.
#[derive(Debug, Default)]
pub struct After {
    /// Tasks that are due at once and claimed by this process.
    pub due: Vec<Task>,
    /// Orders that changed.
    pub touched: Vec<String>,
    /// Whether tasks were queued for later.
    pub later: bool,
}

/// How long a process may work on a task before another one may take it.
pub const CLAIM_MS: i64 = 120_000;

impl<'a> Work<'a> {
    /// A command in the transaction `tx` at the time `now_ms`.
    pub fn new(tx: &'a mut dyn Tx, now_ms: i64) -> Self {
        Self { tx, claimant: None, now_ms, after: After::default() }
    }

    /// The same for a process that claims tasks by this name.
    #[must_use]
    pub fn claiming_as(mut self, claimant: Option<Arc<str>>) -> Self {
        self.claimant = claimant;
        self
    }

    /// By which name tasks are claimed; empty if this process has none.
    pub fn claimant(&self) -> &str {
        self.claimant.as_deref().unwrap_or_default()
    }

    /// Runs a statement; gives the number of changed rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.tx.execute(sql, parameters)
    }

    /// Runs a statement that must change exactly one row: a guard against states that must not be. It is not waited for: if it
    /// does not, the command fails at its end at the latest.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] with `what` if it changed none or several.
    pub fn execute_one(&mut self, what: &'static str, sql: &'static str, parameters: &[Value]) -> Result<(), Error> {
        Ok(self.tx.put(sql, parameters, Expect::One(what))?)
    }

    /// Runs a statement that is not waited for; if it fails, the command fails at its end at the latest.
    ///
    /// # Errors
    /// As [`Tx::put`].
    pub fn put(&mut self, sql: &'static str, parameters: &[Value], expect: Expect) -> Result<(), StoreError> {
        self.tx.put(sql, parameters, expect)
    }

    /// Runs a statement; gives its rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.tx.query(sql, parameters)
    }

    /// Runs a statement; gives its first row, if any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn query_first(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.tx.query(sql, parameters)?.into_iter().next())
    }

    /// Runs several statements of which none needs the result of another; gives the rows of each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn query_each<const N: usize>(&mut self, questions: [Question<'_>; N]) -> Result<[Vec<Row>; N], StoreError> {
        let answers = self.tx.query_each(&questions)?;
        answers.try_into().map_err(|_| StoreError::Shape("not as many answers as questions".to_owned()))
    }

    /// The same for any number of statements.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn query_all(&mut self, questions: &[Question<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        self.tx.query_each(questions)
    }

    /// Which part of a hot account this process books into.
    pub fn part(&self) -> i64 {
        self.tx.part()
    }

    /// Queues a task for now. A task that is queued already is made due now; that it has waited since then stays noted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn queue(&mut self, kind: Kind, subject: impl Into<String>) -> Result<(), StoreError> {
        let subject = subject.into();
        self.write_task(kind, &subject, self.now_ms, self.now_ms + CLAIM_MS)?;
        self.after.due.push(Task { kind, subject, attempts: 0 });
        Ok(())
    }

    /// Queues a task for later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn queue_at(&mut self, kind: Kind, subject: &str, due_ms: i64) -> Result<(), StoreError> {
        self.after.later = true;
        self.write_task(kind, subject, due_ms, 0)
    }

    /// Queues a task for later that takes over how often it was tried from another one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn queue_again(&mut self, kind: Kind, subject: &str, attempts: u32, due_ms: i64) -> Result<(), StoreError> {
        self.queue_at(kind, subject, due_ms)?;
        self.tx.put(
            "UPDATE outbox SET attempts = $3 WHERE subject = $1 AND task = $2",
            &[subject.into(), kind.name().into(), attempts.into()],
            Expect::Any,
        )
    }

    fn write_task(&mut self, kind: Kind, subject: &str, due_ms: i64, claimed_ms: i64) -> Result<(), StoreError> {
        self.tx.put(
            "INSERT INTO outbox (subject, task, due_ms, attempts, claimed_until_ms, claimed_by, queued_ms)
             VALUES ($1, $2, $3, 0, $4, $5, $6)
             ON CONFLICT (subject, task) DO UPDATE SET due_ms = $3, claimed_until_ms = $4, claimed_by = $5",
            &[
                subject.into(),
                kind.name().into(),
                due_ms.into(),
                claimed_ms.into(),
                self.claimant.as_deref().unwrap_or_default().into(),
                self.now_ms.into(),
            ],
            Expect::Any,
        )
    }

    /// Removes a task that is done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish(&mut self, task: &Task) -> Result<(), StoreError> {
        self.tx.put(
            "DELETE FROM outbox WHERE subject = $1 AND task = $2",
            &[task.subject.as_str().into(), task.kind.name().into()],
            Expect::Any,
        )
    }

    /// Removes a task that is done, unless another process has asked for it again meanwhile: what is due and claimed by nobody
    /// may be about something newer than what was looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish_unless_asked_again(&mut self, task: &Task) -> Result<(), StoreError> {
        self.tx.put(
            "DELETE FROM outbox WHERE subject = $1 AND task = $2 AND NOT (claimed_until_ms = 0 AND due_ms <= $3)",
            &[task.subject.as_str().into(), task.kind.name().into(), self.now_ms.into()],
            Expect::Any,
        )
    }

    /// Gives up this process's claim on a task.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release(&mut self, task: &Task) -> Result<(), StoreError> {
        self.tx.put(
            "UPDATE outbox SET claimed_until_ms = 0 WHERE subject = $1 AND task = $2",
            &[task.subject.as_str().into(), task.kind.name().into()],
            Expect::Any,
        )
    }

    /// Leaves a task to be done again at `due_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn again_at(&mut self, task: &Task, due_ms: i64) -> Result<(), StoreError> {
        self.after.later = true;
        self.tx.put(
            "UPDATE outbox SET due_ms = $3, attempts = attempts + 1, claimed_until_ms = 0
             WHERE subject = $1 AND task = $2",
            &[task.subject.as_str().into(), task.kind.name().into(), due_ms.into()],
            Expect::Any,
        )
    }

    /// Notes that an order changed, so that whoever watches it is told.
    pub fn touch(&mut self, order_id: &str) {
        if self.after.touched.iter().all(|touched| touched != order_id) {
            self.after.touched.push(order_id.to_owned());
        }
    }

    /// Puts something before a person. The first report of a cause on a subject stays until it was seen to; if it happens
    /// again after that, it is news.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn exception(&mut self, subject: &str, cause: &str, detail: &str) -> Result<(), StoreError> {
        self.exception_of(subject, cause, detail, None)
    }

    /// The same with the money that it is about: a decimal number with its currency.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn exception_of(
        &mut self,
        subject: &str,
        cause: &str,
        detail: &str,
        amount: Option<Amount>,
    ) -> Result<(), StoreError> {
        self.tx.put(
            "INSERT INTO exception (subject, cause, detail, at_ms, amount) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (subject, cause) DO UPDATE SET
                 detail = $3 || ' (again: ' || COALESCE(exception.resolved_by, '') || ' saw to it before)',
                 at_ms = $4, amount = $5, resolved_ms = NULL, resolved_by = NULL, resolution = NULL
             WHERE exception.resolved_ms IS NOT NULL",
            &[
                subject.into(),
                cause.into(),
                detail.into(),
                self.now_ms.into(),
                amount.map(|amount| amount.with_currency()).into(),
            ],
            Expect::Any,
        )
    }

    /// Puts something before a person that may grow while it is there: it always says the newest, and since when it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn growing_exception(
        &mut self,
        subject: &str,
        cause: &str,
        detail: &str,
        amount: Amount,
    ) -> Result<(), StoreError> {
        self.tx.put(
            "INSERT INTO exception (subject, cause, detail, at_ms, amount) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (subject, cause) DO UPDATE SET
                 detail = CASE WHEN exception.resolved_ms IS NULL THEN $3
                               ELSE $3 || ' (again: ' || COALESCE(exception.resolved_by, '') || ' saw to it before)' END,
                 at_ms = CASE WHEN exception.resolved_ms IS NULL THEN exception.at_ms ELSE $4 END,
                 amount = $5, resolved_ms = NULL, resolved_by = NULL, resolution = NULL",
            &[
                subject.into(),
                cause.into(),
                detail.into(),
                self.now_ms.into(),
                amount.with_currency().into(),
            ],
            Expect::Any,
        )
    }

    /// An exception needs nobody any more, for a reason in words. If none is open, nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn went_on(&mut self, subject: &str, cause: &str, why: &str) -> Result<(), StoreError> {
        let resolution = format!("seen: {why}");
        self.tx.execute(
            "UPDATE exception SET resolved_ms = $3, resolved_by = 'station', resolution = $4
             WHERE subject = $1 AND cause = $2 AND resolved_ms IS NULL",
            &[subject.into(), cause.into(), self.now_ms.into(), resolution.into()],
        )?;
        Ok(())
    }

    /// Puts something before a person that is found again at every look: only once, also if it was seen to. Gives whether it is
    /// new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn difference(
        &mut self,
        subject: &str,
        cause: &str,
        detail: &str,
        amount: Option<Amount>,
    ) -> Result<bool, StoreError> {
        let noted = self.tx.execute(
            "INSERT INTO exception (subject, cause, detail, at_ms, amount) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (subject, cause) DO NOTHING",
            &[
                subject.into(),
                cause.into(),
                detail.into(),
                self.now_ms.into(),
                amount.map(|amount| amount.with_currency()).into(),
            ],
        )?;
        Ok(noted == 1)
    }

    /// Gives what was queued for this process to whichever looks into the outbox next: for commands whose process ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hand_over(&mut self) -> Result<(), StoreError> {
        for task in std::mem::take(&mut self.after.due) {
            self.queue_at(task.kind, &task.subject, self.now_ms)?;
        }
        Ok(())
    }
}
