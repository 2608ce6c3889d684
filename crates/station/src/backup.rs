//! A backup of the database as text, and its restore, whichever database it is.
//!
//! JSON, a value a line: what it is; each table's name and columns, followed by its rows; last how many rows there were and the
//! SHA-256 of all lines before. BIGINT is a number, TEXT a string, BYTEA `{"hex": …}`. All of it is one state of the database.
//! The keys are not in it, and personal data is.

use crate::problem;
use crate::records::{from_hex, to_hex};
use crate::recovery;
use crate::store::{Row, StoreError, Table, Value, schema_version, tables};
use crate::work::Work;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::io::{self, BufRead, Read, Write};

/// The format's version.
const FORMAT: u64 = 1;
/// Longest line, in bytes: the request of an order of 500 lines takes less than 100 kB.
const MAX_LINE: u64 = 16 << 20;

/// Why a backup could not be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be written or read.
    #[error("the backup's file: {0}")]
    Io(#[from] io::Error),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// The recovery could not begin.
    #[error(transparent)]
    Recovery(#[from] problem::Error),
    /// The database to restore into is in use.
    #[error(
        "the database has rows already (table {0}): stop the station, move its database away and restore into an empty one, \
             so that nothing is lost"
    )]
    NotEmpty(String),
    /// It was made by another version of the program.
    #[error("the backup is of schema version {0}, this program's is {1}: restore it with the program that made it")]
    OtherVersion(u64, u64),
    /// The file is not a whole backup.
    #[error("line {line} of the backup: {why}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The moment whose state it is, in milliseconds since 1970-01-01 UTC.
    pub made_ms: i64,
    /// All rows.
    pub rows: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    coinless_backup: u64,
    schema: u64,
    made_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct TableHead {
    table: String,
    columns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct End {
    rows: u64,
    sha256: String,
}

/// Writes all of the database to `out`, as the transaction of `work` sees it; `progress` is told the rows written so far, once
/// a page.
///
/// # Errors
/// When the database or `out` fails; what was written is then not a backup.
pub fn write(work: &mut Work<'_>, out: &mut dyn Write, progress: &mut dyn FnMut(u64)) -> Result<Summary, Error> {
    let mut out = Hashed { out, digest: Context::new(&SHA256) };
    let made_ms = work.now_ms;
    out.line(&Head { coinless_backup: FORMAT, schema: schema_version(), made_ms })?;
    let mut rows = 0;
    for table in tables() {
        out.line(&TableHead { table: table.name.clone(), columns: table.columns.clone() })?;
        let mut page = work.query(table.first_page, &[])?;
        while let Some(last) = page.last() {
            let key: Vec<Value> = table.key.iter().filter_map(|at| last.values().get(*at).cloned()).collect();
            page.iter().try_for_each(|row| out.line(&row.values().iter().map(to_json).collect::<Vec<_>>()))?;
            rows += page.len() as u64;
            progress(rows);
            page = work.query(table.next_page, &key)?;
        }
    }
    let sha256 = to_hex(out.digest.clone().finish().as_ref());
    out.line(&End { rows, sha256 })?;
    out.out.flush()?;
    Ok(Summary { made_ms, rows })
}

/// Fills an empty database from a backup and begins the recovery of what came after it ([`recovery::begin`]); `progress` is told
/// the rows read so far. Nothing of it is kept if the transaction of `work` is not. `settle_ms`: how long calls of the station
/// that died may still be on their way.
///
/// # Errors
/// [`Error`]; nothing must be kept then.
pub fn restore(
    work: &mut Work<'_>,
    input: &mut dyn BufRead,
    settle_ms: i64,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, Error> {
    if let Some(table) = tables().iter().find_map(|table| in_use(work, table).transpose()) {
        return Err(Error::NotEmpty(table?));
    }
    let mut lines = Lines { input, number: 0, digest: Context::new(&SHA256) };
    let head: Head = lines.next_value("the first line of a backup")?;
    if head.coinless_backup != FORMAT || head.schema != schema_version() {
        return Err(Error::OtherVersion(head.schema, schema_version()));
    }
    let mut table: Option<&'static Table> = None;
    let (mut rows, mut seen) = (0, Vec::new());
    let end: End = loop {
        let digest = lines.digest.clone();
        match lines.next_value("a row, a table or the end")? {
            Json::Array(row) => {
                let table = table.ok_or_else(|| lines.wrong("a row before any table"))?;
                let values: Option<Vec<Value>> = row.iter().map(from_json).collect();
                let values = values.filter(|values| values.len() == table.columns.len());
                work.execute(table.insert, &values.ok_or_else(|| lines.wrong("not a row of its table"))?)?;
                rows += 1;
                if rows % 500 == 0 {
                    progress(rows);
                }
            }
            other if other.get("table").is_some() => {
                let head: TableHead = serde_json::from_value(other).map_err(|error| lines.wrong(error))?;
                let found = tables().iter().find(|table| table.name == head.table && table.columns == head.columns);
                table = Some(found.ok_or_else(|| lines.wrong("a table that this program does not have"))?);
                seen.push(head.table);
            }
            other => {
                let end: End = serde_json::from_value(other).map_err(|error| lines.wrong(error))?;
                if end.sha256 != to_hex(digest.finish().as_ref()) {
                    return Err(lines.wrong("the file was changed or damaged: its SHA-256 is another one"));
                }
                break end;
            }
        }
    };
    if end.rows != rows || seen.len() != tables().len() {
        return Err(lines.wrong("rows or tables are missing"));
    }
    recovery::begin(work, head.made_ms, settle_ms)?;
    Ok(Summary { made_ms: head.made_ms, rows })
}

fn in_use(work: &mut Work<'_>, table: &Table) -> Result<Option<String>, StoreError> {
    Ok(work.query_first(table.any, &[])?.map(|_: Row| table.name.clone()))
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => serde_json::json!({ "hex": to_hex(bytes) }),
    }
}

fn from_json(value: &Json) -> Option<Value> {
    match value {
        Json::Null => Some(Value::Null),
        Json::Number(number) => number.as_i64().map(Value::Int),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Object(object) => from_hex(object.get("hex")?.as_str()?).map(Value::Bytes),
        Json::Bool(_) | Json::Array(_) => None,
    }
}

struct Hashed<'a> {
    out: &'a mut dyn Write,
    digest: Context,
}

impl Hashed<'_> {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line)
    }
}

struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
    digest: Context,
}

impl Lines<'_> {
    /// Reads the next line, which is to be `what`.
    fn next_value<T: serde::de::DeserializeOwned>(&mut self, what: &str) -> Result<T, Error> {
        let mut line = Vec::new();
        self.number += 1;
        self.input.take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(self.wrong(format_args!("{what} is missing or cut off")));
        }
        let value = serde_json::from_slice(&line).map_err(|error| self.wrong(format_args!("not {what}: {error}")))?;
        line.push(b'\n');
        self.digest.update(&line);
        Ok(value)
    }

    fn wrong(&self, why: impl std::fmt::Display) -> Error {
        Error::Malformed { line: self.number, why: why.to_string() }
    }
}
