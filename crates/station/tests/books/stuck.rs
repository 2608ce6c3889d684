//! What nobody's answer ends comes before a person, who has a way out of it.

use crate::desk::{Desk, PROVIDER, UTILITY, called_back, captured, meter_id, refused};
use coinless_protocol::Units;
use coinless_station::lifecycle::LineState;
use coinless_station::payments::{self, Patience};
use coinless_station::provider::{PaymentOutcome, RefundOutcome};
use coinless_station::resolve::Decision;
use coinless_station::sales::{ConfirmationOutcome, ReversalOutcome, SaleOutcome};
use coinless_station::signer::SignError;
use coinless_station::tasks::{Kind, Task};
use coinless_station::tenants::{self, NewTenant};
use coinless_station::{meters, orders, refunds, sell};

const MINUTE_MS: i64 = 60_000;

fn silent_sale() -> Option<SaleOutcome> {
    Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false })
}

fn silent_reversal() -> ReversalOutcome {
    ReversalOutcome::Unknown { why: "no answer".to_owned(), contradicts: false }
}

fn reserved(desk: &mut Desk) -> u64 {
    desk.run(|work| meters::find(work, meter_id())).unwrap().reserved.get()
}

/// The answer to the sale of an order's first line, after all.
fn says(desk: &mut Desk, id: &str, said: &SaleOutcome) {
    let task = Task { kind: Kind::Sell, subject: format!("{id}/1"), attempts: 9 };
    desk.run(|work| sell::outcome(work, &task, said)).unwrap();
    desk.work();
}

fn as_quoted(desk: &mut Desk, id: &str) -> SaleOutcome {
    SaleOutcome::Sold { units: desk.run(|work| orders::line(work, id, 1)).unwrap().units }
}

/// A paid line that nobody sells or takes back.
fn stuck_sale() -> (Desk, String, String) {
    let mut desk = Desk::new();
    desk.outside.sale = silent_sale();
    desk.outside.reversal = silent_reversal();
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::SaleUnknown);
    desk.now_ms += Patience::default().sale_ms + 1;
    desk.work();
    desk.sweep();
    let subject = format!("{id}/1");
    (desk, id, subject)
}

#[test]
fn a_sale_without_an_answer_is_refunded_on_a_persons_word() {
    for (decision, state) in [(Decision::Refund, LineState::Refunded), (Decision::Elsewhere, LineState::Refunded)] {
        let (mut desk, id, subject) = stuck_sale();
        let shown = desk.exceptions().remove(0);
        assert_eq!((shown.cause.as_str(), shown.amount.as_deref()), ("sale_stuck", Some("50.00 EUR")));
        assert!(shown.detail.contains("no answer"), "{}", shown.detail);
        assert!(refused(desk.resolve(&subject, "sale_stuck", Decision::NotCollected)).contains("payment_stuck"));
        desk.resolve(&subject, "sale_stuck", decision).unwrap();
        assert_eq!(desk.state(&id, 1), state);
        assert_eq!((desk.balance("payer_money_held"), desk.balance("refunds_due"), reserved(&mut desk)), (0, 0, 0));
        assert_eq!(desk.causes(), Vec::<String>::new());
        // It was sold after all: the utility bills it, and a person is told.
        let sold = as_quoted(&mut desk, &id);
        says(&mut desk, &id, &sold);
        assert_eq!((desk.state(&id, 1), desk.causes()), (state, vec!["sale_contradiction".to_owned()]));
    }
}

#[test]
fn a_sale_that_only_the_sales_systems_books_show_is_delivered() {
    let (mut desk, id, subject) = stuck_sale();
    desk.resolve(&subject, "sale_stuck", Decision::Sold).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(desk.balance("sold_undelivered"), -5_000);
    says(&mut desk, &id, &SaleOutcome::Failed { reason: "the meter is blocked".to_owned() });
    assert_eq!(desk.causes(), ["sale_contradiction"]);
    desk.receipt(1);
    assert_eq!((desk.state(&id, 1), desk.balance("sold_undelivered")), (LineState::Delivered, 0));
    // What is not stuck is not decided so.
    let paid = desk.buy(2, &[1_000]);
    refused(desk.resolve(&format!("{paid}/1"), "sale_stuck", Decision::Sold));
}

