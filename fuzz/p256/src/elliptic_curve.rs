//! What is the same for every curve.

use crate::{FieldBytes, NistP256, scalar};

/// A curve.
pub trait Curve {
    /// A number as large as the order.
    type Uint;

    /// The order.
    const ORDER: Self::Uint;
}

/// Numbers as bytes, big-endian.
pub trait FieldBytesEncoding<C> {
    /// The bytes.
    fn encode_field_bytes(&self) -> FieldBytes;
}

/// A number of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uint([u8; 32]);

impl Curve for NistP256 {
    type Uint = Uint;

    const ORDER: Uint = Uint(scalar::ORDER);
}

impl FieldBytesEncoding<NistP256> for Uint {
    fn encode_field_bytes(&self) -> FieldBytes {
        self.0.into()
    }
}

/// Fields.
pub mod ff {
    /// A field of the numbers below a prime.
    pub trait PrimeField: Sized {
        /// Its bytes.
        type Repr;

        /// The number of these bytes, if it is below the prime.
        fn from_repr(repr: Self::Repr) -> Option<Self>;

        /// The bytes.
        fn to_repr(&self) -> Self::Repr;
    }
}
