//! Databases of both kinds, and a station on one of them.

use coinless_protocol::keys::KeyPair;
use coinless_sim::postgres::Cluster;
use coinless_station::app::App;
use coinless_station::config::Config;
use coinless_station::keys::Keys;
use coinless_station::payments::Patience;
use coinless_station::provider::{
    BadCallback, Call, Callback, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, PaymentRequest, RefundOutcome,
    RefundRequest, StatementEntry, StatementError,
};
use coinless_station::records::{IssuerRole, from_hex};
use coinless_station::service::{Parts, Probe, Station, Workers, now_ms};
use coinless_station::signer::{Limits, LocalSigner, QUOTA_FILE, seal_quota};
use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store};
use coinless_station::utilities::UtilityName;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Those that can be measured here: PostgreSQL if its server's programs are installed.
    pub fn all() -> Vec<Self> {
        if Cluster::programs().is_some() {
            return vec![Self::Sqlite, Self::Postgres];
        }
        crate::report::line("PostgreSQL's server is not installed: only SQLite is measured");
        vec![Self::Sqlite]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Where a database is, for connections that go around the station.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A connection string.
    Server(String),
}

/// An empty database, removed with this.
pub struct Database {
    pub place: Place,
    /// Of its own: for keys too.
    pub folder: tempfile::TempDir,
    _cluster: Option<Arc<Cluster>>,
}

impl Database {
    pub fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cluster = (engine == Engine::Postgres).then(|| Cluster::shared().expect("a PostgreSQL server"));
        let place = match &cluster {
            Some(cluster) => Place::Server(cluster.database().expect("a database")),
            None => Place::File(folder.path().join("station.db")),
        };
        Self { place, folder, _cluster: cluster }
    }

    /// The station's store on it.
    pub fn store(&self, group: GroupSize) -> Arc<dyn Store> {
        match &self.place {
            Place::File(path) => Arc::new(SqliteStore::open(path, group).expect("a database")),
            Place::Server(connection) => Arc::new(PostgresStore::open(connection, group).expect("a database")),
        }
    }
}

/// A station on `store`, with its keys in `folder`. Its workers do nothing until they are run.
pub async fn station(store: Arc<dyn Store>, folder: &Path, base: &str, probe: Probe) -> (Station, Workers) {
    let utilities = Config::default().utilities(&store).expect("the default utility");
    let utility = utilities.only().expect("one utility").name.clone();
    let (keys, signer) = keys(&folder.join("keys"), &utility).await;
    Station::new(Parts {
        store,
        keys,
        signer: Arc::new(signer),
        providers: vec![Arc::new(AtOnce)],
        utilities,
        app: App::default(),
        patience: Patience::default(),
        callback_base: base.to_owned(),
        probe,
    })
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

/// Keys and a signer in `folder` that may sign without end: only its speed is measured.
pub async fn keys(folder: &Path, utility: &UtilityName) -> (Keys, LocalSigner) {
    let keys = Keys::open(folder, [utility]).expect("keys");
    let root = std::fs::read_to_string(folder.join(utility.as_str()).join("root.key")).expect("the root key");
    let root = from_hex(root.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).expect("a key");
    let root = KeyPair::from_secret(&root).expect("a key");
    let record = keys.of(utility).expect("its keys").record();
    let operational = record.issuers.iter().find(|issuer| issuer.role == IssuerRole::Operational).expect("a key");
    let limits =
        Limits { serial: 1, units_hour: 1_000_000_000_000_000, units_day: 1_000_000_000_000_000, ..Limits::default() };
    let sealed = seal_quota(&limits, &operational.public_key.0, &root).expect("a quota");
    std::fs::write(folder.join(utility.as_str()).join(QUOTA_FILE), sealed).expect("a file");
    let signer = LocalSigner::open(folder, [utility], now_ms).await.expect("a signer");
    (keys, signer)
}
