//! What an entitled phone is told of a meter (the station's `GET /v1/meters/{id}/readings`).

use serde::{Deserialize, Serialize};

/// This phone may read a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitled {
    /// The meter's identity.
    pub meter: String,
    /// Since when, in milliseconds since 1970-01-01 UTC.
    pub earned_ms: i64,
}

/// What a meter's readings say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    /// The meter's identity.
    pub meter: String,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// What it measures.
    #[serde(default)]
    pub commodity: String,
    /// The currency that its credit counts; none if it counts what it measures.
    #[serde(default)]
    pub currency: Option<String>,
    /// The last reading; none if none came yet since the tenant moved in.
    #[serde(default)]
    pub last: Option<LastReading>,
    /// Use by day, the first day first; at most 400.
    #[serde(default)]
    pub days: Vec<DayUse>,
    /// The mean use of a day over the last 14, as far as it is known, for people.
    #[serde(default)]
    pub mean: Option<String>,
    /// The same in thousandths of a credit unit.
    #[serde(default)]
    pub mean_fine: Option<i64>,
    /// For how many days from now the credit lasts at that use.
    #[serde(default)]
    pub days_left: Option<i64>,
}

/// The last reading of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReading {
    /// The number of the receipt that brought it.
    pub receipt: u32,
    /// When it was read, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The same for people, in UTC.
    #[serde(default)]
    pub at: String,
    /// Credit left, for people.
    #[serde(default)]
    pub balance: String,
    /// The same in thousandths of a credit unit.
    pub balance_fine: i64,
    /// Everything that was ever used, for people.
    #[serde(default)]
    pub consumed: String,
    /// The same in thousandths of a credit unit.
    #[serde(default)]
    pub consumed_fine: i64,
    /// `open`, `armed` (a press of the button opens it) or `shut`.
    pub valve: String,
    /// What holds it shut: `no_credit`, `command`, `tamper`, `flow`, `low_battery`, `disuse`, `closed_account`, `fault`.
    #[serde(default)]
    pub causes: Vec<String>,
    /// `low_credit`, `very_low_credit`, `valve_failed`, `emergency_credit`, `clock_not_known`.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// Whether the meter knows the time; none if the station does not know.
    #[serde(default)]
    pub clock_known: Option<bool>,
}

/// What was used on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    /// The day, as `2026-11-27`.
    pub day: String,
    /// What was used, for people.
    #[serde(default)]
    pub used: String,
    /// The same in thousandths of a credit unit.
    pub used_fine: i64,
    /// There was no reading on this day: its use is a part of what was used between two readings, spread evenly.
    #[serde(default)]
    pub estimated: bool,
}
