//! Programs that are started for a test, and a station's side of Stripe that talks to them.

use coinless_station::money::{Currency, Money};
use coinless_station::provider::stripe::{Stripe, StripeConfig};
use coinless_station::provider::{PaymentRequest, RefundRequest};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

pub const PAYMENT: &str = "01936f00-1111-7abc-8def-000000000001";
pub const KEY: &str = "sk_test_neverinalog";
pub const WEBHOOK_SECRET: &str = "whsec_test_one";
/// When the payments of these tests were made.
pub const CREATED_MS: i64 = 1_700_000_000_000;
pub const MINUTE_MS: i64 = 60_000;

/// A program of others that runs until the test ends.
pub struct Double {
    child: Child,
    pub url: String,
}

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a double is. None: not installed, which is only allowed outside CI.
fn installed(variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    assert!(std::env::var_os("CI").is_none(), "{variable} is not set: run `cargo xtask test`");
    println!("skipped: {variable} is not set; `cargo xtask test` sets it");
    None
}

fn script(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers")).join(name)
}

/// Starts a server and waits for the line that names its port.
fn start(command: &mut Command, before_port: &str) -> Double {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().expect("the double ended before it named its port").unwrap();
        if let Some(port) = line.strip_prefix(before_port) {
            break port.trim().parse::<u16>().unwrap();
        }
    };
    // What it says later is read away, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Double { child, url: format!("http://127.0.0.1:{port}") }
}

pub fn localstripe() -> Option<Double> {
    let python = installed("COINLESS_LOCALSTRIPE")?.with_file_name("python");
    let mut command = Command::new(python);
    command.arg(script("localstripe_loopback.py")).args(["localstripe", "--port", "0", "--from-scratch"]);
    Some(start(&mut command, "listening on 127.0.0.1:"))
}

pub fn stateful_mock() -> Option<Double> {
    let cli = installed("COINLESS_STRIPE_STATEFUL_MOCK")?;
    let mut command = Command::new("node");
    command.arg("--require").arg(script("node_loopback.cjs")).arg(cli).env("PORT", "0");
    Some(start(&mut command, "listening on 127.0.0.1:"))
}

/// WireMock, and a folder for its files.
pub fn wiremock() -> Option<(Double, TempDir)> {
    let jar = installed("COINLESS_WIREMOCK")?;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("java");
    command.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-jar"]).arg(jar);
    command.args(["--bind-address", "127.0.0.1", "--port", "0", "--root-dir"]).arg(folder.path());
    Some((start(&mut command, "port:"), folder))
}

/// Where the payer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Hosted,
    Own,
}

/// The provider under test, with a clock that stands until it is moved.
pub struct Station {
    pub stripe: Stripe,
    now_ms: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Station {
    pub fn new(url: &str, page: Page) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), url, page);
        let now_ms = Arc::new(AtomicI64::new(CREATED_MS + MINUTE_MS));
        let clock = now_ms.clone();
        let stripe = Stripe::with_clock(&config, Box::new(move || clock.load(Ordering::SeqCst))).unwrap();
        Self { stripe, now_ms, _folder: folder }
    }

    /// Moves the clock to so many minutes after the payment was made.
    pub fn at_minute(&self, minute: i64) -> &Stripe {
        self.now_ms.store(CREATED_MS + minute * MINUTE_MS, Ordering::SeqCst);
        &self.stripe
    }
}

pub fn config(folder: &Path, url: &str, page: Page) -> StripeConfig {
    let address = Some("https://pay.example/done".to_owned());
    let (return_url, pay_page) = if page == Page::Hosted { (address, None) } else { (None, address) };
    StripeConfig {
        secret_key_file: secret(folder, "key", KEY),
        webhook_secret_file: secret(folder, "webhook", WEBHOOK_SECRET),
        return_url,
        pay_page,
        description: None,
        pay_within_min: None,
        shared_account: false,
        timeout_ms: None,
        url: Some(url.to_owned()),
    }
}

pub fn secret(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

pub fn eur() -> Currency {
    Currency::from_code("EUR").unwrap()
}

/// A payment of 10.50 EUR.
pub fn payment(reference: Option<&str>) -> PaymentRequest {
    PaymentRequest {
        payment_id: PAYMENT.to_owned(),
        amount: Money::from_minor(1050),
        currency: eur(),
        payer: None,
        callback_url: String::new(),
        account: "0123456789".to_owned(),
        reference: reference.map(str::to_owned),
        created_ms: CREATED_MS,
    }
}

/// A refund of 4.00 EUR of it.
pub fn refund(receipt: &str, line: u32) -> RefundRequest {
    RefundRequest {
        payment_id: PAYMENT.to_owned(),
        refund_id: format!("{PAYMENT}/{line}"),
        attempt: 1,
        amount: Money::from_minor(400),
        currency: eur(),
        payer: None,
        reference: None,
        receipt: Some(receipt.to_owned()),
        callback_url: String::new(),
    }
}

/// What another program than the station does at Stripe or a double: a form to `path`.
pub async fn post(url: &str, path: &str, form: &str, key: Option<&str>) -> reqwest::Response {
    let mut call = client().post(format!("{url}{path}")).header("Authorization", format!("Bearer {KEY}"));
    call = call.header("Content-Type", "application/x-www-form-urlencoded").body(form.to_owned());
    if let Some(key) = key {
        call = call.header("Idempotency-Key", key);
    }
    call.send().await.unwrap()
}

pub async fn get(url: &str, path: &str) -> Value {
    let call = client().get(format!("{url}{path}")).header("Authorization", format!("Bearer {KEY}"));
    call.send().await.unwrap().json().await.unwrap()
}

fn client() -> reqwest::Client {
    coinless_station::net::http_client(std::time::Duration::from_secs(30)).unwrap()
}

/// WireMock, whose answers are changed as a test goes on.
pub struct Mock {
    double: Double,
    _folder: TempDir,
}

impl Mock {
    pub fn start() -> Option<Self> {
        wiremock().map(|(double, _folder)| Self { double, _folder })
    }

    pub fn url(&self) -> &str {
        &self.double.url
    }

    /// Forgets all answers and calls.
    pub async fn reset(&self) {
        let answer = client().post(format!("{}/__admin/reset", self.url())).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// From now on calls that match `request` are answered with `response`. The newest match wins.
    pub async fn answer(&self, request: Value, response: Value) {
        self.stub(json!({ "request": request, "response": response })).await;
    }

    /// The same with everything else that WireMock knows of a stub.
    pub async fn stub(&self, mapping: Value) {
        let answer = client().post(format!("{}/__admin/mappings", self.url())).json(&mapping).send().await.unwrap();
        assert!(answer.status().is_success(), "{mapping}");
    }

    /// Answers `method path` with JSON.
    pub async fn json(&self, method: &str, path: &str, body: Value) {
        self.answer(json!({ "method": method, "urlPath": path }), json!({ "status": 200, "jsonBody": body })).await;
    }

    /// Every call since the last reset, the oldest first.
    pub async fn calls(&self) -> Vec<Value> {
        let journal: Value =
            client().get(format!("{}/__admin/requests", self.url())).send().await.unwrap().json().await.unwrap();
        let mut calls: Vec<Value> =
            journal["requests"].as_array().unwrap().iter().map(|entry| entry["request"].clone()).collect();
        calls.sort_by_key(|call| call["loggedDate"].as_i64());
        calls
    }
}

/// The value of a header of a call, whatever its case.
pub fn header<'a>(call: &'a Value, name: &str) -> Option<&'a str> {
    let headers = call["headers"].as_object().unwrap();
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}
