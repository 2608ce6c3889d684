//! What a meter says of itself to anybody, and the proof that it is that meter.

use crate::cbor::{
    self, DecodeError, Decoder, Object, Writer, read_bytes, read_key, read_version, required, set, write_version,
};
use crate::cose::{self, Label, SealError, Sign1};
use crate::keys::{KeyHash, KeyHint, Signer, Verifier};
use crate::receipt::{ReceiptError, RegisterNumbers};
use crate::state::Flags;
use crate::token::read_meter;
use crate::{Bytes, Challenge, Commodity, CreditKind, Currency, Full, MeterId};
use sha2::{Digest, Sha256};

/// Most bytes of an identity that is not signed.
pub const MAX_IDENTITY_BYTES: usize = 80;

/// Most bytes of one that is signed.
pub const MAX_SIGNED_IDENTITY_BYTES: usize = MAX_IDENTITY_BYTES + cose::OVERHEAD_BYTES;

/// The public statement of a meter (`GET /meter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Who says this.
    pub meter: MeterId,
    /// The hint of its key.
    pub meter_key: KeyHint,
    /// What it measures.
    pub commodity: Commodity,
    /// What its credit is counted in.
    pub credit: CreditKind,
    /// The numbers of its registers.
    pub registers: RegisterNumbers,
    /// Valve and shut causes.
    pub flags: Flags,
    /// The challenge that it answers; then it is signed.
    pub challenge: Option<Challenge>,
}

impl Identity {
    /// Deterministic CBOR, at most [`MAX_IDENTITY_BYTES`].
    ///
    /// # Errors
    /// None in practice: the longest identity fits, which a test shows.
    pub fn to_bytes(&self) -> Result<Bytes<MAX_IDENTITY_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads one that is not signed.
    ///
    /// # Errors
    /// [`DecodeError`] if it is malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        cbor::decode::<Self>(bytes)
    }

    /// Signs it with the meter's key, whose hash is `meter_key`.
    ///
    /// # Errors
    /// [`SealError`] when the signer fails.
    pub fn sign<S: Signer>(
        &self,
        meter_key: &KeyHash,
        signer: &S,
    ) -> Result<Bytes<{ cose::MAX_OBJECT_BYTES }>, SealError<S::Error>> {
        let payload = self.to_bytes().map_err(|_| SealError::TooLong)?;
        cose::sign(&payload, Label::Identity, meter_key, signer)
    }

    /// Reads a signed one of the meter with the public key `key`; who asked compares the challenge.
    ///
    /// # Errors
    /// [`ReceiptError`] if it is malformed or not signed by that key.
    pub fn verified(bytes: &[u8], key: &impl Verifier, meter_key: &KeyHash) -> Result<Self, ReceiptError> {
        let signed = Sign1::parse(bytes)?;
        let identity = Self::from_bytes(signed.payload)?;
        if signed.verify(key, Label::Identity, meter_key) { Ok(identity) } else { Err(ReceiptError::Signature) }
    }
}

/// The code that a challenged meter shows on its display, 0 to 999 999 (six digits): from SHA-256 of the challenge and the
/// hash of the meter's key. Who reads the same on meter and phone knows that the phone talks to this meter.
// Not inlined: a meter has little stack, and calls this right after signing.
#[inline(never)]
pub fn display_code(challenge: &Challenge, meter_key: &KeyHash) -> u32 {
    let hash = Sha256::new().chain_update(challenge).chain_update(meter_key.0).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
    u32::from_be_bytes([a, b, c, d]) % 1_000_000
}

impl Object<'_> for Identity {
    fn write(&self, out: &mut Writer<'_>) {
        let currency = match &self.credit {
            CreditKind::Unit => None,
            CreditKind::Money(currency) => Some(currency),
        };
        let optional = [self.challenge.is_some(), currency.is_some()];
        write_version(out, 6, &optional);
        out.uint(1_u8).str(self.meter.as_str());
        out.uint(2_u8).bytes(&self.meter_key.0);
        out.uint(3_u8).uint(self.commodity as u8);
        out.uint(4_u8);
        self.registers.write(out);
        out.uint(5_u8).uint(self.flags.bits());
        if let Some(challenge) = &self.challenge {
            out.uint(6_u8).bytes(challenge);
        }
        if let Some(currency) = currency {
            out.uint(7_u8);
            currency.write(out);
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let entries = read_version(input)?;
        let (mut meter, mut meter_key, mut commodity) = (None, None, None);
        let (mut registers, mut flags, mut challenge, mut currency) = (None, None, None, None);
        for _ in 0..entries {
            match read_key(input)? {
                1 => set(&mut meter, read_meter(input)?)?,
                2 => set(&mut meter_key, KeyHint(read_bytes(input)?))?,
                3 => set(&mut commodity, Commodity::from_code(input.u64()?).ok_or(DecodeError::Malformed)?)?,
                4 => set(&mut registers, RegisterNumbers::read(input)?)?,
                5 => set(&mut flags, Flags::from_bits(input.u16()?).ok_or(DecodeError::Malformed)?)?,
                6 => set(&mut challenge, read_bytes(input)?)?,
                7 => set(&mut currency, Currency::read(input)?)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        Ok(Self {
            meter: required(meter)?,
            meter_key: required(meter_key)?,
            commodity: required(commodity)?,
            credit: currency.map_or(CreditKind::Unit, CreditKind::Money),
            registers: required(registers)?,
            flags: required(flags)?,
            challenge,
        })
    }
}
