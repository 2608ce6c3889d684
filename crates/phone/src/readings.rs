//! What a meter's readings say to people: how long the credit lasts, use by day as bars, and what an answer to a typed code means.
//! Whole numbers alone.

use crate::api::ApiError;
use crate::outcome::{LineReport, Outcome};
use crate::records::{KeptReadings, StoredReader};
use crate::store::Contents;
use crate::wire::DayUse;
use crate::{Error, as_typed};
use coinless_protocol::{FINE_PER_UNIT, MeterId};
use std::collections::HashMap;

/// What a reading calls the state of the valve.
pub const VALVES: [&str; 3] = ["open", "armed", "shut"];
/// What holds a valve shut.
pub const CAUSES: [&str; 8] =
    ["no_credit", "command", "tamper", "flow", "low_battery", "disuse", "closed_account", "fault"];
/// What a reading warns of.
pub const ALARMS: [&str; 5] = ["low_credit", "very_low_credit", "valve_failed", "emergency_credit", "clock_not_known"];

/// Digits of the code that a meter shows after a press of its button.
const CODE_DIGITS: usize = 8;
const DAY_MS: u64 = 86_400_000;
/// The height of the highest bar.
const FULL_PERMILLE: i128 = 1000;
/// The height of the lowest bar that is none, so that it can be seen.
const LEAST_PERMILLE: u16 = 15;

/// How long the credit lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// For so many whole days at the use of the last weeks.
    Days(u64),
    /// Nothing is left.
    UsedUp,
    /// Too little is known.
    NotKnown,
}

/// What was used on a day, as a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar<'a> {
    /// The day.
    pub day: &'a DayUse,
    /// Its height in thousandths of the highest.
    pub permille: u16,
}

/// Why a typed code opened nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEarned {
    /// The meter does not show it. So many may still be tried in this hour, if the station says so.
    Wrong(Option<u32>),
    /// Too many wrong ones were typed; after so many seconds there are new tries, if the station says so.
    TooMany(Option<u64>),
    /// The tenant has changed, and the meter's first receipt since then is needed first.
    FirstReceipt,
    /// Something that has nothing to do with the code.
    Other(Error),
}

impl KeptReadings {
    /// How long the credit lasts, at `now_ms` of the same clock that says when it was told. The days since then have passed.
    pub fn lasts(&self, now_ms: u64) -> Lasts {
        let passed = now_ms.saturating_sub(self.told_ms) / DAY_MS;
        match (&self.readings.last, self.readings.days_left) {
            (Some(last), _) if last.balance_fine <= 0 => Lasts::UsedUp,
            (Some(_), Some(days)) => Lasts::Days(u64::try_from(days).unwrap_or(0).saturating_sub(passed)),
            _ => Lasts::NotKnown,
        }
    }

    /// The last `most` days.
    pub fn bars(&self, most: usize) -> Vec<Bar<'_>> {
        let days = &self.readings.days;
        let shown = days.get(days.len().saturating_sub(most)..).unwrap_or_default();
        let highest = shown.iter().map(|day| day.used_fine).max().unwrap_or(0);
        let height = |used: i64| match used {
            ..=0 => 0,
            used => {
                let permille = i128::from(used) * FULL_PERMILLE / i128::from(highest);
                u16::try_from(permille).unwrap_or(0).max(LEAST_PERMILLE)
            }
        };
        shown.iter().map(|day| Bar { day, permille: height(day.used_fine) }).collect()
    }
}

impl NotEarned {
    /// What the answer to a code means.
    pub fn of(error: Error) -> Self {
        let problem = match &error {
            Error::Station(error) => error.problem(),
            _ => None,
        };
        match (&error, problem.map(|problem| (problem.code.as_deref(), problem))) {
            (_, Some((Some("wrong_code"), problem))) => Self::Wrong(problem.tries_left),
            (Error::Station(ApiError::TooOften(_)), Some((_, problem))) => Self::TooMany(problem.retry_after_s),
            (_, Some((Some("not_possible_now"), _))) => Self::FirstReceipt,
            _ => Self::Other(error),
        }
    }
}

/// The eight digits of a code as somebody typed it: with spaces or hyphens or without, in the digits of Latin, Arabic, Persian or
/// full-width writing. None if it is no code.
pub fn typed_code(text: &str) -> Option<String> {
    let digits: String = as_typed(text).chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_code = digits.len() == CODE_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_code.then_some(digits)
}

/// What each meter of which this phone has a reading is going to hold, in credit units: its last balance, and what was bought on this
/// phone that is not in it yet. Meters that count money are left out.
pub fn expected_balances(contents: &Contents) -> HashMap<MeterId, i64> {
    let last_of = |reader: &StoredReader| {
        let readings = &reader.last.as_ref()?.readings;
        let last = readings.last.as_ref().filter(|_| readings.currency.is_none())?;
        Some((reader.meter, (last.receipt, last.balance_fine.div_euclid(FINE_PER_UNIT))))
    };
    let mut known: HashMap<MeterId, (u32, i64)> = contents.readers.iter().filter_map(last_of).collect();
    if known.is_empty() {
        return HashMap::new();
    }
    for line in contents.orders.iter().flat_map(|order| LineReport::of_order(order, contents)) {
        let of_meter = line.meter.parse::<MeterId>().ok().and_then(|meter| known.get_mut(&meter));
        let (Some((receipt, balance)), Some(units)) = (of_meter, line.units) else { continue };
        let is_missing = match line.outcome {
            Outcome::Ready | Outcome::Open => line.was_paid,
            Outcome::Loaded => line.receipt.is_some_and(|loaded_by| loaded_by > *receipt),
            Outcome::Refunding | Outcome::Refunded | Outcome::Failed | Outcome::Person => false,
        };
        if is_missing {
            *balance = balance.saturating_add(i64::try_from(units).unwrap_or(i64::MAX));
        }
    }
    known.into_iter().map(|(meter, (_, balance))| (meter, balance)).collect()
}

#[cfg(test)]
mod tests;
