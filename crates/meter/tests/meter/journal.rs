//! The journal under power cuts at every step, one and two in a row, and with slots that do not take a record.

use coinless_meter::journal::{CommitError, LayoutError, Newest, Record};
use coinless_meter::ram_flash::{RamFlash, RamFlashError};
use core::ops::Range;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

const RANGE: Range<u32> = 0..1024;
/// Two sectors of four slots, filled twice.
const COMMITS: u32 = 16;

type Small = RamFlash<1024, 8, 512>;

const SLOT_BYTES: usize = 128;

/// A small record, told apart by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u32);

impl Record for Mark {
    type Slot = [u8; SLOT_BYTES];
    const BLANK: [u8; SLOT_BYTES] = [0; SLOT_BYTES];

    fn write_body(&self, body: &mut [u8]) {
        body.fill(0x3c);
        body[0] = 1;
        body[1..5].copy_from_slice(&self.0.to_le_bytes());
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        (body[0] == 1).then(|| Self(u32::from_le_bytes(body[1..5].try_into().unwrap())))
    }
}

/// A journal of marks with a flash of its own.
#[derive(Debug)]
struct Journal<F> {
    journal: coinless_meter::journal::Journal<Mark>,
    flash: F,
}

impl<F: NorFlash> Journal<F> {
    fn open(mut flash: F, range: Range<u32>) -> Result<(Self, Newest<Mark>), LayoutError> {
        let (journal, newest) = coinless_meter::journal::Journal::open(&mut flash, range)?;
        Ok((Self { journal, flash }, newest))
    }

    fn commit(&mut self, state: &Mark) -> Result<(), CommitError> {
        self.journal.commit(&mut self.flash, state)
    }

    fn flash(&self) -> &F {
        &self.flash
    }

    fn into_flash(self) -> F {
        self.flash
    }
}

fn state(number: u32) -> Mark {
    Mark(number)
}

fn open<const W: usize>(flash: RamFlash<1024, W, 512>) -> (Journal<RamFlash<1024, W, 512>>, u32) {
    let (journal, newest) = Journal::open(flash, RANGE).unwrap();
    match newest {
        Newest::Record(state) => (journal, state.0),
        other => panic!("a journal that was ever acknowledged has a state, not {other:?}"),
    }
}

/// Commits from `from` on until the power is cut; gives the last number that was acknowledged.
fn run<const W: usize>(journal: &mut Journal<RamFlash<1024, W, 512>>, from: u32) -> u32 {
    (from..=COMMITS).find(|number| journal.commit(&state(*number)).is_err()).unwrap_or(COMMITS + 1) - 1
}

fn begun<const W: usize>(seed: u64) -> RamFlash<1024, W, 512> {
    let (mut journal, newest) = Journal::open(RamFlash::new(seed), RANGE).unwrap();
    assert_eq!(newest, Newest::Nothing);
    journal.commit(&state(0)).unwrap();
    journal.into_flash()
}

fn single_cuts<const W: usize>(seed: u64) -> u64 {
    let mut cuts = 0;
    loop {
        let flash = begun::<W>(seed.wrapping_add(cuts));
        flash.cut_after(cuts);
        let (mut journal, _) = open(flash);
        let acknowledged = run(&mut journal, 1);
        let flash = journal.into_flash();
        if !flash.is_cut() {
            assert_eq!(acknowledged, COMMITS);
            return cuts;
        }
        flash.power_on();
        let (mut journal, found) = open(flash);
        assert!(found == acknowledged || found == acknowledged + 1, "cut {cuts}: {found} after {acknowledged}");
        // And it goes on from there.
        assert_eq!(run(&mut journal, found + 1), COMMITS);
        assert_eq!(open(journal.into_flash()).1, COMMITS);
        cuts += 1;
    }
}

#[test]
fn a_cut_at_every_step_leaves_the_old_state_or_the_new() {
    assert!(single_cuts::<8>(1) > 2000);
    single_cuts::<1>(2);
    single_cuts::<4>(3);
    single_cuts::<128>(4);
}

#[test]
fn two_cuts_in_a_row_at_every_pair_of_steps() {
    let mut pairs = 0_u64;
    for first in 0.. {
        let flash: Small = begun(first);
        flash.cut_after(first);
        let (mut journal, _) = open(flash);
        // Half the workload: both sectors are entered once more.
        let acknowledged = (1..=COMMITS / 2).find(|number| journal.commit(&state(*number)).is_err());
        let Some(failed) = acknowledged else { break };
        let once = journal.into_flash();
        once.power_on();
        for second in 0.. {
            let flash = once.clone();
            flash.cut_after(second);
            let (mut journal, found) = open(flash);
            assert!(found == failed - 1 || found == failed, "cut {first}: {found}");
            let done = journal.commit(&state(found + 1)).is_ok();
            let flash = journal.into_flash();
            flash.power_on();
            let (_, again) = open(flash);
            assert!(again == found + 1 || (!done && again == found), "cuts {first}, {second}: {again} after {found}");
            pairs += 1;
            if done {
                break;
            }
        }
    }
    assert!(pairs > 100_000, "{pairs} pairs");
}

