//! The types and constants of the C header. What is written here about them is what the header says.

use core::ffi::c_void;

/// Version of this header. It stands in `coinless_port_t.abi`, so that a library of another one is found out at the start.
pub const COINLESS_ABI: u32 = 2;

/// Most bytes of a datagram, both ways. Longer ones are dropped.
pub const COINLESS_MESSAGE_BYTES: u32 = 320;

/// Longest time between two calls of coinless_round(), in milliseconds.
pub const COINLESS_ROUND_MS: u32 = 1000;

/// Longest time that a valve may take to move, in milliseconds. What flows later, while it is shut, raises "valve failed".
pub const COINLESS_VALVE_TRAVEL_MS: u32 = 10000;

/// Every read and write of the flash begins at a multiple of this and takes a multiple of it, in bytes. So chips that read or
/// write 1, 2, 4, 8, 16 or 32 bytes at once all suit.
pub const COINLESS_FLASH_BYTES: u32 = 32;

/// Bytes of a factory record.
pub const COINLESS_FACTORY_BYTES: u32 = 512;

/// Bytes of the text of a meter's identity with its check character and the zero at the end.
pub const COINLESS_LABEL_BYTES: u32 = 19;

/// Done.
pub const COINLESS_OK: i32 = 0;
/// A pointer is null or not aligned, or a length is out of range.
pub const COINLESS_ERROR_ARGUMENT: i32 = -1;
/// `meter_bytes` is not what this library needs: header and library do not belong together.
pub const COINLESS_ERROR_SIZE: i32 = -2;
/// The port is of another version, or lacks a function, or its sectors do not divide coinless_flash_erase_bytes().
pub const COINLESS_ERROR_PORT: i32 = -3;
/// The layout does not suit the flash.
pub const COINLESS_ERROR_LAYOUT: i32 = -4;
/// The flash holds no meter: there is no valid factory record.
pub const COINLESS_ERROR_NO_METER: i32 = -5;
/// The private key is neither in the factory record nor in a secure element, or in both, or the element does not answer.
pub const COINLESS_ERROR_NO_KEY: i32 = -6;
/// The meter was not started.
pub const COINLESS_ERROR_NOT_STARTED: i32 = -7;
/// The meter is at work: it was called from one of its own port's functions, or from an interrupt.
pub const COINLESS_ERROR_BUSY: i32 = -8;
/// The flash holds a meter already. Its key and its credit are not overwritten.
pub const COINLESS_ERROR_ALREADY_MADE: i32 = -9;
/// The flash did not take what was written.
pub const COINLESS_ERROR_FLASH: i32 = -10;
/// The factory record is none, or makes no sense.
pub const COINLESS_ERROR_RECORD: i32 = -11;

/// Drive the valve shut.
pub const COINLESS_VALVE_SHUT: u8 = 0;
/// Drive the valve open.
pub const COINLESS_VALVE_OPEN: u8 = 1;

/// Nothing holds the valve shut; bits of a set of causes follow.
pub const COINLESS_CAUSE_NONE: u8 = 0;
/// The credit is used up. Only credit clears it.
pub const COINLESS_CAUSE_NO_CREDIT: u8 = 1;
/// The utility's command.
pub const COINLESS_CAUSE_COMMAND: u8 = 2;
/// The meter was tampered with; a technician clears it.
pub const COINLESS_CAUSE_TAMPER: u8 = 4;
/// Leak, excess flow, or three openings in a row into an open appliance; a technician clears it.
pub const COINLESS_CAUSE_FLOW: u8 = 8;
/// The battery is too low to promise that the valve can be shut later.
pub const COINLESS_CAUSE_LOW_BATTERY: u8 = 16;
/// Not used for long.
pub const COINLESS_CAUSE_DISUSE: u8 = 32;
/// The account is closed.
pub const COINLESS_CAUSE_CLOSED_ACCOUNT: u8 = 64;
/// The meter found its own state wrong.
pub const COINLESS_CAUSE_FAULT: u8 = 128;

/// The cover is open.
pub const COINLESS_SENSOR_COVER: u8 = 1;
/// A strong magnet is near.
pub const COINLESS_SENSOR_MAGNET: u8 = 2;
/// Something flows backwards.
pub const COINLESS_SENSOR_REVERSE_FLOW: u8 = 4;
/// The battery is low.
pub const COINLESS_SENSOR_LOW_BATTERY: u8 = 8;

