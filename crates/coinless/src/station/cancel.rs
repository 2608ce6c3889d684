//! `coinless station cancel`.

use super::{existing, with_work};
use crate::output::{Failure, Output};
use coinless_station::payments;
use std::path::PathBuf;
use uuid::Uuid;

/// Which order.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The order's id.
    order: Uuid,
    /// Who does this; it is noted, together with the time.
    #[arg(long)]
    operator: String,
}

/// Ends an order that nobody has paid.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let (order, operator) = (options.order.hyphenated().to_string(), options.operator.clone());
    let id = order.clone();
    let ended = with_work(&options.data, move |work| payments::cancel(work, &id, &operator))?;
    let words =
        if ended { "is ended; money that comes later is held" } else { "had ended before; nothing was changed" };
    output.result(&serde_json::json!({ "order": order, "ended": ended }), format_args!("order {order} {words}"))
}
