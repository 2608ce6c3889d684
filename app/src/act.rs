//! What a person can have done: each begins at a press, goes through the courier, and ends on a screen that says how things stand.

pub mod entitled;

use crate::app::{App, Notice, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::time::{PageTime, wall_ms};
use crate::browser::{challenge, origin, storage};
use crate::link::MeterLink;
use crate::part::{Part, Work, courier, not_loaded};
use crate::screen::Screen;
use crate::view::later;
use crate::words::{t, tt};
use coinless_phone::courier::{self, Attending, Buyer, Delivered, Draws, Progress, Purchase, PurchaseLine, SyncReport};
use coinless_phone::draft::Draft;
use coinless_phone::io::NoAnswer;
use coinless_phone::records::{KeptMeter, StoredOrder, StoredWalk};
use coinless_phone::round::Round;
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::{MeterInfo, Quote};
use coinless_phone::{Error, api};
use coinless_protocol::MeterId;
use futures_util::future::select;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{self, SplitLoaderError, wasm_split};
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use uuid::Uuid;

/// How long the page waits for a payment. A person may have to find the telephone and type a PIN.
const WAIT_MS: u64 = 10 * 60 * 1000;
/// How long a meter's clock may keep the phone from the next meter.
const CLOCK_MS: u32 = 5_000;
/// How long to wait before a courier that could not be loaded is asked for again to follow an order.
const COURIER_MS: u32 = 5_000;

thread_local! {
    static BRINGING: Cell<Bringing> = const { Cell::new(Bringing::No) };
}

/// Whether receipts are being brought beside everything else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bringing {
    No,
    Now,
    /// And there is more since it began.
    Again,
}

/// Asks what `lines` cost, and shows it.
pub fn quote(app: App, lines: Vec<PurchaseLine>, round: Option<Round>) {
    app.run(Running::Asking, quoted(app, lines, round));
}

courier! {
    async fn quoted(app: App, lines: Vec<PurchaseLine>, round: Option<Round>) -> Result<(), Error> {
        let from = app.screen.get_untracked();
        let purchase = Purchase { lines: lines.clone(), ..Purchase::default() };
        purchase.check()?;
        let quote = api::quote(&mut HomeStation, &purchase.request(None)).await?;
        app.set_draft(Some(Draft { lines, quote, round, from: from.path(), quoted_ms: wall_ms() }));
        app.go(Screen::Quote);
        Ok(())
    }
}

/// What the station says of a meter; from the phone's memory if there is no network.
pub async fn look_up(app: App, meter: MeterId) -> Result<MeterInfo, Error> {
    match api::meter(&mut HomeStation, &meter).await {
        Ok(info) if info.meter == meter.as_str() => {
            if let Some(kept) = app.kept(&meter.label().to_string()).filter(|kept| kept.info.as_ref() != Some(&info)) {
                keep(KeptMeter { info: Some(info.clone()), ..kept }).await?;
            }
            Ok(info)
        }
        Ok(info) => Err(Error::StationAnswer(format!("it speaks of the meter {}", info.meter))),
        Err(error) => {
            let known = app.contents.with_untracked(|contents| known_info(contents, &meter));
            known.ok_or(error.into())
        }
    }
}

courier! {
    /// Writes a kept meter.
    pub async fn keep(meter: KeptMeter) -> Result<(), Error> {
        Ok(store().save_meter(&meter.within_limits()).await?)
    }

    /// Keeps the meter of this label no longer.
    pub async fn forget(label: String) -> Result<(), Error> {
        Ok(store().remove_meter(&label).await?)
    }
}

/// What was last heard of a meter.
pub fn known_info(contents: &Contents, meter: &MeterId) -> Option<MeterInfo> {
    let of_orders = contents.orders.iter().rev().flat_map(|order| &order.meters);
    let kept = contents.meters.iter().filter(|kept| kept.meter().as_ref() == Some(meter));
    kept.filter_map(|kept| kept.info.as_ref()).chain(of_orders).find(|info| info.meter == meter.as_str()).cloned()
}

