//! Writing.

use super::{major, simple};
use crate::Full;
use heapless::VecView;
use sha2::{Digest, Sha256};

/// Writes items, each in its one deterministic form. What does not fit is known at the end, so that nobody has to ask before.
pub(crate) struct Writer<'a> {
    to: To<'a>,
    done: Result<(), Full>,
}

enum To<'a> {
    /// Appended.
    Buffer(&'a mut VecView<u8>),
    /// Compared with what is there.
    Same(&'a [u8]),
    /// Hashed.
    Hash(&'a mut Sha256),
}

impl<'a> Writer<'a> {
    /// Appends to `buffer`.
    pub(crate) fn into(buffer: &'a mut VecView<u8>) -> Self {
        Self { to: To::Buffer(buffer), done: Ok(()) }
    }

    /// Compares with `bytes`: [`Writer::finish`] fails if they are not just this.
    pub(crate) fn compare(bytes: &'a [u8]) -> Self {
        Self { to: To::Same(bytes), done: Ok(()) }
    }

    /// Hashes.
    pub(crate) fn hash(hash: &'a mut Sha256) -> Self {
        Self { to: To::Hash(hash), done: Ok(()) }
    }

    /// Whether all was written, or is the same.
    pub(crate) fn finish(&self) -> Result<(), Full> {
        match self.to {
            To::Same(rest) if !rest.is_empty() => Err(Full),
            _ => self.done,
        }
    }

    /// What is to be written has no form: [`Writer::finish`] fails.
    pub(crate) fn fail(&mut self) {
        self.done = Err(Full);
    }

    pub(crate) fn uint(&mut self, value: impl Into<u64>) -> &mut Self {
        self.head(major::UNSIGNED, value.into())
    }

    pub(crate) fn int(&mut self, value: impl Into<i64>) -> &mut Self {
        let value = value.into();
        let kind = if value < 0 { major::NEGATIVE } else { major::UNSIGNED };
        // A negative number is stored as −1 − n.
        self.head(kind, if value < 0 { !value } else { value } as u64)
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.head(major::SIMPLE, if value { simple::TRUE } else { simple::FALSE })
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.head(major::SIMPLE, simple::NULL)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes_head(bytes.len()).raw(bytes)
    }

    /// The head of a byte string of `len` bytes, which follow with [`Writer::raw`].
    pub(crate) fn bytes_head(&mut self, len: usize) -> &mut Self {
        self.head(major::BYTES, len as u64)
    }

    pub(crate) fn str(&mut self, text: &str) -> &mut Self {
        self.head(major::TEXT, text.len() as u64).raw(text.as_bytes())
    }

    /// The head of an array of `len` items.
    pub(crate) fn array(&mut self, len: usize) -> &mut Self {
        self.head(major::ARRAY, len as u64)
    }

    /// The head of a map of `len` entries.
    pub(crate) fn map(&mut self, len: usize) -> &mut Self {
        self.head(major::MAP, len as u64)
    }

    #[inline(never)]
    fn head(&mut self, kind: u8, value: u64) -> &mut Self {
        let long = value.to_be_bytes();
        let (short, bytes) = match value {
            0..=23 => (value as u8, 0),
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 8),
        };
        self.raw(&[kind | short]);
        let from = long.len().saturating_sub(bytes);
        self.raw(long.get(from..).unwrap_or_default())
    }

    /// Bytes as they are.
    #[inline(never)]
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let done = match &mut self.to {
            To::Buffer(buffer) => buffer.extend_from_slice(bytes).map_err(|_| Full),
            To::Same(rest) => rest.strip_prefix(bytes).map(|after| *rest = after).ok_or(Full),
            To::Hash(hash) => {
                hash.update(bytes);
                Ok(())
            }
        };
        self.done = self.done.and(done);
        self
    }
}
