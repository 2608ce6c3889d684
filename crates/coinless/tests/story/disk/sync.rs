//! Writing what was written through to the disk fails (fsync), when everything before it went well.

use super::{MOST, buy_all_at_once, check, ended, is_left_out, start_command};
use crate::setting::{GAS, desk};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each buys before it fails.
const BEFORE: usize = 2;

#[test]
fn a_failed_sync_loses_nothing_that_was_acknowledged() {
    // SQLITE_IOERR_FSYNC
    fail_and_check("/station.db", "station cannot be read or written: disk I/O error (SQLite result code 1034)");
}

#[test]
fn a_failed_sync_of_the_signer_loses_nothing_that_was_acknowledged() {
    fail_and_check("/keys/", "keys cannot be read or written: disk I/O error (SQLite result code 1034)");
}

/// Lets the syncs of all files with `of` in their path fail while people buy; the station ends with these words.
fn fail_and_check(of: &str, words: &str) {
    if is_left_out(false) {
        return;
    }
    let (desk, folder) = desk();
    let Some(library) = library(folder.path()) else { return };
    desk.new_meter(GAS, "gas", &[]).unwrap();
    let (complaints, broken) = (folder.path().join("complaints"), folder.path().join("broken"));
    let mut command = desk.station_command("127.0.0.1:0", &[]);
    command.env("LD_PRELOAD", library).env("BROKEN", &broken).env("BROKEN_FILES", of);
    let mut station = start_command(&desk, command, &complaints);
    let mut told = buy_all_at_once(&station.address(), BEFORE);
    assert!(told.iter().all(|told| told.accepted), "{told:?}");
    File::create(broken).unwrap();
    told.extend(buy_all_at_once(&station.address(), MOST));
    let said = ended(&mut station, &complaints);
    assert!(said.contains(words), "{said}");
    check(&desk, &told);
}

/// The library whose fsync fails. None if there is no C compiler; then the test is skipped, except in CI.
fn library(folder: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/story/disk/sync.c");
    let library = folder.join("libsync.so");
    match Command::new("cc").args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(source).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(fs::metadata(&library).is_ok());
            Some(library)
        }
        Err(error) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must have a C compiler: {error}");
            println!("skipped: no C compiler: {error}");
            None
        }
    }
}
