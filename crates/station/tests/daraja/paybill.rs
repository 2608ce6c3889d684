//! Customers who pay by themselves.

use crate::server::{Reply, Server};
use crate::station::App;
use crate::{
    ORDER, PULL, PUSH, callback, daraja, expect_declined, expect_unknown, money, nothing, open, page, page_at,
    prompt_account, request, shop,
};
use coinless_station::app::PayerNeed;
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::payments;
use coinless_station::provider::daraja::{Daraja, DarajaC2b, DarajaConfig, DarajaStk};
use coinless_station::provider::{EntryKind, Notice, PaymentOutcome, PaymentProvider, SHARED_ADDRESS, StatementError};
use coinless_station::service::now_ms;
use serde_json::{Value, json};
use std::sync::Arc;

fn paybill(server: &Server) -> DarajaC2b {
    DarajaC2b::new(open(&server.url, true)).unwrap()
}

fn confirmation(receipt: &str, account: &str) -> Value {
    json!({ "TransactionType": "Pay Bill", "TransID": receipt, "TransTime": "20191122063845", "TransAmount": "10",
        "BusinessShortCode": "600638", "BillRefNumber": account, "InvoiceNumber": "", "OrgAccountBalance": "49197.00",
        "ThirdPartyTransID": "", "MSISDN": "25470****149", "FirstName": "John", "MiddleName": "", "LastName": "Doe" })
}

#[tokio::test]
async fn waiting_sends_nothing_and_says_what_to_do() {
    let server = daraja().await;
    let provider = paybill(&server);
    assert!(provider.is_push());
    let words = format!("Pay 500 KES to Paybill 174379, account {}", payments::account(ORDER));
    let waiting = PaymentOutcome::Pending { reference: None, instructions: Some(words) };
    assert_eq!(provider.start(&request(50_000, None, None)).await, waiting);
    assert!(server.seen(crate::OAUTH).is_empty());
    expect_declined(&provider.start(&request(50_001, None, None)).await, "whole shillings");
    assert_eq!(provider.query(&request(50_000, None, None)).await, waiting);
    assert!(
        DarajaC2b::new(open(&server.url, false)).is_err_and(|error| error.to_string().contains("pull_transactions"))
    );
}

#[tokio::test]
async fn every_payment_for_the_account_counts() {
    let server = daraja().await;
    let provider = paybill(&server);
    let ask = request(50_000, None, None);
    let account = payments::account(ORDER);
    let typed = format!("{} {}", account[..5].to_ascii_lowercase(), &account[5..]);
    let rows = [("SGA1", account.as_str(), "200.00"), ("SGA2", "SOMEBODY", "9"), ("SGA3", &typed, "500")];
    // Two pages.
    server.script(PULL, [page(&rows[..2]), page(&rows[2..]), nothing()]);
    let both = PaymentOutcome::Captured(vec![money("SGA1", 20_000), money("SGA3", 50_000)]);
    assert_eq!(provider.query(&ask).await, both);
    let offsets: Vec<_> = server.seen(PULL).into_iter().map(|seen| seen.body["OffSetValue"].clone()).collect();
    assert_eq!(offsets, [json!("0"), json!("2"), json!("3")]);
    assert_eq!(provider.query(&ask).await, both, "what was read stays");
    for reply in
        [Reply::Reset, Reply::Json(503, json!({})), Reply::Json(200, json!({ "ResponseCode": "1000", "Response": 5 }))]
    {
        server.script(PULL, [reply]);
        expect_unknown(&provider.query(&ask).await, "");
    }
}

#[tokio::test]
async fn a_daraja_that_looks_at_no_offset_is_not_asked_for_ever() {
    let server = daraja().await;
    server.script(PULL, [page(&[("SGA1", &payments::account(ORDER), "500")])]);
    let captured = PaymentOutcome::Captured(vec![money("SGA1", 50_000)]);
    assert_eq!(paybill(&server).query(&request(50_000, None, None)).await, captured);
    assert_eq!(server.seen(PULL).len(), 2);
}

#[tokio::test]
async fn an_old_order_is_looked_for_in_the_last_two_days_once() {
    let server = daraja().await;
    let provider = paybill(&server);
    let mut ask = request(50_000, None, None);
    ask.created_ms = now_ms() - 30 * 24 * 60 * 60 * 1000;
    assert!(matches!(provider.query(&ask).await, PaymentOutcome::Pending { .. }));
    let first = server.seen(PULL).len();
    assert_eq!(first, 24, "48 hours in slices of two");
    provider.query(&ask).await;
    assert_eq!(server.seen(PULL).len(), first + 1, "then only what is new");
    let seen = server.seen(PULL);
    let date = |at: usize, name: &str| seen[at].body[name].as_str().unwrap().to_owned();
    assert_eq!(date(0, "StartDate").len(), "2019-07-31 20:35:21".len());
    assert!(date(0, "StartDate") < date(0, "EndDate") && date(first, "StartDate") < date(first - 1, "EndDate"));
}

