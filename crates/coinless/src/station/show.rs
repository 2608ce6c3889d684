//! `coinless station show`.

use super::{existing, with_read};
use crate::output::{Failure, Output};
use coinless_protocol::MeterId;
use coinless_station::meters;
use coinless_station::problem::Error;
use coinless_station::problem_reports::{self, ReportedProblem};
use coinless_station::show::{self, ExceptionStatus, LedgerStatus, MeterStatus, ReceiptStatus};
use coinless_station::view::OrderView;
use coinless_station::work::Work;
use std::fmt::Write;
use std::path::Path;

/// What can be shown.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum What {
    /// An order, or the newest ones.
    Order,
    /// A meter, or all of them.
    Meter,
    /// All accounts, and the movements of one order.
    Ledger,
    /// The receipts of a meter.
    Receipts,
    /// What a person must look at.
    Exceptions,
    /// What people reported, the newest first; about a meter or an order alone if one is named.
    Problems,
}

/// Most orders that are shown without an id.
const NEWEST_ORDERS: i64 = 20;

/// Most problems that are shown without --all.
const NEWEST_PROBLEMS: i64 = 50;

/// Shows `what`.
pub(super) fn show(data: &Path, what: What, id: Option<&str>, all: bool, output: &Output) -> Result<(), Failure> {
    existing(data)?;
    let id = id.map(str::to_owned);
    match what {
        What::Order => {
            let orders = with_read(data, move |work| match &id {
                Some(id) => Ok(vec![show::order(work, id)?]),
                None => show::newest_orders(work, NEWEST_ORDERS)?.iter().map(|id| show::order(work, id)).collect(),
            })?;
            each(&orders, order_words, "no orders yet", output)
        }
        What::Meter => {
            let meters = with_read(data, move |work| match &id {
                Some(id) => Ok(vec![show::meter(work, meter_id(id)?)?]),
                None => show::all_meters(work),
            })?;
            each(&meters, meter_words, "no meters are enrolled yet", output)
        }
        What::Ledger => {
            let ledger = with_read(data, move |work| show::ledger(work, id.as_deref()))?;
            output.result(&ledger, ledger_words(&ledger))
        }
        What::Receipts => {
            let receipts = with_read(data, move |work| match &id {
                Some(id) => show::receipts(work, meter_id(id)?),
                None => {
                    let mut all = Vec::new();
                    for meter in meters::all(work)? {
                        all.extend(show::receipts(work, meter.id)?);
                    }
                    Ok(all)
                }
            })?;
            each(&receipts, receipt_words, "no receipts yet", output)
        }
        What::Exceptions => {
            let read = move |work: &mut Work<'_>| if all { show::all_exceptions(work) } else { show::exceptions(work) };
            each(&with_read(data, read)?, exception_words, "no exceptions", output)
        }
        What::Problems => {
            // A meter is known by its identity, with its check character or without.
            let id = id.map(|id| meter_id(&id).map_or(id, |meter| meter.to_string()));
            let most = if all { i64::from(u32::MAX) } else { NEWEST_PROBLEMS };
            let problems = with_read(data, move |work| problem_reports::newest(work, id.as_deref(), most))?;
            each(&problems, problem_words, "no problems were reported", output)
        }
    }
}

/// Operators may leave the check character out: they read numbers from files, not from labels.
fn meter_id(text: &str) -> Result<MeterId, Error> {
    text.parse().or_else(|_| meters::parse_label(text))
}

fn each<T: serde::Serialize>(
    items: &[T],
    words: impl Fn(&T) -> String,
    none: &str,
    output: &Output,
) -> Result<(), Failure> {
    if items.is_empty() {
        output.progress(none);
    }
    items.iter().try_for_each(|item| output.result(item, words(item)))
}

fn order_words(order: &OrderView) -> String {
    let mut text =
        format!("order {}  {} {}  payment {}", order.id, order.total, order.currency, order.payment.state.name());
    if let Some(reason) = &order.payment.reason {
        let _ = write!(text, " ({reason})");
    }
    for line in &order.lines {
        let (shown, state) = (&line.quote.shown, line.state.name().replace('_', " "));
        let _ = write!(text, "\n  {}. {:<20} {:>10} {:>14}  {state}", line.line, line.label, line.amount, shown);
        if let Some(reason) = &line.reason {
            let _ = write!(text, " ({reason})");
        }
    }
    text
}

