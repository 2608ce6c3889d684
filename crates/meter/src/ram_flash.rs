//! A NOR flash in memory with power cuts, for tests and simulations of what a meter's flash can go through.
//!
//! Programming clears bits and never sets one; a write word is programmed once between two erasures; erasing sets a sector
//! to `ff`. A cut leaves the byte under way with any mixture of old and new bits, and a sector under erasure with any mixture
//! of old, erased and half-erased bytes. From the cut to [`RamFlash::power_on`] every operation fails.

use core::cell::Cell;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes of a sector that one step of an erasure stands for; programming takes one step a byte.
pub const ERASE_STEP_BYTES: usize = 32;

/// `SIZE` bytes of flash with write words of `WRITE` bytes and sectors of `ERASE` bytes.
#[derive(Debug, Clone)]
pub struct RamFlash<const SIZE: usize, const WRITE: usize, const ERASE: usize> {
    bytes: [u8; SIZE],
    /// Steps until the power is cut.
    left: Cell<Option<u64>>,
    steps: Cell<u64>,
    dead: Cell<bool>,
    random: u64,
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RamFlashError {
    /// Outside the flash or not aligned.
    Arguments(NorFlashErrorKind),
    /// A word was to be programmed again without an erasure.
    ProgrammedTwice,
    /// The power is cut.
    NoPower,
}

impl NorFlashError for RamFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Arguments(kind) => *kind,
            Self::ProgrammedTwice | Self::NoPower => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for RamFlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Arguments(kind)
    }
}

impl<const SIZE: usize, const WRITE: usize, const ERASE: usize> RamFlash<SIZE, WRITE, ERASE> {
    /// An erased flash; `seed` decides what torn bits look like.
    pub const fn new(seed: u64) -> Self {
        Self {
            bytes: [0xff; SIZE],
            left: Cell::new(None),
            steps: Cell::new(0),
            dead: Cell::new(false),
            random: seed | 1,
        }
    }

    /// Cuts the power in the step after `steps` more ones: one step is a byte programmed or [`ERASE_STEP_BYTES`] erased.
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

    /// All bytes, to look at or to damage.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
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

    fn draw(&mut self) -> u8 {
        // xorshift64: torn bits must be repeatable, not unpredictable.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.to_le_bytes()[3]
    }

    fn powered(&self) -> Result<(), RamFlashError> {
        if self.dead.get() { Err(RamFlashError::NoPower) } else { Ok(()) }
    }

    fn erase_sector(&mut self, from: usize) -> Result<(), RamFlashError> {
        let to = from.saturating_add(ERASE);
        for at in (from..to).step_by(ERASE_STEP_BYTES) {
            if !self.step() {
                self.half_erase(from, at, to);
                return Err(RamFlashError::NoPower);
            }
        }
        self.bytes.iter_mut().take(to).skip(from).for_each(|byte| *byte = 0xff);
        Ok(())
    }

    /// Bytes before `at` are mostly erased, those after it mostly not.
    fn half_erase(&mut self, from: usize, at: usize, to: usize) {
        for place in from..to {
            let (chance, bits) = (self.draw(), self.draw());
            let Some(byte) = self.bytes.get_mut(place) else { continue };
            *byte = match (place < at, chance) {
                (true, 32..) => 0xff,
                (false, 32..) => *byte,
                _ => *byte | bits,
            };
        }
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
        bytes.iter_mut().zip(self.bytes.iter().skip(offset as usize)).for_each(|(to, from)| *to = *from);
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

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        self.powered()?;
        check_write(self, offset, bytes.len())?;
        let range = offset as usize..(offset as usize).saturating_add(bytes.len());
        if !self.bytes.get(range).is_some_and(|old| old.iter().all(|byte| *byte == 0xff)) {
            return Err(RamFlashError::ProgrammedTwice);
        }
        for (place, new) in (offset as usize..).zip(bytes) {
            let cut = !self.step();
            let torn = if cut { self.draw() } else { 0 };
            if let Some(byte) = self.bytes.get_mut(place) {
                *byte &= new | torn;
            }
            if cut {
                return Err(RamFlashError::NoPower);
            }
        }
        Ok(())
    }
}
