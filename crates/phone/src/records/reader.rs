//! What entitles this phone to a meter's readings, and what its owner reports.

use crate::hex;
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Bytes of a reader's secret.
pub const SECRET_BYTES: usize = 32;

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
}

impl fmt::Debug for StoredReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { meter, station, earned_ms, .. } = self;
        let mut shown = f.debug_struct("StoredReader");
        shown.field("meter", meter).field("station", station).field("earned_ms", earned_ms).finish_non_exhaustive()
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
}

impl Serialize for StoredReader {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (meter, station) = (self.meter.to_string(), self.station.clone());
        RawReader { meter, station, secret: hex::encode(&self.secret), earned_ms: self.earned_ms }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredReader {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let RawReader { meter, station, secret, earned_ms } = RawReader::deserialize(deserializer)?;
        let meter = meter.parse().map_err(D::Error::custom)?;
        let secret = hex::decode(&secret).and_then(|bytes| bytes.try_into().ok());
        let secret = secret.ok_or_else(|| D::Error::custom("the secret is not 32 bytes in hexadecimal"))?;
        Ok(Self { meter, station, secret, earned_ms })
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
