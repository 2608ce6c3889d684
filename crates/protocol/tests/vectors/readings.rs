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
    pub owner_nonce: String,
    pub owner_external_aad: String,
    pub owner_code: String,
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
            owner_nonce: hex(&owner_nonce(&key, number)),
            owner_external_aad: hex(OWNER_AAD),
            owner_code: format!("{:08}", key.owner_code(number)),
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

const OWNER_AAD: &[u8] = b"coinless/owner-code";

/// The nonce of an owner code: a partial IV of 5 bytes, 1 and the number, in the place of one of 4.
fn owner_nonce(key: &ReadingsKey, number: u32) -> [u8; 13] {
    let (mut nonce, mut iv) = (key.nonce(0), [0; 13]);
    iv[8] = 1;
    iv[9..].copy_from_slice(&number.to_be_bytes());
    nonce.iter_mut().zip(iv).for_each(|(to, from)| *to ^= from);
    nonce
}

/// An owner code, made here apart from the crate: AES-CCM-16-64-128 over nothing.
fn owner_code(key: &[u8; 16], nonce: &[u8; 13]) -> String {
    use ccm::aead::{AeadInPlace, KeyInit};
    use ccm::consts::{U8, U13};
    let mut aad = minicbor::Encoder::new(Vec::new());
    aad.array(3).unwrap().str("Encrypt0").unwrap().bytes(&[0xa1, 0x01, 0x0a]).unwrap().bytes(OWNER_AAD).unwrap();
    let cipher = ccm::Ccm::<aes::Aes128, U8, U13>::new(key.into());
    let tag = cipher.encrypt_in_place_detached(nonce.into(), &aad.into_writer(), &mut []).unwrap();
    format!("{:08}", u32::from_be_bytes(tag[..4].try_into().unwrap()) % 100_000_000)
}

/// The vectors of sealed readings.
pub fn vectors() -> Vec<ReadingsVector> {
    let made = all().iter().map(|(name, id, number, r)| ReadingsVector::of(name, id, *number, r)).collect();
    let about = "Readings in plain (rule readings), their derived key and full nonce, and sealed as COSE_Encrypt0 (rule \
                 sealed-readings) under the receipt's number as partial IV. The owner code of the same number: the first 4 bytes of the \
                 tag, big-endian, modulo 10^8.";
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
        let derived = derived::<16>(&station, &meter, &id, "/key");
        assert_eq!(hex(&derived), vector.derived_key);
        let nonce = owner_nonce(&at_station, vector.receipt_number);
        assert_eq!((hex(&nonce), owner_code(&derived, &nonce)), (vector.owner_nonce, vector.owner_code.clone()));
        assert_eq!(format!("{:08}", at_meter.owner_code(vector.receipt_number)), vector.owner_code);
    }
}
