//! `coinless station books`: reports, and what people book.

mod words;

pub(super) use words::{csv, text};

use super::{chosen, currency, existing, serve, with_read, with_work};
use crate::output::{Context, Failure, Output};
use coinless_station::ledger::{self, Manual, Owed, Period, parse_time};
use coinless_station::money::{Amount, Currency};
use coinless_station::reconcile::{self, Credit};
use coinless_station::service;
use coinless_station::show::AccountStatus;
use coinless_station::utilities::UtilityName;
use serde::Serialize;
use std::path::{Path, PathBuf};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Meters that are read in one transaction.
const METERS_AT_ONCE: i64 = 1000;

/// The time that a report covers. Times are UTC.
#[derive(clap::Args)]
pub struct Time {
    /// From when: 2026-11-24, or 2026-11-24T09:30:00Z; the beginning of today if it is left out.
    #[arg(long, value_parser = parse_time)]
    from: Option<i64>,
    /// Until when, not included; now if it is left out.
    #[arg(long, value_parser = parse_time)]
    to: Option<i64>,
    /// This one day.
    #[arg(long, value_parser = parse_time, conflicts_with_all = ["from", "to"])]
    day: Option<i64>,
}

impl Time {
    /// The time, or what is wrong with it.
    pub(super) fn period(&self) -> Result<Period, Failure> {
        let now_ms = service::now_ms();
        let (from_ms, to_ms) = match self.day {
            Some(day) => (day / DAY_MS * DAY_MS, day / DAY_MS * DAY_MS + DAY_MS),
            None => (self.from.unwrap_or(now_ms / DAY_MS * DAY_MS), self.to.unwrap_or(now_ms + 1)),
        };
        if from_ms < to_ms {
            return Ok(Period { from_ms, to_ms });
        }
        Err(Failure::new("--from must be before --to"))
    }
}

/// What a person books.
#[derive(clap::Args)]
pub struct Booking {
    /// A decimal number.
    amount: String,
    /// Who books it.
    #[arg(long)]
    operator: String,
    /// The number of the transfer: the same again is booked once.
    #[arg(long)]
    id: String,
}

impl Booking {
    /// The booking in a currency.
    pub(super) fn read(&self, currency: Currency) -> Result<Manual, Failure> {
        let amount = currency.parse(&self.amount).context(format_args!("amount {}", self.amount))?;
        Ok(Manual { id: self.id.clone(), operator: self.operator.clone(), amount: Amount(amount, currency) })
    }
}

/// Reports of the books, and what people book.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Reports.
    #[command(flatten)]
    Report(ReportCommand),
    /// Bookings.
    #[command(flatten)]
    Book(BookCommand),
}

/// Reports of the books.
#[derive(clap::Subcommand)]
pub enum ReportCommand {
    /// All balances, now or at a moment.
    Balances {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// As they were at this moment.
        #[arg(long, value_parser = parse_time)]
        at: Option<i64>,
    },
    /// Opening balance, debits, credits and closing balance of each account.
    Trial {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        #[command(flatten)]
        time: Time,
        /// As CSV.
        #[arg(long)]
        csv: bool,
    },
    /// What was delivered for a utility, line by line, and what was settled.
    Statement {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The utility; may be left out if there is one alone.
        utility: Option<UtilityName>,
        #[command(flatten)]
        time: Time,
        /// As CSV: one row for each delivered line and other entry.
        #[arg(long)]
        csv: bool,
    },
    /// What people booked, by day.
    Operators {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        #[command(flatten)]
        time: Time,
        /// As CSV.
        #[arg(long)]
        csv: bool,
    },
    /// Sold, loaded and consumed for each meter.
    Credit {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// As CSV.
        #[arg(long)]
        csv: bool,
    },
    /// Meters with credit on its way that have not been heard of.
    Silent {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// For so many days.
        #[arg(long, default_value_t = 14)]
        days: u32,
    },
}

/// What people book.
#[derive(clap::Subcommand)]
pub enum BookCommand {
    /// Books that a utility was paid from the bank; never more than it is owed.
    Settle {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The utility.
        utility: UtilityName,
        #[command(flatten)]
        booking: Booking,
        /// What was paid: payable (its own), tax or fees.
        #[arg(long, default_value = "payable", value_parser = owed)]
        of: Owed,
    },
    /// Books that a payment provider paid out to the bank; never more than it holds.
    Payout {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The provider.
        provider: String,
        #[command(flatten)]
        booking: Booking,
        /// ISO 4217 code; may be left out if there is one alone.
        #[arg(long)]
        currency: Option<String>,
    },
    /// Takes back what a person booked: a settlement, a payout, what was paid into a float.
    Correct {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// What it is about, as `books operators` shows it: settlement/..., payout/..., float/...
        subject: String,
        /// Its cause, as `books operators` shows it.
        cause: String,
        /// Who takes it back.
        #[arg(long)]
        operator: String,
    },
}

