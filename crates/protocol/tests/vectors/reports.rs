//! Reports, sealed and opened.

use crate::file::check;
use crate::readings::derived;
use crate::support::{hex, longest_meter_id, meter, meter_id, station, test_key, unhex};
use coinless_protocol::cose::{Label, external_aad};
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::report::{EVENTS, Event, EventCounts, Report, ReportContent};
use coinless_protocol::{FineCredit, MeterId};
use serde::{Deserialize, Serialize};

/// A report in all its forms.
#[derive(Serialize, Deserialize)]
pub struct ReportVector {
    pub name: String,
    pub meter: String,
    pub meter_key: String,
    pub station_key: String,
    pub number: u32,
    pub metered: i64,
    pub valve: u32,
    pub emergency_taken: bool,
    pub clock_trusted: bool,
    pub debt_total: i64,
    pub debt_paid: i64,
    /// What happened and how often, in the order of the counters.
    pub events: Vec<(String, u16)>,
    pub plain: String,
    pub derived_key: String,
    pub nonce: String,
    pub sealed_external_aad: String,
    pub sealed: String,
    pub sealed_bytes: usize,
    pub payload: String,
    pub external_aad: String,
    pub signed: String,
    pub signed_bytes: usize,
}

/// The longest content there is.
pub fn longest_content() -> ReportContent {
    ReportContent {
        metered: FineCredit(i64::MAX),
        valve: u32::MAX,
        emergency_taken: true,
        clock_trusted: true,
        debt_total: FineCredit(i64::MAX),
        debt_paid: FineCredit(i64::MAX),
        events: EventCounts::from_array([u16::MAX; EVENTS]),
    }
}

fn smallest_content() -> ReportContent {
    ReportContent {
        metered: FineCredit::ZERO,
        valve: 0,
        emergency_taken: false,
        clock_trusted: false,
        debt_total: FineCredit::ZERO,
        debt_paid: FineCredit::ZERO,
        events: EventCounts::default(),
    }
}

/// The content of a meter in use.
pub fn typical_content() -> ReportContent {
    let counted = [(Event::Start, 3), (Event::ClockLost, 2), (Event::LowCredit, 14), (Event::CreditUsedUp, 5)];
    let mut events = EventCounts::default();
    for (event, times) in counted {
        (0..times).for_each(|_| events.count(event));
    }
    ReportContent {
        metered: FineCredit(226_250_000),
        valve: 1,
        clock_trusted: true,
        debt_total: FineCredit(50_000_000),
        debt_paid: FineCredit(12_500_000),
        events,
        ..smallest_content()
    }
}

fn all() -> Vec<(&'static str, MeterId, u32, ReportContent)> {
    // One of each more than of the one before, so that none can be taken for another.
    let each = EventCounts::from_array(std::array::from_fn(|at| 1 + at as u16));
    vec![
        ("smallest", "CLS0".parse().unwrap(), 0, smallest_content()),
        ("typical", meter_id(), 320, typical_content()),
        (
            "every event, in emergency credit",
            meter_id(),
            321,
            ReportContent { emergency_taken: true, clock_trusted: false, events: each, ..typical_content() },
        ),
        ("largest", longest_meter_id(), u32::MAX, longest_content()),
    ]
}

/// The report `number` of the test meter with this content.
pub fn report(id: MeterId, number: u32, content: &ReportContent) -> Report {
    let key = ReadingsKey::agree(&meter().pair, &station().public(), &id);
    Report { meter: id, number, sealed: key.seal_report(number, content).unwrap() }
}

/// The plain CBOR of a content, written here apart from the crate.
fn plain(content: &ReportContent) -> Vec<u8> {
    let mut out = minicbor::Encoder::new(minicbor::encode::write::Cursor::new([0; 128]));
    out.array(7).unwrap().i64(content.metered.0).unwrap().u32(content.valve).unwrap();
    out.bool(content.emergency_taken).unwrap().bool(content.clock_trusted).unwrap();
    out.i64(content.debt_total.0).unwrap().i64(content.debt_paid.0).unwrap().array(EVENTS as u64).unwrap();
    for event in Event::ALL {
        out.u16(content.events.of(event)).unwrap();
    }
    let written = out.writer().position();
    out.into_writer().into_inner()[..written].to_vec()
}

