//! Against stripe-stateful-mock, which heeds idempotency keys: that our refunds carry one, and what follows.

use crate::setup::{self, PAYMENT, Page, Station, get, post, refund};
use coinless_station::provider::{PaymentProvider, RefundOutcome};
use serde_json::Value;

async fn charge(url: &str, amount: u32) -> String {
    let form = format!("amount={amount}&currency=eur&source=tok_visa&metadata[coinless_payment_id]={PAYMENT}");
    let charge: Value = post(url, "/v1/charges", &form, None).await.json().await.unwrap();
    charge["id"].as_str().unwrap().to_owned()
}

async fn refunds(url: &str, charge: &str) -> Vec<Value> {
    get(url, &format!("/v1/refunds?charge={charge}")).await["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_key_is_one_refund() {
    let Some(double) = setup::stateful_mock() else { return };
    let (url, station) = (&double.url, Station::new(&double.url, Page::Own));
    let first = charge(url, 1050).await;
    for _ in 0..3 {
        assert_eq!(station.stripe.refund(&refund(&first, 1)).await, RefundOutcome::Refunded);
    }
    let made = refunds(url, &first).await;
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(
        (&made[0]["amount"], &made[0]["metadata"]["coinless_refund_id"]),
        (&400.into(), &format!("{PAYMENT}/1").into())
    );

    // The same key with the same form is answered with the first answer: so our call had just this key and this form.
    let key = format!("coinless-refund-{PAYMENT}/1");
    let form = format!(
        "charge={first}&amount=400&metadata[coinless_refund_id]={PAYMENT}/1&metadata[coinless_payment_id]={PAYMENT}"
    );
    let again = post(url, "/v1/refunds", &form, Some(&key)).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["id"], made[0]["id"]);
    // With another form it is an error.
    let other = post(url, "/v1/refunds", &form.replace("400", "401"), Some(&key)).await;
    assert_eq!(other.status(), 400);
    assert_eq!(other.json::<Value>().await.unwrap()["error"]["type"], "idempotency_error");
    assert_eq!(refunds(url, &first).await.len(), 1);

    // Our own call with a used key and another form: nobody knows, and nothing is refunded.
    let second = charge(url, 1050).await;
    let said = station.stripe.refund(&refund(&second, 1)).await;
    let RefundOutcome::Pending { why } = said else { panic!("{said:?}") };
    assert!(why.contains("used before with another request") && !why.contains(PAYMENT), "{why}");
    assert!(refunds(url, &second).await.is_empty());
    // A refund that is there under our id, for another sum: the same.
    let mut more = refund(&first, 1);
    more.amount = coinless_station::money::Money::from_minor(500);
    assert!(matches!(station.stripe.refund(&more).await, RefundOutcome::Pending { .. }));
}

#[tokio::test]
async fn refusals_that_a_person_must_see() {
    let Some(double) = setup::stateful_mock() else { return };
    let (url, station) = (&double.url, Station::new(&double.url, Page::Own));
    let declined = |said: RefundOutcome| assert!(matches!(said, RefundOutcome::Declined { .. }), "{said:?}");
    // More than is left, and all of it gone already, by another hand.
    let small = charge(url, 500).await;
    assert_eq!(station.stripe.refund(&refund(&small, 1)).await, RefundOutcome::Refunded);
    declined(station.stripe.refund(&refund(&small, 2)).await);
    let gone = charge(url, 500).await;
    assert_eq!(post(url, "/v1/refunds", &format!("charge={gone}"), None).await.status(), 200);
    declined(station.stripe.refund(&refund(&gone, 3)).await);
    // "Not known" may come from something on the way.
    let said = station.stripe.refund(&refund("ch_unknown", 4)).await;
    assert!(matches!(said, RefundOutcome::Pending { .. }), "{said:?}");
}
