//! What happens in a row, in the words of its second column.

use crate::bench::{Bench, DAY, DAY_MS, HOUR_MS};
use crate::setup::{cause_of, number};
use crate::support::{fine, issuer, key};
use coinless_meter::{Pressed, unbilled_bound};
use coinless_protocol::settings::{Sensor, Settings};
use coinless_protocol::tariff::{Price, Tariff};
use coinless_protocol::token::{Clock, Conditions, Content, Credit, Order, Set, ValveOrder};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, Register, Units};

/// Lets `events` happen; gives the answers, in words, to whoever gets one.
pub fn happen(bench: &mut Bench, events: &str) -> Result<Vec<String>, String> {
    let mut answers = Vec::new();
    for event in events.split(", then ") {
        let words: Vec<_> = event.split(' ').collect();
        let here = at_the_meter(bench, &words).or_else(|| of_time(bench, &words)).map(Vec::from_iter);
        let known = here.or_else(|| over_the_link(bench, &words));
        answers.extend(known.ok_or_else(|| format!("unknown event '{event}'"))?);
    }
    Ok(answers)
}

/// What people, sensors and appliances do. The inner option is the answer.
fn at_the_meter(bench: &mut Bench, words: &[&str]) -> Option<Option<String>> {
    let now_ms = bench.now_ms;
    let mut answer = None;
    match words {
        ["use", units] => bench.use_up(number(units)?),
        ["use", units, "at", "once"] => {
            bench.meter().consume(now_ms, fine(number(units)?));
            bench.settle();
        }
        ["use", units, "each", minutes, "min", "for", hours, "h"] => {
            let (step_ms, mut left_ms) = (number::<u64>(minutes)? * 60_000, number::<u64>(hours)? * HOUR_MS);
            bench.use_up(number(units)?);
            while left_ms > 0 {
                bench.wait(step_ms);
                left_ms -= step_ms;
                bench.use_up(number(units)?);
            }
        }
        ["flow", "goes", "back"] => {
            bench.meter().consume(now_ms, FineCredit(-1_000));
            bench.settle();
        }
        ["press"] => answer = press(bench),
        ["open", "into", "flow"] => bench.open_into_flow(),
        ["take", "emergency", "credit"] => {
            answer = (!bench.meter().take_emergency(now_ms).unwrap()).then(|| "refused: not offered".to_owned());
            bench.settle();
        }
        ["technician", "clears", cause @ ..] => answer = bench.clear(cause_of(&cause.join(" "))?),
        ["technician", "repairs", "the", "valve"] => {
            bench.meter().clear_valve_failed(now_ms).unwrap();
            bench.settle();
        }
        ["arises:", cause @ ..] => {
            bench.meter().raise_cause(now_ms, cause_of(&cause.join(" "))?);
            bench.settle();
        }
        ["sensor", "begins:", sensor @ ..] => sense(bench, &sensor.join(" "), true)?,
        ["sensor", "ends:", sensor @ ..] => sense(bench, &sensor.join(" "), false)?,
        ["load", watts, "W", "for", seconds, "s"] => {
            for _ in 0..=number::<u64>(seconds)? {
                let now_ms = bench.now_ms;
                bench.meter().load(now_ms, number(watts)?);
                bench.wait(1_000);
            }
        }
        _ => return None,
    }
    Some(answer)
}

fn press(bench: &mut Bench) -> Option<String> {
    let now_ms = bench.now_ms;
    let pressed = bench.meter().press_open(now_ms);
    bench.settle();
    match pressed {
        Pressed::Opened => None,
        Pressed::AlreadyOpen => Some("refused: open already".to_owned()),
        Pressed::HeldShut(_) => Some("refused: held shut".to_owned()),
        Pressed::OutOfService => Some("refused: out of service".to_owned()),
    }
}

fn sense(bench: &mut Bench, name: &str, active: bool) -> Option<()> {
    let now_ms = bench.now_ms;
    let sensor = Sensor::ALL.into_iter().find(|sensor| sensor.words() == name)?;
    bench.meter().sensor(now_ms, sensor, active);
    bench.settle();
    Some(())
}

/// Time goes by, and power comes and goes.
fn of_time(bench: &mut Bench, words: &[&str]) -> Option<Option<String>> {
    match words {
        [clock] if clock.ends_with(":00") => {
            let hour: u64 = number(clock.split(':').next()?)?;
            let now_s = bench.clock()?;
            let ahead_s = (hour * 3_600 + 86_400 - now_s % 86_400) % 86_400;
            bench.wait(ahead_s * 1_000);
        }
        [days, "days", "pass"] => bench.wait(number::<u64>(days)? * DAY_MS),
        [hours, "h", "pass"] => bench.wait(number::<u64>(hours)? * HOUR_MS),
        [seconds, "s", "pass"] => bench.wait(number::<u64>(seconds)? * 1_000),
        ["restart"] => bench.restart(None),
        ["restart,", "the", "clock", "went", "on"] => bench.restart(Some(60)),
        ["cut", "after", "less", "than", "the", "unbilled", "bound"] => {
            let bound = unbilled_bound(bench.meter().commodity()).0 / 1_000;
            bench.use_up(bound - 1);
            bench.restart(None);
        }
        ["cut", "after", "the", "unbilled", "bound"] => {
            let bound = unbilled_bound(bench.meter().commodity()).0 / 1_000;
            bench.use_up(bound);
            bench.restart(None);
        }
        _ => return None,
    }
    Some(None)
}

