//! The core with the smallest board there can be, to measure how much flash and RAM it takes. It is linked, not run: the board
//! is a row of registers that nothing can be known of, so that nothing of the core can be left out.
#![no_std]
#![no_main]

use coinless_meter::port::{Datagram, Device, Event, Port, View};
use coinless_meter::{Layout, ValveCommand, WorkLimit};
use coinless_protocol::FineCredit;
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::ShutCause;
use core::panic::PanicInfo;
use core::ptr;
use cortex_m_rt::entry;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

/// Peripherals of every Cortex-M are in this region.
const REGISTERS: usize = 0x4000_0000;
const CLOCK: usize = 0;
const RANDOM: usize = 1;
const VALVE: usize = 2;
const COUNTER: usize = 3;
const EVENT: usize = 4;
const LINK: usize = 5;
const DISPLAY: usize = 6;
const FLASH_ADDRESS: usize = 7;
const FLASH_DATA: usize = 8;
const FLASH_ERASE: usize = 9;

/// Where the meter's flash is in memory.
const CHIP: u32 = 0x2_0000;
const CHIP_BYTES: u32 = 0x4000;

fn read(register: usize) -> u32 {
    // SAFETY: a word of the region of peripherals; reading one changes no memory of this program.
    unsafe { ptr::read_volatile((REGISTERS as *const u32).add(register)) }
}

fn write(register: usize, value: u32) {
    // SAFETY: as above for writing.
    unsafe { ptr::write_volatile((REGISTERS as *mut u32).add(register), value) }
}

struct Bare;

impl Port for Bare {
    const WORK: WorkLimit = WorkLimit::BATTERY;

    fn uptime_ms(&mut self) -> u64 {
        read(CLOCK).into()
    }

    fn draw(&mut self) -> u32 {
        read(RANDOM)
    }

    fn drive_valve(&mut self, command: ValveCommand) {
        write(VALVE, (command == ValveCommand::Open).into());
    }

    fn take_consumption(&mut self) -> FineCredit {
        FineCredit(read(COUNTER).into())
    }

    fn clock(&mut self) -> Option<u64> {
        Some(read(CLOCK).into())
    }

    fn load_w(&mut self) -> Option<u32> {
        Some(read(COUNTER))
    }

    fn take_event(&mut self) -> Option<Event> {
        Some(match read(EVENT) {
            1 => Event::Press,
            2 => Event::Raise(ShutCause::Tamper),
            3 => Event::Clear(ShutCause::Tamper),
            4 => Event::ValveRepaired,
            5 => Event::TakeEmergency,
            6 => Event::Sensor(Sensor::Cover, true),
            7 => Event::Sensor(Sensor::LowBattery, false),
            _ => return None,
        })
    }

    fn receive(&mut self, datagram: &mut Datagram) -> bool {
        let len = read(LINK);
        (0..len).all(|_| datagram.append(&[read(LINK) as u8]).is_ok()) && len > 0
    }

    fn send(&mut self, datagram: &[u8]) {
        datagram.iter().for_each(|byte| write(LINK, (*byte).into()));
    }

    fn show(&mut self, view: &View) {
        write(DISPLAY, view.balance.map_or(0, |balance| balance.0 as u32));
        write(DISPLAY, view.flags.bits().into());
        write(DISPLAY, view.code.unwrap_or(u32::MAX));
        write(DISPLAY, view.owner_code.unwrap_or(u32::MAX));
        write(DISPLAY, view.fault.is_some().into());
    }
}

struct Chip;

impl ErrorType for Chip {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        for (at, byte) in (CHIP.saturating_add(offset)..).zip(bytes) {
            // SAFETY: flash of the processor, beyond this program; a byte of it can always be read.
            *byte = unsafe { ptr::read_volatile(at as *const u8) };
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        CHIP_BYTES as usize
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        for sector in (from..to).step_by(Self::ERASE_SIZE) {
            write(FLASH_ERASE, sector);
            while read(FLASH_ERASE) & 1 != 0 {}
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let (words, _) = bytes.as_chunks::<4>();
        for (offset, word) in (offset..).step_by(4).zip(words) {
            write(FLASH_ADDRESS, offset);
            write(FLASH_DATA, u32::from_le_bytes(*word));
            while read(FLASH_DATA) & 1 != 0 {}
        }
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    let layout = Layout { factory: 0..0x400, journal: 0x400..0x2000, terms: 0x2000..CHIP_BYTES };
    let mut device = Device::new(Bare, Chip);
    if device.begin(&layout).is_err() {
        stop()
    }
    loop {
        device.round();
        cortex_m::asm::wfi();
    }
}

fn stop() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop()
}
