//! Names of files with what is in them, so that a browser may keep each file for ever.

use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The start of the SHA-256 of `parts` together, as 16 hexadecimal digits.
pub fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `name` with the hash of what is in it before its ending: `icons/a.svg` as `icons/a.0123456789abcdef.svg`.
pub fn with_hash(name: &str, bytes: &[u8]) -> String {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[start..].find('.').map_or(name.len(), |dot| start + dot);
    format!("{}.{}{}", &name[..dot], hash(&[bytes]), &name[dot..])
}

/// The names of all files below `folder`, in order, with `/` between their parts.
///
/// # Errors
/// What cannot be read.
pub fn files(folder: &Path) -> Result<Vec<String>, String> {
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name().into_string().map_err(|name| format!("{}: no UTF-8", name.display()))?;
        if entry.file_type().map_err(at)?.is_dir() {
            names.extend(files(&entry.path())?.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_in_the_file() {
        let empty = "e3b0c44298fc1c14";
        assert_eq!(with_hash("style.css", b""), format!("style.{empty}.css"));
        assert_eq!(with_hash("a.b/en.ftl", b""), format!("a.b/en.{empty}.ftl"));
        assert_eq!(with_hash("none", b""), format!("none.{empty}"));
        assert_ne!(with_hash("style.css", b"a"), with_hash("style.css", b"b"));
    }
}
