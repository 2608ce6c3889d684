//! The content of the keys register: the operational keys whose tokens a meter accepts from now on.
//!
//! A CBOR array of one or two byte strings of 33 bytes, SEC 1 compressed points of P-256 (deterministic encoding). Two are two
//! different ones.

use crate::cbor::{self, DecodeError, Object, WriteResult, Writer};
use crate::keys::PublicKey;
use crate::token::MAX_CONTENT_BYTES;
use crate::{Bytes, Full};
use heapless::Vec;
use minicbor::Decoder;

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
        cbor::decode::<Self, MAX_CONTENT_BYTES>(bytes)
    }
}

impl Object<'_> for OperationalKeys {
    fn write<const N: usize>(&self, out: &mut Writer<'_, N>) -> WriteResult {
        out.array(self.0.len() as u64)?;
        self.0.iter().try_for_each(|key| out.bytes(&key.to_sec1_compressed()).map(drop))
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut keys = Vec::new();
        for _ in 0..input.array()?.ok_or(DecodeError::Malformed)? {
            let key = PublicKey::from_sec1(input.bytes()?).map_err(|_| DecodeError::Malformed)?;
            keys.push(key).map_err(|_| DecodeError::Malformed)?;
        }
        Some(Self(keys)).filter(Self::is_sensible).ok_or(DecodeError::Malformed)
    }
}
