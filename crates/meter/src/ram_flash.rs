//! A NOR flash in memory with power cuts, for tests and simulations of what a meter's flash can go through.
//!
//! # Model
//!
//! * Programming clears bits and never sets one; a write word is programmed once between two erasures. Erasing sets a sector
//!   to `ff`. From a cut to [`RamFlash::power_on`] every operation fails.
//! * **Torn words.** A cut while a word is programmed leaves that whole word, be it of 1 or of 128 bytes, as any mixture of old
//!   and new bits ([`TornWord`]), or unreadable until its sector is erased, as on chips with an error correcting code.
//! * **Half-erased sectors.** A cut while a sector is erased leaves it as [`HalfErased`] says: as it was, in part erased or
//!   in part programmed, a random mixture of 0 and 1, or erased as it seems.
//! * **Weak bits.** What was torn or half erased may hold bits that read as 0 or 1 by chance, anew each time, until they are
//!   programmed or their sector is erased.
//! * **Flipped bits** in what is erased and unwritten ([`RamFlash::flip_erased`]), and **stuck bits** of worn cells
//!   ([`RamFlash::stick`]).
//!
//! Everything is decided by the seed. A clone goes on as the original would have: tests fork from it instead of beginning anew.

mod damage;

pub use damage::{HalfErased, TornWord};

use core::cell::Cell;
use damage::{Damaged, Random};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes of a sector that one step of an erasure stands for, unless [`RamFlash::with_erase_steps`] says otherwise.
/// Programming takes one step a byte.
pub const ERASE_STEP_BYTES: usize = 32;

/// Most stuck bytes of a flash.
pub const MAX_STUCK: usize = 64;

/// Most words that are unreadable at a time; a further one is torn in another way.
pub const MAX_UNREADABLE: usize = 16;

/// `SIZE` bytes of flash with write words of `WRITE` bytes and sectors of `ERASE` bytes.
#[derive(Debug, Clone)]
pub struct RamFlash<const SIZE: usize, const WRITE: usize, const ERASE: usize> {
    bytes: [u8; SIZE],
    /// The bits that read by chance.
    weak: [u8; SIZE],
    any_weak: bool,
    unreadable: heapless::Vec<usize, MAX_UNREADABLE>,
    stuck: heapless::Vec<Stuck, MAX_STUCK>,
    erase_step: usize,
    half_erased: &'static [HalfErased],
    programmed_twice: u32,
    erasures: u64,
    /// Steps until the power is cut.
    left: Cell<Option<u64>>,
    steps: Cell<u64>,
    dead: Cell<bool>,
    random: Random,
}

/// A byte with worn cells.
#[derive(Debug, Clone, Copy)]
struct Stuck {
    place: usize,
    /// Bits that cannot be erased.
    low: u8,
    /// Bits that cannot be programmed.
    high: u8,
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RamFlashError {
    /// Outside the flash or not aligned.
    Arguments(NorFlashErrorKind),
    /// A word was to be programmed again without an erasure.
    ProgrammedTwice,
    /// A word cannot be read until its sector is erased.
    Unreadable,
    /// The power is cut.
    NoPower,
}

impl NorFlashError for RamFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Arguments(kind) => *kind,
            Self::ProgrammedTwice | Self::Unreadable | Self::NoPower => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for RamFlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Arguments(kind)
    }
}

impl<const SIZE: usize, const WRITE: usize, const ERASE: usize> RamFlash<SIZE, WRITE, ERASE> {
    /// An erased flash; `seed` decides what cuts leave behind.
    pub const fn new(seed: u64) -> Self {
        Self {
            bytes: [0xff; SIZE],
            weak: [0; SIZE],
            any_weak: false,
            unreadable: heapless::Vec::new(),
            stuck: heapless::Vec::new(),
            erase_step: ERASE_STEP_BYTES,
            half_erased: &HalfErased::ALL,
            programmed_twice: 0,
            erasures: 0,
            left: Cell::new(None),
            steps: Cell::new(0),
            dead: Cell::new(false),
            random: Random::new(seed),
        }
    }

    /// The same flash with one step of an erasure for each `bytes` bytes, at least 1.
    pub fn with_erase_steps(mut self, bytes: usize) -> Self {
        self.erase_step = bytes.max(1);
        self
    }

