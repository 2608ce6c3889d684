//! The chip of a meter on a desk: a file that `coinless meter new` makes, with a flash and after it the position of a latching
//! valve. The simulated meter and the firmware in an emulator run the same file.

use crate::commission::Layout;

/// Bytes of an erase sector: 8 slots of the journal of states.
pub const SECTOR_BYTES: u32 = 2048;
/// Bytes of a write word.
pub const WORD_BYTES: usize = 8;
/// Sectors of the journal of states. A sector is erased once for 7 records of 50 dm³ of gas; ten years at 6 m³ a day come to some 9,000
/// erasures of each of 8 sectors, about what a common chip bears.
pub const JOURNAL_SECTORS: u32 = 8;
/// Sectors of the journal of terms.
pub const TERMS_SECTORS: u32 = 3;
/// Bytes of the flash: one sector for the factory record, and the journals.
pub const CHIP_BYTES: u32 = TERMS_AT + SECTOR_BYTES * TERMS_SECTORS;
const TERMS_AT: u32 = SECTOR_BYTES * (1 + JOURNAL_SECTORS);
/// Where the valve's position is in the file.
pub const VALVE_AT: u32 = CHIP_BYTES;
/// What is there while the valve stands open.
pub const VALVE_OPEN: &[u8; 16] = b"COINLESS VALVE O";
/// What is there while the valve stands shut.
pub const VALVE_SHUT: &[u8; 16] = b"COINLESS VALVE S";
/// Bytes of the file.
pub const FILE_BYTES: u32 = VALVE_AT + VALVE_OPEN.len() as u32;

/// How the flash is divided.
pub const fn layout() -> Layout {
    Layout { factory: 0..SECTOR_BYTES, journal: SECTOR_BYTES..TERMS_AT, terms: TERMS_AT..CHIP_BYTES }
}
