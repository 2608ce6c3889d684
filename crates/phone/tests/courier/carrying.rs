//! Carrying: the right tokens to the meter, its receipts back, and nothing deleted too early (which the store checks).

use super::*;
use coinless_phone::courier::DeliveryOutcome;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::receipt::Decision;
use coinless_protocol::{CreditNumber, Units};

fn outcomes(delivered: &Delivered) -> Vec<(u32, DeliveryOutcome)> {
    delivered.deliveries.iter().map(|d| (d.token.key.numbers.credit.0, d.outcome.clone())).collect()
}

#[test]
fn only_the_tokens_of_the_meter_at_hand() {
    let mut world = World::with_tokens();
    let delivered = world.deliver().unwrap().unwrap();
    assert_eq!(outcomes(&delivered), [(1, DeliveryOutcome::Applied)]);
    assert!(delivered.deliveries[0].receipt.as_ref().unwrap().verified);
    assert!(world.water.meter.borrow().posted.is_empty());
    world.sync();
    let left: Vec<_> = world.contents().tokens.iter().map(|token| token.key.meter.to_string()).collect();
    assert_eq!(left, [WATER]);
    assert_eq!(outcomes(&world.deliver().unwrap().unwrap()), []);
    assert!(world.deliver_water().is_complete());
}

#[test]
fn newest_first_and_the_rest_is_covered() {
    let mut world = World::with_tokens();
    world.buy(&purchase(&[(GAS, "50")]));
    let delivered = world.deliver().unwrap().unwrap();
    assert_eq!(outcomes(&delivered), [(2, DeliveryOutcome::Applied), (1, DeliveryOutcome::Covered)]);
    assert_eq!(world.gas.meter.borrow().posted, [CreditNumber(2)]);
    assert_eq!(world.gas_total(), 2 * station::UNITS);
    // Until the station has the receipt, the same again changes nothing and says so.
    let again = world.deliver().unwrap().unwrap();
    assert!(again.is_complete() && again.deliveries[0].again);
    assert_eq!((world.contents().tokens.len(), world.contents().receipts.len()), (3, 1));
    world.sync();
    assert_eq!((world.contents().tokens.len(), world.gas_total()), (1, 2 * station::UNITS));
}

#[test]
fn a_full_meter_takes_what_fits_and_the_rest_later() {
    let mut world = World::with_tokens();
    world.buy(&purchase(&[(GAS, "50")]));
    world.gas.meter.borrow_mut().room = station::UNITS + 400;
    let delivered = world.deliver().unwrap().unwrap();
    let not_yet = DeliveryOutcome::NotApplied(Decision::NotYet { use_first: Units::new(600).unwrap() });
    assert_eq!(outcomes(&delivered), [(2, not_yet), (1, DeliveryOutcome::Applied)]);
    assert!(!delivered.is_complete());
    let report = world.sync().unwrap().unwrap();
    assert_eq!(report.deleted.iter().map(|token| token.numbers.credit.0).collect::<Vec<_>>(), [1]);
    world.gas.meter.borrow_mut().room = u64::MAX;
    assert!(world.deliver().unwrap().unwrap().is_complete());
    world.sync();
    assert_eq!((world.gas_total(), world.contents().tokens.len()), (2 * station::UNITS, 1));
}

#[test]
fn a_refund_comes_when_the_void_was_carried() {
    for fault in FAULTS {
        at_every_step(fault, World::with_tokens, |world| {
            let order = world.orders()[0].id;
            again(|| world.refund(order, Some(1)), |refund| refund.voids.len() == 1);
            again(|| world.deliver(), Delivered::is_complete);
            // The token that the void replaced is not handed over.
            assert!(!world.gas.meter.borrow().posted.contains(&CreditNumber(1)));
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.states(), world.gas_total()), (vec!["refunded", "issued"], 0));
            assert_eq!((world.http.station.borrow().refunds, world.contents().tokens.len()), (1, 1));
        });
    }
}

