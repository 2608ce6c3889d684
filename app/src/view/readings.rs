//! A meter's readings for whoever lives with it: the last balance, how long it lasts, use by day, alarms.

use crate::act::entitled;
use crate::app::App;
use crate::browser::numbers;
use crate::browser::time::wall_ms;
use crate::words::{known, language, quantity, t, tn, tt};
use coinless_phone::readings::{Bar, Lasts, NotEarned, typed_code};
use coinless_phone::records::KeptReadings;
use coinless_phone::wire::LastReading;
use coinless_protocol::MeterId;
use leptos::prelude::*;
use std::fmt::Write;

/// Days of use that are shown: the mean is of as many.
const DAYS: usize = 14;
/// Width of a bar, in units of the drawing.
const BAR: usize = 16;
/// Width between two bars.
const GAP: usize = 4;
/// Height of the highest bar.
const HEIGHT: usize = 100;

/// What is in their section of a meter's screen.
pub fn section(app: App, meter: MeterId) -> impl IntoView {
    let ended = RwSignal::new(false);
    entitled::look(app, meter, ended);
    let earned = Memo::new(move |_| {
        app.contents.with(|contents| {
            contents.reader(&meter).filter(|reader| reader.earned_ms.is_some()).map(|reader| reader.last.clone())
        })
    });
    let is_gas = move || {
        app.contents
            .with_untracked(|contents| crate::act::known_info(contents, &meter))
            .is_some_and(|info| info.commodity == "gas")
    };
    move || match earned.get() {
        None => ask(app, meter, ended).into_any(),
        Some(None) => view! { <p>{t("readings-none")}</p> }.into_any(),
        Some(Some(kept)) => shown(&kept, is_gas()).into_any(),
    }
}

/// Typing once the code that the meter shows.
fn ask(app: App, meter: MeterId, ended: RwSignal<bool>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let (why, is_code) = (RwSignal::new(None::<NotEarned>), RwSignal::new(true));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        why.set(None);
        let code = typed_code(&typed.get());
        is_code.set(code.is_some());
        if let Some(code) = code {
            entitled::earn(app, meter, code, why);
        }
    };
    let wrong = move || match (is_code.get(), why.get()) {
        (false, _) => Some(t("code-shape")),
        (true, why) => why.map(|why| not_earned(&why)),
    };
    view! {
        <Show when=move || ended.get()><p data-test="readings-ended">{t("readings-ended")}</p></Show>
        <details data-test="readings-ask">
            <summary>{t("readings-earn")}</summary>
            <p>{t("readings-how")}</p>
            <form on:submit=submit>
                <label>{t("readings-code")}
                    <input name="code" data-test="readings-code" inputmode="numeric" autocomplete="off" dir="ltr" maxlength="16"
                        aria-invalid=move || wrong().is_some().to_string() aria-describedby="code-wrong"
                        on:input=move |event| { typed.set(event_target_value(&event)); is_code.set(true); why.set(None); }/>
                </label>
                <p id="code-wrong" class="wrong" role="alert" data-test="code-wrong">{wrong}</p>
                <button data-test="readings-open" disabled=move || app.is_busy()>{t("readings-open")}</button>
            </form>
        </details>
    }
}

fn not_earned(why: &NotEarned) -> String {
    match why {
        NotEarned::Wrong(Some(left)) if *left > 0 => tn("code-wrong", usize::try_from(*left).unwrap_or(usize::MAX)),
        NotEarned::Wrong(_) => t("code-wrong-last"),
        NotEarned::TooMany(Some(after_s)) => {
            let when = numbers::moment(language(), wall_ms().saturating_add(after_s.saturating_mul(1000)));
            tt("code-too-many-until", &[("when", &when)])
        }
        NotEarned::TooMany(None) => t("code-too-many"),
        NotEarned::FirstReceipt => t("code-first-receipt"),
        NotEarned::Other(error) => crate::words::trouble(error).0,
    }
}

