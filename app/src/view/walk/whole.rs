//! The whole round: each of its meters, its parts for other phones, and its result.

use super::{Walker, name};
use crate::app::{App, Notice};
use crate::browser::{files, origin};
use crate::screen::Screen;
use crate::view::parts::{label, qr};
use crate::words::{t, tt};
use coinless_phone::records::Part;
use coinless_phone::round::{self, Stop, StopState};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

pub(super) fn stops(walker: Walker) -> impl IntoView {
    let entries = move || {
        let stops = walker.shown.with(|shown| shown.as_ref().map(|shown| shown.walk.stops.clone())).unwrap_or_default();
        stops.iter().map(|stop| entry(walker, stop)).collect_view()
    };
    view! { <ul class="entries">{entries}</ul> }
}

fn entry(walker: Walker, stop: &Stop) -> impl IntoView + use<> {
    let (state, sign) = match &stop.state {
        StopState::Done => ("done", "✓"),
        StopState::Nothing => ("nothing", "–"),
        StopState::Skipped(_) => ("skipped", "↷"),
        StopState::Left => ("left", "○"),
    };
    let words = match &stop.state {
        StopState::Skipped(skip) => format!("{} {}", t(&format!("skip-{}", skip.reason.name())), skip.note),
        StopState::Nothing => t(&format!("standing-{}", stop.line.standing.name())),
        _ => t(&format!("stop-{state}")),
    };
    let line = stop.line.line;
    let meter = stop.line.meter.parse::<MeterId>().ok();
    let again = matches!(stop.state, StopState::Skipped(_)).then(|| {
        let back = move |_| walker.note(|notes| drop(notes.skipped.remove(&line)));
        view! { <button class="plain" data-test="unskip" on:click=back>{t("walk-unskip")}</button> }
    });
    let choose = meter.filter(|_| stop.state == StopState::Left).map(|meter| {
        let choose = move |_| {
            walker.take(meter, false);
            crate::browser::window().scroll_to_with_x_and_y(0.0, 0.0);
        };
        view! { <button class="plain" data-test="choose" on:click=choose>{t("walk-choose")}</button> }
    });
    view! {
        <li class="stop" data-test="stop" data-state=state>
            <span aria-hidden="true">{sign}</span>
            <span class="grow"><b>{name(stop)}</b>" "{stop.room.clone()}<small>{label(&stop.line.label)}" · "{words}</small></span>
            {again}{choose}
        </li>
    }
}

/// Links for two phones, each of which walks a half; or one that takes the whole round over.
pub(super) fn split(walker: Walker) -> impl IntoView {
    let link = |screen: Screen| format!("{}{}", origin(), screen.path());
    let id = walker.order;
    let whole = link(Screen::Walk(id, None));
    let halves = [1, 2].map(|number| {
        let url = link(Screen::Walk(id, Part::new(number, 2)));
        let words = tt("walk-half", &[("number", &number.to_string())]);
        view! { <li data-test="half"><h3>{words.clone()}</h3>{qr(&url, words)}<p class="code" dir="ltr">{url}</p></li> }
    });
    let part = move || walker.shown.with(|shown| shown.as_ref().and_then(|shown| shown.notes.part));
    let words = t("walk-whole");
    let take_all = move |_| walker.note(|notes| notes.part = None);
    view! {
        <p>{t("walk-split-how")}</p>
        {move || part().map(|part| view! {
            <p data-test="part">{tt("walk-part", &[("part", &part.part.to_string()), ("of", &part.of.to_string())])}</p>
            <button data-test="take-all" on:click=take_all>{t("walk-take-all")}</button>
        })}
        <h3>{words.clone()}</h3>{qr(&whole, words)}<p class="code" dir="ltr">{whole.clone()}</p>
        <ul>{halves.into_iter().collect_view()}</ul>
    }
}

pub(super) fn result(app: App, id: Uuid) -> impl IntoView {
    let save = move |_| {
        let contents = app.contents.get_untracked();
        let Some(order) = contents.order(id) else { return };
        let written = round::result(order, &contents);
        app.notice.set(Some(
            match written.and_then(|bytes| files::download(&format!("round-{id}.csv"), "text/csv", &bytes)) {
                Ok(()) => Notice::good(t("walk-result-saved")),
                Err(why) => Notice::trouble(t("walk-result-failed"), why),
            },
        ));
    };
    view! { <button data-test="result" on:click=save>{t("walk-result")}</button> }
}
