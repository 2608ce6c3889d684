//! Golden vectors, `vectors/*.json`: checked in both directions, by other people's COSE and CDDL implementations, and for
//! the sizes that `docs/protocol.md` promises.
//!
//! `COINLESS_WRITE_VECTORS=1 cargo test -p coinless-protocol --test vectors` writes the files anew. A change of any byte in
//! them is a change of the protocol.
#![allow(clippy::unwrap_used, reason = "a wrong expectation ends the test")]

#[path = "../support/mod.rs"]
mod support;

mod cddl;
mod coap;
mod document;
mod file;
mod frames;
mod identities;
mod meter_ids;
mod operational_keys;
mod oracle;
mod problems;
mod readings;
mod receipts;
mod rejected;
mod rejected_cases;
mod rejected_contents;
mod rejected_registers;
mod rejected_reports;

mod rejected_tokens;
mod reports;
mod settings;
mod sizes;
mod tariffs;
mod token_cases;
mod tokens;
