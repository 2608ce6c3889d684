//! Callbacks that come too early, from somebody else, or for nobody.

use crate::server::Reply;
use crate::words::{confirmation, event, prompt_callback, sandbox};
use crate::{ASKED, NOBODYS, ORDER, Side, World, setup};
use coinless_station::config::Config;
use coinless_station::ledger::Period;
use coinless_station::lifecycle::PaymentState;
use coinless_station::payments;
use coinless_station::problem::{Code, Error};
use coinless_station::provider::SHARED_ADDRESS;
use coinless_station::reconcile::{self, Look};
use coinless_station::service::now_ms;
use serde_json::json;

/// The provider collects and calls back while the station still waits for the answer to its request.
#[tokio::test]
async fn callback_before_the_answer() {
    for side in [Side::Sandbox, Side::Stk, Side::Stripe] {
        let world = World::start(side).await;
        let go = side.held(&world.server);
        world.order().await;
        let path = side.start().unwrap();
        world.server.wait_for(path.rsplit(' ').next().unwrap(), 1).await;
        world.pays(&[("R1", ASKED)]).await;
        world.issued().await;
        go.notify_one();
        // The same callback again, and the late answer, change nothing.
        world.calls_back().await;
        world.meter_is_at(1).await;
        world.expect_books(ASKED, 0, 0).await;
        world.expect_exceptions(&[]).await;
        // Stripe is asked by the same request under the same key, which is the same payment.
        assert!(side == Side::Stripe || world.starts() == 1, "{side:?}");
    }
}

/// Who does not know the address, or cannot sign, moves nothing; who knows it makes the station ask, and nothing more.
#[tokio::test]
async fn forged_callback() {
    for side in Side::ALL {
        let world = World::start(side).await;
        world.order().await;
        let waits =
            |order: &coinless_station::view::OrderView| order.payment.state == PaymentState::Sent && order.version > 1;
        world.app.wait_for(ORDER, waits).await;
        let genuine = world.address(ORDER);
        let last = if genuine.ends_with('0') { "1" } else { "0" };
        let guessed = format!("{}{last}", &genuine[..genuine.len() - 1]);
        let of_another = genuine.replace(ORDER, NOBODYS);
        for url in [&guessed, &of_another, &genuine.replace(&format!("/{}/", side.name()), "/another/")] {
            assert_eq!(world.app.post(url, &prompt_callback(0)).await.0, 403, "{side:?}");
        }
        match side {
            Side::Sandbox => {
                let body = sandbox("captured", ASKED, None).to_string();
                assert_eq!(world.sandbox(ORDER, &body, b"another key").await, 403);
                assert_eq!(world.app.post(&genuine, &sandbox("captured", ASKED, None)).await.0, 403);
            }
            Side::Stripe => {
                let event = event("payment_intent.succeeded", crate::words::intent("succeeded", ASKED, 0, false));
                assert_eq!(world.stripe(&event, "whsec_another").await, 403);
            }
            Side::Manual => assert_eq!(world.app.post(&genuine, &json!({})).await.0, 403),
            // Not signed: whoever has seen the address can say what he wants, and the station asks.
            Side::Stk => {
                assert_eq!(world.app.post(&genuine, &prompt_callback(0)).await.0, 200);
            }
            Side::Paybill => {
                let body = confirmation("FORGED1", &payments::account(ORDER));
                assert_eq!(world.app.post(&world.address(SHARED_ADDRESS), &body).await.0, 200);
            }
        }
        if let Some(query) = side.query() {
            let path = query.rsplit(' ').next().unwrap().to_owned();
            let asked = world.server.seen(&path).len();
            world.server.wait_for(&path, asked + 1).await;
        }
        assert_eq!(world.app.show(ORDER).await.payment.state, PaymentState::Sent, "{side:?}");
        world.expect_books(0, 0, 0).await;
        world.expect_exceptions(&[]).await;
        // What is true is still believed.
        world.pays(&[("R1", ASKED)]).await;
        world.issued().await;
        world.expect_books(ASKED, 0, -ASKED).await;
    }
}

/// A callback, and money, for an order that is not there: it sells nothing, and is held.
#[tokio::test]
async fn unknown_order() {
    for side in Side::ALL {
        let world = World::start(side).await;
        match side {
            Side::Sandbox => assert_eq!(world.sandbox(NOBODYS, "{}", b"key").await, 404),
            Side::Stk => assert_eq!(world.app.post(&world.address(NOBODYS), &prompt_callback(0)).await.0, 404),
            Side::Stripe => {
                // Refused, it would come again for days, and Stripe might call nobody any more.
                let object =
                    json!({ "id": "pi_9", "status": "succeeded", "metadata": { "coinless_payment_id": NOBODYS } });
                assert_eq!(world.stripe(&event("payment_intent.succeeded", object), setup::WEBHOOK_SECRET).await, 204);
            }
            Side::Paybill => {
                let body = confirmation("R9", "NOBODY");
                assert_eq!(world.app.post(&world.address(SHARED_ADDRESS), &body).await.0, 200);
                world.expect_exceptions(&["unknown_account"]).await;
            }
            Side::Manual => {
                let refused = world.mark(NOBODYS, "R9", ASKED).await.unwrap_err();
                assert!(matches!(refused, Error::Refused { code: Code::UnknownOrder, .. }), "{refused}");
                world.expect_books(0, 0, 0).await;
                continue;
            }
        }
        world.expect_books(0, 0, 0).await;
        // Its money is in the statement.
        side.has_strange_money(&world.server);
        for _ in 0..2 {
            let look = Look { store: world.store.clone(), now_ms: now_ms(), probe: |_| () };
            let utilities = Config::default().utilities(&world.store).unwrap();
            let period = Period { from_ms: now_ms() - 60_000, to_ms: now_ms() + 1_000 };
            reconcile::run(&look, std::slice::from_ref(&world.provider), &utilities, period).await.unwrap();
            world.expect_books(ASKED, -ASKED, 0).await;
        }
        let causes = world.app.exceptions().await;
        assert!(causes.contains(&"unmatched_money".to_owned()), "{side:?}: {causes:?}");
    }
}

/// The connection breaks where an answer was expected: asked about, not asked for again, and the callback tells the rest.
#[tokio::test]
async fn answer_lost_on_its_way() {
    for side in [Side::Sandbox, Side::Stk, Side::Stripe] {
        let world = World::start(side).await;
        let start = side.start().unwrap();
        // Only M-Pesa has no key of ours: there nothing may be sent a second time.
        let answers =
            if side == Side::Stk { vec![Reply::Reset] } else { vec![Reply::Reset, crate::words::ok(json!([]))] };
        world.server.script(&start, answers);
        side.breaks_when_asked(&world.server);
        world.order().await;
        world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
        side.started(&world.server);
        let before = world.starts();
        world.pays(&[("R1", ASKED)]).await;
        world.issued().await;
        world.expect_books(ASKED, 0, -ASKED).await;
        world.expect_exceptions(&[]).await;
        assert!(side != Side::Stk || (before, world.starts()) == (1, 1), "one prompt");
    }
}
