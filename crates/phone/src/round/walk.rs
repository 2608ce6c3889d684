//! Walking a round: which meter is next, what is done, passed over and left.

use crate::outcome::{LineReport, Loaded, Outcome};
use crate::records::{KeptMeter, Skip, StoredOrder, StoredWalk};
use crate::store::Contents;
use crate::wire::MeterInfo;
use coinless_protocol::MeterId;
use std::collections::HashMap;

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
    /// What it is called, as the phone or the round's file has it; else whose it is, as the station masks it; may be empty.
    pub name: String,
    /// Where it hangs, likewise; may be empty.
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
        let kept = contents.meters.iter().map(|kept| (kept.label.as_str(), kept)).collect();
        let stops = lines.into_iter().enumerate().filter(|(index, _)| mine(*index));
        Self { stops: stops.map(|(index, line)| stop(order, &kept, notes, index, line)).collect() }
    }

    /// The stop of this meter, if it is on the walk.
    pub fn stop_of(&self, meter: &MeterId) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.line.meter == meter.as_str())
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

fn stop(
    order: &StoredOrder,
    kept: &HashMap<&str, &KeptMeter>,
    notes: &StoredWalk,
    index: usize,
    line: LineReport,
) -> Stop {
    let kept = kept.get(line.label.as_str());
    let info = order.meters.iter().find(|info| info.meter == line.meter);
    let cell = |names: [&str; 2]| {
        let round = order.round.as_ref()?;
        let is_named = |column: &String| names.iter().any(|name| column.eq_ignore_ascii_case(name));
        round.rows.get(index)?.get(round.columns.iter().position(is_named)?).cloned()
    };
    let told =
        |texts: [Option<String>; 3]| texts.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default();
    let masked = |of: fn(&MeterInfo) -> &Option<String>| info.and_then(|info| of(info).clone());
    let name = [kept.map(|kept| kept.name.clone()), cell(["name", "flat"]), masked(|info| &info.customer)];
    let room = [kept.map(|kept| kept.room.clone()), cell(["room", "place"]), masked(|info| &info.place)];
    let state = match (line.loaded, line.outcome, notes.skipped.get(&line.line)) {
        (Loaded::Yes, ..) => StopState::Done,
        (_, Outcome::Ready | Outcome::Open | Outcome::Refunding, Some(skip)) => StopState::Skipped(skip.clone()),
        (_, Outcome::Ready | Outcome::Open | Outcome::Refunding, None) if line.on_phone => StopState::Left,
        _ => StopState::Nothing,
    };
    Stop { line, name: told(name), room: told(room), state }
}
