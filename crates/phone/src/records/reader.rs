//! What entitles this phone to a meter's readings, and what its owner reports.

use crate::hex;
use crate::wire::Readings;
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Bytes of a reader's secret.
pub const SECRET_BYTES: usize = 32;
/// Most days of use that a phone keeps of a meter.
pub const MAX_KEPT_DAYS: usize = 62;
/// Most characters of a reported problem, as at the station.
pub const MAX_PROBLEM_CHARS: usize = 2000;
/// Most characters of how whoever reports can be reached, as at the station.
pub const MAX_CONTACT_CHARS: usize = 200;

/// This phone's secret for the readings of one meter. It is stored before the station first hears of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredReader {
    /// The meter.
    pub meter: MeterId,
    /// The station that has its readings.
    pub station: String,
    /// Drawn at random on this phone, for this meter alone.
    pub secret: [u8; SECRET_BYTES],
    /// Since when the station gives the readings for it, in milliseconds since 1970-01-01 UTC; none if the code on the meter's display
    /// was not typed yet, or the tenant has changed since.
    pub earned_ms: Option<i64>,
    /// The readings as the station last told them, to be looked at without a network; none when they are not this phone's to see.
    pub last: Option<Box<KeptReadings>>,
}

/// What a station told of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReadings {
    /// When, in milliseconds since 1970-01-01 UTC by this phone's clock.
    pub told_ms: u64,
    /// What, with the last [`MAX_KEPT_DAYS`] days of use.
    pub readings: Readings,
}

impl StoredReader {
    /// The secret of a phone that has not earned anything yet.
    pub fn new(meter: &MeterId, station: &str, secret: [u8; SECRET_BYTES]) -> Self {
        Self { meter: *meter, station: station.to_owned(), secret, earned_ms: None, last: None }
    }

    /// The same after the station told `readings` at `told_ms` by this phone's clock.
    #[must_use]
    pub fn told(&self, told_ms: u64, readings: &Readings) -> Self {
        let mut readings = readings.clone();
        readings.days.drain(..readings.days.len().saturating_sub(MAX_KEPT_DAYS));
        Self { last: Some(Box::new(KeptReadings { told_ms, readings })), ..self.clone() }
    }

    /// The same after the station said that the readings are for others.
    #[must_use]
    pub fn ended(&self) -> Self {
        Self { earned_ms: None, last: None, ..self.clone() }
    }
}

impl fmt::Debug for StoredReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meter, station, earned_ms, last, .. } = self;
        let mut shown = f.debug_struct("StoredReader");
        shown.field("meter", meter).field("station", station).field("earned_ms", earned_ms).field("last", last);
        shown.finish_non_exhaustive()
    }
}

/// How a reader is written into a store.
#[derive(Serialize, Deserialize)]
struct RawReader {
    meter: String,
    station: String,
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earned_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Box<KeptReadings>>,
}

impl Serialize for StoredReader {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (meter, station) = (self.meter.to_string(), self.station.clone());
        let (secret, earned_ms, last) = (hex::encode(&self.secret), self.earned_ms, self.last.clone());
        RawReader { meter, station, secret, earned_ms, last }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredReader {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let RawReader { meter, station, secret, earned_ms, last } = RawReader::deserialize(deserializer)?;
        let meter = meter.parse().map_err(D::Error::custom)?;
        let secret = hex::decode(&secret).and_then(|bytes| bytes.try_into().ok());
        let secret = secret.ok_or_else(|| D::Error::custom("the secret is not 32 bytes in hexadecimal"))?;
        Ok(Self { meter, station, secret, earned_ms, last })
    }
}

/// What the owner of this phone reports, until the station has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProblem {
    /// Its id (UUIDv7), drawn on this phone; the same however often it is sent.
    pub id: Uuid,
    /// The station that it is for.
    pub station: String,
    /// The order that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Uuid>,
    /// The label of the meter that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// What is wrong.
    pub text: String,
    /// How its owner can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

impl StoredProblem {
    /// The same with texts trimmed and cut to what a station takes; none if it says nothing.
    #[must_use]
    pub fn within_limits(mut self) -> Option<Self> {
        let cut = |text: &str, most: usize| text.trim().chars().take(most).collect::<String>();
        self.text = cut(&self.text, MAX_PROBLEM_CHARS);
        let contact = self.contact.map(|contact| cut(&contact, MAX_CONTACT_CHARS));
        self.contact = contact.filter(|contact| !contact.is_empty());
        (!self.text.is_empty()).then_some(self)
    }
}
