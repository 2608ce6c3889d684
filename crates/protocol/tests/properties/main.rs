//! Properties that hold for every value and for every byte string.
//!
//! `PROPTEST_CASES` sets how many cases each property tries; a failing one is printed with its seed.
#![allow(clippy::unwrap_used, reason = "a wrong expectation ends the test")]

#[path = "../support/mod.rs"]
mod support;

mod contents;
mod garbage;
mod machines;
mod roundtrip;
mod slipmux;
mod strategies;
