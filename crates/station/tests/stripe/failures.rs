//! Against WireMock, as a Stripe that fails in every way: each is unknown, never declined.

use crate::setup::{self, CREATED_MS, MINUTE_MS, Mock, PAYMENT, Page, Station, header, payment, refund};
use coinless_station::provider::stripe::{API_VERSION, Stripe};
use coinless_station::provider::{PaymentOutcome, PaymentProvider, RefundOutcome, StatementError};
use serde_json::{Value, json};

/// An error as Stripe writes it.
fn error(kind: &str, code: &str, param: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "param": param, "message": format!("no {PAYMENT}") } })
}

fn refused(status: u16, kind: &str, code: &str) -> Value {
    json!({ "status": status, "jsonBody": error(kind, code, "x") })
}

/// Answers from which nothing follows.
fn unclear() -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("late", json!({ "status": 200, "jsonBody": {}, "fixedDelayMilliseconds": 20_000 })),
        ("reset", json!({ "fault": "CONNECTION_RESET_BY_PEER" })),
        ("empty", json!({ "fault": "EMPTY_RESPONSE" })),
        ("chunk", json!({ "fault": "MALFORMED_RESPONSE_CHUNK" })),
        ("garbage", json!({ "fault": "RANDOM_DATA_THEN_CLOSE" })),
        ("half", json!({ "status": 200, "body": r#"{"id":"pi_1","status":"succ"# })),
        ("other", json!({ "status": 200, "jsonBody": { "object": "list", "data": 7 } })),
        ("page", json!({ "status": 200, "body": "<html>maintenance</html>" })),
        ("long", json!({ "status": 200, "body": " ".repeat(5 * 1024 * 1024) })),
        ("redirect", json!({ "status": 302, "headers": { "Location": "/v1/payment_intents" } })),
        ("not ours", json!({ "status": 400, "body": "bad gateway, sort of" })),
        ("not found by a proxy", json!({ "status": 404, "body": "404" })),
        ("in use", refused(409, "invalid_request_error", "idempotency_key_in_use")),
        ("other form", refused(400, "idempotency_error", "")),
        ("wrong key", refused(401, "invalid_request_error", "api_key_expired")),
        ("not allowed", refused(403, "invalid_request_error", "")),
        ("too many", refused(429, "invalid_request_error", "rate_limit")),
        ("a parameter", refused(400, "invalid_request_error", "parameter_unknown")),
        ("a card", refused(402, "card_error", "card_declined")),
    ];
    all.extend([500, 502, 503, 504].map(|status| ("server", refused(status, "api_error", ""))));
    all
}

async fn all_calls_are_unknown(stripe: &Stripe, name: &str) {
    let unknown = |said: PaymentOutcome| match said {
        PaymentOutcome::Unknown { why } => assert!(!why.contains(PAYMENT) && !why.contains(setup::KEY), "{why}"),
        said => panic!("{name}: {said:?}"),
    };
    unknown(stripe.start(&payment(None)).await);
    unknown(stripe.query(&payment(None)).await);
    unknown(stripe.query(&payment(Some("pi_1"))).await);
    unknown(stripe.query(&payment(Some("cs_1"))).await);
    let said = stripe.refund(&refund("ch_1", 1)).await;
    assert!(matches!(said, RefundOutcome::Pending { .. }), "{name}: {said:?}");
    let said = stripe.statement(0, CREATED_MS).await;
    assert!(matches!(said, Err(StatementError::Unavailable(_))), "{name}: {said:?}");
}

#[tokio::test]
async fn nothing_is_declined_that_is_not_known() {
    let Some(mock) = Mock::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let stripe = |page| {
        let mut config = setup::config(folder.path(), mock.url(), page);
        config.timeout_ms = Some(500);
        Stripe::with_clock(&config, Box::new(|| CREATED_MS + MINUTE_MS)).unwrap()
    };
    let (hosted, own) = (stripe(Page::Hosted), stripe(Page::Own));
    for (name, answer) in unclear() {
        mock.reset().await;
        mock.answer(json!({ "urlPathPattern": "/v1/.*" }), answer).await;
        all_calls_are_unknown(&hosted, name).await;
        all_calls_are_unknown(&own, name).await;
    }
    // Nobody there at all.
    drop(mock);
    all_calls_are_unknown(&own, "nobody").await;
}

#[tokio::test]
async fn what_is_sent() {
    let Some(mock) = Mock::start() else { return };
    let session = json!({ "id": "cs_1", "status": "open", "url": "https://checkout.stripe.com/c/pay/cs_1#a",
        "payment_intent": null, "metadata": { "coinless_payment_id": PAYMENT } });
    mock.json("POST", "/v1/checkout/sessions", session).await;
    let station = Station::new(mock.url(), Page::Hosted);
    let expected = PaymentOutcome::Pending {
        reference: Some("cs_1".to_owned()),
        instructions: Some("pay on this page: https://checkout.stripe.com/c/pay/cs_1#a".to_owned()),
    };
    // A start and its repetitions, at any time: one key and one form.
    for minute in [1, 30, 84] {
        assert_eq!(station.at_minute(minute).start(&payment(None)).await, expected);
        assert_eq!(station.at_minute(minute).query(&payment(None)).await, expected);
    }
    let calls = mock.calls().await;
    assert_eq!(calls.len(), 6);
    let body = calls[0]["body"].as_str().unwrap();
    for call in &calls {
        assert_eq!(call["body"], body);
        assert_eq!(header(call, "idempotency-key"), Some(format!("coinless-pay-{PAYMENT}-1").as_str()));
        assert_eq!(header(call, "authorization"), Some(format!("Bearer {}", setup::KEY).as_str()));
        assert_eq!(header(call, "stripe-version"), Some(API_VERSION));
        assert_eq!(header(call, "content-type"), Some("application/x-www-form-urlencoded"));
    }
    let ends_s = CREATED_MS / 1000 + 120 * 60;
    for field in [
        "mode=payment",
        "line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=eur",
        "line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=1050",
        "success_url=https%3A%2F%2Fpay.example%2Fdone",
        &format!("expires_at={ends_s}"),
        &format!("&metadata%5Bcoinless_payment_id%5D={PAYMENT}"),
        &format!("payment_intent_data%5Bmetadata%5D%5Bcoinless_payment_id%5D={PAYMENT}"),
    ] {
        assert!(body.contains(field), "{field}: {body}");
    }
}

#[tokio::test]
async fn keys_and_time() {
    let Some(mock) = Mock::start() else { return };
    let station = Station::new(mock.url(), Page::Own);
    let key = |number: u32| format!("coinless-pay-{PAYMENT}-{number}");
    let with_key = |number| {
        json!({ "method": "POST", "urlPath": "/v1/payment_intents",
            "headers": { "Idempotency-Key": { "equalTo": key(number) } } })
    };
    let intent = json!({ "id": "pi_2", "status": "requires_payment_method", "currency": "eur",
        "client_secret": "pi_2_secret_x", "metadata": { "coinless_payment_id": PAYMENT } });

    // A server error is repeated under the same key; when Stripe repeats it as its first answer, the next key is used, and
    // the same way leads to the same intent again.
    let fresh = json!({ "status": 500, "jsonBody": error("api_error", "", "") });
    mock.answer(with_key(1), fresh).await;
    let said = station.stripe.start(&payment(None)).await;
    assert!(matches!(said, PaymentOutcome::Unknown { .. }), "{said:?}");
    assert_eq!(mock.calls().await.len(), 1);
    let replayed = json!({ "status": 500, "headers": { "Idempotent-Replayed": "true" },
        "jsonBody": error("api_error", "", "") });
    mock.answer(with_key(1), replayed.clone()).await;
    mock.answer(with_key(2), json!({ "status": 200, "jsonBody": intent })).await;
    for _ in 0..2 {
        let said = station.stripe.query(&payment(None)).await;
        let PaymentOutcome::Pending { reference, instructions } = said else { panic!("{said:?}") };
        assert_eq!(reference.as_deref(), Some("pi_2"));
        assert!(instructions.unwrap().ends_with("#payment_intent_client_secret=pi_2_secret_x"));
    }
    // Not for ever.
    mock.reset().await;
    mock.answer(json!({ "urlPath": "/v1/payment_intents" }), replayed).await;
    assert!(matches!(station.stripe.start(&payment(None)).await, PaymentOutcome::Unknown { .. }));
    assert_eq!(mock.calls().await.len(), 3);

    // A sum that can never be paid is refused for ever, and nothing was made.
    for code in ["amount_too_small", "amount_too_large"] {
        mock.reset().await;
        mock.answer(json!({ "urlPath": "/v1/payment_intents" }), refused(400, "invalid_request_error", code)).await;
        let said = station.stripe.start(&payment(None)).await;
        assert!(matches!(said, PaymentOutcome::Declined { .. }), "{said:?}");
    }
    // One that cannot be written in Stripe's unit is never sent.
    mock.reset().await;
    let mut odd = payment(None);
    odd.currency = coinless_station::money::Currency::from_code("KWD").unwrap();
    odd.amount = coinless_station::money::Money::from_minor(5124);
    assert!(matches!(station.stripe.start(&odd).await, PaymentOutcome::Declined { .. }));
    assert!(mock.calls().await.is_empty());
}

#[tokio::test]
async fn too_late_to_start_again() {
    let Some(mock) = Mock::start() else { return };
    let search = "/v1/payment_intents/search";
    let found = |intents: Value| json!({ "object": "search_result", "data": intents, "has_more": false });
    let intent = |id: &str, status: &str, payment_id: &str| {
        json!({ "id": id, "status": status, "currency": "eur", "amount_received": 1050,
            "latest_charge": { "id": format!("ch_{id}"), "amount": 1050, "currency": "eur" },
            "metadata": { "coinless_payment_id": payment_id } })
    };
    for page in [Page::Hosted, Page::Own] {
        let station = Station::new(mock.url(), page);
        mock.reset().await;
        // From 35 minutes before its end nothing is started any more, since Stripe forgets keys: it is searched for. The
        // search may be late, so nothing found is final only an hour after the end.
        mock.json("GET", search, found(json!([]))).await;
        for (minute, declined) in [(85, false), (120, false), (180, false), (181, true), (100_000, true)] {
            let said = station.at_minute(minute).start(&payment(None)).await;
            assert_eq!(matches!(said, PaymentOutcome::Declined { .. }), declined, "{minute}: {said:?}");
            assert!(declined || matches!(said, PaymentOutcome::Unknown { .. }), "{minute}: {said:?}");
        }
        let calls = mock.calls().await;
        let wanted = format!("metadata['coinless_payment_id']:'{PAYMENT}'");
        assert!(calls.iter().all(|call| call["method"] == "GET"), "{calls:#?}");
        assert_eq!(calls[0]["queryParams"]["query"]["values"][0], wanted);

        mock.json(
            "GET",
            search,
            found(json!([intent("pi_1", "canceled", PAYMENT), intent("pi_2", "succeeded", PAYMENT)])),
        )
        .await;
        let said = station.stripe.query(&payment(None)).await;
        assert!(matches!(&said, PaymentOutcome::Captured(receipts) if receipts[0].receipt == "ch_pi_2"), "{said:?}");
        // Two that succeeded are two receipts: the second is money that nobody asked for.
        let both = found(json!([intent("pi_1", "succeeded", PAYMENT), intent("pi_2", "succeeded", PAYMENT)]));
        mock.json("GET", search, both).await;
        let said = station.stripe.query(&payment(None)).await;
        assert!(matches!(&said, PaymentOutcome::Captured(receipts) if receipts.len() == 2), "{said:?}");
        mock.json("GET", search, found(json!([intent("pi_1", "processing", PAYMENT)]))).await;
        assert!(matches!(station.stripe.query(&payment(None)).await, PaymentOutcome::Pending { .. }));
        mock.json("GET", search, found(json!([intent("pi_1", "canceled", PAYMENT)]))).await;
        assert!(matches!(station.stripe.query(&payment(None)).await, PaymentOutcome::Declined { .. }));
        // Another payment's is none of ours; and no search (accounts in India) is no answer.
        mock.json("GET", search, found(json!([intent("pi_1", "succeeded", "another")]))).await;
        assert!(matches!(station.at_minute(150).query(&payment(None)).await, PaymentOutcome::Unknown { .. }));
        mock.answer(json!({ "urlPath": search }), refused(400, "invalid_request_error", "")).await;
        assert!(matches!(station.at_minute(200).query(&payment(None)).await, PaymentOutcome::Unknown { .. }));
    }
}
