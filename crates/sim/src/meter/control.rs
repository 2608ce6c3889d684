//! Control lines: what happens at a simulated meter, typed by a person or a script.

use coinless_protocol::settings::Sensor;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{AmountError, Commodity, FineCredit};
use std::time::Duration;

const DAY_S: u64 = 86_400;
/// Longest time that a line lets go by.
const MAX_WAIT_S: u64 = 400 * DAY_S;

/// The control lines, for people.
pub const HELP: &str = "\
consume AMOUNT                 use so much (1.250m3, 3kWh) at an ordinary pace, after any opening check
consume AMOUNT in SECONDS      begin at once and spread it
open                           press the button
emergency                      press for emergency credit
show                           state and display
wait 90s | 30m | 12h | 3d      time goes by, in the meter's world only; also clock +SECONDS
sensor NAME on|off             cover, magnet, reverse or battery
load WATTS [for SECONDS]       so much power is drawn (electricity)
raise CAUSE, clear CAUSE       a technician: command tamper flow battery disuse closed fault
clear valve                    a technician has repaired the valve
cut                            end at once, as by a power cut
help                           this list";

/// What a control line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Use an amount.
    Consume {
        /// How much, in thousandths of a credit unit.
        amount: FineCredit,
        /// Begin at once and spread it over this time; none for an ordinary pace.
        spread: Option<Duration>,
    },
    /// Press the button.
    Open,
    /// Press for emergency credit.
    Emergency,
    /// Let time go by.
    Wait(Duration),
    /// A sensor begins or ceases to report.
    Sensor(Sensor, bool),
    /// So much power is drawn for so many seconds.
    Load {
        /// In W.
        power_w: u32,
        /// How long.
        seconds: u32,
    },
    /// Show the state.
    Show,
    /// End at once.
    Cut,
    /// A cause arises at the meter.
    Raise(ShutCause),
    /// A technician clears a cause.
    Clear(ShutCause),
    /// A technician has repaired the valve.
    ClearValve,
    /// Say what can be typed.
    Help,
}

/// Why a control line was not understood. Nothing has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Another word than those of [`HELP`].
    #[error("unknown control line '{0}'; type 'help'")]
    Unknown(String),
    /// The amount is none.
    #[error("{0}")]
    Amount(#[from] AmountError),
    /// Not a number of seconds.
    #[error("write 'in' and whole seconds from 1 to 86400, for example: consume 0.500m3 in 30")]
    Seconds,
    /// Not a time.
    #[error("write a time from 1s to 400d, for example: wait 90s, wait 30m, wait 12h, wait 3d, or clock +3600")]
    Time,
    /// No such sensor.
    #[error("write: sensor cover on, and magnet, reverse or battery, and off")]
    Sensor,
    /// Not a power, or a meter that does not measure power.
    #[error("an electricity meter takes whole watts and seconds up to 86400, for example: load 4000 for 60")]
    Load,
    /// No such cause.
    #[error("the causes are command, tamper, flow, battery, disuse, closed and fault")]
    Cause,
}

impl Control {
    /// Reads a control line of a meter for `commodity`.
    ///
    /// # Errors
    /// [`ControlError`] in words for whoever typed it.
    pub fn parse(line: &str, commodity: Commodity) -> Result<Self, ControlError> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("consume", rest) => consume(rest, commodity),
            ("clear", "valve") => Ok(Self::ClearValve),
            ("raise", name) => cause(name).map(Self::Raise),
            ("clear", name) => cause(name).map(Self::Clear),
            ("open", "") => Ok(Self::Open),
            ("emergency", "") => Ok(Self::Emergency),
            ("wait", time) => wait(time).map(Self::Wait),
            ("clock", time) => clock(time).map(Self::Wait),
            ("sensor", rest) => sensor(rest),
            ("load", rest) => load(rest, commodity),
            ("show", "") => Ok(Self::Show),
            ("cut", "") => Ok(Self::Cut),
            ("help", "") => Ok(Self::Help),
            _ => Err(ControlError::Unknown(line.chars().take(80).collect())),
        }
    }
}

fn consume(rest: &str, commodity: Commodity) -> Result<Control, ControlError> {
    let (amount, spread) = match rest.split_once(" in ") {
        Some((amount, seconds)) => (amount, Some(seconds.trim().trim_end_matches('s').trim_end())),
        None => (rest, None),
    };
    let amount = commodity.parse_amount(amount)?;
    let seconds = |text: &str| match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(ControlError::Seconds),
    };
    Ok(Control::Consume { amount, spread: spread.map(seconds).transpose()? })
}

