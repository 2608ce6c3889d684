//! Sealed readings: as they come, and with any plain text sealed by somebody else's code.

use crate::input::Input;
use ccm::aead::{AeadInPlace, KeyInit};
use coinless_protocol::Bytes;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::{OpenError, ReadingsKey};
use coinless_protocol::report::Report;
use hkdf::Hkdf;
use sha2::Sha256;
use std::sync::OnceLock;

type AesCcm = ccm::Ccm<aes::Aes128, ccm::consts::U8, ccm::consts::U13>;

const METER: &str = "CLS0000000017";

/// `["Encrypt0", {1: 10}, external_aad]` of both.
const READINGS: &[u8] = b"\x83\x68Encrypt0\x43\xa1\x01\x0a\x51coinless/readings";
const REPORT: &[u8] = b"\x83\x68Encrypt0\x43\xa1\x01\x0a\x4fcoinless/report";

/// What the station has: its key as the protocol derives it, and the cipher as this file does.
struct Station {
    key: ReadingsKey,
    cipher: AesCcm,
}

pub(crate) fn readings(data: &[u8]) {
    static STATION: OnceLock<Station> = OnceLock::new();
    let station = STATION.get_or_init(Station::new);
    let mut input = Input::new(data);
    let number = input.any();
    let rest = input.rest();
    // Only what the station sealed opens, and only in the form in which it seals.
    if let Ok(readings) = station.key.open(number, rest) {
        assert_eq!(station.key.seal(number, &readings).as_deref(), Ok(rest));
    }
    report(station, number, rest);
    let sealed = station.sealed(number, rest, READINGS);
    match station.key.open(number, &sealed) {
        Ok(readings) => {
            assert_eq!(station.key.seal(number, &readings).as_deref(), Ok(sealed.as_slice()));
            assert!(readings.consumed.0 >= 0);
        }
        Err(error) => assert_eq!(error, OpenError::Malformed, "the key fits"),
    }
}

/// The same for the content of a report.
fn report(station: &Station, number: u32, text: &[u8]) {
    let Ok(sealed) = Bytes::copy_of(&station.sealed(number, text, REPORT)) else { return };
    let report = Report { meter: METER.parse().expect("a meter number"), number, sealed };
    match station.key.open_report(&report) {
        Ok(content) => assert_eq!(station.key.seal_report(number, &content), Ok(report.sealed)),
        Err(error) => assert_eq!(error, OpenError::Malformed, "the key fits"),
    }
}

impl Station {
    fn new() -> Self {
        let pair = |byte| KeyPair::from_secret(&[byte; 32]).expect("a key");
        let secret = |byte| p256::SecretKey::from_slice(&[byte; 32]).expect("a key");
        let meter = METER.parse().expect("a meter number");
        let key = ReadingsKey::agree(&pair(3), &pair(1).public_key(), &meter);
        let shared = p256::ecdh::diffie_hellman(secret(1).to_nonzero_scalar(), secret(3).public_key().as_affine());
        let mut derived = [0; 16];
        let info = format!("coinless/readings/1{METER}/key");
        let expanded = Hkdf::<Sha256>::new(None, shared.raw_secret_bytes()).expand(info.as_bytes(), &mut derived);
        expanded.expect("16 bytes");
        Self { key, cipher: AesCcm::new(&derived.into()) }
    }

    /// `text` as COSE_Encrypt0, byte by byte (RFC 9052 §5.2).
    fn sealed(&self, number: u32, text: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut cipher_text = text.to_vec();
        let nonce = self.key.nonce(number).into();
        let tag = self.cipher.encrypt_in_place_detached(&nonce, aad, &mut cipher_text).expect("a short text");
        cipher_text.extend(tag);
        let mut sealed = vec![0x83, 0x43, 0xa1, 0x01, 0x0a, 0xa1, 0x06, 0x44];
        sealed.extend(number.to_be_bytes());
        match u8::try_from(cipher_text.len()) {
            Ok(len @ 0..24) => sealed.push(0x40 | len),
            Ok(len) => sealed.extend([0x58, len]),
            Err(_) => {
                sealed.push(0x59);
                sealed.extend(u16::try_from(cipher_text.len()).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        sealed.extend(cipher_text);
        sealed
    }
}
