//! Reading.

use super::{DecodeError, major, narrow, simple};

/// Items that [`Decoder::skip`] passes at most, nested ones counted: more than any message holds.
const MAX_SKIPPED: u32 = 1_024;

/// Reads items from the beginning of bytes. Numbers and lengths must be in their shortest form.
#[derive(Debug, Clone)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether all was read.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Malformed) }
    }

    /// Whether the next item is an array.
    pub(crate) fn is_array(&self) -> bool {
        self.is(major::ARRAY)
    }

    /// Whether the next item is a text.
    pub(crate) fn is_text(&self) -> bool {
        self.is(major::TEXT)
    }

    fn is(&self, kind: u8) -> bool {
        self.rest.first().is_some_and(|first| first & 0xe0 == kind)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.value(major::UNSIGNED)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        narrow(self.u64()?)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        narrow(self.u64()?)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        narrow(self.u64()?)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        let negative = self.is(major::NEGATIVE);
        let value = self.value(if negative { major::NEGATIVE } else { major::UNSIGNED })?;
        let value: i64 = narrow(value)?;
        // A negative number is stored as −1 − n.
        Ok(if negative { !value } else { value })
    }

    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        narrow(self.i64()?)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.value(major::SIMPLE)? {
            simple::FALSE => Ok(false),
            simple::TRUE => Ok(true),
            _ => Err(DecodeError::Malformed),
        }
    }

    /// Passes a null, if there is one.
    pub(crate) fn null(&mut self) -> bool {
        let mut ahead = self.clone();
        let null = ahead.value(major::SIMPLE) == Ok(simple::NULL);
        if null {
            *self = ahead;
        }
        null
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.value(major::BYTES)?;
        self.take(len)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, DecodeError> {
        let len = self.value(major::TEXT)?;
        core::str::from_utf8(self.take(len)?).map_err(|_| DecodeError::Malformed)
    }

    /// The number of items of an array that follows.
    pub(crate) fn array(&mut self) -> Result<u32, DecodeError> {
        narrow(self.value(major::ARRAY)?)
    }

    /// The number of entries of a map that follows.
    pub(crate) fn map(&mut self) -> Result<u32, DecodeError> {
        narrow(self.value(major::MAP)?)
    }

    /// Passes an item of any kind that has a definite length, with all that it holds.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut left = 1_u64;
        for _ in 0..MAX_SKIPPED {
            if left == 0 {
                return Ok(());
            }
            let (kind, value) = self.head()?;
            let inside = match kind {
                major::BYTES | major::TEXT => {
                    self.take(value)?;
                    0
                }
                major::ARRAY => value,
                major::MAP => value.saturating_mul(2),
                major::TAG => 1,
                _ => 0,
            };
            left = left.saturating_sub(1).saturating_add(inside);
        }
        Err(DecodeError::Malformed)
    }

    /// The value of an item of this kind in its shortest form.
    #[inline(never)]
    fn value(&mut self, kind: u8) -> Result<u64, DecodeError> {
        let before = self.rest.len();
        let (found, value) = self.head()?;
        let bytes = before.saturating_sub(self.rest.len());
        let shortest = match value {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            0x1_0000..=0xffff_ffff => 5,
            _ => 9,
        };
        if found == kind && bytes == shortest { Ok(value) } else { Err(DecodeError::Malformed) }
    }

    /// The kind of the next item, and its value or length.
    #[inline(never)]
    fn head(&mut self) -> Result<(u8, u64), DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Malformed)?;
        self.rest = rest;
        let (kind, short) = (first & 0xe0, first & 0x1f);
        let bytes = match short {
            0..=23 => return Ok((kind, short.into())),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(DecodeError::Malformed),
        };
        let value = self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Ok((kind, value))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let taken = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (taken, rest) = taken.ok_or(DecodeError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}
