//! Simulated meters around the real core, and what else the project is tried out with.

pub mod desk;
pub mod failpoint;
#[cfg(unix)]
pub mod fake_bluez;
pub mod family;
pub mod flash;
pub mod line;
pub mod meter;
#[cfg(unix)]
pub mod postgres;
pub mod sandbox;
pub mod serial;
pub mod utility;
pub mod wire;
pub mod world;
