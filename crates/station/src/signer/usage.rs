//! How much of its quota a key has used: a look into the signer's key folder and database, whether it runs or not.

use super::OpenError;
use super::book;
use super::open;
use super::seal::Limits;
use crate::keys::KeyError;
use crate::keys::files::{self, folders};
use crate::store::{GroupSize, SqliteStore, Store, StoreError};
use crate::utilities::UtilityName;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// What a key may sign, and has signed. All in credit units (dm³, litre, Wh).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Whose key.
    pub utility: String,
    /// The limits in the key folder. A signer that is running works with those that were there when it started.
    pub limits: Limits,
    /// In the current hour (UTC).
    pub hour: Used,
    /// In the current day (UTC).
    pub day: Used,
    /// Tokens for registers other than credit in the current hour (UTC): a number of tokens and not of units.
    pub registers_hour: Used,
    /// The same in the current day (UTC).
    pub registers_day: Used,
}

/// What was signed in the current hour or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Units that were signed.
    pub used_units: u64,
    /// Units that may still be signed.
    pub left_units: u64,
    /// When the next hour or day begins, in milliseconds since 1970.
    pub until_ms: i64,
}

/// How much the keys in the key store `path` have used of their quotas at `now_ms`, in milliseconds since 1970. Changes nothing.
///
/// # Errors
/// [`OpenError`] if the keys, a sealed quota or the database cannot be read; [`KeyError::Missing`] where there is no key.
pub async fn usage<'a>(
    path: &Path,
    utilities: impl IntoIterator<Item = &'a UtilityName>,
    now_ms: i64,
) -> Result<Vec<Usage>, OpenError> {
    let database = path.join("signer.db");
    let store: Option<Arc<dyn Store>> = match database.exists() {
        true => Some(Arc::new(SqliteStore::open_with(&database, GroupSize::default(), book::MIGRATIONS)?)),
        false => None,
    };
    let mut found = Vec::new();
    for (utility, folder) in folders(path, utilities) {
        let public = |name: &str| {
            let missing = || KeyError::NoSigner(folder.clone());
            files::load_public(&folder, name)?.ok_or_else(missing)
        };
        let (operational, root) = (public("operational")?, public("root")?);
        let limits = open::sealed(&folder, &operational, &root)?;
        let [hour, day, registers_hour, registers_day] = match &store {
            None => [0; 4],
            Some(store) => {
                let (utility, key) = (utility.clone(), operational.hash());
                let all = store.read(move |tx| {
                    let mut used = |period| book::used_units(tx, &utility, &key, period, now_ms);
                    let registers = (used(book::TERMS_HOUR)?, used(book::TERMS_DAY)?);
                    Ok::<_, StoreError>([used(book::HOUR)?, used(book::DAY)?, registers.0, registers.1])
                });
                all.await?
            }
        };
        let used = |period, used_units, limit: u64| Used {
            used_units,
            left_units: limit.saturating_sub(used_units),
            until_ms: book::end_ms(period, now_ms),
        };
        let (hour, day) = (used(book::HOUR, hour, limits.units_hour), used(book::DAY, day, limits.units_day));
        let registers_hour = used(book::TERMS_HOUR, registers_hour, limits.registers_hour);
        let registers_day = used(book::TERMS_DAY, registers_day, limits.registers_day);
        found.push(Usage { utility: utility.to_string(), limits, hour, day, registers_hour, registers_day });
    }
    Ok(found)
}
