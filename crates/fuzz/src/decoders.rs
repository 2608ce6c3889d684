//! Decoders of objects and texts: a value or an error, and one form only of each value.

use coinless_protocol::cose::{self, Label, Sign1};
use coinless_protocol::identity::Identity;
use coinless_protocol::keys::{KeyHash, KeyHint, SIGNATURE_BYTES, Verifier};
use coinless_protocol::ndef::Tag;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::Report;
use coinless_protocol::token::{MAX_TOKEN_BYTES, Token};
use coinless_protocol::{Commodity, MeterId, Units};

/// Meter numbers, labels, their URLs, and amounts, as people type and scan them.
pub(crate) fn label(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(meter) = text.parse::<MeterId>() {
        assert_eq!(meter.as_str(), text);
    }
    for meter in [MeterId::from_label(text), MeterId::from_label_url(text)].into_iter().flatten() {
        let label = meter.label().to_string();
        assert!(label.len() <= MeterId::MAX_LABEL_BYTES);
        assert_eq!(MeterId::from_label(&label), Ok(meter));
        assert_eq!(MeterId::from_label_url(&format!("https://s.example/m/{label}")), Ok(meter));
    }
    for commodity in [Commodity::Gas, Commodity::Water, Commodity::Electricity] {
        if let Ok(fine) = commodity.parse_amount(text) {
            assert!((0..=Units::MAX as i64 * 1000).contains(&fine.0));
            let shown = fine.display(commodity).to_string();
            let again = commodity.parse_amount(&shown).expect("what is shown can be read");
            assert_eq!(again.0, fine.0 / 1000 * 1000, "shown to a credit unit");
        }
    }
}

/// What a tag holds, whoever wrote it.
pub(crate) fn ndef(data: &[u8]) {
    let Ok(tag) = Tag::parse(data) else { return };
    // What is too long for a meter's tag is written by nobody.
    let Ok(bytes) = tag.to_bytes() else { return };
    if tag == Tag::default() {
        assert!(bytes.is_empty());
    } else {
        assert_eq!(Tag::parse(&bytes), Ok(tag));
    }
}

pub(crate) fn token(data: &[u8]) {
    if let Ok(token) = Token::from_payload(data) {
        assert_eq!(token.to_payload().as_deref(), Ok(data));
    }
    if let Ok((signed, token)) = Token::parse(data) {
        assert!(data.len() <= MAX_TOKEN_BYTES);
        assert_eq!(assembled(&signed), data);
        assert_eq!(token.to_payload().as_deref(), Ok(signed.payload));
    }
}

pub(crate) fn receipt(data: &[u8]) {
    if let Ok(receipt) = Receipt::from_payload(data) {
        assert_eq!(receipt.to_payload().as_deref(), Ok(data));
    }
    if let Ok((signed, receipt)) = Receipt::parse(data) {
        assert_eq!(assembled(&signed), data);
        assert_eq!(receipt.to_payload().as_deref(), Ok(signed.payload));
        assert!(receipt.covers(receipt.registers.epoch, receipt.registers.credit));
    }
}

pub(crate) fn identity(data: &[u8]) {
    if let Ok(identity) = Identity::from_bytes(data) {
        assert_eq!(identity.to_bytes().as_deref(), Ok(data));
    }
    // Taken apart and read, but not signed by anybody.
    assert!(Identity::verified(data, &Nobody, &KeyHash([0; 32])).is_err());
}

pub(crate) fn report(data: &[u8]) {
    if let Ok(report) = Report::from_payload(data) {
        assert_eq!(report.to_payload().as_deref(), Ok(data));
    }
    assert!(Report::verified(data, &Nobody, &KeyHash([0; 32])).is_err());
}

/// Problem details of others may hold more than ours, so only what is read is compared.
pub(crate) fn problem(data: &[u8]) {
    if let Ok(refusal) = Refusal::from_bytes(data) {
        let bytes = refusal.to_bytes().expect("the longest fits");
        assert_eq!(Refusal::from_bytes(&bytes), Ok(refusal));
    }
}

/// COSE_Sign1: taken apart from the bytes, and put together from them.
pub(crate) fn sign1(data: &[u8]) {
    if let Ok(signed) = Sign1::parse(data) {
        assert_eq!(assembled(&signed), data);
        // The Sig_structure of every payload that was read can be written.
        assert!(!signed.verify(&Nobody, Label::Token, &KeyHash([0; 32])));
    }
    if let Some((kid, rest)) = data.split_first_chunk::<4>()
        && let Some((signature, payload)) = rest.split_first_chunk::<SIGNATURE_BYTES>()
    {
        let made = Sign1 { kid: KeyHint(*kid), payload, signature };
        let bytes = assembled(&made);
        match Sign1::parse(&bytes) {
            Ok(read) => assert!(read == made && bytes.len() <= cose::MAX_OBJECT_BYTES),
            Err(_) => assert!(payload.len() > cose::MAX_PAYLOAD_BYTES),
        }
    }
}

/// Whose signatures never fit.
struct Nobody;

impl Verifier for Nobody {
    fn verify(&self, message: &[u8], _: &[u8; SIGNATURE_BYTES]) -> bool {
        assert!(message.len() <= cose::MAX_SIGNED_BYTES);
        false
    }
}

/// COSE_Sign1 as RFC 9052 and RFC 8949 write it, byte by byte.
fn assembled(signed: &Sign1<'_>) -> Vec<u8> {
    let mut bytes = vec![0x84, 0x49, 0xa2, 0x01, 0x26, 0x04, 0x44];
    bytes.extend(signed.kid.0);
    bytes.push(0xa0);
    match signed.payload.len() {
        len @ 0..24 => bytes.push(0x40 | len as u8),
        len @ 24..256 => bytes.extend([0x58, len as u8]),
        len => {
            bytes.push(0x59);
            bytes.extend(u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend(signed.payload);
    bytes.extend([0x58, 0x40]);
    bytes.extend(signed.signature);
    bytes
}
