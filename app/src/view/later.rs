//! The screens, each of which is in a part of the program that may have to be loaded first.

use super::{
    carry, history, home, house, list, meter, order, page, problem, quote, readings, receipt, scan, settings, visit,
    walk,
};
use crate::act;
use crate::app::App;
use crate::part::Part;
use crate::screen::Screen;
use crate::words::t;
use coinless_phone::courier::Delivered;
use coinless_protocol::MeterId;
use futures_util::FutureExt;
use futures_util::future::try_join;
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

#[wasm_split(order, wasm_split_path = wasm_split, preload(load_order), fallible)]
fn order(app: App, screen: Screen) -> Result<AnyView, SplitLoaderError> {
    Ok(match screen {
        Screen::Order(id) => order::screen(app, id).into_any(),
        _ => ().into_any(),
    })
}

#[wasm_split(orders, wasm_split_path = wasm_split, preload(load_orders), fallible)]
fn orders(app: App, screen: Screen) -> Result<AnyView, SplitLoaderError> {
    Ok(match screen {
        Screen::Quote => quote::screen(app).into_any(),
        Screen::History => history::screen(app).into_any(),
        Screen::Receipt(id, line) => receipt::screen(app, id, line).into_any(),
        Screen::Problem(order, meter) => problem::screen(app, order, meter).into_any(),
        Screen::Carry(token) => carry::screen(app, *token).into_any(),
        _ => ().into_any(),
    })
}

// Nobody shows a code to another phone before there is an order.
#[wasm_split(orders, wasm_split_path = wasm_split, preload(load_drawn), fallible)]
fn drawn(text: String, words: String) -> Result<AnyView, SplitLoaderError> {
    Ok(super::parts::qr(&text, words).into_any())
}

#[wasm_split(readings, wasm_split_path = wasm_split, preload(load_readings), fallible)]
fn section(app: App, meter: MeterId) -> Result<AnyView, SplitLoaderError> {
    Ok(readings::section(app, meter).into_any())
}

// With the courier, that the first page has none of it.
#[wasm_split(courier, wasm_split_path = wasm_split, preload(load_visit), fallible)]
fn lately(delivered: Arc<Delivered>, is_heard: bool) -> Result<AnyView, SplitLoaderError> {
    Ok(match is_heard {
        true => view! { <p class="heard">{visit::words(&delivered)}</p> }.into_any(),
        false => visit::came_to(&delivered).into_any(),
    })
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
        Screen::Order(_) => Part::Order,
        Screen::Quote | Screen::History | Screen::Receipt(..) | Screen::Problem(..) | Screen::Carry(_) => Part::Orders,
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
        // Whoever comes by the order's link does not have it yet: both at once.
        Part::Order => drop(try_join(load_order(), act::order::load_fetch()).await?),
        // Each function of a part has a loader of its own.
        Part::Orders => drop(try_join(load_orders(), load_drawn()).await?),
        Part::Readings => load_readings().await?,
        Part::Visit => load_visit().await?,
        Part::More => load_more().await?,
    }
    part.arrived();
    Ok(())
}

/// A screen, and until its part is here that it is awaited.
pub fn screen(app: App, screen: Screen) -> AnyView {
    let title = page::heading(&screen);
    awaited(part_of(&screen), Some(title), Box::new(move || shown(app, screen.clone())))
}

/// The readings of a meter on its screen, which does not wait for their part.
pub fn readings(app: App, meter: MeterId) -> AnyView {
    awaited(Part::Readings, None, Box::new(move || here(section(app, meter).now_or_never())))
}

/// What the last visit at a meter came to, once there was one.
pub fn last_visit(app: App) -> Option<AnyView> {
    Some(came_to(app.visit.get()?))
}

/// What a visit at a meter came to.
pub fn came_to(delivered: Arc<Delivered>) -> AnyView {
    awaited(Part::Visit, None, Box::new(move || here(lately(delivered.clone(), false).now_or_never())))
}

/// The same to be heard.
pub fn heard(delivered: Arc<Delivered>) -> Option<AnyView> {
    Part::Visit.is_here().then(|| here(lately(delivered, true).now_or_never()))
}

/// A code to be read by another phone's camera, with what it holds in words.
pub fn qr(text: String, words: String) -> AnyView {
    awaited(Part::Orders, None, Box::new(move || here(drawn(text.clone(), words.clone()).now_or_never())))
}

/// What `draw` draws with `part`, and until that is here that it is awaited. If the part is that of a whole screen, `title` is what
/// the screen begins with.
fn awaited(part: Part, title: Option<String>, draw: Box<dyn Fn() -> AnyView + Send>) -> AnyView {
    if part.is_here() {
        return draw();
    }
    let arrived = RwSignal::new(None::<bool>);
    fetch(part, arrived);
    (move || match arrived.get() {
        None => view! { <p class="running" data-test="part-loading"><span class="spinner" aria-hidden="true"></span>{t("part-loading")}</p> }
            .into_any(),
        Some(true) => draw(),
        Some(false) => missing(part, title.clone(), arrived),
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

fn missing(part: Part, title: Option<String>, arrived: RwSignal<Option<bool>>) -> AnyView {
    view! {
        {title.map(|title| view! { <h1>{title}</h1> })}
        <p class="wrong" role="alert" data-test="part-missing">{t("part-missing")}</p>
        <button class="main" data-test="part-again" on:click=move |_| fetch(part, arrived)>{t("part-again")}</button>
    }
    .into_any()
}

/// The screen, whose part is here: so there is nothing to wait for.
fn shown(app: App, screen: Screen) -> AnyView {
    here(match part_of(&screen) {
        Part::Home => home(app).now_or_never(),
        Part::Order => order(app, screen).now_or_never(),
        Part::Orders => orders(app, screen).now_or_never(),
        Part::More => more(app, screen).now_or_never(),
        Part::Meter | Part::Readings | Part::Visit => meter(app, screen).now_or_never(),
    })
}

fn here(view: Option<Result<AnyView, SplitLoaderError>>) -> AnyView {
    view.and_then(Result::ok).unwrap_or_else(|| unreachable!("the part is here"))
}
