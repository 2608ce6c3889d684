//! Where it begins: what waits to be done, the meters one knows, and the ways to a new one.

use super::parts::{commodity, icon, label, load_button};
use crate::app::App;
use crate::screen::Screen;
use crate::words::{t, tn, tt};
use coinless_phone::outcome::{LineReport, Outcome};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use std::collections::BTreeSet;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let find = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match read_label(&typed.get()) {
            Ok(meter) => app.go(Screen::Meter(meter)),
            Err(why) => wrong.set(Some(why)),
        }
    };
    view! {
        <h1>{t("home-title")}</h1>
        {move || waiting(app)}
        // Also when nothing waits any more.
        {move || super::later::last_visit(app)}
        <button class="main" data-test="scan" on:click=move |_| app.go(Screen::Scan)>{icon("scan")}{t("home-scan")}</button>
        {super::scan::nfc(app)}
        <form on:submit=find class="row">
            <label class="grow">
                {t("home-type")}
                <input name="label" dir="ltr" autocapitalize="characters" autocomplete="off" spellcheck="false" placeholder="CLS0000000017-Z"
                    aria-invalid=move || wrong.with(Option::is_some).to_string() aria-describedby="label-wrong"
                    on:input=move |event| { typed.set(event_target_value(&event)); wrong.set(None); }/>
            </label>
            <button data-test="find">{t("home-find")}</button>
        </form>
        <p id="label-wrong" class="wrong" role="alert">{move || wrong.get()}</p>
        {move || meters(app)}
    }
}

/// Reads a meter's number as it is typed; says what is wrong with it.
pub fn read_label(text: &str) -> Result<MeterId, String> {
    use coinless_protocol::LabelError;
    let text = text.trim().to_ascii_uppercase();
    MeterId::from_label(&text).map_err(|error| match error {
        LabelError::WrongCheckCharacter => t("label-slip"),
        LabelError::NoCheckCharacter => t("label-check-missing"),
        LabelError::Id(_) | LabelError::NotALabelUrl => t("label-shape"),
    })
}

/// What is paid and not loaded, and rounds that are under way.
fn waiting(app: App) -> impl IntoView {
    app.contents.with(|contents| {
        let mut meters: BTreeSet<MeterId> = BTreeSet::new();
        let mut orders = Vec::new();
        for order in contents.orders.iter().rev().filter(|order| order.is_open()).take(50) {
            let lines = LineReport::of_order(order, contents);
            let ready = lines.iter().filter(|line| line.outcome == Outcome::Ready).count();
            meters.extend(
                lines
                    .iter()
                    .filter(|line| line.outcome == Outcome::Ready)
                    .filter_map(|line| line.meter.parse::<MeterId>().ok()),
            );
            let open = lines
                .iter()
                .filter(|line| matches!(line.outcome, Outcome::Open | Outcome::Person | Outcome::Refunding))
                .count();
            if ready + open > 0 {
                orders.push((order.id, ready, open, lines.len()));
            }
        }
        // Tokens that another phone handed over have no order here.
        meters.extend(contents.carried().map(|token| token.key.meter));
        let load = (!meters.is_empty()).then(|| {
            let meters: Vec<MeterId> = meters.into_iter().collect();
            let words = tn("home-waiting", meters.len());
            view! {
                <div class="card important">
                    <p data-test="waiting">{words}</p>
                    {load_button(app, meters, t("load-now"))}
                </div>
            }
        });
        let orders = orders.into_iter().map(|(id, ready, open, lines)| {
            let words = match (ready, open) {
                (0, open) => tn("order-open", open),
                (ready, _) => tn("order-ready", ready),
            };
            let of = tn("lines", lines);
            view! {
                <li><button class="entry" data-test="order" on:click=move |_| app.go(Screen::Order(id))>
                    <span>{words}</span><small>{of}</small>
                </button></li>
            }
        });
        view! { {load}<ul class="entries">{orders.collect_view()}</ul> }
    })
}

/// The meters that are kept by name.
fn meters(app: App) -> impl IntoView {
    app.contents.with(|contents| {
        let own = contents.meters.iter().filter(|kept| kept.group.is_empty());
        let entries = own.filter_map(|kept| {
            let meter = kept.meter()?;
            let what = kept.info.as_ref().map(|info| info.commodity.clone()).unwrap_or_default();
            let (called, room, picture) = (kept.called().to_owned(), kept.room.clone(), kept.picture.clone());
            let place = if room.is_empty() {
                commodity(&what)
            } else {
                tt("in-room", &[("what", &commodity(&what)), ("room", &room)])
            };
            Some(view! {
                <li><button class="entry" data-test="kept" on:click=move |_| app.go(Screen::Meter(meter))>
                    {match picture {
                        Some(picture) => view! { <img src=picture alt="" class="thumb"/> }.into_any(),
                        None => icon(&what).into_any(),
                    }}
                    <span>{called}</span><small>{place}" "{label(&kept.label)}</small>
                </button></li>
            })
        });
        let entries: Vec<_> = entries.collect();
        (!entries.is_empty()).then(|| view! { <h2>{t("home-meters")}</h2><ul class="entries">{entries}</ul> })
    })
}
