//! Who opens a valve: two properties by themselves.

use crate::model::Made;
use crate::play::Game;
use crate::steps::{self, Step};
use crate::{FEWER_SEEDS, Seed, each_seed, made};
use coinless_protocol::Commodity;
use coinless_protocol::report::Event;
use coinless_protocol::state::ShutCause;
use fastrand::Rng;

/// Steps before, among which are presses, and after.
const STEPS: [usize; 2] = [25, 50];

fn game(random: &mut Rng, is_gas: bool) -> Game {
    loop {
        let made = made(random);
        if (made.commodity == Commodity::Gas) == is_gas {
            // Whatever a token may do, it may do it here.
            return Game::new(Made { open_by_token: !is_gas, ..made });
        }
    }
}

fn next(random: &mut Rng, game: &Game) -> Step {
    steps::draw(random, game.model(), game.made_tokens(), &game.challenges)
}

/// Whether a press would be refused.
fn is_held(game: &Game) -> bool {
    !game.model().facts.causes.is_empty()
}

#[test]
fn no_sequence_of_messages_times_and_resets_opens_a_gas_valve() {
    let mut refused = 0;
    each_seed(FEWER_SEEDS, |seed| {
        let _seed = Seed(seed);
        let mut random = Rng::with_seed(seed);
        let mut game = game(&mut random, true);
        // As it was made, or after anything that may happen to a meter.
        for _ in 0..random.usize(..STEPS[0]) {
            let step = next(&mut random, &game);
            game.play(&step).unwrap();
        }
        let opened = game.opened;
        for _ in 0..STEPS[1] {
            let step = next(&mut random, &game);
            match step {
                Step::Press if !is_held(&game) => continue,
                Step::Press => refused += 1,
                _ => {}
            }
            let was_open = game.valve_open;
            game.play(&step).unwrap();
            assert_eq!(game.opened, opened, "{step:?} had a gas valve driven open");
            assert!(was_open || !game.valve_open, "{step:?} opened a gas valve");
        }
    });
    assert!(refused > 0, "no press was refused");
}

#[test]
fn after_a_trip_water_and_electricity_are_opened_by_a_press_and_by_nothing_else() {
    let (mut by_token, mut held_back) = (0, 0);
    each_seed(FEWER_SEEDS, |seed| {
        let _seed = Seed(seed);
        let mut random = Rng::with_seed(seed);
        let mut game = game(&mut random, false);
        let mut needs_hand = false;
        for _ in 0..STEPS[0] + STEPS[1] {
            let step = next(&mut random, &game);
            let (opened, trips, cuts) = (game.opened, trips(&game), game.power_cuts);
            game.play(&step).unwrap();
            if game.opened > opened && !matches!(step, Step::Press) {
                assert!(!needs_hand, "{step:?} opened a valve after a trip");
                by_token += 1;
            }
            let shut_only_for_credit = matches!(step, Step::Token(_)) && !game.valve_open;
            held_back += u32::from(needs_hand && shut_only_for_credit);
            needs_hand = match step {
                Step::Press if game.opened > opened => false,
                // A trip that was not journaled never was.
                _ if game.power_cuts > cuts => game.model().facts.by_hand,
                _ => needs_hand || trips != self::trips(&game) || is_held_for_more(&game),
            };
        }
    });
    assert!(by_token > 0 && held_back > 0, "{by_token} opened by a token, {held_back} not opened after a trip");
}

fn trips(game: &Game) -> [u32; 2] {
    [Event::LoadTrip, Event::UncontrolledFlow].map(|event| game.model().facts.events[event as usize])
}

/// Whether something else than used-up credit holds the valve shut.
fn is_held_for_more(game: &Game) -> bool {
    !game.model().facts.causes.without(ShutCause::NoCredit).is_empty()
}