/// Whether this phone can reach a meter by itself at all.
pub fn can_reach(app: App, meter: &MeterId) -> bool {
    let by_socket = app.station.with_untracked(|info| info.websocket_meters.contains_key(meter.as_str()));
    let offered = crate::link::offered();
    by_socket || offered.bluetooth || offered.serial
}

/// The same for any of the meters of a quote.
pub fn can_reach_any(app: App, quote: &Quote) -> bool {
    quote.lines.iter().filter_map(|line| line.meter.parse().ok()).any(|meter| can_reach(app, &meter))
}

/// Whether what the browser offers is there: one may offer Bluetooth on a phone that has none, or has it switched off for good.
pub async fn is_there(app: App, meter: &MeterId) -> bool {
    let by_socket = app.station.with_untracked(|info| info.websocket_meters.contains_key(meter.as_str()));
    by_socket || crate::link::offered().serial || crate::link::has_bluetooth().await
}

/// Opens a link to one of `meters`: the browser's chooser shows no others. To be called at a press.
pub async fn connect(app: App, meters: &[MeterId]) -> Result<MeterLink, Error> {
    let sockets = app.station.with_untracked(|info| info.websocket_meters.clone());
    if let Some(url) = meters.iter().find_map(|meter| sockets.get(meter.as_str())) {
        return MeterLink::websocket(url).map_err(Error::Link);
    }
    let offered = crate::link::offered();
    let names: Vec<String> = meters.iter().map(|meter| meter.to_string()).collect();
    // Who has a cable and no Bluetooth is not asked for Bluetooth, though the browser offers it; who has both may choose the cable.
    let by_cable = offered.serial && (storage::wants_cable() || !crate::link::has_bluetooth().await);
    if by_cable {
        return MeterLink::serial().await.map_err(Error::Link);
    }
    if offered.bluetooth {
        return MeterLink::bluetooth(&names).await.map_err(Error::Link);
    }
    Err(Error::Link(NoAnswer(t("reach-none"))))
}

/// Reads who is at the link and has it prove that, before anything is paid. Gives the code that its display shows now.
pub async fn prove(link: &mut MeterLink, info: &MeterInfo) -> Result<u32, Error> {
    // What was picked says by its name which meter it is, before anything is sent to it.
    let named = link.hint().await.map_err(Error::Link)?.and_then(|name| name.parse::<MeterId>().ok());
    if let Some(other) = named.filter(|named| named.as_str() != info.meter) {
        return Err(Error::WrongMeter(other));
    }
    let scanned = courier::scan(link, draw()?).await?;
    if scanned.identity.meter.as_str() != info.meter {
        return Err(Error::WrongMeter(scanned.identity.meter));
    }
    let key = info.key().ok_or_else(|| Error::StationAnswer("it gives no public key of the meter".into()))?;
    scanned.verify(&key)
}

/// Buys what the draft says; with a link, for the meter at it, which is loaded at once.
pub fn pay(app: App, draft: Draft, payer: Option<String>, provider: Option<String>, link: Option<MeterLink>) {
    storage::ask_to_stay();
    app.run(Running::Buying, paid(app, draft, payer, provider, link));
}

courier! {
    async fn paid(
        app: App,
        draft: Draft,
        payer: Option<String>,
        provider: Option<String>,
        link: Option<MeterLink>,
    ) -> Result<(), Error> {
        let most = draft.quote.total.parse().ok();
        let purchase = Purchase { lines: draft.lines, payer, provider, most, round: draft.round };
        let (mut memory, mut station, url) = (store(), HomeStation, origin());
        let mut progress = |progress: Progress<'_>| {
            if let Progress::Order(order, _) = progress {
                app.set_draft(None);
                app.go(Screen::Order(order.id));
            }
        };
        let mut buyer = Buyer {
            store: &mut memory,
            station: &mut station,
            url: &url,
            time: &PageTime,
            // Without a meter to load, the screen of the order follows how it goes on, and the person may do something else.
            wait_ms: if link.is_some() { WAIT_MS } else { 0 },
            progress: &mut progress,
        };
        let id = app.new_id();
        let (bought, delivered) = match link {
            None => (buyer.buy(id, &purchase).await?, None),
            Some(mut link) => {
                let draws = Draws { order: id, scan: draw()?, read: draw()? };
                let at = buyer.buy_at(&mut link, draws, &purchase).await?;
                (at.bought, at.delivered)
            }
        };
        let mut order = bought.order;
        app.go(Screen::Order(order.id));
        follow(app, order.id);
        if let Some(delivered) = delivered {
            let delivered = delivered?;
            let meter = delivered.identity.meter;
            show_visit(app, delivered).await;
            spawn_local(entitled::refresh(app, vec![meter]));
        }
        match bought.trouble {
            Some(trouble) => Err(trouble),
            // The screen of the order shows how it ended.
            None => courier::tell(&mut memory, &mut order).await,
        }
    }
}

