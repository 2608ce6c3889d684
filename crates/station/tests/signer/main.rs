//! The signer: what it counts, what it refuses, what it notices of its files, and the socket before it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod count;
mod files;
mod rate;
mod socket;
mod station;
mod support;
mod terms;
