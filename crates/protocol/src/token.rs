//! Tokens: what a station signs for one meter.
//!
//! A *credit token* carries a newer version of the meter's credit register and the conditions under which the meter may
//! take it. A *void* is a credit token whose total leaves a line out and whose refused range names the numbers that count
//! the line. A *closing token* is the last credit token of a meter. A *read request* sets nothing; the meter answers it, as
//! every authentic token, with a receipt.
//!
//! A token may set other registers too, each decided on its own: tariff and settings, whose contents ([`crate::tariff`],
//! [`crate::settings`]) it carries as opaque bytes, the valve command, and the clock. The *keys register* travels alone, in a
//! token that a root key signs ([`crate::issuers`]).

use crate::cbor::{
    self, DecodeError, Decoder, Keys, Object, Writer, differs, other, read_array, read_bytes, read_version, required,
    write_version,
};
use crate::cose::{self, Label, SealError, Sign1};
use crate::keys::{KeyHash, KeyHint, Signer};
use crate::{Bytes, Challenge, CreditNumber, Epoch, Full, MeterId, Register};

/// Most bytes of a credit token without conditions, as sent.
pub const MAX_PLAIN_TOKEN_BYTES: usize = 128;
/// Most bytes of a token that sets the credit register and nothing else, as sent.
pub const MAX_CREDIT_TOKEN_BYTES: usize = 176;
/// Most bytes of any token, as sent.
pub const MAX_TOKEN_BYTES: usize = cose::MAX_OBJECT_BYTES;
/// Most bytes of a token's payload.
pub const MAX_PAYLOAD_BYTES: usize = cose::MAX_PAYLOAD_BYTES;
/// Most bytes of the content of a register: what is left of a payload beside the longest head.
pub const MAX_CONTENT_BYTES: usize = 136;

/// The content of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// The meter that it is for.
    pub meter: MeterId,
    /// The hint of that meter's key, so that a token for an earlier life of the meter is told apart cheaply.
    pub meter_key: KeyHint,
    /// The key epoch that its numbers belong to.
    pub epoch: Epoch,
    /// What it does.
    pub order: Order<'a>,
}

/// What a token tells the meter to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order<'a> {
    /// Take newer versions of registers. Signed by an operational key.
    Set(Set<'a>),
    /// Answer with a receipt that holds this challenge. Signed by an operational key.
    Read(Challenge),
    /// Take other operational keys, and rise to the token's epoch if it is the next one. Signed by a root key.
    Keys(Content<'a>),
}

/// The registers that a token sets, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set<'a> {
    /// Credit register.
    pub credit: Option<Credit>,
    /// Tariff register; its content is a [`crate::tariff::Tariff`].
    pub tariff: Option<Content<'a>>,
    /// Settings register; its content is [`crate::settings::Settings`].
    pub settings: Option<Content<'a>>,
    /// Valve command.
    pub valve: Option<Valve>,
    /// Clock.
    pub clock: Option<Clock>,
}

/// A newer version of the credit register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// The newer version.
    pub register: Register,
    /// When to refuse it.
    pub conditions: Conditions,
    /// It is the last one: what is left of the balance is withdrawn, and the meter takes no credit any more.
    pub closing: bool,
}

/// A newer version of a register whose content only the meter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// The version's number, from 1.
    pub number: u32,
    /// Its content in CBOR; at most [`MAX_CONTENT_BYTES`].
    pub bytes: &'a [u8],
}

/// A newer version of the valve command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Valve {
    /// The version's number, from 1.
    pub number: u32,
    /// What to do.
    pub command: ValveOrder,
}

/// What the utility orders of a valve. None of them ever opens one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValveOrder {
    /// No longer hold it shut by command.
    Release = 0,
    /// Hold it shut by command.
    HoldShut = 1,
    /// A technician is at the meter and has seen to it: tamper, leak or flow, and disuse hold it shut no longer.
    Service = 2,
}

