//! The mark beside a key that has signed: which database knows of it, and at least how many tokens that one must hold. A
//! database that is missing or older than the mark is noticed, and does not quietly begin to count from nothing.

use super::OpenError;
use super::seal::{self, Life};
use crate::keys::files;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Tokens after which the mark is written anew.
pub(super) const MARK_EVERY: u64 = 64;

const NAME: &str = "signed.json";

/// What the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The life of the database.
    pub(super) life: Life,
    /// How many tokens it held at least.
    pub(super) signed: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkFile {
    life: String,
    signed: u64,
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// The mark in a key folder, if it has one.
pub(super) fn read(folder: &Path) -> Result<Option<Mark>, OpenError> {
    let path = path(folder);
    let Some(bytes) = seal::read_small(&path)? else { return Ok(None) };
    let file: Option<MarkFile> = serde_json::from_slice(&bytes).ok();
    let mark = file.and_then(|file| Some(Mark { life: file.life.parse().ok()?, signed: file.signed }));
    mark.map(Some).ok_or(OpenError::Mark(path))
}

/// Writes the mark, durably.
pub(super) fn write(folder: &Path, mark: Mark) -> Result<(), OpenError> {
    let file = MarkFile { life: mark.life.to_string(), signed: mark.signed };
    let text = serde_json::to_string(&file).map_err(|_| OpenError::Mark(path(folder)))?;
    Ok(files::write_whole(&path(folder), &text)?)
}