fn wait(time: &str) -> Result<Duration, ControlError> {
    let at = time.find(|letter: char| !letter.is_ascii_digit()).ok_or(ControlError::Time)?;
    let (number, unit) = time.split_at(at);
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => DAY_S,
        _ => return Err(ControlError::Time),
    };
    let time = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    time.filter(|seconds| (1..=MAX_WAIT_S).contains(seconds)).map(Duration::from_secs).ok_or(ControlError::Time)
}

fn clock(time: &str) -> Result<Duration, ControlError> {
    let seconds = time.strip_prefix('+').and_then(|seconds| seconds.parse().ok());
    seconds.filter(|seconds| (1..=MAX_WAIT_S).contains(seconds)).map(Duration::from_secs).ok_or(ControlError::Time)
}

fn sensor(rest: &str) -> Result<Control, ControlError> {
    let (name, state) = rest.split_once(char::is_whitespace).ok_or(ControlError::Sensor)?;
    let sensor = match name {
        "cover" => Sensor::Cover,
        "magnet" => Sensor::Magnet,
        "reverse" => Sensor::ReverseFlow,
        "battery" => Sensor::LowBattery,
        _ => return Err(ControlError::Sensor),
    };
    match state.trim() {
        "on" => Ok(Control::Sensor(sensor, true)),
        "off" => Ok(Control::Sensor(sensor, false)),
        _ => Err(ControlError::Sensor),
    }
}

fn load(rest: &str, commodity: Commodity) -> Result<Control, ControlError> {
    let (power, seconds) = rest.split_once(" for ").unwrap_or((rest, "1"));
    let digits = |text: &str, unit| text.trim().trim_end_matches(unit).trim_end().parse::<u32>().ok();
    let (power_w, seconds) = (digits(power, 'W'), digits(seconds, 's'));
    match (power_w, seconds, commodity) {
        (Some(power_w), Some(seconds @ 1..=86_400), Commodity::Electricity) => Ok(Control::Load { power_w, seconds }),
        _ => Err(ControlError::Load),
    }
}

fn cause(name: &str) -> Result<ShutCause, ControlError> {
    match name {
        "command" => Ok(ShutCause::Command),
        "tamper" => Ok(ShutCause::Tamper),
        "flow" => Ok(ShutCause::Flow),
        "battery" => Ok(ShutCause::LowBattery),
        "disuse" => Ok(ShutCause::Disuse),
        "closed" => Ok(ShutCause::ClosedAccount),
        "fault" => Ok(ShutCause::Fault),
        _ => Err(ControlError::Cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_people_type_them() {
        let parse = |line| Control::parse(line, Commodity::Gas);
        let amount = FineCredit(1_250_000);
        assert_eq!(parse("consume 1.250m3"), Ok(Control::Consume { amount, spread: None }));
        let spread = Some(Duration::from_secs(30));
        assert_eq!(parse(" consume  1.25 m³ in 30 s"), Ok(Control::Consume { amount, spread }));
        assert_eq!(parse("open"), Ok(Control::Open));
        assert_eq!(parse("clear flow"), Ok(Control::Clear(ShutCause::Flow)));
        assert_eq!(parse("clear valve"), Ok(Control::ClearValve));
        assert_eq!(parse("consume 1kWh"), Err(ControlError::Amount(AmountError::Unit("m³"))));
        assert_eq!(parse("consume 1m3 in 0"), Err(ControlError::Seconds));
        assert_eq!(parse("clear credit"), Err(ControlError::Cause));
        let hours = |hours: u64| Ok(Control::Wait(Duration::from_secs(hours * 3_600)));
        assert_eq!(
            [parse("wait 12h"), parse("wait 720 min"), parse("clock +43200")],
            [hours(12), hours(12), hours(12)]
        );
        assert_eq!(
            (parse("wait 3d"), parse("wait 401d"), parse("wait 3")),
            (hours(72), Err(ControlError::Time), Err(ControlError::Time))
        );
        assert_eq!((parse("wait 0s"), parse("clock 5")), (Err(ControlError::Time), Err(ControlError::Time)));
        assert_eq!(parse("sensor battery  off"), Ok(Control::Sensor(Sensor::LowBattery, false)));
        assert_eq!(
            (parse("sensor leak on"), parse("sensor cover")),
            (Err(ControlError::Sensor), Err(ControlError::Sensor))
        );
        let electricity = |line| Control::parse(line, Commodity::Electricity);
        assert_eq!(electricity("load 4000 W for 60s"), Ok(Control::Load { power_w: 4_000, seconds: 60 }));
        assert_eq!(electricity("load 100"), Ok(Control::Load { power_w: 100, seconds: 1 }));
        assert_eq!(
            (parse("load 100"), electricity("load 1 for 0")),
            (Err(ControlError::Load), Err(ControlError::Load))
        );
        assert_eq!(parse("emergency"), Ok(Control::Emergency));
        assert_eq!(parse("open now"), Err(ControlError::Unknown("open now".into())));
    }
}