#[test]
fn what_was_only_seen_comes_up_again_and_may_still_be_decided() {
    let (mut desk, id, subject) = stuck_sale();
    desk.resolve(&subject, "sale_stuck", Decision::Seen).unwrap();
    refused(desk.resolve(&subject, "sale_stuck", Decision::Seen));
    desk.now_ms += MINUTE_MS;
    desk.work();
    desk.sweep();
    assert_eq!(desk.causes(), Vec::<String>::new(), "not every minute");
    desk.now_ms += Patience::default().sale_ms + 11 * MINUTE_MS;
    desk.sweep();
    assert!(desk.exceptions().remove(0).detail.contains("again: ada saw to it before"));
    desk.resolve(&subject, "sale_stuck", Decision::Seen).unwrap();
    desk.resolve(&subject, "sale_stuck", Decision::Refund).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert!(refused(desk.resolve(&subject, "sale_stuck", Decision::Refund)).contains("ada saw to this already"));
}

#[test]
fn a_line_that_a_restore_forgot_is_not_forgotten_again() {
    let mut desk = Desk::new();
    desk.run(|work| Ok(work.execute("UPDATE meter SET gap_first = 1, gap_last = 9", &[])?)).unwrap();
    desk.outside.sale = silent_sale();
    let id = desk.buy(1, &[5_000]);
    desk.now_ms += Patience::default().sale_ms + 9 * MINUTE_MS;
    desk.work();
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::SaleUnknown, 0));
    desk.now_ms += 2 * MINUTE_MS;
    desk.sweep();
    let shown = desk.exceptions().remove(0);
    assert!(shown.cause == "sale_stuck" && shown.detail.contains("a restore forgot"), "{shown:?}");
    // It is sold at last: nobody has to look any more.
    let sold = as_quoted(&mut desk, &id);
    says(&mut desk, &id, &sold);
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Issued, 0));
}

#[test]
fn a_signer_that_is_out_of_reach_comes_before_a_person() {
    let mut desk = Desk::new();
    desk.outside.signature = Err(SignError::Unavailable("no socket".to_owned()));
    let id = desk.buy(1, &[5_000]);
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Sold, 0));
    desk.now_ms += Patience::default().signature_ms + 1;
    desk.sweep();
    desk.sweep();
    assert_eq!(desk.causes(), ["signature_stuck"]);
    desk.outside.signature = Ok(vec![1]);
    desk.work();
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Issued, 0));
}

#[test]
fn a_reversal_without_an_answer_comes_before_a_person() {
    let mut desk = Desk::new();
    desk.outside.reversal = silent_reversal();
    let id = desk.buy(1, &[5_000]);
    let subject = format!("{id}/1");
    desk.void(&id, 1);
    desk.receipt(2);
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes().len()), (LineState::Voided, 0));
    desk.now_ms += Patience::default().reversal_ms + 1;
    desk.sweep();
    desk.sweep();
    assert_eq!(desk.causes(), ["reversal_stuck"]);
    assert_eq!(desk.exceptions()[0].amount.as_deref(), Some("50.00 EUR"));
    desk.resolve(&subject, "reversal_stuck", Decision::Refund).unwrap();
    assert_eq!((desk.state(&id, 1), desk.balance("sold_undelivered")), (LineState::Refunded, 0));
    assert_eq!(desk.outside.refunds_asked, [(subject.clone(), 5_000)]);
    // The sales system wakes up and says something else.
    let task = Task { kind: Kind::Reverse, subject, attempts: 9 };
    let said = ReversalOutcome::Refused { reason: "the day is closed".to_owned() };
    desk.run(|work| refunds::reversed(work, &task, &said)).unwrap();
    assert_eq!(desk.causes(), ["sale_contradiction"]);
}

#[test]
fn a_reversal_that_a_person_has_seen_to_is_not_asked_for_any_more() {
    let mut desk = Desk::new();
    desk.outside.reversal = silent_reversal();
    let id = desk.buy(1, &[5_000]);
    desk.void(&id, 1);
    desk.receipt(2);
    desk.now_ms += Patience::default().reversal_ms + 1;
    desk.sweep();
    desk.resolve(&format!("{id}/1"), "reversal_stuck", Decision::Elsewhere).unwrap();
    assert_eq!((desk.state(&id, 1), desk.balance("bank")), (LineState::Refunded, -5_000));
    for _ in 0..2 {
        desk.now_ms += 2 * Patience::default().reversal_ms;
        desk.sweep();
        assert_eq!(desk.causes(), Vec::<String>::new());
    }
}

