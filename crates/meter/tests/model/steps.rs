//! What may happen to a meter, drawn from a seed with an eye on where the meter stands.

use crate::model::Model;
use crate::tokens::{ROOT, Registers, Sold, What, Wish};
use coinless_protocol::settings::{Sensor, SensorSet, Settings};
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::{Debt, Price, Step as TariffStep, Switch, Tariff};
use coinless_protocol::token::ValveOrder;
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use coinless_protocol::{Challenge, FineCredit, Units};
use fastrand::Rng;

/// 2026-07-01 12:00 UTC, when clocks are first set.
const NOON_S: u64 = 20_635 * 86_400 + 43_200;
/// The names of operational keys that a keys token may name.
const OPERATIONAL: [u8; 3] = [2, 8, 9];

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A new token.
    Token(Wish),
    /// A token, and a power cut after so many steps of the flash.
    TornToken(Wish, u64),
    /// One of the tokens that were made before.
    OldToken(usize),
    /// The last token once more.
    SameToken,
    /// A token with a wrong signature.
    Forgery(Wish),
    /// Bytes that are none.
    Garbage(Vec<u8>),
    Receipt,
    Report,
    Challenge,
    /// So many one after the other.
    SignedIdentities(u32),
    /// Something flows, in thousandths.
    Consume(i64),
    Wait(u64),
    Press,
    Emergency,
    Raise(ShutCause),
    Clear(ShutCause),
    Repair,
    Sense(Sensor, bool),
    /// So much power, in W, now and after so many milliseconds.
    Load(u32, u64),
    /// So many thousandths flow, and again after each of so many pauses of so many milliseconds.
    Trickle(i64, u32, u64),
    /// The power goes off, and comes back after so many seconds with a clock that went on, or with none. Each of the next starts is
    /// cut after so many steps of the flash.
    Restart {
        clock: Option<u64>,
        cuts: Vec<u64>,
    },
    /// The power will be cut after so many steps of the flash.
    Cut(u64),
}

/// Draws the next step for a meter that stands as `model` says; `challenges` are those that were given out.
pub fn draw(random: &mut Rng, model: &Model, made: usize, challenges: &[Challenge]) -> Step {
    let cause = |random: &mut Rng| ShutCause::ALL[random.usize(..8)];
    if !model.facts.open && random.u32(..5) < 3 {
        return towards_open(random, model);
    }
    if !model.facts.clock_known && random.u32(..8) == 0 {
        return towards_the_time(random, model, challenges);
    }
    let signed = |registers: Registers| {
        Step::Token(Wish {
            epoch: model.terms.epoch,
            signer: model.terms.keys.1[0],
            what: What::Registers(Box::new(registers)),
        })
    };
    if model.terms.settings.0 == 0 && random.u32(..6) == 0 {
        let settings = Some((1, Some(settings(random, model))));
        return signed(Registers { settings, ..Registers::default() });
    }
    if model.settings().load_limit_w > 0 && random.u32(..8) == 0 {
        return Step::Load(6_000, 6_000);
    }
    match random.u32(..100) {
        0..26 => Step::Token(wish(random, model, challenges)),
        26..29 if made > 0 => Step::OldToken(random.usize(..made)),
        30 => Step::SameToken,
        29 => {
            let settings = Some((model.terms.settings.0 + 1, Some(settings(random, model))));
            let registers = Box::new(Registers { settings, credit: Some(sold(random, model)), ..Registers::default() });
            let signer = model.terms.keys.1[0];
            let wish = Wish { epoch: model.terms.epoch, signer, what: What::Registers(registers) };
            // While the record of the terms or that of the state is written.
            Step::TornToken(wish, random.u64(..900))
        }
        31 => Step::Forgery(wish(random, model, challenges)),
        32 => {
            let mut bytes = vec![0; random.usize(..150)];
            random.fill(&mut bytes);
            Step::Garbage(bytes)
        }
        33 => Step::Receipt,
        34 => Step::Report,
        35..38 => Step::Challenge,
        38 => Step::SignedIdentities([1, 1, 15][random.usize(..3)]),
        39..58 => Step::Consume(amount(random, model)),
        58..72 => Step::Wait(wait(random)),
        72..79 => Step::Press,
        79..82 => Step::Emergency,
        82 => Step::Raise(cause(random)),
        83..85 => Step::Clear(cause(random)),
        85..87 => Step::Challenge,
        87 => Step::Repair,
        88..91 => Step::Sense(Sensor::ALL[random.usize(..5)], random.bool()),
        91 => Step::Load(random.u32(..3) * 3_000, random.u64(3_000..9_000)),
        92 => Step::Trickle(random.i64(1..2_000), random.u32(1..8), random.u64(600_000..1_900_000)),
        93..97 => {
            let clock = random.bool().then(|| random.u64(..200_000));
            let cuts = if random.u32(..3) == 0 { vec![random.u64(..900); random.usize(..3)] } else { Vec::new() };
            Step::Restart { clock, cuts }
        }
        _ => Step::Cut(random.u64(..1_200)),
    }
}

