//! What the lines cost, line by line, before anybody pays; and whether the meter can be reached.

use super::parts::{answered, commodity, label};
use crate::act;
use crate::app::{App, Running};
use crate::browser::time::wall_ms;
use crate::browser::{origin, storage};
use crate::link::MeterLink;
use crate::screen::Screen;
use crate::words::{known, money, quantity, t, tn, trouble, tt};
use coinless_phone::draft::Draft;
use coinless_phone::wire::{PayerNeed, Quote, QuotedLine};
use coinless_protocol::MeterId;
use leptos::prelude::*;

/// More lines than this are summed up first.
const MANY: usize = 8;

/// Whether the meter at hand was reached.
#[derive(Clone, PartialEq, Eq)]
enum Reach {
    NotTried,
    /// It proved who it is; its display shows this code.
    Yes(u32),
    /// It was tried in vain, for this reason.
    No(String),
}

/// The screen.
pub fn screen(app: App) -> impl IntoView {
    // After a reload the tab remembers it.
    let kept = || Draft::read(&storage::kept_draft()?, wall_ms());
    let Some(draft) = app.draft.get_untracked().or_else(kept) else {
        return view! { <h1>{t("quote-title")}</h1><p>{t("quote-none")}</p> }.into_any();
    };
    let quote = draft.quote.clone();
    let total = money(&quote.total, &quote.currency);
    let count = quote.lines.len();
    let currency = quote.currency.clone();
    let from = Screen::at(&origin(), &draft.from, "");
    let lines = quote.lines.iter().map(|one| line(one, &currency, count <= MANY)).collect_view();
    view! {
        <h1>{t("quote-title")}</h1>
        <p>{tn("lines", count)}</p>
        <ul class="quote">{lines}</ul>
        <p class="total" data-test="total"><span>{t("quote-total")}</span><b>{total.clone()}</b></p>
        {pay(app, draft, &quote, total)}
        <button class="plain" data-test="change" on:click=move |_| app.go(from.clone())>{t("quote-change")}</button>
    }
    .into_any()
}

fn line(line: &QuotedLine, currency: &str, open: bool) -> impl IntoView + use<> {
    let who = [&line.customer, &line.place].into_iter().filter_map(Option::as_deref).collect::<Vec<_>>().join(", ");
    let steps = line.quote.explanation.iter().map(|step| {
        let amount = if step.amount.is_empty() { String::new() } else { money(&step.amount, currency) };
        view! { <tr><td>{super::parts::step_words(step, &line.commodity, currency)}</td><td class="figure">{amount}</td></tr> }
    });
    let steps = steps.collect_view();
    let (label_text, what, buys) = (line.label.clone(), commodity(&line.commodity), quantity(&line.quote.shown));
    let amount = money(&line.amount, currency);
    view! {
        <li class="card" data-test="quoted">
            <details open=open>
                <summary><span>{what}" "{label(&label_text)}</span><b class="figure">{amount}</b></summary>
                <p>{who}</p>
                <table>{steps}</table>
            </details>
            <p class="buys">{tt("quote-buys", &[("what", &buys)])}</p>
        </li>
    }
}

