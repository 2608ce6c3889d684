//! The journal: its rules one by one here, and all of them under power cuts in the modules below.

mod exhaustive;
mod random;
pub mod ring;

use coinless_meter::journal::{CommitError, Journal, MAX_ATTEMPTS, MAX_GROUPS, Newest, group_bytes};
use coinless_meter::ram_flash::{ERASE_STEP_BYTES, HalfErased, RamFlash, RamFlashError};
use core::ops::Range;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ring::Note;

const SLOT: usize = 128;
const GROUP: usize = 512;
/// Steps of an erasure of a group.
const ERASURE: u64 = (GROUP / ERASE_STEP_BYTES) as u64;

/// Two groups of four slots, and three.
type Two = RamFlash<1024, 8, GROUP>;
type Three = RamFlash<1536, 8, GROUP>;

type Notes = Journal<Note<SLOT>>;

fn open<F: NorFlash>(flash: &mut F) -> (Notes, Newest<Note<SLOT>>) {
    let range = 0..flash.capacity() as u32;
    Notes::open(flash, range).unwrap()
}

fn commit<F: NorFlash>(journal: &mut Notes, flash: &mut F, numbers: Range<u32>) {
    for number in numbers {
        journal.commit(flash, &Note(number)).unwrap();
    }
}

fn found<F: NorFlash>(flash: &mut F) -> u32 {
    match open(flash).1 {
        Newest::Record(Note(number)) => number,
        other => panic!("{other:?}"),
    }
}

/// A flash whose first group holds the notes 0, 0 and 1, and where the next commit goes to the fourth slot.
fn begun<const SIZE: usize>() -> (RamFlash<SIZE, 8, GROUP>, Notes) {
    let mut flash = RamFlash::new(1);
    let (mut journal, newest) = open(&mut flash);
    assert_eq!(newest, Newest::Nothing);
    commit(&mut journal, &mut flash, 0..2);
    (flash, journal)
}

fn slot<const SIZE: usize>(flash: &mut RamFlash<SIZE, 8, GROUP>, index: usize) -> &mut [u8] {
    &mut flash.bytes_mut()[index * SLOT..(index + 1) * SLOT]
}

fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xff)
}

/// Gives a slot another sequence number and a right checksum.
fn renumber(slot: &mut [u8], number: u32) {
    slot[0..4].copy_from_slice(&number.to_le_bytes());
    slot[4..8].copy_from_slice(&(!number).to_le_bytes());
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&slot[..SLOT - 4]);
    slot[SLOT - 4..].copy_from_slice(&checksum.to_le_bytes());
}

/// Makes every slot of a group wear out: a bit of the sequence number that is always 0 can no longer be programmed.
fn wear_out<const SIZE: usize>(flash: &mut RamFlash<SIZE, 8, GROUP>, group: usize) {
    for place in (group * GROUP..(group + 1) * GROUP).step_by(SLOT) {
        assert!(flash.stick(place + 3, 0, 0x40));
    }
}

#[test]
fn the_first_record_of_a_group_is_written_twice_and_the_others_once() {
    let (mut flash, mut journal) = begun::<1024>();
    let bodies: Vec<_> = (0..3).map(|index| slot(&mut flash, index)[8..SLOT - 4].to_vec()).collect();
    assert!(bodies[0] == bodies[1] && bodies[1] != bodies[2] && is_erased(slot(&mut flash, 3)));
    commit(&mut journal, &mut flash, 2..4);
    assert!(!is_erased(slot(&mut flash, 5)) && is_erased(slot(&mut flash, 6)));
    assert_eq!(found(&mut flash), 3);
}

#[test]
fn the_first_record_after_an_opening_goes_into_another_group() {
    // The fourth slot only seems to be erased.
    let (mut flash, _) = begun::<1024>();
    let (mut journal, _) = open(&mut flash);
    commit(&mut journal, &mut flash, 2..3);
    assert!(is_erased(slot(&mut flash, 3)) && !is_erased(slot(&mut flash, 5)));
}

