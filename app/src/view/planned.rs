//! What each meter of a house is to get, and a preview with totals.

use super::house::who;
use crate::act;
use crate::app::{App, Notice};
use crate::words::{money, t, tn, tt};
use coinless_phone::readings::expected_balances;
use coinless_phone::records::KeptMeter;
use coinless_phone::round::{self, NotPlanned, Pasted, Plan, Planned, Round};
use coinless_phone::{Asked, Sum};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use std::collections::HashMap;

/// How sums are found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Same,
    Share,
    Target,
    Each,
}

/// A house and what is written for it.
#[derive(Clone, Copy)]
struct House {
    meters: StoredValue<Vec<KeptMeter>>,
    way: RwSignal<Way>,
    /// One sum for all.
    one: RwSignal<String>,
    /// What is written for each, by label.
    each: RwSignal<HashMap<String, String>>,
    /// What each is to get, in the order of the meters; none if the one sum is none.
    planned: Memo<Option<Vec<Planned>>>,
}

/// The sums of the house `group`.
pub(super) fn plan(app: App, group: String) -> impl IntoView {
    let house = House::new(app, &group);
    let House { way, one, .. } = house;
    let choice = move |this: Way, words: &'static str, test: &'static str| {
        view! { <label class="choice"><input type="radio" name="way" data-test=test prop:checked=move || way.get() == this on:change=move |_| way.set(this)/>{t(words)}</label> }
    };
    let paste = move |event: leptos::ev::Event| house.paste(app, &event_target_value(&event));
    let is_wrong = Memo::new(move |_| house.planned.with(Option::is_none));
    view! {
        <fieldset class="card">
            <legend>{t("house-sums")}</legend>
            {choice(Way::Same, "house-same", "way-same")}
            {choice(Way::Share, "house-share", "way-share")}
            {choice(Way::Target, "house-target", "way-target")}
            {choice(Way::Each, "house-each", "way-each")}
            <Show when=move || way.get() != Way::Each>
                <label>{t("amount")}<input name="one" data-test="one" dir="ltr" autocomplete="off" placeholder="20.00 / 5m3" aria-invalid=move || is_wrong.get().to_string() aria-describedby="one-wrong"
                    prop:value=move || one.get() on:input=move |event| one.set(event_target_value(&event))/></label>
                <p id="one-wrong" class="wrong" role="alert">{move || is_wrong.get().then(|| t("amount-wrong-either"))}</p>
            </Show>
            <Show when=move || way.get() == Way::Each>
                <label>{t("house-paste")}<textarea name="paste" data-test="paste" rows="3" dir="ltr" on:change=paste></textarea></label>
            </Show>
        </fieldset>
        {move || preview(app, house, way.get() == Way::Each)}
        <div class="actions">
            <button class="main" data-test="quote" disabled=move || app.is_busy() on:click=move |_| house.go_on(app)>{t("amount-go-on")}</button>
        </div>
    }
}

impl House {
    fn new(app: App, group: &str) -> Self {
        let meters: Vec<KeptMeter> = app
            .contents
            .with_untracked(|contents| contents.meters.iter().filter(|kept| kept.group == group).cloned().collect());
        let usual: HashMap<_, _> =
            meters.iter().filter_map(|kept| Some((kept.label.clone(), kept.usual.clone()?))).collect();
        let way = RwSignal::new(if usual.is_empty() { Way::Same } else { Way::Each });
        let (one, each) = (RwSignal::new(String::new()), RwSignal::new(usual));
        let meters = StoredValue::new(meters);
        // What this phone may know of them: their last readings, and what it has bought since.
        let balances = Memo::new(move |_| app.contents.with(|contents| expected_balances(contents)));
        Effect::new(move |_| {
            if way.get() == Way::Target {
                let meters = meters.read_value().iter().filter_map(KeptMeter::meter).collect();
                leptos::task::spawn_local(act::entitled::refresh(app, meters));
            }
        });
        let planned =
            Memo::new(move |_| planned(&meters.read_value(), way.get(), &one.read(), &each.read(), &balances.read()));
        Self { meters, way, one, each, planned }
    }

    /// Takes over what was pasted, unless something is wrong with it.
    fn paste(self, app: App, text: &str) {
        let Pasted { sums, wrong, strangers } = round::pasted(text, &self.meters.read_value());
        let notice = match (wrong.as_slice(), strangers.as_slice()) {
            ([], []) => {
                self.each.update(|each| each.extend(sums));
                None
            }
            ([], strangers) => Some(tt("house-paste-strangers", &[("labels", &strangers.join(", "))])),
            (wrong, _) => {
                let numbers = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Some(tt("house-paste-wrong", &[("lines", &numbers)]))
            }
        };
        app.notice.set(notice.map(|words| Notice::trouble(words, "")));
    }

