//! What several screens are made of.

use crate::act;
use crate::app::{App, Notice};
use crate::browser::numbers::number;
use crate::browser::{files, storage};
use crate::screen::Screen;
use crate::words::{language, money, quantity, say, t, tt};
use coinless_phone::messages::Value;
use coinless_phone::outcome::{LineReport, Step, Steps, Summary, Verdict};
use coinless_phone::trouble::Next;
use coinless_phone::wire::{Explanation, Per, StepKind};
use coinless_protocol::{Commodity, MeterId, Units};
use leptos::prelude::*;
use qrcode::QrCode;
use qrcode::render::svg;
use uuid::Uuid;

/// A picture of a thing: its shape alone, in the colour of the text.
pub fn icon(of: &str) -> impl IntoView + use<> {
    let path = match of {
        "gas" => "M12 2c1 4 6 6 6 12a6 6 0 0 1-12 0c0-3 2-4 2-7 2 1 3 2 3 4 1-2 2-5 1-9z",
        "water" => "M12 2c4 5 7 9 7 13a7 7 0 0 1-14 0c0-4 3-8 7-13z",
        "electricity" => "M13 2 5 14h6l-1 8 8-12h-6z",
        "home" => "M3 11 12 3l9 8v10h-6v-6H9v6H3z",
        "list" => "M4 5h16v3H4zm0 6h16v3H4zm0 6h16v3H4z",
        "house" => "M4 21V3h10v18H4zm12 0V9h4v12zM7 6v2h2V6zm0 5v2h2v-2zm0 5v2h2v-2z",
        "history" => "M12 3a9 9 0 1 0 9 9h-2a7 7 0 1 1-2-5l-3 3h7V3l-3 3a9 9 0 0 0-6-3zm-1 4v6l5 3 1-2-4-2V7z",
        "settings" => {
            "M10.3 2h3.4l.5 2.6 1.7.8 2.2-1.4 2.4 2.4-1.4 2.2.7 1.7 2.6.5v3.4l-2.6.5-.7 1.7 1.4 2.2-2.4 2.4-2.2-1.4-1.7.7-.5 2.6h-3.4l-.5-2.6-1.7-.7-2.2 1.4-2.4-2.4 1.4-2.2-.7-1.7-2.6-.5v-3.4l2.6-.5.7-1.7-1.4-2.2 2.4-2.4 2.2 1.4 1.7-.8zM12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z"
        }
        "logo" => "M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zm0 4c1 4 4 6 4 9a4 4 0 0 1-8 0c0-3 3-5 4-9z",
        "scan" => "M3 3h7v2H5v5H3zm11 0h7v7h-2V5h-5zM3 14h2v5h5v2H3zm16 0h2v7h-7v-2h5zM8 8h8v8H8z",
        _ => "M5 3h14v18H5zm3 4v5h8V7zm0 8v2h3v-2zm5 0v2h3v-2z",
    };
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=path></path></svg> }
}

/// The four things that must not be taken for one another: paid, sold, on this phone, loaded. Each with a sign and a word, so that
/// no colour is needed to read it.
pub fn steps(line: &LineReport) -> impl IntoView + use<> {
    let Steps { paid, sold, here, loaded } = line.steps();
    let steps = [
        ("step-paid", "paid", paid),
        ("step-sold", "sold", sold),
        ("step-here", "here", here),
        ("step-loaded", "loaded", loaded),
    ];
    let steps = steps.map(|(words, name, step)| {
        let (class, sign, said) = told(step);
        view! {
            <li class=class data-step=name data-state=class>
                <span aria-hidden="true">{sign}</span>
                <b>{t(words)}</b>
                <small>{t(said)}</small>
            </li>
        }
    });
    view! { <ol class="steps">{steps.into_iter().collect_view()}</ol> }
}

/// The class, the sign and the message of a step.
fn told(step: Step) -> (&'static str, &'static str, &'static str) {
    match step {
        Step::Yes => ("yes", "✓", "step-yes"),
        Step::No => ("no", "○", "step-no"),
        Step::Unknown => ("unknown", "?", "step-unknown"),
        Step::Back => ("returned", "↩", "step-returned"),
        Step::Passed => ("passed", "✓", "step-passed"),
        Step::Never => ("never", "–", "step-never"),
    }
}

