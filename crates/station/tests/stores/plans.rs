//! How SQLite finds the rows of a purchase: never by looking at all of a table, so that an order costs the same in a large town.

#[path = "../../../sim/benches/ratios/purchase.rs"]
#[allow(dead_code, missing_docs, reason = "a part of another crate that depends on this one")]
mod purchase;

use coinless_station::issue;
use coinless_station::meters;
use coinless_station::orders;
use coinless_station::payments::{Callbacks, Context, Patience};
use coinless_station::problem::Error;
use coinless_station::store::{Row, SqliteTx, StoreError, Tx, Value};
use coinless_station::tasks::{self, Kind, Task};
use coinless_station::view;
use coinless_station::work::Work;
use purchase::{Buyer, STEPS, enrol, meter_id};
use std::collections::BTreeMap;

/// Asks for the plan of each statement, and runs it.
struct Planner<'a> {
    tx: &'a mut dyn Tx,
    plans: &'a mut BTreeMap<&'static str, Vec<String>>,
}

impl Planner<'_> {
    fn plan(&mut self, sql: &'static str, parameters: &[Value]) {
        // A few dozen, which live as long as the test.
        let explain = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
        let rows = self.tx.query(explain, parameters).unwrap();
        self.plans.insert(sql, rows.iter().map(|row| row.text(3).unwrap().to_owned()).collect());
    }
}

impl Tx for Planner<'_> {
    fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, StoreError> {
        self.plan(sql, parameters);
        self.tx.execute(sql, parameters)
    }

    fn query(&mut self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.plan(sql, parameters);
        self.tx.query(sql, parameters)
    }
}

#[test]
fn no_statement_of_a_purchase_looks_at_a_whole_table() {
    let mut db = SqliteTx::in_memory().unwrap();
    let utility = "main".parse().unwrap();
    let context = Context {
        push: std::collections::BTreeSet::new(),
        confirming: std::iter::once("main".parse().unwrap()).collect(),
        callbacks: Callbacks::new("http://127.0.0.1".to_owned(), &[0; 32]),
        patience: Patience::default(),
    };
    let known = db.apply(|tx| {
        let mut work = Work::new(tx, 1);
        enrol(&mut work, 0..2, &utility)?;
        meters::find(&mut work, meter_id(0))
    });
    let mut buyer = Buyer::new(0, &known.unwrap(), 0);
    let mut plans = BTreeMap::new();
    for _ in 0..2 {
        for mut step in buyer.next_order(&context) {
            let done = db.apply(|tx| {
                let mut planner = Planner { tx, plans: &mut plans };
                let mut work = Work::new(&mut planner, 1_000);
                step(&mut work)?;
                around(&mut work, &context)
            });
            done.unwrap();
        }
    }
    // Each step asks and writes something of its own.
    assert!(plans.len() > 6 * STEPS, "only {} statements", plans.len());
    // What a statement brings along may be scanned.
    let is_table = |plan: &str| !plan.ends_with("CONSTANT ROW") && !plan.ends_with("VALUES CLAUSE");
    let scans = |plan: &&String| plan.starts_with("SCAN") && is_table(plan);
    let slow: Vec<_> = plans.iter().filter(|(_, plan)| plan.iter().any(|line| scans(&line))).collect();
    assert!(slow.is_empty(), "{slow:#?}");
}

/// What workers and payers ask for between the steps.
fn around(work: &mut Work<'_>, context: &Context) -> Result<(), Error> {
    let orders = work.query("SELECT order_id FROM orders WHERE order_id > $1", &["".into()])?;
    for order in &orders {
        let id = order.text(0)?;
        view::order(work, id)?;
        for (kind, subject) in [(Kind::Pay, id.to_owned()), (Kind::Sell, format!("{id}/1"))] {
            tasks::prepare(work, &Task { kind, subject, attempts: 0 }, context)?;
        }
        issue::current(work, meter_id(0), id, 1)?;
        orders::line_of_subject(work, &format!("{id}/1"))?;
    }
    for number in 1..3 {
        issue::request(work, &format!("{}/0/{number}", meter_id(0)))?;
    }
    tasks::claim(work, 10).map(drop)
}
