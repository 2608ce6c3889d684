//! The comparison with everybody else's books.

use crate::desk::{Desk, NOON, PROVIDER, UTILITY, captured, eur, order_id, refused};
use coinless_protocol::{Commodity, MeterId, Units};
use coinless_station::ledger::Period;
use coinless_station::lifecycle::LineState;
use coinless_station::money::Money;
use coinless_station::problem::Error;
use coinless_station::provider::{
    BadCallback, Call, Callback, EntryKind, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome,
    RefundRequest, StatementEntry, StatementError,
};
use coinless_station::reconcile::{self, Compared, Look, Report};
use coinless_station::resolve::Decision;
use coinless_station::sales::{
    Asked, ConfirmationOutcome, Lookup, Quote, QuoteError, ReversalOutcome, SaleEntry, SaleOutcome, SaleRequest,
    SalesSystem,
};
use coinless_station::tasks::{self, Kind};
use coinless_station::utilities::{Utilities, Utility};
use coinless_station::work::Work;
use std::sync::Arc;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A provider that has nothing but a statement.
struct Statement {
    /// None if it cannot be read.
    entries: Option<Vec<StatementEntry>>,
    /// As far back as it is kept.
    since_ms: i64,
    has_refunds: bool,
}

impl Statement {
    fn of(entries: &[StatementEntry]) -> Self {
        Self { entries: Some(entries.to_vec()), since_ms: i64::MIN, has_refunds: true }
    }

    fn out_of_reach() -> Self {
        Self { entries: None, ..Self::of(&[]) }
    }

    /// One that is kept for 45 hours, and without refunds.
    fn kept(now_ms: i64, entries: &[StatementEntry]) -> Self {
        Self { since_ms: now_ms - 45 * DAY / 24, has_refunds: false, ..Self::of(entries) }
    }
}

fn unused<T>() -> Call<'static, T> {
    panic!("only the books are compared")
}

impl PaymentProvider for Statement {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn start<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        unused()
    }

    fn query<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        unused()
    }

    fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        unused()
    }

    fn statement<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        let since_ms = self.since_ms;
        let within = |entry: &&StatementEntry| (from_ms..to_ms).contains(&entry.at_ms);
        let answer = match &self.entries {
            None => Err(StatementError::Unavailable("connection reset".to_owned())),
            Some(_) if from_ms < since_ms => Err(StatementError::TooOld { since_ms }),
            Some(entries) => Ok(entries.iter().filter(within).cloned().collect()),
        };
        Box::pin(async move { answer })
    }

    fn states_refunds(&self) -> bool {
        self.has_refunds
    }

    fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
        Err(BadCallback(String::new()))
    }
}

/// A sales system that has nothing but its books.
struct Sold(Vec<SaleEntry>);

impl SalesSystem for Sold {
    fn lookup<'a>(&'a self, _: MeterId) -> Call<'a, Lookup> {
        unused()
    }

    fn trial<'a>(&'a self, _: MeterId, _: Commodity, _: Asked) -> Call<'a, Result<Quote, QuoteError>> {
        unused()
    }

    fn vend<'a>(&'a self, _: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        unused()
    }

    fn last_response<'a>(&'a self, _: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        unused()
    }

    fn confirm<'a>(&'a self, _: &'a SaleRequest) -> Call<'a, ConfirmationOutcome> {
        unused()
    }

    fn reverse<'a>(&'a self, _: &'a SaleRequest) -> Call<'a, ReversalOutcome> {
        unused()
    }

    fn sales<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<SaleEntry>, String>> {
        let within = |sale: &&SaleEntry| (from_ms..to_ms).contains(&sale.at_ms);
        let sales = self.0.iter().filter(within).cloned().collect();
        Box::pin(async move { Ok(sales) })
    }
}

