//! A meter and a reference model of it, side by side: after every step both say the same. The model is a plain restatement of
//! DESIGN §2 and §6 and of `docs/meter.md`: lists of what happened, sums made anew each time, and no journal.
//!
//! * `COINLESS_SEED=7` plays the meter of this one seed again.
//! * `COINLESS_SEEDS=1000` plays that many, from `COINLESS_SEED` on if both are set.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calendar;
#[macro_use]
mod compare;
mod hand;
mod model;
mod play;
mod power;
mod rules;
mod steps;
#[path = "../meter/support.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod support;
mod tokens;

use coinless_protocol::Commodity;
use fastrand::Rng;
use model::Made;
use play::Game;
use std::collections::BTreeMap;

/// Seeds of an ordinary run, and of a long one.
const SEEDS: [u64; 2] = [60, 20_000];
/// The same for a property by itself, which looks at less.
const FEWER_SEEDS: [u64; 2] = [30, 20_000];
/// Steps of each.
const STEPS: usize = 80;

/// What must have happened in an ordinary run: without it, the rules were held against nothing.
const INTERESTING: [&str; 52] = [
    "cause: closed account",
    "cause: command of the utility",
    "cause: leak or uncontrolled flow",
    "cause: long disuse",
    "cause: low battery",
    "cause: no credit",
    "cause: tamper",
    "clock known",
    "closed",
    "consumption lost in a cut",
    "debt paid",
    "emergency credit",
    "event: bad token",
    "event: busy",
    "event: clock lost",
    "event: cover opened",
    "event: credit used up",
    "event: emergency credit taken",
    "event: excess flow",
    "event: friendly credit",
    "event: leak",
    "event: load limit",
    "event: long disuse",
    "event: low battery",
    "event: low credit",
    "event: magnet",
    "event: reverse flow",
    "event: start",
    "event: uncontrolled flow",
    "event: valve failed",
    "friendly credit",
    "keys",
    "keys of a later epoch",
    "open",
    "power cuts",
    "presses: not",
    "presses: opened",
    "restarts",
    "restarts in a new epoch",
    "starts that were cut",
    "tokens answered from what is stored",
    "tokens half taken",
    "tokens: applied",
    "tokens: bad content",
    "tokens: closed",
    "tokens: in refused range",
    "tokens: jump too far",
    "tokens: needs newer register",
    "tokens: not newer",
    "tokens: not yet",
    "tokens: other epoch",
    "tokens: read",
];

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// A meter of one of the kinds that there are.
fn made(random: &mut Rng) -> Made {
    let commodity = [Commodity::Gas, Commodity::Water, Commodity::Electricity][random.usize(..3)];
    let gas = commodity == Commodity::Gas;
    let by_money = random.u32(..3) == 0;
    Made {
        commodity,
        by_money,
        initial: if by_money { 0 } else { random.u64(..2) * 100 },
        max_credit: 1_000,
        opening: gas.then_some((5_000, 60_000)),
        open_by_token: !gas && random.bool(),
        on_battery: random.bool(),
    }
}

/// Says how to play a seed again if its test fails, however it does.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            println!("to play it again: COINLESS_SEED={seed} cargo test -p coinless-meter --test model");
        }
    }
}

/// Plays the meter of one seed; gives what was seen.
fn play(seed: u64) -> BTreeMap<String, u64> {
    let _seed = Seed(seed);
    let mut random = Rng::with_seed(seed);
    let mut game = Game::new(made(&mut random));
    let mut story = Vec::new();
    for at in 0..STEPS {
        let step = steps::draw(&mut random, game.model(), game.made_tokens(), &game.challenges);
        story.push(format!("{at}: {step:?}"));
        if let Err(difference) = game.play(&step) {
            let story = story[story.len().saturating_sub(15)..].join("\n");
            panic!("{story}\n{difference}");
        }
        game.look();
    }
    game.look_back();
    game.seen
}

/// Runs `play` with every seed that was asked for; gives how many.
fn each_seed([ordinary, long]: [u64; 2], mut play: impl FnMut(u64)) -> u64 {
    let chosen = number("COINLESS_SEED");
    let usual = if std::env::var_os("COINLESS_LONG").is_some() { long } else { ordinary };
    let seeds = number("COINLESS_SEEDS").unwrap_or(if chosen.is_some() { 1 } else { usual });
    let first = chosen.unwrap_or(1);
    (first..first + seeds).for_each(&mut play);
    seeds
}

#[test]
fn a_meter_and_the_model_agree_after_every_step() {
    let mut seen = BTreeMap::<String, u64>::new();
    let seeds = each_seed(SEEDS, |seed| {
        for (what, times) in play(seed) {
            *seen.entry(what).or_default() += times;
        }
    });
    for (what, times) in &seen {
        println!("{times:8} {what}");
    }
    let missing: Vec<_> = INTERESTING.iter().filter(|what| seen.get(**what).is_none_or(|times| *times == 0)).collect();
    // Fewer seeds cannot show everything.
    assert!(seeds < SEEDS[0] || missing.is_empty(), "this never happened: {missing:?}");
}
