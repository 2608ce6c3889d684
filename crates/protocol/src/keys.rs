//! Names of keys, and who can sign and verify.

use crate::cose::{SealError, SigStructure};
use ecdsa::hazmat::SignPrimitive;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::{Curve, FieldBytesEncoding};
use p256::{NistP256, Scalar};
use sha2::{Digest, Sha256};

/// Bytes of an ES256 signature: r and s, 32 bytes each, big-endian (RFC 9053 §2.1).
pub const SIGNATURE_BYTES: usize = 64;

/// Bytes of a public key as stored and shown: SEC 1 uncompressed point, `04`, x, y.
pub const PUBLIC_KEY_BYTES: usize = 65;

/// Bytes of a public key in a token: SEC 1 compressed point, `02` or `03`, x.
pub const COMPRESSED_KEY_BYTES: usize = 33;

/// A P-256 public key that is a point on the curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

/// The bytes are no point of P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key (65 bytes: 04, x, y)")]
pub struct PublicKeyError;

/// SHA-256 thumbprint of a public key's COSE_Key (RFC 9679): its full name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyHash(pub [u8; 32]);

/// The first 4 bytes of a [`KeyHash`]: enough to pick a key, never to trust it. The `kid` of every signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyHint(pub [u8; 4]);

impl PublicKey {
    /// Reads a SEC 1 point.
    ///
    /// # Errors
    /// [`PublicKeyError`] if it is none of P-256.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| PublicKeyError)
    }

    /// The SEC 1 uncompressed point.
    pub fn to_sec1(&self) -> [u8; PUBLIC_KEY_BYTES] {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        let point = self.0.to_encoded_point(false);
        bytes.iter_mut().zip(point.as_bytes()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The SEC 1 compressed point: `02` or `03`, x.
    pub fn to_sec1_compressed(&self) -> [u8; COMPRESSED_KEY_BYTES] {
        let mut bytes = [0; COMPRESSED_KEY_BYTES];
        let point = self.0.to_encoded_point(true);
        bytes.iter_mut().zip(point.as_bytes()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// The thumbprint of the key (RFC 9679 §3): SHA-256 of the deterministic COSE_Key of kty, crv, x and y.
    pub fn hash(&self) -> KeyHash {
        let point = self.to_sec1();
        let (x, y) = point[1..].split_at(32);
        let mut hash = Sha256::new();
        // {1: 2, -1: 1, -2: x, -3: y} of RFC 9053 §7.1.1 in deterministic CBOR.
        hash.update([0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20]);
        hash.update(x);
        hash.update([0x22, 0x58, 0x20]);
        hash.update(y);
        KeyHash(hash.finalize().into())
    }

    #[inline(never)]
    fn verify_digest(&self, digest: &[u8; 32], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }

    pub(crate) fn point(&self) -> p256::PublicKey {
        self.0.into()
    }
}

impl KeyHash {
    /// Its first 4 bytes.
    pub fn hint(&self) -> KeyHint {
        let [a, b, c, d, ..] = self.0;
        KeyHint([a, b, c, d])
    }
}

/// Signs with ES256 (ECDSA on P-256 with SHA-256, RFC 9053 §2.1). The station signs with a fast library, a meter with a
/// small one or with its secure element.
pub trait Signer {
    /// Why it could not sign.
    type Error;

    /// The hint of its public key.
    fn key_hint(&self) -> KeyHint;

    /// Signs `message` (at most [`crate::cose::MAX_SIGNED_BYTES`] bytes); r and s, 32 bytes each.
    ///
    /// # Errors
    /// When the key store refuses or fails.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Self::Error>;

    /// Signs `message`. What signs a digest does so without the message's bytes, which take more room.
    ///
    /// # Errors
    /// [`SealError`] when the key store refuses or fails.
    fn sign_structure(&self, message: &SigStructure<'_>) -> Result<[u8; SIGNATURE_BYTES], SealError<Self::Error>> {
        let message = message.to_bytes().map_err(|_| SealError::TooLong)?;
        self.sign(&message).map_err(SealError::Signer)
    }
}

/// A meter's private key, in memory ([`KeyPair`]) or in a secure element that never gives it away.
pub trait MeterKey: Signer {
    /// Its public key.
    fn public_key(&self) -> PublicKey;

    /// The shared secret with `other` (ECDH, the x coordinate; NIST SP 800-56A §5.7.1.2).
    ///
    /// # Errors
    /// When the key store refuses or fails.
    fn agree(&self, other: &PublicKey) -> Result<SharedSecret, Self::Error>;

    /// A secret that follows from the private key, for a use with its own name; it tells nothing of the key. Unless it can be had
    /// more cheaply, SHA-256 of the name and the secret that the key shares with its own public key.
    ///
    /// # Errors
    /// When the key store refuses or fails.
    fn secret_hash(&self, name: &[u8]) -> Result<[u8; 32], Self::Error> {
        let secret = self.agree(&self.public_key())?;
        Ok(Sha256::new().chain_update(name).chain_update(secret.0.raw_secret_bytes()).finalize().into())
    }
}

/// What two keys have in common: for key derivation only. Its bytes are wiped when it is dropped.
pub struct SharedSecret(pub(crate) p256::ecdh::SharedSecret);

impl From<[u8; 32]> for SharedSecret {
    /// The x coordinate, big-endian, as a secure element gives it.
    fn from(x: [u8; 32]) -> Self {
        Self(p256::FieldBytes::from(x).into())
    }
}

/// Verifies ES256.
pub trait Verifier {
    /// Whether `signature` is one of `message` by this key.
    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool;

    /// The same for `message`. What verifies a digest does so without the message's bytes, which take more room.
    fn verify_structure(&self, message: &SigStructure<'_>, signature: &[u8; SIGNATURE_BYTES]) -> bool {
        message.to_bytes().is_ok_and(|message| self.verify(&message, signature))
    }
}

impl Verifier for PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.verify_digest(&Sha256::digest(message).into(), signature)
    }

    fn verify_structure(&self, message: &SigStructure<'_>, signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.verify_digest(&message.digest(), signature)
    }
}

/// A P-256 key pair in memory. Signs deterministically (RFC 6979), so that it needs no random numbers. Its bytes are wiped
/// when it is dropped.
#[derive(Clone)]
pub struct KeyPair {
    secret: SigningKey,
    hint: KeyHint,
}

/// The bytes are no private key of P-256: zero, or not below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct SecretKeyError;

impl KeyPair {
    /// The pair of a private key: 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`SecretKeyError`] if it is 0 or not below the order of the curve; who draws keys at random draws again.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, SecretKeyError> {
        let secret = SigningKey::from_slice(secret).map_err(|_| SecretKeyError)?;
        let hint = PublicKey(*secret.verifying_key()).hash().hint();
        Ok(Self { secret, hint })
    }

    /// Its public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(*self.secret.verifying_key())
    }

    pub(crate) fn shared_secret(&self, other: &PublicKey) -> SharedSecret {
        SharedSecret(p256::ecdh::diffie_hellman(self.secret.as_nonzero_scalar(), other.point().as_affine()))
    }
}

