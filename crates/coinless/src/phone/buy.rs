//! Buying, and saying how it ended.

use super::http::{Clock, Http, StationUrl};
use super::show::{BuyResult, OrderResult};
use super::udp::{self, Udp};
use super::{deliver, open};
use crate::output::{Context, Failure, Output};
use coinless_phone::Error;
use coinless_phone::courier::{Bought, BoughtAt, Buyer, Draws, Progress, Purchase, tell};
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::{LineState, PaymentState};
use std::path::Path;
use uuid::Uuid;

/// How many seconds to wait for the payment and the sale if nothing else is said.
pub const DEFAULT_WAIT_S: u64 = 120;

/// `coinless phone buy`.
pub async fn run(
    output: &Output,
    directory: &Path,
    url: &StationUrl,
    purchase: &Purchase,
    at: Option<&str>,
    wait_s: u64,
) -> Result<(), Failure> {
    let mut store = open(directory)?;
    let (mut station, time) = (Http::new(url)?, Clock::start());
    let mut last = None;
    let mut progress = |progress: Progress<'_>| tell_progress(output, &progress, &mut last);
    let wait_ms = wait_s.saturating_mul(1000);
    let mut buyer = Buyer {
        store: &mut store,
        station: &mut station,
        url: url.as_str(),
        time: &time,
        wait_ms,
        progress: &mut progress,
    };
    let id = Uuid::now_v7();
    let result = match at {
        None => buyer.buy(id, purchase).await.map(without_meter),
        Some(link) => {
            let draws = Draws { order: id, scan: udp::random()?, read: udp::random()? };
            buyer.buy_at(&mut Udp::connect(link).await?, draws, purchase).await
        }
    };
    let mut result = result.context("nothing new was ordered or paid")?;
    let contents = store.load().await.context("reading the store")?;
    let shown = BuyResult::new(&result, &contents);
    output.result(&shown, &shown)?;
    let verdict = check(&result, &shown, directory, at.is_some(), &contents);
    // Only now: until the person has seen the outcome, the same again must mean this purchase. And while something bought is
    // to be loaded in the same go, the same again means to load it.
    let ended = verdict.is_ok() || at.is_none() || result.delivered.is_none();
    if ended && result.bought.trouble.is_none() {
        tell(&mut store, &mut result.bought.order).await.context("writing the store")?;
    }
    verdict
}

fn without_meter(bought: Bought) -> BoughtAt {
    BoughtAt { bought, delivered: None, synced: None, total_before: None }
}

fn tell_progress(output: &Output, progress: &Progress<'_>, last: &mut Option<String>) {
    let words = match progress {
        Progress::Meter(info, code) => {
            let known: Vec<&str> =
                [&info.customer, &info.place, &info.utility].into_iter().filter_map(Option::as_deref).collect();
            let code = code.map(|code| format!("\n  its display shows {code:06}: compare before you go on"));
            format!("{}: {}, {}{}", info.label, info.commodity, known.join(", "), code.unwrap_or_default())
        }
        Progress::Order(order, false) => format!("order {} is noted on this phone", order.id),
        Progress::Order(order, true) => format!("order {} was begun earlier and goes on", order.id),
        Progress::Changed(view) => {
            let line = |line: &coinless_phone::wire::LineView| OrderResult::state_words(view, line).to_owned();
            let mut states: Vec<String> = view.lines.iter().map(line).collect();
            states.dedup();
            states.join("; ")
        }
        Progress::Read(receipt) => format!("the meter has told how much it holds (receipt {})", receipt.number),
        // The result says it.
        Progress::Delivered(_) => return,
    };
    if last.as_ref() != Some(&words) {
        output.progress(&words);
        *last = Some(words);
    }
}

/// Fails unless everything is as it was wanted: on this phone, or with `--at` loaded and known to the station.
fn check(result: &BoughtAt, shown: &BuyResult, directory: &Path, at: bool, contents: &Contents) -> Result<(), Failure> {
    let order = &result.bought.order;
    let sync = format!("coinless phone sync --store {}", directory.display());
    let kept = format!("order {} is kept and nothing is paid twice: run the same again, or `{sync}`", order.id);
    match &result.bought.trouble {
        Some(error) if error.is_unknown() => {
            return Err(Failure::new(format!("the outcome is not known yet: {error}; {kept}")));
        }
        Some(error @ Error::Station(_)) if order.rejected.is_some() => {
            return Err(Failure::new(format!("nothing was paid: {error}")));
        }
        Some(error) => return Err(Failure::new(format!("order {}: {error}", order.id))),
        None => {}
    }
    let view = order.view.as_ref().filter(|view| view.is_settled());
    let view = view.ok_or_else(|| Failure::new(format!("the outcome is not known yet; {kept}")))?;
    if view.payment.state == PaymentState::Declined {
        let reason = view.payment.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        return Err(Failure::new(format!("the payment was declined{reason}; nothing was bought")));
    }
    let bad = view.lines.iter().find(|line| !matches!(line.state, LineState::Issued | LineState::Delivered));
    if let Some(line) = bad {
        let reason = line.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let words = OrderResult::state_words(view, line);
        return Err(Failure::new(format!("order {} line {}: {words}{reason}", order.id, line.line)));
    }
    if at { check_loaded(result, shown, &sync, contents) } else { Ok(()) }
}

fn check_loaded(result: &BoughtAt, shown: &BuyResult, sync: &str, contents: &Contents) -> Result<(), Failure> {
    let paid = "paid and on this phone, but NOT LOADED; do the same again or `coinless phone deliver`";
    let delivered = match &result.delivered {
        Some(Ok(delivered)) => delivered,
        Some(Err(error)) => return Err(Failure::new(format!("{paid}: {error}"))),
        None => return Err(Failure::new(format!("{paid}: there is no token for this meter"))),
    };
    deliver::check(delivered, &shown.deliveries).context(paid)?;
    let meter = delivered.identity.meter;
    if contents.receipts.iter().any(|receipt| receipt.key.meter == meter && !receipt.acknowledged) {
        let why = match &result.synced {
            Some(Ok(report)) => report.problems.first().map(ToString::to_string).unwrap_or_default(),
            Some(Err(error)) => error.to_string(),
            None => String::new(),
        };
        let words = "loaded, but the station does not have the meter's receipt yet; it is kept on this phone: run";
        return Err(Failure::new(format!("{words} `{sync}` ({why})")));
    }
    Ok(())
}
