//! The content of the tariff register: prices, standing charge and debt that the meter charges by itself.
//!
//! A CBOR map in deterministic encoding, at most [`MAX_CONTENT_BYTES`] long. What is not there is empty or 0; a value that says
//! the same as leaving it out is malformed.
//!
//! | key | content |
//! |----:|---------|
//! | 0 | prices of the rates, 1 to 8 of them |
//! | 1 | steps `[[from, more], …]`, at most 3 |
//! | 2 | switch times, 2 bytes each, big-endian: weekdays 7 bits, half hour 6 bits, rate 3 bits; at most 12 |
//! | 3 | the rate while the time is not known |
//! | 4 | standing charge per day |
//! | 5 | debt: the sum of all that was ever put on this meter |
//! | 6 | debt: most that is recovered per day |
//! | 7 | debt: part of every added credit that is recovered, in per cent |

use crate::cbor::{self, DecodeError, Decoder, Keys, Object, Writer, differs, narrow, other, read_array};
use crate::token::MAX_CONTENT_BYTES;
use crate::weekly::{HalfHour, Weekdays};
use crate::{Bytes, FineCredit, Full};
use heapless::Vec;

/// Most rates of a tariff.
pub const MAX_RATES: usize = 8;
/// Most steps of a tariff.
pub const MAX_STEPS: usize = 3;
/// Most switch times of a tariff.
pub const MAX_SWITCHES: usize = 12;

/// A tariff. A meter of unit credit has no rates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tariff {
    /// Prices; which one holds is said by the switch times. Empty for unit credit.
    pub rates: Vec<Price, MAX_RATES>,
    /// What is added to the price when more was used in this month of the calendar. Rising.
    pub steps: Vec<Step, MAX_STEPS>,
    /// When which rate begins; no two at the same moment. Without any, rate 0 holds always.
    pub switches: Vec<Switch, MAX_SWITCHES>,
    /// The rate that holds while the meter does not know the time.
    pub rate_without_clock: u8,
    /// Charged for each day, in thousandths of a credit unit.
    pub standing_per_day: u32,
    /// What the customer owes.
    pub debt: Debt,
}

/// A price in thousandths of a credit unit (that is, of a minor unit of the currency) per 1000 of the units that are measured,
/// that is per m³ or kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price(pub u32);

/// A step of a tariff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Consumption in this month of the calendar from which on it holds, in m³ or kWh.
    pub from: u32,
    /// What it adds to the price of every rate, in place of what the step before it added.
    pub more: Price,
}

/// When a rate begins. It holds until the next switch time, on whatever day that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// On which days.
    pub days: Weekdays,
    /// When.
    pub at: HalfHour,
    /// Which rate, 0 to 7.
    pub rate: u8,
}

/// What a customer owes and how the meter recovers it. A register, like credit: the sum of all debt that was ever put on this
/// meter, of which it knows how much was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Debt {
    /// All that was ever put on this meter, in thousandths of a credit unit.
    pub total: FineCredit,
    /// Most that is recovered per day, in thousandths of a credit unit.
    pub per_day: u32,
    /// Part of every added credit that is recovered, 0 to 100.
    pub per_cent: u8,
}

impl Tariff {
    /// Its encoding.
    ///
    /// # Errors
    /// None in practice: the longest tariff fits, which a test shows.
    pub fn to_bytes(&self) -> Result<Bytes<MAX_CONTENT_BYTES>, Full> {
        cbor::encode(self)
    }

    /// Reads a tariff.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, or not [sensible](Tariff::is_sensible).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let tariff = cbor::decode_exact::<Self>(bytes)?;
        if tariff.is_sensible() { Ok(tariff) } else { Err(DecodeError::Malformed) }
    }

    /// Whether it makes sense: steps rise, no switch time is one of two rates, every rate that is named is there, prices come
    /// with steps and switch times, and debt is in its range. A station asks before it signs; a decoder refuses what does not.
    pub fn is_sensible(&self) -> bool {
        let rates = self.rates.len().max(1);
        let known = |rate: u8| usize::from(rate) < rates;
        let rising = self.steps.iter().zip(self.steps.iter().skip(1)).all(|(step, next)| step.from < next.from);
        let priced = !self.rates.is_empty() || (self.steps.is_empty() && self.switches.is_empty());
        rising
            && priced
            && self.switches_differ()
            && known(self.rate_without_clock)
            && self.switches.iter().all(|switch| known(switch.rate))
            && self.debt.per_cent <= 100
            && self.debt.total.0 >= 0
    }

    fn switches_differ(&self) -> bool {
        self.switches.iter().enumerate().all(|(at, switch)| {
            self.switches.iter().take(at).all(|other| switch.at != other.at || !switch.days.meet(other.days))
        })
    }
}

