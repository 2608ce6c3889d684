//! What strangers can cost a meter, and that they do not lock out the honest.

use crate::support::*;
use coinless_meter::{
    AT_PRESS, AT_START, CHALLENGE_MS, MAINS_RECORDS, MAINS_REFILL_MS, Meter, PRESS_MS, Pressed, WorkLimit,
};
use coinless_protocol::Commodity;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::Event;
use coinless_protocol::token::{Conditions, Order, Token};

const DAY_MS: u64 = 86_400_000;
const REFILL_MS: u64 = WorkLimit::BATTERY.refill_ms;

/// A new meter on a battery, whose stock is full.
fn rested() -> Meter<Flash> {
    on_battery(made(&factory(Commodity::Gas)))
}

fn on_battery(flash: Flash) -> Meter<Flash> {
    flash.power_on();
    let mut meter = mounted(flash);
    meter.limit_work(WorkLimit::BATTERY);
    meter.take_valve_command();
    meter.tick(0);
    meter
}

fn forged(meter: &mut Meter<Flash>, now_ms: u64) -> Refusal {
    let mut token = credit(1, 500);
    *token.last_mut().unwrap() ^= 1;
    meter.token(now_ms, &token).unwrap_err()
}

/// How often it verifies a forged token before it is busy.
fn drained(meter: &mut Meter<Flash>, now_ms: u64) -> u8 {
    let mut works = 0;
    while forged(meter, now_ms) == Refusal::BadSignature {
        works += 1;
    }
    assert_eq!(forged(meter, now_ms), Refusal::Busy);
    works
}

fn read(challenge: u8) -> Vec<u8> {
    signed(&Token { order: Order::Read([challenge; 8]), ..credit_with(1, 1, Conditions::default()) })
}

#[test]
fn forged_tokens_are_verified_a_few_times_an_hour() {
    let mut meter = rested();
    assert_eq!(drained(&mut meter, DAY_MS), WorkLimit::BATTERY.stock);
    assert_eq!(drained(&mut meter, DAY_MS + REFILL_MS - 1), 0);
    assert_eq!(drained(&mut meter, DAY_MS + REFILL_MS), 1);
    assert_eq!(drained(&mut meter, DAY_MS + 3_600_000), 11);
    let events = meter.state().unwrap().events;
    assert_eq!((events.of(Event::BadToken), events.of(Event::Busy)), (12 + 1 + 11, 2 * 4));
    // Bytes that are cheap to refuse cost nothing, and none of this was journaled.
    assert_eq!(meter.token(DAY_MS, &[0; 100]), Err(Refusal::Malformed));
    assert_eq!(meter.flash().steps(), rested().flash().steps());
}

#[test]
fn two_old_tokens_in_turn_are_old_after_a_few() {
    let mut meter = rested();
    let old = [credit(1, 10), credit(2, 20)];
    assert!(old.iter().all(|token| meter.token(DAY_MS, token).unwrap().outcome.decision == Decision::Applied));
    let (number, mut answered) = (meter.state().unwrap().receipt_number, 0);
    for round in 0..1_000 {
        match meter.token(DAY_MS, &old[round % 2]) {
            Ok(answer) => answered += u8::from(answer.outcome.decision == Decision::NotNewer && !answer.repeated),
            Err(refusal) => assert_eq!(refusal, Refusal::Busy),
        }
    }
    assert_eq!(answered, WorkLimit::BATTERY.stock);
    assert_eq!(meter.state().unwrap().receipt_number, number + u32::from(answered));
    // The last one is still answered, from what is stored.
    assert!(meter.token(DAY_MS, &old[1]).is_ok_and(|answer| answer.repeated));
}

#[test]
fn tokens_that_bring_something_cost_nothing() {
    let mut meter = rested();
    for number in 1..200 {
        assert_eq!(meter.token(DAY_MS, &credit(number, number.into())).unwrap().outcome.decision, Decision::Applied);
    }
    assert_eq!(drained(&mut meter, DAY_MS), WorkLimit::BATTERY.stock);
}

#[test]
fn everything_that_signs_or_writes_is_limited() {
    type Ask = fn(&mut Meter<Flash>, u8) -> Result<(), Refusal>;
    let asks: [Ask; 3] = [
        |meter, _| meter.signed_identity(DAY_MS, [1; 8]).map(drop),
        |meter, _| meter.report(DAY_MS, &mut coinless_protocol::Bytes::new()),
        |meter, round| meter.token(DAY_MS, &read(round)).map(drop),
    ];
    for ask in asks {
        let mut meter = rested();
        let done = (0..=u8::MAX).filter(|round| ask(&mut meter, *round).is_ok()).count();
        assert_eq!(done, usize::from(WorkLimit::BATTERY.stock));
    }
    // A receipt is signed once and then stored, and a challenge is the same for minutes.
    let mut meter = rested();
    for _ in 0..100 {
        assert!(meter.receipt(DAY_MS).is_ok() && meter.challenge(DAY_MS).is_ok());
    }
    assert_eq!(drained(&mut meter, DAY_MS), WorkLimit::BATTERY.stock - 2);
}

