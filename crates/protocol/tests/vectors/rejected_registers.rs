//! Tokens for other registers than credit that must be refused.

use crate::rejected_cases::{BAD, CDDL, Case, DECODER, METER, VERSION, case, hint, map};
use crate::rejected_tokens::{CHALLENGE, EPOCH, REGISTER};
use crate::support::{hex, unhex};
use crate::{operational_keys, tariffs};

const TARIFF: &str = "08 82 01 41 a0";
const SETTINGS: &str = "09 82 01 41 a0";
const VALVE: &str = "0a 82 01 01";
const CLOCK: &str = "0b 1a 6b49d200";
const CLOSING: &str = "0d f5";

/// The entry of the keys register with one key.
fn keys() -> String {
    let content = operational_keys::keys(&operational_keys::ONE).to_bytes().unwrap();
    format!("0c 82 01 58 {:02x} {}", content.len(), hex(&content))
}

/// A token with these entries after its head.
fn token(name: &'static str, entries: &[&str], cddl: bool) -> Case {
    case(name, "token", map(&[&[VERSION, METER, &hint(), EPOCH], entries].concat()), BAD, cddl)
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut all = contents();
    all.extend(values());
    all.extend(mixtures());
    all.extend(orders());
    all
}

fn contents() -> Vec<Case> {
    let tariff = |name, entry: &str, cddl| token(name, &[entry], cddl);
    let bytes = |count: usize| format!("08 82 01 58 {count:02x} {}", "00".repeat(count));
    vec![
        tariff("tariff of number 0", "08 82 00 41 a0", CDDL),
        tariff("tariff of number 2^32", "08 82 1b 0000000100000000 41 a0", CDDL),
        tariff("tariff whose number is not shortest", "08 82 18 01 41 a0", DECODER),
        tariff("tariff without a content", "08 81 01", CDDL),
        tariff("tariff with something more", "08 83 01 41 a0 00", CDDL),
        tariff("tariff without a number", "08 41 a0", CDDL),
        tariff("tariff that is not a byte string", "08 82 01 a0", CDDL),
        tariff("tariff as text", "08 82 01 61 a0", CDDL),
        tariff("tariff in pieces", "08 82 01 5f 41 a0 ff", DECODER),
        tariff("tariff with a length that is not shortest", "08 82 01 58 01 a0", DECODER),
        tariff("tariff whose content is cut off", "08 82 01 42 a0", CDDL),
        tariff("content of 137 bytes", &bytes(137), CDDL),
        tariff("settings of number 0", "09 82 00 41 a0", CDDL),
        tariff("settings without a content", "09 81 01", CDDL),
        tariff("settings that are not a byte string", "09 82 01 a0", CDDL),
        tariff("keys of number 0", &keys().replacen("82 01", "82 00", 1), CDDL),
        tariff("keys without a content", "0c 81 01", CDDL),
    ]
}

fn values() -> Vec<Case> {
    let one = |name, entry: &str, cddl| token(name, &[entry], cddl);
    vec![
        one("valve command of number 0", "0a 82 00 01", CDDL),
        one("valve command 3", "0a 82 01 03", CDDL),
        one("valve command as true", "0a 82 01 f5", CDDL),
        one("valve command that is not shortest", "0a 82 01 1801", DECODER),
        one("valve command without a number", "0a 81 01", CDDL),
        one("valve command with something more", "0a 83 01 01 00", CDDL),
        one("valve command of indefinite length", "0a 9f 01 01 ff", DECODER),
        one("clock of 0", "0b 00", CDDL),
        one("clock before 1970", "0b 20", CDDL),
        one("clock over 2^64", "0b c2 49 010000000000000000", CDDL),
        one("clock that is not shortest", "0b 1b 000000006b49d200", DECODER),
        one("clock as float", "0b fb 41dad27480000000", CDDL),
        one("clock with a tag", "0b c1 1a 6b49d200", DECODER),
        one("clock of 0 in answer to a challenge", "0b 82 00 48 0011223344556677", CDDL),
        one("clock in answer to nothing", "0b 81 1a 6b49d200", CDDL),
        one("clock in answer to 7 bytes", "0b 82 1a 6b49d200 47 00112233445566", CDDL),
        one("clock in answer to 9 bytes", "0b 82 1a 6b49d200 49 001122334455667788", CDDL),
        one("clock in answer to null", "0b 82 1a 6b49d200 f6", CDDL),
        one("clock in answer to two challenges", "0b 83 1a 6b49d200 48 0011223344556677 48 0011223344556677", CDDL),
    ]
}

