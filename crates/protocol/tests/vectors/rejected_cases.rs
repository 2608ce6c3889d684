//! The cases of `vectors/rejected.json`; those of tokens, contents and reports are in modules of their own.

use crate::rejected_tokens::typical_token;
use crate::support::{TestKey, hex, issuer, meter, meter_id, station, test_key, unhex};
use crate::{readings, receipts, rejected_contents, rejected_registers, rejected_reports, rejected_tokens};
use ccm::aead::{AeadInPlace, KeyInit};
use coinless_protocol::cose::{self, Label};
use coinless_protocol::readings::ReadingsKey;

/// What a decoder is given.
pub enum Input {
    Bytes(Vec<u8>),
    Text(&'static str),
}

/// One case; see `RejectedVector`.
pub struct Case {
    pub name: &'static str,
    pub object: &'static str,
    pub input: Input,
    pub error: &'static str,
    pub cddl: bool,
}

/// The CDDL refuses it too.
pub const CDDL: bool = true;
/// Only the decoder refuses it.
pub const DECODER: bool = false;
/// The error of most.
pub const BAD: &str = "Malformed";

/// A case of bytes.
pub fn case(name: &'static str, object: &'static str, bytes: Vec<u8>, error: &'static str, cddl: bool) -> Case {
    Case { name, object, input: Input::Bytes(bytes), error, cddl }
}

fn text(name: &'static str, object: &'static str, text: &'static str, error: &'static str) -> Case {
    Case { name, object, input: Input::Text(text), error, cddl: DECODER }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut all = rejected_tokens::all();
    all.extend(rejected_registers::all());
    all.extend(rejected_contents::all());
    all.extend(rejected_reports::all());
    all.extend(receipt_cases());
    all.extend(identity_cases());
    all.extend(sign1_cases());
    all.extend(signature_cases());
    all.extend(sealed_cases());
    all.extend(problem_cases());
    all.extend(coap_cases());
    all.extend(text_cases());
    all
}

pub const VERSION: &str = "0001";
pub const METER: &str = "01 6d 434c5330303030303030303137";

/// The entry of the hint of the meter's key.
pub fn hint() -> String {
    format!("02 44 {}", hex(&meter().hash().hint().0))
}

/// A map of these entries, as hexadecimal.
pub fn map(entries: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0xa0 + u8::try_from(entries.len()).unwrap()];
    entries.iter().for_each(|entry| bytes.extend(unhex(entry)));
    bytes
}

/// `bytes` with the only occurrence of `from` replaced; both in hexadecimal.
pub fn edit(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, text) = (hex(&unhex(from)), hex(bytes));
    assert_eq!(text.matches(&from).count(), 1, "{from} in {text}");
    unhex(&text.replace(&from, to))
}

fn receipt_cases() -> Vec<Case> {
    let (_, applied) = receipts::all().into_iter().find(|(name, _)| name == "applied").unwrap();
    let good = applied.to_payload().unwrap().to_vec();
    let edited = |name, from: &str, to: &str, error, cddl| case(name, "receipt", edit(&good, from, to), error, cddl);
    let readings = format!("08 58 {:02x} {}", applied.readings.len(), hex(&applied.readings));
    let outcome = "03 83 01 18 2a 00";
    let sums = "06 83 1a 000f4240 00 00";
    vec![
        edited("version 2", "a9 0001", "a9 0002", "WrongVersion(2)", CDDL),
        edited("unknown decision 11", outcome, "03 83 0b 18 2a 00", BAD, CDDL),
        edited("closed, with credit to be used first", outcome, "03 83 09 18 2a 01", BAD, CDDL),
        edited("bad content, with credit to be used first", outcome, "03 83 0a 18 2a 01", BAD, CDDL),
        edited("applied, with credit to be used first", outcome, "03 83 01 18 2a 01", BAD, CDDL),
        edited(
            "not yet, with more than 10^15 to be used first",
            outcome,
            "03 83 06 18 2a 1b 00038d7ea4c68001",
            BAD,
            CDDL,
        ),
        edited("outcome of two", outcome, "03 82 01 18 2a", BAD, CDDL),
        edited("registers of four", "04 85 00 18 2a 01 01 00", "04 84 00 18 2a 01 01", BAD, CDDL),
        edited("total over 10^15", "05 1a 0003d090", "05 1b 00038d7ea4c68001", BAD, CDDL),
        edited("sum negative", sums, "06 83 20 00 00", BAD, CDDL),
        edited("sum over 2^63-1", sums, "06 83 1b 8000000000000000 00 00", BAD, CDDL),
        edited("sum that is not shortest", sums, "06 83 1b 00000000000f4240 00 00", BAD, DECODER),
        edited("flag without a meaning", "07 19 0102", "07 19 010a", BAD, DECODER),
        edited("flags 65536", "07 19 0102", "07 1a 00010000", BAD, CDDL),
        edited("readings of 51 bytes", &readings, &format!("08 58 33 {}", "00".repeat(51)), BAD, CDDL),
        edited("readings as text", &readings, "08 61 41", BAD, CDDL),
        case("unknown key 10", "receipt", [&[0xaa], &good[1..], &[0x0a, 0]].concat(), "UnknownKey(10)", CDDL),
        case("a byte after the end", "receipt", [good.as_slice(), &[0]].concat(), BAD, DECODER),
        case("a token", "receipt", typical_token(), BAD, CDDL),
    ]
}

