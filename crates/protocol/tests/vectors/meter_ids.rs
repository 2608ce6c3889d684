//! Check characters and labels of meter identities.

use crate::file::check;
use coinless_protocol::MeterId;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct IdVector {
    id: String,
    check: char,
    label: String,
    label_url: String,
}

const IDS: [&str; 12] = [
    "CLS0000000017",
    "CLS0000000018",
    "CLS0000000001",
    "CLS000000001",
    "CLS0",
    "CLSZ",
    "AAA0",
    "ZZZZZZZZZZZZZZZZ",
    "CLSZZZZZZZZZZZZZ",
    "ABC1234567890123",
    "KAM12G5678",
    "ELS19A7Z03",
];

/// ISO 7064 MOD 37,36 as the standard words it, position by position, apart from the crate's own fold: the character that
/// makes the whole string's check sum congruent to 1.
fn iso7064_says(whole: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut product = 36;
    let count = whole.chars().count();
    for (at, character) in whole.chars().enumerate() {
        let sum = product + ALPHABET.find(character).unwrap();
        if at + 1 == count {
            return sum % 36 == 1;
        }
        let remainder = if sum % 36 == 0 { 36 } else { sum % 36 };
        product = remainder * 2 % 37;
    }
    false
}

#[test]
fn meter_ids() {
    let made = IDS.map(|id| {
        let meter: MeterId = id.parse().unwrap();
        let label = meter.label().to_string();
        IdVector {
            id: id.into(),
            check: meter.check_character(),
            label_url: format!("https://pay.example/m/{label}"),
            label,
        }
    });
    let about = "Meter identities, their ISO 7064 MOD 37,36 check characters, labels, and the URLs on labels.";
    for vector in check("meter_ids.json", about, made.into()) {
        let meter: MeterId = vector.id.parse().unwrap();
        assert_eq!(meter.check_character(), vector.check);
        assert_eq!(MeterId::from_label(&vector.label), Ok(meter));
        assert_eq!(MeterId::from_label(&vector.label.to_lowercase()), Ok(meter));
        assert_eq!(MeterId::from_label_url(&vector.label_url), Ok(meter));
        assert!(iso7064_says(&format!("{}{}", vector.id, vector.check)), "{}", vector.id);
    }
}

#[test]
fn iso7064_published_example() {
    // GRid, Global Release Identifier (IFPI, GRid Standard 2.1): A1-2425G-ABC1234002-M.
    assert!(iso7064_says("A12425GABC1234002M"));
    assert!(!iso7064_says("A12425GABC1234002N"));
    assert!(!iso7064_says("A12425GABC1234003M"));
}

#[test]
fn exactly_one_check_character_fits() {
    for id in IDS {
        let fitting =
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().filter(|check| iso7064_says(&format!("{id}{check}")));
        assert_eq!(fitting.count(), 1, "{id}");
    }
}
