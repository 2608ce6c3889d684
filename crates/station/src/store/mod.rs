//! The database behind a small trait.
//!
//! SQL is written once, with `$1`, `$2` …, in the words that SQLite and PostgreSQL share. Callers hand commands to the one
//! writer of a process, which runs as many as are waiting in one transaction, and answers them after the commit. If one of
//! them fails after it has written, all are run again, each in its own SAVEPOINT, so that the others stay.
//!
//! Other processes may work on the same database: a command that decides on what it reads locks first what it is about
//! (`… FOR UPDATE`), meters before orders. SQLite has one writer at a time and needs no such lock: its store drops the words.

mod postgres;
mod schema;
mod sqlite;
mod tables;
mod watch;

pub use postgres::PostgresStore;
pub use sqlite::{GroupSize, SqliteStore, SqliteTx};
pub use tables::{Table, schema_version, tables};
pub use watch::{COMMIT_BOUNDS_US, Fault, GROUP_BOUNDS, Histogram, Watch};

use std::future::Future;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A value of a column or a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// All its values.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// The BIGINT in column `at`.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn int(&self, at: usize) -> Result<i64, StoreError> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(*value),
            other => Err(StoreError::shape(at, "BIGINT", other)),
        }
    }

    /// The BIGINT in column `at` as another type of integer.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else or out of range.
    pub fn number<T: TryFrom<i64>>(&self, at: usize) -> Result<T, StoreError> {
        let value = self.int(at)?;
        T::try_from(value).map_err(|_| StoreError::Shape(format!("column {at} holds {value}, which is out of range")))
    }

    /// The BIGINT in column `at`, or none.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn optional_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        if self.0.get(at) == Some(&Value::Null) { Ok(None) } else { self.int(at).map(Some) }
    }

    /// The TEXT in column `at`.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn text(&self, at: usize) -> Result<&str, StoreError> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(value),
            other => Err(StoreError::shape(at, "TEXT", other)),
        }
    }

    /// The TEXT in column `at`, or none.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn optional_text(&self, at: usize) -> Result<Option<&str>, StoreError> {
        if self.0.get(at) == Some(&Value::Null) { Ok(None) } else { self.text(at).map(Some) }
    }

    /// The BYTEA in column `at`, or none.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn optional_bytes(&self, at: usize) -> Result<Option<&[u8]>, StoreError> {
        if self.0.get(at) == Some(&Value::Null) { Ok(None) } else { self.bytes(at).map(Some) }
    }

    /// The BYTEA in column `at`.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if it is something else.
    pub fn bytes(&self, at: usize) -> Result<&[u8], StoreError> {
        match self.0.get(at) {
            Some(Value::Bytes(value)) => Ok(value),
            other => Err(StoreError::shape(at, "BYTEA", other)),
        }
    }
}

/// Why the database could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused a statement.
    #[error("database: {0}")]
    Database(String),
    /// A row is not as the schema says.
    #[error("unexpected row: {0}")]
    Shape(String),
    /// A statement changed another number of rows than it must: what was and how many.
    #[error("{0}")]
    Count(String),
    /// Another process changed the same rows at the same time; the group is run again.
    #[error("another process changed the same rows: {0}")]
    Conflict(String),
    /// The connection broke while the group was committed: whether it is durable is not known. The same again, under the same
    /// ids, is right.
    #[error("the connection to the database broke: {0}")]
    Lost(String),
    /// The group could not be committed, and this process must end. Nothing of it was told to anybody; whether it is durable is
    /// known after the next start (a failed fsync may have written it). The same again, under the same ids, is right.
    #[error("the database cannot commit: {0}")]
    Commit(String),
    /// Too much is waiting already. Nothing was done.
    #[error("too much is waiting for the database")]
    Busy,
    /// The writer has stopped.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    fn shape(at: usize, wanted: &str, found: Option<&Value>) -> Self {
        // Values may be personal: only their kind is told.
        let found = match found {
            None => "nothing",
            Some(Value::Null) => "NULL",
            Some(Value::Int(_)) => "BIGINT",
            Some(Value::Text(_)) => "TEXT",
            Some(Value::Bytes(_)) => "BYTEA",
        };
        Self::Shape(format!("column {at} should be {wanted} and is {found}"))
    }
}

