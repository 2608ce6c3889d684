//! SQLite: embedded, WAL, `synchronous=FULL`, one writer thread and one reader thread.

use super::schema::MIGRATIONS;
use super::{Done, Job, Row, Store, StoreError, Tx, Value};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Most commands in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct GroupSize(pub usize);

impl Default for GroupSize {
    fn default() -> Self {
        Self(512)
    }
}

/// Most commands that wait for the writer or the reader; then callers wait.
const QUEUE: usize = 4096;
/// How long opening waits for another process that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the writer waits for one before it says so, and goes on waiting.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Prepared statements kept.
const STATEMENT_CACHE: usize = 256;

/// A SQLite database with its writer and reader threads. Dropping it lets queued commands finish first.
pub struct SqliteStore {
    writer: Option<SyncSender<Job>>,
    reader: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens or makes the database in the file `path` and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened, belongs to a newer version, or cannot be migrated.
    pub fn open(path: &Path, group: GroupSize) -> Result<Self, StoreError> {
        let mut connection = connect(path)?;
        migrate(&mut connection)?;
        connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
        let reading = connect(path)?;
        reading.pragma_update(None, "query_only", true)?;
        let (writer, jobs) = sync_channel(QUEUE);
        let (reader, questions) = sync_channel(QUEUE);
        let threads = vec![
            spawn("store-writer", move || write_in_groups(&mut SqliteTx::new(connection), &jobs, group))?,
            spawn("store-reader", move || answer_reads(&mut SqliteTx::new(reading), &questions))?,
        ];
        Ok(Self { writer: Some(writer), reader: Some(reader), threads })
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(body).map_err(|error| StoreError::Database(format!("starting a thread: {error}")))
}

impl Store for SqliteStore {
    fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.writer.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
    }

    fn submit_read(&self, job: Job) -> Result<(), StoreError> {
        self.reader.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.writer = None;
        self.reader = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the database ended badly");
            }
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let done: usize = tx.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? as usize;
    if done > MIGRATIONS.len() {
        return Err(StoreError::Database(format!(
            "the database is of schema version {done}, this program knows {}: use a newer program",
            MIGRATIONS.len()
        )));
    }
    for statement in MIGRATIONS.iter().skip(done).flat_map(|migration| migration.iter()) {
        tx.execute_batch(&sqlite_types(statement))?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    tx.commit()?;
    Ok(())
}

/// The one type map: STRICT tables know INTEGER, TEXT and BLOB.
fn sqlite_types(statement: &str) -> String {
    let statement = statement.replace("BIGINT", "INTEGER").replace("BYTEA", "BLOB");
    if statement.starts_with("CREATE TABLE") { statement + " STRICT" } else { statement }
}

/// Runs commands until all senders are gone: as many as are waiting in one transaction.
fn write_in_groups(tx: &mut SqliteTx, jobs: &Receiver<Job>, group: GroupSize) {
    while let Ok(first) = jobs.recv() {
        let waiting = std::iter::once(first).chain(std::iter::from_fn(|| jobs.try_recv().ok()));
        let mut tell = Vec::new();
        let committed = commit_group(tx, waiting.take(group.0), &mut tell);
        for tell in tell {
            tell(committed.clone());
        }
        if let Err(error) = committed {
            // What a failed fsync left behind is not known: nothing more may be promised by this process.
            tracing::error!(%error, "the database cannot commit; no more commands are taken");
            return;
        }
    }
}

type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

fn commit_group(tx: &mut SqliteTx, jobs: impl Iterator<Item = Job>, tell: &mut Vec<Tell>) -> Result<(), StoreError> {
    let commit = |error: rusqlite::Error| StoreError::Commit(error.to_string());
    let mut jobs = jobs;
    // Opened inside the loop's first turn would lose the first job on failure: so the job is told of the failure too.
    let begun = begin(tx).map_err(commit);
    for job in jobs.by_ref() {
        if begun.is_err() {
            tell.push(job(&mut Refusing).tell);
            continue;
        }
        tx.connection.execute_batch("SAVEPOINT command").map_err(commit)?;
        let Done { keep, tell: to_tell } = job(tx);
        tell.push(to_tell);
        let end = if keep { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" };
        tx.connection.execute_batch(end).map_err(commit)?;
    }
    begun?;
    tx.connection.execute_batch("COMMIT").map_err(commit)
}

/// Begins a transaction, however long another process holds the database: nothing was run yet, so nothing is lost by waiting.
fn begin(tx: &SqliteTx) -> rusqlite::Result<()> {
    loop {
        match tx.connection.execute_batch("BEGIN IMMEDIATE") {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                tracing::warn!("another process holds the database; waiting for it");
            }
            begun => return begun,
        }
    }
}

fn answer_reads(tx: &mut SqliteTx, questions: &Receiver<Job>) {
    while let Ok(job) = questions.recv() {
        let begun = tx.connection.execute_batch("BEGIN");
        let done = job(tx);
        let ended = begun.and_then(|()| tx.connection.execute_batch("COMMIT"));
        (done.tell)(ended.map_err(StoreError::from));
    }
}

/// Stands in for a transaction that could not be begun.
struct Refusing;

impl Tx for Refusing {
    fn execute(&mut self, _: &'static str, _: &[Value]) -> Result<u64, StoreError> {
        Err(StoreError::Closed)
    }

