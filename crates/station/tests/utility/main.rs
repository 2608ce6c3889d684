//! A utility's sales system over HTTP: the adapter, the sandbox utility on the other side, the contract between them, and a
//! station that sells through them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod adapter;
mod app;
mod contract;
mod garbage;
#[path = "../../../sim/src/utility/mod.rs"]
#[allow(dead_code, unused_imports, reason = "its other users are in another crate")]
mod sandbox;
mod station;
mod support;