pub fn payment(number: u32, minor: i64) -> StatementEntry {
    let id = order_id(number);
    StatementEntry {
        kind: EntryKind::Payment,
        receipt: format!("R-{id}"),
        payment_id: Some(id),
        refund_id: None,
        account: None,
        amount: Money::from_minor(minor),
        currency: eur(),
        at_ms: NOON,
    }
}

fn refund(number: u32, minor: i64) -> StatementEntry {
    let receipt = format!("back-{number}");
    let refund_id = Some(format!("{}/1", order_id(number)));
    StatementEntry { kind: EntryKind::Refund, receipt, refund_id, ..payment(number, minor) }
}

fn sale(number: u32, minor: i64, units: u64) -> SaleEntry {
    SaleEntry {
        sale_id: format!("{}/1", order_id(number)),
        meter_id: "CLS0000000017".to_owned(),
        amount: Money::from_minor(minor),
        units: Units::new(units).unwrap(),
        reversed: false,
        at_ms: NOON,
    }
}

fn wait<T>(answer: impl Future<Output = Result<T, Error>>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer).unwrap()
}

fn utilities(sales: Vec<SaleEntry>) -> Utilities {
    let name = UTILITY.parse().unwrap();
    let sales = Arc::new(Sold(sales));
    Utilities::new(vec![Utility { name, brand: UTILITY.to_owned(), currency: eur(), sales }]).unwrap()
}

pub fn compare(desk: &mut Desk, statement: &[StatementEntry], sales: &[SaleEntry]) -> Report {
    let provider: Arc<dyn PaymentProvider> = Arc::new(Statement::of(statement));
    let look = Look { store: desk.store(), now_ms: desk.now_ms, probe: |_| () };
    let period = Period { from_ms: NOON - DAY / 2, to_ms: NOON + DAY / 2 };
    wait(reconcile::run(&look, &[provider], &utilities(sales.to_vec()), period))
}

fn causes(report: &Report) -> Vec<&'static str> {
    report.differences.iter().map(|one| one.cause).collect()
}

/// Units of an order's first line.
fn units(desk: &mut Desk, number: u32) -> u64 {
    desk.run(|work| coinless_station::orders::line(work, &order_id(number), 1)).unwrap().units.get()
}

#[test]
fn books_that_agree_have_no_differences() {
    let mut desk = Desk::new();
    desk.buy(1, &[5_000]);
    let id = desk.buy(2, &[3_000]);
    desk.void(&id, 1);
    desk.receipt(3);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    let (one, two) = (units(&mut desk, 1), units(&mut desk, 2));
    let statement = [payment(1, 5_000), payment(2, 3_000), refund(2, 3_000)];
    let sales = [sale(1, 5_000, one), SaleEntry { reversed: true, ..sale(2, 3_000, two) }];
    let report = compare(&mut desk, &statement, &sales);
    assert_eq!(causes(&report), Vec::<&str>::new(), "{report:?}");
    let [provider, utility, ledger, meters] = &report.compared[..] else { panic!("{report:?}") };
    assert_eq!((provider.ours, provider.theirs, &provider.our_sums), (3, 3, &vec!["50.00 EUR".to_owned()]));
    assert_eq!(provider.our_sums, provider.their_sums);
    assert_eq!((utility.ours, utility.theirs, ledger.state, meters.ours), (2, 2, "compared", 1));
}

#[test]
fn money_that_is_only_in_the_statement_is_asked_about() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Declined { reason: "no funds".to_owned() };
    let id = desk.buy(1, &[5_000]);
    let report = compare(&mut desk, &[payment(1, 5_000)], &[]);
    assert_eq!(causes(&report), ["only_in_statement"]);
    assert_eq!(report.differences[0].amount.as_deref(), Some("50.00 EUR"));
    assert!(report.differences[0].ours.contains("declined"), "{report:?}");
    // The provider says so too when it is asked: the late way.
    desk.outside.payment = captured;
    desk.work();
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    assert_eq!(desk.balance("suspense"), -5_000);
    let again = compare(&mut desk, &[payment(1, 5_000)], &[]);
    assert_eq!(causes(&again), Vec::<&str>::new());
}

