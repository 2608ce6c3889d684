//! The family's list: meters of several utilities, one payment.

use super::parts::{commodity, icon, label};
use crate::act;
use crate::app::{App, Notice};
use crate::screen::Screen;
use crate::words::t;
use coinless_phone::courier::PurchaseLine;
use coinless_phone::{Asked, as_typed};
use leptos::prelude::*;
use std::collections::HashMap;

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    let sums = RwSignal::new(typed_before(app));
    let wrong = RwSignal::new(None::<String>);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match lines(app, &sums.get()) {
            Ok(lines) if lines.is_empty() => app.notice.set(Some(Notice::trouble(t("list-empty"), ""))),
            Ok(lines) => act::quote(app, lines, None),
            Err(label) => wrong.set(Some(label)),
        }
    };
    let entries = app.contents.with_untracked(|contents| {
        contents.meters.iter().filter(|kept| kept.group.is_empty()).cloned().collect::<Vec<_>>()
    });
    if entries.is_empty() {
        return view! {
            <h1>{t("list-title")}</h1>
            <p>{t("list-none")}</p>
            <button class="main" data-test="scan" on:click=move |_| app.go(Screen::Scan)>{t("home-scan")}</button>
        }
        .into_any();
    }
    let rows = entries.into_iter().map(|kept| {
        let what = kept.info.as_ref().map(|info| info.commodity.clone()).unwrap_or_default();
        let utility = kept.info.as_ref().and_then(|info| info.utility.clone()).unwrap_or_default();
        let unit = if what == "electricity" { "kWh" } else { "m3" };
        let (text, same) = (kept.label.clone(), kept.label.clone());
        let is_wrong = { let text = text.clone(); move || wrong.with(|wrong| wrong.as_deref() == Some(&text)) };
        let place = if kept.room.is_empty() { utility } else { format!("{} · {utility}", kept.room) };
        let picture = kept.picture.clone();
        let (hint, test) = (format!("amount-{text}"), format!("sum-{text}"));
        let before = sums.with_untracked(|sums| sums.get(&text).cloned());
        let hint_id = hint.clone();
        view! {
            <li class="card row">
                {match picture {
                    Some(picture) => view! { <img src=picture alt="" class="thumb"/> }.into_any(),
                    None => icon(&what).into_any(),
                }}
                <label class="grow">
                    <b>{kept.called().to_owned()}</b>" "{commodity(&what)}" "{label(&text)}
                    <small>{place}</small>
                    <input name=text.clone() data-test=test prop:value=before inputmode="text" autocomplete="off" dir="ltr" placeholder=format!("20.00 / 5{unit}")
                        aria-invalid=move || is_wrong().to_string() aria-describedby=hint
                        on:input=move |event| { sums.update(|sums| drop(sums.insert(same.clone(), event_target_value(&event)))); wrong.set(None); }/>
                </label>
                <p id=hint_id class="wrong" role="alert">{ let text = text.clone(); move || wrong.with(|wrong| (wrong.as_deref() == Some(text.as_str())).then(|| t("amount-wrong-either"))) }</p>
            </li>
        }
    });
    view! {
        <h1>{t("list-title")}</h1>
        <p>{t("list-how")}</p>
        <form on:submit=submit>
            <ul class="entries">{rows.collect_view()}</ul>
            <button class="main" data-test="quote" disabled=move || app.is_busy()>{t("amount-go-on")}</button>
        </form>
        <button class="plain" on:click=move |_| app.go(Screen::Scan)>{t("list-add")}</button>
    }
    .into_any()
}

/// What was typed for the purchase that the person came back to change, by label.
fn typed_before(app: App) -> HashMap<String, String> {
    let draft = app.draft.get_untracked().filter(|draft| draft.from == Screen::List.path());
    let lines = draft.into_iter().flat_map(|draft| draft.lines);
    lines.map(|line| (line.meter.label().to_string(), line.asked.to_string())).collect()
}

/// The lines of what was typed; the label of what is wrong.
fn lines(app: App, sums: &HashMap<String, String>) -> Result<Vec<PurchaseLine>, String> {
    let meters = app.contents.with_untracked(|contents| contents.meters.clone());
    let typed = meters.iter().filter_map(|kept| Some((kept, as_typed(sums.get(&kept.label)?))));
    let line = |(kept, text): (&coinless_phone::records::KeptMeter, String)| {
        let asked = text.parse::<Asked>().map_err(|_| kept.label.clone())?;
        Ok(PurchaseLine { meter: kept.meter().ok_or_else(|| kept.label.clone())?, asked })
    };
    typed.filter(|(_, text)| !text.is_empty()).map(line).collect()
}
