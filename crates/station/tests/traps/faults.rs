//! The fault server: WireMock, which nobody here wrote, as an M-Pesa that delays, breaks connections and repeats itself, and as a
//! Stripe that repeats its own errors.

use crate::setup::{Mock, WEBHOOK_SECRET};
use crate::station::App;
use crate::words::{
    OAUTH, PULL, PUSH, QUERY, REFERENCE, event, intent, prompt_callback, pushed, pushed_end, statement,
};
use crate::world::stripe;
use crate::{ASKED, ORDER, Side};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::payments;
use serde_json::{Value, json};

/// A station whose prompts go to WireMock; none if WireMock is not installed.
async fn start() -> Option<(App, Mock)> {
    let mock = Mock::start()?;
    let app = App::start(|store| vec![Side::Stk.open(mock.url(), store)]).await;
    mock.json("GET", OAUTH, json!({ "access_token": "token", "expires_in": "3599" })).await;
    Some((app, mock))
}

/// What the order's prompt is called in the statement.
fn prompt_account() -> String {
    format!("{}U", payments::account(ORDER))
}

fn post(path: &str) -> Value {
    json!({ "method": "POST", "urlPath": path })
}

async fn calls(mock: &Mock, path: &str) -> usize {
    mock.calls().await.iter().filter(|call| call["url"].as_str().unwrap().starts_with(path)).count()
}

/// A callback that WireMock posts to `url`, so long after it answered.
fn webhook(url: &str, code: i64, delay_ms: u64) -> Value {
    json!({ "name": "webhook", "parameters": { "method": "POST", "url": url, "body": prompt_callback(code).to_string(),
        "headers": { "Content-Type": "application/json" },
        "delay": { "type": "fixed", "milliseconds": delay_ms } } })
}

async fn issued(app: &App) {
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued && order.lines[0].token.is_some()).await;
    assert_eq!(app.balance("provider:daraja-stk:clearing").await, "500.00");
    assert_eq!(app.balance("suspense").await, "0.00");
    assert!(app.exceptions().await.is_empty());
}

