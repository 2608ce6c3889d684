//! Statements, told by WireMock in Stripe's words.

use crate::setup::{Mock, PAYMENT, Page, Station, config};
use coinless_station::provider::stripe::{Stripe, StripeConfig};
use coinless_station::provider::{EntryKind, PaymentProvider, StatementEntry};
use serde_json::{Value, json};

fn transaction(id: &str, kind: &str, amount: i64, fee: i64, source: Value) -> Value {
    json!({ "id": id, "object": "balance_transaction", "type": kind, "amount": amount, "fee": fee, "currency": "eur",
        "created": 1_700_000_010, "source": source })
}

fn source(id: &str, object: &str, amount: i64, metadata: Value) -> Value {
    json!({ "id": id, "object": object, "amount": amount, "currency": "eur", "charge": "ch_1", "metadata": metadata })
}

/// Kind, receipt, sum with currency, payment and refund of an entry.
fn short(entry: &StatementEntry) -> (EntryKind, &str, String, Option<&str>, Option<&str>) {
    assert_eq!((entry.at_ms, &entry.account), (1_700_000_010_000, &None));
    let sum = format!("{} {}", entry.currency.format(entry.amount), entry.currency);
    (entry.kind, &entry.receipt, sum, entry.payment_id.as_deref(), entry.refund_id.as_deref())
}

#[tokio::test]
async fn every_movement_is_told() {
    let Some(mock) = Mock::start() else { return };
    let ours = json!({ "coinless_payment_id": PAYMENT });
    let refund_id = format!("{PAYMENT}/1");
    let of_refund = json!({ "coinless_payment_id": PAYMENT, "coinless_refund_id": refund_id });
    // Charged in dollars, held in euros.
    let dollars = json!({ "id": "ch_2", "object": "charge", "amount": 2000, "currency": "usd", "metadata": ours });
    let first = json!({ "has_more": true, "data": [
        transaction("txn_1", "charge", 1050, 46, source("ch_1", "charge", 1050, ours.clone())),
        transaction("txn_2", "charge", 1800, 80, dollars),
        transaction("txn_3", "refund", -400, 0, source("re_1", "refund", 400, of_refund.clone())),
    ] });
    let second = json!({ "has_more": false, "data": [
        transaction("txn_4", "refund", -300, 0, source("re_2", "refund", 300, json!({}))),
        transaction("txn_5", "adjustment", -1050, 1500, source("dp_1", "dispute", 1050, json!({}))),
        transaction("txn_6", "adjustment", 1050, 0, source("dp_1", "dispute", 1050, json!({}))),
        transaction("txn_7", "refund_failure", 400, 0, source("re_1", "refund", 400, of_refund)),
        transaction("txn_8", "stripe_fee", -200, 0, Value::Null),
        transaction("txn_9", "payout", -1000, 0, json!({ "id": "po_1", "object": "payout" })),
        transaction("txn_10", "a_new_one", -7, 0, json!("xx_1")),
        transaction("txn_11", "a_new_one", 8, 0, Value::Null),
    ] });
    mock.json("GET", "/v1/balance_transactions", first).await;
    let after = json!({ "method": "GET", "urlPath": "/v1/balance_transactions",
        "queryParameters": { "starting_after": { "equalTo": "txn_3" } } });
    mock.answer(after, json!({ "status": 200, "jsonBody": second })).await;
    let charge = json!({ "id": "ch_1", "amount": 1050, "currency": "eur", "metadata": ours });
    mock.json("GET", "/v1/charges/ch_1", charge).await;

    let station = Station::new(mock.url(), Page::Hosted);
    let entries = station.stripe.statement(1_700_000_000_001, 1_700_000_020_000).await.unwrap();
    let (payment, refund) = (Some(PAYMENT), Some(refund_id.as_str()));
    let expected = [
        (EntryKind::Payment, "ch_1", "10.50 EUR", payment, None),
        (EntryKind::Fee, "txn_1-fee", "0.46 EUR", payment, None),
        (EntryKind::Payment, "ch_2", "20.00 USD", payment, None),
        (EntryKind::Fee, "txn_2-fee", "0.80 EUR", payment, None),
        (EntryKind::Refund, "re_1", "4.00 EUR", payment, refund),
        // By hand, and disputed: known by their charge.
        (EntryKind::TakenBack, "re_2", "3.00 EUR", payment, None),
        (EntryKind::TakenBack, "dp_1", "10.50 EUR", payment, None),
        (EntryKind::Fee, "txn_5-fee", "15.00 EUR", payment, None),
        // A dispute that was won and a refund that failed are money that came.
        (EntryKind::Payment, "txn_6", "10.50 EUR", payment, None),
        (EntryKind::Payment, "txn_7", "4.00 EUR", payment, refund),
        (EntryKind::Fee, "txn_8", "2.00 EUR", None, None),
        // What is not known is not hidden.
        (EntryKind::TakenBack, "txn_10", "0.07 EUR", None, None),
        (EntryKind::Payment, "txn_11", "0.08 EUR", None, None),
    ];
    let expected =
        expected.map(|(kind, receipt, sum, payment, refund)| (kind, receipt, sum.to_owned(), payment, refund));
    assert_eq!(entries.iter().map(short).collect::<Vec<_>>(), expected);

    let calls = mock.calls().await;
    let asked = |name: &str| calls[0]["queryParams"][name]["values"][0].clone();
    assert_eq!((asked("created[gte]"), asked("created[lt]")), (json!("1700000001"), json!("1700000020")));
    assert_eq!(calls.iter().filter(|call| call["url"] == "/v1/charges/ch_1").count(), 1, "asked once");
}

