//! The same rows without our code: the statements that write, as the station's steps made them, run again by the plain client
//! libraries with prepared statements.

use crate::purchase::{self, Buyer, STEPS};
use crate::stations::{Database, Engine, Place};
use coinless_station::meters::Meter;
use coinless_station::payments::Context;
use coinless_station::service::now_ms;
use coinless_station::store::{GroupSize, Row, SqliteTx, StoreError, Tx, Value};
use coinless_station::utilities::UtilityName;
use coinless_station::work::Work;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_postgres::types::ToSql;

/// Statements kept prepared, as many as the station keeps.
const STATEMENT_CACHE: usize = 256;

/// A statement that writes, and its parameters.
type Write = (&'static str, Vec<Value>);

/// The writes of the steps of many orders: by round, by meter, by step.
pub struct Recorded {
    rounds: Vec<Vec<[Vec<Write>; STEPS]>>,
    meters: usize,
}

/// Notes what is written, and does it.
struct Recorder<'a> {
    tx: &'a mut dyn Tx,
    writes: &'a mut Vec<Write>,
}

impl Tx for Recorder<'_> {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.writes.push((sql, parameters.to_vec()));
        self.tx.execute(sql, parameters)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        if !sql.trim_start().starts_with("SELECT") {
            // Nobody reads what it gives.
            let sql = sql.split(" RETURNING").next().unwrap_or(sql);
            self.writes.push((sql, parameters.to_vec()));
        }
        self.tx.query(sql, parameters)
    }
}

impl Recorded {
    /// Records `rounds` orders of each of so many meters, in a database in memory.
    pub fn record(meters: usize, rounds: usize, known: &Meter, utility: &UtilityName, context: &Context) -> Self {
        let mut db = SqliteTx::in_memory().expect("a database");
        db.apply(|tx| purchase::enrol(&mut Work::new(tx, now_ms()), 0..meters, utility)).expect("an enrolment");
        let mut buyers: Vec<_> = (0..meters).map(|number| Buyer::new(number, known, 0)).collect();
        let mut round = || {
            let mut order = |buyer: &mut Buyer| {
                buyer.next_order(context).map(|mut step| {
                    let mut writes = Vec::new();
                    let done = db.apply(|tx| {
                        let mut recorder = Recorder { tx, writes: &mut writes };
                        step(&mut Work::new(&mut recorder, now_ms()))
                    });
                    done.expect("a step");
                    writes
                })
            };
            buyers.iter_mut().map(&mut order).collect()
        };
        Self { rounds: (0..rounds).map(|_| round()).collect(), meters }
    }

    /// How many statements write in all steps of an order together.
    pub fn writes_of_an_order(&self) -> usize {
        self.rounds[0][0].iter().map(Vec::len).sum()
    }

    /// The steps in the order in which `callers` at once make them, as groups of that size.
    fn groups(&self, callers: usize) -> impl Iterator<Item = Vec<&Vec<Write>>> {
        self.rounds.iter().flat_map(move |orders| {
            orders
                .chunks(callers)
                .flat_map(|orders| (0..STEPS).map(|step| orders.iter().map(|order| &order[step]).collect::<Vec<_>>()))
        })
    }

    /// Makes ready to run all of it on a fresh database: the writes of `callers` committed together, or those of each step by
    /// themselves.
    pub async fn replay(
        self: &Arc<Self>,
        engine: Engine,
        utility: &UtilityName,
        callers: usize,
        grouped: bool,
    ) -> Replay {
        let database = Database::new(engine);
        let store = database.store(GroupSize::default());
        enrol(&*store, self.meters, utility).await;
        drop(store);
        let (recorded, place) = (self.clone(), database.place.clone());
        let (asks, asked) = channel();
        let (answers, answered) = channel();
        let thread = std::thread::spawn(move || {
            let groups: Vec<Vec<&Vec<Write>>> = match grouped {
                true => recorded.groups(callers).collect(),
                false => recorded.groups(callers).flatten().map(|step| vec![step]).collect(),
            };
            let turns = Turns { groups: &groups, asked, answers };
            match &place {
                Place::File(path) => sqlite(path, turns),
                Place::Server(connection) => postgres(connection, turns),
            }
        });
        Replay { asks: Some(asks), answered, thread: Some(thread), steps: 0, took: Duration::ZERO, _database: database }
    }
}

/// A bare run that goes on a little each time it is asked to, so that noise hits it as much as what it is compared with.
pub struct Replay {
    asks: Option<Sender<Duration>>,
    answered: Receiver<(usize, Duration)>,
    thread: Option<JoinHandle<()>>,
    steps: usize,
    took: Duration,
    _database: Database,
}

