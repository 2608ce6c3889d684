//! Every state of an intent and a session, as Stripe writes them, told by WireMock.

use crate::setup::{Mock, PAYMENT, Page, Station, eur, payment, refund};
use coinless_station::money::Money;
use coinless_station::provider::{MoneyReceipt, PaymentOutcome, PaymentProvider, RefundOutcome, RefundRequest};
use serde_json::{Value, json};

/// What is expected of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pending,
    Captured,
    Declined,
    Unknown,
}

fn kind(said: &PaymentOutcome) -> Kind {
    match said {
        PaymentOutcome::Pending { .. } => Kind::Pending,
        PaymentOutcome::Captured(receipts) => {
            let money = MoneyReceipt { receipt: "ch_1".to_owned(), amount: Money::from_minor(1050), currency: eur() };
            assert_eq!(receipts, &[money]);
            Kind::Captured
        }
        PaymentOutcome::Declined { .. } => Kind::Declined,
        PaymentOutcome::Unknown { .. } => Kind::Unknown,
        said => panic!("{said:?}"),
    }
}

fn charge(more: Value) -> Value {
    let mut charge = json!({ "id": "ch_1", "object": "charge", "amount": 1050, "amount_captured": 1050, "currency": "eur",
        "amount_refunded": 0, "captured": true, "disputed": false, "status": "succeeded",
        "metadata": { "coinless_payment_id": PAYMENT } });
    charge.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    charge
}

fn intent(status: &str) -> Value {
    let succeeded = status == "succeeded";
    json!({ "id": "pi_1", "object": "payment_intent", "amount": 1050, "currency": "eur", "status": status,
        "amount_received": if succeeded { 1050 } else { 0 }, "client_secret": "pi_1_secret_x",
        "latest_charge": if succeeded { charge(json!({})) } else { Value::Null },
        "last_payment_error": if status == "requires_payment_method" { json!({ "code": "card_declined" }) } else { Value::Null },
        "metadata": { "coinless_payment_id": PAYMENT } })
}

fn session(status: &str, intent: Value) -> Value {
    json!({ "id": "cs_1", "object": "checkout.session", "status": status, "payment_intent": intent,
        "url": if status == "open" { json!("https://checkout.stripe.com/c/pay/cs_1") } else { Value::Null },
        "metadata": { "coinless_payment_id": PAYMENT } })
}

#[tokio::test]
async fn states_of_intents_and_sessions() {
    let Some(mock) = Mock::start() else { return };
    let station = Station::new(mock.url(), Page::Own);
    for (status, expected) in [
        ("requires_payment_method", Kind::Pending),
        ("requires_confirmation", Kind::Pending),
        ("requires_action", Kind::Pending),
        ("processing", Kind::Pending),
        ("requires_capture", Kind::Pending),
        ("succeeded", Kind::Captured),
        ("canceled", Kind::Declined),
        ("a_new_one", Kind::Unknown),
    ] {
        mock.json("GET", "/v1/payment_intents/pi_1", intent(status)).await;
        let said = station.stripe.query(&payment(Some("pi_1"))).await;
        assert_eq!(kind(&said), expected, "{status}: {said:?}");
    }

    let station = Station::new(mock.url(), Page::Hosted);
    let none = Value::Null;
    for (status, intent, expected) in [
        ("open", none.clone(), Kind::Pending),
        ("open", intent("requires_payment_method"), Kind::Pending),
        ("open", intent("processing"), Kind::Pending),
        ("open", intent("succeeded"), Kind::Captured),
        ("complete", intent("succeeded"), Kind::Captured),
        ("complete", intent("processing"), Kind::Pending),
        // A debit that bounced days later: nobody can pay on a completed page.
        ("complete", intent("requires_payment_method"), Kind::Declined),
        ("complete", none.clone(), Kind::Unknown),
        ("complete", json!("pi_1"), Kind::Unknown),
        ("expired", none.clone(), Kind::Declined),
        ("expired", intent("canceled"), Kind::Declined),
        ("expired", intent("requires_payment_method"), Kind::Declined),
        // On its way when the page closed.
        ("expired", intent("processing"), Kind::Pending),
        ("expired", intent("requires_action"), Kind::Pending),
        ("expired", intent("succeeded"), Kind::Captured),
        ("a_new_one", none, Kind::Unknown),
    ] {
        mock.json("GET", "/v1/checkout/sessions/cs_1", session(status, intent.clone())).await;
        let said = station.stripe.query(&payment(Some("cs_1"))).await;
        assert_eq!(kind(&said), expected, "{status} {}: {said:?}", intent["status"]);
        if let PaymentOutcome::Pending { reference, instructions } = said {
            assert_eq!(reference.as_deref(), Some("cs_1"), "the reference stays the session");
            assert_eq!(instructions.is_some(), status == "open");
        }
    }

    // An intent that Stripe will not cancel is not declined; one that was paid meanwhile is captured.
    mock.json("GET", "/v1/payment_intents/pi_1", intent("requires_action")).await;
    let refusal = json!({ "error": { "type": "invalid_request_error", "code": "payment_intent_unexpected_state" } });
    let cancel = json!({ "method": "POST", "urlPath": "/v1/payment_intents/pi_1/cancel" });
    mock.answer(cancel.clone(), json!({ "status": 400, "jsonBody": refusal })).await;
    let station = Station::new(mock.url(), Page::Own);
    assert_eq!(kind(&station.at_minute(121).query(&payment(Some("pi_1"))).await), Kind::Unknown);
    mock.answer(cancel, json!({ "status": 200, "jsonBody": intent("succeeded") })).await;
    assert_eq!(kind(&station.stripe.query(&payment(Some("pi_1"))).await), Kind::Captured);
}

