//! Meters, the people who live with them, and the link over which phones reach them.

use super::hub::{Event, Hub};
use crate::flash::{Chip, RamChip};
use crate::meter::{MeterEvent, SimulatedMeter};
use coinless_meter::{Pressed, unbilled_bound};
use coinless_protocol::coap::{Code, Kind, Message};
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Commodity, CreditNumber, FineCredit, MeterId, Units};

/// Most units that flow in one pulse of a simulated consumption.
const MAX_PULSE_UNITS: i64 = 300;
/// Steps of the flash within which a planned power cut comes: two records and an erasure.
const CUT_STEPS: u64 = 320;

/// A meter where it hangs.
pub(super) struct Home {
    pub id: MeterId,
    pub commodity: Commodity,
    pub power: Power,
    pub seen: Seen,
    started_ms: u64,
    due_ms: Option<u64>,
}

/// A meter is running, or its chip lies without power.
pub(super) enum Power {
    On(Box<SimulatedMeter<RamChip, u32>>),
    Off(RamChip),
    /// Only while it is switched on or off.
    Moving,
}

/// What was last seen of a meter: from here its registers only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub number: CreditNumber,
    pub total: Units,
    pub consumed: FineCredit,
}

/// What an act on a meter brings forth.
pub(super) struct Act {
    /// The meter's uptime.
    pub now_ms: u64,
    /// Random bits.
    pub draw: u64,
    /// Datagrams that it sends.
    pub sent: Vec<(u32, Vec<u8>)>,
}

impl Home {
    pub fn new(id: MeterId, commodity: Commodity, chip: RamChip) -> Self {
        Self { id, commodity, power: Power::Off(chip), seen: Seen::default(), started_ms: 0, due_ms: None }
    }
}

impl Hub {
    /// Sends a datagram, which may get lost, come late or come twice.
    pub fn transmit(&mut self, event: impl Fn() -> Event) {
        self.stats.count("datagrams");
        if self.chance(self.faults.datagram_lost) {
            self.stats.count("datagrams lost");
            return;
        }
        let late = self.chance(self.faults.datagram_late);
        let delay = if late { 1_000 + self.delay(60_000) } else { self.delay(120) };
        self.after(delay, event());
        if self.chance(self.faults.datagram_twice) {
            self.stats.count("datagrams twice");
            let delay = self.delay(10_000);
            self.after(delay, event());
        }
    }

    /// Does something to a meter that has power, and then sees to its valve, its power, its datagrams and its invariants.
    pub fn act<T>(
        &mut self,
        at: usize,
        may_open: bool,
        action: impl FnOnce(&mut SimulatedMeter<RamChip, u32>, &mut Act) -> T,
    ) -> Option<T> {
        let cut = self.chance(self.faults.power_cut).then(|| self.random.u64(0..CUT_STEPS));
        let draw = self.random.u64(..);
        let home = &mut self.homes[at];
        let Power::On(meter) = &mut home.power else { return None };
        if let Some(steps) = cut {
            meter.meter().flash().cut_after(steps);
        }
        let was_open = meter.valve_is_open();
        let mut act = Act { now_ms: self.now_ms - home.started_ms, draw, sent: Vec::new() };
        let result = action(meter, &mut act);
        meter.settle(act.now_ms);
        let (opened, dead) = (meter.valve_is_open() && !was_open, meter.meter().flash().is_cut());
        let due_ms = meter.next_due_ms().map(|due_ms| due_ms + home.started_ms);
        let (id, gas) = (home.id, home.commodity == Commodity::Gas);
        if opened && gas && !may_open {
            self.fail(format!("the gas valve of {id} opened without a press"));
        }
        if dead {
            // Without power it says nothing more; only what it sent before it wrote anything is out.
            act.sent.retain(|(_, bytes)| is_empty_ack(bytes));
            self.switch_off(at);
        } else {
            self.check_meter(at);
            self.plan_due(at, due_ms);
        }
        for (link, bytes) in act.sent {
            self.transmit(|| Event::ToPhone { link, bytes: bytes.clone() });
        }
        Some(result)
    }

    fn plan_due(&mut self, at: usize, due_ms: Option<u64>) {
        let Some(due_ms) = due_ms.filter(|due_ms| self.homes[at].due_ms.is_none_or(|planned| *due_ms < planned)) else {
            return;
        };
        self.homes[at].due_ms = Some(due_ms);
        self.after(due_ms.saturating_sub(self.now_ms), Event::MeterDue { meter: at });
    }

    /// A datagram reaches a meter.
    pub fn meter_receives(&mut self, at: usize, link: u32, bytes: &[u8]) {
        let event = self.act(at, false, |meter, act| {
            let sent = &mut act.sent;
            meter.serve(act.now_ms, act.draw as u8, link, bytes, &mut |link, bytes: &[u8]| {
                sent.push((link, bytes.to_vec()));
            })
        });
        let id = self.homes[at].id;
        match event.flatten() {
            Some(MeterEvent::Token { outcome, repeated, .. }) => {
                self.stats.count(if repeated { "tokens answered from memory" } else { "tokens answered" });
                self.stats.count(decided(outcome.decision.name()));
                self.tell(|| format!("{id} answers token {}: {}", outcome.token.0, outcome.decision.name()));
            }
            Some(MeterEvent::Refused(refusal)) => {
                self.stats.count("messages refused by meters");
                self.tell(|| format!("{id} refuses a message: {}", refusal.title()));
            }
            None => {}
        }
    }

