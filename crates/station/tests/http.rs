//! The API as a client sees it: a station on a real socket with its own database, and a provider that a test scripts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "shared with other tests")]
mod app;

use app::{App, Script};
use serde_json::{Value, json};

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn order(amount: &str) -> Value {
    json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": amount }] })
}

#[tokio::test]
async fn bad_input_gets_a_clear_error_and_leaves_nothing() {
    let app = App::start(Script::capture()).await;
    let lines = |lines: Value| json!({ "lines": lines });
    let stranger = "CLS0000000099".parse::<coinless_protocol::MeterId>().unwrap().label().to_string();
    let cases = [
        (order("0"), 422, "bad_amount", "greater than zero"),
        (order("-5.00"), 422, "bad_amount", "greater than zero"),
        (order("1e3"), 422, "bad_amount", "decimal number"),
        (order("0.50"), 422, "bad_amount", "at least 1.00 EUR"),
        (order("500.01"), 422, "bad_amount", "at most 500.00 EUR"),
        (order("99999999999999999999"), 422, "bad_amount", "absurdly large"),
        (order("5.001"), 422, "bad_amount", "more decimal digits"),
        (lines(json!([{ "meter": "CLS0000000018-Z", "amount": "5" }])), 422, "bad_meter_number", "check character"),
        (lines(json!([{ "meter": "CLS0000000017", "amount": "5" }])), 422, "bad_meter_number", "missing"),
        (lines(json!([{ "meter": stranger, "amount": "5" }])), 404, "unknown_meter", "not enrolled"),
        (lines(json!([])), 400, "malformed", "1 to 500 lines"),
        (
            lines(json!([
                { "meter": "CLS0000000017-Z", "amount": "5" },
                { "meter": "CLS0000000017-Z", "quantity": "5m3" },
            ])),
            400,
            "malformed",
            "CLS0000000017-Z is in two lines",
        ),
        (
            json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "5" }], "currency": "USD" }),
            422,
            "wrong_currency",
            "EUR",
        ),
        (json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": 5 }] }), 400, "malformed", "string"),
        (
            json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "5", "x": 1 }] }),
            400,
            "malformed",
            "unknown field",
        ),
        (
            json!({ "lines": vec![json!({ "meter": "CLS0000000017-Z", "amount": "5" }); 501] }),
            400,
            "malformed",
            "1 to 500",
        ),
        (
            json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "5" }], "payer": "x".repeat(65) }),
            400,
            "malformed",
            "64",
        ),
        (
            json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "5" }], "payer": "+254700\0" }),
            400,
            "malformed",
            "NUL",
        ),
    ];
    for (body, status, code, detail) in cases {
        let problem = app.put(ORDER, &body).await.expect_problem(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        let quoted = app.post("/v1/quotes", &body).await.expect_problem(status);
        assert_eq!(quoted["code"], code, "{quoted}");
    }
    app.get(&format!("/v1/orders/{ORDER}")).await.expect_problem(404);
    app.put("not-a-uuid", &order("5")).await.expect_problem(400);
    app.put("8c2b3f0e-6f5e-4b1e-9d53-1f6a0f9d9b11", &order("5")).await.expect_problem(400);
    app.post_bytes("/v1/quotes", "application/json", b"{".to_vec()).await.expect_problem(400);
    app.post_bytes("/v1/quotes", "application/json", vec![b' '; 200_000]).await.expect_problem(413);
    app.post_bytes("/v1/receipts", "application/cose", vec![0x84; 100]).await.expect_problem(422);
    app.post_bytes("/v1/receipts", "application/cose", vec![0; 300]).await.expect_problem(422);
    app.get("/nothing/here").await.expect_problem(404);
    assert_eq!(app.ledger().await["accounts"], json!([]));
}

#[tokio::test]
async fn the_id_covers_the_request() {
    let app = App::start(Script::capture()).await;
    let first = app.put(ORDER, &order("50.00")).await.expect(201);
    assert_eq!(first["lines"][0]["quote"]["shown"], "49.435 m³");
    let explained = json!([
        { "text": "49.435 m³ at 0.85 EUR a m³", "amount": "42.02", "kind": "block", "units": 49_435, "price": "0.85" },
        { "text": "tax 19 % of gas", "amount": "7.98", "kind": "tax", "name": "tax", "percent": "19", "of": ["commodity"] },
    ]);
    assert_eq!(first["lines"][0]["quote"]["explanation"], explained);
    assert_eq!(app.put(ORDER, &order("50.00")).await.expect(200), first);
    let problem = app.put(ORDER, &order("50.01")).await.expect_problem(409);
    assert_eq!(problem["code"], "order_conflict");
    assert_eq!(app.get(&format!("/v1/orders/{ORDER}")).await.expect(200), first);
}

