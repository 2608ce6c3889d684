//! The sizes that `docs/protocol.md` states.

use crate::support::{issuer, longest_meter_id, meter, unhex};
use crate::{coap, identities, problems, receipts, tokens};
use coinless_protocol::Units;
use coinless_protocol::problem::{MAX_PROBLEM_BYTES, Refusal};
use coinless_protocol::readings::MAX_SEALED_BYTES;
use coinless_protocol::receipt::MAX_RECEIPT_BYTES;
use coinless_protocol::token::{Conditions, MAX_CREDIT_TOKEN_BYTES, MAX_PLAIN_TOKEN_BYTES, MAX_TOKEN_BYTES, Needs};

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
    // The worst case: the longest identity and every number and condition at its largest.
    assert_eq!(tokens::longest().sign(&meter().hash(), &issuer().pair).unwrap().len(), 159);
    for vector in tokens::vectors() {
        let plain = vector.refused.is_none() && vector.needs.is_none();
        assert!(vector.signed_bytes <= if plain { MAX_PLAIN_TOKEN_BYTES } else { MAX_CREDIT_TOKEN_BYTES });
    }
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
fn identities() {
    let longest = identities::longest();
    assert_eq!(longest.to_bytes().unwrap().len(), 68);
    assert_eq!(longest.sign(&meter().hash(), &meter().pair).unwrap().len(), 148);
}

#[test]
fn problems() {
    let longest = problems::vectors().iter().map(|v| unhex(&v.bytes).len()).max().unwrap();
    assert_eq!(longest, 62);
    assert!(longest <= MAX_PROBLEM_BYTES);
}

/// Every size that a table of the document gives as largest, and every code in its words.
#[test]
fn the_document_says_the_same() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md")).unwrap();
    let row = |start: &str| {
        let line = document.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("docs/protocol.md has no row {start}"))
    };
    for refusal in Refusal::ALL {
        let (code, title, coap) = (refusal as u8, refusal.title(), refusal.coap_code());
        row(&format!("| {code} | {title} | {coap} |"));
    }
    for (code, decision) in receipts::decisions() {
        row(&format!("| {code} | {} |", decision.name()));
    }
    let (plain, none) = (Conditions::default(), 0);
    let (short, long) = ("CLS0".parse().unwrap(), longest_meter_id());
    let credit = |id, epoch, number, total, conditions: Conditions| {
        tokens::credit(id, epoch, number, total, conditions).sign(&meter().hash(), &issuer().pair).unwrap().len()
    };
    let needs = Needs { tariff: 1, ..Needs::default() };
    let all_needed = Needs { tariff: u32::MAX, settings: u32::MAX, keys: u32::MAX };
    let (one, full) = (tokens::refused(0, 0), tokens::refused(u32::MAX, u32::MAX));
    for (name, smallest, typical, largest) in [
        (
            "credit token without conditions",
            credit(short, 0, 1, none, plain),
            115,
            credit(long, u16::MAX, u32::MAX, Units::MAX, plain),
        ),
        (
            "void, or token with a range",
            credit(short, 0, 1, none, one),
            token_bytes("void"),
            credit(long, u16::MAX, u32::MAX, Units::MAX, full),
        ),
        (
            "token with range and needs",
            credit(short, 0, 1, none, Conditions { needs, ..one }),
            token_bytes("credit, with range and needs"),
            credit(long, u16::MAX, u32::MAX, Units::MAX, Conditions { needs: all_needed, ..full }),
        ),
    ] {
        row(&format!("| {name} | {smallest} | {typical} | {largest} |"));
    }
    for (name, vector) in [
        ("`GET /meter`", "GET /meter"),
        ("`GET /meter` with a challenge", "GET /meter with a challenge"),
        ("`POST /token` with the typical token", "POST /token"),
        ("empty acknowledgement", "empty acknowledgement"),
        ("separate response with the typical receipt", "separate response with a receipt"),
        ("response with the largest receipt", "response with the largest receipt"),
    ] {
        let bytes = coap::vectors().into_iter().find(|v| v.name == vector).unwrap().bytes.len() / 2;
        row(&format!("| {name} | {bytes} |"));
    }
}
