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
        self.write(&bytes);
        self
    }

    // Once for all lengths, and not inlined: flash is scarce on a meter.
    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) {
        if let Some((field, rest)) = core::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            field.copy_from_slice(bytes);
            self.rest = rest;
        }
    }
}

/// Reads a record from its start. Fields beyond its end are zero, and [`FieldReader::ends_in_zeros`] is false after one.
pub(crate) struct FieldReader<'a> {
    rest: &'a [u8],
    short: bool,
}

impl<'a> FieldReader<'a> {
    pub(crate) fn new(record: &'a [u8]) -> Self {
        Self { rest: record, short: false }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        self.fill(&mut field);
        field
    }

    /// The next `len` bytes.
    pub(crate) fn slice(&mut self, len: usize) -> &'a [u8] {
        match self.rest.split_at_checked(len) {
            Some((slice, rest)) => {
                self.rest = rest;
                slice
            }
            None => {
                self.short = true;
                &[]
            }
        }
    }

    // Once for all lengths, and not inlined: flash is scarce on a meter.
    #[inline(never)]
    fn fill(&mut self, field: &mut [u8]) {
        let slice = self.slice(field.len());
        field.iter_mut().zip(slice).for_each(|(to, from)| *to = *from);
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.bytes())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.bytes())
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether every field was there, and all that is left is zero.
    pub(crate) fn ends_in_zeros(&self) -> bool {
        !self.short && is_zero(self.rest)
    }
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
