//! `coinless station erase`.

use super::{existing, with_read, with_work};
use crate::output::{Context, Failure, Output};
use coinless_station::erase::{self, Erased, Whose};
use coinless_station::meters;
use coinless_station::problem::{Code, Error};
use coinless_station::store::SqliteStore;
use std::path::PathBuf;

/// What is erased.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// A meter's number, an order's id, or that of a problem that somebody reported.
    subject: String,
    /// Only what is from before the meter's last change of tenant.
    #[arg(long)]
    earlier: bool,
    /// Who does this; it is noted, together with the time.
    #[arg(long)]
    operator: String,
}

/// Erases what names people.
pub(super) fn erase(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let operator = options.operator.clone();
    let id = meters::parse_label(&options.subject).ok().or_else(|| options.subject.parse().ok());
    let erased = match (id, uuid::Uuid::try_parse(&options.subject)) {
        (Some(id), _) => {
            let whose = if options.earlier { Whose::EarlierTenants } else { Whose::Everybody };
            let orders = with_read(&options.data, move |work| erase::orders_of(work, id))?;
            with_work(&options.data, move |work| erase::meter(work, id, &orders, whose, &operator))?
        }
        (None, Ok(order)) if !options.earlier => {
            let id = order.hyphenated().to_string();
            with_work(&options.data, move |work| match erase::order(work, &id, &operator) {
                // Ids of orders and of problems are made alike.
                Err(Error::Refused { code: Code::UnknownOrder, .. }) => erase::problem(work, &id, &operator),
                erased => erased,
            })?
        }
        (None, Ok(_)) => return Err(Failure::new("--earlier is about a meter, and this is an order")),
        (None, Err(_)) => {
            let words = format!("{} is neither a meter's number nor an order's id", options.subject);
            return Err(Failure::new(words));
        }
    };
    let here = options.data.join("station.db");
    let emptied = !here.exists() || SqliteStore::empty_log(&here).context("emptying the database's log")?;
    if !emptied {
        output.progress("the database is busy: its log still holds what was erased; give the command again later");
    }
    let (orders, names) = (erased.orders, erased.names);
    let shown = serde_json::json!({
        "erased_orders": orders, "erased_names": names, "erased_problems": erased.problems, "log_emptied": emptied
    });
    output.result(&shown, words(erased))
}

fn words(erased: Erased) -> String {
    if erased == Erased::default() {
        return "nothing was left to erase".to_owned();
    }
    let names = if erased.names { "what names people of the meter, and " } else { "" };
    let problems = match erased.problems {
        0 => String::new(),
        problems => format!("{problems} problem(s) that were reported, and "),
    };
    format!("erased: {names}{problems}the payers of {} order(s). Backups still hold them", erased.orders)
}
