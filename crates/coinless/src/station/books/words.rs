//! Reports in words and as CSV.

use coinless_station::ledger::{OperatorDay, TrialLine, UtilityStatement};
use coinless_station::reconcile::{Credit, SilentMeter};
use coinless_station::show::AccountStatus;
use std::fmt::Write;

pub(super) fn balance_words(accounts: &[AccountStatus]) -> String {
    let mut text = format!("{:<42} {:>16}", "account (debit is positive)", "balance");
    for account in accounts {
        let _ = write!(text, "\n{:<42} {:>16} {}", account.account, account.balance, account.currency);
    }
    text
}

pub(super) fn trial_words(lines: &[TrialLine]) -> String {
    let mut text = format!("{:<36} {:>14} {:>14} {:>14} {:>14}", "account", "opening", "debits", "credits", "closing");
    for line in lines {
        let (opening, closing) = (line.opening, line.closing);
        let _ = write!(
            text,
            "\n{:<36} {opening:>14} {:>14} {:>14} {closing:>14} {}",
            line.account, line.debits, line.credits, line.currency
        );
    }
    text
}

pub(super) fn trial_csv(lines: &[TrialLine]) -> String {
    let rows = lines.iter().map(|line| {
        let amounts = [line.opening, line.debits, line.credits, line.closing].map(|amount| amount.to_string());
        [text(&line.account), line.currency.code().to_owned()].into_iter().chain(amounts).collect()
    });
    csv(&["account", "currency", "opening", "debits", "credits", "closing"], rows)
}

pub(super) fn statement_words(statement: &UtilityStatement) -> String {
    let mut text = format!("{} from {} to {}", statement.utility, statement.from, statement.to);
    for line in &statement.lines {
        let _ = write!(
            text,
            "\n  {}  {}/{}  {:<16} {:>9} units  net {:>10}  tax {:>8}  fee {:>8} {}",
            line.at, line.order, line.line, line.meter, line.units, line.net, line.tax, line.fee, line.currency
        );
    }
    for total in &statement.totals {
        let lines = if total.lines == 1 { "line" } else { "lines" };
        let _ = write!(
            text,
            "\ndelivered: {} {lines}, net {}, tax {}, fee {} {}",
            total.lines, total.net, total.tax, total.fee, total.currency
        );
    }
    if statement.lines.is_empty() {
        text.push_str("\nnothing was delivered");
    }
    for other in &statement.others {
        let who = other.operator.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
        let _ = write!(
            text,
            "\n  {}  {} {} on {}: {} ({}{who})",
            other.at, other.amount, other.currency, other.account, other.event, other.subject
        );
    }
    for account in &statement.accounts {
        let _ = write!(
            text,
            "\n{}: {} at the beginning, {} at the end (negative is owed)",
            account.account,
            account.opening.with_currency(),
            account.closing.with_currency()
        );
    }
    text.push_str(if statement.agrees {
        "\nthe lines are what the accounts say"
    } else {
        "\nTHE LINES ARE NOT WHAT THE ACCOUNTS SAY"
    });
    text
}

pub(super) fn statement_csv(statement: &UtilityStatement) -> String {
    let lines = statement.lines.iter().map(|line| {
        let units = line.units.to_string();
        let words = ["delivered", &line.order, &line.line.to_string(), &line.meter, line.commodity, &units].map(text);
        let amounts = [line.net, line.tax, line.fee].map(|amount| amount.to_string());
        let first = [line.at.clone()].into_iter().chain(words).chain([line.currency.code().to_owned()]);
        first.chain(amounts).chain(["".to_owned(), "".to_owned()]).collect()
    });
    let others = statement.others.iter().map(|other| {
        let column = |end: &str| if other.account.ends_with(end) { other.amount.to_string() } else { String::new() };
        let mut row = vec![other.at.clone(), text(&other.event), text(&other.subject)];
        row.extend([String::new(), String::new(), String::new(), String::new(), other.currency.code().to_owned()]);
        // Paid is the opposite of delivered.
        row.extend([":payable", ":tax", ":fees"].map(|end| negated(&column(end))));
        row.extend([text(&other.cause), text(other.operator.as_deref().unwrap_or_default())]);
        row
    });
    let head = [
        "at",
        "event",
        "order",
        "line",
        "meter",
        "commodity",
        "units",
        "currency",
        "net",
        "tax",
        "fee",
        "cause",
        "operator",
    ];
    csv(&head, lines.chain(others))
}

fn negated(amount: &str) -> String {
    match amount.strip_prefix('-') {
        Some(rest) => rest.to_owned(),
        None if amount.is_empty() => String::new(),
        None => format!("-{amount}"),
    }
}

