//! Signatures.

use crate::{AffinePoint, EncodedPoint, NonZeroScalar, PublicKey, SecretKey};
use sha2::{Digest, Sha256};
use signature::Error;
use signature::hazmat::{PrehashSigner, PrehashVerifier};

pub use signature;

/// Two hashes, of which neither begins with 8 bytes of 00 or ff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(AffinePoint);

/// A private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningKey {
    bytes: [u8; 32],
    secret: SecretKey,
    public: VerifyingKey,
}

impl Signature {
    /// Any 64 bytes but those whose halves are out of range.
    ///
    /// # Errors
    /// If they are none.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; 64] = bytes.try_into().map_err(|_| Error::new())?;
        let out = |half: &[u8]| half.starts_with(&[0; 8]) || half.starts_with(&[0xff; 8]);
        if bytes.chunks(32).any(out) { Err(Error::new()) } else { Ok(Self(bytes)) }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }

    fn of(key: VerifyingKey, prehash: &[u8]) -> Self {
        let mut bytes = [0; 64];
        for (half, name) in bytes.chunks_exact_mut(32).zip([b"r", b"s"]) {
            half.copy_from_slice(&Sha256::new().chain_update(name).chain_update(key.0.x()).chain_update(prehash).finalize());
            half[0] = half[0] & 0x7f | 1;
        }
        Self(bytes)
    }
}

impl VerifyingKey {
    /// Reads a point.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn from_sec1_bytes(bytes: &[u8]) -> Result<Self, Error> {
        AffinePoint::decoded(bytes).map(Self).ok_or_else(Error::new)
    }

    /// The point as bytes.
    pub fn to_encoded_point(&self, compress: bool) -> EncodedPoint {
        self.0.encoded(compress)
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key.0)
    }
}

impl PrehashVerifier<Signature> for VerifyingKey {
    fn verify_prehash(&self, prehash: &[u8], signature: &Signature) -> Result<(), Error> {
        if *signature == Signature::of(*self, prehash) { Ok(()) } else { Err(Error::new()) }
    }
}

impl SigningKey {
    /// Reads a private key.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let secret = SecretKey::from_slice(bytes)?;
        let bytes = bytes.try_into().map_err(|_| Error::new())?;
        Ok(Self { bytes, secret, public: VerifyingKey(*secret.public_key().as_affine()) })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.bytes
    }

    /// Its public key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The exponent.
    pub fn as_nonzero_scalar(&self) -> &NonZeroScalar {
        &self.secret.0
    }
}

impl PrehashSigner<Signature> for SigningKey {
    fn sign_prehash(&self, prehash: &[u8]) -> Result<Signature, Error> {
        Ok(Signature::of(self.public, prehash))
    }
}
