//! Registers other than credit: keys and epochs, tokens that are cut between the two journals, what a report says.

use crate::support::*;
use coinless_meter::{Meter, VALVE_TRAVEL_MS};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::{Event, Report, ReportContent};
use coinless_protocol::settings::{Sensor, Settings};
use coinless_protocol::tariff::{Debt, Tariff};
use coinless_protocol::token::{Clock, Conditions, Content, Credit, Needs, Order, Set, Token, Valve, ValveOrder};
use coinless_protocol::{Bytes, Commodity, CreditNumber, Epoch, FineCredit, MAX_NUMBER_JUMP, Register};

fn by(signer: &KeyPair, epoch: u16, order: &Order<'_>) -> Vec<u8> {
    let token = Token { epoch: Epoch(epoch), order: *order, ..credit_with(1, 1, Conditions::default()) };
    token.sign(&meter_key().hash(), signer).unwrap().to_vec()
}

fn keys(epoch: u16, number: u32, names: &[u8]) -> Vec<u8> {
    let keys: Vec<_> = names.iter().map(|name| key(*name).public_key()).collect();
    let bytes = OperationalKeys::new(&keys).unwrap().to_bytes().unwrap();
    by(&key(4), epoch, &Order::Keys(Content { number, bytes: &bytes }))
}

fn sold(number: u32, total: u64) -> Credit {
    let register = Register { number: CreditNumber(number), total: units(total) };
    Credit { register, conditions: Conditions::default(), closing: false }
}

fn decision(meter: &mut Meter<Flash>, token: &[u8]) -> Decision {
    meter.token(1_000, token).unwrap().outcome.decision
}

#[test]
fn a_stolen_operational_key_is_outlived() {
    let mut meter = meter(Commodity::Gas);
    assert_eq!(decision(&mut meter, &credit(1, 100)), Decision::Applied);
    // The thief uses up numbers as fast as he may, and locks the valve.
    let thief = issuer();
    let mut stolen = 1;
    for _ in 0..3 {
        stolen += MAX_NUMBER_JUMP;
        let valve = Some(Valve { number: stolen, command: ValveOrder::HoldShut });
        let credit = Some(sold(stolen, 100));
        let token = by(&thief, 0, &Order::Set(Set { credit, valve, ..Set::default() }));
        assert_eq!(decision(&mut meter, &token), Decision::Applied);
    }
    // He cannot name keys, nor raise the epoch.
    let own = OperationalKeys::new(&[key(8).public_key()]).unwrap().to_bytes().unwrap();
    let forged = by(&thief, 1, &Order::Keys(Content { number: 1, bytes: &own }));
    assert_eq!(meter.token(1_000, &forged), Err(Refusal::UnknownIssuer));
    // The root key does, and all numbers begin anew; contents and sums stay.
    assert_eq!(decision(&mut meter, &keys(1, 1, &[9])), Decision::Applied);
    let registers = meter.registers();
    assert_eq!((registers.epoch, registers.credit, registers.keys), (Epoch(1), CreditNumber(0), 1));
    assert_eq!(meter.token(1_000, &credit(stolen + 1, 200)), Err(Refusal::UnknownIssuer));
    let valve = Some(Valve { number: 1, command: ValveOrder::Release });
    let token = by(&key(9), 1, &Order::Set(Set { credit: Some(sold(1, 250)), valve, ..Set::default() }));
    assert_eq!(decision(&mut meter, &token), Decision::Applied);
    let state = *meter.state().unwrap();
    assert_eq!((state.total, state.balance, state.flags.causes.is_empty()), (units(250), fine(2_250), true));
    // After a restart as well; and the old epoch stays behind.
    let mut meter = started(meter.into_flash());
    assert_eq!(meter.registers(), coinless_protocol::receipt::RegisterNumbers { credit: CreditNumber(1), ..registers });
    let before = by(&key(9), 0, &Order::Set(Set { credit: Some(sold(7, 900)), ..Set::default() }));
    assert_eq!(decision(&mut meter, &before), Decision::OtherEpoch);
}

