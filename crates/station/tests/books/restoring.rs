//! Backups, and what a station does that was restored from one (DESIGN §2, last point).

use crate::desk::{Desk, PROVIDER, SETTLE_MS, UTILITY, enrol, enrol_for, meter_id, order_id, refused};
use coinless_protocol::Units;
use coinless_station::lifecycle::LineState;
use coinless_station::meters;
use coinless_station::money::{Currency, Money};
use coinless_station::orders;
use coinless_station::problem::Error;
use coinless_station::provider::{EntryKind, PaymentOutcome, StatementEntry, StatementError};
use coinless_station::recovery;
use coinless_station::sales::SaleEntry;

/// What 10.00 EUR buy.
pub const UNITS: u64 = 9_888;

pub fn entry(kind: EntryKind, order: &str, minor: i64) -> StatementEntry {
    StatementEntry {
        kind,
        receipt: format!("R-{order}"),
        payment_id: Some(order.to_owned()),
        refund_id: (kind == EntryKind::Refund).then(|| format!("{order}/1")),
        account: None,
        amount: Money::from_minor(minor),
        currency: Currency::from_code("EUR").unwrap(),
        at_ms: 0,
    }
}

pub fn states(desk: &mut Desk, entries: Vec<StatementEntry>) {
    desk.outside.found.statements = vec![(PROVIDER.to_owned(), Ok(entries))];
}

pub fn sold(order: &str, minor: i64, units: u64) -> SaleEntry {
    SaleEntry {
        sale_id: format!("{order}/1"),
        meter_id: meter_id().to_string(),
        amount: Money::from_minor(minor),
        units: Units::new(units).unwrap(),
        reversed: false,
        at_ms: 0,
    }
}

/// Lets the settling time pass, and looks again.
pub fn settle(desk: &mut Desk) {
    desk.now_ms += SETTLE_MS;
    desk.look();
}

pub fn is_recovering(desk: &mut Desk) -> bool {
    desk.run(recovery::since).unwrap().is_some()
}

pub fn meter(desk: &mut Desk) -> meters::Meter {
    desk.run(|work| meters::find(work, meter_id())).unwrap()
}

pub fn units(desk: &mut Desk, order: &str) -> u64 {
    desk.run(|work| orders::line(work, order, 1)).unwrap().units.get()
}

#[test]
fn a_backup_is_restored_whole_or_not_at_all() {
    let mut desk = Desk::new();
    desk.buy(1, &[1_000, 2_000]);
    desk.put(2, &[500], PROVIDER);
    let file = desk.back_up();
    let lines = file.iter().filter(|byte| **byte == b'\n').count();
    assert!(desk.restore_here(&file).unwrap_err().contains("restore into an empty one"));
    assert_eq!(desk.state(&order_id(1), 1), LineState::Issued, "what is there stays");

    let cut = &file[..file.len() - 1];
    assert!(desk.restore(cut).unwrap_err().contains(&format!("line {lines}")));
    let last_line = file[..file.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    assert!(desk.restore(&file[..=last_line]).unwrap_err().contains("missing or cut off"));
    let text = String::from_utf8(file.clone()).unwrap();
    let changed = text.replacen("2000", "9000", 1);
    assert_ne!(changed, text);
    assert!(desk.restore(changed.as_bytes()).unwrap_err().contains("changed or damaged"));
    let other = text.replacen("\"schema\":", "\"schema\":9", 1);
    assert!(desk.restore(other.as_bytes()).unwrap_err().contains("restore it with the program that made it"));
    assert!(desk.restore(b"").unwrap_err().contains("line 1"));
    assert!(desk.restore(b"{}\n").unwrap_err().contains("line 1"));
    assert!(desk.restore_here(&file).is_ok(), "nothing was left of what was refused");

    assert_eq!(desk.state(&order_id(1), 2), LineState::Issued);
    assert_eq!(desk.state(&order_id(2), 1), LineState::Quoted);
    assert_eq!(desk.balance("sold_undelivered"), -3_000);
    desk.check();
}

#[test]
fn an_order_of_the_backup_that_was_accepted_later_is_taken_up() {
    let mut desk = Desk::new();
    let id = desk.put(1, &[1_000], PROVIDER);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.look();
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(desk.balance("sold_undelivered"), -1_000);
    assert!(is_recovering(&mut desk), "calls may still be on their way");
    settle(&mut desk);
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn an_order_after_the_backup_comes_back_from_the_phone() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.look();
    assert_eq!(desk.balance("suspense"), -1_000);
    settle(&mut desk);
    assert!(is_recovering(&mut desk), "an order is missing");
    let again =
        |desk: &mut Desk, number| desk.run(|work| crate::desk::put(work, &order_id(number), &[1_000], PROVIDER));
    assert!(refused(again(&mut desk, 2)).contains("try again later"), "nothing new is sold");
    again(&mut desk, 1).unwrap();
    desk.work();
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!((desk.balance("suspense"), desk.balance("sold_undelivered")), (0, -1_000));
    desk.look();
    assert!(!is_recovering(&mut desk));
    again(&mut desk, 2).unwrap();
}

#[test]
fn an_order_after_the_backup_comes_back_from_the_sales_system() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.outside.found.sales = vec![(UTILITY.parse().unwrap(), Ok(vec![sold(&id, 1_000, UNITS)]))];
    desk.outside.sale = Some(coinless_station::sales::SaleOutcome::Sold { units: Units::new(UNITS).unwrap() });
    settle(&mut desk);
    desk.look();
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(desk.causes(), ["recovered_without_tax"]);
    assert!(!is_recovering(&mut desk));
    assert_eq!(meter(&mut desk).live_total.get(), UNITS);
}

