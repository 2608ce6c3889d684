//! Who may read a meter's readings. They are sealed to the station; a phone earns them by typing once the code that the meter shows
//! on its display when its button is pressed ([`ReadingsKey::owner_code`]), and has them until the tenant changes.
//!
//! The code depends on the number of the meter's last receipt, of which the station may not know the newest, and the newest that it
//! knows may be newer than the code on the display: so [`BEFORE`] and [`BEYOND`]. After a change of tenant only codes count that the
//! meter showed since: those of the first receipt on that cannot be older, since it holds a credit number that was signed after the
//! change or a time of after it.

use crate::meters::{self, Meter};
use crate::problem::{Code, Error, More};
use crate::records::from_hex;
use crate::work::Work;
use coinless_protocol::MeterId;
use coinless_protocol::readings::{OWNER_CODES, ReadingsKey};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::fmt;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// How many receipts the code may be older than the newest one known: as many as a visit of a phone makes, and a few.
pub const BEFORE: u32 = 8;
/// How many receipts the code may be newer than the newest one known.
pub const BEYOND: u32 = 8;
/// Most wrong codes for a meter in an hour.
pub const WRONG_AN_HOUR: i64 = 5;
/// Most wrong codes for a meter in a day: whoever tries all day for a year finds the code of one meter in 800.
pub const WRONG_A_DAY: i64 = 20;
/// Most phones that may read a meter; with one more, the first to have earned it may no longer.
pub const MOST_READERS: usize = 16;
/// How much later than a change of tenant a meter's time must be that proves a receipt to be of after it: more than clocks drift. A time
/// that is more than a minute ahead of the station's when the receipt comes in proves nothing.
const CLOCK_DRIFT_S: i64 = 3_600;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A phone's secret, 32 bytes that it drew at random, in 64 hexadecimal digits. Kept here as its SHA-256 alone, and never shown.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String)]
pub struct ReaderSecret(Zeroizing<[u8; 32]>);

impl TryFrom<String> for ReaderSecret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        let bytes = from_hex(&text).map(Zeroizing::new);
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        bytes.map(|bytes| Self(Zeroizing::new(bytes))).ok_or("a reader is 32 bytes, written as 64 hexadecimal digits")
    }
}

impl fmt::Debug for ReaderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReaderSecret(hidden)")
    }
}

impl ReaderSecret {
    fn hash(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.0.as_slice()).as_ref());
        bytes
    }
}

/// A code as somebody typed it: eight digits, with spaces or hyphens between them or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypedCode(u32);

impl TypedCode {
    /// Reads a code.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_code = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let code = digits.parse().ok().filter(|code| is_code && *code < OWNER_CODES);
        code.map(Self)
            .ok_or_else(|| Error::refused(Code::Malformed, "the code on the meter's display has eight digits"))
    }
}

/// What came of a code that somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earned {
    /// The phone may read the meter, since this time.
    Entitled {
        /// When it earned that.
        earned_ms: i64,
    },
    /// It is not a code that the meter shows. So many may still be tried in this hour.
    Wrong {
        /// How many.
        left: i64,
    },
}

/// Who lives with the meter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tenancy {
    /// When it began; 0 if nobody lived with the meter before.
    since_ms: i64,
    /// The first receipt that is certainly of it; none if none came yet.
    first_receipt: Option<u32>,
}