#[test]
fn an_open_payment_is_asked_about_without_a_person() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "time-out".to_owned() };
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::PaymentUnknown);
    assert_eq!(causes(&compare(&mut desk, &[payment(1, 5_000)], &[])), Vec::<&str>::new());
    let due = desk.run(|work| {
        tasks::release_claims(work)?;
        tasks::claim(work, 10)
    });
    assert!(due.unwrap().iter().any(|task| task.kind == Kind::QueryPayment && task.subject == id));
}

#[test]
fn money_for_no_order_is_held_once_and_paid_back_by_hand() {
    let mut desk = Desk::new();
    let stray = StatementEntry { payment_id: None, account: Some("TYPO".to_owned()), ..payment(9, 700) };
    for is_new in [true, false] {
        let report = compare(&mut desk, std::slice::from_ref(&stray), &[]);
        // The second time it is a receipt of ours.
        assert_eq!(report.differences.iter().any(|one| one.is_new), is_new);
        assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (-700, 700));
        desk.check();
    }
    let subject = format!("{PROVIDER}/{}", stray.receipt);
    assert!(refused(desk.resolve(&subject, "unmatched_money", Decision::Refund)).contains("no order"));
    desk.resolve(&subject, "unmatched_money", Decision::Elsewhere).unwrap();
    assert_eq!((desk.balance("suspense"), desk.balance("refunds_due"), desk.balance("bank")), (0, 0, -700));
    // The same money under another cause is not paid back again.
    desk.run(|work| Ok(work.exception(&subject, "unknown_account", "a callback")?)).unwrap();
    refused(desk.resolve(&subject, "unknown_account", Decision::Elsewhere));
    desk.resolve(&subject, "unknown_account", Decision::Seen).unwrap();
    // It is not found anew.
    let report = compare(&mut desk, std::slice::from_ref(&stray), &[]);
    assert!(report.differences.iter().all(|one| !one.is_new));
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn money_that_was_held_finds_its_order() {
    // The statement of this provider does not keep our ids, and came before its answer did.
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "time-out".to_owned() };
    let id = desk.buy(1, &[5_000]);
    let without = StatementEntry { payment_id: None, ..payment(1, 5_000) };
    assert_eq!(causes(&compare(&mut desk, std::slice::from_ref(&without), &[])), ["unmatched_money"]);
    assert_eq!(desk.balance("suspense"), -5_000);
    desk.outside.payment = captured;
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    assert_eq!((desk.balance("suspense"), desk.balance("provider:test:clearing")), (0, 5_000));
    assert_eq!(desk.causes(), Vec::<String>::new());
    let line = units(&mut desk, 1);
    assert_eq!(causes(&compare(&mut desk, &[without], &[sale(1, 5_000, line)])), Vec::<&str>::new());
}

#[test]
fn held_money_that_was_paid_back_by_hand_sells_nothing() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "time-out".to_owned() };
    let id = desk.buy(1, &[5_000]);
    let without = StatementEntry { payment_id: None, ..payment(1, 5_000) };
    compare(&mut desk, std::slice::from_ref(&without), &[]);
    desk.resolve(&format!("{PROVIDER}/{}", without.receipt), "unmatched_money", Decision::Elsewhere).unwrap();
    desk.outside.payment = captured;
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
    assert!(desk.causes().contains(&"receipt_reused".to_owned()));
    assert_eq!((desk.balance("bank"), desk.balance("provider:test:clearing")), (-5_000, 5_000));
    desk.check();
}

#[test]
fn fees_are_booked_once() {
    let mut desk = Desk::new();
    desk.buy(1, &[5_000]);
    let line = units(&mut desk, 1);
    let fee = StatementEntry { kind: EntryKind::Fee, receipt: "F1".to_owned(), payment_id: None, ..payment(1, 50) };
    let statement = [payment(1, 5_000), fee];
    for _ in 0..3 {
        assert_eq!(causes(&compare(&mut desk, &statement, &[sale(1, 5_000, line)])), Vec::<&str>::new());
        assert_eq!((desk.balance("provider:test:fees"), desk.balance("provider:test:clearing")), (50, 4_950));
    }
}