/// What people do about a valve that is shut.
fn towards_open(random: &mut Rng, model: &Model) -> Step {
    let causes: Vec<_> = model.facts.causes.iter().collect();
    match causes.as_slice() {
        [] => Step::Press,
        [.., ShutCause::NoCredit] | [ShutCause::NoCredit, ..] if random.bool() => {
            let owed = u64::try_from(-model.balance()).unwrap_or(0) / 1_000;
            let total = model.total() + owed + random.u64(..60);
            let number = model.credit_number() + 1;
            let credit = Some(Sold { number, total, refused: None, needs: (0, 0, 0), closing: false });
            let mut registers = Registers { credit, ..Registers::default() };
            if model.made.by_money && model.tariff().rates.is_empty() {
                registers.tariff = Some((model.terms.tariff.0 + 1, Some(tariff(random, model))));
            }
            let signer = model.terms.keys.1[0];
            Step::Token(Wish { epoch: model.terms.epoch, signer, what: What::Registers(Box::new(registers)) })
        }
        [ShutCause::NoCredit, ..] if random.bool() => Step::Emergency,
        causes => Step::Clear(causes[random.usize(..causes.len())]),
    }
}

/// What a phone does for a meter that does not know the time.
fn towards_the_time(random: &mut Rng, model: &Model, challenges: &[Challenge]) -> Step {
    let Some((challenge, _)) = model.now.challenge.filter(|(challenge, _)| challenges.last() == Some(challenge)) else {
        return Step::Challenge;
    };
    let clock = Some((model.clock().max(NOON_S) + random.u64(..40_000), Some(challenge)));
    let registers = Registers { clock, ..Registers::default() };
    let signer = model.terms.keys.1[0];
    Step::Token(Wish { epoch: model.terms.epoch, signer, what: What::Registers(Box::new(registers)) })
}

fn amount(random: &mut Rng, model: &Model) -> i64 {
    let edge = i64::try_from(model.balance()).unwrap().clamp(1, 400_000);
    match random.u32(..12) {
        0 => -random.i64(0..5_000),
        1..6 => random.i64(1..3_000),
        6..8 => random.i64(1..30_000),
        8 => random.i64(1..600_000),
        // To the edge, and over it.
        9 => edge + random.i64(-1..2),
        _ => edge + random.i64(0..15_000),
    }
}

fn wait(random: &mut Rng) -> u64 {
    match random.u32(..10) {
        0..3 => random.u64(1..2_000),
        3..6 => random.u64(1_000..120_000),
        6 => 300_000 + random.u64(..2_000) - 1_000,
        7 => random.u64(600_000..7_200_000),
        8 => random.u64(3_600_000..100_000_000),
        _ => 86_400_000 * random.u64(1..50),
    }
}