#[tokio::test]
async fn money_that_is_taken_away_again() {
    let Some(mock) = Mock::start() else { return };
    let station = Station::new(mock.url(), Page::Own);
    let query = || async { station.stripe.query(&payment(Some("pi_1"))).await };
    let list = |data: Value| json!({ "object": "list", "has_more": false, "data": data });
    let refund = |amount: i64, status: &str, metadata: Value| json!({ "id": "re_1", "amount": amount, "currency": "eur", "status": status, "metadata": metadata });
    let dispute = |status: &str, movements: Value| json!({ "id": "dp_1", "amount": 1050, "currency": "eur", "status": status, "balance_transactions": movements });
    let with = |more| {
        let mut intent = intent("succeeded");
        intent["latest_charge"] = charge(more);
        intent
    };
    let taken = |said: PaymentOutcome| match said {
        PaymentOutcome::TakenBack { amount, .. } => Some(amount.minor()),
        said => {
            assert_eq!(kind(&said), Kind::Captured, "{said:?}");
            None
        }
    };

    mock.json("GET", "/v1/payment_intents/pi_1", with(json!({ "amount_refunded": 900 }))).await;
    let ours = refund(
        400,
        "succeeded",
        json!({ "coinless_refund_id": format!("{PAYMENT}/1"), "coinless_payment_id": PAYMENT }),
    );
    mock.json("GET", "/v1/refunds", list(json!([ours]))).await;
    assert_eq!(taken(query().await), None);
    let by_hand = json!([
        ours,
        refund(300, "succeeded", json!({})),
        refund(50, "pending", Value::Null),
        refund(150, "failed", json!({}))
    ]);
    mock.json("GET", "/v1/refunds", list(by_hand)).await;
    assert_eq!(taken(query().await), Some(350));

    mock.json("GET", "/v1/payment_intents/pi_1", with(json!({ "disputed": true }))).await;
    let out = json!([{ "amount": -1050 }]);
    for (dispute, expected) in [
        (dispute("needs_response", out.clone()), Some(1050)),
        (dispute("lost", out), Some(1050)),
        (dispute("warning_needs_response", json!([])), None),
        (dispute("won", json!([{ "amount": -1050 }, { "amount": 1050 }])), None),
        (dispute("under_review", Value::Null), Some(1050)),
        (dispute("won", Value::Null), None),
    ] {
        mock.json("GET", "/v1/disputes", list(json!([dispute]))).await;
        assert_eq!(taken(query().await), expected, "{dispute}");
    }
    // A dispute that cannot be read leaves the payment unknown, and no list is read without end.
    mock.answer(json!({ "urlPath": "/v1/disputes" }), json!({ "status": 500 })).await;
    assert_eq!(kind(&query().await), Kind::Unknown);
    let endless = json!({ "has_more": true, "data": [dispute("lost", Value::Null)] });
    mock.json("GET", "/v1/disputes", endless).await;
    assert_eq!(kind(&query().await), Kind::Unknown);
}

