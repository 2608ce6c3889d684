//! A journal on a flash whose power is cut, and the rule that must hold: after a remount the record is the one that was
//! acknowledged last, or one that was tried after that.

use coinless_meter::journal::{CommitError, Journal, Newest, OVERHEAD_BYTES, Record, group_bytes};
use coinless_meter::ram_flash::RamFlash;

/// A record that is told apart by its number, all its bytes by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<const SLOT: usize>(pub u32);

impl<const SLOT: usize> Note<SLOT> {
    fn bytes(self) -> impl Iterator<Item = u8> {
        let mut state = self.0;
        (4..SLOT - OVERHEAD_BYTES).map(move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
    }
}

impl<const SLOT: usize> Record for Note<SLOT> {
    type Slot = [u8; SLOT];

    const BLANK: [u8; SLOT] = [0; SLOT];

    fn write_body(&self, body: &mut [u8]) {
        let (number, rest) = body.split_first_chunk_mut::<4>().unwrap();
        *number = self.0.to_le_bytes();
        rest.iter_mut().zip(self.bytes()).for_each(|(to, byte)| *to = byte);
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        let (number, rest) = body.split_first_chunk::<4>().unwrap();
        let note = Self(u32::from_le_bytes(*number));
        rest.iter().copied().eq(note.bytes()).then_some(note)
    }
}

/// A breach of the rule, in words.
pub type Breach = String;

/// A journal of notes of `SLOT` bytes on a flash of `SIZE` bytes.
#[derive(Debug, Clone)]
pub struct Ring<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize> {
    pub flash: RamFlash<SIZE, WRITE, ERASE>,
    range: u32,
    journal: Option<Journal<Note<SLOT>>>,
    /// What the journal said, or took.
    current: Option<u32>,
    /// The note that was acknowledged last.
    acknowledged: Option<u32>,
    /// Those that were tried after it.
    tried: core::ops::Range<u32>,
}

impl<const SLOT: usize, const SIZE: usize, const WRITE: usize, const ERASE: usize> Ring<SLOT, SIZE, WRITE, ERASE> {
    /// A journal that was never written, of so many groups.
    pub fn new(seed: u64, groups: u32) -> Self {
        let range = groups * Self::group();
        assert!(range as usize <= SIZE);
        let flash = RamFlash::new(seed);
        Self { flash, range, journal: None, current: None, acknowledged: None, tried: 0..0 }
    }

    /// Bytes of a group.
    pub fn group() -> u32 {
        group_bytes::<RamFlash<SIZE, WRITE, ERASE>, Note<SLOT>>()
    }

    /// Slots of all groups.
    pub fn slots(&self) -> u32 {
        self.range / SLOT as u32
    }

    /// The number of the note that the journal said, or took.
    pub fn found(&self) -> Option<u32> {
        self.current
    }

    /// Switches the power on, opens the journal, and checks the rule.
    pub fn mount(&mut self) -> Result<(), Breach> {
        self.flash.power_on();
        let (journal, newest) = Journal::open(&mut self.flash, 0..self.range).unwrap();
        self.journal = Some(journal);
        self.current = match newest {
            Newest::Nothing => None,
            Newest::OtherFormat => return Err("a record of another format".into()),
            Newest::Record(Note(number)) => Some(number),
        };
        let Some(number) = self.current else {
            return match self.acknowledged {
                None => Ok(()),
                Some(acknowledged) => Err(format!("nothing where {acknowledged} was acknowledged")),
            };
        };
        if self.acknowledged == Some(number) || self.tried.contains(&number) {
            return Ok(());
        }
        Err(format!("{number} where {:?} was acknowledged and {:?} tried after it", self.acknowledged, self.tried))
    }

    /// Commits what was found once more, so that it counts. A journal without a record gets its first.
    pub fn settle(&mut self) -> Result<bool, Breach> {
        match self.current {
            Some(number) => self.put(number),
            None => self.commit(),
        }
    }

    /// Commits a new note; false if the power was cut.
    pub fn commit(&mut self) -> Result<bool, Breach> {
        let number = self.tried.end;
        self.tried.end += 1;
        self.put(number)
    }

    fn put(&mut self, number: u32) -> Result<bool, Breach> {
        let result = self.journal.as_mut().unwrap().commit(&mut self.flash, &Note(number));
        if self.flash.programmed_twice() > 0 {
            return Err("a slot that was not erased was programmed".into());
        }
        match result {
            Ok(()) => {
                (self.current, self.acknowledged) = (Some(number), Some(number));
                self.tried.start = self.tried.end;
                Ok(true)
            }
            Err(CommitError::Flash) if self.flash.is_cut() => Ok(false),
            Err(error) => Err(format!("{error}, with power")),
        }
    }
}
