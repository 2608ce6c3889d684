//! `coinless station run`.

use super::{make_folder, open_keys, open_store_as};
use crate::output::{Context, Failure, Output};
use coinless_sim::failpoint;
use coinless_sim::sandbox::{self, Behaviour};
use coinless_station::app::App;
use coinless_station::config::Config;
use coinless_station::http;
use coinless_station::payments::Patience;
use coinless_station::provider::sandbox::Sandbox;
use coinless_station::records::to_hex;
use coinless_station::service::{Parts, Station, now_ms};
use coinless_station::signer::{LocalSigner, SocketSigner, TokenSigner};
use coinless_station::store::{Fault, Store};
use coinless_station::telemetry;
use coinless_station::utilities::UtilityName;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use std::fmt::Display;
use std::fs::File;
use std::io::{IsTerminal, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;

/// How long open connections may take when the station stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of a station's name that are read.
const LONGEST_NAME: u64 = 64;

/// Where a station works and listens.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys; made if it is missing.
    #[arg(long)]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// Where to serve metrics (`/metrics`, `/health`, `/ready`), which must not be public; nowhere without it.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Configuration file (TOML); without it, station.toml in the data folder, else built-in values.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the phone app that is served, as `cargo xtask app` makes it; without it, the one in the configuration.
    #[arg(long, value_name = "FOLDER")]
    app: Option<PathBuf>,
    /// How the sandbox payment provider behaves: pay, decline, twice, early or silent.
    #[arg(long, default_value = "pay", value_parser = behaviour)]
    sandbox: Behaviour,
}

fn behaviour(name: &str) -> Result<Behaviour, String> {
    let names = || Behaviour::ALL.map(Behaviour::name).join(", ");
    Behaviour::ALL.into_iter().find(|b| b.name() == name).ok_or_else(|| format!("it must be one of {}", names()))
}

/// Runs the station until it is interrupted.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    start_log(output);
    failpoint::check().map_err(Failure::new)?;
    let data = &options.data;
    let mut config = read_config(data, options.config.as_deref())?;
    if let Some(folder) = &options.app {
        config.app.folder = Some(folder.clone());
    }
    let app = App::open(&config.app).context("the phone app")?;
    // Several may work on one PostgreSQL, each with a data folder of its own.
    let lock = Locked::new(data)?;
    if lock.had_name && config.database.is_none() && !data.join("station.db").exists() {
        return Err(Failure::new(format!(
            "the database that a station had in {} is gone: put it back, or restore a backup (`coinless station restore`); to begin \
             anew, take another folder",
            data.display()
        )));
    }
    let store = open_store_as(data, &config, &lock.name)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    runtime.block_on(serve(options, &config, app, store, output))
}

pub(super) fn start_log(output: &Output) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COINLESS_LOG").unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // Only one subscriber can be set, and this is the only place.
    let _ = if output.is_json() { log.json().try_init() } else { log.compact().try_init() };
}

pub(super) fn read_config(data: &Path, path: Option<&Path>) -> Result<Config, Failure> {
    // Not merged with the built-in values: a table of tariffs in the file stands for all of them.
    let figment = Figment::new();
    let figment = match path {
        Some(path) => figment.merge(Toml::file_exact(path)),
        None => figment.merge(Toml::file(data.join("station.toml"))),
    };
    figment.merge(Env::prefixed("COINLESS_STATION_")).extract().context("reading the configuration")
}

/// A data folder that no other station runs in: so this one may take over tasks that a dead one left.
pub(super) struct Locked {
    /// By which it claims tasks: kept in the folder, so that it has it again after a restart.
    name: String,
    /// A station has worked here before.
    had_name: bool,
    _file: File,
}

impl Locked {
    /// Locks the folder.
    ///
    /// # Errors
    /// When a station is running in it.
    pub(super) fn new(data: &Path) -> Result<Self, Failure> {
        make_folder(data)?;
        let file = File::options().read(true).write(true).create(true).truncate(false).open(data.join("station.lock"));
        let mut file = file.context("opening station.lock")?;
        let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|_| Failure::new(format!("another station is running in {}: stop it first", data.display())))?;
        let mut name = String::new();
        (&file).take(LONGEST_NAME).read_to_string(&mut name).context("reading station.lock")?;
        let had_name = uuid::Uuid::try_parse(&name).is_ok();
        if !had_name {
            // Empty, or cut short: whoever wrote it died before it claimed anything.
            name = uuid::Uuid::now_v7().to_string();
            file.set_len(0).context("writing station.lock")?;
            file.rewind().context("writing station.lock")?;
            file.write_all(name.as_bytes()).context("writing station.lock")?;
            file.sync_all().context("writing station.lock")?;
        }
        Ok(Self { name, had_name, _file: file })
    }
}

