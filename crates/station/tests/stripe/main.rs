//! The Stripe provider against doubles that others made, and its events against their documentation.
//!
//! The environment says where the doubles are: `COINLESS_LOCALSTRIPE`, `COINLESS_STRIPE_STATEFUL_MOCK`, `COINLESS_WIREMOCK`.
//! `cargo xtask test` sets them. Without them a test says "skipped"; with `CI` set it fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod failures;
mod localstripe;
mod setup;
mod signatures;
mod stateful;
mod statement;
mod states;
