//! The functions of the C header. What is written here about them is what the header says.

use crate::abi::*;
use crate::board::Link;
use crate::chip::{Chip, ERASE_BYTES};
use crate::held::{self, AtWork, CDevice};
use coinless_meter::factory::FACTORY_BYTES;
use coinless_meter::port::{Event, Round};
use coinless_meter::{CommissionError, Factory, Layout, Pressed, Served};
use coinless_protocol::MeterId;
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::ShutCause;
use core::ffi::c_char;
use core::ptr::NonNull;

const _: () = {
    assert!(COINLESS_MESSAGE_BYTES as usize == coinless_protocol::coap::MAX_MESSAGE_BYTES);
    assert!(COINLESS_ROUND_MS as u64 == coinless_meter::port::ROUND_MS);
    assert!(COINLESS_VALVE_TRAVEL_MS as u64 == coinless_meter::VALVE_TRAVEL_MS);
    assert!(COINLESS_FACTORY_BYTES as usize == FACTORY_BYTES);
    assert!(COINLESS_LABEL_BYTES as usize == MeterId::MAX_LABEL_BYTES + 1);
    assert!(coinless_protocol::slipmux::MAX_ENCODED_BYTES == 647);
};

/// What this library erases at once, in bytes: 4096, or 2048 or 1024 if it was built so.
#[unsafe(no_mangle)]
pub extern "C" fn coinless_flash_erase_bytes() -> u32 {
    ERASE_BYTES
}

/// Starts the meter that the flash of `port` holds, in the memory `meter` of `meter_bytes` bytes (its sizeof): drives the valve as
/// it must stand and shows what there is. Takes a few seconds on a small processor. After an error but COINLESS_ERROR_BUSY there
/// is no meter: the board drives the valve shut and says so.
///
/// # Safety
/// `meter` points to that many bytes, zeroed or started before; `port` stays where it is, unchanged, as long as the meter is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_start(
    meter: *mut MeterMemory,
    meter_bytes: u32,
    port: *const PortCalls,
    layout: *const FlashLayout,
) -> i32 {
    if meter_bytes as usize != size_of::<MeterMemory>() {
        return COINLESS_ERROR_SIZE;
    }
    // SAFETY: the caller promises that both are there, and `port` for good.
    let given = unsafe { read_port(port).and_then(|calls| Ok((calls, read_layout(layout)?))) };
    match given {
        // SAFETY: the memory is as large as it must be, and as the caller promises.
        Ok((calls, layout)) => unsafe { held::start(meter, calls, &layout) },
        Err(error) => error,
    }
}

/// Does everything that is due: counts, serves, drives the valve, shows. To be called at least every COINLESS_ROUND_MS, when
/// coinless_next_due_ms() says so, and after every interrupt that counted something. `done` may be null.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_round(meter: *mut MeterMemory, done: *mut CallDone) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { work(meter, done, |device| Ok(device.round())) }
}

/// Puts the uptime at which a repeat of an answer is due into `due_ms`, UINT64_MAX if none waits.
///
/// # Safety
/// `meter` points to a meter's memory, `due_ms` to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_next_due_ms(meter: *mut MeterMemory, due_ms: *mut u64) -> i32 {
    let Some(due_ms) = checked(due_ms) else { return COINLESS_ERROR_ARGUMENT };
    // SAFETY: as the caller promises.
    let next = unsafe { AtWork::enter(meter) }.map(|mut work| work.device().next_due_ms());
    next.map_or_else(
        |error| error,
        |next| {
            // SAFETY: aligned and not null, and a number as the caller promises.
            unsafe { due_ms.write(next.unwrap_or(u64::MAX)) };
            COINLESS_OK
        },
    )
}

