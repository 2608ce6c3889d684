//! The port: everything that a board gives to the core, and the one loop that drives the core with it.
//!
//! A new board implements [`Port`] and gives a flash (any `embedded-storage` NorFlash); [`Device`] does the rest. `docs/porting.md`
//! goes through it step by step. What the parts must do, how fast, and what happens if they fail:
//!
//! | part | must | within | if it fails |
//! |---|---|---|---|
//! | flash ([`NorFlash`]) | program and erase; be finished when a call returns; keep what was read back | a record: 50 ms, or presses and valve lag | an error, or a record that reads back wrong: the next slot, and after [`crate::journal::MAX_ATTEMPTS`] of them *out of service*, shut |
//! | clock ([`Port::uptime_ms`]) | never go back, count on while the processor sleeps, be off by less than 1 % | 1 ms to answer | times of the opening check and of repeats are wrong by as much; no credit depends on it |
//! | valve ([`Port::drive_valve`]) | begin to move, stay where it is without power | 10 s to stand ([`crate::VALVE_TRAVEL_MS`]) | flow while shut raises *valve failed* |
//! | counter ([`Port::take_consumption`]) | count by hardware or interrupt, also while a signature is verified | taken once a round | what it loses falls on the utility |
//! | entropy ([`Port::draw`]) | be different after each start | 1 ms | a stale answer may be taken for a fresh one by a peer that repeats itself; no signature and no credit depends on it |
//! | link ([`Port::receive`], [`Port::send`]) | carry whole datagrams, or lose them | none | the peer asks again; repeats are harmless |
//! | display ([`Port::show`]) | show the balance, the causes, the code of a challenge | 1 s | nothing else depends on it |
//! | secure element, optional ([`MeterKey`]) | sign, and agree a secret with another key (ECDH), on P-256 | 1 s each | no token is taken and no receipt given while it fails; counting, shutting and the journal go on, and nothing is lost |
//! | button and sensors ([`Port::take_event`]) | tell deliberate, debounced presses; raise a cause as long as it lasts | 1 s | a press is made again |
//!
//! Nothing here may allocate or fail in another way than its value says. What may interrupt the core: everything. It disables no
//! interrupt, holds no lock, and its longest call (a token, see the size table in `docs/meter.md`) only reads and writes its own
//! memory and the flash. What an interrupt counts is taken between two calls.

use crate::commission::Layout;
use crate::meter::{Fault, Meter, MountError};
use crate::server::{MeterServer, Served};
use crate::valve::{Pressed, ValveCommand};
use crate::work::WorkLimit;
use coinless_protocol::coap::MAX_MESSAGE_BYTES;
use coinless_protocol::keys::{KeyPair, MeterKey};
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::{Flags, ShutCause};
use coinless_protocol::{Bytes, Commodity, CreditKind, FineCredit};
use embedded_storage::nor_flash::NorFlash;

/// Longest time between two rounds, in milliseconds: the board calls [`Device::round`] at least so often, and as soon as
/// something has happened.
pub const ROUND_MS: u64 = 1_000;

/// A datagram on its way, in the board's memory until it has been served.
pub type Datagram = Bytes<MAX_MESSAGE_BYTES>;

/// What happens at the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A person pressed the button deliberately: a press of its own, debounced, at the meter and not by remote control.
    Press,
    /// A person at the meter takes the emergency credit that the display offers: a press of another kind, longer or on another
    /// button.
    TakeEmergency,
    /// A sensor began (`true`) or ceased to report.
    Sensor(Sensor, bool),
    /// A technician at the meter holds the valve shut from now on.
    Raise(ShutCause),
    /// A technician at the meter clears a cause.
    Clear(ShutCause),
    /// A technician has repaired the valve.
    ValveRepaired,
}

