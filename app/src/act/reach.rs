//! Whether and how this phone reaches a meter, and whether it is the one that is meant.

use super::draw;
use crate::app::App;
use crate::browser::storage;
use crate::link::{self, MeterLink};
use crate::words::t;
use coinless_phone::io::NoAnswer;
use coinless_phone::wire::{MeterInfo, Quote};
use coinless_phone::{Error, courier};
use coinless_protocol::MeterId;
use leptos::prelude::*;

/// Whether this phone can reach a meter by itself at all.
pub fn can_reach(app: App, meter: &MeterId) -> bool {
    let offered = link::offered();
    opens_without_press(app, meter) || offered.bluetooth || offered.serial
}

/// The same for any of the meters of a quote.
pub fn can_reach_any(app: App, quote: &Quote) -> bool {
    quote.lines.iter().filter_map(|line| line.meter.parse().ok()).any(|meter| can_reach(app, &meter))
}

/// Whether what the browser offers is there: one may offer Bluetooth on a phone that has none, or has it switched off for good.
pub async fn is_there(app: App, meter: &MeterId) -> bool {
    opens_without_press(app, meter) || link::offered().serial || link::has_bluetooth().await
}

/// Whether a link to the meter is opened without the browser's chooser, which needs a press.
pub fn opens_without_press(app: App, meter: &MeterId) -> bool {
    app.station.with_untracked(|info| info.websocket_meters.contains_key(meter.as_str()))
}

/// Opens a link to one of `meters`: the browser's chooser shows no others. To be called at a press.
pub async fn connect(app: App, meters: &[MeterId]) -> Result<MeterLink, Error> {
    let sockets = app.station.with_untracked(|info| info.websocket_meters.clone());
    if let Some(url) = meters.iter().find_map(|meter| sockets.get(meter.as_str())) {
        return MeterLink::websocket(url).map_err(Error::Link);
    }
    let offered = link::offered();
    let names: Vec<String> = meters.iter().map(|meter| meter.to_string()).collect();
    // Who has a cable and no Bluetooth is not asked for Bluetooth, though the browser offers it; who has both may choose the cable.
    let by_cable = offered.serial && (storage::wants_cable() || !link::has_bluetooth().await);
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