/// Checks the code that somebody typed and notes the reader. A reader that is noted already stays so, whatever the code. A wrong code
/// is counted, which must be kept: it is no error of the command.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::TooOften`] after too many wrong codes; [`Code::NotPossibleNow`] if no receipt since the last change
/// of tenant is known.
pub fn earn(
    work: &mut Work<'_>,
    id: MeterId,
    code: TypedCode,
    secret: &ReaderSecret,
    key: &ReadingsKey,
) -> Result<Earned, Error> {
    let meter = meters::lock(work, id)?;
    let (tenancy, hash) = (tenancy(work, id)?, secret.hash());
    if let Some(known) = find(work, id, &hash, tenancy.since_ms)? {
        return Ok(Earned::Entitled { earned_ms: known.earned_ms });
    }
    check_tries(work, id)?;
    let Some(first) = tenancy.first_receipt else {
        let detail = "the tenant has changed, and no receipt of the meter has come since: load credit or read the meter at its place, \
                      sync, press the button and type the code that it shows then";
        return Err(Error::refused(Code::NotPossibleNow, detail));
    };
    if !is_shown(&meter, first, code, key) {
        return Ok(Earned::Wrong { left: count_wrong(work, id)? });
    }
    work.execute(
        "INSERT INTO reader (meter_id, secret_hash, tenancy_ms, since_receipt, earned_ms) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (meter_id, secret_hash) DO UPDATE SET tenancy_ms = $3, since_receipt = $4, earned_ms = $5",
        &[id.as_str().into(), hash.as_slice().into(), tenancy.since_ms.into(), first.into(), work.now_ms.into()],
    )?;
    forget_oldest(work, id)?;
    Ok(Earned::Entitled { earned_ms: work.now_ms })
}

/// Refuses a meter of which too many wrong codes were typed.
///
/// # Errors
/// [`Code::TooOften`].
pub fn check_tries(work: &mut Work<'_>, id: MeterId) -> Result<(), Error> {
    let (in_hour, in_day) = wrong(work, id)?;
    // They are counted by hours and days of UTC, so the wait ends with those.
    let (wait, window_ms) = match (in_hour >= WRONG_AN_HOUR, in_day >= WRONG_A_DAY) {
        (_, true) => ("tomorrow", DAY_MS),
        (true, false) => ("in an hour", HOUR_MS),
        (false, false) => return Ok(()),
    };
    let detail = format!("too many wrong codes were typed for meter {}; try again {wait}", id.label());
    let left_ms = window_ms - work.now_ms.rem_euclid(window_ms);
    let more = More { retry_after_s: u64::try_from(left_ms).ok().map(|ms| ms.div_ceil(1000)), ..More::default() };
    Err(Error::refused(Code::TooOften, detail).with(more))
}

/// The first receipt that the reader with this secret may read.
///
/// # Errors
/// [`Code::NotEntitled`].
pub fn check(work: &mut Work<'_>, id: MeterId, secret: &ReaderSecret) -> Result<u32, Error> {
    let since_ms = last_change(work, id)?.map_or(0, |(since_ms, ..)| since_ms);
    let found = find(work, id, &secret.hash(), since_ms)?;
    found.map(|reader| reader.since_receipt).ok_or_else(not_entitled)
}

/// What is told to whoever is not entitled.
pub fn not_entitled() -> Error {
    let detail =
        "press the button of the meter and type the code that its display shows; after a change of tenant once more";
    Error::refused(Code::NotEntitled, detail)
}

/// Nobody may read the meter any more.
///
/// # Errors
/// When the database fails.
pub fn end(work: &mut Work<'_>, id: MeterId) -> Result<u64, Error> {
    Ok(work.execute("DELETE FROM reader WHERE meter_id = $1", &[id.as_str().into()])?)
}

struct Reader {
    since_receipt: u32,
    earned_ms: i64,
}

fn find(work: &mut Work<'_>, id: MeterId, hash: &[u8; 32], since_ms: i64) -> Result<Option<Reader>, Error> {
    // The database compares hashes of secrets of 256 bits: how long that takes says nothing of use.
    let row = work.query_first(
        "SELECT since_receipt, earned_ms FROM reader WHERE meter_id = $1 AND secret_hash = $2 AND tenancy_ms = $3",
        &[id.as_str().into(), hash.as_slice().into(), since_ms.into()],
    )?;
    row.map(|row| Ok(Reader { since_receipt: row.number(0)?, earned_ms: row.int(1)? })).transpose()
}

/// When the tenant last changed, and what had been signed for the meter then.
fn last_change(work: &mut Work<'_>, id: MeterId) -> Result<Option<(i64, i64, i64)>, Error> {
    let row = work.query_first(
        "SELECT until_ms, epoch, last_number FROM tenancy WHERE meter_id = $1 ORDER BY until_ms DESC LIMIT 1",
        &[id.as_str().into()],
    )?;
    row.map(|row| Ok((row.int(0)?, row.int(1)?, row.int(2)?))).transpose()
}