/// Takes a datagram of `len` bytes that came in whole (UDP, Bluetooth), and serves it; answers go out by `send_datagram`. A token
/// takes seconds on a small processor. `done` may be null.
///
/// # Safety
/// `meter` points to a meter's memory, `datagram` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_receive_datagram(
    meter: *mut MeterMemory,
    datagram: *const u8,
    len: u32,
    done: *mut CallDone,
) -> i32 {
    if datagram.is_null() || len == 0 || len > COINLESS_MESSAGE_BYTES {
        return COINLESS_ERROR_ARGUMENT;
    }
    let serve = |device: &mut CDevice| {
        if !device.port().has(Link::Datagrams) {
            return Err(COINLESS_ERROR_PORT);
        }
        // SAFETY: as the caller promises, for this call; the round takes it.
        unsafe { device.port().put_datagram(datagram, len as usize) };
        Ok(device.round())
    };
    // SAFETY: as the caller promises.
    unsafe { work(meter, done, serve) }
}

/// Takes `len` bytes of a serial line as they came in (Slipmux), pieces of any length, and serves what is complete; answers go out
/// by `send_bytes`. A token takes seconds on a small processor: an interrupt keeps what comes in meanwhile, 700 bytes. A line that
/// hears what it sends drops that itself. `done` may be null; it tells of the last message that was complete.
///
/// # Safety
/// `meter` points to a meter's memory, `bytes` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_receive_bytes(
    meter: *mut MeterMemory,
    bytes: *const u8,
    len: u32,
    done: *mut CallDone,
) -> i32 {
    if bytes.is_null() {
        return COINLESS_ERROR_ARGUMENT;
    }
    let serve = |device: &mut CDevice| {
        if !device.port().has(Link::Serial) {
            return Err(COINLESS_ERROR_PORT);
        }
        let mut last = Round { served: Served::Nothing, pressed: None };
        for at in 0..len as usize {
            // SAFETY: below `len`, as the caller promises.
            let byte = unsafe { bytes.add(at).read() };
            if device.port().put_byte(byte) {
                let round = device.round();
                last = if round.served == Served::Nothing { last } else { round };
            }
        }
        Ok(last)
    };
    // SAFETY: as the caller promises.
    unsafe { work(meter, done, serve) }
}

/// A person pressed the button: a deliberate, debounced press at the meter, after being told to turn off every appliance. The only
/// way to open a gas valve. `done`, which may be null, tells what it did.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_press(meter: *mut MeterMemory, done: *mut CallDone) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { happen(meter, done, Event::Press) }
}

/// A person at the meter takes the emergency credit that the display offers: a press of another kind than that which opens.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_take_emergency(meter: *mut MeterMemory) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { happen(meter, core::ptr::null_mut(), Event::TakeEmergency) }
}

/// A sensor (one of COINLESS_SENSOR) began to report, `active` 1, or ceased, 0. What it does is in the meter's settings.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_sensor(meter: *mut MeterMemory, sensor: u8, active: u8) -> i32 {
    let sensor = match sensor {
        COINLESS_SENSOR_COVER => Sensor::Cover,
        COINLESS_SENSOR_MAGNET => Sensor::Magnet,
        COINLESS_SENSOR_REVERSE_FLOW => Sensor::ReverseFlow,
        COINLESS_SENSOR_LOW_BATTERY => Sensor::LowBattery,
        _ => return COINLESS_ERROR_ARGUMENT,
    };
    // SAFETY: as the caller promises.
    unsafe { happen(meter, core::ptr::null_mut(), Event::Sensor(sensor, active != 0)) }
}

/// A technician at the meter holds the valve shut for `cause` (one of COINLESS_CAUSE).
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_raise(meter: *mut MeterMemory, cause: u8) -> i32 {
    match shut_cause(cause) {
        // SAFETY: as the caller promises.
        Some(cause) => unsafe { happen(meter, core::ptr::null_mut(), Event::Raise(cause)) },
        None => COINLESS_ERROR_ARGUMENT,
    }
}

