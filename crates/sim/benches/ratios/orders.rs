//! Complete orders through HTTP on SQLite with `synchronous=FULL`: quote, payment, sale, token and receipt, each step durable
//! before the next. Grouped and one by one, against bare commits of the same rows to the same disk.

use crate::{print, rows};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::{CreditNumber, FineCredit, MeterId, Units};
use coinless_station::config::Config;
use coinless_station::keys::Keys;
use coinless_station::net::http_client;
use coinless_station::payments::Patience;
use coinless_station::provider::{
    BadCallback, Call, Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome,
    RefundRequest, StatementEntry, StatementError,
};
use coinless_station::records::{DeliveryRecord, HexKey, IssuerRecord, IssuerRole, from_hex};
use coinless_station::service::{Parts, Station, now_ms};
use coinless_station::signer::{Limits, LocalSigner, QUOTA_FILE, seal_quota};
use coinless_station::store::{GroupSize, SqliteStore, Store};
use coinless_station::utilities::UtilityName;
use coinless_station::{http, meters};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clients at once in the grouped run.
const CLIENTS: usize = 64;

/// Commits of commands, as the station's probe tells them.
static COMMITTED: AtomicU64 = AtomicU64::new(0);

fn probe(point: &str) {
    if point.ends_with(".committed") {
        COMMITTED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A provider that collects at once: only the station is measured.
struct AtOnce;

impl PaymentProvider for AtOnce {
    fn name(&self) -> &str {
        "bench"
    }

    fn start<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        let (amount, currency) = (request.amount, request.currency);
        let receipt = request.payment_id.clone();
        Box::pin(async move { PaymentOutcome::Captured(vec![MoneyReceipt { receipt, amount, currency }]) })
    }

    fn query<'a>(&'a self, request: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        self.start(request)
    }

    fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(async { RefundOutcome::Refunded })
    }

    fn statement<'a>(&'a self, _: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        Box::pin(async { Err(StatementError::NotOffered) })
    }

    fn read_callback(&self, _: &Callback<'_>) -> Result<Notice, BadCallback> {
        Err(BadCallback("there are none".to_owned()))
    }
}

/// A station in `folder`; gives its URL and its key for readings.
pub async fn station(folder: &Path, group: GroupSize, meters: usize) -> (String, Station) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.join("station.db"), group).expect("a database"));
    let config = Config::default();
    let utilities = config.utilities(&store).expect("the default utility");
    let utility = utilities.only().expect("one utility").name.clone();
    let (keys, signer) = keys(&folder.join("keys"), &utility).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (station, workers) = Station::new(Parts {
        store,
        keys,
        signer: Arc::new(signer),
        providers: vec![Arc::new(AtOnce)],
        utilities,
        patience: Patience::default(),
        callback_base: url.clone(),
        probe,
    });
    tokio::spawn(workers.run());
    tokio::spawn(http::serve(listener, station.clone()));
    for number in 0..meters {
        let meter = BenchMeter::new(number, &station);
        let (record, utility) = (meter.record(), utility.clone());
        station.run("enrol", move |work| meters::enrol(work, &record, &utility)).await.expect("an enrolment");
    }
    (url, station)
}

/// Keys and a signer in `folder` that may sign without end: only its speed is measured.
pub async fn keys(folder: &Path, utility: &UtilityName) -> (Keys, LocalSigner) {
    let keys = Keys::open(folder, [utility]).expect("keys");
    let root = std::fs::read_to_string(folder.join(utility.as_str()).join("root.key")).expect("the root key");
    let root = from_hex(root.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).expect("a key");
    let root = KeyPair::from_secret(&root).expect("a key");
    let record = keys.of(utility).expect("its keys").record();
    let operational = record.issuers.iter().find(|issuer| issuer.role == IssuerRole::Operational).expect("a key");
    let limits = Limits { serial: 1, units_hour: 1_000_000_000_000_000, units_day: 1_000_000_000_000_000 };
    let sealed = seal_quota(&limits, &operational.public_key.0, &root).expect("a quota");
    std::fs::write(folder.join(utility.as_str()).join(QUOTA_FILE), sealed).expect("a file");
    let signer = LocalSigner::open(folder, [utility], now_ms).await.expect("a signer");
    (keys, signer)
}

/// The keys of the station's only utility.
fn issuer(station: &Station) -> IssuerRecord {
    let utility = station.utilities().only().expect("one utility");
    station.keys().of(&utility.name).expect("its keys").record()
}

/// A meter that takes every token at once and says so.
pub struct BenchMeter {
    pub id: MeterId,
    pair: KeyPair,
    readings: ReadingsKey,
    number: u32,
    total: u64,
}

impl BenchMeter {
    pub fn new(number: usize, station: &Station) -> Self {
        let id: MeterId = format!("CLS{number:010}").parse().expect("an identity");
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let pair = KeyPair::from_secret(&secret).expect("a key");
        let readings = ReadingsKey::agree(&pair, &issuer(station).readings_key.0, &id);
        Self { id, pair, readings, number: 0, total: 0 }
    }

