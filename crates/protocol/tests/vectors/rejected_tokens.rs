//! Tokens that must be refused.

use crate::rejected_cases::{BAD, CDDL, Case, DECODER, METER, VERSION, case, hint, map};
use crate::support::{hex, meter_id, unhex};
use crate::token_cases;
use coinless_protocol::token::Conditions;

pub const EPOCH: &str = "03 00";
pub const REGISTER: &str = "04 82 18 2a 1a 0003d090";
pub const CHALLENGE: &str = "07 48 0011223344556677";

/// Every case.
pub fn all() -> Vec<Case> {
    let mut all = heads();
    all.extend(values());
    all.extend(conditions());
    all
}

/// The payload of a good token, from which the others are made.
pub fn typical_token() -> Vec<u8> {
    map(&[VERSION, METER, &hint(), EPOCH, REGISTER])
}

fn heads() -> Vec<Case> {
    let (good, hint) = (typical_token(), hint());
    let with = |version: &str| map(&[version, METER, &hint, EPOCH, REGISTER]);
    let token = |name, bytes, error, cddl| case(name, "token", bytes, error, cddl);
    let indefinite = [&[0xbf], &good[1..], &[0xff]].concat();
    let long_head = [&[0xb8, 0x05], &good[1..]].concat();
    vec![
        token("nothing", vec![], BAD, CDDL),
        token("not a map", unhex("01"), BAD, CDDL),
        token("an empty map", unhex("a0"), BAD, CDDL),
        token("a map head that promises 2^64-1 entries", unhex("bbffffffffffffffff"), BAD, CDDL),
        token("nested arrays without end", vec![0x81; 90], BAD, CDDL),
        token("map of indefinite length", indefinite, BAD, DECODER),
        token("map head that is not shortest", long_head, BAD, DECODER),
        token("a byte after the end", [good.as_slice(), &[0]].concat(), BAD, DECODER),
        token("the last byte is missing", good[..good.len() - 1].to_vec(), BAD, CDDL),
        token("version 0", with("0000"), "WrongVersion(0)", CDDL),
        token("version 2", with("0002"), "WrongVersion(2)", CDDL),
        token("version 2^64-1", with("00 1b ffffffffffffffff"), "WrongVersion(4294967295)", CDDL),
        token("version 2 of another shape", unhex("a2 0002 01 6141"), "WrongVersion(2)", CDDL),
        token("version as text", with("00 6131"), BAD, CDDL),
        token("version that is not shortest", with("00 1801"), BAD, DECODER),
        token("no version", map(&[METER, &hint, EPOCH, REGISTER]), BAD, CDDL),
        token("version not first", map(&[METER, VERSION, &hint, EPOCH, REGISTER]), BAD, DECODER),
        token("keys out of order", map(&[VERSION, METER, EPOCH, &hint, REGISTER]), BAD, DECODER),
        token("key that is not shortest", map(&[VERSION, METER, &hint, "1803 00", REGISTER]), BAD, DECODER),
        token("a key twice", map(&[VERSION, METER, &hint, EPOCH, EPOCH, REGISTER]), BAD, DECODER),
        token("unknown key 14", map(&[VERSION, METER, &hint, EPOCH, REGISTER, "0e 00"]), "UnknownKey(14)", CDDL),
        token("unknown key 24", map(&[VERSION, METER, &hint, EPOCH, REGISTER, "1818 00"]), "UnknownKey(24)", CDDL),
        token("negative key", map(&[VERSION, METER, &hint, EPOCH, REGISTER, "20 00"]), BAD, CDDL),
        token("text as key", map(&[VERSION, METER, &hint, EPOCH, REGISTER, "6178 00"]), BAD, CDDL),
        token("no meter", map(&[VERSION, &hint, EPOCH, REGISTER]), BAD, CDDL),
        token("no key hint", map(&[VERSION, METER, EPOCH, REGISTER]), BAD, CDDL),
        token("no epoch", map(&[VERSION, METER, &hint, REGISTER]), BAD, CDDL),
        token("neither register nor challenge", map(&[VERSION, METER, &hint, EPOCH]), BAD, CDDL),
        token("register and challenge", map(&[VERSION, METER, &hint, EPOCH, REGISTER, CHALLENGE]), BAD, CDDL),
    ]
}

