//! Following an order while somebody looks at it.

use super::*;
use coinless_phone::store::Store;
use coinless_phone::wire::PaymentState;

/// A purchase for which nobody has waited.
fn bought() -> World {
    let mut world = World::new();
    let id = world.uuid();
    let mut progress = |_: coinless_phone::courier::Progress<'_>| {};
    let mut hurried = buyer(&mut world.store, &mut world.http, &world.time, &mut progress);
    hurried.wait_ms = 0;
    let bought = run(hurried.buy(id, &purchase(&[(GAS, "50"), (WATER, "20")]))).unwrap().unwrap();
    assert!(bought.trouble.is_none() && !bought.order.is_settled(), "{bought:?}");
    world
}

/// Somebody looks at the newest order so often.
fn look_at(world: &mut World, times: u32) -> Option<Result<(), Error>> {
    let (id, left) = (world.orders()[0].id, Cell::new(times));
    let is_shown = || left.replace(left.get().saturating_sub(1)) > 0;
    run(follow(&mut world.store, &mut world.http, &world.time, id, is_shown))
}

#[test]
fn whoever_looks_sees_how_it_ends_through_any_fault() {
    for fault in FAULTS {
        at_every_step(fault, bought, |world| {
            again(|| look_at(world, 20), |()| true);
            let order = &world.orders()[0];
            assert!(order.is_settled() && order.told, "{order:?}");
            assert_eq!((world.payments(), world.contents().tokens.len()), (1, 2));
        });
    }
}

#[test]
fn what_others_write_meanwhile_stays() {
    let mut world = World::with_tokens();
    let delivered = world.deliver().unwrap().unwrap();
    assert!(delivered.is_complete());
    world.sync();
    let before = world.orders();
    assert!(before[0].told);
    look_at(&mut world, 20).unwrap().unwrap();
    assert_eq!(world.orders(), before);
}

#[test]
fn nobody_looks() {
    let mut world = bought();
    let asked = world.http.station.borrow().paths.len();
    look_at(&mut world, 0).unwrap().unwrap();
    assert_eq!(world.http.station.borrow().paths.len(), asked);
    assert!(!world.orders()[0].is_settled());
}

#[test]
fn a_silent_station_is_asked_ever_more_seldom() {
    use coinless_phone::io::Time;
    let mut world = bought();
    world.http.station.borrow_mut().paths.clear();
    world.http.station.borrow_mut().in_the_way = Some((503, "down".into()));
    let mut asked = Vec::new();
    for _ in 0..2 {
        look_at(&mut world, 60).unwrap().unwrap();
        asked.push((world.http.station.borrow().paths.len() as u64, world.time.now_ms()));
    }
    assert!(asked[0].0 > 5 && asked[1].1 > asked[1].0 * 5_000, "how often, and in how many ms: {asked:?}");
}

#[test]
fn a_station_that_has_not_heard_that_the_payer_agrees_is_told_and_not_watched() {
    let mut world = bought();
    let mut order = world.orders().remove(0);
    order.view.as_mut().unwrap().payment.state = PaymentState::None;
    order.accepted = None;
    run(world.store.save_order(&order)).unwrap().unwrap();
    {
        let mut station = world.http.station.borrow_mut();
        station.orders.values_mut().for_each(|order| order.payment = "none");
        station.paths.clear();
        station.watched.clear();
    }
    look_at(&mut world, 20).unwrap().unwrap();
    let station = world.http.station.borrow();
    let paid = station.paths.iter().position(|path| path.ends_with("/payment")).unwrap();
    assert!(station.watched.iter().all(|before| *before > paid), "{:?} {:?}", station.paths, station.watched);
}