#[test]
fn without_a_statement_a_person_decides() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.outside.found.statements = vec![(PROVIDER.to_owned(), Err(StatementError::NotOffered))];
    settle(&mut desk);
    assert_eq!(desk.causes(), ["recovery_waits"]);
    let status = desk.run(recovery::status).unwrap().unwrap();
    assert_eq!(status.waits_for[0].0, PROVIDER);
    desk.run(|work| recovery::waive(work, PROVIDER, "ada")).unwrap();
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn what_a_meter_holds_of_an_order_that_nobody_brings_is_counted() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let id = order_id(1);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    settle(&mut desk);
    desk.run(|work| recovery::give_up(work, "ada")).unwrap();
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.causes(), ["payment_without_order"]);
    assert_eq!(desk.balance("suspense"), -1_000, "the money is held");
    let again: Result<(), Error> = desk.run(|work| crate::desk::put(work, &id, &[1_000], PROVIDER));
    assert!(refused(again).contains("ask the operator"));
    // The meter has loaded it: number 1 of the life that is forgotten.
    desk.receipt_of(1, UNITS);
    assert_eq!(meter(&mut desk).live_total.get(), UNITS);
    assert!(desk.causes().contains(&"credit_without_order".to_owned()));
    let more = desk.buy(2, &[2_000]);
    let total = UNITS + units(&mut desk, &more);
    assert_eq!(meter(&mut desk).live_total.get(), total, "no total falls below what is in the meter");
    desk.receipt_of(1, UNITS);
    assert_eq!(meter(&mut desk).live_total.get(), total, "it is counted once");
}

/// A line that was issued, and whose void is pending in the backup.
fn voided() -> (Desk, String, Vec<u8>) {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    desk.void(&id, 1);
    let file = desk.back_up();
    (desk, id, file)
}

#[test]
fn a_refund_in_the_statement_is_taken_over() {
    let (mut desk, id, file) = voided();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000), entry(EntryKind::Refund, &id, 1_000)]);
    settle(&mut desk);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!(desk.outside.refunds_asked, [], "it is not asked for again");
    assert_eq!((desk.balance("sold_undelivered"), desk.balance("refunds_due")), (0, 0));
    assert_eq!(meter(&mut desk).live_total.get(), 0);
    desk.check();
}

