//! A small disk: a tmpfs in a mount namespace that only those see who enter it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// It goes with the last process in its namespace.
pub struct SmallDisk {
    folder: TempDir,
    place: PathBuf,
    holder: Child,
    enter: Vec<String>,
}

impl SmallDisk {
    /// Mounts a disk of `kib` KiB in the folder `place` of a desk, with this `mode`. None if this machine gives nobody a mount
    /// namespace; then the test is skipped, except in CI.
    pub fn mount(place: &str, kib: u32, mode: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("desk").join(place);
        fs::create_dir_all(&place).unwrap();
        // As root, or as whoever is root in a user namespace of his own.
        for (unshare, enter) in [("-m", "-m"), ("-rm", "-U --preserve-credentials -m")] {
            let mut holder = Command::new("unshare")
                .args([unshare, "sh", "-c"])
                .arg(format!("mount -t tmpfs -o size={kib}k,mode={mode} tmpfs \"$0\" && echo mounted && exec cat"))
                .arg(&place)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            if line == "mounted\n" {
                let enter = format!("nsenter -t {} {enter} --", holder.id()).split(' ').map(str::to_owned).collect();
                return Some(Self { folder, place, holder, enter });
            }
            holder.wait().unwrap();
        }
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must be able to make a mount namespace");
        println!("skipped: no mount namespace can be made here");
        None
    }

    /// A folder beside the desk, which everybody sees.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The desk's folder.
    pub fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    /// Where the disk is mounted.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The words that lead there, before those of a program.
    pub fn enter(&self) -> &[String] {
        &self.enter
    }

    /// The program `coinless`, which is run where the disk is.
    pub fn program(&self) -> PathBuf {
        // Written by another process: a file that this one has open for writing cannot be run.
        let script = self.folder.path().join("coinless");
        let write = "printf '#!/bin/sh\\nexec %s %s \"$@\"\\n' \"$1\" \"$2\" >\"$0\" && chmod +x \"$0\"";
        let (enter, binary) = (self.enter.join(" "), env!("CARGO_BIN_EXE_coinless"));
        let made = Command::new("sh").args(["-c", write]).arg(&script).args([&enter, binary]).status().unwrap();
        assert!(made.success());
        script
    }

    /// Fills it but for `room_kib` KiB.
    pub fn fill(&self, room_kib: u32) {
        self.inside(&format!("dd if=/dev/zero of=filler bs=1024; truncate -s -{room_kib}K filler"));
    }

    /// Frees what [`SmallDisk::fill`] took.
    pub fn free(&self) {
        self.inside("rm filler");
    }

    /// Runs a shell command where the disk is mounted.
    fn inside(&self, command: &str) {
        let (first, more) = self.enter.split_first().unwrap();
        let words = ["sh", "-c", &format!("cd \"$0\" && {{ {command}; }}")];
        let output = Command::new(first).args(more).args(words).arg(&self.place).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