impl ReportVector {
    fn of(name: &str, id: MeterId, number: u32, content: &ReportContent) -> Self {
        let (meter, station) = (meter(), station());
        let report = report(id, number, content);
        let signed = report.sign(&meter.hash(), &meter.pair).unwrap();
        let key = ReadingsKey::agree(&meter.pair, &station.public(), &id);
        Self {
            name: name.into(),
            meter: id.to_string(),
            meter_key: meter.name.into(),
            station_key: station.name.into(),
            number,
            metered: content.metered.0,
            valve: content.valve,
            emergency_taken: content.emergency_taken,
            clock_trusted: content.clock_trusted,
            debt_total: content.debt_total.0,
            debt_paid: content.debt_paid.0,
            events: Event::ALL.map(|event| (event.words().to_string(), content.events.of(event))).into(),
            plain: hex(&plain(content)),
            derived_key: hex(&derived::<16>(&meter, &station, &id, "/key")),
            nonce: hex(&key.nonce(number)),
            sealed_external_aad: hex(b"coinless/report"),
            sealed: hex(&report.sealed),
            sealed_bytes: report.sealed.len(),
            payload: hex(&report.to_payload().unwrap()),
            external_aad: hex(&external_aad(Label::Report, &meter.hash())),
            signed: hex(&signed),
            signed_bytes: signed.len(),
        }
    }

    /// The content that the fields describe.
    fn content(&self) -> ReportContent {
        let counts: Vec<u16> = self.events.iter().map(|(_, count)| *count).collect();
        ReportContent {
            metered: FineCredit(self.metered),
            valve: self.valve,
            emergency_taken: self.emergency_taken,
            clock_trusted: self.clock_trusted,
            debt_total: FineCredit(self.debt_total),
            debt_paid: FineCredit(self.debt_paid),
            events: EventCounts::from_array(counts.try_into().unwrap()),
        }
    }
}

/// The vectors of reports.
pub fn vectors() -> Vec<ReportVector> {
    let made = all().iter().map(|(name, id, number, content)| ReportVector::of(name, *id, *number, content)).collect();
    let about = "What meters sign beside their receipts: the content in plain (rule report-content of docs/protocol.cddl) and \
                 sealed as COSE_Encrypt0 (rule sealed-report) under the report's number as partial IV, payload (rule report), \
                 external_aad, and the COSE_Sign1 (rule signed-report).";
    check("reports.json", about, made)
}

#[test]
fn reports() {
    for vector in vectors() {
        let (meter, station) = (test_key(&vector.meter_key), test_key(&vector.station_key));
        let (id, content): (MeterId, _) = (vector.meter.parse().unwrap(), vector.content());
        let report = report(id, vector.number, &content);
        assert_eq!(hex(&report.sealed), vector.sealed, "{}", vector.name);
        assert_eq!(hex(&report.to_payload().unwrap()), vector.payload, "{}", vector.name);
        assert_eq!(hex(&report.sign(&meter.hash(), &meter.pair).unwrap()), vector.signed, "{}", vector.name);
        assert_eq!(Report::from_payload(&unhex(&vector.payload)).as_ref(), Ok(&report), "{}", vector.name);
        let verified = Report::verified(&unhex(&vector.signed), &meter.public(), &meter.hash());
        assert_eq!(verified.as_ref(), Ok(&report), "{}", vector.name);
        let at_station = ReadingsKey::agree(&station.pair, &meter.public(), &id);
        assert_eq!(at_station.open_report(&report), Ok(content), "{}", vector.name);
        // What is sealed as one thing does not open as another.
        assert!(at_station.open(vector.number, &report.sealed).is_err(), "{}", vector.name);
    }
}
