//! SQLite: embedded, WAL, `synchronous=FULL`, one writer thread and one reader thread.

mod value;

use super::schema::MIGRATIONS;
use super::{Fault, Job, Row, Store, StoreError, Tx, Value, Watch, is_question};
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use value::from_sqlite;

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
/// Pages of the database that a connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 32 * 1024;
/// After how many pages (of 4 KiB) the log is moved into the database: seldom, since most pages change again and again.
const LOG_PAGES: i64 = 8192;
/// Prepared statements kept.
const STATEMENT_CACHE: usize = 256;

/// A SQLite database with its writer and reader threads. Dropping it lets queued commands finish first.
pub struct SqliteStore {
    writer: Option<SyncSender<Box<dyn Job>>>,
    reader: Option<SyncSender<Box<dyn Job>>>,
    /// The writer's, then the reader's.
    threads: Vec<JoinHandle<()>>,
    watch: Arc<Watch>,
}

impl SqliteStore {
    /// Opens or makes the database in the file `path` and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened, belongs to a newer version, or cannot be migrated.
    pub fn open(path: &Path, group: GroupSize) -> Result<Self, StoreError> {
        Self::open_with(path, group, &MIGRATIONS)
    }

    /// The same for a database with tables of its own.
    pub(crate) fn open_with(
        path: &Path,
        group: GroupSize,
        migrations: &[&'static [&'static str]],
    ) -> Result<Self, StoreError> {
        let mut connection = connect(path)?;
        migrate(&mut connection, migrations)?;
        connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
        let reading = connect(path)?;
        reading.pragma_update(None, "query_only", true)?;
        let (writer, jobs) = sync_channel(QUEUE);
        let (reader, questions) = sync_channel(QUEUE);
        let watch = Arc::new(Watch::default());
        let (writing_watch, reading_watch) = (watch.clone(), watch.clone());
        let threads = vec![
            spawn("store-writer", move || {
                write_in_groups(&mut SqliteTx::new(connection), &jobs, group, &writing_watch)
            })?,
            spawn("store-reader", move || answer_reads(&mut SqliteTx::new(reading), &questions, &reading_watch))?,
        ];
        Ok(Self { writer: Some(writer), reader: Some(reader), threads, watch })
    }

    /// Moves all that was committed out of the log (`-wal`) of the database in the file `path` and empties the log, so that
    /// what was erased is not left in it; gives whether that could be done now.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be opened or written.
    pub fn empty_log(path: &Path) -> Result<bool, StoreError> {
        let busy = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        // Waits for readers and writers as long as opening does. <https://sqlite.org/pragma.html#pragma_wal_checkpoint>
        Ok(connect(path)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy)? == 0)
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(body).map_err(|error| StoreError::Database(format!("starting a thread: {error}")))
}

impl Store for SqliteStore {
    fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.writer.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
    }

    fn submit_read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.reader.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn watch(&self) -> Option<Arc<Watch>> {
        Some(self.watch.clone())
    }
}

impl SqliteStore {
    /// Waits for the last of the threads, whose sender is gone.
    fn join_last(&mut self) {
        if self.threads.pop().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the database ended badly");
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // One after the other, the writer last: two connections that close at once both leave the log to the other one.
        self.reader = None;
        self.join_last();
        self.writer = None;
        self.join_last();
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What was erased must not stay readable in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // What a SAVEPOINT keeps of pages that change, else in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

fn migrate(connection: &mut Connection, migrations: &[&'static [&'static str]]) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let done: usize = tx.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? as usize;
    if done > migrations.len() {
        return Err(StoreError::Database(format!(
            "the database is of schema version {done}, this program knows {}: use a newer program",
            migrations.len()
        )));
    }
    for statement in migrations.iter().skip(done).flat_map(|migration| migration.iter()) {
        tx.execute_batch(&sqlite_types(statement))?;
    }
    tx.pragma_update(None, "user_version", migrations.len() as i64)?;
    tx.commit()?;
    Ok(())
}

/// The one type map: STRICT tables know INTEGER, TEXT and BLOB.
fn sqlite_types(statement: &str) -> String {
    let statement = statement.replace("BIGINT", "INTEGER").replace("BYTEA", "BLOB");
    if statement.starts_with("CREATE TABLE") { statement + " STRICT" } else { statement }
}

/// Runs commands until all senders are gone: as many as are waiting in one transaction.
fn write_in_groups(tx: &mut SqliteTx, jobs: &Receiver<Box<dyn Job>>, group: GroupSize, watch: &Watch) {
    while let Ok(first) = jobs.recv() {
        let waiting = std::iter::once(first).chain(std::iter::from_fn(|| jobs.try_recv().ok()));
        let mut ran = Vec::new();
        watch.group_begins();
        let committed = commit_group(tx, waiting.take(group.0), &mut ran, watch);
        let ended = committed.map_err(|Broken { fault, words }| {
            // What a failed fsync left behind is not known: nothing more may be promised by this process.
            tracing::error!(error = words, "the database cannot commit; no more commands are taken");
            watch.failed(fault, &words);
            StoreError::Commit(words)
        });
        for job in ran {
            job.tell(ended.clone());
        }
        if ended.is_err() {
            return;
        }
    }
}

/// Why a group could not be committed.
struct Broken {
    fault: Fault,
    words: String,
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(&error)
    }
}

impl Broken {
    fn of(error: &rusqlite::Error) -> Self {
        Self { fault: fault(error).unwrap_or(Fault::Other), words: words(error) }
    }
}

