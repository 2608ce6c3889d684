//! The tables of the schema as values, read from its own migrations, and the statements that copy them.

use super::schema::MIGRATIONS;
use std::sync::OnceLock;

/// How many rows a page of a copy has.
const PAGE_ROWS: usize = 500;

/// A table and how it is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order in which they were added.
    pub columns: Vec<String>,
    /// Where in `columns` those of the primary key stand.
    pub key: Vec<usize>,
    /// Selects its first rows, in the order of the key.
    pub first_page: &'static str,
    /// Selects the rows after the one with the key `$1` ….
    pub next_page: &'static str,
    /// Writes a row: one parameter for each column.
    pub insert: &'static str,
    /// Selects a row if there is any.
    pub any: &'static str,
}

/// The schema's version: how many migrations it has.
pub fn schema_version() -> u64 {
    MIGRATIONS.len() as u64
}

/// All tables of the newest schema.
pub fn tables() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(|| read(MIGRATIONS.iter().flat_map(|migration| migration.iter().copied())))
}

/// Follows the statements of the migrations: tables made, renamed columns, added columns, dropped tables.
fn read(statements: impl Iterator<Item = &'static str>) -> Vec<Table> {
    let mut tables: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for statement in statements {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words[..] {
            ["CREATE", "TABLE", name, ..] => {
                let (columns, key) = made(statement);
                tables.push((name.to_owned(), columns, key));
            }
            ["DROP", "TABLE", name] => tables.retain(|table| table.0 != name),
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] => {
                tables.iter_mut().filter(|table| table.0 == name).for_each(|table| table.1.push(column.to_owned()));
            }
            ["ALTER", "TABLE", name, "RENAME", "COLUMN", from, "TO", to] => {
                let names =
                    tables.iter_mut().filter(|table| table.0 == name).flat_map(|table| [&mut table.1, &mut table.2]);
                names.flatten().filter(|column| *column == from).for_each(|column| *column = to.to_owned());
            }
            _ => {}
        }
    }
    tables.into_iter().map(|(name, columns, key)| with_statements(name, columns, &key)).collect()
}

/// The columns and the key of a table that is made: a definition a line.
fn made(statement: &str) -> (Vec<String>, Vec<String>) {
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for line in statement.lines().skip(1).map(|line| line.trim().trim_end_matches(',')) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("PRIMARY"), _) => {
                let names = line.trim_start_matches("PRIMARY KEY (").trim_end_matches(')');
                key = names.split(", ").map(str::to_owned).collect();
            }
            (Some(name), Some("BIGINT" | "TEXT" | "BYTEA")) => {
                columns.push(name.to_owned());
                if line.contains("PRIMARY KEY") {
                    key = vec![name.to_owned()];
                }
            }
            _ => {}
        }
    }
    (columns, key)
}

fn with_statements(name: String, columns: Vec<String>, key: &[String]) -> Table {
    let parameters = |count: usize| (1..=count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
    let (all, order) = (columns.join(", "), key.join(", "));
    let page = format!("ORDER BY {order} LIMIT {PAGE_ROWS}");
    // Statements are known for the whole life of the program; these few are made once.
    let fixed = |sql: String| -> &'static str { Box::leak(sql.into_boxed_str()) };
    Table {
        first_page: fixed(format!("SELECT {all} FROM {name} {page}")),
        next_page: fixed(format!("SELECT {all} FROM {name} WHERE ({order}) > ({}) {page}", parameters(key.len()))),
        insert: fixed(format!("INSERT INTO {name} ({all}) VALUES ({})", parameters(columns.len()))),
        any: fixed(format!("SELECT 1 FROM {name} LIMIT 1")),
        key: key.iter().filter_map(|part| columns.iter().position(|column| column == part)).collect(),
        name,
        columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteTx, Tx, Value};

    #[test]
    fn are_those_of_the_database() {
        let mut tx = SqliteTx::in_memory().unwrap();
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let names: Vec<String> =
            tx.query(names, &[]).unwrap().iter().map(|row| row.text(0).unwrap().to_owned()).collect();
        let mut ours: Vec<&Table> = tables().iter().collect();
        ours.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(ours.iter().map(|table| &table.name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
        for table in ours {
            let columns = "SELECT name, pk FROM pragma_table_info($1) ORDER BY cid";
            let rows = tx.query(columns, &[table.name.as_str().into()]).unwrap();
            let there: Vec<&str> = rows.iter().map(|row| row.text(0).unwrap()).collect();
            assert_eq!(table.columns, there, "{}", table.name);
            let mut key: Vec<(i64, usize)> =
                rows.iter().enumerate().map(|(at, row)| (row.int(1).unwrap(), at)).filter(|(pk, _)| *pk > 0).collect();
            key.sort_unstable();
            assert_eq!(table.key, key.iter().map(|(_, at)| *at).collect::<Vec<_>>(), "{}", table.name);
            assert!(tx.query(table.first_page, &[]).unwrap().is_empty());
            let nothing: Vec<Value> = table.key.iter().map(|_| Value::Null).collect();
            assert!(tx.query(table.next_page, &nothing).unwrap().is_empty());
        }
    }
}
