//! Walking a round: the next meter, what is done, passed over and left. It needs no network.

use super::parts::{icon, label, qr};
use crate::act;
use crate::app::{App, Notice, Running};
use crate::browser::{files, origin};
use crate::screen::Screen;
use crate::words::{money, t, tn, tt};
use coinless_phone::records::{MAX_NOTE_CHARS, Part, Skip, SkipReason, StoredOrder, StoredWalk};
use coinless_phone::round::{self, Stop, StopState, Walk};
use coinless_phone::store::Contents;
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

/// The screen.
pub fn screen(app: App, id: Uuid, part: Option<Part>) -> impl IntoView {
    act::open_order(app, id);
    if let Some(part) = part {
        // Whoever opens a part's link walks this part, also the next time.
        let notes = notes_of(&app.contents.get_untracked(), id);
        if notes.part != Some(part) {
            act::note_walk(app, StoredWalk { part: Some(part), ..notes });
        }
    }
    let after = RwSignal::new(None::<MeterId>);
    view! {
        <h1>{t("walk-title")}</h1>
        {move || app.contents.with(|contents| match contents.order(id) {
            Some(order) => walk(app, order, contents, after).into_any(),
            None if app.running.with(Option::is_some) => ().into_any(),
            None => view! { <p>{t("order-unknown")}</p><button data-test="fetch" on:click=move |_| act::fetch_order(app, id)>{t("order-fetch")}</button> }.into_any(),
        })}
    }
}

fn notes_of(contents: &Contents, id: Uuid) -> StoredWalk {
    contents.walks.iter().find(|walk| walk.order == id).cloned().unwrap_or_else(|| StoredWalk::new(id))
}

fn walk(app: App, order: &StoredOrder, contents: &Contents, after: RwSignal<Option<MeterId>>) -> impl IntoView + use<> {
    let notes = notes_of(contents, order.id);
    let walk = Walk::of(order, contents, &notes);
    let (done, skipped, left) = walk.counts();
    let all = walk.stops.len();
    let currency = order.view.as_ref().map(|view| view.currency.clone()).unwrap_or_default();
    let next = after.with(|after| walk.next(after.as_ref())).cloned();
    let waiting = contents.receipts.iter().filter(|receipt| !receipt.acknowledged).count();
    let at_hand: Vec<MeterId> = walk
        .stops
        .iter()
        .filter(|stop| stop.state != StopState::Done && stop.line.on_phone)
        .filter_map(|stop| stop.line.meter.parse().ok())
        .collect();
    let stops = walk.stops.iter().map(|stop| entry(app, stop, &notes)).collect_view();
    view! {
        <p data-test="counts" data-done=done data-left=left data-skipped=skipped>
            {tn("walk-done", done)}" · "{tn("walk-left", left)}" · "{tn("walk-skipped", skipped)}
        </p>
        <progress max=all.to_string() value=done.to_string() aria-label=t("walk-progress")></progress>
        {(waiting > 0).then(|| view! { <p data-test="receipts-waiting"><small>{tn("walk-receipts", waiting)}</small></p> })}
        {match next {
            Some(stop) => next_stop(app, &stop, &notes, at_hand, &currency, after).into_any(),
            None => view! { <p class="card good" data-test="walk-over">{t("walk-over")}</p> }.into_any(),
        }}
        {move || app.visit.get().map(|visit| super::visit::came_to(&visit))}
        <details class="card" data-test="stops"><summary>{tn("walk-all", all)}</summary><ul class="entries">{stops}</ul></details>
        {split(order, notes.part)}
        {result(app, order.id)}
        <button class="plain" data-test="sync" disabled=move || app.running.with(Option::is_some) on:click=move |_| act::sync(app)>{t("sync")}</button>
    }
}