/// What the display shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// What the meter measures.
    pub commodity: Commodity,
    /// What the balance is counted in: the unit of the commodity, or money.
    pub credit: CreditKind,
    /// Credit left, in thousandths of a credit unit, consumption that is not yet journaled included; none without a state.
    pub balance: Option<FineCredit>,
    /// Valve and causes.
    pub flags: Flags,
    /// The low-credit alarm, 0 for none, 1, or 2.
    pub alarm: u8,
    /// A person may take emergency credit now.
    pub emergency_offered: bool,
    /// The code of the last challenge, 0 to 999 999, six digits; none after [`crate::DISPLAY_CODE_MS`].
    pub code: Option<u32>,
    /// The owner code, 0 to 99 999 999, eight digits, for [`crate::OWNER_CODE_MS`] after a press of the button. The display shows it and
    /// nothing else may: it proves that somebody stood before the meter.
    pub owner_code: Option<u32>,
    /// Why the meter is out of service, if it is.
    pub fault: Option<Fault>,
}

/// A board. Every function returns at once; the table above says what each has to hold to.
pub trait Port {
    /// How much work the meter does for strangers: [`WorkLimit::BATTERY`] if a battery pays for it.
    const WORK: WorkLimit;

    /// Milliseconds since the start.
    fn uptime_ms(&mut self) -> u64;

    /// Seconds since 1970-01-01 UTC of a clock that went on while the meter was off. Asked for once, at a start; none if there
    /// is no such clock or it stood still.
    fn clock(&mut self) -> Option<u64> {
        None
    }

    /// Bits that an outsider cannot foretell, for message ids and the spread of repeats. Not used for keys or signatures.
    fn draw(&mut self) -> u32;

    /// Begins to drive the valve or relay. The position that is driven to last counts. Called with [`ValveCommand::Shut`] at
    /// a start unless the valve stood open rightfully: it may be shut already.
    fn drive_valve(&mut self, command: ValveCommand);

    /// What has flowed since the last call, in thousandths of dm³, litre or Wh; zero if nothing.
    fn take_consumption(&mut self) -> FineCredit;

    /// The power that flows now, in W, of an electricity meter that limits the load; none of others.
    fn load_w(&mut self) -> Option<u32> {
        None
    }

    /// The next thing that happened, if there is one more.
    fn take_event(&mut self) -> Option<Event>;

    /// Puts the next whole datagram into `datagram`, which is empty, and says whether there was one. A datagram of more than
    /// [`MAX_MESSAGE_BYTES`] is dropped.
    fn receive(&mut self, datagram: &mut Datagram) -> bool;

    /// Sends a datagram of at most [`MAX_MESSAGE_BYTES`] to whoever sent the last one. It may return before all of it is out.
    fn send(&mut self, datagram: &[u8]);

    /// Shows `view`; called once a round, changed or not.
    fn show(&mut self, view: &View);
}

/// What a round did; for a log or a lamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// What a datagram came to.
    pub served: Served,
    /// What a press did.
    pub pressed: Option<Pressed>,
}

/// A meter on a board.
#[derive(Debug)]
pub struct Device<P, F, K = KeyPair> {
    port: P,
    meter: Meter<F, K>,
    server: MeterServer<(), 1>,
    inbox: Datagram,
}

impl<P: Port, F: NorFlash> Device<P, F> {
    /// Starts the meter that the flash holds, with the private key of its factory record: see [`Device::begin_with_key`].
    ///
    /// # Errors
    /// [`MountError`] if it holds none.
    pub fn begin(&mut self, layout: &Layout) -> Result<(), MountError> {
        self.begin_with_key(layout, |secret| KeyPair::from_secret(secret).ok())
    }
}

impl<P: Port, F: NorFlash, K: MeterKey> Device<P, F, K> {
    /// A device over `flash`, which [`Device::begin`] starts. It is to be put where it stays, since it is large: while it is moved
    /// there are two of it.
    #[inline]
    pub fn new(mut port: P, flash: F) -> Self {
        let server = MeterServer::new(port.draw() as u16);
        Self { port, meter: Meter::closed(flash), server, inbox: Datagram::new() }
    }

