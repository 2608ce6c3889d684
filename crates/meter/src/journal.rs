//! The journal: where the state record lives, so that a power cut at any byte leaves the old state or the new one.
//!
//! # Format 1
//!
//! A range of at least two erase sectors is divided into slots of 128 bytes. A slot is erased (all `ff`) or holds one record:
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 4 | sequence number, little-endian; the highest valid one is the state |
//! | 4 | 4 | its complement |
//! | 8 | 116 | body ([`crate::state`]) |
//! | 124 | 4 | CRC-32C (Castagnoli, RFC 9260 appendix A) of bytes 0 to 123, little-endian |
//!
//! # Rules
//!
//! * A record is written only into a slot that reads back erased, and is read back before anything is acknowledged. If it
//!   reads back wrong, the next slot is tried with the next sequence number, at most [`MAX_ATTEMPTS`] times.
//! * A sector is erased as a whole when the writer enters it, even if it looks erased: the last erasure may have been cut.
//!   A sector that holds the newest valid record is never erased.
//! * A slot that is torn, or that the chip cannot read, is skipped.
//! * No valid record means that there is no state. It never means an empty one.
//!
//! The fault model is loss of power at any byte of a program or erase operation, once or twice in a row, with any mixture of
//! old, new and half-way bits where the cut fell, and slots that cannot be programmed. Bits that rot later in a record that
//! was once read back are found by the CRC, but the record before it would then be taken for the newest; a meter whose flash
//! rots puts its journal on a chip with error correction.

use crate::fields::{FieldReader, FieldWriter};
use crate::state::{BODY_BYTES, State};
use core::ops::Range;
use crc::{CRC_32_ISCSI, Crc};
use embedded_storage::nor_flash::NorFlash;

/// Bytes of a record, and the distance of two slots; a multiple of every write and read size of 1, 2, 4, 8, 16, 32, 64 or 128.
pub const RECORD_BYTES: usize = 128;

/// How many slots are tried for one record.
pub const MAX_ATTEMPTS: u32 = 8;

/// The checksum of records in flash.
pub(crate) const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

type Record = [u8; RECORD_BYTES];

const _: () = assert!(RECORD_BYTES == 8 + BODY_BYTES + 4);

/// A ring of slots over a range of a flash.
#[derive(Debug)]
pub struct Journal<F> {
    flash: F,
    start: u32,
    sectors: u32,
    /// The slot of the newest valid record.
    newest: Option<Slot>,
    /// The slot that was written last, or tried.
    last: Option<Slot>,
    sequence: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    sector: u32,
    index: u32,
}

/// What a journal held when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest {
    /// No valid record.
    Nothing,
    /// The newest record is whole, but of another format.
    OtherFormat,
    /// The newest state.
    State(State),
}

/// The range does not suit the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a journal needs at least two whole erase sectors inside the flash")]
pub struct LayoutError;

/// The record is not in the journal, or nothing is known of it: the meter must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No slot took the record.
    #[error("the flash did not take the record")]
    Flash,
    /// The sequence numbers are used up: 2^32 records, more than the flash can bear.
    #[error("the journal's sequence numbers are used up")]
    Exhausted,
}

impl<F: NorFlash> Journal<F> {
    const SECTOR: u32 = F::ERASE_SIZE as u32;
    const SLOTS: u32 = {
        assert!(F::WRITE_SIZE > 0 && RECORD_BYTES.is_multiple_of(F::WRITE_SIZE), "a slot is whole write words");
        assert!(F::READ_SIZE > 0 && RECORD_BYTES.is_multiple_of(F::READ_SIZE), "a slot is whole read words");
        assert!(F::ERASE_SIZE.is_multiple_of(RECORD_BYTES) && F::ERASE_SIZE > 0, "a sector is whole slots");
        (F::ERASE_SIZE / RECORD_BYTES) as u32
    };

    /// Opens the journal in `range` (bytes of `flash`) and reads its newest record. Writes nothing.
    ///
    /// # Errors
    /// [`LayoutError`] if the range is not at least two whole sectors inside the flash.
    pub fn open(flash: F, range: Range<u32>) -> Result<(Self, Newest), LayoutError> {
        let len = range.end.checked_sub(range.start).ok_or(LayoutError)?;
        let aligned = range.start.is_multiple_of(Self::SECTOR) && len.is_multiple_of(Self::SECTOR);
        let sectors = len.checked_div(Self::SECTOR).unwrap_or(0);
        if !aligned || sectors < 2 || range.end as usize > flash.capacity() {
            return Err(LayoutError);
        }
        let mut journal = Self { flash, start: range.start, sectors, newest: None, last: None, sequence: 0 };
        let newest = journal.find_newest();
        Ok((journal, newest))
    }

