//! A journal: where records of one kind live, so that a power cut at any byte leaves the old record or the new one.
//!
//! # Format
//!
//! A range of a flash is divided into *groups* of slots. A group is erased as a whole: it is one erase sector, or as many as
//! hold two slots. There are at least two groups. A slot is erased (all `ff`) or holds one record:
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 4 | sequence number, little-endian, above 0; the record with the highest valid one counts |
//! | 4 | 4 | its complement |
//! | 8 | slot − 12 | body ([`Record`]) |
//! | slot − 4 | 4 | CRC-32C (Castagnoli, RFC 9260 appendix A) of all bytes before it, little-endian |
//!
//! # Rules
//!
//! What a cut leaves behind may read differently each time: a torn record as valid today and as torn tomorrow, a slot as
//! erased that will show bits later. So nothing is built on what the session before left, but for its valid records:
//!
//! * The first record after an opening goes into another group, which is erased as a whole for it, even if it looks erased.
//!   In the same session the writer goes on from slot to slot and from group to group.
//! * The first record in a group is written twice before it counts. A group with fewer than two valid records is
//!   *unconfirmed*: nothing was ever acknowledged on what it holds, and the cut came while it was entered.
//! * The highest valid record is what an opening finds. It counts when it has been committed again.
//! * The first group to be erased after an opening is one without a valid record; else one with a single one, an old before the
//!   newest; else that with the oldest. The confirmed group with the newest record is never erased then, and later never the
//!   one in which a commit succeeded last.
//! * A record is written only into a slot that reads back erased, and is read back before anything is acknowledged. If it
//!   reads back wrong, the next slot is tried, at most [`MAX_ATTEMPTS`] in a group and [`MAX_GROUPS`] groups.
//! * A sequence number is used for one attempt only. An opening leaves out [`SKIPPED_NUMBERS`], which attempts that are not
//!   readable now may have used.
//! * A slot that is torn, or that the chip cannot read, is skipped.
//! * No valid record means that there is none. It never means an empty one.
//!
//! # What it withstands
//!
//! Loss of power at any byte of a program or erase operation, any number of times in a row, with any mixture of old, new and
//! weak bits in the word or sector where the cut fell ([`crate::ram_flash`] is that model); bits that flip in erased slots;
//! and slots that cannot be programmed or erased. For all of that it takes three groups. With two, a cut while a group is
//! erased must leave what [`HalfErased::ORDERLY`](crate::ram_flash::HalfErased::ORDERLY) says: other shapes lost a record about
//! once in 400,000 cuts in a row.
//!
//! Bits that rot later in a record that was once read back are found by the CRC, but the record before it would then be taken
//! for the newest; a meter whose flash rots puts its journal on a chip with error correction.
//!
//! A group of `n` slots takes `n` − 1 commits for one erasure, and every opening that is followed by a commit takes one. So
//! groups of 8 and more slots wear least.

use crate::fields::{FieldReader, FieldWriter};
use core::marker::PhantomData;
use core::ops::Range;
use crc::{CRC_32_ISCSI, Crc};
use embedded_storage::nor_flash::NorFlash;

/// Bytes of a slot that are not the body: sequence number, complement and checksum.
pub const OVERHEAD_BYTES: usize = 12;

/// How many slots of a group are tried for one record.
pub const MAX_ATTEMPTS: u32 = 8;

/// How many groups are tried for one record, the one that is being filled included.
pub const MAX_GROUPS: u32 = 4;

/// Most groups of a journal.
pub const MAX_RING_GROUPS: u16 = 4096;

/// Sequence numbers that an opening leaves out: as many as one commit can use.
pub const SKIPPED_NUMBERS: u32 = MAX_ATTEMPTS * MAX_GROUPS;

/// How many valid records make a group count: as often its first record is written.
pub const CONFIRMED: u32 = 2;

/// The checksum of records in flash.
pub(crate) const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Bytes that are compared at a time when a record is read back.
const COMPARED_BYTES: usize = 32;

/// What a journal keeps.
pub trait Record: Sized {
    /// The bytes of a slot: an array of a power of two of bytes, at least 128. The body takes all but [`OVERHEAD_BYTES`].
    type Slot: AsRef<[u8]> + AsMut<[u8]>;

    /// A slot of zeros.
    const BLANK: Self::Slot;

    /// Writes the body; what it leaves is zero.
    fn write_body(&self, body: &mut [u8]);

    /// Reads a body, as long as a slot allows; none if it is of another format.
    fn read_body(body: &[u8]) -> Option<Self>;
}

