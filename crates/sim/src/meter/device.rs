//! A meter, its valve, and what flows through it, driven as a port drives the core: after every call the valve, then a tick.

use crate::failpoint;
use crate::flash::{Chip, layout};
use coinless_meter::{ClearError, Meter, MeterServer, MountError, Pressed, Served, WorkLimit};
use coinless_protocol::coap::{Code, Kind, Message};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Outcome;
use coinless_protocol::settings::Sensor;
use coinless_protocol::{Commodity, FineCredit, Units};
use std::time::Duration;

/// A pulse: one credit unit.
const PULSE_FINE: i64 = 1000;
/// Most pulses of one control line; a larger amount has larger pulses.
const MAX_PULSES: i64 = 10_000;
/// Time of a pulse at an ordinary pace: 2 m³ an hour of gas or water, 2 kW of electricity.
const PULSE_MS: u64 = 1_800;
/// Up to this time a meter looks at its clock each [`FINE_STEP_MS`], beyond it each [`COARSE_STEP_MS`]: prices and friendly
/// periods begin at half hours.
const FINE_WAIT_MS: u64 = 2 * 86_400_000;
const FINE_STEP_MS: u64 = 60_000;
const COARSE_STEP_MS: u64 = 1_800_000;
/// Exchanges that the simulated link remembers.
const EXCHANGES: usize = 4;

/// A simulated meter whose peers are named by `P`. Time is the meter's uptime in milliseconds.
#[derive(Debug)]
pub struct SimulatedMeter<C, P> {
    meter: Meter<C>,
    server: MeterServer<P, EXCHANGES>,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    /// How much, in thousandths of a credit unit; less than was asked for if the valve shut.
    pub used: FineCredit,
    /// How much time went by.
    pub elapsed_ms: u64,
}

/// What a datagram came to, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterEvent {
    /// A token was answered with a receipt.
    Token {
        /// What was decided.
        outcome: Outcome,
        /// From what is stored.
        repeated: bool,
        /// The balance before.
        before: FineCredit,
        /// The balance after.
        after: FineCredit,
    },
    /// A message was refused.
    Refused(Refusal),
}

/// What a meter is connected to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// A meter of gas or water is on the mains too, and need not spare a battery.
    pub mains: bool,
    /// It has a clock that goes on while it is off, which says this, in seconds since 1970-01-01 UTC.
    pub clock: Option<u64>,
}

impl<C: Chip, P: Copy + Eq> SimulatedMeter<C, P> {
    /// Switches on the meter that `chip` holds: gas and water on a battery, electricity on the mains. `first_id` is drawn at
    /// random.
    ///
    /// # Errors
    /// [`MountError`] if it holds none.
    pub fn start(chip: C, first_id: u16) -> Result<Self, MountError> {
        Self::start_in(chip, first_id, Surroundings::default())
    }

    /// The same in other surroundings.
    ///
    /// # Errors
    /// [`MountError`] if the chip holds no meter.
    pub fn start_in(chip: C, first_id: u16, surroundings: Surroundings) -> Result<Self, MountError> {
        let mut meter = Meter::mount(chip, &layout())?;
        if meter.commodity() != Commodity::Electricity && !surroundings.mains {
            meter.limit_work(WorkLimit::BATTERY);
        }
        if let Some(unix_s) = surroundings.clock {
            // What it does not believe leaves the time unknown, which the display says.
            let _ = meter.clock_went_on(0, unix_s);
        }
        let mut this = Self { meter, server: MeterServer::new(first_id) };
        this.settle(0);
        Ok(this)
    }

    /// The core.
    pub fn meter(&self) -> &Meter<C> {
        &self.meter
    }

    /// The core, for what has no function here; [`SimulatedMeter::settle`] is to be called after each call.
    pub fn meter_mut(&mut self) -> &mut Meter<C> {
        &mut self.meter
    }

    /// The balance with what is not yet journaled; zero if the meter has no state.
    pub fn balance(&self) -> FineCredit {
        self.meter.state().map_or(FineCredit::ZERO, |state| state.balance)
    }

    /// Whether the valve stands open.
    pub fn valve_is_open(&self) -> bool {
        self.meter.flash().valve_is_open()
    }

    /// Takes the chip out, as it is. Nothing more is journaled.
    pub fn into_chip(self) -> C {
        self.meter.into_flash()
    }

    /// Takes a datagram; what is to be sent goes to `send`.
    pub fn serve(
        &mut self,
        now_ms: u64,
        jitter: u8,
        peer: P,
        datagram: &[u8],
        send: &mut impl FnMut(P, &[u8]),
    ) -> Option<MeterEvent> {
        let before = self.balance();
        let post = Message::parse(datagram).is_ok_and(|message| message.code == Code(2));
        self.meter.flash().reach_failpoints(post);
        let mut send_with_failpoints = |peer, bytes: &[u8]| send_at_failpoints(post, peer, bytes, send);
        let served = self.server.handle(&mut self.meter, now_ms, jitter, peer, datagram, &mut send_with_failpoints);
        self.meter.flash().reach_failpoints(false);
        self.settle(now_ms);
        match served {
            Served::Token { outcome, repeated } => {
                Some(MeterEvent::Token { outcome, repeated, before, after: self.balance() })
            }
            Served::Refused(refusal) => Some(MeterEvent::Refused(refusal)),
            Served::Nothing | Served::Read => None,
        }
    }

