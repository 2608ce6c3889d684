//! Getting money back for a line that is not loaded: the void token is carried to the meter first.

use crate::act;
use crate::app::App;
use crate::words::t;
use coinless_phone::outcome::{LineReport, TakenBack};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

/// What the payer can do to get the money of this line back, or how far that is.
pub fn of_line(app: App, order: Uuid, line: &LineReport) -> AnyView {
    let meter = line.meter.parse::<MeterId>().ok();
    let number = line.line;
    let busy = move || app.is_busy();
    match line.taken_back() {
        TakenBack::Cannot => ().into_any(),
        TakenBack::CanBeAsked => view! {
            <details data-test="refund">
                <summary>{t("refund")}</summary>
                <p>{t("refund-how")}</p>
                {steps(0)}
                <p>{t("refund-if-loaded")}</p>
                <button data-test="refund-now" disabled=busy on:click=move |_| act::order::refund(app, order, Some(number))>{t("refund-ask")}</button>
            </details>
        }
        .into_any(),
        TakenBack::Carry { on_phone: true } => view! {
            <section class="next" data-test="refund-state" data-refund="carry">
                {steps(1)}
                <p>{t("refund-carry")}</p>
                {meter.map(|meter| view! { <button class="main" data-test="refund-carry" disabled=busy on:click=move |_| act::visit::load(app, vec![meter])>{t("refund-carry-now")}</button> })}
            </section>
        }
        .into_any(),
        TakenBack::Carry { on_phone: false } => view! {
            <section class="next" data-test="refund-state" data-refund="fetch">
                {steps(1)}
                <p>{t("refund-fetch")}</p>
                <button data-test="refund-fetch" disabled=busy on:click=move |_| act::bring::sync(app)>{t("sync")}</button>
            </section>
        }
        .into_any(),
        TakenBack::Proved => state("proved", 2).into_any(),
        TakenBack::Reversed => state("reversed", 2).into_any(),
        TakenBack::Done => state("done", 3).into_any(),
    }
}

fn state(name: &'static str, done: usize) -> impl IntoView {
    view! { <section data-test="refund-state" data-refund=name>{steps(done)}</section> }
}

/// The three steps, of which so many are done.
fn steps(done: usize) -> impl IntoView {
    let steps = ["refund-step-asked", "refund-step-carried", "refund-step-money"];
    let steps = steps.into_iter().enumerate().map(|(place, words)| {
        let (sign, said) = if place < done { ("✓", "step-yes") } else { ("○", "step-no") };
        view! { <li><span aria-hidden="true">{sign}</span>" "{t(words)}" "<small>"("{t(said)}")"</small></li> }
    });
    view! { <ol class="back">{steps.collect_view()}</ol> }
}