/// A ring of slots over a range of a flash, which is lent to it for each call: several journals can share a chip. A copy is
/// for a copy of the flash.
#[derive(Debug, Clone)]
pub struct Journal<R> {
    ring: Ring,
    record: PhantomData<R>,
}

/// The same, whatever it keeps: so that the code for it is there once.
#[derive(Debug, Clone)]
struct Ring {
    start: u32,
    groups: u16,
    /// The group that must not be erased.
    held: Option<u16>,
    /// The group that is entered next, unless it is held.
    next: u16,
    /// The next slot of the group that was entered in this session.
    filling: Option<Slot>,
    /// The slot of the newest record.
    newest: Option<Slot>,
    sequence: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    group: u16,
    index: u16,
}

/// What a journal held when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newest<R> {
    /// No valid record.
    Nothing,
    /// The newest record is whole, but of another format.
    OtherFormat,
    /// The newest record.
    Record(R),
}

/// The range does not suit the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a journal needs 2 to {MAX_RING_GROUPS} groups of whole erase sectors inside the flash, each of two slots or more"
)]
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

/// The sizes of a journal on a flash.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Bytes of a slot.
    slot: u32,
    /// Bytes of a group.
    group: u32,
    /// Slots of a group.
    slots: u16,
}

/// The sizes of a journal of `R` on the flash `F`.
struct Geometry<F, R>(PhantomData<(F, R)>);

impl<F: NorFlash, R: Record> Geometry<F, R> {
    const SIZES: Sizes = {
        let bytes = size_of::<R::Slot>();
        assert!(bytes.is_power_of_two() && bytes >= 128 && bytes <= 1 << 16, "a slot is a power of two of bytes");
        assert!(F::WRITE_SIZE > 0 && bytes.is_multiple_of(F::WRITE_SIZE), "a slot is whole write words");
        assert!(F::READ_SIZE > 0 && COMPARED_BYTES.is_multiple_of(F::READ_SIZE), "a read word is too long");
        let (slot, sector) = (bytes as u32, F::ERASE_SIZE as u32);
        let group = if sector > 2 * slot { sector } else { 2 * slot };
        assert!(sector > 0 && group.is_multiple_of(sector), "a group is whole sectors");
        assert!(group.is_multiple_of(slot), "a group is whole slots");
        assert!(group / slot < 1 << 16, "a group has too many slots");
        Sizes { slot, group, slots: (group / slot) as u16 }
    };
}

/// Bytes of flash that are erased at once in a journal of `R` on the flash `F`; its range is at least two times as many.
pub const fn group_bytes<F: NorFlash, R: Record>() -> u32 {
    Geometry::<F, R>::SIZES.group
}

impl<R: Record> Journal<R> {
    /// Opens the journal in `range` (bytes of `flash`) and reads its newest record. Writes nothing.
    ///
    /// # Errors
    /// [`LayoutError`] if the range is not two to [`MAX_RING_GROUPS`] whole groups ([`group_bytes`]) inside the flash.
    pub fn open<F: NorFlash>(flash: &mut F, range: Range<u32>) -> Result<(Self, Newest<R>), LayoutError> {
        let mut journal = Self::closed(flash, range)?;
        let newest = journal.find_newest(flash);
        Ok((journal, newest))
    }

    /// A journal that has no place, until it is replaced.
    pub(crate) const fn nowhere() -> Self {
        let ring = Ring { start: 0, groups: 0, held: None, next: 0, filling: None, newest: None, sequence: 0 };
        Self { ring, record: PhantomData }
    }

    /// The journal in `range`, of which nothing was read: what is called next is [`Journal::find_newest`].
    pub(crate) fn closed<F: NorFlash>(flash: &F, range: Range<u32>) -> Result<Self, LayoutError> {
        let whole_sectors = range.start.is_multiple_of(F::ERASE_SIZE as u32);
        let inside = range.end as usize <= flash.capacity();
        let ring = Ring::closed(range, Geometry::<F, R>::SIZES).filter(|_| whole_sectors && inside);
        ring.map(|ring| Self { ring, record: PhantomData }).ok_or(LayoutError)
    }

    /// Makes `record` the newest one. When this returns, it is in the flash and was read back.
    ///
    /// # Errors
    /// [`CommitError`]: then the next opening finds the record before it or this one.
    // Not inlined: its buffers must not lie on the stack while a receipt is signed.
    #[inline(never)]
    pub fn commit<F: NorFlash>(&mut self, flash: &mut F, record: &R) -> Result<(), CommitError> {
        let mut slot = R::BLANK;
        if let Some(body) = body_mut(slot.as_mut()) {
            record.write_body(body);
        }
        self.ring.commit(flash, Geometry::<F, R>::SIZES, slot.as_mut())
    }

