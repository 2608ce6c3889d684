//! Rules that neither the compiler nor clippy knows.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Most lines of a file that people write. (`Cargo.lock` and `*.json` are written by programs; an API's description in
/// `*.openapi.yaml` is one file, since the tools of its readers take one.)
const MAX_LINES: usize = 800;

/// What no Rust file may have. Written in two parts, since this file is one too.
const UNFINISHED: [&str; 4] =
    [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("d", "bg!("), concat!("FIX", "ME")];

/// Paths of somebody's machine, which no file may have.
const MACHINE_PATHS: [&str; 2] = [concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Checks every file that git tracks or would track.
///
/// # Errors
/// One line for each breach.
pub fn check(root: &Path) -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().map_err(|error| format!("cannot run git: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let mut files = 0;
    let mut breaches = Vec::new();
    for name in names.split_terminator('\0') {
        // A file may be deleted and not yet committed, or not be text.
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        files += 1;
        breaches.extend(breaches_of(name, &text));
    }
    if breaches.is_empty() { Ok(format!("{files} files")) } else { Err(breaches.join("\n")) }
}

fn breaches_of(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let is_long = name.ends_with("Cargo.lock") || name.ends_with(".json") || name.ends_with(".openapi.yaml");
    let lines = text.lines().count();
    if lines > MAX_LINES && !is_long {
        breaches.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
    }
    for (number, line) in text.lines().enumerate() {
        let mut forbid = |word: &str| {
            if line.contains(word) {
                breaches.push(format!("{name}:{}: {word}", number + 1));
            }
        };
        MACHINE_PATHS.into_iter().for_each(&mut forbid);
        if name.ends_with(".rs") {
            UNFINISHED.into_iter().for_each(&mut forbid);
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaches_are_found() {
        for word in UNFINISHED {
            assert_eq!(breaches_of("a/b.rs", &format!("fn a() {{\n    {word})\n}}")), [format!("a/b.rs:2: {word}")]);
            assert!(breaches_of("a/b.md", word).is_empty());
        }
        for path in MACHINE_PATHS {
            assert_eq!(breaches_of("x.json", &format!("\"{path}x\"")), [format!("x.json:1: {path}")]);
        }
        let long = "x\n".repeat(MAX_LINES + 1);
        assert_eq!(breaches_of("x.md", &long), ["x.md: 801 lines, more than 800"]);
        assert!(breaches_of("x.md", &"x\n".repeat(MAX_LINES)).is_empty());
        assert!(breaches_of("vectors/x.json", &long).is_empty());
    }
}