#[test]
fn a_group_is_erased_even_if_it_looks_erased() {
    let mut looked_erased = 0;
    for seed in 0..100 {
        let (flash, mut journal) = begun::<1024>();
        let mut flash = flash.with_half_erased(&[HalfErased::ErasedAsItSeems]);
        commit(&mut journal, &mut flash, 2..6);
        // The cut falls into the erasure of the first group.
        flash.reseed(seed);
        flash.cut_after(seed % ERASURE);
        let numbers = 6..12;
        assert!(numbers.clone().any(|number| journal.commit(&mut flash, &Note(number)).is_err()));
        flash.power_on();
        looked_erased += u32::from(flash.weak_bits() > 0 && is_erased(&flash.bytes_mut()[..GROUP]));
        let (mut journal, _) = open(&mut flash);
        commit(&mut journal, &mut flash, 20..21);
        assert_eq!((flash.weak_bits(), found(&mut flash)), (0, 20));
    }
    assert!(looked_erased > 50, "{looked_erased}");
}

#[test]
fn slots_that_do_not_read_as_erased_are_passed_over() {
    let (mut flash, mut journal) = begun::<1024>();
    slot(&mut flash, 3)[100] = 0xfe;
    commit(&mut journal, &mut flash, 2..3);
    assert!(!is_erased(slot(&mut flash, 4)));
    slot(&mut flash, 6)[0] = 0x7f;
    commit(&mut journal, &mut flash, 3..4);
    assert!(!is_erased(slot(&mut flash, 7)));
    assert_eq!((found(&mut flash), flash.programmed_twice()), (3, 0));
}

#[test]
fn a_group_that_is_not_confirmed_is_entered_again() {
    let mut full = Three::new(1);
    let (mut journal, _) = open(&mut full);
    commit(&mut journal, &mut full, 0..9);
    let kept = full.bytes_mut()[GROUP..].to_vec();
    // The cut falls into the entering of the first group, before its second record is whole.
    for cut in 0..ERASURE + 2 * SLOT as u64 - 8 {
        let (mut flash, mut journal) = (full.clone(), journal.clone());
        flash.reseed(cut);
        flash.cut_after(cut);
        assert_eq!(journal.commit(&mut flash, &Note(9)), Err(CommitError::Flash));
        flash.power_on();
        let (mut journal, newest) = open(&mut flash);
        assert!(matches!(newest, Newest::Record(Note(8 | 9))));
        commit(&mut journal, &mut flash, 10..11);
        assert_eq!((flash.bytes_mut()[GROUP..].to_vec(), found(&mut flash)), (kept.clone(), 10), "cut {cut}");
    }
}

#[test]
fn of_two_groups_the_unconfirmed_newest_is_erased_and_not_the_confirmed() {
    let (mut flash, mut journal) = begun::<1024>();
    commit(&mut journal, &mut flash, 2..3);
    let kept = flash.bytes_mut()[..GROUP].to_vec();
    flash.cut_after(ERASURE + SLOT as u64);
    assert_eq!(journal.commit(&mut flash, &Note(3)), Err(CommitError::Flash));
    flash.power_on();
    let (mut journal, newest) = open(&mut flash);
    assert_eq!(newest, Newest::Record(Note(3)));
    commit(&mut journal, &mut flash, 4..5);
    assert_eq!((flash.bytes_mut()[..GROUP].to_vec(), found(&mut flash)), (kept, 4));
}

#[test]
fn what_is_left_of_an_old_group_is_erased_before_the_newest() {
    let mut flash = Three::new(1);
    let (mut journal, _) = open(&mut flash);
    commit(&mut journal, &mut flash, 0..7);
    // The first group has lost all but one record, and the third, with the newest record, is not confirmed.
    for index in [1, 2, 3, 9] {
        slot(&mut flash, index)[20] ^= 1;
    }
    let kept = flash.bytes_mut()[GROUP..].to_vec();
    let (mut journal, newest) = open(&mut flash);
    assert_eq!(newest, Newest::Record(Note(6)));
    commit(&mut journal, &mut flash, 7..8);
    assert_eq!((flash.bytes_mut()[GROUP..].to_vec(), found(&mut flash)), (kept, 7));
}