impl MeterKey for KeyPair {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn agree(&self, other: &PublicKey) -> Result<SharedSecret, SignError> {
        Ok(self.shared_secret(other))
    }

    /// SHA-256 of the name and the key.
    fn secret_hash(&self, name: &[u8]) -> Result<[u8; 32], SignError> {
        Ok(Sha256::new().chain_update(name).chain_update(self.secret.to_bytes()).finalize().into())
    }
}

impl Signer for KeyPair {
    type Error = SignError;

    fn key_hint(&self) -> KeyHint {
        self.hint
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        self.sign_digest(&Sha256::digest(message).into())
    }

    fn sign_structure(&self, message: &SigStructure<'_>) -> Result<[u8; SIGNATURE_BYTES], SealError<SignError>> {
        self.sign_digest(&message.digest()).map_err(SealError::Signer)
    }
}

impl KeyPair {
    /// ECDSA in two steps, each with the stack for itself: the nonce, and what is done with it.
    fn sign_digest(&self, digest: &[u8; 32]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let nonce = self.nonce(digest)?;
        self.sign_with(&nonce, digest)
    }

    /// The nonce for a digest, deterministic (RFC 6979 §3.2).
    #[inline(never)]
    fn nonce(&self, digest: &[u8; 32]) -> Result<Scalar, SignError> {
        let secret = self.secret.as_nonzero_scalar().to_repr();
        let order = NistP256::ORDER.encode_field_bytes();
        let nonce = rfc6979::generate_k::<Sha256, _>(&secret, &order, digest.into(), &[]);
        Option::from(Scalar::from_repr(nonce)).ok_or(SignError)
    }

