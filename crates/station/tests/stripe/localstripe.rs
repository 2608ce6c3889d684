//! Against localstripe: a whole payment on the operator's own page, with the customer's part done as a customer's browser does
//! it. localstripe does not heed idempotency keys and has no Checkout Sessions.

use crate::setup::{self, PAYMENT, Page, Station, WEBHOOK_SECRET, eur, get, payment, post, refund};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing;
use coinless_station::money::Money;
use coinless_station::provider::{
    Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, RefundOutcome, RefundRequest,
};
use coinless_station::service::now_ms;
use serde_json::Value;
use tokio::sync::mpsc;

/// Cards that Stripe publishes for tests (*Testing*).
const GOOD_CARD: &str = "4242424242424242";
/// Declined when it is charged; localstripe declines the better known 4000000000000002 earlier only.
const DECLINED_CARD: &str = "4000000000000341";
const CARD_WITH_3DS: &str = "4000002500003155";

type Event = (HeaderMap, Bytes);

/// Starts a payment and gives its intent's id.
async fn started(station: &Station) -> String {
    let said = station.stripe.start(&payment(None)).await;
    let PaymentOutcome::Pending { reference: Some(intent), instructions: Some(words) } = said else {
        panic!("{said:?}")
    };
    let secret = format!("pay on this page: https://pay.example/done#payment_intent_client_secret={intent}_secret_");
    assert!(intent.starts_with("pi_") && words.starts_with(&secret), "{words}");
    intent
}

/// What the customer does: enters a card and confirms. Gives the status of the answer.
async fn customer_pays(url: &str, intent: &str, card: &str) -> u16 {
    let form = format!("type=card&card[number]={card}&card[exp_month]=12&card[exp_year]=2040&card[cvc]=123");
    let method: Value = post(url, "/v1/payment_methods", &form, None).await.json().await.unwrap();
    let form = format!("payment_method={}", method["id"].as_str().unwrap());
    assert!(post(url, &format!("/v1/payment_intents/{intent}"), &form, None).await.status().is_success());
    post(url, &format!("/v1/payment_intents/{intent}/confirm"), "", None).await.status().as_u16()
}

fn captured(said: PaymentOutcome) -> String {
    let PaymentOutcome::Captured(receipts) = said else { panic!("{said:?}") };
    let [MoneyReceipt { receipt, amount, currency }] = &receipts[..] else { panic!("{receipts:?}") };
    assert_eq!((*amount, *currency), (Money::from_minor(1050), eur()));
    assert!(receipt.starts_with("ch_"), "{receipt}");
    receipt.clone()
}

/// A listener for localstripe's events.
async fn listener() -> (String, mpsc::UnboundedReceiver<Event>) {
    let (to, events) = mpsc::unbounded_channel();
    let take = |State(to): State<mpsc::UnboundedSender<Event>>, headers: HeaderMap, body: Bytes| async move {
        to.send((headers, body)).unwrap();
    };
    let app = axum::Router::new().route("/", routing::post(take)).with_state(to);
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, app).await });
    (url, events)
}

#[tokio::test]
async fn a_payment_its_event_and_its_refunds() {
    let Some(double) = setup::localstripe() else { return };
    let station = Station::new(&double.url, Page::Own);
    let (listener, mut events) = listener().await;
    let form = format!("url={listener}&secret={WEBHOOK_SECRET}");
    assert!(post(&double.url, "/_config/webhooks/station", &form, None).await.status().is_success());

    let intent = started(&station).await;
    let asked = payment(Some(&intent));
    let pending = PaymentOutcome::Pending { reference: Some(intent.clone()), instructions: None };
    assert_eq!(station.stripe.query(&asked).await, pending);
    // With a reference nothing is started again: localstripe would make a second intent.
    assert_eq!(station.stripe.start(&asked).await, pending);
    assert_eq!(get(&double.url, "/v1/payment_intents").await["data"].as_array().unwrap().len(), 1);

    assert_eq!(customer_pays(&double.url, &intent, GOOD_CARD).await, 200);
    let (headers, body) = events.recv().await.unwrap();
    let callback = |body| Callback { subject: None, headers: &headers, body, now_ms: now_ms() };
    let notice = Notice::Payment { payment_id: PAYMENT.to_owned(), reference: None };
    assert_eq!(station.stripe.read_callback(&callback(&body)), Ok(notice));
    let mut other = body.to_vec();
    other[0] ^= 1;
    assert!(station.stripe.read_callback(&callback(&other)).is_err());

    let charge = captured(station.stripe.query(&asked).await);

    // The same refund twice is one; another one is another.
    for line in [1, 1, 2] {
        assert_eq!(station.stripe.refund(&refund(&charge, line)).await, RefundOutcome::Refunded);
    }
    let made = get(&double.url, &format!("/v1/refunds?charge={charge}")).await;
    assert_eq!(made["data"].as_array().unwrap().len(), 2, "{made:#}");
    assert_eq!(made["data"][0]["amount"], 400);
    // Without a receipt the intent is enough.
    let by_intent = RefundRequest { receipt: None, reference: Some(intent.clone()), ..refund("", 1) };
    assert_eq!(station.stripe.refund(&by_intent).await, RefundOutcome::Refunded);

    // Our own refunds are not money that was taken away; one that a person made at Stripe is.
    assert_eq!(captured(station.stripe.query(&asked).await), charge);
    let form = format!("charge={charge}&amount=150");
    assert!(post(&double.url, "/v1/refunds", &form, None).await.status().is_success());
    let said = station.stripe.query(&asked).await;
    let PaymentOutcome::TakenBack { amount, currency, .. } = said else { panic!("{said:?}") };
    assert_eq!((amount, currency), (Money::from_minor(150), eur()));
}