    /// Makes `state` the newest one. When this returns, it is in the flash and was read back.
    ///
    /// # Errors
    /// [`CommitError`]: then the next opening finds the state before it or this one.
    // Not inlined: its buffers must not lie on the stack while a receipt is signed.
    #[inline(never)]
    pub fn commit(&mut self, state: &State) -> Result<(), CommitError> {
        let body = state.to_body();
        for _ in 0..MAX_ATTEMPTS {
            // A number is used for one attempt only, so that a slot that reads differently later cannot be mistaken.
            self.sequence = self.sequence.checked_add(1).ok_or(CommitError::Exhausted)?;
            let slot = self.free_slot().ok_or(CommitError::Flash)?;
            self.last = Some(slot);
            if self.program(slot, &seal(self.sequence, &body)) {
                self.newest = Some(slot);
                return Ok(());
            }
        }
        Err(CommitError::Flash)
    }

    /// The flash.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    fn find_newest(&mut self) -> Newest {
        let mut newest = Newest::Nothing;
        for sector in 0..self.sectors {
            for index in 0..Self::SLOTS {
                let slot = Slot { sector, index };
                let Some((sequence, body)) = self.read(slot).as_ref().and_then(unseal) else { continue };
                if self.newest.is_none() || sequence > self.sequence {
                    (self.sequence, self.newest) = (sequence, Some(slot));
                    newest = State::from_body(&body).map_or(Newest::OtherFormat, Newest::State);
                }
            }
        }
        self.last = self.newest;
        newest
    }

    /// An erased slot: the next in the sector that was written last, else the first of another sector, erased for it.
    fn free_slot(&mut self) -> Option<Slot> {
        if let Some(Slot { sector, index }) = self.last {
            for index in index.saturating_add(1)..Self::SLOTS {
                let slot = Slot { sector, index };
                if self.reads_erased(slot) {
                    return Some(slot);
                }
            }
        }
        let (held, sectors) = (self.newest.map(|slot| slot.sector), self.sectors);
        // The first sector comes first in a journal that was never written.
        let before = self.last.map_or(sectors.saturating_sub(1), |slot| slot.sector);
        (1..=sectors)
            .filter_map(|step| before.saturating_add(step).checked_rem(sectors))
            .filter(|sector| Some(*sector) != held)
            .find_map(|sector| self.enter(sector))
    }

    fn enter(&mut self, sector: u32) -> Option<Slot> {
        let from = self.offset(Slot { sector, index: 0 });
        self.flash.erase(from, from.saturating_add(Self::SECTOR)).ok()?;
        (0..Self::SLOTS).map(|index| Slot { sector, index }).find(|slot| self.reads_erased(*slot))
    }

    /// Writes a record and reads it back. What the chip says of the writing does not count, only what is read.
    fn program(&mut self, slot: Slot, record: &Record) -> bool {
        let written = self.flash.write(self.offset(slot), record).is_ok();
        written && self.read(slot).as_ref() == Some(record)
    }

    fn read(&mut self, slot: Slot) -> Option<Record> {
        let mut record = [0; RECORD_BYTES];
        let offset = self.offset(slot);
        self.flash.read(offset, &mut record).ok()?;
        Some(record)
    }

    fn reads_erased(&mut self, slot: Slot) -> bool {
        self.read(slot).is_some_and(|record| record.iter().all(|byte| *byte == 0xff))
    }

    fn offset(&self, slot: Slot) -> u32 {
        // In range for every slot of the checked range; saturation is only there so that nothing can overflow.
        let in_range = slot.sector.saturating_mul(Self::SECTOR);
        self.start.saturating_add(in_range).saturating_add(slot.index.saturating_mul(RECORD_BYTES as u32))
    }
}

fn seal(sequence: u32, body: &[u8; BODY_BYTES]) -> Record {
    let mut record = [0; RECORD_BYTES];
    FieldWriter::new(&mut record).put(sequence.to_le_bytes()).put((!sequence).to_le_bytes()).put(*body);
    if let Some((checked, checksum)) = record.split_last_chunk_mut::<4>() {
        *checksum = CHECKSUM.checksum(checked).to_le_bytes();
    }
    record
}

fn unseal(record: &Record) -> Option<(u32, [u8; BODY_BYTES])> {
    let (checked, checksum) = record.split_last_chunk::<4>()?;
    let mut input = FieldReader::new(checked);
    let (sequence, complement, body) = (input.u32()?, input.u32()?, input.bytes()?);
    let valid = complement == !sequence && CHECKSUM.checksum(checked) == u32::from_le_bytes(*checksum);
    valid.then_some((sequence, body))
}
