//! `coinless station token`.

mod keys;
mod words;

use super::{commit_to_sign, existing, open_store, serve, signing, wait, with_read};
use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_protocol::token::ValveOrder;
use coinless_station::config::Config;
use coinless_station::meters::{self, Meter};
use coinless_station::operator::Operator;
use coinless_station::problem;
use coinless_station::records::to_hex;
use coinless_station::registers;
use coinless_station::service::now_ms;
use coinless_station::store::Store;
use coinless_station::terms::{self, Committed, Content, Wish};
use coinless_station::work::Work;
use serde::Serialize;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tokens for registers of a meter.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Prices, standing charge and debt recovery that the meter charges by itself, from a file.
    Tariff {
        #[command(flatten)]
        target: Target,
        /// The tariff (TOML); docs/registers.md has examples.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Credit does not wait for it.
        #[arg(long)]
        without_credit: bool,
    },
    /// How the meter behaves, from a file.
    Settings {
        #[command(flatten)]
        target: Target,
        /// The settings (TOML); docs/registers.md has examples.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Credit does not wait for it.
        #[arg(long)]
        without_credit: bool,
    },
    /// Puts more debt on the meter, which recovers it as its tariff says.
    Debt {
        #[command(flatten)]
        target: Target,
        /// How much more, for example "20.00 EUR", or "50 kWh" for a meter that counts units.
        #[arg(long, value_name = "AMOUNT", required_unless_present = "total", conflicts_with = "total")]
        add: Option<String>,
        /// Instead: how much was put on it in all. Given again, it changes nothing.
        #[arg(long, value_name = "AMOUNT")]
        total: Option<String>,
    },
    /// A valve command. None of them opens a valve: a person does, at the meter.
    Valve {
        #[command(flatten)]
        target: Target,
        /// What to do.
        #[arg(value_enum)]
        what: ValveCommand,
    },
    /// Tells the meter that it is at least now.
    Clock {
        #[command(flatten)]
        target: Target,
    },
    /// The keys whose tokens the meter takes, signed by the root key; in a new key epoch if a key was stolen.
    Keys {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        keys: keys::Options,
    },
    /// A credit token that is worth nothing: it tries everything that credit needs.
    Test {
        #[command(flatten)]
        target: Target,
    },
    /// Shows what was made for a meter, by whom, and what its newest receipt shows.
    Show {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The meter's number.
        meter: String,
    },
}

/// For which meter, by whom, and where to.
#[derive(clap::Args)]
pub struct Target {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The meter's number.
    meter: String,
    /// Who does this; it is noted, together with the time.
    #[arg(long, value_name = "NAME")]
    by: Operator,
    /// Why, for those who look at it later.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Writes the token into a file for a technician: coinless phone hand FILE LINK.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Makes a new version although the newest one says the same.
    #[arg(long)]
    again: bool,
    /// Only shows what it would say; nothing is signed.
    #[arg(long)]
    check: bool,
}

/// What to tell a valve.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum ValveCommand {
    /// Shut it, and hold it shut.
    Hold,
    /// Hold it shut no longer.
    Release,
    /// A technician is at the meter and has seen to tamper, leak and disuse.
    Service,
}

/// What was made, for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    meter: String,
    label: String,
    register: &'static str,
    epoch: u16,
    number: u64,
    new: bool,
    says: Vec<String>,
    /// In hexadecimal; none if it is not signed yet.
    token: Option<String>,
}

/// What a technician carries: `coinless phone hand`.
#[derive(Serialize)]
struct TokenFile<'a> {
    meter: &'a str,
    token: &'a str,
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Tariff { target, file, without_credit } => {
            let text = read(file)?;
            let (meter, debt) = target.find()?;
            let tariff = in_file(file, terms::read_tariff(&text, meter.credit(), debt))?;
            target.make(&meter, &Content::Tariff(tariff), !without_credit, output)
        }
        Command::Settings { target, file, without_credit } => {
            let text = read(file)?;
            let (meter, _) = target.find()?;
            let settings = in_file(file, terms::read_settings(&text, meter.credit()))?;
            target.make(&meter, &Content::Settings(settings), !without_credit, output)
        }
        Command::Debt { target, add, total } => debt(target, add.as_deref(), total.as_deref(), output),
        Command::Valve { target, what } => {
            let command = match what {
                ValveCommand::Hold => ValveOrder::HoldShut,
                ValveCommand::Release => ValveOrder::Release,
                ValveCommand::Service => ValveOrder::Service,
            };
            target.make(&target.find()?.0, &Content::Valve(command), false, output)
        }
        Command::Clock { target } => target.make(&target.find()?.0, &Content::Clock, false, output),
        Command::Keys { target, keys } => keys::run(target, keys, output),
        Command::Test { target } => test(target, output),
        Command::Show { data, meter } => {
            existing(data)?;
            let id = meter_id(meter)?;
            let status = with_read(data, move |work| terms::status(work, id))?;
            output.result(&status, words::status(&status))
        }
    }
}

/// Writes a token into a file for a technician.
pub(super) fn write_token(path: &Path, meter: &str, token: &str) -> Result<(), Failure> {
    let file = serde_json::to_vec_pretty(&TokenFile { meter, token }).context("writing JSON")?;
    fs::write(path, file).context(format_args!("writing {}", path.display()))
}

/// A meter's number, with its check character or as its identity.
pub(super) fn meter_id(text: &str) -> Result<MeterId, Failure> {
    let id = meters::parse_label(text).or_else(|error| text.parse().map_err(|_| error));
    id.map_err(|error| Failure::new(error.details().detail))
}

pub(super) fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).context(format_args!("reading {}", file.display()))
}

