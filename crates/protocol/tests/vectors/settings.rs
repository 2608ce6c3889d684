//! Contents of the settings register.

use crate::file::check;
use crate::support::{hex, unhex};
use coinless_protocol::Units;
use coinless_protocol::settings::{Sensor, SensorSet, Settings};
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use serde::{Deserialize, Serialize};

/// Settings in fields and bytes.
#[derive(Serialize, Deserialize)]
pub struct SettingsVector {
    pub name: String,
    pub low_credit: u32,
    pub very_low_credit: u32,
    pub emergency: u32,
    pub friendly_cap: u32,
    /// Weekdays, from and to in half hours.
    pub friendly: Vec<[u8; 3]>,
    /// First and last day.
    pub friendly_days: Vec<[u16; 2]>,
    pub no_cut: Vec<[u16; 2]>,
    pub no_cut_cap: u32,
    pub utc_offset_quarters: i8,
    pub open_by_token: Option<bool>,
    pub max_credit: Option<u64>,
    pub correction_ppm: u32,
    pub load_limit_w: u32,
    pub load_limit_s: u16,
    pub excess_flow: u32,
    pub leak_h: u8,
    pub disuse_days: u16,
    pub shut_on: u8,
    pub content: String,
    pub content_bytes: usize,
}

fn period([days, from, to]: [u8; 3]) -> WeeklyPeriod {
    let half_hour = |number| HalfHour::new(number).unwrap();
    WeeklyPeriod { days: Weekdays::from_bits(days).unwrap(), from: half_hour(from), to: half_hour(to) }
}

fn days([first, last]: [u16; 2]) -> Days {
    Days::new(first, last).unwrap()
}

/// Settings that say nothing but two alarms.
pub fn alarms() -> Settings {
    Settings { low_credit: 5_000, very_low_credit: 1_000, ..Settings::default() }
}

/// The longest settings there are.
pub fn longest() -> Settings {
    Settings {
        low_credit: u32::MAX,
        very_low_credit: u32::MAX,
        emergency: u32::MAX,
        friendly_cap: u32::MAX,
        friendly: (0..4).map(|at| period([0x7f, 44 + at, at])).collect(),
        friendly_days: (0..6).map(|at| days([60_000 + at, u16::MAX])).collect(),
        no_cut: (0..2).map(|at| days([60_000 + at, u16::MAX])).collect(),
        no_cut_cap: u32::MAX,
        utc_offset_quarters: -48,
        open_by_token: Some(true),
        max_credit: Some(Units::new(Units::MAX).unwrap()),
        correction_ppm: 2_000_000,
        load_limit_w: u32::MAX,
        load_limit_s: u16::MAX,
        excess_flow: u32::MAX,
        leak_h: u8::MAX,
        disuse_days: u16::MAX,
        shut_on: SensorSet::ALL.without(Sensor::Cover),
    }
}

/// Every content of the vectors with its name.
pub fn all() -> Vec<(&'static str, Settings)> {
    // Days since 1970-01-01: 2026-12-24 to 26, and 2027-01-01.
    let holidays = [days([20_811, 20_813]), days([20_819, 20_819])];
    let gas = Settings {
        emergency: 2_000,
        friendly_cap: 3_000,
        friendly: [period([0x7f, 44, 16]), period([0x60, 16, 44])].into_iter().collect(),
        friendly_days: holidays.into_iter().collect(),
        utc_offset_quarters: 32,
        correction_ppm: 983_250,
        excess_flow: 60,
        leak_h: 72,
        disuse_days: 90,
        ..alarms()
    };
    let electricity = Settings {
        no_cut: [days([20_772, 20_909])].into_iter().collect(),
        utc_offset_quarters: -14,
        open_by_token: Some(true),
        max_credit: Some(Units::new(500_000).unwrap()),
        load_limit_w: 5_750,
        load_limit_s: 60,
        shut_on: SensorSet::NONE.with(Sensor::Cover).with(Sensor::ReverseFlow),
        ..alarms()
    };
    let bounded = Settings { no_cut_cap: 40_000, open_by_token: Some(false), ..electricity.clone() };
    vec![
        ("empty: as a meter that was told nothing", Settings::default()),
        ("alarms", alarms()),
        ("gas: emergency and friendly credit, corrected volume, limits of flow", gas),
        ("electricity: no cut-off in winter, opened by token, a load limit", electricity),
        ("electricity: no cut-off in winter up to a bound, opened by hand", bounded),
        ("no sensor shuts", Settings { shut_on: SensorSet::NONE, ..Settings::default() }),
        ("largest", longest()),
    ]
}

impl SettingsVector {
    fn of(name: &str, settings: &Settings) -> Self {
        let content = settings.to_bytes().unwrap();
        let ranges = |days: &[Days]| days.iter().map(|days| [days.first(), days.last()]).collect();
        Self {
            name: name.into(),
            low_credit: settings.low_credit,
            very_low_credit: settings.very_low_credit,
            emergency: settings.emergency,
            friendly_cap: settings.friendly_cap,
            friendly: settings.friendly.iter().map(|p| [p.days.bits(), p.from.get(), p.to.get()]).collect(),
            friendly_days: ranges(&settings.friendly_days),
            no_cut: ranges(&settings.no_cut),
            no_cut_cap: settings.no_cut_cap,
            utc_offset_quarters: settings.utc_offset_quarters,
            open_by_token: settings.open_by_token,
            max_credit: settings.max_credit.map(Units::get),
            correction_ppm: settings.correction_ppm,
            load_limit_w: settings.load_limit_w,
            load_limit_s: settings.load_limit_s,
            excess_flow: settings.excess_flow,
            leak_h: settings.leak_h,
            disuse_days: settings.disuse_days,
            shut_on: settings.shut_on.bits(),
            content: hex(&content),
            content_bytes: content.len(),
        }
    }

    /// The settings that the fields describe.
    fn settings(&self) -> Settings {
        Settings {
            low_credit: self.low_credit,
            very_low_credit: self.very_low_credit,
            emergency: self.emergency,
            friendly_cap: self.friendly_cap,
            friendly: self.friendly.iter().copied().map(period).collect(),
            friendly_days: self.friendly_days.iter().copied().map(days).collect(),
            no_cut: self.no_cut.iter().copied().map(days).collect(),
            no_cut_cap: self.no_cut_cap,
            utc_offset_quarters: self.utc_offset_quarters,
            open_by_token: self.open_by_token,
            max_credit: self.max_credit.map(|units| Units::new(units).unwrap()),
            correction_ppm: self.correction_ppm,
            load_limit_w: self.load_limit_w,
            load_limit_s: self.load_limit_s,
            excess_flow: self.excess_flow,
            leak_h: self.leak_h,
            disuse_days: self.disuse_days,
            shut_on: SensorSet::from_bits(self.shut_on).unwrap(),
        }
    }
}

/// The vectors of settings.
pub fn vectors() -> Vec<SettingsVector> {
    let made = all().iter().map(|(name, settings)| SettingsVector::of(name, settings)).collect();
    let about = "Contents of the settings register (rule settings of docs/protocol.cddl). friendly: weekdays (bit 0 Monday), \
                 from and to in half hours; friendly_days, no_cut: first and last day since 1970-01-01; null: as the meter was \
                 made.";
    check("settings.json", about, made)
}

#[test]
fn settings() {
    for vector in vectors() {
        let settings = vector.settings();
        assert_eq!(hex(&settings.to_bytes().unwrap()), vector.content, "{}", vector.name);
        assert_eq!(Settings::from_bytes(&unhex(&vector.content)), Ok(settings), "{}", vector.name);
    }
}
