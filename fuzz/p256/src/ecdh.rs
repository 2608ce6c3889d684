//! Agreement on a secret.

use crate::{AffinePoint, FieldBytes, NonZeroScalar, power};

/// What both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedSecret(FieldBytes);

impl SharedSecret {
    /// Its bytes.
    pub fn raw_secret_bytes(&self) -> &FieldBytes {
        &self.0
    }
}

impl From<FieldBytes> for SharedSecret {
    fn from(x: FieldBytes) -> Self {
        Self(x)
    }
}

/// The secret of one's own exponent and the other side's power.
pub fn diffie_hellman(secret: impl core::borrow::Borrow<NonZeroScalar>, public: &AffinePoint) -> SharedSecret {
    SharedSecret(AffinePoint(power(public.0, secret.borrow().exponent())).x().into())
}
