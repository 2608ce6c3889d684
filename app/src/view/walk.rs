//! Walking a round: the next meter, what is done, passed over and left. It needs no network.

use super::parts::{folded, icon, label, qr};
use crate::act;
use crate::app::{App, Notice};
use crate::browser::{files, origin};
use crate::screen::Screen;
use crate::words::{money, quantity, t, tn, tt};
use coinless_phone::courier::Delivered;
use coinless_phone::records::{MAX_NOTE_CHARS, Part, Skip, SkipReason, StoredOrder, StoredWalk};
use coinless_phone::round::{self, Stop, StopState, Walk};
use coinless_phone::store::Contents;
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

/// What the screen shows of the phone's contents: only where this changes, the screen does.
#[derive(Clone, PartialEq, Eq)]
struct Shown {
    walk: Walk,
    notes: StoredWalk,
    currency: String,
    /// It is known of each line whether it can be walked to.
    is_settled: bool,
    /// Receipts that no station has yet.
    waiting: usize,
}

/// Where the walker is.
#[derive(Clone, Copy)]
struct Walker {
    app: App,
    order: Uuid,
    shown: Memo<Option<Shown>>,
    /// The meter that was visited or passed over last.
    after: RwSignal<Option<MeterId>>,
    /// The meter that the walker chose to be next.
    chosen: RwSignal<Option<MeterId>>,
    /// The meter that was next when the last link was opened.
    expected: RwSignal<Option<MeterId>>,
    next: Memo<Option<Stop>>,
    is_skipping: RwSignal<bool>,
}

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
    let shown =
        Memo::new(move |_| app.contents.with(|contents| contents.order(id).map(|order| Shown::of(order, contents))));
    let is_here = Memo::new(move |_| shown.with(Option::is_some));
    view! {
        <h1>{t("walk-title")}</h1>
        {move || match () {
            () if is_here.get() => walk(Walker::new(app, id, shown)).into_any(),
            () if app.running.with(Option::is_some) => ().into_any(),
            () => view! { <p>{t("order-unknown")}</p><button data-test="fetch" on:click=move |_| act::fetch_order(app, id)>{t("order-fetch")}</button> }.into_any(),
        }}
    }
}

fn notes_of(contents: &Contents, id: Uuid) -> StoredWalk {
    contents.walks.iter().find(|walk| walk.order == id).cloned().unwrap_or_else(|| StoredWalk::new(id))
}

impl Shown {
    fn of(order: &StoredOrder, contents: &Contents) -> Self {
        let notes = notes_of(contents, order.id);
        Self {
            walk: Walk::of(order, contents, &notes),
            notes,
            currency: order.view.as_ref().map(|view| view.currency.clone()).unwrap_or_default(),
            is_settled: order.is_settled(),
            waiting: contents.receipts.iter().filter(|receipt| !receipt.acknowledged).count(),
        }
    }
}

impl Walker {
    fn new(app: App, order: Uuid, shown: Memo<Option<Shown>>) -> Self {
        let (after, chosen) = (RwSignal::new(None::<MeterId>), RwSignal::new(None::<MeterId>));
        let next = Memo::new(move |_| {
            shown.with(|shown| {
                let walk = &shown.as_ref()?.walk;
                chosen.get().and_then(|meter| walk.stop_of(&meter)).or_else(|| walk.next(after.get().as_ref())).cloned()
            })
        });
        let walker = Self {
            app,
            order,
            shown,
            after,
            chosen,
            expected: RwSignal::new(None),
            next,
            is_skipping: RwSignal::new(false),
        };
        Effect::new(move |_| {
            if let Some(visit) = app.visit.get() {
                walker.visited(&visit);
            }
        });
        if let Some(meter) = app.at_hand.get_untracked() {
            app.at_hand.set(None);
            walker.take(meter, act::opens_without_press(app, &meter));
        }
        walker
    }

    /// Goes on behind a meter that has what it was to get, and stays at one that has not.
    fn visited(self, visit: &Delivered) {
        let meter = visit.identity.meter;
        let stop = self.shown.with_untracked(|shown| shown.as_ref()?.walk.stop_of(&meter).cloned());
        let is_done = stop.as_ref().is_some_and(|stop| stop.state == StopState::Done);
        self.chosen.set(stop.filter(|_| !is_done).map(|_| meter));
        if is_done {
            self.after.set(Some(meter));
        }
    }

    /// Takes this meter next, by its label; and loads it if that is to be done at once.
    fn take(self, meter: MeterId, load: bool) {
        let is_here =
            self.shown.with_untracked(|shown| shown.as_ref().is_some_and(|s| s.walk.stop_of(&meter).is_some()));
        if !is_here {
            let label = meter.label().to_string();
            return self.app.notice.set(Some(Notice::trouble(tt("walk-not-here", &[("label", &label)]), "")));
        }
        self.chosen.set(Some(meter));
        if load {
            self.expected.set(Some(meter));
            act::load(self.app, vec![meter]);
        }
    }

    /// Loads the meter at hand, whichever of the round it is.
    fn load(self) {
        let next = self.next.with_untracked(|next| next.as_ref()?.line.meter.parse().ok());
        let mut meters: Vec<MeterId> = self.shown.with_untracked(|shown| {
            let stops = shown.iter().flat_map(|shown| &shown.walk.stops);
            let open = stops.filter(|stop| stop.state != StopState::Done && stop.line.on_phone);
            open.filter_map(|stop| stop.line.meter.parse().ok()).collect()
        });
        // The next one first: where a link is opened without a chooser, it is to this one.
        meters.sort_by_key(|meter| Some(*meter) != next);
        self.expected.set(next);
        act::load(self.app, meters);
    }