/// Whether a link to the meter is opened without the browser's chooser, which needs a press.
pub fn opens_without_press(app: App, meter: &MeterId) -> bool {
    app.station.with_untracked(|info| info.websocket_meters.contains_key(meter.as_str()))
}

/// Hands the meter at hand, which is one of `meters`, everything that this phone has for it.
pub fn load(app: App, meters: Vec<MeterId>) {
    app.run(Running::Connecting, loaded(app, meters));
}

courier! {
    async fn loaded(app: App, meters: Vec<MeterId>) -> Result<(), Error> {
        let mut link = connect(app, &meters).await?;
        app.running.set(Some(Running::Loading));
        let delivered = courier::deliver(&mut store(), &mut link).await?;
        // It is shown before anything else is tried.
        show_visit(app, delivered.clone()).await;
        if delivered.deliveries.is_empty() {
            let label = delivered.identity.meter.label().to_string();
            app.notice.set(Some(Notice::trouble(tt("load-nothing", &[("label", &label)]), "")));
        } else if delivered.interrupted.is_none() {
            attend(app, &mut link, &delivered).await;
        }
        if app.online.get_untracked() {
            spawn_local(bring_quietly(app));
        }
        delivered.interrupted.map_or(Ok(()), Err)
    }
}

/// Shows what a visit at a meter came to. What draws it is in the courier, which is here.
async fn show_visit(app: App, delivered: Delivered) {
    drop(later::load(Part::Visit).await);
    app.visit.set(Some(Arc::new(delivered)));
}

/// Takes the meter's report along, and sets its clock where there is a network. Neither is a reason to call a delivery failed; the
/// next visit does it.
async fn attend(app: App, link: &mut MeterLink, delivered: &Delivered) {
    let (mut memory, url) = (store(), origin());
    let attending = Attending { identity: &delivered.identity, url: &url, now_s: wall_ms() / 1000 };
    let at_once = delivered.has_new_valve();
    let _ = courier::fetch_report(&mut memory, link, attending, at_once).await;
    if app.online.get_untracked() {
        let mut station = HomeStation;
        let clock = pin!(courier::set_clock(&mut memory, link, &mut station, attending));
        // Whoever stands in a cellar with a bad signal does not wait for it.
        drop(select(clock, TimeoutFuture::new(CLOCK_MS)).await);
    }
}

/// Brings receipts to the station and asks how orders stand, unless something else is under way: then that does it.
pub fn sync(app: App) {
    app.run(Running::Syncing, synced(app));
}

courier! {
    async fn synced(app: App) -> Result<(), Error> {
        let report = bring(app).await?;
        match report.problems.into_iter().next() {
            Some(problem) => Err(problem.error),
            None => Ok(()),
        }
    }

    async fn brought(app: App) -> Result<(), Error> {
        bring_quietly(app).await;
        Ok(())
    }
}

/// The same beside whatever is under way, and without a word about it: what did not work is tried again later.
pub fn sync_quietly(app: App) {
    spawn_local(async move { drop(brought(app).await) });
}

async fn bring(app: App) -> Result<SyncReport, Error> {
    let report = courier::sync(&mut store(), &mut HomeStation, &origin()).await?;
    entitled::after_sync(app, &report);
    for mut order in report.orders.clone() {
        // Whoever looks at the app sees how its orders ended: the list of them is on every screen's way.
        if app.screen.get_untracked() == Screen::Order(order.id) {
            courier::tell(&mut store(), &mut order).await?;
        }
    }
    Ok(report)
}