/// A code to be read by another phone's camera, with what it holds in words.
pub fn qr(text: &str, words: String) -> impl IntoView + use<> {
    // The longest text is a token's link, far below what a code holds.
    let drawn = QrCode::new(text.as_bytes()).map(|code| {
        code.render::<svg::Color<'_>>()
            .min_dimensions(240, 240)
            .dark_color(svg::Color("#000"))
            .light_color(svg::Color("#fff"))
            .build()
    });
    let text = text.to_owned();
    match drawn {
        Ok(svg) => {
            let svg = svg.split_once("?>").map_or(svg.clone(), |(_, rest)| rest.to_owned());
            view! { <figure class="qr" role="img" aria-label=words data-text=text><div inner_html=svg></div></figure> }
                .into_any()
        }
        Err(_) => view! { <p class="code">{text}</p> }.into_any(),
    }
}

/// A button for what can be done next about a trouble with `order` and `meter`.
pub fn next_step(app: App, next: Next, order: Option<Uuid>, meter: Option<MeterId>) -> AnyView {
    let (test, words) = match next {
        Next::AskStation => ("next-ask", t("sync")),
        Next::AskMoneyBack => ("next-refund", t("refund")),
        Next::Report => ("next-report", t("problem")),
        Next::OtherMeter(other) => ("next-meter", tt("meter-go", &[("label", &other.label().to_string())])),
    };
    let go = move |_| match next {
        Next::AskStation => act::bring::sync(app),
        Next::AskMoneyBack => app.go(order.map_or(Screen::History, Screen::Order)),
        Next::Report => app.go(Screen::Problem(order, meter)),
        Next::OtherMeter(other) => app.go(Screen::Meter(other)),
    };
    view! { <button data-test=test on:click=go>{words}</button> }.into_any()
}

/// Hands a text to another app of the phone, or copies it where the browser does not.
pub fn share(app: App, test: &'static str, title: &'static str, text: String, url: Option<String>) -> AnyView {
    let shares = files::can_share();
    let go = move |_| {
        let (text, url) = (text.clone(), url.clone());
        leptos::task::spawn_local(async move {
            if shares {
                return files::share(&t(title), &text, url.as_deref()).await;
            }
            let parts = [text.as_str(), url.as_deref().unwrap_or_default()];
            let whole = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
            let told = match files::copy(&whole).await {
                Ok(()) => Notice::good(t("copied")),
                Err(why) => Notice::trouble(t("copy-failed"), why),
            };
            app.notice.set(Some(told));
        });
    };
    view! { <button data-test=test on:click=go>{t(if shares { "share" } else { "copy" })}</button> }.into_any()
}

/// The message that says how an order stands as a whole.
pub fn verdict_words(summary: &Summary) -> &'static str {
    match summary.verdict() {
        Verdict::Complete if summary.ready.lines == 0 => "verdict-loaded",
        Verdict::Complete => "verdict-ready",
        Verdict::Partly => "verdict-partly",
        Verdict::Refunding => "verdict-refunding",
        Verdict::Person => "verdict-person",
        Verdict::Refunded => "verdict-refunded",
        Verdict::Nothing => "verdict-nothing",
        Verdict::Waiting => "verdict-waiting",
        Verdict::Unknown => "verdict-unknown",
    }
}

/// What a meter measures, in words.
pub fn commodity(name: &str) -> String {
    match name {
        "gas" | "water" | "electricity" => t(&format!("commodity-{name}")),
        other => other.to_owned(),
    }
}

/// The label of a meter, which is never turned around in a text from right to left.
pub fn label(text: &str) -> impl IntoView + use<> {
    view! { <bdi class="label" dir="ltr">{text.to_owned()}</bdi> }
}

