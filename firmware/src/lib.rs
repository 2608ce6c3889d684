//! A Coinless meter on a Cortex-M processor that QEMU emulates: what a board's firmware has around the core of
//! `coinless-meter`. The flash is a file of the host, the valve and the display are lines, everything else is the real thing.
//!
//! * `src/main.rs`: the meter, an image for LM3S6965 (`cargo xtask firmware`).
//! * `src/bin/bare.rs`: the core with the smallest board there can be, to measure flash and RAM.
//! * `src/bin/measure.rs`: the core under a fixed list of calls, to measure stack and instructions.
#![no_std]

pub mod board;
pub mod flash;
pub mod host;
pub mod ring;
pub mod stack;
pub mod text;
pub mod uart;
