//! What a phone notes of a meter besides orders, tokens and receipts: when it last set the clock, and the meter's newest report.

use crate::hex;
use coinless_protocol::MeterId;
use coinless_protocol::keys::KeyHint;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A meter in one of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterKey {
    /// The meter.
    pub meter: MeterId,
    /// The hint of its key.
    pub meter_key: KeyHint,
}

impl fmt::Display for MeterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.meter, hex::encode(&self.meter_key.0))
    }
}

/// What a phone notes of a meter that it was at. Losing it costs the meter a signature and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVisit {
    /// The meter.
    pub key: MeterKey,
    /// The station that it belongs to.
    pub station: String,
    /// When a report was last asked for, in seconds since 1970-01-01 UTC by this phone's clock; 0 for never.
    pub report_asked_s: u64,
    /// When the meter was last asked for a challenge to set its clock, likewise.
    pub clock_asked_s: u64,
    /// The newest report, until the station has it.
    pub report: Option<StoredReport>,
}

/// A report, as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Its number.
    pub number: u32,
    /// The signed report.
    pub bytes: Vec<u8>,
    /// This phone has verified it with the key that the station gave. If not, the station will.
    pub verified: bool,
}

impl StoredVisit {
    /// Nothing noted of this meter yet.
    pub fn new(key: MeterKey, station: &str) -> Self {
        Self { key, station: station.to_owned(), report_asked_s: 0, clock_asked_s: 0, report: None }
    }

    /// When the meter was last asked for anything that costs it something.
    pub fn last_asked_s(&self) -> u64 {
        self.report_asked_s.max(self.clock_asked_s)
    }
}

/// How a visit is written into a store.
#[derive(Serialize, Deserialize)]
struct RawVisit {
    meter: String,
    meter_key: String,
    station: String,
    report_asked_s: u64,
    clock_asked_s: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<RawReport>,
}

#[derive(Serialize, Deserialize)]
struct RawReport {
    number: u32,
    report: String,
    verified: bool,
}

impl Serialize for StoredVisit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = |report: &StoredReport| RawReport {
            number: report.number,
            report: hex::encode(&report.bytes),
            verified: report.verified,
        };
        let raw = RawVisit {
            meter: self.key.meter.to_string(),
            meter_key: hex::encode(&self.key.meter_key.0),
            station: self.station.clone(),
            report_asked_s: self.report_asked_s,
            clock_asked_s: self.clock_asked_s,
            report: self.report.as_ref().map(report),
        };
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredVisit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let raw = RawVisit::deserialize(deserializer)?;
        let meter = raw.meter.parse().map_err(D::Error::custom)?;
        let hint = hex::decode(&raw.meter_key).and_then(|bytes| bytes.try_into().ok());
        let meter_key = KeyHint(hint.ok_or_else(|| D::Error::custom("the key's hint is none"))?);
        let report = match raw.report {
            None => None,
            Some(RawReport { number, report, verified }) => {
                let bytes = hex::decode(&report).ok_or_else(|| D::Error::custom("the report is not hexadecimal"))?;
                Some(StoredReport { number, bytes, verified })
            }
        };
        let RawVisit { station, report_asked_s, clock_asked_s, .. } = raw;
        Ok(Self { key: MeterKey { meter, meter_key }, station, report_asked_s, clock_asked_s, report })
    }
}
