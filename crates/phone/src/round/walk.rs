//! Walking a round: which meter is next, what is done, passed over and left.

use crate::outcome::{LineReport, Loaded, Outcome};
use crate::records::{Skip, StoredOrder, StoredWalk};
use crate::store::Contents;
use coinless_protocol::MeterId;

/// A round as it stands: the lines that this phone walks, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The stops.
    pub stops: Vec<Stop>,
}

/// One meter of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// How its line stands.
    pub line: LineReport,
    /// What it is called, and where it hangs, as the phone or the round's file has it; may be empty.
    pub name: String,
    /// Where it hangs; may be empty.
    pub room: String,
    /// Where it stands on the walk.
    pub state: StopState,
}

/// Where a meter stands on the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopState {
    /// Its credit is loaded.
    Done,
    /// There is nothing to carry: the line ended, or its token is not on this phone.
    Nothing,
    /// It was passed over.
    Skipped(Skip),
    /// It is to be visited.
    Left,
}

impl Walk {
    /// The walk of `order`, as far as this phone knows; `notes` is what the walker noted.
    pub fn of(order: &StoredOrder, contents: &Contents, notes: &StoredWalk) -> Self {
        let lines = LineReport::of_order(order, contents);
        let count = lines.len();
        let mine = |index: usize| notes.part.is_none_or(|part| part.has(index, count));
        let stops = lines.into_iter().enumerate().filter(|(index, _)| mine(*index));
        Self { stops: stops.map(|(index, line)| stop(order, contents, notes, index, line)).collect() }
    }

    /// The first stop that is left, after the stop of the meter `after` if one is named, else from the beginning.
    pub fn next(&self, after: Option<&MeterId>) -> Option<&Stop> {
        let is_left = |stop: &&Stop| stop.state == StopState::Left;
        let from = after.and_then(|meter| self.stops.iter().position(|stop| stop.line.meter == meter.as_str()));
        let later = self.stops.get(from.map_or(0, |at| at + 1)..).unwrap_or(&[]);
        later.iter().find(is_left).or_else(|| self.stops.iter().find(is_left))
    }

    /// How many stops are done, passed over and left. Those with nothing to carry are in none of them.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&StopState) -> bool| self.stops.iter().filter(|stop| wanted(&stop.state)).count();
        (
            count(|state| *state == StopState::Done),
            count(|state| matches!(state, StopState::Skipped(_))),
            count(|state| *state == StopState::Left),
        )
    }
}

fn stop(order: &StoredOrder, contents: &Contents, notes: &StoredWalk, index: usize, line: LineReport) -> Stop {
    let kept = contents.meters.iter().find(|kept| kept.label == line.label);
    let cell = |names: [&str; 2]| {
        let round = order.round.as_ref()?;
        let is_named = |column: &String| names.iter().any(|name| column.eq_ignore_ascii_case(name));
        round.rows.get(index)?.get(round.columns.iter().position(is_named)?).cloned()
    };
    let name = kept.map(|kept| kept.name.clone()).filter(|name| !name.is_empty()).or_else(|| cell(["name", "flat"]));
    let room = kept.map(|kept| kept.room.clone()).filter(|room| !room.is_empty()).or_else(|| cell(["room", "place"]));
    let state = match (line.loaded, line.outcome, notes.skipped.get(&line.line)) {
        (Loaded::Yes, ..) => StopState::Done,
        (_, Outcome::Ready | Outcome::Open | Outcome::Refunding, Some(skip)) => StopState::Skipped(skip.clone()),
        (_, Outcome::Ready | Outcome::Open | Outcome::Refunding, None) if line.on_phone => StopState::Left,
        _ => StopState::Nothing,
    };
    Stop { line, name: name.unwrap_or_default(), room: room.unwrap_or_default(), state }
}
