//! What the signer remembers, and what it decides by it: functions over one transaction, with the time as an argument.

use super::SignError;
use super::seal::{Life, Limits};
use crate::store::{Row, StoreError, Tx};
use crate::utilities::UtilityName;
use coinless_protocol::keys::KeyHash;
use coinless_protocol::{CreditNumber, Epoch, MeterId, Units};

/// The tables, as migrations that only go forward.
pub(super) const MIGRATIONS: &[&[&str]] = &[
    &[
        // Which life of this database a utility's key signs in, how many tokens it signed, and the newest sealed quota seen.
        "CREATE TABLE signing_key (
        utility TEXT PRIMARY KEY,
        life BYTEA NOT NULL,
        signed BIGINT NOT NULL,
        quota_serial BIGINT NOT NULL
    )",
        // The only content that is ever signed under a number: SHA-256 of meter key and payload.
        "CREATE TABLE signed_token (
        utility TEXT NOT NULL,
        meter_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        number BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        added_units BIGINT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (utility, meter_id, epoch, number)
    )",
        // The highest total that was signed for a meter. One that gets a new key is another meter.
        "CREATE TABLE signed_register (
        utility TEXT NOT NULL,
        meter_id TEXT NOT NULL,
        meter_key BYTEA NOT NULL,
        highest_total BIGINT NOT NULL CHECK (highest_total >= 0),
        PRIMARY KEY (utility, meter_id, meter_key)
    )",
        // Units that an operational key signed in an hour or a day. Kept for ever: a clock that is set back finds them again.
        "CREATE TABLE signed_units (
        utility TEXT NOT NULL,
        operational BYTEA NOT NULL,
        period TEXT NOT NULL,
        begin_ms BIGINT NOT NULL,
        units BIGINT NOT NULL CHECK (units >= 0),
        PRIMARY KEY (utility, operational, period, begin_ms)
    )",
    ],
    &[
        // The same for registers other than credit.
        "CREATE TABLE signed_content (
        utility TEXT NOT NULL,
        meter_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        register TEXT NOT NULL,
        number BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (utility, meter_id, epoch, register, number)
    )",
    ],
];

/// The two periods that are limited.
pub(super) const HOUR: Limited = ("hour", 3_600_000);
pub(super) const DAY: Limited = ("day", 86_400_000);

/// Tokens for registers other than credit are counted apart, in the same table.
pub(super) const TERMS_HOUR: Limited = ("hour, registers", 3_600_000);
pub(super) const TERMS_DAY: Limited = ("day, registers", 86_400_000);

/// Name and length in milliseconds of a period.
pub(super) type Limited = (&'static str, i64);

/// A credit token that is to be signed, as the signer itself read it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Whose key signs.
    pub(super) utility: UtilityName,
    /// The hash of that key.
    pub(super) operational: KeyHash,
    /// The meter.
    pub(super) meter: MeterId,
    /// The hash of the meter's key.
    pub(super) meter_key: KeyHash,
    /// The key epoch.
    pub(super) epoch: Epoch,
    /// The number.
    pub(super) number: CreditNumber,
    /// The total.
    pub(super) total: Units,
    /// Whether it is the meter's last one.
    pub(super) closing: bool,
    /// SHA-256 of meter key and payload.
    pub(super) digest: [u8; 32],
}

/// A version of a register other than credit that is to be signed, as the signer itself read it.
#[derive(Debug, Clone)]
pub(super) struct AskedTerms {
    /// Whose key signs.
    pub(super) utility: UtilityName,
    /// The hash of that key.
    pub(super) operational: KeyHash,
    /// The meter.
    pub(super) meter: MeterId,
    /// The key epoch.
    pub(super) epoch: Epoch,
    /// Which register.
    pub(super) register: &'static str,
    /// The number.
    pub(super) number: u32,
    /// SHA-256 of meter key and payload.
    pub(super) digest: [u8; 32],
}

/// What a utility's key was found to have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyRow {
    /// The life of the database.
    pub(super) life: Life,
    /// How many tokens it signed.
    pub(super) signed: u64,
    /// The newest sealed quota seen; 0 for none.
    pub(super) quota_serial: u32,
}