#[test]
fn a_payment_that_is_known_at_last_needs_nobody() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "no answer".to_owned() };
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    desk.outside.refund = RefundOutcome::Pending { why: "later".to_owned() };
    let id = desk.buy(1, &[5_000]);
    desk.now_ms += Patience::default().payment_ms + 1;
    desk.sweep();
    assert_eq!(desk.causes(), ["payment_stuck"]);
    desk.outside.payment = captured;
    called_back(&mut desk, &id);
    desk.sweep();
    assert_eq!(desk.causes(), Vec::<String>::new());
    desk.now_ms += Patience::default().refund_ms + 1;
    desk.sweep();
    assert_eq!(desk.causes(), ["refund_stuck"]);
    desk.said(&format!("{id}/1"), &RefundOutcome::Declined { reason: "no".to_owned() });
    desk.sweep();
    assert_eq!(desk.causes(), ["refund_declined"]);
}

#[test]
fn a_payment_that_the_provider_never_collected_ends_on_a_persons_word() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "no answer".to_owned() };
    let id = desk.buy(1, &[5_000]);
    desk.now_ms += Patience::default().payment_ms + 1;
    desk.sweep();
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::PaymentUnknown, vec!["payment_stuck".to_owned()]));
    assert!(reserved(&mut desk) > 0);
    refused(desk.resolve(&id, "payment_stuck", Decision::Refund));
    refused(desk.resolve(&id, "payment_stuck", Decision::Sold));
    desk.resolve(&id, "payment_stuck", Decision::NotCollected).unwrap();
    assert_eq!((desk.state(&id, 1), reserved(&mut desk), desk.causes().len()), (LineState::Failed, 0, 0));
    // The money comes after all: it is held, and nothing is sold.
    desk.outside.payment = captured;
    called_back(&mut desk, &id);
    assert_eq!((desk.causes(), desk.balance("suspense")), (vec!["captured_after_decline".to_owned()], -5_000));
    desk.resolve(&id, "captured_after_decline", Decision::Refund).unwrap();
    assert_eq!(desk.balance("suspense"), 0);
}

#[test]
fn an_operator_ends_an_order_that_nobody_has_paid() {
    let mut desk = Desk::new();
    desk.context.push.insert(PROVIDER.to_owned());
    desk.outside.payment = |_| PaymentOutcome::Pending { reference: None, instructions: Some("pay there".to_owned()) };
    let id = desk.buy(1, &[5_000]);
    let quote = desk.put(2, &[1_000], PROVIDER);
    let tenant = NewTenant { customer: Some("Grace Hopper".to_owned()), ..NewTenant::default() };
    let change = |desk: &mut Desk| desk.run(|work| tenants::change(work, meter_id(), &tenant, "ada"));
    assert!(refused(change(&mut desk)).contains("coinless station cancel"));
    let cancel = |desk: &mut Desk, id: &str| desk.run(|work| payments::cancel(work, id, "ada"));
    refused(desk.run(|work| payments::cancel(work, &id, " ")));
    for order in [&id, &quote] {
        assert!(cancel(&mut desk, order).unwrap());
        assert!(!cancel(&mut desk, order).unwrap(), "it had ended before");
    }
    assert_eq!((desk.state(&id, 1), desk.state(&quote, 1)), (LineState::Failed, LineState::Expired));
    assert_eq!(reserved(&mut desk), 0);
    let noted = "SELECT subject FROM audit WHERE action = 'cancel_order' AND operator = 'ada'";
    assert_eq!(desk.run(|work| Ok(work.query(noted, &[])?.len())).unwrap(), 2);
    assert!(change(&mut desk).unwrap());
    // The customer pays at the counter all the same: held, and shown.
    desk.outside.payment = captured;
    called_back(&mut desk, &id);
    assert_eq!((desk.causes(), desk.balance("suspense")), (vec!["captured_after_decline".to_owned()], -5_000));
    let paid = desk.buy(3, &[1_000]);
    assert!(refused(cancel(&mut desk, &paid)).contains("money came for this order"));
}

/// Begins what then loses its task; gives the order's id.
type Begin = fn(&mut Desk) -> String;

