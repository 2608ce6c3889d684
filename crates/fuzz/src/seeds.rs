//! Where fuzzing starts: every byte string of `vectors/*.json`, for every target, and a few whole records.

use coinless_meter::State;
use coinless_protocol::Units;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

/// The seeds for the target `name`, from the folder `vectors`.
///
/// # Errors
/// When a file cannot be read or is no JSON.
pub fn seeds(name: &str, vectors: &Path) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(vectors)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            collect(&serde_json::from_slice(&fs::read(path)?)?, name == "label", &mut found);
        }
    }
    match name {
        "state" => {
            let state = |units| State::new(Units::new(units).expect("in range"));
            found.extend([0, 2_000].map(|units| crate::records::written(&state(units))));
        }
        "factory" => found.extend(crate::meter::factories().map(|factory| factory.to_record().to_vec())),
        _ => {}
    }
    Ok(found)
}

/// Collects the byte strings, or with `texts` the texts, of a JSON value.
fn collect(value: &Value, texts: bool, found: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts, found)),
        Value::String(text) if texts => drop(found.insert(text.clone().into_bytes())),
        Value::String(text) => found.extend(unhex(text)),
        _ => {}
    }
}

/// The bytes of hexadecimal text; none if it is something else.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() >= 2 && digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
