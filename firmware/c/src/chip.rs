//! The flash, over the functions that C gave.

use crate::abi::{COINLESS_FLASH_BYTES, COINLESS_OK, PortCalls};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes that are erased at once.
pub(crate) const ERASE_BYTES: u32 = if cfg!(feature = "erase-1024") {
    1024
} else if cfg!(feature = "erase-2048") {
    2048
} else {
    4096
};

/// The flash that a port gives.
#[derive(Debug)]
pub(crate) struct Chip {
    calls: &'static PortCalls,
}

impl Chip {
    pub fn new(calls: &'static PortCalls) -> Self {
        Self { calls }
    }
}

fn done(result: Option<i32>) -> Result<(), NorFlashErrorKind> {
    if result == Some(COINLESS_OK) { Ok(()) } else { Err(NorFlashErrorKind::Other) }
}

impl ErrorType for Chip {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = COINLESS_FLASH_BYTES as usize;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let context = self.calls.context;
        // SAFETY: the function of the header, with as many bytes to write to as it is told; `check_read` has bounded the length.
        done(self.calls.flash_read.map(|read| unsafe { read(context, offset, bytes.as_mut_ptr(), bytes.len() as u32) }))
    }

    fn capacity(&self) -> usize {
        self.calls.flash_bytes as usize
    }
}

impl NorFlash for Chip {
    // Records are written whole, and their length is a multiple of this, so that every smaller write word suits.
    const WRITE_SIZE: usize = COINLESS_FLASH_BYTES as usize;
    const ERASE_SIZE: usize = ERASE_BYTES as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        // SAFETY: the function of the header, with a range inside the flash.
        done(self.calls.flash_erase.map(|erase| unsafe { erase(self.calls.context, from, to) }))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let context = self.calls.context;
        // SAFETY: the function of the header, with as many bytes to read as it is told; `check_write` has bounded the length.
        done(self.calls.flash_write.map(|write| unsafe { write(context, offset, bytes.as_ptr(), bytes.len() as u32) }))
    }
}
