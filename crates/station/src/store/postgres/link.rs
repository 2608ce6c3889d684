//! One connection to the server, owned by one thread, which it blocks.

use super::ask::{Known, Step, What, ask_all};
use super::random;
use super::value;
use crate::store::{Expect, Fault, Question, Row, StoreError, Value};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Statement};

/// What a session is set to. A process that hangs must not hold locks for ever: its transaction is ended after 10 s without a
/// statement, a statement after 30 s, a wait for a lock after 5 s.
const SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s'";
/// How long the client waits for an answer before it takes the connection for broken: longer than the server's own bounds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);
/// The same for a migration.
const SLOW_TIMEOUT: Duration = Duration::from_secs(660);
/// The same for making a connection, where the connection string names none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After how long without traffic the network is asked whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The first and the longest pause between attempts to reach a server.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// The oldest server: from 13 on `statement_timeout` is counted for each statement of a batch.
const OLDEST_SERVER: u32 = 13_00_00;
/// Prepared statements kept for one connection.
const STATEMENT_CACHE: usize = 1024;

const SETTINGS: &str = "SELECT current_setting('server_version_num'), current_setting('fsync'),
    current_setting('synchronous_commit'), current_setting('server_encoding'), datcollate
    FROM pg_database WHERE datname = current_database()";

/// Why a statement failed, by what is to be done about it.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The server refused it: the transaction can only be rolled back, to a SAVEPOINT or wholly.
    Refused(String),
    /// It changed another number of rows than it must.
    Count(String),
    /// Other processes are in the way: the same again may succeed.
    Conflict(String),
    /// The connection is of no more use; what was under way may have been done.
    Broken(String),
    /// The server's disk is full, or its files cannot be read or written: it cannot keep what it is given.
    Disk(Fault, String),
}

impl Failure {
    /// The error that callers see.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(why) | Self::Broken(why) | Self::Disk(_, why) => StoreError::Database(why),
            Self::Count(why) => StoreError::Count(why),
            Self::Conflict(why) => StoreError::Conflict(why),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Count(why) | Self::Conflict(why) | Self::Broken(why) | Self::Disk(_, why) => {
                f.write_str(why)
            }
        }
    }
}

/// What a statement gave.
pub(super) struct Done {
    /// Its rows.
    pub(super) rows: Vec<Row>,
    /// How many rows it changed.
    pub(super) changed: u64,
}