#[test]
fn keys_are_changed_without_a_gap() {
    let mut meter = meter(Commodity::Water);
    // The new key beside the old one, then alone.
    assert_eq!(decision(&mut meter, &keys(0, 1, &[2, 9])), Decision::Applied);
    assert_eq!(decision(&mut meter, &credit(1, 100)), Decision::Applied);
    let next = |number, total| by(&key(9), 0, &Order::Set(Set { credit: Some(sold(number, total)), ..Set::default() }));
    assert_eq!(decision(&mut meter, &next(2, 200)), Decision::Applied);
    assert_eq!(decision(&mut meter, &keys(0, 2, &[9])), Decision::Applied);
    assert_eq!(meter.token(1_000, &credit(3, 300)), Err(Refusal::UnknownIssuer));
    assert_eq!(decision(&mut meter, &next(3, 300)), Decision::Applied);
    assert_eq!(decision(&mut meter, &keys(0, 1, &[2, 9])), Decision::NotNewer);
}

#[test]
fn a_token_that_is_cut_between_its_journals_is_taken_whole_the_next_time() {
    let settings = Settings { emergency: 7, ..Settings::default() }.to_bytes().unwrap();
    let tariff = Tariff { standing_per_day: 9, ..Tariff::default() }.to_bytes().unwrap();
    let needs = Needs { tariff: 1, settings: 1, keys: 0 };
    let credit = Credit { conditions: Conditions { refused: None, needs }, ..sold(1, 500) };
    let set = Set {
        credit: Some(credit),
        tariff: Some(Content { number: 1, bytes: &tariff }),
        settings: Some(Content { number: 1, bytes: &settings }),
        valve: Some(Valve { number: 1, command: ValveOrder::HoldShut }),
        clock: None,
    };
    let token = by(&issuer(), 0, &Order::Set(set));
    let flash = open_meter(Commodity::Gas).into_flash();
    let mut half = 0;
    for cut in 0.. {
        let mut first = started(flash.clone());
        first.flash().cut_after(cut);
        let answered = first.token(200_000, &token).is_ok();
        let flash = first.into_flash();
        flash.power_on();
        let mut meter = started(flash);
        let numbers = |meter: &Meter<Flash>| {
            let registers = meter.registers();
            (registers.tariff, registers.settings, registers.credit.0, meter.state().unwrap().valve)
        };
        // Nothing, the terms, or all of it.
        match numbers(&meter) {
            (0, 0, 0, 0) | (1, 1, 1, 1) => {}
            (1, 1, 0, 0) => half += 1,
            numbers => panic!("cut after {cut} steps: {numbers:?}"),
        }
        assert!(!answered || numbers(&meter) == (1, 1, 1, 1));
        let again = decision(&mut meter, &token);
        assert!(matches!(again, Decision::Applied | Decision::NotNewer));
        assert_eq!(numbers(&meter), (1, 1, 1, 1));
        assert_eq!((meter.state().unwrap().total, meter.terms().settings.emergency), (units(500), 7));
        if answered {
            break;
        }
    }
    assert!(half >= 256, "a state record is 256 steps: {half}");
}

#[test]
fn a_keys_token_that_is_cut_between_its_journals_leaves_no_number_behind() {
    let flash = {
        let mut meter = meter(Commodity::Gas);
        assert_eq!(decision(&mut meter, &credit(5, 500)), Decision::Applied);
        meter.into_flash()
    };
    let mut half = 0;
    for cut in 0.. {
        let mut first = started(flash.clone());
        first.flash().cut_after(cut);
        let answered = first.token(200_000, &keys(1, 3, &[9])).is_ok();
        let flash = first.into_flash();
        flash.power_on();
        let mut meter = started(flash);
        let (epoch, state_epoch) = (meter.registers().epoch, meter.state().unwrap().epoch);
        half += u32::from(epoch != state_epoch);
        let number = if epoch == Epoch(1) { 0 } else { 5 };
        assert_eq!(meter.registers().credit, CreditNumber(number), "cut after {cut} steps");
        let again = decision(&mut meter, &keys(1, 3, &[9]));
        assert!(matches!(again, Decision::Applied | Decision::NotNewer));
        let next = by(&key(9), 1, &Order::Set(Set { credit: Some(sold(1, 600)), ..Set::default() }));
        assert_eq!(decision(&mut meter, &next), Decision::Applied);
        assert_eq!(meter.state().unwrap().balance, fine(2_600));
        if answered {
            break;
        }
    }
    assert!(half >= 256, "a state record is 256 steps: {half}");
}

