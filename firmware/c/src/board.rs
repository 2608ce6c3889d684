//! The port of the core, over the functions that C gave.

use crate::abi::*;
use coinless_meter::port::{Datagram, Event, Port, View};
use coinless_meter::{Fault, ValveCommand, WorkLimit};
use coinless_protocol::slipmux::{self, Decoder};
use coinless_protocol::{Commodity, CreditKind, FineCredit};

/// Begins and ends a frame on a serial line (RFC 1055). Only at it a frame can be complete.
const END: u8 = 0xc0;
/// Bytes that are handed to the serial line at once.
const CHUNK_BYTES: usize = 32;

/// A link that datagrams come in over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Datagrams,
    Serial,
}

/// What is there to be received in a round.
#[derive(Debug, Clone, Copy)]
enum Incoming {
    Nothing,
    /// A datagram of the caller's, for the time of the call.
    Datagram(*const u8, usize),
    /// The byte that may complete a frame.
    End,
}

/// The board.
#[derive(Debug)]
pub(crate) struct Board {
    calls: &'static PortCalls,
    /// Where the last datagram came from, and answers go to.
    link: Link,
    decoder: Decoder,
    incoming: Incoming,
    event: Option<Event>,
}

impl Board {
    pub fn new(calls: &'static PortCalls) -> Self {
        let link = if calls.send_bytes.is_some() { Link::Serial } else { Link::Datagrams };
        Self { calls, link, decoder: Decoder::new(), incoming: Incoming::Nothing, event: None }
    }

    /// Whether answers can go out over `link`.
    pub fn has(&self, link: Link) -> bool {
        match link {
            Link::Datagrams => self.calls.send_datagram.is_some(),
            Link::Serial => self.calls.send_bytes.is_some(),
        }
    }

    /// Something happens in the next round.
    pub fn put_event(&mut self, event: Event) {
        self.event = Some(event);
    }

    /// A datagram is there for the next round.
    ///
    /// # Safety
    /// `len` bytes can be read at `bytes` until that round is over.
    pub unsafe fn put_datagram(&mut self, bytes: *const u8, len: usize) {
        self.incoming = Incoming::Datagram(bytes, len);
    }

    /// Takes a byte of the serial line; gives whether a round is to look at it.
    pub fn put_byte(&mut self, byte: u8) -> bool {
        if byte == END {
            self.incoming = Incoming::End;
            return true;
        }
        // No frame ends here.
        let _ = self.decoder.push(byte);
        false
    }
}

impl Port for Board {
    // `held::start` limits it if a battery pays.
    const WORK: WorkLimit = WorkLimit::MAINS;

    fn uptime_ms(&mut self) -> u64 {
        // SAFETY: the function of the header.
        self.calls.uptime_ms.map_or(0, |uptime_ms| unsafe { uptime_ms(self.calls.context) })
    }

    fn clock(&mut self) -> Option<u64> {
        // SAFETY: the function of the header.
        self.calls.clock_s.map(|clock_s| unsafe { clock_s(self.calls.context) }).filter(|unix_s| *unix_s > 0)
    }

    fn draw(&mut self) -> u32 {
        // SAFETY: the function of the header.
        self.calls.draw.map_or(0, |draw| unsafe { draw(self.calls.context) })
    }

    fn drive_valve(&mut self, command: ValveCommand) {
        let command = match command {
            ValveCommand::Shut => COINLESS_VALVE_SHUT,
            ValveCommand::Open => COINLESS_VALVE_OPEN,
        };
        if let Some(drive) = self.calls.drive_valve {
            // SAFETY: the function of the header.
            unsafe { drive(self.calls.context, command) };
        }
    }

    fn take_consumption(&mut self) -> FineCredit {
        // SAFETY: the function of the header.
        FineCredit(self.calls.take_consumption.map_or(0, |take| unsafe { take(self.calls.context) }.into()))
    }

    fn load_w(&mut self) -> Option<u32> {
        // SAFETY: the function of the header.
        self.calls.load_w.map(|load| unsafe { load(self.calls.context) }).filter(|load| *load != COINLESS_NO_LOAD)
    }

    fn take_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    fn receive(&mut self, datagram: &mut Datagram) -> bool {
        match core::mem::replace(&mut self.incoming, Incoming::Nothing) {
            Incoming::Nothing => false,
            Incoming::Datagram(bytes, len) => {
                self.link = Link::Datagrams;
                // SAFETY: `put_datagram` was promised so many bytes for this round.
                datagram.append(unsafe { core::slice::from_raw_parts(bytes, len) }).is_ok()
            }
            Incoming::End => {
                let Some(message) = self.decoder.push(END) else { return false };
                self.link = Link::Serial;
                datagram.append(message).is_ok()
            }
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        match (self.link, self.calls.send_datagram, self.calls.send_bytes) {
            (Link::Datagrams, Some(send), _) => {
                // SAFETY: the function of the header, with as many bytes to read as it is told; at most 320.
                unsafe { send(self.calls.context, datagram.as_ptr(), datagram.len() as u32) };
            }
            (Link::Serial, _, Some(send)) => {
                let mut frame = slipmux::encode(datagram);
                loop {
                    let chunk: heapless::Vec<u8, CHUNK_BYTES> = frame.by_ref().take(CHUNK_BYTES).collect();
                    if chunk.is_empty() {
                        return;
                    }
                    // SAFETY: as above; at most 32.
                    unsafe { send(self.calls.context, chunk.as_ptr(), chunk.len() as u32) };
                }
            }
            // Nothing comes in over a link that has no way out.
            _ => {}
        }
    }

    fn show(&mut self, view: &View) {
        if let Some(show) = self.calls.show {
            let view = c_view(view);
            // SAFETY: the function of the header, with a view that lives until it returns.
            unsafe { show(self.calls.context, &raw const view) };
        }
    }
}

fn c_view(view: &View) -> DisplayView {
    let (mut currency, mut exponent) = ([0; 4], 0);
    if let CreditKind::Money(money) = &view.credit {
        currency.iter_mut().zip(money.code().bytes()).for_each(|(to, from)| *to = from);
        exponent = money.exponent();
    }
    let flags = [
        (view.flags.open, COINLESS_FLAG_OPEN),
        (view.flags.armed, COINLESS_FLAG_ARMED),
        (view.flags.valve_failed, COINLESS_FLAG_VALVE_FAILED),
        (view.emergency_offered, COINLESS_FLAG_EMERGENCY_OFFERED),
        (view.balance.is_some(), COINLESS_FLAG_BALANCE),
    ];
    DisplayView {
        balance: view.balance.map_or(0, |balance| balance.0),
        code: view.code.unwrap_or(COINLESS_NO_CODE),
        owner_code: view.owner_code.unwrap_or(COINLESS_NO_CODE),
        currency,
        exponent,
        commodity: match view.commodity {
            Commodity::Gas => COINLESS_GAS,
            Commodity::Water => COINLESS_WATER,
            Commodity::Electricity => COINLESS_ELECTRICITY,
        },
        flags: flags.iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, flag)| flags | flag),
        causes: view.flags.causes.bits(),
        alarm: view.alarm,
        fault: match view.fault {
            None => COINLESS_FAULT_NONE,
            Some(Fault::NoState) => COINLESS_FAULT_NO_STATE,
            Some(Fault::Sums) => COINLESS_FAULT_SUMS,
            Some(Fault::Journal) => COINLESS_FAULT_JOURNAL,
        },
    }
}