fn owed(name: &str) -> Result<Owed, String> {
    Owed::ALL.into_iter().find(|owed| owed.name() == name).ok_or_else(|| "it must be payable, tax or fees".to_owned())
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Report(command) => report(command, output),
        Command::Book(command) => book(command, output),
    }
}

fn report(command: ReportCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ReportCommand::Balances { data, at } => {
            existing(&data)?;
            let balances = with_read(&data, move |work| match at {
                Some(at_ms) => ledger::balances_at(work, at_ms),
                None => ledger::balances(work),
            })?;
            let show = |held: ledger::Balance| AccountStatus {
                balance: held.currency.format(held.balance),
                account: held.account,
                currency: held.currency.code().to_owned(),
            };
            let shown: Vec<_> = balances.into_iter().map(show).collect();
            output.result(&shown, words::balance_words(&shown))
        }
        ReportCommand::Trial { data, time, csv } => {
            existing(&data)?;
            let period = time.period()?;
            let lines = with_read(&data, move |work| ledger::trial(work, period))?;
            output.result(&lines, if csv { words::trial_csv(&lines) } else { words::trial_words(&lines) })
        }
        ReportCommand::Statement { data, utility, time, csv } => {
            existing(&data)?;
            let utility = chosen(&serve::read_config(&data, None)?, utility)?;
            let period = time.period()?;
            let statement = with_read(&data, move |work| ledger::utility_statement(work, &utility, period))?;
            output.result(
                &statement,
                if csv { words::statement_csv(&statement) } else { words::statement_words(&statement) },
            )
        }
        ReportCommand::Operators { data, time, csv } => {
            existing(&data)?;
            let period = time.period()?;
            let days = with_read(&data, move |work| ledger::operators(work, period))?;
            output.result(&days, if csv { words::operators_csv(&days) } else { words::operators_words(&days) })
        }
        ReportCommand::Credit { data, csv } => {
            existing(&data)?;
            let meters = credit(&data)?;
            output.result(&meters, if csv { words::credit_csv(&meters) } else { words::credit_words(&meters) })
        }
        ReportCommand::Silent { data, days } => {
            existing(&data)?;
            let before_ms = service::now_ms() - i64::from(days) * DAY_MS;
            let meters = with_read(&data, move |work| reconcile::silent(work, before_ms))?;
            output.result(&meters, words::silent_words(&meters))
        }
    }
}

/// Runs a command that books something.
fn book(command: BookCommand, output: &Output) -> Result<(), Failure> {
    match command {
        BookCommand::Settle { data, utility, booking, of } => {
            existing(&data)?;
            let config = serve::read_config(&data, None)?;
            let utility = chosen(&config, Some(utility))?;
            let sold_in = config.utilities.iter().find(|known| known.name == utility.as_str());
            let manual = booking.read(currency(&config, sold_in.map(|known| known.currency.code()))?)?;
            let (asked, to) = (manual.clone(), utility.clone());
            let new = with_work(&data, move |work| ledger::settle(work, &to, of, &asked))?;
            booked(&manual, new, format_args!("paid to {utility} ({})", of.name()), output)
        }
        BookCommand::Payout { data, provider, booking, currency: named } => {
            existing(&data)?;
            let manual = booking.read(currency(&serve::read_config(&data, None)?, named.as_deref())?)?;
            let (asked, from) = (manual.clone(), provider.clone());
            let new = with_work(&data, move |work| ledger::payout(work, &from, &asked))?;
            booked(&manual, new, format_args!("paid out by {provider}"), output)
        }
        BookCommand::Correct { data, subject, cause, operator } => {
            existing(&data)?;
            let words = format!("taken back: \"{cause}\" of {subject}");
            let shown = serde_json::json!({ "subject": subject, "corrected": cause, "operator": operator });
            with_work(&data, move |work| ledger::take_back(work, &subject, &cause, &operator))?;
            output.result(&shown, words)
        }
    }
}

/// Tells that something was booked, or was before.
pub(super) fn booked(manual: &Manual, new: bool, what: impl std::fmt::Display, output: &Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Booked<'a> {
        id: &'a str,
        operator: &'a str,
        amount: Amount,
        currency: Currency,
        new: bool,
    }
    let (id, operator, amount) = (&manual.id, &manual.operator, manual.amount);
    let shown = Booked { id, operator, amount, currency: amount.1, new };
    let before = if new { "" } else { "was booked before: " };
    output.result(&shown, format_args!("{before}{} {what}, {id} by {operator}", amount.with_currency()))
}

fn credit(data: &Path) -> Result<Vec<Credit>, Failure> {
    with_read(data, |work| {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = reconcile::credit(work, &after, METERS_AT_ONCE)?;
            let Some(last) = page.last() else { return Ok(all) };
            // The label without its check character.
            after = last.meter.rsplit_once('-').map_or_else(|| last.meter.clone(), |(id, _)| id.to_owned());
            all.extend(page);
        }
    })
}
