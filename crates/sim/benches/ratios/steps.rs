//! Durable order steps a second and their latency, on both stores: each step a command that is committed before it is answered,
//! one by one and in groups, beside bare commits of the same rows.

use crate::Scale;
use crate::bare::{self, Recorded, TURNS};
use crate::purchase::{Buyer, STEPS, meter_id};
use crate::report::{line, meets, note, progress};
use crate::stations::{Database, Engine, station};
use coinless_station::meters;
use coinless_station::service::Station;
use coinless_station::store::GroupSize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Callers at once.
const CALLERS: [usize; 3] = [1, 64, 256];
/// Meters that orders are made for.
const METERS: usize = 1024;
/// Orders of each meter that are recorded for the bare runs.
const ROUNDS: usize = 3;
/// What is aimed at: against bare commits of groups of the same size, and against one bare commit for each step.
const AIMS: (f64, f64) = (0.5, 8.0);

/// What callers saw.
#[derive(Default)]
pub struct Driven {
    /// How long all was measured.
    took: Duration,
    /// How long each step took its caller.
    latencies: Vec<Duration>,
}

impl Driven {
    /// Steps a second, of all callers together.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Adds what was measured later.
    pub fn add(&mut self, more: Self) {
        self.took += more.took;
        self.latencies.extend(more.latencies);
    }

    /// The latency in milliseconds that so many of a thousand steps do not exceed, of those in order.
    fn permille_ms(&self, permille: usize) -> f64 {
        let at = (self.latencies.len() * permille / 1000).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Lets each caller make orders for meters of its own, one after the other, until the time is over.
pub async fn drive(station: &Station, buyers: &mut Vec<Buyer>, callers: usize, measure: Duration) -> Driven {
    let mut shares: Vec<Vec<Buyer>> = (0..callers).map(|_| Vec::new()).collect();
    for (at, buyer) in buyers.drain(..).enumerate() {
        shares[at % callers].push(buyer);
    }
    let started = Instant::now();
    let tasks: Vec<_> =
        shares.into_iter().map(|share| tokio::spawn(call(station.clone(), share, started, measure))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        let (share, took) = task.await.expect("a caller");
        buyers.extend(share);
        latencies.extend(took);
    }
    Driven { took: started.elapsed(), latencies }
}

async fn call(
    station: Station,
    mut buyers: Vec<Buyer>,
    started: Instant,
    measure: Duration,
) -> (Vec<Buyer>, Vec<Duration>) {
    const NAMES: [&str; STEPS] = ["put", "accept", "pay", "sell", "sign", "receipt"];
    let context = station.context().clone();
    let (mut latencies, mut at) = (Vec::new(), 0);
    while started.elapsed() < measure || at == 0 {
        let turn = at % buyers.len();
        for (name, mut step) in NAMES.into_iter().zip(buyers[turn].next_order(&context)) {
            let asked = Instant::now();
            station.run(name, move |work| step(work)).await.expect("a step");
            latencies.push(asked.elapsed());
        }
        at += 1;
    }
    // Whoever goes on begins with the meters that were not used.
    let turn = at % buyers.len();
    buyers.rotate_left(turn);
    (buyers, latencies)
}

pub async fn run(scale: Scale) {
    let (meters, rounds) = if scale == Scale::Whole { (METERS, ROUNDS) } else { (256, 1) };
    let measure = scale.measure() / 2;
    line("durable order steps, each committed before it is answered, beside the same rows without our code:");
    line("  (a) bare commits of as many steps together as there are callers, (b) one bare commit for each step");
    line(format!(
        "{:<38} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6}",
        "", "a second", "p50 ms", "p99 ms", "(a)", "(b)", "/ (a)", "/ (b)"
    ));
    let mut missed = Vec::new();
    for engine in Engine::all() {
        let database = Database::new(engine);
        let recording = on(&database, GroupSize::default()).await;
        buyers(&recording, &database, 1).await;
        let known = recording.read(|work| meters::find(work, meter_id(0))).await.expect("a meter");
        let utility = recording.utilities().only().expect("one utility").name.clone();
        let recorded = Arc::new(Recorded::record(meters, rounds, &known, &utility, recording.context()));
        drop(recording);
        line(format!(
            "{}: {} statements write in the {STEPS} steps of an order",
            engine.name(),
            recorded.writes_of_an_order()
        ));
        let mut single = recorded.replay(engine, &utility, 1, false).await;
        for (how, group) in [("one by one", GroupSize(1)), ("grouped", GroupSize::default())] {
            let database = Database::new(engine);
            let station = on(&database, group).await;
            let mut buyers = buyers(&station, &database, meters).await;
            for callers in CALLERS {
                let mut grouped = recorded.replay(engine, &utility, callers, true).await;
                progress(&format!("{}, {how}, {callers} callers", engine.name()));
                let mut driven = Driven::default();
                for _ in 0..TURNS {
                    grouped.go_on(measure / TURNS as u32);
                    driven.add(drive(&station, &mut buyers, callers, measure / TURNS as u32).await);
                    single.go_on(measure / TURNS as u32);
                }
                let ratios = show(engine, how, callers, &mut driven, (grouped.rate(), single.rate()));
                let is_met = ratios.0 >= AIMS.0 && ratios.1 >= AIMS.1;
                if group.0 > 1 && callers > 1 && !meets(is_met) {
                    missed.push(format!(
                        "{} with {callers} callers: {:.2} and {:.1}",
                        engine.name(),
                        ratios.0,
                        ratios.1
                    ));
                }
            }
        }
    }
    line(format!("aims for grouped steps of several callers: at least {} of (a), and {} times (b)", AIMS.0, AIMS.1));
    line(if missed.is_empty() { "all are met".to_owned() } else { format!("missed: {}", missed.join("; ")) });
}

/// A station on the database, whose workers do nothing.
pub async fn on(database: &Database, group: GroupSize) -> Station {
    station(database.store(group), database.folder.path(), "http://127.0.0.1", |_| ()).await.0
}

/// Enrols meters and gives who buys for them.
pub async fn buyers(station: &Station, database: &Database, meters: usize) -> Vec<Buyer> {
    let utility = station.utilities().only().expect("one utility").name.clone();
    let store = database.store(GroupSize::default());
    bare::enrol(&*store, meters, &utility).await;
    drop(store);
    let known = station.read(|work| meters::find(work, meter_id(0))).await.expect("a meter");
    (0..meters).map(|number| Buyer::new(number, &known, 0)).collect()
}

/// Shows a line; gives both ratios.
fn show(engine: Engine, how: &str, callers: usize, driven: &mut Driven, bare: (f64, f64)) -> (f64, f64) {
    driven.latencies.sort_unstable();
    let (rate, p50, p99) = (driven.rate(), driven.permille_ms(500), driven.permille_ms(990));
    let ratios = (rate / bare.0, rate / bare.1);
    let name = format!("  {}, {how}, {callers} callers", engine.name());
    line(format!(
        "{name:<38} {rate:>8.0} {p50:>8.2} {p99:>8.2} {:>8.0} {:>8.0} {:>6.2} {:>6.2}",
        bare.0, bare.1, ratios.0, ratios.1
    ));
    note(json!({
        "what": "durable order steps", "how": how, "store": engine.name(), "callers": callers,
        "per_second": rate, "p50_ms": p50, "p99_ms": p99,
        "bare_grouped_per_second": bare.0, "bare_single_per_second": bare.1,
        "to_bare_grouped": ratios.0, "to_bare_single": ratios.1,
    }));
    ratios
}
