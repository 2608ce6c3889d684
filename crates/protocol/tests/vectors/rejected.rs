//! What must be refused, and why.

use crate::file::check;
use crate::rejected_cases::{Case, Input, all};
use crate::support::{hex, issuer, meter, meter_id, station, unhex};
use coinless_protocol::coap::Message;
use coinless_protocol::cose::{Label, Sign1};
use coinless_protocol::identity::Identity;
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::token::Token;
use coinless_protocol::{DecodeError, MeterId};
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

/// The receipt number that the sealed readings are read for.
const RECEIPT_NUMBER: u32 = 5;

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
                 meter-1, sealed readings opened as those of receipt 5 of CLS0000000017. cddl: a CDDL checker must refuse \
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
    let key = ReadingsKey::agree(&station().pair, &meter().public(), &meter_id());
    for vector in vectors() {
        let bytes = unhex(vector.bytes.as_deref().unwrap_or(""));
        let text = vector.text.as_deref().unwrap_or("");
        let found = match vector.object.as_str() {
            "token" => error(Token::from_payload(&bytes)),
            "receipt" => error(Receipt::from_payload(&bytes)),
            "identity" => error(Identity::from_bytes(&bytes)),
            "signed-token" => verify(&bytes),
            "sealed-readings" => error(key.open(RECEIPT_NUMBER, &bytes)),
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

#[test]
fn every_prefix_of_an_object_is_refused() {
    for vector in crate::tokens::vectors() {
        let (payload, signed) = (unhex(&vector.payload), unhex(&vector.signed));
        for end in 0..payload.len() {
            assert!(Token::from_payload(&payload[..end]).is_err());
        }
        for end in 0..signed.len() {
            assert_eq!(Sign1::parse(&signed[..end]), Err(DecodeError::Malformed));
        }
    }
}
