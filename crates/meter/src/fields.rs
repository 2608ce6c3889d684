//! Fixed-size records, field by field, little-endian. Nothing here can fail in a way that is not said by a value.

/// Fills a record from its start.
pub(crate) struct FieldWriter<'a> {
    rest: &'a mut [u8],
}

impl<'a> FieldWriter<'a> {
    pub(crate) fn new(record: &'a mut [u8]) -> Self {
        Self { rest: record }
    }

    /// Puts a field. One that does not fit is left out with all that follow; the test of each record would show it.
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) -> &mut Self {
        if let Some((field, rest)) = core::mem::take(&mut self.rest).split_first_chunk_mut::<N>() {
            *field = bytes;
            self.rest = rest;
        }
        self
    }
}

/// Reads a record from its start.
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    pub(crate) fn new(record: &'a [u8]) -> Self {
        Self { rest: record }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*field)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.bytes().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether all that is left is zero.
    pub(crate) fn rest_is_zero(&self) -> bool {
        self.rest.iter().all(|byte| *byte == 0)
    }
}