    fn query(&mut self, _: &'static str, _: &[Value]) -> Result<Vec<Row>, StoreError> {
        Err(StoreError::Closed)
    }
}

/// Statements on one SQLite connection. Used by the writer, and directly by whoever needs no threads.
pub struct SqliteTx {
    connection: Connection,
    translated: HashMap<&'static str, String>,
}

impl SqliteTx {
    fn new(connection: Connection) -> Self {
        Self { connection, translated: HashMap::new() }
    }

    /// A database in memory with the newest schema, for simulations and tests.
    ///
    /// # Errors
    /// [`StoreError`] if SQLite cannot make it.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        migrate(&mut connection)?;
        Ok(Self::new(connection))
    }

    /// Runs `command` in a SAVEPOINT of its own, which is undone if it fails.
    ///
    /// # Errors
    /// The command's error, or [`StoreError`].
    pub fn apply<T, E: From<StoreError>>(&mut self, command: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
        let batch = |tx: &Self, sql| tx.connection.execute_batch(sql).map_err(StoreError::from);
        batch(self, "SAVEPOINT command")?;
        let result = command(self);
        let end = if result.is_ok() { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" };
        batch(self, end)?;
        result
    }
}

impl Tx for SqliteTx {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        let translated = self.translated.entry(sql).or_insert_with(|| numbered(sql));
        let mut statement = self.connection.prepare_cached(translated)?;
        Ok(statement.execute(params_from_iter(parameters))? as u64)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let translated = self.translated.entry(sql).or_insert_with(|| numbered(sql));
        let mut statement = self.connection.prepare_cached(translated)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(parameters), |row| {
            (0..columns)
                .map(|at| row.get_ref(at))
                .collect::<Result<Vec<_>, _>>()
                .map(|values| Row::new(values.into_iter().map(from_sqlite).collect()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// `$1` is a name to SQLite, bound in order of appearance; `?1` is the first parameter wherever it stands.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn from_sqlite(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        // No column is REAL (STRICT); an expression that gave one would be a programmer's error that reads as bytes.
        ValueRef::Real(value) => Value::Bytes(value.to_be_bytes().to_vec()),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tx: &mut dyn Tx, sql: &'static str, parameters: &[Value]) -> Vec<Row> {
        tx.query(sql, parameters).unwrap()
    }

    #[test]
    fn parameters_bind_by_number_and_not_by_appearance() {
        let mut tx = SqliteTx::in_memory().unwrap();
        let rows = one(&mut tx, "SELECT $2, $1, $2", &["first".into(), "second".into()]);
        assert_eq!(rows, [Row::new(vec!["second".into(), "first".into(), "second".into()])]);
    }

    #[test]
    fn another_process_that_holds_the_database_only_delays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let store = SqliteStore::open(&path, GroupSize::default()).unwrap();
        let store: &dyn Store = &store;
        let other = connect(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let count = |tx: &mut dyn Tx| one(tx, "SELECT count(*) FROM meter", &[])[0].int(0);
        let mut written = Box::pin(store.write(count));
        runtime.block_on(async {
            let early = tokio::time::timeout(WRITER_BUSY_TIMEOUT * 2, &mut written).await;
            assert!(early.is_err(), "it has to wait: {early:?}");
            other.execute_batch("COMMIT").unwrap();
            assert_eq!(written.await.unwrap(), 0);
        });
    }

    #[test]
    fn a_failed_command_leaves_nothing_and_its_neighbours_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.db");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = SqliteStore::open(&path, GroupSize(3)).unwrap();
        let store: &dyn Store = &store;
        const INSERT: &str = "INSERT INTO exception (subject, cause, detail, at_ms) VALUES ($1, 'c', 'd', 0)";
        let answers: Vec<_> = (0..10)
            .map(|n: i64| {
                store.write(move |tx| {
                    tx.execute(INSERT, &[n.to_string().into()])?;
                    if n % 2 == 0 { Ok(n) } else { Err(StoreError::Shape("odd".into())) }
                })
            })
            .collect();
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(runtime.block_on(answer).is_ok(), n % 2 == 0);
        }
        let count = |tx: &mut dyn Tx| Ok::<_, StoreError>(one(tx, "SELECT count(*) FROM exception", &[]));
        assert_eq!(runtime.block_on(store.read(count)).unwrap()[0].int(0).unwrap(), 5);
    }
}
