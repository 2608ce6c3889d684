//! The store's own tests.

use super::super::Asked;
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
fn a_store_that_was_closed_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.db");
    for _ in 0..100 {
        drop(SqliteStore::open(&path, GroupSize::default()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the log is left behind");
    }
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

const NOTE: &str = "INSERT INTO exception (subject, cause, detail, at_ms) VALUES ($1, 'c', $2, 0)";

fn note(tx: &mut dyn Tx, subject: &str, detail: &str) -> Result<u64, StoreError> {
    tx.execute(NOTE, &[subject.into(), detail.into()])
}

#[test]
fn a_full_disk_in_the_middle_of_a_group_undoes_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.db");
    let mut connection = connect(&path).unwrap();
    migrate(&mut connection, &MIGRATIONS).unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "max_page_count", pages + 8).unwrap();
    let (sender, jobs) = sync_channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (before, before_answer) = Asked::new(|tx: &mut dyn Tx| note(tx, "before", ""));
    // A command that does not care for errors must not be half committed either.
    let (filling, filling_answer) = Asked::new(|tx: &mut dyn Tx| {
        let full = (0..100).find_map(|n| note(tx, &n.to_string(), &"x".repeat(4000)).err());
        assert!(full.is_some(), "it should have become full");
        let _ = note(tx, "after", "");
        Ok::<_, StoreError>(1)
    });
    let (after, after_answer) = Asked::new(|tx: &mut dyn Tx| note(tx, "next", ""));
    for job in [before as Box<dyn Job>, filling, after] {
        sender.send(job).unwrap();
    }
    drop(sender);
    let watch = Watch::default();
    write_in_groups(&mut SqliteTx::new(connection), &jobs, GroupSize::default(), &watch);
    drop(jobs);
    assert_eq!(watch.failure(), Some((Fault::DiskFull, "the disk is full")));
    for answer in [before_answer, filling_answer, after_answer] {
        let told = runtime.block_on(answer);
        assert!(!matches!(told, Ok(Ok(_))), "nothing may be acknowledged: {told:?}");
    }
    let connection = connect(&path).unwrap();
    let kept: i64 = connection.query_row("SELECT count(*) FROM exception", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn a_database_of_the_first_schema_keeps_its_money() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.db");
    let old = connect(&path).unwrap();
    for statement in MIGRATIONS[0] {
        old.execute_batch(&sqlite_types(statement)).unwrap();
    }
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute_batch(
        "INSERT INTO meter VALUES ('CLS0000000017', x'04', 2, 'Ada', NULL, 0, 500000, 0, 1, 10, 0, 1, 1, 10, 5, 1);
         INSERT INTO orders VALUES ('o', '{}', 'EUR', 500, NULL, 3, 1, 9, 'captured', NULL, 500, 0, 1);
         INSERT INTO order_line VALUES ('o', 1, 'CLS0000000017', 500, 420, 80, 10, '{}', 'delivered', 0, NULL);
         INSERT INTO movement VALUES ('o', 'captured', 'EUR', 1), ('o', 'sold', 'EUR', 2);
         INSERT INTO entry VALUES ('o', 'captured', 'provider', 500), ('o', 'captured', 'unsold', -500),
             ('o', 'sold', 'unsold', 500), ('o', 'sold', 'utility', -420), ('o', 'sold', 'tax', -80);
         INSERT INTO account VALUES ('provider', 'EUR', 500), ('unsold', 'EUR', 0), ('utility', 'EUR', -420),
             ('tax', 'EUR', -80);",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path, GroupSize::default()).unwrap();
    let store: &dyn Store = &store;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = store.read(|tx| {
        let work = &mut crate::work::Work::new(tx, 0);
        crate::ledger::check(work)?;
        let movements = work.query("SELECT subject, cause, event FROM movement ORDER BY cause", &[])?;
        let line = work.query("SELECT commodity, fee, utility FROM order_line WHERE order_id = 'o'", &[])?;
        Ok::<_, crate::problem::Error>((crate::ledger::balances(work)?, movements, line))
    });
    let (balances, movements, line) = runtime.block_on(read).unwrap();
    let balances: Vec<_> = balances.iter().map(|of| (of.account.as_str(), of.balance.minor())).collect();
    assert_eq!(balances, [("provider", 500), ("tax", -80), ("unsold", 0), ("utility", -420)]);
    assert_eq!(movements[1], Row::new(vec!["o".into(), "sold".into(), "".into()]));
    assert_eq!(line, [Row::new(vec![2_i64.into(), 0_i64.into(), "".into()])]);
    // And again: nothing is left to migrate.
    assert!(SqliteStore::open(&path, GroupSize::default()).is_ok());
}
