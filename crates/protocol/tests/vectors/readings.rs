//! Readings, plain and sealed.

use crate::file::check;
use crate::support::{TestKey, hex, longest_meter_id, meter, meter_id, station, test_key, unhex};
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::{FineCredit, MeterId};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Sealed readings in all their forms.
#[derive(Serialize, Deserialize)]
pub struct ReadingsVector {
    pub name: String,
    pub meter: String,
    pub meter_key: String,
    pub station_key: String,
    pub receipt_number: u32,
    pub balance: i64,
    pub consumed: i64,
    pub clock: Option<u64>,
    pub plain: String,
    pub derived_key: String,
    pub context_iv: String,
    pub nonce: String,
    pub external_aad: String,
    pub sealed: String,
    pub sealed_bytes: usize,
}

fn all() -> Vec<(&'static str, MeterId, u32, Readings)> {
    let readings =
        |balance, consumed, clock| Readings { balance: FineCredit(balance), consumed: FineCredit(consumed), clock };
    vec![
        ("smallest: a new meter without a clock", meter_id(), 0, readings(0, 0, None)),
        ("typical", meter_id(), 5, readings(24_750_000, 250_000, Some(1_800_000_000))),
        ("negative balance", meter_id(), 6, readings(-40_000, 25_040_000, Some(1_800_086_400))),
        ("largest", longest_meter_id(), u32::MAX, readings(i64::MIN, i64::MAX, Some(u64::MAX))),
    ]
}

/// The key that HKDF gives for `/key` and `/iv`, derived here apart from the crate.
pub fn derived<const N: usize>(own: &TestKey, other: &TestKey, meter: &MeterId, name: &str) -> [u8; N] {
    let own = p256::SecretKey::from_slice(&own.secret).unwrap();
    let other = p256::PublicKey::from_sec1_bytes(&other.public().to_sec1()).unwrap();
    let secret = p256::ecdh::diffie_hellman(own.to_nonzero_scalar(), other.as_affine());
    let mut out = [0; N];
    let info = format!("coinless/readings/1{meter}{name}");
    Hkdf::<Sha256>::new(None, secret.raw_secret_bytes()).expand(info.as_bytes(), &mut out).unwrap();
    out
}

impl ReadingsVector {
    fn of(name: &str, id: &MeterId, number: u32, readings: &Readings) -> Self {
        let (meter, station) = (meter(), station());
        let key = ReadingsKey::agree(&meter.pair, &station.public(), id);
        let sealed = key.seal(number, readings).unwrap();
        Self {
            name: name.into(),
            meter: id.to_string(),
            meter_key: meter.name.into(),
            station_key: station.name.into(),
            receipt_number: number,
            balance: readings.balance.0,
            consumed: readings.consumed.0,
            clock: readings.clock,
            plain: hex(&plain(readings)),
            derived_key: hex(&derived::<16>(&meter, &station, id, "/key")),
            context_iv: hex(&derived::<13>(&meter, &station, id, "/iv")),
            nonce: hex(&key.nonce(number)),
            external_aad: hex(b"coinless/readings"),
            sealed: hex(&sealed),
            sealed_bytes: sealed.len(),
        }
    }
}

/// The plain CBOR of readings, written here apart from the crate.
fn plain(readings: &Readings) -> Vec<u8> {
    let mut out = minicbor::Encoder::new(minicbor::encode::write::Cursor::new([0; 64]));
    out.array(3).unwrap().i64(readings.balance.0).unwrap().i64(readings.consumed.0).unwrap();
    match readings.clock {
        Some(seconds) => out.u64(seconds).unwrap(),
        None => out.null().unwrap(),
    };
    let written = out.writer().position();
    out.into_writer().into_inner()[..written].to_vec()
}

/// The vectors of sealed readings.
pub fn vectors() -> Vec<ReadingsVector> {
    let made = all().iter().map(|(name, id, number, r)| ReadingsVector::of(name, id, *number, r)).collect();
    let about = "Readings in plain (rule readings), their derived key and full nonce, and sealed as COSE_Encrypt0 (rule \
                 sealed-readings) under the receipt's number as partial IV.";
    check("readings.json", about, made)
}

#[test]
fn readings() {
    for vector in vectors() {
        let (meter, station) = (test_key(&vector.meter_key), test_key(&vector.station_key));
        let id: MeterId = vector.meter.parse().unwrap();
        let value = Readings {
            balance: FineCredit(vector.balance),
            consumed: FineCredit(vector.consumed),
            clock: vector.clock,
        };
        let at_meter = ReadingsKey::agree(&meter.pair, &station.public(), &id);
        let at_station = ReadingsKey::agree(&station.pair, &meter.public(), &id);
        let sealed = at_meter.seal(vector.receipt_number, &value).unwrap();
        assert_eq!(hex(&sealed), vector.sealed, "{}", vector.name);
        assert_eq!(at_station.open(vector.receipt_number, &unhex(&vector.sealed)), Ok(value), "{}", vector.name);
        assert_eq!(hex(&at_station.nonce(vector.receipt_number)), vector.nonce);
        assert_eq!(hex(&derived::<16>(&station, &meter, &id, "/key")), vector.derived_key);
    }
}
