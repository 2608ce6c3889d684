//! Reports that must be refused.

use crate::rejected_cases::{BAD, CDDL, Case, DECODER, METER, VERSION, case, edit, map, seal_as};
use crate::reports;
use crate::support::{hex, meter_id, unhex};
use coinless_protocol::report::MAX_SEALED_REPORT_BYTES;

/// Every case.
pub fn all() -> Vec<Case> {
    let mut all = payloads();
    all.extend(sealed());
    all.extend(contents());
    all
}

/// The typical report under the number that the cases are read for.
fn typical() -> coinless_protocol::report::Report {
    reports::report(meter_id(), 5, &reports::typical_content())
}

fn payloads() -> Vec<Case> {
    let report = typical();
    let good = report.to_payload().unwrap().to_vec();
    let sealed = format!("03 58 {:02x} {}", report.sealed.len(), hex(&report.sealed));
    let with = |name, entries: &[&str], error, cddl| case(name, "report", map(entries), error, cddl);
    let long = MAX_SEALED_REPORT_BYTES + 1;
    let long = format!("03 58 {long:02x} {}", "00".repeat(long));
    vec![
        with("version 2", &["0002", METER, "02 05", &sealed], "WrongVersion(2)", CDDL),
        with("no version", &[METER, "02 05", &sealed], BAD, CDDL),
        with("no meter", &[VERSION, "02 05", &sealed], BAD, CDDL),
        with("no number", &[VERSION, METER, &sealed], BAD, CDDL),
        with("number 2^32", &[VERSION, METER, "02 1b 0000000100000000", &sealed], BAD, CDDL),
        with("number that is not shortest", &[VERSION, METER, "02 1805", &sealed], BAD, DECODER),
        with("nothing sealed", &[VERSION, METER, "02 05"], BAD, CDDL),
        with("sealed as text", &[VERSION, METER, "02 05", "03 61 41"], BAD, CDDL),
        with("longer than any report", &[VERSION, METER, "02 05", &long], BAD, CDDL),
        with("unknown key 4", &[VERSION, METER, "02 05", &sealed, "04 00"], "UnknownKey(4)", CDDL),
        with("a key twice", &[VERSION, METER, "02 05", "02 05", &sealed], BAD, DECODER),
        with("keys out of order", &[VERSION, METER, &sealed, "02 05"], BAD, DECODER),
        case("a byte after the end", "report", [good.as_slice(), &[0]].concat(), BAD, DECODER),
        case("of indefinite length", "report", [&[0xbf], &good[1..], &[0xff]].concat(), BAD, DECODER),
        case("the last byte is missing", "report", good[..good.len() - 1].to_vec(), BAD, CDDL),
    ]
}

fn sealed() -> Vec<Case> {
    let good = typical().sealed.to_vec();
    let changed = |at: usize| good.iter().enumerate().map(|(i, byte)| byte ^ u8::from(i == at)).collect();
    let plain = unhex(PLAIN);
    let sealed = |name, bytes, error, cddl| case(name, "sealed-report", bytes, error, cddl);
    vec![
        sealed("nothing", vec![], BAD, CDDL),
        sealed("another report's", edit(&good, "44 00000005", "44 00000006"), BAD, DECODER),
        sealed("algorithm A128GCM", edit(&good, "43 a1010a", "43 a10101"), BAD, CDDL),
        sealed("no partial IV", edit(&good, "a1 06 44 00000005", "a0"), BAD, CDDL),
        sealed("a byte after the end", [good.as_slice(), &[0]].concat(), BAD, DECODER),
        sealed("first byte of the content changed", changed(14), "Key", DECODER),
        sealed("last byte of the tag changed", changed(good.len() - 1), "Key", DECODER),
        // As long as a report, under the same key and number.
        sealed("sealed as readings", seal_as("coinless/readings", &plain), "Key", DECODER),
        sealed("readings", seal_as("coinless/readings", &unhex("83 00 00 f6")), "Key", CDDL),
    ]
}

/// A content without events, to be changed.
const PLAIN: &str = "87 03 01 f4 f5 02 01 92 000000000000000000000000000000000000";

/// Authentic, with a wrong content.
fn contents() -> Vec<Case> {
    let (plain, events) = (unhex(PLAIN), "92 000000000000000000000000000000000000");
    let content = |name, from: &str, to: &str| {
        case(name, "sealed-report", seal_as("coinless/report", &edit(&plain, from, to)), BAD, DECODER)
    };
    vec![
        content("metered is negative", "87 03", "87 20"),
        content("metered that is not shortest", "87 03", "87 1803"),
        content("metered over 2^63-1", "87 03", "87 1b 8000000000000000"),
        content("valve command of number 2^32", "87 03 01", "87 03 1b 0000000100000000"),
        content("emergency as 0", "f4 f5", "00 f5"),
        content("clock as null", "f4 f5", "f4 f6"),
        content("debt is negative", "f5 02 01", "f5 20 01"),
        content("what is paid is negative", "f5 02 01", "f5 02 20"),
        content("17 counters", events, "91 0000000000000000000000000000000000"),
        content("19 counters", events, "93 00000000000000000000000000000000000000"),
        content("counter 65536", events, "92 1a 00010000 0000000000000000000000000000000000"),
        content("counter that is not shortest", events, "92 1800 0000000000000000000000000000000000"),
        content("counters as a byte string", events, "52 000000000000000000000000000000000000"),
        content("six elements", "87 03 01", "86 01"),
        content("eight elements", "87 03 01", "88 03 01 01"),
        content("of indefinite length", "87 03 01", "9f 03 01"),
    ]
}

/// What the wrong contents are made from is a content.
#[test]
fn the_content_to_start_from_is_good() {
    let key = crate::rejected_cases::readings_key();
    let sealed = coinless_protocol::Bytes::copy_of(&seal_as("coinless/report", &unhex(PLAIN))).unwrap();
    let report = coinless_protocol::report::Report { sealed, ..typical() };
    let content = key.open_report(&report).unwrap();
    assert_eq!((content.metered.0, content.valve, content.emergency_taken, content.clock_trusted), (3, 1, false, true));
    assert_eq!((content.debt_total.0, content.debt_paid.0), (2, 1));
}
