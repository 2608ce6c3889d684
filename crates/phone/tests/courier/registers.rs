//! Tokens for other registers: carried with credit, before it, and kept until the meter has them and the station knows.

use super::*;
use coinless_phone::courier::DeliveryOutcome;
use coinless_phone::outcome::{LineReport, Outcome};
use coinless_phone::records::TokenNumbers;
use coinless_protocol::CreditNumber;
use coinless_protocol::receipt::Decision;
use coinless_protocol::token::{Clock, Content, Needs, Order, Set, Valve, ValveOrder};

fn content(number: u32) -> Option<Content<'static>> {
    Some(Content { number, bytes: &[0xa0] })
}

fn tariff(number: u32) -> Order<'static> {
    Order::Set(Set { tariff: content(number), ..Set::default() })
}

fn settings(number: u32) -> Order<'static> {
    Order::Set(Set { settings: content(number), ..Set::default() })
}

fn valve(number: u32) -> Order<'static> {
    Order::Set(Set { valve: Some(Valve { number, command: ValveOrder::HoldShut }), ..Set::default() })
}

fn clock(unix_s: u64) -> Order<'static> {
    Order::Set(Set { clock: Some(Clock { unix_s, answers: None }), ..Set::default() })
}

fn gas() -> MeterId {
    GAS.parse().unwrap()
}

impl World {
    /// The station has signed this for the gas meter, and the phone has fetched it.
    fn registers(&mut self, orders: &[Order<'_>]) {
        for order in orders {
            self.http.station.borrow_mut().register(gas(), *order);
        }
        assert_eq!(self.sync().unwrap().unwrap().problems, []);
    }

    fn outcomes(&mut self) -> Vec<(TokenNumbers, DeliveryOutcome)> {
        let delivered = self.deliver().unwrap().unwrap();
        assert_eq!(delivered.interrupted, None);
        delivered.deliveries.iter().map(|one| (one.token.key.numbers, one.outcome.clone())).collect()
    }

    fn tokens_for_gas(&self) -> usize {
        self.contents().tokens.iter().filter(|token| token.key.meter == gas()).count()
    }

    /// Everything that was handed over, in the order of the first time.
    fn handed_first(&self) -> Vec<String> {
        let mut first: Vec<String> = Vec::new();
        for what in self.handed() {
            if !first.contains(&what) {
                first.push(what);
            }
        }
        first
    }

    fn handed(&self) -> Vec<String> {
        self.gas.meter.borrow().handed.clone()
    }
}

const NONE: TokenNumbers =
    TokenNumbers { credit: CreditNumber(0), tariff: 0, settings: 0, keys: 0, valve: 0, clock: 0 };

#[test]
fn names_tell_registers_apart() {
    let mut world = World::with_tokens();
    world.registers(&[tariff(1), settings(1), valve(1), clock(1)]);
    let mut both = Set { tariff: content(1), ..Set::default() };
    both.settings = content(1);
    world.registers(&[Order::Set(both)]);
    let mut names: Vec<String> = world.contents().tokens.iter().map(|token| token.key.to_string()).collect();
    names.retain(|name| name.starts_with(GAS));
    names.sort();
    let ends: Vec<&str> = names.iter().map(|name| name.splitn(3, '-').nth(2).unwrap()).collect();
    assert_eq!(ends, ["0-1", "0-clock-1", "0-settings-1", "0-settings-1-tariff-1", "0-tariff-1", "0-valve-1"]);
}

#[test]
fn they_come_while_a_payment_is_waited_for() {
    let mut world = World::new();
    {
        let mut station = world.http.station.borrow_mut();
        let token = station.register(gas(), tariff(1));
        station.meters.get_mut(&gas()).unwrap().registers.clear();
        station.signed_meanwhile.push((gas(), token));
    }
    // The store checks that an order never points to a token that is not there.
    let bought = world.buy(&purchase(&[(GAS, "50")])).unwrap().unwrap();
    assert_eq!((bought.trouble, world.tokens_for_gas()), (None, 2));
    assert!(world.http.station.borrow().signed_meanwhile.is_empty());
}

#[test]
fn they_go_before_the_credit_in_the_order_of_the_station() {
    let world = || {
        let mut world = World::with_tokens();
        world.registers(&[valve(1), settings(3), tariff(2), clock(5_000)]);
        world
    };
    for fault in FAULTS {
        at_every_step(fault, world, |world| {
            again(|| world.deliver(), Delivered::is_complete);
            assert_eq!(world.handed_first(), ["0-valve-1", "0-settings-3", "0-tariff-2", "0-clock-5000", "0-1"]);
            assert_eq!(world.gas_total(), station::UNITS);
            let meter = world.gas.meter.borrow();
            assert_eq!((meter.others.tariff, meter.others.settings, meter.valve, meter.clock), (2, 3, 1, 5_000));
            drop(meter);
            assert_eq!(world.tokens_for_gas(), 5, "kept until the station knows");
            // The store checks each deletion.
            again(|| world.sync(), |report| report.problems.is_empty());
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.tokens_for_gas(), world.states()[0]), (0, "delivered"));
            assert_eq!(world.http.station.borrow().meters[&gas()].registers, Vec::<Vec<u8>>::new());
        });
    }
}

