//! Agreement on a secret.

use crate::{AffinePoint, NonZeroScalar, power};

/// What both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// Its bytes.
    pub fn raw_secret_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The secret of one's own exponent and the other side's power.
pub fn diffie_hellman(secret: impl core::borrow::Borrow<NonZeroScalar>, public: &AffinePoint) -> SharedSecret {
    SharedSecret(AffinePoint(power(public.0, secret.borrow().0)).x())
}