/// Who pays, how, and from where.
fn pay(app: App, draft: Draft, quote: &Quote, total: String) -> impl IntoView + use<> {
    let providers = app.station.with_untracked(|station| station.providers.clone());
    let chosen = RwSignal::new(0usize);
    let payer = RwSignal::new(String::new());
    let wrong = RwSignal::new(false);
    let link = StoredValue::new_local(None::<MeterLink>);
    let reach = RwSignal::new(Reach::NotTried);
    let meter: Option<MeterId> = match quote.lines.as_slice() {
        [line] => line.meter.parse().ok(),
        _ => None,
    };
    let need = {
        let providers = providers.clone();
        move || providers.get(chosen.get()).map_or((PayerNeed::Optional, None), |one| (one.payer, one.hint.clone()))
    };
    let names = providers.clone();
    let choice = (providers.len() > 1).then(|| {
        let options = providers.iter().enumerate().map(|(at, one)| view! { <option value=at.to_string()>{provider_words(&one.name)}</option> }).collect_view();
        view! { <label>{t("pay-by")}<select data-test="provider" on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>{options}</select></label> }
    });
    let need_words = need.clone();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let who = Some(payer.get().trim().to_owned()).filter(|who| !who.is_empty());
        if need.clone()().0 == PayerNeed::Required && who.is_none() {
            return wrong.set(true);
        }
        let provider = names.get(chosen.get()).map(|one| one.name.clone());
        let link = link.try_update_value(Option::take).flatten();
        act::pay(app, draft.clone(), who, provider, link);
    };
    view! {
        {meter.map(|meter| reaching(app, meter, link, reach))}
        {(meter.is_none()).then(|| view! { <p data-test="later">{t("pay-later-load")}</p> })}
        {(meter.is_none() && !act::reach::can_reach_any(app, quote)).then(cannot_reach)}
        <form on:submit=submit class="card">
            {choice}
            {move || {
                let (need, hint) = need_words();
                (need != PayerNeed::None).then(|| view! {
                    <label>{payer_words(hint)}
                        <input name="payer" autocomplete="tel" dir="ltr" maxlength="64" aria-invalid=move || wrong.get().to_string() aria-describedby="payer-wrong"
                            on:input=move |event| { payer.set(event_target_value(&event)); wrong.set(false); }/>
                    </label>
                })
            }}
            <p id="payer-wrong" class="wrong" role="alert">{move || wrong.get().then(|| t("pay-payer-missing"))}</p>
            <button class="main" data-test="pay" disabled=move || app.is_busy()>{tt("pay", &[("total", &total)])}</button>
            <p><small>{move || t(if matches!(reach.get(), Reach::Yes(_)) { "pay-loads-at-once" } else { "pay-loads-later" })}</small></p>
        </form>
    }
}

/// What a payment provider is called; its own name if it is none of those that this app knows.
fn provider_words(name: &str) -> String {
    known(&format!("provider-{name}")).unwrap_or_else(|| name.to_owned())
}

/// What the payer is asked for; in the station's words if the app has none for it.
fn payer_words(hint: Option<String>) -> String {
    let Some(hint) = hint else { return t("pay-payer") };
    known(&format!("hint-{}", hint.replace(' ', "-"))).unwrap_or(hint)
}

/// Trying to reach the meter before any money is taken.
fn reaching(
    app: App,
    meter: MeterId,
    link: StoredValue<Option<MeterLink>, LocalStorage>,
    reach: RwSignal<Reach>,
) -> impl IntoView {
    if !act::reach::can_reach(app, &meter) {
        return cannot_reach().into_any();
    }
    let is_there = answered(true, async move { act::reach::is_there(app, &meter).await });
    let connect = move |_| {
        app.run(Running::Connecting, async move {
            // A line that is open is closed before it is opened again.
            link.set_value(None);
            let info = act::look_up(app, meter).await?;
            let tried = async {
                let mut opened = act::reach::connect(app, &[meter]).await?;
                let code = act::reach::prove(&mut opened, &info).await?;
                Ok((opened, code))
            };
            match tried.await {
                Ok((opened, code)) => {
                    link.set_value(Some(opened));
                    reach.set(Reach::Yes(code));
                }
                Err(error) => reach.set(Reach::No(trouble(&error).0)),
            }
            Ok(())
        });
    };
    let reaching = move || {
        view! {
            <section class="card" data-test="reach">
                <h2>{t("reach-title")}</h2>
                {move || match reach.get() {
                    Reach::NotTried => view! { <p>{t("reach-why")}</p> }.into_any(),
                    Reach::Yes(code) => {
                        let code = format!("{code:06}");
                        view! { <p class="good" data-test="reached">"✓ "{t("reach-yes")}</p><p>{t("reach-code")}" "<b class="code" dir="ltr" data-test="code">{code}</b></p> }.into_any()
                    }
                    Reach::No(why) => view! { <p class="wrong" data-test="not-reached">{t("reach-no")}" "{why}</p> }.into_any(),
                }}
                <button data-test="connect" disabled=move || app.is_busy() on:click=connect>{move || t(if matches!(reach.get(), Reach::NotTried) { "reach-try" } else { "reach-again" })}</button>
            </section>
        }
    };
    (move || if is_there.get() { reaching().into_any() } else { cannot_reach().into_any() }).into_any()
}

/// It is said before anybody pays: the token has to go to another phone.
fn cannot_reach() -> impl IntoView {
    view! { <p class="card important" data-test="cannot-reach">{t("reach-not-this-phone")}</p> }
}