/// Commits number and content of a token and counts what it adds; gives how many tokens the key has signed, none if this one
/// was committed before.
///
/// # Errors
/// [`SignError::Refused`] for another content under a number, [`SignError::OverQuota`]; then nothing is counted.
pub(super) fn commit(tx: &mut dyn Tx, asked: &Asked, limits: &Limits, now_ms: i64) -> Result<Option<u64>, SignError> {
    if is_committed(tx, asked)? {
        return Ok(None);
    }
    let added = added_units(tx, asked)?;
    if asked.closing {
        // It takes what is left on a meter away, so nobody may sign many of them unseen.
        count_terms(tx, (&asked.utility, &asked.operational), asked.meter, limits, now_ms)?;
    }
    if added > 0 {
        count(tx, asked, added, HOUR, limits.units_hour, now_ms)?;
        count(tx, asked, added, DAY, limits.units_day, now_ms)?;
    }
    Ok(Some(note(tx, asked, added, now_ms)?))
}

/// Commits number and content of a version of another register and counts it; gives as [`commit`].
///
/// # Errors
/// As [`commit`].
pub(super) fn commit_terms(
    tx: &mut dyn Tx,
    asked: &AskedTerms,
    limits: &Limits,
    now_ms: i64,
) -> Result<Option<u64>, SignError> {
    let key = [
        asked.utility.as_str().into(),
        asked.meter.as_str().into(),
        i64::from(asked.epoch.0).into(),
        asked.register.into(),
        asked.number.into(),
    ];
    let rows = tx.query(
        "SELECT digest FROM signed_content WHERE utility = $1 AND meter_id = $2 AND epoch = $3 AND register = $4 AND number = $5",
        &key,
    )?;
    match rows.first() {
        None => {}
        Some(row) if row.bytes(0)? == asked.digest => return Ok(None),
        Some(_) => {
            return Err(SignError::Refused(format!(
                "another content was signed for the {} register of meter {} under number {}/{}: only that one is ever signed \
                 under it. Was the station's database put back to an older state?",
                asked.register, asked.meter, asked.epoch.0, asked.number
            )));
        }
    }
    count_terms(tx, (&asked.utility, &asked.operational), asked.meter, limits, now_ms)?;
    let [utility, meter, epoch, register, number] = key;
    tx.execute(
        "INSERT INTO signed_content (utility, meter_id, epoch, register, number, digest, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[utility, meter, epoch, register, number, asked.digest.as_slice().into(), now_ms.into()],
    )?;
    count_signature(tx, &asked.utility).map(Some)
}

/// Counts one more token that is no plain credit.
fn count_terms(
    tx: &mut dyn Tx,
    (utility, operational): (&UtilityName, &KeyHash),
    meter: MeterId,
    limits: &Limits,
    now_ms: i64,
) -> Result<(), SignError> {
    for (limited, limit) in [(TERMS_HOUR, limits.registers_hour), (TERMS_DAY, limits.registers_day)] {
        let used = used_units(tx, utility, operational, limited, now_ms)?;
        if used >= limit {
            let period = if limited == TERMS_HOUR { "hour" } else { "day" };
            let words = format!(
                "{utility} has signed {used} of {limit} tokens for registers other than credit in this {period}: meter {meter} \
                 has to wait"
            );
            return Err(SignError::OverQuota { until_ms: (limit > 0).then(|| end_ms(limited, now_ms)), words });
        }
        set_used(tx, (utility, operational), limited, used + 1, now_ms)?;
    }
    Ok(())
}

/// Takes in a token that is known to have been signed before: as [`commit`], but no quota is asked.
///
/// # Errors
/// [`SignError::Refused`] if another content is known under its number.
pub(super) fn learn(tx: &mut dyn Tx, asked: &Asked, now_ms: i64) -> Result<Option<u64>, SignError> {
    if is_committed(tx, asked)? { Ok(None) } else { note(tx, asked, 0, now_ms).map(Some) }
}

