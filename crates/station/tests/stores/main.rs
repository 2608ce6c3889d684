//! Both stores, and what only PostgreSQL has: several processes, a server that goes away.
//!
//! `COINLESS_POSTGRES_BIN` names the folder of PostgreSQL's server programs; `cargo xtask test` sets it. Without them the tests
//! that need them say "skipped"; with `CI` they must be there.
#![allow(clippy::unwrap_used, reason = "a wrong expectation ends the test")]

mod both;
mod broken;
mod plans;
#[path = "../../../sim/src/postgres.rs"]
#[allow(dead_code, missing_docs, reason = "a part of another crate that depends on this one")]
mod postgres;
mod processes;
mod proxy;
mod schema;

use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store, StoreError, Tx};
use postgres::Cluster;
use std::any::Any;
use std::sync::Arc;

const INSERT: &str = "INSERT INTO exception (subject, cause, detail, at_ms) VALUES ($1, 'c', 'd', 0)";
const COUNT: &str = "SELECT count(*) FROM exception";

/// A store, and what must outlive it.
struct Opened {
    store: Arc<dyn Store>,
    _holds: Box<dyn Any + Send>,
}

/// The server that the tests share, if there are programs.
fn cluster() -> Option<Arc<Cluster>> {
    if Cluster::programs().is_none() {
        assert!(std::env::var_os("CI").is_none(), "{} is not set: run `cargo xtask test`", postgres::PROGRAMS);
        eprintln!("skipped: PostgreSQL's server is not installed");
        return None;
    }
    Some(Cluster::shared().unwrap())
}

fn open(connection: &str) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(connection, GroupSize::default()).unwrap())
}

/// An empty database of each kind.
fn both() -> Vec<Opened> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("station.db"), GroupSize::default()).unwrap();
    let mut stores = vec![Opened { store: Arc::new(sqlite), _holds: Box::new(folder) }];
    if let Some(cluster) = cluster() {
        let store = open(&cluster.database().unwrap());
        stores.push(Opened { store, _holds: Box::new(cluster) });
    }
    stores
}

async fn insert(store: &dyn Store, subject: &str) -> Result<(), StoreError> {
    let subject = subject.to_owned();
    store.write(move |tx| tx.execute(INSERT, &[subject.as_str().into()]).map(|_| ())).await
}

async fn count(store: &dyn Store) -> i64 {
    store.read(|tx| first_int(tx, COUNT)).await.unwrap()
}

fn first_int(tx: &mut dyn Tx, sql: &'static str) -> Result<i64, StoreError> {
    tx.query(sql, &[])?[0].int(0)
}

/// Keeps the writer busy until it is dropped: what is queued meanwhile is one group.
async fn hold(store: &dyn Store) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, start) = tokio::sync::oneshot::channel();
    let mut started = Some(started);
    let holding = store.write(move |_| {
        if let Some(started) = started.take() {
            started.send(()).unwrap();
        }
        assert!(held.recv().is_err());
        Ok::<_, StoreError>(())
    });
    tokio::spawn(holding);
    start.await.unwrap();
    release
}
