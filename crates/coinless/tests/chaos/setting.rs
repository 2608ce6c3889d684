//! What outlives the stations: their folders, the database, the provider, a utility's sales system, the signer.

use crate::meters::{Home, Meters};
use coinless_sim::desk::{Desk, Running};
use coinless_sim::failpoint;
use coinless_sim::postgres::Cluster;
use coinless_sim::sandbox::{Behaviour, Course, Sandbox};
use coinless_sim::utility::{self, Utility};
use coinless_station::records::IssuerRecord;
use coinless_station::service::now_ms;
use coinless_station::signer::{self, LocalSigner, Peers};
use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store};
use coinless_station::utilities::UtilityName;
use fastrand::Rng;
use rustix::process::Signal;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// On what the stations run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
    TwoOnPostgres,
}

/// Utilities with tariffs of their own here, and one with a sales system of its own.
pub const UTILITIES: [&str; 3] = ["north", "south", "grid"];
/// The last of [`UTILITIES`].
pub const GRID: &str = "grid";
const METERS: usize = 24;
/// The secret of the grid's sales system.
const TOKEN: &str = "chaos";
/// The secret of the provider's callbacks.
const CALLBACK_KEY: &str = "chaos callbacks";
/// How long a station waits for the grid.
const SALES_TIMEOUT_MS: u64 = 1_000;
/// How late the grid is when it is late: later than a station waits.
const LATE: Duration = Duration::from_millis(1_300);
/// A price at which 64 clients do not come to the signer's quota: 100.00 for a thousand units.
const TARIFF: &str = "price = \"100\"\ntax_percent = \"19\"\n";
const PRICE_MINOR: i64 = 10_000;

/// Everything around the stations.
pub struct Setting {
    pub desks: Vec<Desk>,
    pub provider: Arc<Sandbox>,
    pub grid: Arc<Utility>,
    pub meters: Meters,
    listen: Vec<String>,
    database: Option<String>,
    folder: TempDir,
    /// Dropped last.
    _cluster: Option<Arc<Cluster>>,
}

impl Setting {
    /// Makes everything but the stations; none without PostgreSQL's server where it is needed, except in CI.
    pub fn new(kind: Kind, runtime: &Runtime, random: &mut Rng) -> Option<Self> {
        let cluster = match kind {
            Kind::Sqlite => None,
            Kind::Postgres | Kind::TwoOnPostgres => Some(cluster()?),
        };
        let database = cluster.as_ref().map(|cluster| cluster.database().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let names: &[&str] = if kind == Kind::TwoOnPostgres { &["a", "b"] } else { &["a"] };
        let desks: Vec<_> =
            names.iter().map(|name| Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path().join(name))).collect();
        let _guard = runtime.enter();
        let (provider, provider_url) = start_provider(&folder.path().join("provider.jsonl"));
        let (grid, grid_url) = start_grid(&folder.path().join("grid.jsonl"), random.u64(..));
        let secret = folder.path().join("grid.token");
        fs::write(&secret, TOKEN).unwrap();
        let config = config(database.as_deref(), &provider_url, &grid_url, &secret);
        let listen = names.iter().map(|_| free_address(random)).collect();
        fs::create_dir_all(desks[0].path("station")).unwrap();
        fs::write(desks[0].path("station/station.toml"), &config).unwrap();
        let meters = place_meters(&desks[0], random);
        if let [first, second] = desks.as_slice() {
            runtime.block_on(sign_apart(folder.path(), first, second, &config));
        }
        Some(Self { desks, provider, grid, meters, listen, database, folder, _cluster: cluster })
    }

    /// Starts a station, and waits until it listens. What it complains of goes to a file.
    pub fn start(&self, at: usize) -> Running {
        self.started(at, None)
    }

    /// The same of one that kills itself at a point.
    pub fn start_to_die(&self, at: usize, point: &str) -> Running {
        self.started(at, Some(point))
    }

    fn started(&self, at: usize, point: Option<&str>) -> Running {
        let mut command = self.command(at);
        command.envs(point.map(|point| (failpoint::VARIABLE, point)));
        let started = self.desks[at].start(command);
        started.unwrap_or_else(|error| panic!("{error}\n{}", self.complaints(at)))
    }

    /// Starts a station and kills it a moment later, whatever it has come to.
    pub fn start_and_kill(&self, at: usize, moment: Duration) {
        let mut child = self.command(at).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a station that kills itself at a point before it listens.
    pub fn start_and_die(&self, at: usize, point: &str) {
        let status = self.command(at).env(failpoint::VARIABLE, point).stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{point} is passed");
    }

    fn command(&self, at: usize) -> Command {
        let mut command = self.desks[at].station_command(&self.listen[at], &[]);
        command.stderr(File::options().create(true).append(true).open(self.log(at)).unwrap());
        command
    }

    /// What a station complained of.
    pub fn complaints(&self, at: usize) -> String {
        fs::read_to_string(self.log(at)).unwrap_or_default()
    }

    /// The addresses of the stations.
    pub fn urls(&self) -> Vec<String> {
        self.listen.iter().map(|listen| format!("http://{listen}")).collect()
    }

    /// The stations' database, for who looks around them. Not within a runtime.
    pub fn store(&self) -> Arc<dyn Store> {
        match &self.database {
            Some(connection) => Arc::new(PostgresStore::open(connection, GroupSize::default()).unwrap()),
            None => {
                let path = self.desks[0].path("station/station.db");
                Arc::new(SqliteStore::open(&path, GroupSize::default()).unwrap())
            }
        }
    }

    fn log(&self, at: usize) -> std::path::PathBuf {
        self.folder.path().join(format!("log-{at}"))
    }
}

/// The cluster that the tests share.
pub fn cluster() -> Option<Arc<Cluster>> {
    if Cluster::programs().is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI needs PostgreSQL's server");
        eprintln!("skipped: PostgreSQL's server is not installed");
        return None;
    }
    Some(Cluster::shared().unwrap())
}

