//! Statements of one transaction on a connection.

use super::link::{Done, Failure, Link, Sent};
use crate::store::{Expect, Question, Row, StoreError, Tx, Value, is_question};

/// Most statements that wait to be sent.
const MOST_WAITING: usize = 256;

/// A transaction, and the connection that it runs on. What begins and ends it and its SAVEPOINTs, and what nobody waits for,
/// waits for the next question and goes with it in one round trip. So a statement may fail only when its command has ended.
pub(super) struct PostgresTx {
    /// The connection.
    pub(super) link: Link,
    part: i64,
    is_reading: bool,
    /// What is still to be sent, in this order.
    waiting: Vec<Sent>,
    /// How much of that is from before the command that runs.
    before: usize,
    /// Whether the server knows of the transaction.
    is_begun: bool,
    /// Whether the server knows of something that the command that runs has written.
    has_written: bool,
    /// What failed since this was last asked. Nothing more is sent until it is taken.
    failure: Option<Failure>,
}

impl PostgresTx {
    /// Transactions on `link` of a process that books into `part`. With `is_reading` nothing is locked: the server refuses
    /// `FOR UPDATE` in a transaction that only reads, which sees one state anyway.
    pub(super) fn new(link: Link, part: i64, is_reading: bool) -> Self {
        Self {
            link,
            part,
            is_reading,
            waiting: Vec::new(),
            before: 0,
            is_begun: false,
            has_written: false,
            failure: None,
        }
    }

    /// Begins a transaction by `sql`.
    pub(super) fn begin(&mut self, sql: &'static str) {
        self.waiting.clear();
        self.is_begun = false;
        self.failure = None;
        self.then(sql);
    }

    /// Queues a statement that changes where the transaction is. What comes after it is of the next command.
    pub(super) fn then(&mut self, sql: &'static str) {
        self.waiting.push(Sent::Control(sql));
        self.next_command();
    }

    /// What comes now is of the next command.
    pub(super) fn next_command(&mut self) {
        self.before = self.waiting.len();
        self.has_written = false;
    }

    /// Forgets what the command that runs has queued. Gives whether that undoes it: the server knows of nothing that it wrote.
    pub(super) fn forget(&mut self) -> bool {
        self.waiting.truncate(self.before);
        !self.has_written
    }

    /// What failed since this was last asked.
    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Sends the statements that wait, unless something failed already, and waits for their answers. A failure is to be taken.
    pub(super) fn flush(&mut self) {
        if self.failure.is_none() && self.waiting.iter().any(|sent| matches!(sent, Sent::Statement { .. })) {
            // It is kept.
            let _ = self.send(&[]);
        }
    }

    /// Ends the transaction by `sql`. Statements must have been flushed. If none was sent there is nothing to end.
    pub(super) fn end(&mut self, sql: &'static str) -> Result<(), Failure> {
        self.then(sql);
        let controls = self.waiting.drain(..).filter_map(|sent| match sent {
            Sent::Control(sql) => Some(sql),
            Sent::Statement { .. } => None,
        });
        let controls = controls.collect::<Vec<_>>().join("; ");
        if std::mem::take(&mut self.is_begun) { self.link.batch(&controls) } else { Ok(()) }
    }

    /// Ends the transaction so that nothing of it is kept.
    pub(super) fn roll_back(&mut self) -> Result<(), Failure> {
        self.waiting.clear();
        self.failure = None;
        self.end("ROLLBACK")
    }

    /// Sends what waits and these questions after it.
    fn send(&mut self, questions: &[Question<'_>]) -> Result<Vec<Done>, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into_error());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let writes = |sent: &Sent| matches!(sent, Sent::Statement { .. });
        self.has_written |= waiting[self.before..].iter().any(writes);
        self.has_written |= questions.iter().any(|(sql, _)| !is_question(sql));
        self.before = 0;
        self.is_begun = true;
        let sent = self.link.send(&waiting, questions);
        sent.map_err(|failure| self.failure.insert(failure).clone().into_error())
    }

    /// The statement as it is to be sent.
    fn unlocked(&self, sql: &'static str) -> &'static str {
        if self.is_reading { sql.trim_end_matches(" FOR UPDATE") } else { sql }
    }

    fn run(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Done, StoreError> {
        let mut answers = self.send(&[(self.unlocked(sql), parameters)])?;
        answers.pop().ok_or_else(|| StoreError::Shape("a statement without an answer".to_owned()))
    }
}

impl Tx for PostgresTx {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.run(sql, parameters).map(|done| done.changed)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.run(sql, parameters).map(|done| done.rows)
    }

    fn put(&mut self, sql: &'static str, parameters: &[Value], expect: Expect) -> Result<(), StoreError> {
        if self.is_reading {
            return expect.check(self.execute(sql, parameters)?);
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into_error());
        }
        if self.waiting.len() >= MOST_WAITING {
            self.send(&[])?;
        }
        self.waiting.push(Sent::Statement { sql, parameters: parameters.to_vec(), expect });
        Ok(())
    }

    fn query_each(&mut self, questions: &[Question<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let questions: Vec<_> = questions.iter().map(|(sql, parameters)| (self.unlocked(sql), *parameters)).collect();
        Ok(self.send(&questions)?.into_iter().map(|done| done.rows).collect())
    }

    fn part(&self) -> i64 {
        self.part
    }
}
