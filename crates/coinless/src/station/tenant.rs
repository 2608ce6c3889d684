//! `coinless station tenant-change`.

use super::{commit, existing, open_store, serve, signing, wait};
use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_station::meters;
use coinless_station::service::now_ms;
use coinless_station::tenants::{self, NewTenant, Pending};
use coinless_station::work::Work;
use std::fmt::Write;
use std::path::PathBuf;

/// Which meter, and who has it from now on.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The meter's number.
    meter: String,
    /// Name of the new customer; without it, none is recorded.
    #[arg(long)]
    customer: Option<String>,
    /// Where the meter hangs; without it, as before.
    #[arg(long)]
    place: Option<String>,
    /// Change the tenant although the same customer and place are recorded already.
    #[arg(long)]
    again: bool,
    /// Who does this; it is noted, together with the time.
    #[arg(long)]
    operator: String,
}

/// Changes the tenant, signs the voids, and shows what must reach the meter.
pub(super) fn change(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let id: MeterId = meters::parse_label(&options.meter)
        .or_else(|error| options.meter.parse().map_err(|_| error))
        .map_err(|error| Failure::new(error.details().detail))?;
    let config = serve::read_config(&options.data, None)?;
    let store = open_store(&options.data, &config)?;
    let new = NewTenant { customer: options.customer.clone(), place: options.place.clone(), again: options.again };
    let operator = options.operator.clone();
    let (changed, due) = commit(&*store, move |work| {
        let changed = tenants::change(work, id, &new, &operator)?;
        Ok((changed, std::mem::take(&mut work.after.due)))
    })?;
    signing::sign(&options.data, &config, &store, due, output)?;
    let pending = wait(store.read(move |tx| tenants::pending(&mut Work::new(tx, now_ms()), id)))?;
    let mut shown = serde_json::to_value(&pending).context("writing JSON")?;
    shown["changed"] = changed.into();
    output.result(&shown, words(changed, &pending))
}

fn words(changed: bool, pending: &Pending) -> String {
    let mut text = match changed {
        true => format!("the tenant of meter {} is changed", pending.label),
        false => format!("this is what is recorded of meter {} already; nothing was changed", pending.label),
    };
    if pending.voids.is_empty() {
        text += "; nothing of the old tenant is on its way";
        return text;
    }
    text += "\nnot loaded by the old tenant, and void once the token below (or any newer one) reached the meter:";
    for void in &pending.voids {
        let _ = write!(text, "\n  order {} line {}  {}", void.order, void.line, void.shown);
    }
    match &pending.token {
        Some(token) => {
            let _ = write!(text, "\ntoken {token}");
        }
        None => text += "\nits token is not signed yet: give the command again in a moment",
    }
    text + "\nuntil its receipt is back, the old tenant may still load them, and the new tenant's first token may be\n\
            refused once and come again by itself; the receipt decides who gets money back"
}
