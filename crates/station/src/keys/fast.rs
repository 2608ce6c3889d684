//! ES256 by `ring`: tens of thousands of signatures a second.

use coinless_protocol::keys::{KeyHint, PublicKey, SIGNATURE_BYTES, Signer, Verifier};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};

/// Signs ES256. Its signatures are random, which is right for a server: the content of a number is committed, not its
/// signature.
pub(crate) struct FastSigner {
    pair: EcdsaKeyPair,
    hint: KeyHint,
    random: SystemRandom,
}

impl FastSigner {
    /// A signer with the private key `secret` of `public`; none if they do not belong together.
    pub(crate) fn new(secret: &[u8; 32], public: &PublicKey) -> Option<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, &public.to_sec1(), &random).ok()?;
        Some(Self { pair, hint: public.hash().hint(), random })
    }
}

impl Signer for FastSigner {
    type Error = &'static str;

    fn key_hint(&self) -> KeyHint {
        self.hint
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Self::Error> {
        let signature = self.pair.sign(&self.random, message).map_err(|_| "the signature could not be made")?;
        signature.as_ref().try_into().map_err(|_| "a signature of another length")
    }
}

/// Verifies ES256.
pub struct FastVerifier(UnparsedPublicKey<[u8; 65]>);

impl FastVerifier {
    /// A verifier of signatures by `key`.
    pub fn new(key: &PublicKey) -> Self {
        Self(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1()))
    }
}

impl Verifier for FastVerifier {
    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify(message, signature).is_ok()
    }
}
