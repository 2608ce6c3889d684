//! `coinless station resolve`.

use super::{existing, with_work};
use crate::output::{Failure, Output};
use coinless_station::resolve::{self, Decision, Resolution};
use std::path::PathBuf;

/// Which exception, and what is to become of its money.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// What it is about, as `show exceptions` says: `CAUSE of SUBJECT`.
    subject: String,
    /// Its cause.
    cause: String,
    /// Who sees to it.
    #[arg(long)]
    operator: String,
    /// Why it is decided so.
    #[arg(long)]
    note: String,
    /// The money goes back the way it came.
    #[arg(long, conflicts_with = "elsewhere")]
    refund: bool,
    /// The money was paid back by hand, from the bank.
    #[arg(long)]
    elsewhere: bool,
    /// The provider has made the refund, as its own books show, and never said so.
    #[arg(long, conflicts_with_all = ["refund", "elsewhere"])]
    refunded: bool,
}

/// Sees to an exception.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(options: Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let decision = match (options.refund, options.elsewhere, options.refunded) {
        (true, ..) => Decision::Refund,
        (_, true, _) => Decision::Elsewhere,
        (.., true) => Decision::Refunded,
        _ => Decision::Seen,
    };
    let Options { data, subject, cause, operator, note, .. } = options;
    let resolution = Resolution { subject, cause, operator, note, decision };
    let asked = resolution.clone();
    let done = with_work(&data, move |work| resolve::resolve(work, &asked))?;
    let shown = serde_json::json!({
        "subject": resolution.subject,
        "cause": resolution.cause,
        "decision": decision.name(),
        "done": done,
    });
    let first = format!("seen to: {} of {}", resolution.cause, resolution.subject);
    let words: Vec<_> = std::iter::once(first).chain(done.iter().map(|one| format!("  {one}"))).collect();
    output.result(&shown, words.join("\n"))
}
