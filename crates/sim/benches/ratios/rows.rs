//! Bare commits of the same rows to the same disk: what an order leaves in the database, written by plain prepared
//! statements in as many commits as our code makes.

use crate::rate;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::path::Path;
use std::time::Duration;

/// What each complete order leaves: a table, how many rows, and how many columns.
type Row = (String, Vec<Value>);

/// The rows that one order left in the database `path`.
pub fn of_one_order(path: &Path) -> Vec<Row> {
    let db = Connection::open(path).expect("the database of the run before");
    let order: String = db
        .query_row("SELECT order_id FROM order_line WHERE state = 'delivered' LIMIT 1", [], |row| row.get(0))
        .expect("an order");
    let (meter, receipt): (String, i64) = db
        .query_row("SELECT meter_id, min(number) FROM receipt GROUP BY meter_id LIMIT 1", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .expect("a receipt");
    let mut rows = Vec::new();
    for (table, condition) in [
        ("orders", format!("order_id = '{order}'")),
        ("order_line", format!("order_id = '{order}'")),
        ("movement", format!("subject = '{order}'")),
        ("entry", format!("subject = '{order}'")),
        ("sale", format!("sale_id = '{order}/1'")),
        ("meter_line", format!("order_id = '{order}'")),
        ("token", format!("meter_id = '{meter}' AND number = 1")),
        ("receipt", format!("meter_id = '{meter}' AND number = {receipt}")),
    ] {
        let mut statement = db.prepare(&format!("SELECT * FROM {table} WHERE {condition}")).expect("a table");
        let columns = statement.column_count();
        let mut found = statement.query([]).expect("rows");
        while let Some(row) = found.next().expect("a row") {
            let values = (0..columns).map(|at| row.get(at).expect("a value")).collect();
            rows.push((table.to_owned(), values));
        }
    }
    rows
}

/// Orders a second when the rows of each are written in `commits` commits, or those of `group` orders in `commits` together.
pub fn bare_rate(measure: Duration, rows: &[Row], commits: usize, group: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bare.db");
    drop(coinless_station::store::SqliteStore::open(&path, Default::default()).expect("the same schema"));
    let db = Connection::open(&path).expect("a database");
    db.pragma_update(None, "journal_mode", "WAL").expect("the same mode");
    db.pragma_update(None, "synchronous", "FULL").expect("the same mode");
    let mut next = 0_i64;
    let part = rows.len().div_ceil(commits);
    let groups = rate(measure, || {
        for rows in rows.chunks(part) {
            db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
            for order in 0..group as i64 {
                for (table, values) in rows {
                    insert(&db, table, values, next + order);
                }
            }
            db.execute_batch("COMMIT").expect("a commit");
        }
        next += group as i64;
    });
    groups * group as f64
}

/// Inserts a row, as that of order `number`: every key differs by its first column.
fn insert(db: &Connection, table: &str, values: &[Value], number: i64) {
    let places = (1..=values.len()).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
    let mut statement = db.prepare_cached(&format!("INSERT INTO {table} VALUES ({places})")).expect("a statement");
    let key = match values.first() {
        Some(Value::Text(text)) => Value::Text(format!("{text}{number:012}")),
        other => other.cloned().unwrap_or(Value::Null),
    };
    let row = std::iter::once(key).chain(values.iter().skip(1).cloned());
    statement.execute(params_from_iter(row)).expect("an insertion");
}
