//! One meter: whose it is, and what to buy for it.

use super::parts::{commodity, icon, label};
use crate::act;
use crate::app::{App, Notice, Running};
use crate::browser::origin;
use crate::screen::Screen;
use crate::words::{t, tt};
use coinless_phone::courier::PurchaseLine;
use coinless_phone::records::KeptMeter;
use coinless_phone::wire::MeterInfo;
use coinless_phone::{Asked, as_typed};
use coinless_protocol::MeterId;
use leptos::prelude::*;

/// Sums that are offered at a press.
const SUMS: [&str; 4] = ["5", "10", "20", "50"];

/// The screen.
pub fn screen(app: App, meter: MeterId) -> impl IntoView {
    let known = app.contents.with_untracked(|contents| act::known_info(contents, &meter));
    let info = RwSignal::new(known);
    let failed = RwSignal::new(None::<Notice>);
    let ask = move || {
        failed.set(None);
        leptos::task::spawn_local(async move {
            // The screen may have been left meanwhile.
            match act::look_up(app, meter).await {
                Ok(found) => drop(info.try_set(Some(found))),
                Err(error) => drop(failed.try_set(Some((&error).into()))),
            }
        });
    };
    ask();
    let text = meter.label().to_string();
    // A late answer changes whose the meter is, and leaves what is being typed.
    let measured = Memo::new(move |_| {
        info.with(|info| info.as_ref().map(|info| (info.commodity.clone(), info.currency.clone().unwrap_or_default())))
    });
    let not_yet = move || {
        match failed.get() {
        Some(why) => view! { <p class="wrong" role="alert" data-test="unknown-meter">{why.words}</p><details><summary>{t("details")}</summary><p lang="en" dir="ltr">{why.details}</p></details><button data-test="again" on:click=move |_| ask()>{t("reach-again")}</button> }.into_any(),
        None => view! { <p class="running"><span class="spinner" aria-hidden="true"></span>{t("running-asking")}</p> }.into_any(),
    }
    };
    view! {
        <h1>{t("meter-title")}" "{label(&text)}</h1>
        {move || match measured.get() {
            Some((what, currency)) => known_meter(app, meter, info, what, currency).into_any(),
            None => not_yet.into_any(),
        }}
    }
}

fn known_meter(
    app: App,
    meter: MeterId,
    info: RwSignal<Option<MeterInfo>>,
    what: String,
    currency: String,
) -> impl IntoView {
    view! {
        {move || info.get().map(|info| whose(&info))}
        {amount(app, meter, what, currency)}
        <section class="card readings" data-test="readings">
            <h2>{t("readings-title")}</h2>
            {super::later::readings(app, meter)}
        </section>
        {keep(app, meter, info.get_untracked())}
        <button data-test="load" disabled=move || app.is_busy() on:click=move |_| act::visit::load(app, vec![meter])>{t("meter-load-only")}</button>
        {move || super::later::last_visit(app)}
        <button class="plain" on:click=move |_| app.go(Screen::History)>{t("meter-history")}</button>
        <button class="plain" data-test="problem" on:click=move |_| app.go(Screen::Problem(None, Some(meter)))>{t("problem")}</button>
    }
}

fn whose(info: &MeterInfo) -> impl IntoView + use<> {
    let who = [&info.customer, &info.place].into_iter().filter_map(Option::as_deref).collect::<Vec<_>>().join(", ");
    let utility = info.utility.clone().unwrap_or_default();
    view! {
        <section class="card who" data-test="who">
            {icon(&info.commodity)}
            <div>
                <p><b>{commodity(&info.commodity)}</b>" · "{utility}</p>
                <p data-test="masked">{if who.is_empty() { t("meter-nobody") } else { who }}</p>
                <p><small>{t("meter-is-it-yours")}</small></p>
            </div>
        </section>
    }
}

