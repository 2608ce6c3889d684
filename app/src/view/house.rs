//! The manager's house: its meters from a file, what each is to get, and a preview before one payment.

use super::parts::label;
use crate::act;
use crate::app::{App, Notice, Running, store};
use crate::browser::{files, origin};
use crate::words::{t, tn, tt};
use coinless_phone::records::{KeptMeter, MAX_KEPT_METERS};
use coinless_phone::round::{self, Plan, Planned, Round};
use coinless_phone::store::Store;
use coinless_phone::{Asked, Sum};
use leptos::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// A larger file is no list of meters.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// How sums are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Same,
    Share,
    Target,
    Each,
}

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let groups = move || {
        app.contents.with(|contents| {
            let groups: BTreeSet<String> =
                contents.meters.iter().map(|kept| kept.group.clone()).filter(|group| !group.is_empty()).collect();
            groups
        })
    };
    let chosen = RwSignal::new(groups().into_iter().next());
    let import = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let Some(file) = files::chosen(&input) else { return };
        let name = file.name();
        app.run(Running::Asking, async move {
            let bytes = files::bytes(&file, MAX_FILE_BYTES).await;
            let read = bytes.and_then(|bytes| round::import(&bytes).map_err(|error| error.to_string()));
            match read {
                Ok(meters) => {
                    let group = name.trim_end_matches(".csv").trim_end_matches(".CSV").to_owned();
                    let group = take_in(app, group, meters).await?;
                    chosen.set(Some(group));
                }
                Err(why) => app.notice.set(Some(Notice::trouble(t("house-file-wrong"), why))),
            }
            Ok(())
        });
    };
    view! {
        <h1>{t("house-title")}</h1>
        <p>{t("house-why")}</p>
        <label class="button">{t("house-import")}<input type="file" accept=".csv,text/csv" data-test="import" on:change=import/></label>
        <details><summary>{t("house-file")}</summary><p>{t("house-file-how")}</p><pre dir="ltr">"meter,flat,room,persons,amount\nCLS0000000017-Z,1,cellar,3,20.00"</pre></details>
        {move || {
            let groups = groups();
            (groups.len() > 1).then(|| view! {
                <label>{t("house-which")}<select data-test="group" on:change=move |event| chosen.set(Some(event_target_value(&event)))>
                    {groups.into_iter().map(|group| { let is = chosen.get_untracked().as_ref() == Some(&group); view! { <option value=group.clone() selected=is>{group.clone()}</option> } }).collect_view()}
                </select></label>
            })
        }}
        {move || chosen.get().map(|group| plan(app, group))}
    }
}

/// Keeps the meters of a file as a house, and what they are to get. Names that are known stay.
async fn take_in(app: App, group: String, meters: Vec<round::Imported>) -> Result<String, coinless_phone::Error> {
    let known = app.contents.get_untracked();
    if known.meters.len() + meters.len() > MAX_KEPT_METERS {
        let words = tt("house-too-many", &[("most", &MAX_KEPT_METERS.to_string())]);
        return Err(coinless_phone::Error::BadPurchase(words));
    }
    let group = if group.trim().is_empty() { t("house-title") } else { group };
    let mut memory = store();
    for one in meters {
        let label = one.meter.label().to_string();
        let kept = known.meters.iter().find(|kept| kept.label == label).cloned();
        let kept = kept.unwrap_or_else(|| KeptMeter::new(&one.meter, &origin()));
        let or = |new: String, old: String| if new.is_empty() { old } else { new };
        let meter = KeptMeter {
            name: or(one.name, kept.name.clone()),
            room: or(one.room, kept.room.clone()),
            group: group.clone(),
            shares: one.shares,
            usual: one.asked.map(|asked| asked.to_string()).or(kept.usual.clone()),
            ..kept
        };
        memory.save_meter(&meter.within_limits()).await?;
    }
    Ok(group)
}

fn plan(app: App, group: String) -> impl IntoView {
    let meters: Vec<KeptMeter> = app
        .contents
        .with_untracked(|contents| contents.meters.iter().filter(|kept| kept.group == group).cloned().collect());
    let usual =
        meters.iter().filter_map(|kept| Some((kept.label.clone(), kept.usual.clone()?))).collect::<HashMap<_, _>>();
    let way = RwSignal::new(if usual.is_empty() { Way::Same } else { Way::Each });
    let (one, each) = (RwSignal::new(String::new()), RwSignal::new(usual));
    let meters = StoredValue::new(meters);
    let planned = Memo::new(move |_| planned(&meters.read_value(), way.get(), &one.get(), &each.read()));
    let choice = move |this: Way, words: &'static str, test: &'static str| {
        view! { <label class="choice"><input type="radio" name="way" data-test=test prop:checked=move || way.get() == this on:change=move |_| way.set(this)/>{t(words)}</label> }
    };
    let paste = move |event: leptos::ev::Event| {
        let (sums, wrong) = round::pasted(&event_target_value(&event), &meters.read_value());
        each.update(|each| each.extend(sums));
        let numbers = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        app.notice
            .set((!wrong.is_empty()).then(|| Notice::trouble(tt("house-paste-wrong", &[("lines", &numbers)]), "")));
    };
    let go_on = move |_| {
        let Ok(planned) = planned.get() else { return };
        match round::lines(&planned) {
            Ok(lines) => act::quote(app, lines, Some(file_of(&meters.read_value(), &planned))),
            Err((label, why)) => {
                app.notice.set(Some(Notice::trouble(tt("house-line-wrong", &[("label", &label)]), why.to_string())))
            }
        }
    };
    view! {
        <fieldset class="card">
            <legend>{t("house-sums")}</legend>
            {choice(Way::Same, "house-same", "way-same")}
            {choice(Way::Share, "house-share", "way-share")}
            {choice(Way::Target, "house-target", "way-target")}
            {choice(Way::Each, "house-each", "way-each")}
            <Show when=move || way.get() != Way::Each>
                <label>{t("amount")}<input name="one" dir="ltr" autocomplete="off" placeholder="20.00 / 5m3" prop:value=move || one.get() on:input=move |event| one.set(event_target_value(&event))/></label>
            </Show>
            <Show when=move || way.get() == Way::Each>
                <label>{t("house-paste")}<textarea name="paste" rows="3" dir="ltr" on:change=paste></textarea></label>
            </Show>
        </fieldset>
        {move || match planned.get() {
            Err(()) => view! { <p class="wrong" role="alert">{t("amount-wrong-either")}</p> }.into_any(),
            Ok(planned) => preview(&meters.read_value(), &planned, way.get() == Way::Each, each).into_any(),
        }}
        <button class="main" data-test="quote" disabled=move || app.running.with(Option::is_some) on:click=go_on>{t("amount-go-on")}</button>
    }
}