    fn note(self, change: impl FnOnce(&mut StoredWalk)) {
        if let Some(mut notes) = self.shown.with_untracked(|shown| shown.as_ref().map(|shown| shown.notes.clone())) {
            change(&mut notes);
            act::note_walk(self.app, notes);
        }
    }

    fn name_of(self, meter: &MeterId) -> String {
        let stop = self.shown.with_untracked(|shown| shown.as_ref()?.walk.stop_of(meter).cloned());
        stop.map(|stop| name(&stop)).unwrap_or_default()
    }
}

/// What a stop is called; its label if it has no name.
fn name(stop: &Stop) -> String {
    if stop.name.is_empty() { stop.line.label.clone() } else { stop.name.clone() }
}

fn walk(walker: Walker) -> impl IntoView {
    let Walker { app, shown, next, is_skipping, .. } = walker;
    let counts = Memo::new(move |_| {
        shown.with(|shown| {
            let walk = shown.as_ref().map(|shown| &shown.walk);
            walk.map_or(((0, 0, 0), 0), |walk| (walk.counts(), walk.stops.len()))
        })
    });
    let waiting = Memo::new(move |_| shown.with(|shown| shown.as_ref().map_or(0, |shown| shown.waiting)));
    let is_settled = Memo::new(move |_| shown.with(|shown| shown.as_ref().is_some_and(|shown| shown.is_settled)));
    let is_over = Memo::new(move |_| next.with(Option::is_none));
    view! {
        {move || {
            let ((done, skipped, left), all) = counts.get();
            view! {
                <ul class="counts" data-test="counts" data-done=done data-left=left data-skipped=skipped>
                    <li>{tn("walk-done", done)}</li><li>{tn("walk-skipped", skipped)}</li><li>{tn("walk-left", left)}</li>
                </ul>
                <progress max=all.to_string() value=done.to_string() aria-label=t("walk-progress")></progress>
            }
        }}
        {move || (waiting.get() > 0).then(|| view! { <p data-test="receipts-waiting"><small>{tn("walk-receipts", waiting.get())}</small></p> })}
        {move || app.visit.get().map(|visit| visited(walker, &visit))}
        {move || match next.get() {
            Some(stop) => next_stop(walker, &stop).into_any(),
            None if is_settled.get() => view! { <p class="card good" data-test="walk-over">{t("walk-over")}</p> }.into_any(),
            None => view! { <p class="card" data-test="walk-unknown">{t("verdict-unknown")}</p><button on:click=move |_| app.go(Screen::Order(walker.order))>{t("order-title")}</button> }.into_any(),
        }}
        <Show when=move || !is_over.get()>
            <Show when=move || is_skipping.get()>{skipping(walker)}</Show>
            <div class="actions">
                <button class="main" data-test="load" disabled=move || app.running.with(Option::is_some) on:click=move |_| walker.load()>{t("walk-load")}</button>
                <div class="row">
                    <button class="grow" data-test="scan" on:click=move |_| scan(walker)>{icon("scan")}{t("home-scan")}</button>
                    <button class="grow" data-test="skip" aria-expanded=move || is_skipping.get().to_string() on:click=move |_| is_skipping.update(|is| *is = !*is)>{t("walk-skip")}</button>
                </div>
            </div>
            {by_number(walker)}
        </Show>
        {folded("stops", move || tn("walk-all", counts.get().1), move || stops(walker).into_any())}
        {folded("split", || t("walk-split"), move || split(walker).into_any())}
        {result(app, walker.order)}
        <button class="plain" data-test="sync" disabled=move || app.running.with(Option::is_some) on:click=move |_| act::sync(app)>{t("sync")}</button>
    }
}

fn scan(walker: Walker) {
    let Walker { app, .. } = walker;
    app.scan_for.set(Some(app.screen.get_untracked()));
    app.go(Screen::Scan);
}

/// The next meter: what it is called, where it is, and what it is to get.
fn next_stop(walker: Walker, stop: &Stop) -> impl IntoView + use<> {
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
fn visited(walker: Walker, visit: &Delivered) -> impl IntoView + use<> {
    let meter = visit.identity.meter;
    let other = walker.expected.get_untracked().filter(|expected| *expected != meter);
    let name = Some(walker.name_of(&meter)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| meter.label().to_string());
    let other = other.map(|expected| {
        let words = tt("walk-other", &[("is", &name), ("wanted", &walker.name_of(&expected))]);
        view! { <p class="wrong" data-test="other-meter">{words}</p> }
    });
    view! { <h2>{name.clone()}</h2>{other}{super::visit::came_to(visit)} }
}

/// Why the next meter is passed over.
fn skipping(walker: Walker) -> impl IntoView {
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
fn by_number(walker: Walker) -> impl IntoView {
    let Walker { app, .. } = walker;
    let (typed, wrong) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let load = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match super::home::read_label(&typed.get_untracked()) {
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
                <button data-test="load-number" disabled=move || app.running.with(Option::is_some)>{t("walk-load-number")}</button>
            </form>
            <p id="label-wrong" class="wrong" role="alert">{move || wrong.get()}</p>
        </details>
    }
}

fn stops(walker: Walker) -> impl IntoView {
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
fn split(walker: Walker) -> impl IntoView {
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

fn result(app: App, id: Uuid) -> impl IntoView {
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
