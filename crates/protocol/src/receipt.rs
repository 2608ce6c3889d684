//! Receipts: a meter's signed statement of all its registers, and what became of the token that it answers.

use crate::cbor::{
    self, DecodeError, Decoder, Object, Writer, read_array, read_bytes, read_key, read_version, required, set,
    write_version,
};
use crate::cose::{self, Label, SealError, Sign1};
use crate::keys::{KeyHash, Signer, Verifier};
use crate::readings::MAX_SEALED_BYTES;
use crate::state::Flags;
use crate::token::read_meter;
use crate::{Bytes, Challenge, CreditNumber, Epoch, FineCredit, Full, MeterId, Units};

/// Most bytes of a receipt, as sent.
pub const MAX_RECEIPT_BYTES: usize = cose::MAX_OBJECT_BYTES;

/// The content of a receipt. It states journaled values only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who says this.
    pub meter: MeterId,
    /// Number of the receipt; rises by at least one with each new content, through power cuts too.
    pub number: u32,
    /// What became of the token that it answers.
    pub outcome: Outcome,
    /// The numbers of all registers.
    pub registers: RegisterNumbers,
    /// Total of the credit register: units sold to this meter since it was made.
    pub total: Units,
    /// The other sums.
    pub sums: Sums,
    /// Valve and shut causes.
    pub flags: Flags,
    /// Balance, consumption and clock, sealed to the station.
    pub readings: Bytes<MAX_SEALED_BYTES>,
    /// The challenge of the read request that it answers.
    pub challenge: Option<Challenge>,
}

/// Numbers of all registers of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterNumbers {
    /// Key epoch; the other numbers count within it.
    pub epoch: Epoch,
    /// Credit register.
    pub credit: CreditNumber,
    /// Tariff register.
    pub tariff: u32,
    /// Settings register.
    pub settings: u32,
    /// Keys register.
    pub keys: u32,
}

/// Cumulative sums, each of which never falls, in thousandths of a credit unit.
/// `balance = initial + total − withdrawn − charged − consumed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Credit that the meter was installed with.
    pub initial: FineCredit,
    /// Credit taken out by closing tokens.
    pub withdrawn: FineCredit,
    /// Credit taken by standing charge and debt.
    pub charged: FineCredit,
}

/// What became of an authentic token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// The credit number of the token that it is about; 0 for none.
    pub token: CreditNumber,
}

/// A meter's decision on an authentic token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing was asked: the answer to a read request.
    Read,
    /// The token was applied.
    Applied,
    /// Its number is not greater than the meter's own.
    NotNewer,
    /// The meter's own number lies in the range in which the token must be refused.
    InRefusedRange,
    /// Its total is smaller than the meter's own.
    TotalWouldFall,
    /// Another register must be newer first: a token with tariff, settings or keys is missing.
    NeedsNewerRegister,
    /// The meter is too full now. Never final: after `use_first` the same token is taken.
    NotYet {
        /// How much must be used before it fits.
        use_first: Units,
    },
    /// Its number is more than [`crate::MAX_NUMBER_JUMP`] ahead.
    JumpTooFar,
    /// Its key epoch is not the meter's.
    OtherEpoch,
    /// The meter's account is closed: it takes no credit any more.
    Closed,
    /// It holds what this meter cannot use: a content that it cannot read, or that does not suit it. Nothing of it was applied.
    BadContent,
}

impl Decision {
    /// Its code, and how much must be used first if it is *not yet*; else 0.
    pub fn to_code(self) -> (u8, u64) {
        match self {
            Self::Read => (0, 0),
            Self::Applied => (1, 0),
            Self::NotNewer => (2, 0),
            Self::InRefusedRange => (3, 0),
            Self::TotalWouldFall => (4, 0),
            Self::NeedsNewerRegister => (5, 0),
            Self::NotYet { use_first } => (6, use_first.get()),
            Self::JumpTooFar => (7, 0),
            Self::OtherEpoch => (8, 0),
            Self::Closed => (9, 0),
            Self::BadContent => (10, 0),
        }
    }

    /// The decision of a code and a detail; none if there is no such decision, or another detail belongs to it.
    pub fn from_code(code: u8, detail: u64) -> Option<Self> {
        let decision = match code {
            0 => Self::Read,
            1 => Self::Applied,
            2 => Self::NotNewer,
            3 => Self::InRefusedRange,
            4 => Self::TotalWouldFall,
            5 => Self::NeedsNewerRegister,
            6 => Self::NotYet { use_first: Units::new(detail).ok()? },
            7 => Self::JumpTooFar,
            8 => Self::OtherEpoch,
            9 => Self::Closed,
            10 => Self::BadContent,
            _ => return None,
        };
        // One form only: a detail belongs to one decision.
        (decision.to_code().1 == detail).then_some(decision)
    }

    /// In one or two words, the same in JSON and on a screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Applied => "applied",
            Self::NotNewer => "not newer",
            Self::InRefusedRange => "in refused range",
            Self::TotalWouldFall => "total would fall",
            Self::NeedsNewerRegister => "needs newer register",
            Self::NotYet { .. } => "not yet",
            Self::JumpTooFar => "jump too far",
            Self::OtherEpoch => "other epoch",
            Self::Closed => "closed",
            Self::BadContent => "bad content",
        }
    }
}

