//! The whole story over the real binary: real sockets, real files, real processes that are killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod books;
mod counter;
mod debt;
mod demo;
mod disk;
mod init;
mod input;
mod kills;
mod link;
mod operator;
mod peers;
mod provider;
mod purchase;
mod setting;
mod signer;
mod tenants;
mod utility;
mod voids;