#[test]
fn of_unconfirmed_groups_the_newest_is_erased() {
    // The first group was confirmed when the second was erased for it, and does not look so now.
    let (mut flash, mut journal) = begun::<1024>();
    commit(&mut journal, &mut flash, 2..4);
    for index in [1, 2, 3, 5] {
        slot(&mut flash, index)[20] ^= 1;
    }
    let kept = flash.bytes_mut()[..GROUP].to_vec();
    let (mut journal, newest) = open(&mut flash);
    assert_eq!(newest, Newest::Record(Note(3)));
    commit(&mut journal, &mut flash, 4..5);
    assert_eq!((flash.bytes_mut()[..GROUP].to_vec(), found(&mut flash)), (kept, 4));
}

#[test]
fn of_confirmed_groups_the_oldest_is_erased() {
    let mut flash = Three::new(1);
    let (mut journal, _) = open(&mut flash);
    commit(&mut journal, &mut flash, 0..10);
    for number in 10..40 {
        let before = flash.bytes_mut().to_vec();
        let oldest = (0..3).min_by_key(|group| before[group * GROUP..].first_chunk().map(|le| u32::from_le_bytes(*le)));
        (journal, _) = open(&mut flash);
        commit(&mut journal, &mut flash, number..number + 1);
        for (group, (before, after)) in before.chunks(GROUP).zip(flash.bytes_mut().chunks(GROUP)).enumerate() {
            assert_eq!(before != after, Some(group) == oldest);
        }
    }
}

#[test]
fn numbers_that_an_unreadable_record_may_have_are_not_used_again() {
    let (mut flash, mut journal) = begun::<1536>();
    commit(&mut journal, &mut flash, 2..3);
    // A commit of the note 3 failed in the second group and was cut in the third: it cannot be read now, but later.
    let mut ahead = flash.clone();
    commit(&mut journal, &mut ahead, 3..4);
    slot(&mut flash, 8).copy_from_slice(slot(&mut ahead, 5));
    slot(&mut flash, 8)[50] ^= 1;
    let (mut journal, newest) = open(&mut flash);
    assert_eq!(newest, Newest::Record(Note(2)));
    commit(&mut journal, &mut flash, 4..5);
    assert!(!is_erased(slot(&mut flash, 4)), "the second group");
    slot(&mut flash, 8)[50] ^= 1;
    renumber(slot(&mut flash, 8), 5 + 16);
    assert_eq!(found(&mut flash), 4);
}

#[test]
fn the_group_of_the_newest_record_is_never_erased() {
    let (mut flash, mut journal) = begun::<1024>();
    for number in 2..200 {
        let newest = flash.bytes_mut().to_vec();
        commit(&mut journal, &mut flash, number..number + 1);
        assert_eq!(found(&mut flash), number);
        let mut groups = newest.chunks(GROUP).zip(flash.bytes_mut().chunks(GROUP));
        // One group was written or erased, and the other left alone.
        assert!(groups.any(|(before, after)| before == after));
    }
}

#[test]
fn a_worn_group_is_no_reason_to_erase_the_newest_record() {
    let (mut flash, mut journal) = begun::<1024>();
    wear_out(&mut flash, 1);
    commit(&mut journal, &mut flash, 2..3);
    for _ in 0..3 {
        assert_eq!(journal.commit(&mut flash, &Note(3)), Err(CommitError::Flash));
        assert_eq!(found(&mut flash), 2);
        journal = open(&mut flash).0;
    }
}

#[test]
fn a_worn_group_is_passed_over_where_there_is_another() {
    let (mut flash, mut journal) = begun::<1536>();
    wear_out(&mut flash, 1);
    commit(&mut journal, &mut flash, 2..6);
    assert!(!is_erased(&flash.bytes_mut()[2 * GROUP..]));
    for number in 6..40 {
        if number % 5 == 0 {
            (journal, _) = open(&mut flash);
        }
        commit(&mut journal, &mut flash, number..number + 1);
        assert_eq!((found(&mut flash), flash.programmed_twice()), (number, 0));
    }
}

