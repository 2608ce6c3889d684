//! What a person can have done: each begins at a press, goes through the courier, and ends on a screen that says how things stand.

pub mod bring;
pub mod entitled;
pub mod order;
pub mod reach;
pub mod visit;

use crate::app::{App, Notice, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::time::{PageTime, wall_ms};
use crate::browser::{origin, random, storage};
use crate::link::MeterLink;
use crate::part::courier;
use crate::screen::Screen;
use crate::words::t;
use coinless_phone::courier::{self, Buyer, Draws, Progress, Purchase, PurchaseLine};
use coinless_phone::draft::Draft;
use coinless_phone::records::{KeptMeter, StoredWalk};
use coinless_phone::round::Round;
use coinless_phone::store::{Contents, Store};
use coinless_phone::wire::MeterInfo;
use coinless_phone::{Error, api};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How long the page waits for a payment. A person may have to find the telephone and type a PIN.
const WAIT_MS: u64 = 10 * 60 * 1000;

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
            if let Progress::Order(order, goes_on) = progress {
                app.set_draft(None);
                app.go(Screen::Order(order.id));
                // Who wanted the same once more must see that this is not it.
                app.notice.set(goes_on.then(|| Notice::good(t("order-goes-on"))));
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
        order::follow(app, order.id);
        if let Some(delivered) = delivered {
            let delivered = delivered?;
            let meter = delivered.identity.meter;
            visit::show_visit(app, delivered).await;
            spawn_local(entitled::refresh(app, vec![meter]));
        }
        match bought.trouble {
            Some(trouble) => Err(trouble),
            // The screen of the order shows how it ended.
            None => courier::tell(&mut memory, &mut order).await,
        }
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
    random().map_err(Error::Link)
}