/// Runs the jobs and commits them together. All that were taken are in `ran`, also on failure. A group in which the disk failed
/// is given up as a whole: SQLite may have rolled back more than the statement that failed.
///
/// Most commands do not fail, and a SAVEPOINT costs a copy of every page that changes after it. So only if one fails after it
/// has written, all are rolled back and run again, each in a SAVEPOINT of its own.
fn commit_group(
    tx: &mut SqliteTx,
    jobs: impl Iterator<Item = Box<dyn Job>>,
    ran: &mut Vec<Box<dyn Job>>,
    watch: &Watch,
) -> Result<(), Broken> {
    let begun = begin(tx);
    tx.in_group = begun.is_ok();
    let mut begun = begun.map_err(Broken::from);
    for mut job in jobs {
        let ended = std::mem::replace(&mut begun, Ok(())).and_then(|()| together(tx, &mut *job));
        ran.push(job);
        if !ended? {
            tx.connection.execute_batch("ROLLBACK")?;
            begin(tx)?;
            ran.iter_mut().try_for_each(|job| in_savepoint(tx, &mut **job))?;
            break;
        }
    }
    let started = Instant::now();
    tx.connection.execute_batch("COMMIT")?;
    tx.in_group = false;
    watch.group_committed(ran.len(), started.elapsed());
    Ok(())
}

/// Runs a job; gives whether it leaves nothing that must be undone.
fn together(tx: &mut SqliteTx, job: &mut dyn Job) -> Result<bool, Broken> {
    tx.has_written = false;
    let keep = job.run(tx);
    match tx.broken.take() {
        // Whatever the command made of the error: nothing of this group is kept.
        Some(broken) => Err(broken),
        None => Ok(keep || !tx.has_written),
    }
}

fn in_savepoint(tx: &mut SqliteTx, job: &mut dyn Job) -> Result<(), Broken> {
    tx.connection.execute_batch("SAVEPOINT command")?;
    let keep = job.run(tx);
    if let Some(broken) = tx.broken.take() {
        return Err(broken);
    }
    Ok(tx.connection.execute_batch(if keep { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" })?)
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

fn answer_reads(tx: &mut SqliteTx, questions: &Receiver<Box<dyn Job>>, watch: &Watch) {
    while let Ok(mut job) = questions.recv() {
        watch.read_begins();
        let begun = tx.connection.execute_batch("BEGIN");
        job.run(tx);
        let ended = begun.and_then(|()| tx.connection.execute_batch("COMMIT"));
        watch.read_ends();
        job.tell(ended.map_err(StoreError::from));
    }
}

/// Statements on one SQLite connection. Used by the writer, and directly by whoever needs no threads.
pub struct SqliteTx {
    connection: Connection,
    translated: HashMap<&'static str, String>,
    /// Whether a group is being written: then a statement outside a transaction would be committed alone.
    in_group: bool,
    /// Whether the command that runs has written.
    has_written: bool,
    /// Why the group that is being written must be given up.
    broken: Option<Broken>,
}

impl SqliteTx {
    fn new(connection: Connection) -> Self {
        Self { connection, translated: HashMap::new(), in_group: false, has_written: false, broken: None }
    }

    /// A database in memory with the newest schema, for simulations and tests.
    ///
    /// # Errors
    /// [`StoreError`] if SQLite cannot make it.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        migrate(&mut connection, &MIGRATIONS)?;
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

impl SqliteTx {
    /// Runs a statement; notes if its failure means that the whole group must be given up.
    fn checked<T>(
        &mut self,
        sql: &'static str,
        run: impl FnOnce(&mut rusqlite::CachedStatement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if self.in_group && (self.broken.is_some() || self.connection.is_autocommit()) {
            return Err(StoreError::Commit("the group was given up".to_owned()));
        }
        self.has_written |= !is_question(sql);
        let translated = self.translated.entry(sql).or_insert_with(|| numbered(sql));
        let done = self.connection.prepare_cached(translated).and_then(|mut statement| run(&mut statement));
        done.map_err(|error| {
            if self.in_group && (fault(&error).is_some() || self.connection.is_autocommit()) {
                self.broken = Some(Broken::of(&error));
            }
            StoreError::from(error)
        })
    }
}

impl Tx for SqliteTx {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.checked(sql, |statement| Ok(statement.execute(params_from_iter(parameters))? as u64))
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.checked(sql, |statement| {
            let columns = statement.column_count();
            let rows = statement.query_map(params_from_iter(parameters), |row| {
                (0..columns)
                    .map(|at| row.get_ref(at))
                    .collect::<Result<Vec<_>, _>>()
                    .map(|values| Row::new(values.into_iter().map(from_sqlite).collect()))
            })?;
            rows.collect()
        })
    }
}

/// `$1` is a name to SQLite, bound in order of appearance; `?1` is the first parameter wherever it stands. And who writes is
/// alone.
fn numbered(sql: &str) -> String {
    sql.trim_end_matches(" FOR UPDATE").replace('$', "?")
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(words(&error))
    }
}

/// Whether the disk is to blame for an error, and how. SQLite's result codes: <https://sqlite.org/rescode.html>.
fn fault(error: &rusqlite::Error) -> Option<Fault> {
    use rusqlite::ErrorCode as C;
    match error.sqlite_error_code()? {
        C::DiskFull => Some(Fault::DiskFull),
        C::SystemIoFailure | C::DatabaseCorrupt | C::NotADatabase | C::ReadOnly | C::CannotOpen => Some(Fault::Io),
        _ => None,
    }
}

/// What is told of an error: for a disk's, the extended code too, which says what was being done.
fn words(error: &rusqlite::Error) -> String {
    match (fault(error), error.sqlite_error()) {
        (Some(Fault::DiskFull), _) => "the disk is full".to_owned(),
        (Some(_), Some(code)) => format!("{error} (SQLite result code {})", code.extended_code),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
