//! The phone app in a real browser: the real station, simulated meters, and Chromium driven over its debugging protocol.
//!
//! `cargo xtask app --test` builds the app and runs them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod access;
mod bluetooth;
mod browser;
mod camera;
mod cdp;
mod cuts;
mod demo;
mod family;
mod first;
mod gallery;
mod hands;
mod keyboard;
mod kills;
mod lost;
mod page;
mod person;
mod reach;
mod readings;
mod refunds;
mod round;
mod sales;
mod scan;
mod serial;
mod shell;
mod small;
mod store;
mod street;
mod tabs;
mod tour;
mod town;
mod trouble;
mod way;
