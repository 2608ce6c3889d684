//! The screens, each of which is in a part of the program that may have to be loaded first.

use super::{
    carry, history, home, house, list, meter, order, problem, quote, readings, receipt, scan, settings, visit, walk,
};
use crate::app::App;
use crate::part::Part;
use crate::screen::Screen;
use crate::words::t;
use coinless_phone::courier::Delivered;
use coinless_protocol::MeterId;
use futures_util::FutureExt;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{self, SplitLoaderError, wasm_split};
use std::sync::Arc;

#[wasm_split(home, wasm_split_path = wasm_split, preload(load_home), fallible)]
fn home(app: App) -> Result<AnyView, SplitLoaderError> {
    Ok(home::screen(app).into_any())
}

#[wasm_split(meter, wasm_split_path = wasm_split, preload(load_meter), fallible)]
fn meter(app: App, screen: Screen) -> Result<AnyView, SplitLoaderError> {
    Ok(match screen {
        Screen::Meter(meter) => meter::screen(app, meter).into_any(),
        _ => ().into_any(),
    })
}

#[wasm_split(orders, wasm_split_path = wasm_split, preload(load_orders), fallible)]
fn orders(app: App, screen: Screen) -> Result<AnyView, SplitLoaderError> {
    Ok(match screen {
        Screen::Quote => quote::screen(app).into_any(),
        Screen::Order(id) => order::screen(app, id).into_any(),
        Screen::History => history::screen(app).into_any(),
        Screen::Receipt(id, line) => receipt::screen(app, id, line).into_any(),
        Screen::Problem(order, meter) => problem::screen(app, order, meter).into_any(),
        Screen::Carry(token) => carry::screen(app, *token).into_any(),
        _ => ().into_any(),
    })
}

#[wasm_split(readings, wasm_split_path = wasm_split, preload(load_readings), fallible)]
fn section(app: App, meter: MeterId) -> Result<AnyView, SplitLoaderError> {
    Ok(readings::section(app, meter).into_any())
}

// With the courier, that the first page has none of it.
#[wasm_split(courier, wasm_split_path = wasm_split, preload(load_visit), fallible)]
fn lately(delivered: Arc<Delivered>) -> Result<AnyView, SplitLoaderError> {
    Ok(visit::came_to(&delivered).into_any())
}

#[wasm_split(more, wasm_split_path = wasm_split, preload(load_more), fallible)]
fn more(app: App, screen: Screen) -> Result<AnyView, SplitLoaderError> {
    Ok(match screen {
        Screen::Scan => scan::screen(app).into_any(),
        Screen::List => list::screen(app).into_any(),
        Screen::House => house::screen(app).into_any(),
        Screen::Walk(id, part) => walk::screen(app, id, part).into_any(),
        Screen::Settings => settings::screen(app).into_any(),
        _ => ().into_any(),
    })
}

/// The part that has the screen.
pub fn part_of(screen: &Screen) -> Part {
    match screen {
        Screen::Home | Screen::Nowhere => Part::Home,
        Screen::Meter(_) => Part::Meter,
        Screen::Quote
        | Screen::Order(_)
        | Screen::History
        | Screen::Receipt(..)
        | Screen::Problem(..)
        | Screen::Carry(_) => Part::Orders,
        Screen::Scan | Screen::List | Screen::House | Screen::Walk(..) | Screen::Settings => Part::More,
    }
}

/// Loads a part, if it is not here yet.
///
/// # Errors
/// If the network gives it not; it can be tried again.
pub async fn load(part: Part) -> Result<(), SplitLoaderError> {
    match part {
        Part::Home => load_home().await?,
        Part::Meter => load_meter().await?,
        Part::Orders => load_orders().await?,
        Part::Readings => load_readings().await?,
        Part::Visit => load_visit().await?,
        Part::More => load_more().await?,
    }
    part.arrived();
    Ok(())
}

/// A screen, and until its part is here that it is awaited.
pub fn screen(app: App, screen: Screen) -> AnyView {
    awaited(part_of(&screen), Box::new(move || shown(app, screen.clone())))
}

/// The readings of a meter on its screen, which does not wait for their part.
pub fn readings(app: App, meter: MeterId) -> AnyView {
    awaited(Part::Readings, Box::new(move || here(section(app, meter).now_or_never())))
}

/// What the last visit at a meter came to, once there was one.
pub fn last_visit(app: App) -> Option<AnyView> {
    let delivered = app.visit.get()?;
    Some(awaited(Part::Visit, Box::new(move || here(lately(delivered.clone()).now_or_never()))))
}

/// What `draw` draws with `part`, and until that is here that it is awaited.
fn awaited(part: Part, draw: Box<dyn Fn() -> AnyView + Send>) -> AnyView {
    if part.is_here() {
        return draw();
    }
    let arrived = RwSignal::new(None::<bool>);
    fetch(part, arrived);
    (move || match arrived.get() {
        None => view! { <p class="running" data-test="part-loading"><span class="spinner" aria-hidden="true"></span>{t("part-loading")}</p> }
            .into_any(),
        Some(true) => draw(),
        Some(false) => missing(part, arrived),
    })
    .into_any()
}

fn fetch(part: Part, arrived: RwSignal<Option<bool>>) {
    arrived.set(None);
    spawn_local(async move {
        let is_here = load(part).await.is_ok();
        // Whoever has gone on to another screen waits no more.
        let _ = arrived.try_set(Some(is_here));
    });
}

fn missing(part: Part, arrived: RwSignal<Option<bool>>) -> AnyView {
    view! {
        <p class="wrong" role="alert" data-test="part-missing">{t("part-missing")}</p>
        <button class="main" data-test="part-again" on:click=move |_| fetch(part, arrived)>{t("part-again")}</button>
    }
    .into_any()
}

/// The screen, whose part is here: so there is nothing to wait for.
fn shown(app: App, screen: Screen) -> AnyView {
    here(match part_of(&screen) {
        Part::Home => home(app).now_or_never(),
        Part::Orders => orders(app, screen).now_or_never(),
        Part::More => more(app, screen).now_or_never(),
        Part::Meter | Part::Readings | Part::Visit => meter(app, screen).now_or_never(),
    })
}

fn here(view: Option<Result<AnyView, SplitLoaderError>>) -> AnyView {
    view.and_then(Result::ok).unwrap_or_else(|| unreachable!("the part is here"))
}
