//! A lost phone: the order's link is enough to go on, on any number of phones.

use super::*;
use coinless_phone::OrderLink;
use coinless_phone::outcome::{LineReport, Loaded, Outcome};
use coinless_phone::records::Consent;
use coinless_phone::store::Damaged;

/// Credit for both meters is bought, and the phone is lost: the order's link is all that is left.
fn lost() -> (World, OrderLink) {
    let mut world = World::with_tokens();
    let link: OrderLink = world.orders()[0].link().to_string().parse().unwrap();
    world.change_phone(MemoryStore::default());
    (world, link)
}

fn outcomes(world: &World) -> Vec<Outcome> {
    let contents = world.contents();
    LineReport::of_order(&contents.orders[0], contents).iter().map(|line| line.outcome).collect()
}

#[test]
fn a_lost_phone_through_any_fault() {
    for fault in FAULTS {
        at_every_step(
            fault,
            || lost().0,
            |world| {
                let order: Uuid = world.http.station.borrow().orders.keys().next().unwrap().parse().unwrap();
                again(|| world.restore(order), |restored| restored.trouble.is_none());
                assert_eq!(outcomes(world), [Outcome::Ready, Outcome::Ready]);
                again(|| world.deliver(), Delivered::is_complete);
                again(|| world.sync(), |report| report.problems.is_empty());
                assert_eq!((world.states(), world.payments()), (vec!["delivered", "issued"], 1));
                assert_eq!((world.gas_total(), world.contents().tokens.len()), (station::UNITS, 1));
                assert!(world.contents().receipts.iter().all(|receipt| receipt.verified), "the meter's key is missing");
                assert_eq!(outcomes(world), [Outcome::Loaded, Outcome::Ready]);
            },
        );
    }
}

#[test]
fn both_phones_deliver_and_nothing_is_doubled() {
    for fault in FAULTS {
        at_every_step(fault, World::with_tokens, |world| {
            let order = world.orders()[0].id;
            // The first phone has handed the token over and is on its way back.
            again(|| world.deliver(), Delivered::is_complete);
            let first = world.change_phone(MemoryStore::default());
            again(|| world.restore(order), |restored| restored.trouble.is_none());
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            let second = world.change_phone(first);
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.gas_total(), world.states()), (station::UNITS, vec!["delivered", "issued"]));
            assert_eq!((world.payments(), world.contents().tokens.len()), (1, 1));
            world.change_phone(second);
            assert_eq!(outcomes(world), [Outcome::Loaded, Outcome::Ready]);
        });
    }
}

#[test]
fn a_refund_from_the_restored_phone() {
    let (mut world, link) = lost();
    world.restore(link.order).unwrap().unwrap();
    assert_eq!(world.refund(link.order, Some(1)).unwrap().unwrap().voids.len(), 1);
    assert!(world.deliver().unwrap().unwrap().is_complete());
    world.sync();
    assert_eq!((world.states(), world.gas_total()), (vec!["refunded", "issued"], 0));
    assert_eq!(outcomes(&world), [Outcome::Refunded, Outcome::Ready]);
}

#[test]
fn any_number_of_times() {
    let mut world = World::with_tokens();
    let id = world.orders()[0].id;
    let before = world.contents().clone();
    let restored = world.restore(id).unwrap().unwrap();
    assert!(!restored.is_new && restored.new_tokens.is_empty() && restored.trouble.is_none());
    assert_eq!(*world.contents(), before, "what the phone had is as it was");

    world.change_phone(MemoryStore::default());
    let first = world.restore(id).unwrap().unwrap();
    assert!(first.is_new);
    assert_eq!((first.new_tokens.len(), &first.order.consent, first.order.accepted), (2, &Consent::QuoteFirst, None));
    let once = world.contents().clone();
    world.faults.plan(&[]);
    assert!(!world.restore(id).unwrap().unwrap().is_new);
    assert_eq!((world.faults.steps(), world.contents()), (1, &once), "one question and no write");
}