impl Receipt {
    /// The payload: deterministic CBOR, at most [`cose::MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// None in practice: the longest receipt fits, which a test shows.
    pub fn to_payload(&self) -> Result<Bytes<{ cose::MAX_PAYLOAD_BYTES }>, Full> {
        cbor::encode(self)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one receipt in deterministic CBOR of this version.
    pub fn from_payload(payload: &[u8]) -> Result<Self, DecodeError> {
        cbor::decode::<Self>(payload)
    }

    /// Signs it with the meter's key, whose hash is `meter_key`.
    ///
    /// # Errors
    /// [`SealError`] when the signer fails.
    pub fn sign<S: Signer>(
        &self,
        meter_key: &KeyHash,
        signer: &S,
    ) -> Result<Bytes<MAX_RECEIPT_BYTES>, SealError<S::Error>> {
        let payload = self.to_payload().map_err(|_| SealError::TooLong)?;
        cose::sign(&payload, Label::Receipt, meter_key, signer)
    }

    /// Reads a signed receipt without verifying it.
    ///
    /// # Errors
    /// [`DecodeError`] if it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Self), DecodeError> {
        let signed = Sign1::parse(bytes)?;
        Ok((signed, Self::from_payload(signed.payload)?))
    }

    /// Reads a signed receipt of the meter with the public key `key`.
    ///
    /// # Errors
    /// [`ReceiptError`] if it is malformed or not signed by that key.
    pub fn verified(bytes: &[u8], key: &impl Verifier, meter_key: &KeyHash) -> Result<Self, ReceiptError> {
        let (signed, receipt) = Self::parse(bytes)?;
        if signed.verify(key, Label::Receipt, meter_key) { Ok(receipt) } else { Err(ReceiptError::Signature) }
    }

    /// Whether a meter that says this can never take a credit token of `number` in `epoch` any more, because it stands
    /// there or beyond.
    pub fn covers(&self, epoch: Epoch, number: CreditNumber) -> bool {
        (self.registers.epoch, self.registers.credit) >= (epoch, number)
    }
}

/// Why bytes are not a receipt of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not signed by the key of that meter.
    #[error("the receipt is not signed by this meter's key")]
    Signature,
}

impl Object<'_> for RegisterNumbers {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(5).uint(self.epoch.0).uint(self.credit.0).uint(self.tariff).uint(self.settings).uint(self.keys);
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        read_array(input, 5)?;
        Ok(Self {
            epoch: Epoch(input.u16()?),
            credit: CreditNumber(input.u32()?),
            tariff: input.u32()?,
            settings: input.u32()?,
            keys: input.u32()?,
        })
    }
}

impl Object<'_> for Receipt {
    fn write(&self, out: &mut Writer<'_>) {
        write_version(out, 9, &[self.challenge.is_some()]);
        out.uint(1_u8).str(self.meter.as_str());
        out.uint(2_u8).uint(self.number);
        let (code, detail) = self.outcome.decision.to_code();
        out.uint(3_u8).array(3).uint(code).uint(self.outcome.token.0).uint(detail);
        out.uint(4_u8);
        self.registers.write(out);
        out.uint(5_u8).uint(self.total.get());
        let sums = self.sums;
        out.uint(6_u8).array(3).int(sums.initial.0).int(sums.withdrawn.0).int(sums.charged.0);
        out.uint(7_u8).uint(self.flags.bits());
        out.uint(8_u8).bytes(&self.readings);
        if let Some(challenge) = &self.challenge {
            out.uint(9_u8).bytes(challenge);
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let entries = read_version(input)?;
        let (mut meter, mut number, mut outcome, mut registers, mut total) = (None, None, None, None, None);
        let (mut sums, mut flags, mut readings, mut challenge) = (None, None, None, None);
        for _ in 0..entries {
            match read_key(input)? {
                1 => set(&mut meter, read_meter(input)?)?,
                2 => set(&mut number, input.u32()?)?,
                3 => set(&mut outcome, read_outcome(input)?)?,
                4 => set(&mut registers, RegisterNumbers::read(input)?)?,
                5 => set(&mut total, Units::new(input.u64()?).map_err(|_| DecodeError::Malformed)?)?,
                6 => set(&mut sums, read_sums(input)?)?,
                7 => set(&mut flags, Flags::from_bits(input.u16()?).ok_or(DecodeError::Malformed)?)?,
                8 => set(&mut readings, Bytes::copy_of(input.bytes()?).map_err(|_| DecodeError::Malformed)?)?,
                9 => set(&mut challenge, read_bytes(input)?)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        Ok(Self {
            meter: required(meter)?,
            number: required(number)?,
            outcome: required(outcome)?,
            registers: required(registers)?,
            total: required(total)?,
            sums: required(sums)?,
            flags: required(flags)?,
            readings: required(readings)?,
            challenge,
        })
    }
}

fn read_outcome(input: &mut Decoder<'_>) -> Result<Outcome, DecodeError> {
    read_array(input, 3)?;
    let (code, token, detail) = (input.u8()?, CreditNumber(input.u32()?), input.u64()?);
    let decision = Decision::from_code(code, detail).ok_or(DecodeError::Malformed)?;
    Ok(Outcome { decision, token })
}

fn read_sums(input: &mut Decoder<'_>) -> Result<Sums, DecodeError> {
    read_array(input, 3)?;
    let mut next = || match input.i64()? {
        negative if negative < 0 => Err(DecodeError::Malformed),
        fine => Ok(FineCredit(fine)),
    };
    Ok(Sums { initial: next()?, withdrawn: next()?, charged: next()? })
}
