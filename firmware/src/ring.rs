//! Bytes from an interrupt to the main loop.

use core::sync::atomic::{AtomicU8, AtomicU16, Ordering};

/// A queue of up to `N - 1` bytes, for one writer and one reader. Needs no more of the processor than loads and stores.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [AtomicU8; N],
    /// Where the writer writes next, and the reader reads next.
    head: AtomicU16,
    tail: AtomicU16,
}

impl<const N: usize> Ring<N> {
    /// An empty queue.
    pub const fn new() -> Self {
        const { assert!(N > 1 && N <= 1 << 15) };
        Self { bytes: [const { AtomicU8::new(0) }; N], head: AtomicU16::new(0), tail: AtomicU16::new(0) }
    }

    /// Adds a byte; a full queue drops it, and what it belonged to is lost like anything on a line. For the writer only.
    pub fn push(&self, byte: u8) {
        let head = self.head.load(Ordering::Relaxed);
        let next = Self::after(head);
        if next == self.tail.load(Ordering::Acquire) {
            return;
        }
        if let Some(place) = self.bytes.get(usize::from(head)) {
            place.store(byte, Ordering::Relaxed);
        }
        self.head.store(next, Ordering::Release);
    }

    /// Takes the oldest byte. For the reader only.
    pub fn pop(&self) -> Option<u8> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail == self.head.load(Ordering::Acquire) {
            return None;
        }
        let byte = self.bytes.get(usize::from(tail))?.load(Ordering::Relaxed);
        self.tail.store(Self::after(tail), Ordering::Release);
        Some(byte)
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.tail.load(Ordering::Relaxed) == self.head.load(Ordering::Acquire)
    }

    fn after(place: u16) -> u16 {
        let next = place.wrapping_add(1);
        if usize::from(next) >= N { 0 } else { next }
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}
