//! Contents of registers: any, and those that make sense.

use crate::strategies::{fine, number, units};
use crate::support::{KEY_NAMES, test_key};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::settings::{SensorSet, Settings};
use coinless_protocol::tariff::{Debt, Price, Step, Switch, Tariff};
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use coinless_protocol::{FineCredit, Units};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

fn weekdays() -> impl Strategy<Value = Weekdays> {
    (1..=0x7f_u8).prop_map(|bits| Weekdays::from_bits(bits).unwrap())
}

fn half_hour() -> impl Strategy<Value = HalfHour> {
    (0..48_u8).prop_map(|number| HalfHour::new(number).unwrap())
}

/// Any tariff that can be said, whether or not it makes sense.
pub fn any_tariff() -> BoxedStrategy<Tariff> {
    let rates = vec(number().prop_map(Price), 0..=8);
    let steps = vec((number(), number()).prop_map(|(from, more)| Step { from, more: Price(more) }), 0..=3);
    let switch = (weekdays(), half_hour(), 0..10_u8).prop_map(|(days, at, rate)| Switch { days, at, rate });
    let total = prop_oneof![3 => fine(), 1 => any::<i64>().prop_map(FineCredit)];
    let debt = (total, number(), 0..=110_u8).prop_map(|(total, per_day, per_cent)| Debt { total, per_day, per_cent });
    (rates, steps, vec(switch, 0..=12), 0..10_u8, number(), debt)
        .prop_map(|(rates, steps, switches, rate_without_clock, standing_per_day, debt)| Tariff {
            rates: rates.into_iter().collect(),
            steps: steps.into_iter().collect(),
            switches: switches.into_iter().collect(),
            rate_without_clock,
            standing_per_day,
            debt,
        })
        .boxed()
}

/// A tariff that makes sense: any, with what does not taken out.
pub fn tariff() -> BoxedStrategy<Tariff> {
    any_tariff()
        .prop_map(|mut tariff| {
            let rates = tariff.rates.len() as u8;
            let mut steps: Vec<_> = tariff.steps.iter().copied().filter(|_| rates > 0).collect();
            steps.sort_by_key(|step| step.from);
            steps.dedup_by_key(|step| step.from);
            let mut switches = Vec::<Switch>::new();
            for switch in tariff.switches.iter().filter(|_| rates > 0) {
                if switches.iter().all(|other| other.at != switch.at || other.days.bits() & switch.days.bits() == 0) {
                    switches.push(Switch { rate: switch.rate % rates, ..*switch });
                }
            }
            (tariff.steps, tariff.switches) = (steps.into_iter().collect(), switches.into_iter().collect());
            tariff.rate_without_clock %= rates.max(1);
            tariff.debt.total.0 = tariff.debt.total.0.saturating_abs();
            tariff.debt.per_cent %= 101;
            tariff
        })
        .boxed()
}

fn days() -> impl Strategy<Value = Days> {
    any::<(u16, u16)>().prop_map(|(a, b)| Days::new(a.min(b), a.max(b)).unwrap())
}

fn period() -> impl Strategy<Value = WeeklyPeriod> {
    (weekdays(), half_hour(), half_hour()).prop_map(|(days, from, to)| WeeklyPeriod { days, from, to })
}

/// Any settings that can be said, whether or not they make sense.
pub fn any_settings() -> BoxedStrategy<Settings> {
    let amounts = [number(), number(), number(), number(), number(), number(), number()];
    let lists = (vec(period(), 0..=4), vec(days(), 0..=6), vec(days(), 0..=2));
    let ppm = prop_oneof![Just(1_000_000), 400_000..2_100_000_u32, any::<u32>()];
    let choices = (any::<Option<bool>>(), proptest::option::of(units()), any::<i8>(), ppm);
    let times = (any::<u16>(), any::<u8>(), prop_oneof![Just(0), any::<u16>()], 0..32_u8);
    (amounts, lists, choices, times)
        .prop_map(|(amounts, (friendly, friendly_days, no_cut), choices, times)| {
            let [low_credit, very_low_credit, emergency, friendly_cap, no_cut_cap, load_limit_w, excess_flow] = amounts;
            let (open_by_token, max_credit, utc_offset_quarters, correction_ppm) = choices;
            let (load_limit_s, leak_h, disuse_days, shut_on) = times;
            Settings {
                low_credit,
                very_low_credit,
                emergency,
                friendly_cap,
                friendly: friendly.into_iter().collect(),
                friendly_days: friendly_days.into_iter().collect(),
                no_cut: no_cut.into_iter().collect(),
                no_cut_cap,
                utc_offset_quarters,
                open_by_token,
                max_credit,
                correction_ppm,
                load_limit_w,
                load_limit_s,
                excess_flow,
                leak_h,
                disuse_days,
                shut_on: SensorSet::from_bits(shut_on).unwrap(),
            }
        })
        .boxed()
}

/// Settings that make sense: any, with what does not put right.
pub fn settings() -> BoxedStrategy<Settings> {
    any_settings()
        .prop_map(|settings| Settings {
            very_low_credit: settings.very_low_credit.min(settings.low_credit),
            utc_offset_quarters: settings.utc_offset_quarters.clamp(-48, 56),
            max_credit: settings.max_credit.filter(|most| *most != Units::ZERO),
            correction_ppm: settings.correction_ppm.clamp(500_000, 2_000_000),
            load_limit_s: if settings.load_limit_w > 0 { settings.load_limit_s.max(1) } else { 0 },
            ..settings
        })
        .boxed()
}

pub fn operational_keys() -> BoxedStrategy<OperationalKeys> {
    let keys = KEY_NAMES.map(|name| test_key(name).public()).to_vec();
    subsequence(keys, 1..=2).prop_shuffle().prop_map(|keys| OperationalKeys::new(&keys).unwrap()).boxed()
}

/// Encoded contents of every kind.
pub fn bytes() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        tariff().prop_map(|tariff| tariff.to_bytes().unwrap().to_vec()),
        settings().prop_map(|settings| settings.to_bytes().unwrap().to_vec()),
        operational_keys().prop_map(|keys| keys.to_bytes().unwrap().to_vec()),
    ]
    .boxed()
}