#[test]
fn what_a_meter_has_is_not_handed_over_again() {
    let mut world = World::with_tokens();
    world.registers(&[tariff(1), valve(1)]);
    world.outcomes();
    let outcomes = world.outcomes();
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_done()), "{outcomes:?}");
    assert_eq!(outcomes[..2].iter().filter(|(_, outcome)| *outcome == DeliveryOutcome::Covered).count(), 2);
    let registers = world.handed().iter().filter(|what| *what != "0-1").count();
    assert_eq!(registers, 2, "{:?}", world.handed());
    // A receipt that this phone cannot verify is not enough for that.
    world.store.memory.contents.orders[0].meters.clear();
    world.store.memory.contents.receipts.iter_mut().for_each(|receipt| receipt.verified = false);
    world.outcomes();
    assert!(world.handed().len() > 4, "{:?}", world.handed());
}

#[test]
fn credit_that_needs_a_newer_register_waits_for_it() {
    let mut world = World::with_tokens();
    {
        let mut station = world.http.station.borrow_mut();
        station.meters.get_mut(&gas()).unwrap().needs = Needs { tariff: 2, ..Needs::default() };
        station.reissue(gas());
    }
    world.sync();
    let credit = TokenNumbers { credit: CreditNumber(2), ..NONE };
    assert_eq!(world.outcomes(), [(credit, DeliveryOutcome::NotApplied(Decision::NeedsNewerRegister))]);
    let lines = LineReport::of_order(&world.orders()[0], world.contents());
    assert!(lines[0].standing.words().contains("needs another token first"), "{}", lines[0].standing.words());
    // The token stays, also when the station knows why; what was missing comes with the next sync.
    world.registers(&[tariff(2)]);
    assert!(world.contents().tokens.iter().any(|token| token.key.numbers == credit));
    let both = [(TokenNumbers { tariff: 2, ..NONE }, DeliveryOutcome::Applied), (credit, DeliveryOutcome::Applied)];
    assert_eq!(world.outcomes(), both);
    world.sync();
    assert_eq!((world.tokens_for_gas(), world.gas_total()), (0, station::UNITS));
}

#[test]
fn a_later_epoch_goes_after_its_keys() {
    let world = || {
        let mut world = World::with_tokens();
        world.registers(&[tariff(1)]);
        let station = world.http.station.clone();
        station.borrow_mut().new_epoch(gas());
        station.borrow_mut().register(gas(), tariff(1));
        world.sync();
        world
    };
    for fault in FAULTS {
        at_every_step(fault, world, |world| {
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!(world.handed_first(), ["0-tariff-1", "1-keys-1", "1-tariff-1", "1-1"]);
            let others = world.gas.meter.borrow().others;
            assert_eq!((others.epoch.0, others.keys, others.tariff), (1, 1, 1));
            assert_eq!((world.gas_total(), world.tokens_for_gas()), (station::UNITS, 0));
        });
    }
}

#[test]
fn what_is_of_an_epoch_that_is_over_is_not_handed_over() {
    let mut world = World::with_tokens();
    world.registers(&[tariff(7), valve(7)]);
    world.gas.meter.borrow_mut().others.epoch.0 = 1;
    let station = world.http.station.clone();
    station.borrow_mut().new_epoch(gas());
    world.sync();
    let done = world.outcomes();
    assert!(done.iter().all(|(_, outcome)| outcome.is_done()), "{done:?}");
    assert!(world.handed().iter().all(|what| what.starts_with("1-")), "{:?}", world.handed());
    world.sync();
    assert_eq!(world.tokens_for_gas(), 0);
}