    /// The same flash, of which a cut leaves one of `shapes` when it is erased; [`HalfErased::ALL`] unless this says otherwise.
    pub fn with_half_erased(mut self, shapes: &'static [HalfErased]) -> Self {
        self.half_erased = shapes;
        self
    }

    /// From now on `seed` decides what cuts leave behind.
    pub fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    /// Cuts the power in the step after `steps` more ones: one step is a byte programmed, or some bytes of a sector erased
    /// ([`ERASE_STEP_BYTES`]).
    pub fn cut_after(&self, steps: u64) {
        self.left.set(Some(steps));
    }

    /// Cuts the power now, between two operations.
    pub fn cut(&self) {
        self.dead.set(true);
    }

    /// Switches the power on again and calls off a cut that has not happened.
    pub fn power_on(&self) {
        self.left.set(None);
        self.dead.set(false);
    }

    /// Whether the power is cut.
    pub fn is_cut(&self) -> bool {
        self.dead.get()
    }

    /// Steps taken since the flash was made.
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// How often a sector was erased, all of them together.
    pub fn erasures(&self) -> u64 {
        self.erasures
    }

    /// How often a word was to be programmed that was programmed since its erasure.
    pub fn programmed_twice(&self) -> u32 {
        self.programmed_twice
    }

    /// Bits that read by chance.
    pub fn weak_bits(&self) -> u32 {
        self.weak.iter().map(|byte| byte.count_ones()).sum()
    }

    /// All bytes, to look at or to damage; a weak bit is what it last was for certain.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Clears a bit somewhere, if the aligned block of `block` bytes there is erased as a whole and has no weak bit, as
    /// neighbours that are programmed may do in the long run. Gives whether it did.
    pub fn flip_erased(&mut self, block: usize) -> bool {
        let place = self.random.below(SIZE);
        let from = place.checked_rem(block).map_or(place, |inside| place.saturating_sub(inside));
        let (cells, weak) = (self.bytes.iter().skip(from).take(block), self.weak.iter().skip(from).take(block));
        if !cells.zip(weak).all(|(byte, weak)| (*byte, *weak) == (0xff, 0)) {
            return false;
        }
        let bit = self.random.bit();
        self.bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte &= !bit);
        true
    }

    /// Wears out the byte at `place`: the bits of `low` read as 0 from now on, and those of `high` as 1. False if there are
    /// [`MAX_STUCK`] such bytes already, or no such place.
    pub fn stick(&mut self, place: usize, low: u8, high: u8) -> bool {
        place < SIZE && self.stuck.push(Stuck { place, low, high: high & !low }).is_ok() && {
            self.stay_stuck(place..place.saturating_add(1));
            true
        }
    }

    /// Takes a step; false if the power is cut in it.
    fn step(&self) -> bool {
        self.steps.set(self.steps.get().saturating_add(1));
        match self.left.get() {
            Some(0) => self.dead.set(true),
            Some(left) => self.left.set(Some(left.saturating_sub(1))),
            None => {}
        }
        !self.dead.get()
    }

    fn powered(&self) -> Result<(), RamFlashError> {
        if self.dead.get() { Err(RamFlashError::NoPower) } else { Ok(()) }
    }

    fn stay_stuck(&mut self, range: core::ops::Range<usize>) {
        for Stuck { place, low, high } in self.stuck.iter().filter(|stuck| range.contains(&stuck.place)) {
            let cell = (self.bytes.get_mut(*place), self.weak.get_mut(*place));
            if let (Some(byte), Some(weak)) = cell {
                (*byte, *weak) = ((*byte & !low) | high, *weak & !(low | high));
            }
        }
    }

    fn set(&mut self, place: usize, Damaged { byte, weak }: Damaged) {
        self.any_weak |= weak != 0;
        if let (Some(cell), Some(weak_cell)) = (self.bytes.get_mut(place), self.weak.get_mut(place)) {
            (*cell, *weak_cell) = (byte, weak);
        }
    }

    fn damaged(&self, place: usize) -> Damaged {
        let (byte, weak) = (self.bytes.get(place), self.weak.get(place));
        Damaged { byte: byte.copied().unwrap_or(0xff), weak: weak.copied().unwrap_or(0) }
    }

    fn erase_sector(&mut self, from: usize) -> Result<(), RamFlashError> {
        let to = from.saturating_add(ERASE);
        self.erasures = self.erasures.saturating_add(1);
        for at in (from..to).step_by(self.erase_step) {
            if !self.step() {
                self.half_erase(from, at, to);
                return Err(RamFlashError::NoPower);
            }
        }
        let cells = self.bytes.iter_mut().zip(&mut self.weak).take(to).skip(from);
        cells.for_each(|(byte, weak)| (*byte, *weak) = (0xff, 0));
        self.unreadable.retain(|word| !(from..to).contains(word));
        self.any_weak = self.weak.iter().any(|weak| *weak != 0);
        self.stay_stuck(from..to);
        Ok(())
    }

    fn half_erase(&mut self, from: usize, step: usize, to: usize) {
        let shape = HalfErased::draw(self.half_erased, &mut self.random);
        let at = step.saturating_add(self.random.below(self.erase_step)).min(to);
        for place in from..to {
            let cell = shape.cell(self.damaged(place), place.cmp(&at), &mut self.random);
            self.set(place, cell);
        }
        self.stay_stuck(from..to);
    }

    fn program_word(&mut self, from: usize, word: &[u8]) -> Result<(), RamFlashError> {
        for done in 0..word.len() {
            if !self.step() {
                self.tear(from, word, done);
                return Err(RamFlashError::NoPower);
            }
        }
        for (place, new) in (from..).zip(word) {
            let Damaged { byte, weak } = self.damaged(place);
            self.set(place, Damaged { byte: byte & new, weak: weak & new });
        }
        self.stay_stuck(from..from.saturating_add(word.len()));
        Ok(())
    }

    fn tear(&mut self, from: usize, word: &[u8], done: usize) {
        let shape = TornWord::draw(&mut self.random);
        if shape == TornWord::Unreadable && WRITE > 1 && self.unreadable.push(from).is_ok() {
            return;
        }
        for ((place, new), index) in (from..).zip(word).zip(0_usize..) {
            let cell = shape.cell(self.damaged(place), *new, index.cmp(&done), &mut self.random);
            self.set(place, cell);
        }
        self.stay_stuck(from..from.saturating_add(word.len()));
    }
}