    /// Does what is due: repeats of responses, the end of an opening check, consumption to be journaled.
    pub fn poll(&mut self, now_ms: u64, send: &mut impl FnMut(P, &[u8])) {
        self.meter.tick(now_ms);
        self.settle(now_ms);
        self.server.poll(now_ms, send);
    }

    /// When [`SimulatedMeter::poll`] is next due for a response, if one waits.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.server.next_due_ms()
    }

    /// Somebody presses the button.
    pub fn press_open(&mut self, now_ms: u64) -> Pressed {
        let pressed = self.meter.press_open(now_ms);
        self.settle(now_ms);
        pressed
    }

    /// Somebody uses `amount` as long as the valve stands open: pulse by pulse, at once and spread over `spread`, or at an
    /// ordinary pace after any opening check.
    pub fn consume(&mut self, now_ms: u64, amount: FineCredit, spread: Option<Duration>) -> Consumed {
        let mut now = now_ms;
        if spread.is_none() && self.meter.state().is_some_and(|state| state.watch) {
            now = now.saturating_add(self.meter.opening_check().watch_ms());
            self.meter.tick(now);
            self.settle(now);
        }
        let pulse = (amount.0 / MAX_PULSES).max(PULSE_FINE);
        let pulses = u64::try_from(amount.0).unwrap_or(0).div_ceil(pulse as u64);
        let pace_ms = PULSE_MS.saturating_mul(pulse as u64 / PULSE_FINE as u64).saturating_mul(pulses);
        let (begin, whole_ms) = (now, spread.map_or(pace_ms, |spread| spread.as_millis() as u64));
        let mut used = 0;
        for number in 1..=pulses {
            if !self.valve_is_open() || self.meter.fault().is_some() {
                break;
            }
            now = begin.saturating_add((u128::from(whole_ms) * u128::from(number) / u128::from(pulses)) as u64);
            let fine = pulse.min(amount.0 - used);
            self.meter.consume(now, FineCredit(fine));
            self.settle(now);
            used += fine;
        }
        Consumed { used: FineCredit(used), elapsed_ms: now - now_ms }
    }

    /// Somebody presses for emergency credit; gives whether any was offered.
    ///
    /// # Errors
    /// [`ClearError`] if the meter is out of service.
    pub fn take_emergency(&mut self, now_ms: u64) -> Result<bool, ClearError> {
        let taken = self.meter.take_emergency(now_ms);
        self.settle(now_ms);
        taken
    }

    /// A sensor begins or ceases to report.
    pub fn sensor(&mut self, now_ms: u64, sensor: Sensor, active: bool) {
        self.meter.sensor(now_ms, sensor, active);
        self.settle(now_ms);
    }

    /// So much power is drawn for so many seconds, or until the relay opens; gives the time that went by, in ms.
    pub fn load(&mut self, now_ms: u64, power_w: u32, seconds: u32) -> u64 {
        let mut elapsed_ms = 0;
        self.meter.load(now_ms, power_w);
        for _ in 0..seconds {
            elapsed_ms += 1_000;
            self.meter.load(now_ms + elapsed_ms, power_w);
            self.settle(now_ms + elapsed_ms);
            if !self.valve_is_open() {
                break;
            }
        }
        self.meter.load(now_ms + elapsed_ms, 0);
        self.settle(now_ms + elapsed_ms);
        elapsed_ms
    }

    /// Time goes by, and the meter looks at it as often as its clock can change anything.
    pub fn wait(&mut self, now_ms: u64, time_ms: u64) {
        let step_ms = if time_ms <= FINE_WAIT_MS { FINE_STEP_MS } else { COARSE_STEP_MS };
        let mut elapsed_ms = 0;
        while elapsed_ms < time_ms {
            elapsed_ms = time_ms.min(elapsed_ms + step_ms);
            self.settle(now_ms + elapsed_ms);
        }
    }

    /// Drives the valve as the core says and lets it journal that.
    pub fn settle(&mut self, now_ms: u64) {
        // A tick can bring one more command, to shut, when it finds a fault.
        for _ in 0..2 {
            if let Some(command) = self.meter.take_valve_command() {
                self.meter.flash().drive_valve(command);
            }
            self.meter.tick(now_ms);
        }
    }

    /// Total of the credit register; zero if the meter has no state.
    pub fn total(&self) -> Units {
        self.meter.state().map_or(Units::ZERO, |state| state.total)
    }
}

/// Sends with the points of [`failpoint::METER`] around it: an empty acknowledgement comes before the verification, anything
/// else is the answer.
fn send_at_failpoints<P>(post: bool, peer: P, bytes: &[u8], send: &mut impl FnMut(P, &[u8])) {
    let empty = Message::parse(bytes).is_ok_and(|message| message.kind == Kind::Ack && message.code == Code::EMPTY);
    let reach = |name| {
        if post {
            failpoint::reach(name);
        }
    };
    if empty {
        send(peer, bytes);
        reach("meter.before_verify");
    } else {
        reach("meter.before_send");
        send(peer, bytes);
        reach("meter.after_send");
    }
}
