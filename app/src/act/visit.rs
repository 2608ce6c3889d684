//! A visit at the meter at hand: it gets everything that this phone has for it.

use super::bring::bring_quietly;
use super::reach::connect;
use crate::app::{App, Notice, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::origin;
use crate::browser::time::wall_ms;
use crate::link::MeterLink;
use crate::part::{Part, courier};
use crate::view::later;
use crate::words::tt;
use coinless_phone::Error;
use coinless_phone::courier::{self, Attending, Delivered};
use coinless_protocol::MeterId;
use futures_util::future::select;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::pin::pin;
use std::sync::Arc;

/// How long a meter's clock may keep the phone from the next meter.
const CLOCK_MS: u32 = 5_000;

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
pub async fn show_visit(app: App, delivered: Delivered) {
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
