//! The meter as an image for LM3S6965 in an emulator: `cargo xtask firmware --state FILE`.
#![no_std]
#![no_main]

use coinless_firmware::board::{self, Board};
use coinless_firmware::flash::HostFlash;
use coinless_firmware::host::{CommandLine, File, HostError, exit, say};
use coinless_firmware::uart::Uart;
use coinless_meter::desk_chip::layout;
use coinless_meter::port::Device;
use core::ffi::CStr;
use core::panic::PanicInfo;
use cortex_m_rt::{entry, exception};

#[entry]
fn main() -> ! {
    let Ok(command_line) = CommandLine::read() else { fail(c"coinless: no command line\n") };
    let Ok(file) = command_line.file() else { fail(c"coinless: no file for the flash\n") };
    let Ok((board, flash)) = open(file) else { fail(c"coinless: the file of the flash cannot be used\n") };
    let Some(mut peripherals) = cortex_m::Peripherals::take() else { fail(c"coinless: started twice\n") };
    Uart::switch_on(board::CLOCK_HZ);
    board::start_clock(&mut peripherals.SYST);
    let mut device = Device::new(board, flash);
    if device.begin(&layout()).is_err() {
        fail(c"coinless: the file holds no meter; make one with `coinless meter new`\n");
    }
    loop {
        let round = device.round();
        if let Some(pressed) = round.pressed {
            device.port().report(pressed);
        }
        device.port().sleep();
    }
}

fn open(file: &CStr) -> Result<(Board, HostFlash), HostError> {
    Ok((Board::new(File::open_to_update(file)?)?, HostFlash::new(File::open_to_update(file)?)))
}

fn fail(why: &'static CStr) -> ! {
    say(why);
    exit(1)
}

#[exception]
fn SysTick() {
    board::tick();
}

// SAFETY: no exception that needs more than this one is switched on.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    Uart::interrupt(number);
}

// Nothing panics into it: the image is built so that a panic stops the processor at once.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}
