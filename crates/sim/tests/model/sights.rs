//! Situations that an exploration must have come through: without them it would prove little.

use crate::station::Line;
use crate::token::{Lines, Number};
use crate::world::{Action, World};

/// A step: what was, what happened, what is.
type Step<'a> = (&'a World, Action, &'a World);

/// A situation and how to know it.
type Sight = (&'static str, fn(Step<'_>) -> bool);

/// The situations.
const SIGHTS: [Sight; 14] = [
    ("a void's token refused: its line is loaded", |step| {
        refused_for_range(step).is_some() && voided(step.0).without(step.0.meter.loaded) != voided(step.0)
    }),
    ("a token refused for the hull of two ranges, between them", |step| {
        let ranges = step.0.station.lines;
        let in_range = |number| ranges.iter().any(|line| matches!(line, Line::Voided(range) if range.has(number)));
        refused_for_range(step).is_some_and(|number| voided(step.0).len() == 2 && !in_range(number))
    }),
    ("a void settled: loaded, no refund", |step| {
        brings(step) && turned(step, is_voided, |line| line == Line::Delivered)
    }),
    ("a void settled: refunded", |step| brings(step) && turned(step, is_voided, |line| line == Line::Refunded)),
    (
        "an old receipt, late or again",
        |(before, action, _)| matches!(action, Action::Bring(number) if number < before.station.shown),
    ),
    (
        "an old token, late or again",
        |(before, action, _)| matches!(action, Action::Hand(number) if number < before.meter.number),
    ),
    ("a restore with the meter in the gap", |(_, action, after)| {
        action == Action::Restore && after.station.gap.has(after.meter.number)
    }),
    ("a restore with a void pending", |(_, action, after)| action == Action::Restore && voided(after) != Lines::NONE),
    ("a void asked for before the recovery", |(before, action, _)| {
        matches!(action, Action::Void(_)) && before.station.recovering
    }),
    ("a token of the gap taken after the restore", |(before, action, after)| {
        matches!(action, Action::HandForgotten(_)) && before.meter != after.meter
    }),
    ("a receipt from the gap before the recovery", |step| {
        brings(step) && step.0.station.recovering && gap_number(step)
    }),
    ("a void ended by a receipt from the gap", |step| {
        brings(step) && gap_number(step) && turned(step, is_voided, |line| line == Line::Issued)
    }),
    ("a forgotten sale recovered", |step| {
        step.1 == Action::Recover && turned(step, |line| line == Line::Unsold, |line| line == Line::Issued)
    }),
    ("a forgotten refund recovered", |step| {
        step.1 == Action::Recover && turned(step, |line| line != Line::Refunded, |line| line == Line::Refunded)
    }),
];

/// How often each situation was seen.
#[derive(Default)]
pub struct Sights([u64; SIGHTS.len()]);

impl Sights {
    /// Counts the situations of one step.
    pub fn watch(&mut self, before: &World, action: Action, after: &World) {
        for (count, (_, is_seen)) in self.0.iter_mut().zip(SIGHTS) {
            *count += u64::from(is_seen((before, action, after)));
        }
    }

    /// Each situation with how often it was seen.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        SIGHTS.into_iter().map(|(name, _)| name).zip(self.0)
    }
}

/// The number of the meter, if it refuses a newer token because of it.
fn refused_for_range((before, action, _): Step<'_>) -> Option<Number> {
    let own = before.meter.number;
    let (number, token) = before.handed(action)?;
    (number > own && token.refused.has(own)).then_some(own)
}

fn is_voided(line: Line) -> bool {
    matches!(line, Line::Voided(_))
}

fn voided(world: &World) -> Lines {
    world.station.lines(is_voided)
}

fn brings((_, action, _): Step<'_>) -> bool {
    matches!(action, Action::Bring(_))
}

fn gap_number((before, action, _): Step<'_>) -> bool {
    matches!(action, Action::Bring(number) if before.station.gap.has(number))
}

/// Whether fewer lines are `from` and more are `to` than before. Merging may rename lines, so they are counted.
fn turned((before, _, after): Step<'_>, from: fn(Line) -> bool, to: fn(Line) -> bool) -> bool {
    after.station.lines(from).len() < before.station.lines(from).len()
        && after.station.lines(to).len() > before.station.lines(to).len()
}
