//! A small executable model of the credit register: every state that it can reach is visited.
//!
//! **The model.** One meter, a station that sells it three order lines with at most seven tokens, a payment
//! provider, and two phones. The station sells, voids and signs afresh; it writes down which lines the total of
//! each number counts, and what a receipt settles. It is backed up at most once, at any moment, and restored from
//! that at most once, at any later moment; then it recovers the sales from the provider's statement. The meter
//! takes or refuses tokens and answers with receipts.
//!
//! **The faults.** Phones hand over tokens and bring receipts late, repeatedly, in any order or never; they are
//! lost with everything on them. The station loses all that it did since the backup, but not what phones carry.
//!
//! **Not modelled.** The meter keeps its word: its number and total survive everything. Signatures are sound. A
//! refund is decided and done in one step, so that the statement knows all of them. A committed token that was not
//! signed before a crash is signed later with the same content, which is why a crash is no action of its own. The
//! restored station knows exactly which numbers it may have used; it may skip more, as no meter can stand there.
//!
//! **What must hold.** No line is both refunded and loaded, none is loaded and taken away again, no total falls,
//! the meter has no credit that was not sold, and the station's books say *delivered* of loaded lines only.
//! From every state plain perseverance leads to one where each line is delivered or refunded and the meter's total
//! is that of the delivered lines: neither for ever is nowhere.

mod couriers;
mod explore;
mod merge;
mod meter;
mod removals;
mod rules;
mod scope;
mod sights;
mod station;
mod token;
mod world;

use crate::couriers::Couriers;
use crate::explore::{Model, Seen, States, explore};
use crate::rules::Rules;
use crate::scope::Scope;
use crate::sights::Sights;
use crate::token::{LINES, Lines};
use crate::world::{Action, World};

#[test]
fn every_reachable_state_keeps_the_promises() {
    let mut sights = Sights::default();
    let seen = explore(World::NEW, &Scope::FULL, |before, action, after| {
        sights.watch(before, action, after);
        assert!(is_free_of_worth(before, action), "what lines are worth matters here: {action}");
    });
    let Seen { states, steps } = seen.unwrap_or_else(|trace| panic!("{trace}"));

    println!("{} states, {steps} steps between them", states.len());
    for (sight, count) in sights.counts() {
        println!("{count:>9} times {sight}");
        assert!(count > 0, "never seen: {sight}");
    }
    let at_the_end = |world: &World| {
        world.is_settled() && world.paid.len() == LINES as u32 && world.station.last_number == Scope::FULL.numbers
    };
    assert!(states.iter().any(at_the_end), "no state with all lines settled and all numbers used");
    assert!(states.len() > 500_000, "the exploration has become smaller: {} states", states.len());
}

#[test]
fn merged_states_stand_for_all_states() {
    let scope = Scope { numbers: 4, ..Scope::FULL };
    let merged = visit(World::NEW, &scope);
    let plain = visit(World::NEW, &Scope { merge: false, ..scope });
    let expected: States<World> = plain.into_iter().map(World::merged).collect();
    assert!(merged == expected);
}

#[test]
fn lines_of_different_worth_keep_the_promises() {
    visit(World::NEW, &Scope::PLAIN);
}

#[test]
fn two_phones_reach_no_other_states() {
    let scope = Scope { numbers: 3, ..Scope::FULL };
    let without_receipts = |world| World { receipts: 0, ..world };
    let by_phones = visit(Couriers::NEW, &scope);
    println!("{} states with phones", by_phones.len());
    let by_phones: States<World> = by_phones.into_iter().map(|couriers| without_receipts(couriers.world)).collect();
    let without_phones: States<World> = visit(World::NEW, &scope).into_iter().map(without_receipts).collect();
    assert!(by_phones == without_phones);
}

/// All states that can be reached from `start`, none of which may break a promise.
fn visit<M: Model>(start: M, scope: &Scope) -> States<M> {
    explore(start, scope, |_, _, _| ()).unwrap_or_else(|trace| panic!("{trace}")).states
}

/// Whether the total rule makes no difference to a token that is handed over: the meter refuses it anyway, or it
/// counts all that the meter has. If that is so everywhere, lines of any worth lead to the same states.
fn is_free_of_worth(world: &World, action: Action) -> bool {
    let scope = Scope { rules: Rules { meter_wants_no_less: false, ..Rules::ALL }, ..Scope::FULL };
    world.handed(action).is_none_or(|(number, token)| {
        !world.meter.takes(number, token, &scope) || world.meter.counts.without(token.counts) == Lines::NONE
    })
}