/// What may not be together.
fn mixtures() -> Vec<Case> {
    let keys = keys();
    let (range, needs) = ("05 82 01 02", "06 a1 01 01");
    vec![
        token("tariff with a refused range", &[range, TARIFF], CDDL),
        token("tariff that needs settings", &[needs, TARIFF], CDDL),
        token("valve command of a closing token without credit", &[VALVE, CLOSING], CDDL),
        token("closing token without credit", &[CLOSING], CDDL),
        token("closing token that says false", &[REGISTER, "0d f4"], CDDL),
        token("closing token that says 1", &[REGISTER, "0d 01"], CDDL),
        token("closing token that says null", &[REGISTER, "0d f6"], CDDL),
        token("read request with a tariff", &[CHALLENGE, TARIFF], CDDL),
        token("read request with a valve command", &[CHALLENGE, VALVE], CDDL),
        token("read request with a clock", &[CHALLENGE, CLOCK], CDDL),
        token("read request with keys", &[CHALLENGE, &keys], CDDL),
        token("read request of a closing token", &[CHALLENGE, CLOSING], CDDL),
        token("keys with credit", &[REGISTER, &keys], CDDL),
        token("keys with settings", &[SETTINGS, &keys], CDDL),
        token("keys with a clock", &[CLOCK, &keys], CDDL),
        token("keys with a refused range", &[range, &keys], CDDL),
        token("keys of a closing token", &[&keys, CLOSING], CDDL),
    ]
}

fn orders() -> Vec<Case> {
    let hint = hint();
    let unknown = unhex(&format!("a6 {VERSION} {METER} {hint} {EPOCH} {TARIFF} 0e 00"));
    vec![
        token("settings before the tariff", &[SETTINGS, TARIFF], DECODER),
        token("tariff before credit", &[TARIFF, REGISTER], DECODER),
        token("clock before the valve command", &[CLOCK, VALVE], DECODER),
        token("closing before the clock", &[REGISTER, CLOSING, CLOCK], DECODER),
        token("tariff twice", &[TARIFF, TARIFF], DECODER),
        token("valve command twice", &[VALVE, VALVE], DECODER),
        token("clock twice", &[CLOCK, CLOCK], DECODER),
        token("closing twice", &[REGISTER, CLOSING, CLOSING], DECODER),
        token("key 13 that is not shortest", &[REGISTER, "180d f5"], DECODER),
        case("unknown key 14 after a tariff", "token", unknown, "UnknownKey(14)", CDDL),
    ]
}

/// The entries that the cases are made from make good tokens.
#[test]
fn the_entries_to_start_from_are_good() {
    let keys = keys();
    let one_price = tariffs::one_price().to_bytes().unwrap();
    let priced = format!("08 82 01 {:02x} {}", 0x40 + one_price.len(), hex(&one_price));
    for entries in [
        &[REGISTER, TARIFF, SETTINGS, VALVE, CLOCK, CLOSING][..],
        &[TARIFF],
        &[&priced],
        &[SETTINGS],
        &[VALVE],
        &[CLOCK],
        &["0b 82 1a 6b49d200 48 0011223344556677"],
        &[&keys],
        &[CHALLENGE],
    ] {
        let payload = map(&[&[VERSION, METER, &hint(), EPOCH], entries].concat());
        let token = coinless_protocol::token::Token::from_payload(&payload);
        assert!(token.is_ok(), "{entries:?}: {token:?}");
    }
}