fn shown(kept: &KeptReadings, is_gas: bool) -> impl IntoView + use<> {
    let Some(last) = &kept.readings.last else { return view! { <p>{t("readings-none")}</p> }.into_any() };
    let when = numbers::moment(language(), u64::try_from(last.at_ms).unwrap_or(0));
    let lasts = match kept.lasts(wall_ms()) {
        Lasts::Days(days) => tn("lasts-days", usize::try_from(days).unwrap_or(usize::MAX)),
        Lasts::UsedUp => t("lasts-used-up"),
        Lasts::NotKnown => t("lasts-not-known"),
    };
    let mean = kept.readings.mean.as_deref().map(|mean| tt("readings-mean", &[("mean", &quantity(mean))]));
    let alarms = alarms(last, is_gas).into_iter().map(|words| view! { <li class="next">{words}</li> }).collect_view();
    view! {
        <p class="total"><span>{t("readings-balance")}</span><b data-test="balance">{quantity(&last.balance)}</b></p>
        <p><small data-test="read-at">{tt("readings-at", &[("when", &when), ("number", &last.receipt.to_string())])}</small></p>
        <p data-test="lasts"><b>{lasts}</b></p>
        {mean.map(|mean| view! { <p>{mean}</p> })}
        <ul class="entries" data-test="alarms">{alarms}</ul>
        {chart(&kept.bars(DAYS))}
    }
    .into_any()
}

/// What a person should know or do, in words.
fn alarms(last: &LastReading, is_gas: bool) -> Vec<String> {
    let or = |id: String, other: &str| known(&id).unwrap_or_else(|| t(other));
    let alarm = |code: &String| or(format!("alarm-{}", code.replace('_', "-")), "alarm-other");
    let cause = |code: &String| or(format!("cause-{}", code.replace('_', "-")), "cause-other");
    let mut words: Vec<String> = last.alarms.iter().map(alarm).collect();
    match last.valve.as_str() {
        "shut" if last.causes.is_empty() => words.push(t("cause-other")),
        "shut" => words.extend(last.causes.iter().map(cause)),
        "armed" => words.push(t(if is_gas { "armed-gas" } else { "armed" })),
        _ => {}
    }
    words
}

/// Use by day as bars, and the same as a table.
fn chart(bars: &[Bar<'_>]) -> impl IntoView + use<> {
    let highest = bars.iter().max_by_key(|bar| bar.day.used_fine);
    let (Some(first), Some(last), Some(highest)) = (bars.first(), bars.last(), highest) else { return ().into_any() };
    let day = |bar: &Bar<'_>| numbers::day(language(), &bar.day.day);
    let most = tt("chart-most", &[("used", &quantity(&highest.day.used)), ("day", &day(highest))]);
    let drawn = drawn(bars);
    let rows = bars.iter().map(|bar| {
        let estimated = bar.day.estimated.then(|| view! { " "<small>{t("chart-estimated")}</small> });
        view! { <tr><th scope="row">{day(bar)}{estimated}</th><td class="figure">{quantity(&bar.day.used)}</td></tr> }
    });
    let any_estimated = bars.iter().any(|bar| bar.day.estimated);
    view! {
        <h3>{t("chart-title")}</h3>
        <div class="chart" data-test="chart" role="img" aria-label=format!("{}. {most}", t("chart-title")) inner_html=drawn></div>
        <p class="ends" aria-hidden="true"><small>{day(first)}</small><small>{day(last)}</small></p>
        <p><small>{most}" "{any_estimated.then(|| t("chart-hollow"))}</small></p>
        <details data-test="chart-table"><summary>{t("chart-as-table")}</summary>
            <table><thead><tr><th scope="col">{t("chart-day")}</th><th scope="col" class="figure">{t("chart-used")}</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody></table>
        </details>
    }
    .into_any()
}

/// The bars as a drawing. It holds figures alone, so that nothing in it needs to be escaped.
fn drawn(bars: &[Bar<'_>]) -> String {
    let width = bars.len().max(DAYS) * (BAR + GAP);
    let mut svg = format!("<svg viewBox=\"0 0 {width} {}\" focusable=\"false\">", HEIGHT + 2);
    for (place, bar) in bars.iter().enumerate() {
        let height = usize::from(bar.permille) * HEIGHT / 1000;
        let (x, y) = (place * (BAR + GAP) + GAP / 2, HEIGHT - height + 1);
        let class = if bar.day.estimated { "estimated" } else { "read" };
        let _ = write!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BAR}\" height=\"{height}\"/>");
    }
    let _ = write!(svg, "<path d=\"M0 {y}H{width}\"/></svg>", y = HEIGHT + 1);
    svg
}
