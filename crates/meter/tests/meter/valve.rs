//! The valve: the table of `valve.rs`, row by row.

use crate::support::*;
use coinless_meter::{ClearError, Factory, Meter, Pressed, VALVE_TRAVEL_MS, ValveCommand};
use coinless_protocol::Commodity;
use coinless_protocol::state::{Flags, ShutCause, ShutCauses};

fn flags(meter: &Meter<Flash>) -> Flags {
    meter.state().unwrap().flags
}

/// Presses, and lets more flow than the check allows: the sixth dm³.
fn open_into_flow(meter: &mut Meter<Flash>, now_ms: u64) {
    assert_eq!(meter.press_open(now_ms), Pressed::Opened);
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Open));
    for second in 1..=6 {
        assert!(flags(meter).open);
        meter.consume(now_ms + second * 1_000, fine(1));
    }
    assert!(!flags(meter).open);
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    meter.tick(now_ms + 6_000);
}

#[test]
fn a_new_meter_is_shut_and_armed_and_a_press_opens_it() {
    let mut meter = mounted(made(&factory(Commodity::Gas)));
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    assert!(flags(&meter).armed && !flags(&meter).open);
    assert_eq!(meter.press_open(1_000), Pressed::Opened);
    // Opening is journaled before it is driven, with the opening check under way.
    let state = *meter.state().unwrap();
    assert!(state.flags.open && state.watch && !state.flags.armed);
    assert_eq!(meter.press_open(2_000), Pressed::AlreadyOpen);
    meter.tick(61_000);
    assert!(!meter.state().unwrap().watch);
}

#[test]
fn used_up_credit_shuts_and_only_credit_and_a_press_open_again() {
    let mut meter = open_meter(Commodity::Gas);
    for _ in 0..4 {
        meter.consume(200_000, fine(500));
    }
    let shut = Flags { causes: ShutCauses::NONE.with(ShutCause::NoCredit), ..Flags::default() };
    assert_eq!((flags(&meter), meter.take_valve_command()), (shut, Some(ValveCommand::Shut)));
    assert_eq!(meter.press_open(201_000), Pressed::HeldShut(shut.causes));
    assert_eq!(meter.clear_cause(201_000, ShutCause::NoCredit), Err(ClearError::OnlyCredit));
    meter.token(202_000, &credit(1, 500)).unwrap();
    assert_eq!(flags(&meter), Flags { armed: true, ..Flags::default() });
    assert_eq!(meter.take_valve_command(), None);
    assert_eq!(meter.press_open(203_000), Pressed::Opened);
}

#[test]
fn credit_that_does_not_reach_zero_leaves_the_cause() {
    let mut meter = open_meter(Commodity::Gas);
    meter.consume(200_000, fine(2_700));
    meter.take_valve_command();
    meter.token(201_000, &credit(1, 700)).unwrap();
    assert!(flags(&meter).causes.contains(ShutCause::NoCredit) && !flags(&meter).armed);
    meter.token(202_000, &credit(2, 701)).unwrap();
    assert!(flags(&meter).armed);
}

#[test]
fn every_other_cause_shuts_cancels_arming_and_is_not_cleared_by_credit() {
    for cause in ShutCause::ALL.into_iter().filter(|cause| *cause != ShutCause::NoCredit) {
        let mut meter = open_meter(Commodity::Gas);
        meter.raise_cause(200_000, cause);
        assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
        meter.token(201_000, &credit(1, 500)).unwrap();
        assert_eq!(flags(&meter).causes, ShutCauses::NONE.with(cause));
        assert!(!flags(&meter).armed && !flags(&meter).open);
        let mut meter = started(meter.into_flash());
        assert!(matches!(meter.press_open(1_000), Pressed::HeldShut(_)));
        meter.clear_cause(2_000, cause).unwrap();
        // Cleared at the meter: armed, not opened.
        assert!(flags(&meter).armed && !flags(&meter).open);
        assert_eq!(meter.take_valve_command(), None);
        meter.raise_cause(3_000, cause);
        assert!(!flags(&meter).armed);
    }
}

#[test]
fn uncontrolled_flow_shuts_and_the_third_time_needs_a_technician() {
    let mut meter = meter(Commodity::Gas);
    open_into_flow(&mut meter, 100_000);
    assert!(flags(&meter).armed && flags(&meter).causes.is_empty());
    open_into_flow(&mut meter, 200_000);
    // The count survives a restart.
    let mut meter = started(meter.into_flash());
    assert_eq!(meter.state().unwrap().openings, 2);
    open_into_flow(&mut meter, 300_000);
    assert_eq!(flags(&meter).causes, ShutCauses::NONE.with(ShutCause::Flow));
    assert!(!flags(&meter).armed);
    meter.token(400_000, &credit(1, 500)).unwrap();
    assert!(matches!(meter.press_open(401_000), Pressed::HeldShut(_)));
    meter.clear_cause(402_000, ShutCause::Flow).unwrap();
    assert_eq!((meter.state().unwrap().openings, flags(&meter).armed), (0, true));
}

