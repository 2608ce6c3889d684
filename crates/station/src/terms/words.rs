//! Contents of registers in words, so that who signs reads what the meter will do.

use super::content::Content;
use super::credit::CreditWords;
use crate::ledger::time;
use crate::meters::Meter;
use coinless_protocol::settings::{NO_CORRECTION_PPM, Sensor, Settings};
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::ValveOrder;
use coinless_protocol::weekly::{Days, HalfHour, Weekdays};
use coinless_protocol::{FINE_PER_UNIT, FineCredit};
use jiff::ToSpan;
use jiff::civil::Date;

/// What the version `number` of a register of `meter` says, a sentence a line. Of the clock the number is the time in seconds
/// since 1970.
pub fn content(content: &Content, number: u64, meter: &Meter) -> Vec<String> {
    let credit = meter.credit();
    match content {
        Content::Tariff(tariff) => tariff_words(tariff, credit),
        Content::Settings(settings) => settings_words(settings, credit),
        Content::Valve(command) => vec![valve_words(*command).to_owned()],
        Content::Clock => {
            let ms = i64::try_from(number).ok().and_then(|seconds| seconds.checked_mul(1000));
            vec![format!("it is at least {}", ms.map_or_else(|| number.to_string(), time))]
        }
    }
}

fn valve_words(command: ValveOrder) -> &'static str {
    match command {
        ValveOrder::Release => "the valve is no longer held shut by command; a person opens it at the meter",
        ValveOrder::HoldShut => "the valve is shut and held shut by command",
        ValveOrder::Service => {
            "a technician has seen to tamper, leak and disuse: they hold the valve shut no longer; a person opens it at the meter"
        }
    }
}

fn tariff_words(tariff: &Tariff, credit: CreditWords) -> Vec<String> {
    let mut words = Vec::new();
    let unit = credit.commodity.display_unit();
    for (number, price) in tariff.rates.iter().enumerate() {
        words.push(format!("rate {}: {}", number + 1, credit.show_price(price.0)));
    }
    for switch in &tariff.switches {
        words.push(format!("rate {} begins {} at {}", switch.rate + 1, weekdays(switch.days), clock(switch.at)));
    }
    if tariff.rates.len() > 1 {
        words.push(format!("rate {} holds while the meter does not know the time", tariff.rate_without_clock + 1));
    }
    for step in &tariff.steps {
        words.push(format!("from {} {unit} in a month on, {} more", step.from, credit.show_price(step.more.0)));
    }
    let show = |fine: u32| credit.show(FineCredit(fine.into()));
    if tariff.standing_per_day > 0 {
        words.push(format!("standing charge: {} a day", show(tariff.standing_per_day)));
    }
    let debt = tariff.debt;
    if debt.total.0 > 0 {
        words.push(format!("debt that was ever put on this meter: {}", credit.show(debt.total)));
    }
    if debt.per_day > 0 {
        words.push(format!("debt: at most {} is recovered a day", show(debt.per_day)));
    }
    if debt.per_cent > 0 {
        words.push(format!("debt: {} % of every purchase is recovered", debt.per_cent));
    }
    if debt.total.0 > 0 && debt.per_day == 0 && debt.per_cent == 0 {
        words.push("nothing of the debt is recovered: the tariff has neither debt_per_day nor debt_percent".to_owned());
    }
    if words.is_empty() {
        words.push("no standing charge, no debt".to_owned());
    }
    words
}

fn settings_words(settings: &Settings, credit: CreditWords) -> Vec<String> {
    let mut words = Vec::new();
    let units = |units: u32| credit.show(FineCredit(i64::from(units) * FINE_PER_UNIT));
    if settings.low_credit > 0 {
        words.push(format!("low-credit alarm at {}", units(settings.low_credit)));
    }
    if settings.very_low_credit > 0 {
        words.push(format!("second low-credit alarm at {}", units(settings.very_low_credit)));
    }
    match settings.emergency {
        0 => words.push("no emergency credit".to_owned()),
        emergency => words.push(format!("emergency credit: {}", units(emergency))),
    }
    for period in &settings.friendly {
        let (from, to) = (clock(period.from), clock(period.to));
        words.push(format!(
            "no cut-off {} from {from} to {to}, down to {} below",
            weekdays(period.days),
            units(settings.friendly_cap)
        ));
    }
    for span in &settings.friendly_days {
        words.push(format!("no cut-off on {}, down to {} below", days(*span), units(settings.friendly_cap)));
    }
    for span in &settings.no_cut {
        let bound = match settings.no_cut_cap {
            0 => "without bound".to_owned(),
            cap => format!("down to {} below", units(cap)),
        };
        words.push(format!("this customer is not cut off on {}, {bound}", days(*span)));
    }
    if settings.utc_offset_quarters != 0 {
        let quarters = settings.utc_offset_quarters;
        let sign = if quarters < 0 { '-' } else { '+' };
        let quarters = quarters.unsigned_abs();
        words.push(format!("local time is UTC{sign}{:02}:{:02}", quarters / 4, quarters % 4 * 15));
    }
    match settings.open_by_token {
        Some(true) => words.push("a token opens the valve if only the credit was used up".to_owned()),
        Some(false) => words.push("the valve is opened by a person at the meter".to_owned()),
        None => {}
    }
    if let Some(most) = settings.max_credit {
        words.push(format!("it holds at most {}", credit.show(most.fine())));
    }
    if settings.correction_ppm != NO_CORRECTION_PPM {
        let ppm = settings.correction_ppm;
        words.push(format!("measured volume times {}.{:06}", ppm / 1_000_000, ppm % 1_000_000));
    }
    if settings.load_limit_w > 0 {
        words.push(format!("trips over {} W for {} s", settings.load_limit_w, settings.load_limit_s));
    }
    if settings.excess_flow > 0 {
        let flow = FineCredit(i64::from(settings.excess_flow) * FINE_PER_UNIT).display(credit.commodity);
        words.push(format!("shut by more than {flow} a minute"));
    }
    if settings.leak_h > 0 {
        words.push(format!("flow for {} h without a pause of half an hour is a leak", settings.leak_h));
    }
    if settings.disuse_days > 0 {
        words.push(format!("shut after {} days without consumption", settings.disuse_days));
    }
    let sensors: Vec<_> = Sensor::ALL.into_iter().filter(|sensor| settings.shut_on.contains(*sensor)).collect();
    match &sensors[..] {
        [] => words.push("no sensor shuts the valve".to_owned()),
        some => {
            let some: Vec<_> = some.iter().map(|sensor| sensor.words()).collect();
            words.push(format!("shut by: {}", some.join(", ")));
        }
    }
    words
}

fn clock(at: HalfHour) -> String {
    format!("{:02}:{:02}", at.get() / 2, at.get() % 2 * 30)
}

fn weekdays(days: Weekdays) -> String {
    if days == Weekdays::ALL {
        return "every day".to_owned();
    }
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let named = (0_u8..).zip(names).filter(|(day, _)| days.contains(*day)).map(|(_, name)| name);
    format!("on {}", named.collect::<Vec<_>>().join(", "))
}

fn days(days: Days) -> String {
    let date = |day: u16| Date::constant(1970, 1, 1).saturating_add(i64::from(day).days());
    if days.first() == days.last() {
        return date(days.first()).to_string();
    }
    format!("{} to {}", date(days.first()), date(days.last()))
}
