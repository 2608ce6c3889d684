//! What is noted of a round while somebody walks it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most characters of a note.
pub const MAX_NOTE_CHARS: usize = 300;

/// A round that is being walked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWalk {
    /// Its order.
    pub order: Uuid,
    /// The part of its lines that this phone walks; all of them if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Lines that were passed over, by their numbers.
    #[serde(default)]
    pub skipped: BTreeMap<u32, Skip>,
}

/// One of several parts of a round, each for one phone: lines are dealt out in runs, so that neighbours stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which part, from 1.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

/// Why a meter was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// The reason.
    pub reason: SkipReason,
    /// In the walker's words; at most [`MAX_NOTE_CHARS`].
    #[serde(default)]
    pub note: String,
}

/// Why a meter was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Nobody opened.
    NobodyHome,
    /// The meter could not be found or reached.
    NotReachable,
    /// The meter gave no answer, or its display is dark.
    NoAnswer,
    /// The meter refused the token.
    Refused,
    /// The resident did not want it.
    NotWanted,
    /// Something else: see the note.
    #[serde(other)]
    Other,
}

impl SkipReason {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::NobodyHome, Self::NotReachable, Self::NoAnswer, Self::Refused, Self::NotWanted, Self::Other];

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::NobodyHome => "nobody-home",
            Self::NotReachable => "not-reachable",
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
            Self::NotWanted => "not-wanted",
            Self::Other => "other",
        }
    }
}

impl Part {
    /// The part `part` of `of`, both from 1; none if there is no such part.
    pub fn new(part: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&part).then_some(Self { part, of })
    }

    /// Whether the line at `index` (from 0) of `lines` belongs to this part.
    pub fn has(&self, index: usize, lines: usize) -> bool {
        let at = |part: u32| (lines as u64 * u64::from(part)).div_ceil(u64::from(self.of.max(1)));
        (at(self.part.saturating_sub(1))..at(self.part)).contains(&(index as u64))
    }
}

impl StoredWalk {
    /// Nothing noted yet.
    pub fn new(order: Uuid) -> Self {
        Self { order, part: None, skipped: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_one_part() {
        for (lines, of) in [(1, 2), (80, 2), (81, 2), (7, 3), (500, 7), (2, 5)] {
            for index in 0..lines {
                let parts = (1..=of).filter(|part| Part::new(*part, of).unwrap().has(index, lines));
                assert_eq!(parts.count(), 1, "line {index} of {lines} in {of}");
            }
        }
        assert!(Part::new(0, 2).is_none() && Part::new(3, 2).is_none());
    }
}