#[test]
fn whatever_lost_its_task_gets_it_again() {
    let cases: [(Kind, Begin, LineState); 6] = [
        (
            Kind::Sell,
            |desk| {
                desk.outside.sale = silent_sale();
                desk.buy(1, &[5_000])
            },
            LineState::Issued,
        ),
        (
            Kind::QueryPayment,
            |desk| {
                desk.outside.payment = |_| PaymentOutcome::Unknown { why: "no answer".to_owned() };
                desk.buy(1, &[5_000])
            },
            LineState::Issued,
        ),
        (
            Kind::Sign,
            |desk| {
                desk.outside.signature = Err(SignError::Unavailable("no socket".to_owned()));
                desk.buy(1, &[5_000])
            },
            LineState::Issued,
        ),
        (
            Kind::Reverse,
            |desk| {
                desk.outside.reversal = silent_reversal();
                let id = desk.buy(1, &[5_000]);
                desk.void(&id, 1);
                desk.receipt(2);
                id
            },
            LineState::Refunded,
        ),
        (
            Kind::Refund,
            |desk| {
                desk.outside.refund = RefundOutcome::Pending { why: "no answer".to_owned() };
                let id = desk.buy(1, &[5_000]);
                desk.void(&id, 1);
                desk.receipt(2);
                id
            },
            LineState::Refunded,
        ),
        (Kind::Expire, |desk| desk.put(1, &[5_000], PROVIDER), LineState::Expired),
    ];
    for (kind, begin, end) in cases {
        let mut desk = Desk::new();
        let id = begin(&mut desk);
        let before = desk.state(&id, 1);
        let lost = desk.run(|work| Ok(work.execute("DELETE FROM outbox WHERE task = $1", &[kind.name().into()])?));
        assert_eq!(lost.unwrap(), 1, "{kind:?}");
        desk.sweep();
        desk.sweep();
        assert_eq!(desk.causes(), [format!("task_lost:{}", kind.name())]);
        desk.work();
        assert_eq!(desk.state(&id, 1), before, "{kind:?}: nothing else has happened");
        desk.outside.sale = None;
        desk.outside.payment = captured;
        desk.outside.signature = Ok(vec![1]);
        desk.outside.reversal = ReversalOutcome::Reversed;
        desk.outside.refund = RefundOutcome::Refunded;
        desk.now_ms += orders::QUOTE_LIFETIME_MS;
        desk.work();
        assert_eq!(desk.state(&id, 1), end, "{kind:?}");
    }
}

#[test]
fn a_recovery_that_lost_its_task_goes_on() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.run(|work| Ok(work.execute("DELETE FROM outbox WHERE task = 'recover'", &[])?)).unwrap();
    desk.sweep();
    assert_eq!(desk.causes(), ["task_lost:recover"]);
    desk.now_ms += crate::desk::SETTLE_MS + 1;
    desk.look();
    let meter = desk.run(|work| meters::find(work, meter_id())).unwrap();
    assert_eq!(meter.recovering_since_ms, None, "{:?}", desk.exceptions());
}

#[test]
fn a_sale_of_a_line_that_a_person_looks_at_is_shown_to_him() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Sold { units: Units::new(1).unwrap() });
    let id = desk.buy(1, &[5_000]);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Exception, vec!["other_units_sold".to_owned()]));
    says(&mut desk, &id, &SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    assert_eq!(desk.causes().len(), 1);
    let sold = as_quoted(&mut desk, &id);
    says(&mut desk, &id, &sold);
    assert_eq!(desk.causes(), ["other_units_sold", "sale_contradiction"]);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
}

#[test]
fn a_confirmation_that_is_refused_for_good_comes_before_a_person() {
    let mut desk = Desk::new();
    desk.context.confirming.insert(UTILITY.parse().unwrap());
    desk.outside.confirmation = ConfirmationOutcome::Unknown { why: "no answer".to_owned() };
    let id = desk.buy(1, &[5_000]);
    desk.receipt(1);
    let waiting = |desk: &mut Desk| {
        desk.run(|work| Ok(work.query("SELECT 1 FROM outbox WHERE task = 'confirm'", &[])?.len())).unwrap()
    };
    assert_eq!((desk.state(&id, 1), waiting(&mut desk), desk.causes().len()), (LineState::Delivered, 1, 0));
    desk.outside.confirmation = ConfirmationOutcome::Refused { reason: "the sale was taken back".to_owned() };
    desk.now_ms += MINUTE_MS;
    desk.work();
    assert_eq!((waiting(&mut desk), desk.causes()), (0, vec!["confirmation_refused".to_owned()]));
    assert!(desk.exceptions()[0].detail.contains("taken back"));
}
