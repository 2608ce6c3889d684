//! Tokens in another order, lost tokens, and voids on either side of a delivery.

use crate::setting::{Coap, GAS_LABEL, Setting};
use coinless_protocol::receipt::{Decision, Receipt};

fn decision(coap: &mut Coap, token: &[u8]) -> Decision {
    Receipt::parse(&coap.post_token(token).payload).unwrap().1.outcome.decision
}

#[test]
fn an_older_token_after_a_newer_one_does_nothing() {
    let mut story = Setting::new();
    let first = story.buy("first", "20.00");
    let older = story.token(&first);
    let second = story.buy("second", "30.00");
    let newer = story.token(&second);
    let mut coap = Coap::new(&story.meter.address());
    assert_eq!(decision(&mut coap, &newer), Decision::Applied);
    let both = story.units(&first) + story.units(&second);
    assert_eq!(story.display()["total_units"], both, "the newer token makes the older one good");
    assert_eq!(decision(&mut coap, &older), Decision::NotNewer);
    assert_eq!(story.display()["total_units"], both);
    // Each phone in its own time: both lines end delivered, once.
    for (store, order) in [("second", &second), ("first", &first)] {
        story.deliver(store);
        story.sync(store);
        assert_eq!(story.line_state(order), "delivered");
    }
    assert_eq!(story.balance("sold_undelivered"), "0.00");
}

#[test]
fn a_lost_token_is_made_good_by_the_next_purchase() {
    let mut story = Setting::new();
    let lost = story.buy("lost", "20.00");
    std::fs::remove_dir_all(story.desk.path("lost")).unwrap();
    let next = story.buy("next", "30.00");
    story.deliver("next");
    story.sync("next");
    assert_eq!(story.display()["total_units"], story.units(&lost) + story.units(&next));
    assert_eq!((story.line_state(&lost), story.line_state(&next)), ("delivered".into(), "delivered".into()));
}

#[test]
fn a_void_before_its_token_gives_the_money_back() {
    let mut story = Setting::new();
    let order = story.buy("phone", "50.00");
    let token = story.token(&order);
    story.refund("phone", &order);
    assert_eq!(story.line_state(&order), "void_pending");
    assert_eq!(story.balance("provider:sandbox:clearing"), "50.00", "no receipt, no refund");
    story.deliver("phone");
    story.sync("phone");
    story.wait_for(&order, "refunded");
    assert_eq!(story.balance("provider:sandbox:clearing"), "0.00");
    assert_eq!(story.balance("refunds_due"), "0.00");
    assert_eq!(decision(&mut Coap::new(&story.meter.address()), &token), Decision::NotNewer, "the old token is dead");
    assert_eq!(story.display()["total_units"], 0);
    // Asking again changes nothing.
    story.sync("phone");
    assert_eq!(story.balance("provider:sandbox:clearing"), "0.00");
}

#[test]
fn a_void_after_its_token_changes_nothing() {
    let mut story = Setting::new();
    let order = story.buy("phone", "50.00");
    let token = story.token(&order);
    assert_eq!(decision(&mut Coap::new(&story.meter.address()), &token), Decision::Applied);
    story.refund("phone", &order);
    let void = story.token(&order);
    assert_eq!(decision(&mut Coap::new(&story.meter.address()), &void), Decision::InRefusedRange);
    story.deliver("phone");
    story.sync("phone");
    assert_eq!(story.line_state(&order), "delivered");
    assert_eq!(story.balance("provider:sandbox:clearing"), "50.00");
    assert_eq!(story.display()["total_units"], story.units(&order));
    // What was loaded is counted again: the next purchase comes on top.
    let next = story.buy("phone", "20.00");
    story.deliver("phone");
    assert_eq!(story.display()["total_units"], story.units(&order) + story.units(&next));
}

#[test]
fn a_second_payer_between_a_purchase_and_its_void() {
    let mut story = Setting::new();
    let first = story.buy("first", "50.00");
    let token = story.token(&first);
    story.refund("first", &first);
    let second = story.buy("second", "20.00");
    // The second payer comes to the meter first: that settles the void of the first.
    story.deliver("second");
    story.sync("second");
    story.wait_for(&first, "refunded");
    assert_eq!(story.line_state(&second), "delivered");
    assert_eq!(decision(&mut Coap::new(&story.meter.address()), &token), Decision::NotNewer);
    assert_eq!(story.display()["total_units"], story.units(&second));
    assert_eq!(story.balance("provider:sandbox:clearing"), "20.00");
}

#[test]
fn a_second_payer_after_a_void_that_came_too_late() {
    let mut story = Setting::new();
    let first = story.buy("first", "50.00");
    assert_eq!(decision(&mut Coap::new(&story.meter.address()), &story.token(&first)), Decision::Applied);
    story.refund("first", &first);
    let second = story.buy("second", "20.00");
    // The second payer's token leaves out what the meter has: it is refused, and the receipt brings a new one.
    let refused = story.deliver("second");
    assert_eq!(refused[0]["result"], "in refused range", "{refused:?}");
    story.sync("second");
    assert_eq!(story.line_state(&first), "delivered");
    story.sync("second");
    let taken = story.deliver("second");
    assert!(taken.iter().any(|result| result["result"] == "applied"), "{taken:?}");
    story.sync("second");
    assert_eq!(story.line_state(&second), "delivered");
    assert_eq!(story.display()["total_units"], story.units(&first) + story.units(&second));
    assert_eq!(story.balance("provider:sandbox:clearing"), "70.00");
}

#[test]
fn a_loaded_line_is_not_taken_back() {
    let story = Setting::new();
    let order = story.buy("phone", "50.00");
    story.deliver("phone");
    story.sync("phone");
    let refund = story.desk.phone("phone", "refund", &[&order]);
    assert!(!crate::setting::complaint(refund).is_empty());
    assert_eq!(story.line_state(&order), "delivered");
    assert!(story.balance("utility:sample-utility:tax").starts_with('-'), "{GAS_LABEL}");
}
