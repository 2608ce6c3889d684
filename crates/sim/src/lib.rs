//! Simulated meters around the real core, and what else the project is tried out with.

pub mod desk;
pub mod failpoint;
pub mod flash;
pub mod meter;
pub mod sandbox;
pub mod world;