#[tokio::test]
async fn confirmations() {
    let server = daraja().await;
    let provider = paybill(&server);
    let headers = axum::http::HeaderMap::new();
    let read =
        |subject, body: &Value| provider.read_callback(&callback(subject, &headers, body.to_string().as_bytes()));
    let push = |account: &str| Notice::Push { account: account.to_owned(), receipt: "RKTQDM7W6S".to_owned() };
    assert_eq!(read(None, &confirmation("RKTQDM7W6S", " 0a-bO l2")), Ok(push("0AB012")));
    assert_eq!(read(None, &confirmation("rktqdm7w6s", "")), Ok(push("")));
    assert_eq!(read(None, &confirmation("RKTQDM7W6S", &prompt_account())), Ok(Notice::Nothing));
    read(Some(ORDER), &confirmation("RKTQDM7W6S", "A")).unwrap_err();
    for bad in
        [json!({}), json!([1]), confirmation("", "A"), confirmation("A/B", "A"), confirmation(&"A".repeat(65), "A")]
    {
        read(None, &bad).unwrap_err();
    }
}

#[tokio::test]
async fn statements_of_both_providers_share_no_entry() {
    let server = daraja().await;
    let shop = open(&server.url, true);
    let (prompts, paybill) = (DarajaStk::new(shop.clone()).unwrap(), DarajaC2b::new(shop).unwrap());
    let (now, hour) = (now_ms(), 60 * 60 * 1000);
    let at_ms = now / 1000 * 1000 - 4 * hour;
    let rows = [("SGA1", prompt_account()), ("SGA2", payments::account(ORDER)), ("SGA3", String::new())];
    let rows: Vec<_> = rows.iter().map(|(receipt, account)| (*receipt, account.as_str(), "5.00")).collect();
    server.script(PULL, [page_at(at_ms, &rows)]);
    let receipts = |entries: Vec<coinless_station::provider::StatementEntry>| {
        assert!(entries.iter().all(|entry| entry.kind == EntryKind::Payment && entry.at_ms == at_ms));
        entries.into_iter().map(|entry| (entry.receipt, entry.account)).collect::<Vec<_>>()
    };
    let account = Some(payments::account(ORDER));
    let mine = receipts(prompts.statement(at_ms - hour, now).await.unwrap());
    assert_eq!(mine, [("SGA1".to_owned(), account.clone())]);
    let others = receipts(paybill.statement(at_ms - hour, now).await.unwrap());
    assert_eq!(others, [("SGA2".to_owned(), account), ("SGA3".to_owned(), None)]);
    assert!(prompts.statement(at_ms + 1, now).await.unwrap().is_empty());
    // It says from when on it can be asked for, and then it can.
    let too_old = prompts.statement(now - 46 * hour, now).await;
    let Err(StatementError::TooOld { since_ms }) = too_old else { panic!("{too_old:?}") };
    assert!(since_ms > now - 46 * hour, "{since_ms}");
    assert_eq!(receipts(prompts.statement(since_ms, now).await.unwrap()), mine);
}

#[tokio::test]
async fn an_account_that_ends_like_a_prompt_s_is_in_the_statement_of_the_paybill() {
    let server = daraja().await;
    let at_ms = now_ms() / 1000 * 1000 - 4 * 60 * 60 * 1000;
    let like_a_prompt = prompt_account();
    let rows = [("SGA1", "KAMAU"), ("SGA2", like_a_prompt.as_str())];
    let rows: Vec<_> = rows.iter().map(|(receipt, account)| (*receipt, *account, "5.00")).collect();
    server.script(PULL, [page_at(at_ms, &rows)]);
    // This shop asks no telephones: nothing is a prompt's.
    let folder = tempfile::tempdir().unwrap();
    let no_prompts = DarajaConfig { passkey_file: None, ..shop(folder.path(), &server.url, true) };
    for (shop, wanted) in [
        (open(&server.url, true), vec!["KAMAU"]),
        (Daraja::open(&no_prompts).unwrap(), vec!["KAMAU", like_a_prompt.as_str()]),
    ] {
        let paybill = DarajaC2b::new(shop).unwrap();
        let entries = paybill.statement(at_ms - 1, now_ms()).await.unwrap();
        let accounts: Vec<_> = entries.iter().map(|entry| entry.account.as_deref().unwrap()).collect();
        assert_eq!(accounts, wanted);
        let headers = axum::http::HeaderMap::new();
        let told = serde_json::to_vec(&confirmation("RKTQDM7W6S", "Kamau")).unwrap();
        let notice = paybill.read_callback(&callback(None, &headers, &told));
        assert_eq!(notice, Ok(Notice::Push { account: "KAMAU".to_owned(), receipt: "RKTQDM7W6S".to_owned() }));
    }
}

