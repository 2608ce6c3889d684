//! Money that was taken away again: it is never given back as well, and somebody bears what is gone.

use crate::desk::{Desk, UTILITY, called_back, called_back_by, captured, receipt_over, refused, taken};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::{Currency, Money};
use coinless_station::operator::Operator;
use coinless_station::payments::Patience;
use coinless_station::provider::{MoneyReceipt, PaymentOutcome, RefundOutcome, manual};
use coinless_station::resolve::{Bearer, Decision};
use coinless_station::sales::{ReversalOutcome, SaleOutcome};
use coinless_station::tasks::{Kind, Task};
use coinless_station::{erase, orders, sell};

/// An order of 50.00 whose token is out, and of which so much was taken away then.
fn issued_and_taken(minor: fn(&coinless_station::provider::PaymentRequest) -> PaymentOutcome) -> (Desk, String) {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = minor;
    called_back(&mut desk, &id);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Issued, vec!["taken_back".to_owned()]));
    (desk, id)
}

/// Nothing of an order is anywhere but in `left`.
fn only_left(desk: &mut Desk, left: &[(&str, i64)]) {
    for account in [
        "provider:test:clearing",
        "suspense",
        "refunds_due",
        "payer_money_held",
        "sold_undelivered",
        "losses",
        "bank",
        "rounding",
    ] {
        let wanted = left.iter().find(|(name, _)| *name == account).map_or(0, |(_, minor)| *minor);
        assert_eq!(desk.balance(account), wanted, "{account}");
    }
}

#[test]
fn reversal_then_void() {
    let (mut desk, id) = issued_and_taken(taken::<5_000>);
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.outside.refunds_asked, [], "the payer has it already");
    only_left(&mut desk, &[]);
    // Nobody bears anything.
    refused(desk.resolve(&id, "taken_back", Decision::Borne(Bearer::Station)));
    desk.resolve(&id, "taken_back", Decision::Seen).unwrap();
}

#[test]
fn a_part_of_a_reversal_then_void() {
    let (mut desk, id) = issued_and_taken(taken::<2_000>);
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/1"), 3_000)]);
    only_left(&mut desk, &[]);
}

#[test]
fn two_lines_go_back_and_a_part_was_taken_away() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[3_000, 2_000]);
    desk.outside.payment = taken::<4_000>;
    called_back(&mut desk, &id);
    desk.void(&id, 1);
    desk.void(&id, 2);
    desk.receipt(4);
    assert_eq!([desk.state(&id, 1), desk.state(&id, 2)], [LineState::Refunded; 2]);
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/2"), 1_000)]);
    only_left(&mut desk, &[]);
}

#[test]
fn reversal_while_paid() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::SaleUnknown);
    desk.outside.payment = taken::<2_000>;
    called_back(&mut desk, &id);
    // The sale is not asked about any more, but taken back.
    desk.now_ms += 120_000;
    desk.work();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.causes(), ["taken_back"]);
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/1"), 3_000)]);
    only_left(&mut desk, &[]);
}

#[test]
fn what_was_taken_away_while_it_was_paid_is_not_sold_on_a_persons_word() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    desk.outside.reversal = ReversalOutcome::Unknown { why: "no answer".to_owned(), contradicts: false };
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    // One call that is not answered is no reason to ask a person.
    desk.now_ms += 120_000;
    desk.work();
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::SaleUnknown, vec!["taken_back".to_owned()]));
    desk.now_ms += 2 * Patience::default().sale_ms;
    desk.sweep();
    assert_eq!(desk.causes(), ["taken_back", "sale_stuck"]);
    let subject = format!("{id}/1");
    assert!(refused(desk.resolve(&subject, "sale_stuck", Decision::Sold)).contains("taken away"));
    desk.resolve(&subject, "sale_stuck", Decision::Refund).unwrap();
    assert_eq!((desk.state(&id, 1), desk.outside.refunds_asked.len()), (LineState::Refunded, 0));
    only_left(&mut desk, &[]);
}