impl Switch {
    const BYTES: usize = 2;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let rate = u16::from(self.rate & 7);
        (u16::from(self.days.bits()) << 9 | u16::from(self.at.get()) << 3 | rate).to_be_bytes()
    }

    fn from_bytes(bytes: [u8; Self::BYTES]) -> Result<Self, DecodeError> {
        let packed = u16::from_be_bytes(bytes);
        let (days, at, rate) = (packed >> 9, packed >> 3 & 0x3f, packed & 7);
        let switch =
            || Some(Self { days: Weekdays::from_bits(days as u8)?, at: HalfHour::new(at as u8)?, rate: rate as u8 });
        switch().ok_or(DecodeError::Malformed)
    }
}

impl Object<'_> for Tariff {
    fn write(&self, out: &mut Writer<'_>) {
        let Debt { total, per_day, per_cent } = self.debt;
        let there = [
            !self.rates.is_empty(),
            !self.steps.is_empty(),
            !self.switches.is_empty(),
            self.rate_without_clock > 0,
            self.standing_per_day > 0,
            total != FineCredit::ZERO,
            per_day > 0,
            per_cent > 0,
        ];
        out.map(there.iter().filter(|there| **there).count());
        if !self.rates.is_empty() {
            out.uint(0_u8).array(self.rates.len());
            for price in &self.rates {
                out.uint(price.0);
            }
        }
        if !self.steps.is_empty() {
            out.uint(1_u8).array(self.steps.len());
            for step in &self.steps {
                out.array(2).uint(step.from).uint(step.more.0);
            }
        }
        if !self.switches.is_empty() {
            out.uint(2_u8);
            write_packed(out, self.switches.iter().map(|switch| switch.to_bytes()));
        }
        for (key, value) in [(3_u8, u32::from(self.rate_without_clock)), (4, self.standing_per_day)] {
            if value > 0 {
                out.uint(key).uint(value);
            }
        }
        if total != FineCredit::ZERO {
            out.uint(5_u8).int(total.0);
        }
        for (key, value) in [(6_u8, per_day), (7, u32::from(per_cent))] {
            if value > 0 {
                out.uint(key).uint(value);
            }
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut tariff = Self::default();
        let mut keys = Keys::default();
        for _ in 0..input.map()? {
            match keys.next(input)? {
                0 => tariff.rates = read_all(input, |input| Ok(Price(input.u32()?)))?,
                1 => tariff.steps = read_all(input, read_step)?,
                2 => tariff.switches = read_packed(input, Switch::from_bytes)?,
                3 => tariff.rate_without_clock = narrow(other(input, 0)?)?,
                4 => tariff.standing_per_day = other(input, 0)?,
                5 => tariff.debt.total = FineCredit(differs(input.i64()?, 0)?),
                6 => tariff.debt.per_day = other(input, 0)?,
                7 => tariff.debt.per_cent = narrow(other(input, 0)?)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        Ok(tariff)
    }
}

fn read_step(input: &mut Decoder<'_>) -> Result<Step, DecodeError> {
    read_array(input, 2)?;
    Ok(Step { from: input.u32()?, more: Price(input.u32()?) })
}

fn read_all<'a, T, const N: usize>(
    input: &mut Decoder<'a>,
    read: impl Fn(&mut Decoder<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T, N>, DecodeError> {
    let mut all = Vec::new();
    for _ in 0..input.array()? {
        all.push(read(input)?).map_err(|_| DecodeError::Malformed)?;
    }
    not_empty(all)
}

/// Writes records of `B` bytes as one byte string.
pub(crate) fn write_packed<const B: usize>(out: &mut Writer<'_>, records: impl ExactSizeIterator<Item = [u8; B]>) {
    out.bytes_head(records.len().saturating_mul(B));
    for record in records {
        out.raw(&record);
    }
}

/// Reads a byte string of records of `B` bytes.
pub(crate) fn read_packed<T, const B: usize, const N: usize>(
    input: &mut Decoder<'_>,
    read: impl Fn([u8; B]) -> Result<T, DecodeError>,
) -> Result<Vec<T, N>, DecodeError> {
    let (records, rest) = input.bytes()?.as_chunks::<B>();
    if !rest.is_empty() {
        return Err(DecodeError::Malformed);
    }
    let mut all = Vec::new();
    for record in records {
        all.push(read(*record)?).map_err(|_| DecodeError::Malformed)?;
    }
    not_empty(all)
}

/// An empty list is left out.
fn not_empty<T, const N: usize>(all: Vec<T, N>) -> Result<Vec<T, N>, DecodeError> {
    if all.is_empty() { Err(DecodeError::Malformed) } else { Ok(all) }
}