/// Bit of `flags`: the valve was last driven open.
pub const COINLESS_FLAG_OPEN: u8 = 1;
/// Bit of `flags`: a press of the button opens the valve.
pub const COINLESS_FLAG_ARMED: u8 = 2;
/// Bit of `flags`: there was flow while the valve was shut.
pub const COINLESS_FLAG_VALVE_FAILED: u8 = 4;
/// Bit of `flags`: a person may take emergency credit now.
pub const COINLESS_FLAG_EMERGENCY_OFFERED: u8 = 8;
/// Bit of `flags`: there is a balance. Without a valid state there is none.
pub const COINLESS_FLAG_BALANCE: u8 = 16;

/// Gas, counted in dm³.
pub const COINLESS_GAS: u8 = 1;
/// Water, counted in litres.
pub const COINLESS_WATER: u8 = 2;
/// Electricity, counted in Wh.
pub const COINLESS_ELECTRICITY: u8 = 3;

/// The meter is in service; why it may not be follows.
pub const COINLESS_FAULT_NONE: u8 = 0;
/// There is no valid state.
pub const COINLESS_FAULT_NO_STATE: u8 = 1;
/// The balance is not what the sums say.
pub const COINLESS_FAULT_SUMS: u8 = 2;
/// The flash did not take a record.
pub const COINLESS_FAULT_JOURNAL: u8 = 3;

/// No code is to be shown.
pub const COINLESS_NO_CODE: u32 = 0xffff_ffff;
/// The load is not known.
pub const COINLESS_NO_LOAD: u32 = 0xffff_ffff;

/// Nothing was pressed; what a press did follows.
pub const COINLESS_PRESSED_NOTHING: u8 = 0;
/// The valve is being opened.
pub const COINLESS_PRESSED_OPENED: u8 = 1;
/// The valve is open already.
pub const COINLESS_PRESSED_ALREADY_OPEN: u8 = 2;
/// Something holds the valve shut: see the display.
pub const COINLESS_PRESSED_HELD_SHUT: u8 = 3;
/// The meter is out of service.
pub const COINLESS_PRESSED_OUT_OF_SERVICE: u8 = 4;

/// Nothing was served; what a datagram came to follows.
pub const COINLESS_SERVED_NOTHING: u8 = 0;
/// The identity, a receipt, a report or a challenge was read.
pub const COINLESS_SERVED_READ: u8 = 1;
/// A token was answered with a receipt, applied or not.
pub const COINLESS_SERVED_TOKEN: u8 = 2;
/// A message was refused.
pub const COINLESS_SERVED_REFUSED: u8 = 3;

/// Words of 8 bytes of a meter's memory.
#[cfg(target_pointer_width = "32")]
pub const COINLESS_METER_WORDS: usize = 352;
/// Words of 8 bytes of a meter's memory.
#[cfg(target_pointer_width = "64")]
pub const COINLESS_METER_WORDS: usize = 384;

/// A meter's memory, which the caller gives: zeroed before the first start, as static memory is, and from then on the library's
/// alone.
#[repr(C)]
#[derive(Debug)]
pub struct MeterMemory {
    /// Not to be touched.
    pub words: [u64; COINLESS_METER_WORDS],
}

/// Which part of the flash is for what: offsets in bytes, the end exclusive. All are multiples of coinless_flash_erase_bytes(),
/// and the three parts do not overlap.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FlashLayout {
    /// The factory record: at least 512 bytes.
    pub factory_from: u32,
    /// Its end.
    pub factory_to: u32,
    /// The journal of states: at least two times coinless_flash_erase_bytes(); the more, the longer the chip lives.
    pub journal_from: u32,
    /// Its end.
    pub journal_to: u32,
    /// The journal of what tokens set: at least two times coinless_flash_erase_bytes().
    pub terms_from: u32,
    /// Its end.
    pub terms_to: u32,
}

/// What the display shows.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplayView {
    /// Credit left, in thousandths of a credit unit, consumption that is not yet journaled included; 0 without COINLESS_FLAG_BALANCE.
    pub balance: i64,
    /// The code of the last challenge, 0 to 999999, six digits, or COINLESS_NO_CODE.
    pub code: u32,
    /// The owner code, 0 to 99999999, eight digits, for some minutes after a press of the button, or COINLESS_NO_CODE. The display shows
    /// it and nothing else may: it proves that somebody stood before the meter.
    pub owner_code: u32,
    /// Code of the currency that credit is counted in, with a zero at the end; empty if it is counted in units of the commodity.
    pub currency: [u8; 4],
    /// Digits after the currency's point. The credit unit is its minor unit.
    pub exponent: u8,
    /// COINLESS_GAS, COINLESS_WATER or COINLESS_ELECTRICITY.
    pub commodity: u8,
    /// COINLESS_FLAG bits.
    pub flags: u8,
    /// COINLESS_CAUSE bits: what holds the valve shut.
    pub causes: u8,
    /// The low-credit alarm: 0 none, 1 low, 2 very low.
    pub alarm: u8,
    /// COINLESS_FAULT: why the meter is out of service, if it is.
    pub fault: u8,
}

