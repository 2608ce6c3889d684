//! Lines for people, without the formatting of the standard library, which is larger than the rest of a board.

use coinless_protocol::state::Flags;
use coinless_protocol::{Commodity, FINE_PER_UNIT, FineCredit};

/// Most bytes of a line; what is longer is cut off.
pub const MAX_LINE: usize = 240;

/// A line that is being written.
#[derive(Debug, Default)]
pub struct Line {
    bytes: heapless::Vec<u8, MAX_LINE>,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self { bytes: heapless::Vec::new() }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        text.bytes().for_each(|byte| self.byte(byte));
        self
    }

    /// Appends a number with at least `width` digits.
    pub fn number(&mut self, number: u64, width: usize) -> &mut Self {
        let mut digits = heapless::Vec::<u8, 20>::new();
        let mut rest = number;
        while rest > 0 || digits.len() < width.max(1) {
            let done = digits.push(b'0' | (rest % 10) as u8);
            rest /= 10;
            if done.is_err() {
                break;
            }
        }
        digits.iter().rev().for_each(|digit| self.byte(*digit));
        self
    }

    /// Appends an amount in the commodity's display unit with three digits after the point.
    pub fn amount(&mut self, fine: FineCredit, commodity: Commodity) -> &mut Self {
        if fine.0 < 0 {
            self.text("-");
        }
        let units = fine.0.unsigned_abs() / FINE_PER_UNIT as u64;
        self.number(units / 1000, 1).text(".").number(units % 1000, 3).text(" ").text(commodity.display_unit())
    }

    /// Appends what is to be told of valve and causes.
    pub fn flags(&mut self, flags: Flags) -> &mut Self {
        self.text(if flags.open { "open" } else { "shut" });
        let mut before = " (";
        for cause in flags.causes.iter() {
            self.text(before).text(cause.words());
            before = ", ";
        }
        if !flags.causes.is_empty() {
            self.text(")");
        }
        if flags.armed {
            self.text(", armed: a press opens it");
        }
        if flags.valve_failed {
            self.text(", VALVE FAILED");
        }
        self
    }

    fn byte(&mut self, byte: u8) {
        let _ = self.bytes.push(byte);
    }
}
