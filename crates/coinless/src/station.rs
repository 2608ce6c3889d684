//! `coinless station`: the commands of those who run a station.

mod ask;
mod backup;
mod books;
mod cancel;
mod check;
mod daraja;
mod debt;
mod enrol;
mod erase;
mod float;
mod init;
mod install;
mod pay;
mod quota;
mod reconcile;
mod replace;
mod resolve;
mod serve;
mod show;
mod signer;
mod signing;
mod tenant;
mod token;

/// The commands by what they are for, as the help shows them. One that is in no group is shown as "Other".
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["init", "check", "issuer", "enrol", "daraja-register"]),
    ("Sell", &["run", "pay", "cancel", "show"]),
    ("Meters", &["install", "token", "replace", "retire"]),
    ("Customers", &["tenant-change", "debt", "erase"]),
    ("Money", &["books", "float", "reconcile", "resolve"]),
    ("Signing", &["signer", "quota"]),
    ("Backup", &["backup", "restore", "recover"]),
];

use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_sim::failpoint;
use coinless_station::config::Config;
use coinless_station::keys::Keys;
use coinless_station::money::Currency;
use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store};
use coinless_station::tasks::Task;
use coinless_station::utilities::UtilityName;
use coinless_station::work::Work;
use coinless_station::{problem, service, tasks};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Commands of the station.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Asks what a small utility sells and who collects, and writes station.toml.
    ///
    /// What is not given by an option is asked on the terminal. A file that is there is never overwritten.
    Init(Box<init::Options>),
    /// Checks the configuration, and shows what customers get for their money.
    Check(check::Options),
    /// Runs the signer apart from the station, on a Unix socket.
    Signer(signer::Options),
    /// How much credit the signer may sign: what is left, and new limits under the root key.
    #[command(subcommand)]
    Quota(quota::Command),
    /// Runs the station until it is interrupted.
    Run(serve::Options),
    /// Prints the public keys that a meter must know.
    Issuer {
        /// Folder of the database and the keys; made if it is missing.
        #[arg(long)]
        data: PathBuf,
        /// Whose keys: a utility of the configuration; may be left out if there is one alone.
        #[arg(long)]
        utility: Option<UtilityName>,
    },
    /// Enrols meters from their delivery records, such as `coinless meter new` prints; all of them or none.
    Enrol {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The utility that sells to them; may be left out if there is one alone.
        #[arg(long)]
        utility: Option<UtilityName>,
        /// Files with a delivery record (JSON) each, or with several in a list.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Installs meters from their delivery records: debt, initial credit, and a test token that proves it.
    Install(install::Options),
    /// Erases who pays and who has a meter, of a finished order or of a meter whose orders are all finished.
    Erase(erase::Options),
    /// Changes the customer of a meter: what the old one has not loaded becomes void first.
    TenantChange(tenant::Options),
    /// Tokens for a meter's tariff, settings, valve, clock and keys, by name.
    #[command(subcommand)]
    Token(token::Command),
    /// Replaces a meter: what is left on the old one goes to the new one, by the old one's last receipt.
    Replace(replace::ReplaceOptions),
    /// Retires a dead meter, by two people, on an estimate.
    Retire(replace::RetireOptions),
    /// Shows or sets what the customer of a meter owes.
    Debt(debt::Options),
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
        /// Exceptions that were seen to as well; problems however old.
        #[arg(long)]
        all: bool,
    },
    /// Reports of the books, and what people book: settlements, payouts, corrections.
    #[command(subcommand)]
    Books(books::Command),
    /// Ends an order that nobody has paid: its room at the meter is free again, and money that comes later is held.
    Cancel(cancel::Options),
    /// Sees to an exception.
    Resolve(resolve::Options),
    /// Compares our books with statements, sales systems and meters.
    Reconcile(reconcile::Options),
    /// What managers pay in advance.
    #[command(subcommand)]
    Float(float::Command),
    /// The cash desk: marks orders as paid, corrects that, hands refunds out, states a cashier's day.
    #[command(subcommand)]
    Pay(pay::Command),
    /// Writes all of the database into a file, while a station runs on it or not.
    Backup(backup::Options),
    /// Fills an empty database from a backup; the station then recovers what came after it.
    Restore(backup::RestoreOptions),
    /// Says what a recovery waits for, and decides to do without.
    Recover(backup::RecoverOptions),
    /// Tells Safaricom where it reports who paid into the paybill; once in the life of a short code.
    DarajaRegister(daraja::Options),
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Init(options) => init::run(&options, output),
        Command::Check(options) => check::run(&options, output),
        Command::Debt(options) => debt::run(&options, output),
        Command::Signer(options) => signer::run(&options, output),
        Command::Quota(command) => quota::run(&command, output),
        Command::Run(options) => serve::run(&options, output),
        Command::Issuer { data, utility } => {
            let config = serve::read_config(&data, None)?;
            let utility = chosen(&config, utility)?;
            let keys = open_keys(&data, &config)?;
            output.record(&keys.of(&utility).context("the station's keys")?.record())
        }
        Command::Enrol { data, utility, files } => enrol::enrol(&data, &files, utility, output),
        Command::Install(options) => install::run(&options, output),
        Command::Erase(options) => erase::erase(&options, output),
        Command::TenantChange(options) => tenant::change(&options, output),
        Command::Token(command) => token::run(&command, output),
        Command::Replace(options) => replace::replace(&options, output),
        Command::Retire(options) => replace::retire(&options, output),
        Command::Show { data, what, id, all } => show::show(&data, what, id.as_deref(), all, output),
        Command::Books(command) => books::run(command, output),
        Command::Cancel(options) => cancel::run(&options, output),
        Command::Resolve(options) => resolve::run(options, output),
        Command::Reconcile(options) => reconcile::run(&options, output),
        Command::Float(command) => float::run(command, output),
        Command::Pay(command) => pay::run(command, output),
        Command::Backup(options) => backup::back_up(&options, output),
        Command::Restore(options) => backup::restore(&options, output),
        Command::Recover(options) => backup::recover(&options, output),
        Command::DarajaRegister(options) => daraja::register(&options, output),
    }
}