/// A sum of money, or an amount of what the meter measures.
fn amount(app: App, meter: MeterId, what: String, currency: String) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let by_quantity = RwSignal::new(false);
    let wrong = RwSignal::new(None::<String>);
    let unit = if what == "electricity" { "kWh" } else { "m3" };
    let shown_unit = if unit == "m3" { "m³" } else { unit };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = as_typed(&typed.get());
        let text = if by_quantity.get() { format!("{text}{unit}") } else { text };
        match text.parse::<Asked>() {
            Ok(asked) => act::quote(app, vec![PurchaseLine { meter, asked }], None),
            Err(_) => wrong.set(Some(t(if by_quantity.get() { "amount-wrong-quantity" } else { "amount-wrong" }))),
        }
    };
    let sums = SUMS.map(|sum| {
        let words = crate::words::money(sum, &currency);
        view! { <button type="button" class="chip" data-test="sum" on:click=move |_| { by_quantity.set(false); typed.set(sum.to_owned()); }>{words}</button> }
    });
    let unit_words = {
        let currency = currency.clone();
        move || if by_quantity.get() { shown_unit.to_owned() } else { currency.clone() }
    };
    view! {
        <form on:submit=submit class="card">
            <fieldset class="row">
                <legend>{t("amount-title")}</legend>
                <label class="choice"><input type="radio" name="by" checked=true prop:checked=move || !by_quantity.get() on:change=move |_| by_quantity.set(false)/>{t("amount-by-money")}</label>
                <label class="choice"><input type="radio" name="by" data-test="by-quantity" prop:checked=move || by_quantity.get() on:change=move |_| by_quantity.set(true)/>{tt("amount-by-quantity", &[("what", &commodity(&what))])}</label>
            </fieldset>
            <div class="row chips">{sums.into_iter().collect_view()}</div>
            <label>
                {t("amount")}
                <span class="row">
                    <input class="grow" name="amount" inputmode="decimal" autocomplete="off" dir="ltr" prop:value=move || typed.get()
                        aria-invalid=move || wrong.with(Option::is_some).to_string() aria-describedby="amount-wrong"
                        on:input=move |event| { typed.set(event_target_value(&event)); wrong.set(None); }/>
                    <span data-test="unit">{unit_words}</span>
                </span>
            </label>
            <p id="amount-wrong" class="wrong" role="alert">{move || wrong.get()}</p>
            <button class="main" data-test="quote" disabled=move || app.is_busy()>{t("amount-go-on")}</button>
            <Show when=move || !app.online.get()><p class="wrong">{t("needs-network")}</p></Show>
        </form>
    }
}

/// Keeping the meter by a name, a room and a picture.
fn keep(app: App, meter: MeterId, info: Option<MeterInfo>) -> impl IntoView {
    let text = meter.label().to_string();
    let kept = app.contents.with_untracked(|contents| contents.meters.iter().find(|kept| kept.label == text).cloned());
    let is_kept = RwSignal::new(kept.is_some());
    let kept = kept.unwrap_or_else(|| KeptMeter { info, ..KeptMeter::new(&meter, &origin()) });
    let (name, room) = (RwSignal::new(kept.name.clone()), RwSignal::new(kept.room.clone()));
    let picture = RwSignal::new(kept.picture.clone());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let meter = KeptMeter { name: name.get(), room: room.get(), picture: picture.get(), ..kept.clone() };
        app.run(Running::Asking, async move {
            act::keep(meter).await?;
            is_kept.set(true);
            app.notice.set(Some(Notice::good(t("kept"))));
            Ok(())
        });
    };
    let forget = move |_| {
        let text = text.clone();
        app.run(Running::Asking, async move {
            act::forget(text).await?;
            is_kept.set(false);
            Ok(())
        });
    };
    let take = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let Some(file) = crate::browser::files::chosen(&input) else { return };
        leptos::task::spawn_local(async move {
            match crate::browser::files::small_picture(&file).await {
                Ok(url) => picture.set(Some(url)),
                Err(why) => app.notice.set(Some(Notice::trouble(t("picture-wrong"), why))),
            }
        });
    };
    view! {
        <details class="card" data-test="keep">
            <summary>{move || t(if is_kept.get() { "keep-change" } else { "keep-title" })}</summary>
            <form on:submit=save>
                <label>{t("keep-name")}<input name="name" maxlength="64" prop:value=move || name.get() on:input=move |event| name.set(event_target_value(&event))/></label>
                <label>{t("keep-room")}<input name="room" maxlength="64" prop:value=move || room.get() on:input=move |event| room.set(event_target_value(&event))/></label>
                <label>{t("keep-picture")}<input type="file" data-test="picture" accept="image/*" capture="environment" on:change=take/></label>
                {move || picture.get().map(|url| view! { <img src=url alt=t("keep-picture") class="thumb"/> })}
                <button data-test="save" disabled=move || app.is_busy()>{t("keep-save")}</button>
                <Show when=move || is_kept.get()><button type="button" class="plain" data-test="forget" disabled=move || app.is_busy() on:click=forget.clone()>{t("keep-forget")}</button></Show>
            </form>
        </details>
    }
}
