//! Against a Daraja that somebody else wrote: the program `daraja-mock` (PyPI, 1.0.5), where COINLESS_DARAJA_MOCK names it.

use crate::{REFERENCE, money, open, request};
use coinless_station::money::Money;
use coinless_station::provider::daraja::DarajaStk;
use coinless_station::provider::{PaymentOutcome, PaymentProvider, RefundOutcome, RefundRequest};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn an_outsiders_daraja_understands_us() {
    let Ok(program) = std::env::var("COINLESS_DARAJA_MOCK") else {
        assert!(std::env::var_os("CI").is_none(), "COINLESS_DARAJA_MOCK is not set: run `cargo xtask test`");
        println!("skipped: COINLESS_DARAJA_MOCK is not set; `cargo xtask test` sets it");
        return;
    };
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut mock = Command::new(program);
    mock.args(["--host", "127.0.0.1", "--port", &port.to_string()]).kill_on_drop(true);
    let mut mock = mock.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // It says that it runs when it listens.
    let mut lines = BufReader::new(mock.stderr.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("it goes on running").contains("Running on") {}
    let provider = DarajaStk::new(open(&format!("http://127.0.0.1:{port}"), false)).unwrap();
    let outcome = provider.start(&request(50_000, Some("0722111111"), None)).await;
    let PaymentOutcome::Pending { reference: Some(reference), .. } = outcome else { panic!("{outcome:?}") };
    assert!(reference.starts_with("ws_CO_"), "{reference}");
    // It remembers nothing: every prompt was paid.
    let outcome = provider.query(&request(50_000, None, Some(REFERENCE))).await;
    assert_eq!(outcome, PaymentOutcome::Captured(vec![money(REFERENCE, 50_000)]));
    let refund = RefundRequest {
        payment_id: crate::ORDER.to_owned(),
        refund_id: format!("{}/1", crate::ORDER),
        attempt: 1,
        amount: Money::from_minor(50_000),
        currency: crate::kes(),
        payer: Some("0722111111".to_owned()),
        reference: None,
        receipt: None,
        callback_url: "https://station.example/cb/refund".to_owned(),
    };
    let said = provider.refund(&refund).await;
    assert!(matches!(&said, RefundOutcome::Pending { why } if why.contains("taken the refund in")), "{said:?}");
    mock.kill().await.unwrap();
}
