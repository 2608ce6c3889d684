//! Contents of the keys register.

use crate::file::check;
use crate::support::{KEY_NAMES, hex, test_key, unhex};
use coinless_protocol::issuers::OperationalKeys;
use serde::{Deserialize, Serialize};

/// Operational keys by the names of test keys, and in bytes.
#[derive(Serialize, Deserialize)]
pub struct OperationalKeysVector {
    pub name: String,
    pub keys: Vec<String>,
    pub content: String,
    pub content_bytes: usize,
}

/// The keys with these names.
pub fn keys(names: &[&str]) -> OperationalKeys {
    let keys: Vec<_> = names.iter().map(|name| test_key(name).public()).collect();
    OperationalKeys::new(&keys).unwrap()
}

/// The first operational key, alone.
pub const ONE: [&str; 1] = [KEY_NAMES[0]];
/// The second operational key and the first one, whose tokens are still under way.
pub const TWO: [&str; 2] = [KEY_NAMES[4], KEY_NAMES[0]];

/// The vectors of operational keys.
pub fn vectors() -> Vec<OperationalKeysVector> {
    let vector = |name: &str, names: &[&str]| {
        let content = keys(names).to_bytes().unwrap();
        OperationalKeysVector {
            name: name.into(),
            keys: names.iter().map(|name| name.to_string()).collect(),
            content: hex(&content),
            content_bytes: content.len(),
        }
    };
    let made = vec![vector("one", &ONE), vector("two", &TWO)];
    let about = "Contents of the keys register (rule operational-keys of docs/protocol.cddl): SEC 1 compressed points of the \
                 test keys of these names.";
    check("operational_keys.json", about, made)
}

#[test]
fn operational_keys() {
    for vector in vectors() {
        let names: Vec<_> = vector.keys.iter().map(String::as_str).collect();
        let keys = keys(&names);
        assert_eq!(keys.as_slice().len(), names.len());
        assert_eq!(hex(&keys.to_bytes().unwrap()), vector.content, "{}", vector.name);
        assert_eq!(OperationalKeys::from_bytes(&unhex(&vector.content)), Ok(keys), "{}", vector.name);
    }
}

#[test]
fn one_or_two_different_keys() {
    let [first, second] = TWO.map(|name| test_key(name).public());
    assert_eq!(OperationalKeys::new(&[]), None);
    assert_eq!(OperationalKeys::new(&[first, first]), None);
    assert_eq!(OperationalKeys::new(&[first, second, test_key(KEY_NAMES[1]).public()]), None);
    assert!(OperationalKeys::new(&[first, second]).is_some());
}