/// What was read in a file; what is wrong there is told with the file's name.
pub(super) fn in_file<T, E: Display>(file: &Path, read: Result<T, E>) -> Result<T, Failure> {
    read.map_err(|error| Failure::new(format!("{}, {error}", file.display())))
}

fn debt(target: &Target, add: Option<&str>, total: Option<&str>, output: &Output) -> Result<(), Failure> {
    let (meter, before) = target.find()?;
    let (credit, id, wish) = (meter.credit(), meter.id, target.wish(true));
    let label = id.label();
    if let Some(total) = total {
        let total = credit.parse(total).map_err(|error| Failure::new(format!("--total: {error}")))?;
        let (old, new) = (credit.show(before), credit.show(total));
        output.progress(format_args!("debt that was put on meter {label}: {old}, and now {new} in all"));
        return target.commit(&meter, output, move |work| terms::set_debt(work, id, total, &wish));
    }
    let more = credit.parse(add.unwrap_or_default()).map_err(|error| Failure::new(format!("--add: {error}")))?;
    let (old, more_shown) = (credit.show(before), credit.show(more));
    output.progress(format_args!("debt that was put on meter {label}: {old}, and now {more_shown} more"));
    target.commit(&meter, output, move |work| terms::add_debt(work, id, more, &wish))
}

fn test(target: &Target, output: &Output) -> Result<(), Failure> {
    let (meter, _) = target.find()?;
    let (id, by) = (meter.id, target.by.clone());
    let opened = target.open()?;
    if target.check {
        return Err(Failure::new("a test token says nothing that could be checked: leave --check out"));
    }
    let (at, due) = commit_to_sign(&*opened.store, vec![id], move |work| registers::test(work, id, &by))?;
    signing::sign(&target.data, &opened.config, &opened.store, due, output)?;
    let bytes = opened.read(move |work| registers::signed_bytes(work, id, at))?;
    let made = Made {
        meter: id.to_string(),
        label: id.label().to_string(),
        register: "credit",
        epoch: at.0.0,
        number: at.1.0.into(),
        new: true,
        says: vec!["a test: credit that is worth nothing; its receipt shows that the meter takes credit".to_owned()],
        token: bytes.map(|bytes| to_hex(&bytes)),
    };
    target.show(&made, output)
}

/// The station's database and configuration.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
}

impl Opened {
    pub(super) fn at(data: &Path) -> Result<Self, Failure> {
        existing(data)?;
        let config = serve::read_config(data, None)?;
        let store = open_store(data, &config)?;
        Ok(Self { config, store })
    }

    pub(super) fn read<T: Send + 'static>(
        &self,
        mut command: impl FnMut(&mut Work<'_>) -> Result<T, problem::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        wait(self.store.read(move |tx| command(&mut Work::new(tx, now_ms()))))
    }
}

impl Target {
    fn open(&self) -> Result<Opened, Failure> {
        Opened::at(&self.data)
    }

    /// The meter, and what was ever put on it as debt.
    fn find(&self) -> Result<(Meter, coinless_protocol::FineCredit), Failure> {
        existing(&self.data)?;
        let id = meter_id(&self.meter)?;
        with_read(&self.data, move |work| Ok((meters::find(work, id)?, terms::debt(work, id)?)))
    }

    fn wish(&self, with_credit: bool) -> Wish {
        Wish { operator: self.by.clone(), reason: self.reason.trim().to_owned(), with_credit, again: self.again }
    }

    fn make(&self, meter: &Meter, content: &Content, with_credit: bool, output: &Output) -> Result<(), Failure> {
        let at = u64::try_from(now_ms() / 1000).unwrap_or_default();
        let says = terms::in_words(content, at, meter);
        if self.check {
            let shown = serde_json::json!({ "label": meter.id.label().to_string(), "says": says });
            return output.result(&shown, words::says(&meter.id.label().to_string(), &says));
        }
        says.iter().for_each(|line| output.progress(line));
        let (id, content, wish) = (meter.id, content.clone(), self.wish(with_credit));
        self.commit(meter, output, move |work| terms::commit(work, id, &content, &wish))
    }

    /// Commits a version, has it signed and shows it.
    fn commit(
        &self,
        meter: &Meter,
        output: &Output,
        make: impl FnMut(&mut Work<'_>) -> Result<Committed, problem::Error> + Send + 'static,
    ) -> Result<(), Failure> {
        let opened = self.open()?;
        let (committed, due) = commit_to_sign(&*opened.store, vec![meter.id], make)?;
        signing::sign(&self.data, &opened.config, &opened.store, due, output)?;
        self.show_committed(&opened, meter.id, &committed, output)
    }

    fn show_committed(
        &self,
        opened: &Opened,
        id: MeterId,
        committed: &Committed,
        output: &Output,
    ) -> Result<(), Failure> {
        let status = opened.read(move |work| terms::status(work, id))?;
        let is_it = |token: &&terms::TokenStatus| {
            (token.epoch, token.register, token.number)
                == (committed.epoch.0, committed.register.name(), committed.number)
        };
        let token = status.tokens.iter().find(is_it).ok_or_else(|| Failure::new("the token is gone"))?;
        let made = Made {
            meter: status.meter.clone(),
            label: status.label.clone(),
            register: token.register,
            epoch: token.epoch,
            number: token.number,
            new: committed.is_new,
            says: token.says.clone(),
            token: token.token.clone(),
        };
        self.show(&made, output)
    }

    fn show(&self, made: &Made, output: &Output) -> Result<(), Failure> {
        if let Some(path) = &self.out {
            let token = made.token.as_deref();
            let token =
                token.ok_or_else(|| Failure::new("the token is not signed yet: give the command again in a moment"))?;
            write_token(path, &made.label, token)?;
        }
        output.result(made, words::made(made, self.out.as_deref()))
    }
}
