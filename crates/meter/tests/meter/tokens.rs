//! Tokens: refusals and their order, decisions, repeats, receipts.

use crate::support::*;
use coinless_meter::{Factory, Fault, Meter, State};
use coinless_protocol::keys::KeyHint;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::EventCounts;
use coinless_protocol::token::{Conditions, Needs, Order, RefusedRange, Token};
use coinless_protocol::{Commodity, CreditNumber, Epoch};

fn decision(meter: &mut Meter<Flash>, token: &[u8]) -> Decision {
    meter.token(1_000, token).unwrap().outcome.decision
}

fn balance(meter: &Meter<Flash>) -> i64 {
    meter.state().unwrap().balance.0
}

#[test]
fn a_token_adds_what_its_total_is_ahead() {
    let mut meter = meter(Commodity::Gas);
    assert_eq!(decision(&mut meter, &credit(1, 500)), Decision::Applied);
    assert_eq!(decision(&mut meter, &credit(3, 1500)), Decision::Applied);
    // An older one, later, and the one that was lost, later still.
    assert_eq!(decision(&mut meter, &credit(2, 800)), Decision::NotNewer);
    assert_eq!(decision(&mut meter, &credit(1, 500)), Decision::NotNewer);
    let answer = meter.token(1_000, &credit(4, 1400)).unwrap();
    assert_eq!(answer.outcome.decision, Decision::TotalWouldFall);
    let (receipt, readings) = opened(answer.receipt);
    assert_eq!((receipt.registers.credit, receipt.total), (CreditNumber(3), units(1500)));
    assert_eq!((receipt.outcome.token, receipt.number), (CreditNumber(4), 5));
    assert_eq!(readings.balance, fine(3500));
}

#[test]
fn conditions_are_kept() {
    let mut meter = meter(Commodity::Gas);
    let refused = RefusedRange::new(CreditNumber(0), CreditNumber(1));
    let void = signed(&credit_with(2, 100, Conditions { refused, needs: Needs::default() }));
    assert_eq!(decision(&mut meter, &void), Decision::InRefusedRange);
    let needs = Needs { tariff: 1, settings: 0, keys: 0 };
    let needy = signed(&credit_with(2, 100, Conditions { refused: None, needs }));
    assert_eq!(decision(&mut meter, &needy), Decision::NeedsNewerRegister);
    assert_eq!(decision(&mut meter, &credit(2, 100)), Decision::Applied);
    let other = Token { epoch: Epoch(1), ..credit_with(9, 900, Conditions::default()) };
    assert_eq!(decision(&mut meter, &signed(&other)), Decision::OtherEpoch);
    assert_eq!(decision(&mut meter, &credit(3 + (1 << 20), 900)), Decision::JumpTooFar);
    assert_eq!(balance(&meter), 2_100_000);
}

#[test]
fn a_full_meter_says_how_much_must_be_used_and_takes_the_same_token_then() {
    let mut meter = open_meter(Commodity::Water);
    let big = credit(1, 8_500);
    let use_first = |units_first| Decision::NotYet { use_first: units(units_first) };
    assert_eq!(decision(&mut meter, &big), use_first(500));
    let again = meter.token(1_000, &big).unwrap();
    assert!(again.repeated);
    meter.consume(1_000, fine(200));
    let answer = meter.token(1_000, &big).unwrap();
    assert_eq!((answer.outcome.decision, answer.repeated), (use_first(300), false));
    meter.consume(1_000, fine(300));
    let answer = meter.token(1_000, &big).unwrap();
    assert_eq!((answer.outcome.decision, answer.repeated), (Decision::Applied, false));
    assert_eq!(balance(&meter), 10_000_000);
}

#[test]
fn a_repeated_token_gets_the_same_receipt_and_changes_nothing() {
    let mut meter = meter(Commodity::Gas);
    let token = credit(1, 500);
    let first = meter.token(1_000, &token).unwrap().receipt.to_vec();
    let steps = meter.flash().steps();
    for _ in 0..3 {
        let answer = meter.token(2_000, &token).unwrap();
        assert!(answer.repeated);
        assert_eq!(answer.receipt, first);
    }
    assert_eq!(meter.receipt(2_000).unwrap(), first);
    assert_eq!(meter.flash().steps(), steps, "nothing was written");
    // After a restart the same token is verified again and answered under a new number.
    let mut meter = started(meter.into_flash());
    let answer = meter.token(1_000, &token).unwrap();
    assert_eq!(answer.outcome.decision, Decision::NotNewer);
    assert_eq!(opened(answer.receipt).0.number, 2);
    assert_eq!(balance(&meter), 2_500_000);
}

#[test]
fn receipts_after_a_restart_are_new_and_about_the_same_outcome() {
    let mut meter = meter(Commodity::Gas);
    meter.token(1_000, &credit(1, 500)).unwrap();
    let mut meter = started(meter.into_flash());
    let (receipt, _) = opened(meter.receipt(1_000).unwrap());
    assert_eq!((receipt.number, receipt.outcome.decision), (2, Decision::Applied));
    assert_eq!(receipt.outcome.token, CreditNumber(1));
    assert!(receipt.flags.armed && !receipt.flags.open);
}

#[test]
fn a_read_request_is_answered_with_its_challenge_in_any_epoch() {
    let mut meter = open_meter(Commodity::Gas);
    meter.consume(200_000, fine(7));
    let token = Token { epoch: Epoch(3), order: Order::Read(*b"12345678"), ..credit_with(1, 1, Conditions::default()) };
    let (receipt, readings) = opened(meter.token(200_000, &signed(&token)).unwrap().receipt);
    assert_eq!((receipt.outcome.decision, receipt.challenge), (Decision::Read, Some(*b"12345678")));
    // Consumption that was not yet journaled is journaled with the receipt.
    assert_eq!(readings.consumed, fine(7));
    assert_eq!(started(meter.into_flash()).state().unwrap().consumed, fine(7));
}

