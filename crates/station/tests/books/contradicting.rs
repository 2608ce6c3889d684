//! Answers that contradict what was taken as final: each comes before a person, and nothing else changes.

use crate::desk::{Desk, PROVIDER, SETTLE_MS, called_back, called_back_by, order_id};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::{Currency, Money};
use coinless_station::orders;
use coinless_station::provider::{EntryKind, PaymentOutcome, StatementEntry};

fn no() -> PaymentOutcome {
    PaymentOutcome::Declined { reason: "no funds".to_owned() }
}

#[test]
fn a_payment_that_was_collected_is_said_to_be_declined() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = |_| no();
    called_back(&mut desk, &id);
    assert_eq!(desk.causes(), ["declined_after_capture"]);
    assert_eq!(desk.exceptions()[0].amount.as_deref(), Some("50.00 EUR"));
    let order = desk.run(|work| orders::find(work, &id)).unwrap();
    assert_eq!((order.payment, desk.state(&id, 1)), (PaymentState::Captured, LineState::Issued));
    assert_eq!(desk.balance("provider:test:clearing"), 5_000);
}

#[test]
fn a_payment_gets_another_reference() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    for reference in ["A", "A", "B"] {
        assert_eq!(desk.causes(), Vec::<String>::new());
        called_back_by(&mut desk, PROVIDER, &id, Some(reference));
    }
    assert_eq!(desk.causes(), ["two_references"]);
    let order = desk.run(|work| orders::find(work, &id)).unwrap();
    assert_eq!(order.payment_reference.as_deref(), Some("A"), "the first one is kept");
}

/// An entry of a statement that a restored station reads.
fn entry(kind: EntryKind, refund_id: Option<String>) -> StatementEntry {
    StatementEntry {
        kind,
        receipt: "S1".to_owned(),
        payment_id: Some(order_id(1)),
        refund_id,
        account: None,
        amount: Money::from_minor(1_000),
        currency: Currency::from_code("EUR").unwrap(),
        at_ms: 0,
    }
}

fn restored(desk: &mut Desk, entries: Vec<StatementEntry>) {
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.outside.found.statements = vec![(PROVIDER.to_owned(), Ok(entries))];
    desk.look();
}

#[test]
fn a_refund_of_what_is_in_the_meter_shows_after_a_restore() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    desk.receipt(1);
    restored(&mut desk, vec![entry(EntryKind::Refund, Some(format!("{id}/1")))]);
    assert_eq!(desk.causes(), ["refund_contradiction"]);
    assert_eq!((desk.state(&id, 1), desk.balance("refunds_due")), (LineState::Delivered, 0));
}

#[test]
fn a_refund_of_nothing_shows_after_a_restore() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    restored(&mut desk, vec![entry(EntryKind::Refund, None)]);
    assert_eq!(desk.causes(), ["refund_without_order"]);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
}

#[test]
fn a_payment_of_an_order_that_has_expired_shows_after_a_restore() {
    let mut desk = Desk::new();
    let id = desk.put(1, &[1_000], PROVIDER);
    desk.run(|work| {
        work.now_ms += SETTLE_MS;
        orders::expire(work, &id)
    })
    .unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Expired);
    restored(&mut desk, vec![entry(EntryKind::Payment, None)]);
    assert_eq!(desk.causes(), ["payment_after_expiry"]);
    assert_eq!(desk.state(&id, 1), LineState::Expired);
}

#[test]
fn a_receipt_says_what_cannot_be() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    // A number that was never signed, and a total that was not.
    desk.receipt_of(7, 1);
    desk.receipt_of(1, 1);
    assert_eq!(desk.causes(), ["receipt_contradiction"; 2]);
    assert_eq!(desk.state(&id, 1), LineState::Issued, "it settles nothing");
}

#[test]
fn a_receipt_number_stands_for_two_contents() {
    let mut desk = Desk::new();
    assert!(desk.take_receipt(1, 0, 0));
    assert!(!desk.take_receipt(1, 0, 0));
    assert_eq!(desk.causes(), Vec::<String>::new(), "the same again is nothing new");
    assert!(!desk.take_receipt(1, 1, 5));
    assert_eq!(desk.causes(), ["receipt_number_used_twice"]);
}
