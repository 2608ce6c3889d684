//! Which process works in a data folder, and which one did before it.
//!
//! A name is new at every start, so that a copied folder does not give two processes one name. It is noted when the claims of the
//! process before it are given up, and before it claims anything: a start that is cut short forgets nobody.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The file in the data folder that holds the name of its newest process.
const FILE: &str = "station.process";
/// Most bytes of a name that is read; a longer one is none of ours.
const MAX_NAME_BYTES: usize = 64;

/// A name for this process: a UUID of version 7.
pub(super) fn name() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The name of the process that was noted last in the folder `data`, if one was. It is dead if the lock of the folder was free.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn last(data: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(data.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => {
            let name = text?.trim().to_owned();
            Ok((!name.is_empty() && name.len() <= MAX_NAME_BYTES).then_some(name))
        }
    }
}

/// Notes the name of the process that holds the lock of the folder `data`, durably.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn note(data: &Path, name: &str) -> io::Result<()> {
    let new = data.join(format!("{FILE}.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{name}")?;
    file.sync_all()?;
    fs::rename(&new, data.join(FILE))?;
    File::open(data)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_knows_the_one_before_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(folder.path()).unwrap(), None);
        let (first, second) = (name(), name());
        assert_ne!(first, second);
        note(folder.path(), &first).unwrap();
        assert_eq!(last(folder.path()).unwrap(), Some(first));
        note(folder.path(), &second).unwrap();
        assert_eq!(last(folder.path()).unwrap(), Some(second));
        fs::write(folder.path().join(FILE), "x".repeat(MAX_NAME_BYTES + 1)).unwrap();
        assert_eq!(last(folder.path()).unwrap(), None);
    }
}
