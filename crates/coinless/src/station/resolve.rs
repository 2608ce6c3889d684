//! `coinless station resolve`.

use super::{existing, with_work};
use crate::output::{Failure, Output};
use coinless_station::resolve::{self, Bearer, Decision, Resolution};
use coinless_station::utilities::UtilityName;
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
    /// What was taken away is the station's own loss.
    #[arg(long)]
    write_off: bool,
    /// What was taken away is borne by this utility: it is owed so much less.
    #[arg(long, value_name = "UTILITY")]
    charge: Option<UtilityName>,
    /// What was taken away was paid once more by the payer, to the bank.
    #[arg(long)]
    paid_again: bool,
    /// A difference of less than one whole unit with a provider's statement is left as rounding.
    #[arg(long)]
    rounding: bool,
}

impl What {
    fn decision(self) -> Decision {
        match self {
            Self { refund: true, .. } => Decision::Refund,
            Self { elsewhere: true, .. } => Decision::Elsewhere,
            Self { refunded: true, .. } => Decision::Refunded,
            Self { sold: true, .. } => Decision::Sold,
            Self { not_collected: true, .. } => Decision::NotCollected,
            Self { write_off: true, .. } => Decision::Borne(Bearer::Station),
            Self { paid_again: true, .. } => Decision::Borne(Bearer::Payer),
            Self { rounding: true, .. } => Decision::Rounded,
            Self { charge: Some(utility), .. } => Decision::Borne(Bearer::Utility(utility)),
            _ => Decision::Seen,
        }
    }
}

/// Sees to an exception.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(options: Options, output: &Output) -> Result<(), Failure> {
    existing(&options.data)?;
    let Options { data, subject, cause, operator, note, what } = options;
    let resolution = Resolution { subject, cause, operator, note, decision: what.decision() };
    let asked = resolution.clone();
    let done = with_work(&data, move |work| resolve::resolve(work, &asked))?;
    let shown = serde_json::json!({
        "subject": resolution.subject,
        "cause": resolution.cause,
        "decision": resolution.decision.name(),
        "done": done,
    });
    let first = format!("seen to: {} of {}", resolution.cause, resolution.subject);
    let words: Vec<_> = std::iter::once(first).chain(done.iter().map(|one| format!("  {one}"))).collect();
    output.result(&shown, words.join("\n"))
}
