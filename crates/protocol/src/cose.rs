//! COSE_Sign1 with ES256 (RFC 9052 §4.2, RFC 9053 §2.1), untagged, without allocation.
//!
//! The protected header is always `{1: -7, 4: kid}` with a 4-byte kid, the unprotected one empty. The external_aad is the
//! deterministic CBOR array `[label, version, hash of the meter's key]`, which binds every object to one meter's key and
//! to its role: no signature can serve as one of another kind.

use crate::cbor::{Decoder, Writer};
use crate::keys::{KeyHash, KeyHint, SIGNATURE_BYTES, Signer, Verifier};
use crate::{Bytes, DecodeError, Full, VERSION};
use heapless::VecView;
use sha2::{Digest, Sha256};

/// Most bytes of a payload.
pub const MAX_PAYLOAD_BYTES: usize = 176;

/// Bytes that COSE_Sign1 adds to a payload of 24 to 255 bytes; one fewer below.
pub const OVERHEAD_BYTES: usize = 80;

/// Most bytes of a signed object.
pub const MAX_OBJECT_BYTES: usize = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES;

/// Most bytes of a [`SigStructure`]: 78 around a payload of at most [`MAX_PAYLOAD_BYTES`], and their head of 2.
pub const MAX_SIGNED_BYTES: usize = MAX_PAYLOAD_BYTES + 80;

/// What a signature is about; the first element of external_aad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// What a station signs for a meter.
    Token,
    /// What a meter signs about its registers.
    Receipt,
    /// What a meter signs when it is challenged for its identity.
    Identity,
    /// What a meter signs about its events and inner sums.
    Report,
}

impl Label {
    fn text(self) -> &'static str {
        match self {
            Self::Token => "coinless/token",
            Self::Receipt => "coinless/receipt",
            Self::Identity => "coinless/identity",
            Self::Report => "coinless/report",
        }
    }
}

const PROTECTED_BYTES: usize = 9;

fn protected(kid: KeyHint) -> [u8; PROTECTED_BYTES] {
    let [a, b, c, d] = kid.0;
    // {1: -7, 4: kid}
    [0xa2, 0x01, 0x26, 0x04, 0x44, a, b, c, d]
}

/// A signed object, taken apart but not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign1<'a> {
    /// The hint of the key that is said to have signed.
    pub kid: KeyHint,
    /// What was signed; at most [`MAX_PAYLOAD_BYTES`].
    pub payload: &'a [u8],
    /// r and s, 32 bytes each.
    pub signature: &'a [u8; SIGNATURE_BYTES],
}

impl<'a> Sign1<'a> {
    /// Takes `bytes` apart.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if they are not COSE_Sign1 exactly as this module writes it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        if input.array()? != 4 {
            return Err(DecodeError::Malformed);
        }
        let header = input.bytes()?;
        let kid = match header.get(5..).and_then(|kid| <[u8; 4]>::try_from(kid).ok()).map(KeyHint) {
            Some(kid) if protected(kid).as_slice() == header => kid,
            _ => return Err(DecodeError::Malformed),
        };
        if input.map()? != 0 {
            return Err(DecodeError::Malformed);
        }
        let payload = input.bytes()?;
        let signature = input.bytes()?.try_into().map_err(|_| DecodeError::Malformed)?;
        input.end()?;
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { kid, payload, signature })
    }

    /// Whether the signature is one by `key`, under `label` and for the meter whose key has the hash `meter_key`.
    pub fn verify(&self, key: &impl Verifier, label: Label, meter_key: &KeyHash) -> bool {
        let message = SigStructure { kid: self.kid, payload: self.payload, label, meter_key };
        self.payload.len() <= MAX_PAYLOAD_BYTES && key.verify_structure(&message, self.signature)
    }

    fn write(&self, out: &mut Writer<'_>) {
        out.array(4).bytes(&protected(self.kid)).map(0).bytes(self.payload).bytes(self.signature);
    }
}