/// The report as the station reads it.
fn report(meter: &mut Meter<Flash>, now_ms: u64) -> (u32, ReportContent) {
    let mut signed = Bytes::new();
    meter.report(now_ms, &mut signed).unwrap();
    let report = Report::verified(&signed, &meter_key(), &meter_key().hash()).unwrap();
    assert_eq!(report.meter, meter_id());
    let content = ReadingsKey::agree(&key(3), &meter_key(), &meter_id()).open_report(&report).unwrap();
    (report.number, content)
}

#[test]
fn a_report_says_what_was_counted() {
    let mut meter = open_meter(Commodity::Gas);
    let debt = Debt { total: FineCredit(90_000), per_day: 0, per_cent: 10 };
    let tariff = Tariff { debt, ..Tariff::default() }.to_bytes().unwrap();
    let settings = Settings { emergency: 5, correction_ppm: 500_000, ..Settings::default() }.to_bytes().unwrap();
    let set = Set {
        tariff: Some(Content { number: 1, bytes: &tariff }),
        settings: Some(Content { number: 1, bytes: &settings }),
        valve: Some(Valve { number: 6, command: ValveOrder::Release }),
        credit: Some(sold(1, 100)),
        ..Set::default()
    };
    meter.token(200_000, &by(&issuer(), 0, &Order::Set(set))).unwrap();
    let answers = Some(meter.challenge(200_000).unwrap());
    let clock = Some(Clock { unix_s: 1_790_000_000, answers });
    meter.token(200_000, &by(&issuer(), 0, &Order::Set(Set { clock, ..Set::default() }))).unwrap();
    // 2090 m³ are left of 2100, as 10 went to the debt; twice as much is measured as is used.
    meter.consume(201_000, fine(4_180));
    assert!(meter.take_emergency(202_000).unwrap());
    meter.sensor(203_000, Sensor::Cover, true);
    meter.tick(203_000 + VALVE_TRAVEL_MS);
    meter.consume(203_000 + VALVE_TRAVEL_MS, fine(2));
    meter.take_valve_command();
    let last_receipt = opened(meter.receipt(220_000).unwrap()).0;
    let (number, content) = report(&mut meter, 220_000);
    // Receipt 1 was for the registers, 2 the challenge, 3 for the clock.
    assert_eq!((last_receipt.number, number), (3, 4));
    assert_eq!((content.metered, content.valve), (fine(4_182), 6));
    assert!(content.emergency_taken && content.clock_trusted);
    assert_eq!((content.debt_total, content.debt_paid), (FineCredit(90_000), FineCredit(10_000)));
    let counted: Vec<_> = Event::ALL.into_iter().filter(|event| content.events.of(*event) > 0).collect();
    let expected =
        [Event::Start, Event::Cover, Event::ValveFailed, Event::LowCredit, Event::CreditUsedUp, Event::EmergencyTaken];
    assert_eq!(counted, expected);
    // The receipt is still the last one, and counters survive a restart.
    assert_eq!(opened(meter.receipt(220_000).unwrap()).0, last_receipt);
    let mut meter = started(meter.into_flash());
    let (number, again) = report(&mut meter, 1);
    assert_eq!((number, again.metered, again.clock_trusted), (5, fine(4_182), false));
    assert_eq!((again.events.of(Event::Start), again.events.of(Event::ClockLost)), (2, 1));
}

#[test]
fn counters_stop_at_their_end() {
    let mut counts = coinless_protocol::report::EventCounts::from_array([u16::MAX - 1; 18]);
    (0..3).for_each(|_| counts.count(Event::Leak));
    assert_eq!((counts.of(Event::Leak), counts.of(Event::Busy)), (u16::MAX, u16::MAX - 1));
}