#[test]
fn reversal_while_it_is_sold() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    // The answer to a question from before.
    let task = Task { kind: Kind::Sell, subject: format!("{id}/1"), attempts: 0 };
    let units = desk.run(|work| orders::line(work, &id, 1)).unwrap().units;
    desk.run(|work| sell::outcome(work, &task, &SaleOutcome::Sold { units })).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::SaleUnknown, "no token is made");
    desk.now_ms += 120_000;
    desk.work();
    assert_eq!((desk.state(&id, 1), desk.outside.refunds_asked.len()), (LineState::Refunded, 0));
    only_left(&mut desk, &[]);
}

#[test]
fn another_amount_that_was_taken_away_does_not_go_back() {
    for taken_first in [false, true] {
        let mut desk = Desk::new();
        desk.outside.payment = |request| receipt_over(request, 4_999);
        let id = desk.buy(1, &[3_000, 2_000]);
        desk.outside.payment = |request| {
            let PaymentOutcome::Captured(receipts) = receipt_over(request, 4_999) else { unreachable!() };
            let (amount, currency) = (Money::from_minor(4_999), request.currency);
            PaymentOutcome::TakenBack { receipts, amount, currency, reason: "reversed".to_owned() }
        };
        called_back(&mut desk, &id);
        let cause = if taken_first { "taken_back" } else { "other_amount" };
        let done = desk.resolve(&id, cause, Decision::Refund).unwrap();
        assert!(done[0].contains("49.99 EUR were taken away before"), "{done:?}");
        assert_eq!([desk.state(&id, 1), desk.state(&id, 2)], [LineState::Failed; 2]);
        assert_eq!(desk.outside.refunds_asked, []);
        only_left(&mut desk, &[]);
        let other = if taken_first { "other_amount" } else { "taken_back" };
        refused(desk.resolve(&id, other, Decision::Refund));
        desk.resolve(&id, other, Decision::Seen).unwrap();
    }
}

#[test]
fn money_in_another_currency_that_was_taken_away_does_not_go_back() {
    let mut desk = Desk::new();
    desk.outside.payment = |request| {
        let (amount, currency) = (request.amount, Currency::from_code("USD").unwrap());
        PaymentOutcome::Captured(vec![MoneyReceipt { receipt: "U1".to_owned(), amount, currency }])
    };
    let id = desk.buy(1, &[3_000]);
    desk.outside.payment = |request| {
        let (amount, currency) = (request.amount, Currency::from_code("USD").unwrap());
        let receipts = vec![MoneyReceipt { receipt: "U1".to_owned(), amount, currency }];
        PaymentOutcome::TakenBack { receipts, amount, currency, reason: "reversed".to_owned() }
    };
    for _ in 0..2 {
        called_back(&mut desk, &id);
    }
    assert_eq!(desk.causes().iter().filter(|cause| *cause == "taken_back").count(), 1);
    assert!(refused(desk.resolve(&id, "other_amount", Decision::Refund)).contains("none of it is left"));
    only_left(&mut desk, &[]);
}

#[test]
fn who_is_erased_leaves_no_money_that_nobody_can_move() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.receipt(1);
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Delivered, vec!["taken_back".to_owned()]));
    desk.resolve(&id, "taken_back", Decision::Seen).unwrap();
    desk.run(|work| erase::order(work, &id, "ada")).unwrap();
    desk.resolve(&id, "taken_back", Decision::Borne(Bearer::Station)).unwrap();
    assert_eq!((desk.balance("suspense"), desk.balance("losses")), (0, 5_000));
    // A refund of a second payment that was declined is not at its end, although somebody has seen it.
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.receipt(1);
    desk.outside.payment = |request| {
        let PaymentOutcome::Captured(mut receipts) = captured(request) else { unreachable!() };
        receipts.push(MoneyReceipt { receipt: "R2".to_owned(), ..receipts[0].clone() });
        PaymentOutcome::Captured(receipts)
    };
    called_back(&mut desk, &id);
    desk.outside.refund = RefundOutcome::Declined { reason: "no".to_owned() };
    let subject = format!("{id}/receipt/R2");
    desk.resolve(&subject, "second_success", Decision::Refund).unwrap();
    desk.resolve(&subject, "refund_declined", Decision::Seen).unwrap();
    assert!(refused(desk.run(|work| erase::order(work, &id, "ada"))).contains("a refund is declined"));
}

