//! What must be refused, and why.

use crate::file::check;
use crate::rejected_cases::{Case, Input, all, readings_key};
use crate::support::{hex, issuer, meter, meter_id, unhex};
use coinless_protocol::coap::Message;
use coinless_protocol::cose::{Label, Sign1};
use coinless_protocol::identity::Identity;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::Report;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::Token;
use coinless_protocol::{Bytes, DecodeError, MeterId};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// Something that a decoder must refuse.
#[derive(Serialize, Deserialize)]
pub struct RejectedVector {
    pub name: String,
    /// What it is said to be; for CBOR the rule of `docs/protocol.cddl`.
    pub object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The error of the decoder.
    pub error: String,
    /// Whether the CDDL refuses it too; it says nothing about deterministic form.
    pub cddl: bool,
}

/// The number that sealed readings and reports are opened for.
const NUMBER: u32 = 5;

/// The vectors of what must be refused.
pub fn vectors() -> Vec<RejectedVector> {
    let made = all().into_iter().map(|Case { name, object, input, error, cddl }| {
        let (bytes, text) = match input {
            Input::Bytes(bytes) => (Some(hex(&bytes)), None),
            Input::Text(text) => (None, Some(text.to_string())),
        };
        RejectedVector { name: name.into(), object: object.into(), bytes, text, error: error.into(), cddl }
    });
    let about = "What decoders must refuse, and with which error. Signed tokens are verified with test key issuer-1 for \
                 meter-1, sealed readings and reports opened as those of number 5 of CLS0000000017. cddl: a CDDL checker must refuse \
                 it too.";
    check("rejected.json", about, made.collect())
}

fn error<T, E: Debug>(result: Result<T, E>) -> String {
    result.err().map_or("accepted".into(), |error| format!("{error:?}"))
}

fn verify(bytes: &[u8]) -> String {
    match Token::parse(bytes) {
        Ok((signed, _)) if signed.verify(&issuer().public(), Label::Token, &meter().hash()) => "accepted".into(),
        Ok(_) => "BadSignature".into(),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn rejected() {
    let key = readings_key();
    let report = |sealed: &[u8]| Report { meter: meter_id(), number: NUMBER, sealed: Bytes::copy_of(sealed).unwrap() };
    for vector in vectors() {
        let bytes = unhex(vector.bytes.as_deref().unwrap_or(""));
        let text = vector.text.as_deref().unwrap_or("");
        let found = match vector.object.as_str() {
            "token" => error(Token::from_payload(&bytes)),
            "receipt" => error(Receipt::from_payload(&bytes)),
            "tariff" => error(Tariff::from_bytes(&bytes)),
            "settings" => error(Settings::from_bytes(&bytes)),
            "operational-keys" => error(OperationalKeys::from_bytes(&bytes)),
            "report" => error(Report::from_payload(&bytes)),
            "sealed-report" => error(key.open_report(&report(&bytes))),
            "identity" => error(Identity::from_bytes(&bytes)),
            "signed-token" => verify(&bytes),
            "sealed-readings" => error(key.open(NUMBER, &bytes)),
            "problem-details" => error(Refusal::from_bytes(&bytes)),
            "coap" => error(Message::parse(&bytes)),
            "label" => error(MeterId::from_label(text)),
            "label-url" => error(MeterId::from_label_url(text)),
            "meter-id" => error(text.parse::<MeterId>()),
            other => panic!("{other}?"),
        };
        assert_eq!(found, vector.error, "{}: {} {}{text}", vector.object, vector.name, hex(&bytes));
    }
}

/// Every prefix of `bytes` but all of them.
fn prefixes(bytes: &str) -> impl Iterator<Item = Vec<u8>> {
    let bytes = unhex(bytes);
    (0..bytes.len()).map(move |end| bytes[..end].to_vec())
}

#[test]
fn every_prefix_of_an_object_is_refused() {
    for vector in crate::tokens::vectors() {
        assert!(prefixes(&vector.payload).all(|payload| Token::from_payload(&payload).is_err()));
        assert!(prefixes(&vector.signed).all(|signed| Sign1::parse(&signed) == Err(DecodeError::Malformed)));
    }
    for vector in crate::tariffs::vectors() {
        assert!(prefixes(&vector.content).all(|content| Tariff::from_bytes(&content).is_err()));
    }
    for vector in crate::settings::vectors() {
        assert!(prefixes(&vector.content).all(|content| Settings::from_bytes(&content).is_err()));
    }
    for vector in crate::operational_keys::vectors() {
        assert!(prefixes(&vector.content).all(|content| OperationalKeys::from_bytes(&content).is_err()));
    }
    for vector in crate::reports::vectors() {
        assert!(prefixes(&vector.payload).all(|payload| Report::from_payload(&payload).is_err()));
    }
    for vector in crate::receipts::vectors() {
        assert!(prefixes(&vector.payload).all(|payload| Receipt::from_payload(&payload).is_err()));
    }
    for vector in crate::identities::vectors() {
        assert!(prefixes(&vector.payload).all(|payload| Identity::from_bytes(&payload).is_err()));
    }
}
