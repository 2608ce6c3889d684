//! Walking a round: the next meter, what is done, passed over and left. It needs no network.

mod at_hand;
mod whole;

use super::parts::{ask_again, folded, icon, not_here};
use crate::act;
use crate::app::{App, Notice};
use crate::screen::Screen;
use crate::words::{t, tn, tt};
use at_hand::{by_number, next_stop, scan, skipping, visited};
use coinless_phone::courier::Delivered;
use coinless_phone::records::{Part, StoredOrder, StoredWalk};
use coinless_phone::round::{Stop, StopState, Walk};
use coinless_phone::store::Contents;
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;
use whole::{result, split, stops};

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
    act::order::open_order(app, id);
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
        {move || if is_here.get() { walk(Walker::new(app, id, shown)).into_any() } else { not_here(app, id) }}
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
            walker.take(meter, act::reach::opens_without_press(app, &meter));
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
            act::visit::load(self.app, vec![meter]);
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
        act::visit::load(self.app, meters);
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
                <button class="main" data-test="load" disabled=move || app.is_busy() on:click=move |_| walker.load()>{t("walk-load")}</button>
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
        {ask_again(app)}
    }
}