fn tenancy(work: &mut Work<'_>, id: MeterId) -> Result<Tenancy, Error> {
    let Some((since_ms, epoch, number)) = last_change(work, id)? else {
        return Ok(Tenancy { since_ms: 0, first_receipt: Some(0) });
    };
    let row = work.query_first(
        "SELECT number FROM receipt
         WHERE meter_id = $1 AND (epoch > $2 OR (epoch = $2 AND credit_number > $3)
                                  OR (clock >= $4 AND clock <= received_ms / 1000 + 60)) ORDER BY number LIMIT 1",
        &[id.as_str().into(), epoch.into(), number.into(), (since_ms.div_euclid(1000) + CLOCK_DRIFT_S).into()],
    )?;
    Ok(Tenancy { since_ms, first_receipt: row.map(|row| row.number(0)).transpose()? })
}

/// Whether the meter may be showing `code`. Takes the same time wherever it is found, and if it is not.
fn is_shown(meter: &Meter, first: u32, code: TypedCode, key: &ReadingsKey) -> bool {
    let newest = meter.newest_receipt.map_or(0, |receipt| receipt.number);
    let numbers = newest.saturating_sub(BEFORE)..=newest.saturating_add(BEYOND);
    let found = numbers.fold(0, |found, number| {
        let is_it = code.0.to_be_bytes().ct_eq(&key.owner_code(number).to_be_bytes());
        found | (is_it.unwrap_u8() & u8::from(number >= first))
    });
    found == 1
}

/// How many wrong codes there were in this hour and this day.
fn wrong(work: &mut Work<'_>, id: MeterId) -> Result<(i64, i64), Error> {
    let row = work
        .query_first("SELECT hour, in_hour, day, in_day FROM wrong_code WHERE meter_id = $1", &[id.as_str().into()])?;
    let Some(row) = row else { return Ok((0, 0)) };
    let count = |which: i64, now: i64, count: i64| if which == now { count } else { 0 };
    Ok((
        count(row.int(0)?, work.now_ms.div_euclid(HOUR_MS), row.int(1)?),
        count(row.int(2)?, work.now_ms.div_euclid(DAY_MS), row.int(3)?),
    ))
}

/// Counts a wrong code; gives how many may still be tried in this hour.
fn count_wrong(work: &mut Work<'_>, id: MeterId) -> Result<i64, Error> {
    let (in_hour, in_day) = wrong(work, id)?;
    work.execute(
        "INSERT INTO wrong_code (meter_id, hour, in_hour, day, in_day) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (meter_id) DO UPDATE SET hour = $2, in_hour = $3, day = $4, in_day = $5",
        &[
            id.as_str().into(),
            work.now_ms.div_euclid(HOUR_MS).into(),
            (in_hour + 1).into(),
            work.now_ms.div_euclid(DAY_MS).into(),
            (in_day + 1).into(),
        ],
    )?;
    Ok((WRONG_AN_HOUR - in_hour - 1).min(WRONG_A_DAY - in_day - 1).max(0))
}

fn forget_oldest(work: &mut Work<'_>, id: MeterId) -> Result<(), Error> {
    let readers = work.query(
        "SELECT secret_hash FROM reader WHERE meter_id = $1 ORDER BY earned_ms DESC, secret_hash",
        &[id.as_str().into()],
    )?;
    for row in readers.iter().skip(MOST_READERS) {
        work.execute(
            "DELETE FROM reader WHERE meter_id = $1 AND secret_hash = $2",
            &[id.as_str().into(), row.bytes(0)?.into()],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_eight_digits_however_they_are_written() {
        for written in ["01234567", "0123 4567", "0123-4567", " 01 23 45 67 "] {
            assert_eq!(TypedCode::parse(written).unwrap(), TypedCode(1_234_567), "{written}");
        }
        for other in ["", "1234567", "123456789", "+1234567", "1234567a", "１２３４５６７８"] {
            assert!(TypedCode::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = ReaderSecret::try_from("ab".repeat(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "ReaderSecret(hidden)");
        assert!(ReaderSecret::try_from("ab".repeat(31)).is_err());
    }
}