#[test]
fn slots_that_do_not_take_a_record_are_passed_over() {
    // A bit that is stuck at 0 in every slot but one of each sector.
    let mut flash: Small = begun(1);
    for slot in [1, 2, 4, 5, 7] {
        flash.bytes_mut()[slot * SLOT_BYTES + 3] = 0xfe;
    }
    let (mut journal, _) = open(flash);
    journal.commit(&state(1)).unwrap();
    let mut flash = journal.into_flash();
    let third = &flash.bytes_mut()[3 * SLOT_BYTES..4 * SLOT_BYTES];
    assert!(third.iter().any(|byte| *byte != 0xff), "the only erased slot took it");
    assert_eq!(open(flash).1, 1);
}

#[test]
fn the_sector_of_the_newest_record_is_never_erased() {
    let (mut journal, _) = open(begun::<8>(1));
    for number in 1..200 {
        journal.commit(&state(number)).unwrap();
        let mut flash = journal.into_flash();
        let sectors = flash.bytes_mut().chunks(512);
        let written = sectors.filter(|sector| sector.iter().any(|byte| *byte != 0xff)).count();
        assert!(written >= 1);
        let (again, found) = open(flash);
        assert_eq!(found, number);
        journal = again;
    }
}

/// A flash one of whose sectors takes no record, and which does not forgive programming a slot that is not erased.
#[derive(Clone)]
struct Worn {
    flash: Small,
    worn: Range<u32>,
}

impl ErrorType for Worn {
    type Error = RamFlashError;
}

impl ReadNorFlash for Worn {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), RamFlashError> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Worn {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 512;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), RamFlashError> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), RamFlashError> {
        let mut bytes = bytes.to_vec();
        if self.worn.contains(&offset) {
            // The complement of a small number is not 0.
            bytes[4] = 0;
        }
        let result = self.flash.write(offset, &bytes);
        assert_ne!(result, Err(RamFlashError::ProgrammedTwice));
        result
    }
}

#[test]
fn a_worn_sector_is_no_reason_to_erase_the_newest_record() {
    let worn = Worn { flash: begun(1), worn: 512..1024 };
    let (mut journal, _) = Journal::open(worn, RANGE).unwrap();
    for number in 1..=3 {
        journal.commit(&state(number)).unwrap();
    }
    // The other sector takes none of the attempts, and the only good one holds the newest record.
    assert_eq!(journal.commit(&state(4)), Err(CommitError::Flash));
    let (mut journal, found) = Journal::open(journal.into_flash(), RANGE).unwrap();
    assert_eq!(found, Newest::Record(state(3)));
    assert_eq!(journal.commit(&state(4)), Err(CommitError::Flash));
    // With a cut in the middle of a record, the next slot is the one after it.
    let sound = Worn { worn: 0..0, ..journal.into_flash() };
    let (mut journal, _) = Journal::open(sound, RANGE).unwrap();
    journal.flash().flash.cut_after(200);
    while journal.commit(&state(5)).is_ok() {}
    journal.flash().flash.power_on();
    let (mut journal, _) = Journal::open(journal.into_flash(), RANGE).unwrap();
    journal.commit(&state(6)).unwrap();
}

#[test]
fn nothing_is_no_state_and_a_newer_format_is_not_skipped() {
    assert_eq!(Journal::open(Small::new(1), RANGE).unwrap().1, Newest::Nothing);
    let mut flash = begun::<8>(1);
    for bit in 0..SLOT_BYTES * 8 {
        flash.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Journal::open(flash.clone(), RANGE).unwrap().1, Newest::Nothing, "bit {bit}");
        flash.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    // The same record as a newer format would be, with a right checksum and a higher sequence number, in the next slot.
    let mut record = flash.bytes_mut()[..SLOT_BYTES].to_vec();
    record[0..4].copy_from_slice(&9_u32.to_le_bytes());
    record[4..8].copy_from_slice(&(!9_u32).to_le_bytes());
    record[8] = 2;
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&record[..124]);
    record[124..].copy_from_slice(&checksum.to_le_bytes());
    flash.bytes_mut()[SLOT_BYTES..2 * SLOT_BYTES].copy_from_slice(&record);
    assert_eq!(Journal::open(flash, RANGE).unwrap().1, Newest::OtherFormat);
}

#[test]
fn ranges_that_do_not_suit_are_refused() {
    let reversed = Range { start: 1024, end: 0 };
    for range in [0..512, 0..1000, 256..1024, 512..1536, reversed, 0..0] {
        assert!(Journal::open(Small::new(1), range).is_err());
    }
}
