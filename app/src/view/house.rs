//! The manager's house: its meters from a file, what each is to get, and a preview before one payment.

use super::parts::label;
use super::planned;
use crate::app::{App, Notice, store};
use crate::browser::{files, origin};
use crate::screen::Screen;
use crate::words::{t, tn, tt};
use coinless_phone::records::record::{Record, meter_name};
use coinless_phone::records::{KeptMeter, MAX_KEPT_METERS, StoredWalk};
use coinless_phone::round::{self, BadLine, RoundError, Unusable, Walk, Wrong};
use coinless_protocol::LabelError;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// A larger file is no list of meters.
const MAX_FILE_BYTES: usize = 1024 * 1024;
/// More mistakes of a file are not shown at once.
const MAX_SHOWN: usize = 20;
/// More rounds are not shown; the history has all purchases.
const MAX_ROUNDS: usize = 10;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let groups = Memo::new(move |_| {
        app.contents.with(|contents| {
            let groups: BTreeSet<String> =
                contents.meters.iter().map(|kept| kept.group.clone()).filter(|group| !group.is_empty()).collect();
            groups
        })
    });
    let chosen = RwSignal::new(groups.get_untracked().into_iter().next());
    let wrong = RwSignal::new(Vec::<String>::new());
    let import = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let Some(file) = files::chosen(&input) else { return };
        let name = file.name();
        wrong.set(Vec::new());
        app.notice.set(None);
        // It needs nothing but the phone, so it waits for nothing that is under way.
        spawn_local(async move {
            let bytes = files::bytes(&file, MAX_FILE_BYTES).await;
            // The same file, once it is mended, is another choice.
            input.set_value("");
            let read = match bytes {
                Ok(bytes) => round::import(&bytes).map_err(|error| mistakes(&error)),
                Err(why) => Err(vec![why]),
            };
            match read {
                Ok(meters) => {
                    let group = name.trim_end_matches(".csv").trim_end_matches(".CSV").to_owned();
                    match take_in(app, group, meters).await {
                        Ok(group) => chosen.set(Some(group)),
                        Err(error) => app.notice.set(Some((&error).into())),
                    }
                }
                Err(mistakes) => {
                    app.notice.set(Some(Notice::trouble(t("house-file-wrong"), "")));
                    wrong.set(mistakes);
                }
            }
        });
    };
    let choose = move |event: leptos::ev::Event| chosen.set(Some(event_target_value(&event)));
    view! {
        <h1>{t("house-title")}</h1>
        <p>{t("house-why")}</p>
        {rounds(app)}
        <label class="button">{t("house-import")}<input type="file" accept=".csv,text/csv" data-test="import" disabled=move || app.is_busy() on:change=import/></label>
        {move || (!wrong.read().is_empty()).then(|| {
            let more = wrong.read().len().saturating_sub(MAX_SHOWN);
            let lines = wrong.read().iter().take(MAX_SHOWN).map(|words| view! { <li>{words.clone()}</li> }).collect_view();
            view! { <ul class="wrong" data-test="mistakes">{lines}{(more > 0).then(|| view! { <li>{tn("house-more-wrong", more)}</li> })}</ul> }
        })}
        <details><summary>{t("house-file")}</summary><p>{t("house-file-how")}</p><pre dir="ltr">"meter,flat,room,persons,amount\nCLS0000000017-Z,1,cellar,3,20.00"</pre></details>
        {move || {
            let groups = groups.get();
            (groups.len() > 1).then(|| view! {
                <label>{t("house-which")}<select data-test="group" on:change=choose>
                    {groups.into_iter().map(|group| { let is = chosen.get().as_ref() == Some(&group); view! { <option value=group.clone() selected=is>{group.clone()}</option> } }).collect_view()}
                </select></label>
            })
        }}
        {move || chosen.get().map(|group| planned::plan(app, group))}
    }
}

/// A round that is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Open {
    order: Uuid,
    /// It is paid, and can be walked.
    is_settled: bool,
    lines: usize,
    done: usize,
    skipped: usize,
    left: usize,
}

/// Rounds that are under way, newest first: the way back to the walk, or to the payment.
fn rounds(app: App) -> impl IntoView {
    let open = Memo::new(move |_| {
        app.contents.with(|contents| {
            let notes = |id| contents.walks.iter().find(|walk| walk.order == id);
            let rounds =
                contents.orders.iter().rev().filter(|order| order.round.is_some() || notes(order.id).is_some());
            let open = rounds.filter(|order| order.is_open()).map(|order| {
                let notes = notes(order.id).cloned().unwrap_or_else(|| StoredWalk::new(order.id));
                let walk = Walk::of(order, contents, &notes);
                let (done, skipped, left) = walk.counts();
                Open { order: order.id, is_settled: order.is_settled(), lines: walk.stops.len(), done, skipped, left }
            });
            let open = open.filter(|round| !round.is_settled || round.skipped + round.left > 0);
            open.take(MAX_ROUNDS).collect::<Vec<_>>()
        })
    });
    let entry = move |round: Open| {
        let Open { order, is_settled, lines, done, skipped, left } = round;
        let (screen, words, figures) = if is_settled {
            let figures = [tn("walk-done", done), tn("walk-skipped", skipped), tn("walk-left", left)];
            (Screen::Walk(order, None), t("walk-go-on"), figures.join(" · "))
        } else {
            (Screen::Order(order), tn("order-open", lines), String::new())
        };
        view! {
            <li><button class="entry" data-test="round" data-left=left on:click=move |_| app.go(screen.clone())>
                <span>{words}</span><small>{figures}</small>
            </button></li>
        }
    };
    move || {
        let rounds = open.get();
        (!rounds.is_empty()).then(|| view! { <ul class="entries">{rounds.into_iter().map(entry).collect_view()}</ul> })
    }
}

