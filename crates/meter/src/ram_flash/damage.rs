//! What a power cut leaves of a word under programming and of a sector under erasure.

use core::cmp::Ordering;

/// Repeatable random numbers: SplitMix64 (Steele, Lea and Flood 2014), every seed a sequence of its own.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }

    /// 0 to `limit` − 1, and 0 for 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 1).checked_rem(limit as u64).unwrap_or(0) as usize
    }

    /// A byte with one bit.
    pub(super) fn bit(&mut self) -> u8 {
        1 << (self.byte() & 7)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A byte and those of its bits that read by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) byte: u8,
    pub(super) weak: u8,
}

/// What is left of a word whose programming was cut. Only bits that had to change are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TornWord {
    /// Nothing.
    Old,
    /// All of it is as before, but some bits are weak.
    OldAsItSeems,
    /// The bytes before the cut are new, those after it old, the one under way is a mixture.
    UpTo,
    /// Each bit is old or new.
    Mixture,
    /// Each bit is old, new or weak.
    WeakMixture,
    /// All of it is new, but a few bits are weak.
    NewButWeak,
    /// All of it is new.
    New,
    /// It cannot be read any more until its sector is erased. A word of a single byte is left old.
    Unreadable,
}

impl TornWord {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Old,
        Self::OldAsItSeems,
        Self::UpTo,
        Self::Mixture,
        Self::WeakMixture,
        Self::NewButWeak,
        Self::New,
        Self::Unreadable,
    ];

    pub(super) fn draw(random: &mut Random) -> Self {
        Self::ALL.get(random.below(Self::ALL.len())).copied().unwrap_or(Self::Mixture)
    }

    /// A byte of the word, which is `place` of the one under way.
    pub(super) fn cell(self, old: Damaged, new: u8, place: Ordering, random: &mut Random) -> Damaged {
        let changed = old.byte & !new;
        let (cleared, weak) = match (self, place) {
            (Self::Old | Self::Unreadable, _) | (Self::UpTo, Ordering::Greater) => (0, 0),
            (Self::New, _) | (Self::UpTo, Ordering::Less) => (changed, 0),
            (Self::UpTo, Ordering::Equal) | (Self::Mixture, _) => (changed & random.byte(), 0),
            (Self::OldAsItSeems, _) => (0, changed & random.byte() & random.byte()),
            (Self::WeakMixture, _) => (changed & random.byte(), changed & random.byte()),
            (Self::NewButWeak, _) => (changed, if random.one_in(2) { changed & random.bit() } else { 0 }),
        };
        Damaged { byte: old.byte & !cleared, weak: (old.weak & !cleared) | weak }
    }
}

/// What is left of a sector whose erasure was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfErased {
    /// It is as it was.
    Old,
    /// It is as it was, but a few of the programmed bits are weak.
    OldButWeak,
    /// It is erased up to the cut, with some bits that are not or are weak, and after that as it was.
    UpTo,
    /// The same from the other end.
    DownTo,
    /// It is programmed up to the cut, as chips do before they erase, and after that as it was.
    ProgrammedUpTo,
    /// Every programmed bit is erased, weak or as it was.
    Mixture,
    /// Every bit is 0 or 1, and some are weak.
    Noise,
    /// It is as it was but for few bits of any kind.
    Sprinkled,
    /// It is erased, but a few bits are weak.
    ErasedAsItSeems,
}

impl HalfErased {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Old,
        Self::OldButWeak,
        Self::UpTo,
        Self::DownTo,
        Self::ProgrammedUpTo,
        Self::Mixture,
        Self::Noise,
        Self::Sprinkled,
        Self::ErasedAsItSeems,
    ];

    /// Those of a chip that erases from the start of a sector, or all of its cells alike: where a record has survived, what was
    /// erased behind it still is.
    pub const ORDERLY: [Self; 5] = [Self::Old, Self::UpTo, Self::ProgrammedUpTo, Self::Mixture, Self::ErasedAsItSeems];

    pub(super) fn draw(shapes: &[Self], random: &mut Random) -> Self {
        shapes.get(random.below(shapes.len())).copied().unwrap_or(Self::Noise)
    }

    /// A byte of the sector, at `place` of the cut.
    pub(super) fn cell(self, old: Damaged, place: Ordering, random: &mut Random) -> Damaged {
        let programmed = !old.byte;
        let some = |random: &mut Random| if random.one_in(16) { random.bit() } else { 0 };
        let few = |random: &mut Random| if random.one_in(256) { random.bit() } else { 0 };
        match (self, place) {
            (Self::Old, _)
            | (Self::UpTo | Self::ProgrammedUpTo, Ordering::Greater)
            | (Self::DownTo, Ordering::Less) => old,
            (Self::OldButWeak, _) => Damaged { weak: old.weak | (programmed & few(random)), ..old },
            (Self::UpTo | Self::DownTo, _) => {
                let left = programmed & some(random);
                Damaged { byte: !left, weak: programmed & some(random) }
            }
            (Self::ProgrammedUpTo, Ordering::Less) => Damaged { byte: 0, weak: 0 },
            (Self::ProgrammedUpTo, Ordering::Equal) => Damaged { byte: old.byte & random.byte(), weak: 0 },
            (Self::Mixture, _) => {
                Damaged { byte: old.byte | (programmed & random.byte()), weak: programmed & random.byte() }
            }
            (Self::Noise, _) => Damaged { byte: random.byte(), weak: random.byte() & random.byte() },
            (Self::Sprinkled, _) if random.one_in(64) => {
                Damaged { byte: old.byte ^ random.bit(), weak: old.weak | random.bit() }
            }
            (Self::Sprinkled, _) => old,
            (Self::ErasedAsItSeems, _) => {
                Damaged { byte: 0xff, weak: if random.one_in(64) { programmed & random.bit() } else { 0 } }
            }
        }
    }
}
