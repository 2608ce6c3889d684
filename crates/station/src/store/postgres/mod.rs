//! PostgreSQL: one writer that commits in groups at READ COMMITTED, a few readers, each thread with a connection of its own.
//!
//! Any number of processes may work on one database. A server that is down or restarts only delays commands; when the
//! connection breaks while a group is being committed its callers are told [`StoreError::Lost`], and the process goes on. A
//! server that stays up although its disk is full or broken takes nothing more: the writer stops ([`StoreError::Commit`]).
//!
//! The connection is not encrypted: use a socket, the loopback address or a private network. A connection string that demands
//! TLS is refused. Poolers must pool sessions, not transactions. The database's encoding must be UTF8, its collation should be
//! `C`: `CREATE DATABASE coinless TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`. A compatible standby may take over under the
//! same address, or be named as another host in the connection string.

mod ask;
mod link;
mod migrate;
mod reader;
mod tx;
mod value;
mod writer;

use super::{GroupSize, Job, Store, StoreError, Watch};
use link::Link;
use ring::rand::{SecureRandom, SystemRandom};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio_postgres::Config;
use tx::PostgresTx;

/// Most commands that wait for the writer, and that wait for the readers; more are refused, because a server that is down may
/// stay so for long.
const QUEUE: usize = 4096;
/// Threads that answer what only reads.
const READERS: usize = 3;
/// Parts of a hot account: a process takes one at random.
const PARTS: i64 = 16;

/// A PostgreSQL database with its writer and reader threads. Dropping it lets queued commands finish first, unless the server
/// is out of reach.
pub struct PostgresStore {
    writer: Option<SyncSender<Box<dyn Job>>>,
    reader: Option<SyncSender<Box<dyn Job>>>,
    closing: watch::Sender<bool>,
    claimant: Option<Arc<str>>,
    watch: Arc<Watch>,
    threads: Vec<JoinHandle<()>>,
}

impl PostgresStore {
    /// Connects to the database that `connection` names (`postgres://user:password@host/database`, or words such as
    /// `host=/run/postgresql user=coinless dbname=coinless`) and brings its schema up to date. Blocks meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the server is out of reach, too old or set not to be durable, if the database is not in UTF8
    /// or belongs to a newer version, or if it cannot be migrated.
    pub fn open(connection: &str, group: GroupSize) -> Result<Self, StoreError> {
        // The parser's own words may repeat a part of the password.
        let config = Config::from_str(connection).map_err(|_| {
            StoreError::Database("the connection string is neither a postgres:// URL nor key=value words".to_owned())
        })?;
        let (closing, closed) = watch::channel(false);
        let part = i64::try_from(random(PARTS as u64)).unwrap_or(0);
        let (writer, jobs) = sync_channel(QUEUE);
        let (reader, questions) = sync_channel(QUEUE);
        let mut store = Self {
            writer: Some(writer),
            reader: Some(reader),
            closing,
            claimant: None,
            watch: Arc::default(),
            threads: Vec::new(),
        };
        let watch = store.watch.clone();
        let (opened, opening) = channel();
        let link = Link::new(config.clone(), closed.clone())?;
        store.spawn("store-writer", move || {
            if let Some(link) = opened_link(link, &opened) {
                writer::write_in_groups(PostgresTx::new(link, part, false), &jobs, group, &watch);
            }
        })?;
        opening.recv().map_err(|_| StoreError::Closed)??;
        let questions: Arc<Mutex<Receiver<Box<dyn Job>>>> = Arc::new(Mutex::new(questions));
        for _ in 0..READERS {
            let (link, questions) = (Link::new(config.clone(), closed.clone())?, questions.clone());
            let reading = move || reader::answer_reads(PostgresTx::new(link, part, true), &questions);
            store.spawn("store-reader", reading)?;
        }
        Ok(store)
    }

    /// The same for a process that claims tasks as `name`, which no other process has at the same time and which it has again
    /// after a restart: then it takes up at once what it had claimed when it died.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.claimant = Some(name.into());
        self
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let started =
            thread.spawn(body).map_err(|error| StoreError::Database(format!("starting a thread: {error}")))?;
        self.threads.push(started);
        Ok(())
    }
}

/// Connects and migrates in the writer's thread (the opener may be in an asynchronous one), and says how it went.
fn opened_link(mut link: Link, opened: &std::sync::mpsc::Sender<Result<(), StoreError>>) -> Option<Link> {
    let result = link.connect_once().and_then(|()| migrate::migrate(&mut link));
    let link = result.is_ok().then_some(link);
    // The opener waits for exactly this.
    let _ = opened.send(result);
    link
}

impl Store for PostgresStore {
    fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        queue(self.writer.as_ref(), job)
    }

    fn submit_read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        queue(self.reader.as_ref(), job)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn claimant(&self) -> Option<&Arc<str>> {
        self.claimant.as_ref()
    }

    fn watch(&self) -> Option<Arc<Watch>> {
        Some(self.watch.clone())
    }
}

fn queue(sender: Option<&SyncSender<Box<dyn Job>>>, job: Box<dyn Job>) -> Result<(), StoreError> {
    sender.ok_or(StoreError::Closed)?.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => StoreError::Busy,
        TrySendError::Disconnected(_) => StoreError::Closed,
    })
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.writer = None;
        self.reader = None;
        self.closing.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the database ended badly");
            }
        }
    }
}

/// A random number below `below`, to spread processes; 0 if the system has no randomness.
fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u64::from_be_bytes(bytes) % below.max(1),
        Err(_) => 0,
    }
}
