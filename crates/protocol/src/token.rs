//! Tokens: what a station signs for one meter.
//!
//! A *credit token* carries a newer version of the meter's credit register and the conditions under which the meter may
//! take it. A *void* is a credit token whose total leaves a line out and whose refused range names the numbers that count
//! the line. A *read request* sets nothing; the meter answers it, as every authentic token, with a receipt.

use crate::cbor::{
    self, DecodeError, Object, WriteResult, Writer, read_array, read_bytes, read_version, required, set, write_version,
};
use crate::cose::{self, Label, SealError, Sign1};
use crate::keys::{KeyHash, KeyHint, Signer};
use crate::{Bytes, Challenge, CreditNumber, Epoch, Full, MeterId, Register};
use minicbor::Decoder;

/// Most bytes of a credit token without conditions, as sent.
pub const MAX_PLAIN_TOKEN_BYTES: usize = 128;
/// Most bytes of any token, as sent.
pub const MAX_TOKEN_BYTES: usize = 176;
/// Most bytes of a token's payload.
pub const MAX_PAYLOAD_BYTES: usize = MAX_TOKEN_BYTES - cose::OVERHEAD_BYTES;

/// The content of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The meter that it is for.
    pub meter: MeterId,
    /// The hint of that meter's key, so that a token for an earlier life of the meter is told apart cheaply.
    pub meter_key: KeyHint,
    /// The key epoch that its numbers belong to.
    pub epoch: Epoch,
    /// What it does.
    pub order: Order,
}

/// What a token tells the meter to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Take a newer version of the credit register.
    Credit {
        /// The newer version.
        register: Register,
        /// When to refuse it.
        conditions: Conditions,
    },
    /// Answer with a receipt that holds this challenge.
    Read(Challenge),
}

/// Conditions of a credit token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The meter must refuse the token if its own number lies in this range.
    pub refused: Option<RefusedRange>,
    /// Other registers must be at least this new.
    pub needs: Needs,
}

/// The numbers first to last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusedRange {
    first: CreditNumber,
    last: CreditNumber,
}

impl RefusedRange {
    /// The range of `first` to `last`, both included; none if it is empty.
    pub fn new(first: CreditNumber, last: CreditNumber) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Its first number.
    pub fn first(self) -> CreditNumber {
        self.first
    }

    /// Its last number.
    pub fn last(self) -> CreditNumber {
        self.last
    }

    /// Whether `number` lies in it.
    pub fn contains(self, number: CreditNumber) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// The smallest range that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// Least numbers that other registers must have; 0 asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Least number of the tariff register.
    pub tariff: u32,
    /// Least number of the settings register.
    pub settings: u32,
    /// Least number of the keys register.
    pub keys: u32,
}

impl Needs {
    fn entries(&self) -> [(u8, u32); 3] {
        [(1, self.tariff), (2, self.settings), (3, self.keys)]
    }
}

impl Token {
    /// The payload: deterministic CBOR, at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// None in practice: the longest token fits, which a test shows.
    pub fn to_payload(&self) -> Result<Bytes<MAX_PAYLOAD_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one token in deterministic CBOR of this version.
    pub fn from_payload(payload: &[u8]) -> Result<Self, DecodeError> {
        cbor::decode::<Self, MAX_PAYLOAD_BYTES>(payload)
    }

    /// Signs it for the meter whose key has the hash `meter_key`.
    ///
    /// # Errors
    /// [`SealError`] when the signer fails.
    pub fn sign<S: Signer>(
        &self,
        meter_key: &KeyHash,
        signer: &S,
    ) -> Result<Bytes<{ cose::MAX_OBJECT_BYTES }>, SealError<S::Error>> {
        let payload = self.to_payload().map_err(|_| SealError::TooLong)?;
        cose::sign(&payload, Label::Token, meter_key, signer)
    }

