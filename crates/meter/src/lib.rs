//! The meter core: registers, balance, the rules of tokens and valve, and a journal that survives power cuts.
//!
//! * [`Meter`]: the meter itself. Bytes, pulses, presses and the time go in; answers and [`ValveCommand`]s come out.
//! * [`MeterServer`]: its CoAP resources, for one link.
//! * [`journal`] and [`state`]: where and how its state is kept, byte by byte.
//! * [`factory`] and [`commission`]: what it is made with, and how a flash becomes a meter.
//! * [`port`]: what a board gives to the core, and the loop that drives the core with it.
//! * [`decide`]: the rules of a token, as a pure function.
//! * [`ram_flash`]: a flash with power cuts, for tests and simulations; [`desk_chip`]: one in a file.
//!
//! # Architecture invariant
//!
//! This crate does not allocate, does no I/O but through the flash that it is given, reads no clock and draws no random
//! number. Every buffer, attempt and loop has a named bound. Whatever bytes come in, it does not panic, loop, lose state or
//! open a gas valve.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable
    )
)]

#[cfg(test)]
extern crate std;

mod calendar;
mod charges;
mod clock;
mod commission;
mod decision;
pub mod desk_chip;
pub mod factory;
mod fields;
mod flow;
pub mod journal;
mod limits;
mod meter;
pub mod port;
pub mod ram_flash;
mod report;
mod server;
pub mod state;
pub mod terms;
mod tokens;
mod valve;
mod work;

pub use charges::MAX_CAUGHT_UP_DAYS;
pub use clock::CHALLENGE_MS;
pub use commission::{CommissionError, Layout, commission};
pub use decision::{Plan, Standing, decide};
pub use factory::{Factory, FactoryError, Issuer, IssuerRole, OpeningCheck};
pub use flow::{EXCESS_WINDOW_MS, LEAK_PAUSE_MS};
pub use meter::{
    Fault, Meter, MountError, UNBILLED_BOUND_ELECTRICITY, UNBILLED_BOUND_GAS, UNBILLED_BOUND_WATER, unbilled_bound,
};
pub use server::{LINKS, MeterServer, Served};
pub use state::State;
pub use tokens::{DISPLAY_CODE_MS, OWNER_CODE_MS, TokenAnswer};
pub use valve::{ClearError, Pressed, VALVE_TRAVEL_MS, ValveCommand};
pub use work::{AT_PRESS, AT_START, MAINS_RECORDS, MAINS_REFILL_MS, PRESS_MS, WorkLimit};

/// Most bytes of RAM that a meter with one link may take, apart from the stack, the buffer of the link and the flash driver:
/// 1472 on a 32-bit processor, where `docs/meter.md` says what the rest takes, and somewhat more on a 64-bit one.
pub const MAX_STATIC_BYTES: usize = if cfg!(target_pointer_width = "64") { 2560 } else { 2048 };

const _: () = assert!(
    size_of::<Meter<()>>() + size_of::<MeterServer<(), 1>>() <= MAX_STATIC_BYTES,
    "the meter and its server have outgrown their RAM"
);
