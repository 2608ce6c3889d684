//! What several test binaries need: hexadecimal, and the test keys.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use coinless_protocol::MeterId;
use coinless_protocol::keys::{KeyHash, KeyPair, PublicKey};
use sha2::{Digest, Sha256};

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal `text`; spaces are skipped.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16).unwrap() as u8).collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of digits in {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// `N` bytes of hexadecimal `text`.
pub fn unhex_array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

/// A key for tests: its private key is the SHA-256 of its name, so everybody has it.
pub struct TestKey {
    pub name: &'static str,
    pub secret: [u8; 32],
    pub pair: KeyPair,
}

/// Every key that the vectors use.
pub const KEY_NAMES: [&str; 6] = [
    "coinless test key issuer-1",
    "coinless test key station-1",
    "coinless test key meter-1",
    "coinless test key meter-2",
    "coinless test key issuer-2",
    "coinless test key root-1",
];

/// The key `name`, one of [`KEY_NAMES`].
pub fn test_key(name: &str) -> TestKey {
    let name = KEY_NAMES.into_iter().find(|known| *known == name).expect("a known test key");
    let secret: [u8; 32] = Sha256::digest(name).into();
    TestKey { name, secret, pair: KeyPair::from_secret(&secret).unwrap() }
}

pub fn issuer() -> TestKey {
    test_key(KEY_NAMES[0])
}

pub fn station() -> TestKey {
    test_key(KEY_NAMES[1])
}

pub fn meter() -> TestKey {
    test_key(KEY_NAMES[2])
}

/// The key whose tokens set the keys register.
pub fn root() -> TestKey {
    test_key(KEY_NAMES[5])
}

/// For a token, which borrows its contents, to outlive where it is made.
pub fn leak(bytes: impl Into<Vec<u8>>) -> &'static [u8] {
    bytes.into().leak()
}

impl TestKey {
    pub fn public(&self) -> PublicKey {
        self.pair.public_key()
    }

    pub fn hash(&self) -> KeyHash {
        self.public().hash()
    }
}

/// The meter of most vectors.
pub fn meter_id() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

/// The longest identity.
pub fn longest_meter_id() -> MeterId {
    "CLSZZZZZZZZZZZZZ".parse().unwrap()
}
