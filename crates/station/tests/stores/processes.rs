//! Several processes on one PostgreSQL: each store here stands for one.

use super::{INSERT, Opened, both, cluster, count, first_int, hold, open};
use coinless_station::store::{Expect, GroupSize, PostgresStore, Store, StoreError, Tx};
use coinless_station::tasks::{self, Kind};
use coinless_station::work::Work;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

const ZERO: &str = "INSERT INTO balance (account, currency, part, balance) VALUES ($1, 'EUR', 0, 0)";
const LOCK: &str = "SELECT balance FROM balance WHERE account = $1 AND currency = 'EUR' AND part = 0 FOR UPDATE";
const SET: &str = "UPDATE balance SET balance = $2 WHERE account = $1 AND currency = 'EUR' AND part = 0";

/// Reads, then writes what it read and one more.
fn increment(tx: &mut dyn Tx, account: &str) -> Result<(), StoreError> {
    let balance = tx.query(LOCK, &[account.into()])?[0].int(0)?;
    tx.execute(SET, &[account.into(), (balance + 1).into()]).map(|_| ())
}

async fn balance(store: &dyn Store, account: &'static str) -> i64 {
    store.read(move |tx| tx.query(LOCK, &[account.into()])?[0].int(0)).await.unwrap()
}

/// Two processes on one database with these accounts, and what holds the server.
async fn two(accounts: &[&'static str]) -> Option<(Arc<dyn Store>, Arc<dyn Store>, Arc<super::Cluster>)> {
    let cluster = cluster()?;
    let connection = cluster.database().unwrap();
    cluster.execute(connection.rsplit('=').next().unwrap(), CONFLICT).unwrap();
    let (one, other) = (open(&connection), open(&connection));
    for account in accounts.iter().copied() {
        one.write(move |tx| tx.execute(ZERO, &[account.into()])).await.unwrap();
    }
    Some((one, other, cluster))
}

/// Says what a database with optimistic transactions says when somebody else was faster.
const CONFLICT: &str = "CREATE FUNCTION conflict() RETURNS BIGINT LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION SQLSTATE ''40001''; END'";

async fn crowd(stores: &[Arc<dyn Store>]) {
    const CALLERS: usize = 64;
    const EACH: usize = 10;
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let store = stores[caller % stores.len()].clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    store.write(|tx| increment(tx, "hot")).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(balance(&*stores[0], "hot").await, i64::try_from(CALLERS * EACH).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_of_a_crowd_is_lost() {
    for Opened { store, .. } in both() {
        store.write(|tx| tx.execute(ZERO, &["hot".into()])).await.unwrap();
        crowd(&[store]).await;
    }
    let Some((one, other, _cluster)) = two(&["hot"]).await else { return };
    assert!(one.is_shared());
    crowd(&[one, other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_run_again_and_both_succeed() {
    let Some((one, other, _cluster)) = two(&["a", "b"]).await else { return };
    let (runs, meeting) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let crossing = |first: &'static str, second: &'static str| {
        let (runs, meeting) = (runs.clone(), meeting.clone());
        let mut is_again = false;
        move |tx: &mut dyn Tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            increment(tx, first)?;
            if !std::mem::replace(&mut is_again, true) {
                meeting.wait();
            }
            increment(tx, second)
        }
    };
    let (there, back) = (one.write(crossing("a", "b")), other.write(crossing("b", "a")));
    let (there, back) = tokio::join!(there, back);
    there.unwrap();
    back.unwrap();
    assert!(runs.load(Ordering::SeqCst) > 2, "there was no deadlock");
    assert_eq!((balance(&*one, "a").await, balance(&*other, "b").await), (2, 2));
}

/// Runs three commands in one group; the second meets `conflicts` conflicts, and hides them.
async fn group(store: &dyn Store, conflicts: u32) -> (Vec<Result<(), StoreError>>, u32) {
    let held = hold(store).await;
    let runs = Arc::new(AtomicU32::new(0));
    let answers: Vec<_> = (0..3_i64)
        .map(|n| {
            let runs = runs.clone();
            store.write(move |tx: &mut dyn Tx| {
                tx.execute(INSERT, &[n.to_string().into()])?;
                if n == 1 && runs.fetch_add(1, Ordering::SeqCst) < conflicts {
                    let conflict = first_int(tx, "SELECT conflict()");
                    assert!(matches!(conflict, Err(StoreError::Conflict(_))), "{conflict:?}");
                    // Nothing more is sent.
                    assert!(first_int(tx, super::COUNT).is_err());
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    drop(held);
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await);
    }
    (told, runs.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_group_in_which_one_command_conflicts_is_run_again() {
    for conflicts in [1, 2, 5] {
        let Some((store, _, _cluster)) = two(&[]).await else { return };
        let (told, runs) = group(&*store, conflicts).await;
        assert!(told.iter().all(Result::is_ok), "{told:?}");
        assert_eq!(runs, conflicts + 1);
        assert_eq!(count(&*store).await, 3);
    }
}

#[tokio::test]
async fn a_command_that_always_conflicts_is_given_up_alone() {
    let Some((store, _, _cluster)) = two(&[]).await else { return };
    let (told, runs) = group(&*store, u32::MAX).await;
    assert!(matches!(&told[..], [Ok(()), Err(StoreError::Conflict(_)), Ok(())]), "{told:?}");
    assert!(runs < 20, "{runs}");
    assert_eq!(count(&*store).await, 2);
}

#[tokio::test]
async fn a_command_that_finds_another_faster_is_run_again_and_told_once() {
    let Some((store, _, _cluster)) = two(&["a"]).await else { return };
    let runs = Arc::new(AtomicU32::new(0));
    let ran = runs.clone();
    let again = store.write(move |tx: &mut dyn Tx| {
        let account = if ran.fetch_add(1, Ordering::SeqCst) == 0 { "none" } else { "a" };
        tx.put(SET, &[account.into(), 5_i64.into()], Expect::OneOrAgain)
    });
    again.await.unwrap();
    assert_eq!((runs.load(Ordering::SeqCst), balance(&*store, "a").await), (2, 5));
}

#[tokio::test]
async fn a_command_that_hides_a_refusal_is_not_kept() {
    let Some((store, _, _cluster)) = two(&[]).await else { return };
    let hiding = store.write(|tx| {
        tx.execute(INSERT, &["a".into()])?;
        assert!(tx.execute(INSERT, &["a".into()]).is_err());
        Ok::<_, StoreError>(())
    });
    let told = hiding.await;
    assert!(matches!(told, Err(StoreError::Database(_))), "{told:?}");
    assert_eq!(count(&*store).await, 0);
}

#[tokio::test]
async fn sessions_have_bounds() {
    let Some((store, _, _cluster)) = two(&[]).await else { return };
    let names = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit"];
    let read = store.write(move |tx| {
        let ask =
            |name: &&str| tx.query("SELECT current_setting($1)", &[(*name).into()])?[0].text(0).map(str::to_owned);
        names.iter().map(ask).collect::<Result<Vec<_>, StoreError>>()
    });
    assert_eq!(read.await.unwrap(), ["5s", "30s", "10s", "on"]);
}

#[tokio::test]
async fn processes_book_into_parts() {
    let Some((one, other, _cluster)) = two(&[]).await else { return };
    for store in [one, other] {
        let part = store.write(|tx| Ok::<_, StoreError>(tx.part())).await.unwrap();
        assert!((0..16).contains(&part), "{part}");
    }
}

/// Queues a task that is claimed by the process of this store.
async fn queue(store: &dyn Store, subject: &'static str) {
    let claimant = store.claimant().cloned();
    let queued = store.write(move |tx| Work::new(tx, 0).claiming_as(claimant.clone()).queue(Kind::Sell, subject));
    queued.await.unwrap();
}

#[tokio::test]
async fn a_process_that_comes_back_takes_up_its_own_tasks_at_once() {
    let Some(cluster) = cluster() else { return };
    let connection = cluster.database().unwrap();
    let process = |name: &str| PostgresStore::open(&connection, GroupSize::default()).unwrap().named(name);
    queue(&process("one"), "of one").await;
    queue(&process("other"), "of another").await;
    queue(&*open(&connection), "of nobody").await;
    for (name, claims) in [("", vec![]), ("stranger", vec![]), ("one", vec!["of one"]), ("one", vec!["of one"])] {
        let again: Arc<dyn Store> = Arc::new(process(name));
        let claimed = again.write(move |tx| {
            let mut work = Work::new(tx, 1).claiming_as(Some(name.into()));
            tasks::release_own_claims(&mut work)?;
            tasks::claim(&mut work, 10)
        });
        let claimed: Vec<_> = claimed.await.unwrap().into_iter().map(|task| task.subject).collect();
        assert_eq!(claimed, claims, "{name}");
    }
}
