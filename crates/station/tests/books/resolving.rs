//! How people see to exceptions, and where the money goes.

use crate::desk::{Desk, PROVIDER, called_back, captured, receipt_over, refused};
use coinless_protocol::Units;
use coinless_station::lifecycle::LineState;
use coinless_station::money::{Currency, Money};
use coinless_station::payments::{self, Patience};
use coinless_station::provider::{MoneyReceipt, PaymentOutcome, RefundOutcome};
use coinless_station::resolve::Decision;
use coinless_station::sales::{ReversalOutcome, SaleOutcome};
use coinless_station::tasks::{Kind, Task};

fn declined() -> RefundOutcome {
    RefundOutcome::Declined { reason: "the account is closed".to_owned() }
}

#[test]
fn another_amount_goes_back_once() {
    let mut desk = Desk::new();
    desk.outside.payment = |request| receipt_over(request, 4_999);
    let id = desk.buy(1, &[3_000, 2_000]);
    assert_eq!(desk.causes(), ["other_amount"]);
    let shown = desk.exceptions().remove(0);
    assert_eq!((shown.amount.as_deref(), shown.age_ms), (Some("49.99 EUR"), 0));
    desk.resolve(&id, "other_amount", Decision::Refund).unwrap();
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/receipt/R-{id}"), 4_999)]);
    assert_eq!([desk.state(&id, 1), desk.state(&id, 2)], [LineState::Failed; 2]);
    for account in ["suspense", "refunds_due", "provider:test:clearing"] {
        assert_eq!(desk.balance(account), 0, "{account}");
    }
    assert_eq!(desk.causes(), Vec::<String>::new());
    assert!(refused(desk.resolve(&id, "other_amount", Decision::Refund)).contains("ada saw to this already"));
    assert_eq!(desk.outside.refunds_asked.len(), 1);
}

#[test]
fn another_currency_goes_back_in_it() {
    let mut desk = Desk::new();
    desk.outside.payment = |request| {
        let (amount, currency) = (request.amount, Currency::from_code("USD").unwrap());
        PaymentOutcome::Captured(vec![MoneyReceipt { receipt: "U1".to_owned(), amount, currency }])
    };
    let id = desk.buy(1, &[3_000]);
    desk.resolve(&id, "other_amount", Decision::Refund).unwrap();
    assert_eq!(desk.outside.refunds_asked, [(format!("{id}/receipt/U1"), 3_000)]);
    assert_eq!((desk.balance("suspense"), desk.balance("refunds_due")), (0, 0));
}

#[test]
fn a_second_success_goes_back_and_the_order_goes_on() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = |request| {
        let PaymentOutcome::Captured(mut receipts) = captured(request) else { unreachable!() };
        receipts.push(MoneyReceipt { receipt: "R2".to_owned(), ..receipts[0].clone() });
        PaymentOutcome::Captured(receipts)
    };
    called_back(&mut desk, &id);
    let subject = format!("{id}/receipt/R2");
    assert_eq!(desk.balance("suspense"), -5_000);
    // Under another name it is not given back.
    refused(desk.resolve(&id, "second_success", Decision::Refund));
    desk.resolve(&subject, "second_success", Decision::Refund).unwrap();
    assert_eq!(desk.outside.refunds_asked, [(subject.clone(), 5_000)]);
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (0, 5_000));
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    // The line itself can still be refunded, and no more than was captured.
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.balance("provider:test:clearing"), 0);
    assert_eq!(desk.outside.refunds_asked.len(), 2);
}

#[test]
fn money_after_a_decline_is_paid_back_by_hand() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Declined { reason: "no funds".to_owned() };
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::Failed);
    desk.outside.payment = captured;
    called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    desk.resolve(&id, "captured_after_decline", Decision::Elsewhere).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.outside.refunds_asked, []);
    assert_eq!((desk.balance("suspense"), desk.balance("refunds_due")), (0, 0));
    // What the payer got came from the bank; the provider still holds it.
    assert_eq!((desk.balance("bank"), desk.balance("provider:test:clearing")), (-5_000, 5_000));
}

#[test]
fn other_units_sold_goes_back_from_what_is_held() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Sold { units: Units::new(1).unwrap() });
    let id = desk.buy(1, &[5_000]);
    let subject = format!("{id}/1");
    assert_eq!(desk.balance("payer_money_held"), -5_000);
    let done = desk.resolve(&subject, "other_units_sold", Decision::Refund).unwrap();
    assert!(done[1].contains("sales system"), "{done:?}");
    assert_eq!(desk.outside.refunds_asked, [(subject, 5_000)]);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!((desk.balance("payer_money_held"), desk.balance("provider:test:clearing")), (0, 0));
}

#[test]
fn a_refused_reversal_goes_back_from_what_was_sold() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.reversal = ReversalOutcome::Refused { reason: "the day is closed".to_owned() };
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    assert_eq!(desk.balance("sold_undelivered"), -5_000);
    desk.resolve(&format!("{id}/1"), "reversal_refused", Decision::Elsewhere).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!((desk.balance("sold_undelivered"), desk.balance("bank")), (0, -5_000));
}

