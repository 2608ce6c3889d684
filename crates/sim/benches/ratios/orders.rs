//! Complete orders through HTTP on both stores: quote, payment, sale, token and receipt, each step durable before the next.
//! Grouped and one by one, against bare commits of the same rows to the same disk.

use crate::report::line;
use crate::stations::{Database, Engine, Place, station};
use crate::{print, rows};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::{CreditNumber, FineCredit, MeterId, Units};
use coinless_station::net::http_client;
use coinless_station::records::{DeliveryRecord, HexKey, IssuerRecord};
use coinless_station::service::{Probe, Station};
use coinless_station::store::GroupSize;
use coinless_station::{http, meters};
use serde_json::{Value, json};
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

/// A station at work with so many meters; gives its URL too.
pub async fn serve(database: &Database, group: GroupSize, meters: usize, probe: Probe) -> (String, Station) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (station, workers) = station(database.store(group), database.folder.path(), &url, probe).await;
    tokio::spawn(workers.run());
    tokio::spawn(http::serve(listener, station.clone()));
    let utility = station.utilities().only().expect("one utility").name.clone();
    for number in 0..meters {
        let meter = BenchMeter::new(number, &station);
        let (record, utility) = (meter.record(), utility.clone());
        station.run("enrol", move |work| meters::enrol(work, &record, &utility)).await.expect("an enrolment");
    }
    (url, station)
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
            money: None,
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
    database: Database,
}

async fn measure_orders(engine: Engine, measure: Duration, clients: usize, group: GroupSize) -> Measured {
    let database = Database::new(engine);
    let (url, station) = serve(&database, group, clients, probe).await;
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
    Measured { orders: orders as f64 / seconds, steps: steps as f64 / seconds, database }
}

pub async fn run(measure: Duration) {
    for engine in Engine::all() {
        let single = measure_orders(engine, measure, 1, GroupSize(1)).await;
        let grouped = measure_orders(engine, measure, CLIENTS, GroupSize::default()).await;
        let commits = (grouped.steps / grouped.orders).round() as usize;
        let name = engine.name();
        line(format!("{name}: complete orders through HTTP, each in {commits} durable steps"));
        let bare = bare_rates(&single.database, measure, commits);
        let to_single = bare.map(|(single, _)| (single, "the bare commits of its rows"));
        print(&format!("  {name}, one by one"), single.orders, to_single);
        let to_grouped = bare.map(|(_, grouped)| (grouped, "the bare grouped commits of its rows"));
        print(&format!("  {name}, {CLIENTS} clients, grouped"), grouped.orders, to_grouped);
        print(&format!("  {name}, the same"), grouped.orders, Some((single.orders, "one by one")));
        print(
            &format!("  {name}, durable order steps in them, grouped"),
            grouped.steps,
            Some((single.steps, "one by one")),
        );
    }
}

/// Orders a second of bare commits of the rows that an order leaves: each order by itself, and as many together as there are
/// clients. The rows are read from a SQLite file.
fn bare_rates(database: &Database, measure: Duration, commits: usize) -> Option<(f64, f64)> {
    let Place::File(path) = &database.place else { return None };
    let rows = rows::of_one_order(path);
    Some((rows::bare_rate(measure, &rows, commits, 1), rows::bare_rate(measure, &rows, commits, CLIENTS)))
}
