//! Money that people take in, over a real station and a real database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "../daraja/station.rs"]
#[allow(dead_code, reason = "shared with the tests of another provider")]
mod station;

use coinless_station::erase::{self, Erased};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::Money;
use coinless_station::operator::Operator;
use coinless_station::orders;
use coinless_station::payments;
use coinless_station::problem::{Code, Error};
use coinless_station::provider::EntryKind;
use coinless_station::provider::manual::{CashKind, Day, Manual, ManualConfig, Mark, correct, day, mark_paid, pay_out};
use coinless_station::provider::sandbox::Sandbox;
use coinless_station::sales::Step;
use coinless_station::store::Store;
use station::App;
use std::sync::Arc;

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
const CLEARING: &str = "provider:manual:clearing";

fn manual(store: &Arc<dyn Store>) -> Arc<Manual> {
    let config = ManualConfig { pay_where: "counter of the market office, or bank account 12".to_owned() };
    Arc::new(Manual::new(&config, store.clone()).unwrap())
}

async fn office() -> App {
    // Asked by no test: the orders that must be refused at the counter are its.
    App::start(|store| vec![manual(store), Arc::new(Sandbox::new("http://127.0.0.1:1", b"key").unwrap())]).await
}

fn who(name: &str) -> Operator {
    name.parse().unwrap()
}

fn cash(entry: &str, minor: i64) -> Mark {
    Mark { entry_id: entry.to_owned(), kind: CashKind::Cash, amount: Money::from_minor(minor), note: String::new() }
}

fn transfer(entry: &str, minor: i64) -> Mark {
    Mark { kind: CashKind::Transfer, note: "bank reference 9".to_owned(), ..cash(entry, minor) }
}

impl App {
    async fn mark(&self, order: &str, mark: &Mark, cashier: &str) -> Result<String, Error> {
        let (order, mark, cashier) = (order.to_owned(), mark.clone(), who(cashier));
        self.station.run("mark", move |work| mark_paid(work, &order, &mark, &cashier)).await
    }

    async fn correct(&self, order: &str, entry: &str, correction: &str, cashier: &str) -> Result<String, Error> {
        let (order, entry, correction, cashier) =
            (order.to_owned(), entry.to_owned(), correction.to_owned(), who(cashier));
        self.station
            .run("correct", move |work| correct(work, &order, &entry, &correction, &cashier, "wrong customer"))
            .await
    }

    async fn pay_out(&self, refund: &str, cashier: &str) -> Result<(), Error> {
        let (refund, cashier) = (refund.to_owned(), who(cashier));
        self.station.run("pay_out", move |work| pay_out(work, &refund, &cashier)).await.map(drop)
    }

    async fn day(&self, cashier: &str) -> Day {
        let cashier = who(cashier);
        self.station.read(move |work| day(work, &cashier, 0, work.now_ms + 1)).await.unwrap()
    }
}

#[track_caller]
fn expect<T: std::fmt::Debug>(result: Result<T, Error>, wanted: Code, words: &str) {
    match result {
        Err(Error::Refused { code, detail, .. }) if code == wanted => assert!(detail.contains(words), "{detail}"),
        other => panic!("{other:?}"),
    }
}

fn sums(day: &Day) -> Vec<(CashKind, i64, i64, i64)> {
    day.sums.iter().map(|sum| (sum.kind, sum.taken_in.minor(), sum.handed_out.minor(), sum.left.minor())).collect()
}

#[tokio::test]
async fn cash_at_the_counter_buys() {
    let app = office().await;
    app.order(ORDER, "manual", "500", None).await;
    let order = app.wait_for(ORDER, |order| order.payment.instructions.is_some()).await;
    let words = order.payment.instructions.unwrap();
    let code = payments::account(ORDER);
    assert_eq!(
        words,
        format!("Pay 500.00 KES and name the code {code}: counter of the market office, or bank account 12")
    );
    assert_eq!(order.payment.state, PaymentState::Sent);
    // As a customer says it.
    let said = format!(" {} {}", code[..5].to_lowercase(), &code[5..]);
    assert_eq!(app.mark(&said, &cash("e-1", 50_000), "cashier-a").await.unwrap(), ORDER);
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    assert_eq!(app.balance(CLEARING).await, "500.00");
    // The same again, and again after the end.
    app.mark(ORDER, &cash("e-1", 50_000), "cashier-a").await.unwrap();
    app.mark(&code, &cash("e-1", 50_000), "cashier-a").await.unwrap();
    let day = app.day("cashier-a").await;
    assert_eq!(day.entries.len(), 1);
    assert_eq!(sums(&day), [(CashKind::Cash, 50_000, 0, 50_000)]);
    assert!(app.day("cashier-b").await.entries.is_empty());
    assert!(app.exceptions().await.is_empty());
    expect(
        app.mark(ORDER, &cash("e-2", 50_000), "cashier-b").await,
        Code::NotPossibleNow,
        "cashier-a has marked this order already",
    );
    assert_eq!(app.balance(CLEARING).await, "500.00");
}

