//! What a fuzzer does with the bytes that it makes up: one function for each target of `fuzz/`.
//!
//! A target panics where a property does not hold, and for no other reason. `fuzz/` hands these functions to libFuzzer
//! (`cargo xtask fuzz`); the test of this crate hands them the kept corpora and every byte string of `vectors/`, on any
//! toolchain.
//!
//! Targets read their input from its start with fixed codes, so that an input keeps its meaning when others are added.

mod coap;
mod contents;
mod decoders;
mod input;
mod meter;
mod readings;
mod records;
pub mod seeds;
mod slipmux;
mod tokens;

/// A target: its name, as in `fuzz/corpus/<name>`, and what it does with an input.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics if a property does not hold for these bytes.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 21] = [
    Target { name: "label", run: decoders::label },
    Target { name: "token", run: decoders::token },
    Target { name: "receipt", run: decoders::receipt },
    Target { name: "identity", run: decoders::identity },
    Target { name: "problem", run: decoders::problem },
    Target { name: "sign1", run: decoders::sign1 },
    Target { name: "report", run: decoders::report },
    Target { name: "readings", run: readings::readings },
    Target { name: "tariff", run: contents::tariff },
    Target { name: "settings", run: contents::settings },
    Target { name: "keys", run: contents::keys },
    Target { name: "coap_message", run: coap::message },
    Target { name: "coap_server", run: coap::server },
    Target { name: "coap_client", run: coap::client },
    Target { name: "slipmux", run: slipmux::slipmux },
    Target { name: "ndef", run: decoders::ndef },
    Target { name: "state", run: records::state },
    Target { name: "terms", run: records::terms },
    Target { name: "factory", run: records::factory },
    Target { name: "journal", run: records::journal },
    Target { name: "meter", run: meter::meter },
];

/// Runs the target `name`.
///
/// # Panics
/// If a property does not hold for `bytes`, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a known target");
    (target.run)(bytes);
}