    fn go_on(self, app: App) {
        let told = |words: String, details: String| app.notice.set(Some(Notice::trouble(words, details)));
        let Some(planned) = self.planned.get_untracked() else { return told(t("amount-wrong-either"), String::new()) };
        match round::lines(&planned) {
            Ok(lines) if lines.is_empty() => told(t("list-empty"), String::new()),
            Ok(lines) => act::quote(app, lines, Some(file_of(&self.meters.read_value(), &planned))),
            Err((label, why)) => told(tt("house-line-wrong", &[("label", &label)]), why.to_string()),
        }
    }

    /// Why nothing can be asked for the meter at this place, or what is.
    fn asked(self, at: usize) -> Result<Option<Asked>, NotPlanned> {
        self.planned
            .with(|planned| planned.as_ref().and_then(|all| all.get(at)).map_or(Ok(None), |one| one.asked.clone()))
    }
}

/// What each meter is to get; none if the one sum for all is none.
fn planned(
    meters: &[KeptMeter],
    way: Way,
    one: &str,
    each: &HashMap<String, String>,
    balances: &HashMap<MeterId, i64>,
) -> Option<Vec<Planned>> {
    let plan = match (way, round::sum_of(one).ok()) {
        (Way::Each, _) => Plan::Each(each.clone()),
        (_, None) => return None,
        (_, Some(None)) => Plan::Each(HashMap::new()),
        (Way::Same, Some(Some(asked))) => Plan::Same(asked),
        (Way::Share, Some(Some(Asked::Amount(amount)))) => Plan::PerShare(amount),
        (Way::Target, Some(Some(Asked::Quantity(quantity)))) => Plan::Target(quantity),
        _ => return None,
    };
    Some(round::plan(meters, &plan, |meter| balances.get(meter).copied()))
}

/// A row for each meter, and the total. Only the figures change while somebody writes.
fn preview(app: App, house: House, by_hand: bool) -> impl IntoView + use<> {
    let rows = house.meters.with_value(|meters| {
        meters.iter().enumerate().map(|(at, kept)| row(house, at, kept, by_hand)).collect::<Vec<_>>()
    });
    let count = move |wanted: fn(&Asked) -> bool| {
        house.planned.with(|planned| {
            let asked = planned.iter().flatten().filter_map(|one| one.asked.as_ref().ok()?.as_ref());
            asked.filter(|asked| wanted(asked)).count()
        })
    };
    let total = move || {
        let mut sum = Sum::default();
        house.planned.with(|planned| {
            let asked = planned.iter().flatten().filter_map(|one| one.asked.as_ref().ok()?.as_ref());
            for amount in asked.filter_map(Asked::amount) {
                // An amount is a decimal number.
                sum.add(amount.as_str());
            }
        });
        let currency = app.station.with(|station| station.currency.clone()).unwrap_or_default();
        money(&sum.to_string(), &currency)
    };
    let quantities = move || count(|asked| asked.amount().is_none());
    view! {
        <table data-test="preview"><caption data-test="preview-count">{move || tn("house-preview", count(|_| true))}</caption>
            <tbody>{rows}</tbody>
            <tfoot><tr><th scope="row">{t("quote-total")}</th><td class="figure" data-test="preview-total">{total}</td></tr></tfoot>
        </table>
        {move || (quantities() > 0).then(|| view! { <p><small>{tn("house-quantities", quantities())}</small></p> })}
    }
}

fn row(house: House, at: usize, kept: &KeptMeter, by_hand: bool) -> impl IntoView + use<> {
    let each = house.each;
    let cell = if by_hand {
        let (key, name) = (StoredValue::new(kept.label.clone()), kept.called().to_owned());
        let value = move || key.with_value(|key| each.read().get(key).cloned().unwrap_or_default());
        let write = move |event| each.update(|each| drop(each.insert(key.get_value(), event_target_value(&event))));
        view! { <input class="short" dir="ltr" autocomplete="off" aria-label=tt("house-sum-of", &[("name", &name)]) data-test="sum" prop:value=value on:change=write/> }.into_any()
    } else {
        let asked = move || match house.asked(at) {
            Ok(Some(asked)) => asked.to_string(),
            Ok(None) => "–".to_owned(),
            Err(_) => "?".to_owned(),
        };
        view! { <bdi dir="ltr">{asked}</bdi> }.into_any()
    };
    let why = move || house.asked(at).err().map(|why| view! { <small class="wrong">{t(not_planned(why))}</small> });
    view! { <tr data-test="row"><th scope="row">{who(kept)}</th><td class="figure">{cell}{why}</td></tr> }
}

fn not_planned(why: NotPlanned) -> &'static str {
    match why {
        NotPlanned::NotAnAmount => "amount-wrong-either",
        NotPlanned::TooLarge => "planned-too-large",
        NotPlanned::NoBalance => "planned-no-balance",
        NotPlanned::OtherUnit => "planned-other-unit",
        NotPlanned::NotAMeter => "label-shape",
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
