//! What the built-in sales system remembers of a meter's purchases, and how a sale changes that and a reversal changes it back.

use crate::money::Money;
use crate::problem::Error;
use crate::tariff::{Breakdown, Counter, History, Tariff};
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::{FINE_PER_UNIT, MeterId, Units};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A meter's history and its version, which rises with each change.
pub(super) struct Known {
    pub version: i64,
    pub history: History,
}

/// A history as it is stored: dates as `2026-07-01`, units and money as integers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    month: Option<(String, u64)>,
    year: Option<(String, u64)>,
    last_purchase_ms: Option<i64>,
    debt_minor: i64,
    free_given: Option<String>,
}

/// What a quote says of the history: its version then, and what becomes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Terms {
    version: i64,
    after: Stored,
    debt_minor: i64,
    standing_minor: i64,
}

/// What a sale did to the history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Effect {
    before: Stored,
    version_after: i64,
    terms: Terms,
}

impl Terms {
    pub fn of(breakdown: &Breakdown, version: i64) -> Self {
        Self {
            version,
            after: Stored::of(&breakdown.after),
            debt_minor: breakdown.debt.minor(),
            standing_minor: breakdown.standing.minor(),
        }
    }

    pub fn version(&self) -> i64 {
        self.version
    }

    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::inconsistent(error.to_string()))
    }

    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::inconsistent(format!("terms of a quote: {error}")))
    }
}

impl Effect {
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::inconsistent(error.to_string()))
    }

    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::inconsistent(format!("effect of a sale: {error}")))
    }
}

impl Stored {
    fn of(history: &History) -> Self {
        let counter = |counter: Counter| (counter.start.to_string(), counter.units.get());
        Self {
            month: history.month.map(counter),
            year: history.year.map(counter),
            last_purchase_ms: history.last_purchase.map(Timestamp::as_millisecond),
            debt_minor: history.debt.minor(),
            free_given: history.free_given.map(|date| date.to_string()),
        }
    }

    fn read(&self) -> Result<History, Error> {
        let wrong = |what: &str| Error::inconsistent(format!("a meter's history: {what}"));
        let date = |text: &String| text.parse::<Date>().map_err(|_| wrong("a date"));
        let counter = |(start, units): &(String, u64)| {
            Ok::<_, Error>(Counter { start: date(start)?, units: Units::new(*units).map_err(|_| wrong("units"))? })
        };
        let moment = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| wrong("a moment"));
        Ok(History {
            month: self.month.as_ref().map(counter).transpose()?,
            year: self.year.as_ref().map(counter).transpose()?,
            read_back: None,
            last_purchase: self.last_purchase_ms.map(moment).transpose()?,
            debt: Money::from_minor(self.debt_minor),
            free_given: self.free_given.as_ref().map(date).transpose()?,
        })
    }
}

macro_rules! select_history {
    ($rest:literal) => {
        concat!("SELECT version, history FROM tariff_history WHERE utility = $1 AND meter_id = $2", $rest)
    };
}

/// The history of a meter.
pub(super) fn find(work: &mut Work<'_>, utility: &UtilityName, meter: &str) -> Result<Known, Error> {
    let row = work.query_first(select_history!(""), &[utility.as_str().into(), meter.into()])?;
    known(work, row, meter)
}

/// The history of a meter, which no other sale changes until this command ends.
pub(super) fn lock(work: &mut Work<'_>, utility: &UtilityName, meter: &str) -> Result<Known, Error> {
    let row = work.query_first(select_history!(" FOR UPDATE"), &[utility.as_str().into(), meter.into()])?;
    known(work, row, meter)
}

fn known(work: &mut Work<'_>, row: Option<crate::store::Row>, meter: &str) -> Result<Known, Error> {
    match row {
        Some(row) => {
            let stored: Stored = serde_json::from_str(row.text(1)?)
                .map_err(|error| Error::inconsistent(format!("a meter's history: {error}")))?;
            Ok(Known { version: row.int(0)?, history: stored.read()? })
        }
        None => {
            // Who has not bought yet pays the standing charge since the meter was enrolled.
            let row = work.query_first("SELECT enrolled_ms FROM meter WHERE meter_id = $1", &[meter.into()])?;
            let enrolled = row.map(|row| row.int(0)).transpose()?;
            let last_purchase = enrolled.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            Ok(Known { version: 0, history: History { last_purchase, ..History::default() } })
        }
    }
}

/// Changes the history as the terms of a sale say.
pub(super) fn apply(
    work: &mut Work<'_>,
    utility: &UtilityName,
    meter: &str,
    before: &Known,
    terms: &Terms,
) -> Result<Effect, Error> {
    write(work, utility, meter, before.version, &terms.after)?;
    Ok(Effect { before: Stored::of(&before.history), version_after: before.version + 1, terms: terms.clone() })
}