#[test]
fn every_difference_with_a_provider_is_found() {
    let mut desk = Desk::new();
    for number in 1..=3 {
        desk.buy(number, &[5_000]);
    }
    let sales: Vec<_> = (1..=3).map(|number| sale(number, 5_000, units(&mut desk, number))).collect();
    let taken = StatementEntry { kind: EntryKind::TakenBack, receipt: "T1".to_owned(), ..payment(3, 5_000) };
    let statement = [payment(1, 4_000), payment(3, 5_000), taken, refund(3, 100)];
    let report = compare(&mut desk, &statement, &sales);
    let wanted = ["statement_other_amount", "taken_back_in_statement", "refund_only_in_statement", "not_in_statement"];
    assert_eq!(causes(&report), wanted);
    assert!(report.differences.iter().all(|one| one.is_new && one.amount.is_some()), "{report:?}");
    let shown = desk.exceptions();
    assert_eq!(shown.len(), 4);
    let other = shown.iter().find(|one| one.cause == "statement_other_amount").unwrap();
    assert!(other.detail.contains("50.00 EUR") && other.detail.contains("40.00 EUR"), "{}", other.detail);
    // What was taken back goes the late way.
    desk.outside.payment = |request| {
        let (amount, currency) = (request.amount, request.currency);
        PaymentOutcome::TakenBack { receipts: Vec::new(), amount, currency, reason: "chargeback".to_owned() }
    };
    desk.work();
    assert!(desk.causes().contains(&"taken_back".to_owned()));
    assert_eq!(desk.balance("suspense"), 5_000);
    let again = compare(&mut desk, &statement, &sales);
    assert!(again.differences.iter().all(|one| !one.is_new), "{again:?}");
    assert!(!causes(&again).contains(&"taken_back_in_statement"));
}

#[test]
fn a_small_difference_is_left_as_rounding() {
    for (theirs, rounding) in [(5_050, Some(-50)), (4_999, Some(1)), (5_100, None), (4_900, None)] {
        let mut desk = Desk::new();
        desk.buy(1, &[5_000]);
        let line = units(&mut desk, 1);
        assert_eq!(
            causes(&compare(&mut desk, &[payment(1, theirs)], &[sale(1, 5_000, line)])),
            ["statement_other_amount"]
        );
        let subject = format!("{PROVIDER}/R-{}", order_id(1));
        let done = desk.resolve(&subject, "statement_other_amount", Decision::Rounded);
        match rounding {
            Some(minor) => {
                done.unwrap();
                assert_eq!((desk.balance("rounding"), desk.balance("provider:test:clearing")), (minor, theirs));
            }
            None => assert!(refused(done).contains("rounding is less than 1.00 EUR")),
        }
        desk.check();
    }
}

#[test]
fn a_refund_that_the_provider_never_made_is_found() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    let report = compare(&mut desk, &[payment(1, 5_000)], &[]);
    assert_eq!(causes(&report), ["refund_not_in_statement"]);
    assert_eq!(causes(&compare(&mut desk, &[payment(1, 5_000), refund(1, 4_000)], &[])), ["statement_other_refund"]);
    assert_eq!(causes(&compare(&mut desk, &[payment(1, 5_000), refund(1, 5_000)], &[])), Vec::<&str>::new());
    // A provider that does not keep our id: by payment and amount.
    let without = StatementEntry { refund_id: None, ..refund(1, 5_000) };
    assert_eq!(causes(&compare(&mut desk, &[payment(1, 5_000), without], &[])), Vec::<&str>::new());
}