#[test]
fn a_restart_gives_little_and_enough_for_the_honest() {
    let mut meter = rested();
    drained(&mut meter, DAY_MS);
    // The stock is journaled with whatever is next, here with consumption.
    meter.consume(DAY_MS + 1, fine(60));
    meter.tick(DAY_MS + 1);
    let mut meter = on_battery(meter.into_flash());
    assert_eq!(drained(&mut meter, 1), AT_START);
    let mut meter = on_battery(meter.into_flash());
    // Who is honest reads the meter and loads his token.
    assert!(meter.signed_identity(1_000, [1; 8]).is_ok());
    assert_eq!(meter.token(2_000, &credit(1, 500)).unwrap().outcome.decision, Decision::Applied);
    assert_eq!(meter.token(2_000, &credit(2, 600)).unwrap().outcome.decision, Decision::Applied);
    // What was not drained, or was gathered again, is there again.
    let mut meter = on_battery(rested().into_flash());
    assert_eq!(drained(&mut meter, 1), WorkLimit::BATTERY.stock);
    meter.consume(1 + 5 * REFILL_MS, fine(60));
    meter.tick(1 + 5 * REFILL_MS);
    assert_eq!(drained(&mut on_battery(meter.into_flash()), 1), 5);
}

#[test]
fn a_press_has_works_of_its_own() {
    let mut meter = rested();
    drained(&mut meter, DAY_MS);
    assert_eq!(meter.press_open(DAY_MS), Pressed::Opened);
    assert_eq!(meter.token(DAY_MS + 1, &credit(1, 500)).unwrap().outcome.decision, Decision::Applied);
    assert_eq!(drained(&mut meter, DAY_MS + 2), AT_PRESS);
    // Also a press that opens nothing, and for minutes only.
    assert_eq!(meter.press_open(DAY_MS + 3), Pressed::AlreadyOpen);
    assert_eq!(drained(&mut meter, DAY_MS + 3 + PRESS_MS), 1, "one was refilled meanwhile");
    meter.take_emergency(DAY_MS + 4 + PRESS_MS).unwrap();
    assert_eq!(drained(&mut meter, DAY_MS + 5 + PRESS_MS), AT_PRESS);
}

#[test]
fn a_meter_on_the_mains_verifies_without_end_and_writes_without_wearing_out() {
    let mut meter = meter(Commodity::Electricity);
    assert!((0..500).all(|_| forged(&mut meter, 1) == Refusal::BadSignature));
    assert!((0..500).all(|_| meter.signed_identity(1, [1; 8]).is_ok()));
    let mut reports = 0;
    while meter.report(1, &mut coinless_protocol::Bytes::new()).is_ok() {
        reports += 1;
    }
    assert_eq!(reports, MAINS_RECORDS);
    assert_eq!(meter.token(1, &read(1)), Err(Refusal::Busy));
    assert_eq!(meter.token(1, &credit(1, 500)).unwrap().outcome.decision, Decision::Applied);
    assert_eq!(meter.token(1 + MAINS_REFILL_MS, &read(1)).unwrap().outcome.decision, Decision::Read);
    let number = meter.state().unwrap().receipt_number;
    for second in 0..86_400_u64 {
        // A day of somebody who asks all the time.
        let _ = meter.report(2 + MAINS_REFILL_MS + second * 1_000, &mut coinless_protocol::Bytes::new());
    }
    assert_eq!(meter.state().unwrap().receipt_number - number, (DAY_MS / MAINS_REFILL_MS) as u32 - 1);
}

#[test]
fn a_challenge_is_not_spoilt_by_another_who_asks() {
    let mut meter = rested();
    let first = meter.challenge(DAY_MS).unwrap();
    assert_eq!(meter.challenge(DAY_MS + CHALLENGE_MS / 2 - 1), Ok(first));
    let second = meter.challenge(DAY_MS + CHALLENGE_MS / 2).unwrap();
    assert_ne!(first, second);
    let clock = |unix_s, answers| {
        let set = coinless_protocol::token::Set {
            clock: Some(coinless_protocol::token::Clock { unix_s, answers }),
            ..Default::default()
        };
        signed(&Token { order: Order::Set(set), ..credit_with(1, 1, Conditions::default()) })
    };
    let now_ms = DAY_MS + CHALLENGE_MS;
    assert_eq!(meter.token(now_ms, &clock(1, Some(first))).unwrap().outcome.decision, Decision::NotNewer);
    assert_eq!(meter.token(now_ms, &clock(1_790_000_000, Some(second))).unwrap().outcome.decision, Decision::Applied);
    assert_eq!(meter.clock(now_ms + 1_000), Some((1_790_000_001, true)));
    // Once.
    assert_eq!(meter.token(now_ms, &clock(1, Some(second))).unwrap().outcome.decision, Decision::NotNewer);
    assert_ne!(meter.challenge(now_ms).unwrap(), second);
}
