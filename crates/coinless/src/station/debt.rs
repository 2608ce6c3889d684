//! `coinless station debt`.

use super::{existing, serve, with_read, with_work};
use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_station::meters;
use coinless_station::money::{Amount, Currency, Money, MoneyError};
use coinless_station::sales::builtin::{self, Owes};
use std::path::PathBuf;

/// Whose debt, and what it is to be.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The meter's number.
    meter: String,
    /// What the customer owes from now on; 0 for nothing.
    #[arg(long, value_name = "AMOUNT", requires = "operator")]
    set: Option<String>,
    /// Who sets it; it is noted, together with the time.
    #[arg(long)]
    operator: Option<String>,
}

/// Shows or sets a debt.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let id: MeterId = meters::parse_label(&options.meter)
        .or_else(|error| options.meter.parse().map_err(|_| error))
        .map_err(|error| Failure::new(error.details().detail))?;
    let utilities = serve::read_config(&options.data, None)?.utilities;
    let (Some(set), Some(operator)) = (options.set.clone(), options.operator.clone()) else {
        let owes = with_read(&options.data, move |work| builtin::owes(work, &utilities, id))?;
        return output.result(&owes, words(&owes, None));
    };
    let asked = utilities.clone();
    // The currency is that of the meter's utility.
    let now = with_read(&options.data, move |work| builtin::owes(work, &asked, id))?;
    let debt = amount(&set, now.debt.1).context(format_args!("--set {set}"))?;
    let before = with_work(&options.data, move |work| builtin::change_debt(work, &utilities, id, debt, &operator))?;
    let owes = Owes { debt: Amount(debt, before.debt.1), ..before.clone() };
    let mut shown = serde_json::to_value(&owes).context("writing JSON")?;
    shown["before"] = before.debt.to_string().into();
    output.result(&shown, words(&owes, Some(before.debt)))
}

/// An amount that may be nothing.
fn amount(text: &str, currency: Currency) -> Result<Money, MoneyError> {
    match currency.parse(text) {
        Err(MoneyError::NotPositive) if !text.starts_with('-') => Ok(Money::ZERO),
        read => read,
    }
}

fn words(owes: &Owes, before: Option<Amount>) -> String {
    let mut text = format!("the customer of meter {} owes {} {}", owes.meter, owes.utility, owes.debt.with_currency());
    if let Some(before) = before {
        text += &format!(" from now on; it was {}", before.with_currency());
    }
    if owes.debt.0 > Money::ZERO && !owes.is_recovered {
        text += "\nthe tariff takes nothing of it from purchases: add debt = { percent = \"20\" } to its version (docs/tariffs.md)";
    }
    text
}
