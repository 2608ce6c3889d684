//! `coinless station replace` and `coinless station retire`.

use super::token::{Opened, meter_id, write_token};
use super::{commit_to_sign, signing};
use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_station::operator::Operator;
use coinless_station::replacement::{self, ReplacementStatus};
use coinless_station::retirement::{self, RetirementStatus};
use std::fmt::Write;
use std::path::PathBuf;

/// Which meter takes the place of which.
#[derive(clap::Args)]
pub struct ReplaceOptions {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The number of the meter that is taken down.
    old: String,
    /// The number of the meter that takes its place, and is enrolled.
    new: String,
    /// Who does this; it is noted, together with the time.
    #[arg(long, value_name = "NAME")]
    by: Operator,
    /// Why, for those who look at it later.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Writes the token that comes next into a file for a technician: coinless phone hand FILE LINK.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Begins to replace a meter, or says where that stands.
pub(super) fn replace(options: &ReplaceOptions, output: &Output) -> Result<(), Failure> {
    let (old, new) = (meter_id(&options.old)?, meter_id(&options.new)?);
    let opened = Opened::at(&options.data)?;
    let (by, reason) = (options.by.clone(), options.reason.trim().to_owned());
    let (begun, due) = commit_to_sign(&*opened.store, vec![old, new], move |work| {
        // What was begun is looked at again, also when it has ended.
        match replacement::status(work, old) {
            Ok(known) if known.new == new.label().to_string() => Ok(false),
            _ => replacement::begin(work, old, new, &by, &reason),
        }
    })?;
    signing::sign(&options.data, &opened.config, &opened.store, due, output)?;
    let status = opened.read(move |work| replacement::status(work, old))?;
    if let Some(out) = &options.out {
        match (&status.closing_token, &status.transfer_token) {
            (Some(token), _) => write_token(out, &status.old, token)?,
            (None, Some(token)) => write_token(out, &status.new, token)?,
            (None, None) => return Err(Failure::new("there is no token to be carried now")),
        }
    }
    let mut shown = serde_json::to_value(&status).context("writing JSON")?;
    shown["begun"] = begun.into();
    output.result(&shown, replacement_words(&status))
}

fn replacement_words(status: &ReplacementStatus) -> String {
    let mut text = format!("meter {} is replaced by {}, by {}", status.old, status.new, status.operator);
    match (&status.moved, &status.closing_token) {
        (Some(moved), _) => {
            let _ = write!(
                text,
                "\nclosed: {} were taken out, {moved} go to the new meter, {} stay with the utility",
                status.withdrawn.as_deref().unwrap_or("nothing"),
                status.rest.as_deref().unwrap_or("nothing")
            );
            let _ = match &status.transfer_token {
                Some(token) => write!(
                    text,
                    "\nto be carried to meter {} (any later purchase brings it, too):\ntoken {token}",
                    status.new
                ),
                None => write!(text, "\nnothing of it is on its way any more"),
            };
        }
        (None, Some(token)) => {
            let _ = write!(
                text,
                "\nits last token takes everything out, also what was bought and not loaded. Carry it to meter {}, and its receipt \
                 back:\ntoken {token}\nnothing goes to the new meter before the receipt is here",
                status.old
            );
        }
        (None, None) => text += "\nits last token is not signed yet: give the command again in a moment",
    }
    text
}

/// Which dead meter.
#[derive(clap::Args)]
pub struct RetireOptions {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The number of the dead meter.
    meter: String,
    /// Who proposes it.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["confirm_by", "show"], conflicts_with = "confirm_by")]
    by: Option<Operator>,
    /// Who confirms it: another person.
    #[arg(long, value_name = "NAME")]
    confirm_by: Option<Operator>,
    /// The number of the meter that takes its place, in a proposal; without one, what was not loaded is refunded.
    #[arg(long, value_name = "METER", conflicts_with_all = ["confirm_by", "show"])]
    replace_by: Option<String>,
    /// Why, for those who look at it later.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Only shows the proposal.
    #[arg(long, conflicts_with_all = ["by", "confirm_by"])]
    show: bool,
}

/// Proposes to retire a dead meter, or confirms it.
pub(super) fn retire(options: &RetireOptions, output: &Output) -> Result<(), Failure> {
    let id = meter_id(&options.meter)?;
    let opened = Opened::at(&options.data)?;
    let replace_by: Option<MeterId> = options.replace_by.as_deref().map(meter_id).transpose()?;
    let confirming = opened.config.utilities(&opened.store).context("the configuration")?.confirming();
    let (by, confirm_by, reason) = (options.by.clone(), options.confirm_by.clone(), options.reason.trim().to_owned());
    if !options.show {
        let meters = std::iter::once(id).chain(replace_by).collect();
        let ((), due) = commit_to_sign(&*opened.store, meters, move |work| {
            if let Some(by) = &by {
                retirement::propose(work, id, replace_by, by, &reason)?;
            }
            if let Some(by) = &confirm_by {
                retirement::confirm(work, id, by, &confirming)?;
            }
            Ok(())
        })?;
        signing::sign(&options.data, &opened.config, &opened.store, due, output)?;
    }
    let status = opened.read(move |work| retirement::status(work, id))?;
    output.result(&status, retirement_words(&status))
}

fn retirement_words(status: &RetirementStatus) -> String {
    let mut text = format!("meter {} as dead: proposed by {} at {}", status.meter, status.proposed_by, status.proposed);
    if !status.reason.is_empty() {
        let _ = write!(text, ": {}", status.reason);
    }
    status.reasoning.iter().for_each(|line| text += &format!("\n  {line}"));
    let _ = match (&status.confirmed_by, &status.replace_by) {
        (None, Some(new)) => write!(
            text,
            "\nif another person confirms it (--confirm-by NAME), meter {new} gets {} and about {}",
            status.on_its_way, status.estimated_balance
        ),
        (None, None) => write!(
            text,
            "\nif another person confirms it (--confirm-by NAME), {} are refunded, and about {} are for you to pay back",
            status.on_its_way, status.estimated_balance
        ),
        (Some(by), Some(new)) => {
            write!(text, "\nconfirmed by {by}: {} go to meter {new}", status.moved.as_deref().unwrap_or("nothing"))
        }
        (Some(by), None) => write!(text, "\nconfirmed by {by}: what was not loaded is refunded"),
    };
    if let Some(token) = &status.transfer_token {
        let _ = write!(text, "\nto be carried to it (any later purchase brings it, too):\ntoken {token}");
    }
    text
}