#[test]
fn refusals_in_the_order_of_their_price() {
    let mut meter = meter(Commodity::Gas);
    let plain = credit_with(1, 500, Conditions::default());
    let hash = meter_key().hash();
    let by = |token: &Token<'_>, byte| token.sign(&hash, &key(byte)).unwrap().to_vec();
    let other_meter = Token { meter: "CLS18".parse().unwrap(), meter_key: KeyHint([9; 4]), ..plain };
    let other_key = Token { meter_key: KeyHint([9; 4]), ..plain };
    let mut bad_signature = credit(1, 500);
    *bad_signature.last_mut().unwrap() ^= 1;
    let for_other_hash = plain.sign(&key(9).public_key().hash(), &issuer()).unwrap().to_vec();
    let mut version = credit(1, 500);
    let at = version.windows(3).position(|bytes| bytes == [0xa5, 0, 1]).unwrap();
    version[at + 2] = 2;
    let mut unknown_key = credit(1, 500);
    let at = unknown_key.windows(2).position(|bytes| bytes == [4, 0x82]).unwrap();
    unknown_key[at] = 14;
    for (token, refusal) in [
        (vec![], Refusal::Malformed),
        (vec![0; 200], Refusal::Malformed),
        (version, Refusal::WrongVersion),
        (unknown_key, Refusal::UnknownKey),
        (by(&other_meter, 8), Refusal::NotThisMeter),
        (by(&other_key, 8), Refusal::OtherKey),
        (by(&plain, 8), Refusal::UnknownIssuer),
        // The root key signs no credit.
        (by(&plain, 4), Refusal::UnknownIssuer),
        (bad_signature, Refusal::BadSignature),
        (for_other_hash, Refusal::BadSignature),
    ] {
        let uncounted = |state: &State| State { events: EventCounts::default(), ..*state };
        let before = (uncounted(meter.state().unwrap()), meter.flash().steps());
        assert_eq!(meter.token(1_000, &token), Err(refusal));
        assert_eq!((uncounted(meter.state().unwrap()), meter.flash().steps()), before, "nothing was written");
    }
    assert_eq!(decision(&mut meter, &credit(1, 500)), Decision::Applied);
}

#[test]
fn every_single_bit_flip_is_refused_and_the_meter_goes_on() {
    let mut meter = meter(Commodity::Gas);
    let token = credit(1, 500);
    for bit in 0..token.len() * 8 {
        let mut flipped = token.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(meter.token(1_000, &flipped).is_err(), "bit {bit}");
    }
    assert_eq!(balance(&meter), 2_000_000);
    assert_eq!(decision(&mut meter, &token), Decision::Applied);
}

#[test]
fn a_meter_without_issuers_accepts_nothing_but_says_who_it_is() {
    let bare = Factory { issuers: heapless::Vec::new(), readings_key: None, ..factory(Commodity::Gas) };
    let mut meter = started(made(&bare));
    assert_eq!(meter.token(1_000, &credit(1, 500)), Err(Refusal::OutOfService));
    assert_eq!(meter.receipt(1_000), Err(Refusal::OutOfService));
    assert_eq!(meter.fault(), None);
    assert!(meter.identity(1_000).is_ok());
}

#[test]
fn without_a_valid_record_the_meter_is_out_of_service_and_shut() {
    let mut flash = made(&factory(Commodity::Gas));
    flash.bytes_mut()[512..].fill(0xff);
    let mut meter = mounted(flash);
    assert_eq!(meter.fault(), Some(Fault::NoState));
    assert_eq!(meter.take_valve_command(), Some(coinless_meter::ValveCommand::Shut));
    assert_eq!(meter.state(), None);
    assert_eq!(meter.identity(1_000), Err(Refusal::OutOfService));
    assert_eq!(meter.token(1_000, &credit(1, 500)), Err(Refusal::OutOfService));
    assert_eq!(meter.receipt(1_000), Err(Refusal::OutOfService));
    meter.consume(2_000, fine(1));
    meter.tick(3_000);
    assert_eq!(meter.press_open(4_000), coinless_meter::Pressed::OutOfService);
    assert_eq!(meter.flash().steps(), made(&factory(Commodity::Gas)).steps(), "nothing was written");
}

#[test]
fn a_state_whose_sums_do_not_hold_is_a_fault() {
    use coinless_meter::State;
    use coinless_meter::journal::{Journal, Newest};
    let mut flash = made(&factory(Commodity::Gas));
    let (mut journal, newest) = Journal::<State>::open(&mut flash, layout().journal).unwrap();
    let Newest::Record(mut state) = newest else { panic!("a new meter has a state") };
    state.balance = fine(3000);
    journal.commit(&mut flash, &state).unwrap();
    let mut meter = mounted(flash);
    assert_eq!(meter.fault(), Some(Fault::Sums));
    assert_eq!(meter.take_valve_command(), Some(coinless_meter::ValveCommand::Shut));
    assert_eq!(meter.token(1_000, &credit(1, 500)), Err(Refusal::OutOfService));
    assert!(meter.flags().causes.contains(coinless_protocol::state::ShutCause::Fault));
    assert!(meter.identity(1_000).is_ok());
}

#[test]
fn a_made_meter_is_not_made_again() {
    use coinless_meter::{CommissionError, commission};
    let flash = made(&factory(Commodity::Gas));
    let again = commission(flash, &layout(), &factory(Commodity::Gas));
    assert_eq!(again.err(), Some(CommissionError::AlreadyMade));
}