#[test]
fn every_difference_with_a_sales_system_is_found() {
    let mut desk = Desk::new();
    for number in 1..=5 {
        desk.buy(number, &[5_000]);
    }
    let id = order_id(5);
    desk.void(&id, 1);
    desk.receipt(6);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    let all: Vec<_> = (1..=5).map(|number| units(&mut desk, number)).collect();
    let statement: Vec<_> = (1..=5).map(|n| payment(n, 5_000)).chain([refund(5, 5_000)]).collect();
    let sales = [
        sale(1, 5_000, all[0]),
        sale(2, 5_000, all[1] + 1),
        SaleEntry { reversed: true, ..sale(3, 5_000, all[2]) },
        // 4 is missing, 5 was not taken back, 9 was never ours.
        sale(5, 5_000, all[4]),
        sale(9, 5_000, 7),
    ];
    let report = compare(&mut desk, &statement, &sales);
    let mut found = causes(&report);
    found.sort_unstable();
    let wanted =
        ["sale_not_reversed_there", "sale_only_here", "sale_only_there", "sale_other_content", "sale_reversed_there"];
    assert_eq!(found, wanted, "{report:?}");
    assert!(compare(&mut desk, &statement, &sales).differences.iter().all(|one| !one.is_new));
}

#[test]
fn a_sale_of_a_line_that_is_not_sold_here_is_found() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    desk.buy(1, &[5_000]);
    let line = units(&mut desk, 1);
    let statement = [payment(1, 5_000), refund(1, 5_000)];
    assert_eq!(causes(&compare(&mut desk, &statement, &[sale(1, 5_000, line)])), ["sale_only_there"]);
}

#[test]
fn a_register_that_was_never_signed_is_found() {
    let mut desk = Desk::new();
    desk.buy(1, &[5_000]);
    desk.receipt(1);
    let line = units(&mut desk, 1);
    let tamper =
        |work: &mut Work<'_>| Ok::<_, Error>(work.execute("UPDATE meter SET receipt_total = receipt_total + 1", &[])?);
    desk.run(tamper).unwrap();
    let report = compare(&mut desk, &[payment(1, 5_000)], &[sale(1, 5_000, line)]);
    assert_eq!(causes(&report), ["register_differs"]);
    let tamper = |work: &mut Work<'_>| Ok::<_, Error>(work.execute("UPDATE balance SET balance = balance + 1", &[])?);
    desk.run(tamper).unwrap();
    let report = compare(&mut desk, &[payment(1, 5_000)], &[sale(1, 5_000, line)]);
    assert!(causes(&report).contains(&"books_wrong"));
}

#[test]
fn many_rows_are_read_in_pages() {
    let mut desk = Desk::new();
    let most = 1_203;
    desk.run(|work| {
        for number in 0..most {
            work.execute(
                "INSERT INTO money_receipt (provider, receipt, order_id, amount, currency, at_ms)
                 VALUES ('test', $1, 'x', 100, 'EUR', $2)",
                &[format!("P{number:04}").into(), (NOON + number % 3).into()],
            )?;
        }
        Ok(())
    })
    .unwrap();
    let entry = |number: i64| StatementEntry { receipt: format!("P{number:04}"), ..payment(1, 100) };
    let statement: Vec<_> = (0..most).filter(|number| *number != 777).map(entry).collect();
    let report = compare(&mut desk, &statement, &[]);
    assert_eq!((report.compared[0].ours, report.compared[0].theirs), (1_203, 1_202));
    assert_eq!(report.differences.len(), 1);
    assert_eq!(report.differences[0].subject, "test/P0777");
}