/// What is sent without waiting for its answer.
pub(super) enum Sent {
    /// What changes where the transaction is: no parameters, no rows.
    Control(&'static str),
    /// A statement, and how many rows it must change.
    Statement {
        /// Its words.
        sql: &'static str,
        /// Its parameters.
        parameters: Vec<Value>,
        /// How many rows it must change.
        expect: Expect,
    },
}

/// A connection that can be made again.
pub(super) struct Link {
    config: Config,
    closing: watch::Receiver<bool>,
    runtime: Runtime,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    statements: HashMap<&'static str, Vec<Statement>>,
    cached: usize,
}

impl Link {
    /// A link that is not connected yet. `closing` turns true when the store is dropped.
    pub(super) fn new(mut config: Config, closing: watch::Receiver<bool>) -> Result<Self, StoreError> {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite).keepalives_idle(KEEPALIVE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("coinless station");
        }
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Database(format!("starting a runtime: {error}")))?;
        Ok(Self { config, closing, runtime, connected: None })
    }

    /// Connects, once.
    ///
    /// # Errors
    /// [`StoreError::Database`] that says why not.
    pub(super) fn connect_once(&mut self) -> Result<(), StoreError> {
        self.connected = None;
        let config = &self.config;
        let connecting = async { tokio::time::timeout(ANSWER_TIMEOUT, connect(config)).await };
        let client = self.runtime.block_on(connecting).unwrap_or_else(|_| Err("no answer".to_owned()));
        let client = client.map_err(|why| StoreError::Database(format!("cannot use the PostgreSQL server: {why}")))?;
        self.connected = Some(Connected { client, statements: HashMap::new(), cached: 0 });
        Ok(())
    }

    /// Connects if there is no connection, as often as it takes, at most for `patience`.
    ///
    /// # Errors
    /// [`StoreError::Closed`] once the store is closing, [`StoreError::Database`] when patience is at an end.
    pub(super) fn connect(&mut self, patience: Option<Duration>) -> Result<(), StoreError> {
        if self.is_connected() {
            return Ok(());
        }
        let began = Instant::now();
        let (mut pause, longest) = PAUSE;
        loop {
            let Err(error) = self.connect_once() else {
                tracing::info!("connected to the database");
                return Ok(());
            };
            if *self.closing.borrow() {
                return Err(StoreError::Closed);
            }
            if patience.is_some_and(|patience| began.elapsed() >= patience) {
                return Err(error);
            }
            tracing::warn!(%error, "commands wait for the database");
            self.pause(pause);
            pause = (pause * 2).min(longest);
        }
    }

    /// Whether there is a connection, as far as is known.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.as_ref().is_some_and(|connected| !connected.client.is_closed())
    }

    /// Waits for about this long, less if the store is closing.
    pub(super) fn pause(&mut self, pause: Duration) {
        let most_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        let pause = pause / 2 + Duration::from_micros(random(most_us));
        let closing = &mut self.closing;
        // Both ends of the wait are right.
        let _ =
            self.runtime.block_on(async { tokio::time::timeout(pause, closing.wait_for(|closing| *closing)).await });
    }

    /// Ends the connection; the server rolls back what was open.
    pub(super) fn drop_connection(&mut self) {
        self.connected = None;
    }

    /// Runs statements without parameters and rows in one round trip.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        let (runtime, client) = self.parts()?;
        wait(runtime, ANSWER_TIMEOUT, client.batch_execute(sql))
    }

    /// The same for what may take minutes.
    pub(super) fn batch_slow(&mut self, sql: &str) -> Result<(), Failure> {
        let (runtime, client) = self.parts()?;
        wait(runtime, SLOW_TIMEOUT, client.batch_execute(sql))
    }

    /// Runs statements without parameters; gives the rows as text. May take minutes.
    pub(super) fn simple(&mut self, sql: &str) -> Result<Vec<Vec<String>>, Failure> {
        let (runtime, client) = self.parts()?;
        wait(runtime, SLOW_TIMEOUT, client.simple_query(sql)).map(texts)
    }

    /// Sends all these, and the questions after them, without waiting in between; gives what the questions gave.
    ///
    /// # Errors
    /// The first failure. What came after it may have been done or not.
    pub(super) fn send(&mut self, waiting: &[Sent], questions: &[Question<'_>]) -> Result<Vec<Done>, Failure> {
        let waiting = waiting.iter().map(|sent| match sent {
            Sent::Control(sql) => Step { sql, parameters: &[], what: What::Control },
            Sent::Statement { sql, parameters, expect } => Step { sql, parameters, what: What::Statement(*expect) },
        });
        let questions = questions.iter().map(|(sql, parameters)| Step { sql, parameters, what: What::Question });
        let steps: Vec<_> = waiting.chain(questions).collect();
        let (mut rest, mut done) = (&steps[..], Vec::new());
        while !rest.is_empty() {
            // As far as all is prepared; the next one is prepared when what is before it was done.
            let Some(connected) = &self.connected else { return Err(not_connected()) };
            let prepared: Vec<_> = rest.iter().map_while(|step| connected.known(step)).collect();
            let (now, later) = rest.split_at(prepared.len());
            let answers = ask_all(&connected.client, now, &prepared);
            done.extend(wait(&self.runtime, ANSWER_TIMEOUT, async { Ok(answers.await) })??);
            if let Some(unknown) = later.first() {
                self.prepare(unknown)?;
            }
            rest = later;
        }
        Ok(done)
    }

    fn prepare(&mut self, step: &Step<'_>) -> Result<(), Failure> {
        let Some(connected) = &mut self.connected else { return Err(not_connected()) };
        let types = value::types(step.parameters);
        let statement = wait(&self.runtime, ANSWER_TIMEOUT, connected.client.prepare_typed(step.sql, &types))?;
        connected.keep(step.sql, &statement);
        let (takes, given) = (statement.params().len(), step.parameters.len());
        if takes == given {
            return Ok(());
        }
        Err(Failure::Refused(format!("a statement takes {takes} parameters and was given {given}")))
    }

    fn parts(&mut self) -> Result<(&Runtime, &Client), Failure> {
        match &self.connected {
            Some(connected) => Ok((&self.runtime, &connected.client)),
            None => Err(not_connected()),
        }
    }
}

