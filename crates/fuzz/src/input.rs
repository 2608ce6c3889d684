//! Reads an input from its start. Where it ends, everything is zero.

use arbitrary::Unstructured;

/// What is left of an input.
pub(crate) struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Any value of integers and their arrays.
    pub(crate) fn any<T: arbitrary::Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.any()
    }

    /// Small, or in one of 8 cases anything: what lies near each other is what meets.
    pub(crate) fn number(&mut self) -> u32 {
        match self.u8() {
            small @ 0..224 => small.into(),
            _ => self.any(),
        }
    }

    /// The same with larger steps.
    pub(crate) fn amount(&mut self) -> u64 {
        match self.u8() {
            small @ 0..96 => small.into(),
            scaled @ 96..224 => u64::from(scaled - 95) * 100,
            224..240 => self.any::<u32>().into(),
            _ => self.any(),
        }
    }

    /// A byte string with its length before it.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u8());
        self.take(len)
    }

    /// A byte string of up to 511 bytes, with its length in 2 bytes before it.
    pub(crate) fn long_bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.any::<u16>() & 0x1ff);
        self.take(len)
    }

    /// At most `len` of what is left.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let len = len.min(self.0.len());
        self.0.bytes(len).unwrap_or_default()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}