/// A technician at the meter clears `cause` (one of COINLESS_CAUSE); "no credit" is left alone. It opens nothing.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_clear(meter: *mut MeterMemory, cause: u8) -> i32 {
    match shut_cause(cause) {
        // SAFETY: as the caller promises.
        Some(cause) => unsafe { happen(meter, core::ptr::null_mut(), Event::Clear(cause)) },
        None => COINLESS_ERROR_ARGUMENT,
    }
}

/// A technician has repaired the valve.
///
/// # Safety
/// `meter` points to a meter's memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_valve_repaired(meter: *mut MeterMemory) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { happen(meter, core::ptr::null_mut(), Event::ValveRepaired) }
}

/// Puts the meter's identity with its check character, as on its label, and a zero into `text`, which has COINLESS_LABEL_BYTES.
///
/// # Safety
/// `meter` points to a meter's memory, `text` to that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_label(meter: *mut MeterMemory, text: *mut c_char) -> i32 {
    let Some(text) = NonNull::new(text) else { return COINLESS_ERROR_ARGUMENT };
    // SAFETY: as the caller promises.
    let id = match unsafe { AtWork::enter(meter) }.map(|mut work| work.device().meter().id()) {
        Ok(id) => id,
        Err(error) => return error,
    };
    let mut label = [0; COINLESS_LABEL_BYTES as usize];
    let written = id.as_str().bytes().chain(*b"-").chain([id.check_character() as u8]);
    label.iter_mut().zip(written).for_each(|(to, from)| *to = from);
    // SAFETY: so many bytes as the caller promises.
    unsafe { text.cast().write(label) };
    COINLESS_OK
}

/// Makes a meter, once, in the factory: writes its first records and then the factory record `record` of COINLESS_FACTORY_BYTES,
/// which is what makes it one. Interrupted anywhere, it can be done again.
///
/// # Safety
/// `port` points to a port, `layout` to a layout, and `record` to that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coinless_commission(
    port: *const PortCalls,
    layout: *const FlashLayout,
    record: *const u8,
) -> i32 {
    // SAFETY: the caller promises that they are there.
    let given = unsafe { read_port(port).and_then(|calls| Ok((calls, read_layout(layout)?))) };
    let (calls, layout) = match given {
        Ok(given) => given,
        Err(error) => return error,
    };
    let Some(record) = checked(record.cast_mut().cast::<[u8; FACTORY_BYTES]>()) else { return COINLESS_ERROR_ARGUMENT };
    // SAFETY: so many bytes as the caller promises.
    let factory = Factory::from_record(unsafe { record.as_ref() });
    let Some(factory) = factory else { return COINLESS_ERROR_RECORD };
    match coinless_meter::commission(Chip::new(calls), &layout, &factory) {
        Ok(_) => COINLESS_OK,
        Err(CommissionError::Factory(_)) => COINLESS_ERROR_RECORD,
        Err(CommissionError::Layout(_)) => COINLESS_ERROR_LAYOUT,
        Err(CommissionError::AlreadyMade) => COINLESS_ERROR_ALREADY_MADE,
        Err(CommissionError::Commit(_) | CommissionError::Flash) => COINLESS_ERROR_FLASH,
    }
}

/// # Safety
/// As of [`AtWork::enter`]; `done` is null or points to a [`CallDone`].
unsafe fn work(
    meter: *mut MeterMemory,
    done: *mut CallDone,
    serve: impl FnOnce(&mut CDevice) -> Result<Round, i32>,
) -> i32 {
    if !done.is_aligned() {
        return COINLESS_ERROR_ARGUMENT;
    }
    // SAFETY: as the caller promises.
    let round = match unsafe { AtWork::enter(meter) }.and_then(|mut work| serve(work.device())) {
        Ok(round) => round,
        Err(error) => return error,
    };
    if let Some(done) = NonNull::new(done) {
        // SAFETY: aligned, and what the caller promises.
        unsafe { done.write(c_done(&round)) };
    }
    COINLESS_OK
}