#[test]
fn a_void_whose_meter_stands_in_the_gap_is_bought_again() {
    let (mut desk, id, file) = voided();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    let gap = meter(&mut desk).gap.unwrap();
    let total = units(&mut desk, &id);
    // In the life that is forgotten it was found loaded, and counted again.
    desk.receipt_of(gap.first().0, total);
    assert_eq!(desk.state(&id, 1), LineState::VoidPending, "as long as it recovers, it settles nothing");
    settle(&mut desk);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!(meter(&mut desk).live_total.get(), total);
    let newest = meter(&mut desk).last_number;
    assert!(newest > gap.last());
    desk.receipt(newest.0);
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    assert_eq!(desk.outside.refunds_asked, []);
}

#[test]
fn a_void_whose_meter_was_passed_by_is_refunded_after_the_restore() {
    let (mut desk, id, file) = voided();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    settle(&mut desk);
    assert_eq!(desk.state(&id, 1), LineState::VoidPending);
    let newest = meter(&mut desk).last_number;
    desk.receipt(newest.0);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
}

#[test]
fn what_was_paid_and_may_have_been_sold_is_not_refunded_without_a_proof() {
    let mut desk = Desk::new();
    desk.outside.sale =
        Some(coinless_station::sales::SaleOutcome::Unknown { why: "no answer".to_owned(), contradicts: false });
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.outside.sale = Some(coinless_station::sales::SaleOutcome::Failed { reason: "no such meter".to_owned() });
    desk.run(|work| Ok(work.execute("UPDATE outbox SET attempts = 0, due_ms = 0", &[])?)).unwrap();
    desk.work();
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    assert_eq!(desk.causes(), ["not_sold_after_restore"]);
    assert_eq!(desk.outside.refunds_asked, []);
    assert_eq!(desk.balance("payer_money_held"), -1_000);
}

#[test]
fn a_payment_on_its_way_at_the_backup_is_asked_about() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Pending { reference: None, instructions: None };
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.outside.payment = crate::desk::captured;
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    settle(&mut desk);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    desk.look();
    assert!(!is_recovering(&mut desk));
}

/// Makes all orders as those of the counter, which customers pay by themselves.
fn by_account(desk: &mut Desk) {
    let account = "INSERT INTO pay_account (account, order_id) SELECT account, order_id FROM orders";
    desk.run(|work| Ok(work.execute(account, &[])?)).unwrap();
}

#[test]
fn what_a_customer_may_pay_by_himself_some_day_is_not_waited_for() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Pending { reference: None, instructions: None };
    let id = desk.buy(1, &[1_000]);
    by_account(&mut desk);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    settle(&mut desk);
    assert!(!is_recovering(&mut desk));
    desk.outside.payment = crate::desk::captured;
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Issued, "and what he pays later is taken");
}

#[test]
fn a_payment_whose_outcome_nobody_will_ever_know_is_done_without() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "no answer".to_owned() };
    let id = desk.buy(1, &[1_000]);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    settle(&mut desk);
    assert!(is_recovering(&mut desk));
    assert_eq!(desk.run(recovery::status).unwrap().unwrap().under_way, [id.as_str()]);
    desk.run(|work| recovery::waive(work, &id, "ada")).unwrap();
    assert_eq!(desk.run(recovery::status).unwrap().unwrap().under_way, Vec::<String>::new());
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.state(&id, 1), LineState::PaymentUnknown, "and is still asked about");
}

#[test]
fn what_a_customer_paid_by_himself_is_waited_for_once_a_statement_shows_it() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Pending { reference: None, instructions: None };
    let id = desk.buy(1, &[1_000]);
    by_account(&mut desk);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "no answer".to_owned() };
    settle(&mut desk);
    assert!(is_recovering(&mut desk), "its token may be in the meter");
    desk.outside.payment = crate::desk::captured;
    desk.look();
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    desk.look();
    assert!(!is_recovering(&mut desk));
}

#[test]
fn a_quote_that_is_accepted_again_is_first_asked_about() {
    let mut desk = Desk::new();
    let id = desk.put(1, &[1_000], PROVIDER);
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "nothing so far".to_owned() };
    desk.accept(&id, None).unwrap();
    desk.work();
    assert_eq!(desk.state(&id, 1), LineState::PaymentUnknown);
    states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
    desk.outside.payment = crate::desk::captured;
    desk.look();
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    desk.now_ms += 2 * SETTLE_MS;
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(desk.outside.payments_asked, Vec::<String>::new(), "who has paid is not asked to pay");

    desk.restore(&file).unwrap();
    states(&mut desk, Vec::new());
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "nothing so far".to_owned() };
    desk.accept(&id, None).unwrap();
    desk.work();
    assert_eq!(desk.outside.payments_asked, Vec::<String>::new());
    desk.now_ms += 2 * SETTLE_MS;
    desk.work();
    assert_eq!(desk.outside.payments_asked, [id], "who has not is asked");
}