#[tokio::test]
async fn a_declined_card_is_not_the_end() {
    let Some(double) = setup::localstripe() else { return };
    let station = Station::new(&double.url, Page::Own);
    let intent = started(&station).await;
    let pending = PaymentOutcome::Pending { reference: Some(intent.clone()), instructions: None };

    assert_eq!(customer_pays(&double.url, &intent, DECLINED_CARD).await, 402);
    let there = get(&double.url, &format!("/v1/payment_intents/{intent}")).await;
    assert_eq!(there["status"], "requires_payment_method");
    assert_eq!(there["last_payment_error"]["code"], "card_declined");
    assert_eq!(station.stripe.query(&payment(Some(&intent))).await, pending);
}

#[tokio::test]
async fn an_intent_ends_in_time() {
    let Some(double) = setup::localstripe() else { return };
    let station = Station::new(&double.url, Page::Own);
    let intent = started(&station).await;
    let asked = payment(Some(&intent));
    let pending = PaymentOutcome::Pending { reference: Some(intent.clone()), instructions: None };

    assert_eq!(customer_pays(&double.url, &intent, CARD_WITH_3DS).await, 200);
    let status = || async { get(&double.url, &format!("/v1/payment_intents/{intent}")).await["status"].clone() };
    assert_eq!(status().await, "requires_action");
    assert_eq!(station.at_minute(120).query(&asked).await, pending);
    assert_eq!(status().await, "requires_action");
    // One that is not paid in time is canceled, and asked again it stays so.
    for _ in 0..2 {
        let said = station.at_minute(121).query(&asked).await;
        assert!(matches!(said, PaymentOutcome::Declined { .. }), "{said:?}");
        assert_eq!(status().await, "canceled");
    }
    // One that is paid stays paid, whatever the time.
    let intent = started(&Station::new(&double.url, Page::Own)).await;
    assert_eq!(customer_pays(&double.url, &intent, GOOD_CARD).await, 200);
    captured(station.at_minute(10_000).query(&payment(Some(&intent))).await);
}

#[tokio::test]
async fn intents_of_others() {
    let Some(double) = setup::localstripe() else { return };
    let station = Station::new(&double.url, Page::Own);
    assert_eq!(station.stripe.query(&payment(Some("pi_unknown"))).await, PaymentOutcome::NotFound);
    let form = "amount=1050&currency=eur&metadata[coinless_payment_id]=another";
    let other: Value = post(&double.url, "/v1/payment_intents", form, None).await.json().await.unwrap();
    let other = other["id"].as_str().unwrap();
    assert_eq!(customer_pays(&double.url, other, GOOD_CARD).await, 200);
    let said = station.stripe.query(&payment(Some(other))).await;
    assert!(matches!(said, PaymentOutcome::Unknown { .. }), "{said:?}");
    for strange in ["../customers", "cs_1?x", "", "pi_1/cancel"] {
        let said = station.stripe.query(&payment(Some(strange))).await;
        assert!(matches!(said, PaymentOutcome::Unknown { .. }), "{strange}: {said:?}");
    }
}
