//! Telling the station's people what is wrong, with the numbers by which everything can be found.

use super::parts::label;
use crate::act;
use crate::app::App;
use crate::browser::origin;
use crate::words::{t, tn, tt};
use coinless_phone::records::{MAX_CONTACT_CHARS, MAX_PROBLEM_CHARS, StoredProblem};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

/// The screen.
pub fn screen(app: App, order: Option<Uuid>, meter: Option<MeterId>) -> impl IntoView {
    let (text, contact) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let kept = RwSignal::new(None::<Uuid>);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let problem = StoredProblem {
            id: app.new_id(),
            station: origin(),
            order,
            meter: meter.map(|meter| meter.label().to_string()),
            text: text.get(),
            contact: Some(contact.get()),
        };
        act::entitled::report(app, problem, kept);
    };
    let who = app.station.with_untracked(|station| station.name.clone());
    view! {
        <h1>{t("problem")}</h1>
        {move || match kept.get() {
            Some(id) => told(app, id).into_any(),
            None => view! {
                <p>{tt("problem-how", &[("station", &who)])}</p>
                <form on:submit=send class="card">
                    <label>{t("problem-what")}
                        <textarea name="text" data-test="problem-text" rows="5" required maxlength=MAX_PROBLEM_CHARS.to_string() on:input=move |event| text.set(event_target_value(&event))></textarea>
                    </label>
                    <label>{t("problem-contact")}
                        <input name="contact" data-test="problem-contact" autocomplete="tel" maxlength=MAX_CONTACT_CHARS.to_string() on:input=move |event| contact.set(event_target_value(&event))/>
                    </label>
                    {attached(order, meter)}
                    <button class="main" data-test="problem-send" disabled=move || app.is_busy()>{t("problem-send")}</button>
                </form>
            }.into_any(),
        }}
        {move || {
            let waiting = app.contents.with(|contents| contents.problems.len());
            (waiting > 0).then(|| view! { <p data-test="problems-waiting">{tn("problem-waiting", waiting)}</p> })
        }}
    }
}

/// What goes along without being typed.
fn attached(order: Option<Uuid>, meter: Option<MeterId>) -> Option<impl IntoView> {
    (order.is_some() || meter.is_some()).then(|| {
        let order = order.map(|id| view! { <li>{t("order-title")}" "<bdi class="code">{id.to_string()}</bdi></li> });
        let meter = meter.map(|meter| view! { <li>{t("meter-title")}" "{label(&meter.label().to_string())}</li> });
        view! { <p>{t("problem-attached")}</p><ul data-test="problem-attached">{meter}{order}</ul> }
    })
}

/// Where the report is, and its number.
fn told(app: App, id: Uuid) -> impl IntoView {
    let is_taken = move || app.reported.get() == Some(id);
    view! {
        <section class="card" role="status" data-test="problem-told" data-taken=move || is_taken().to_string()>
            <p>{move || t(if is_taken() { "problem-sent" } else { "problem-kept" })}</p>
            <p>{t("problem-number")}" "<bdi class="code" data-test="problem-number">{id.to_string()}</bdi></p>
            {super::parts::share(app, "problem-share", "problem-number", id.to_string(), None)}
        </section>
    }
}