    /// Reads a signed token without verifying it: enough for a phone, which only carries it.
    ///
    /// # Errors
    /// [`DecodeError`] if it is too long or malformed.
    pub fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Self), DecodeError> {
        if bytes.len() > MAX_TOKEN_BYTES {
            return Err(DecodeError::Malformed);
        }
        let signed = Sign1::parse(bytes)?;
        Ok((signed, Self::from_payload(signed.payload)?))
    }

    /// The version of the credit register that it carries, if it carries one.
    pub fn register(&self) -> Option<Register> {
        match self.order {
            Order::Credit { register, .. } => Some(register),
            Order::Read(_) => None,
        }
    }
}

impl Object for Token {
    fn write<const N: usize>(&self, out: &mut Writer<'_, N>) -> WriteResult {
        let (refused, needs) = match self.order {
            Order::Credit { conditions, .. } => (conditions.refused, conditions.needs),
            Order::Read(_) => (None, Needs::default()),
        };
        let needed = needs.entries().iter().filter(|(_, number)| *number > 0).count() as u64;
        write_version(out, 5 + u64::from(refused.is_some()) + u64::from(needed > 0))?;
        out.u8(1)?.str(self.meter.as_str())?;
        out.u8(2)?.bytes(&self.meter_key.0)?;
        out.u8(3)?.u16(self.epoch.0)?;
        if let Order::Credit { register, .. } = &self.order {
            out.u8(4)?;
            register.write(out)?;
        }
        if let Some(range) = refused {
            out.u8(5)?.array(2)?.u32(range.first.0)?.u32(range.last.0)?;
        }
        if needed > 0 {
            out.u8(6)?.map(needed)?;
            for (key, number) in needs.entries().into_iter().filter(|(_, number)| *number > 0) {
                out.u8(key)?.u32(number)?;
            }
        }
        if let Order::Read(challenge) = &self.order {
            out.u8(7)?.bytes(challenge)?;
        }
        Ok(())
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let entries = read_version(input)?;
        let (mut meter, mut meter_key, mut epoch) = (None, None, None);
        let (mut register, mut refused, mut needs, mut challenge) = (None, None, None, None);
        for _ in 0..entries {
            match input.u64()? {
                1 => set(&mut meter, read_meter(input)?)?,
                2 => set(&mut meter_key, KeyHint(read_bytes(input)?))?,
                3 => set(&mut epoch, Epoch(input.u16()?))?,
                4 => set(&mut register, Register::read(input)?)?,
                5 => set(&mut refused, read_range(input)?)?,
                6 => set(&mut needs, read_needs(input)?)?,
                7 => set(&mut challenge, read_bytes(input)?)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        let order = match (register, challenge) {
            (Some(register), None) => {
                let conditions = Conditions { refused, needs: needs.unwrap_or_default() };
                Order::Credit { register, conditions }
            }
            (None, Some(challenge)) if refused.is_none() && needs.is_none() => Order::Read(challenge),
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self { meter: required(meter)?, meter_key: required(meter_key)?, epoch: required(epoch)?, order })
    }
}

pub(crate) fn read_meter(input: &mut Decoder<'_>) -> Result<MeterId, DecodeError> {
    input.str()?.parse().map_err(|_| DecodeError::Malformed)
}

fn read_range(input: &mut Decoder<'_>) -> Result<RefusedRange, DecodeError> {
    read_array(input, 2)?;
    let (first, last) = (CreditNumber(input.u32()?), CreditNumber(input.u32()?));
    RefusedRange::new(first, last).ok_or(DecodeError::Malformed)
}

fn read_needs(input: &mut Decoder<'_>) -> Result<Needs, DecodeError> {
    let mut needs = Needs::default();
    for _ in 0..input.map()?.ok_or(DecodeError::Malformed)? {
        match input.u64()? {
            1 => needs.tariff = input.u32()?,
            2 => needs.settings = input.u32()?,
            3 => needs.keys = input.u32()?,
            key => return Err(DecodeError::UnknownKey(key)),
        }
    }
    Ok(needs)
}
