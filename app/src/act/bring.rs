//! Bringing receipts to the station, and asking how orders stand.

use super::entitled;
use crate::app::{App, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::origin;
use crate::part::courier;
use crate::screen::Screen;
use coinless_phone::Error;
use coinless_phone::courier::{self, SyncReport};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::cell::Cell;

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
pub async fn bring_quietly(app: App) {
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