/// How many rows a statement must change that is not waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly one; else the state is not as it must be. Named is what the statement is for.
    One(&'static str),
    /// Exactly so many; else the same.
    Rows(&'static str, u64),
    /// Exactly one; else another process was faster, and the command is run again.
    OneOrAgain,
}

impl Expect {
    /// Judges the number of rows that were changed.
    ///
    /// # Errors
    /// [`StoreError::Count`], [`StoreError::Conflict`].
    pub fn check(self, changed: u64) -> Result<(), StoreError> {
        match self {
            Self::Any => Ok(()),
            Self::One(_) | Self::OneOrAgain if changed == 1 => Ok(()),
            Self::Rows(_, rows) if changed == rows => Ok(()),
            Self::One(what) | Self::Rows(what, _) => Err(StoreError::Count(format!("{what} changed {changed} rows"))),
            Self::OneOrAgain => Err(StoreError::Conflict("another process was faster".to_owned())),
        }
    }
}

/// A question among several that are asked together: its statement and parameters.
pub type Question<'a> = (&'static str, &'a [Value]);

/// Whether a statement only reads.
fn is_question(sql: &str) -> bool {
    sql.starts_with("SELECT")
}

/// Statements inside one transaction. `INSERT … RETURNING` goes through [`Tx::query`]. A command whose statement failed must
/// fail too: PostgreSQL keeps nothing of it.
pub trait Tx {
    /// Runs a statement; gives the number of rows that it changed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError>;

    /// Runs a statement; gives its rows.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement whose result need not be waited for: it may be sent with the next one, or when the command has ended. A
    /// command in which it fails fails too, whatever it made of that.
    ///
    /// # Errors
    /// As [`Tx::execute`], and as [`Expect::check`]; possibly not here, but to whoever waits for the command.
    fn put(&mut self, sql: &'static str, parameters: &[Value], expect: Expect) -> Result<(), StoreError> {
        expect.check(self.execute(sql, parameters)?)
    }

    /// Runs several statements, one after the other, of which none needs the result of another; gives the rows of each.
    ///
    /// # Errors
    /// As [`Tx::query`].
    fn query_each(&mut self, questions: &[Question<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        questions.iter().map(|(sql, parameters)| self.query(sql, parameters)).collect()
    }

    /// Which part of a hot account this process books into, so that processes do not wait for each other. Two may have the
    /// same: then they wait.
    fn part(&self) -> i64 {
        0
    }
}

/// A command for the writer, together with whoever waits for its result.
pub trait Job: Send {
    /// Runs the command; gives whether to keep what it wrote (else its SAVEPOINT is rolled back). It is run again if its group
    /// has to be repeated, so it must depend on nothing but the database.
    fn run(&mut self, tx: &mut dyn Tx) -> bool;

    /// Tells whoever waits: what the last run gave, or why the group was not committed.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A database.
pub trait Store: Send + Sync {
    /// Queues a command for the writer.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if the writer has stopped, [`StoreError::Busy`] if it takes no more now.
    fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Queues a command that only reads, outside the writer.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if the database is closed, [`StoreError::Busy`] if it takes no more now.
    fn submit_read(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Whether other processes may be working on the same database.
    fn is_shared(&self) -> bool;

    /// The name by which this process claims tasks among others on the same database: the same after a restart. None: it is
    /// alone, or cannot be told from others.
    fn claimant(&self) -> Option<&Arc<str>> {
        None
    }

    /// What it tells of itself while it works, if it does.
    fn watch(&self) -> Option<Arc<Watch>> {
        None
    }
}

impl dyn Store + '_ {
    /// Runs `command` in a transaction and waits until it is durable. On an error of its own nothing of it is kept.
    ///
    /// # Errors
    /// The command's error, or [`StoreError`] when the database failed.
    pub fn write<T, E, C>(&self, command: C) -> impl Future<Output = Result<T, E>> + Send + use<T, E, C>
    where
        C: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = Asked::new(command);
        let queued = self.submit(job);
        async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
        }
    }

    /// Runs `command`, which only reads, on what is durable.
    ///
    /// # Errors
    /// The command's error, or [`StoreError`] when the database failed.
    pub fn read<T, E, C>(&self, command: C) -> impl Future<Output = Result<T, E>> + Send + use<T, E, C>
    where
        C: FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = Asked::new(command);
        let queued = self.submit_read(job);
        async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
        }
    }
}

/// A command whose result goes through a channel.
struct Asked<T, E, C> {
    command: C,
    result: Option<Result<T, E>>,
    sender: oneshot::Sender<Result<T, E>>,
}

impl<T, E, C> Asked<T, E, C> {
    fn new(command: C) -> (Box<Self>, oneshot::Receiver<Result<T, E>>) {
        let (sender, receiver) = oneshot::channel();
        (Box::new(Self { command, result: None, sender }), receiver)
    }
}

impl<T, E, C> Job for Asked<T, E, C>
where
    C: FnMut(&mut dyn Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> bool {
        self.result.insert((self.command)(tx)).is_ok()
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, sender, .. } = *self;
        let never_run = || Err(StoreError::Closed.into());
        // Who asked may have gone away; what was committed stays.
        let _ = sender.send(committed.map_err(E::from).and_then(|()| result.unwrap_or_else(never_run)));
    }
}
