//! Reports: what a meter signs beside its receipts, for the station alone: what it counted, owes and knows of the time.
//!
//! `GET /report` gives a COSE_Sign1 with the label `coinless/report` over `{0: version, 1: meter, 2: number, 3: sealed}`. The
//! number is one of the receipts' sequence and used for nothing else, so that the readings' key and nonces serve
//! ([`crate::readings`]); the external_aad of what is sealed is `coinless/report`.

use crate::cbor::{
    self, DecodeError, Decoder, Object, Writer, read_array, read_key, read_version, required, set, write_version,
};
use crate::cose::{self, Label, SealError, Sign1};
use crate::keys::{KeyHash, Signer, Verifier};
use crate::readings::{OpenError, ReadingsKey, Sealed};
use crate::receipt::ReceiptError;
use crate::token::read_meter;
use crate::{Bytes, FineCredit, Full, MeterId};

/// Most bytes of a sealed report: 14 of COSE_Encrypt0, the content, a tag of 8.
pub const MAX_SEALED_REPORT_BYTES: usize = 14 + MAX_PLAIN_BYTES + 8;

/// Most bytes of a report, as sent.
pub const MAX_REPORT_BYTES: usize = cose::MAX_OBJECT_BYTES;

/// 36 of sums, flags and heads, 3 of each counter.
const MAX_PLAIN_BYTES: usize = 36 + 3 * EVENTS;

/// What a meter counts. Counters stop at 65 535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// The meter was started.
    Start,
    /// The cover was opened.
    Cover,
    /// A magnet came near.
    Magnet,
    /// Something flowed backwards.
    ReverseFlow,
    /// The battery became low.
    LowBattery,
    /// The meter does not know the time any more.
    ClockLost,
    /// Flow without a pause.
    Leak,
    /// More flow than the limit.
    ExcessFlow,
    /// Too much flow right after an opening.
    UncontrolledFlow,
    /// More power than the limit for too long.
    LoadTrip,
    /// Flow while the valve was shut.
    ValveFailed,
    /// No consumption for so long that the valve was shut.
    Disuse,
    /// The balance fell to a low-credit level.
    LowCredit,
    /// The credit was used up and the valve shut.
    CreditUsedUp,
    /// A person took emergency credit.
    EmergencyTaken,
    /// A friendly period or day kept the valve open.
    FriendlyCredit,
    /// A token was refused that was signed wrongly, or by nobody whom the meter knows.
    BadToken,
    /// The meter refused work to spare its battery.
    Busy,
}

impl Event {
    /// Every one, in the order of the counters.
    pub const ALL: [Self; EVENTS] = [
        Self::Start,
        Self::Cover,
        Self::Magnet,
        Self::ReverseFlow,
        Self::LowBattery,
        Self::ClockLost,
        Self::Leak,
        Self::ExcessFlow,
        Self::UncontrolledFlow,
        Self::LoadTrip,
        Self::ValveFailed,
        Self::Disuse,
        Self::LowCredit,
        Self::CreditUsedUp,
        Self::EmergencyTaken,
        Self::FriendlyCredit,
        Self::BadToken,
        Self::Busy,
    ];

    /// In words, the same in JSON and on a screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Cover => "cover opened",
            Self::Magnet => "magnet",
            Self::ReverseFlow => "reverse flow",
            Self::LowBattery => "low battery",
            Self::ClockLost => "clock lost",
            Self::Leak => "leak",
            Self::ExcessFlow => "excess flow",
            Self::UncontrolledFlow => "uncontrolled flow",
            Self::LoadTrip => "load limit",
            Self::ValveFailed => "valve failed",
            Self::Disuse => "long disuse",
            Self::LowCredit => "low credit",
            Self::CreditUsedUp => "credit used up",
            Self::EmergencyTaken => "emergency credit taken",
            Self::FriendlyCredit => "friendly credit",
            Self::BadToken => "bad token",
            Self::Busy => "busy",
        }
    }
}

/// How many kinds of events there are.
pub const EVENTS: usize = 18;

/// How often each event happened since the meter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts([u16; EVENTS]);

impl EventCounts {
    /// The counters in the order of [`Event::ALL`].
    pub fn from_array(counts: [u16; EVENTS]) -> Self {
        Self(counts)
    }

    /// The counters in the order of [`Event::ALL`].
    pub fn to_array(self) -> [u16; EVENTS] {
        self.0
    }

    /// How often `event` happened, at most 65 535.
    pub fn of(&self, event: Event) -> u16 {
        self.0.get(event as usize).copied().unwrap_or_default()
    }

