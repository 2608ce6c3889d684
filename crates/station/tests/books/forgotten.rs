//! Payments, refunds and sales of a life that a restore forgot, as providers and utilities tell of them.

use crate::desk::{Desk, PROVIDER, UTILITY, enrol_for, eur, meter_id, order_id, refused};
use crate::reconciling::{compare, payment};
use crate::restoring::{UNITS, entry, is_recovering, meter, settle, sold, states, units};
use coinless_protocol::{MeterId, Units};
use coinless_station::lifecycle::LineState;
use coinless_station::meters;
use coinless_station::money::Money;
use coinless_station::payments::{self, Patience};
use coinless_station::provider::{EntryKind, MoneyReceipt, PaymentOutcome, StatementEntry, StatementError};
use coinless_station::recovery;
use coinless_station::resolve::Decision;
use coinless_station::sales::{ReversalOutcome, SaleEntry, SaleOutcome};
use coinless_station::{erase, orders};

/// An entry that names the account that the customer typed, and not our id.
fn typed(receipt: &str, account: &str, minor: i64) -> StatementEntry {
    StatementEntry {
        receipt: receipt.to_owned(),
        payment_id: None,
        account: Some(account.to_owned()),
        ..entry(EntryKind::Payment, "", minor)
    }
}

/// The same for an order.
fn for_order(id: &str, minor: i64) -> StatementEntry {
    typed(&format!("R-{id}"), &payments::account(id), minor)
}

fn restored() -> Desk {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk
}

fn put_again(desk: &mut Desk, number: u32) {
    desk.run(|work| crate::desk::put(work, &order_id(number), &[1_000], PROVIDER)).unwrap();
    desk.work();
}

#[test]
fn payments_by_account_that_the_backup_has_are_known_by_their_receipts() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![for_order(&id, 1_000)]);
    settle(&mut desk);
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), Vec::<String>::new());
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (0, 1_000));
}

#[test]
fn an_order_after_the_backup_waits_by_its_account_and_is_not_paid_twice() {
    let mut desk = restored();
    let id = order_id(1);
    desk.outside.payment = |_| PaymentOutcome::Declined { reason: "nobody is to be asked".to_owned() };
    states(&mut desk, vec![for_order(&id, 1_000)]);
    settle(&mut desk);
    assert_eq!(desk.balance("suspense"), -1_000);
    let status = desk.run(recovery::status).unwrap().unwrap();
    assert_eq!(status.lost_payments[0].0, payments::account(&id));
    put_again(&mut desk, 1);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (0, 1_000));
    assert_eq!(desk.outside.payments_asked, Vec::<String>::new());
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn an_order_of_the_backup_that_was_paid_later_is_found_by_its_account() {
    for has_row in [true, false] {
        let mut desk = Desk::new();
        let id = desk.put(1, &[1_000], PROVIDER);
        if has_row {
            let account = "INSERT INTO pay_account (account, order_id) SELECT account, order_id FROM orders";
            desk.run(|work| Ok(work.execute(account, &[])?)).unwrap();
        }
        let file = desk.back_up();
        desk.restore(&file).unwrap();
        states(&mut desk, vec![for_order(&id, 1_000)]);
        settle(&mut desk);
        assert_eq!(desk.state(&id, 1), LineState::Issued, "{has_row}");
        desk.look();
        assert!(!is_recovering(&mut desk));
        assert_eq!(desk.causes(), Vec::<String>::new());
    }
}

#[test]
fn an_order_after_the_backup_comes_back_from_the_sales_system_by_its_account() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![for_order(&id, 1_000)]);
    desk.outside.found.sales = vec![(UTILITY.parse().unwrap(), Ok(vec![sold(&id, 1_000, UNITS)]))];
    desk.outside.sale = Some(SaleOutcome::Sold { units: Units::new(UNITS).unwrap() });
    settle(&mut desk);
    desk.look();
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert!(!is_recovering(&mut desk));
}

#[test]
fn a_payment_that_can_be_of_no_order_is_held_and_not_waited_for() {
    let mut desk = restored();
    let nameless = StatementEntry { account: None, ..typed("N1", "", 500) };
    // As long as an account, but for a letter that none has.
    states(&mut desk, vec![typed("S1", "SHOPUNIT12", 700), nameless]);
    settle(&mut desk);
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), ["payment_without_order"; 2]);
    assert_eq!(desk.balance("suspense"), -1_200);
    desk.resolve(&format!("{PROVIDER}/S1"), "payment_without_order", Decision::Elsewhere).unwrap();
    assert_eq!((desk.balance("suspense"), desk.balance("bank")), (-500, -700));
}

