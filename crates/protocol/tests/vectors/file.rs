//! One file of vectors.

use crate::support::{KEY_NAMES, hex, test_key, unhex_array};
use coinless_protocol::keys::PublicKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The content of a file of vectors.
#[derive(Serialize, Deserialize)]
pub struct VectorFile<T> {
    /// What the vectors are.
    pub about: String,
    /// The vectors.
    pub vectors: Vec<T>,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(name)
}

/// Compares the vectors that this code makes with file `name`, to the last character, and returns those of the file. With
/// `COINLESS_WRITE_VECTORS=1` the file is written first.
pub fn check<T: Serialize + DeserializeOwned>(name: &str, about: &str, vectors: Vec<T>) -> Vec<T> {
    let made = serde_json::to_string_pretty(&VectorFile { about: about.into(), vectors }).unwrap() + "\n";
    if std::env::var_os("COINLESS_WRITE_VECTORS").is_some() {
        // Other tests read the file at this moment: it is replaced, never half written.
        let new = path(&format!(".{name}.{:?}", std::thread::current().id()));
        std::fs::write(&new, &made).unwrap();
        std::fs::rename(&new, path(name)).unwrap();
    }
    let found = std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("vectors/{name}: {e}"));
    if let Some((line, (found, made))) = found.lines().zip(made.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("vectors/{name}:{}: the file has\n{found}\nand the code makes\n{made}", line + 1);
    }
    assert_eq!(found.lines().count(), made.lines().count(), "vectors/{name}: another number of lines");
    serde_json::from_str::<VectorFile<T>>(&found).unwrap().vectors
}

/// One test key.
#[derive(Serialize, Deserialize)]
struct KeyVector {
    name: String,
    test_secret: String,
    public: String,
    hash: String,
    hint: String,
}

#[test]
fn keys() {
    let made = KEY_NAMES.map(|name| {
        let key = test_key(name);
        KeyVector {
            name: name.into(),
            test_secret: hex(&key.secret),
            public: hex(&key.public().to_sec1()),
            hash: hex(&key.hash().0),
            hint: hex(&key.hash().hint().0),
        }
    });
    let about = "TEST KEYS, known to everybody: never use them. P-256; test_secret is SHA-256 of the name, public the SEC 1 \
                 point, hash the RFC 9679 thumbprint, hint its first 4 bytes.";
    for key in check("keys.json", about, made.into()) {
        let public = PublicKey::from_sec1(&unhex_array::<65>(&key.public)).unwrap();
        assert_eq!(hex(&public.hash().0), key.hash);
        assert_eq!(hex(&public.hash().hint().0), key.hint);
    }
}