#[test]
fn worn_slots_are_passed_over_as_long_as_two_of_a_group_are_left() {
    let (mut flash, mut journal) = begun::<1024>();
    for index in [3, 4, 6] {
        assert!(flash.stick(index * SLOT + 3, 0, 0x40));
    }
    commit(&mut journal, &mut flash, 2..10);
    assert_eq!(found(&mut flash), 9);
}

#[test]
fn a_commit_that_fails_has_a_bound() {
    // Two groups of sixteen slots, of which the second takes no record.
    let mut flash = RamFlash::<4096, 8, 2048>::new(1);
    let (mut journal, _) = open(&mut flash);
    commit(&mut journal, &mut flash, 0..15);
    for place in (2048..4096).step_by(SLOT) {
        assert!(flash.stick(place + 3, 0, 0x40));
    }
    let before = (flash.steps(), flash.erasures());
    assert_eq!(journal.commit(&mut flash, &Note(15)), Err(CommitError::Flash));
    let erasures = flash.erasures() - before.1;
    let programmed = flash.steps() - before.0 - erasures * 2048 / ERASE_STEP_BYTES as u64;
    assert_eq!(programmed, erasures * u64::from(MAX_ATTEMPTS) * SLOT as u64);
    assert_eq!(erasures, u64::from(MAX_GROUPS) - 1, "the full group was the first");
}

/// A flash that refuses: to erase some of its sectors, where nothing may be written then, or to read.
struct Refusing {
    flash: Three,
    erasing: Range<u32>,
    reading: bool,
}

impl ErrorType for Refusing {
    type Error = RamFlashError;
}

impl ReadNorFlash for Refusing {
    const READ_SIZE: usize = 1;

    /// Gives the bytes even if it says that they are wrong.
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.flash.read(offset, bytes)?;
        if self.reading { Err(RamFlashError::Unreadable) } else { Ok(()) }
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Refusing {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = GROUP;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        if self.erasing.contains(&from) { Err(RamFlashError::NoPower) } else { self.flash.erase(from, to) }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        assert!(!self.erasing.contains(&offset), "written where the erasure failed");
        self.flash.write(offset, bytes)
    }
}

#[test]
fn a_group_that_cannot_be_erased_is_not_written_to() {
    let mut flash = Refusing { flash: Three::new(1), erasing: 512..1024, reading: false };
    let (mut journal, _) = open(&mut flash);
    commit(&mut journal, &mut flash, 0..20);
    assert_eq!(found(&mut flash), 19);
}

#[test]
fn what_the_chip_cannot_read_is_not_taken_for_a_record() {
    let (flash, mut journal) = begun::<1536>();
    let mut flash = Refusing { flash, erasing: 0..0, reading: true };
    assert_eq!(journal.newest(&mut flash), Newest::Nothing);
    assert_eq!(open(&mut flash).1, Newest::Nothing);
    assert_eq!(journal.commit(&mut flash, &Note(2)), Err(CommitError::Flash));
    flash.reading = false;
    assert_eq!(found(&mut flash), 1);
}

#[test]
fn nothing_is_no_record_and_a_newer_format_is_not_skipped() {
    assert_eq!(open(&mut Two::new(1)).1, Newest::Nothing);
    let (mut flash, _) = begun::<1024>();
    // The two that are older.
    slot(&mut flash, 0).fill(0);
    slot(&mut flash, 1).fill(0);
    for bit in 0..SLOT * 8 {
        slot(&mut flash, 2)[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&mut flash).1, Newest::Nothing, "bit {bit}");
        slot(&mut flash, 2)[bit / 8] ^= 1 << (bit % 8);
    }
    let mut newer = slot(&mut flash, 2).to_vec();
    newer[40] ^= 1;
    renumber(&mut newer, 99);
    slot(&mut flash, 3).copy_from_slice(&newer);
    assert_eq!(open(&mut flash).1, Newest::OtherFormat);
    // A number whose complement is wrong is none, whatever the checksum says.
    newer[4] ^= 1;
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&newer[..SLOT - 4]);
    newer[SLOT - 4..].copy_from_slice(&checksum.to_le_bytes());
    slot(&mut flash, 3).copy_from_slice(&newer);
    assert_eq!(found(&mut flash), 1);
}