/// Keeps the meters of a file as a house, and what they are to get. Names that are known stay; meters that the house had and the
/// file has not are taken off. All of this happens, or nothing.
async fn take_in(app: App, group: String, meters: Vec<round::Imported>) -> Result<String, coinless_phone::Error> {
    let known = app.contents.get_untracked();
    let group = if group.trim().is_empty() { t("house-title") } else { group };
    let old = |label: &str| known.meters.iter().find(|kept| kept.label == label).cloned();
    let meters = meters.into_iter().map(|one| {
        let kept = old(&one.meter.label().to_string()).unwrap_or_else(|| KeptMeter::new(&one.meter, &origin()));
        let or = |new: String, old: String| if new.is_empty() { old } else { new };
        let meter = KeptMeter {
            name: or(one.name, kept.name.clone()),
            room: or(one.room, kept.room.clone()),
            group: group.clone(),
            shares: one.shares,
            usual: one.asked.map(|asked| asked.to_string()),
            ..kept
        };
        meter.within_limits()
    });
    let meters: Vec<KeptMeter> = meters.collect();
    let group = meters.first().map_or(group, |meter| meter.group.clone());
    let labels: HashSet<&str> = meters.iter().map(|meter| meter.label.as_str()).collect();
    let gone = known.meters.iter().filter(|kept| kept.group == group && !labels.contains(kept.label.as_str()));
    let gone: Vec<String> = gone.map(|kept| meter_name(&kept.label)).collect();
    let others =
        known.meters.iter().filter(|kept| kept.group != group && !labels.contains(kept.label.as_str())).count();
    if others + meters.len() > MAX_KEPT_METERS {
        let words = tt("house-too-many", &[("most", &MAX_KEPT_METERS.to_string())]);
        app.notice.set(Some(Notice::trouble(words, "")));
        return Ok(group);
    }
    let words = tn("house-taken", meters.len());
    let meters: Vec<_> = meters.into_iter().map(|meter| Record::Meter(Box::new(meter))).collect();
    store().exchange(&meters, &gone).await?;
    let gone = (!gone.is_empty()).then(|| tn("house-gone", gone.len()));
    app.notice.set(Some(Notice::good([Some(words), gone].into_iter().flatten().collect::<Vec<_>>().join(" "))));
    Ok(group)
}

/// What is wrong with a file, line by line.
fn mistakes(error: &RoundError) -> Vec<String> {
    match error {
        RoundError::Lines(lines) => lines.iter().map(mistake).collect(),
        RoundError::TooMany(lines) => vec![tn("file-too-many", *lines)],
        RoundError::Unusable(Unusable::Empty | Unusable::NoLines) => vec![t("file-empty")],
        RoundError::Unusable(Unusable::NoColumn { name, found }) => {
            vec![tt("file-no-column", &[("name", name), ("found", found)])]
        }
        RoundError::Unusable(_) => vec![tt("file-header", &[("why", &error.to_string())])],
    }
}

fn mistake(bad: &BadLine) -> String {
    let words = match &bad.why {
        Wrong::NoMeter => t("line-no-meter"),
        Wrong::Label { text, why } => {
            let words = match why {
                LabelError::WrongCheckCharacter => "label-slip",
                LabelError::NoCheckCharacter => "label-check-missing",
                LabelError::Id(_) | LabelError::NotALabelUrl => "label-shape",
            };
            format!("{text}: {}", t(words))
        }
        Wrong::NoAmount => t("amount-wrong-either"),
        Wrong::Amount { text, .. } => format!("{text}: {}", t("amount-wrong-either")),
        Wrong::Shares(text) => tt("line-shares", &[("text", text)]),
        Wrong::Twice { label, first } => tt("line-twice", &[("label", label), ("first", &first.to_string())]),
        Wrong::OpenQuotation => t("line-quotation"),
        Wrong::NotUtf8 => t("line-letters"),
        Wrong::TooManyCells { .. } => t("line-cells"),
    };
    tt("line-wrong", &[("line", &bad.line.to_string()), ("why", &words)])
}

/// A meter's name, place and label, as the rows of lists have it.
pub(super) fn who(kept: &KeptMeter) -> impl IntoView + use<> {
    view! { {kept.called().to_owned()}<small>{kept.room.clone()}" "{label(&kept.label)}</small> }
}
