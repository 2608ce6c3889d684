//! A stand-in for the crate `p256` while fuzzing: the same names, no security at all, and a thousand times faster.
//!
//! Most of the time of a meter goes into the curve, so a fuzzer of the real one sees a few hundred sequences of events a
//! second and of this one many thousands. Kept inputs hold no signature; the workspace's tests run them again with the real
//! crate.
//!
//! A private key is an exponent, a public key the power of a generator modulo a prime of 61 bits, and a signature a hash of the
//! nonce and one of that, public key and message. As with the real one: few byte strings are keys, both sides agree on one
//! secret, a changed signature or message does not verify, and neither does another key's.
#![no_std]
#![forbid(unsafe_code)]

pub mod ecdh;
pub mod ecdsa;
pub mod elliptic_curve;
mod scalar;

pub use scalar::{NonZeroScalar, Scalar};

use sha2::digest::consts::U32;
use sha2::digest::generic_array::GenericArray;
use sha2::{Digest, Sha256};
use signature::Error;

/// 2^61 − 1.
const PRIME: u64 = (1 << 61) - 1;
const GENERATOR: u64 = 37;

/// A number below the order as bytes, big-endian.
pub type FieldBytes = GenericArray<u8, U32>;

/// The curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NistP256;

/// A power of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AffinePoint(u64);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(AffinePoint);

/// A private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretKey(NonZeroScalar);

/// A public key as bytes: 04, x, y, or 02 or 03 and x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedPoint {
    bytes: [u8; 65],
    len: usize,
}

impl EncodedPoint {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl SecretKey {
    /// Any number but 0 below the order.
    ///
    /// # Errors
    /// If they are none.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| Error::new())?;
        NonZeroScalar::new(bytes).map(Self).ok_or_else(Error::new)
    }

    /// The exponent.
    pub fn to_nonzero_scalar(&self) -> NonZeroScalar {
        self.0
    }

    /// Its public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.power_of_generator())
    }
}

impl PublicKey {
    /// The point.
    pub fn as_affine(&self) -> &AffinePoint {
        &self.0
    }
}

impl AffinePoint {
    fn x(self) -> [u8; 32] {
        let mut x = [0; 32];
        x[24..].copy_from_slice(&self.0.to_be_bytes());
        x
    }

    fn y(self) -> [u8; 32] {
        Sha256::digest(self.x()).into()
    }

    fn encoded(self, compress: bool) -> EncodedPoint {
        let (x, y) = (self.x(), self.y());
        let mut bytes = [0; 65];
        bytes[0] = if compress { 2 | y[31] & 1 } else { 4 };
        bytes[1..33].copy_from_slice(&x);
        bytes[33..].copy_from_slice(&y);
        EncodedPoint { bytes, len: if compress { 33 } else { 65 } }
    }

    fn decoded(bytes: &[u8]) -> Option<Self> {
        let x = bytes.get(25..33)?;
        let point = Self(u64::from_be_bytes(x.try_into().ok()?));
        let is_one = (1..PRIME).contains(&point.0);
        (is_one && point.encoded(bytes.len() == 33).as_bytes() == bytes).then_some(point)
    }
}

/// `base` to the power of `exponent`.
fn power(base: u64, exponent: u64) -> u64 {
    let times = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64;
    let (mut square, mut product, mut rest) = (base, 1, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            product = times(product, square);
        }
        square = times(square, square);
        rest >>= 1;
    }
    product
}
