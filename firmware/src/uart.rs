//! The serial ports of LM3S6965 (Stellaris data sheet, chapter 12), as far as a meter needs them: bytes that come in are taken
//! by interrupt, bytes that go out are waited for.

use crate::ring::Ring;
use core::ptr;

/// What a full request takes on the line at most, and some more.
pub const LINK_BYTES: usize = 768;
/// A few control lines.
pub const CONTROL_BYTES: usize = 256;

/// What came in over the link.
pub static LINK: Ring<LINK_BYTES> = Ring::new();
/// What came in over the control line.
pub static CONTROL: Ring<CONTROL_BYTES> = Ring::new();

/// Numbers of the interrupts.
const UART0_INTERRUPT: i16 = 5;
const UART1_INTERRUPT: i16 = 6;

/// Clock gates of serial ports and pins.
const RCGC1: usize = 0x400f_e104;
const RCGC2: usize = 0x400f_e108;
/// Pins of port A (UART 0) and D (UART 1): alternate function, and digital.
const PORT_A: usize = 0x4000_4000;
const PORT_D: usize = 0x4000_7000;
const AFSEL: usize = 0x420;
const DEN: usize = 0x51c;

/// Offsets of a port's registers.
const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const BAUD_INTEGER: usize = 0x24;
const BAUD_FRACTION: usize = 0x28;
const LINE_CONTROL: usize = 0x2c;
const CONTROL_REGISTER: usize = 0x30;
const INTERRUPT_MASK: usize = 0x38;
const INTERRUPT_CLEAR: usize = 0x44;

const FLAG_RECEIVE_EMPTY: u32 = 1 << 4;
const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
/// 8 bits, FIFOs on.
const EIGHT_BITS_FIFO: u32 = 0x70;
const ON_BOTH_WAYS: u32 = 0x301;
/// Interrupts: something received, and something left in the FIFO for a while.
const RECEIVED: u32 = 1 << 4 | 1 << 6;

/// A serial port at 115200 bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Uart {
    /// UART 0: the link.
    Link = 0x4000_c000,
    /// UART 1: lines to control and watch the emulated world.
    Control = 0x4000_d000,
}

impl Uart {
    /// Switches both ports on; `clock_hz` is the processor's clock.
    pub fn switch_on(clock_hz: u32) {
        set_bits(RCGC1, 0b11);
        set_bits(RCGC2, 0b1001);
        set_bits(PORT_A + AFSEL, 0b11);
        set_bits(PORT_A + DEN, 0b11);
        set_bits(PORT_D + AFSEL, 0b1100);
        set_bits(PORT_D + DEN, 0b1100);
        for uart in [Self::Link, Self::Control] {
            // The divisor in 64ths of clock / (16 * rate), rounded.
            let divisor = clock_hz.saturating_mul(8).checked_div(115_200).unwrap_or(0).div_ceil(2);
            uart.write(CONTROL_REGISTER, 0);
            uart.write(BAUD_INTEGER, divisor >> 6);
            uart.write(BAUD_FRACTION, divisor & 63);
            uart.write(LINE_CONTROL, EIGHT_BITS_FIFO);
            uart.write(INTERRUPT_MASK, RECEIVED);
            uart.write(CONTROL_REGISTER, ON_BOTH_WAYS);
        }
        for interrupt in [UART0_INTERRUPT, UART1_INTERRUPT] {
            let interrupt = Interrupt(interrupt as u16);
            // SAFETY: no critical section of this image relies on these interrupts being off, and what they call is ready.
            unsafe { cortex_m::peripheral::NVIC::unmask(interrupt) };
        }
    }

    /// Takes what has come in. To be called for every interrupt that has no handler of its own.
    pub fn interrupt(number: i16) {
        match number {
            UART0_INTERRUPT => Self::Link.drain(|byte| LINK.push(byte)),
            UART1_INTERRUPT => Self::Control.drain(|byte| CONTROL.push(byte)),
            _ => {}
        }
    }

    /// Sends bytes, waiting for each to fit into the FIFO.
    pub fn send(self, bytes: &[u8]) {
        for byte in bytes {
            while self.read(FLAGS) & FLAG_TRANSMIT_FULL != 0 {}
            self.write(DATA, u32::from(*byte));
        }
    }

    fn drain(self, mut take: impl FnMut(u8)) {
        self.write(INTERRUPT_CLEAR, RECEIVED);
        while self.read(FLAGS) & FLAG_RECEIVE_EMPTY == 0 {
            take(self.read(DATA) as u8);
        }
    }

    fn read(self, offset: usize) -> u32 {
        // SAFETY: a register of a serial port that this chip has; `Uart` has no other addresses.
        unsafe { ptr::read_volatile((self as usize + offset) as *const u32) }
    }

    fn write(self, offset: usize, value: u32) {
        // SAFETY: as above. It changes nothing but the port.
        unsafe { ptr::write_volatile((self as usize + offset) as *mut u32, value) }
    }
}

fn set_bits(register: usize, bits: u32) {
    let register = register as *mut u32;
    // SAFETY: called with the addresses above only: registers of clock gates and pins, before any interrupt is on.
    unsafe { ptr::write_volatile(register, ptr::read_volatile(register) | bits) };
}

#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: the numbers are below that of the chip's interrupts and stay the same.
unsafe impl cortex_m::interrupt::InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}
