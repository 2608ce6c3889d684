//! Numbers below the order.

use crate::elliptic_curve::ff::PrimeField;
use crate::{AffinePoint, FieldBytes, GENERATOR, power};
use sha2::{Digest, Sha256};

/// The order of the curve.
pub(crate) const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A number below the order. An exponent is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scalar(pub(crate) [u8; 32]);

/// One that is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonZeroScalar(Scalar);

impl Scalar {
    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; 32]
    }

    pub(crate) fn exponent(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(self.0));
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 4 | 1
    }

    pub(crate) fn power_of_generator(&self) -> AffinePoint {
        AffinePoint(power(GENERATOR, self.exponent()))
    }
}

impl PrimeField for Scalar {
    type Repr = FieldBytes;

    fn from_repr(repr: FieldBytes) -> Option<Self> {
        let bytes = repr.into();
        (bytes < ORDER).then_some(Self(bytes))
    }

    fn to_repr(&self) -> FieldBytes {
        self.0.into()
    }
}

impl NonZeroScalar {
    pub(crate) fn new(bytes: [u8; 32]) -> Option<Self> {
        Scalar::from_repr(bytes.into()).filter(|scalar| !scalar.is_zero()).map(Self)
    }
}

impl AsRef<Scalar> for NonZeroScalar {
    fn as_ref(&self) -> &Scalar {
        &self.0
    }
}

impl core::ops::Deref for NonZeroScalar {
    type Target = Scalar;

    fn deref(&self) -> &Scalar {
        &self.0
    }
}