impl Connected {
    /// How the step is to be sent; none if it must be prepared first.
    fn known(&self, step: &Step<'_>) -> Option<Known> {
        if matches!(step.what, What::Control) {
            return Some(Known::Control);
        }
        let known = self.statements.get(step.sql)?;
        let known = known.iter().find(|statement| value::fits(statement.params(), step.parameters));
        known.cloned().map(Known::Prepared)
    }

    fn keep(&mut self, sql: &'static str, statement: &Statement) {
        if self.cached >= STATEMENT_CACHE {
            self.statements.clear();
            self.cached = 0;
        }
        self.statements.entry(sql).or_default().push(statement.clone());
        self.cached += 1;
    }
}

fn not_connected() -> Failure {
    Failure::Broken("not connected".to_owned())
}

fn wait<T>(
    runtime: &Runtime,
    at_most: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match runtime.block_on(async { tokio::time::timeout(at_most, answer).await }) {
        Ok(answer) => answer.map_err(|error| failure(&error)),
        Err(_) => Err(Failure::Broken(format!("no answer within {} s", at_most.as_secs()))),
    }
}

/// Makes a connection and looks at the server's settings.
async fn connect(config: &Config) -> Result<Client, String> {
    let told = |error: tokio_postgres::Error| said(&error);
    let (client, connection) = config.connect(NoTls).await.map_err(told)?;
    // Ends with the client, or by itself when the connection breaks, which the client's next statement tells.
    tokio::spawn(connection);
    client.batch_execute(SESSION).await.map_err(told)?;
    let settings = texts(client.simple_query(SETTINGS).await.map_err(told)?);
    let settings = settings.first().map(Vec::as_slice);
    let Some([version, fsync, commit, encoding, collation]) = settings else {
        return Err("it does not tell its settings".to_owned());
    };
    if version.parse::<u32>().is_ok_and(|version| version < OLDEST_SERVER) {
        return Err(format!("it is older than version {}", OLDEST_SERVER / 10_000));
    }
    if fsync != "on" {
        return Err("fsync is off: a power cut would lose what was acknowledged".to_owned());
    }
    if encoding != "UTF8" {
        return Err(format!("the database's encoding is {encoding}, not UTF8"));
    }
    if !["C", "POSIX"].contains(&collation.as_str()) {
        tracing::warn!(%collation, "the database's collation is not C: its order changes with the system's libraries");
    }
    // What is stronger than on was somebody's wish.
    if !["on", "remote_apply"].contains(&commit.as_str()) {
        client.batch_execute("SET synchronous_commit = on").await.map_err(told)?;
    }
    Ok(client)
}

fn texts(messages: Vec<SimpleQueryMessage>) -> Vec<Vec<String>> {
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect()).collect()
}

/// What an error means.
pub(super) fn failure(error: &tokio_postgres::Error) -> Failure {
    let why = said(error);
    let Some(refused) = error.as_db_error() else { return Failure::Broken(why) };
    let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    if is_end(refused) {
        Failure::Broken(why)
    } else if again.contains(refused.code()) {
        Failure::Conflict(why)
    } else if let Some(fault) = fault(refused.code()) {
        Failure::Disk(fault, why)
    } else {
        Failure::Refused(why)
    }
}

/// Whether the server's disk is to blame for an error that the server survived, and how. PostgreSQL's codes:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>. A server that cannot write its log ends all sessions instead.
fn fault(code: &SqlState) -> Option<Fault> {
    match code.code() {
        "53100" => Some(Fault::DiskFull),
        // Data and indexes that are not as they were written.
        "XX001" | "XX002" => Some(Fault::Io),
        // Errors of the operating system; files that are not there.
        code if code.starts_with("58") => Some(Fault::Io),
        _ => None,
    }
}

/// Whether the server ended the session, does not know itself what became of the statement, or takes no writes any more: it may be
/// a standby now, and another one the server to write to.
fn is_end(error: &DbError) -> bool {
    let fatal = match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => ["FATAL", "PANIC"].contains(&error.severity()),
    };
    let code = error.code();
    fatal
        || code.code().starts_with("08")
        || code.code().starts_with("57P")
        || ["40003", "25006"].contains(&code.code())
}

/// What the server said. Never the detail, which holds values of rows.
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) if !error.to_string().contains(&cause.to_string()) => format!("{error}: {cause}"),
            _ => error.to_string(),
        },
    }
}
