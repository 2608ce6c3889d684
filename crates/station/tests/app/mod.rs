//! A station for one test.

#[path = "../place/mod.rs"]
pub mod place;

use coinless_station::money::{Currency, Money};
use coinless_station::provider::{
    BadCallback, Call, Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome,
    RefundRequest, StatementEntry, StatementError,
};
use coinless_station::service::Station;
use coinless_station::{config::Config, show};
use place::{Place, Plan};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

/// What the provider says, one answer after another; the last one for ever.
pub struct Script(VecDeque<Said>);

#[derive(Clone)]
enum Said {
    Captured(Option<i64>),
    CapturedIn(&'static str),
    Declined,
    Pending,
    Unknown,
}

impl Script {
    pub fn capture() -> Self {
        Self([Said::Captured(None)].into())
    }

    pub fn capture_minor(minor: i64) -> Self {
        Self([Said::Captured(Some(minor))].into())
    }

    pub fn decline() -> Self {
        Self([Said::Declined].into())
    }

    pub fn decline_then_capture() -> Self {
        Self([Said::Declined, Said::Captured(None)].into())
    }

    pub fn capture_currency(code: &'static str) -> Self {
        Self([Said::CapturedIn(code)].into())
    }

    pub fn pending() -> Self {
        Self([Said::Pending].into())
    }

    pub fn unknown_then_captured(times: usize) -> Self {
        Self(std::iter::repeat_n(Said::Unknown, times).chain([Said::Captured(None)]).collect())
    }
}

pub struct Provider {
    script: Mutex<VecDeque<Said>>,
    started: AtomicUsize,
}

impl Provider {
    pub fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    fn next(&self, request: &PaymentRequest) -> PaymentOutcome {
        let mut script = self.script.lock().unwrap();
        let said = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        match said.unwrap() {
            Said::Captured(minor) => {
                captured(request, minor.map_or(request.amount, Money::from_minor), request.currency)
            }
            Said::CapturedIn(code) => captured(request, request.amount, Currency::from_code(code).unwrap()),
            Said::Declined => PaymentOutcome::Declined { reason: "no funds".to_owned() },
            Said::Pending => PaymentOutcome::Pending { reference: None, instructions: None },
            // As bad as it gets: providers name payers and addresses in their words.
            Said::Unknown => PaymentOutcome::Unknown {
                why: format!("connection reset by {:?} for {}", request.payer, request.callback_url),
            },
        }
    }
}

fn captured(request: &PaymentRequest, amount: Money, currency: Currency) -> PaymentOutcome {
    PaymentOutcome::Captured(vec![MoneyReceipt { receipt: request.payment_id.clone(), amount, currency }])
}

impl PaymentProvider for Provider {
    fn name(&self) -> &str {
        "test"
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        self.started.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { self.next(request) })
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async move { self.next(request) })
    }

    fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(async { RefundOutcome::Refunded })
    }

    fn statement<'a>(&'a self, _: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(async { Err(StatementError::NotOffered) })
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        let payment_id = callback.subject.map(str::to_owned).ok_or(BadCallback("nothing".to_owned()))?;
        Ok(Notice::Payment { payment_id, reference: None })
    }
}

pub struct App {
    pub provider: Arc<Provider>,
    pub station: Station,
    url: String,
    http: reqwest::Client,
    pub place: Place,
}

pub struct Answer {
    status: u16,
    content_type: String,
    body: String,
    pub request_id: String,
}

impl Answer {
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn text(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    pub fn expect_problem(self, status: u16) -> Value {
        assert_eq!(self.content_type, "application/problem+json", "{}", self.body);
        self.expect(status)
    }
}

impl App {
    pub async fn start(script: Script) -> Self {
        Self::of(&Config::default(), script).await
    }

    /// A station of these utilities, which serves this app.
    pub async fn of(config: &Config, script: Script) -> Self {
        let place = Place::new();
        let provider = Arc::new(Provider { script: Mutex::new(script.0), started: AtomicUsize::new(0) });
        let utilities = config.utilities(&place.store).unwrap();
        let app = coinless_station::app::App::open(&config.app).unwrap();
        let plan = Plan { customer: Some("Ada Lovelace"), app, ..Plan::new(utilities, vec![provider.clone()]) };
        let (station, url) = place.start(plan).await;
        let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
        Self { provider, station, url, http, place }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (content_type, request_id) = (header("content-type"), header("x-request-id"));
        let status = response.status().as_u16();
        Answer {
            status,
            content_type: content_type.unwrap_or_default(),
            body: response.text().await.unwrap(),
            request_id: request_id.expect("each answer has one"),
        }
    }

    /// A whole answer, as a browser gets it.
    pub async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub async fn get_as(&self, path: &str, authorization: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.url)).header("authorization", authorization)).await
    }

    pub async fn put_at(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.put(format!("{}{path}", self.url)).json(body)).await
    }

    pub async fn put(&self, id: &str, body: &Value) -> Answer {
        self.send(self.http.put(format!("{}/v1/orders/{id}", self.url)).json(body)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    pub async fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", content_type);
        self.send(request.body(body)).await
    }

    pub async fn accept(&self, id: &str, quote_version: i64) -> Answer {
        self.post(&format!("/v1/orders/{id}/payment"), &json!({ "quote_version": quote_version })).await
    }

    /// Sends an acceptance and closes the connection without waiting for the answer.
    pub async fn accept_and_hang_up(&self, id: &str) {
        let host = self.url.trim_start_matches("http://");
        let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
        let body = "{\"quote_version\":1}";
        let request = format!(
            "POST /v1/orders/{id}/payment HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
    }

    /// Calls back as the provider does.
    pub async fn call_back(&self, id: &str) {
        let path = self.station.context().callbacks.path("test", id);
        let answer = self.post_bytes(&path, "application/json", b"{}".to_vec()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    /// Waits over server-sent events until line 1 is in `state`.
    pub async fn wait_for(&self, id: &str, state: &str) -> Value {
        let mut stream = self.http.get(format!("{}/v1/orders/{id}/events", self.url)).send().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            bytes.extend_from_slice(&chunk);
            while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8(bytes.drain(..end + 2).collect()).unwrap();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let order: Option<Value> = data.map(|data| serde_json::from_str(data).unwrap());
                if let Some(order) = order.filter(|order| order["lines"][0]["state"] == state) {
                    return order;
                }
            }
        }
    }

    pub async fn ledger(&self) -> Value {
        let ledger = self.station.read(|work| show::ledger(work, None)).await.unwrap();
        serde_json::to_value(ledger).unwrap()
    }

    pub async fn balance(&self, account: &str) -> String {
        let ledger = self.ledger().await;
        let found = ledger["accounts"].as_array().unwrap().iter().find(|known| known["account"] == account).cloned();
        let zero = Currency::from_code("EUR").unwrap().format(Money::ZERO);
        found.map_or(zero, |account| account["balance"].as_str().unwrap().to_owned())
    }

    pub async fn exceptions(&self) -> Value {
        serde_json::to_value(self.station.read(show::exceptions).await.unwrap()).unwrap()
    }

    pub async fn reserved_units(&self) -> u64 {
        self.station.read(show::all_meters).await.unwrap()[0].reserved_units
    }
}
