//! What can be done with an order: fetch it, follow it, take it back.

use crate::app::{App, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::origin;
use crate::browser::time::PageTime;
use crate::part::{Work, courier, not_loaded};
use crate::screen::Screen;
use coinless_phone::records::StoredOrder;
use coinless_phone::{Error, courier};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{self, SplitLoaderError, wasm_split};
use uuid::Uuid;

/// How long to wait before a courier that could not be loaded is asked for again to follow an order.
const COURIER_MS: u32 = 5_000;

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
pub fn follow(app: App, id: Uuid) {
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
