//! What the tests of a station stand on: an empty database of the store that the environment names, and a station on it.
//!
//! `COINLESS_TEST_STORE=postgres` puts every such database into a PostgreSQL cluster of the test's process; without it each is
//! a SQLite file.

#![allow(dead_code, reason = "each test uses a part")]

pub mod direct;
#[path = "../../../sim/src/postgres.rs"]
#[allow(missing_docs, reason = "a part of another crate that depends on this one")]
pub mod postgres;

use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::{Commodity, CreditNumber, Epoch, FineCredit, MeterId, Units};
use coinless_station::app::App;
use coinless_station::keys::Keys;
use coinless_station::payments::Patience;
use coinless_station::provider::PaymentProvider;
use coinless_station::receipts::OpenedReceipt;
use coinless_station::records::{DeliveryRecord, HexKey};
use coinless_station::service::{self, Parts, Probe, Station};
use coinless_station::signer::LocalSigner;
use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store};
use coinless_station::utilities::Utilities;
use coinless_station::{http, meters};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The gas meter that every station of a test knows.
pub const METER: &str = "CLS0000000017";

/// A database, and a folder for everything else.
pub struct Place {
    pub store: Arc<dyn Store>,
    pub folder: TempDir,
    connection: Option<String>,
}

impl Place {
    pub fn new() -> Self {
        Self::with_groups(GroupSize::default())
    }

    pub fn with_groups(group: GroupSize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = postgres::chosen().unwrap();
        let store: Arc<dyn Store> = match &connection {
            Some(connection) => Arc::new(PostgresStore::open(connection, group).unwrap()),
            None => Arc::new(SqliteStore::open(&folder.path().join("station.db"), group).unwrap()),
        };
        Self { store, folder, connection }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Every text in every table.
    pub fn dump(&self) -> String {
        match &self.connection {
            Some(connection) => postgres::dump(connection).unwrap(),
            None => dump(&self.folder.path().join("station.db")),
        }
    }

    /// Starts a station with everything real, at an address of its own, and enrols [`METER`] for its first utility.
    pub async fn start(&self, plan: Plan) -> (Station, String) {
        let names: Vec<_> = plan.utilities.all().map(|utility| utility.name.clone()).collect();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (station, mut workers) = Station::new(Parts {
            store: self.store.clone(),
            keys: Keys::open(&self.keys(), &names).unwrap(),
            signer: Arc::new(LocalSigner::open(&self.keys(), &names, service::now_ms).await.unwrap()),
            providers: plan.providers,
            utilities: plan.utilities,
            app: plan.app,
            patience: plan.patience,
            callback_base: url.clone(),
            probe: plan.probe,
        });
        workers.begin().await.unwrap();
        tokio::spawn(workers.run());
        tokio::spawn(http::serve(listener, station.clone()));
        let (record, utility) = (meter(plan.customer), names[0].clone());
        station.run("enrol", move |work| meters::enrol(work, &record, &utility)).await.unwrap();
        (station, url)
    }
}

/// What a station is started with.
pub struct Plan {
    pub utilities: Utilities,
    pub providers: Vec<Arc<dyn PaymentProvider>>,
    pub patience: Patience,
    pub customer: Option<&'static str>,
    pub probe: Probe,
    pub app: App,
}

impl Plan {
    pub fn new(utilities: Utilities, providers: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self { utilities, providers, patience: Patience::default(), customer: None, probe: |_| (), app: App::default() }
    }
}

/// The delivery record of [`METER`].
fn meter(customer: Option<&str>) -> DeliveryRecord {
    record(METER, customer)
}

/// The delivery record of a gas meter.
pub fn record(id: &str, customer: Option<&str>) -> DeliveryRecord {
    let label = id.parse::<MeterId>().unwrap().label().to_string();
    DeliveryRecord {
        id: id.to_owned(),
        label,
        commodity: Commodity::Gas.name().to_owned(),
        public_key: HexKey(KeyPair::from_secret(&[7; 32]).unwrap().public_key()),
        initial_units: 2_000,
        max_credit_units: 500_000,
        customer: customer.map(str::to_owned),
        place: None,
        money: None,
    }
}

/// A receipt of a meter that has loaded its first token, of so many units.
pub fn loaded(meter: &str, units: u64) -> OpenedReceipt {
    let (total, initial) = (Units::new(units).unwrap(), FineCredit(2_000_000));
    let registers = RegisterNumbers { epoch: Epoch(0), credit: CreditNumber(1), tariff: 0, settings: 0, keys: 0 };
    let receipt = Receipt {
        meter: meter.parse().unwrap(),
        number: 1,
        outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
        registers,
        total,
        sums: Sums { initial, withdrawn: FineCredit(0), charged: FineCredit(0) },
        flags: Default::default(),
        readings: Default::default(),
        challenge: None,
    };
    let balance = FineCredit(initial.0 + total.fine().0);
    OpenedReceipt { bytes: vec![1], receipt, readings: Readings { balance, consumed: FineCredit(0), clock: None } }
}

/// Every text in every table of a SQLite file.
fn dump(path: &std::path::Path) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = String::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                all += &match row.get_ref(column).unwrap() {
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    rusqlite::types::ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    _ => continue,
                };
                all.push('\n');
            }
        }
    }
    all
}
