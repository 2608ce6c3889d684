//! The whole story over the real binary: real sockets, real files, real processes that are killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod bluetooth;
mod books;

mod counter;
#[path = "../../../station/tests/daraja/server.rs"]
#[allow(dead_code, reason = "a part of the tests of another crate")]
mod daraja;
mod debt;
mod demo;
mod disk;
mod image;
mod init;
mod input;
mod install;
mod kills;
mod link;
mod ndef;
mod operator;
mod peers;
mod provider;
mod purchase;
mod readings;
mod registers;
mod round;
mod serial;
mod served;
mod setting;
mod signer;
mod tenants;
mod tokens;
mod utility;
mod voids;
mod websocket;