/// Takes back what a sale did. If nothing was bought since, the history is as it was; else its units, its free allowance and its
/// debt are, and the standing charge that went back to the payer is owed.
pub(super) fn undo(work: &mut Work<'_>, utility: &UtilityName, meter: &str, effect: &Effect) -> Result<(), Error> {
    let now = lock(work, utility, meter)?;
    if now.version == effect.version_after {
        return write(work, utility, meter, now.version, &effect.before);
    }
    let (mut stored, before, after) = (Stored::of(&now.history), &effect.before, &effect.terms.after);
    take_off(&mut stored.month, before.month.as_ref(), after.month.as_ref());
    take_off(&mut stored.year, before.year.as_ref(), after.year.as_ref());
    // Unless the sale of a later month has given it once more.
    if stored.free_given == after.free_given {
        stored.free_given.clone_from(&before.free_given);
    }
    stored.debt_minor += effect.terms.debt_minor + effect.terms.standing_minor;
    write(work, utility, meter, now.version, &stored)
}

/// Takes what a sale added to a counter off it, unless it counts another month or year by now.
fn take_off(now: &mut Option<(String, u64)>, before: Option<&(String, u64)>, after: Option<&(String, u64)>) {
    let (Some((start, units)), Some((then, counted))) = (now, after) else { return };
    if start == then {
        let had = before.filter(|(start, _)| start == then).map_or(0, |(_, units)| *units);
        *units = units.saturating_sub(counted.saturating_sub(had));
    }
}

fn write(work: &mut Work<'_>, utility: &UtilityName, meter: &str, version: i64, to: &Stored) -> Result<(), Error> {
    let json = serde_json::to_string(to).map_err(|error| Error::inconsistent(error.to_string()))?;
    work.execute_one(
        "changing a meter's history",
        "INSERT INTO tariff_history (utility, meter_id, version, history) VALUES ($1, $2, $3, $4)
         ON CONFLICT (utility, meter_id) DO UPDATE SET version = $3, history = $4
         WHERE tariff_history.version = $5",
        &[utility.as_str().into(), meter.into(), (version + 1).into(), json.into(), version.into()],
    )
}

/// What the customer of a meter owes the utility.
///
/// # Errors
/// When the database fails.
pub fn debt(work: &mut Work<'_>, utility: &UtilityName, meter: MeterId) -> Result<Money, Error> {
    Ok(find(work, utility, meter.as_str())?.history.debt)
}

/// Sets what the customer of a meter owes the utility; it is recovered as the tariff says.
///
/// # Errors
/// When the database fails.
pub fn set_debt(work: &mut Work<'_>, utility: &UtilityName, meter: MeterId, debt: Money) -> Result<(), Error> {
    let now = lock(work, utility, meter.as_str())?;
    let stored = Stored { debt_minor: debt.minor(), ..Stored::of(&now.history) };
    write(work, utility, meter.as_str(), now.version, &stored)
}

/// What the meter itself says was consumed since the tariff's current period began, if its tariff has blocks over that and
/// there is a receipt from before and one since. Without one since, it is not known whether anything was consumed: a customer whose
/// receipts stay away must not begin at the first block with every purchase.
pub(super) fn read_back(work: &mut Work<'_>, tariff: &Tariff, meter: MeterId) -> Result<Option<Counter>, Error> {
    let Some((start, start_ms)) = tariff.read_back_since(moment(work)) else { return Ok(None) };
    let newest = "SELECT consumed, received_ms FROM receipt WHERE meter_id = $1 ORDER BY number DESC LIMIT 1";
    let Some(newest) = work.query_first(newest, &[meter.as_str().into()])? else { return Ok(None) };
    if newest.int(1)? < start_ms {
        return Ok(None);
    }
    let before = work.query_first(
        "SELECT consumed FROM receipt WHERE meter_id = $1 AND received_ms < $2 ORDER BY number DESC LIMIT 1",
        &[meter.as_str().into(), start_ms.into()],
    )?;
    let Some(before) = before else { return Ok(None) };
    let consumed = newest.int(0)?.saturating_sub(before.int(0)?) / FINE_PER_UNIT;
    let units = u64::try_from(consumed).ok().and_then(|units| Units::new(units).ok());
    Ok(units.map(|units| Counter { start, units }))
}

/// The time of a command.
pub(super) fn moment(work: &Work<'_>) -> Timestamp {
    Timestamp::from_millisecond(work.now_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
