//! A station for one test, with a provider that always collects and a sandbox utility behind the adapter.

#[path = "../place/mod.rs"]
mod place;

use crate::sandbox::{Options, Utility};
use crate::support::{METER, PATIENT_MS, TOKEN, adapter, eur};
use coinless_station::erase::{self, Erased};
use coinless_station::payments::Patience;
use coinless_station::provider::{
    BadCallback, Call, Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome,
    RefundRequest, StatementEntry, StatementError,
};
use coinless_station::service::Station;
use coinless_station::utilities::{Utilities, Utility as SellingUtility, UtilityName};
use coinless_station::{receipts, show, view};
use place::{Place, Plan};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Collects whatever it is asked for, and gives it back.
#[derive(Default)]
pub struct Provider {
    started: AtomicUsize,
    refunds: Mutex<Vec<String>>,
}

impl Provider {
    fn captured(request: &PaymentRequest) -> PaymentOutcome {
        let (amount, currency) = (request.amount, request.currency);
        PaymentOutcome::Captured(vec![MoneyReceipt { receipt: request.payment_id.clone(), amount, currency }])
    }
}

impl PaymentProvider for Provider {
    fn name(&self) -> &str {
        "test"
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        self.started.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Self::captured(request) })
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(async move { Self::captured(request) })
    }

    fn refund<'a>(&'a self, request: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        self.refunds.lock().unwrap().push(request.refund_id.clone());
        Box::pin(async { RefundOutcome::Refunded })
    }

    fn statement<'a>(&'a self, _: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(async { Err(StatementError::NotOffered) })
    }

    fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
        Ok(Notice::Nothing)
    }
}

pub struct App {
    pub utility: Arc<Utility>,
    provider: Arc<Provider>,
    station: Station,
    url: String,
    http: reqwest::Client,
    _place: Place,
}

impl App {
    pub async fn start(patience: Patience) -> Self {
        Self::with(Options::new(TOKEN), patience, PATIENT_MS).await
    }

    pub async fn with(options: Options, patience: Patience, timeout_ms: u64) -> Self {
        let place = Place::new();
        let folder = &place.folder;
        let utility = Utility::open(&folder.path().join("sales.jsonl"), options).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sales = adapter(folder, &format!("http://{}", listener.local_addr().unwrap()), TOKEN, timeout_ms);
        tokio::spawn(utility.clone().serve(listener));

        let name: UtilityName = "utility".parse().unwrap();
        let selling = SellingUtility { name, brand: "Utility".to_owned(), currency: eur(), sales: Arc::new(sales) };
        let provider = Arc::new(Provider::default());
        let utilities = Utilities::new(vec![selling]).unwrap();
        let plan = Plan { patience, customer: Some("Grace Hopper"), ..Plan::new(utilities, vec![provider.clone()]) };
        let (station, url) = place.start(plan).await;
        let http = coinless_station::net::http_client(std::time::Duration::from_secs(120)).unwrap();
        Self { utility, provider, station, url, http, _place: place }
    }

    /// What the station shows of the meter, and of a quote for it: customer and place.
    pub async fn whose(&self) -> [(Value, Value); 2] {
        let whose = |shown: &Value| (shown["customer"].clone(), shown["place"].clone());
        let meter = self.http.get(format!("{}/v1/meters/{METER}-Z", self.url)).send().await.unwrap();
        assert_eq!(meter.status(), 200);
        let meter: Value = meter.json().await.unwrap();
        let body = json!({ "lines": [{ "meter": format!("{METER}-Z"), "amount": "50.00" }] });
        let quotes = self.http.post(format!("{}/v1/quotes", self.url)).json(&body).send().await.unwrap();
        let quotes: Value = quotes.json().await.unwrap();
        [whose(&meter), whose(&quotes["lines"][0])]
    }

    /// Orders credit for 50.00 EUR; gives status and body.
    pub async fn order(&self, id: &str) -> (u16, Value) {
        let body = json!({ "lines": [{ "meter": format!("{METER}-Z"), "amount": "50.00" }] });
        let answer = self.http.put(format!("{}/v1/orders/{id}", self.url)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Accepts the quote, so that the provider collects.
    pub async fn pay(&self, id: &str) {
        let url = format!("{}/v1/orders/{id}/payment", self.url);
        let answer = self.http.post(url).json(&json!({ "quote_version": 1 })).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }

    /// Waits over server-sent events until line 1 is in one of `states`.
    pub async fn wait_for(&self, id: &str, states: &[&str]) -> Value {
        let mut stream = self.http.get(format!("{}/v1/orders/{id}/events", self.url)).send().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            bytes.extend_from_slice(&chunk);
            while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8(bytes.drain(..end + 2).collect()).unwrap();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let order: Option<Value> = data.map(|data| serde_json::from_str(data).unwrap());
                let in_state = |order: &Value| states.iter().any(|state| order["lines"][0]["state"] == **state);
                if let Some(order) = order.filter(in_state) {
                    return order;
                }
            }
        }
    }

    /// A receipt shows that the meter has loaded this order.
    pub async fn deliver(&self, id: &str) {
        let context = self.station.context().clone();
        let wanted = id.to_owned();
        let order = self.station.read(move |work| view::order(work, &wanted)).await.unwrap();
        let receipt = place::loaded(METER, order.lines[0].quote.units);
        self.station.run("deliver", move |work| receipts::accept(work, &receipt, &context)).await.unwrap();
    }

    /// Erases the payer of an order, or gives why not.
    pub async fn erase(&self, id: &'static str) -> Result<Erased, String> {
        self.station.run("erase", |work| erase::order(work, id, "grace")).await.map_err(|error| error.to_string())
    }

    /// The causes of everything that a person is to look at.
    pub async fn exceptions(&self) -> Vec<String> {
        let shown = serde_json::to_value(self.station.read(show::exceptions).await.unwrap()).unwrap();
        shown.as_array().unwrap().iter().map(|shown| shown["cause"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn is_balanced(&self) -> bool {
        let ledger = self.station.read(|work| show::ledger(work, None)).await.unwrap();
        serde_json::to_value(ledger).unwrap()["balanced"] == true
    }

    /// How often the provider was asked to collect, and the ids of the refunds that it was asked for.
    pub fn provider_saw(&self) -> (usize, Vec<String>) {
        (self.provider.started.load(Ordering::SeqCst), self.provider.refunds.lock().unwrap().clone())
    }
}
