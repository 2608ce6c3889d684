//! Buying: one order and one payment for one purchase.

use super::*;
use coinless_phone::api::ApiError;
use coinless_phone::wire::{LineState, PaymentState};

fn bought_one(world: &World) {
    let station = world.http.station.borrow();
    assert_eq!((station.orders.len(), station.payments), (1, 1));
    assert_eq!(world.contents().orders.len(), 1);
}

#[test]
fn one_purchase_through_any_fault() {
    let wanted = purchase(&[(GAS, "50"), (WATER, "20")]);
    for fault in FAULTS {
        at_every_step(fault, World::new, |world| {
            again(|| world.buy(&wanted), |bought| bought.order.is_settled());
            again(|| world.finish(), |()| true);
            bought_one(world);
            assert_eq!(world.contents().tokens.len(), 2);
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            bought_one(world);
            assert_eq!(world.states(), ["delivered", "issued"]);
            assert_eq!((world.gas_total(), world.contents().tokens.len()), (station::UNITS, 1));
        });
    }
}

#[test]
fn two_crashes() {
    let wanted = purchase(&[(GAS, "50")]);
    for first in 0..14 {
        for second in first + 1..20 {
            let mut world = World::new();
            world.faults.plan(&[(first, Fault::CrashAfter), (second, Fault::CrashBefore)]);
            again(|| world.buy(&wanted), |bought| bought.order.is_settled());
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            bought_one(&world);
            assert_eq!((world.gas_total(), world.contents().tokens.len()), (station::UNITS, 0));
        }
    }
}

#[test]
fn sync_goes_on_with_what_buy_has_begun() {
    let wanted = purchase(&[(GAS, "50")]);
    for fault in FAULTS {
        at_every_step(fault, World::new, |world| {
            let _ = world.buy(&wanted);
            assert!(world.payments() == 0 || world.orders()[0].accepted.is_some(), "paid without a note of it");
            if world.contents().orders.is_empty() {
                // It died before the order was made: nothing was sent either.
                assert!(world.http.station.borrow().orders.is_empty());
                return;
            }
            again(|| world.sync(), |report| report.orders.iter().all(StoredOrder::is_settled));
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            bought_one(world);
            assert_eq!((world.gas_total(), world.contents().tokens.len()), (station::UNITS, 0));
        });
    }
}

#[test]
fn at_the_meter_in_one_go_through_any_fault() {
    let wanted = purchase(&[(GAS, "50")]);
    let loaded = |result: &BoughtAt| {
        let delivered = result.delivered.as_ref().is_some_and(|d| d.as_ref().is_ok_and(Delivered::is_complete));
        delivered && result.synced.as_ref().is_some_and(|s| s.as_ref().is_ok_and(|s| s.problems.is_empty()))
    };
    for fault in FAULTS {
        at_every_step(fault, World::new, |world| {
            let result = again(|| world.buy_at(&wanted), loaded);
            assert_eq!(result.bought.order.view.as_ref().unwrap().lines[0].state, LineState::Delivered);
            bought_one(world);
            assert_eq!(world.states(), ["delivered"]);
            assert_eq!((world.gas_total(), world.contents().tokens.len()), (station::UNITS, 0));
            assert!(world.orders()[0].request.lines[0].immediate);
        });
    }
}

#[test]
fn the_order_is_stored_before_it_is_sent() {
    // Steps: look the meter up, write the order, send it.
    let mut world = World::new();
    world.faults.plan(&[(2, Fault::CrashBefore)]);
    assert!(world.buy(&purchase(&[(GAS, "50")])).is_none());
    assert_eq!(world.orders().len(), 1);
    assert!(world.http.station.borrow().orders.is_empty());
}

#[test]
fn the_same_purchase_is_a_new_one_once_the_payer_has_seen_the_outcome() {
    let wanted = purchase(&[(GAS, "50")]);
    let mut world = World::new();
    let first = world.buy(&wanted).unwrap().unwrap();
    let repeated = world.buy(&purchase(&[(GAS, "050")])).unwrap().unwrap();
    assert_eq!((first.resumed, repeated.resumed, repeated.order.id), (false, true, first.order.id));
    let other = world.buy(&purchase(&[(GAS, "51")]));
    assert!(other.is_some_and(|other| other.is_ok_and(|other| !other.resumed)));
    assert_eq!(world.finish(), Some(Ok(())));
    let second = world.buy(&wanted).unwrap().unwrap();
    assert!(!second.resumed && second.order.id != first.order.id);
    assert_eq!(world.payments(), 3);
}

