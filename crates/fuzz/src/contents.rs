//! The contents of registers: as bytes, and as a station makes them.

use crate::input::Input;
use coinless_protocol::issuers::{MAX_OPERATIONAL_KEYS, OperationalKeys};
use coinless_protocol::settings::{SensorSet, Settings};
use coinless_protocol::tariff::{Debt, Price, Step, Switch, Tariff};
use coinless_protocol::token::MAX_CONTENT_BYTES;
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use coinless_protocol::{FineCredit, Units};

pub(crate) fn tariff(data: &[u8]) {
    if let Ok(tariff) = Tariff::from_bytes(data) {
        assert!(data.len() <= MAX_CONTENT_BYTES);
        assert_eq!(tariff.to_bytes().as_deref(), Ok(data));
    }
    let made = made_tariff(&mut Input::new(data));
    if let Ok(bytes) = made.to_bytes()
        && let Ok(read) = Tariff::from_bytes(&bytes)
    {
        assert_eq!(read, made);
    }
}

pub(crate) fn settings(data: &[u8]) {
    if let Ok(settings) = Settings::from_bytes(data) {
        assert!(data.len() <= MAX_CONTENT_BYTES);
        assert_eq!(settings.to_bytes().as_deref(), Ok(data));
    }
    let made = made_settings(&mut Input::new(data));
    if let Ok(bytes) = made.to_bytes()
        && let Ok(read) = Settings::from_bytes(&bytes)
    {
        assert_eq!(read, made);
    }
}

pub(crate) fn keys(data: &[u8]) {
    if let Ok(keys) = OperationalKeys::from_bytes(data) {
        assert!((1..=MAX_OPERATIONAL_KEYS).contains(&keys.as_slice().len()));
        assert_eq!(keys.to_bytes().as_deref(), Ok(data));
    }
}

/// The content of the tariff (8) or the settings (9): any bytes, or one that a meter can read.
pub(crate) fn content(input: &mut Input<'_>, key: u8) -> Vec<u8> {
    let made = match (input.u8(), key) {
        (0..16, _) => return input.bytes().to_vec(),
        (_, 8) => made_tariff(input).to_bytes(),
        _ => made_settings(input).to_bytes(),
    };
    // One that is too long stays away.
    made.map_or_else(|_| vec![0xa0], |bytes| bytes.to_vec())
}

fn made_tariff(input: &mut Input<'_>) -> Tariff {
    let mask = input.u8();
    let mut tariff = Tariff::default();
    let price = |input: &mut Input<'_>| Price(input.number().saturating_mul(1_000));
    for _ in 0..mask & 3 {
        let _ = tariff.rates.push(price(input));
    }
    for _ in 0..mask >> 2 & 3 {
        let _ = tariff.steps.push(Step { from: input.number(), more: price(input) });
    }
    for _ in 0..mask >> 4 & 3 {
        let days = Weekdays::from_bits(input.u8() & 0x7f).unwrap_or(Weekdays::ALL);
        let _ = tariff.switches.push(Switch { days, at: half_hour(input), rate: input.u8() & 3 });
    }
    if mask & 0x40 != 0 {
        (tariff.rate_without_clock, tariff.standing_per_day) = (input.u8() & 3, input.number().saturating_mul(100));
    }
    if mask & 0x80 != 0 {
        let total = FineCredit(input.amount().min(i64::MAX as u64) as i64);
        tariff.debt = Debt { total, per_day: input.number().saturating_mul(100), per_cent: input.u8() & 0x7f };
    }
    tariff
}

fn made_settings(input: &mut Input<'_>) -> Settings {
    let mask = input.any::<u16>();
    let mut settings = Settings::default();
    let has = |bit: u16| mask & 1 << bit != 0;
    if has(0) {
        (settings.low_credit, settings.very_low_credit) = (input.number(), input.number());
    }
    if has(1) {
        settings.emergency = input.number();
    }
    if has(2) {
        settings.friendly_cap = input.number();
        let days = Weekdays::from_bits(input.u8() & 0x7f).unwrap_or(Weekdays::ALL);
        let _ = settings.friendly.push(WeeklyPeriod { days, from: half_hour(input), to: half_hour(input) });
    }
    if has(3) {
        settings.friendly_days.extend(days(input));
        settings.no_cut.extend(days(input));
        settings.no_cut_cap = input.number();
    }
    if has(4) {
        settings.utc_offset_quarters = input.any();
    }
    if has(5) {
        settings.open_by_token = Some(input.u8() & 1 == 0);
    }
    if has(6) {
        settings.max_credit = Units::new(input.amount()).ok();
    }
    if has(7) {
        settings.correction_ppm = 500_000_u32.saturating_add(input.number().saturating_mul(4_096));
    }
    if has(8) {
        (settings.load_limit_w, settings.load_limit_s) = (input.number(), input.u8().into());
    }
    if has(9) {
        settings.excess_flow = input.number();
    }
    if has(10) {
        (settings.leak_h, settings.disuse_days) = (input.u8(), input.u8().into());
    }
    if has(11) {
        settings.shut_on = SensorSet::from_bits(input.u8() & 0x1f).unwrap_or(SensorSet::NONE);
    }
    settings
}

fn half_hour(input: &mut Input<'_>) -> HalfHour {
    HalfHour::new(input.u8() % 48).expect("below 48")
}

fn days(input: &mut Input<'_>) -> Option<Days> {
    let first: u16 = input.number() as u16;
    Days::new(first, first.saturating_add(input.u8().into()))
}