#[test]
fn a_meter_that_was_enrolled_after_the_backup_uses_no_number_twice() {
    let mut desk = Desk::without_meters();
    let file = desk.back_up();
    desk.run(enrol).unwrap();
    let id = desk.buy(1, &[1_000]);
    desk.receipt(1);
    let total = units(&mut desk, &id);
    let mut before = 1;
    for again in 0..2 {
        desk.now_ms += 60_000;
        desk.restore(&file).unwrap();
        states(&mut desk, vec![entry(EntryKind::Payment, &id, 1_000)]);
        desk.run(enrol).unwrap();
        settle(&mut desk);
        let gap = meter(&mut desk).gap.unwrap();
        assert!(gap.first().0 == 1 && gap.last().0 > before, "{again}: {gap:?}");
        assert!(meter(&mut desk).recovering_since_ms.is_some());
        desk.run(|work| crate::desk::put(work, &id, &[1_000], PROVIDER)).unwrap();
        desk.work();
        desk.look();
        assert!(!is_recovering(&mut desk) && meter(&mut desk).recovering_since_ms.is_none());
        let newest = meter(&mut desk).last_number;
        assert!(newest > gap.last());
        // The meter has it, under the number of the first life.
        desk.receipt_of(1, total);
        desk.receipt(newest.0);
        assert_eq!(meter(&mut desk).live_total.get(), total);
        assert_eq!(desk.causes(), Vec::<String>::new());
        before = newest.0;
    }
    let other = "CLS0000000025".parse().unwrap();
    desk.run(|work| enrol_for(work, other, UTILITY)).unwrap();
    let other = desk.run(|work| meters::find(work, other)).unwrap();
    assert!(other.check_sellable().is_ok() && other.gap.is_some(), "the recovery is over, and still nobody knows it");
}

#[test]
fn a_second_restore_from_an_old_backup_skips_what_was_used_after_the_first() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let mut desk = Desk::new();
    let file = desk.back_up();
    let mut last = 0;
    for days in [0, 1, 90, 30, 120] {
        desk.now_ms += days * DAY_MS + 60 * 60 * 1000;
        desk.restore(&file).unwrap();
        let now = meter(&mut desk).last_number.0;
        assert!(now >= last + 36, "{days} days later: {now} after {last}");
        last = now;
    }
    assert_eq!(desk.causes(), Vec::<String>::new());
    desk.now_ms += 400 * DAY_MS;
    desk.restore(&file).unwrap();
    assert_eq!(desk.causes(), ["numbers_run_out"]);
    assert!(meter(&mut desk).last_number.0 < 1 << 20);
}

#[test]
fn what_a_meter_told_during_the_recovery_is_counted_at_its_end() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    states(&mut desk, vec![entry(EntryKind::Payment, &order_id(1), 1_000)]);
    settle(&mut desk);
    desk.receipt_of(1, UNITS);
    assert_eq!(meter(&mut desk).live_total.get(), 0, "its order may come back");
    desk.run(|work| recovery::give_up(work, "ada")).unwrap();
    desk.look();
    assert!(!is_recovering(&mut desk));
    assert_eq!(meter(&mut desk).live_total.get(), UNITS);
    assert!(desk.causes().contains(&"credit_without_order".to_owned()));
    let more = desk.buy(2, &[2_000]);
    assert_eq!(meter(&mut desk).live_total.get(), UNITS + units(&mut desk, &more));
}

#[test]
fn only_what_is_waited_for_is_done_without() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    desk.look();
    let waived = desk.run(|work| recovery::waive(work, "another", "ada"));
    assert!(refused(waived).contains("does not wait for another"));
    assert!(refused(desk.run(|work| recovery::give_up(work, "ada"))).contains("nothing to give up"));
}