fn open_keys(data: &Path, config: &Config) -> Result<Keys, Failure> {
    make_folder(data)?;
    let utilities = config.utility_names().context("the configuration")?;
    let folder = data.join("keys");
    let keys = match &config.signer_socket {
        Some(_) => Keys::open_apart(&folder, &utilities),
        None => Keys::open(&folder, &utilities),
    };
    keys.context("the station's keys")
}

/// The utility that was named, or the only one.
fn chosen(config: &Config, named: Option<UtilityName>) -> Result<UtilityName, Failure> {
    let names = config.utility_names().context("the configuration")?;
    let list = || names.iter().map(UtilityName::as_str).collect::<Vec<_>>().join(", ");
    match named {
        Some(name) if names.contains(&name) => Ok(name),
        Some(name) => Err(Failure::new(format!("the configuration has no utility {name}; there are: {}", list()))),
        None if names.len() == 1 => Ok(names[0].clone()),
        None => Err(Failure::new(format!("say which utility with --utility: {}", list()))),
    }
}

fn make_folder(data: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.context(format_args!("making the folder {}", data.display()))
}

/// The station's database: PostgreSQL if the configuration names one, else SQLite in the data folder. Not within a runtime.
fn open_store(data: &Path, config: &Config) -> Result<Arc<dyn Store>, Failure> {
    open_store_as(data, config, "")
}

/// A station's database, to be read again and again while the station runs. Not within a runtime.
///
/// # Errors
/// [`Failure`] if it cannot be opened.
pub fn open_books(data: &Path) -> Result<Arc<dyn Store>, Failure> {
    open_store(data, &serve::read_config(data, None)?)
}

/// The same for a process that claims tasks by this name.
fn open_store_as(data: &Path, config: &Config, name: &str) -> Result<Arc<dyn Store>, Failure> {
    make_folder(data)?;
    let what = "opening the station's database";
    Ok(match &config.database {
        Some(connection) => Arc::new(PostgresStore::open(connection, GroupSize::default()).context(what)?.named(name)),
        None => Arc::new(SqliteStore::open(&data.join("station.db"), GroupSize::default()).context(what)?),
    })
}

/// Refuses a folder without a station, which would else be made.
fn existing(data: &Path) -> Result<(), Failure> {
    if serve::read_config(data, None)?.database.is_some() || data.join("station.db").exists() {
        return Ok(());
    }
    Err(Failure::new(format!("{} holds no station: enrol a meter or run the station first", data.display())))
}

/// Runs one command on the station's database, whether a station is running on it or not.
fn with_work<T: Send + 'static>(
    data: &Path,
    mut command: impl FnMut(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<T, Failure> {
    let store = open_store(data, &serve::read_config(data, None)?)?;
    commit(&*store, move |work| {
        let result = command(work)?;
        // This process ends: a running station takes the tasks up.
        work.hand_over()?;
        Ok(result)
    })
}

/// Runs the one command of this process that writes, between the points of [`failpoint::COMMAND`].
fn commit<T: Send + 'static>(
    store: &dyn Store,
    mut command: impl FnMut(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<T, Failure> {
    failpoint::check().map_err(Failure::new)?;
    failpoint::reach(failpoint::COMMAND[0]);
    let result = wait(store.write(move |tx| command(&mut Work::new(tx, service::now_ms()))))?;
    failpoint::reach(failpoint::COMMAND[1]);
    Ok(result)
}

/// The same for a command whose tokens this process has signed at once; gives what is to be signed for `meters` as well, also what an
/// earlier process left. Should this one die, a running station takes everything up.
fn commit_to_sign<T: Send + 'static>(
    store: &dyn Store,
    meters: Vec<MeterId>,
    mut command: impl FnMut(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<(T, Vec<Task>), Failure> {
    commit(store, move |work| {
        let result = command(work)?;
        work.hand_over()?;
        let tasks = meters.iter().map(|meter| tasks::to_be_signed(work, *meter)).collect::<Result<Vec<_>, _>>()?;
        Ok((result, tasks.concat()))
    })
}

/// The currency that was named, or the only one that is sold in.
fn currency(config: &Config, named: Option<&str>) -> Result<Currency, Failure> {
    if let Some(code) = named {
        return Currency::from_code(code).context(format_args!("currency {code}"));
    }
    let codes: BTreeSet<_> = config.utilities.iter().map(|utility| utility.currency.code().to_owned()).collect();
    match codes.first() {
        Some(code) if codes.len() == 1 => Currency::from_code(code).context("the configuration"),
        _ => Err(Failure::new("say which currency with --currency")),
    }
}

/// Runs one command that only reads, without keeping a running station from writing.
fn with_read<T: Send + 'static>(
    data: &Path,
    mut command: impl FnMut(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
) -> Result<T, Failure> {
    let store = open_store(data, &serve::read_config(data, None)?)?;
    wait(store.read(move |tx| command(&mut Work::new(tx, service::now_ms()))))
}

fn wait<T>(answer: impl Future<Output = Result<T, problem::Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting")?;
    runtime.block_on(answer).map_err(|error| match error {
        problem::Error::Refused { detail, .. } => Failure::new(detail),
        error => Failure::new(error.to_string()),
    })
}
