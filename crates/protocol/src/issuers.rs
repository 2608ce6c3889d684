//! The content of the keys register: the operational keys whose tokens a meter accepts from now on.
//!
//! A CBOR array of one or two byte strings of 33 bytes, SEC 1 compressed points of P-256 (deterministic encoding). Two are two
//! different ones.

use crate::cbor::{self, DecodeError, Decoder, Object, Writer, read_bytes};
use crate::keys::{COMPRESSED_KEY_BYTES, PublicKey};
use crate::token::MAX_CONTENT_BYTES;
use crate::{Bytes, Full};
use heapless::Vec;

/// Most operational keys of a meter.
pub const MAX_OPERATIONAL_KEYS: usize = 2;

/// The operational keys of a meter, one or two: the one that signs, and the one that did or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationalKeys(Vec<PublicKey, MAX_OPERATIONAL_KEYS>);

impl OperationalKeys {
    /// These keys; none if there are none, more than [`MAX_OPERATIONAL_KEYS`], or one of them twice.
    pub fn new(keys: &[PublicKey]) -> Option<Self> {
        let keys = Vec::from_slice(keys).ok().map(Self)?;
        keys.is_sensible().then_some(keys)
    }

    fn is_sensible(&self) -> bool {
        match self.0.as_slice() {
            [] => false,
            [first, rest @ ..] => !rest.contains(first),
        }
    }

    /// The keys.
    pub fn as_slice(&self) -> &[PublicKey] {
        &self.0
    }

    /// Their encoding, 36 or 71 bytes.
    ///
    /// # Errors
    /// None: two keys fit.
    pub fn to_bytes(&self) -> Result<Bytes<MAX_CONTENT_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads keys. Takes a square root on the curve for each.
    ///
    /// # Errors
    /// [`DecodeError`] if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        cbor::decode_exact::<Self>(bytes)
    }
}

impl Object<'_> for OperationalKeys {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(self.0.len());
        for key in &self.0 {
            out.bytes(&key.to_sec1_compressed());
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut keys = Vec::new();
        for _ in 0..input.array()? {
            // The compressed form only, which is the one that is written.
            let point: [u8; COMPRESSED_KEY_BYTES] = read_bytes(input)?;
            let key = PublicKey::from_sec1(&point).map_err(|_| DecodeError::Malformed)?;
            // Tags other than 02 and 03 have 33 bytes too.
            if key.to_sec1_compressed() != point {
                return Err(DecodeError::Malformed);
            }
            keys.push(key).map_err(|_| DecodeError::Malformed)?;
        }
        Some(Self(keys)).filter(Self::is_sensible).ok_or(DecodeError::Malformed)
    }
}