#[test]
fn a_payment_that_was_given_up_is_paid_back_by_hand() {
    let mut desk = restored();
    states(&mut desk, vec![for_order(&order_id(1), 1_000)]);
    settle(&mut desk);
    desk.run(|work| recovery::give_up(work, "ada")).unwrap();
    desk.look();
    assert!(!is_recovering(&mut desk));
    let shown = desk.exceptions().remove(0);
    assert_eq!((shown.cause.as_str(), shown.amount.as_deref()), ("payment_without_order", Some("10.00 EUR")));
    desk.resolve(&shown.subject, "payment_without_order", Decision::Elsewhere).unwrap();
    assert_eq!((desk.balance("suspense"), desk.balance("refunds_due"), desk.balance("bank")), (0, 0, -1_000));
    let again = desk.run(|work| crate::desk::put(work, &order_id(1), &[1_000], PROVIDER));
    assert!(refused(again).contains("ask the operator"));
}

#[test]
fn what_the_utility_will_not_sell_again_goes_back_by_a_person() {
    let mut desk = restored();
    states(&mut desk, vec![entry(EntryKind::Payment, &order_id(1), 1_000)]);
    settle(&mut desk);
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "no such meter".to_owned() });
    put_again(&mut desk, 1);
    let subject = format!("{}/1", order_id(1));
    assert_eq!(desk.causes(), ["not_sold_after_restore"]);
    desk.resolve(&subject, "not_sold_after_restore", Decision::Refund).unwrap();
    assert_eq!(desk.state(&order_id(1), 1), LineState::Refunded);
    assert_eq!(desk.outside.refunds_asked, [(subject, 1_000)]);
    assert_eq!((desk.balance("payer_money_held"), desk.balance("provider:test:clearing")), (0, 0));
}

#[test]
fn a_line_that_is_not_counted_yet_is_not_taken_over_from_its_meter() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    settle(&mut desk);
    desk.outside.sale = Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    put_again(&mut desk, 1);
    let total = units(&mut desk, &id);
    // The meter has it, from the life that is forgotten.
    desk.receipt_of(1, total);
    desk.look();
    assert!(!is_recovering(&mut desk));
    desk.receipt_of(1, total);
    assert_eq!((desk.state(&id, 1), meter(&mut desk).live_total.get()), (LineState::SaleUnknown, 0));
    assert_eq!(desk.causes(), Vec::<String>::new());
    desk.outside.sale = None;
    desk.run(|work| Ok(work.execute("UPDATE outbox SET attempts = 0, due_ms = 0", &[])?)).unwrap();
    desk.work();
    desk.receipt_of(1, total);
    let newest = meter(&mut desk).last_number;
    desk.receipt(newest.0);
    assert_eq!((desk.state(&id, 1), meter(&mut desk).live_total.get()), (LineState::Delivered, total));
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn a_double_payment_of_a_forgotten_life_is_a_second_success() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![for_order(&id, 1_000), typed("R2", &payments::account(&id), 1_000)]);
    settle(&mut desk);
    put_again(&mut desk, 1);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(desk.causes(), ["second_success"]);
    assert_eq!((desk.balance("suspense"), desk.balance("sold_undelivered")), (-1_000, -1_000));
    let second = desk.exceptions().remove(0).subject;
    desk.resolve(&second, "second_success", Decision::Refund).unwrap();
    assert_eq!(desk.balance("suspense"), 0);
}

#[test]
fn another_amount_of_a_forgotten_life_goes_back() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 999)]);
    settle(&mut desk);
    put_again(&mut desk, 1);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Exception, vec!["other_amount".to_owned()]));
    assert_eq!(meter(&mut desk).reserved.get(), 0);
    desk.resolve(&id, "other_amount", Decision::Refund).unwrap();
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (0, 0));
}