    /// A meter sends again what was not acknowledged.
    pub fn meter_due(&mut self, at: usize) {
        self.homes[at].due_ms = None;
        self.act(at, false, |meter, act| {
            let sent = &mut act.sent;
            meter.poll(act.now_ms, &mut |link, bytes: &[u8]| sent.push((link, bytes.to_vec())));
        });
    }

    /// Takes a meter's power away, whatever it is doing.
    pub fn switch_off(&mut self, at: usize) {
        let home = &mut self.homes[at];
        home.power = match std::mem::replace(&mut home.power, Power::Moving) {
            Power::On(meter) => Power::Off(meter.into_chip()),
            power => power,
        };
        home.due_ms = None;
        let id = home.id;
        self.stats.count("power cuts");
        self.tell(|| format!("{id} loses its power"));
        let delay = self.delay(60_000);
        self.after(delay, Event::PowerOn { meter: at });
    }

    /// Gives a meter its power back. It may be cut again while it starts.
    pub fn switch_on(&mut self, at: usize) {
        let Power::Off(chip) = std::mem::replace(&mut self.homes[at].power, Power::Moving) else {
            return;
        };
        chip.power_on();
        if self.chance(self.faults.power_cut * 2) {
            self.stats.count("power cuts at a start");
            chip.cut_after(self.random.u64(0..CUT_STEPS));
        }
        let was_open = chip.valve_is_open();
        let started = SimulatedMeter::start(chip, self.random.u16(..));
        let (id, gas) = (self.homes[at].id, self.homes[at].commodity == Commodity::Gas);
        let meter = match started {
            Ok(meter) => meter,
            Err(error) => return self.fail(format!("{id} does not start: {error}")),
        };
        if gas && meter.valve_is_open() && !was_open {
            self.fail(format!("the gas valve of {id} opened at a start"));
        }
        let dead = meter.meter().flash().is_cut();
        self.homes[at].power = Power::On(Box::new(meter));
        self.homes[at].started_ms = self.now_ms;
        if dead {
            return self.switch_off(at);
        }
        self.check_loss(at);
        self.check_meter(at);
    }

    /// Consumption that a cut lost is bounded; from here it counts on from what is left.
    fn check_loss(&mut self, at: usize) {
        let home = &mut self.homes[at];
        let Power::On(meter) = &home.power else { return };
        let Some(state) = meter.meter().state() else { return };
        let least = home.seen.consumed.0 - unbilled_bound(home.commodity).0 - MAX_PULSE_UNITS * 1000;
        let (id, consumed) = (home.id, state.consumed);
        home.seen.consumed = home.seen.consumed.min(consumed);
        if consumed.0 < least {
            self.fail(format!("{id} lost more consumption in a power cut than its bound: {consumed:?}"));
        }
    }

    /// Somebody does something at some meter.
    pub fn at_home(&mut self) {
        let at = self.random.usize(0..self.homes.len());
        let id = self.homes[at].id;
        match self.random.u32(0..20) {
            0 if self.chance(self.faults.power_cut * 10) => {
                if let Power::On(meter) = &self.homes[at].power {
                    meter.meter().flash().cut();
                    self.switch_off(at);
                }
            }
            1..=6 => {
                if self.press(at) == Some(Pressed::Opened) {
                    self.tell(|| format!("somebody opens {id}"));
                }
            }
            7 => self.clear(at),
            _ => {
                let units = self.random.i64(1..=MAX_PULSE_UNITS);
                let pulses = self.random.u32(1..=12);
                self.consume(at, units, pulses);
            }
        }
    }

    /// Somebody presses the button.
    pub fn press(&mut self, at: usize) -> Option<Pressed> {
        let pressed = self.act(at, true, |meter, act| meter.press_open(act.now_ms))?;
        match pressed {
            Pressed::Opened => self.stats.count("valves opened by a press"),
            Pressed::HeldShut(_) => self.stats.count("presses in vain"),
            _ => {}
        }
        Some(pressed)
    }

    /// A technician clears what a technician can.
    pub fn clear(&mut self, at: usize) {
        self.act(at, false, |meter, act| {
            let now_ms = act.now_ms;
            if meter.meter().flags().causes.contains(ShutCause::Flow) {
                let _ = meter.meter_mut().clear_cause(now_ms, ShutCause::Flow);
            }
            if meter.meter().flags().valve_failed {
                let _ = meter.meter_mut().clear_valve_failed(now_ms);
            }
        });
    }

    /// Something flows, as long as the valve stands open. During an opening check it is mostly little.
    pub fn consume(&mut self, at: usize, units: i64, pulses: u32) {
        let careless = self.random.u32(0..8) == 0;
        self.act(at, false, |meter, act| {
            let watched = meter.meter().state().is_some_and(|state| state.watch);
            let units = if watched && !careless { 1 } else { units };
            for _ in 0..if watched { pulses.min(4) } else { pulses } {
                if !meter.valve_is_open() || meter.meter().flash().is_cut() {
                    return;
                }
                meter.meter_mut().consume(act.now_ms, FineCredit(units * 1000));
                meter.settle(act.now_ms);
            }
        });
        self.stats.count("consumptions");
    }
}

fn is_empty_ack(bytes: &[u8]) -> bool {
    Message::parse(bytes).is_ok_and(|message| message.kind == Kind::Ack && message.code == Code::EMPTY)
}

fn decided(decision: &'static str) -> &'static str {
    match decision {
        "applied" => "tokens applied",
        "not newer" => "tokens not newer",
        "in refused range" => "tokens in the refused range",
        "total would fall" => "tokens whose total would fall",
        "not yet" => "tokens not yet",
        "read" => "read requests answered",
        _ => "tokens decided otherwise",
    }
}