#[test]
fn passing_the_check_begins_the_count_again() {
    let mut meter = meter(Commodity::Gas);
    open_into_flow(&mut meter, 100_000);
    open_into_flow(&mut meter, 200_000);
    assert_eq!(meter.press_open(300_000), Pressed::Opened);
    meter.consume(301_000, fine(1));
    meter.tick(360_000);
    assert_eq!(meter.state().unwrap().openings, 0);
    // After the watch time the same flow is nobody's business.
    meter.consume(361_000, fine(100));
    assert!(flags(&meter).open);
}

#[test]
fn a_reset_drives_only_towards_shut() {
    // Open and quiet: left alone.
    let meter = open_meter(Commodity::Gas);
    let mut meter = mounted(meter.into_flash());
    assert_eq!((meter.take_valve_command(), flags(&meter).open), (None, true));
    // During the opening check: shut, armed, and the count stays.
    let mut meter = self::meter(Commodity::Gas);
    assert_eq!(meter.press_open(1_000), Pressed::Opened);
    let mut meter = mounted(meter.into_flash());
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    assert_eq!(flags(&meter), Flags { armed: true, ..Flags::default() });
    meter.tick(0);
    // Held shut: driven shut again.
    meter.raise_cause(1_000, ShutCause::Tamper);
    meter.tick(1_000);
    let mut meter = mounted(meter.into_flash());
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    assert!(!flags(&meter).armed);
}

#[test]
fn a_cut_between_shutting_and_journaling_does_not_lock_a_customer_out() {
    let mut meter = open_meter(Commodity::Gas);
    meter.consume(200_000, fine(1_995));
    meter.consume(200_000, fine(5));
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    // The valve is driven, and the power is cut before the next call journals it.
    let mut meter = started(meter.into_flash());
    assert_eq!((flags(&meter).open, meter.state().unwrap().balance), (true, fine(5)));
    assert_eq!(meter.press_open(1_000), Pressed::Opened);
    assert!(meter.state().unwrap().watch, "it is an opening like any other");
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Open));
}

#[test]
fn flow_while_shut_is_a_failed_valve_but_not_while_it_moves() {
    let mut meter = open_meter(Commodity::Gas);
    meter.raise_cause(200_000, ShutCause::Command);
    meter.take_valve_command();
    meter.consume(200_000 + VALVE_TRAVEL_MS - 1, fine(1));
    assert!(!flags(&meter).valve_failed);
    meter.consume(200_000 + VALVE_TRAVEL_MS, fine(1));
    assert!(flags(&meter).valve_failed);
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Shut));
    assert_eq!(meter.state().unwrap().consumed, fine(2));
    meter.tick(300_000);
    let mut meter = started(meter.into_flash());
    assert!(flags(&meter).valve_failed);
    meter.clear_valve_failed(1_000).unwrap();
    assert!(!flags(&meter).valve_failed);
}

#[test]
fn electricity_is_opened_by_hand_unless_the_factory_says_otherwise() {
    let dry = |meter: &mut Meter<Flash>| {
        meter.consume(200_000, fine(2_000));
        meter.take_valve_command();
        meter.token(201_000, &credit(1, 500)).unwrap();
    };
    let mut by_hand = open_meter(Commodity::Electricity);
    dry(&mut by_hand);
    assert_eq!((flags(&by_hand).armed, by_hand.take_valve_command()), (true, None));

    let factory = Factory { open_by_token: true, ..factory(Commodity::Electricity) };
    let open = || {
        let mut meter = started(made(&factory));
        assert_eq!(meter.press_open(1_000), Pressed::Opened);
        meter.take_valve_command();
        meter
    };
    let mut by_token = open();
    dry(&mut by_token);
    assert_eq!((flags(&by_token).open, by_token.take_valve_command()), (true, Some(ValveCommand::Open)));

    // Never after a trip: not when the trip is cleared before the credit comes, nor after.
    let mut tripped = open();
    tripped.raise_cause(100_000, ShutCause::Flow);
    tripped.take_valve_command();
    tripped.consume(100_001, fine(2_000));
    tripped.clear_cause(100_002, ShutCause::Flow).unwrap();
    tripped.take_valve_command();
    let mut tripped = started(tripped.into_flash());
    tripped.token(200_000, &credit(1, 500)).unwrap();
    assert_eq!((flags(&tripped).armed, tripped.take_valve_command()), (true, None));
    assert_eq!(tripped.press_open(201_000), Pressed::Opened);
}

#[test]
fn a_meter_without_initial_credit_is_not_armed() {
    let mut meter = started(made(&Factory { initial: units(0), ..factory(Commodity::Gas) }));
    assert!(matches!(meter.press_open(1_000), Pressed::HeldShut(_)));
    meter.token(2_000, &credit(1, 500)).unwrap();
    assert_eq!(meter.press_open(3_000), Pressed::Opened);
}
