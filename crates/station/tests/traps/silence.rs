//! Providers that answer late or never.

use crate::server::Reply;
use crate::{ASKED, ORDER, Side, World};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::sweep;

/// The station has given up waiting for the answer, and then the money comes.
#[tokio::test]
async fn success_after_our_time_out() {
    for side in [Side::Sandbox, Side::Stk, Side::Paybill, Side::Stripe] {
        let world = World::start(side).await;
        let path = side.start().unwrap_or_else(|| side.query().unwrap());
        world.server.script(&path, [Reply::Silent]);
        side.breaks_when_asked(&world.server);
        world.order().await;
        let unknown = world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
        assert_eq!(unknown.lines[0].state, LineState::PaymentUnknown, "{side:?}: not failed");
        side.started(&world.server);
        for _ in 0..2 {
            world.pays(&[("R1", ASKED)]).await;
            world.issued().await;
        }
        world.meter_is_at(1).await;
        world.expect_books(ASKED, 0, 0).await;
        world.expect_exceptions(&[]).await;
    }
}

/// The payer was told that the payment was declined, and then the money comes: it is held, and nothing is sold.
#[tokio::test]
async fn success_after_a_decline() {
    for side in [Side::Sandbox, Side::Stk] {
        let world = World::start(side).await;
        side.declines(&world.server);
        world.order().await;
        world.app.wait_for(ORDER, |order| order.lines[0].state == LineState::Failed).await;
        world.pays(&[("R1", ASKED)]).await;
        world.app.wait_for_balance("suspense", "-500.00").await;
        world.expect_books(ASKED, -ASKED, 0).await;
        world.expect_exceptions(&["captured_after_decline"]).await;
        let order = world.app.show(ORDER).await;
        assert!(order.lines[0].token.is_none() && order.lines[0].state != LineState::Issued, "{side:?}");
        let refund = format!("{ORDER}/receipt/{}", if side == Side::Sandbox { ORDER } else { "R1" });
        side.refunds(&world.server, &refund, ASKED);
        world.give_back(ORDER, "captured_after_decline").await;
        world.refunds(&refund).await;
        world.expect_books(0, 0, 0).await;
    }
}

/// The provider takes the request in, says nothing, and never calls back: a person is told in time, and polling finds the money.
#[tokio::test]
async fn silent_provider() {
    for side in [Side::Sandbox, Side::Stk, Side::Paybill, Side::Stripe] {
        let world = World::start(side).await;
        for path in [side.start(), side.query()].into_iter().flatten() {
            world.server.script(&path, [Reply::Silent]);
        }
        world.order().await;
        world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Unknown).await;
        let mut hasty = world.app.station.context().clone();
        hasty.patience.payment_ms = -1;
        world.app.station.run("sweep", move |work| sweep::look(work, &hasty)).await.unwrap();
        world.expect_exceptions(&["payment_stuck"]).await;
        world.expect_books(0, 0, 0).await;
        assert!(world.app.show(ORDER).await.lines[0].token.is_none(), "{side:?}");
        // It has collected all the same; nobody says so.
        side.started(&world.server);
        side.has(&world.server, &[("R1", ASKED)], 0);
        world.issued().await;
        world.expect_books(ASKED, 0, -ASKED).await;
        assert!(side != Side::Stk || world.starts() == 1, "one prompt");
    }
}