pub(super) fn operators_words(days: &[OperatorDay]) -> String {
    if days.is_empty() {
        return "nobody booked anything by hand".to_owned();
    }
    let mut text = String::new();
    for day in days {
        let _ = writeln!(text, "{}  {}  {}", day.day, day.operator, day.sum.with_currency());
        for one in &day.movements {
            let _ = writeln!(
                text,
                "  {}  {:>12}  {:<14} {}  \"{}\"",
                one.at, one.amount, one.event, one.subject, one.cause
            );
        }
    }
    text
}

pub(super) fn operators_csv(days: &[OperatorDay]) -> String {
    let rows = days.iter().flat_map(|day| {
        day.movements.iter().map(|one| {
            let words = [&day.operator, &one.event, &one.subject, &one.cause].map(|word| text(word));
            let first = [day.day.clone(), one.at.clone()].into_iter().chain(words);
            first.chain([day.currency.code().to_owned(), one.amount.to_string()]).collect()
        })
    });
    csv(&["day", "at", "operator", "event", "subject", "cause", "currency", "amount"], rows)
}

pub(super) fn credit_words(meters: &[Credit]) -> String {
    let mut text = format!(
        "{:<18} {:>12} {:>12} {:>12}  {:>14} {:>14}",
        "meter", "sold", "loaded", "on its way", "consumed", "balance"
    );
    for meter in meters {
        let loaded = meter.loaded_units.map_or_else(|| "-".to_owned(), |units| units.to_string());
        let show = |shown: &Option<String>| shown.clone().unwrap_or_else(|| "-".to_owned());
        let (consumed, balance) = (show(&meter.consumed), show(&meter.balance));
        let _ = write!(
            text,
            "\n{:<18} {:>12} {loaded:>12} {:>12}  {consumed:>14} {balance:>14}",
            meter.meter, meter.sold_units, meter.on_its_way_units
        );
    }
    text
}

pub(super) fn credit_csv(meters: &[Credit]) -> String {
    let rows = meters.iter().map(|meter| {
        let number = |value: Option<String>| value.unwrap_or_default();
        vec![
            text(&meter.meter),
            meter.commodity.to_owned(),
            text(&meter.utility),
            meter.sold_units.to_string(),
            number(meter.loaded_units.map(|units| units.to_string())),
            meter.on_its_way_units.to_string(),
            number(meter.consumed_fine.map(|fine| fine.to_string())),
            number(meter.heard.clone()),
        ]
    });
    let head =
        ["meter", "commodity", "utility", "sold_units", "loaded_units", "on_its_way_units", "consumed_fine", "heard"];
    csv(&head, rows)
}

pub(super) fn silent_words(meters: &[SilentMeter]) -> String {
    if meters.is_empty() {
        return "every meter has been heard of".to_owned();
    }
    let words = |meter: &SilentMeter| {
        let heard =
            meter.heard.as_deref().map_or_else(|| "never heard of".to_owned(), |at| format!("last heard of at {at}"));
        if meter.open_lines == 0 {
            return format!("{}  nothing on its way, {heard}", meter.meter);
        }
        let since = meter.waiting_since.as_deref().unwrap_or("-");
        let lines = if meter.open_lines == 1 { "line" } else { "lines" };
        format!(
            "{}  {} {lines} with {} units waiting since {since}, {heard}",
            meter.meter, meter.open_lines, meter.open_units
        )
    };
    meters.iter().map(words).collect::<Vec<_>>().join("\n")
}

/// A text of somebody's in CSV: a program that opens the file must not take it for a formula.
pub(in crate::station) fn text(word: &str) -> String {
    if word.starts_with(['=', '+', '-', '@', '\t']) { format!("'{word}") } else { word.to_owned() }
}

/// CSV (RFC 4180) with a head.
pub(in crate::station) fn csv(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let field = |word: &str| match word.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", word.replace('"', "\"\"")),
        false => word.to_owned(),
    };
    let line = |row: &[String]| row.iter().map(|word| field(word)).collect::<Vec<_>>().join(",");
    let head = head.join(",");
    std::iter::once(head).chain(rows.map(|row| line(&row))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_and_no_formula() {
        let rows = [vec![text("a,b"), text("=1+1"), "-5.00".to_owned(), text("say \"x\"")]];
        assert_eq!(csv(&["w", "x", "y", "z"], rows.into_iter()), "w,x,y,z\n\"a,b\",'=1+1,-5.00,\"say \"\"x\"\"\"");
    }
}
