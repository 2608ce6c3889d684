//! Control lines: what happens at a simulated meter, typed by a person or a script.

use coinless_protocol::state::ShutCause;
use coinless_protocol::{AmountError, Commodity, FineCredit};
use std::time::Duration;

/// The control lines, for people.
pub const HELP: &str = "consume AMOUNT (1.250m3, 3kWh): use so much at an ordinary pace, after any opening check | \
    consume AMOUNT in SECONDS: begin at once and spread it | \
    open: press the button | show: state and display | cut: end at once, as by a power cut | \
    raise CAUSE, clear CAUSE (a technician): command tamper flow battery disuse closed fault | \
    clear valve: the valve is repaired | help";

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
        assert_eq!(parse("open now"), Err(ControlError::Unknown("open now".into())));
    }
}