/// Brings it once at a time; what came meanwhile is brought right after.
async fn bring_quietly(app: App) {
    if BRINGING.replace(Bringing::Again) != Bringing::No {
        return;
    }
    while BRINGING.get() == Bringing::Again {
        BRINGING.set(Bringing::Now);
        // What did not work is tried again at the next visit, when the network comes back, and when the app is opened.
        let _ = bring(app).await;
    }
    BRINGING.set(Bringing::No);
}

/// Follows the order that a screen shows; fetches it from its link if this phone does not have it.
pub fn open_order(app: App, id: Uuid) {
    // Whoever is buying follows it already.
    let is_buying = app.running.with_untracked(|running| *running == Some(Running::Buying));
    match app.contents.with_untracked(|contents| contents.order(id).map(StoredOrder::is_open)) {
        Some(true) if is_buying => {}
        Some(true) => follow(app, id),
        Some(false) => spawn_local(async move {
            // Without the courier it is told the next time.
            if let Err(error @ Error::Store(_)) = told(app, id).await {
                app.notice.set(Some((&error).into()));
            }
        }),
        None => fetch_order(app, id),
    }
}

courier! {
    async fn told(app: App, id: Uuid) -> Result<(), Error> {
        let known = app.contents.with_untracked(|contents| contents.order(id).cloned());
        let Some(mut order) = known else { return Ok(()) };
        courier::tell(&mut store(), &mut order).await
    }

    async fn followed(app: App, id: Uuid) -> Result<(), Error> {
        courier::follow(&mut store(), &mut HomeStation, &PageTime, id, move || is_shown(app, id)).await
    }
}

/// Whether somebody looks at the order.
fn is_shown(app: App, id: Uuid) -> bool {
    let here = app.screen.with_untracked(|screen| *screen == Screen::Order(id));
    here && !app.overtaken.get_untracked()
}

/// Keeps an order as the station tells it while its screen is shown, beside whatever is under way.
fn follow(app: App, id: Uuid) {
    if app.followed.try_update_value(|followed| followed.insert(id)) != Some(true) {
        return;
    }
    spawn_local(async move {
        let mut ended = followed(app, id).await;
        // Whoever follows asks a silent station again; only the courier itself can be what did not come.
        while ended.as_ref().is_err_and(Error::is_unknown) && is_shown(app, id) {
            TimeoutFuture::new(COURIER_MS).await;
            ended = followed(app, id).await;
        }
        app.followed.update_value(|followed| {
            followed.remove(&id);
        });
        if let Err(error) = ended
            && is_shown(app, id)
        {
            app.notice.set(Some((&error).into()));
        }
    });
}

/// Fetches an order, and what is new of it.
pub fn fetch_order(app: App, id: Uuid) {
    app.run(Running::Asking, async move { restored(app, id).await.map_err(not_loaded)?.await });
}

/// Fetches an order and follows it. Apart from the courier, so that the page of an order's link has not all of that to wait for.
///
/// # Errors
/// If this part of the program cannot be loaded.
#[wasm_split(fetch, wasm_split_path = wasm_split, preload(load_fetch), fallible)]
pub fn restored(app: App, id: Uuid) -> Result<Work<()>, SplitLoaderError> {
    Ok(Box::pin(async move {
        let restored = courier::restore(&mut store(), &mut HomeStation, &origin(), id).await?;
        follow(app, id);
        restored.trouble.map_or(Ok(()), Err)
    }))
}

/// Asks to take back a line of an order, or all of its lines that can be.
pub fn refund(app: App, order: Uuid, line: Option<u32>) {
    app.run(Running::Asking, refunded(order, line));
}

courier! {
    async fn refunded(order: Uuid, line: Option<u32>) -> Result<(), Error> {
        courier::refund(&mut store(), &mut HomeStation, order, line).await?;
        Ok(())
    }
}

/// Notes something about a round.
pub fn note_walk(app: App, walk: StoredWalk) {
    spawn_local(async move {
        if let Err(error) = store().save_walk(&walk).await {
            app.notice.set(Some((&Error::Store(error)).into()));
        }
    });
}

fn draw() -> Result<coinless_protocol::Challenge, Error> {
    challenge().map_err(|why| Error::Link(NoAnswer(why)))
}
