//! The phone app in a real browser: the real station, simulated meters, and Chromium driven over its debugging protocol.
//!
//! `cargo xtask app --test` builds the app and runs them.

#![allow(dead_code, reason = "hands that the tests of the next screens need")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod access;
mod browser;
mod camera;
mod cdp;
mod first;
mod hands;
mod line;
mod page;
mod shell;
mod town;