async fn serve(
    options: &Options,
    config: &Config,
    app: App,
    store: Arc<dyn Store>,
    output: &Output,
) -> Result<(), Failure> {
    let Options { data, listen, metrics, .. } = options;
    let listener = TcpListener::bind(*listen).await.context(format_args!("listening on {listen}"))?;
    let address = listener.local_addr().context("listening")?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let url = url.trim_end_matches('/').to_owned();
    let keys = open_keys(data, config)?;
    let names = config.utility_names().context("the configuration")?;
    let (signer, own_signer) = signer(data, config, &names).await?;
    let mut providers = config.providers(&store).context("the configuration")?;
    if providers.is_empty() {
        providers.push(Arc::new(sandbox(data, &keys.callback_key(), options.sandbox).await?));
        output.progress("no payment provider is configured: payments go to a sandbox, and no money moves");
    }
    let utilities = config.utilities(&store).context("the configuration")?;
    let (station, mut workers) = Station::new(Parts {
        store,
        keys,
        signer,
        providers,
        utilities,
        app,
        patience: Patience::from(&config.patience),
        callback_base: url,
        probe: failpoint::reach_listed,
    });

    // Writing beyond a limit of file size (RLIMIT_FSIZE) then fails, instead of ending the process without a word.
    let _file_too_large =
        signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).context("waiting for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
    workers.begin().await.context("the station's database")?;
    let mut working = tokio::spawn(workers.run());
    let mut serving = tokio::spawn(http::serve(listener, station.clone()));

    let metrics_url = match metrics {
        Some(at) => Some(serve_metrics(*at, &station).await?),
        None => None,
    };
    let mut shown = serde_json::json!({ "event": "listening", "url": format!("http://{address}") });
    if let Some(url) = metrics_url {
        shown["metrics"] = url.into();
    }
    if let Some(folder) = &config.app.folder {
        shown["app"] = folder.display().to_string().into();
    }
    output.result(&shown, format_args!("station listening on http://{address}, data in {}", data.display()))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = station.broken() => {}
        () = broken(own_signer.as_deref()) => {}
        ended = &mut working => return Err(gone("workers", ended)),
        ended = &mut serving => return Err(gone("server", ended)),
    }
    output.progress("station stopping: what is under way is finished first");
    station.stop();
    let end = async {
        serving.await.context("the server")?.context("the server")?;
        working.await.context("the workers")?.context("the workers")
    };
    let ended = tokio::time::timeout(STOP_PATIENCE, end).await;
    // Both may have failed, in either order: they are often on one disk.
    let place = if station.is_shared() { "the PostgreSQL server".to_owned() } else { data.display().to_string() };
    let failure = station.is_broken().then(|| broken_store(station.failure(), &place));
    let failure = failure.or_else(|| {
        let signer = own_signer.as_deref().filter(|signer| signer.is_broken())?;
        Some(broken_store(signer.failure(), &data.join("keys").display().to_string()))
    });
    match (failure, ended) {
        (Some(failure), _) => Err(failure),
        (None, Ok(ended)) => ended,
        (None, Err(_)) => {
            output.progress("some connections did not end in time; what is not finished goes on at the next start");
            Ok(())
        }
    }
}

/// Serves metrics apart from the API, which is public; gives their address.
async fn serve_metrics(at: SocketAddr, station: &Station) -> Result<String, Failure> {
    let listener = TcpListener::bind(at).await.context(format_args!("listening for metrics on {at}"))?;
    let url = format!("http://{}/metrics", listener.local_addr().context("listening for metrics")?);
    let station = station.clone();
    tokio::spawn(async move {
        if let Err(error) = telemetry::serve(listener, station).await {
            tracing::error!(%error, "metrics are not served any more");
        }
    });
    Ok(url)
}

/// Waits until a signer of this process cannot commit any more.
async fn broken(own: Option<&LocalSigner>) {
    match own {
        Some(signer) => signer.broken().await,
        None => std::future::pending().await,
    }
}

/// What to do about a database at `place` that cannot commit any more.
fn broken_store(failure: Option<(Fault, String)>, place: &str) -> Failure {
    let safe = "Everything that was confirmed is kept; who got no answer asks again under the same id.";
    let message = match failure {
        Some((Fault::DiskFull, _)) => {
            format!("the disk of {place} is full: free space on it, then start the station again. {safe}")
        }
        Some((Fault::Io, words)) => format!(
            "the disk of {place} cannot be read or written: {words}. Look at the disk, its mount, and limits of size, then start the station again. {safe}"
        ),
        Some((Fault::Other, words)) => {
            format!("the database cannot commit any more: {words}. See to it, then start the station again. {safe}")
        }
        None => {
            format!(
                "the database cannot commit any more: look at its log and its disk, then start the station again. {safe}"
            )
        }
    };
    Failure::of_disk(message)
}

/// Why the station cannot go on without one of its parts.
fn gone<T, E: Display>(part: &str, ended: Result<Result<T, E>, JoinError>) -> Failure {
    let why = match ended {
        Ok(Ok(_)) => "it ended".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Failure::new(format!("the station's {part} ended: {why}"))
}

/// The signer: apart behind a socket, or in this process; then it is given once more, to be watched.
async fn signer(
    data: &Path,
    config: &Config,
    names: &[UtilityName],
) -> Result<(Arc<dyn TokenSigner>, Option<Arc<LocalSigner>>), Failure> {
    if let Some(socket) = &config.signer_socket {
        return Ok((Arc::new(SocketSigner::new(socket)), None));
    }
    let local = LocalSigner::open(&data.join("keys"), names, now_ms).await.context("the signer")?;
    let local = Arc::new(local.probed(failpoint::reach_listed));
    Ok((local.clone(), Some(local)))
}

/// A sandbox provider inside this process.
async fn sandbox(data: &Path, callback_key: &[u8; 32], behaviour: Behaviour) -> Result<Sandbox, Failure> {
    let key = format!("sandbox:{}", to_hex(callback_key));
    let sandbox = sandbox::Sandbox::open(&data.join("sandbox.jsonl"), key.as_bytes(), behaviour);
    let sandbox = sandbox.context("opening the sandbox payment provider")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("starting the sandbox payment provider")?;
    let address = listener.local_addr().context("starting the sandbox payment provider")?;
    tokio::spawn(sandbox.serve(listener));
    Sandbox::new(&format!("http://{address}"), key.as_bytes()).context("the payment provider")
}