#[tokio::test]
async fn of_a_shared_account_only_what_is_ours_is_told() {
    let Some(mock) = Mock::start() else { return };
    let ours = json!({ "coinless_payment_id": PAYMENT });
    let foreign = json!({ "payment_id": "17" });
    let foreign_source = |id: &str, object: &str, metadata: &Value| {
        let charge = if object == "charge" { Value::Null } else { json!("ch_2") };
        json!({ "id": id, "object": object, "amount": 700, "currency": "eur", "charge": charge, "metadata": metadata })
    };
    let moved = [
        transaction("txn_1", "charge", 1050, 46, source("ch_1", "charge", 1050, ours.clone())),
        transaction("txn_2", "charge", 700, 30, foreign_source("ch_2", "charge", &foreign)),
        transaction("txn_3", "refund", -700, 0, foreign_source("re_2", "refund", &json!({}))),
        transaction("txn_4", "adjustment", -1050, 1500, source("dp_1", "dispute", 1050, json!({}))),
        transaction("txn_5", "stripe_fee", -200, 0, Value::Null),
        transaction("txn_6", "a_new_one", 8, 0, Value::Null),
    ];
    mock.json("GET", "/v1/balance_transactions", json!({ "has_more": false, "data": moved })).await;
    for (id, metadata) in [("ch_1", ours), ("ch_2", foreign)] {
        let charge = json!({ "id": id, "amount": 1050, "currency": "eur", "metadata": metadata });
        mock.json("GET", &format!("/v1/charges/{id}"), charge).await;
    }
    for (is_shared, expected) in [
        (false, &["ch_1", "txn_1-fee", "ch_2", "txn_2-fee", "re_2", "dp_1", "txn_4-fee", "txn_5", "txn_6"][..]),
        (true, &["ch_1", "txn_1-fee", "dp_1", "txn_4-fee", "txn_5", "txn_6"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = StripeConfig { shared_account: is_shared, ..config(folder.path(), mock.url(), Page::Hosted) };
        let entries = Stripe::new(&config).unwrap().statement(1_700_000_000_001, 1_700_000_020_000).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.receipt.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_statement_that_cannot_be_read_is_none() {
    let Some(mock) = Mock::start() else { return };
    let station = Station::new(mock.url(), Page::Hosted);
    let strange = json!({ "id": "ch_1", "object": "charge", "amount": 1, "currency": "euros", "metadata": {} });
    for data in [
        // 7.01 UGX, and a currency that is none.
        json!([{ "id": "txn_1", "type": "charge", "amount": 701, "currency": "ugx", "created": 1 }]),
        json!([transaction("txn_1", "charge", 1, 0, strange)]),
        json!([{ "id": "txn_1", "type": "charge", "amount": 1, "currency": "eur", "created": i64::MAX }]),
        json!([{ "id": "txn_1" }]),
    ] {
        mock.json("GET", "/v1/balance_transactions", json!({ "data": data, "has_more": false })).await;
        assert!(station.stripe.statement(0, 1).await.is_err(), "{data}");
    }
    // A list that goes on with nothing on its pages.
    mock.json("GET", "/v1/balance_transactions", json!({ "data": [], "has_more": true })).await;
    assert!(station.stripe.statement(0, 1).await.is_err());
    mock.json("GET", "/v1/balance_transactions", json!({ "data": [], "has_more": false })).await;
    assert_eq!(station.stripe.statement(0, 1).await.unwrap(), []);
}
