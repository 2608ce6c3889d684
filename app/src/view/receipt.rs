//! What one line came to, to be shown, shared and printed.

use super::parts::{commodity, label, steps};
use crate::app::App;
use crate::browser::{numbers, window};
use crate::screen::Screen;
use crate::words::{language, money, quantity, t};
use coinless_phone::outcome::LineReport;
use leptos::prelude::*;
use uuid::Uuid;

/// The screen.
pub fn screen(app: App, id: Uuid, number: u32) -> impl IntoView {
    app.contents.with_untracked(|contents| {
        let order = contents.order(id);
        let report = order.and_then(|order| LineReport::of_order(order, contents).into_iter().find(|line| line.line == number));
        let (Some(order), Some(line)) = (order, report) else {
            return view! { <h1>{t("receipt-title")}</h1><p>{t("order-unknown")}</p> }.into_any();
        };
        let view_ = order.view.as_ref();
        let currency = view_.map(|view| view.currency.clone()).unwrap_or_default();
        let quote = view_.and_then(|view| view.line(number)).and_then(|line| line.quote.clone());
        let when = order.id.get_timestamp().map(|time| numbers::moment(language(), time.to_unix().0 * 1000)).unwrap_or_default();
        let standing = t(&format!("standing-{}", line.standing.name()));
        let amount = line.amount.as_deref().map(|amount| money(amount, &currency)).unwrap_or_default();
        let bought = line.shown.as_deref().map(quantity).unwrap_or_default();
        let who = order.meters.iter().find(|info| info.meter == line.meter);
        let utility = who.and_then(|info| info.utility.clone()).or(line.utility.clone()).unwrap_or_default();
        let meter_receipt = line.receipt.map(|receipt| receipt.to_string()).unwrap_or_else(|| "–".into());
        let rows = [
            ("receipt-when", when.clone()),
            ("receipt-utility", utility.clone()),
            ("receipt-what", commodity(line.commodity.as_deref().unwrap_or_default())),
            ("receipt-bought", bought.clone()),
            ("receipt-amount", amount.clone()),
            ("receipt-standing", standing.clone()),
            ("receipt-meter-receipt", meter_receipt),
            ("receipt-order", format!("{id} / {number}")),
        ];
        let text = rows.iter().map(|(words, value)| format!("{}: {value}", t(words))).collect::<Vec<_>>().join("\n");
        let text = format!("{}: {}\n{text}", t("meter-title"), line.label);
        let steps_of = quote.iter().flat_map(|quote| &quote.explanation).map(|step| view! { <tr><td>{super::parts::step_words(step, line.commodity.as_deref().unwrap_or_default(), &currency)}</td><td class="figure">{if step.amount.is_empty() { String::new() } else { money(&step.amount, &currency) }}</td></tr> }).collect_view();
        let rows = rows.into_iter().map(|(words, value)| view! { <tr><th scope="row">{t(words)}</th><td><bdi>{value}</bdi></td></tr> });
        let meter = line.meter.parse().ok();
        view! {
            <h1>{t("receipt-title")}</h1>
            <section class="paper" data-test="paper">
                <h2>{app.station.with(|station| station.name.clone())}" · "{label(&line.label)}</h2>
                <table><tbody>{rows.collect_view()}</tbody></table>
                <table><tbody>{steps_of}</tbody></table>
                {steps(&line)}
            </section>
            <button data-test="print" on:click=move |_| drop(window().print())>{t("print")}</button>
            {super::parts::share(app, "share", "receipt-title", text, None)}
            <button class="plain" data-test="problem" on:click=move |_| app.go(Screen::Problem(Some(id), meter))>{t("problem")}</button>
        }
        .into_any()
    })
}