    /// Counts `event` once more.
    pub fn count(&mut self, event: Event) {
        if let Some(count) = self.0.get_mut(event as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportContent {
    /// The register on the meter's face: consumption as it was measured, in thousandths of dm³, litre or Wh.
    pub metered: FineCredit,
    /// The number of the valve command register.
    pub valve: u32,
    /// Emergency credit was taken and is not paid back.
    pub emergency_taken: bool,
    /// The meter knows the time.
    pub clock_trusted: bool,
    /// Debt that was ever put on this meter, in thousandths of a credit unit.
    pub debt_total: FineCredit,
    /// What was recovered of it, likewise.
    pub debt_paid: FineCredit,
    /// What happened how often.
    pub events: EventCounts,
}

/// A report, not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who says this.
    pub meter: MeterId,
    /// Its number, of the receipts' sequence.
    pub number: u32,
    /// A [`ReportContent`], sealed to the station.
    pub sealed: Bytes<MAX_SEALED_REPORT_BYTES>,
}

impl Report {
    /// The payload: deterministic CBOR.
    ///
    /// # Errors
    /// None in practice: the longest report fits, which a test shows.
    pub fn to_payload(&self) -> Result<Bytes<{ cose::MAX_PAYLOAD_BYTES }>, Full> {
        cbor::encode(self)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeError`] if it is not one report in deterministic CBOR of this version.
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
    ) -> Result<Bytes<MAX_REPORT_BYTES>, SealError<S::Error>> {
        let payload = self.to_payload().map_err(|_| SealError::TooLong)?;
        cose::sign(&payload, Label::Report, meter_key, signer)
    }

    /// Reads a signed report without verifying it: enough for a phone, which only carries it.
    ///
    /// # Errors
    /// [`DecodeError`] if it is malformed.
    pub fn parse(bytes: &[u8]) -> Result<(Sign1<'_>, Self), DecodeError> {
        let signed = Sign1::parse(bytes)?;
        Ok((signed, Self::from_payload(signed.payload)?))
    }

    /// Reads a signed report of the meter with the public key `key`.
    ///
    /// # Errors
    /// [`ReceiptError`] if it is malformed or not signed by that key.
    pub fn verified(bytes: &[u8], key: &impl Verifier, meter_key: &KeyHash) -> Result<Self, ReceiptError> {
        let (signed, report) = Self::parse(bytes)?;
        if signed.verify(key, Label::Report, meter_key) { Ok(report) } else { Err(ReceiptError::Signature) }
    }
}

impl ReadingsKey {
    /// Seals the content of the report `number`. The same number must never be used for anything else.
    ///
    /// # Errors
    /// None in practice: the longest content fits, which a test shows.
    pub fn seal_report(&self, number: u32, content: &ReportContent) -> Result<Bytes<MAX_SEALED_REPORT_BYTES>, Full> {
        let plain = cbor::encode::<_, MAX_PLAIN_BYTES>(content)?;
        self.seal_plain(Sealed::Report, number, plain)
    }

    /// Opens the content of a report.
    ///
    /// # Errors
    /// [`OpenError`] if it is malformed, of another report, sealed with another key, or changed.
    pub fn open_report(&self, report: &Report) -> Result<ReportContent, OpenError> {
        let plain = self.open_plain::<MAX_PLAIN_BYTES>(Sealed::Report, report.number, &report.sealed)?;
        cbor::decode(&plain).map_err(|_| OpenError::Malformed)
    }
}

impl Object<'_> for Report {
    fn write(&self, out: &mut Writer<'_>) {
        write_version(out, 4, &[]);
        out.uint(1_u8).str(self.meter.as_str());
        out.uint(2_u8).uint(self.number);
        out.uint(3_u8).bytes(&self.sealed);
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let entries = read_version(input)?;
        let (mut meter, mut number, mut sealed) = (None, None, None);
        for _ in 0..entries {
            match read_key(input)? {
                1 => set(&mut meter, read_meter(input)?)?,
                2 => set(&mut number, input.u32()?)?,
                3 => set(&mut sealed, Bytes::copy_of(input.bytes()?).map_err(|_| DecodeError::Malformed)?)?,
                key => return Err(DecodeError::UnknownKey(key)),
            }
        }
        Ok(Self { meter: required(meter)?, number: required(number)?, sealed: required(sealed)? })
    }
}

impl Object<'_> for ReportContent {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(7).int(self.metered.0).uint(self.valve).bool(self.emergency_taken).bool(self.clock_trusted);
        out.int(self.debt_total.0).int(self.debt_paid.0).array(EVENTS);
        for count in self.events.0 {
            out.uint(count);
        }
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        read_array(input, 7)?;
        let metered = read_sum(input)?;
        let (valve, emergency_taken, clock_trusted) = (input.u32()?, input.bool()?, input.bool()?);
        let (debt_total, debt_paid) = (read_sum(input)?, read_sum(input)?);
        read_array(input, EVENTS as u32)?;
        let mut events = [0; EVENTS];
        for count in &mut events {
            *count = input.u16()?;
        }
        let events = EventCounts(events);
        Ok(Self { metered, valve, emergency_taken, clock_trusted, debt_total, debt_paid, events })
    }
}

fn read_sum(input: &mut Decoder<'_>) -> Result<FineCredit, DecodeError> {
    match input.i64()? {
        negative if negative < 0 => Err(DecodeError::Malformed),
        fine => Ok(FineCredit(fine)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_counter_and_its_words() {
        let mut counts = EventCounts::default();
        for (at, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, at, "{event:?}");
            counts.count(event);
            let mut expected = [0; EVENTS];
            expected.iter_mut().take(at + 1).for_each(|count| *count = 1);
            assert_eq!(counts.to_array(), expected);
            assert!(Event::ALL.into_iter().skip(at + 1).all(|other| other.words() != event.words()));
        }
    }

    #[test]
    fn a_counter_stops_at_its_end() {
        let mut counts = EventCounts::from_array([u16::MAX - 1; EVENTS]);
        counts.count(Event::Leak);
        counts.count(Event::Leak);
        assert_eq!((counts.of(Event::Leak), counts.of(Event::Start)), (u16::MAX, u16::MAX - 1));
    }
}