    fn record(&self) -> DeliveryRecord {
        DeliveryRecord {
            id: self.id.to_string(),
            label: self.id.label().to_string(),
            commodity: "gas".to_owned(),
            public_key: HexKey(self.pair.public_key()),
            initial_units: 0,
            max_credit_units: 1_000_000_000,
            customer: None,
            place: None,
        }
    }

    /// The receipt after `units` more.
    pub fn load(&mut self, units: u64) -> Vec<u8> {
        self.number += 1;
        self.total += units;
        let total = Units::new(self.total).expect("in range");
        let readings = Readings { balance: total.fine(), consumed: FineCredit::ZERO, clock: None };
        let receipt = Receipt {
            meter: self.id,
            number: self.number,
            outcome: Outcome { decision: Decision::Applied, token: CreditNumber(self.number) },
            registers: RegisterNumbers { credit: CreditNumber(self.number), ..RegisterNumbers::default() },
            total,
            sums: Sums::default(),
            flags: Flags::default(),
            readings: self.readings.seal(self.number, &readings).expect("it fits"),
            challenge: None,
        };
        receipt.sign(&self.pair.public_key().hash(), &self.pair).expect("a receipt").to_vec()
    }
}

/// One complete order, as a phone makes it.
pub async fn order(http: &reqwest::Client, url: &str, meter: &mut BenchMeter) {
    let id = uuid::Uuid::now_v7();
    let body = json!({ "lines": [{ "meter": meter.id.label().to_string(), "amount": "5.00" }] });
    let order = format!("{url}/v1/orders/{id}");
    let answer: Value = json_of(http.put(&order).json(&body)).await;
    let units = answer["lines"][0]["quote"]["units"].as_u64().expect("a quote");
    json_of(http.post(format!("{order}/payment")).json(&json!({ "quote_version": 1 }))).await;
    let mut events = http.get(format!("{order}/events")).send().await.expect("events");
    let mut text = String::new();
    while !text.contains("\"state\":\"issued\"") {
        text.push_str(&String::from_utf8_lossy(&events.chunk().await.expect("a chunk").expect("more events")));
    }
    drop(events);
    let receipt = meter.load(units);
    let upload = http.post(format!("{url}/v1/receipts")).header("content-type", "application/cose").body(receipt);
    json_of(upload).await;
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.json().await.expect("JSON")
}

struct Measured {
    orders: f64,
    steps: f64,
    folder: tempfile::TempDir,
}

async fn measure_orders(measure: Duration, clients: usize, group: GroupSize) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, station) = station(folder.path(), group, clients).await;
    COMMITTED.store(0, Ordering::Relaxed);
    let started = Instant::now();
    let clients = (0..clients).map(|number| {
        let (url, mut meter) = (url.clone(), BenchMeter::new(number, &station));
        tokio::spawn(async move {
            let http = http_client(Duration::from_secs(60)).expect("a client");
            let mut orders = 0_u64;
            while started.elapsed() < measure || orders == 0 {
                order(&http, &url, &mut meter).await;
                orders += 1;
            }
            orders
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut orders = 0;
    for client in clients {
        orders += client.await.expect("a client");
    }
    let seconds = started.elapsed().as_secs_f64();
    // The built-in sales system commits the sale on its own.
    let steps = COMMITTED.load(Ordering::Relaxed) + orders;
    station.stop();
    Measured { orders: orders as f64 / seconds, steps: steps as f64 / seconds, folder }
}

pub async fn run(measure: Duration) {
    let single = measure_orders(measure, 1, GroupSize(1)).await;
    let grouped = measure_orders(measure, CLIENTS, GroupSize::default()).await;
    let commits = (grouped.steps / grouped.orders).round() as usize;
    let rows = rows::of_one_order(&single.folder.path().join("station.db"));
    drop(grouped.folder);
    let bare_single = rows::bare_rate(measure, &rows, commits, 1);
    let bare_grouped = rows::bare_rate(measure, &rows, commits, CLIENTS);
    println!("an order leaves {} rows in {commits} durable steps", rows.len());
    print("bare commits of its rows, one order at a time", bare_single, None);
    print(&format!("bare commits of its rows, {CLIENTS} orders together"), bare_grouped, None);
    print("complete orders through HTTP, one by one", single.orders, Some((bare_single, "the bare commits")));
    print("  durable order steps, one by one", single.steps, Some((bare_single * commits as f64, "bare commits")));
    let what = format!("complete orders through HTTP, {CLIENTS} clients, grouped");
    print(&what, grouped.orders, Some((bare_grouped, "the bare grouped commits")));
    print("  the same", grouped.orders, Some((single.orders, "one by one")));
    print("  durable order steps, grouped", grouped.steps, Some((single.steps, "one by one")));
}
