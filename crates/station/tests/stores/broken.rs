//! Connections that break and a server that is killed.

use super::postgres::{Cluster, execute, query};
use super::proxy::{Cut, Proxy};
use super::{INSERT, cluster, count, hold, insert, open};
use coinless_station::store::{Fault, GroupSize, Job, PostgresStore, Store, StoreError, Tx};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;

/// A store behind a proxy, and one beside it.
fn behind(cluster: &Cluster) -> (Proxy, Arc<dyn Store>, Arc<dyn Store>) {
    let direct = cluster.database().unwrap();
    let proxy = Proxy::start(cluster.socket());
    let store = open(&proxy.through(&direct));
    (proxy, store, open(&direct))
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_commit_only_delays() {
    let Some(cluster) = cluster() else { return };
    let (proxy, store, beside) = behind(&cluster);
    insert(&*store, "warm").await.unwrap();
    for (n, cut) in [Cut::Before("BEGIN"), Cut::After("BEGIN")].into_iter().enumerate() {
        proxy.cut(cut);
        let runs = Arc::new(AtomicU32::new(0));
        let (ran, subject) = (runs.clone(), n.to_string());
        let write = store.write(move |tx| {
            ran.fetch_add(1, Ordering::SeqCst);
            // Goes on as if nothing were wrong: the group is run again all the same.
            let _ = tx.execute(INSERT, &[subject.as_str().into()]);
            Ok::<_, StoreError>(())
        });
        write.await.unwrap();
        assert!(proxy.has_cut());
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
    assert_eq!(count(&*beside).await, 3);
}

#[tokio::test]
async fn a_connection_that_breaks_during_the_commit_is_told_as_lost() {
    let Some(cluster) = cluster() else { return };
    let (proxy, store, beside) = behind(&cluster);
    // The caller cannot tell which it was.
    for (n, (cut, durable)) in [(Cut::Before("; COMMIT"), 0), (Cut::After("; COMMIT"), 1)].into_iter().enumerate() {
        proxy.cut(cut);
        let before = count(&*beside).await;
        let lost = insert(&*store, &n.to_string()).await;
        assert!(matches!(lost, Err(StoreError::Lost(_))), "{lost:?}");
        assert_eq!(count(&*beside).await, before + durable);
        insert(&*store, &format!("after {n}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_question_is_asked_again_when_the_connection_breaks() {
    let Some(cluster) = cluster() else { return };
    let (proxy, store, _) = behind(&cluster);
    for cut in [Cut::Before("REPEATABLE READ"), Cut::After("REPEATABLE READ")] {
        proxy.cut(cut);
        assert_eq!(count(&*store).await, 0);
        assert!(proxy.has_cut());
    }
}

/// Lets the insertion of a subject fail with `{code}`, at once (IMMEDIATE) or at the commit (DEFERRED).
const FAILS: &str = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'words' USING ERRCODE = '{code}'; END $$;
    CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON exception DEFERRABLE INITIALLY {when} FOR EACH ROW
    WHEN (NEW.subject = 'fails') EXECUTE FUNCTION fail()";

#[tokio::test]
async fn a_server_whose_disk_fails_takes_nothing_more() {
    let Some(cluster) = cluster() else { return };
    for (code, fault) in [
        ("53100", Some(Fault::DiskFull)),
        ("58030", Some(Fault::Io)),
        ("58P01", Some(Fault::Io)),
        ("XX001", Some(Fault::Io)),
        ("XX002", Some(Fault::Io)),
        // One statement's own, or what may pass.
        ("23514", None),
        ("53200", None),
    ] {
        for when in ["IMMEDIATE", "DEFERRED"] {
            let connection = cluster.database().unwrap();
            let (store, beside) = (open(&connection), open(&connection));
            execute(&connection, &FAILS.replace("{code}", code).replace("{when}", when)).unwrap();
            let held = hold(&*store).await;
            let group = ["first", "fails", "last"]
                .map(|subject| store.write(move |tx| tx.execute(INSERT, &[subject.into()]).map(|_| ())));
            drop(held);
            let told = join_all(group).await;
            let failed = store.watch().unwrap().failure().map(|(fault, words)| (fault, words.to_owned()));
            assert_eq!(failed.as_ref().map(|(fault, _)| *fault), fault, "{code} {when}: {failed:?}");
            if let Some((_, words)) = failed {
                assert!(words.contains(code), "{words}");
                assert!(told.iter().all(|told| matches!(told, Err(StoreError::Commit(_)))), "{told:?}");
                assert!(matches!(insert(&*store, "later").await, Err(StoreError::Closed)));
                assert_eq!(count(&*beside).await, 0, "nothing of the group is kept");
            } else {
                assert!(matches!(told[1], Err(StoreError::Database(_))), "{told:?}");
                insert(&*store, "later").await.unwrap();
                assert_eq!(count(&*beside).await, 3);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_any_more_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let connection = cluster.database().unwrap();
    let store = open(&connection);
    let name = connection.rsplit('=').next().unwrap();
    // As one that has become a standby: it refuses what writes, and tells new sessions that it does.
    let beside = format!("{connection} options='-c default_transaction_read_only=off'");
    execute(&beside, &FAILS.replace("{code}", "25006").replace("{when}", "IMMEDIATE")).unwrap();
    execute(&beside, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).unwrap();
    let write = tokio::spawn(store.write(|tx| tx.execute(INSERT, &["fails".into()])));
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'coinless station'"
    );
    while query(&beside, &sessions).unwrap() != ["0"] {}
    let again = format!("ALTER DATABASE {name} RESET default_transaction_read_only; DROP TRIGGER fail ON exception");
    execute(&beside, &again).unwrap();
    assert_eq!(write.await.unwrap().unwrap(), 1);
    assert_eq!(store.watch().unwrap().failure(), None);
}

#[test]
fn opening_without_a_server_fails_and_says_why() {
    for connection in ["host=/nowhere user=a password=secret", "postgres://a:secret@127.0.0.1:1/b", "secret words"] {
        let error = PostgresStore::open(connection, GroupSize::default()).err().unwrap().to_string();
        assert!(error.contains("PostgreSQL") || error.contains("connection string"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

/// A command that does nothing, for which nobody waits.
struct Nothing;

impl Job for Nothing {
    fn run(&mut self, _: &mut dyn Tx) -> bool {
        true
    }

    fn tell(self: Box<Self>, _: Result<(), StoreError>) {}
}

#[tokio::test]
async fn who_comes_when_too_much_waits_is_told_so() {
    const QUEUE: usize = 4096;
    let Some(cluster) = cluster() else { return };
    let store = open(&cluster.database().unwrap());
    let held = hold(&*store).await;
    for _ in 0..QUEUE {
        store.submit(Box::new(Nothing)).unwrap();
    }
    let refused = insert(&*store, "refused").await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    drop(held);
    // What waits was not forgotten, and then there is room again.
    while let Err(error) = insert(&*store, "later").await {
        assert!(matches!(error, StoreError::Busy), "{error}");
    }
    assert_eq!(count(&*store).await, 1);
}

#[tokio::test]
async fn dropping_a_store_without_a_server_ends() {
    if cluster().is_none() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let store = open(&cluster.database().unwrap());
    insert(&*store, "warm").await.unwrap();
    cluster.kill().unwrap();
    let waiting = store.write(|tx| tx.execute(INSERT, &["never".into()]));
    drop(store);
    assert!(matches!(waiting.await, Err(StoreError::Closed | StoreError::Lost(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_of_the_server() {
    const CALLERS: usize = 16;
    const EACH: usize = 60;
    const KILLS: usize = 2;
    if cluster().is_none() {
        return;
    }
    let cluster = Arc::new(Cluster::start().unwrap());
    let store = open(&cluster.database().unwrap());
    let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut lost = 0;
                for n in 0..EACH {
                    let subject = format!("{caller}/{n}");
                    // The same again, under the same id, until it is known.
                    while let Err(error) = insert_once(&*store, &subject).await {
                        assert!(matches!(error, StoreError::Lost(_)), "{error}");
                        lost += 1;
                    }
                    acknowledged.send(subject).unwrap();
                }
                lost
            })
        })
        .collect();
    drop(acknowledged);
    let mut known = Vec::new();
    for kill in 1..=KILLS {
        while known.len() < kill * CALLERS * EACH / (KILLS + 1) {
            known.push(acknowledgements.recv().await.unwrap());
        }
        let server = cluster.clone();
        tokio::task::spawn_blocking(move || server.kill().and_then(|()| server.restart())).await.unwrap().unwrap();
        while let Ok(subject) = acknowledgements.try_recv() {
            known.push(subject);
        }
        let present = subjects(&*store).await;
        assert!(known.iter().all(|subject| present.contains(subject)), "what was acknowledged is gone");
    }
    let mut lost = 0;
    for caller in callers {
        lost += caller.await.unwrap();
    }
    eprintln!("{lost} outcomes were not known");
    assert_eq!(count(&*store).await, i64::try_from(CALLERS * EACH).unwrap());
}

async fn insert_once(store: &dyn Store, subject: &str) -> Result<(), StoreError> {
    const ONCE: &str = "INSERT INTO exception (subject, cause, detail, at_ms) VALUES ($1, 'c', 'd', 0)
        ON CONFLICT (subject, cause) DO NOTHING";
    let subject = subject.to_owned();
    store.write(move |tx| tx.execute(ONCE, &[subject.as_str().into()]).map(|_| ())).await
}

async fn subjects(store: &dyn Store) -> Vec<String> {
    let read = store.read(|tx| {
        let rows = tx.query("SELECT subject FROM exception", &[])?;
        rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, StoreError>>()
    });
    read.await.unwrap()
}
