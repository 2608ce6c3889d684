//! M-Pesa against a scripted Daraja: everything that goes wrong with money.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod double;
mod paybill;
mod prompt;
mod refunds;
mod server;
mod station;

use coinless_station::money::{Currency, Money};
use coinless_station::payments;
use coinless_station::provider::daraja::{Daraja, DarajaConfig, DarajaRefunds};
use coinless_station::provider::{Callback, MoneyReceipt, PaymentOutcome, PaymentRequest};
use coinless_station::service::now_ms;
use serde_json::{Value, json};
use server::{Reply, Server};
use std::path::Path;
use std::sync::Arc;

pub(crate) const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const OAUTH: &str = "/oauth/v1/generate";
pub(crate) const PUSH: &str = "/mpesa/stkpush/v1/processrequest";
pub(crate) const QUERY: &str = "/mpesa/stkpushquery/v1/query";
pub(crate) const PULL: &str = "/pulltransactions/v1/query";
pub(crate) const PAY_OUT: &str = "/mpesa/b2c/v3/paymentrequest";
pub(crate) const REFERENCE: &str = "ws_CO_191220191020363925";

pub(crate) fn kes() -> Currency {
    Currency::from_code("KES").unwrap()
}

/// A shop at `url`, with its secrets in files.
pub(crate) fn shop(folder: &Path, url: &str, pull: bool) -> DarajaConfig {
    let secret = |name: &str| {
        let path = folder.join(name);
        std::fs::write(&path, format!("{name}-text\n")).unwrap();
        path
    };
    DarajaConfig {
        url: url.to_owned(),
        short_code: "174379".to_owned(),
        consumer_key_file: secret("key"),
        consumer_secret_file: secret("secret"),
        passkey_file: Some(secret("passkey")),
        pull_transactions: pull,
        pull_every_ms: 0,
        refunds: Some(DarajaRefunds {
            short_code: "600997".to_owned(),
            initiator: "testapi".to_owned(),
            security_credential_file: secret("credential"),
        }),
        timeout_ms: 30_000,
    }
}

pub(crate) fn open(url: &str, pull: bool) -> Arc<Daraja> {
    let folder = tempfile::tempdir().unwrap();
    Daraja::open(&shop(folder.path(), url, pull)).unwrap()
}

/// A shop that does not wait long.
pub(crate) fn open_hasty(url: &str) -> Arc<Daraja> {
    let folder = tempfile::tempdir().unwrap();
    Daraja::open(&DarajaConfig { timeout_ms: 1_000, ..shop(folder.path(), url, true) }).unwrap()
}

/// A Daraja that gives tokens.
pub(crate) async fn daraja() -> Server {
    let server = Server::start().await;
    let tokens =
        (1..=9).map(|n| Reply::Json(200, json!({ "access_token": format!("token{n}"), "expires_in": "3599" })));
    server.script(OAUTH, tokens);
    server.script(PULL, [nothing()]);
    server
}

pub(crate) fn request(amount_minor: i64, payer: Option<&str>, reference: Option<&str>) -> PaymentRequest {
    PaymentRequest {
        payment_id: ORDER.to_owned(),
        amount: Money::from_minor(amount_minor),
        currency: kes(),
        payer: payer.map(str::to_owned),
        callback_url: "https://station.example/cb/1".to_owned(),
        account: payments::account(ORDER),
        reference: reference.map(str::to_owned),
        created_ms: now_ms() - 60_000,
    }
}

pub(crate) fn pushed() -> Value {
    json!({ "MerchantRequestID": "2654-4b64-97ff-b827b542881d3130", "CheckoutRequestID": REFERENCE, "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing" })
}

pub(crate) fn result(code: &str) -> Reply {
    Reply::Json(
        200,
        json!({ "ResponseCode": "0", "ResponseDescription": "accepted", "MerchantRequestID": "22205-34066-1",
        "CheckoutRequestID": REFERENCE, "ResultCode": code, "ResultDesc": "words" }),
    )
}

pub(crate) fn failure(status: u16, code: &str, words: &str) -> Reply {
    Reply::Json(status, json!({ "requestId": "1c5b-4ba8", "errorCode": code, "errorMessage": words }))
}

pub(crate) fn nothing() -> Reply {
    Reply::Json(
        200,
        json!({ "ResponseRefID": "1", "ResponseCode": "1001", "ResponseMessage": "Null", "Response": "[[]]" }),
    )
}

/// A page of the statement: receipt, account, amount.
pub(crate) fn page(rows: &[(&str, &str, &str)]) -> Reply {
    page_at(now_ms(), rows)
}

pub(crate) fn page_at(at_ms: i64, rows: &[(&str, &str, &str)]) -> Reply {
    let rows: Vec<Value> = rows
        .iter()
        .map(|(receipt, account, amount)| {
            json!({ "transactionId": receipt, "trxDate": utc(at_ms), "msisdn": 722_000_000, "sender": "MPESA",
                "transactiontype": "c2b-pay-bill-debit", "billreference": account, "amount": amount,
                "organizationname": "Shop" })
        })
        .collect();
    Reply::Json(
        200,
        json!({ "ResponseRefID": "1", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [rows] }),
    )
}

/// A time as Daraja writes it; SQLite does the calendar.
fn utc(at_ms: i64) -> String {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch')";
    sqlite.query_row(sql, [at_ms / 1000], |row| row.get(0)).unwrap()
}

pub(crate) fn money(receipt: &str, minor: i64) -> MoneyReceipt {
    MoneyReceipt { receipt: receipt.to_owned(), amount: Money::from_minor(minor), currency: kes() }
}

pub(crate) fn callback<'a>(
    subject: Option<&'a str>,
    headers: &'a axum::http::HeaderMap,
    body: &'a [u8],
) -> Callback<'a> {
    Callback { subject, headers, body, now_ms: now_ms() }
}

#[track_caller]
pub(crate) fn expect_unknown(outcome: &PaymentOutcome, words: &str) {
    match outcome {
        PaymentOutcome::Unknown { why } => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn expect_declined(outcome: &PaymentOutcome, words: &str) {
    match outcome {
        PaymentOutcome::Declined { reason } => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// What a prompt's account is in the statement.
pub(crate) fn prompt_account() -> String {
    format!("{}U", payments::account(ORDER))
}