#[test]
fn who_contradicts_what_he_was_asked_is_asked_again_and_a_person_is_told() {
    let mut desk = Desk::new();
    let why = || "the answer is about another sale_id than asked".to_owned();
    desk.outside.sale = Some(SaleOutcome::Unknown { why: why(), contradicts: true });
    let id = desk.buy(1, &[5_000]);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::SaleUnknown, vec!["sale_contradiction".to_owned()]));
    assert!(desk.exceptions()[0].detail.ends_with(&why()));
    let subject = format!("{id}/1");
    desk.resolve(&subject, "sale_contradiction", Decision::Seen).unwrap();
    desk.outside.sale = None;
    desk.retry();
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Issued, vec![]));

    desk.outside.reversal = ReversalOutcome::Unknown { why: why(), contradicts: true };
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Voided, vec!["sale_contradiction".to_owned()]));
    desk.outside.reversal = ReversalOutcome::Reversed;
    desk.retry();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
}

/// An order whose only refund the provider declined.
fn refund_declined() -> (Desk, String, String) {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    desk.outside.refund = declined();
    let id = desk.buy(1, &[5_000]);
    assert_eq!((desk.state(&id, 1), desk.balance("refunds_due")), (LineState::Exception, -5_000));
    let subject = format!("{id}/1");
    (desk, id, subject)
}

#[test]
fn a_declined_refund_is_asked_for_again_under_its_id() {
    let (mut desk, id, subject) = refund_declined();
    desk.resolve(&subject, "refund_declined", Decision::Refund).unwrap();
    // Declined once more: that is news.
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    let shown = desk.exceptions().remove(0);
    assert!(shown.detail.contains("again: ada saw to it before"), "{}", shown.detail);
    desk.outside.refund = RefundOutcome::Refunded;
    desk.resolve(&subject, "refund_declined", Decision::Refund).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!((desk.balance("refunds_due"), desk.balance("provider:test:clearing")), (0, 0));
    assert!(desk.outside.refunds_asked.iter().all(|asked| *asked == (subject.clone(), 5_000)));
    refused(desk.resolve(&subject, "refund_declined", Decision::Refund));
}

#[test]
fn a_declined_refund_is_paid_by_hand_and_never_twice() {
    let (mut desk, id, subject) = refund_declined();
    desk.resolve(&subject, "refund_declined", Decision::Elsewhere).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!((desk.balance("refunds_due"), desk.balance("bank")), (0, -5_000));
    assert_eq!(desk.outside.refunds_asked.len(), 1);
    // The provider gives it back after all: the payer has it twice, and a person is told once.
    for _ in 0..2 {
        desk.said(&subject, &RefundOutcome::Refunded);
    }
    assert_eq!(desk.causes(), ["refunded_twice"]);
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (5_000, 0));
    refused(desk.resolve(&subject, "refunded_twice", Decision::Refund));
    desk.resolve(&subject, "refunded_twice", Decision::Seen).unwrap();
}

#[test]
fn a_refund_that_was_declined_and_made_after_all_ends_the_line() {
    let (mut desk, id, subject) = refund_declined();
    desk.said(&subject, &RefundOutcome::Refunded);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.balance("refunds_due"), 0);
    // Nothing is left to decide.
    refused(desk.resolve(&subject, "refund_declined", Decision::Refund));
    desk.resolve(&subject, "refund_declined", Decision::Seen).unwrap();
    assert_eq!(desk.causes(), ["refunded_after_decline"]);
}

#[test]
fn what_is_not_with_a_person_moves_no_money() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.run(|work| Ok(work.exception(&format!("{id}/1"), "sale_stuck", "test")?)).unwrap();
    for how in [Decision::Refund, Decision::Elsewhere] {
        let words = refused(desk.resolve(&format!("{id}/1"), "sale_stuck", how));
        assert!(words.contains("the line is issued"), "{words}");
    }
    refused(desk.resolve(&id, "nothing", Decision::Seen));
    refused(desk.resolve("no-order", "other_amount", Decision::Refund));
    desk.resolve(&format!("{id}/1"), "sale_stuck", Decision::Seen).unwrap();
    assert_eq!(desk.outside.refunds_asked, []);
}

#[test]
fn money_that_came_and_went_sells_nothing() {
    let mut desk = Desk::new();
    desk.outside.payment = |request| {
        let PaymentOutcome::Captured(receipts) = captured(request) else { unreachable!() };
        let (amount, currency) = (request.amount, request.currency);
        PaymentOutcome::TakenBack { receipts, amount, currency, reason: "reversed".to_owned() }
    };
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    assert_eq!(desk.causes(), ["taken_back"]);
    // It came, and it went: the provider owes nothing, and nobody else does.
    assert_eq!((desk.balance("provider:test:clearing"), desk.balance("suspense")), (0, 0));
    let meter = desk.run(|work| coinless_station::meters::find(work, crate::desk::meter_id())).unwrap();
    assert_eq!(meter.reserved.get(), 0);
    assert_eq!(Money::from_minor(desk.balance("payer_money_held")), Money::ZERO);
}

