//! Contents of registers that must be refused.

use crate::operational_keys;
use crate::rejected_cases::{BAD, CDDL, Case, DECODER, case};
use crate::support::{hex, test_key, unhex};

/// Every case.
pub fn all() -> Vec<Case> {
    let mut all = tariff_lists();
    all.extend(tariff_values());
    all.extend(settings_numbers());
    all.extend(settings_lists());
    all.extend(forms());
    all.extend(operational_keys());
    all
}

fn tariff(name: &'static str, bytes: &str, cddl: bool) -> Case {
    case(name, "tariff", unhex(bytes), BAD, cddl)
}

fn settings(name: &'static str, bytes: &str, cddl: bool) -> Case {
    case(name, "settings", unhex(bytes), BAD, cddl)
}

/// A tariff of two rates and one switch time, 2 bytes in hexadecimal.
fn switched(name: &'static str, switches: &str, cddl: bool) -> Case {
    let bytes = unhex(switches);
    tariff(name, &format!("a2 00 82 01 02 02 {:02x} {switches}", 0x40 + bytes.len()), cddl)
}

fn tariff_lists() -> Vec<Case> {
    vec![
        tariff("no price", "a1 00 80", CDDL),
        tariff("nine prices", "a1 00 89 010203040506070809", CDDL),
        tariff("price 2^32", "a1 00 81 1b 0000000100000000", CDDL),
        tariff("negative price", "a1 00 81 20", CDDL),
        tariff("price that is not shortest", "a1 00 81 1801", DECODER),
        tariff("prices as one number", "a1 00 01", CDDL),
        tariff("prices of indefinite length", "a1 00 9f 01 ff", DECODER),
        tariff("no step", "a2 00 81 01 01 80", CDDL),
        tariff("four steps", "a2 00 81 01 01 84 820101 820201 820301 820401", CDDL),
        tariff("step without more", "a2 00 81 01 01 81 81 01", CDDL),
        tariff("step with something more", "a2 00 81 01 01 81 83 010101", CDDL),
        tariff("steps that fall", "a2 00 81 01 01 82 820201 820101", DECODER),
        tariff("steps from the same", "a2 00 81 01 01 82 820101 820102", DECODER),
        tariff("steps without prices", "a1 01 81 820101", CDDL),
        tariff("switch times without prices", "a1 02 42 0200", CDDL),
        tariff("rate without clock without prices", "a1 03 01", CDDL),
        switched("no switch time", "", CDDL),
        switched("half a switch time", "02", CDDL),
        switched("a switch time and a half", "020002", DECODER),
        tariff("thirteen switch times", &format!("a2 00 82 01 02 02 58 1a {}", "0200".repeat(13)), CDDL),
        switched("switch time on no day", "0000", DECODER),
        switched("switch time at half hour 48", "0380", DECODER),
        switched("switch to a rate that is not there", "0202", DECODER),
        switched("one switch time to two rates", "0200 0201", DECODER),
        // Monday and Tuesday, Tuesday and Wednesday.
        switched("two switch times that meet on one day", "0600 0c01", DECODER),
        tariff("switch times as an array", "a2 00 82 01 02 02 81 02", CDDL),
        tariff("rate without clock that is not there", "a2 00 82 01 02 03 02", DECODER),
        tariff("rate without clock 8", "a2 00 88 0101010101010101 03 08", CDDL),
    ]
}

fn tariff_values() -> Vec<Case> {
    vec![
        tariff("rate without clock 0, written out", "a2 00 81 01 03 00", CDDL),
        tariff("standing charge 0, written out", "a1 04 00", CDDL),
        tariff("standing charge 2^32", "a1 04 1b 0000000100000000", CDDL),
        tariff("debt 0, written out", "a1 05 00", CDDL),
        tariff("negative debt", "a1 05 20", CDDL),
        tariff("debt over 2^63-1", "a1 05 1b 8000000000000000", CDDL),
        tariff("debt per day 0, written out", "a1 06 00", CDDL),
        tariff("debt per cent 0, written out", "a1 07 00", CDDL),
        tariff("debt per cent 101", "a1 07 18 65", CDDL),
        tariff("debt per cent 256", "a1 07 19 0100", CDDL),
        tariff("debt as float", "a1 05 f9 3c00", CDDL),
    ]
}

