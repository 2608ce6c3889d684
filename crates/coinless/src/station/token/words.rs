//! Tokens of registers, for people.

use super::Made;
use coinless_station::terms::{TermsStatus, TokenStatus};
use std::fmt::Write;
use std::path::Path;

/// What a content says.
pub(super) fn says(label: &str, says: &[String]) -> String {
    let mut text = format!("this is what meter {label} would be told:");
    says.iter().for_each(|line| text += &format!("\n  {line}"));
    text
}

/// What was made.
pub(super) fn made(made: &Made, out: Option<&Path>) -> String {
    let mut text = match made.new {
        true => format!("{} register of meter {}: version {}", made.register, made.label, number(made)),
        false => format!(
            "the newest version of the {} register of meter {} says this already: {}; nothing new was made (--again makes one)",
            made.register,
            made.label,
            number(made)
        ),
    };
    if made.new {
        made.says.iter().for_each(|line| text += &format!("\n  {line}"));
    }
    match (&made.token, out) {
        (_, Some(path)) => {
            let _ = write!(text, "\nwritten to {}: coinless phone hand {} LINK", path.display(), path.display());
        }
        (Some(token), None) => {
            let _ = write!(text, "\ntoken {token}");
        }
        (None, None) => text += "\nits token is not signed yet; coinless station token show says when it is",
    }
    text
}

fn number(made: &Made) -> String {
    match made.epoch {
        0 => made.number.to_string(),
        epoch => format!("{} of key epoch {epoch}", made.number),
    }
}

/// The registers of a meter.
pub(super) fn status(status: &TermsStatus) -> String {
    let mut text = format!("meter {}, key epoch {}", status.label, status.epoch);
    match &status.shown {
        Some(shown) => {
            let _ = write!(
                text,
                "\n  shown by receipt {}: key epoch {}, tariff {}, settings {}, keys {}, clock {}",
                shown.receipt,
                shown.epoch,
                shown.tariff,
                shown.settings,
                shown.keys,
                shown.clock.as_deref().unwrap_or("unknown")
            );
            let _ = match &shown.shut_by[..] {
                [] => write!(text, "\n  nothing holds its valve shut{}", if shown.open { ": it is open" } else { "" }),
                causes => write!(text, "\n  its valve is held shut by: {}", causes.join(", ")),
            };
        }
        None => text += "\n  no receipt yet",
    }
    if status.tokens.is_empty() {
        text += "\n  nothing was made for it";
    }
    for token in &status.tokens {
        let _ = write!(text, "\n{}", token_words(token));
    }
    text
}

fn token_words(token: &TokenStatus) -> String {
    let mut text = format!("{} {}", token.register, token.number);
    if token.epoch > 0 {
        let _ = write!(text, " of key epoch {}", token.epoch);
    }
    let with = if token.with_credit { ", with credit" } else { "" };
    let _ = write!(text, "  {}{with}, by {} at {}", token.state, token.operator, token.made);
    if !token.reason.is_empty() {
        let _ = write!(text, ": {}", token.reason);
    }
    token.says.iter().for_each(|line| text += &format!("\n    {line}"));
    text
}