/// What a token says of the time. It is its own number: the clock register is *at least* this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 1970-01-01 UTC, from 1.
    pub unix_s: u64,
    /// The meter's own challenge ([`crate::coap`] resource `/challenge`) that this answers. Only then the clock may go back.
    pub answers: Option<Challenge>,
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

impl<'a> Order<'a> {
    /// Sets the credit register and nothing else.
    pub fn credit(register: Register, conditions: Conditions) -> Self {
        Self::Set(Set { credit: Some(Credit { register, conditions, closing: false }), ..Set::default() })
    }
}

impl<'a> Token<'a> {
    /// The payload: deterministic CBOR, at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    /// [`Full`] if a content is longer than [`MAX_CONTENT_BYTES`], or all of it longer than a payload may be: one content with the
    /// longest head fits, and the longest credit with conditions, valve command and clock does.
    pub fn to_payload(&self) -> Result<Bytes<MAX_PAYLOAD_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one token in deterministic CBOR of this version.
    pub fn from_payload(payload: &'a [u8]) -> Result<Self, DecodeError> {
        cbor::decode_exact::<Self>(payload)
    }

    /// Signs it for the meter whose key has the hash `meter_key`.
    ///
    /// # Errors
    /// [`SealError`] when it is too long or the signer fails.
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
    pub fn parse(bytes: &'a [u8]) -> Result<(Sign1<'a>, Self), DecodeError> {
        if bytes.len() > MAX_TOKEN_BYTES {
            return Err(DecodeError::Malformed);
        }
        let signed = Sign1::parse(bytes)?;
        Ok((signed, Self::from_payload(signed.payload)?))
    }

    /// What it says of the credit register, if it sets it.
    pub fn credit(&self) -> Option<&Credit> {
        match &self.order {
            Order::Set(set) => set.credit.as_ref(),
            Order::Read(_) | Order::Keys(_) => None,
        }
    }

    /// The version of the credit register that it carries, if it carries one.
    pub fn register(&self) -> Option<Register> {
        self.credit().map(|credit| credit.register)
    }
}