fn identity_cases() -> Vec<Case> {
    let (hint, registers, flags) = (hint(), "04 85 00 18 2a 01 01 00", "05 01");
    let identity = |name, entries: &[&str], error, cddl| {
        case(name, "identity", map(&[&[VERSION, METER, &hint], entries].concat()), error, cddl)
    };
    vec![
        identity("commodity 0", &["03 00", registers, flags], BAD, CDDL),
        identity("commodity 4", &["03 04", registers, flags], BAD, CDDL),
        identity("no flags", &["03 01", registers], BAD, CDDL),
        identity("flag without a meaning", &["03 01", registers, "05 18 80"], BAD, DECODER),
        identity("challenge of 7 bytes", &["03 01", registers, flags, "06 47 00112233445566"], BAD, CDDL),
        identity("unknown key 8", &["03 01", registers, flags, "08 00"], "UnknownKey(8)", CDDL),
        identity("registers of four", &["03 01", "04 84 00 18 2a 01 01", flags], BAD, CDDL),
        identity("currency of two letters", &["03 01", registers, flags, "07 82 62 4555 02"], BAD, CDDL),
        identity("currency of four letters", &["03 01", registers, flags, "07 82 64 45555258 02"], BAD, CDDL),
        identity("currency in lower case", &["03 01", registers, flags, "07 82 63 657572 02"], BAD, CDDL),
        identity("currency as a number", &["03 01", registers, flags, "07 82 19 03d2 02"], BAD, CDDL),
        identity("currency with 5 digits", &["03 01", registers, flags, "07 82 63 455552 05"], BAD, CDDL),
        identity("currency without digits", &["03 01", registers, flags, "07 81 63 455552"], BAD, CDDL),
        identity("currency that is not shortest", &["03 01", registers, flags, "07 82 63 455552 1802"], BAD, DECODER),
        identity("currency null", &["03 01", registers, flags, "07 f6"], BAD, CDDL),
        identity(
            "currency before the challenge",
            &["03 01", registers, flags, "07 82 63 455552 02", "06 48 0011223344556677"],
            BAD,
            DECODER,
        ),
        case("version 9", "identity", unhex("a1 0009"), "WrongVersion(9)", CDDL),
    ]
}

/// COSE_Sign1 of these parts, each in hexadecimal with its own head.
fn sign1(head: &str, parts: [&str; 4]) -> Vec<u8> {
    unhex(&format!("{head} {}", parts.concat()))
}