/// The highest number that was signed for a meter, in the highest epoch.
pub(super) fn highest_number(
    tx: &mut dyn Tx,
    utility: &UtilityName,
    meter: MeterId,
) -> Result<Option<(Epoch, CreditNumber)>, SignError> {
    let row = first(tx.query(
        "SELECT epoch, number FROM signed_token WHERE utility = $1 AND meter_id = $2
         ORDER BY epoch DESC, number DESC LIMIT 1",
        &[utility.as_str().into(), meter.as_str().into()],
    )?);
    Ok(row.map(|row| Ok::<_, StoreError>((Epoch(row.number(0)?), CreditNumber(row.number(1)?)))).transpose()?)
}

/// What is known of a utility's key.
pub(super) fn key_row(tx: &mut dyn Tx, utility: &UtilityName) -> Result<Option<KeyRow>, StoreError> {
    let row = first(
        tx.query("SELECT life, signed, quota_serial FROM signing_key WHERE utility = $1", &[utility.as_str().into()])?,
    );
    let read = |row: Row| {
        let life =
            row.bytes(0)?.try_into().map_err(|_| StoreError::Shape("a life of other than 16 bytes".to_owned()))?;
        Ok(KeyRow { life: Life(life), signed: row.number(1)?, quota_serial: row.number(2)? })
    };
    row.map(read).transpose()
}

/// Begins a life of a utility's key in this database. What is known of its tokens stays.
pub(super) fn begin_life(tx: &mut dyn Tx, utility: &UtilityName, life: Life) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO signing_key (utility, life, signed, quota_serial) VALUES ($1, $2, 0, 0)
         ON CONFLICT (utility) DO UPDATE SET life = $2",
        &[utility.as_str().into(), life.0.as_slice().into()],
    )?;
    Ok(())
}

/// Notes the newest sealed quota.
pub(super) fn set_serial(tx: &mut dyn Tx, utility: &UtilityName, serial: u32) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE signing_key SET quota_serial = $2 WHERE utility = $1 AND quota_serial < $2",
        &[utility.as_str().into(), serial.into()],
    )?;
    Ok(())
}

fn is_committed(tx: &mut dyn Tx, asked: &Asked) -> Result<bool, SignError> {
    let rows = tx.query(
        "SELECT digest FROM signed_token WHERE utility = $1 AND meter_id = $2 AND epoch = $3 AND number = $4",
        &[
            asked.utility.as_str().into(),
            asked.meter.as_str().into(),
            i64::from(asked.epoch.0).into(),
            asked.number.0.into(),
        ],
    )?;
    match rows.first() {
        None => Ok(false),
        Some(row) if row.bytes(0)? == asked.digest => Ok(true),
        Some(_) => Err(SignError::Refused(format!(
            "another content was signed for meter {} under number {}/{}: only that one is ever signed under it. Was the \
             station's database put back to an older state?",
            asked.meter, asked.epoch.0, asked.number.0
        ))),
    }
}

fn added_units(tx: &mut dyn Tx, asked: &Asked) -> Result<u64, SignError> {
    let row = first(tx.query(
        "SELECT highest_total FROM signed_register WHERE utility = $1 AND meter_id = $2 AND meter_key = $3",
        &[asked.utility.as_str().into(), asked.meter.as_str().into(), asked.meter_key.0.as_slice().into()],
    )?);
    let highest: u64 = row.map_or(Ok(0), |row| row.number(0))?;
    Ok(asked.total.get().saturating_sub(highest))
}

/// When the period that `now_ms` lies in ends, in milliseconds since 1970.
pub(super) fn end_ms((_, length_ms): Limited, now_ms: i64) -> i64 {
    begin_ms(length_ms, now_ms).saturating_add(length_ms)
}

fn begin_ms(length_ms: i64, now_ms: i64) -> i64 {
    now_ms.div_euclid(length_ms) * length_ms
}

