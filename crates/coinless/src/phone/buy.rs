//! Buying, and saying how it ended.

use super::http::{Clock, Http, StationUrl};
use super::link::{MeterLink, random};
use super::show::{BuyResult, MANY, OrderResult, instructions, quote_words};
use super::{attend, deliver, open};
use crate::output::{Context, Failure, Output};
use coinless_phone::Error;
use coinless_phone::courier::{Bought, BoughtAt, Buyer, Draws, Progress, Purchase, sync, tell};
use coinless_phone::outcome::{Verdict, states};
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::{OrderView, PaymentState};
use std::path::Path;
use uuid::Uuid;

/// How many seconds to wait for the payment and the sale if nothing else is said.
pub const DEFAULT_WAIT_S: u64 = 120;

/// Exit code: some lines are as they were wanted, and the others have ended otherwise.
const PARTLY: u8 = 3;
/// Exit code: the outcome is not known yet.
const UNKNOWN: u8 = 4;

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
    let (lines, mut told) = (purchase.lines.len(), Told::default());
    let mut progress = |progress: Progress<'_>| tell_progress(output, &progress, lines, &mut told);
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
    let mut link_to_meter = match at {
        Some(link) => Some(MeterLink::connect(link).await?),
        None => None,
    };
    let result = match &mut link_to_meter {
        None => buyer.buy(id, purchase).await.map(without_meter),
        Some(link) => {
            let draws = Draws { order: id, scan: random()?, read: random()? };
            buyer.buy_at(link, draws, purchase).await
        }
    };
    let mut result = result.context("nothing new was ordered or paid")?;
    // From here on, whatever goes wrong, the person gets the order's link.
    let link = result.bought.order.link();
    let contents = store.load().await.context(format_args!("reading the store; the order is {link}"))?;
    let shown = BuyResult::new(&result, &contents);
    output.result(&shown, &shown)?;
    // If only lines of other meters were sold, there is nothing to load here.
    let to_load = result.delivered.is_some() || shown.order().sums().verdict() == Verdict::Complete;
    let loading = at.filter(|_| to_load).map(|_| check_loaded(&result, &shown, directory, &contents));
    // Only now: until the person has seen the outcome, the same again must mean this purchase. And while something bought is
    // to be loaded in the same go, the same again means to load it.
    let ended = result.delivered.is_none() || loading.as_ref().is_none_or(Result::is_ok);
    if ended && result.bought.trouble.is_none() {
        let told = tell(&mut store, &mut result.bought.order).await;
        told.context(format_args!("writing the store; the order is {link}"))?;
    }
    if let (Some(link), Some(Ok(delivered))) = (&mut link_to_meter, &result.delivered)
        && attend::after_delivery(output, &mut store, link, delivered).await
        // What the station does not hear now it hears at the next sync.
        && let Err(error) = sync(&mut store, &mut station, url.as_str()).await
    {
        output.progress(format_args!("what the meter said last is kept on this phone: {error}"));
    }
    check(&result.bought, shown.order(), directory, loading)
}

fn without_meter(bought: Bought) -> BoughtAt {
    BoughtAt { bought, delivered: None, synced: None, total_before: None }
}

/// What the person was told last, and what not to tell again.
#[derive(Default)]
struct Told {
    words: Option<String>,
    instructions: Option<String>,
}