#[test]
fn a_second_success_that_was_taken_away_does_not_go_back() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = |request| {
        let PaymentOutcome::Captured(mut receipts) = captured(request) else { unreachable!() };
        receipts.push(MoneyReceipt { receipt: "R2".to_owned(), ..receipts[0].clone() });
        let (amount, currency) = (request.amount, request.currency);
        PaymentOutcome::TakenBack { receipts, amount, currency, reason: "reversed".to_owned() }
    };
    called_back(&mut desk, &id);
    desk.resolve(&format!("{id}/receipt/R2"), "second_success", Decision::Refund).unwrap();
    assert_eq!(desk.outside.refunds_asked, []);
    only_left(&mut desk, &[("provider:test:clearing", 5_000), ("sold_undelivered", -5_000)]);
    // What the order asks for is still paid: it goes back for real.
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/1"), 5_000)]);
    only_left(&mut desk, &[]);
}

#[test]
fn each_part_that_is_taken_away_is_shown() {
    let (mut desk, id) = issued_and_taken(taken::<500>);
    let shown = desk.exceptions().remove(0);
    assert_eq!(shown.amount.as_deref(), Some("5.00 EUR"));
    desk.now_ms += 1_000;
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    let shown = desk.exceptions().remove(0);
    assert_eq!(
        (shown.amount.as_deref(), shown.age_ms),
        (Some("50.00 EUR"), 1_000),
        "it grows, and is as old as before"
    );
    assert!(shown.detail.starts_with("45.00 EUR were taken away again, 50.00 in all"), "{}", shown.detail);

    let (mut desk, id) = issued_and_taken(taken::<500>);
    desk.resolve(&id, "taken_back", Decision::Seen).unwrap();
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    let shown = desk.exceptions().remove(0);
    assert!(shown.detail.contains("again: ada saw to it before"), "{}", shown.detail);
    assert_eq!(desk.balance("suspense"), 5_000);
}

#[test]
fn a_refund_under_way_of_what_was_taken_away_is_not_paid_by_hand_as_well() {
    let mut desk = Desk::new();
    desk.outside.refund = RefundOutcome::Pending { why: "no answer".to_owned() };
    let id = desk.buy(1, &[5_000]);
    desk.void(&id, 1);
    desk.receipt(2);
    desk.outside.payment = taken::<2_000>;
    called_back(&mut desk, &id);
    assert_eq!((desk.causes(), desk.state(&id, 1)), (vec!["taken_back".to_owned()], LineState::SaleReversed));
    desk.now_ms += Patience::default().refund_ms + 1;
    desk.sweep();
    let done = desk.resolve(&format!("{id}/1"), "refund_stuck", Decision::Elsewhere).unwrap();
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    only_left(&mut desk, &[("provider:test:clearing", 3_000), ("bank", -3_000)]);
}