/// An address that stays a station's own over its deaths: below the ports that the system gives to clients (Linux
/// `ip_local_port_range`), one of which could else sit there when the station comes back.
fn free_address(random: &mut Rng) -> String {
    loop {
        let address =
            format!("127.0.0.1:{}", Rng::with_seed(random.u64(..) ^ u64::from(std::process::id())).u16(10_000..32_000));
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

fn listener() -> (tokio::net::TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (tokio::net::TcpListener::from_std(listener).unwrap(), url)
}

/// The payment provider. Payers are called after how their payments go: a behaviour, a space, milliseconds.
fn start_provider(path: &Path) -> (Arc<Sandbox>, String) {
    let (listener, url) = listener();
    let course = |payer: Option<&str>| {
        let (name, ms) = payer.and_then(|payer| payer.split_once(' ')).unwrap_or(("pay", "0"));
        let behaviour = Behaviour::ALL.into_iter().find(|known| known.name() == name).unwrap_or_default();
        Course { behaviour, delay: Duration::from_millis(ms.parse().unwrap_or(0)) }
    };
    let provider = Sandbox::open_mixed(path, CALLBACK_KEY.as_bytes(), course).unwrap();
    tokio::spawn(provider.clone().serve(listener));
    (provider, url)
}

fn start_grid(path: &Path, seed: u64) -> (Arc<Utility>, String) {
    let (listener, url) = listener();
    let mut options = utility::Options { seed, late: LATE, ..utility::Options::new(TOKEN) };
    options.tariff.price_minor.values_mut().for_each(|price| *price = PRICE_MINOR);
    let grid = Utility::open(path, options).unwrap();
    tokio::spawn(grid.clone().serve(listener));
    (grid, url)
}

fn config(database: Option<&str>, provider: &str, grid: &str, token_file: &Path) -> String {
    let database = database.map(|database| format!("database = \"{database}\"\n")).unwrap_or_default();
    let commodities = ["gas", "water", "electricity"];
    let own = UTILITIES.iter().filter(|name| **name != GRID).map(|name| {
        let tariffs = commodities.map(|name| format!("[utilities.tariffs.{name}]\n{TARIFF}")).concat();
        format!("[[utilities]]\nname = \"{name}\"\ncurrency = \"EUR\"\n{tariffs}")
    });
    let token_file = token_file.display();
    format!(
        "{database}{}[[utilities]]\nname = \"{GRID}\"\ncurrency = \"EUR\"\n\
         [utilities.sales]\nurl = \"{grid}\"\ntoken_file = \"{token_file}\"\ntimeout_ms = {SALES_TIMEOUT_MS}\n\
         [providers.sandbox]\nurl = \"{provider}\"\nkey = \"{CALLBACK_KEY}\"\n",
        own.collect::<String>()
    )
}

/// Makes the meters of each utility and enrols them.
fn place_meters(desk: &Desk, random: &mut Rng) -> Meters {
    let run = |words: &[&str], file: Option<&Path>| {
        let mut command = desk.command(words);
        command.arg("--data").arg(desk.path("station")).args(file);
        desk.run_command(command).unwrap()
    };
    let mut homes = Vec::new();
    for (at, utility) in UTILITIES.into_iter().enumerate() {
        let issuer = run(&["station", "issuer", "--utility", utility], None).remove(0);
        let issuer: IssuerRecord = serde_json::from_value(issuer).unwrap();
        let made = (0..METERS / UTILITIES.len()).map(|n| Home::make(at * 100 + n + 1, &issuer, random));
        let (new, records): (Vec<_>, Vec<_>) = made.unzip();
        let file = desk.path(&format!("{utility}.json"));
        fs::write(&file, serde_json::to_string(&records).unwrap()).unwrap();
        run(&["station", "enrol", "--utility", utility], Some(&file));
        homes.extend(new);
    }
    Meters { homes }
}

/// Two stations that sell for one utility use one signer: it gets the private keys, and the stations the public ones.
async fn sign_apart(folder: &Path, first: &Desk, second: &Desk, config: &str) {
    let (keys, socket) = (folder.join("signer"), folder.join("signer.socket"));
    copy_folder(&first.path("station/keys"), &keys);
    for utility in UTILITIES {
        for private in ["operational.key", "root.key"] {
            fs::remove_file(first.path("station/keys").join(utility).join(private)).unwrap();
        }
    }
    copy_folder(&first.path("station/keys"), &second.path("station/keys"));
    let names: Vec<UtilityName> = UTILITIES.iter().map(|name| name.parse().unwrap()).collect();
    let signer = LocalSigner::open(&keys, &names, now_ms).await.unwrap();
    let listener = signer::listen(&socket, &Peers::default()).unwrap();
    tokio::spawn(signer::serve(listener, signer, Peers::default(), std::future::pending()));
    for desk in [first, second] {
        let config = format!("signer_socket = \"{}\"\n{config}", socket.display());
        fs::write(desk.path("station/station.toml"), config).unwrap();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
