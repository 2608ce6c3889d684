//! A byte string of bounded length.

use heapless::VecView;

/// A byte string of at most `N` bytes, kept in place.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Bytes<const N: usize>(heapless::Vec<u8, N>);

/// The bytes do not fit into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not fit into the buffer")]
pub struct Full;

impl<const N: usize> Bytes<N> {
    /// An empty byte string.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// A copy of `bytes`.
    ///
    /// # Errors
    /// [`Full`] if there are more than `N` of them.
    pub fn copy_of(bytes: &[u8]) -> Result<Self, Full> {
        let mut copy = Self::new();
        copy.append(bytes)?;
        Ok(copy)
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Full`] if they do not fit; then nothing was appended.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        append(self.view_mut(), bytes)
    }

    /// The same, whatever its greatest length.
    pub(crate) fn view_mut(&mut self) -> &mut VecView<u8> {
        self.0.as_mut_view()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Shortens to `len` bytes; does nothing if there are fewer.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Removes all bytes.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<const N: usize> core::ops::Deref for Bytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> core::fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// Once for all lengths, and not inlined: flash is scarce on a meter.
#[inline(never)]
fn append(to: &mut VecView<u8>, bytes: &[u8]) -> Result<(), Full> {
    to.extend_from_slice(bytes).map_err(|_| Full)
}
