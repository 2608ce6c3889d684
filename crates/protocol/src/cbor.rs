//! Deterministic CBOR (RFC 8949 §4.2): what is read is written again and compared, so that one value has one form.

use crate::{Bytes, bytes::Full};
use minicbor::encode::Error;
use minicbor::{Decoder, Encoder};

/// Why bytes are not an object of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR, not of the right shape, a value out of its range, or not in deterministic form.
    #[error("malformed: not the deterministic CBOR that this object needs")]
    Malformed,
    /// The object says another protocol version.
    #[error("wrong version: this object is of version {0}, only version 1 is known")]
    WrongVersion(u64),
    /// A key that this version does not know. It is refused, since ignoring it could mean to ignore a condition.
    #[error("unknown key {0}")]
    UnknownKey(u64),
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

pub(crate) type Writer<'a, const N: usize> = Encoder<&'a mut Bytes<N>>;
pub(crate) type WriteResult = Result<(), Error<Full>>;

/// An object with exactly one encoding, which it may borrow from.
pub(crate) trait Object<'a>: Sized {
    fn write<const N: usize>(&self, out: &mut Writer<'_, N>) -> WriteResult;
    fn read(input: &mut Decoder<'a>) -> Result<Self, DecodeError>;
}

/// Encodes into at most `N` bytes. Every caller gives an `N` that holds the largest value of its type; a test of each type
/// encodes that one.
pub(crate) fn encode<'a, T: Object<'a>, const N: usize>(object: &T) -> Result<Bytes<N>, Full> {
    let mut out = Bytes::new();
    object.write(&mut Encoder::new(&mut out)).map_err(|_| Full)?;
    Ok(out)
}

/// Decodes an object that must fill `bytes` to the last and be in deterministic form.
pub(crate) fn decode<'a, T: Object<'a>, const N: usize>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let object = T::read(&mut decoder)?;
    match encode::<T, N>(&object) {
        Ok(again) if again.as_slice() == bytes => Ok(object),
        _ => Err(DecodeError::Malformed),
    }
}

/// Reads the head of a map and its first entry, which is the version under key 0; gives the number of entries left.
pub(crate) fn read_version(input: &mut Decoder<'_>) -> Result<u64, DecodeError> {
    let entries = input.map()?.ok_or(DecodeError::Malformed)?;
    if entries == 0 || input.u64()? != 0 {
        return Err(DecodeError::Malformed);
    }
    match input.u64()? {
        version if version == u64::from(crate::VERSION) => Ok(entries - 1),
        version => Err(DecodeError::WrongVersion(version)),
    }
}

/// Writes the head of a map of `entries` entries (the version among them) and the version under key 0.
pub(crate) fn write_version<const N: usize>(out: &mut Writer<'_, N>, entries: u64) -> WriteResult {
    out.map(entries)?.u8(0)?.u8(crate::VERSION)?;
    Ok(())
}

/// Reads an array head that must say `len`.
pub(crate) fn read_array(input: &mut Decoder<'_>, len: u64) -> Result<(), DecodeError> {
    (input.array()? == Some(len)).then_some(()).ok_or(DecodeError::Malformed)
}

/// Reads a byte string of exactly `N` bytes.
pub(crate) fn read_bytes<const N: usize>(input: &mut Decoder<'_>) -> Result<[u8; N], DecodeError> {
    input.bytes()?.try_into().map_err(|_| DecodeError::Malformed)
}

/// Sets a field that may occur once.
pub(crate) fn set<T>(field: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::Malformed),
    }
}

/// The value of a field that must occur.
pub(crate) fn required<T>(field: Option<T>) -> Result<T, DecodeError> {
    field.ok_or(DecodeError::Malformed)
}