#[tokio::test]
async fn a_quote_is_accepted_once() {
    let app = App::start(Script::capture()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    let problem = app.accept(ORDER, 7).await.expect_problem(409);
    assert_eq!(problem["code"], "quote_expired");
    for _ in 0..3 {
        app.accept(ORDER, 1).await.expect(202);
    }
    let order = app.wait_for(ORDER, "issued").await;
    let token = order["lines"][0]["token"].as_str().unwrap();
    assert!((200..=256).contains(&token.len()), "a plain token has at most 128 bytes: {token}");
    assert_eq!(app.provider.started(), 1);
    let ledger = app.ledger().await;
    assert_eq!(ledger["balanced"], true);
    assert_eq!(app.balance("provider:test:clearing").await, "50.00");
    assert_eq!(app.balance("sold_undelivered").await, "-50.00");
}

#[tokio::test]
async fn an_unknown_payment_is_asked_about_until_it_is_known() {
    let app = App::start(Script::unknown_then_captured(3)).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "payment_unknown").await;
    app.wait_for(ORDER, "issued").await;
    assert_eq!(app.balance("provider:test:clearing").await, "50.00");
    assert_eq!(app.provider.started(), 1, "a payment that may have arrived is only asked about");
}

#[tokio::test]
async fn a_declined_payment_fails_the_order_and_frees_the_room() {
    let app = App::start(Script::decline()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    let order = app.wait_for(ORDER, "failed").await;
    assert_eq!(order["payment"]["state"], "declined");
    assert_eq!(app.ledger().await["accounts"], json!([]));
    assert_eq!(app.reserved_units().await, 0);
    let problem = app.post(&format!("/v1/orders/{ORDER}/lines/1/void"), &json!({})).await.expect_problem(409);
    assert_eq!(problem["code"], "not_possible_now");
    app.post(&format!("/v1/orders/{ORDER}/lines/2/void"), &json!({})).await.expect_problem(404);
}

#[tokio::test]
async fn another_amount_is_held_and_shown_to_a_person() {
    let app = App::start(Script::capture_minor(4_999)).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "exception").await;
    assert_eq!(app.balance("suspense").await, "-49.99");
    assert_eq!(app.exceptions().await[0]["cause"], "other_amount");
}

#[tokio::test]
async fn more_than_the_meter_can_take_is_refused_before_anybody_pays() {
    let app = App::start(Script::capture()).await;
    // The test's meter holds 500 m³; 500.00 EUR buy 494.317 m³.
    app.put(ORDER, &order("500.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "issued").await;
    let second = "01890a5d-ac96-774b-bcce-b302099a8058";
    let problem = app.put(second, &order("6.00")).await.expect_problem(422);
    assert_eq!(problem["code"], "over_maximum_credit");
    assert!(problem["detail"].as_str().unwrap().contains("5.683 m³ more"), "{problem}");
    app.put(second, &order("5.00")).await.expect(201);
}

#[tokio::test]
async fn forged_callbacks_are_refused() {
    let app = App::start(Script::pending()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "awaiting_payment").await;
    let forged = format!("/v1/callbacks/test/{ORDER}/{}", "0".repeat(64));
    app.post_bytes(&forged, "application/json", b"{\"status\":\"captured\"}".to_vec()).await.expect_problem(403);
    assert_eq!(app.balance("provider:test:clearing").await, "0.00");
}

#[tokio::test]
async fn a_client_that_hangs_up_keeps_nothing_from_being_done() {
    let app = App::start(Script::capture()).await;
    for number in 0..20 {
        let id = format!("01890a5d-ac96-774b-bcce-b3020990{number:04}");
        app.put(&id, &order("1.00")).await.expect(201);
        app.accept_and_hang_up(&id).await;
        // If the request arrived at all, its task is performed; else the payer accepts again.
        if app.get(&format!("/v1/orders/{id}")).await.expect(200)["payment"]["state"] == "none" {
            app.accept(&id, 1).await.expect(202);
        }
        app.wait_for(&id, "issued").await;
    }
}

#[tokio::test]
async fn money_that_comes_after_a_decline_is_held_and_shown_to_a_person() {
    let app = App::start(Script::decline_then_capture()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "failed").await;
    app.call_back(ORDER).await;
    app.wait_for(ORDER, "exception").await;
    assert_eq!(app.balance("suspense").await, "-50.00");
    assert_eq!(app.exceptions().await[0]["cause"], "captured_after_decline");
    assert_eq!(app.ledger().await["balanced"], true);
    assert_eq!(app.reserved_units().await, 0);
}

#[tokio::test]
async fn another_currency_is_held_in_the_books_too() {
    let app = App::start(Script::capture_currency("USD")).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "exception").await;
    let ledger = app.ledger().await;
    assert_eq!(ledger["balanced"], true);
    assert_eq!(ledger["accounts"][0]["currency"], "USD");
    assert_eq!(app.balance("suspense").await, "-50.00");
}

#[tokio::test]
async fn errors_are_problem_details_everywhere() {
    let app = App::start(Script::capture()).await;
    app.post("/v1/issuer", &json!({})).await.expect_problem(405);
    app.put(ORDER, &order("5.00")).await.expect(201);
    app.post(&format!("/v1/orders/{ORDER}/lines/abc/void"), &json!({})).await.expect_problem(404);
}

#[test]
fn many_commands_on_a_new_folder_make_one_set_of_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let utility = "water-works".parse().unwrap();
    let open = || coinless_station::keys::Keys::open(&path, [&utility]).unwrap().of(&utility).unwrap().record();
    let records = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(records.iter().all(|record| *record == records[0]), "{records:?}");
}

#[tokio::test]
async fn the_openapi_description_is_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let now = coinless_station::http::openapi_json();
    if std::env::var_os("COINLESS_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        known == now,
        "docs/openapi.json is stale: run this test with COINLESS_WRITE_OPENAPI=1 and look at the change"
    );
}