#[tokio::test]
async fn what_must_not_be_marked_is_refused_with_words() {
    let app = office().await;
    app.put(ORDER, "manual", "500", None).await;
    expect(app.mark(ORDER, &cash("e-1", 50_000), "cashier-a").await, Code::NotPossibleNow, "not accepted");
    app.put(OTHER, "sandbox", "500", None).await;
    expect(app.mark(OTHER, &cash("e-1", 50_000), "cashier-a").await, Code::NotPossibleNow, "paid by sandbox");
    expect(app.pay_out(&format!("{OTHER}/1"), "cashier-a").await, Code::NotPossibleNow, "paid by sandbox");
    expect(app.mark("ABC", &cash("e-1", 50_000), "cashier-a").await, Code::UnknownOrder, "no order has the code ABC");
    let stranger = ORDER.replace("8057", "8059");
    expect(app.mark(&stranger, &cash("e-1", 50_000), "cashier-a").await, Code::UnknownOrder, "no order");
    let waiting = ORDER.replace("8057", "8060");
    app.order(&waiting, "manual", "500", None).await;
    expect(
        app.mark(&waiting, &cash("e-1", 49_999), "cashier-a").await,
        Code::BadAmount,
        "asks for 500.00 KES, and this is 499.99",
    );
    for minor in [0, -1, i64::MAX] {
        expect(app.mark(&waiting, &transfer("e-1", minor), "cashier-a").await, Code::BadAmount, "500.00");
    }
    for id in ["", "a/b", "a b", &"x".repeat(65)] {
        expect(app.mark(&waiting, &cash(id, 50_000), "cashier-a").await, Code::Malformed, "id");
    }
    let mut wordy = cash("e-1", 50_000);
    wordy.note = "x".repeat(201);
    expect(app.mark(&waiting, &wordy, "cashier-a").await, Code::Malformed, "note");
    app.mark(&waiting, &cash("e-1", 50_000), "cashier-a").await.unwrap();
    expect(app.mark(&waiting, &transfer("e-1", 50_000), "cashier-a").await, Code::OrderConflict, "another entry");
    expect(app.mark(&waiting, &cash("e-1", 50_000), "cashier-b").await, Code::OrderConflict, "another entry");
    // Another order, the same id.
    let second = ORDER.replace("8057", "8061");
    app.order(&second, "manual", "500", None).await;
    expect(app.mark(&second, &cash("e-1", 50_000), "cashier-a").await, Code::OrderConflict, "another entry");
    expect(app.correct(&second, "e-1", "c-1", "cashier-a").await, Code::UnknownOrder, "no entry");
    expect(app.pay_out(&format!("{second}/1"), "cashier-a").await, Code::UnknownOrder, "no refund");
    assert_eq!(app.day("cashier-a").await.entries.len(), 1);
    assert!(Manual::new(&ManualConfig { pay_where: " ".to_owned() }, app.store().clone()).is_err());
}

#[tokio::test]
async fn a_second_transfer_is_held_and_handed_back() {
    let app = office().await;
    app.order(ORDER, "manual", "500", None).await;
    app.mark(ORDER, &transfer("t-1", 50_000), "cashier-a").await.unwrap();
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    app.mark(ORDER, &transfer("t-2", 20_000), "cashier-a").await.unwrap();
    app.wait_for_balance("suspense", "-200.00").await;
    assert_eq!(app.exceptions().await, ["second_success"]);
    app.give_back(&format!("{ORDER}/receipt/t-2")).await;
    assert_eq!(app.balance("refunds_due").await, "-200.00");
    let refund = format!("{ORDER}/receipt/t-2");
    app.pay_out(&refund, "cashier-b").await.unwrap();
    app.wait_for_balance("refunds_due", "0.00").await;
    assert_eq!(app.balance(CLEARING).await, "500.00");
    app.pay_out(&refund, "cashier-b").await.unwrap();
    expect(app.pay_out(&refund, "cashier-a").await, Code::NotPossibleNow, "cashier-b handed this refund out already");
    assert_eq!(sums(&app.day("cashier-b").await), [(CashKind::Cash, 0, 20_000, -20_000)]);
    assert_eq!(sums(&app.day("cashier-a").await), [(CashKind::Transfer, 70_000, 0, 70_000)]);
    assert_eq!(app.balance(CLEARING).await, "500.00", "handed out once");
}

#[tokio::test]
async fn a_transfer_of_another_sum_sells_nothing() {
    let app = office().await;
    app.order(ORDER, "manual", "500", None).await;
    app.mark(ORDER, &transfer("t-1", 40_000), "cashier-a").await.unwrap();
    let order = app.wait_for(ORDER, |order| !order.payment.state.is_open()).await;
    assert!(order.lines[0].token.is_none());
    assert_eq!(app.exceptions().await, ["other_amount"]);
    expect(app.mark(ORDER, &cash("e-1", 50_000), "cashier-a").await, Code::NotPossibleNow, "marked this order already");
}

