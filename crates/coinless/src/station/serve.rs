//! `coinless station run`.

use super::{make_folder, open_keys, open_store};
use crate::output::{Context, Failure, Output};
use coinless_sim::failpoint;
use coinless_sim::sandbox::{self, Behaviour};
use coinless_station::config::Config;
use coinless_station::http;
use coinless_station::provider::sandbox::Sandbox;
use coinless_station::records::to_hex;
use coinless_station::sales::builtin::BuiltIn;
use coinless_station::service::{Parts, Station};
use coinless_station::store::Store;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use std::fmt::Display;
use std::fs::File;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;

/// How long open connections may take when the station stops.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs the station in `data` until it is interrupted.
pub(super) fn run(
    data: &Path,
    listen: SocketAddr,
    config: Option<&Path>,
    behaviour: Behaviour,
    output: &Output,
) -> Result<(), Failure> {
    start_log(output);
    let config = read_config(data, config)?;
    let _lock = lock(data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    runtime.block_on(serve(data, listen, &config, behaviour, output))
}

fn start_log(output: &Output) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COINLESS_LOG").unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // Only one subscriber can be set, and this is the only place.
    let _ = if output.is_json() { log.json().try_init() } else { log.compact().try_init() };
}

fn read_config(data: &Path, path: Option<&Path>) -> Result<Config, Failure> {
    // Not merged with the built-in values: a table of tariffs in the file stands for all of them.
    let figment = Figment::new();
    let figment = match path {
        Some(path) => figment.merge(Toml::file_exact(path)),
        None => figment.merge(Toml::file(data.join("station.toml"))),
    };
    figment.merge(Env::prefixed("COINLESS_STATION_")).extract().context("reading the configuration")
}

/// Only one station may run on a SQLite database: it takes over tasks that a dead one left.
fn lock(data: &Path) -> Result<File, Failure> {
    make_folder(data)?;
    let file = File::create(data.join("station.lock")).context("opening station.lock")?;
    let locked = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    locked.map_err(|_| Failure::new(format!("another station is running in {}: stop it first", data.display())))?;
    Ok(file)
}

async fn serve(
    data: &Path,
    listen: SocketAddr,
    config: &Config,
    behaviour: Behaviour,
    output: &Output,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen).await.context(format_args!("listening on {listen}"))?;
    let address = listener.local_addr().context("listening")?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let url = url.trim_end_matches('/').to_owned();
    let keys = open_keys(data)?;
    let provider = provider(data, config, &keys.callback_key(), behaviour).await?;
    let tariffs = config.tariffs().context("configuration")?;
    let store: Arc<dyn Store> = Arc::new(open_store(data)?);
    let sales = Arc::new(BuiltIn::new(tariffs, store.clone()));
    let (station, workers) = Station::new(Parts {
        store,
        keys,
        provider: Arc::new(provider),
        sales,
        callback_base: url,
        probe: failpoint::reach,
    });

    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
    let mut working = tokio::spawn(workers.run());
    let mut serving = tokio::spawn(http::serve(listener, station.clone()));

    let shown = serde_json::json!({ "event": "listening", "url": format!("http://{address}") });
    output.result(&shown, format_args!("station listening on http://{address}, data in {}", data.display()))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = station.broken() => {}
        ended = &mut working => return Err(gone("workers", ended)),
        ended = &mut serving => return Err(gone("server", ended)),
    }
    output.progress("station stopping: what is under way is finished first");
    let broken = station.is_broken();
    station.stop();
    let end = async {
        serving.await.context("the server")?.context("the server")?;
        working.await.context("the workers")?.context("the workers")
    };
    match tokio::time::timeout(STOP_PATIENCE, end).await {
        _ if broken => Err(Failure::new("the database cannot commit any more: look at the disk, then start again")),
        Ok(ended) => ended,
        Err(_) => {
            output.progress("some connections did not end in time; what is not finished goes on at the next start");
            Ok(())
        }
    }
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

/// The sandbox provider of the configuration, or one inside this process.
async fn provider(
    data: &Path,
    config: &Config,
    callback_key: &[u8; 32],
    behaviour: Behaviour,
) -> Result<Sandbox, Failure> {
    if let Some(sandbox) = &config.sandbox {
        return Sandbox::new(&sandbox.url, sandbox.key.as_bytes()).context("the payment provider");
    }
    let key = format!("sandbox:{}", to_hex(callback_key));
    let sandbox = sandbox::Sandbox::open(&data.join("sandbox.jsonl"), key.as_bytes(), behaviour);
    let sandbox = sandbox.context("opening the sandbox payment provider")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("starting the sandbox payment provider")?;
    let address = listener.local_addr().context("starting the sandbox payment provider")?;
    tokio::spawn(sandbox.serve(listener));
    Sandbox::new(&format!("http://{address}"), key.as_bytes()).context("the payment provider")
}