fn sign1_cases() -> Vec<Case> {
    let payload = typical_token();
    let kid = hex(&issuer().hash().hint().0);
    let header = format!("49 a2 01 26 04 44 {kid}");
    let payload_part = format!("58 {:02x} {}", payload.len(), hex(&payload));
    let signature = format!("58 40 {}", "11".repeat(64));
    let (header, body, signature) = (header.as_str(), payload_part.as_str(), signature.as_str());
    let token = |name, bytes, cddl| case(name, "signed-token", bytes, BAD, cddl);
    let headed = |name, header: &str, cddl| token(name, sign1("84", [header, "a0", body, signature]), cddl);
    let good = sign1("84", [header, "a0", body, signature]);
    vec![
        token("tagged as COSE_Sign1", sign1("d2 84", [header, "a0", body, signature]), DECODER),
        token("array of indefinite length", [&[0x9f], &good[1..], &[0xff]].concat(), DECODER),
        token("array of three", unhex(&format!("83 {header} a0 {body}")), CDDL),
        token("a byte after the end", [good.as_slice(), &[0]].concat(), DECODER),
        headed("algorithm ES384", &format!("4a a2 01 38 22 04 44 {kid}"), CDDL),
        headed("no kid", "43 a1 01 26", CDDL),
        headed("kid of 3 bytes", "48 a2 01 26 04 43 010203", CDDL),
        headed("kid before the algorithm", &format!("49 a2 04 44 {kid} 01 26"), DECODER),
        headed("another protected header", &format!("4b a3 01 26 03 00 04 44 {kid}"), CDDL),
        headed("empty protected header", "40", CDDL),
        token(
            "kid in the unprotected header",
            sign1("84", ["43 a1 01 26", &format!("a1 04 44 {kid}"), body, signature]),
            CDDL,
        ),
        token("unprotected header that is not empty", sign1("84", [header, "a1 05 40", body, signature]), CDDL),
        token("detached payload", sign1("84", [header, "a0", "f6", signature]), CDDL),
        token("empty payload", sign1("84", [header, "a0", "40", signature]), CDDL),
        token("payload as text", sign1("84", [header, "a0", "61 41", signature]), CDDL),
        token("signature of 63 bytes", sign1("84", [header, "a0", body, &format!("58 3f {}", "11".repeat(63))]), CDDL),
        token("signature of 65 bytes", sign1("84", [header, "a0", body, &format!("58 41 {}", "11".repeat(65))]), CDDL),
        token(
            "length of the payload that is not shortest",
            sign1("84", [header, "a0", &body.replacen("58 ", "59 00", 1), signature]),
            DECODER,
        ),
        token("257 bytes long", sign1("84", [header, "a0", &format!("58 b1 {}", "00".repeat(177)), signature]), CDDL),
    ]
}

fn signature_cases() -> Vec<Case> {
    let (meter, issuer, other) = (meter(), issuer(), test_key("coinless test key meter-2"));
    let payload = typical_token();
    let good = cose::sign(&payload, Label::Token, &meter.hash(), &issuer.pair).unwrap().to_vec();
    let at = good.len() - 64;
    let with = |r: &str, s: &str| [&good[..at], &unhex(r), &unhex(s)].concat();
    let (r, s) = (hex(&good[at..at + 32]), hex(&good[at + 32..]));
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let signed =
        |label, of: &TestKey, by: &TestKey| cose::sign(&payload, label, &of.hash(), &by.pair).unwrap().to_vec();
    let by_other = signed(Label::Token, &meter, &other);
    let token = |name, bytes| case(name, "signed-token", bytes, "BadSignature", DECODER);
    vec![
        token("r is 0", with(&"00".repeat(32), &s)),
        token("s is 0", with(&r, &"00".repeat(32))),
        token("r is the order of the curve", with(order, &s)),
        token("s is the order of the curve", with(&r, order)),
        token("r and s swapped", with(&s, &r)),
        token("all ones", with(&"ff".repeat(32), &"ff".repeat(32))),
        token("one unit more than was signed", edit(&good, "0003d090", "0003d091")),
        token("signed as a receipt", signed(Label::Receipt, &meter, &issuer)),
        token("signed as an identity", signed(Label::Identity, &meter, &issuer)),
        token("signed as a report", signed(Label::Report, &meter, &issuer)),
        token("signed for the key of another meter", signed(Label::Token, &other, &issuer)),
        token("signed by another key", by_other.clone()),
        token("signed by another key, with the issuer's kid", {
            edit(&by_other, &hex(&other.hash().hint().0), &hex(&issuer.hash().hint().0))
        }),
    ]
}