/// What each meter is to get; an error if the one sum for all is none.
fn planned(meters: &[KeptMeter], way: Way, one: &str, each: &HashMap<String, String>) -> Result<Vec<Planned>, ()> {
    let text = one.trim().replace(',', ".");
    let plan = match way {
        _ if way != Way::Each && text.is_empty() => Plan::Each(HashMap::new()),
        Way::Same => Plan::Same(text.parse().map_err(|_| ())?),
        Way::Share => Plan::PerShare(text.parse().map_err(|_| ())?),
        Way::Target => Plan::Target(text.parse().map_err(|_| ())?),
        Way::Each => Plan::Each(each.clone()),
    };
    Ok(round::plan(meters, &plan, |_| None))
}

fn preview(
    meters: &[KeptMeter],
    planned: &[Planned],
    by_hand: bool,
    each: RwSignal<HashMap<String, String>>,
) -> impl IntoView + use<> {
    let mut sum = Sum::default();
    let mut quantities = 0;
    let mut count = 0;
    for one in planned {
        match &one.asked {
            Ok(Some(Asked::Amount(amount))) => {
                count += 1;
                sum.add(amount.as_str());
            }
            Ok(Some(Asked::Quantity(_))) => {
                count += 1;
                quantities += 1;
            }
            Ok(None) | Err(_) => {}
        }
    }
    let rows = meters.iter().zip(planned).map(|(kept, one)| {
        let (called, room, text) = (kept.called().to_owned(), kept.room.clone(), kept.label.clone());
        let cell = if by_hand {
            let value = each.with_untracked(|each| each.get(&text).cloned()).unwrap_or_default();
            let (key, name) = (text.clone(), called.clone());
            view! { <input class="short" dir="ltr" aria-label=tt("house-sum-of", &[("name", &name)]) data-test="sum" value=value on:change=move |event| each.update(|each| drop(each.insert(key.clone(), event_target_value(&event))))/> }.into_any()
        } else {
            view! { <bdi dir="ltr">{match &one.asked { Ok(Some(asked)) => asked.to_string(), Ok(None) => "–".to_owned(), Err(_) => "?".to_owned() }}</bdi> }.into_any()
        };
        let why = one.asked.as_ref().err().map(|why| t(not_planned(*why)));
        view! { <tr><th scope="row">{called}<small>{room}" "{label(&text)}</small></th><td class="figure">{cell}{why.map(|why| view! { <small class="wrong">{why}</small> })}</td></tr> }
    });
    let total = sum.to_string();
    view! {
        <table data-test="preview"><caption>{tn("house-preview", count)}</caption>
            <tbody>{rows.collect_view()}</tbody>
            <tfoot><tr><th scope="row">{t("quote-total")}</th><td class="figure" data-test="preview-total">{total}</td></tr></tfoot>
        </table>
        {(quantities > 0).then(|| view! { <p><small>{tn("house-quantities", quantities)}</small></p> })}
    }
}

fn not_planned(why: round::NotPlanned) -> &'static str {
    use round::NotPlanned::{NoBalance, NotAMeter, NotAnAmount, OtherUnit, TooLarge};
    match why {
        NotAnAmount => "amount-wrong-either",
        TooLarge => "planned-too-large",
        NoBalance => "planned-no-balance",
        OtherUnit => "planned-other-unit",
        NotAMeter => "label-shape",
    }
}

/// The round as a file, so that its result has the names of flats beside the lines.
fn file_of(meters: &[KeptMeter], planned: &[Planned]) -> Round {
    let rows = meters.iter().zip(planned).filter_map(|(kept, one)| {
        let asked = one.asked.as_ref().ok()?.as_ref()?;
        Some(vec![kept.label.clone(), asked.to_string(), kept.name.clone(), kept.room.clone()])
    });
    let columns = ["meter", "amount", "name", "room"].map(str::to_owned).to_vec();
    Round { separator: ',', byte_order_mark: true, columns, rows: rows.collect() }
}
