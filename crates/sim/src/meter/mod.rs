//! A simulated meter around the real core: the chip, the valve, the gas that flows, and a person at the button.
//!
//! [`SimulatedMeter`] is the meter without any I/O of its own, for a process or for a world of many. [`run()`] is the process:
//! CoAP over UDP, a serial line, a WebSocket, Bluetooth or a tag, and control lines. [`make()`] makes the state file.

mod bluez;
mod control;
mod device;
mod links;
mod make;
mod ndef;
mod reliable;
mod report;
mod run;
mod shown;
#[cfg(test)]
mod tests;
pub(crate) mod websocket;

pub use bluez::BluezError;
pub use control::{Control, ControlError, HELP};
pub use device::{Consumed, MeterEvent, SimulatedMeter, Surroundings};
pub use links::LinkChoice;
pub use make::{Blueprint, MakeError, make, make_for_element};
pub use ndef::{LOOK, TagFile};
pub use report::Report;
pub use run::{Options, RunError, run, serve, stdin_lines};
pub use shown::Shown;
