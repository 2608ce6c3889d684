//! Money that goes back.

use crate::server::Reply;
use crate::station::App;
use crate::{ORDER, PAY_OUT, PULL, callback, daraja, failure, kes, nothing, open, page, shop};
use coinless_station::lifecycle::LineState;
use coinless_station::money::Money;
use coinless_station::payments;
use coinless_station::provider::daraja::{Daraja, DarajaC2b, DarajaStk};
use coinless_station::provider::{Notice, PaymentProvider, RefundOutcome, RefundRequest};
use serde_json::{Value, json};
use std::sync::Arc;

fn refund(minor: i64, payer: Option<&str>) -> RefundRequest {
    RefundRequest {
        payment_id: ORDER.to_owned(),
        refund_id: format!("{ORDER}/1"),
        attempt: 1,
        amount: Money::from_minor(minor),
        currency: kes(),
        payer: payer.map(str::to_owned),
        reference: None,
        receipt: None,
        callback_url: "https://station.example/cb/refund".to_owned(),
    }
}

fn accepted() -> Reply {
    Reply::Json(
        200,
        json!({ "ConversationID": "AG_20240706_20106e9209f64bebd05b", "OriginatorConversationID": "x",
        "ResponseCode": "0", "ResponseDescription": "Accept the service request successfully." }),
    )
}

fn paid_out(code: Value) -> Value {
    json!({ "Result": { "ResultType": 0, "ResultCode": code, "ResultDesc": "words", "OriginatorConversationID": "53e3",
        "ConversationID": "AG_1", "TransactionID": "SG632NMUAB", "ResultParameters": { "ResultParameter": [
            { "Key": "TransactionAmount", "Value": 10 },
            { "Key": "ReceiverPartyPublicName", "Value": "254705912645 - SOMEBODY" }] } } })
}