#[test]
fn who_pays_is_asked_for_where_it_is_of_use() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path(), "http://127.0.0.1:1", true);
    let daraja = Daraja::open(&shop).unwrap();
    let hint = Some("telephone number");
    assert_eq!(DarajaStk::new(daraja.clone()).unwrap().payer(), (PayerNeed::Required, hint));
    assert_eq!(DarajaC2b::new(daraja).unwrap().payer(), (PayerNeed::Optional, hint));
    let no_refunds = Daraja::open(&DarajaConfig { refunds: None, ..shop }).unwrap();
    assert_eq!(DarajaC2b::new(no_refunds).unwrap().payer(), (PayerNeed::None, None));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_only_the_comparison() {
    let server = daraja().await;
    let paybill = DarajaC2b::new(open(&server.url, true)).unwrap();
    let account = payments::account(ORDER);
    server.script(PULL, [page(&[("SGA1", &account, "5.00"), ("SGA2", "X", "five")])]);
    let said = paybill.query(&request(500, None, None)).await;
    assert_eq!(said, PaymentOutcome::Captured(vec![money("SGA1", 500)]));
    let stated = paybill.statement(now_ms() - 60_000, now_ms() + 60_000).await;
    assert!(matches!(&stated, Err(StatementError::Unavailable(why)) if why.contains("SGA2")), "{stated:?}");
}

#[tokio::test]
async fn a_station_sells_to_who_pays_by_himself() {
    let server = daraja().await;
    let daraja = open(&server.url, true);
    let app = App::start(|_| vec![Arc::new(DarajaC2b::new(daraja).unwrap())]).await;
    app.order(ORDER, "daraja-paybill", "500", None).await;
    let waiting = app.wait_for(ORDER, |order| order.payment.instructions.is_some()).await;
    assert!(waiting.payment.instructions.unwrap().contains(&payments::account(ORDER)));
    let url = app.station.context().callbacks.url("daraja-paybill", SHARED_ADDRESS);
    // A confirmation that is not in the statement is not money.
    let forged = confirmation("FORGED1", &payments::account(ORDER));
    assert_eq!(app.post(&url, &forged).await, (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.to_owned()));
    let asked = server.seen(PULL).len();
    server.wait_for(PULL, asked + 1).await;
    assert_eq!(app.show(ORDER).await.payment.state, PaymentState::Sent);
    let account = payments::account(ORDER);
    server.script(PULL, [page(&[("SGA1", &account, "500.00")]), nothing()]);
    app.post(&url, &confirmation("SGA1", &account)).await;
    app.wait_for(ORDER, |order| order.lines[0].state == LineState::Issued).await;
    // The customer pays once more: held, and a person is told.
    server.script(PULL, [page(&[("SGA2", &account, "500.00")]), nothing()]);
    app.post(&url, &confirmation("SGA2", &account)).await;
    app.wait_for_balance("suspense", "-500.00").await;
    assert_eq!(app.exceptions().await, ["second_success"]);
    assert_eq!(app.balance("provider:daraja-paybill:clearing").await, "1000.00");
    app.post(&url, &confirmation("SGA3", "NOBODY")).await;
    assert_eq!(app.exceptions().await, ["second_success", "unknown_account"]);
    assert!(server.seen(PUSH).is_empty());
}

#[tokio::test]
async fn a_short_code_is_registered() {
    let server = daraja().await;
    let shop = open(&server.url, true);
    let (urls, pull) = ("/mpesa/c2b/v2/registerurl", "/pulltransactions/v1/register");
    let answer = |code: &str| Reply::Json(200, json!({ "OriginatorCoversationID": "1", "ResponseCode": code }));
    server.script(urls, [answer("0"), answer("1"), Reply::Reset]);
    shop.register_urls("https://station.example/all").await.unwrap();
    let expected = json!({ "ShortCode": "174379", "ResponseType": "Completed",
        "ConfirmationURL": "https://station.example/all", "ValidationURL": "https://station.example/all" });
    assert_eq!(server.seen(urls)[0].body, expected);
    for _ in 0..2 {
        shop.register_urls("https://station.example/all").await.unwrap_err();
    }
    let answer = |status: &str| Reply::Json(200, json!({ "ResponseRefID": "1", "ResponseStatus": status }));
    server.script(pull, [answer("1000"), answer("1001"), answer("1002")]);
    for _ in 0..2 {
        shop.register_pull("0722000000", "https://station.example/all").await.unwrap();
    }
    shop.register_pull("0722000000", "https://station.example/all").await.unwrap_err();
    assert_eq!(server.seen(pull)[0].body["RequestType"], "Pull");
}
