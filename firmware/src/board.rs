//! A board in an emulator: LM3S6965, its serial ports, and a world of its own in which somebody uses gas, water or electricity
//! and presses the button as the control line says.

use crate::host::{File, HostError, say};
use crate::text::Line;
use crate::uart::{CONTROL, LINK, Uart};
use coinless_meter::desk_chip::{VALVE_AT, VALVE_OPEN, VALVE_SHUT};
use coinless_meter::port::{Datagram, Event, Port, View};
use coinless_meter::{Pressed, ValveCommand, WorkLimit};
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Commodity, FineCredit, slipmux};
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// The processor's clock after a reset, as the emulator has it.
pub const CLOCK_HZ: u32 = 12_500_000;
/// The time between two ticks of the system timer.
const TICK_MS: u32 = 10;
/// What it counts down from.
const TICK_CYCLES: u32 = CLOCK_HZ / 1_000 * TICK_MS;

/// A pulse of the counter: one credit unit.
const PULSE: FineCredit = FineCredit(1_000);
/// Longest control line.
const MAX_CONTROL_LINE: usize = 64;

/// The control lines, for people.
const HELP: &str = "consume AMOUNT (1.250m3, 3kWh): use so much | open: press the button | show: the display | \
    raise CAUSE, clear CAUSE (a technician): command tamper flow battery disuse closed fault | clear valve: the valve is repaired";

const CAUSES: &str = "the causes are command, tamper, flow, battery, disuse, closed and fault";

static TICKS: AtomicU32 = AtomicU32::new(0);

/// To be called by the system timer's interrupt.
pub fn tick() {
    // The only writer, so that loading and storing is enough: a small processor has no more.
    TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Starts the system timer.
pub fn start_clock(timer: &mut SYST) {
    timer.set_reload(TICK_CYCLES - 1);
    timer.clear_current();
    timer.set_clock_source(SystClkSource::Core);
    timer.enable_counter();
    timer.enable_interrupt();
}

/// Waits, as for a chip that is busy.
pub fn wait_us(us: u32) {
    let cycles = (CLOCK_HZ / 1_000_000 + 1).saturating_mul(us);
    let (mut waited, mut before) = (0_u32, SYST::get_current());
    while waited < cycles {
        let now = SYST::get_current();
        // It counts down, and starts again at its reload value.
        let passed = if now <= before { before - now } else { (before + TICK_CYCLES).saturating_sub(now) };
        waited = waited.saturating_add(passed);
        before = now;
    }
}

/// The board.
#[derive(Debug)]
pub struct Board {
    /// The file of the flash, for the valve's position after it.
    chip: File,
    random: File,
    ticks: u32,
    /// How often the count of ticks began again.
    wraps: u32,
    decoder: slipmux::Decoder,
    line: heapless::Vec<u8, MAX_CONTROL_LINE>,
    valve_open: bool,
    /// As the core said when it first showed something.
    commodity: Commodity,
    /// What somebody wants to use, and what of it has flowed.
    flow: Option<(FineCredit, FineCredit)>,
    shown: Option<View>,
}

impl Board {
    /// A board whose valve is in `chip`.
    ///
    /// # Errors
    /// [`HostError`] if the host does not give the valve's position or random numbers.
    pub fn new(chip: File) -> Result<Self, HostError> {
        let mut valve = [0; VALVE_OPEN.len()];
        chip.read_at(VALVE_AT, &mut valve)?;
        Ok(Self {
            chip,
            random: File::open(c"/dev/urandom")?,
            ticks: 0,
            wraps: 0,
            decoder: slipmux::Decoder::new(),
            line: heapless::Vec::new(),
            valve_open: valve == *VALVE_OPEN,
            commodity: Commodity::Gas,
            flow: None,
            shown: None,
        })
    }

    /// Sleeps until an interrupt, if there is nothing to do.
    pub fn sleep(&self) {
        cortex_m::interrupt::free(|_| {
            if self.flow.is_none() && LINK.is_empty() && CONTROL.is_empty() {
                // It wakes up for an interrupt that is held back here, too.
                cortex_m::asm::wfi();
            }
        });
    }

    /// Tells what a press did.
    pub fn report(&self, pressed: Pressed) {
        self.print(Line::new().text("button pressed: ").text(match pressed {
            Pressed::Opened => "opened",
            Pressed::AlreadyOpen => "open already",
            Pressed::HeldShut(_) => "held shut",
            Pressed::OutOfService => "out of service",
        }));
    }

    fn print(&self, line: &mut Line) {
        Uart::Control.send(line.text("\r\n").as_bytes());
    }

    fn say(&self, text: &str) {
        self.print(Line::new().text(text));
    }

    fn end_flow(&mut self, wanted: FineCredit, used: FineCredit) {
        self.flow = None;
        let mut line = Line::new();
        line.text("used ").amount(used, self.commodity);
        if used != wanted {
            line.text(" of ").amount(wanted, self.commodity);
        }
        self.print(&mut line);
    }

    /// Does what a control line says; gives what happens at the meter.
    fn control(&mut self, line: &str) -> Option<Event> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest.trim()) {
            ("", "") => return None,
            ("open", "") => return Some(Event::Press),
            ("clear", "valve") => return Some(Event::ValveRepaired),
            ("raise", name) => match cause(name) {
                Some(cause) => return Some(Event::Raise(cause)),
                None => self.say(CAUSES),
            },
            ("clear", name) => match cause(name) {
                Some(cause) => return Some(Event::Clear(cause)),
                None => self.say(CAUSES),
            },
            ("consume", amount) => match self.commodity.parse_amount(amount) {
                Ok(amount) => self.flow = Some((amount, FineCredit::ZERO)),
                Err(_) => self.say("write an amount with its unit, for example: consume 1.250m3"),
            },
            ("show", "") => self.shown = None,
            ("help", "") => self.say(HELP),
            _ => self.say("unknown control line; type 'help'"),
        }
        None
    }
}