/// A token: mostly one that a station would make.
pub fn wish(random: &mut Rng, model: &Model, challenges: &[Challenge]) -> Wish {
    let epoch = match random.u32(..30) {
        0 => model.terms.epoch + 1,
        1 => model.terms.epoch.saturating_sub(1),
        _ => model.terms.epoch,
    };
    let names = &model.terms.keys.1;
    let signer = match random.u32(..25) {
        0 => ROOT,
        1 => OPERATIONAL[random.usize(..3)],
        _ => names[random.usize(..names.len())],
    };
    match random.u32(..30) {
        0..2 => Wish { epoch, signer, what: What::Read(random.u64(..).to_be_bytes()) },
        2..4 => {
            let epoch = model.terms.epoch + u16::from(random.bool()) + u16::from(random.u32(..20) == 0);
            let signer = if random.u32(..5) == 0 { names[0] } else { ROOT };
            let before = if epoch == model.terms.epoch { model.terms.keys.0 } else { 0 };
            let count = if random.u32(..8) == 0 { 0 } else { random.usize(1..3) };
            let mut names = OPERATIONAL.to_vec();
            random.shuffle(&mut names);
            names.truncate(count);
            Wish { epoch, signer, what: What::Keys(number(random, before).max(1), names) }
        }
        _ => Wish { epoch, signer, what: What::Registers(Box::new(registers(random, model, challenges))) },
    }
}

/// A number, mostly the next one.
fn number(random: &mut Rng, own: u32) -> u32 {
    match random.u32(..20) {
        0 => own,
        1 => own.saturating_sub(random.u32(1..4)),
        2 => own.saturating_add(1 << 20),
        3 => own.saturating_add((1 << 20) + 1),
        4..7 => own.saturating_add(random.u32(2..5)),
        _ => own.saturating_add(1),
    }
}

fn registers(random: &mut Rng, model: &Model, challenges: &[Challenge]) -> Registers {
    let mut wanted = Registers::default();
    let which = random.u32(..24);
    if which < 12 || which == 23 {
        wanted.credit = Some(sold(random, model));
    }
    let money = model.made.by_money && model.tariff().rates.is_empty() && random.bool();
    if which == 12 || which == 13 || which == 23 || money {
        let good = random.u32(..12) > 0;
        wanted.tariff = Some((number(random, model.terms.tariff.0).max(1), good.then(|| tariff(random, model))));
    } else if (14..19).contains(&which) {
        let good = random.u32(..15) > 0;
        wanted.settings = Some((number(random, model.terms.settings.0).max(1), good.then(|| settings(random, model))));
    }
    if which == 19 || which == 20 || random.u32(..12) == 0 {
        let commands = [ValveOrder::HoldShut, ValveOrder::Release, ValveOrder::Service];
        wanted.valve = Some((number(random, model.command_number()).max(1), commands[random.usize(..3)]));
    }
    if which == 21 || which == 22 || random.u32(..12) == 0 {
        wanted.clock = Some(clock(random, model, challenges));
    }
    if wanted == Registers::default() {
        wanted.credit = Some(sold(random, model));
    }
    wanted
}

fn sold(random: &mut Rng, model: &Model) -> Sold {
    let own = model.credit_number();
    let total = match random.u32(..12) {
        0 => model.total().saturating_sub(random.u64(1..50)),
        1 | 2 => model.total(),
        3 => model.total() + random.u64(..2_000),
        _ => model.total() + random.u64(..150),
    };
    let range = (own.saturating_sub(random.u32(..3)), own + random.u32(..3));
    let refused = Some(range).filter(|(first, last)| first <= last && random.u32(..10) == 0);
    let mut need = |own: u32| if random.u32(..12) == 0 { own + random.u32(..2) } else { 0 };
    let needs = (need(model.terms.tariff.0), need(model.terms.settings.0), need(model.terms.keys.0));
    Sold { number: number(random, own), total, refused, needs, closing: random.u32(..60) == 0 }
}

