//! The meter core through its public interface: journal, tokens, valve, server, and what holds in any order of events.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod cuts;
mod element;
mod endurance;
mod journal;
mod owner_code;
mod properties;
mod ram_flash;
mod registers;
mod server;
mod support;
mod tokens;
mod valve;
