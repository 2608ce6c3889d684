//! `coinless station pay`: the cash desk.

use super::books::Time;
use super::{existing, with_read, with_work};
use crate::output::{Failure, Output};
use coinless_station::ledger::time;
use coinless_station::money::{Amount, Currency, Money};
use coinless_station::operator::Operator;
use coinless_station::payments;
use coinless_station::problem::{Code, Error};
use coinless_station::provider::manual::{self, CashKind, Day, Mark};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The cash desk.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Marks an order as paid.
    Mark {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The order's code, as the customer says it, or its id.
        order: String,
        /// What was taken in: a decimal number. Cash must be what the order asks for.
        amount: String,
        /// Who took it in.
        #[arg(long)]
        cashier: Operator,
        /// The number of the slip or of the transfer: the same again is marked once.
        #[arg(long)]
        id: String,
        /// It is a bank transfer that was seen to arrive, and not cash.
        #[arg(long)]
        transfer: bool,
        /// Who paid, or the bank's reference.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Takes a wrong mark back.
    Correct {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The order's code or id.
        order: String,
        /// The id of the mark that was wrong.
        wrong: String,
        /// Who corrects it: this one's sum of the day gets smaller.
        #[arg(long)]
        cashier: Operator,
        /// The number of the correction: the same again corrects once.
        #[arg(long)]
        id: String,
        /// Why.
        #[arg(long)]
        note: String,
    },
    /// Shows refunds that wait to be handed out.
    Refunds {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
    },
    /// Notes that a refund was handed out in cash, whole.
    HandOut {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The refund, as `pay refunds` shows it: CODE/LINE.
        refund: String,
        /// Who handed it out.
        #[arg(long)]
        cashier: Operator,
    },
    /// States what a cashier took in and handed out; today's if no time is given.
    Day {
        /// Folder of the database and the keys.
        #[arg(long)]
        data: PathBuf,
        /// The cashier.
        #[arg(long)]
        cashier: Operator,
        #[command(flatten)]
        time: Time,
    },
}

/// Runs a command. A running station takes up what was marked.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Mark { data, order, amount, cashier, id, transfer, note } => {
            let kind = if transfer { CashKind::Transfer } else { CashKind::Cash };
            mark(&data, &order, &amount, (id, kind, note), cashier, output)
        }
        Command::Correct { data, order, wrong, cashier, id, note } => {
            existing(&data)?;
            let (named, entry, correction, who) = (order, wrong.clone(), id.clone(), cashier.clone());
            let order = with_work(&data, move |work| manual::correct(work, &named, &entry, &correction, &who, &note))?;
            let shown = json!({ "order": order, "code": payments::account(&order), "corrected": wrong, "id": id, "cashier": cashier.as_str() });
            let words = format!(
                "{wrong} of code {} is taken back by {cashier} as {id}; what was sold for it comes before a person: \
                 `coinless station show exceptions`",
                payments::account(&order)
            );
            output.result(&shown, words)
        }
        Command::Refunds { data } => refunds(&data, output),
        Command::HandOut { data, refund, cashier } => hand_out(&data, refund, cashier, output),
        Command::Day { data, cashier, time } => day(&data, cashier, &time, output),
    }
}

fn mark(
    data: &Path,
    order: &str,
    amount: &str,
    (entry_id, kind, note): (String, CashKind, String),
    cashier: Operator,
    output: &Output,
) -> Result<(), Failure> {
    existing(data)?;
    let (named, typed, who, id) = (order.to_owned(), amount.to_owned(), cashier.clone(), entry_id.clone());
    let (order, money) = with_work(data, move |work| {
        let currency = manual::currency_of(work, &named)?;
        let wrong = |error| Error::refused(Code::BadAmount, format!("amount {typed}: {error}"));
        let amount = currency.parse(&typed).map_err(wrong)?;
        let mark = Mark { entry_id: entry_id.clone(), kind, amount, note: note.clone() };
        Ok((manual::mark_paid(work, &named, &mark, &who)?, Amount(amount, currency)))
    })?;
    let shown = json!({
        "order": order, "code": payments::account(&order), "id": id, "kind": kind.name(),
        "amount": decimal(money.0, money.1), "currency": money.1, "cashier": cashier.as_str(),
    });
    let how = if kind == CashKind::Cash { "in cash" } else { "by transfer" };
    // Not the order's id: who has it holds the order.
    let (money, code) = (money.with_currency(), payments::account(&order));
    let words = format!("{money} {how} for code {code}, marked by {cashier} as {id}");
    output.result(&shown, words)
}

fn refunds(data: &Path, output: &Output) -> Result<(), Failure> {
    existing(data)?;
    let waiting = with_read(data, manual::waiting_refunds)?;
    if waiting.is_empty() {
        output.progress("no refunds wait to be handed out");
    }
    waiting.iter().try_for_each(|one| {
        let shown = json!({
            "refund": one.refund_id, "code": one.account, "amount": decimal(one.amount, one.currency),
            "currency": one.currency, "since": time(one.since_ms),
        });
        let amount = Amount(one.amount, one.currency).with_currency();
        let refund = one.refund_id.split_once('/').map_or("", |(_, what)| what);
        output.result(&shown, format_args!("{}/{refund}  {amount}  waits since {}", one.account, moment(one.since_ms)))
    })
}