/// Tokens.
fn over_the_link(bench: &mut Bench, words: &[&str]) -> Option<Vec<String>> {
    if let [count, kind @ ("read" | "credit"), "requests" | "tokens"] = words {
        let one = |number: u8| match *kind {
            "read" => bench.hand(&Order::Read([number; 8])),
            _ => bench.credit(1, false),
        };
        return Some((0..number(count)?).filter_map(one).collect());
    }
    over_the_link_once(bench, words).map(Vec::from_iter)
}

fn over_the_link_once(bench: &mut Bench, words: &[&str]) -> Option<Option<String>> {
    let answer = match words {
        ["credit", "of", units] => bench.credit(number(units)?, false),
        ["test", "token"] => bench.credit(0, false),
        ["closing", "token"] => bench.credit(0, true),
        ["closing", "token", "of", units] => bench.credit(number(units)?, true),
        ["the", "same", "token", "again"] => bench.hand_again(),
        ["credit", "of", units, "by", "another", "key"] => credit_by(bench, number(units)?),
        ["command:", "hold", "shut"] => bench.order(ValveOrder::HoldShut),
        ["command:", "release"] => bench.order(ValveOrder::Release),
        ["service", "token"] => bench.order(ValveOrder::Service),
        ["read", "request"] => bench.hand(&Order::Read([7; 8])),
        ["settings:", rest @ ..] => settings(bench, rest)?,
        ["tariff:", rest @ ..] => tariff(bench, rest)?,
        ["clock", "token", "of", days, "days", "later"] => clock(bench, number(days)?, false),
        ["clock", "token", "of", days, "days", "earlier"] => clock(bench, -number::<i64>(days)?, false),
        ["clock", "token", "in", "answer"] => clock(bench, 0, true),
        ["clock", "token", "in", "answer", "of", days, "days", "earlier"] => clock(bench, -number::<i64>(days)?, true),
        ["keys"] => bench.keys(Epoch(0), 1),
        ["keys", "of", "the", "next", "epoch"] => bench.keys(Epoch(1), 1),
        ["keys", "of", "the", "epoch", "after", "that"] => bench.keys(Epoch(2), 1),
        ["keys", "by", "an", "operational", "key"] => {
            bench.hand_by(&issuer(), Epoch(0), &Order::Keys(Content { number: 1, bytes: &[] }))
        }
        _ => return None,
    };
    Some(answer)
}

/// A credit token by the key that a keys token names.
fn credit_by(bench: &mut Bench, units: u64) -> Option<String> {
    let epoch = bench.meter().registers().epoch;
    let total = Units::new(bench.meter().state().unwrap().total.get() + units).unwrap();
    let register = Register { number: CreditNumber(1), total };
    let credit = Some(Credit { register, conditions: Conditions::default(), closing: false });
    bench.hand_by(&key(9), epoch, &Order::Set(Set { credit, ..Set::default() }))
}

fn clock(bench: &mut Bench, days: i64, answering: bool) -> Option<String> {
    let now_s = bench.clock().unwrap_or(DAY * 86_400);
    if answering {
        return bench.set_clock(now_s.checked_add_signed(days * 86_400).unwrap(), true);
    }
    let clock = Some(Clock { unix_s: now_s.checked_add_signed(days * 86_400).unwrap(), answers: None });
    bench.hand(&Order::Set(Set { clock, ..Set::default() }))
}

fn settings(bench: &mut Bench, words: &[&str]) -> Option<Option<String>> {
    let settings = match words {
        ["emergency", units] => Settings { emergency: number(units)?, ..Settings::default() },
        ["largest", "credit", units] => {
            Settings { max_credit: Some(Units::new(number(units)?).unwrap()), ..Settings::default() }
        }
        ["token", "may", "open"] => Settings { open_by_token: Some(true), ..Settings::default() },
        ["corrected", "by", ppm, "ppm"] => Settings { correction_ppm: number(ppm)?, ..Settings::default() },
        ["nonsense"] => return Some(bench.content(true, &[0xff])),
        _ => return None,
    };
    Some(bench.content(true, &settings.to_bytes().unwrap()))
}

fn tariff(bench: &mut Bench, words: &[&str]) -> Option<Option<String>> {
    let tariff = match words {
        ["without", "prices"] => Tariff { standing_per_day: 1_000, ..Tariff::default() },
        ["price", units] => {
            let price = Price(number::<u32>(units)? * 1_000);
            Tariff { rates: heapless::Vec::from_slice(&[price]).unwrap(), ..Tariff::default() }
        }
        _ => return None,
    };
    Some(bench.content(false, &tariff.to_bytes().unwrap()))
}