#[test]
fn a_refund_of_no_line_changes_no_line_and_stops_nothing() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let refund =
        |of: &str| StatementEntry { refund_id: Some(format!("{id}/{of}")), ..entry(EntryKind::Refund, &id, 1_000) };
    let odd = ["receipt/1", "receipt/17", "9", "01", ""].map(refund);
    states(&mut desk, [vec![entry(EntryKind::Payment, &id, 1_000)], odd.to_vec()].concat());
    settle(&mut desk);
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(desk.causes(), ["refund_without_line"; 5]);
}

/// The meter of another utility.
fn water() -> MeterId {
    "CLS0000000025".parse().unwrap()
}

/// An order of 10.00 with a line of each of two utilities, as these tell of it.
fn sold_by_two(desk: &mut Desk, id: &str) {
    let line = SaleEntry { sale_id: format!("{id}/2"), meter_id: water().to_string(), ..sold(id, 400, UNITS) };
    let first = (UTILITY.parse().unwrap(), Ok(vec![sold(id, 600, UNITS)]));
    desk.outside.found.sales = vec![first, ("other-utility".parse().unwrap(), Ok(vec![line]))];
    desk.outside.sale = Some(SaleOutcome::Sold { units: Units::new(UNITS).unwrap() });
}

#[test]
fn an_order_over_two_utilities_comes_back_from_the_sales_of_both() {
    let mut desk = Desk::new();
    desk.run(|work| enrol_for(work, water(), "other-utility")).unwrap();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    sold_by_two(&mut desk, &id);
    settle(&mut desk);
    let lines = desk.run(|work| orders::lines(work, &id)).unwrap();
    let shown: Vec<_> = lines.iter().map(|l| (l.meter, l.utility.as_str(), l.amount.minor(), l.state)).collect();
    let issued = LineState::Issued;
    assert_eq!(shown, [(meter_id(), UTILITY, 600, issued), (water(), "other-utility", 400, issued)]);
    assert_eq!(desk.causes(), ["recovered_without_tax"]);
}

#[test]
fn a_sale_to_a_meter_that_is_not_enrolled_stops_nothing_but_its_order() {
    let mut desk = restored();
    let (id, whole) = (order_id(1), order_id(2));
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000), entry(EntryKind::Payment, &whole, 1_000)]);
    sold_by_two(&mut desk, &id);
    let sales = desk.outside.found.sales[0].1.as_mut().unwrap();
    sales.extend([sold(&whole, 1_000, UNITS), SaleEntry { sale_id: "not/ours/1".to_owned(), ..sold(&id, 1, 1) }]);
    settle(&mut desk);
    assert_eq!(desk.state(&whole, 1), LineState::Issued);
    assert!(desk.causes().contains(&"sale_of_unknown_meter".to_owned()));
    desk.run(|work| enrol_for(work, water(), "other-utility")).unwrap();
    assert!(desk.run(|work| meters::find(work, water())).unwrap().recovering_since_ms.is_some());
    desk.look();
    assert_eq!([desk.state(&id, 1), desk.state(&id, 2)], [LineState::Issued; 2]);
}

#[test]
fn a_statement_that_does_not_reach_back_is_read_as_far_as_it_goes() {
    for (since_ms, causes) in [(-1, Vec::new()), (1, vec!["statement_too_short"])] {
        let mut desk = Desk::new();
        let file = desk.back_up();
        let since_ms = desk.now_ms + since_ms;
        desk.now_ms += 48 * 60 * 60 * 1000;
        desk.restore(&file).unwrap();
        desk.outside.found.statements = vec![
            (PROVIDER.to_owned(), Err(StatementError::TooOld { since_ms })),
            (PROVIDER.to_owned(), Ok(vec![for_order(&order_id(1), 1_000)])),
        ];
        settle(&mut desk);
        assert_eq!((desk.causes(), desk.balance("suspense")), (causes.iter().map(|c| c.to_string()).collect(), -1_000));
        put_again(&mut desk, 1);
        desk.look();
        assert!(!is_recovering(&mut desk), "nobody need do without the provider");
        assert_eq!(desk.state(&order_id(1), 1), LineState::Issued);
        assert_eq!(desk.balance("suspense"), Money::ZERO.minor());
    }
}

