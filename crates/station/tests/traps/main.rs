//! The traps of taking money, each by its name, over a whole station: `docs/payments.md` lists them. Each is run with every
//! provider with which it can happen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod back;
mod callbacks;
mod faults;
mod kinds;
mod outside;
#[path = "../daraja/server.rs"]
mod server;
#[path = "../stripe/setup.rs"]
#[allow(dead_code, reason = "shared with the tests of Stripe")]
mod setup;
mod silence;
#[path = "../daraja/station.rs"]
#[allow(dead_code, reason = "shared with the tests of M-Pesa")]
mod station;
mod sums;
mod words;
mod world;

pub(crate) use outside::Side;
pub(crate) use world::World;

/// The order of each test: 500.00 KES.
pub(crate) const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
/// An order that nobody ever made.
pub(crate) const NOBODYS: &str = "01890a5d-ac96-774b-bcce-b302099a9999";
/// What the order asks for, in minor units.
pub(crate) const ASKED: i64 = 50_000;
