//! What a simulated meter prints for each thing that happened: words for people, or one JSON object.

use super::device::{Consumed, MeterEvent, SimulatedMeter};
use super::shown::{Face, Shown};
use crate::flash::Chip;
use coinless_meter::Pressed;
use coinless_protocol::FineCredit;
use coinless_protocol::receipt::Decision;
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::ShutCauses;
use serde::Serialize;
use std::fmt;

/// One thing that happened. Amounts are given for people, and in thousandths of a credit unit (`_fine`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the fields are the words of DESIGN §3, and are what scripts read")]
pub enum Report {
    /// The meter answers on this link; said once for each.
    Listening { link: String, meter: String, label: String, commodity: &'static str },
    /// A token was answered with a receipt.
    Token {
        decision: &'static str,
        number: u32,
        repeated: bool,
        balance_before: String,
        balance_before_fine: i64,
        balance: String,
        balance_fine: i64,
        epoch: u16,
        tariff: u32,
        settings: u32,
        keys: u32,
        armed: bool,
        valve: &'static str,
    },
    /// A message was refused.
    Refused { reason: &'static str, code: u8 },
    /// Something was used.
    Consumed {
        asked: String,
        used: String,
        used_fine: i64,
        left: String,
        left_fine: i64,
        valve: &'static str,
        armed: bool,
        causes: Vec<&'static str>,
    },
    /// The button was pressed.
    Open { opened: bool, valve: &'static str, outcome: &'static str, causes: Vec<&'static str> },
    /// The button was pressed for emergency credit.
    Emergency { taken: bool, valve: &'static str, armed: bool, causes: Vec<&'static str> },
    /// Time went by.
    Wait {
        seconds: u64,
        balance: String,
        balance_fine: i64,
        valve: &'static str,
        armed: bool,
        causes: Vec<&'static str>,
    },
    /// A sensor began or ceased to report.
    Sensor { sensor: &'static str, active: bool, valve: &'static str, armed: bool, causes: Vec<&'static str> },
    /// Power was drawn.
    Load { power_w: u32, seconds: u64, valve: &'static str, armed: bool, causes: Vec<&'static str> },
    /// A cause was raised or cleared at the meter.
    Technician { done: bool, valve: &'static str, armed: bool, causes: Vec<&'static str>, message: String },
    /// The state and the display.
    Show(Box<Shown>),
    /// What can be typed.
    Help { lines: &'static str },
    /// A control line was not understood, and nothing happened.
    Error { message: String },
}

pub(super) fn words(causes: ShutCauses) -> Vec<&'static str> {
    causes.iter().map(|cause| cause.words()).collect()
}

impl Report {
    pub(super) fn listening<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, link: String) -> Self {
        let core = meter.meter();
        Self::Listening {
            link,
            meter: core.id().to_string(),
            label: core.id().label().to_string(),
            commodity: core.commodity().name(),
        }
    }

    pub(super) fn event<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, event: MeterEvent) -> Self {
        let (face, registers) = (Face::of(meter.meter()), meter.meter().registers());
        match event {
            MeterEvent::Token { outcome, repeated, before, after } => Self::Token {
                decision: outcome.decision.name(),
                number: outcome.token.0,
                repeated,
                balance_before: face.credit(before),
                balance_before_fine: before.0,
                balance: face.credit(after),
                balance_fine: after.0,
                epoch: registers.epoch.0,
                tariff: registers.tariff,
                settings: registers.settings,
                keys: registers.keys,
                armed: meter.meter().flags().armed,
                valve: valve(meter),
            },
            MeterEvent::Refused(refusal) => Self::Refused { reason: refusal.title(), code: refusal as u8 },
        }
    }

    pub(super) fn consumed<C: Chip, P: Copy + Eq>(
        meter: &SimulatedMeter<C, P>,
        asked: FineCredit,
        consumed: Consumed,
    ) -> Self {
        let (face, flags, left) = (Face::of(meter.meter()), meter.meter().flags(), meter.balance());
        Self::Consumed {
            asked: face.measured(asked),
            used: face.measured(consumed.used),
            used_fine: consumed.used.0,
            left: face.credit(left),
            left_fine: left.0,
            valve: valve(meter),
            armed: flags.armed,
            causes: words(flags.causes),
        }
    }

    pub(super) fn pressed<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, pressed: Pressed) -> Self {
        let outcome = match pressed {
            Pressed::Opened => "opened",
            Pressed::AlreadyOpen => "open already",
            Pressed::HeldShut(_) => "held shut",
            Pressed::OutOfService => "out of service",
        };
        let causes = words(meter.meter().flags().causes);
        Self::Open { opened: pressed == Pressed::Opened, valve: valve(meter), outcome, causes }
    }

    pub(super) fn emergency<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, taken: bool) -> Self {
        let flags = meter.meter().flags();
        Self::Emergency { taken, valve: valve(meter), armed: flags.armed, causes: words(flags.causes) }
    }