fn hand_out(data: &Path, refund: String, cashier: Operator, output: &Output) -> Result<(), Failure> {
    existing(data)?;
    let (asked, who) = (refund.clone(), cashier.clone());
    let amount = with_work(data, move |work| manual::pay_out(work, &asked, &who))?;
    let shown = json!({
        "refund": refund, "amount": decimal(amount.0, amount.1), "currency": amount.1, "cashier": cashier.as_str(),
    });
    output.result(&shown, format_args!("{} of refund {refund} handed out by {cashier}", amount.with_currency()))
}

fn day(data: &Path, cashier: Operator, of: &Time, output: &Output) -> Result<(), Failure> {
    existing(data)?;
    let period = of.period()?;
    let who = cashier.clone();
    let day = with_read(data, move |work| manual::day(work, &who, period.from_ms, period.to_ms))?;
    let (from, to) = (time(period.from_ms), time(period.to_ms));
    let shown = day_json(&day, &cashier, &from, &to);
    let (from, to) = (moment(period.from_ms), moment(period.to_ms));
    output.result(&shown, format!("{cashier}, from {from} to {to}{}", day_words(&day)))
}

/// A moment for people, to the second.
pub(super) fn moment(at_ms: i64) -> String {
    time(at_ms.div_euclid(1000) * 1000)
}

fn decimal(amount: Money, currency: Currency) -> String {
    currency.format(amount)
}

fn day_json(day: &Day, cashier: &Operator, from: &str, to: &str) -> Value {
    let entries = day.entries.iter().map(|entry| {
        json!({
            "at": time(entry.at_ms), "id": entry.entry_id, "order": entry.order_id, "kind": entry.kind.name(),
            "amount": decimal(entry.amount, entry.currency), "currency": entry.currency, "note": entry.note,
            "corrects": entry.corrects,
        })
    });
    let refunds = day.refunds.iter().map(|refund| {
        json!({
            "at": time(refund.at_ms), "refund": refund.refund_id,
            "amount": decimal(refund.amount, refund.currency), "currency": refund.currency,
        })
    });
    let sums = day.sums.iter().map(|sum| {
        json!({
            "kind": sum.kind.name(), "currency": sum.currency, "taken_in": decimal(sum.taken_in, sum.currency),
            "handed_out": decimal(sum.handed_out, sum.currency), "left": decimal(sum.left, sum.currency),
        })
    });
    json!({
        "cashier": cashier.as_str(), "from": from, "to": to, "entries": entries.collect::<Vec<_>>(),
        "refunds": refunds.collect::<Vec<_>>(), "sums": sums.collect::<Vec<_>>(),
    })
}

fn day_words(day: &Day) -> String {
    let mut rows: Vec<(i64, String)> = Vec::new();
    for entry in &day.entries {
        let amount = Amount(entry.amount, entry.currency).with_currency();
        let what = if entry.corrects.is_some() { "corrected" } else { "taken in" };
        let mut row = format!("{:<8} {what:<10} {amount:>16}  {}", entry.kind.name(), entry.entry_id);
        if let Some(wrong) = &entry.corrects {
            let _ = write!(row, " takes {wrong} back");
        }
        let _ = write!(row, "  code {}", payments::account(&entry.order_id));
        if !entry.note.is_empty() {
            let _ = write!(row, "  ({})", entry.note);
        }
        rows.push((entry.at_ms, row));
    }
    for refund in &day.refunds {
        let amount = Amount(-refund.amount, refund.currency).with_currency();
        let (order, what) = refund.refund_id.split_once('/').unwrap_or((&refund.refund_id, ""));
        let named = format!("{}/{what}", payments::account(order));
        rows.push((refund.at_ms, format!("{:<8} {:<10} {amount:>16}  {named}", "cash", "handed out")));
    }
    rows.sort();
    let mut text = String::new();
    if rows.is_empty() {
        text.push_str("\n  nothing was taken in or handed out");
    }
    for (at_ms, row) in rows {
        let _ = write!(text, "\n  {}  {row}", moment(at_ms));
    }
    for sum in &day.sums {
        let words = |amount| Amount(amount, sum.currency).with_currency();
        let _ = write!(text, "\n{:<8} {} taken in", sum.kind.name(), words(sum.taken_in));
        if sum.handed_out != Money::ZERO {
            let _ = write!(text, ", {} handed out", words(sum.handed_out));
        }
        let left = words(sum.left);
        let _ = match sum.kind {
            CashKind::Cash => write!(text, ": the till has changed by {left}"),
            CashKind::Transfer => write!(text, ": {left} must be in the bank's statement"),
        };
    }
    text
}
