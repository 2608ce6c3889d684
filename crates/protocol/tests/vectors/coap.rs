//! CoAP messages.

use crate::file::check;
use crate::support::{hex, unhex};
use crate::{receipts, reports, tokens};
use coinless_protocol::coap::{Code, Kind, Message, option, write};
use coinless_protocol::problem::Refusal;
use serde::{Deserialize, Serialize};

/// A message in fields and bytes.
#[derive(Serialize, Deserialize)]
pub struct CoapVector {
    pub name: String,
    pub kind: String,
    pub code: String,
    pub id: u16,
    pub token: String,
    pub options: Vec<(u16, String)>,
    pub payload: String,
    pub bytes: String,
}

const KINDS: [(&str, Kind); 4] = [("CON", Kind::Con), ("NON", Kind::Non), ("ACK", Kind::Ack), ("RST", Kind::Rst)];

/// Name, type, code, options and payload.
type Parts = (&'static str, Kind, u8, Vec<(u16, Vec<u8>)>, Vec<u8>);

fn all() -> Vec<Parts> {
    let path = |text: &str| (option::URI_PATH, text.as_bytes().to_vec());
    let format = |number: u8| (option::CONTENT_FORMAT, vec![number]);
    let token = unhex(&tokens::vectors().iter().find(|v| v.name.starts_with("credit, typical")).unwrap().signed);
    let largest_token = unhex(&tokens::vectors().iter().find(|v| v.name == "tariff, largest").unwrap().signed);
    let report = |name| unhex(&reports::vectors().into_iter().find(|v| v.name == name).unwrap().signed);
    let receipt = |name| unhex(&receipts::vectors().into_iter().find(|v| v.name == name).unwrap().signed);
    let problem = Refusal::BadSignature.to_bytes().unwrap().to_vec();
    let busy = Refusal::Busy.to_bytes().unwrap().to_vec();
    let max_age = (14, vec![0x01, 0x2c]);
    let challenge = (option::URI_QUERY, b"c=0011223344556677".to_vec());
    let extended = vec![(1, vec![]), (11, vec![b'a'; 13]), (15, vec![b'b'; 268]), (280, vec![]), (600, vec![1])];
    vec![
        ("GET /meter", Kind::Con, 1, vec![path("meter")], vec![]),
        ("GET /meter with a challenge", Kind::Con, 1, vec![path("meter"), challenge], vec![]),
        ("GET /.well-known/core", Kind::Con, 1, vec![path(".well-known"), path("core")], vec![]),
        ("POST /token", Kind::Con, 2, vec![path("token"), format(18)], token),
        ("empty acknowledgement", Kind::Ack, 0, vec![], vec![]),
        ("separate response with a receipt", Kind::Con, 0x44, vec![format(18)], receipt("applied")),
        ("response with the largest receipt", Kind::Con, 0x44, vec![format(18)], receipt("largest")),
        ("refusal, with the acknowledgement", Kind::Ack, 0x83, vec![(12, vec![1, 1])], problem),
        ("not found", Kind::Ack, 0x84, vec![], vec![]),
        ("not confirmable GET /meter", Kind::Non, 1, vec![path("meter")], vec![]),
        ("ping", Kind::Con, 0, vec![], vec![]),
        ("reset", Kind::Rst, 0, vec![], vec![]),
        ("options with long deltas and lengths", Kind::Con, 1, extended, vec![]),
        ("POST /token, the largest", Kind::Con, 2, vec![path("token"), format(18)], largest_token),
        ("GET /report", Kind::Con, 1, vec![path("report")], vec![]),
        ("separate response with the largest report", Kind::Con, 0x45, vec![format(18)], report("largest")),
        ("GET /challenge", Kind::Con, 1, vec![path("challenge")], vec![]),
        ("response with a challenge", Kind::Ack, 0x45, vec![format(42)], vec![0xc1, 0x0c, 0x4b, 0xed, 1, 2, 3, 4]),
        ("busy, try again after 300 s", Kind::Con, 0xa3, vec![(12, vec![1, 1]), max_age], busy),
    ]
}

impl CoapVector {
    fn of(at: usize, (name, kind, code, options, payload): Parts) -> Self {
        let token = if code == 0 { vec![] } else { vec![0xc0, 0x1e, 0x55, at as u8] };
        let borrowed: Vec<_> = options.iter().map(|(number, value)| (*number, value.as_slice())).collect();
        let id = 0x1000 + at as u16;
        let bytes = write(kind, Code(code), id, &token, &borrowed, &payload).unwrap();
        Self {
            name: name.into(),
            kind: KINDS[kind as usize].0.into(),
            code: Code(code).to_string(),
            id,
            token: hex(&token),
            options: options.iter().map(|(number, value)| (*number, hex(value))).collect(),
            payload: hex(&payload),
            bytes: hex(&bytes),
        }
    }
}

/// The vectors of CoAP messages.
pub fn vectors() -> Vec<CoapVector> {
    let made = all().into_iter().enumerate().map(|(at, parts)| CoapVector::of(at, parts)).collect();
    check("coap.json", "CoAP messages (RFC 7252). options: number and value.", made)
}

#[test]
fn messages() {
    for vector in vectors() {
        let (bytes, token, payload) = (unhex(&vector.bytes), unhex(&vector.token), unhex(&vector.payload));
        let (_, kind) = KINDS.into_iter().find(|(name, _)| *name == vector.kind).unwrap();
        let options: Vec<_> = vector.options.iter().map(|(number, value)| (*number, unhex(value))).collect();
        let borrowed: Vec<_> = options.iter().map(|(number, value)| (*number, value.as_slice())).collect();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.id, message.token), (kind, vector.id, token.as_slice()), "{}", vector.name);
        assert_eq!(message.code.to_string(), vector.code);
        assert_eq!(message.options().collect::<Vec<_>>(), borrowed);
        assert_eq!(message.payload, payload);
        let again = write(kind, message.code, vector.id, &token, &borrowed, &payload).unwrap();
        assert_eq!(hex(&again), vector.bytes, "{}", vector.name);
    }
}