    #[inline(never)]
    fn sign_with(&self, nonce: &Scalar, digest: &[u8; 32]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let secret = self.secret.as_nonzero_scalar().as_ref();
        let (signature, _) = secret.try_sign_prehashed(*nonce, digest.into()).map_err(|_| SignError)?;
        Ok(signature.to_bytes().into())
    }
}

/// The signature could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature could not be made")]
pub struct SignError;

impl core::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyPair({:?})", self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6979, A.2.5: P-256 with SHA-256, the message `sample`.
    #[test]
    fn a_signature_is_that_of_the_rfc() {
        let secret = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let r = hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716");
        let s = hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
        let pair = KeyPair::from_secret(&secret).unwrap();
        let signature = pair.sign(b"sample").unwrap();
        assert_eq!((&signature[..32], &signature[32..]), (&r[..], &s[..]));
        assert!(pair.public_key().verify(b"sample", &signature));
        assert!(!pair.public_key().verify(b"simple", &signature));
    }

    fn hex(text: &str) -> [u8; 32] {
        core::array::from_fn(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
    }

    /// All that Project Wycheproof has of P-256 with SHA-256 and signatures of r and s, as they are here.
    #[test]
    fn signatures_of_wycheproof_verify_or_do_not() {
        use wycheproof::ecdsa::{TestName, TestSet};
        let mut seen = [0; 2];
        for group in TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
            let key = PublicKey::from_sec1(&group.key.key).unwrap();
            for test in group.tests {
                let signature: Option<&[u8; SIGNATURE_BYTES]> = test.sig.as_slice().try_into().ok();
                let verified = signature.is_some_and(|signature| key.verify(&test.msg, signature));
                assert_eq!(verified, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
                seen[usize::from(verified)] += 1;
            }
        }
        assert_eq!(seen, [89, 173], "refused, verified");
    }

    /// The same of agreement between points of P-256.
    #[test]
    fn secrets_of_wycheproof_are_agreed_or_are_not() {
        use wycheproof::ecdh::{TestName, TestSet};
        let mut seen = [0; 2];
        for group in TestSet::load(TestName::EcdhSecp256r1Ecpoint).unwrap().test_groups {
            for test in group.tests {
                let mut secret = [0; 32];
                let digits = test.private_key.iter().rev().zip(secret.iter_mut().rev());
                digits.for_each(|(from, to)| *to = *from);
                let pair = KeyPair::from_secret(&secret).unwrap();
                let agreed = PublicKey::from_sec1(&test.public_key).map(|other| pair.shared_secret(&other));
                assert_eq!(agreed.is_ok(), !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
                seen[usize::from(agreed.is_ok())] += 1;
                if let Ok(agreed) = agreed {
                    assert_eq!(agreed.0.raw_secret_bytes()[..], test.shared_secret[..], "{}", test.tc_id);
                }
            }
        }
        assert_eq!(seen, [24, 331], "refused, agreed");
    }
}
