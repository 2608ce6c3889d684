//! What a person can have done: each begins at a press, goes through the courier, and ends on a screen that says how things stand.

use crate::app::{App, Draft, Notice, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::time::{PageTime, wall_ms};
use crate::browser::{challenge, origin, storage};
use crate::link::MeterLink;
use crate::screen::Screen;
use crate::words::{t, tt};
use coinless_phone::courier::{self, Attending, Buyer, Delivered, Draws, Progress, Purchase, PurchaseLine, SyncReport};
use coinless_phone::io::NoAnswer;
use coinless_phone::records::{KeptMeter, StoredWalk};
use coinless_phone::round::Round;
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::MeterInfo;
use coinless_phone::{Error, api};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use uuid::Uuid;

/// How long the page waits for a payment. A person may have to find the telephone and type a PIN.
const WAIT_MS: u64 = 10 * 60 * 1000;

/// Asks what `lines` cost, and shows it.
pub fn quote(app: App, lines: Vec<PurchaseLine>, round: Option<Round>) {
    let from = app.screen.get_untracked();
    app.run(Running::Asking, async move {
        let purchase = Purchase { lines: lines.clone(), ..Purchase::default() };
        purchase.check()?;
        let quote = api::quote(&mut HomeStation, &purchase.request(None)).await?;
        app.draft.set(Some(Draft { lines, quote, round, from }));
        app.go(Screen::Quote);
        Ok(())
    });
}

/// What the station says of a meter; from the phone's memory if there is no network.
pub async fn look_up(app: App, meter: MeterId) -> Result<MeterInfo, Error> {
    match api::meter(&mut HomeStation, &meter).await {
        Ok(info) if info.meter == meter.as_str() => {
            if let Some(kept) = app.kept(&meter.label().to_string()).filter(|kept| kept.info.as_ref() != Some(&info)) {
                app.keep(KeptMeter { info: Some(info.clone()), ..kept }).await?;
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

/// Opens a link to one of `meters`: the browser's chooser shows no others. To be called at a press.
pub async fn connect(app: App, meters: &[MeterId]) -> Result<MeterLink, Error> {
    let sockets = app.station.with_untracked(|info| info.websocket_meters.clone());
    if let Some(url) = meters.iter().find_map(|meter| sockets.get(meter.as_str())) {
        return MeterLink::websocket(url).map_err(Error::Link);
    }
    let offered = crate::link::offered();
    let names: Vec<String> = meters.iter().map(|meter| meter.to_string()).collect();
    if offered.bluetooth {
        return MeterLink::bluetooth(&names).await.map_err(Error::Link);
    }
    if offered.serial {
        return MeterLink::serial().await.map_err(Error::Link);
    }
    Err(Error::Link(NoAnswer(t("reach-none"))))
}

/// Reads who is at the link and has it prove that, before anything is paid. Gives the code that its display shows now.
pub async fn prove(link: &mut MeterLink, info: &MeterInfo) -> Result<u32, Error> {
    let scanned = courier::scan(link, draw()?).await?;
    if scanned.identity.meter.as_str() != info.meter {
        return Err(Error::WrongMeter(scanned.identity.meter));
    }
    let key = info.key().ok_or_else(|| Error::StationAnswer("it gives no public key of the meter".into()))?;
    scanned.verify(&key)
}

/// Buys what the draft says; with a link, for the meter at it, which is loaded at once.
pub fn pay(app: App, draft: Draft, payer: Option<String>, provider: Option<String>, link: Option<MeterLink>) {
    app.run(Running::Buying, async move {
        storage::ask_to_stay().await;
        let most = draft.quote.total.parse().ok();
        let purchase = Purchase { lines: draft.lines, payer, provider, most, round: draft.round };
        let (mut memory, mut station, url) = (store(), HomeStation, origin());
        let mut progress = |progress: Progress<'_>| {
            if let Progress::Order(order, _) = progress {
                app.draft.set(None);
                app.go(Screen::Order(order.id));
            }
        };
        let mut buyer = Buyer {
            store: &mut memory,
            station: &mut station,
            url: &url,
            time: &PageTime,
            wait_ms: WAIT_MS,
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
        if let Some(delivered) = delivered {
            app.visit.set(Some(Arc::new(delivered?)));
        }
        match bought.trouble {
            Some(trouble) => Err(trouble),
            // The screen of the order shows how it ended.
            None => courier::tell(&mut memory, &mut order).await,
        }
    });
}

/// Hands the meter at hand, which is one of `meters`, everything that this phone has for it.
pub fn load(app: App, meters: Vec<MeterId>) {
    app.run(Running::Connecting, async move {
        let mut link = connect(app, &meters).await?;
        app.running.set(Some(Running::Loading));
        let delivered = visit(app, &mut link).await?;
        let nothing = delivered.deliveries.is_empty();
        let interrupted = delivered.interrupted.clone();
        let label = delivered.identity.meter.label().to_string();
        app.visit.set(Some(Arc::new(delivered)));
        if nothing {
            app.notice.set(Some(Notice::trouble(tt("load-nothing", &[("label", &label)]), "")));
        }
        if app.online.get_untracked() {
            spawn_local(async move { drop(bring(app).await) });
        }
        interrupted.map_or(Ok(()), Err)
    });
}

/// Delivers, and takes the meter's report along; where there is a network its clock is set too.
async fn visit(app: App, link: &mut MeterLink) -> Result<Delivered, Error> {
    let (mut memory, url) = (store(), origin());
    let delivered = courier::deliver(&mut memory, link).await?;
    if delivered.interrupted.is_none() && !delivered.deliveries.is_empty() {
        let attending = Attending { identity: &delivered.identity, url: &url, now_s: wall_ms() / 1000 };
        let at_once = delivered.has_new_valve();
        // Neither is a reason to call the delivery failed; the next visit does it.
        let _ = courier::fetch_report(&mut memory, link, attending, at_once).await;
        if app.online.get_untracked() {
            let _ = courier::set_clock(&mut memory, link, &mut HomeStation, attending).await;
        }
    }
    Ok(delivered)
}

/// Brings receipts to the station and asks how orders stand, unless something else is under way: then that does it.
pub fn sync(app: App) {
    app.run(Running::Syncing, async move {
        let report = bring(app).await?;
        match report.problems.into_iter().next() {
            Some(problem) => Err(problem.error),
            None => Ok(()),
        }
    });
}

/// The same without a word about it: what did not work is tried again later.
async fn bring(app: App) -> Result<SyncReport, Error> {
    let report = courier::sync(&mut store(), &mut HomeStation, &origin()).await?;
    for mut order in report.orders.clone() {
        // Whoever looks at the app sees how its orders ended: the list of them is on every screen's way.
        if app.screen.get_untracked() == Screen::Order(order.id) {
            courier::tell(&mut store(), &mut order).await?;
        }
    }
    Ok(report)
}

/// Fetches an order that this phone does not have, from its link; and says it was shown.
pub fn open_order(app: App, id: Uuid) {
    let known = app.contents.with_untracked(|contents| contents.order(id).cloned());
    if let Some(mut order) = known {
        if order.is_settled() && !order.told {
            spawn_local(async move {
                if let Err(error) = courier::tell(&mut store(), &mut order).await {
                    app.notice.set(Some((&error).into()));
                }
            });
        }
        return;
    }
    fetch_order(app, id);
}

/// Fetches an order, and what is new of it.
pub fn fetch_order(app: App, id: Uuid) {
    app.run(Running::Asking, async move {
        let restored = courier::restore(&mut store(), &mut HomeStation, &origin(), id).await?;
        restored.trouble.map_or(Ok(()), Err)
    });
}

/// Asks to take back a line of an order, or all of its lines that can be.
pub fn refund(app: App, order: Uuid, line: Option<u32>) {
    app.run(Running::Asking, async move {
        courier::refund(&mut store(), &mut HomeStation, order, line).await?;
        Ok(())
    });
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
