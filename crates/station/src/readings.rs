//! What a meter's readings say, for those who are entitled ([`crate::readers`]): the last balance, use by day, alarms.

use crate::ledger::time;
use crate::meters::{self, Meter};
use crate::problem::Error;
use crate::terms::CreditWords;
use crate::work::Work;
use coinless_protocol::settings::Settings;
use coinless_protocol::state::{Flags, ShutCause};
use coinless_protocol::{FINE_PER_UNIT, FineCredit, MeterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most days of use.
pub const MOST_DAYS: i64 = 400;
/// Over how many days the mean use is taken.
pub const MEAN_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;
/// A meter's time that is further behind than this when its receipt comes in is not believed: its clock stood still.
const STALE_S: i64 = 7 * DAY_S;

/// The readings of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadingsView {
    /// The meter's identity.
    pub meter: String,
    /// The same with its check character.
    pub label: String,
    /// What it measures.
    pub commodity: String,
    /// ISO 4217 code of the currency that its credit counts; none if it counts what it measures.
    pub currency: Option<String>,
    /// The last reading; none if none came yet since the tenant moved in.
    pub last: Option<LastReading>,
    /// Use by day, the first day first; at most 400.
    pub days: Vec<DayView>,
    /// The mean use of a day over the last 14, as far as it is known, for people.
    pub mean: Option<String>,
    /// The same in thousandths of a credit unit.
    pub mean_fine: Option<i64>,
    /// For how many days from now the credit lasts at that use.
    pub days_left: Option<i64>,
}

/// The last reading of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastReading {
    /// The number of the receipt that brought it.
    pub receipt: u32,
    /// When it was read, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The same for people, in UTC.
    pub at: String,
    /// Credit left, for people.
    pub balance: String,
    /// The same in thousandths of a credit unit.
    pub balance_fine: i64,
    /// Everything that was ever used, for people.
    pub consumed: String,
    /// The same in thousandths of a credit unit.
    pub consumed_fine: i64,
    /// `open`, `armed` (a press of the button opens it) or `shut`.
    pub valve: String,
    /// What holds it shut: `no_credit`, `command`, `tamper`, `flow`, `low_battery`, `disuse`, `closed_account`, `fault`.
    pub causes: Vec<String>,
    /// `low_credit`, `very_low_credit`, `valve_failed`, `emergency_credit`, `clock_not_known`.
    pub alarms: Vec<String>,
    /// Whether the meter knows the time; none if no report of it came.
    pub clock_known: Option<bool>,
}

/// What was used on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayView {
    /// The day, as `2026-11-27`.
    pub day: String,
    /// What was used, for people.
    pub used: String,
    /// The same in thousandths of a credit unit.
    pub used_fine: i64,
    /// There was no reading on this day: its use is a part of what was used between two readings, spread evenly.
    pub estimated: bool,
}

/// A reading at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    at_s: i64,
    consumed: i64,
}

/// Shows the readings of a meter from receipt `since` on. Days begin `offset_minutes` before those of UTC.
///
/// # Errors
/// When the database fails.
pub fn view(work: &mut Work<'_>, id: MeterId, since: u32, offset_minutes: i64) -> Result<ReadingsView, Error> {
    let meter = meters::find(work, id)?;
    let samples = samples(work, id, since)?;
    let credit = meter.credit();
    let mean = mean(&samples);
    let last = last(work, &meter, since, samples.last())?;
    let left = last.as_ref().zip(mean).map(|(last, mean)| {
        let passed = work.now_ms.saturating_sub(last.at_ms).max(0) / (DAY_S * 1000);
        (last.balance_fine.max(0) / mean - passed).max(0)
    });
    Ok(ReadingsView {
        meter: id.to_string(),
        label: id.label().to_string(),
        commodity: meter.commodity.name().to_owned(),
        currency: meter.currency.map(|currency| currency.code().to_owned()),
        last,
        days: days(&samples, offset_minutes * 60, credit),
        mean: mean.map(|mean| credit.show(FineCredit(mean))),
        mean_fine: mean,
        days_left: left,
    })
}

