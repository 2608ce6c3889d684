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
    #[command(flatten)]
    what: What,
}

/// What is decided; without any of them it is only marked as seen.
#[derive(clap::Args)]
#[group(multiple = false)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line, of which one may be given")]
struct What {
    /// The money goes back the way it came.
    #[arg(long)]
    refund: bool,
    /// The money was paid back by hand, from the bank.
    #[arg(long)]
    elsewhere: bool,
    /// The provider has made the refund, as its own books show, and never said so.
    #[arg(long)]
    refunded: bool,
    /// The utility has sold it as quoted, as its own books show, and never said so.
    #[arg(long)]
    sold: bool,
    /// The provider has not collected the payment, as its own books show, and never said so: the order ends.
    #[arg(long)]
    not_collected: bool,
}

impl What {
    fn decision(&self) -> Decision {
        let given = [
            (self.refund, Decision::Refund),
            (self.elsewhere, Decision::Elsewhere),
            (self.refunded, Decision::Refunded),
            (self.sold, Decision::Sold),
            (self.not_collected, Decision::NotCollected),
        ];
        given.into_iter().find_map(|(is_given, decision)| is_given.then_some(decision)).unwrap_or(Decision::Seen)
    }
}

/// Sees to an exception.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(options: Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let decision = options.what.decision();
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