#[test]
fn the_daily_task_catches_up_and_tries_again() {
    let mut desk = Desk::new();
    desk.run(reconcile::start).unwrap();
    desk.buy(1, &[5_000]);
    let line = units(&mut desk, 1);
    desk.now_ms = NOON + 2 * DAY;
    let daily = |desk: &Desk, statement: Option<Vec<StatementEntry>>| -> Vec<Compared> {
        let provider: Arc<dyn PaymentProvider> =
            Arc::new(statement.map_or_else(Statement::out_of_reach, |entries| Statement::of(&entries)));
        let look = Look { store: desk.store(), now_ms: desk.now_ms, probe: |_| () };
        wait(reconcile::daily(&look, &[provider], &utilities(vec![sale(1, 5_000, line)])))
    };
    let due = |desk: &mut Desk, compared: Vec<Compared>| {
        desk.run(|work| {
            let task = tasks::Task { kind: Kind::Reconcile, subject: reconcile::SUBJECT.to_owned(), attempts: 0 };
            reconcile::ended(work, &task, &Ok(compared))?;
            let sql = "SELECT due_ms FROM outbox WHERE task = 'reconcile'";
            Ok(work.query_first(sql, &[])?.unwrap().int(0)? - work.now_ms)
        })
        .unwrap()
    };
    let hour = 60 * 60 * 1000;
    // First only yesterday, where nothing was; the provider cannot be read: in an hour again.
    let compared = daily(&desk, None);
    assert_eq!(compared[0].state, "unavailable");
    assert_eq!(due(&mut desk, compared), hour);
    let compared = daily(&desk, Some(Vec::new()));
    assert_eq!((compared[0].state, compared[0].ours), ("compared", 0));
    // What was compared is not compared again.
    assert_eq!(compared.iter().filter(|one| one.source.starts_with("utility")).count(), 0);
    assert_eq!(due(&mut desk, compared), 15 * hour);
    // Days that were missed are caught up.
    let back = |work: &mut Work<'_>| {
        Ok::<_, Error>(work.execute("UPDATE reconciled SET until_ms = until_ms - $1", &[(2 * DAY).into()])?)
    };
    desk.run(back).unwrap();
    let compared = daily(&desk, Some(Vec::new()));
    assert_eq!(compared[0].ours, 1);
    assert_eq!(desk.causes(), ["not_in_statement"]);
}

/// What each day's comparison does with this provider, whose sales system has `sales`.
fn compare_daily(desk: &mut Desk, provider: Statement, sales: &[SaleEntry]) -> Vec<Compared> {
    let look = Look { store: desk.store(), now_ms: desk.now_ms, probe: |_| () };
    wait(reconcile::daily(&look, &[Arc::new(provider)], &utilities(sales.to_vec())))
}

#[test]
fn a_statement_that_reaches_back_two_days_is_compared_every_day() {
    let mut desk = Desk::new();
    // Ordered on one day and paid four days later: no statement reaches back to the order.
    desk.outside.payment = |_| PaymentOutcome::Unknown { why: "time-out".to_owned() };
    let id = desk.buy(1, &[5_000]);
    desk.now_ms = NOON + 4 * DAY;
    desk.outside.payment = captured;
    crate::desk::called_back(&mut desk, &id);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    desk.run(reconcile::start).unwrap();
    let sold = SaleEntry { at_ms: NOON + 4 * DAY, ..sale(1, 5_000, units(&mut desk, 1)) };
    let mut entries = vec![StatementEntry { at_ms: NOON + 4 * DAY, ..payment(1, 5_000) }];
    for day in 5..=7 {
        desk.now_ms = NOON + day * DAY - 9 * DAY / 24;
        let statement = Statement::kept(desk.now_ms, &entries);
        let compared = compare_daily(&mut desk, statement, std::slice::from_ref(&sold));
        assert!(compared.iter().all(|one| one.state == "compared"), "{compared:?}");
        assert_eq!(desk.causes(), Vec::<String>::new(), "day {day}");
    }
    // Money for nobody comes into the statement a day late: it is held all the same.
    let stray = StatementEntry { payment_id: None, at_ms: desk.now_ms - 5 * DAY / 24, ..payment(9, 700) };
    entries.push(stray);
    desk.now_ms += DAY;
    let statement = Statement::kept(desk.now_ms, &entries);
    compare_daily(&mut desk, statement, std::slice::from_ref(&sold));
    assert_eq!(desk.balance("suspense"), -700);
    assert_eq!(desk.causes(), ["unmatched_money"]);
    // And is not missing in any later one.
    for _ in 0..2 {
        desk.now_ms += DAY;
        let statement = Statement::kept(desk.now_ms, &entries);
        compare_daily(&mut desk, statement, std::slice::from_ref(&sold));
        assert_eq!(desk.causes(), ["unmatched_money"]);
    }
    // Four days without a comparison: two of them are in no statement any more, which is said once, and the rest goes on.
    desk.now_ms += 4 * DAY;
    for _ in 0..2 {
        let statement = Statement::kept(desk.now_ms, &entries);
        compare_daily(&mut desk, statement, std::slice::from_ref(&sold));
        assert_eq!(desk.causes(), ["unmatched_money", "statement_gap"]);
        desk.now_ms += DAY;
    }
}