fn values() -> Vec<Case> {
    let hint = hint();
    let meter =
        |name, meter: &str, cddl| case(name, "token", map(&[VERSION, meter, &hint, EPOCH, REGISTER]), BAD, cddl);
    let key = |name, key: &str, cddl| case(name, "token", map(&[VERSION, METER, key, EPOCH, REGISTER]), BAD, cddl);
    let epoch =
        |name, epoch: &str, cddl| case(name, "token", map(&[VERSION, METER, &hint, epoch, REGISTER]), BAD, cddl);
    let register =
        |name, register: &str, cddl| case(name, "token", map(&[VERSION, METER, &hint, EPOCH, register]), BAD, cddl);
    vec![
        meter("meter of 3 characters", "01 63 434c53", CDDL),
        meter("meter of 17 characters", "01 71 434c533030303030303030303030303137", CDDL),
        meter("meter in lower case", "01 65 636c733031", CDDL),
        meter("meter whose maker has a digit", "01 65 434c313031", CDDL),
        meter("meter with a hyphen", "01 65 434c532d31", CDDL),
        meter("meter that is not UTF-8", "01 64 434c53ff", CDDL),
        meter("meter as bytes", "01 4d 434c5330303030303030303137", CDDL),
        meter("meter in pieces", "01 7f 6d 434c5330303030303030303137 ff", DECODER),
        meter("meter with a length that is not shortest", "01 78 0d 434c5330303030303030303137", DECODER),
        key("key hint of 3 bytes", "02 43 010203", CDDL),
        key("key hint of 5 bytes", "02 45 0102030405", CDDL),
        key("key hint in pieces", "02 5f 44 01020304 ff", DECODER),
        epoch("epoch 65536", "03 1a 00010000", CDDL),
        epoch("epoch that is not shortest", "03 18 00", DECODER),
        epoch("epoch as float", "03 f9 0000", CDDL),
        epoch("negative epoch", "03 20", CDDL),
        epoch("epoch null", "03 f6", CDDL),
        epoch("epoch with a tag", "03 c1 00", DECODER),
        register("register of one", "04 81 01", CDDL),
        register("register of three", "04 83 01 02 03", CDDL),
        register("register of indefinite length", "04 9f 01 02 ff", DECODER),
        register("register with an array head that is not shortest", "04 98 02 01 02", DECODER),
        register("number 2^32", "04 82 1b 0000000100000000 00", CDDL),
        register("number that is not shortest", "04 82 18 01 00", DECODER),
        register("total over 10^15", "04 82 01 1b 00038d7ea4c68001", CDDL),
        register("total 2^64-1", "04 82 01 1b ffffffffffffffff", CDDL),
        register("total negative", "04 82 01 20", CDDL),
        register("total as float", "04 82 01 fb 40f86a0000000000", CDDL),
        // CDDL refuses this one too; checkers on libraries that read a bignum as an integer do not see it.
        register("total as bignum", "04 82 01 c2 41 05", DECODER),
        register("total that is not shortest", "04 82 01 1b 000000000003d090", DECODER),
    ]
}

fn conditions() -> Vec<Case> {
    let hint = hint();
    let credit = |name, condition: &str, error, cddl| {
        case(name, "token", map(&[VERSION, METER, &hint, EPOCH, REGISTER, condition]), error, cddl)
    };
    let read = |name, entries: &[&str], cddl| {
        case(name, "token", map(&[&[VERSION, METER, &hint, EPOCH], entries].concat()), BAD, cddl)
    };
    let range_then_needs = [VERSION, METER, &hint, EPOCH, REGISTER, "06 a1 01 01", "05 82 01 02"];
    vec![
        credit("empty range", "05 82 05 04", BAD, DECODER),
        credit("range of one", "05 81 05", BAD, CDDL),
        credit("range over 2^32", "05 82 05 1b 0000000100000000", BAD, CDDL),
        credit("needs nothing", "06 a0", BAD, CDDL),
        credit("needs tariff 0", "06 a1 01 00", BAD, CDDL),
        credit("needs tariff 2^32", "06 a1 01 1b 0000000100000000", BAD, CDDL),
        credit("needs an unknown register", "06 a1 04 01", "UnknownKey(4)", CDDL),
        credit("needs tariff twice", "06 a2 01 01 01 02", BAD, DECODER),
        credit("needs out of order", "06 a2 02 01 01 01", BAD, DECODER),
        credit("needs of indefinite length", "06 bf 01 01 ff", BAD, DECODER),
        case("needs before range", "token", map(&range_then_needs), BAD, DECODER),
        read("read request with a range", &["05 82 01 02", CHALLENGE], CDDL),
        read("read request that needs a tariff", &["06 a1 01 01", CHALLENGE], CDDL),
        read("challenge of 7 bytes", &["07 47 00112233445566"], CDDL),
        read("challenge of 9 bytes", &["07 49 001122334455667788"], CDDL),
    ]
}

/// The credit token that the cases are made from is one of the crate.
#[test]
fn the_token_to_start_from_is_good() {
    let token = token_cases::credit(meter_id(), 0, 42, 250_000, Conditions::default());
    assert_eq!(hex(&token.to_payload().unwrap()), hex(&typical_token()));
}