#[tokio::test]
async fn an_answer_after_our_time_out_and_repeated_callbacks() {
    let Some((app, mock)) = start().await else { return };
    let account = prompt_account();
    let url = app.station.context().callbacks.url("daraja-stk", ORDER);
    let late = json!({ "status": 200, "jsonBody": pushed(), "fixedDelayMilliseconds": 1_500 });
    mock.answer(post(PUSH), late).await;
    // Only callbacks tell the number of the prompt, and the statement has the money only after it was asked for by that number:
    // so what is sold was found through one of them. They come with each answer of the statement, since WireMock calls nobody
    // back after an answer that could not be sent. They contradict each other: what they say is not believed.
    let repeats: Vec<Value> = [(0, 0), (1032, 0), (0, 50), (1032, 300)]
        .iter()
        .map(|(code, delay_ms)| webhook(&url, *code, *delay_ms))
        .collect();
    let empty = json!({ "status": 200, "jsonBody": statement(&[]) });
    mock.stub(json!({ "request": post(PULL), "response": empty, "serveEventListeners": repeats })).await;
    let row = [("SGA1", account.as_str(), ASKED, false)];
    let found = json!({ "status": 200, "jsonBody": statement(&row) });
    let asked = json!({ "status": 200, "jsonBody": pushed_end("0") });
    for (path, response, before, after) in [(QUERY, &asked, None, Some("asked")), (PULL, &found, Some("asked"), None)] {
        mock.stub(json!({ "request": post(path), "response": response, "scenarioName": "prompt",
            "requiredScenarioState": before, "newScenarioState": after }))
            .await;
    }
    app.order(ORDER, "daraja-stk", "500", Some("0722111111")).await;
    issued(&app).await;
    for code in [0, 1032, 0] {
        assert_eq!(app.post(&url, &prompt_callback(code)).await.0, 200);
    }
    issued(&app).await;
    assert_eq!(calls(&mock, PUSH).await, 1, "one prompt, however late its answer");
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_answer() {
    let Some((app, mock)) = start().await else { return };
    let reset = json!({ "fault": "CONNECTION_RESET_BY_PEER" });
    mock.answer(post(PUSH), reset.clone()).await;
    // Without its answer the number of the prompt is not known; the statement, then the question about it, break as well.
    mock.answer(post(PULL), json!({ "fault": "EMPTY_RESPONSE" })).await;
    mock.answer(post(QUERY), reset).await;
    app.order(ORDER, "daraja-stk", "500", Some("0722111111")).await;
    app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
    let url = app.station.context().callbacks.url("daraja-stk", ORDER);
    assert_eq!(app.post(&url, &prompt_callback(0)).await.0, 200);
    assert_eq!(app.show(ORDER).await.lines[0].state, LineState::PaymentUnknown);
    // It recovers in the middle of an answer.
    mock.answer(
        post(QUERY),
        json!({ "status": 200, "jsonBody": pushed_end("0"),
        "chunkedDribbleDelay": { "numberOfChunks": 5, "totalDuration": 200 } }),
    )
    .await;
    mock.json("POST", PULL, statement(&[("SGA1", &prompt_account(), ASKED, false)])).await;
    let success = prompt_callback(0);
    let at_once = (0..3).map(|_| app.post(&url, &success));
    for (status, _) in futures_util::future::join_all(at_once).await {
        assert_eq!(status, 200);
    }
    issued(&app).await;
    assert_eq!(calls(&mock, PUSH).await, 1, "one prompt");
    let asked = mock.calls().await;
    let last = asked.iter().rfind(|call| call["url"] == QUERY).unwrap();
    assert!(last["body"].as_str().unwrap().contains(REFERENCE), "{last}");
}

/// Stripe made an intent and answered with an error, which it repeats under the same key. The payer is told of the second intent,
/// and pays that one; events about the first, which come first, lead nobody to it.
#[tokio::test]
async fn an_intent_that_nobody_was_told_of() {
    let Some(mock) = Mock::start() else { return };
    let app = App::start(|store| vec![Side::Stripe.open(mock.url(), store)]).await;
    let with_key = |number: u32| {
        json!({ "method": "POST", "urlPath": "/v1/payment_intents",
            "headers": { "Idempotency-Key": { "equalTo": format!("coinless-pay-{ORDER}-{number}") } } })
    };
    let numbered = |number: u32, status: &str| {
        let mut intent = intent(status, ASKED, 0, false);
        intent["id"] = json!(format!("pi_{number}"));
        intent["client_secret"] = json!(format!("pi_{number}_secret_x"));
        intent
    };
    let error = json!({ "error": { "type": "api_error" } });
    mock.answer(with_key(1), json!({ "status": 500, "jsonBody": error })).await;
    // What was never shown to anybody is canceled in the end.
    mock.json("GET", "/v1/payment_intents/pi_1", numbered(1, "canceled")).await;
    app.order(ORDER, "stripe", "500", None).await;
    app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
    let repeated = json!({ "status": 500, "headers": { "Idempotent-Replayed": "true" }, "jsonBody": error });
    mock.answer(with_key(1), repeated).await;
    mock.json("GET", "/v1/payment_intents/pi_2", numbered(2, "requires_payment_method")).await;
    mock.answer(with_key(2), json!({ "status": 200, "jsonBody": numbered(2, "requires_payment_method") })).await;
    let created = event("payment_intent.created", numbered(1, "requires_payment_method"));
    assert_eq!(stripe(&app, &created, WEBHOOK_SECRET).await, 204);
    let told = app.wait_for(ORDER, |order| order.payment.instructions.is_some()).await;
    assert!(told.payment.instructions.unwrap().ends_with("pi_2_secret_x"));

    mock.json("GET", "/v1/payment_intents/pi_2", numbered(2, "succeeded")).await;
    for (kind, number, status) in
        [("payment_intent.canceled", 1, "canceled"), ("payment_intent.succeeded", 2, "succeeded")]
    {
        assert_eq!(stripe(&app, &event(kind, numbered(number, status)), WEBHOOK_SECRET).await, 204);
    }
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued && order.lines[0].token.is_some()).await;
    assert_eq!(app.balance("provider:stripe:clearing").await, "500.00");
    assert!(app.exceptions().await.is_empty());
}
