//! What has happened in a world, counted.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// How often each thing has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    counts: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// Counts that `what` has happened once more.
    pub(super) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// Counts that `what` has happened `times` more.
    pub(super) fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    /// How often `what` has happened.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
}

impl AddAssign<&Stats> for Stats {
    fn add_assign(&mut self, other: &Stats) {
        other.counts.iter().for_each(|(what, times)| self.add(what, *times));
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, times)| writeln!(f, "{times:>9}  {what}"))
    }
}
