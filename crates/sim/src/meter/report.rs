//! What a simulated meter prints: one line for people, or one JSON object, for each thing that happened.

use super::device::{Consumed, MeterEvent, SimulatedMeter};
use crate::flash::Chip;
use coinless_meter::Pressed;
use coinless_protocol::state::ShutCauses;
use coinless_protocol::{Commodity, FineCredit};
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
    /// A cause was raised or cleared at the meter.
    Technician { done: bool, valve: &'static str, armed: bool, causes: Vec<&'static str>, message: String },
    /// The state and the display.
    Show(Box<Shown>),
    /// What can be typed.
    Help { lines: &'static str },
    /// A control line was not understood, and nothing happened.
    Error { message: String },
}

/// The state of a meter and what its display shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names of the fields are the words of DESIGN §3, and are what scripts read")]
pub struct Shown {
    pub label: String,
    pub commodity: &'static str,
    pub balance: String,
    pub balance_fine: i64,
    pub valve: &'static str,
    pub armed: bool,
    pub opening_check: bool,
    pub valve_failed: bool,
    pub causes: Vec<&'static str>,
    pub epoch: u16,
    pub number: u32,
    pub total: String,
    pub total_units: u64,
    pub consumed: String,
    pub consumed_fine: i64,
    pub receipt: u32,
    pub display_code: Option<String>,
    pub fault: Option<String>,
}

fn words(causes: ShutCauses) -> Vec<&'static str> {
    causes.iter().map(|cause| cause.words()).collect()
}

fn shown(fine: FineCredit, commodity: Commodity) -> String {
    fine.display(commodity).to_string()
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
        let commodity = meter.meter().commodity();
        match event {
            MeterEvent::Token { outcome, repeated, before, after } => Self::Token {
                decision: outcome.decision.name(),
                number: outcome.token.0,
                repeated,
                balance_before: shown(before, commodity),
                balance_before_fine: before.0,
                balance: shown(after, commodity),
                balance_fine: after.0,
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
        let (commodity, flags, left) = (meter.meter().commodity(), meter.meter().flags(), meter.balance());
        Self::Consumed {
            asked: shown(asked, commodity),
            used: shown(consumed.used, commodity),
            used_fine: consumed.used.0,
            left: shown(left, commodity),
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

    pub(super) fn show<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>, now_ms: u64) -> Self {
        let core = meter.meter();
        let (commodity, flags, state) = (core.commodity(), core.flags(), core.state());
        let consumed = state.map_or(FineCredit::ZERO, |state| state.consumed);
        let registers = core.registers();
        Self::Show(Box::new(Shown {
            label: core.id().label().to_string(),
            commodity: commodity.name(),
            balance: shown(meter.balance(), commodity),
            balance_fine: meter.balance().0,
            valve: valve(meter),
            armed: flags.armed,
            opening_check: state.is_some_and(|state| state.watch),
            valve_failed: flags.valve_failed,
            causes: words(flags.causes),
            epoch: registers.epoch.0,
            number: registers.credit.0,
            total: shown(meter.total().fine(), commodity),
            total_units: meter.total().get(),
            consumed: shown(consumed, commodity),
            consumed_fine: consumed.0,
            receipt: state.map_or(0, |state| state.receipt_number),
            display_code: core.display_code(now_ms).map(|code| format!("{code:06}")),
            fault: core.fault().map(|fault| fault.to_string()),
        }))
    }
}

fn valve<C: Chip, P: Copy + Eq>(meter: &SimulatedMeter<C, P>) -> &'static str {
    if meter.valve_is_open() { "open" } else { "shut" }
}

/// The causes in brackets after the valve; nothing if there are none.
struct Held<'a>(&'a [&'static str], bool);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = if self.1 { ", armed: a press opens it" } else { "" };
        if self.0.is_empty() { f.write_str(armed) } else { write!(f, " ({})", self.0.join(", ")) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { link, label, commodity, .. } => write!(f, "{commodity} meter {label} listens on {link}"),
            Self::Token { decision, number, repeated, balance_before, balance, armed, valve, .. } => {
                let repeated = if *repeated { ", again" } else { "" };
                let held = Held(&[], *armed);
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
            Self::Technician { valve, armed, causes, message, .. } => {
                write!(f, "{message}; valve {valve}{}", Held(causes, *armed))
            }
            Self::Show(shown) => shown.fmt(f),
            Self::Help { lines } => f.write_str(lines),
            Self::Error { message } => f.write_str(message),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, commodity, balance, valve, epoch, number, total, consumed, receipt, .. } = self;
        write!(f, "{commodity} meter {label}: balance {balance}; valve {valve}{}", Held(&self.causes, self.armed))?;
        if self.opening_check {
            f.write_str(", opening check under way")?;
        }
        if self.valve_failed {
            f.write_str(", VALVE FAILED")?;
        }
        write!(f, "; credit number {number} of epoch {epoch}, total {total}; consumed {consumed}; receipt {receipt}")?;
        if let Some(code) = &self.display_code {
            write!(f, "; code {code}")?;
        }
        self.fault.iter().try_for_each(|fault| write!(f, "; OUT OF SERVICE: {fault}"))
    }
}
