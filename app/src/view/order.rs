//! How an order stands, line by line: paid, sold, on this phone and loaded are four different things.

use super::later::{came_to, qr};
use super::parts::{ask_again, commodity, icon, label, load_button, not_here, stays, steps, verdict_words};
use crate::act;
use crate::app::App;
use crate::screen::Screen;
use crate::words::{money, quantity, t, tn, tt};
use coinless_phone::courier::HandOver;
use coinless_phone::outcome::{LineReport, Loaded, Summary};
use coinless_phone::records::StoredOrder;
use coinless_phone::store::Contents;
use coinless_protocol::MeterId;
use leptos::prelude::*;
use uuid::Uuid;

/// More lines than this are shown summed up, with a way to the walk.
const MANY: usize = 12;

/// The screen.
pub fn screen(app: App, id: Uuid) -> impl IntoView {
    act::order::open_order(app, id);
    let stays = stays();
    view! {
        <h1>{t("order-title")}</h1>
        {move || {
            // Also when the order ends while one looks: then it was shown.
            app.contents.with(|contents| match contents.order(id) {
                Some(order) => shown(app, order, contents, stays).into_any(),
                None => not_here(app, id),
            })
        }}
    }
}

fn shown(app: App, order: &StoredOrder, contents: &Contents, stays: RwSignal<Option<bool>>) -> impl IntoView + use<> {
    let lines = LineReport::of_order(order, contents);
    let summary = Summary::of(&lines);
    let currency = order.view.as_ref().map(|view| view.currency.clone()).unwrap_or_default();
    let instructions =
        order.view.as_ref().and_then(|view| view.payment.instructions.clone()).filter(|_| !order.is_settled());
    let verdict = verdict_words(&summary);
    let ready: Vec<MeterId> = lines.iter().filter_map(LineReport::to_load).collect();
    let id = order.id;
    let is_round = order.round.is_some() || lines.len() > MANY;
    let parts = summary.parts().into_iter().filter(|(_, part)| part.lines > 0).map(|(outcome, part)| {
        let name = outcome.name();
        view! { <tr data-outcome=name><td>{t(&format!("outcome-{name}"))}</td><td class="figure">{part.lines}</td><td class="figure">{money(&part.sum.to_string(), &currency)}</td></tr> }
    });
    let table = (lines.len() > 1).then(|| view! { <table data-test="summary"><thead><tr><th scope="col">{t("column-outcome")}</th><th scope="col">{t("column-lines")}</th><th scope="col">{t("column-sum")}</th></tr></thead><tbody>{parts.collect_view()}</tbody></table> });
    let waits = !ready.is_empty();
    let may_go =
        move || (waits && stays.get() == Some(false)).then(|| view! { <p data-test="may-go">{t("order-may-go")}</p> });
    let many = lines.len() > MANY;
    let of_order: Vec<String> = lines.iter().map(|line| line.meter.clone()).collect();
    // With several meters, each line has a button of its own, and says itself what the visit at its meter came to.
    let is_alone = lines.len() == 1 || is_round;
    let of_each = waits && !is_alone;
    let each = lines.iter().map(|line| one(app, order, line, contents, &currency, is_alone)).collect_view();
    let each = if many {
        view! { <details data-test="each"><summary>{tn("lines", lines.len())}</summary><ul class="lines">{each}</ul></details> }.into_any()
    } else {
        view! { <ul class="lines">{each}</ul> }.into_any()
    };
    view! {
        <p class="verdict" data-test="verdict" data-verdict=verdict>{t(verdict)}</p>
        {instructions.map(|words| view! { <p class="card important" data-test="instructions">{words}</p> })}
        {table}
        {(waits && !of_each && !is_round).then(|| {
            view! { {load_button(app, ready.clone(), t("load-now"))}<p><small>{t("load-how")}</small></p> }
        })}
        {is_round.then(|| view! { <button class="main" data-test="walk" on:click=move |_| app.go(Screen::Walk(id, None))>{t("walk-begin")}</button> })}
        {of_each.then(|| view! { <p><small>{t("load-how")}</small></p> })}
        {move || app.visit.get().filter(|visit| is_alone || !of_order.iter().any(|meter| meter == visit.identity.meter.as_str())).map(came_to)}
        {each}
        {may_go}
        {ways_on(app, order)}
    }
}

fn one(
    app: App,
    order: &StoredOrder,
    line: &LineReport,
    contents: &Contents,
    currency: &str,
    is_alone: bool,
) -> impl IntoView + use<> {
    let kept = contents.meters.iter().find(|kept| kept.label == line.label).map(|kept| kept.called().to_owned());
    let what = line.commodity.clone().unwrap_or_default();
    let called = kept.unwrap_or_else(|| commodity(&what));
    let amount = line.amount.as_deref().map(|amount| money(amount, currency)).unwrap_or_else(|| line.asked.clone());
    let bought = line.shown.as_deref().map(quantity).unwrap_or_default();
    let (id, number) = (order.id, line.line);
    let reason = line.reason.clone();
    let meter = line.meter.clone();
    let load = line.to_load().filter(|_| !is_alone);
    let load = load.map(|meter| load_button(app, vec![meter], tt("load-this", &[("name", &called)])));
    let receipt = line.receipt.map(|receipt| tt("loaded-receipt", &[("number", &receipt.to_string())]));
    let token = line
        .token
        .and_then(|key| contents.tokens.iter().find(|token| token.key == key))
        .map(|token| HandOver::of(token).to_string());
    let hand_over = token.filter(|_| line.loaded != Loaded::Yes).map(|text| {
        let words = t("hand-over-code");
        view! { <details data-test="hand-over"><summary>{t("hand-over")}</summary><p>{t("hand-over-how")}</p>{qr(text, words)}</details> }
    });
    let refund = super::refund::of_line(app, id, line);
    view! {
        <li class="card line" data-test="line" data-label=line.label.clone() data-standing=line.standing.name()>
            <div class="head">{icon(&what)}<span><b>{called}</b>" "{label(&line.label)}</span><span class="figure">{amount}</span></div>
            <p class="standing" data-test="standing">{t(&format!("standing-{}", line.standing.name()))}</p>
            {steps(line)}
            <p>{bought}</p>
            {receipt.map(|words| view! { <p data-test="loaded-receipt">{words}</p> })}
            {reason.map(|reason| view! { <p><small>{t("reason")}" "<bdi>{reason}</bdi></small></p> })}
            {load}
            {move || app.visit.get().filter(|visit| !is_alone && visit.identity.meter.as_str() == meter).map(came_to)}
            {hand_over}
            {refund}
            <button class="plain" data-test="receipt" on:click=move |_| app.go(Screen::Receipt(id, number))>{t("receipt-open")}</button>
        </li>
    }
}

/// The order's link for another phone, and its state anew.
fn ways_on(app: App, order: &StoredOrder) -> impl IntoView + use<> {
    let link = order.link().to_string();
    let shared = Some(link.clone());
    view! {
        <details class="card" data-test="share"><summary>{t("order-share")}</summary>
            <p>{t("order-share-why")}</p>
            {qr(link.clone(), t("order-code"))}
            <p class="code" dir="ltr">{link.clone()}</p>
            {super::parts::share(app, "share-link", "order-title", String::new(), shared)}
        </details>
        {ask_again(app)}
    }
}