/// The key of what is sealed in these cases.
pub fn readings_key() -> ReadingsKey {
    ReadingsKey::agree(&station().pair, &meter().public(), &meter_id())
}

/// `plain` sealed under number 5 as what `external_aad` says, written here apart from the crate.
pub fn seal_as(external_aad: &str, plain: &[u8]) -> Vec<u8> {
    let cipher = ccm::Ccm::<aes::Aes128, ccm::consts::U8, ccm::consts::U13>::new(
        &readings::derived::<16>(&meter(), &station(), &meter_id(), "/key").into(),
    );
    let mut text = plain.to_vec();
    let aad =
        format!("83 68 456e637279707430 43 a1010a {:02x} {}", 0x40 + external_aad.len(), hex(external_aad.as_bytes()));
    let nonce = readings_key().nonce(5).into();
    let tag = cipher.encrypt_in_place_detached(&nonce, &unhex(&aad), &mut text).unwrap();
    let sealed = text.len() + tag.len();
    let head = if sealed < 24 { format!("{:02x}", 0x40 + sealed) } else { format!("58 {sealed:02x}") };
    [unhex(&format!("83 43 a1010a a1 06 44 00000005 {head}")), text, tag.to_vec()].concat()
}

fn sealed_cases() -> Vec<Case> {
    let vector = readings::vectors().into_iter().find(|v| v.name == "typical").unwrap();
    let good = unhex(&vector.sealed);
    let body = format!("58 {:02x} {}", good.len() - 14, hex(&good[14..]));
    let changed = |at: usize| good.iter().enumerate().map(|(i, byte)| byte ^ u8::from(i == at)).collect();
    // Authentic, with a wrong content.
    let seal = |plain: &str| seal_as("coinless/readings", &unhex(plain));
    let sealed = |name, bytes, error, cddl| case(name, "sealed-readings", bytes, error, cddl);
    let built = |name, bytes: &str, cddl| sealed(name, unhex(bytes), BAD, cddl);
    vec![
        built("nothing", "", CDDL),
        built("another receipt's", &format!("83 43 a1010a a1 06 44 00000006 {body}"), DECODER),
        built("tagged as COSE_Encrypt0", &format!("d0 83 43 a1010a a1 06 44 00000005 {body}"), DECODER),
        built("algorithm A128GCM", &format!("83 43 a10101 a1 06 44 00000005 {body}"), CDDL),
        built("header that is not shortest", &format!("83 58 03 a1010a a1 06 44 00000005 {body}"), DECODER),
        built("no partial IV", &format!("83 43 a1010a a0 {body}"), CDDL),
        built("full IV", &format!("83 43 a1010a a1 05 4d {} {body}", vector.nonce), CDDL),
        built("partial IV of one byte", &format!("83 43 a1010a a1 06 41 05 {body}"), CDDL),
        built("shorter than a tag", "83 43 a1010a a1 06 44 00000005 47 00112233445566", CDDL),
        built("longer than any readings", &format!("83 43 a1010a a1 06 44 00000005 58 25 {}", "00".repeat(37)), CDDL),
        sealed("a byte after the end", [good.as_slice(), &[0]].concat(), BAD, DECODER),
        sealed("first byte of the readings changed", changed(14), "Key", DECODER),
        sealed("last byte of the tag changed", changed(good.len() - 1), "Key", DECODER),
        sealed("consumption is negative", seal("83 00 20 f6"), BAD, DECODER),
        sealed("balance that is not shortest", seal("83 1800 00 f6"), BAD, DECODER),
        sealed("a byte after the readings", seal("83 00 00 f6 00"), BAD, DECODER),
        sealed("clock undefined", seal("83 00 00 f7"), BAD, DECODER),
    ]
}