fn samples(work: &mut Work<'_>, id: MeterId, since: u32) -> Result<Vec<Sample>, Error> {
    let rows = work.query(
        "SELECT consumed, clock, received_ms FROM receipt
         WHERE meter_id = $1 AND number >= $2 AND consumed IS NOT NULL ORDER BY number DESC LIMIT 4000",
        &[id.as_str().into(), since.into()],
    )?;
    let mut samples: Vec<Sample> = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        let received_s = row.int(2)?.div_euclid(1000);
        let told = row.optional_int(1)?.filter(|told| (received_s - STALE_S..=received_s).contains(told));
        let at_s = told.unwrap_or(received_s);
        // A phone may bring old receipts after newer ones; a reading is never older than the one before it.
        let at_s = samples.last().map_or(at_s, |before| before.at_s.max(at_s));
        samples.push(Sample { at_s, consumed: row.int(0)? });
    }
    Ok(samples)
}

fn last(work: &mut Work<'_>, meter: &Meter, since: u32, sample: Option<&Sample>) -> Result<Option<LastReading>, Error> {
    let newest = meter.newest_receipt.filter(|newest| newest.number >= since);
    let (Some(newest), Some(sample)) = (newest, sample) else { return Ok(None) };
    let report = work.query_first(
        "SELECT clock_trusted, emergency_taken FROM report WHERE meter_id = $1 AND number >= $2",
        &[meter.id.as_str().into(), since.into()],
    )?;
    let report = report.map(|row| Ok::<_, Error>((row.int(0)? != 0, row.int(1)? != 0))).transpose()?;
    let mut alarms = low_credit(work, meter, newest.balance)?;
    alarms.extend(newest.flags.valve_failed.then_some("valve_failed"));
    alarms.extend(report.is_some_and(|(_, emergency)| emergency).then_some("emergency_credit"));
    alarms.extend(report.is_some_and(|(known, _)| !known).then_some("clock_not_known"));
    let (credit, at_ms) = (meter.credit(), sample.at_s.saturating_mul(1000));
    Ok(Some(LastReading {
        receipt: newest.number,
        at_ms,
        at: time(at_ms),
        balance: credit.show(newest.balance),
        balance_fine: newest.balance.0,
        consumed: credit.show(FineCredit(sample.consumed)),
        consumed_fine: sample.consumed,
        valve: valve(newest.flags).to_owned(),
        causes: newest.flags.causes.iter().map(|cause| code_of(cause).to_owned()).collect(),
        alarms: alarms.into_iter().map(str::to_owned).collect(),
        clock_known: report.map(|(known, _)| known),
    }))
}

/// The alarm that the meter gives by the settings that it has, if this station made them.
fn low_credit(work: &mut Work<'_>, meter: &Meter, balance: FineCredit) -> Result<Vec<&'static str>, Error> {
    let Some(registers) = meter.newest_receipt.map(|newest| newest.registers) else { return Ok(Vec::new()) };
    let row = work.query_first(
        "SELECT content FROM register_token WHERE meter_id = $1 AND epoch = $2 AND register = 'settings' AND number = $3",
        &[meter.id.as_str().into(), i64::from(registers.epoch.0).into(), registers.settings.into()],
    )?;
    let settings = row.map(|row| Ok::<_, Error>(Settings::from_bytes(row.bytes(0)?).ok())).transpose()?.flatten();
    let (low, very_low) = settings.map_or((0, 0), |settings| (settings.low_credit, settings.very_low_credit));
    let is_at = |level: u32| balance.0 <= i64::from(level).saturating_mul(FINE_PER_UNIT);
    Ok(match (is_at(very_low), is_at(low)) {
        (true, _) => vec!["very_low_credit"],
        (false, true) => vec!["low_credit"],
        (false, false) => Vec::new(),
    })
}

fn valve(flags: Flags) -> &'static str {
    match (flags.open, flags.armed) {
        (true, _) => "open",
        (false, true) => "armed",
        (false, false) => "shut",
    }
}

fn code_of(cause: ShutCause) -> &'static str {
    match cause {
        ShutCause::NoCredit => "no_credit",
        ShutCause::Command => "command",
        ShutCause::Tamper => "tamper",
        ShutCause::Flow => "flow",
        ShutCause::LowBattery => "low_battery",
        ShutCause::Disuse => "disuse",
        ShutCause::ClosedAccount => "closed_account",
        ShutCause::Fault => "fault",
    }
}