#[tokio::test]
async fn states_of_refunds() {
    let Some(mock) = Mock::start() else { return };
    let station = Station::new(mock.url(), Page::Own);
    let made = |status: &str| {
        json!({ "id": "re_1", "amount": 400, "currency": "eur", "status": status,
            "metadata": { "coinless_refund_id": format!("{PAYMENT}/1"), "coinless_payment_id": PAYMENT } })
    };
    let pending = |said: &RefundOutcome| matches!(said, RefundOutcome::Pending { .. });
    let declined = |said: &RefundOutcome| matches!(said, RefundOutcome::Declined { .. });
    let ask = || async { station.stripe.refund(&refund("ch_1", 1)).await };
    for again in [false, true] {
        for status in ["pending", "requires_action", "succeeded", "failed", "canceled", "a_new_one"] {
            mock.reset().await;
            let there = if again { json!([made(status)]) } else { json!([]) };
            mock.json("GET", "/v1/refunds", json!({ "data": there, "has_more": false })).await;
            mock.json("POST", "/v1/refunds", made(status)).await;
            let said = ask().await;
            match status {
                "succeeded" => assert_eq!(said, RefundOutcome::Refunded),
                "failed" | "canceled" => assert!(declined(&said), "{status}: {said:?}"),
                _ => assert!(pending(&said), "{status}: {said:?}"),
            }
            // What is there already is not made again.
            let posts = mock.calls().await.iter().filter(|call| call["method"] == "POST").count();
            assert_eq!(posts, usize::from(!again));
        }
    }
    // A person has it asked for again: what failed before is no answer to that, but what went through is.
    let second = RefundRequest { attempt: 2, ..refund("ch_1", 1) };
    for (there, expected, posted) in [("failed", "succeeded", 1), ("succeeded", "failed", 0)] {
        mock.reset().await;
        mock.json("GET", "/v1/refunds", json!({ "data": [made(there)], "has_more": false })).await;
        mock.json("POST", "/v1/refunds", made(expected)).await;
        assert_eq!(station.stripe.refund(&second).await, RefundOutcome::Refunded);
        let calls = mock.calls().await;
        let posts: Vec<_> = calls.iter().filter(|call| call["method"] == "POST").collect();
        assert_eq!(posts.len(), posted);
        let own = |call: &&Value| call.to_string().contains(&format!("coinless-refund-{PAYMENT}/1/again/2"));
        assert!(posts.iter().all(own), "{posts:?}");
    }
    // It is on the second page.
    mock.reset().await;
    let other = json!({ "id": "re_9", "amount": 1, "currency": "eur", "status": "succeeded", "metadata": {} });
    mock.json("GET", "/v1/refunds", json!({ "data": [other], "has_more": true })).await;
    let second = json!({ "method": "GET", "urlPath": "/v1/refunds", "queryParameters": { "starting_after": { "equalTo": "re_9" } } });
    let page = json!({ "data": [made("succeeded")], "has_more": false });
    mock.answer(second, json!({ "status": 200, "jsonBody": page })).await;
    assert_eq!(ask().await, RefundOutcome::Refunded);
    // Without a receipt the session leads to the intent; without either there is nothing to refund yet.
    mock.json("GET", "/v1/checkout/sessions/cs_1", session("complete", json!("pi_1"))).await;
    let by_session = RefundRequest { receipt: None, reference: Some("cs_1".to_owned()), ..refund("", 1) };
    assert_eq!(station.stripe.refund(&by_session).await, RefundOutcome::Refunded);
    let last = mock.calls().await.pop().unwrap();
    assert_eq!(last["queryParams"]["payment_intent"]["values"][0], "pi_1");
    let by_nothing = RefundRequest { receipt: None, ..refund("", 1) };
    assert!(pending(&station.stripe.refund(&by_nothing).await));
    // Too little in the balance may change; a disputed charge does not.
    for (code, final_word) in [("balance_insufficient", false), ("charge_disputed", true), ("resource_missing", false)]
    {
        mock.reset().await;
        mock.json("GET", "/v1/refunds", json!({ "data": [], "has_more": false })).await;
        let error = json!({ "error": { "type": "invalid_request_error", "code": code } });
        mock.answer(json!({ "method": "POST", "urlPath": "/v1/refunds" }), json!({ "status": 400, "jsonBody": error }))
            .await;
        assert_eq!(declined(&ask().await), final_word, "{code}");
    }
}