#[test]
fn a_statement_without_refunds_misses_none() {
    let mut desk = Desk::new();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    let id = desk.buy(1, &[5_000]);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    let provider: Arc<dyn PaymentProvider> =
        Arc::new(Statement { has_refunds: false, ..Statement::of(&[payment(1, 5_000)]) });
    let look = Look { store: desk.store(), now_ms: desk.now_ms, probe: |_| () };
    let period = Period { from_ms: NOON - DAY / 2, to_ms: NOON + DAY / 2 };
    assert_eq!(causes(&wait(reconcile::run(&look, &[provider], &utilities(Vec::new()), period))), Vec::<&str>::new());
}

#[test]
fn a_statement_that_names_accounts_finds_the_order() {
    let mut desk = Desk::new();
    desk.outside.payment = |_| PaymentOutcome::Declined { reason: "not reached".to_owned() };
    let id = desk.buy(1, &[5_000]);
    let account = Some(coinless_station::payments::account(&id));
    let named = StatementEntry { payment_id: None, account, ..payment(1, 5_000) };
    assert_eq!(causes(&compare(&mut desk, std::slice::from_ref(&named), &[])), ["only_in_statement"]);
    desk.outside.payment = captured;
    desk.work();
    assert_eq!(desk.balance("suspense"), -5_000);
    assert_eq!(desk.state(&id, 1), LineState::Exception);
}

#[test]
fn two_equal_parts_that_were_taken_back_are_told_apart() {
    let mut desk = Desk::new();
    desk.buy(1, &[5_000]);
    let line = units(&mut desk, 1);
    let part =
        |receipt: &str| StatementEntry { kind: EntryKind::TakenBack, receipt: receipt.to_owned(), ..payment(1, 500) };
    let statement = [payment(1, 5_000), part("T1"), part("T2")];
    let sales = [sale(1, 5_000, line)];
    let take_back = |desk: &mut Desk, so_far: fn(&PaymentRequest) -> PaymentOutcome| {
        desk.outside.payment = so_far;
        desk.work();
    };
    assert_eq!(causes(&compare(&mut desk, &statement[..2], &sales)), ["taken_back_in_statement"]);
    take_back(&mut desk, |request| taken(request, 500));
    assert_eq!(desk.balance("suspense"), 500);
    assert_eq!(causes(&compare(&mut desk, &statement[..2], &sales)), Vec::<&str>::new());
    // The second one, of which no callback came, is as large as what is known.
    assert!(causes(&compare(&mut desk, &statement, &sales)).contains(&"taken_back_in_statement"));
    take_back(&mut desk, |request| taken(request, 1_000));
    assert_eq!(desk.balance("suspense"), 1_000);
    // One from before this statement: the provider is asked for the whole sum.
    take_back(&mut desk, |request| taken(request, 1_500));
    assert_eq!(causes(&compare(&mut desk, &statement, &sales)), Vec::<&str>::new());
    desk.work();
    assert_eq!(desk.balance("suspense"), 1_500);
}

