//! The private key: in the factory record, or in the secure element that a port gives.

use crate::abi::{COINLESS_OK, PortCalls};
use coinless_meter::factory::IN_SECURE_ELEMENT;
use coinless_protocol::keys::{
    KeyHint, KeyPair, MeterKey, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, SharedSecret, SignError, Signer,
};
use sha2::{Digest, Sha256};

pub(crate) enum Key {
    Record(KeyPair),
    Element { calls: &'static PortCalls, public: PublicKey },
}

impl Key {
    /// The one private key; none if there is none, or two.
    #[inline(never)]
    pub fn of(secret: &[u8; 32], calls: &'static PortCalls) -> Option<Self> {
        let Some(read) = calls.element_public_key else { return KeyPair::from_secret(secret).ok().map(Self::Record) };
        let mut key = [0; PUBLIC_KEY_BYTES];
        // SAFETY: the function of the header, with the 65 bytes to write to that it says.
        let result = unsafe { read(calls.context, key.as_mut_ptr()) };
        let public = PublicKey::from_sec1(&key).ok();
        public
            .filter(|_| result == COINLESS_OK && *secret == IN_SECURE_ELEMENT)
            .map(|public| Self::Element { calls, public })
    }
}

impl Signer for Key {
    type Error = SignError;

    fn key_hint(&self) -> KeyHint {
        match self {
            Self::Record(pair) => pair.key_hint(),
            Self::Element { public, .. } => public.hash().hint(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let calls = match self {
            Self::Record(pair) => return pair.sign(message),
            Self::Element { calls, .. } => calls,
        };
        let digest: [u8; 32] = Sha256::digest(message).into();
        let mut signature = [0; SIGNATURE_BYTES];
        let sign = calls.element_sign.ok_or(SignError)?;
        // SAFETY: the function of the header, with 32 bytes to read and 64 to write to.
        let result = unsafe { sign(calls.context, digest.as_ptr(), signature.as_mut_ptr()) };
        if result == COINLESS_OK { Ok(signature) } else { Err(SignError) }
    }
}

impl MeterKey for Key {
    fn public_key(&self) -> PublicKey {
        match self {
            Self::Record(pair) => pair.public_key(),
            Self::Element { public, .. } => *public,
        }
    }

    fn agree(&self, other: &PublicKey) -> Result<SharedSecret, SignError> {
        let calls = match self {
            Self::Record(pair) => return pair.agree(other),
            Self::Element { calls, .. } => calls,
        };
        let (peer, mut secret) = (other.to_sec1(), [0; 32]);
        let agree = calls.element_agree.ok_or(SignError)?;
        // SAFETY: the function of the header, with 65 bytes to read and 32 to write to.
        let result = unsafe { agree(calls.context, peer.as_ptr(), secret.as_mut_ptr()) };
        if result == COINLESS_OK { Ok(secret.into()) } else { Err(SignError) }
    }
}