impl<const SIZE: usize, const WRITE: usize, const ERASE: usize> ErrorType for RamFlash<SIZE, WRITE, ERASE> {
    type Error = RamFlashError;
}

impl<const SIZE: usize, const WRITE: usize, const ERASE: usize> ReadNorFlash for RamFlash<SIZE, WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.powered()?;
        check_read(self, offset, bytes.len())?;
        let from = offset as usize;
        let to = from.saturating_add(bytes.len());
        if self.unreadable.iter().any(|word| *word < to && word.saturating_add(WRITE) > from) {
            return Err(RamFlashError::Unreadable);
        }
        bytes.iter_mut().zip(self.bytes.iter().skip(from)).for_each(|(to, byte)| *to = *byte);
        if self.any_weak {
            for (to, weak) in bytes.iter_mut().zip(self.weak.iter().skip(from)).filter(|(_, weak)| **weak != 0) {
                *to = (*to & !weak) | (self.random.byte() & weak);
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl<const SIZE: usize, const WRITE: usize, const ERASE: usize> NorFlash for RamFlash<SIZE, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        self.powered()?;
        check_erase(self, from, to)?;
        (from as usize..to as usize).step_by(ERASE).try_for_each(|sector| self.erase_sector(sector))
    }

    /// A word that a torn programming left without a cleared bit can be programmed, as on a chip; its weak bits stay weak
    /// where they are not cleared now.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        self.powered()?;
        check_write(self, offset, bytes.len())?;
        let range = offset as usize..(offset as usize).saturating_add(bytes.len());
        let stuck = |place| self.stuck.iter().any(|stuck| stuck.place == place);
        let mut places = range.clone().zip(self.bytes.get(range).unwrap_or(&[]));
        if !places.all(|(place, old)| *old == 0xff || stuck(place)) {
            self.programmed_twice = self.programmed_twice.saturating_add(1);
            return Err(RamFlashError::ProgrammedTwice);
        }
        let words = (offset as usize..).step_by(WRITE).zip(bytes.chunks(WRITE));
        for (place, word) in words {
            self.program_word(place, word)?;
        }
        Ok(())
    }
}