#[test]
fn what_a_short_statement_shows_as_taken_away_always_comes_before_a_person() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    desk.outside.payment = |request| taken(request, 500);
    crate::desk::called_back(&mut desk, &id);
    desk.resolve(&id, "taken_back", Decision::Seen).unwrap();
    // Days later as much again. The provider too knows only of this one, and so says nothing new.
    desk.now_ms += 5 * DAY;
    let again = StatementEntry {
        kind: EntryKind::TakenBack,
        receipt: "T2".to_owned(),
        at_ms: desk.now_ms - DAY / 2,
        ..payment(1, 500)
    };
    let provider: Arc<dyn PaymentProvider> = Arc::new(Statement::kept(desk.now_ms, &[again]));
    let look = Look { store: desk.store(), now_ms: desk.now_ms, probe: |_| () };
    let period = Period { from_ms: desk.now_ms - 2 * DAY, to_ms: desk.now_ms };
    for is_new in [true, false] {
        let report = wait(reconcile::run(&look, std::slice::from_ref(&provider), &utilities(Vec::new()), period));
        let found: Vec<_> = report.differences.iter().filter(|one| one.cause == "taken_back_in_statement").collect();
        assert_eq!((found.len(), found[0].is_new), (1, is_new));
    }
}

fn taken(request: &PaymentRequest, minor: i64) -> PaymentOutcome {
    PaymentOutcome::TakenBack {
        receipts: Vec::new(),
        amount: Money::from_minor(minor),
        currency: request.currency,
        reason: "reversed".to_owned(),
    }
}

#[test]
fn a_source_that_cannot_be_read_for_long_comes_before_a_person() {
    let mut desk = Desk::new();
    desk.run(reconcile::start).unwrap();
    let task = tasks::Task { kind: Kind::Reconcile, subject: reconcile::SUBJECT.to_owned(), attempts: 0 };
    for (hour, told) in [(3, false), (14, false), (15, true)] {
        desk.now_ms = NOON - DAY / 2 + hour * DAY / 24;
        let compared = compare_daily(&mut desk, Statement::out_of_reach(), &[]);
        desk.run(|work| reconcile::ended(work, &task, &Ok(compared.clone()))).unwrap();
        assert_eq!(desk.causes().contains(&"not_reconciled".to_owned()), told, "{hour}");
    }
}

#[test]
fn reports_on_meters() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[5_000]);
    let silent = |desk: &mut Desk, before_ms| desk.run(|work| reconcile::silent(work, before_ms)).unwrap();
    assert_eq!(silent(&mut desk, NOON), []);
    desk.now_ms += 8 * DAY;
    let found = silent(&mut desk, NOON + DAY);
    assert_eq!((found.len(), found[0].open_lines, found[0].heard.clone()), (1, 1, None));
    assert_eq!(found[0].waiting_since.as_deref(), Some("2026-11-24T12:00:00Z"));
    let credit = desk.run(|work| reconcile::credit(work, "", 10)).unwrap();
    assert_eq!((credit[0].sold_units, credit[0].loaded_units, credit[0].on_its_way_units), (49_435, None, 49_435));
    desk.receipt(1);
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    let credit = desk.run(|work| reconcile::credit(work, "", 10)).unwrap();
    assert_eq!(
        (credit[0].loaded_units, credit[0].on_its_way_units, credit[0].consumed_fine),
        (Some(49_435), 0, Some(500))
    );
    let now_ms = desk.now_ms;
    assert_eq!(silent(&mut desk, now_ms), []);
    // A meter that nothing is on its way to may be silent too: somebody may have led the pipe around it.
    let found = silent(&mut desk, now_ms + 1);
    assert_eq!((found.len(), found[0].open_lines, found[0].open_units), (1, 0, 0));
    assert!(found[0].heard.is_some() && found[0].waiting_since.is_none());
}