/// The next meter: where it is, and one press to load the meter at hand, whichever of the round it is.
fn next_stop(
    app: App,
    stop: &Stop,
    notes: &StoredWalk,
    mut at_hand: Vec<MeterId>,
    currency: &str,
    after: RwSignal<Option<MeterId>>,
) -> impl IntoView + use<> {
    let meter: Option<MeterId> = stop.line.meter.parse().ok();
    // The next one first: where a link is opened without a chooser, it is to this one.
    at_hand.sort_by_key(|one| Some(*one) != meter);
    let name = if stop.name.is_empty() { t("meter-title") } else { stop.name.clone() };
    let (room, text) = (stop.room.clone(), stop.line.label.clone());
    let amount = stop.line.amount.as_deref().map(|amount| money(amount, currency)).unwrap_or_default();
    let what = stop.line.commodity.clone().unwrap_or_default();
    let (reason, note) = (RwSignal::new(SkipReason::NobodyHome), RwSignal::new(String::new()));
    let (notes, line) = (notes.clone(), stop.line.line);
    let skip = move |_| {
        let mut notes = notes.clone();
        let note = note.get_untracked().trim().chars().take(MAX_NOTE_CHARS).collect();
        notes.skipped.insert(line, Skip { reason: reason.get_untracked(), note });
        after.set(meter);
        act::note_walk(app, notes);
    };
    let reasons = SkipReason::ALL.map(|one| {
        let words = t(&format!("skip-{}", one.name()));
        view! { <label class="choice"><input type="radio" name="reason" data-test=format!("skip-{}", one.name()) prop:checked=move || reason.get() == one on:change=move |_| reason.set(one)/>{words}</label> }
    });
    view! {
        <section class="card important" data-test="next-stop" data-meter=stop.line.meter.clone()>
            <h2>{icon(&what)}{name}" "<small>{room}</small></h2>
            <p>{label(&text)}" · "{amount}</p>
            <button class="main" data-test="load" disabled=move || app.running.with(Option::is_some) on:click=move |_| act::load(app, at_hand.clone())>{t("walk-load")}</button>
            <button data-test="scan" on:click=move |_| app.go(Screen::Scan)>{t("home-scan")}</button>
            <details data-test="skip"><summary>{t("walk-skip")}</summary>
                <fieldset><legend>{t("walk-skip-why")}</legend>{reasons.into_iter().collect_view()}</fieldset>
                <label>{t("walk-note")}<input name="note" maxlength="300" on:input=move |event| note.set(event_target_value(&event))/></label>
                <button data-test="skip-now" on:click=skip>{t("walk-skip-now")}</button>
            </details>
        </section>
    }
}

fn entry(app: App, stop: &Stop, notes: &StoredWalk) -> impl IntoView + use<> {
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
    let name = format!("{} {}", stop.name, stop.room);
    let text = stop.line.label.clone();
    let again = matches!(stop.state, StopState::Skipped(_)).then(|| {
        let (mut notes, line) = (notes.clone(), stop.line.line);
        notes.skipped.remove(&line);
        view! { <button class="plain" data-test="unskip" on:click=move |_| act::note_walk(app, notes.clone())>{t("walk-unskip")}</button> }
    });
    view! { <li data-test="stop" data-state=state><span aria-hidden="true">{sign}</span>" "<span>{name}" "{label(&text)}</span><small>{words}</small>{again}</li> }
}

/// Links for two phones, each of which walks a half; or one that takes the whole round over.
fn split(order: &StoredOrder, part: Option<Part>) -> impl IntoView + use<> {
    let link = |screen: Screen| format!("{}{}", origin(), screen.path());
    let id = order.id;
    let whole = link(Screen::Walk(id, None));
    let halves = [1, 2].map(|number| {
        let url = link(Screen::Walk(id, Part::new(number, 2)));
        let words = tt("walk-half", &[("number", &number.to_string())]);
        view! { <li><h3>{words.clone()}</h3>{qr(&url, words)}<p class="code" dir="ltr">{url}</p></li> }
    });
    let words = t("walk-whole");
    view! {
        <details class="card" data-test="split"><summary>{t("walk-split")}</summary>
            <p>{t("walk-split-how")}</p>
            {part.map(|part| view! { <p>{tt("walk-part", &[("part", &part.part.to_string()), ("of", &part.of.to_string())])}</p> })}
            <h3>{words.clone()}</h3>{qr(&whole, words)}<p class="code" dir="ltr">{whole.clone()}</p>
            <ul>{halves.into_iter().collect_view()}</ul>
        </details>
    }
}

fn result(app: App, id: Uuid) -> impl IntoView {
    let save = move |_| {
        app.run(Running::Asking, async move {
            let contents = app.contents.get_untracked();
            let order = contents.order(id).ok_or(coinless_phone::Error::NoSuchOrder(id))?;
            let written = round::result(order, &contents);
            match written.and_then(|bytes| files::download(&format!("round-{id}.csv"), "text/csv", &bytes)) {
                Ok(()) => app.notice.set(Some(Notice::good(t("walk-result-saved")))),
                Err(why) => app.notice.set(Some(Notice::trouble(t("walk-result-failed"), why))),
            }
            Ok(())
        });
    };
    view! { <button data-test="result" on:click=save>{t("walk-result")}</button> }
}