fn problem_cases() -> Vec<Case> {
    let entry = "70 636f696e6c6573733a7265667573616c";
    let problem = |name, bytes: &str, cddl| case(name, "problem-details", unhex(bytes), BAD, cddl);
    vec![
        problem("nothing", "", CDDL),
        problem("not a map", "80", CDDL),
        problem("empty", "a0", CDDL),
        problem("no refusal", "a2 20 61 41 23 18 80", CDDL),
        problem("refusal 0", &format!("a3 20 61 41 23 18 80 {entry} a1 00 00"), CDDL),
        problem("refusal 200", &format!("a3 20 61 41 23 18 80 {entry} a1 00 18 c8"), CDDL),
        problem("refusal without its key", &format!("a3 20 61 41 23 18 80 {entry} 01"), CDDL),
        problem("of indefinite length", &format!("bf 20 61 41 23 18 80 {entry} a1 00 01 ff"), DECODER),
        problem("cut off", &format!("a3 20 61 41 23 18 80 {entry} a1"), CDDL),
    ]
}

fn coap_cases() -> Vec<Case> {
    let coap = |name, bytes: &str, error| case(name, "coap", unhex(bytes), error, DECODER);
    vec![
        coap("nothing", "", "NotCoap"),
        coap("3 bytes", "40 01 00", "NotCoap"),
        coap("version 0", "00 01 0000", "NotCoap"),
        coap("version 2", "80 01 0000", "NotCoap"),
        coap("token of 9 bytes", "49 01 0000 010203040506070809", "Format"),
        coap("token cut off", "42 01 0000 01", "Format"),
        coap("empty message with a token", "41 00 0000 01", "Format"),
        coap("empty message with a payload", "40 00 0000 ff 01", "Format"),
        coap("payload marker without a payload", "40 01 0000 ff", "Format"),
        coap("option delta 15", "40 01 0000 f0", "Format"),
        coap("option length 15", "40 01 0000 0f", "Format"),
        coap("option value cut off", "40 01 0000 b5 6d657465", "Format"),
        coap("extended delta cut off", "40 01 0000 d0", "Format"),
        coap("extended length cut off", "40 01 0000 be 00", "Format"),
        coap("option number over 65535", "40 01 0000 e0 ffff e0 ffff", "Format"),
    ]
}

fn text_cases() -> Vec<Case> {
    vec![
        text("empty", "meter-id", "", "Length"),
        text("of 3 characters", "meter-id", "CLS", "Length"),
        text("of 17 characters", "meter-id", "CLS00000000000017", "Length"),
        text("with a digit in the maker", "meter-id", "CL10", "Maker"),
        text("in lower case", "meter-id", "cls1", "Maker"),
        text("with a lower-case letter later", "meter-id", "CLS1a", "Character"),
        text("with a letter that is not ASCII", "meter-id", "CLSÄ", "Character"),
        text("without check character", "label", "CLS0000000017", "NoCheckCharacter"),
        text("with a hyphen only", "label", "CLS0000000017-", "NoCheckCharacter"),
        text("with another check character", "label", "CLS0000000017-K", "WrongCheckCharacter"),
        text("with two check characters", "label", "CLS0000000017-ZZ", "WrongCheckCharacter"),
        text("with one digit mistyped", "label", "CLS0000000018-Z", "WrongCheckCharacter"),
        text("with two digits swapped", "label", "CLS0000000071-Z", "WrongCheckCharacter"),
        text("with the letter O for a 0", "label", "CLSO000000017-Z", "WrongCheckCharacter"),
        text("with a space inside", "label", "CLS 0000000017-Z", "Id(Character)"),
        text("too long", "label", "CLS00000000000017-Z", "Id(Length)"),
        text("without a maker", "label", "0000000017-Z", "Id(Maker)"),
        text("of another scheme", "label-url", "ftp://pay.example/m/CLS0000000017-Z", "NotALabelUrl"),
        text("of another path", "label-url", "https://pay.example/x/CLS0000000017-Z", "NotALabelUrl"),
        text("without a path", "label-url", "https://pay.example", "NotALabelUrl"),
        text("without check character", "label-url", "https://pay.example/m/CLS0000000017", "NoCheckCharacter"),
        text(
            "with another check character",
            "label-url",
            "https://pay.example/m/CLS0000000017-K",
            "WrongCheckCharacter",
        ),
        text("without a meter", "label-url", "https://pay.example/m/", "Id(Length)"),
    ]
}