#[test]
fn a_refund_that_does_not_go_through_comes_before_a_person() {
    let mut desk = Desk::new();
    desk.outside.refund = RefundOutcome::Pending { why: "no answer".to_owned() };
    let mut owed = |number| {
        let id = desk.buy(number, &[5_000]);
        desk.void(&id, 1);
        desk.receipt(2 * number);
        format!("{id}/1")
    };
    let [late, lost, by_hand] = [1, 2, 3].map(&mut owed);
    desk.sweep();
    assert_eq!(desk.causes(), Vec::<String>::new(), "a refund may take its time");
    desk.now_ms += Patience::default().refund_ms + 1;
    desk.sweep();
    desk.sweep();
    assert_eq!(desk.causes(), ["refund_stuck"; 3]);
    assert_eq!(desk.exceptions()[0].amount.as_deref(), Some("50.00 EUR"));
    // One goes through after all: nobody has to see to it.
    desk.said(&late, &RefundOutcome::Refunded);
    assert_eq!((desk.causes().len(), desk.balance("refunds_due")), (2, -10_000));
    // Of one, the provider's own books say that it was made. What is still asked for must not be asked for twice.
    assert!(refused(desk.resolve(&lost, "refund_stuck", Decision::Refund)).contains("--refunded or --elsewhere"));
    desk.resolve(&lost, "refund_stuck", Decision::Refunded).unwrap();
    desk.resolve(&by_hand, "refund_stuck", Decision::Elsewhere).unwrap();
    assert_eq!(desk.balance("bank"), -5_000);
    assert_eq!((desk.balance("refunds_due"), desk.balance("provider:test:clearing")), (0, 5_000));
    assert_eq!(desk.causes(), Vec::<String>::new());
    for refund in [&late, &lost, &by_hand] {
        assert_eq!(desk.state(refund.split('/').next().unwrap(), 1), LineState::Refunded);
    }
    // The provider makes the one that was paid back by hand: now the payer has it twice.
    desk.said(&by_hand, &RefundOutcome::Refunded);
    assert_eq!(desk.causes(), ["refunded_twice"]);
    assert_eq!(desk.balance("suspense"), 5_000);
}

#[test]
fn an_order_that_nobody_pays_at_the_counter_ends() {
    let mut desk = Desk::new();
    desk.context.push.insert(PROVIDER.to_owned());
    desk.outside.payment = |_| PaymentOutcome::Pending { reference: None, instructions: Some("pay there".to_owned()) };
    let id = desk.buy(1, &[5_000]);
    let asked = |desk: &mut Desk| {
        let (context, subject) = (desk.context.clone(), id.clone());
        let said = PaymentOutcome::Pending { reference: None, instructions: None };
        let task = Task { kind: Kind::QueryPayment, subject, attempts: 9 };
        desk.run(|work| payments::outcome(work, &task, &said, &context)).unwrap();
    };
    desk.now_ms += Patience::default().unpaid_ms;
    asked(&mut desk);
    desk.sweep();
    assert_eq!(
        (desk.state(&id, 1), desk.causes().len()),
        (LineState::AwaitingPayment, 0),
        "a customer may take his time"
    );
    desk.now_ms += 1;
    asked(&mut desk);
    assert_eq!(desk.state(&id, 1), LineState::Failed);
    let meter = desk.run(|work| coinless_station::meters::find(work, crate::desk::meter_id())).unwrap();
    assert_eq!((meter.reserved.get(), desk.causes().len()), (0, 0), "its room is free, and nobody has to look");
    // He pays after all: it is held.
    desk.outside.payment = captured;
    called_back(&mut desk, &id);
    assert_eq!(desk.causes(), ["captured_after_decline"]);
    assert_eq!(desk.balance("suspense"), -5_000);
}

#[test]
fn what_was_marked_while_the_station_asked_is_asked_about() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    let context = desk.context.clone();
    let order = id.clone();
    let queued = desk.run(move |work| {
        let task = Task { kind: Kind::QueryPayment, subject: order.clone(), attempts: 0 };
        // Another process, the command line, has something new while this one's answer comes in.
        work.queue(Kind::QueryPayment, order.as_str())?;
        work.hand_over()?;
        let said = PaymentOutcome::Pending { reference: None, instructions: None };
        let last = Task { attempts: 99, ..task.clone() };
        payments::outcome(work, &last, &said, &context)?;
        let sql = "SELECT due_ms FROM outbox WHERE subject = $1 AND task = 'query_payment'";
        Ok(work.query_first(sql, &[order.as_str().into()])?.is_some())
    });
    assert!(queued.unwrap());
}