#[test]
fn no_record_has_the_number_0() {
    let (mut flash, _) = begun::<1024>();
    (0..3).for_each(|index| renumber(slot(&mut flash, index), 0));
    assert_eq!(open(&mut flash).1, Newest::Nothing);
    renumber(slot(&mut flash, 2), 1);
    assert_eq!(found(&mut flash), 1);
}

#[test]
fn the_newest_record_can_be_read_once_more() {
    let mut flash = Two::new(1);
    let (mut journal, _) = open(&mut flash);
    assert_eq!(journal.newest(&mut flash), Newest::Nothing);
    for number in 0..30 {
        commit(&mut journal, &mut flash, number..number + 1);
        assert_eq!(journal.newest(&mut flash), Newest::Record(Note(number)));
        if number % 7 == 0 {
            (journal, _) = open(&mut flash);
            assert_eq!(journal.newest(&mut flash), Newest::Record(Note(number)));
        }
    }
    flash.bytes_mut().fill(0);
    assert_eq!(journal.newest(&mut flash), Newest::Nothing);
}

#[test]
fn used_up_numbers_are_an_error_and_not_a_new_beginning() {
    let (mut flash, _) = begun::<1024>();
    renumber(slot(&mut flash, 2), u32::MAX - 40);
    let (mut journal, _) = open(&mut flash);
    let last = (2..20).find(|number| journal.commit(&mut flash, &Note(*number)) == Err(CommitError::Exhausted));
    // 32 numbers are left out; 8 are left, of which each of two groups takes one more than it has commits.
    assert_eq!((last, found(&mut flash)), (Some(8), 7));
    let (mut journal, _) = open(&mut flash);
    assert_eq!(journal.commit(&mut flash, &Note(8)), Err(CommitError::Exhausted));
    assert_eq!(found(&mut flash), 7);
}

#[test]
fn journals_of_several_kinds_share_a_flash() {
    type Shared = RamFlash<4096, 8, 256>;
    let mut flash = Shared::new(1);
    // Slots of 512 bytes over four sectors of 256 each, and slots of 128.
    assert_eq!((group_bytes::<Shared, Note<512>>(), group_bytes::<Shared, Note<128>>()), (1024, 256));
    let (mut large, _) = Journal::<Note<512>>::open(&mut flash, 256..256 + 2048).unwrap();
    let (mut small, _) = Journal::<Note<128>>::open(&mut flash, 2304..4096).unwrap();
    for number in 0..50 {
        large.commit(&mut flash, &Note(number)).unwrap();
        small.commit(&mut flash, &Note(1000 + number)).unwrap();
        let newest = Journal::<Note<512>>::open(&mut flash, 256..256 + 2048).unwrap().1;
        assert_eq!(newest, Newest::Record(Note(number)));
        assert_eq!(Journal::<Note<128>>::open(&mut flash, 2304..4096).unwrap().1, Newest::Record(Note(1000 + number)));
    }
    assert!(is_erased(&flash.bytes_mut()[..256]));
}

#[test]
fn ranges_that_do_not_suit_are_refused() {
    let reversed = Range { start: 1024, end: 0 };
    for range in [0..512, 0..1000, 256..1024, 512..1536, reversed, 0..0] {
        assert!(Notes::open(&mut Two::new(1), range).is_err());
    }
    // A group has two slots at least: sectors of one slot go together in pairs.
    let mut flash = RamFlash::<1024, 8, 128>::new(1);
    for (range, suits) in [(0..256, false), (0..384, false), (0..512, true), (128..640, true), (128..768, false)] {
        assert_eq!(Notes::open(&mut flash, range).is_ok(), suits);
    }
}
