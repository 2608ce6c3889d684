//! Which states count as one.
//!
//! Two states are merged only if every future of the one is a future of the other:
//!
//! * *The past of the meter.* The meter's number never falls, so all that the station learns from a receipt below
//!   the last one it understood, it has learned; the same is true of its backup. Receipts and tokens below both,
//!   and the part of a range below both, decide nothing any more. Tokens that only phones know matter while the
//!   meter has not passed them.
//! * *The names of the lines.* All lines are worth the same here, and no rule looks at which is which; so lines
//!   may be sorted by all that is known of each.
//!
//! A test compares the merged exploration with the plain one, state for state.

use crate::token::{LINES, Lines, Number};
use crate::world::{Backup, World};

impl World {
    /// The state that stands for all those that differ in nothing that can ever make a difference.
    pub fn merged(mut self) -> World {
        self.forget();
        let mut order = [0, 1, 2];
        order.sort_by_key(|&line| self.all_about(line));
        if order != [0, 1, 2] {
            self.reorder(order);
        }
        self
    }

    /// The number below which nothing decides anything any more.
    pub fn floor(&self) -> Number {
        match self.backup {
            Backup::Taken(station) => station.shown.min(self.station.shown),
            Backup::Never | Backup::Restored => self.station.shown,
        }
    }

    fn forget(&mut self) {
        let floor = self.floor();
        self.receipts &= !0 << floor;
        self.book.forget_below(floor);
        self.forgotten.forget_below(self.meter.number);
        self.station.gap = self.station.gap.from(floor);
        if self.station.gap.is_none() {
            self.station.gap_lines = Lines::NONE;
        }
    }

    /// Everything that the state says about one line.
    fn all_about(&self, line: usize) -> impl Ord + use<> {
        let backup = match self.backup {
            Backup::Taken(station) => Some(station.lines[line]),
            Backup::Never | Backup::Restored => None,
        };
        let sets = [self.paid, self.refunded, self.meter.counts, self.meter.loaded, self.station.gap_lines];
        let books = [self.book.counting(line), self.forgotten.counting(line)];
        (self.station.lines[line], backup, sets.map(|set| set.has(line)), books)
    }

    fn reorder(&mut self, order: [usize; LINES]) {
        self.station.reorder(order);
        if let Backup::Taken(station) = &mut self.backup {
            station.reorder(order);
        }
        self.book.reorder(order);
        self.forgotten.reorder(order);
        for set in [&mut self.paid, &mut self.refunded, &mut self.meter.counts, &mut self.meter.loaded] {
            *set = set.reorder(order);
        }
    }
}
