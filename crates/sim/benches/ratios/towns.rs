//! What an order costs in a small town and in a large one, where every meter has bought before.

use crate::Scale;
use crate::bare::TURNS;
use crate::purchase::{Buyer, STEPS, meter_id};
use crate::report::{line, meets, note, progress};
use crate::stations::{Database, Engine, Place};
use crate::steps::{Driven, buyers, drive, on};
use coinless_station::meters;
use coinless_station::service::Station;
use coinless_station::store::{GroupSize, SqliteTx, Tx};
use serde_json::json;

/// Meters of the towns.
const TOWNS: [usize; 3] = [100, 10_000, 100_000];
/// Meters that orders are made for in each, spread over the whole town.
const BUYERS: usize = 512;
/// Callers at once.
const CALLERS: [usize; 2] = [1, 64];
/// What an order may cost in a larger town, as a multiple of the smallest.
const AIM: f64 = 1.2;
/// Tables that hold something of every meter or order.
const TABLES: [&str; 9] =
    ["meter", "token", "meter_line", "receipt", "orders", "order_line", "movement", "entry", "money_receipt"];

struct Town {
    meters: usize,
    station: Station,
    buyers: Vec<Buyer>,
    _database: Database,
}

pub async fn run(scale: Scale) {
    let towns = if scale == Scale::Whole { &TOWNS[..] } else { &[100, 1_000] };
    line("what an order costs, by how many meters there are that have bought before");
    for engine in Engine::all() {
        let mut built = Vec::new();
        for meters in towns {
            progress(&format!("building a town of {meters} meters on {}", engine.name()));
            built.push(build(engine, *meters).await);
        }
        for callers in CALLERS {
            progress(&format!("{}, {callers} callers", engine.name()));
            let mut driven: Vec<_> = built.iter().map(|_| Driven::default()).collect();
            // By turns, so that noise hits all alike.
            for _ in 0..TURNS {
                for (town, driven) in built.iter_mut().zip(&mut driven) {
                    driven.add(drive(&town.station, &mut town.buyers, callers, scale.measure() / 4).await);
                }
            }
            show(engine, callers, &built, &driven);
        }
    }
}

fn show(engine: Engine, callers: usize, towns: &[Town], driven: &[Driven]) {
    let smallest = driven.first().map_or(0.0, Driven::rate);
    for (town, driven) in towns.iter().zip(driven) {
        let (orders, cost) = (driven.rate() / STEPS as f64, smallest / driven.rate());
        let what = format!("  {}, {callers} callers, {} meters", engine.name(), town.meters);
        let judged = if meets(cost <= AIM) { "" } else { " (missed)" };
        line(format!("{what:<46} {orders:>9.0} orders a second, {cost:>5.2} of the smallest town's cost{judged}"));
        note(json!({
            "what": "cost of an order", "store": engine.name(), "callers": callers, "meters": town.meters,
            "orders_per_second": orders, "to_smallest": cost, "aim": AIM,
        }));
    }
}

/// A town whose meters have all bought once. One does so by itself; for the others its rows are copied.
async fn build(engine: Engine, meters: usize) -> Town {
    let database = Database::new(engine);
    let station = on(&database, GroupSize::default()).await;
    let mut first = buyers(&station, &database, 1).await;
    drive(&station, &mut first, 1, Default::default()).await;
    let order = station.read(|work| Ok(work.query("SELECT order_id FROM orders", &[])?[0].text(0)?.to_owned())).await;
    let statements = copies(&order.expect("an order"), meters - 1, engine);
    let place = database.place.clone();
    tokio::task::spawn_blocking(move || match place {
        Place::File(path) => {
            let db = rusqlite::Connection::open(path).expect("a database");
            db.execute_batch(&statements).expect("rows");
        }
        Place::Server(connection) => coinless_sim::postgres::execute(&connection, &statements).expect("rows"),
    })
    .await
    .expect("a town");
    let known = station.read(|work| meters::find(work, meter_id(0))).await.expect("a meter");
    let buyers = meters.min(BUYERS);
    let buyers = (0..buyers).map(|number| Buyer::new(number * (meters / buyers), &known, 1)).collect();
    Town { meters, station, buyers, _database: database }
}

/// Statements that copy what there is of the meter 0 and its order for the meters 1 to `last`.
fn copies(order: &str, last: usize, engine: Engine) -> String {
    let first = meter_id(0);
    // 'CLS' and ten digits; an order's id with twelve other characters at its end.
    let meter = "'CLS' || substr(CAST(10000000000 + s.n AS TEXT), 2)";
    let other = format!("'{}' || substr(CAST(1000000000000 + s.n AS TEXT), 2)", &order[..order.len() - 12]);
    let (begin, series, end) = match engine {
        Engine::Sqlite => (
            "BEGIN",
            format!(
                "(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {last}) SELECT n FROM r) s"
            ),
            "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
        ),
        Engine::Postgres => ("BEGIN", format!("generate_series(1, {last}) AS s(n)"), "COMMIT; ANALYZE"),
    };
    let mut schema = SqliteTx::in_memory().expect("the schema");
    let mut statements = vec![begin.to_owned()];
    for table in TABLES {
        let columns = schema.query("SELECT name, type FROM pragma_table_info($1)", &[table.into()]).expect("columns");
        let columns: Vec<(String, bool)> = columns
            .iter()
            .map(|row| (row.text(0).expect("a name").to_owned(), row.text(1).expect("a type") == "TEXT"))
            .collect();
        let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<_> = columns
            .iter()
            .map(|(name, is_text)| match is_text {
                true => format!("replace(replace(t.{name}, '{first}', {meter}), '{order}', {other})"),
                false => format!("t.{name}"),
            })
            .collect();
        let (names, values) = (names.join(", "), values.join(", "));
        statements.push(format!("INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, {series}"));
    }
    statements.push(end.to_owned());
    statements.join(";\n")
}
