//! The tables of events, settings and bounds.

use crate::table;
use coinless_meter::state::MAX_UNCONTROLLED_OPENINGS;
use coinless_meter::*;
use coinless_protocol::MAX_NUMBER_JUMP;
use coinless_protocol::report::Event;
use coinless_protocol::settings::{
    MAX_FRIENDLY_DAYS, MAX_FRIENDLY_PERIODS, MAX_NO_CUT_DAYS, Sensor, SensorSet, Settings,
};
use coinless_protocol::token::{Content, Order, Set};

#[test]
fn events_are_those_of_the_report() {
    let rows = table::read(&["code", "event", "when it is counted"]);
    let told: Vec<_> = rows.iter().map(|row| (row.cells[0].clone(), row.cells[1].clone())).collect();
    let known: Vec<_> = Event::ALL.iter().map(|event| ((*event as u8).to_string(), event.words().to_owned())).collect();
    assert_eq!(told, known);
}

#[test]
fn bounds_are_the_constants() {
    let known: Vec<(&str, u64)> = vec![
        ("AT_PRESS", AT_PRESS.into()),
        ("AT_START", AT_START.into()),
        ("CHALLENGE_MS", CHALLENGE_MS),
        ("DISPLAY_CODE_MS", DISPLAY_CODE_MS),
        ("EXCESS_WINDOW_MS", EXCESS_WINDOW_MS),
        ("LEAK_PAUSE_MS", LEAK_PAUSE_MS),
        ("MAINS_RECORDS", MAINS_RECORDS.into()),
        ("MAINS_REFILL_MS", MAINS_REFILL_MS),
        ("MAX_CAUGHT_UP_DAYS", MAX_CAUGHT_UP_DAYS.into()),
        ("MAX_NUMBER_JUMP", MAX_NUMBER_JUMP.into()),
        ("MAX_UNCONTROLLED_OPENINGS", MAX_UNCONTROLLED_OPENINGS.into()),
        ("OWNER_CODE_MS", OWNER_CODE_MS),
        ("PRESS_MS", PRESS_MS),
        ("UNBILLED_BOUND_ELECTRICITY", UNBILLED_BOUND_ELECTRICITY.0 as u64),
        ("UNBILLED_BOUND_GAS", UNBILLED_BOUND_GAS.0 as u64),
        ("UNBILLED_BOUND_WATER", UNBILLED_BOUND_WATER.0 as u64),
        ("VALVE_TRAVEL_MS", VALVE_TRAVEL_MS),
        ("WorkLimit::BATTERY.refill_ms", WorkLimit::BATTERY.refill_ms),
        ("WorkLimit::BATTERY.stock", WorkLimit::BATTERY.stock.into()),
    ];
    let rows = table::read(&["constant", "value", "what it bounds"]);
    let told: Vec<(&str, u64)> =
        rows.iter().map(|row| (row.cells[0].as_str(), row.cells[1].parse().unwrap())).collect();
    assert_eq!(told, known);
}

/// The default of a setting in the words of the table; the order is that of the keys.
fn defaults() -> Vec<String> {
    let Settings {
        low_credit,
        very_low_credit,
        emergency,
        friendly_cap,
        friendly,
        friendly_days,
        no_cut,
        no_cut_cap,
        utc_offset_quarters,
        open_by_token,
        max_credit,
        correction_ppm,
        load_limit_w,
        load_limit_s,
        excess_flow,
        leak_h,
        disuse_days,
        shut_on,
    } = Settings::default();
    let list = |len: usize| if len == 0 { "none".to_owned() } else { len.to_string() };
    let made = |there: bool| if there { "set" } else { "as made" }.to_owned();
    let sensors = Sensor::ALL.into_iter().filter(|sensor| shut_on.contains(*sensor)).map(Sensor::words);
    vec![
        low_credit.to_string(),
        very_low_credit.to_string(),
        emergency.to_string(),
        friendly_cap.to_string(),
        list(friendly.len()),
        list(friendly_days.len()),
        list(no_cut.len()),
        no_cut_cap.to_string(),
        utc_offset_quarters.to_string(),
        made(open_by_token.is_some()),
        made(max_credit.is_some()),
        correction_ppm.to_string(),
        load_limit_w.to_string(),
        load_limit_s.to_string(),
        excess_flow.to_string(),
        leak_h.to_string(),
        disuse_days.to_string(),
        Vec::from_iter(sensors).join(", "),
    ]
}

#[test]
fn settings_are_the_defaults() {
    let rows = table::read(&["key", "setting", "default"]);
    let keys: Vec<_> = rows.iter().map(|row| row.cells[0].clone()).collect();
    assert_eq!(keys, (0..18).map(|key| key.to_string()).collect::<Vec<_>>());
    let told: Vec<_> = rows.iter().map(|row| row.cells[2].clone()).collect();
    assert_eq!(told, defaults());
    for (key, most) in [(4, MAX_FRIENDLY_PERIODS), (5, MAX_FRIENDLY_DAYS), (6, MAX_NO_CUT_DAYS)] {
        assert!(rows[key].cells[1].contains(&format!("at most {most}")), "setting {key}");
    }
    assert_eq!(SensorSet::ALL, Settings::default().shut_on);
}

#[test]
fn a_content_that_is_not_newer_is_not_even_read() {
    let mut bench =
        crate::Bench::new(&crate::Setup::parse(coinless_protocol::Commodity::Gas, "gas, emergency 10").unwrap());
    let settings = Some(Content { number: 1, bytes: &[0xff] });
    let answer = bench.hand(&Order::Set(Set { settings, ..Set::default() }));
    assert_eq!(answer.as_deref(), Some("answer: not newer"));
}