#[test]
fn somebody_bears_what_is_gone() {
    let utility = || UTILITY.parse().unwrap();
    for (bearer, account) in [
        (Bearer::Station, "losses"),
        (Bearer::Payer, "bank"),
        (Bearer::Utility(utility()), "utility:sample-utility:payable"),
    ] {
        let (mut desk, id) = issued_and_taken(taken::<5_000>);
        let words = refused(desk.resolve(&id, "taken_back", Decision::Borne(bearer.clone())));
        assert!(words.contains("line 1 is issued"), "{words}");
        desk.receipt(1);
        let other = Bearer::Utility("another".parse().unwrap());
        assert!(refused(desk.resolve(&id, "taken_back", Decision::Borne(other))).contains("for another"));
        let before = desk.balance(account);
        desk.resolve(&id, "taken_back", Decision::Borne(bearer)).unwrap();
        assert_eq!((desk.balance("suspense"), desk.balance(account) - before), (0, 5_000), "{account}");
        assert_eq!(desk.causes(), Vec::<String>::new());
        desk.check();
    }
}

#[test]
fn somebody_bears_what_was_refunded_twice() {
    let (mut desk, id, subject) = declined();
    desk.resolve(&subject, "refund_declined", Decision::Elsewhere).unwrap();
    desk.said(&subject, &RefundOutcome::Refunded);
    assert_eq!((desk.causes(), desk.balance("suspense")), (vec!["refunded_twice".to_owned()], 5_000));
    desk.resolve(&subject, "refunded_twice", Decision::Borne(Bearer::Station)).unwrap();
    only_left(&mut desk, &[("bank", -5_000), ("losses", 5_000)]);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
}

/// An order that was not sold, and whose refund the provider declined.
fn declined() -> (Desk, String, String) {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    desk.outside.refund = RefundOutcome::Declined { reason: "reverse it in the portal".to_owned() };
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    let subject = format!("{id}/1");
    (desk, id, subject)
}

#[test]
fn a_refund_that_was_declined_and_reversed_in_the_portal_is_at_its_end() {
    let (mut desk, id, _) = declined();
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.causes(), Vec::<String>::new(), "nothing is to be decided");
    assert_eq!(desk.run(|work| orders::find(work, &id)).unwrap().payment, PaymentState::TakenBack);
    only_left(&mut desk, &[]);
}

#[test]
fn a_refund_that_was_declined_and_reversed_in_part_goes_back_for_the_rest() {
    let (mut desk, id, subject) = declined();
    desk.outside.payment = taken::<2_000>;
    called_back(&mut desk, &id);
    let shown = desk.exceptions().remove(0);
    assert_eq!((shown.cause.as_str(), shown.amount.as_deref()), ("refund_declined", Some("30.00 EUR")));
    desk.outside.refund = RefundOutcome::Refunded;
    desk.resolve(&subject, "refund_declined", Decision::Refund).unwrap();
    assert_eq!(desk.outside.refunds_asked.last(), Some(&(subject, 3_000)));
    only_left(&mut desk, &[]);
}

#[test]
fn a_person_knows_of_a_refund_before_it_shows() {
    let (mut desk, id, subject) = declined();
    desk.resolve(&subject, "refund_declined", Decision::Refunded).unwrap();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Refunded, 0));
    only_left(&mut desk, &[]);
    // The provider shows it as taken away, in two steps: it is the same.
    desk.outside.payment = taken::<2_000>;
    called_back(&mut desk, &id);
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    // Whether it is that one only a person can see.
    let shown = desk.exceptions();
    assert_eq!((shown.len(), shown[0].amount.as_deref()), (1, Some("50.00 EUR")));
    desk.resolve(&id, "taken_back_as_said", Decision::Seen).unwrap();
    only_left(&mut desk, &[]);
    // Now the provider says that it made the refund as well.
    desk.said(&subject, &RefundOutcome::Refunded);
    assert_eq!(desk.causes(), ["refunded_twice"]);
    only_left(&mut desk, &[("suspense", 5_000), ("provider:test:clearing", -5_000)]);
}