#[test]
fn a_void_that_comes_too_late_is_cleared_away() {
    let mut world = World::with_tokens();
    world.deliver();
    let order = world.orders()[0].id;
    let refund = world.refund(order, None).unwrap().unwrap();
    assert_eq!((refund.lines, refund.voids.len()), (vec![1, 2], 2));
    let delivered = world.deliver().unwrap().unwrap();
    assert_eq!(outcomes(&delivered), [(2, DeliveryOutcome::NotApplied(Decision::InRefusedRange))]);
    assert!(!delivered.is_complete());
    world.sync();
    assert_eq!(world.states()[0], "delivered");
    assert_eq!((world.http.station.borrow().refunds, world.gas_total()), (0, station::UNITS));
    assert_eq!(outcomes(&world.deliver().unwrap().unwrap()), []);
    assert!(matches!(world.refund(order, Some(1)), Some(Err(error)) if !error.is_unknown()));
    assert!(matches!(world.refund(order, Some(3)), Some(Err(Error::NothingToRefund(_)))));
}

#[test]
fn a_refused_void_is_kept_until_the_station_wants_it_no_more() {
    let world = || {
        let mut world = World::with_tokens();
        world.deliver();
        let order = world.orders()[0].id;
        assert!(world.refund(order, Some(1)).unwrap().is_ok());
        assert!(!world.deliver().unwrap().unwrap().is_complete());
        world
    };
    for fault in FAULTS {
        // The store checks that it is not deleted while the order has it.
        at_every_step(fault, world, |world| {
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.states(), world.contents().tokens.len()), (vec!["delivered", "issued"], 1));
        });
    }
}

#[test]
fn a_lost_link_loses_nothing() {
    at_every_step(Fault::LoseAnswer, World::with_tokens, |world| {
        let first = world.deliver().unwrap();
        let tokens = world.contents().tokens.len();
        assert_eq!(tokens, 2);
        if first.is_err() || first.is_ok_and(|delivered| delivered.interrupted.is_some()) {
            assert!(world.deliver().unwrap().unwrap().is_complete());
        }
        assert_eq!(world.gas_total(), station::UNITS);
        again(|| world.sync(), |report| report.problems.is_empty());
        assert_eq!(world.contents().tokens.len(), 1);
    });
}

#[test]
fn a_forged_receipt_is_not_kept() {
    let mut world = World::with_tokens();
    world.gas.meter.borrow_mut().forger = Some(KeyPair::from_secret(&[78; 32]).unwrap());
    let delivered = world.deliver().unwrap().unwrap();
    assert!(matches!(outcomes(&delivered)[..], [(1, DeliveryOutcome::NotTaken(Error::NotAuthentic(_)))]));
    assert!(world.contents().receipts.is_empty());
    // As when an answer got lost: the token is still there.
    *world.gas.meter.borrow_mut() = TestMeter::new(GAS, 1);
    assert!(world.deliver().unwrap().unwrap().is_complete());
}

#[test]
fn a_token_for_another_key_is_not_sent() {
    let mut world = World::with_tokens();
    *world.gas.meter.borrow_mut() = TestMeter::new(GAS, 78);
    let delivered = world.deliver().unwrap().unwrap();
    assert_eq!(outcomes(&delivered), [(1, DeliveryOutcome::OtherKey)]);
    assert!(world.gas.meter.borrow().posted.is_empty() && !delivered.is_complete());
}

#[test]
fn without_the_meters_key_the_receipt_is_kept_for_the_station_to_verify() {
    let mut world = World::with_tokens();
    world.store.memory.contents.orders[0].meters.clear();
    let delivered = world.deliver().unwrap().unwrap();
    assert!(delivered.is_complete() && !world.contents().receipts[0].verified);
    world.sync();
    assert!(world.contents().receipts[0].acknowledged);
}

#[test]
fn a_station_out_of_reach_changes_nothing() {
    let mut world = World::with_tokens();
    world.deliver();
    world.http.station.borrow_mut().in_the_way = Some((503, String::new()));
    let report = world.sync().unwrap().unwrap();
    assert_eq!((report.problems.len(), report.deleted.len(), world.contents().tokens.len()), (2, 0, 2));
    world.http.station.borrow_mut().in_the_way = None;
    assert_eq!(world.sync().unwrap().unwrap().problems, []);
}
