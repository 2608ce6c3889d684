//! `coinless station float`.

use super::books::{Booking, booked};
use super::{currency, existing, serve, with_read, with_work};
use crate::output::{Failure, Output};
use coinless_station::float::{self, Float};
use coinless_station::money::Currency;
use std::path::PathBuf;

/// What managers pay in advance.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Opens a manager's float and prints its secret, this once.
    Open {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The manager: 1 to 32 of a-z, 0-9 and -.
        manager: String,
        /// ISO 4217 code; may be left out if there is one alone.
        #[arg(long)]
        currency: Option<String>,
    },
    /// Makes a new secret, for one that was lost or seen; the old one ends.
    Renew {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The manager.
        manager: String,
        /// ISO 4217 code; may be left out if there is one alone.
        #[arg(long)]
        currency: Option<String>,
    },
    /// Books what a manager paid in to the bank.
    PayIn {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The manager.
        manager: String,
        #[command(flatten)]
        booking: Booking,
        /// ISO 4217 code; may be left out if there is one alone.
        #[arg(long)]
        currency: Option<String>,
    },
    /// Shows all floats.
    Show {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
    },
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Open { data, manager, currency: named } => {
            let currency = currency(&serve::read_config(&data, None)?, named.as_deref())?;
            let asked = manager.clone();
            let secret = with_work(&data, move |work| float::open(work, &asked, currency))?;
            tell(&manager, currency, &secret, output)
        }
        Command::Renew { data, manager, currency: named } => {
            existing(&data)?;
            let currency = currency(&serve::read_config(&data, None)?, named.as_deref())?;
            let asked = manager.clone();
            let secret = with_work(&data, move |work| float::renew(work, &asked, currency))?;
            tell(&manager, currency, &secret, output)
        }
        Command::PayIn { data, manager, booking, currency: named } => {
            existing(&data)?;
            let manual = booking.read(currency(&serve::read_config(&data, None)?, named.as_deref())?)?;
            let (asked, to) = (manual.clone(), manager.clone());
            let new = with_work(&data, move |work| float::pay_in(work, &to, &asked))?;
            booked(&manual, new, format_args!("paid in by {manager}"), output)
        }
        Command::Show { data } => {
            existing(&data)?;
            let floats = with_read(&data, float::all)?;
            if floats.is_empty() {
                output.progress("no floats are open");
            }
            let words = |float: &Float| format!("{:<34} {:>14} {}", float.manager, float.balance, float.currency);
            floats.iter().try_for_each(|float| output.result(float, words(float)))
        }
    }
}

/// The only place where a secret is shown.
fn tell(manager: &str, currency: Currency, secret: &str, output: &Output) -> Result<(), Failure> {
    let credential = format!("{manager}:{secret}");
    let shown = serde_json::json!({ "manager": manager, "currency": currency, "credential": credential });
    let words = format!(
        "the float of {manager} in {currency} is spent with\n  {credential}\nkeep it: it is not stored here and not shown again"
    );
    output.result(&shown, words)
}