impl Replay {
    /// Goes on for so long, or to the end of its share of what was recorded.
    pub fn go_on(&mut self, most: Duration) {
        let asked = self.asks.as_ref().is_some_and(|asks| asks.send(most).is_ok());
        let Some((steps, took)) = asked.then(|| self.answered.recv().ok()).flatten() else { return };
        self.steps += steps;
        self.took += took;
    }

    /// Steps a second so far.
    pub fn rate(&self) -> f64 {
        self.steps as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a bare run");
        }
    }
}

/// In how many turns everything is run at most.
pub const TURNS: usize = 4;

/// The groups to be run, turn by turn.
struct Turns<'a> {
    groups: &'a [Vec<&'a Vec<Write>>],
    asked: Receiver<Duration>,
    answers: Sender<(usize, Duration)>,
}

/// Counts what was run in a turn.
struct Turn {
    started: Instant,
    most: Duration,
    left: usize,
    steps: usize,
}

impl Turn {
    fn new(most: Duration, all: usize) -> Self {
        Self { started: Instant::now(), most, left: all.div_ceil(TURNS), steps: 0 }
    }

    fn is_over(&mut self, steps: usize) -> bool {
        self.steps += steps;
        self.left -= 1;
        self.left == 0 || self.started.elapsed() > self.most
    }

    fn end(self) -> (usize, Duration) {
        (self.steps, self.started.elapsed())
    }
}

/// Enrols so many meters through the station's store.
pub async fn enrol(store: &dyn coinless_station::store::Store, meters: usize, utility: &UtilityName) {
    const AT_ONCE: usize = 128;
    for first in (0..meters).step_by(AT_ONCE) {
        let (numbers, utility) = (first..meters.min(first + AT_ONCE), utility.clone());
        let enrolled = store.write(move |tx| purchase::enrol(&mut Work::new(tx, now_ms()), numbers.clone(), &utility));
        enrolled.await.expect("an enrolment");
    }
}

fn sqlite(path: &Path, turns: Turns<'_>) {
    use rusqlite::types::Value as Plain;
    let db = rusqlite::Connection::open(path).expect("a database");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
        PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192";
    db.execute_batch(settings).expect("the same settings");
    db.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    let plain = |value: &Value| match value {
        Value::Null => Plain::Null,
        Value::Int(value) => Plain::Integer(*value),
        Value::Text(value) => Plain::Text(value.clone()),
        Value::Bytes(value) => Plain::Blob(value.clone()),
    };
    let mut translated: HashMap<&str, String> = HashMap::new();
    for (sql, _) in turns.groups.iter().flatten().copied().flatten() {
        translated.entry(sql).or_insert_with(|| sql.replace('$', "?"));
    }
    let mut groups = turns.groups.iter();
    for most in turns.asked {
        let mut turn = Turn::new(most, turns.groups.len());
        for group in groups.by_ref() {
            db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            for (sql, parameters) in group.iter().copied().flatten() {
                let mut statement = db.prepare_cached(&translated[sql]).expect("a statement");
                statement.execute(rusqlite::params_from_iter(parameters.iter().map(plain))).expect("a row");
            }
            db.execute_batch("COMMIT").expect("a commit");
            if turn.is_over(group.len()) {
                break;
            }
        }
        turns.answers.send(turn.end()).expect("somebody who asked");
    }
}

fn postgres(connection: &str, turns: Turns<'_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (client, prepared) = runtime.block_on(async {
        let (client, driver) = tokio_postgres::connect(connection, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(driver);
        let mut prepared = HashMap::new();
        for (sql, _) in turns.groups.iter().flatten().copied().flatten() {
            if !prepared.contains_key(sql) {
                prepared.insert(*sql, client.prepare(sql).await.expect("a statement"));
            }
        }
        (client, prepared)
    });
    let mut groups = turns.groups.iter();
    for most in turns.asked {
        let mut turn = Turn::new(most, turns.groups.len());
        for group in groups.by_ref() {
            runtime.block_on(async {
                client.batch_execute("BEGIN").await.expect("a transaction");
                for (sql, parameters) in group.iter().copied().flatten() {
                    let parameters: Vec<_> = parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
                    client.execute(&prepared[sql], &parameters).await.expect("a row");
                }
                client.batch_execute("COMMIT").await.expect("a commit");
            });
            if turn.is_over(group.len()) {
                break;
            }
        }
        turns.answers.send(turn.end()).expect("somebody who asked");
    }
}