/// What is signed: Sig_structure of RFC 9052 §4.4.
#[derive(Debug, Clone, Copy)]
pub struct SigStructure<'a> {
    kid: KeyHint,
    payload: &'a [u8],
    label: Label,
    meter_key: &'a KeyHash,
}

impl SigStructure<'_> {
    /// Its bytes.
    ///
    /// # Errors
    /// [`Full`] if the payload is longer than [`MAX_PAYLOAD_BYTES`].
    pub fn to_bytes(&self) -> Result<Bytes<MAX_SIGNED_BYTES>, Full> {
        let mut bytes = Bytes::new();
        let mut out = Writer::into(bytes.view_mut());
        self.write(&mut out);
        out.finish()?;
        Ok(bytes)
    }

    /// SHA-256 of its bytes.
    // Not inlined, here and below: a meter has little stack, and what a step needs is to be gone before the next one begins.
    #[inline(never)]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.write(&mut Writer::hash(&mut hash));
        hash.finalize().into()
    }

    #[inline(never)]
    fn write(&self, out: &mut Writer<'_>) {
        let aad = external_aad(self.label, self.meter_key);
        out.array(4).str("Signature1").bytes(&protected(self.kid)).bytes(&aad).bytes(self.payload);
    }
}

/// Why an object could not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError<E> {
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload is longer than a signed object may hold")]
    TooLong,
    /// The signer failed.
    #[error("signing failed: {0}")]
    Signer(E),
}

/// Signs `payload` under `label` for the meter whose key has the hash `meter_key`.
///
/// # Errors
/// [`SealError`] if the payload is too long or the signer fails.
pub fn sign<S: Signer>(
    payload: &[u8],
    label: Label,
    meter_key: &KeyHash,
    signer: &S,
) -> Result<Bytes<MAX_OBJECT_BYTES>, SealError<S::Error>> {
    let mut object = Bytes::copy_of(payload).map_err(|_| SealError::TooLong)?;
    sign_in_place(&mut object, label, meter_key, signer)?;
    Ok(object)
}

/// The same as [`sign`], for where memory is short: `object` holds the payload and becomes the signed object. After an error
/// its content means nothing.
///
/// # Errors
/// [`SealError`] if the payload is too long or the signer fails.
pub fn sign_in_place<const N: usize, S: Signer>(
    object: &mut Bytes<N>,
    label: Label,
    meter_key: &KeyHash,
    signer: &S,
) -> Result<(), SealError<S::Error>> {
    match signature(object, label, meter_key, signer) {
        // By reference: a copy would lie on the stack while the signature is made.
        Ok(ref signature) => wrap(object.view_mut(), signer.key_hint(), signature).map_err(|_| SealError::TooLong),
        Err(error) => Err(error),
    }
}

/// Makes the payload in `object` the object that it is the payload of.
#[inline(never)]
fn wrap(object: &mut VecView<u8>, kid: KeyHint, signature: &[u8; SIGNATURE_BYTES]) -> Result<(), Full> {
    let payload = Bytes::<MAX_PAYLOAD_BYTES>::copy_of(object)?;
    object.clear();
    let mut out = Writer::into(object);
    Sign1 { kid, payload: &payload, signature }.write(&mut out);
    out.finish()
}

#[inline(never)]
fn signature<S: Signer>(
    payload: &[u8],
    label: Label,
    meter_key: &KeyHash,
    signer: &S,
) -> Result<[u8; SIGNATURE_BYTES], SealError<S::Error>> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(SealError::TooLong);
    }
    let message = SigStructure { kid: signer.key_hint(), payload, label, meter_key };
    signer.sign_structure(&message)
}

/// The external_aad of an object: `[label, version, hash of the meter's key]`; at most 54 bytes.
pub fn external_aad(label: Label, meter_key: &KeyHash) -> Bytes<56> {
    let mut aad = Bytes::new();
    let written = Writer::into(aad.view_mut()).array(3).str(label.text()).uint(VERSION).bytes(&meter_key.0).finish();
    debug_assert!(written.is_ok(), "the longest label fits");
    aad
}
