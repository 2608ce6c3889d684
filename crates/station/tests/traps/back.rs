//! Money that is taken away again, not by us.

use crate::words::PAY_OUT;
use crate::{ASKED, ORDER, Side, World};
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::refunds;

/// The money is gone when the token is out: the token cannot be called back, so the loss is shown, and the meter goes on.
#[tokio::test]
async fn reversal_after_the_token_is_out() {
    for side in Side::ALL {
        let world = World::sold(side).await;
        world.takes_back().await;
        let order = world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::TakenBack).await;
        assert!(order.lines[0].state == LineState::Issued && order.lines[0].token.is_some(), "{side:?}");
        world.expect_books(0, ASKED, -ASKED).await;
        world.expect_exceptions(&["taken_back"]).await;
        // Told again, it is the same loss.
        world.takes_back().await;
        world.meter_is_at(1).await;
        assert_eq!(world.app.show(ORDER).await.lines[0].state, LineState::Delivered, "{side:?}");
        world.expect_books(0, ASKED, 0).await;
        world.expect_exceptions(&["taken_back"]).await;
    }
}

/// The money is gone, and then the payer asks for it: he has it, so it is not paid again.
#[tokio::test]
async fn reversal_then_void() {
    for side in Side::ALL {
        let world = World::sold(side).await;
        side.refunds(&world.server, &format!("{ORDER}/1"), ASKED);
        world.takes_back().await;
        world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::TakenBack).await;
        world.app.station.run("void", |work| refunds::void(work, ORDER, 1)).await.unwrap();
        world.meter_is_at(2).await;
        world.app.wait_for(ORDER, |order| order.lines[0].state == LineState::Refunded).await;
        world.expect_books(0, 0, 0).await;
        world.app.wait_for_balance("refunds_due", "0.00").await;
        world.expect_exceptions(&["taken_back"]).await;
        let asked = |seen: &crate::server::Seen| seen.method == "POST" || seen.method == "PUT";
        for path in [PAY_OUT, "/v1/refunds", "/refunds/"] {
            assert!(!world.server.seen(path).iter().any(asked), "{side:?}");
        }
    }
}

/// The order was voided and refunded, and then the payer's bank takes the money away too: the payer has it twice, and a person
/// is shown it with the state of the line.
#[tokio::test]
async fn chargeback_after_a_void_refund() {
    for side in Side::ALL {
        let world = World::sold(side).await;
        let refund = format!("{ORDER}/1");
        side.refunds(&world.server, &refund, ASKED);
        world.app.station.run("void", |work| refunds::void(work, ORDER, 1)).await.unwrap();
        // The void is in the meter, and the sale never was.
        world.meter_is_at(2).await;
        if side == Side::Manual {
            world.app.wait_for(ORDER, |order| order.lines[0].state == LineState::SaleReversed).await;
        }
        world.refunds(&refund).await;
        world.app.wait_for(ORDER, |order| order.lines[0].state == LineState::Refunded).await;
        world.expect_books(0, 0, 0).await;
        world.expect_exceptions(&[]).await;
        world.takes_back().await;
        world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::TakenBack).await;
        world.expect_books(-ASKED, ASKED, 0).await;
        let detail = world.app.wait_for_exception("taken_back").await;
        assert!(detail.contains("line 1 refunded"), "{side:?}: {detail}");
        assert_eq!(world.app.show(ORDER).await.lines[0].state, LineState::Refunded, "{side:?}");
    }
}
