//! The meter that is next, or another one at hand: what it gets, what the visit came to, and passing it over.

use super::{Walker, name};
use crate::screen::Screen;
use crate::view::parts::{icon, label};
use crate::view::{home, visit};
use crate::words::{money, quantity, t, tt};
use coinless_phone::courier::Delivered;
use coinless_phone::records::{MAX_NOTE_CHARS, Skip, SkipReason};
use coinless_phone::round::Stop;
use leptos::prelude::*;

/// The next meter: what it is called, where it is, and what it is to get.
pub(super) fn next_stop(walker: Walker, stop: &Stop) -> impl IntoView + use<> {
    let currency = walker.shown.with_untracked(|shown| shown.as_ref().map(|shown| shown.currency.clone()));
    let amount = stop.line.amount.as_deref().map(|amount| money(amount, currency.as_deref().unwrap_or_default()));
    let buys = stop.line.shown.as_deref().map(quantity).unwrap_or_default();
    let standing = t(&format!("standing-{}", stop.line.standing.name()));
    view! {
        <section class="card important" data-test="next-stop" data-meter=stop.line.meter.clone()>
            <h2>{icon(stop.line.commodity.as_deref().unwrap_or_default())}{name(stop)}" "<small>{stop.room.clone()}</small></h2>
            <p>{label(&stop.line.label)}</p>
            <p><b>{amount}</b>" · "{buys}</p>
            <p><small data-test="next-standing">{standing}</small></p>
        </section>
    }
}

/// What the last visit came to, and which meter it was.
pub(super) fn visited(walker: Walker, visit: &Delivered) -> impl IntoView + use<> {
    let meter = visit.identity.meter;
    let other = walker.expected.get_untracked().filter(|expected| *expected != meter);
    let name = Some(walker.name_of(&meter)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| meter.label().to_string());
    let other = other.map(|expected| {
        let words = tt("walk-other", &[("is", &name), ("wanted", &walker.name_of(&expected))]);
        view! { <p class="wrong" data-test="other-meter">{words}</p> }
    });
    view! { <h2>{name.clone()}</h2>{other}{visit::came_to(visit)} }
}

/// Why the next meter is passed over.
pub(super) fn skipping(walker: Walker) -> impl IntoView {
    let (reason, note) = (RwSignal::new(SkipReason::NobodyHome), RwSignal::new(String::new()));
    let skip = move |_| {
        let Some(stop) = walker.next.get_untracked() else { return };
        let note = note.get_untracked().trim().chars().take(MAX_NOTE_CHARS).collect();
        walker.note(|notes| drop(notes.skipped.insert(stop.line.line, Skip { reason: reason.get_untracked(), note })));
        walker.after.set(stop.line.meter.parse().ok());
        walker.chosen.set(None);
        walker.is_skipping.set(false);
    };
    let reasons = SkipReason::ALL.map(|one| {
        let words = t(&format!("skip-{}", one.name()));
        view! { <label class="choice"><input type="radio" name="reason" data-test=format!("skip-{}", one.name()) prop:checked=move || reason.get() == one on:change=move |_| reason.set(one)/>{words}</label> }
    });
    view! {
        <section class="card" data-test="skipping">
            <fieldset><legend>{t("walk-skip-why")}</legend>{reasons.into_iter().collect_view()}</fieldset>
            <label>{t("walk-note")}<input name="note" data-test="note" maxlength="300" on:input=move |event| note.set(event_target_value(&event))/></label>
            <button data-test="skip-now" on:click=skip>{t("walk-skip-now")}</button>
        </section>
    }
}

/// Another meter of the round, by the number on its label.
pub(super) fn by_number(walker: Walker) -> impl IntoView {
    let Walker { app, .. } = walker;
    let (typed, wrong) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let load = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match home::read_label(&typed.get_untracked()) {
            Ok(meter) => walker.take(meter, true),
            Err(why) => wrong.set(Some(why)),
        }
    };
    view! {
        <details class="card" data-test="number"><summary>{t("walk-number")}</summary>
            <form class="row" on:submit=load>
                <label class="grow">{t("home-type")}
                    <input name="label" data-test="label" dir="ltr" autocapitalize="characters" autocomplete="off" spellcheck="false"
                        aria-invalid=move || wrong.with(Option::is_some).to_string() aria-describedby="label-wrong"
                        on:input=move |event| { typed.set(event_target_value(&event)); wrong.set(None); }/>
                </label>
                <button data-test="load-number" disabled=move || app.is_busy()>{t("walk-load-number")}</button>
            </form>
            <p id="label-wrong" class="wrong" role="alert">{move || wrong.get()}</p>
        </details>
    }
}

pub(super) fn scan(walker: Walker) {
    let Walker { app, .. } = walker;
    app.scan_for.set(Some(app.screen.get_untracked()));
    app.go(Screen::Scan);
}