#[tokio::test]
async fn a_wrong_mark_is_taken_back() {
    let app = office().await;
    app.order(ORDER, "manual", "500", None).await;
    app.mark(ORDER, &cash("e-1", 50_000), "cashier-a").await.unwrap();
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    app.correct(ORDER, "e-1", "c-1", "cashier-b").await.unwrap();
    let order = app.wait_for(ORDER, |order| order.payment.state == PaymentState::TakenBack).await;
    assert_eq!(order.payment.state, PaymentState::TakenBack);
    assert_eq!(app.balance(CLEARING).await, "0.00");
    assert_eq!(app.balance("suspense").await, "500.00");
    assert_eq!(app.exceptions().await, ["taken_back"]);
    // The same again changes nothing; another one is refused.
    app.correct(ORDER, "e-1", "c-1", "cashier-b").await.unwrap();
    expect(app.correct(ORDER, "e-1", "c-2", "cashier-b").await, Code::NotPossibleNow, "corrected by cashier-b already");
    expect(app.correct(ORDER, "c-1", "c-3", "cashier-b").await, Code::NotPossibleNow, "a correction is not corrected");
    expect(app.mark(ORDER, &cash("e-2", 50_000), "cashier-a").await, Code::NotPossibleNow, "marked this order already");
    // Money that came for it after all is one more payment.
    app.mark(ORDER, &transfer("t-1", 50_000), "cashier-a").await.unwrap();
    app.wait_for_balance(CLEARING, "500.00").await;
    assert_eq!(app.balance("suspense").await, "0.00");
    assert_eq!(sums(&app.day("cashier-b").await), [(CashKind::Cash, -50_000, 0, -50_000)]);
    let day = app.day("cashier-b").await;
    assert_eq!((day.entries[0].corrects.as_deref(), day.entries[0].note.as_str()), (Some("e-1"), "wrong customer"));
    let provider = app.station.provider(Some("manual")).unwrap();
    let entries = provider.statement(0, i64::MAX).await.unwrap();
    let entries: Vec<_> =
        entries.iter().map(|entry| (entry.receipt.as_str(), entry.kind, entry.amount.minor())).collect();
    assert_eq!(
        entries,
        [
            ("e-1", EntryKind::Payment, 50_000),
            ("c-1", EntryKind::TakenBack, 50_000),
            ("t-1", EntryKind::Payment, 50_000)
        ]
    );
}

#[tokio::test]
async fn who_paid_is_erased_with_the_order() {
    let app = office().await;
    app.order(ORDER, "manual", "500", Some("+254700123456")).await;
    app.mark(ORDER, &transfer("t-1", 50_000), "cashier-a").await.unwrap();
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    let named = Mark { note: "Ada Lovelace, account 7".to_owned(), ..transfer("t-2", 20_000) };
    app.mark(ORDER, &named, "cashier-a").await.unwrap();
    app.wait_for_balance("suspense", "-200.00").await;
    app.give_back(&format!("{ORDER}/receipt/t-2")).await;
    app.pay_out(&format!("{ORDER}/receipt/t-2"), "cashier-b").await.unwrap();
    app.wait_for_balance("refunds_due", "0.00").await;
    app.deliver(ORDER).await;

    let (day, balance) = (app.day("cashier-a").await, app.balance(CLEARING).await);
    let erased = app.station.run("erase", |work| erase::order(work, ORDER, "grace")).await.unwrap();
    assert_eq!(erased, Erased { orders: 1, names: false, problems: 0 });
    let all = app.dump();
    for gone in ["Lovelace", "account 7", "bank reference 9", "254700123456", "100.00 KES a m³"] {
        assert!(!all.contains(gone), "{gone} is in\n{all}");
    }
    assert_eq!((sums(&app.day("cashier-a").await), app.balance(CLEARING).await), (sums(&day), balance));
    let line = app.show(ORDER).await.lines.remove(0);
    assert_eq!(
        (line.quote.explanation[0].text.as_str(), line.quote.explanation[0].amount.as_str()),
        ("erased", "500.00")
    );
    assert_eq!(line.quote.explanation[0].step, Step::default());
    let terms = app.station.read(|work| Ok(orders::line(work, ORDER, 1)?.terms)).await.unwrap();
    assert_eq!(terms, "");
    // The same entry again is still the same.
    app.mark(ORDER, &named, "cashier-a").await.unwrap();
    assert!(!app.dump().contains("Lovelace"));
}

#[tokio::test]
async fn a_mark_is_corrected_only_after_it_was_taken_up() {
    let app = office().await;
    app.order(ORDER, "manual", "500", None).await;
    // In one command: nothing can have asked between them.
    let both = app.station.run("both", |work| {
        mark_paid(work, ORDER, &cash("e-1", 50_000), &who("cashier-a"))?;
        correct(work, ORDER, "e-1", "c-1", &who("cashier-a"), "")
    });
    expect(both.await, Code::NotPossibleNow, "in a moment");
    assert!(app.day("cashier-a").await.entries.is_empty(), "a refused command leaves nothing");
}