/// What a call did; for a log or a lamp.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallDone {
    /// COINLESS_SERVED: what the last datagram came to.
    pub served: u8,
    /// COINLESS_PRESSED: what a press did.
    pub pressed: u8,
}

/// A board: the functions that the meter calls, each with `context`. It stays where it is, unchanged, as long as the meter is
/// used; so it may lie in flash. Functions return at once unless it says otherwise, and call no function of this library.
#[repr(C)]
#[derive(Debug)]
pub struct PortCalls {
    /// COINLESS_ABI.
    pub abi: u32,
    /// Bytes of the flash. Offsets in it begin at 0.
    pub flash_bytes: u32,
    /// What the chip erases at once, in bytes: 1, 2, 4 ... of them make coinless_flash_erase_bytes().
    pub flash_sector_bytes: u32,
    /// 1 if a battery pays for the work that strangers cause, which is limited then; 0 on the mains.
    pub on_battery: u32,
    /// What every function is given.
    pub context: *mut c_void,

    /// Reads `len` bytes at `offset` into `bytes`, which may lie at any address. 0 if done. Microseconds.
    pub flash_read: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, bytes: *mut u8, len: u32) -> i32>,
    /// Writes `len` bytes, which may lie at any address, to where the flash is erased, and returns when they are in it. 0 if done;
    /// another value makes the meter try the next place. No more than 50 ms for 512 bytes.
    pub flash_write: Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, bytes: *const u8, len: u32) -> i32>,
    /// Erases from `from` to `to`, both multiples of coinless_flash_erase_bytes(), and returns when all of it reads ff. 0 if done.
    /// No more than 500 ms for coinless_flash_erase_bytes().
    pub flash_erase: Option<unsafe extern "C" fn(context: *mut c_void, from: u32, to: u32) -> i32>,

    /// Milliseconds since the start. Never goes back, goes on while the processor sleeps, and is off by less than 1 %.
    pub uptime_ms: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// May be null. Seconds since 1970-01-01 UTC of a clock that went on while the meter was off; 0 if it stood still. Asked for
    /// at a start.
    pub clock_s: Option<unsafe extern "C" fn(context: *mut c_void) -> u64>,
    /// Bits that an outsider cannot foretell and that differ after each start, for message ids and the spread of repeats. Not used
    /// for keys or signatures.
    pub draw: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// Begins to drive the valve or relay to COINLESS_VALVE_SHUT or COINLESS_VALVE_OPEN; the last call counts. It stands there
    /// within COINLESS_VALVE_TRAVEL_MS and stays without power.
    pub drive_valve: Option<unsafe extern "C" fn(context: *mut c_void, command: u8)>,
    /// What has flowed since the last call, in thousandths of dm³, litre or Wh.
    pub take_consumption: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// May be null. The power that flows now, in W, of an electricity meter that limits the load; else COINLESS_NO_LOAD.
    pub load_w: Option<unsafe extern "C" fn(context: *mut c_void) -> u32>,
    /// Sends a datagram of up to COINLESS_MESSAGE_BYTES to whoever sent the last one. May return before it is out. Null if there
    /// are no datagrams, but only a serial line.
    pub send_datagram: Option<unsafe extern "C" fn(context: *mut c_void, datagram: *const u8, len: u32)>,
    /// Sends bytes over the serial line, up to 32 in one call and at most 647 for one message. May return before they are out, if
    /// it keeps them. Null if there is no serial line.
    pub send_bytes: Option<unsafe extern "C" fn(context: *mut c_void, bytes: *const u8, len: u32)>,
    /// Shows `view`, which is there for the time of the call; called once a round, changed or not.
    pub show: Option<unsafe extern "C" fn(context: *mut c_void, view: *const DisplayView)>,

    /// Null without a secure element. Puts its public key into `key`: 65 bytes, 04, x, y. 0 if done. Called at a start.
    pub element_public_key: Option<unsafe extern "C" fn(context: *mut c_void, key: *mut u8) -> i32>,
    /// Signs `digest`, the 32 bytes of a SHA-256, with ECDSA on P-256 and puts r and s, 32 bytes each, into `signature`. 0 if done.
    /// No more than 1 s.
    pub element_sign: Option<unsafe extern "C" fn(context: *mut c_void, digest: *const u8, signature: *mut u8) -> i32>,
    /// Puts the secret that its key shares with the public key `peer` (65 bytes) into `secret`: the 32 bytes of the x coordinate
    /// (ECDH on P-256). 0 if done. No more than 1 s.
    pub element_agree: Option<unsafe extern "C" fn(context: *mut c_void, peer: *const u8, secret: *mut u8) -> i32>,
}