impl<'a> Object<'a> for Token<'a> {
    fn write(&self, out: &mut Writer<'_>) {
        let (set, read, keys) = match &self.order {
            Order::Set(set) => (*set, None, None),
            Order::Read(challenge) => (Set::default(), Some(challenge), None),
            Order::Keys(keys) => (Set::default(), None, Some(keys)),
        };
        let conditions = set.credit.map(|credit| credit.conditions).unwrap_or_default();
        let needed = conditions.needs.entries().iter().filter(|(_, number)| *number > 0).count();
        let closing = set.credit.is_some_and(|credit| credit.closing);
        let optional = [
            set.credit.is_some(),
            conditions.refused.is_some(),
            needed > 0,
            read.is_some(),
            set.tariff.is_some(),
            set.settings.is_some(),
            set.valve.is_some(),
            set.clock.is_some(),
            keys.is_some(),
            closing,
        ];
        write_version(out, 4, &optional);
        out.uint(1_u8).str(self.meter.as_str());
        out.uint(2_u8).bytes(&self.meter_key.0);
        out.uint(3_u8).uint(self.epoch.0);
        if let Some(credit) = &set.credit {
            out.uint(4_u8);
            credit.register.write(out);
        }
        if let Some(range) = conditions.refused {
            out.uint(5_u8).array(2).uint(range.first.0).uint(range.last.0);
        }
        if needed > 0 {
            out.uint(6_u8).map(needed);
            for (key, number) in conditions.needs.entries().into_iter().filter(|(_, number)| *number > 0) {
                out.uint(key).uint(number);
            }
        }
        if let Some(challenge) = read {
            out.uint(7_u8).bytes(challenge);
        }
        for (key, content) in [(8, set.tariff.as_ref()), (9, set.settings.as_ref())] {
            write_content(out, key, content);
        }
        if let Some(valve) = set.valve {
            out.uint(10_u8).array(2).uint(valve.number).uint(valve.command as u8);
        }
        match set.clock {
            Some(Clock { unix_s, answers: None }) => out.uint(11_u8).uint(unix_s),
            Some(Clock { unix_s, answers: Some(challenge) }) => out.uint(11_u8).array(2).uint(unix_s).bytes(&challenge),
            None => out,
        };
        write_content(out, 12, keys);
        if closing {
            out.uint(13_u8).bool(true);
        }
    }

    fn read(input: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        let entries = read_version(input)?;
        let (mut meter, mut meter_key, mut epoch) = (None, None, None);
        let (mut register, mut conditions, mut closing) = (None, None, false);
        let (mut challenge, mut key_content, mut registers) = (None, None, Set::default());
        let mut keys = Keys::after(0);
        for _ in 0..entries {
            match keys.next(input)? {
                1 => meter = Some(read_meter(input)?),
                2 => meter_key = Some(KeyHint(read_bytes(input)?)),
                3 => epoch = Some(Epoch(input.u16()?)),
                4 => register = Some(Register::read(input)?),
                5 => conditions.get_or_insert_with(Conditions::default).refused = Some(read_range(input)?),
                6 => conditions.get_or_insert_with(Conditions::default).needs = read_needs(input)?,
                7 => challenge = Some(read_bytes(input)?),
                8 => registers.tariff = Some(read_content(input)?),
                9 => registers.settings = Some(read_content(input)?),
                10 => registers.valve = Some(read_valve(input)?),
                11 => registers.clock = Some(read_clock(input)?),
                12 => key_content = Some(read_content(input)?),
                13 => closing = differs(input.bool()?, false)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        registers.credit = match register {
            Some(register) => Some(Credit { register, conditions: conditions.unwrap_or_default(), closing }),
            // What is said of credit without any would mean nothing.
            None if conditions.is_some() || closing => return Err(DecodeError::Malformed),
            None => None,
        };
        let order = match (registers == Set::default(), challenge, key_content) {
            (false, None, None) => Order::Set(registers),
            (true, Some(challenge), None) => Order::Read(challenge),
            (true, None, Some(keys)) => Order::Keys(keys),
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Self { meter: required(meter)?, meter_key: required(meter_key)?, epoch: required(epoch)?, order })
    }
}

fn write_content(out: &mut Writer<'_>, key: u8, content: Option<&Content<'_>>) {
    if let Some(content) = content {
        if content.bytes.len() > MAX_CONTENT_BYTES {
            out.fail();
        }
        out.uint(key).array(2).uint(content.number).bytes(content.bytes);
    }
}

fn read_content<'a>(input: &mut Decoder<'a>) -> Result<Content<'a>, DecodeError> {
    read_array(input, 2)?;
    let content = Content { number: input.u32()?, bytes: input.bytes()? };
    let lawful = content.number > 0 && content.bytes.len() <= MAX_CONTENT_BYTES;
    lawful.then_some(content).ok_or(DecodeError::Malformed)
}

fn read_valve(input: &mut Decoder<'_>) -> Result<Valve, DecodeError> {
    read_array(input, 2)?;
    let number = input.u32()?;
    let command = match input.u8()? {
        0 => ValveOrder::Release,
        1 => ValveOrder::HoldShut,
        2 => ValveOrder::Service,
        _ => return Err(DecodeError::Malformed),
    };
    (number > 0).then_some(Valve { number, command }).ok_or(DecodeError::Malformed)
}

fn read_clock(input: &mut Decoder<'_>) -> Result<Clock, DecodeError> {
    let clock = if input.is_array() {
        read_array(input, 2)?;
        Clock { unix_s: input.u64()?, answers: Some(read_bytes(input)?) }
    } else {
        Clock { unix_s: input.u64()?, answers: None }
    };
    (clock.unix_s > 0).then_some(clock).ok_or(DecodeError::Malformed)
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
    let mut keys = Keys::default();
    let entries = differs(input.map()?, 0)?;
    for _ in 0..entries {
        match keys.next(input)? {
            1 => needs.tariff = other(input, 0)?,
            2 => needs.settings = other(input, 0)?,
            3 => needs.keys = other(input, 0)?,
            key => return Err(DecodeError::UnknownKey(key)),
        }
    }
    Ok(needs)
}