/// One step of a quote's reckoning in words: the reader's where the station says of what kind it is, else the station's own.
/// `commodity` is what the meter measures.
pub fn step_words(step: &Explanation, commodity: &str, currency: &str) -> String {
    let coinless_phone::wire::Step { kind, units, price, block, name, percent, count, from, to, left, per, .. } =
        &step.step;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let sum = |sum: &Option<String>| sum.as_deref().map_or_else(String::new, |sum| money(sum, currency));
    let amount = units.and_then(|units| shown_units(units, commodity)).unwrap_or_default();
    let unit = if commodity == "electricity" { "kWh" } else { "m³" };
    let id = match kind {
        Some(StepKind::Block) if block.is_some() => "explain-block-of",
        Some(StepKind::Block) => "explain-block",
        Some(StepKind::Credit) => "explain-credit",
        Some(StepKind::Free) => "explain-free",
        Some(StepKind::Standing) if *per == Some(Per::Month) => "explain-standing-months",
        Some(StepKind::Standing) => "explain-standing-days",
        Some(StepKind::Tax) if percent.is_some() => "explain-tax",
        Some(StepKind::Fee | StepKind::Tax) => "explain-fee",
        Some(StepKind::Debt) => "explain-debt",
        Some(StepKind::Rounding) => "explain-rounding",
        Some(StepKind::Other) | None => return step.text.clone(),
    };
    let (block, count) = (block.unwrap_or(0).to_string(), count.unwrap_or(0));
    let percent = percent.as_deref().map_or_else(String::new, |percent| number(language(), percent));
    let arguments = [
        ("amount", amount),
        ("price", sum(price)),
        ("unit", unit.to_owned()),
        ("block", block),
        ("name", text(name)),
        ("percent", percent),
        ("from", text(from)),
        ("to", text(to)),
        ("left", sum(left)),
    ];
    let mut arguments: Vec<_> = arguments.iter().map(|(name, text)| (*name, Value::Text(text))).collect();
    arguments.push(("n", Value::Count(count)));
    say(id, &arguments)
}

/// Credit units as people read them; none if the station speaks of something that this version does not know.
fn shown_units(units: u64, commodity: &str) -> Option<String> {
    let units = Units::new(units).ok()?;
    Some(quantity(&units.fine().display(Commodity::from_name(commodity)?).to_string()))
}

/// Whether the browser has promised to keep the store, once it has said so.
pub fn stays() -> RwSignal<Option<bool>> {
    answered(None, storage::stays())
}

/// What is asked, once it is answered; `before` until then.
pub fn answered<T: Send + Sync + 'static>(before: T, ask: impl Future<Output = T> + 'static) -> RwSignal<T> {
    let answer = RwSignal::new(before);
    leptos::task::spawn_local(async move {
        let said = ask.await;
        // The screen may have been left meanwhile.
        let _ = answer.try_set(said);
    });
    answer
}

/// The button that loads whichever of these meters is at hand.
pub fn load_button(app: App, meters: Vec<MeterId>, words: String) -> impl IntoView + use<> {
    view! { <button class="main" data-test="load" disabled=move || app.is_busy() on:click=move |_| act::visit::load(app, meters.clone())>{words}</button> }
}

/// The button that asks the stations anew of everything that this phone keeps.
pub fn ask_again(app: App) -> impl IntoView + use<> {
    view! { <button class="plain" data-test="sync" disabled=move || app.is_busy() on:click=move |_| act::bring::sync(app)>{t("sync")}</button> }
}

/// An order that this phone does not have, with the way to fetch it; nothing while it is still looked for.
pub fn not_here(app: App, order: Uuid) -> AnyView {
    if app.is_busy() {
        return ().into_any();
    }
    view! {
        <p>{t("order-unknown")}</p>
        <button data-test="fetch" on:click=move |_| act::order::fetch_order(app, order)>{t("order-fetch")}</button>
    }
    .into_any()
}

/// What is only made when somebody unfolds it: long lists, pictures of codes.
pub fn folded(
    test: &'static str,
    words: impl Fn() -> String + Send + Sync + 'static,
    body: impl Fn() -> AnyView + Send + Sync + 'static,
) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let toggle = move |event: leptos::ev::Event| {
        let element: web_sys::Element = event_target(&event);
        is_open.set(element.has_attribute("open"));
    };
    view! {
        <details class="card" data-test=test on:toggle=toggle>
            <summary>{words}</summary>
            {move || is_open.get().then(&body)}
        </details>
    }
}
