//! Everything that was bought with this phone, newest first.

use super::parts::{commodity, verdict_words};
use crate::app::App;
use crate::browser::origin;
use crate::screen::Screen;
use crate::words::{money, t, tn};
use coinless_phone::OrderLink;
use coinless_phone::outcome::{LineReport, Summary};
use leptos::prelude::*;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    view! {
        <h1>{t("history-title")}</h1>
        {move || app.contents.with(|contents| {
            if contents.orders.is_empty() {
                return view! { <p>{t("history-none")}</p> }.into_any();
            }
            let entries = contents.orders.iter().rev().map(|order| {
                let lines = LineReport::of_order(order, contents);
                let summary = Summary::of(&lines);
                let words = verdict_words(&summary);
                let total = order.view.as_ref().map(|view| money(&view.total, &view.currency)).unwrap_or_default();
                let what = match lines.as_slice() {
                    [line] => commodity(line.commodity.as_deref().unwrap_or_default()),
                    lines => tn("lines", lines.len()),
                };
                let when = order.id.get_timestamp().map(|time| { let (seconds, _) = time.to_unix(); crate::browser::numbers::moment(crate::words::language(), seconds * 1000) }).unwrap_or_default();
                let id = order.id;
                view! {
                    <li><button class="entry" data-test="order" on:click=move |_| app.go(Screen::Order(id))>
                        <span>{what}" · "{total}</span><small>{when}" · "{t(words)}</small>
                    </button></li>
                }
            });
            view! { <ul class="entries">{entries.collect_view()}</ul> }.into_any()
        })}
        {lost(app)}
    }
}

/// What was bought on a phone that is lost, or that has forgotten it, comes back by its link.
fn lost(app: App) -> impl IntoView {
    let (typed, is_link) = (RwSignal::new(String::new()), RwSignal::new(true));
    let open = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match typed.get().parse::<OrderLink>() {
            Ok(link) if link.station == origin() => app.go(Screen::Order(link.order)),
            Ok(_) | Err(_) => is_link.set(false),
        }
    };
    view! {
        <details class="card" data-test="lost">
            <summary>{t("lost-title")}</summary>
            <p>{t("lost-how")}</p>
            <form on:submit=open>
                <label>{t("lost-link")}
                    <input name="link" data-test="lost-link" type="url" dir="ltr" autocomplete="off" placeholder=format!("{}/o/…", origin())
                        aria-invalid=move || (!is_link.get()).to_string() aria-describedby="lost-wrong"
                        on:input=move |event| { typed.set(event_target_value(&event)); is_link.set(true); }/>
                </label>
                <p id="lost-wrong" class="wrong" role="alert">{move || (!is_link.get()).then(|| t("lost-wrong"))}</p>
                <button data-test="lost-open">{t("order-fetch")}</button>
            </form>
            <button class="plain" on:click=move |_| app.go(Screen::Scan)>{t("lost-scan")}</button>
        </details>
    }
}
