//! Power cuts at every step of what a meter does.

mod random;

use crate::support::*;
use coinless_meter::{Meter, unbilled_bound};
use coinless_protocol::Commodity;
use coinless_protocol::receipt::Decision;
use std::collections::BTreeMap;

/// Every receipt that ever left the meter, by number: no number may have two contents.
#[derive(Default)]
struct Receipts(BTreeMap<u32, Vec<u8>>);

impl Receipts {
    fn add(&mut self, receipt: &[u8]) {
        let number = opened(receipt).0.number;
        let known = self.0.entry(number).or_insert_with(|| receipt.to_vec());
        assert_eq!(known, receipt, "receipt {number} with two contents");
    }
}

fn restarted(meter: Meter<Flash>) -> Meter<Flash> {
    let flash = meter.into_flash();
    flash.power_on();
    started(flash)
}

#[test]
fn a_token_cut_at_every_step_is_applied_once() {
    let token = credit(1, 500);
    for cut in 0.. {
        let mut receipts = Receipts::default();
        let mut first = open_meter(Commodity::Gas);
        first.consume(200_000, fine(3));
        first.flash().cut_after(cut);
        let answered = first.token(200_000, &token).map(|answer| receipts.add(answer.receipt)).is_ok();
        let mut meter = restarted(first);
        let state = meter.state().unwrap();
        assert!(state.total == units(500) || (!answered && state.total == units(0)));
        assert!(state.consumed == fine(3) || !answered);
        receipts.add(meter.receipt(1_000).unwrap());
        let answer = meter.token(1_000, &token).unwrap();
        assert!(matches!(answer.outcome.decision, Decision::Applied | Decision::NotNewer));
        receipts.add(answer.receipt);
        assert_eq!(meter.state().unwrap().total, units(500));
        if answered {
            assert!(cut >= 128, "a record is 128 steps");
            return;
        }
    }
}

#[test]
fn a_cut_loses_no_more_consumption_than_the_bound() {
    for commodity in [Commodity::Gas, Commodity::Water, Commodity::Electricity] {
        let bound = unbilled_bound(commodity);
        for cut in (0..4000).step_by(37) {
            let mut meter = open_meter(commodity);
            meter.flash().cut_after(cut);
            let mut used = 0;
            for pulse in 0..600 {
                meter.consume(200_000 + pulse, fine(1));
                used += 1000;
                meter.take_valve_command();
                if meter.flash().is_cut() {
                    break;
                }
            }
            let meter = restarted(meter);
            let consumed = meter.state().unwrap().consumed.0;
            assert!(consumed <= used && used - consumed <= bound.0, "{commodity}: {used} used, {consumed} counted");
        }
    }
}

#[test]
fn consumption_is_journaled_when_the_valve_shuts() {
    let mut meter = open_meter(Commodity::Electricity);
    let mut now = 200_000;
    while meter.state().unwrap().flags.open {
        now += 1;
        meter.consume(now, fine(7));
    }
    assert!(meter.take_valve_command().is_some());
    meter.tick(now);
    let before = *meter.state().unwrap();
    assert_eq!(before.balance, fine(-2));
    let after = started(meter.into_flash());
    assert_eq!(apart_from_starts(after.state().unwrap()), apart_from_starts(&before));
}

#[test]
fn a_start_cut_at_every_step_keeps_the_state() {
    let mut made = open_meter(Commodity::Gas);
    made.token(200_000, &credit(1, 500)).unwrap();
    let state = *made.state().unwrap();
    let flash = made.into_flash();
    for cut in 0..900 {
        let flash = flash.clone();
        flash.cut_after(cut);
        let mut meter = mounted(flash);
        meter.take_valve_command();
        meter.tick(0);
        assert_eq!(apart_from_starts(restarted(meter).state().unwrap()), apart_from_starts(&state));
    }
}

#[test]
fn making_a_meter_can_be_cut_at_every_step_and_done_again() {
    use coinless_meter::{CommissionError, commission};
    use coinless_protocol::FineCredit;
    for cut in (0..1_800).step_by(7) {
        let mut blank = Flash::new(cut);
        blank.bytes_mut().fill(0x5a);
        blank.cut_after(cut);
        // `commission` takes the flash, so the cut one is read through a copy of what it did.
        let mut journal_only = blank.clone();
        let result = commission(blank, &layout(), &factory(Commodity::Gas));
        let Err(error) = result else { continue };
        assert!(matches!(error, CommissionError::Flash | CommissionError::Commit(_)));
        journal_only.power_on();
        journal_only.bytes_mut()[512..700].fill(0);
        let again = commission(journal_only, &layout(), &factory(Commodity::Gas)).unwrap();
        assert_eq!(started(again).state().unwrap().balance, FineCredit(2_000_000));
    }
}