fn settings_numbers() -> Vec<Case> {
    vec![
        settings("low credit 0, written out", "a1 00 00", CDDL),
        settings("low credit 2^32", "a1 00 1b 0000000100000000", CDDL),
        settings("negative low credit", "a1 00 20", CDDL),
        settings("second level 0, written out", "a2 00 05 01 00", CDDL),
        settings("second level above the first", "a2 00 05 01 06", DECODER),
        settings("second level without the first", "a1 01 01", DECODER),
        settings("emergency credit 0, written out", "a1 02 00", CDDL),
        settings("friendly cap 0, written out", "a1 03 00", CDDL),
        settings("cap of days without cut-off 0, written out", "a1 07 00", CDDL),
        settings("local time 0, written out", "a1 08 00", CDDL),
        settings("local time -49", "a1 08 38 30", CDDL),
        settings("local time 57", "a1 08 18 39", CDDL),
        settings("local time -129", "a1 08 38 80", CDDL),
        settings("open by token as 1", "a1 09 01", CDDL),
        settings("open by token as null", "a1 09 f6", CDDL),
        settings("most credit 0", "a1 0a 00", CDDL),
        settings("most credit over 10^15", "a1 0a 1b 00038d7ea4c68001", CDDL),
        settings("no correction, written out", "a1 0b 1a 000f4240", CDDL),
        settings("correction 499999", "a1 0b 1a 0007a11f", CDDL),
        settings("correction 2000001", "a1 0b 1a 001e8481", CDDL),
        settings("load limit without its time", "a1 0c 01", CDDL),
        settings("time of a load limit alone", "a1 0d 01", CDDL),
        settings("load limit 0, written out", "a2 0c 00 0d 01", CDDL),
        settings("time of a load limit 0, written out", "a2 0c 01 0d 00", CDDL),
        settings("time of a load limit 65536", "a2 0c 01 0d 1a 00010000", CDDL),
        settings("most flow 0, written out", "a1 0e 00", CDDL),
        settings("leak after 0 hours, written out", "a1 0f 00", CDDL),
        settings("leak after 256 hours", "a1 0f 19 0100", CDDL),
        settings("disuse after 0 days, written out", "a1 10 00", CDDL),
        settings("disuse after 65536 days", "a1 10 1a 00010000", CDDL),
        settings("every sensor, written out", "a1 11 18 1f", CDDL),
        settings("a sensor without a meaning", "a1 11 18 20", CDDL),
    ]
}

fn settings_lists() -> Vec<Case> {
    vec![
        settings("no friendly period, written out", "a1 04 40", CDDL),
        settings("five friendly periods", &format!("a1 04 4f {}", "7f2c10".repeat(5)), CDDL),
        settings("a friendly period and a third", "a1 04 44 7f2c107f", DECODER),
        settings("friendly period on no day", "a1 04 43 002c10", DECODER),
        settings("friendly period on an eighth day", "a1 04 43 802c10", DECODER),
        settings("friendly period from half hour 48", "a1 04 43 7f3010", DECODER),
        settings("friendly period to half hour 48", "a1 04 43 7f2c30", DECODER),
        settings("friendly periods as an array", "a1 04 81 43 7f2c10", CDDL),
        settings("no friendly days, written out", "a1 05 40", CDDL),
        settings("seven ranges of friendly days", &format!("a1 05 58 1c {}", "514b514d".repeat(7)), CDDL),
        settings("half a range of friendly days", "a1 05 42 514b", CDDL),
        settings("a range of friendly days and a half", "a1 05 46 514b514d5153", DECODER),
        settings("friendly days from the last to the first", "a1 05 44 514d514b", DECODER),
        settings("no days without cut-off, written out", "a1 06 40", CDDL),
        settings("three ranges of days without cut-off", &format!("a1 06 4c {}", "514b514d".repeat(3)), CDDL),
        settings("days without cut-off from the last to the first", "a1 06 44 514d514b", DECODER),
    ]
}

/// What holds for both, since both are maps.
fn forms() -> Vec<Case> {
    let mut all = Vec::new();
    for (object, unknown) in [("tariff", 8), ("settings", 18)] {
        // 4 is a number in the tariff, 2 one in the settings; 6 and 14 come after.
        let (first, second) = if object == "tariff" { ("04 01", "06 01") } else { ("02 01", "0e 01") };
        let form = |name, bytes: &str, cddl| case(name, object, unhex(bytes), BAD, cddl);
        let unknown_key = if unknown == 8 { "UnknownKey(8)" } else { "UnknownKey(18)" };
        all.extend([
            form("nothing", "", CDDL),
            form("not a map", "80", CDDL),
            form("a map head that promises 2^64-1 entries", "bbffffffffffffffff", CDDL),
            form("of indefinite length", &format!("bf {first} ff"), DECODER),
            form("map head that is not shortest", &format!("b801 {first}"), DECODER),
            form("empty, with a map head that is not shortest", "b800", DECODER),
            form("keys out of order", &format!("a2 {second} {first}"), DECODER),
            form("a key twice", &format!("a2 {first} {first}"), DECODER),
            form("an entry more than its head says", &format!("a1 {first} {second}"), DECODER),
            form("a byte after the end", &format!("a1 {first} 00"), DECODER),
            form("cut off", "a1", CDDL),
            form("number that is not shortest", &format!("a1 {}", first.replace(" 01", " 1801")), DECODER),
            form("key as text", "a1 61 34 01", CDDL),
            form("negative key", "a1 20 01", CDDL),
            case("an unknown key", object, unhex(&format!("a1 {unknown:02x} 01")), unknown_key, CDDL),
            case("an unknown key 24", object, unhex("a1 1818 01"), "UnknownKey(24)", CDDL),
        ]);
    }
    all
}

