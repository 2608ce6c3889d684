//! Statements of one transaction on a connection.

use super::link::{Done, Failure, Link};
use crate::store::{Row, StoreError, Tx, Value};
use std::mem;

/// A transaction, and the connection that it runs on. What begins and ends it and its SAVEPOINTs waits for the next statement
/// and goes with it in one round trip.
pub(super) struct PostgresTx {
    /// The connection.
    pub(super) link: Link,
    part: i64,
    is_reading: bool,
    /// What is still to be sent.
    waiting: String,
    /// Whether the server knows of the transaction.
    is_begun: bool,
    /// What failed since the last SAVEPOINT. Nothing more is sent until it is taken.
    failure: Option<Failure>,
}

impl PostgresTx {
    /// Transactions on `link` of a process that books into `part`. With `is_reading` nothing is locked: the server refuses
    /// `FOR UPDATE` in a transaction that only reads, which sees one state anyway.
    pub(super) fn new(link: Link, part: i64, is_reading: bool) -> Self {
        Self { link, part, is_reading, waiting: String::new(), is_begun: false, failure: None }
    }

    /// Begins a transaction by `sql`.
    pub(super) fn begin(&mut self, sql: &str) {
        sql.clone_into(&mut self.waiting);
        self.is_begun = false;
        self.failure = None;
    }

    /// Queues a statement that changes where the transaction is.
    pub(super) fn then(&mut self, sql: &str) {
        self.waiting.push_str("; ");
        self.waiting.push_str(sql);
    }

    /// What failed since this was last asked.
    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Ends the transaction by what was queued and `sql`. If no statement was sent there is nothing to end.
    pub(super) fn end(&mut self, sql: &str) -> Result<(), Failure> {
        self.then(sql);
        let waiting = mem::take(&mut self.waiting);
        if self.is_begun {
            self.link.batch(&waiting)?;
            self.is_begun = false;
        }
        Ok(())
    }

    fn run(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Done, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into_error());
        }
        let sql = if self.is_reading { sql.trim_end_matches(" FOR UPDATE") } else { sql };
        let control = mem::take(&mut self.waiting);
        self.is_begun = true;
        self.link.run(&control, sql, parameters).map_err(|failure| self.failure.insert(failure).clone().into_error())
    }
}

impl Tx for PostgresTx {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.run(sql, parameters).map(|done| done.changed)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.run(sql, parameters).map(|done| done.rows)
    }

    fn part(&self) -> i64 {
        self.part
    }
}