/// `lines` is how many the purchase has: of many, only what they have in common is told.
fn tell_progress(output: &Output, progress: &Progress<'_>, lines: usize, told: &mut Told) {
    let words = match progress {
        Progress::Meter(_, None) if lines > MANY => format!("the station knows the meters of these {lines} lines"),
        Progress::Meter(info, code) => {
            let known: Vec<&str> =
                [&info.customer, &info.place, &info.utility].into_iter().filter_map(Option::as_deref).collect();
            let code = code.map(|code| format!("\n  its display shows {code:06}: compare before you go on"));
            format!("{}: {}, {}{}", info.label, info.commodity, known.join(", "), code.unwrap_or_default())
        }
        Progress::Quoted(quote) => quote_words(quote).trim_end().to_owned(),
        Progress::Order(order, resumed) => {
            let how = if *resumed { "was begun earlier and goes on" } else { "is noted on this phone" };
            format!("order {} {how}; whoever has its link holds it: {}", order.id, order.link())
        }
        Progress::Changed(view) => {
            if let Some(instructions) = instructions(view).filter(|words| told.instructions.as_deref() != Some(words)) {
                output.progress(format_args!("TO PAY: {instructions}"));
                told.instructions = Some(instructions.to_owned());
            }
            let state = |(count, words): (usize, &'static str)| match view.lines.len() {
                1 => words.to_owned(),
                _ => format!("{count} x {words}"),
            };
            states(view).into_iter().map(state).collect::<Vec<_>>().join("; ")
        }
        Progress::Read(receipt) => format!("the meter has told how much it holds (receipt {})", receipt.number),
        // The result says it.
        Progress::Delivered(_) => return,
    };
    if told.words.as_ref() != Some(&words) {
        output.progress(&words);
        told.words = Some(words);
    }
}

/// Fails unless everything is as it was wanted: on this phone, or with `--at` loaded and known to the station, as `loading` says.
fn check(
    bought: &Bought,
    shown: &OrderResult,
    directory: &Path,
    loading: Option<Result<(), Failure>>,
) -> Result<(), Failure> {
    let order = &bought.order;
    let id = order.id;
    let sync = sync_command(directory);
    let kept = format!("order {id} is kept and nothing is paid twice: run the same again, or `{sync}`");
    let unknown =
        |why: String| Err(Failure::new(format!("the outcome is not known yet{why}; {kept}")).with_exit_code(UNKNOWN));
    match &bought.trouble {
        Some(error) if error.is_unknown() => return unknown(format!(": {error}")),
        Some(error @ Error::Station(_)) if order.rejected.is_some() => {
            return Err(Failure::new(format!("nothing was paid: {error}")));
        }
        Some(error) => return Err(Failure::new(format!("order {id} ({}): {error}", order.link()))),
        None => {}
    }
    let waits = |view: &OrderView| view.payment.state == PaymentState::Sent && instructions(view).is_some();
    if order.view.as_ref().is_some_and(waits) {
        let words = "the payment has not come in yet: pay as the order says";
        return Err(Failure::new(format!("{words}; {kept}")).with_exit_code(UNKNOWN));
    }
    let Some(view) = order.view.as_ref().filter(|view| view.is_settled()) else { return unknown(String::new()) };
    if view.payment.state == PaymentState::Declined {
        let reason = view.payment.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        return Err(Failure::new(format!("the payment was declined{reason}; nothing was bought")));
    }
    let failure = Failure::new(format!("order {id} {}", shown.words()));
    let partly = || {
        let again = "buying the same again would buy every line again, so buy only those that were not sold";
        Failure::new(format!("order {id} {}; {again}", shown.words())).with_exit_code(PARTLY)
    };
    match shown.sums().verdict() {
        Verdict::Refunding | Verdict::Person | Verdict::Refunded | Verdict::Nothing => Err(failure),
        Verdict::Waiting | Verdict::Unknown => unknown(format!(": {}", shown.words())),
        Verdict::Complete => loading.unwrap_or(Ok(())),
        Verdict::Partly => loading.unwrap_or(Ok(())).and_then(|()| Err(partly())),
    }
}

fn sync_command(directory: &Path) -> String {
    format!("coinless phone sync --store {}", directory.display())
}

fn check_loaded(result: &BoughtAt, shown: &BuyResult, directory: &Path, contents: &Contents) -> Result<(), Failure> {
    let sync = sync_command(directory);
    let paid = "paid and on this phone, but NOT LOADED; do the same again or `coinless phone deliver`";
    let delivered = match &result.delivered {
        Some(Ok(delivered)) => delivered,
        Some(Err(error)) => return Err(Failure::new(format!("{paid}: {error}"))),
        None => return Err(Failure::new(format!("{paid}: there is no token for this meter"))),
    };
    deliver::check_credit(delivered, &shown.deliveries).context(paid)?;
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
