//! Every single cut, and every pair of cuts, over a workload that goes round the ring three times.
//!
//! A cut falls into every byte that is programmed and into every step of an erasure
//! ([`ERASE_STEP_BYTES`](coinless_meter::ram_flash::ERASE_STEP_BYTES)). Each is tried on a copy of the ring as it was before
//! the commit, with what it leaves behind drawn anew. The second cut of a pair falls into every step after the first, through
//! the remount and on until another group has been entered.

use super::ring::{Breach, Ring};
use crate::support::long;

/// How often the workload goes round the ring.
const ROUNDS: u32 = 3;

impl<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize> Ring<SLOT, SIZE, WRITE, ERASE> {
    /// A journal of as many groups as the flash holds, never written.
    fn whole() -> Self {
        let mut ring = Self::new(1, SIZE as u32 / Self::group());
        ring.mount().unwrap();
        ring
    }

    /// Commits that enter every group [`ROUNDS`] times; a group takes its first record twice.
    fn commits(&self) -> u32 {
        let groups = SIZE as u32 / Self::group();
        ROUNDS * (self.slots() - groups)
    }

    /// Commits from the settling one to the one that enters another group.
    fn commits_to_next_group() -> u32 {
        Self::group() / SLOT as u32
    }

    /// The commit number `op` since the power came; the first settles.
    fn work(&mut self, op: u32) -> Result<bool, Breach> {
        if op == 0 { self.settle() } else { self.commit() }
    }

    /// Tries this commit with a cut at every step, or at every `stride`th from `first` on, and gives each ring that was cut to
    /// `then`, without power.
    fn every_cut(&self, op: u32, (first, stride): (u64, usize), draws: u64, mut then: impl FnMut(Self, u64)) {
        for step in (first..).step_by(stride) {
            for draw in 0..draws {
                let mut ring = self.clone();
                ring.flash.reseed(u64::from(op) << 32 | step << 8 | draw);
                ring.flash.cut_after(step);
                if ring.work(op).unwrap() {
                    return;
                }
                then(ring, step);
            }
        }
    }

    /// Goes on after a cut for so many commits, and looks at the end.
    fn go_on(mut self, commits: u32) -> Result<(), Breach> {
        self.mount()?;
        for op in 0..commits {
            assert!(self.work(op)?);
        }
        let last = self.found();
        self.mount()?;
        if self.found() == last { Ok(()) } else { Err(format!("{:?} and not {last:?}", self.found())) }
    }
}

/// Every single cut, so many times each, with another group entered after it. Gives how many.
fn singles<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize>(draws: u64) -> u64 {
    let mut ring = Ring::<SLOT, SIZE, WRITE, ERASE>::whole();
    let mut cuts = 0;
    for op in 0..ring.commits() {
        ring.every_cut(op, (0, 1), draws, |cut, step| {
            cuts += 1;
            let commits = Ring::<SLOT, SIZE, WRITE, ERASE>::commits_to_next_group();
            cut.go_on(commits).unwrap_or_else(|breach| panic!("commit {op}, step {step}: {breach}"));
        });
        assert!(ring.work(op).unwrap());
    }
    cuts
}

/// Every first cut with every `stride`th second one, beginning elsewhere each time. Gives how many.
fn pairs<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize>(stride: usize) -> u64 {
    let mut ring = Ring::<SLOT, SIZE, WRITE, ERASE>::whole();
    let (mut firsts, mut cuts) = (0, 0);
    for op in 0..ring.commits() {
        ring.every_cut(op, (0, 1), 1, |mut once, first| {
            let place = format!("commit {op}, step {first}");
            once.mount().unwrap_or_else(|breach| panic!("{place}: {breach}"));
            firsts += 1;
            for again in 0..Ring::<SLOT, SIZE, WRITE, ERASE>::commits_to_next_group() {
                once.every_cut(again, (firsts % stride as u64, stride), 1, |twice, second| {
                    cuts += 1;
                    let place = || format!("{place}, then commit {again}, step {second}");
                    // Goes on beyond the settling commit in some.
                    let commits = if cuts % 8 == 0 { 2 } else { 1 };
                    twice.go_on(commits).unwrap_or_else(|breach| panic!("{}: {breach}", place()));
                });
                assert!(once.work(again).unwrap());
            }
        });
        assert!(ring.work(op).unwrap());
    }
    cuts
}

#[test]
fn every_single_cut_in_small_sectors() {
    for single in [singles::<128, 512, 1, 128>, singles::<128, 512, 2, 256>, singles::<128, 1024, 4, 512>] {
        assert!(single(8) > 10_000);
    }
    assert!(singles::<256, 1024, 8, 128>(8) > 20_000);
}

#[test]
fn every_single_cut_in_large_sectors() {
    for single in [singles::<128, 2048, 8, 1024>, singles::<128, 2048, 128, 1024>, singles::<256, 4096, 4, 2048>] {
        assert!(single(1) > 6_000);
    }
    assert!(singles::<512, 8192, 1, 4096>(1) > 20_000);
}

#[test]
fn every_single_cut_in_a_ring_of_four_groups() {
    assert!(singles::<128, 2048, 8, 512>(4) > 20_000);
}

#[test]
fn every_pair_of_cuts() {
    assert!(pairs::<128, 512, 1, 128>(1) > 800_000);
}

#[test]
fn every_pair_of_cuts_in_longer_words() {
    let stride = if long() { 1 } else { 5 };
    assert!(pairs::<128, 512, 8, 256>(stride) > 160_000);
}

#[test]
fn every_pair_of_cuts_in_the_long_run() {
    if !long() {
        return;
    }
    for pair in [pairs::<128, 1024, 1, 512>, pairs::<128, 1024, 2, 512>, pairs::<128, 1024, 4, 512>] {
        assert!(pair(1) > 2_000_000);
    }
    for pair in [pairs::<128, 768, 1, 256>, pairs::<128, 2048, 8, 1024>] {
        assert!(pair(1) > 1_000_000);
    }
}

#[test]
fn pairs_of_cuts_in_large_sectors_in_the_long_run() {
    if !long() {
        return;
    }
    assert!(pairs::<256, 4096, 8, 2048>(5) > 6_000_000);
    assert!(pairs::<256, 8192, 4, 4096>(17) > 6_000_000);
}
