//! Prompts on the payer's telephone.

use crate::server::{Reply, Server};
use crate::station::App;
use crate::{
    OAUTH, ORDER, PULL, PUSH, QUERY, REFERENCE, callback, daraja, expect_declined, expect_unknown, failure, money,
    nothing, open, open_hasty, page, page_at, prompt_account, pushed, request, result, shop,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::Currency;
use coinless_station::provider::daraja::{Daraja, DarajaC2b, DarajaStk};
use coinless_station::provider::{Notice, PaymentOutcome, PaymentProvider, PaymentRequest};
use coinless_station::service::now_ms;
use coinless_station::view::OrderView;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

fn prompts(server: &Server, pull: bool) -> DarajaStk {
    DarajaStk::new(open(&server.url, pull)).unwrap()
}

fn ended(reference: &str, code: i64) -> Value {
    json!({ "Body": { "stkCallback": { "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": reference,
        "ResultCode": code, "ResultDesc": "words", "CallbackMetadata": { "Item": [
            { "Name": "Amount", "Value": 1.00 }, { "Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV" },
            { "Name": "PhoneNumber", "Value": 254_708_374_149_u64 }] } } } })
}

#[tokio::test]
async fn a_prompt_is_asked_for_in_safaricoms_words() {
    let server = daraja().await;
    server.script(PUSH, [Reply::Json(200, pushed())]);
    let provider = prompts(&server, false);
    assert!(!provider.may_start_again() && !provider.is_push());
    let outcome = provider.start(&request(50_000, Some("0722 111-111"), None)).await;
    assert!(
        matches!(&outcome, PaymentOutcome::Pending { reference: Some(r), instructions: Some(_) } if r == REFERENCE),
        "{outcome:?}"
    );
    let seen = &server.seen(PUSH)[0];
    assert_eq!(seen.authorization, "Bearer token1");
    let text = |name: &str| seen.body[name].as_str().unwrap().to_owned();
    for (name, value) in [
        ("BusinessShortCode", "174379"),
        ("TransactionType", "CustomerPayBillOnline"),
        ("Amount", "500"),
        ("PartyA", "254722111111"),
        ("PartyB", "174379"),
        ("PhoneNumber", "254722111111"),
        ("CallBackURL", "https://station.example/cb/1"),
        ("AccountReference", &prompt_account()),
    ] {
        assert_eq!(text(name), value, "{name}");
    }
    assert!(text("AccountReference").len() <= 12 && text("TransactionDesc").len() <= 13);
    assert_eq!(text("Timestamp").len(), 14);
    let password = String::from_utf8(STANDARD.decode(text("Password")).unwrap()).unwrap();
    assert_eq!(password, format!("174379passkey-text{}", text("Timestamp")));
    // key-text:secret-text
    assert_eq!(server.seen(OAUTH)[0].authorization, "Basic a2V5LXRleHQ6c2VjcmV0LXRleHQ=");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_declined_before_anything_is_sent() {
    let server = daraja().await;
    let provider = prompts(&server, true);
    for (minor, payer, words) in [
        (50_050, Some("0722111111"), "whole shillings"),
        (50_000, Some("0822111111"), "no Kenyan mobile number"),
        (50_000, Some("+255722111111"), "no Kenyan mobile number"),
        (50_000, None, "telephone number"),
    ] {
        expect_declined(&provider.start(&request(minor, payer, None)).await, words);
    }
    let mut euros = request(50_000, Some("0722111111"), None);
    euros.currency = Currency::from_code("EUR").unwrap();
    expect_declined(&provider.start(&euros).await, "KES");
    assert!(server.seen(OAUTH).is_empty() && server.seen(PUSH).is_empty());
}

#[tokio::test]
async fn each_answer_to_a_prompt() {
    let server = daraja().await;
    let provider = prompts(&server, false);
    let ask = request(50_000, Some("0722111111"), None);
    server.script(PUSH, [failure(400, "400.002.02", "Bad Request - Invalid PhoneNumber")]);
    expect_declined(&provider.start(&ask).await, "Invalid PhoneNumber");
    for (reply, words) in [
        (failure(500, "500.001.1001", "Unable to lock subscriber for 254722111111"), "lock subscriber for …"),
        (failure(500, "500.003.02", "Spike Arrest"), "500.003.02"),
        (failure(400, "400.999", "?"), "400.999"),
        (Reply::Json(404, json!({})), "404"),
        (Reply::Json(503, json!("busy")), "503"),
        (Reply::Json(200, json!({ "ResponseCode": "1", "ResponseDescription": "no" })), "answered 1"),
        (Reply::Json(200, json!({ "ResponseCode": "0" })), "answered 0"),
        (Reply::Json(200, json!({ "ResponseCode": "0", "CheckoutRequestID": "a b" })), "answered 0"),
        (Reply::Json(200, json!([])), "cannot be read"),
        (Reply::Reset, "no answer"),
    ] {
        server.script(PUSH, [reply]);
        let before = server.seen(PUSH).len();
        expect_unknown(&provider.start(&ask).await, words);
        assert_eq!(server.seen(PUSH).len(), before + 1, "sent once: {words}");
    }
}

#[tokio::test]
async fn a_silent_daraja_is_unknown() {
    let server = daraja().await;
    let shop = open_hasty(&server.url);
    for path in [PUSH, QUERY, PULL] {
        server.script(path, [Reply::Silent]);
    }
    let (prompts, paybill) = (DarajaStk::new(shop.clone()).unwrap(), DarajaC2b::new(shop).unwrap());
    expect_unknown(&prompts.start(&request(50_000, Some("0722111111"), None)).await, "no answer");
    expect_unknown(&prompts.query(&request(50_000, None, Some(REFERENCE))).await, "no answer");
    expect_unknown(&paybill.query(&request(50_000, None, None)).await, "no answer");
    assert_eq!((server.seen(PUSH).len(), server.seen(QUERY).len(), server.seen(PULL).len()), (1, 1, 1));
}

#[tokio::test]
async fn each_end_of_a_prompt() {
    let server = daraja().await;
    let provider = prompts(&server, false);
    let ask = request(50_000, None, Some(REFERENCE));
    for (code, words) in [
        ("1", "not enough money"),
        ("1001", "busy"),
        ("1019", "in time"),
        ("1025", "could not show"),
        ("1032", "cancelled"),
        ("1037", "could not be reached"),
        ("2001", "PIN"),
    ] {
        server.script(QUERY, [result(code)]);
        expect_declined(&provider.query(&ask).await, words);
    }
    server.script(QUERY, [result("4999")]);
    expect_unknown(&provider.query(&ask).await, "4999");
    server.script(QUERY, [failure(500, "500.001.1001", "The transaction is being processed")]);
    let pending = PaymentOutcome::Pending { reference: None, instructions: None };
    assert_eq!(provider.query(&ask).await, pending);
    server.script(QUERY, [failure(500, "500.001.1001", "Wrong credentials")]);
    expect_unknown(&provider.query(&ask).await, "Wrong credentials");
    for reply in [Reply::Reset, Reply::Json(502, json!({})), Reply::Json(200, json!({ "ResponseCode": "0" }))] {
        server.script(QUERY, [reply]);
        expect_unknown(&provider.query(&ask).await, "");
    }
    server.script(QUERY, [result("0")]);
    assert_eq!(provider.query(&ask).await, PaymentOutcome::Captured(vec![money(REFERENCE, 50_000)]));
    assert_eq!(server.seen(QUERY)[0].body["CheckoutRequestID"], REFERENCE);
    assert!(server.seen(PUSH).is_empty());
    let log = format!("{:?}", provider.statement(0, 1).await);
    assert!(log.contains("NotOffered"), "{log}");
}

#[tokio::test]
async fn the_receipt_number_is_always_the_statements_where_there_is_one() {
    let server = daraja().await;
    let provider = prompts(&server, true);
    server.script(QUERY, [result("0")]);
    let (with, without) = (request(50_000, None, Some(REFERENCE)), request(50_000, None, None));
    let outcome = provider.query(&with).await;
    assert!(
        matches!(&outcome, PaymentOutcome::Pending { instructions: Some(words), .. } if words.contains("statement")),
        "{outcome:?}"
    );
    expect_unknown(&provider.query(&without).await, "no payment of it so far");
    let other = format!("{}V", prompt_account());
    server.script(PULL, [page(&[("SGA1", &prompt_account(), "500.00"), ("SGA2", &other, "7")]), nothing()]);
    let captured = PaymentOutcome::Captured(vec![money("SGA1", 50_000)]);
    assert_eq!(provider.query(&without).await, captured);
    assert_eq!(provider.query(&with).await, captured);
    server.script(PULL, [Reply::Json(500, json!({}))]);
    expect_unknown(&provider.query(&with).await, "500");
    expect_unknown(&prompts(&server, false).query(&without).await, "only its callback can tell");
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once() {
    let server = daraja().await;
    server.script(PUSH, [failure(401, "401.001", "Invalid Access Token"), Reply::Json(200, pushed())]);
    let provider = prompts(&server, false);
    let ask = request(50_000, Some("0722111111"), None);
    assert!(matches!(provider.start(&ask).await, PaymentOutcome::Pending { .. }));
    let tokens: Vec<_> = server.seen(PUSH).into_iter().map(|seen| seen.authorization).collect();
    assert_eq!(tokens, ["Bearer token1", "Bearer token2"]);
    // As M-Pesa Express says it.
    server.script(PUSH, [failure(404, "404.001.03", "Invalid Access Token"), Reply::Json(200, pushed())]);
    assert!(matches!(provider.start(&ask).await, PaymentOutcome::Pending { .. }));
    assert_eq!((server.seen(OAUTH).len(), server.seen(PUSH).len()), (3, 4));
    // Refused for ever: twice and not more.
    server.script(PUSH, [failure(401, "401.001", "Invalid Access Token")]);
    expect_declined(&provider.start(&ask).await, "nothing was asked of you");
    assert_eq!((server.seen(OAUTH).len(), server.seen(PUSH).len()), (4, 6));
    // What came after a refused token may have arrived.
    server.script(PUSH, [failure(401, "401.001", "Invalid Access Token"), Reply::Reset]);
    expect_unknown(&provider.start(&ask).await, "no answer");
    assert_eq!(server.seen(PUSH).len(), 8);
    server.script(OAUTH, [Reply::Json(400, json!({ "errorCode": "400.008.02" }))]);
    server.script(PUSH, [failure(401, "401.001", "Invalid Access Token")]);
    expect_declined(&provider.start(&ask).await, "nothing was asked of you");
    assert_eq!(server.seen(PUSH).len(), 9, "the refused token was tried, and no other one came");
    expect_unknown(&provider.query(&request(50_000, None, Some(REFERENCE))).await, "no OAuth token");
}

#[tokio::test]
async fn one_token_for_all_who_wait_for_it() {
    let server = daraja().await;
    let go = Arc::new(Notify::new());
    let token = json!({ "access_token": "token1", "expires_in": 3599 });
    server.script(OAUTH, [Reply::Held(go.clone(), token)]);
    server.script(QUERY, [result("0")]);
    let provider = Arc::new(prompts(&server, false));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let provider = provider.clone();
            tokio::spawn(async move { provider.query(&request(50_000, None, Some(REFERENCE))).await })
        })
        .collect();
    server.wait_for(OAUTH, 1).await;
    go.notify_one();
    for asking in asking {
        assert!(matches!(asking.await.unwrap(), PaymentOutcome::Captured(_)));
    }
    assert_eq!((server.seen(OAUTH).len(), server.seen(QUERY).len()), (1, 20));
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_not_used() {
    let server = daraja().await;
    server.script(OAUTH, [Reply::Json(200, json!({ "access_token": "short", "expires_in": "59" }))]);
    server.script(QUERY, [result("1032")]);
    let provider = prompts(&server, false);
    for _ in 0..2 {
        provider.query(&request(50_000, None, Some(REFERENCE))).await;
    }
    assert_eq!(server.seen(OAUTH).len(), 2);
}

#[tokio::test]
async fn callbacks_only_make_the_station_ask() {
    let server = daraja().await;
    let provider = prompts(&server, false);
    let headers = axum::http::HeaderMap::new();
    for code in [0, 1032] {
        let body = ended(REFERENCE, code).to_string();
        let notice = provider.read_callback(&callback(Some(ORDER), &headers, body.as_bytes())).unwrap();
        assert_eq!(notice, Notice::Payment { payment_id: ORDER.to_owned(), reference: Some(REFERENCE.to_owned()) });
    }
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"Body":{"stkCallback":{"CheckoutRequestID":""}}}"#,
        r#"{"Body":{"stkCallback":{"CheckoutRequestID":"a b"}}}"#,
    ] {
        provider.read_callback(&callback(Some(ORDER), &headers, bad.as_bytes())).unwrap_err();
    }
    let body = ended(REFERENCE, 0).to_string();
    provider.read_callback(&callback(None, &headers, body.as_bytes())).unwrap_err();
    let acknowledgement = provider.acknowledgement();
    assert_eq!(acknowledgement.status, 200);
    assert_eq!(acknowledgement.body, Some(("application/json", r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#)));
}

#[tokio::test]
async fn secrets_are_not_shown_and_bad_shops_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = shop(folder.path(), "http://127.0.0.1:1", true);
    assert!(!format!("{config:?}").contains("-text"), "{config:?}");
    let refused = |change: fn(&mut coinless_station::provider::daraja::DarajaConfig), words: &str| {
        let mut config = config.clone();
        change(&mut config);
        let error = Daraja::open(&config).err().unwrap().to_string();
        assert!(error.contains(words) && !error.contains("-text"), "{error}");
    };
    refused(|config| config.short_code = "12a45".to_owned(), "short_code");
    refused(|config| config.timeout_ms = 0, "timeout_ms");
    refused(|config| config.consumer_key_file = "/nowhere/key".into(), "/nowhere/key");
    refused(|config| std::fs::write(&config.consumer_secret_file, "two\nlines").unwrap(), "plain characters");
    let mut without = config.clone();
    std::fs::write(&without.consumer_secret_file, "good").unwrap();
    without.passkey_file = None;
    let error = DarajaStk::new(Daraja::open(&without).unwrap()).err().unwrap();
    assert!(error.to_string().contains("passkey_file"));
    let json = r#"{"short_code":"174379","consumer_key_file":"a","consumer_secret_file":"b","pin":"1"}"#;
    assert!(serde_json::from_str::<coinless_station::provider::daraja::DarajaConfig>(json).is_err());
}

fn issued(order: &OrderView) -> bool {
    order.lines[0].state == LineState::Issued && order.lines[0].token.is_some()
}

#[tokio::test]
async fn a_prompt_whose_answer_was_lost_ends_when_the_statement_is_surely_whole() {
    let server = daraja().await;
    let provider = DarajaStk::new(open(&server.url, true)).unwrap();
    let (now, hour) = (now_ms(), 60 * 60 * 1000);
    let asked =
        |hours: i64| PaymentRequest { created_ms: now - hours * hour, ..request(500, Some("0722111111"), None) };
    expect_unknown(&provider.query(&asked(35)).await, "so far");
    expect_declined(&provider.query(&asked(37)).await, "order again");
    // What the statement does not hold any more is not known.
    expect_unknown(&provider.query(&asked(49)).await, "so far");
    server.script(PULL, [page_at(now - 36 * hour, &[("SGA1", &prompt_account(), "5.00")])]);
    let late = DarajaStk::new(open(&server.url, true)).unwrap();
    assert_eq!(late.query(&asked(37)).await, PaymentOutcome::Captured(vec![money("SGA1", 500)]));
}

#[tokio::test]
async fn a_lost_answer_is_never_followed_by_a_second_prompt() {
    let server = daraja().await;
    server.script(PUSH, [Reply::Reset]);
    server.script(QUERY, [failure(500, "500.001.1001", "The transaction is being processed"), result("0")]);
    let daraja = open(&server.url, false);
    let app = App::start(|_| vec![Arc::new(DarajaStk::new(daraja).unwrap())]).await;
    app.order(ORDER, "daraja-stk", "500", Some("0722111111")).await;
    app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
    assert!(server.seen(QUERY).is_empty(), "without its number a prompt cannot be asked about");
    // The callback tells the number. It says "cancelled", and is not believed.
    let url = server.seen(PUSH)[0].body["CallBackURL"].as_str().unwrap().to_owned();
    let (status, body) = app.post(&url, &ended(REFERENCE, 1032)).await;
    assert_eq!((status, body.as_str()), (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#));
    let order = app.wait_for(ORDER, issued).await;
    assert_eq!(order.payment.state, PaymentState::Captured);
    assert_eq!(app.balance("provider:daraja-stk:clearing").await, "500.00");
    assert_eq!(server.seen(PUSH).len(), 1);
    assert_eq!(app.post(&url.replace(ORDER, &ORDER.replace('8', "9")), &ended(REFERENCE, 0)).await.0, 403);
    assert!(app.exceptions().await.is_empty());
}
