//! The flash: a file of the host that stands for a chip, programmed word by word and erased step by step, each as slowly as a
//! chip does. So an emulator that is killed leaves what a power cut leaves: torn records and half-erased sectors.

use crate::board::wait_us;
use crate::host::{File, HostError};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes that are programmed at once.
const WORD_BYTES: usize = 4;
/// Time for a word: half of the 82 µs for 8 bytes of an STM32L4 (data sheet DS11451, table 59).
const WORD_US: u32 = 41;
/// Bytes that a step of an erasure erases.
const STEP_BYTES: usize = 64;
/// Time for a step: a 32nd of the 22 ms for 2 KiB of the same chip.
const STEP_US: u32 = 690;

/// The chip in a file.
#[derive(Debug)]
pub struct HostFlash {
    file: File,
}

/// Why the chip did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFlashError {
    /// Outside the chip or not aligned.
    Arguments(NorFlashErrorKind),
    /// A word was to be programmed again without an erasure.
    ProgrammedTwice,
    /// The host did not do it.
    Host,
}

impl HostFlash {
    /// The chip in `file`, which `coinless meter new` has made.
    pub fn new(file: File) -> Self {
        Self { file }
    }
}

impl From<HostError> for HostFlashError {
    fn from(_: HostError) -> Self {
        Self::Host
    }
}

impl From<NorFlashErrorKind> for HostFlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Arguments(kind)
    }
}

impl NorFlashError for HostFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Arguments(kind) => *kind,
            Self::ProgrammedTwice | Self::Host => NorFlashErrorKind::Other,
        }
    }
}

impl ErrorType for HostFlash {
    type Error = HostFlashError;
}

impl ReadNorFlash for HostFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), HostFlashError> {
        check_read(self, offset, bytes.len())?;
        Ok(self.file.read_at(offset, bytes)?)
    }

    fn capacity(&self) -> usize {
        coinless_meter::desk_chip::CHIP_BYTES as usize
    }
}

impl NorFlash for HostFlash {
    const WRITE_SIZE: usize = coinless_meter::desk_chip::WORD_BYTES;
    const ERASE_SIZE: usize = coinless_meter::desk_chip::SECTOR_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), HostFlashError> {
        check_erase(self, from, to)?;
        for step in (from..to).step_by(STEP_BYTES) {
            self.file.write_at(step, &[0xff; STEP_BYTES])?;
            wait_us(STEP_US);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), HostFlashError> {
        check_write(self, offset, bytes.len())?;
        let (words, _) = bytes.as_chunks::<WORD_BYTES>();
        for (offset, word) in (offset..).step_by(WORD_BYTES).zip(words) {
            let mut cells = [0; WORD_BYTES];
            self.file.read_at(offset, &mut cells)?;
            if cells != [0xff; WORD_BYTES] {
                return Err(HostFlashError::ProgrammedTwice);
            }
            self.file.write_at(offset, word)?;
            wait_us(WORD_US);
        }
        Ok(())
    }
}