#[test]
fn an_older_answer_changes_nothing() {
    let (mut world, link) = lost();
    let path = format!("/v1/orders/{}", link.order);
    let request = coinless_phone::io::HttpRequest {
        method: coinless_phone::io::HttpMethod::Get,
        path: &path,
        content_type: None,
        authorization: None,
        body: &[],
    };
    let old = world.http.station.borrow_mut().answer(&request);
    world.restore(link.order).unwrap().unwrap();
    // Its token is replaced by a void.
    world.refund(link.order, Some(1)).unwrap().unwrap();
    let before = world.contents().clone();
    world.http.station.borrow_mut().in_the_way = Some((old.status, String::from_utf8(old.body).unwrap()));
    let restored = world.restore(link.order).unwrap().unwrap();
    assert_eq!((restored.new_tokens, world.contents()), (vec![], &before));
    // A phone without it takes what it gets, and the newer token wins at the meter.
    world.change_phone(MemoryStore::default());
    world.restore(link.order).unwrap().unwrap();
    world.http.station.borrow_mut().in_the_way = None;
    world.restore(link.order).unwrap().unwrap();
    assert!(world.deliver().unwrap().unwrap().is_complete());
    world.sync();
    assert_eq!((world.states(), world.gas_total()), (vec!["refunded", "issued"], 0));
}

#[test]
fn an_order_that_nobody_has() {
    let mut world = World::with_tokens();
    let before = world.contents().clone();
    let unknown = Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_ffff);
    assert_eq!(world.restore(unknown), Some(Err(Error::UnknownOrder(unknown))));
    assert_eq!(*world.contents(), before);
    // Only the station itself can say so.
    for (status, body) in [(404, "<html>not found</html>"), (502, ""), (200, "{}")] {
        world.http.station.borrow_mut().in_the_way = Some((status, body.to_owned()));
        assert!(world.restore(unknown).unwrap().is_err_and(|error| error.is_unknown()), "{status}");
    }
    assert_eq!(*world.contents(), before);
}

#[test]
fn not_over_what_cannot_be_read() {
    let (mut world, link) = lost();
    let damaged = Damaged { name: format!("order-{}.json", link.order), why: "cut short".into(), may_be_order: true };
    world.store.memory.contents.damaged.push(damaged.clone());
    assert_eq!(world.restore(link.order), Some(Err(Error::DamagedOrder(damaged))));
    assert!(world.contents().orders.is_empty() && world.contents().tokens.is_empty());
}

#[test]
fn from_another_address_it_is_left_alone() {
    let mut world = World::with_tokens();
    let order = world.orders()[0].id;
    let other = run(restore(&mut world.store, &mut world.http, "https://other.example", order)).unwrap();
    assert_eq!(other, Err(Error::OtherStation { order, station: URL.into() }));
}

#[test]
fn nothing_is_paid_until_somebody_buys() {
    let wanted = purchase(&[(GAS, "5m3"), (WATER, "20")]);
    let mut world = World::new();
    // Look both meters up, ask the price, write the order, send it, note the agreement, pay: the phone is lost before that.
    world.faults.plan(&[(6, Fault::CrashBefore)]);
    assert!(world.buy(&wanted).is_none());
    let order = world.orders()[0].id;
    assert_eq!(world.payments(), 0);
    world.change_phone(MemoryStore::default());
    world.restore(order).unwrap().unwrap();
    world.sync();
    assert_eq!((world.payments(), outcomes(&world)), (0, vec![Outcome::Open, Outcome::Open]));
    // To buy the same is to agree to this order, although its link does not say that a quantity was asked for.
    let bought = world.buy(&wanted).unwrap().unwrap();
    assert!(bought.resumed && bought.order.id == order);
    assert_eq!((world.payments(), outcomes(&world)), (1, vec![Outcome::Ready, Outcome::Ready]));
}

#[test]
fn what_another_phone_carries_is_not_known_here() {
    let mut world = World::with_tokens();
    world.store.memory.contents.tokens.clear();
    let contents = world.contents();
    let lines = LineReport::of_order(&contents.orders[0], contents);
    assert!(lines.iter().all(|line| (line.loaded, line.outcome) == (Loaded::Unknown, Outcome::Open)));
    let order = world.orders()[0].id;
    assert_eq!(world.restore(order).unwrap().unwrap().new_tokens.len(), 2, "a lost token is fetched again");
}