#[test]
fn a_payment_that_the_daily_comparison_held_first_waits_for_its_order() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    // It came before the restore, and is held after it.
    desk.now_ms += 60 * 60 * 1000;
    desk.restore(&file).unwrap();
    let paid = payment(1, 1_000);
    assert!(paid.at_ms < desk.now_ms);
    compare(&mut desk, std::slice::from_ref(&paid), &[]);
    assert_eq!((desk.balance("suspense"), desk.causes()), (-1_000, vec!["unmatched_money".to_owned()]));
    states(&mut desk, vec![paid]);
    settle(&mut desk);
    assert!(is_recovering(&mut desk), "its order is missing");
    put_again(&mut desk, 1);
    assert_eq!(desk.state(&order_id(1), 1), LineState::Issued);
    assert_eq!((desk.balance("suspense"), desk.causes()), (0, Vec::<String>::new()));
    desk.look();
    assert!(!is_recovering(&mut desk));
}

#[test]
fn an_order_that_was_paid_twice_comes_back_with_the_payment_that_is_left() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![for_order(&id, 1_000), typed("R2", &payments::account(&id), 1_000)]);
    settle(&mut desk);
    let one_is_gone = "UPDATE lost_payment SET state = 'given_up' WHERE receipt = 'R2'";
    desk.run(|work| Ok(work.execute(one_is_gone, &[])?)).unwrap();
    put_again(&mut desk, 1);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
}

#[test]
fn who_paid_an_order_that_was_made_again_from_sales_can_be_erased() {
    let mut desk = restored();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.outside.found.sales = vec![(UTILITY.parse().unwrap(), Ok(vec![sold(&id, 1_000, UNITS)]))];
    desk.outside.sale = Some(SaleOutcome::Sold { units: Units::new(UNITS).unwrap() });
    settle(&mut desk);
    desk.resolve(&id, "recovered_without_tax", Decision::Seen).unwrap();
    let newest = meter(&mut desk).last_number;
    desk.receipt(newest.0);
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    let erase = |desk: &mut Desk| desk.run(|work| erase::order(work, &order_id(1), "ada")).unwrap().orders;
    assert_eq!([erase(&mut desk), erase(&mut desk)], [1, 0]);
    let as_kept_earlier = "UPDATE orders SET request = '{}', request_digest = NULL, erased_ms = NULL";
    desk.run(|work| Ok(work.execute(as_kept_earlier, &[])?)).unwrap();
    assert_eq!(erase(&mut desk), 1);
}

#[test]
fn a_refund_of_a_line_that_nobody_paid_comes_before_a_person_once() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Declined { reason: "no funds".to_owned() };
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Refund, &id, 1_000)]);
    settle(&mut desk);
    assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Failed, vec!["refund_contradiction".to_owned()]));
    assert!(!is_recovering(&mut desk), "it stops nothing");
    desk.resolve(&format!("{id}/1"), "refund_contradiction", Decision::Seen).unwrap();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    settle(&mut desk);
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn a_word_of_a_payment_whose_order_has_ended_comes_before_a_person() {
    let captured = |id: &str| {
        let receipt = MoneyReceipt { receipt: format!("R-{id}"), amount: Money::from_minor(1_000), currency: eur() };
        PaymentOutcome::Captured(vec![receipt])
    };
    for is_believed in [false, true] {
        let mut desk = Desk::new();
        let id = desk.put(1, &[1_000], PROVIDER);
        desk.run(|work| {
            work.now_ms += orders::QUOTE_LIFETIME_MS;
            orders::expire(work, &id)
        })
        .unwrap();
        let file = desk.back_up();
        desk.restore(&file).unwrap();
        if is_believed {
            let context = desk.context.clone();
            desk.run(|work| payments::told(work, PROVIDER, &id, &captured(&id), &context)).unwrap();
        } else {
            crate::desk::called_back(&mut desk, &id);
        }
        assert_eq!((desk.state(&id, 1), desk.causes()), (LineState::Expired, vec!["payment_after_expiry".to_owned()]));
    }
}

#[test]
fn what_waited_in_the_backup_is_not_stuck_at_once() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    desk.outside.reversal = ReversalOutcome::Unknown { why: "no answer".to_owned(), contradicts: false };
    desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.now_ms += 3 * Patience::default().sale_ms;
    desk.restore(&file).unwrap();
    desk.sweep();
    assert!(!desk.causes().contains(&"sale_stuck".to_owned()), "{:?}", desk.causes());
    desk.now_ms += 2 * Patience::default().sale_ms;
    desk.sweep();
    assert!(desk.causes().contains(&"sale_stuck".to_owned()), "{:?}", desk.causes());
}
