//! `coinless station backup`, `restore` and `recover`.

use super::pay::moment;
use super::{existing, make_folder, open_store, serve, wait, with_read, with_work};
use crate::output::{Context, Failure, Output};
use coinless_station::backup::{self, Summary};
use coinless_station::config::Config;
use coinless_station::problem;
use coinless_station::recovery::{self, Status};
use coinless_station::service::now_ms;
use coinless_station::work::Work;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where to, or from where.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The backup's file.
    file: PathBuf,
}

/// What is restored.
#[derive(clap::Args)]
pub struct RestoreOptions {
    #[command(flatten)]
    place: Options,
    /// Seconds to wait before the recovery may end, since calls of the station that died may still be on their way.
    #[arg(long, default_value = "600", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    settle: u32,
}

/// How a recovery is helped.
#[derive(clap::Args)]
pub struct RecoverOptions {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// Do without the word of this provider or utility, or without the outcome of this order's payment.
    #[arg(long, value_name = "NAME", requires = "operator")]
    without: Option<String>,
    /// Wait no longer for the orders of payments that only the statements know: their money is held for a person.
    #[arg(long, requires = "operator")]
    give_up: bool,
    /// Who decides that.
    #[arg(long)]
    operator: Option<String>,
}

/// Writes a backup while the station runs or not. The file is there whole, or not at all.
pub(super) fn back_up(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let (file, part) = (options.file.clone(), part_of(&options.file));
    let doing = format!("writing {}", file.display());
    if file.exists() {
        return Err(Failure::new(format!("{} exists already: choose another name", file.display())));
    }
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).context(&doing)?;
    let store = open_store(&options.data, &serve::read_config(&options.data, None)?)?;
    let (to, shows) = (out.try_clone().context(&doing)?, Progress::new(output));
    let written = wait_backup(store.read(move |tx| {
        // A read that is repeated begins the file again.
        let start = to.set_len(0).and_then(|()| std::io::Seek::rewind(&mut &to));
        start.map_err(backup::Error::from)?;
        backup::write(&mut Work::new(tx, now_ms()), &mut BufWriter::new(&to), &mut |rows| shows.show(rows))
    }));
    let kept = written.and_then(|summary| {
        out.sync_all().and_then(|()| fs::rename(&part, &file)).context(&doing)?;
        Ok(summary)
    });
    let summary = kept.inspect_err(|_| drop(fs::remove_file(&part)))?;
    let folder = options.data.join("keys");
    let words = format!(
        "{} rows are in {}.\nIt names people, so keep it safe; and it holds no keys: {} needs a copy of its own, kept apart.",
        summary.rows,
        file.display(),
        folder.display()
    );
    output.result(&summary, words)
}

/// Fills an empty database from a backup, and begins the recovery.
pub(super) fn restore(options: &RestoreOptions, output: &Output) -> Result<(), Failure> {
    let Options { data, file } = &options.place;
    make_folder(data)?;
    let config = serve::read_config(data, None)?;
    let _lock = serve::Locked::new(data)?;
    check_keys(data, &config)?;
    File::open(file).context(format_args!("reading {}", file.display()))?;
    let store = open_store(data, &config)?;
    let (file, settle_ms, shows) = (file.clone(), i64::from(options.settle) * 1000, Progress::new(output));
    let summary: Summary = wait_backup(store.write(move |tx| {
        let mut input = BufReader::new(File::open(&file)?);
        let mut work = Work::new(tx, now_ms());
        let summary = backup::restore(&mut work, &mut input, settle_ms, &mut |rows| shows.show(rows))?;
        work.hand_over()?;
        Ok(summary)
    }))?;
    let words = format!(
        "{} rows are restored, as of {}.\nStart the station now. Until it knows what was paid since then it sells nothing new; \
         `coinless station recover --data {}` says what it waits for. What was erased since the backup must be erased again.",
        summary.rows,
        moment(summary.made_ms),
        data.display()
    );
    output.result(&summary, words)
}

/// Without its keys a restored station would make others, which no meter knows.
fn check_keys(data: &Path, config: &Config) -> Result<(), Failure> {
    let names = config.utility_names().context("the configuration")?;
    let folder = data.join("keys");
    if folder.is_dir() && fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is empty: put the copy of the keys of {} there first, else every meter would refuse the new ones",
        folder.display(),
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
    )))
}

/// Shows how a recovery stands, after what was decided.
pub(super) fn recover(options: &RecoverOptions, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let (without, give_up) = (options.without.clone(), options.give_up);
    if options.operator.is_some() && without.is_none() && !give_up {
        return Err(Failure::new("say what you decide: --without NAME, or --give-up"));
    }
    if let Some(operator) = options.operator.clone() {
        with_work(&options.data, move |work| {
            if let Some(name) = &without {
                recovery::waive(work, name, &operator)?;
            }
            if give_up { recovery::give_up(work, &operator) } else { Ok(()) }
        })?;
    }
    let status = with_read(&options.data, recovery::status)?;
    output.result(&status, status.as_ref().map_or_else(|| "no recovery is under way".to_owned(), words))
}

fn words(status: &Status) -> String {
    let mut text = format!("recovering what came after the backup of {}", moment(status.backup_ms));
    let mut lines = Vec::new();
    if !status.has_looked {
        lines.push("the station has not looked into any statement yet: it must be running".to_owned());
    }
    if status.settled_ms > now_ms() {
        lines.push(format!("it does not end before {}", moment(status.settled_ms)));
    }
    for (name, why) in &status.waits_for {
        lines.push(format!("waits for {name}: {why} (--without {name} does without)"));
    }
    for order in &status.under_way {
        lines.push(format!(
            "the payment of order {order} is not known yet; its provider is asked (--without {order} does without)"
        ));
    }
    for (order, receipt, amount) in &status.lost_payments {
        let amount = amount.with_currency();
        lines.push(format!("the phone that paid for {order} must sync: {amount} were paid (receipt {receipt})"));
    }
    if !status.lost_payments.is_empty() {
        lines.push("--give-up ends the waiting; the money of these orders is then held for a person".to_owned());
    }
    if lines.is_empty() {
        lines.push("nothing is missing any more: it ends when the station looks next, within a minute".to_owned());
    }
    lines.iter().for_each(|line| text.push_str(&format!("\n  {line}")));
    text
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn wait_backup<T>(answer: impl Future<Output = Result<T, backup::Error>>) -> Result<T, Failure> {
    wait(async { Ok(answer.await) })?.map_err(|error| match error {
        backup::Error::Recovery(problem::Error::Refused { detail, .. }) => Failure::new(detail),
        error => Failure::new(error.to_string()),
    })
}

/// Shows on a terminal how many rows are done.
#[derive(Clone)]
struct Progress {
    shown: Option<Arc<Mutex<u64>>>,
}

impl Progress {
    /// Between two lines, in rows.
    const STEP: u64 = 50_000;

    fn new(output: &Output) -> Self {
        Self { shown: (!output.is_json() && std::io::stderr().is_terminal()).then(Arc::default) }
    }

    fn show(&self, rows: u64) {
        let Some(shown) = &self.shown else { return };
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        if rows >= *shown + Self::STEP {
            *shown = rows;
            // Who cannot be told is not told.
            let _ = writeln!(std::io::stderr(), "{rows} rows");
        }
    }
}