    /// Reads the newest record once more: what was committed last, or else found at the opening.
    #[inline(never)]
    pub fn newest<F: NorFlash>(&self, flash: &mut F) -> Newest<R> {
        let Some(place) = self.ring.newest else { return Newest::Nothing };
        let mut slot = R::BLANK;
        let read = flash.read(self.ring.offset(Geometry::<F, R>::SIZES, place), slot.as_mut()).is_ok();
        unseal(slot.as_ref()).filter(|_| read).map_or(Newest::Nothing, |(_, body)| Newest::of(body))
    }

    /// Reads all of it, once.
    // Not inlined: its buffer must not lie on the stack later.
    #[inline(never)]
    pub(crate) fn find_newest<F: NorFlash>(&mut self, flash: &mut F) -> Newest<R> {
        let mut newest = Newest::Nothing;
        let mut slot = R::BLANK;
        // What is read twice may read differently.
        self.ring.survey(flash, Geometry::<F, R>::SIZES, slot.as_mut(), &mut |body| newest = Newest::of(body));
        newest
    }
}

impl<R: Record> Newest<R> {
    fn of(body: &[u8]) -> Self {
        R::read_body(body).map_or(Self::OtherFormat, Self::Record)
    }
}

impl Ring {
    fn closed(range: Range<u32>, sizes: Sizes) -> Option<Self> {
        let len = range.end.checked_sub(range.start)?;
        let groups = u16::try_from(len.checked_div(sizes.group)?).ok()?;
        let whole = len.is_multiple_of(sizes.group) && (2..=MAX_RING_GROUPS).contains(&groups);
        whole.then_some(Self {
            start: range.start,
            groups,
            held: None,
            next: 0,
            filling: None,
            newest: None,
            sequence: 0,
        })
    }

    #[inline(never)]
    fn commit<F: NorFlash>(&mut self, flash: &mut F, sizes: Sizes, slot: &mut [u8]) -> Result<(), CommitError> {
        for _ in 0..MAX_GROUPS {
            let copies = if self.filling.is_some() { 1 } else { CONFIRMED };
            let Some(from) = self.filling.take().or_else(|| self.enter(flash, sizes)) else { continue };
            if self.fill(flash, sizes, from, slot, copies)? {
                return Ok(());
            }
        }
        Err(CommitError::Flash)
    }

    /// Reads every slot into `slot`, once. Gives the body of each record that is newer than those before.
    #[inline(never)]
    fn survey<F: NorFlash>(&mut self, flash: &mut F, sizes: Sizes, slot: &mut [u8], newer: &mut dyn FnMut(&[u8])) {
        let mut survey = Survey::default();
        for group in 0..self.groups {
            let mut found = Found { group, valid: 0, highest: 0 };
            for index in 0..sizes.slots {
                let place = Slot { group, index };
                let read = flash.read(self.offset(sizes, place), slot).is_ok();
                let Some((sequence, body)) = unseal(slot).filter(|_| read) else { continue };
                found = Found { group, valid: found.valid.saturating_add(1), highest: sequence.max(found.highest) };
                if sequence > self.sequence {
                    (self.sequence, self.newest) = (sequence, Some(place));
                    newer(body);
                }
            }
            survey.add(found);
        }
        self.sequence = self.sequence.saturating_add(SKIPPED_NUMBERS);
        (self.held, self.next) = survey.held_and_next();
    }

    /// Erases the next group that is not held. Gives its first slot.
    fn enter<F: NorFlash>(&mut self, flash: &mut F, sizes: Sizes) -> Option<Slot> {
        let mut ring = (0..self.groups).filter_map(|step| self.next.saturating_add(step).checked_rem(self.groups));
        let group = ring.find(|group| Some(*group) != self.held)?;
        self.next = group.saturating_add(1);
        let first = Slot { group, index: 0 };
        let from = self.offset(sizes, first);
        flash.erase(from, from.saturating_add(sizes.group)).is_ok().then_some(first)
    }

