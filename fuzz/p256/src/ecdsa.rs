//! Signatures.

use crate::elliptic_curve::ff::PrimeField;
use crate::{AffinePoint, EncodedPoint, FieldBytes, NonZeroScalar, PublicKey, Scalar, SecretKey};
use sha2::{Digest, Sha256};
use signature::Error;
use signature::hazmat::PrehashVerifier;

pub use signature;

/// r and s, neither of them 0 or above the order: a hash of the nonce, and one of r, the public key and the message's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(AffinePoint);

/// A private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningKey {
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
        let (r, s) = bytes.split_at(32);
        SecretKey::from_slice(r).and(SecretKey::from_slice(s)).map(|_| Self(bytes))
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }

    fn of(key: VerifyingKey, r: [u8; 32], prehash: &[u8]) -> Self {
        let s =
            in_range(Sha256::new().chain_update(r).chain_update(key.0.encoded(true).as_bytes()).chain_update(prehash));
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r);
        bytes[32..].copy_from_slice(&s);
        Self(bytes)
    }

    fn r(&self) -> [u8; 32] {
        core::array::from_fn(|at| self.0[at])
    }
}

impl Scalar {
    /// What `SignPrimitive` of the crate `ecdsa` does; that of the stand-in has only the trait.
    ///
    /// # Errors
    /// If the key or the nonce is 0.
    pub fn signature(&self, nonce: &Scalar, prehash: &FieldBytes) -> Result<Signature, Error> {
        if self.is_zero() || nonce.is_zero() {
            return Err(Error::new());
        }
        let r = in_range(Sha256::new().chain_update(nonce.0));
        Ok(Signature::of(VerifyingKey(self.power_of_generator()), r, prehash))
    }
}

/// A hash as a number that is not 0 and below the order.
fn in_range(hash: Sha256) -> [u8; 32] {
    let mut bytes: [u8; 32] = hash.finalize().into();
    bytes[0] = bytes[0] & 0x7f | 1;
    bytes
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
        if *signature == Signature::of(*self, signature.r(), prehash) { Ok(()) } else { Err(Error::new()) }
    }
}

impl SigningKey {
    /// Reads a private key.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let secret = SecretKey::from_slice(bytes)?;
        Ok(Self { secret, public: VerifyingKey(*secret.public_key().as_affine()) })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> FieldBytes {
        self.secret.0.to_repr()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_slice(&[byte; 32]).unwrap()
    }

    #[test]
    fn only_the_same_key_message_and_signature_verify() {
        let (digest, nonce) = ([5; 32], Scalar([9; 32]));
        let signature = key(1).as_nonzero_scalar().signature(&nonce, &digest.into()).unwrap();
        let verifies = |by: u8, digest: &[u8; 32], signature: &[u8; 64]| {
            let signature = Signature::from_slice(signature);
            signature.is_ok_and(|signature| key(by).verifying_key().verify_prehash(digest, &signature).is_ok())
        };
        let bytes = signature.to_bytes();
        assert!(verifies(1, &digest, &bytes));
        assert!(!verifies(2, &digest, &bytes));
        for bit in 0..512 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(1, &digest, &changed), "bit {bit} of the signature");
        }
        for bit in 0..256 {
            let mut changed = digest;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(1, &changed, &bytes), "bit {bit} of the digest");
        }
    }

    #[test]
    fn only_numbers_below_the_order_are_keys() {
        let order = crate::scalar::ORDER;
        let mut below = order;
        below[31] -= 1;
        assert!(SigningKey::from_slice(&below).is_ok());
        for none in [&order[..], &[0; 32], &[0xff; 32], &[1; 31]] {
            assert!(SigningKey::from_slice(none).is_err());
        }
    }
}