/// What the key `operational` signed in the period that `now_ms` lies in.
pub(super) fn used_units(
    tx: &mut dyn Tx,
    utility: &UtilityName,
    operational: &KeyHash,
    (period, length_ms): Limited,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let row = first(tx.query(
        "SELECT units FROM signed_units WHERE utility = $1 AND operational = $2 AND period = $3 AND begin_ms = $4",
        &[utility.as_str().into(), operational.0.as_slice().into(), period.into(), begin_ms(length_ms, now_ms).into()],
    )?);
    row.map_or(Ok(0), |row| row.number(0))
}

/// Counts units in the period that `now_ms` lies in.
fn count(
    tx: &mut dyn Tx,
    asked: &Asked,
    added: u64,
    limited: Limited,
    limit: u64,
    now_ms: i64,
) -> Result<(), SignError> {
    let (period, _) = limited;
    let used = used_units(tx, &asked.utility, &asked.operational, limited, now_ms)?;
    // Units are at most 10^15 each; a limit may be anything, but what is counted must fit a BIGINT.
    let sum = used.checked_add(added).filter(|sum| *sum <= limit && i64::try_from(*sum).is_ok());
    let Some(sum) = sum else {
        let words = format!(
            "the signing quota of {} is used up: {used} of {limit} units were signed in this {period}, meter {} asks for \
             {added} more",
            asked.utility, asked.meter
        );
        let ever = added <= limit;
        return Err(SignError::OverQuota { until_ms: ever.then(|| end_ms(limited, now_ms)), words });
    };
    set_used(tx, (&asked.utility, &asked.operational), limited, sum, now_ms)
}

/// Notes what the key of a utility signed in the period that `now_ms` lies in.
fn set_used(
    tx: &mut dyn Tx,
    (utility, operational): (&UtilityName, &KeyHash),
    (period, length_ms): Limited,
    sum: u64,
    now_ms: i64,
) -> Result<(), SignError> {
    let sum = i64::try_from(sum).map_err(|_| SignError::Unavailable("a count that fits no database".to_owned()))?;
    tx.execute(
        "INSERT INTO signed_units (utility, operational, period, begin_ms, units) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (utility, operational, period, begin_ms) DO UPDATE SET units = $5",
        &[
            utility.as_str().into(),
            operational.0.as_slice().into(),
            period.into(),
            begin_ms(length_ms, now_ms).into(),
            sum.into(),
        ],
    )?;
    Ok(())
}

fn note(tx: &mut dyn Tx, asked: &Asked, added: u64, now_ms: i64) -> Result<u64, SignError> {
    // Totals are at most 10^15.
    let (total, added) = (asked.total.get() as i64, added as i64);
    tx.execute(
        "INSERT INTO signed_register (utility, meter_id, meter_key, highest_total) VALUES ($1, $2, $3, $4)
         ON CONFLICT (utility, meter_id, meter_key)
         DO UPDATE SET highest_total = $4 WHERE signed_register.highest_total < $4",
        &[
            asked.utility.as_str().into(),
            asked.meter.as_str().into(),
            asked.meter_key.0.as_slice().into(),
            total.into(),
        ],
    )?;
    tx.execute(
        "INSERT INTO signed_token (utility, meter_id, epoch, number, digest, added_units, at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            asked.utility.as_str().into(),
            asked.meter.as_str().into(),
            i64::from(asked.epoch.0).into(),
            asked.number.0.into(),
            asked.digest.as_slice().into(),
            added.into(),
            now_ms.into(),
        ],
    )?;
    count_signature(tx, &asked.utility)
}

/// Counts one more signature of a utility's key; gives how many it has made.
fn count_signature(tx: &mut dyn Tx, utility: &UtilityName) -> Result<u64, SignError> {
    let row = first(tx.query(
        "UPDATE signing_key SET signed = signed + 1 WHERE utility = $1 RETURNING signed",
        &[utility.as_str().into()],
    )?);
    let row = row.ok_or_else(|| SignError::Unavailable("the signer's database does not know its key".to_owned()))?;
    Ok(row.number(0)?)
}

fn first(rows: Vec<Row>) -> Option<Row> {
    rows.into_iter().next()
}