fn operational_keys() -> Vec<Case> {
    let names = operational_keys::TWO;
    let [first, second] = names.map(|name| hex(&test_key(name).public().to_sec1_compressed()));
    let whole = hex(&test_key(names[0]).public().to_sec1());
    let x = &first[2..];
    let keys = |name, bytes: &str, cddl| case(name, "operational-keys", unhex(bytes), BAD, cddl);
    vec![
        keys("nothing", "", CDDL),
        keys("none", "80", CDDL),
        keys("three", &format!("83 5821 {first} 5821 {second} 5821 02{x}"), CDDL),
        keys("one of them twice", &format!("82 5821 {first} 5821 {first}"), DECODER),
        keys("a map", "a0", CDDL),
        keys("not in an array", &format!("5821 {first}"), CDDL),
        keys("as text", &format!("81 7821 {}", "41".repeat(33)), CDDL),
        keys("not compressed", &format!("81 5841 {whole}"), CDDL),
        keys("of 32 bytes", &format!("81 5820 {x}"), CDDL),
        keys("of 34 bytes", &format!("81 5822 {first}00"), CDDL),
        keys("the point at infinity", "81 41 00", CDDL),
        keys("of prefix 04", &format!("81 5821 04{x}"), DECODER),
        keys("of prefix 05, the compact form", &format!("81 5821 05{x}"), DECODER),
        // x = 1 has no y on P-256; x = 5 has. That is checked below.
        keys("x without a point", &format!("81 5821 02{:064x}", 1), DECODER),
        keys("x that is the field's prime", &format!("81 5821 02{PRIME}"), DECODER),
        keys("x that is all ones", &format!("81 5821 02{}", "ff".repeat(32)), DECODER),
        keys("of indefinite length", &format!("9f 5821 {first} ff"), DECODER),
        keys("head that is not shortest", &format!("9801 5821 {first}"), DECODER),
        keys("length that is not shortest", &format!("81 590021 {first}"), DECODER),
        keys("a byte after the end", &format!("81 5821 {first} 00"), DECODER),
        keys("one fewer than the head says", &format!("82 5821 {first}"), CDDL),
    ]
}

/// The prime of P-256 (NIST SP 800-186 §3.2.1.3).
const PRIME: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

#[test]
fn which_x_has_a_point() {
    let has_point = |x: u32| coinless_protocol::keys::PublicKey::from_sec1(&unhex(&format!("02{x:064x}"))).is_ok();
    assert!(!has_point(1) && has_point(5));
}

/// What the cases differ from in one thing each is good.
#[test]
fn the_contents_to_start_from_are_good() {
    for good in [
        "a0",
        "a1 04 01",
        "a1 05 01",
        "a1 05 1b 7fffffffffffffff",
        "a1 06 01",
        "a2 04 01 06 01",
        "a1 07 18 64",
        "a1 00 81 01",
        "a1 00 88 0102030405060708",
        "a2 00 81 01 01 81 820101",
        "a2 00 81 01 01 82 820101 820201",
        "a2 00 81 01 01 83 820101 820201 820301",
        "a2 00 82 01 02 02 42 0200",
        "a2 00 82 01 02 02 42 0378",
        "a2 00 82 01 02 02 44 0200 0209",
        "a2 00 82 01 02 02 44 0600 0801",
        "a2 00 82 01 02 03 01",
    ] {
        let found = coinless_protocol::tariff::Tariff::from_bytes(&unhex(good));
        assert!(found.is_ok(), "{good}: {found:?}");
    }
    for good in [
        "a0",
        "a2 02 01 0e 01",
        "a2 00 05 01 05",
        "a1 03 01",
        "a1 04 43 7f2c10",
        "a1 04 4c 7f2c10 7f2c10 7f2c10 7f2c10",
        "a1 05 44 514b514d",
        "a1 05 44 514b514b",
        "a1 06 48 514b514d 514b514d",
        "a1 07 01",
        "a1 08 38 2f",
        "a1 08 18 38",
        "a1 09 f4",
        "a1 0a 01",
        "a1 0a 1b 00038d7ea4c68000",
        "a1 0b 1a 0007a120",
        "a1 0b 1a 001e8480",
        "a2 0c 01 0d 01",
        "a2 0c 01 0d 19 ffff",
        "a1 0f 18 ff",
        "a1 10 19 ffff",
        "a1 11 00",
        "a1 11 18 1e",
    ] {
        let found = coinless_protocol::settings::Settings::from_bytes(&unhex(good));
        assert!(found.is_ok(), "{good}: {found:?}");
    }
}