#[test]
fn a_refund_that_a_person_knows_of_is_confirmed() {
    let (mut desk, id, subject) = declined();
    desk.resolve(&subject, "refund_declined", Decision::Refunded).unwrap();
    desk.said(&subject, &RefundOutcome::Refunded);
    assert_eq!(desk.causes(), Vec::<String>::new(), "it is the very refund");
    only_left(&mut desk, &[]);
    // So what is taken away now is another loss.
    desk.outside.payment = taken::<5_000>;
    called_back(&mut desk, &id);
    assert_eq!((desk.causes(), desk.balance("suspense")), (vec!["taken_back".to_owned()], 5_000));
    desk.resolve(&id, "taken_back", Decision::Borne(Bearer::Station)).unwrap();
    only_left(&mut desk, &[("losses", 5_000), ("provider:test:clearing", -5_000)]);
}

#[test]
fn a_try_that_was_declined_says_nothing_of_the_next_one() {
    let (mut desk, id, subject) = declined();
    desk.outside.refund = RefundOutcome::Pending { why: "later".to_owned() };
    desk.resolve(&subject, "refund_declined", Decision::Refund).unwrap();
    // The first answer comes once more.
    let no = RefundOutcome::Declined { reason: "no".to_owned() };
    desk.said(&subject, &no);
    assert_eq!((desk.causes(), desk.state(&id, 1)), (Vec::<String>::new(), LineState::Failed));
    let second = format!("{subject}/again/2");
    desk.said(&second, &RefundOutcome::Refunded);
    desk.said(&second, &RefundOutcome::Refunded);
    assert_eq!((desk.causes(), desk.state(&id, 1)), (Vec::<String>::new(), LineState::Refunded));
    only_left(&mut desk, &[]);
    // The first one was made after all: the payer has it twice.
    desk.said(&subject, &RefundOutcome::Refunded);
    assert_eq!((desk.causes(), desk.balance("suspense")), (vec!["refunded_twice".to_owned()], 5_000));
}

#[test]
fn a_refund_that_failed_after_it_was_made_is_made_again() {
    for by_hand in [false, true] {
        let mut desk = Desk::new();
        let id = desk.buy(1, &[5_000]);
        desk.void(&id, 1);
        desk.receipt(2);
        let subject = format!("{id}/1");
        desk.said(&subject, &RefundOutcome::Declined { reason: "the card is closed".to_owned() });
        assert_eq!(desk.causes(), ["declined_after_refund"]);
        assert_eq!(desk.exceptions()[0].amount.as_deref(), Some("50.00 EUR"));
        only_left(&mut desk, &[]);
        let how = if by_hand { Decision::Elsewhere } else { Decision::Refund };
        desk.resolve(&subject, "declined_after_refund", how).unwrap();
        assert_eq!((desk.causes().len(), desk.state(&id, 1)), (0, LineState::Refunded));
        match by_hand {
            false => {
                assert_eq!(desk.outside.refunds_asked.len(), 2);
                only_left(&mut desk, &[]);
            }
            true => only_left(&mut desk, &[("provider:test:clearing", 5_000), ("bank", -5_000)]),
        }
        // The same news of the first try is none.
        desk.said(&subject, &RefundOutcome::Declined { reason: "the card is closed".to_owned() });
        assert_eq!(desk.causes(), Vec::<String>::new());
    }
}

#[test]
fn nothing_is_handed_out_for_money_that_was_corrected() {
    let mut desk = Desk::new();
    let cashier: Operator = "cashier-1".parse().unwrap();
    let id = desk.put(1, &[5_000], manual::NAME);
    desk.accept(&id, None).unwrap();
    desk.outside.refund = RefundOutcome::Pending { why: "nobody has handed it out".to_owned() };
    desk.work();
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!((desk.state(&id, 1), desk.balance("refunds_due")), (LineState::SaleReversed, -5_000));
    desk.outside.payment = taken::<5_000>;
    called_back_by(&mut desk, manual::NAME, &id, None);
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Refunded, 0));
    assert_eq!((desk.balance("refunds_due"), desk.balance("suspense")), (0, 0));
    let handed_out = desk.run(|work| manual::pay_out(work, &format!("{id}/1"), &cashier));
    assert!(refused(handed_out).contains("not due any more"));
}