    pub(super) fn waited<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, seconds: u64) -> Self {
        let (flags, balance) = (meter.meter().flags(), meter.balance());
        Self::Wait {
            seconds,
            balance: Face::of(meter.meter()).credit(balance),
            balance_fine: balance.0,
            valve: valve(meter),
            armed: flags.armed,
            causes: words(flags.causes),
        }
    }

    pub(super) fn sensed<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, sensor: Sensor, active: bool) -> Self {
        let flags = meter.meter().flags();
        let sensor = sensor.words();
        Self::Sensor { sensor, active, valve: valve(meter), armed: flags.armed, causes: words(flags.causes) }
    }

    pub(super) fn load<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, power_w: u32, seconds: u64) -> Self {
        let flags = meter.meter().flags();
        Self::Load { power_w, seconds, valve: valve(meter), armed: flags.armed, causes: words(flags.causes) }
    }

    pub(super) fn show<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, now_ms: u64) -> Self {
        Self::Show(Box::new(Shown::of(meter, now_ms)))
    }

    pub(super) fn technician<C: Chip, P: Copy + Eq>(
        meter: &SimulatedMeter<C, P>,
        result: Result<(), impl fmt::Display>,
    ) -> Self {
        let flags = meter.meter().flags();
        Self::Technician {
            done: result.is_ok(),
            valve: valve(meter),
            armed: flags.armed,
            causes: words(flags.causes),
            message: result.map_or_else(|error| error.to_string(), |()| "done".to_owned()),
        }
    }
}

pub(super) fn valve<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>) -> &'static str {
    if meter.valve_is_open() { "open" } else { "shut" }
}

/// The causes in brackets after the valve, and whether it is armed; nothing if neither is there.
pub(super) struct Held<'a>(pub &'a [&'static str], pub bool);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = if self.1 { ", armed: a press opens it" } else { "" };
        if self.0.is_empty() { f.write_str(armed) } else { write!(f, " ({})", self.0.join(", ")) }
    }
}

fn again(repeated: bool) -> &'static str {
    if repeated { ", again" } else { "" }
}

/// A time in the largest unit that says it.
fn time(seconds: u64) -> String {
    match seconds {
        seconds if seconds >= 86_400 && seconds.is_multiple_of(86_400) => format!("{} d", seconds / 86_400),
        seconds if seconds >= 3_600 && seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        seconds => format!("{seconds} s"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { link, label, commodity, .. } => write!(f, "{commodity} meter {label} listens on {link}"),
            Self::Token { decision, repeated, .. } if *decision == Decision::Read.name() => {
                write!(f, "read request answered{}", again(*repeated))
            }
            Self::Token { decision, number: 0, repeated, epoch, tariff, settings, keys, armed, valve, .. } => {
                let (repeated, held) = (again(*repeated), Held(&[], *armed));
                write!(
                    f,
                    "token: {decision}{repeated}; now tariff {tariff}, settings {settings}, keys {keys} of epoch {epoch}; \
                     valve {valve}{held}"
                )
            }
            Self::Token { decision, number, repeated, balance_before, balance, armed, valve, .. } => {
                let (repeated, held) = (again(*repeated), Held(&[], *armed));
                write!(
                    f,
                    "token {number}: {decision}{repeated}; balance {balance_before} -> {balance}; valve {valve}{held}"
                )
            }
            Self::Refused { reason, .. } => write!(f, "message refused: {reason}"),
            Self::Consumed { asked, used, left, valve, armed, causes, .. } => {
                let of = if asked == used { String::new() } else { format!(" of {asked}") };
                write!(f, "used {used}{of}; left {left}; valve {valve}{}", Held(causes, *armed))
            }
            Self::Open { outcome, valve, causes, .. } => {
                write!(f, "button pressed: {outcome}; valve {valve}{}", Held(causes, false))
            }
            Self::Emergency { taken, valve, armed, causes } => {
                let what = if *taken { "emergency credit taken" } else { "no emergency credit is offered now" };
                write!(f, "{what}; valve {valve}{}", Held(causes, *armed))
            }
            Self::Wait { seconds, balance, valve, armed, causes, .. } => {
                write!(f, "{} went by; balance {balance}; valve {valve}{}", time(*seconds), Held(causes, *armed))
            }
            Self::Sensor { sensor, active, valve, armed, causes } => {
                let state = if *active { "on" } else { "off" };
                write!(f, "sensor {sensor} {state}; valve {valve}{}", Held(causes, *armed))
            }
            Self::Load { power_w, seconds, valve, armed, causes } => {
                write!(f, "{power_w} W for {}; valve {valve}{}", time(*seconds), Held(causes, *armed))
            }
            Self::Technician { valve, armed, causes, message, .. } => {
                write!(f, "{message}; valve {valve}{}", Held(causes, *armed))
            }
            Self::Show(shown) => shown.fmt(f),
            Self::Help { lines } => f.write_str(lines),
            Self::Error { message } => f.write_str(message),
        }
    }
}
