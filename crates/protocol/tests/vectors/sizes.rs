//! The largest of everything, against the limits that the code names.

use crate::support::{issuer, meter, unhex};
use crate::token_cases::{self, with_content};
use crate::{identities, operational_keys, problems, receipts, reports, settings, tariffs, tokens};
use coinless_protocol::cose::{self, MAX_OBJECT_BYTES, MAX_PAYLOAD_BYTES, MAX_SIGNED_BYTES, OVERHEAD_BYTES, SealError};
use coinless_protocol::identity::{MAX_IDENTITY_BYTES, MAX_SIGNED_IDENTITY_BYTES};
use coinless_protocol::keys::{KeyHint, SIGNATURE_BYTES, Signer};
use coinless_protocol::problem::MAX_PROBLEM_BYTES;
use coinless_protocol::readings::MAX_SEALED_BYTES;
use coinless_protocol::receipt::MAX_RECEIPT_BYTES;
use coinless_protocol::report::{MAX_REPORT_BYTES, MAX_SEALED_REPORT_BYTES};
use coinless_protocol::token::{
    MAX_CONTENT_BYTES, MAX_CREDIT_TOKEN_BYTES, MAX_PLAIN_TOKEN_BYTES, MAX_TOKEN_BYTES, Token,
};

fn token_bytes(name: &str) -> usize {
    tokens::vectors().iter().find(|v| v.name.starts_with(name)).unwrap().signed_bytes
}

#[test]
fn tokens() {
    assert_eq!((MAX_PLAIN_TOKEN_BYTES, MAX_CREDIT_TOKEN_BYTES, MAX_TOKEN_BYTES), (128, 176, 256));
    assert_eq!(token_bytes("credit, typical"), 115);
    assert_eq!(token_bytes("credit, smallest"), 100);
    assert_eq!(token_bytes("credit, largest without conditions"), 127);
    assert_eq!(token_bytes("void"), 121);
    assert_eq!(token_bytes("read request"), 116);
    // The worst cases: the longest identity and every number and condition at its largest.
    assert_eq!(token_bytes("credit, largest of all"), 159);
    assert_eq!(token_bytes("closing token, largest"), 161);
    for vector in tokens::vectors() {
        let others =
            [vector.tariff.is_some(), vector.settings.is_some(), vector.valve.is_some(), vector.clock.is_some()];
        let most = match &vector.credit {
            Some(_) if others.contains(&true) => MAX_TOKEN_BYTES,
            Some(_) if vector.refused.is_none() && vector.needs.is_none() => MAX_PLAIN_TOKEN_BYTES,
            Some(_) => MAX_CREDIT_TOKEN_BYTES,
            None => MAX_TOKEN_BYTES,
        };
        assert!(vector.signed_bytes <= most, "{}", vector.name);
    }
}

/// The longest content fits beside the longest head, to the byte, and no longer one is signed or read.
#[test]
fn contents_in_tokens() {
    let (hash, issuer) = (meter().hash(), issuer());
    assert_eq!((MAX_CONTENT_BYTES, MAX_PAYLOAD_BYTES), (136, 176));
    let signed = with_content(MAX_CONTENT_BYTES).sign(&hash, &issuer.pair).unwrap();
    assert_eq!(signed.len(), MAX_TOKEN_BYTES);
    assert_eq!(Token::parse(&signed).map(|(_, token)| token), Ok(with_content(MAX_CONTENT_BYTES)));
    assert_eq!(with_content(MAX_CONTENT_BYTES + 1).sign(&hash, &issuer.pair), Err(SealError::TooLong));
    let short = Token { meter: "CLS0".parse().unwrap(), ..with_content(MAX_CONTENT_BYTES + 1) };
    assert!(short.to_payload().is_err(), "too long a content in a payload that has room for it");
}

#[test]
fn contents() {
    assert_eq!(tariffs::longest().to_bytes().unwrap().len(), 132);
    assert_eq!(settings::longest().to_bytes().unwrap().len(), 129);
    assert_eq!(operational_keys::keys(&operational_keys::ONE).to_bytes().unwrap().len(), 36);
    assert_eq!(operational_keys::keys(&operational_keys::TWO).to_bytes().unwrap().len(), 71);
    // Each of the longest is one that a meter reads: nothing in it is out of its range.
    assert!(tariffs::longest().is_sensible() && settings::longest().is_sensible());
}

#[test]
fn receipts() {
    assert_eq!(MAX_RECEIPT_BYTES, 256);
    let longest = receipts::longest();
    assert_eq!(longest.readings.len(), MAX_SEALED_BYTES);
    assert_eq!(longest.sign(&meter().hash(), &meter().pair).unwrap().len(), 255);
    let sizes: Vec<_> = receipts::vectors().iter().map(|v| (v.name.clone(), v.signed_bytes)).collect();
    assert!(sizes.iter().all(|(_, bytes)| *bytes <= MAX_RECEIPT_BYTES), "{sizes:?}");
    let applied = sizes.iter().find(|(name, _)| name == "applied").unwrap().1;
    assert_eq!(applied, 176);
}

#[test]
fn reports() {
    assert_eq!((MAX_SEALED_REPORT_BYTES, MAX_REPORT_BYTES), (112, 256));
    let vectors = reports::vectors();
    let largest = vectors.iter().find(|v| v.name == "largest").unwrap();
    assert_eq!((largest.plain.len() / 2, largest.sealed_bytes, largest.signed_bytes), (90, 112, 222));
    assert!(vectors.iter().all(|v| v.signed_bytes <= largest.signed_bytes));
}

#[test]
fn identities() {
    let longest = identities::longest();
    assert_eq!((MAX_IDENTITY_BYTES, MAX_SIGNED_IDENTITY_BYTES), (80, 160));
    assert_eq!(longest.to_bytes().unwrap().len(), 75);
    assert_eq!(longest.sign(&meter().hash(), &meter().pair).unwrap().len(), 155);
}

#[test]
fn problems() {
    let longest = problems::vectors().iter().map(|v| unhex(&v.bytes).len()).max().unwrap();
    assert_eq!(longest, 62);
    assert!(longest <= MAX_PROBLEM_BYTES);
}

/// Signs nothing, and remembers how long the longest message was.
struct Measured(std::cell::Cell<usize>);

impl Signer for Measured {
    type Error = std::convert::Infallible;

    fn key_hint(&self) -> KeyHint {
        KeyHint([0; 4])
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], Self::Error> {
        self.0.set(self.0.get().max(message.len()));
        Ok([0; SIGNATURE_BYTES])
    }
}

#[test]
fn signed_objects() {
    let measured = Measured(std::cell::Cell::new(0));
    for label in [cose::Label::Token, cose::Label::Receipt, cose::Label::Report, cose::Label::Identity] {
        for bytes in [24, MAX_PAYLOAD_BYTES] {
            let object = cose::sign(&vec![0; bytes], label, &meter().hash(), &measured).unwrap();
            assert_eq!(object.len(), bytes + OVERHEAD_BYTES);
        }
        assert!(cose::sign(&[0; MAX_PAYLOAD_BYTES + 1], label, &meter().hash(), &measured).is_err());
    }
    assert_eq!((MAX_OBJECT_BYTES, measured.0.get()), (256, MAX_SIGNED_BYTES));
    assert_eq!(token_cases::longest().to_payload().unwrap().len() + OVERHEAD_BYTES, 159);
}
