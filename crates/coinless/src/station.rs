//! `coinless station`: run, issuer, enrol, show.

mod serve;
mod show;

use crate::output::{Context, Failure, Output};
use coinless_sim::sandbox::Behaviour;
use coinless_station::keys::Keys;
use coinless_station::records::DeliveryRecord;
use coinless_station::store::{GroupSize, SqliteStore, Store};
use coinless_station::work::Work;
use coinless_station::{meters, problem, service};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Commands of the station.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Runs the station until it is interrupted.
    Run {
        /// Folder of the database and the keys; made if it is missing.
        #[arg(long)]
        data: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8600")]
        listen: SocketAddr,
        /// Configuration file (TOML); without it, station.toml in the data folder, else built-in values.
        #[arg(long)]
        config: Option<PathBuf>,
        /// How the sandbox payment provider behaves: pay, decline, twice, early or silent.
        #[arg(long, default_value = "pay", value_parser = behaviour)]
        sandbox: Behaviour,
    },
    /// Prints the public keys that a meter must know.
    Issuer {
        /// Folder of the database and the keys; made if it is missing.
        #[arg(long)]
        data: PathBuf,
    },
    /// Enrols a meter from the delivery record that `coinless meter new` printed.
    Enrol {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The delivery record (JSON), or several in a list.
        file: PathBuf,
    },
    /// Shows an order, a meter, the ledger, receipts, or exceptions.
    Show {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// What to show.
        #[arg(value_enum)]
        what: show::What,
        /// Which one: an order's id, or a meter's number.
        id: Option<String>,
    },
}

fn behaviour(name: &str) -> Result<Behaviour, String> {
    let names = || Behaviour::ALL.map(Behaviour::name).join(", ");
    Behaviour::ALL.into_iter().find(|b| b.name() == name).ok_or_else(|| format!("it must be one of {}", names()))
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Run { data, listen, config, sandbox } => serve::run(&data, listen, config.as_deref(), sandbox, output),
        Command::Issuer { data } => output.record(&open_keys(&data)?.record()),
        Command::Enrol { data, file } => enrol(&data, &file, output),
        Command::Show { data, what, id } => show::show(&data, what, id.as_deref(), output),
    }
}

fn open_keys(data: &Path) -> Result<Keys, Failure> {
    make_folder(data)?;
    Keys::open(&data.join("keys")).context("the station's keys")
}

fn make_folder(data: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.context(format_args!("making the folder {}", data.display()))
}

fn open_store(data: &Path) -> Result<SqliteStore, Failure> {
    make_folder(data)?;
    SqliteStore::open(&data.join("station.db"), GroupSize::default()).context("opening the station's database")
}

/// Runs one command on the station's database, whether a station is running on it or not.
fn with_work<T: Send + 'static>(
    data: &Path,
    command: impl FnOnce(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<T, Failure> {
    let store = open_store(data)?;
    let store: &dyn Store = &store;
    wait(store.write(move |tx| command(&mut Work::new(tx, service::now_ms()))))
}

/// Runs one command that only reads, without keeping a running station from writing.
fn with_read<T: Send + 'static>(
    data: &Path,
    command: impl FnOnce(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<T, Failure> {
    let store = open_store(data)?;
    let store: &dyn Store = &store;
    wait(store.read(move |tx| command(&mut Work::new(tx, service::now_ms()))))
}

fn wait<T>(answer: impl Future<Output = Result<T, problem::Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting")?;
    runtime.block_on(answer).map_err(|error| match error {
        problem::Error::Refused { detail, .. } => Failure::new(detail),
        error => Failure::new(error.to_string()),
    })
}

fn enrol(data: &Path, file: &Path, output: &Output) -> Result<(), Failure> {
    let text = fs::read_to_string(file).context(format_args!("reading {}", file.display()))?;
    let one = serde_json::from_str::<DeliveryRecord>(&text).map(|record| vec![record]);
    let records = one.or_else(|error| serde_json::from_str::<Vec<DeliveryRecord>>(&text).map_err(|_| error));
    let what = format!("{} is not a delivery record as `coinless meter new` prints it", file.display());
    let records = records.context(what)?;
    // All or none: a list that stops half way would be hard to go on with.
    let enrolled = with_work(data, move |work| {
        let enrol = |record: &DeliveryRecord| Ok((meters::enrol(work, record)?, record.commodity.clone()));
        records.iter().map(enrol).collect::<Result<Vec<_>, problem::Error>>()
    })?;
    enrolled.iter().try_for_each(|(id, commodity)| {
        let shown = serde_json::json!({ "enrolled": id.to_string(), "label": id.label().to_string() });
        output.result(&shown, format_args!("enrolled {} ({commodity})", id.label()))
    })
}
