//! The owner code: on the display for some minutes after a press, and nowhere else.

use crate::support::*;
use coinless_meter::{Meter, OWNER_CODE_MS, Pressed};
use coinless_protocol::Commodity;
use coinless_protocol::readings::{OWNER_CODES, ReadingsKey};
use coinless_protocol::state::ShutCause;

/// As the station reckons it.
fn code(number: u32) -> u32 {
    ReadingsKey::agree(&key(3), &meter_key(), &meter_id()).owner_code(number)
}

#[test]
fn a_press_shows_it_for_some_minutes_whatever_else_it_does() {
    let mut meter = meter(Commodity::Gas);
    assert_eq!(meter.owner_code(0), None);
    assert_eq!(meter.press_open(1_000), Pressed::Opened);
    assert_eq!(meter.owner_code(1_000), Some(code(0)), "no receipt yet");
    assert_eq!(meter.owner_code(1_000 + OWNER_CODE_MS - 1), Some(code(0)));
    assert_eq!(meter.owner_code(1_000 + OWNER_CODE_MS), None);
    // It is open already, or held shut: the press shows the code all the same.
    meter.take_valve_command();
    meter.consume(500_000, fine(1));
    let state = *meter.state().unwrap();
    assert_eq!(meter.press_open(500_000), Pressed::AlreadyOpen);
    assert_eq!((meter.owner_code(500_001), meter.take_valve_command()), (Some(code(0)), None));
    assert_eq!(meter.state().unwrap().receipt_number, state.receipt_number, "it costs no record");
    meter.raise_cause(900_000, ShutCause::Tamper);
    meter.take_valve_command();
    meter.tick(900_001);
    assert_eq!(meter.owner_code(900_001), None);
    assert!(matches!(meter.press_open(900_002), Pressed::HeldShut(_)));
    assert_eq!((meter.owner_code(900_003), meter.take_valve_command()), (Some(code(0)), None), "it opens nothing");
}

#[test]
fn each_receipt_has_its_own_and_a_start_forgets_it() {
    let mut meter = meter(Commodity::Water);
    let mut seen = vec![code(0)];
    for number in 1..=5 {
        let now_ms = u64::from(number) * 1_000;
        let receipt = opened(meter.token(now_ms, &credit(number, 100)).unwrap().receipt).0;
        meter.press_open(now_ms);
        let shown = meter.owner_code(now_ms).unwrap();
        assert_eq!(shown, code(receipt.number));
        assert!(shown < OWNER_CODES && !seen.contains(&shown));
        seen.push(shown);
        // A later receipt does not change what is on the display.
        meter.receipt(now_ms).unwrap();
        assert_eq!(meter.owner_code(now_ms), Some(shown));
    }
    let mut again = started(meter.into_flash());
    assert_eq!(again.owner_code(1_000), None);
    again.press_open(1_000);
    assert_eq!(again.owner_code(1_000), seen.last().copied());
}

#[test]
fn nothing_on_the_link_tells_it() {
    let mut meter = meter(Commodity::Gas);
    meter.press_open(1_000);
    let shown = meter.owner_code(1_000).unwrap();
    let mut said = Vec::new();
    said.extend_from_slice(&meter.identity(2_000).unwrap());
    said.extend_from_slice(&meter.signed_identity(2_000, [5; 8]).unwrap());
    said.extend_from_slice(meter.receipt(2_000).unwrap());
    said.extend_from_slice(meter.token(2_000, &credit(1, 100)).unwrap().receipt);
    let mut report = coinless_protocol::Bytes::new();
    meter.report(2_000, &mut report).unwrap();
    said.extend_from_slice(&report);
    said.extend_from_slice(&meter.challenge(2_000).unwrap());
    assert_eq!(meter.owner_code(2_001), Some(shown));
    // Whoever changes one byte of the key has another code: it is not made of what is public.
    let other = ReadingsKey::agree(&key(5), &meter_key(), &meter_id());
    assert_ne!(other.owner_code(0), shown);
    let public = coinless_protocol::identity::display_code(&[5; 8], &meter_key().hash());
    assert_ne!(public, shown);
    let digits = format!("{shown:08}");
    assert!(said.windows(8).all(|window| window != digits.as_bytes()));
    assert!(said.windows(4).all(|window| window != shown.to_be_bytes() && window != shown.to_le_bytes()));
}

#[test]
fn a_meter_out_of_service_or_without_a_station_shows_none() {
    let mut broken: Meter<Flash> = Meter::closed(Flash::new(1));
    assert_eq!(broken.press_open(1_000), Pressed::OutOfService);
    assert_eq!(broken.owner_code(1_000), None);
    let mut alone = factory(Commodity::Gas);
    (alone.readings_key, alone.issuers) = (None, heapless::Vec::new());
    let mut alone = started(made(&alone));
    alone.press_open(1_000);
    assert_eq!(alone.owner_code(1_000), None);
}
