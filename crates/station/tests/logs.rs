//! What a station logs of people and secrets when a provider or a utility names them in every answer: nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod log;
#[path = "daraja/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;
#[path = "daraja/station.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod station;

use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::Currency;
use coinless_station::provider::PaymentProvider;
use coinless_station::provider::daraja::{Daraja, DarajaConfig, DarajaStk};
use coinless_station::provider::stripe::{Stripe, StripeConfig};
use coinless_station::sales::http::{HttpSales, HttpSalesConfig};
use coinless_station::telemetry;
use coinless_station::utilities::{Utilities, Utility};
use log::Log;
use serde_json::{Value, json};
use server::{Reply, Server};
use station::App;
use station::place::{METER, Place};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const BY_CARD: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
const REFERENCE: &str = "ws_CO_191220191020363925";
/// Who pays, with a Kenyan number, and whose meter it is.
const PAYER: &str = "0722111111";
const CUSTOMER: &str = "Ada Lovelace";
const PLACE: &str = "12 Canal Street";
/// What all of them say of everything.
const GOSSIP: &str = "Ada Lovelace, 12 Canal Street, +254 722 111 111, https://user:pw@pay.example/cb";

/// Writes a secret into a file of its own.
fn secret(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join(text);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

const SECRETS: [&str; 6] =
    ["daraja-key", "daraja-secret", "daraja-passkey", "sk_test_neverinalog", "whsec_test_never", "bearer-of-sales"];

fn daraja(folder: &Path, url: &str) -> Arc<dyn PaymentProvider> {
    let config = DarajaConfig {
        url: url.to_owned(),
        short_code: "174379".to_owned(),
        consumer_key_file: secret(folder, SECRETS[0]),
        consumer_secret_file: secret(folder, SECRETS[1]),
        passkey_file: Some(secret(folder, SECRETS[2])),
        pull_transactions: false,
        pull_every_ms: 0,
        refunds: None,
        timeout_ms: 30_000,
    };
    Arc::new(DarajaStk::new(Daraja::open(&config).unwrap()).unwrap())
}

fn stripe(folder: &Path, url: &str) -> Arc<dyn PaymentProvider> {
    let config = StripeConfig {
        secret_key_file: secret(folder, SECRETS[3]),
        webhook_secret_file: secret(folder, SECRETS[4]),
        return_url: Some("https://pay.example/done".to_owned()),
        pay_page: None,
        description: None,
        pay_within_min: None,
        shared_account: false,
        timeout_ms: None,
        url: Some(url.to_owned()),
    };
    Arc::new(Stripe::new(&config).unwrap())
}

fn sales(folder: &Path, url: &str) -> Utilities {
    let currency = Currency::from_code("KES").unwrap();
    let config =
        HttpSalesConfig { url: url.to_owned(), token_file: secret(folder, SECRETS[5]), timeout_ms: Some(30_000) };
    let sales = HttpSales::new(&config, "utility".parse().unwrap(), currency).unwrap();
    let (name, brand) = ("utility".parse().unwrap(), "Utility".to_owned());
    Utilities::new(vec![Utility { name, brand, currency, sales: Arc::new(sales) }]).unwrap()
}

/// A Daraja whose words name the payer.
async fn scripted_daraja() -> Server {
    let server = Server::start().await;
    server.script(
        "/oauth/v1/generate",
        [Reply::Json(200, json!({ "access_token": "token-of-a-day", "expires_in": "3599" }))],
    );
    let pushed = json!({ "MerchantRequestID": "2654-4b64", "CheckoutRequestID": REFERENCE, "ResponseCode": "0",
        "ResponseDescription": GOSSIP, "CustomerMessage": GOSSIP });
    server.script("/mpesa/stkpush/v1/processrequest", [Reply::Json(200, pushed)]);
    let failed = json!({ "requestId": "1c5b-4ba8", "errorCode": "500.001.1001",
        "errorMessage": "Unable to lock subscriber for 254722111111" });
    let paid = json!({ "ResponseCode": "0", "ResponseDescription": GOSSIP, "MerchantRequestID": "22205-34066-1",
        "CheckoutRequestID": REFERENCE, "ResultCode": "0", "ResultDesc": GOSSIP });
    server.script("/mpesa/stkpushquery/v1/query", [Reply::Json(500, failed), Reply::Reset, Reply::Json(200, paid)]);
    server
}

/// A Stripe whose words name the payer and the key.
async fn scripted_stripe() -> Server {
    let server = Server::start().await;
    let said = |kind: &str| {
        json!({ "error": { "type": kind, "code": "amount_too_small", "param": "amount",
        "message": format!("{GOSSIP} with {}", SECRETS[3]) } })
    };
    let replies = [
        Reply::Json(500, said("api_error")),
        Reply::Json(401, said("invalid_request_error")),
        Reply::Json(200, json!({ "object": GOSSIP })),
        Reply::Json(400, said("invalid_request_error")),
    ];
    server.script("/v1/checkout/sessions", replies);
    server
}

/// A utility that names its customer, contradicts itself, and sells in the end.
async fn scripted_utility() -> Server {
    let server = Server::start().await;
    let known = |meter: &str| Reply::Json(200, json!({ "meter": meter, "customer": CUSTOMER, "place": PLACE }));
    let meter = [Reply::Json(500, json!(GOSSIP)), known(GOSSIP), known(METER)];
    server.script(&format!("/v1/meters/{METER}"), meter);
    let quote = |meter: &str| {
        json!({ "meter": meter, "commodity": "gas", "unit": "dm3", "units": 5_000, "currency": "KES", "amount": "500.00",
            "net": "500.00", "tax": "0", "fee": "0", "explanation": [{ "text": GOSSIP, "amount": "500.00" }],
            "terms": GOSSIP })
    };
    let trials = [Reply::Json(503, json!(GOSSIP)), Reply::Json(200, quote(GOSSIP)), Reply::Json(200, quote(METER))];
    server.script("/v1/trials", trials);
    let sale = format!("/v1/sales/{ORDER}.1");
    let sold = |amount: &str, outcome: &str| {
        json!({ "sale_id": format!("{ORDER}.1"), "meter": METER, "commodity": "gas", "unit": "dm3", "units": 5_000,
            "currency": "KES", "amount": amount, "outcome": outcome })
    };
    server.script(&format!("PUT {sale}"), [Reply::Json(200, json!({ "sale_id": GOSSIP }))]);
    let answers = [
        Reply::Json(200, sold("501.00", "successful")),
        Reply::Json(409, json!(GOSSIP)),
        Reply::Json(200, sold("500.00", "successful")),
    ];
    server.script(&format!("GET {sale}"), answers);
    server
}

/// The path of a callback's address, and its secret part.
fn address(app: &App, provider: &str, id: &str) -> (String, String) {
    let path = app.station.context().callbacks.path(provider, id);
    (format!("{}{path}", app.url), path.rsplit('/').next().unwrap().to_owned())
}

fn ended() -> Value {
    json!({ "Body": { "stkCallback": { "MerchantRequestID": "29115-34620561-1", "CheckoutRequestID": REFERENCE,
        "ResultCode": 0, "ResultDesc": GOSSIP, "CallbackMetadata": { "Item": [
            { "Name": "Amount", "Value": 500.00 }, { "Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV" },
            { "Name": "PhoneNumber", "Value": 254_722_111_111_u64 }] } } } })
}

#[tokio::test]
async fn no_provider_and_no_utility_brings_people_or_secrets_into_the_log() {
    let log = Log::capture();
    let (m_pesa, cards, utility) = (scripted_daraja().await, scripted_stripe().await, scripted_utility().await);
    let folder = tempfile::tempdir().unwrap();
    let providers = |_: &_| vec![daraja(folder.path(), &m_pesa.url), stripe(folder.path(), &cards.url)];
    let app = App::at(Place::new(), providers, |_| sales(folder.path(), &utility.url)).await;
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    for customer in [Value::Null, Value::Null, json!("A** L*****")] {
        let shown = http.get(format!("{}/v1/meters/{METER}-Z", app.url)).send().await.unwrap();
        assert_eq!(shown.json::<Value>().await.unwrap()["customer"], customer);
    }
    let quotes = json!({ "lines": [{ "meter": format!("{METER}-Z"), "amount": "500" }] });
    for status in [503, 503, 200] {
        assert_eq!(app.post(&format!("{}/v1/quotes", app.url), &quotes).await.0, status);
    }

    app.order(ORDER, "daraja-stk", "500", Some(PAYER)).await;
    let (callback, mac) = address(&app, "daraja-stk", ORDER);
    assert_eq!(app.post(&callback, &ended()).await.0, 200);
    assert_eq!(app.post(&callback.replace(&mac, &"0".repeat(mac.len())), &ended()).await.0, 403);
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    let said = app.wait_for_exception("sale_contradiction").await;
    assert!(said.contains("it sold for 501.00"), "a person is told: {said}");

    app.order(BY_CARD, "stripe", "500", Some(CUSTOMER)).await;
    let (shared, stripe_mac) = address(&app, "stripe", "-");
    assert_eq!(app.post(&shared, &json!({ "type": GOSSIP, "data": { "object": {} } })).await.0, 403);
    app.wait_for(BY_CARD, |order| order.payment.state == PaymentState::Declined).await;

    let mut secrets = vec![ORDER, BY_CARD, METER, REFERENCE, "NLJ7RT61SV", "token-of-a-day", &mac, &stripe_mac];
    secrets.extend(["Lovelace", "Canal Street", PAYER, &PAYER[1..], "722 111", "user:pw", "pay.example"]);
    secrets.extend(SECRETS);
    log.holds_none(&secrets);
    // And yet it says what went wrong.
    let text = log.text();
    for what in [
        "a sales system does not say whose meter it is",
        "a sales system gives no quote",
        "a sales system contradicts what it was asked",
        "the outcome of a sale is unknown",
        "the outcome of a payment is unknown",
        "Stripe answered 401",
        &telemetry::subject_hash(ORDER),
        &telemetry::subject_hash(BY_CARD),
    ] {
        assert!(text.contains(what), "{what} is not in\n{text}");
    }
}