#[test]
fn only_the_answer_to_it_settles_a_valve_command() {
    let mut world = World::with_tokens();
    world.deliver();
    let earlier = world.contents().receipts[0].bytes.clone();
    world.registers(&[valve(1)]);
    // Somebody plays an earlier receipt back: it is authentic, but says nothing of this token.
    world.gas.meter.borrow_mut().replay = Some(earlier);
    assert_eq!(world.outcomes().last().unwrap().1, DeliveryOutcome::Unclear);
    world.sync();
    assert_eq!(world.tokens_for_gas(), 1);
    world.gas.meter.borrow_mut().replay = None;
    assert_eq!(world.outcomes().last().unwrap().1, DeliveryOutcome::Applied);
    assert_eq!(world.gas.meter.borrow().valve, 1);
    world.sync();
    assert_eq!(world.tokens_for_gas(), 0);
}

#[test]
fn a_newer_valve_command_settles_the_one_before() {
    let mut world = World::with_tokens();
    world.registers(&[valve(1), clock(1_000)]);
    // The station wants newer ones carried now.
    world.http.station.borrow_mut().meters.get_mut(&gas()).unwrap().registers.clear();
    world.registers(&[valve(2), clock(2_000)]);
    assert_eq!(world.tokens_for_gas(), 5);
    let delivered = world.deliver().unwrap().unwrap();
    assert!(delivered.is_complete() && delivered.has_new_valve());
    assert!(!world.deliver().unwrap().unwrap().has_new_valve(), "said once");
    world.gas.meter.borrow_mut().handed.truncate(3);
    assert_eq!(world.handed(), ["0-valve-2", "0-clock-2000", "0-1"]);
    world.sync();
    assert_eq!(world.tokens_for_gas(), 0);
}

#[test]
fn what_a_meter_cannot_use_is_kept_as_long_as_the_station_wants_it() {
    let mut world = World::with_tokens();
    world.gas.meter.borrow_mut().bad_settings = 1;
    world.registers(&[settings(1)]);
    let outcomes = world.outcomes();
    assert_eq!(outcomes[0].1, DeliveryOutcome::NotApplied(Decision::BadContent));
    assert_eq!(outcomes[1].1, DeliveryOutcome::Applied, "it keeps nobody from the credit");
    world.http.station.borrow_mut().orders.values_mut().for_each(|order| order.lines[0].state = "issued");
    world.sync();
    assert_eq!(world.tokens_for_gas(), 1);
    world.http.station.borrow_mut().meters.get_mut(&gas()).unwrap().registers.clear();
    world.http.station.borrow_mut().orders.values_mut().for_each(|order| order.lines[0].state = "exception");
    world.sync();
    assert_eq!(world.tokens_for_gas(), 0);
}

#[test]
fn a_closed_meter_says_so() {
    let mut world = World::with_tokens();
    world.gas.meter.borrow_mut().closed = true;
    assert_eq!(world.outcomes()[0].1, DeliveryOutcome::NotApplied(Decision::Closed));
    let lines = LineReport::of_order(&world.orders()[0], world.contents());
    assert_eq!(lines[0].outcome, Outcome::Ready);
    assert!(lines[0].standing.words().contains("account is closed"), "{}", lines[0].standing.words());
    world.sync();
    assert_eq!(world.tokens_for_gas(), 1, "the line may be voided, and the token is still the station's");
}

#[test]
fn a_busy_meter_is_left_alone() {
    let mut world = World::with_tokens();
    world.registers(&[tariff(1)]);
    world.gas.meter.borrow_mut().busy = true;
    let delivered = world.deliver().unwrap().unwrap();
    let busy = Error::Busy { after_s: Some(meter::BUSY_S) };
    assert!(busy.to_string().contains("Press its button, or wait 3 minutes"), "{busy}");
    assert_eq!((delivered.interrupted, delivered.deliveries.len()), (Some(busy), 0));
    // Nothing was handed over: the line is not in doubt.
    assert!(world.contents().tokens.iter().all(|token| !token.handed));
    world.gas.meter.borrow_mut().busy = false;
    assert!(world.deliver().unwrap().unwrap().is_complete());
}

#[test]
fn a_wrong_token_keeps_nobody_from_the_others() {
    let mut world = World::with_tokens();
    world.http.station.borrow_mut().register(gas(), tariff(1));
    let foreign = world.http.station.borrow_mut().register(WATER.parse().unwrap(), tariff(1));
    world.http.station.borrow_mut().meters.get_mut(&gas()).unwrap().registers.insert(0, foreign);
    let report = world.sync().unwrap().unwrap();
    assert!(matches!(&report.problems[0].error, Error::StationAnswer(why) if why.contains("another meter")));
    assert_eq!(world.tokens_for_gas(), 2);
    assert!(world.deliver().unwrap().unwrap().is_complete());
    assert_eq!(world.gas.meter.borrow().others.tariff, 1);
}
