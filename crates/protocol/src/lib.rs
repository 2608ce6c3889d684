//! The bytes that a station, a phone and a meter exchange, and nothing else.
//!
//! * [`MeterId`]: what is printed on a meter, with its check character and its label URL.
//! * [`token`]: what a station signs for one meter: a credit token, a void, a read request, and what sets other registers.
//! * [`tariff`], [`settings`], [`issuers`]: what the other registers hold; [`weekly`]: the times that they name.
//! * [`receipt`]: what a meter signs: all its registers, the outcome of a token, and sealed [`readings`].
//! * [`report`]: what a meter signs about its events and inner sums.
//! * [`identity`]: what a meter says of itself to anybody, signed when it is challenged.
//! * [`cose`]: COSE_Sign1 and COSE_Encrypt0 (RFC 9052) over these objects.
//! * [`problem`]: why a meter refused a message (RFC 9290).
//! * [`coap`]: CoAP (RFC 7252), as sans-I/O client and server.
//! * [`slipmux`]: CoAP messages as frames on a serial line.
//! * [`ndef`]: CoAP messages on an NFC tag.
//!
//! `docs/protocol.md` describes the protocol, `docs/protocol.cddl` its objects.
//!
//! # Architecture invariant
//!
//! This crate does not allocate, does no I/O, reads no clock and draws no random number. Every buffer has a named bound.
//! Whatever bytes it is given, a decoder returns a value or an error.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable
    )
)]

#[cfg(test)]
extern crate std;

mod bytes;
mod cbor;
pub mod coap;
pub mod cose;
mod credit_kind;
pub mod identity;
pub mod issuers;
pub mod keys;
mod meter_id;
pub mod ndef;
pub mod problem;
mod quantity;
pub mod readings;
pub mod receipt;
pub mod report;
pub mod settings;
pub mod slipmux;
pub mod state;
pub mod tariff;
pub mod token;
pub mod weekly;

pub use bytes::{Bytes, Full};
pub use cbor::DecodeError;
pub use credit_kind::{CreditKind, Currency};
pub use meter_id::{LabelError, MeterId, MeterIdError};
pub use quantity::{
    AmountError, Commodity, CreditNumber, Epoch, FINE_PER_UNIT, FineCredit, MAX_NUMBER_JUMP, Register, Units,
    UnitsError,
};

/// Version of every object of this protocol; an object with another one is refused.
pub const VERSION: u8 = 1;

/// Bytes of a challenge: made by whoever asks, so that an answer is known to be fresh.
pub const CHALLENGE_BYTES: usize = 8;

/// A challenge: 8 bytes that whoever asks makes so that nobody can foresee them and none comes twice, at random or, a meter, as a
/// hash of its private key and a number.
pub type Challenge = [u8; CHALLENGE_BYTES];