#[test]
fn what_is_in_the_way_of_the_station_is_unknown() {
    let login = "<html>Welcome to the hotel</html>".to_owned();
    let slow_down = r#"{"title":"slow down","status":429}"#.to_owned();
    let answers = [(200, login.clone()), (302, String::new()), (403, login.clone()), (502, login), (429, slow_down)];
    for (status, body) in answers {
        let mut world = World::new();
        world.faults.plan(&[(2, Fault::CrashBefore)]);
        let wanted = purchase(&[(GAS, "50")]);
        let _ = world.buy(&wanted);
        world.http.station.borrow_mut().in_the_way = Some((status, body));
        let bought = world.buy(&wanted).unwrap().unwrap();
        assert!(bought.trouble.is_some_and(|trouble| trouble.is_unknown()), "{status}");
        world.http.station.borrow_mut().in_the_way = None;
        assert!(world.buy(&wanted).unwrap().unwrap().order.is_settled());
        bought_one(&world);
    }
}

#[test]
fn a_refused_order_ends() {
    let wanted = purchase(&[(GAS, "50")]);
    let mut world = World::new();
    world.faults.plan(&[(2, Fault::CrashBefore)]);
    let _ = world.buy(&wanted);
    let gas: MeterId = GAS.parse().unwrap();
    let file = world.http.station.borrow_mut().meters.remove(&gas).unwrap();
    let bought = world.buy(&wanted).unwrap().unwrap();
    assert!(matches!(bought.trouble, Some(Error::Station(ApiError::Refused(_)))));
    assert_eq!(bought.order.rejected.as_deref(), Some("the station refuses: unknown_meter"));
    world.http.station.borrow_mut().meters.insert(gas, file);
    assert!(!world.buy(&wanted).unwrap().unwrap().resumed);
    assert_eq!(world.payments(), 1);
}

#[test]
fn a_refused_payment_is_told_as_such() {
    let mut world = World::new();
    world.http.station.borrow_mut().declines = true;
    let bought = world.buy(&purchase(&[(GAS, "50")])).unwrap().unwrap();
    assert_eq!(bought.trouble, None);
    assert_eq!(bought.order.view.unwrap().payment.state, PaymentState::Declined);
    assert!(world.contents().tokens.is_empty());
}

#[test]
fn no_more_is_paid_than_was_agreed() {
    let mut world = World::new();
    world.http.station.borrow_mut().surcharge = 1;
    let bought = world.buy(&purchase(&[(GAS, "50")])).unwrap().unwrap();
    assert!(matches!(bought.trouble, Some(Error::OtherOrder(_))));
    assert_eq!(world.payments(), 0);
}

#[test]
fn another_meter_at_the_link_is_found_before_anything_is_paid() {
    let mut world = World::new();
    let result = world.buy_at(&purchase(&[(WATER, "50")])).unwrap();
    assert!(matches!(result, Err(Error::WrongMeter(meter)) if meter.as_str() == GAS));
    assert!(world.orders().is_empty() && world.http.station.borrow().orders.is_empty());
}

#[test]
fn a_meter_under_a_false_name_is_found_before_anything_is_paid() {
    let mut world = World::new();
    *world.gas.meter.borrow_mut() = TestMeter::new(GAS, 77);
    let result = world.buy_at(&purchase(&[(GAS, "50")])).unwrap();
    assert!(matches!(result, Err(Error::NotAuthentic(_))), "{result:?}");
    assert!(world.orders().is_empty());
}

#[test]
fn a_full_meter_is_found_before_anything_is_paid() {
    let mut world = World::new();
    let (meter, key) = (world.gas.meter.borrow().id, world.gas.meter.borrow().key.public_key());
    world.http.station.borrow_mut().enrol(meter, key, 1);
    let result = world.buy_at(&purchase(&[(GAS, "50")])).unwrap().unwrap();
    assert_eq!(result.bought.order.rejected.as_deref(), Some("the station refuses: no_room"));
    assert_eq!(world.payments(), 0);
    // Its fresh receipt had reached the station.
    assert_eq!(world.http.station.borrow().receipts.len(), 1);
}

#[test]
fn nothing_is_bought_while_an_order_is_unreadable() {
    let mut world = World::new();
    let damaged = coinless_phone::store::Damaged { name: "order".into(), why: "cut short".into(), may_be_order: true };
    world.store.memory.contents.damaged.push(damaged);
    assert!(matches!(world.buy(&purchase(&[(GAS, "50")])), Some(Err(Error::Damaged(_)))));
    assert!(world.http.station.borrow().orders.is_empty());
}

#[test]
fn sync_shows_an_end_that_the_payer_has_not_seen() {
    let wanted = purchase(&[(GAS, "50")]);
    let mut world = World::new();
    let first = world.buy(&wanted).unwrap().unwrap().order.id;
    world.deliver();
    world.sync();
    assert!(!world.orders()[0].is_open());
    let report = world.sync().unwrap().unwrap();
    assert_eq!(report.orders.iter().map(|order| order.id).collect::<Vec<_>>(), [first]);
    assert_eq!(world.finish(), Some(Ok(())));
    assert!(world.sync().unwrap().unwrap().orders.is_empty());
    assert!(!world.buy(&wanted).unwrap().unwrap().resumed);
}