fn meter_words(meter: &MeterStatus) -> String {
    let mut text = format!(
        "meter {} ({})  signed up to number {}, {} sold, {} on their way",
        meter.label, meter.commodity, meter.last_number, meter.live_total, meter.reserved
    );
    if let Some(installed) = &meter.installation {
        let _ = match &installed.proved {
            Some(proved) => write!(text, "\n  installed by {}, proved on {proved}", installed.operator),
            None => write!(
                text,
                "\n  installed by {} at {}, not proved yet: no receipt shows number {} or a later one",
                installed.operator, installed.installed, installed.test_number
            ),
        };
    }
    let _ = match &meter.newest_receipt {
        Some(seen) => write!(
            text,
            "\n  last seen at number {} with total {}, balance {} (receipt {})",
            seen.credit_number, seen.total, seen.balance, seen.receipt
        ),
        None => write!(text, "\n  no receipt yet"),
    };
    if let Some(report) = &meter.report {
        let events: Vec<_> = report.events.iter().map(|(event, count)| format!("{event} {count}")).collect();
        let events = if events.is_empty() { "none".to_owned() } else { events.join(", ") };
        let _ = write!(
            text,
            "\n  report {} of {}: {} on its face, debt paid {} of {}, events: {events}",
            report.number, report.received, report.metered, report.debt_paid, report.debt_total
        );
        if report.emergency_taken {
            text += "\n  emergency credit is taken";
        }
        if !report.clock_trusted {
            text += "\n  it does not know the time";
        }
    }
    text
}

fn ledger_words(ledger: &LedgerStatus) -> String {
    let mut text = format!("{:<42} {:>14}", "account (debit is positive)", "balance");
    for account in &ledger.accounts {
        let _ = write!(text, "\n{:<42} {:>14} {}", account.account, account.balance, account.currency);
    }
    let width = ledger.entries.iter().map(|entry| entry.cause.chars().count()).max().unwrap_or(0);
    for entry in &ledger.entries {
        let _ = write!(text, "\n  {:<width$}  {:<38} {:>12}", entry.cause, entry.account, entry.amount);
    }
    let verdict = if ledger.balanced { "the accounts add up to zero" } else { "THE BOOKS ARE WRONG" };
    let _ = write!(text, "\n{verdict}");
    text
}

fn receipt_words(receipt: &ReceiptStatus) -> String {
    format!(
        "receipt {} of {}  number {}, total {}, balance {}  ({})",
        receipt.receipt,
        receipt.meter,
        receipt.credit_number,
        receipt.total,
        receipt.balance,
        receipt.decision.as_deref().unwrap_or("-")
    )
}

fn problem_words(problem: &ReportedProblem) -> String {
    let about = match (&problem.meter, &problem.order) {
        (None, None) => String::new(),
        (meter, order) => {
            let meter = meter.as_ref().map(|meter| format!(" meter {meter}"));
            let order = order.as_ref().map(|order| format!(" order {order}"));
            format!(" about{}{}", meter.unwrap_or_default(), order.unwrap_or_default())
        }
    };
    // What strangers write must not move the cursor of whoever reads it.
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let contact = problem.contact.as_ref().map(|contact| format!("\n  contact: {}", plain(contact)));
    format!(
        "problem {} of {}{about}\n  {}{}",
        problem.id,
        problem.at,
        plain(&problem.text),
        contact.unwrap_or_default()
    )
}

fn exception_words(exception: &ExceptionStatus) -> String {
    let mut text = format!("{} of {}", exception.cause, exception.subject);
    if let Some(amount) = &exception.amount {
        let _ = write!(text, "  {amount}");
    }
    let _ = write!(text, "  {} ago\n  {}", age(exception.age_ms), exception.detail);
    if let (Some(who), Some(at), Some(how)) = (&exception.resolved_by, &exception.resolved_at, &exception.resolution) {
        let _ = write!(text, "\n  {who} saw to it at {at}: {how}");
    }
    text
}

/// A time span for people, in its largest unit.
fn age(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min")];
    let found = units.into_iter().find(|(unit_ms, _)| ms >= *unit_ms);
    found.map_or_else(|| format!("{} s", ms / 1000), |(unit_ms, name)| format!("{} {name}", ms / unit_ms))
}