/// # Safety
/// As of [`work`].
unsafe fn happen(meter: *mut MeterMemory, done: *mut CallDone, event: Event) -> i32 {
    let serve = |device: &mut CDevice| {
        device.port().put_event(event);
        Ok(device.round())
    };
    // SAFETY: as the caller promises.
    unsafe { work(meter, done, serve) }
}

/// A pointer that is neither null nor badly aligned.
fn checked<T>(pointer: *mut T) -> Option<NonNull<T>> {
    NonNull::new(pointer).filter(|pointer| pointer.is_aligned())
}

/// # Safety
/// `port` is null or points to a port that stays there.
unsafe fn read_port(port: *const PortCalls) -> Result<&'static PortCalls, i32> {
    let port = checked(port.cast_mut()).ok_or(COINLESS_ERROR_ARGUMENT)?;
    // SAFETY: as the caller promises.
    let calls: &'static PortCalls = unsafe { port.as_ref() };
    let element = [calls.element_public_key.is_some(), calls.element_sign.is_some(), calls.element_agree.is_some()];
    let complete = calls.flash_read.is_some()
        && calls.flash_write.is_some()
        && calls.flash_erase.is_some()
        && calls.uptime_ms.is_some()
        && calls.draw.is_some()
        && calls.drive_valve.is_some()
        && calls.take_consumption.is_some()
        && calls.show.is_some()
        && (calls.send_datagram.is_some() || calls.send_bytes.is_some())
        && matches!(element, [true, true, true] | [false, false, false]);
    let sectors = calls.flash_sector_bytes.is_power_of_two() && calls.flash_sector_bytes <= ERASE_BYTES;
    if calls.abi == COINLESS_ABI && complete && sectors { Ok(calls) } else { Err(COINLESS_ERROR_PORT) }
}

/// # Safety
/// `layout` is null or points to a layout.
unsafe fn read_layout(layout: *const FlashLayout) -> Result<Layout, i32> {
    let layout = checked(layout.cast_mut()).ok_or(COINLESS_ERROR_ARGUMENT)?;
    // SAFETY: as the caller promises.
    let given = unsafe { layout.read() };
    let layout = Layout {
        factory: given.factory_from..given.factory_to,
        journal: given.journal_from..given.journal_to,
        terms: given.terms_from..given.terms_to,
    };
    let apart = |a: &core::ops::Range<u32>, b: &core::ops::Range<u32>| a.end <= b.start || b.end <= a.start;
    let factory_fits = layout.factory.start.is_multiple_of(ERASE_BYTES)
        && layout.factory.end.is_multiple_of(ERASE_BYTES)
        && layout.factory.start < layout.factory.end;
    let lawful = factory_fits
        && apart(&layout.factory, &layout.journal)
        && apart(&layout.factory, &layout.terms)
        && apart(&layout.journal, &layout.terms);
    if lawful { Ok(layout) } else { Err(COINLESS_ERROR_LAYOUT) }
}

fn shut_cause(cause: u8) -> Option<ShutCause> {
    ShutCause::ALL.into_iter().find(|known| *known as u8 == cause)
}

fn c_done(round: &Round) -> CallDone {
    CallDone {
        served: match round.served {
            Served::Nothing => COINLESS_SERVED_NOTHING,
            Served::Read => COINLESS_SERVED_READ,
            Served::Token { .. } => COINLESS_SERVED_TOKEN,
            Served::Refused(_) => COINLESS_SERVED_REFUSED,
        },
        pressed: match round.pressed {
            None => COINLESS_PRESSED_NOTHING,
            Some(Pressed::Opened) => COINLESS_PRESSED_OPENED,
            Some(Pressed::AlreadyOpen) => COINLESS_PRESSED_ALREADY_OPEN,
            Some(Pressed::HeldShut(_)) => COINLESS_PRESSED_HELD_SHUT,
            Some(Pressed::OutOfService) => COINLESS_PRESSED_OUT_OF_SERVICE,
        },
    }
}