    /// Writes a record into so many slots of a group; false if it does not take them all.
    fn fill<F: NorFlash>(
        &mut self,
        flash: &mut F,
        sizes: Sizes,
        from: Slot,
        record: &mut [u8],
        copies: u32,
    ) -> Result<bool, CommitError> {
        let (mut copies, mut attempts) = (copies, 0);
        for index in from.index..sizes.slots {
            let slot = Slot { index, ..from };
            let offset = self.offset(sizes, slot);
            if attempts == MAX_ATTEMPTS {
                break;
            }
            if !reads(flash, offset, record.len(), None) {
                continue;
            }
            attempts = attempts.saturating_add(1);
            // A number is used for one attempt only, so that a slot that reads differently later cannot be mistaken.
            self.sequence = self.sequence.checked_add(1).ok_or(CommitError::Exhausted)?;
            seal(record, self.sequence);
            // It must read right even if the chip says that it was written.
            let written = flash.write(offset, record).is_ok() && reads(flash, offset, record.len(), Some(record));
            copies = copies.saturating_sub(u32::from(written));
            if copies == 0 {
                (self.held, self.newest) = (Some(from.group), Some(slot));
                self.filling = Some(Slot { index: index.saturating_add(1), ..from });
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn offset(&self, sizes: Sizes, slot: Slot) -> u32 {
        // In range for every slot of the checked range; saturation is only there so that nothing can overflow.
        let in_range = u32::from(slot.group).saturating_mul(sizes.group);
        let in_group = u32::from(slot.index).saturating_mul(sizes.slot);
        self.start.saturating_add(in_range).saturating_add(in_group)
    }
}

/// What an opening found in a group.
#[derive(Debug, Clone, Copy)]
struct Found {
    group: u16,
    /// How many valid records.
    valid: u32,
    /// The highest sequence number of them.
    highest: u32,
}

/// Finds the group that must be kept and the one to be erased first, group by group.
#[derive(Debug, Default)]
struct Survey {
    /// One without a valid record.
    empty: Option<Found>,
    /// Of those with one, the one with the lowest and the one with the highest number.
    lone: Option<(Found, Found)>,
    /// Likewise of those with more.
    confirmed: Option<(Found, Found)>,
}

impl Survey {
    fn add(&mut self, found: Found) {
        let place = match found.valid {
            0 => {
                self.empty.get_or_insert(found);
                return;
            }
            1..CONFIRMED => &mut self.lone,
            CONFIRMED.. => &mut self.confirmed,
        };
        let (low, high) = place.unwrap_or((found, found));
        let low = if found.highest < low.highest { found } else { low };
        let high = if found.highest > high.highest { found } else { high };
        *place = Some((low, high));
    }

    fn held_and_next(self) -> (Option<u16>, u16) {
        let newest = self.confirmed.or(self.lone).map(|(_, high)| high);
        let (held, next) = match (self.empty, self.lone, self.confirmed) {
            (Some(empty), _, _) => (newest, Some(empty)),
            // Of an old group that is half erased.
            (None, Some((low, _)), Some((_, newest))) if low.highest < newest.highest => (Some(newest), Some(low)),
            // The newest, and never acknowledged.
            (None, Some((_, high)), Some((_, newest))) => (Some(newest), Some(high)),
            // The same. The other one was taken for confirmed when the confirmed one was erased: its first record is whole.
            (None, Some((low, high)), None) => (Some(low), Some(high)),
            (None, None, Some((low, high))) => (Some(high), Some(low)),
            (None, None, None) => (None, None),
        };
        (held.map(|found| found.group), next.map_or(0, |found| found.group))
    }
}

/// Whether `len` bytes at `offset` read as `expected`, or erased. Takes a few bytes of stack and not a whole slot.
#[inline(never)]
fn reads<F: NorFlash>(flash: &mut F, offset: u32, len: usize, expected: Option<&[u8]>) -> bool {
    let mut buffer = [0; COMPARED_BYTES];
    for from in (0..len).step_by(COMPARED_BYTES) {
        if flash.read(offset.saturating_add(from as u32), &mut buffer).is_err() {
            return false;
        }
        let same = match expected {
            Some(expected) => expected.get(from..).is_some_and(|expected| expected.starts_with(&buffer)),
            None => buffer.iter().all(|byte| *byte == 0xff),
        };
        if !same {
            return false;
        }
    }
    true
}

fn body_mut(slot: &mut [u8]) -> Option<&mut [u8]> {
    let (rest, _) = slot.split_last_chunk_mut::<4>()?;
    rest.get_mut(8..)
}

fn seal(slot: &mut [u8], sequence: u32) {
    FieldWriter::new(slot).put(sequence.to_le_bytes()).put((!sequence).to_le_bytes());
    if let Some((checked, checksum)) = slot.split_last_chunk_mut::<4>() {
        *checksum = CHECKSUM.checksum(checked).to_le_bytes();
    }
}

fn unseal(slot: &[u8]) -> Option<(u32, &[u8])> {
    let (checked, checksum) = slot.split_last_chunk::<4>()?;
    let mut input = FieldReader::new(checked);
    let (sequence, complement) = (input.u32(), input.u32());
    let valid = sequence > 0 && complement == !sequence && CHECKSUM.checksum(checked) == u32::from_le_bytes(*checksum);
    valid.then_some((sequence, input.rest()))
}