    /// Starts the meter that the flash holds, with the private key that `key` gives ([`Meter::open`]): reads its journals, drives
    /// the valve as it must stand, and shows what there is.
    ///
    /// # Errors
    /// [`MountError`] if it holds none. The valve is driven shut, and the device stays out of service.
    #[inline(never)]
    pub fn begin_with_key(
        &mut self,
        layout: &Layout,
        key: impl FnOnce(&[u8; 32]) -> Option<K>,
    ) -> Result<(), MountError> {
        let opened = self.meter.open(layout, key);
        self.meter.limit_work(P::WORK);
        if let Some(unix_s) = self.port.clock() {
            self.meter.clock_went_on(self.port.uptime_ms(), unix_s);
        }
        self.settle();
        self.show();
        opened
    }

    /// Does everything that is due: counts, takes events, serves a datagram, drives the valve, shows. To be called at least
    /// every [`ROUND_MS`], at [`Device::next_due_ms`], and after every interrupt that counted or received something.
    pub fn round(&mut self) -> Round {
        let now_ms = self.port.uptime_ms();
        let consumed = self.port.take_consumption();
        self.meter.consume(now_ms, consumed);
        self.settle();
        if let Some(power_w) = self.port.load_w() {
            self.meter.load(now_ms, power_w);
            self.settle();
        }
        let pressed = self.events();
        let served = self.serve();
        self.settle();
        self.server.poll(self.port.uptime_ms(), &mut |(), bytes| self.port.send(bytes));
        self.show();
        Round { served, pressed }
    }

    /// When [`Device::round`] is due next for a repeat of a response, if one waits.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.server.next_due_ms()
    }

    /// Limits the work for strangers otherwise than [`Port::WORK`] says, from now on.
    pub fn limit_work(&mut self, limit: WorkLimit) {
        self.meter.limit_work(limit);
    }

    /// The board.
    pub fn port(&mut self) -> &mut P {
        &mut self.port
    }

    /// The core.
    pub fn meter(&self) -> &Meter<F, K> {
        &self.meter
    }

    fn events(&mut self) -> Option<Pressed> {
        let mut pressed = None;
        // One round takes a few; whatever comes faster waits for the next.
        for _ in 0..8 {
            let Some(event) = self.port.take_event() else { break };
            let now_ms = self.port.uptime_ms();
            match event {
                Event::Press => pressed = Some(self.meter.press_open(now_ms)),
                // What it did is on the display.
                Event::TakeEmergency => drop(self.meter.take_emergency(now_ms)),
                Event::Sensor(sensor, active) => self.meter.sensor(now_ms, sensor, active),
                Event::Raise(cause) => self.meter.raise_cause(now_ms, cause),
                // A technician sees on the display what a clearing did.
                Event::Clear(cause) => drop(self.meter.clear_cause(now_ms, cause)),
                Event::ValveRepaired => drop(self.meter.clear_valve_failed(now_ms)),
            }
            self.settle();
        }
        pressed
    }

    // Not inlined: what it needs must not lie on the stack of the rest of a round.
    #[inline(never)]
    fn serve(&mut self) -> Served {
        self.inbox.clear();
        if !self.port.receive(&mut self.inbox) {
            return Served::Nothing;
        }
        let (now_ms, jitter) = (self.port.uptime_ms(), self.port.draw() as u8);
        let Self { port, meter, server, inbox } = self;
        server.handle(meter, now_ms, jitter, (), inbox, &mut |(), bytes| port.send(bytes))
    }

    /// Drives the valve as the core says and lets it journal that.
    fn settle(&mut self) {
        let now_ms = self.port.uptime_ms();
        // A tick can bring one more command, to shut, when it finds a fault.
        for _ in 0..2 {
            if let Some(command) = self.meter.take_valve_command() {
                self.port.drive_valve(command);
            }
            self.meter.tick(now_ms);
        }
    }

    fn show(&mut self) {
        let now_ms = self.port.uptime_ms();
        let view = View {
            commodity: self.meter.commodity(),
            credit: self.meter.credit_kind(),
            balance: self.meter.state().map(|state| state.balance),
            flags: self.meter.flags(),
            alarm: self.meter.state().map_or(0, |state| state.alarm),
            emergency_offered: self.meter.offers_emergency(),
            code: self.meter.display_code(now_ms),
            owner_code: self.meter.owner_code(now_ms),
            fault: self.meter.fault(),
        };
        self.port.show(&view);
    }
}
