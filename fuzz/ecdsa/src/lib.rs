//! A stand-in for the crate `ecdsa` while fuzzing: the one trait of it that the protocol uses, for the stand-in for `p256`.
#![no_std]
#![forbid(unsafe_code)]

pub mod hazmat {
    //! What must be used with care.

    use p256::ecdsa::Signature;
    use p256::{FieldBytes, Scalar};
    use signature::Error;

    /// Signs with a nonce.
    pub trait SignPrimitive {
        /// Signs a hash with a nonce.
        ///
        /// # Errors
        /// If the key or the nonce is 0.
        fn try_sign_prehashed(&self, nonce: Scalar, prehash: &FieldBytes) -> Result<(Signature, Option<u8>), Error>;
    }

    impl SignPrimitive for Scalar {
        fn try_sign_prehashed(&self, nonce: Scalar, prehash: &FieldBytes) -> Result<(Signature, Option<u8>), Error> {
            Ok((self.signature(&nonce, prehash)?, None))
        }
    }
}