fn cause(name: &str) -> Option<ShutCause> {
    Some(match name {
        "command" => ShutCause::Command,
        "tamper" => ShutCause::Tamper,
        "flow" => ShutCause::Flow,
        "battery" => ShutCause::LowBattery,
        "disuse" => ShutCause::Disuse,
        "closed" => ShutCause::ClosedAccount,
        "fault" => ShutCause::Fault,
        _ => return None,
    })
}

impl Port for Board {
    const WORK: WorkLimit = WorkLimit::MAINS;

    fn uptime_ms(&mut self) -> u64 {
        let ticks = TICKS.load(Ordering::Relaxed);
        if ticks < self.ticks {
            self.wraps = self.wraps.saturating_add(1);
        }
        self.ticks = ticks;
        (u64::from(self.wraps) << 32 | u64::from(ticks)).saturating_mul(u64::from(TICK_MS))
    }

    fn draw(&mut self) -> u32 {
        let mut bytes = [0; 4];
        if self.random.read(&mut bytes).is_err() {
            say(c"coinless: the host gives no random numbers\n");
        }
        u32::from_le_bytes(bytes)
    }

    fn drive_valve(&mut self, command: ValveCommand) {
        let open = command == ValveCommand::Open;
        let (position, name) = if open { (VALVE_OPEN, "valve open") } else { (VALVE_SHUT, "valve shut") };
        if self.chip.write_at(VALVE_AT, position).is_err() {
            return self.say("the valve does not move: the host does not write its file");
        }
        self.valve_open = open;
        self.say(name);
    }

    fn take_consumption(&mut self) -> FineCredit {
        let Some((wanted, used)) = self.flow else { return FineCredit::ZERO };
        let pulse = FineCredit(wanted.0.saturating_sub(used.0).min(PULSE.0));
        if pulse.0 <= 0 || !self.valve_open {
            self.end_flow(wanted, used);
            return FineCredit::ZERO;
        }
        self.flow = Some((wanted, FineCredit(used.0.saturating_add(pulse.0))));
        self.say("pulse");
        pulse
    }

    fn take_event(&mut self) -> Option<Event> {
        while let Some(byte) = CONTROL.pop() {
            if !matches!(byte, b'\n' | b'\r') {
                // What does not fit makes an unknown line.
                let _ = self.line.push(byte);
                continue;
            }
            let line = core::mem::take(&mut self.line);
            let event = self.control(core::str::from_utf8(&line).unwrap_or("?").trim());
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn receive(&mut self, datagram: &mut Datagram) -> bool {
        while let Some(byte) = LINK.pop() {
            if let Some(message) = self.decoder.push(byte) {
                return datagram.append(message).is_ok();
            }
        }
        false
    }

    fn send(&mut self, datagram: &[u8]) {
        slipmux::encode(datagram).for_each(|byte| Uart::Link.send(&[byte]));
    }

    fn show(&mut self, view: &View) {
        self.commodity = view.commodity;
        // While something flows, the balance changes too often to be printed.
        if self.shown.as_ref() == Some(view) || self.flow.is_some() {
            return;
        }
        self.shown = Some(*view);
        let mut line = Line::new();
        line.text("display: ");
        match view.balance {
            Some(balance) => line.amount(balance, view.commodity),
            None => line.text("no balance"),
        };
        line.text("; valve ").flags(view.flags);
        if let Some(code) = view.code {
            line.text("; code ").number(code.into(), 6);
        }
        if let Some(code) = view.owner_code {
            line.text("; your code for the readings: ").number(code.into(), 8);
        }
        if view.fault.is_some() {
            line.text("; OUT OF SERVICE");
        }
        self.print(&mut line);
    }
}