#[tokio::test]
async fn a_refund_is_asked_for_under_one_id() {
    let server = daraja().await;
    let provider = DarajaStk::new(open(&server.url, false)).unwrap();
    let duplicate = || failure(500, "500.002.1001", "Duplicate OriginatorConversationID.");
    let replies = [accepted(), duplicate(), Reply::Reset, Reply::Json(503, json!({}))];
    server.script(PAY_OUT, replies.clone());
    for _ in &replies {
        let said = provider.refund(&refund(20_000, Some("0705912645"))).await;
        assert!(matches!(said, RefundOutcome::Pending { .. }), "{said:?}");
    }
    let seen = server.seen(PAY_OUT);
    assert_eq!(seen.len(), replies.len());
    assert!(seen.iter().all(|other| other.body == seen[0].body), "the same again");
    let body = &seen[0].body;
    for (name, value) in [
        ("InitiatorName", "testapi"),
        ("SecurityCredential", "credential-text"),
        ("CommandID", "BusinessPayment"),
        ("Amount", "200"),
        ("PartyA", "600997"),
        ("PartyB", "254705912645"),
        ("ResultURL", "https://station.example/cb/refund"),
        ("QueueTimeOutURL", "https://station.example/cb/refund"),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(body["OriginatorConversationID"].as_str().unwrap().len(), 36);
    // After its last word, a person has it asked for again: M-Pesa answers an id once only.
    let again = RefundRequest { attempt: 2, ..refund(20_000, Some("0705912645")) };
    provider.refund(&again).await;
    let other = server.seen(PAY_OUT).pop().unwrap();
    assert_ne!(other.body["OriginatorConversationID"], body["OriginatorConversationID"]);
}

#[tokio::test]
async fn what_cannot_go_back_by_itself_comes_before_a_person() {
    let server = daraja().await;
    let provider = DarajaStk::new(open(&server.url, false)).unwrap();
    let declined = |said: RefundOutcome, words: &str| {
        assert!(matches!(&said, RefundOutcome::Declined { reason } if reason.contains(words)), "{said:?}");
    };
    declined(provider.refund(&refund(20_050, Some("0705912645"))).await, "whole shillings");
    declined(provider.refund(&refund(20_000, None)).await, "portal");
    declined(provider.refund(&refund(20_000, Some("12"))).await, "mobile number");
    assert!(server.seen(PAY_OUT).is_empty());
    server.script(PAY_OUT, [failure(400, "400.002.02", "Bad Request - Invalid PartyB")]);
    declined(provider.refund(&refund(20_000, Some("0705912645"))).await, "Invalid PartyB");
    let folder = tempfile::tempdir().unwrap();
    let mut config = shop(folder.path(), &server.url, false);
    config.refunds = None;
    let without = DarajaStk::new(Daraja::open(&config).unwrap()).unwrap();
    declined(without.refund(&refund(20_000, Some("0705912645"))).await, "not set up");
}

#[tokio::test]
async fn each_result_of_a_refund() {
    let server = daraja().await;
    let provider = DarajaC2b::new(open(&server.url, true)).unwrap();
    let id = format!("{ORDER}/1");
    let headers = axum::http::HeaderMap::new();
    let said = |body: &Value| {
        let body = body.to_string();
        match provider.read_callback(&callback(Some(&id), &headers, body.as_bytes())).unwrap() {
            Notice::Refund { refund_id, said } if refund_id == id => said,
            other => panic!("{other:?}"),
        }
    };
    for zero in [json!(0), json!("0")] {
        assert_eq!(said(&paid_out(zero)), RefundOutcome::Refunded);
    }
    for code in [json!(1), json!("2001"), json!(2040), json!("SFC_IC0003")] {
        assert!(matches!(said(&paid_out(code.clone())), RefundOutcome::Declined { .. }), "{code}");
    }
    let mut waiting = paid_out(json!(0));
    waiting["Result"]["ResultType"] = json!(1);
    let mut nameless = paid_out(json!(0));
    nameless["Result"]["TransactionID"] = json!("");
    let timed_out = json!({ "OriginatorConversationID": "53e3", "ConversationID": "AG_1", "ResultCode": 0 });
    for body in [waiting, nameless, timed_out, json!({}), paid_out(json!(17)), paid_out(json!("999"))] {
        assert!(matches!(said(&body), RefundOutcome::Pending { .. }), "{body}");
    }
    provider.read_callback(&callback(Some(&id), &headers, b"no JSON")).unwrap_err();
}

#[tokio::test]
async fn a_time_out_notice_may_come_before_the_result() {
    let server = daraja().await;
    let account = payments::account(ORDER);
    let rows = [("SGA1", account.as_str(), "500"), ("SGA2", account.as_str(), "300")];
    server.script(PULL, [page(&rows), nothing()]);
    server.script(PAY_OUT, [accepted(), failure(500, "500.002.1001", "Duplicate OriginatorConversationID.")]);
    let daraja = open(&server.url, true);
    let app = App::start(|_| vec![Arc::new(DarajaC2b::new(daraja).unwrap())]).await;
    app.order(ORDER, "daraja-paybill", "500", Some("0705912645")).await;
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    assert_eq!(app.balance("suspense").await, "-300.00");
    app.give_back(&format!("{ORDER}/receipt/SGA2")).await;
    let url = server.wait_for(PAY_OUT, 1).await[0].body["ResultURL"].as_str().unwrap().to_owned();
    assert_eq!(app.balance("refunds_due").await, "-300.00");
    let timed_out = json!({ "OriginatorConversationID": "53e3", "ConversationID": "AG_1" });
    assert_eq!(app.post(&url, &timed_out).await, (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.to_owned()));
    assert_eq!(app.balance("refunds_due").await, "-300.00", "it may still be paid out");
    for _ in 0..2 {
        assert_eq!(app.post(&url, &paid_out(json!(0))).await.0, 200);
        assert_eq!(app.balance("refunds_due").await, "0.00");
        assert_eq!(app.balance("provider:daraja-paybill:clearing").await, "500.00");
    }
}
