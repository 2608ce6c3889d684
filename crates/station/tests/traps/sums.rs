//! Money that is not what was asked for.

use crate::{ASKED, ORDER, Side, World};
use coinless_station::lifecycle::{LineState, PaymentState};

/// A customer pays twice for one order: it is sold once, and the second money goes back when a person says so.
#[tokio::test]
async fn two_successes_for_one_order() {
    for side in [Side::Stk, Side::Paybill, Side::Manual] {
        let world = World::sold(side).await;
        world.pays(&[("R1", ASKED), ("R2", ASKED)]).await;
        world.app.wait_for_balance("suspense", "-500.00").await;
        world.expect_books(2 * ASKED, -ASKED, -ASKED).await;
        world.expect_exceptions(&["second_success"]).await;
        // Told again, it is still one second success.
        world.pays(&[("R1", ASKED), ("R2", ASKED)]).await;
        let refund = format!("{ORDER}/receipt/R2");
        side.refunds(&world.server, &refund, ASKED);
        world.give_back(&refund, "second_success").await;
        world.refunds(&refund).await;
        world.meter_is_at(1).await;
        world.expect_books(ASKED, 0, 0).await;
        world.expect_exceptions(&[]).await;
        assert_eq!(world.app.show(ORDER).await.lines[0].state, LineState::Delivered, "{side:?}");
    }
}

/// Another sum than was asked for sells nothing, is held, and goes back when a person says so.
#[tokio::test]
async fn other_amount() {
    // Less and more than was asked for.
    for (side, minor) in Side::ALL.into_iter().flat_map(|side| [(side, 40_000), (side, 60_000)]) {
        let world = World::start(side).await;
        world.order().await;
        world.pays(&[("R1", minor)]).await;
        let order = world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Exception).await;
        assert!(order.lines[0].state == LineState::Exception && order.lines[0].token.is_none(), "{side:?}");
        world.expect_books(minor, -minor, 0).await;
        world.expect_exceptions(&["other_amount"]).await;
        let receipt = match side {
            Side::Sandbox => ORDER,
            Side::Stripe => crate::words::CHARGE,
            _ => "R1",
        };
        let refund = format!("{ORDER}/receipt/{receipt}");
        side.refunds(&world.server, &refund, minor);
        world.give_back(ORDER, "other_amount").await;
        world.refunds(&refund).await;
        world.expect_books(0, 0, 0).await;
        assert!(world.app.show(ORDER).await.lines[0].token.is_none(), "{side:?}");
    }
}

/// A receipt number that stands for other money than before is an alarm, and moves nothing.
#[tokio::test]
async fn receipt_number_used_again() {
    for side in [Side::Sandbox, Side::Stk, Side::Paybill, Side::Stripe] {
        let world = World::sold(side).await;
        world.pays(&[("R1", 70_000)]).await;
        let seen = world.app.wait_for_exception("receipt_reused").await;
        assert!(seen.contains("700.00 KES"), "{side:?}: {seen}");
        world.expect_books(ASKED, 0, -ASKED).await;
        world.meter_is_at(1).await;
        assert_eq!(world.app.show(ORDER).await.lines[0].state, LineState::Delivered, "{side:?}");
    }
}
