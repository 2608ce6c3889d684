//! Flash chips of simulated meters: one in a file, one in memory with power cuts. Each has a latching valve with it, which
//! stays as it is when the meter is reset.

use crate::failpoint;
use coinless_meter::ValveCommand;
pub use coinless_meter::desk_chip::layout;
use coinless_meter::desk_chip::{CHIP_BYTES, FILE_BYTES, SECTOR_BYTES, VALVE_AT, VALVE_OPEN, VALVE_SHUT, WORD_BYTES};
use coinless_meter::ram_flash::{RamFlash, RamFlashError};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use std::cell::Cell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A flash and the valve that belongs to it.
pub trait Chip: NorFlash {
    /// Whether the valve stands open.
    fn valve_is_open(&self) -> bool;

    /// Drives the valve.
    fn drive_valve(&self, command: ValveCommand);

    /// Whether the programming of a record is a point of [`failpoint::METER`] from now on.
    fn reach_failpoints(&self, _on: bool) {}
}

/// A chip in a file: [`CHIP_BYTES`] of flash, and after them the valve. Every change is on the disk when it returns.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    failpoints: Cell<bool>,
}

/// Why a file is no chip.
#[derive(Debug, thiserror::Error)]
pub enum FileFlashError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It has another size or form.
    #[error("this is not the state file of a simulated meter; make one with `coinless meter new`")]
    NotAChip,
    /// Another process has it.
    #[error("another process runs this meter; end it first")]
    InUse,
}

impl FileFlash {
    /// Makes an erased chip with a shut valve in a new file that only its owner may read: it will hold a private key.
    ///
    /// # Errors
    /// [`FileFlashError::Io`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, FileFlashError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all_at(&[0xff; CHIP_BYTES as usize], 0)?;
        file.write_all_at(VALVE_SHUT, VALVE_AT.into())?;
        file.sync_all()?;
        Self::locked(file)
    }

    /// Opens a chip and keeps other processes from it.
    ///
    /// # Errors
    /// [`FileFlashError`].
    pub fn open(path: &Path) -> Result<Self, FileFlashError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut valve = [0; 16];
        if file.metadata()?.len() != u64::from(FILE_BYTES) {
            return Err(FileFlashError::NotAChip);
        }
        file.read_exact_at(&mut valve, VALVE_AT.into())?;
        if &valve != VALVE_OPEN && &valve != VALVE_SHUT {
            return Err(FileFlashError::NotAChip);
        }
        Self::locked(file)
    }

    fn locked(file: File) -> Result<Self, FileFlashError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { file, failpoints: Cell::new(false) }),
            Err(TryLockError::WouldBlock) => Err(FileFlashError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn write_through(&self, offset: u32, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset.into())?;
        self.file.sync_data()
    }
}

impl Chip for FileFlash {
    fn valve_is_open(&self) -> bool {
        let mut valve = [0; 16];
        self.file.read_exact_at(&mut valve, VALVE_AT.into()).is_ok() && &valve == VALVE_OPEN
    }

    fn drive_valve(&self, command: ValveCommand) {
        let position = if command == ValveCommand::Open { VALVE_OPEN } else { VALVE_SHUT };
        if let Err(error) = self.write_through(VALVE_AT, position) {
            tracing::error!(%error, "the valve does not move: the state file cannot be written");
        }
    }

    fn reach_failpoints(&self, on: bool) {
        self.failpoints.set(on);
    }
}

/// An operation on the file failed.
#[derive(Debug, thiserror::Error)]
pub enum FileOperationError {
    /// Outside the chip or not aligned.
    #[error("{0}")]
    Arguments(NorFlashErrorKind),
    /// A word was to be programmed again without an erasure.
    #[error("a word of the flash was to be programmed twice")]
    ProgrammedTwice,
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl NorFlashError for FileOperationError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Arguments(kind) => *kind,
            Self::ProgrammedTwice | Self::Io(_) => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FileOperationError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Arguments(kind)
    }
}

impl ErrorType for FileFlash {
    type Error = FileOperationError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileOperationError> {
        check_read(self, offset, bytes.len())?;
        Ok(self.file.read_exact_at(bytes, offset.into())?)
    }

    fn capacity(&self) -> usize {
        CHIP_BYTES as usize
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = SECTOR_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FileOperationError> {
        check_erase(self, from, to)?;
        for sector in (from..to).step_by(SECTOR_BYTES as usize) {
            self.write_through(sector, &[0xff; SECTOR_BYTES as usize])?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileOperationError> {
        check_write(self, offset, bytes.len())?;
        if self.failpoints.get() {
            failpoint::reach("meter.before_journal");
        }
        let mut cells = vec![0; bytes.len()];
        self.file.read_exact_at(&mut cells, offset.into())?;
        if cells.iter().any(|byte| *byte != 0xff) {
            return Err(FileOperationError::ProgrammedTwice);
        }
        // Programming clears bits and sets none.
        cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
        self.write_through(offset, &cells)?;
        if self.failpoints.get() {
            failpoint::reach("meter.after_journal");
        }
        Ok(())
    }
}

type Ram = RamFlash<{ CHIP_BYTES as usize }, WORD_BYTES, { SECTOR_BYTES as usize }>;

/// A chip of the same kind in memory, with power cuts: for many meters in one process.
#[derive(Debug, Clone)]
pub struct RamChip {
    flash: Box<Ram>,
    valve_open: Cell<bool>,
}

impl RamChip {
    /// An erased chip with a shut valve; `seed` decides what torn bits look like.
    pub fn new(seed: u64) -> Self {
        Self { flash: Box::new(Ram::new(seed)), valve_open: Cell::new(false) }
    }

    /// Cuts the power in the step after `steps` more ones (see [`RamFlash::cut_after`]).
    pub fn cut_after(&self, steps: u64) {
        self.flash.cut_after(steps);
    }

    /// Cuts the power now, between two operations.
    pub fn cut(&self) {
        self.flash.cut();
    }

    /// Switches the power on again.
    pub fn power_on(&self) {
        self.flash.power_on();
    }

    /// Whether the power is cut: the meter that runs on this chip must be thrown away and mounted again.
    pub fn is_cut(&self) -> bool {
        self.flash.is_cut()
    }
}

impl Chip for RamChip {
    fn valve_is_open(&self) -> bool {
        self.valve_open.get()
    }

    fn drive_valve(&self, command: ValveCommand) {
        // Without power a latching valve stays as it is.
        if !self.is_cut() {
            self.valve_open.set(command == ValveCommand::Open);
        }
    }
}

impl ErrorType for RamChip {
    type Error = RamFlashError;
}

impl ReadNorFlash for RamChip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for RamChip {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = SECTOR_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        self.flash.write(offset, bytes)
    }
}
