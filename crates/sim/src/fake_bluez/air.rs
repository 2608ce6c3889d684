//! What all connections have in common: their packets, and that they break.

use crate::line::Cut;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The air between peripherals and centrals.
#[derive(Debug)]
pub struct Air {
    /// Length of packets (ATT_MTU), in bytes.
    pub mtu: u16,
    /// How many writes get through before a connection breaks, and how.
    loss: Mutex<Option<(usize, Cut)>>,
}

impl Air {
    pub fn new(mtu: u16) -> Self {
        Self { mtu, loss: Mutex::new(None) }
    }

    /// The connection breaks in which something is written for the `nth` time from now on (from 0).
    pub fn lose_at(&self, nth: usize, how: Cut) {
        *self.loss() = Some((nth, how));
    }

    /// Nothing breaks any more; gives whether something was still to break.
    pub fn forget_loss(&self) -> bool {
        self.loss().take().is_some()
    }

    /// Something is written: gives whether its connection breaks now, and how.
    pub fn breaks_at_write(&self) -> Option<Cut> {
        let mut loss = self.loss();
        let (left, how) = loss.as_mut()?;
        if let Some(less) = left.checked_sub(1) {
            *left = less;
            return None;
        }
        let how = *how;
        *loss = None;
        Some(how)
    }

    fn loss(&self) -> MutexGuard<'_, Option<(usize, Cut)>> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
