//! Brings a database's schema up to date. Several processes may start at once: one migrates, the others wait for it.

use super::link::{Failure, Link};
use crate::store::StoreError;
use crate::store::schema::MIGRATIONS;

/// How often making the table of the version is tried: two that make it at the same moment disturb each other.
const TRIES: u32 = 10;
/// How long a migration may take, and how long others wait for it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '10min';
    SET LOCAL lock_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '10min'";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    version BIGINT NOT NULL
)";
/// Who inserts the row first makes the others wait, and who locks it too.
const LOCK: &str = "INSERT INTO schema_version (only_row, version) VALUES (1, 0) ON CONFLICT (only_row) DO NOTHING;
    SELECT version FROM schema_version WHERE only_row = 1 FOR UPDATE";

/// Runs the migrations that did not run yet, in one transaction.
///
/// # Errors
/// [`StoreError::Database`] if the database belongs to a newer program or a statement fails; then nothing was changed.
pub(super) fn migrate(link: &mut Link) -> Result<(), StoreError> {
    make_table(link)?;
    match migrate_locked(link) {
        Ok(()) => Ok(()),
        Err(error) => {
            // A connection that is dropped rolls back.
            link.drop_connection();
            Err(error)
        }
    }
}

fn make_table(link: &mut Link) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match link.batch_slow(TABLE) {
            Ok(()) => return Ok(()),
            Err(failure) if tries >= TRIES => return Err(failure.into_error()),
            Err(failure) => tracing::debug!(%failure, "making the table of the schema's version again"),
        }
        tries += 1;
    }
}

fn migrate_locked(link: &mut Link) -> Result<(), StoreError> {
    link.batch_slow(BEGIN).map_err(Failure::into_error)?;
    let found = link.simple(LOCK).map_err(Failure::into_error)?;
    let version = found.first().and_then(|row| row.first()).and_then(|text| text.parse::<usize>().ok());
    let done = version.ok_or_else(|| StoreError::Shape("the schema's version is not a number".to_owned()))?;
    if done > MIGRATIONS.len() {
        return Err(StoreError::Database(format!(
            "the database is of schema version {done}, this program knows {}: use a newer program",
            MIGRATIONS.len()
        )));
    }
    for statement in MIGRATIONS.iter().skip(done).flat_map(|migration| migration.iter()) {
        link.batch_slow(statement).map_err(Failure::into_error)?;
    }
    let newest = MIGRATIONS.len();
    let end = format!("UPDATE schema_version SET version = {newest} WHERE only_row = 1; COMMIT");
    link.batch_slow(&end).map_err(Failure::into_error)
}