fn clock(random: &mut Rng, model: &Model, challenges: &[Challenge]) -> (u64, Option<Challenge>) {
    let now_s = model.clock().max(NOON_S);
    // The last one is the one that may be answered.
    let answers = match random.u32(..6) {
        0 => None,
        1 => Some(random.u64(..).to_be_bytes()),
        2 => challenges.first().copied(),
        _ => challenges.last().copied(),
    };
    let unix_s = match random.u32(..8) {
        0 => now_s - random.u64(..200_000),
        1 => now_s - random.u64(..10_000_000),
        2 => now_s + random.u64(..20_000_000),
        _ => now_s + random.u64(..90_000),
    };
    (unix_s, answers)
}

fn tariff(random: &mut Rng, model: &Model) -> Tariff {
    let mut tariff = Tariff {
        standing_per_day: random.u32(..3) * 500,
        debt: Debt {
            total: FineCredit(random.i64(0..4) * 25_000),
            per_day: random.u32(..3) * 1_500,
            per_cent: random.u8(..3) * 15,
        },
        ..Tariff::default()
    };
    if model.made.by_money == (random.u32(..12) > 0) {
        for _ in 0..random.u32(1..5) {
            tariff.rates.push(Price(random.u32(..90_000))).unwrap();
        }
        let rates = tariff.rates.len() as u8;
        for step in 0..random.u32(..3) {
            tariff.steps.push(TariffStep { from: step, more: Price(random.u32(..9_000)) }).unwrap();
        }
        for _ in 0..random.u32(..6) {
            let (days, at) = (weekdays(random), half_hour(random));
            tariff.switches.push(Switch { days, at, rate: random.u8(..rates) }).unwrap();
        }
        tariff.rate_without_clock = random.u8(..rates);
    }
    tariff
}

fn weekdays(random: &mut Rng) -> Weekdays {
    Weekdays::from_bits(random.u8(1..0x80)).unwrap()
}

fn half_hour(random: &mut Rng) -> HalfHour {
    HalfHour::new(random.u8(..48)).unwrap()
}

fn settings(random: &mut Rng, model: &Model) -> Settings {
    let today = model.clock().max(NOON_S) / 86_400;
    let days = |random: &mut Rng| {
        let first = today as u16 + random.u16(..4) - 1;
        Days::new(first, first + random.u16(..3)).unwrap()
    };
    let low_credit = random.u32(..40);
    let mut settings = Settings {
        low_credit,
        very_low_credit: random.u32(..=low_credit),
        emergency: random.u32(..4) * 10,
        friendly_cap: random.u32(..4) * 5,
        no_cut_cap: random.u32(..2) * 8,
        utc_offset_quarters: random.i8(-8..9),
        shut_on: SensorSet::from_bits(random.u8(..0x20)).unwrap(),
        ..Settings::default()
    };
    for _ in 0..random.u32(..4) {
        let period = WeeklyPeriod { days: weekdays(random), from: half_hour(random), to: half_hour(random) };
        settings.friendly.push(period).unwrap();
    }
    for _ in 0..random.u32(..3) {
        settings.friendly_days.push(days(random)).unwrap();
        settings.no_cut.push(days(random)).unwrap();
    }
    let mut seldom = || random.u32(..3) == 0;
    if seldom() {
        settings.open_by_token = Some(seldom());
    }
    if seldom() {
        settings.correction_ppm = 950_001;
    }
    if seldom() {
        (settings.load_limit_w, settings.load_limit_s) = (3_000, 5);
    }
    if seldom() {
        settings.excess_flow = 40;
    }
    if seldom() {
        settings.leak_h = 1;
    }
    if seldom() {
        settings.disuse_days = 20;
    }
    if seldom() {
        settings.max_credit = Units::new(400).ok();
    }
    settings
}