/// What had been used at `at_s`, between two samples as if it had flowed evenly; before the first and after the last as much as there.
fn used_at(samples: &[Sample], at_s: i64) -> i64 {
    let after = samples.partition_point(|sample| sample.at_s <= at_s);
    let (before, next) = (after.checked_sub(1).and_then(|before| samples.get(before)), samples.get(after));
    match (before, next) {
        (Some(before), Some(next)) => {
            let (passed, between) = (at_s - before.at_s, next.at_s - before.at_s);
            let more = i128::from(next.consumed - before.consumed) * i128::from(passed) / i128::from(between);
            before.consumed + i64::try_from(more).unwrap_or_default()
        }
        (Some(only), None) | (None, Some(only)) => only.consumed,
        (None, None) => 0,
    }
}

fn days(samples: &[Sample], offset_s: i64, credit: CreditWords) -> Vec<DayView> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let day_of = |at_s: i64| (at_s + offset_s).div_euclid(DAY_S);
    let (first, last) = (day_of(first.at_s), day_of(last.at_s));
    let shown = first.max(last - MOST_DAYS + 1)..=last;
    shown
        .map(|day| {
            let begins_s = day * DAY_S - offset_s;
            let used = used_at(samples, begins_s + DAY_S) - used_at(samples, begins_s);
            let read = samples.partition_point(|sample| sample.at_s < begins_s);
            let is_read = samples.get(read).is_some_and(|sample| day_of(sample.at_s) == day);
            DayView {
                day: time(day * DAY_S * 1000).chars().take(10).collect(),
                used: credit.show(FineCredit(used)),
                used_fine: used,
                estimated: !is_read,
            }
        })
        .collect()
}

/// The mean use of a day over the last [`MEAN_DAYS`] before the last reading; none if that is nothing, or less than a day is known.
fn mean(samples: &[Sample]) -> Option<i64> {
    let (first, last) = (samples.first()?, samples.last()?);
    let from_s = first.at_s.max(last.at_s - MEAN_DAYS * DAY_S);
    let (used, over_s) = (last.consumed - used_at(samples, from_s), last.at_s - from_s);
    let mean = i128::from(used) * i128::from(DAY_S) / i128::from(over_s.max(1));
    i64::try_from(mean).ok().filter(|mean| over_s >= DAY_S && *mean > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::Commodity;

    const NOON_S: i64 = 1_800_014_400 - 1_800_014_400 % DAY_S + DAY_S / 2;

    fn samples(of: &[(i64, i64)]) -> Vec<Sample> {
        of.iter().map(|(at_s, consumed)| Sample { at_s: NOON_S + at_s, consumed: *consumed }).collect()
    }

    fn used(samples: &[Sample], offset_s: i64) -> Vec<(i64, bool)> {
        let credit = CreditWords { commodity: Commodity::Gas, currency: None };
        days(samples, offset_s, credit).iter().map(|day| (day.used_fine, day.estimated)).collect()
    }

    #[test]
    fn nothing_is_lost_or_made_up() {
        assert_eq!(used(&[], 0), []);
        assert_eq!(used(&samples(&[(0, 7_000)]), 0), [(0, false)]);
        // Half a day, two whole days without a reading, half a day.
        let spread = samples(&[(0, 1_000), (3 * DAY_S, 4_001)]);
        assert_eq!(used(&spread, 0), [(500, false), (1_000, true), (1_000, true), (501, false)]);
        assert_eq!(used(&spread, DAY_S / 2), [(1_000, false), (1_000, true), (1_001, true), (0, false)]);
        let many: Vec<_> = (0..5_000).map(|n| (n * 40_000, n * n)).collect();
        let many = samples(&many);
        let days = used(&many, 3_600);
        assert_eq!(days.len(), MOST_DAYS as usize);
        let seen: i64 = days.iter().map(|(used, _)| used).sum();
        let begins_s = (many[4_999].at_s + 3_600).div_euclid(DAY_S) - MOST_DAYS + 1;
        assert_eq!(seen, many[4_999].consumed - used_at(&many, begins_s * DAY_S - 3_600));
    }

    #[test]
    fn the_mean_is_of_the_last_days_and_of_a_whole_day_at_least() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&samples(&[(0, 1_000), (DAY_S - 1, 9_000)])), None);
        assert_eq!(mean(&samples(&[(0, 1_000), (2 * DAY_S, 9_000)])), Some(4_000));
        assert_eq!(mean(&samples(&[(0, 1_000), (2 * DAY_S, 1_000)])), None, "nothing was used");
        let winter = samples(&[(0, 0), (100 * DAY_S, 1_000_000), (114 * DAY_S, 1_028_000)]);
        assert_eq!(mean(&winter), Some(2_000));
    }
}
