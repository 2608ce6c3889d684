//! `cargo xtask panics`: whatever the protocol and the meter core are given, they do not panic.
//!
//! The library of `tests/panics` is built for thumbv7m without link-time optimisation. Every function of the two crates is a
//! root, and so is every function of `tests/panics`, where their generic ones are made. Wherever something may panic, the
//! compiler has put a constant that says where in the source that is. None that the roots reach, directly or through tables
//! of functions, may lie in the two crates; those in the code of others must be named in `tests/panics/allowed.txt`, each with
//! the reason why it never comes to it.

mod code;

use crate::firmware::toolchain::Toolchain;
use crate::peers::run;
use crate::{root, target_directory};
use code::{Code, Node};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::path::Path;

const TARGET: &str = "thumbv7m-none-eabi";

/// Whose functions are roots.
const OURS: [&str; 3] = ["coinless_protocol", "coinless_meter", "coinless_panics"];

/// What the analysis came to.
#[derive(Debug, Default)]
struct Found {
    /// Functions that were looked at.
    functions: usize,
    /// By file where a panic is written: the lines, and for the first the path of functions to a root.
    places: BTreeMap<String, (BTreeSet<u32>, Vec<String>)>,
    /// Functions that refer to a panic and to no place.
    nowhere: BTreeSet<String>,
}

/// Builds and looks through the library.
///
/// # Errors
/// Every function that can panic and is not allowed to, and every allowance that nothing needs.
pub fn check() -> Result<String, String> {
    let folder = root().join("tests/panics");
    // The workspace's own versions.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(|error| error.to_string())?;
    let toolchain = Toolchain::find()?;
    let target = target_directory().join(toolchain.folder()).join("panics");
    run(toolchain.cargo(&folder).args(["build", "--quiet", "--release", "--target-dir"]).arg(&target))?;
    let library = target.join(TARGET).join("release/libcoinless_panics.a");
    let bytes = fs::read(&library).map_err(|error| format!("{}: {error}", library.display()))?;
    let found = Found::in_code(&Code::read(&bytes)?);
    judge(&found, &Allowed::read(&folder.join("allowed.txt"))?)
}

fn judge(found: &Found, allowed: &Allowed) -> Result<String, String> {
    let mut wrong = Vec::new();
    for (file, (lines, path)) in &found.places {
        if !allowed.files.contains_key(file) {
            let lines: Vec<_> = lines.iter().map(u32::to_string).collect();
            wrong.push(format!("{file}: a panic in line {}, in\n    {}", lines.join(", "), path.join("\n    by ")));
        }
    }
    wrong.extend(found.nowhere.iter().map(|function| format!("{function}: a panic")));
    let unused = allowed.files.keys().filter(|file| !found.places.contains_key(*file));
    wrong.extend(unused.map(|file| format!("allowed.txt: nothing in {file} may panic any more")));
    let places: usize = found.places.values().map(|(lines, _)| lines.len()).sum();
    if wrong.is_empty() {
        return Ok(format!("{} functions; {places} panics in code of others never happen", found.functions));
    }
    Err(wrong.join("\n"))
}

/// Files of others where panics are written, with the reason why it never comes to them.
#[derive(Debug, Default)]
struct Allowed {
    files: BTreeMap<String, String>,
}

impl Allowed {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// A line holds a file; the indented ones after it hold the reason. `#` begins a comment.
    fn parse(text: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        let mut last = None;
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            match (line.strip_prefix("    "), &last) {
                (None, _) => {
                    allowed.files.insert(line.trim().into(), String::new());
                    last = Some(line.trim().to_string());
                }
                (Some(reason), Some(name)) => allowed.files.entry(name.clone()).or_default().push_str(reason),
                (Some(_), None) => return Err(format!("a reason without a file: {line}")),
            }
        }
        match allowed.files.iter().find(|(_, reason)| reason.is_empty()) {
            Some((name, _)) => Err(format!("{name} is allowed without a reason")),
            None => Ok(allowed),
        }
    }
}

impl Found {
    fn in_code(code: &Code) -> Self {
        let is_root = |node: &Node| OURS.contains(&node.krate.as_str()) && !node.name.is_empty();
        let mut queue: VecDeque<usize> = (0..code.nodes.len()).filter(|at| is_root(&code.nodes[*at])).collect();
        let mut from: HashMap<usize, usize> = queue.iter().map(|at| (*at, *at)).collect();
        let mut found = Self::default();
        while let Some(at) = queue.pop_front() {
            let node = &code.nodes[at];
            found.functions += usize::from(!node.name.is_empty());
            let places: Vec<_> = node.to.iter().filter_map(|next| code.place(*next)).collect();
            let panics = node.to.iter().any(|next| is_panic(&code.nodes[*next].name));
            // In core itself a place is often an argument, which says where the caller is.
            let in_core = node.krate == "core" || is_panic(&node.name);
            if panics && places.is_empty() && !in_core {
                found.nowhere.insert(node.name.clone());
            }
            for place in places {
                let entry =
                    found.places.entry(short(&place.file)).or_insert_with(|| (BTreeSet::new(), path(code, &from, at)));
                entry.0.insert(place.line);
            }
            for next in &node.to {
                if !from.contains_key(next) {
                    from.insert(*next, at);
                    queue.push_back(*next);
                }
            }
        }
        found
    }
}

/// A file by its crate: `ecdsa/src/lib.rs`, whatever machine and version it is on.
fn short(file: &str) -> String {
    if let Some((_, file)) = file.rsplit_once("/library/") {
        return file.into();
    }
    let parts: Vec<&str> = file.split('/').collect();
    match parts.iter().rposition(|part| *part == "src") {
        Some(at) if at > 0 => {
            let krate = parts[at - 1];
            let version = krate.rfind('-').filter(|at| krate[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
            format!("{}/{}", &krate[..version.unwrap_or(krate.len())], parts[at..].join("/"))
        }
        _ => file.into(),
    }
}

/// The named functions from `at` back to a root.
fn path(code: &Code, from: &HashMap<usize, usize>, at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut here = at;
    loop {
        if !code.nodes[here].name.is_empty() {
            names.push(code.nodes[here].name.clone());
        }
        match from.get(&here) {
            Some(before) if *before != here => here = *before,
            _ => return names,
        }
    }
}

/// Whether a function only panics.
fn is_panic(name: &str) -> bool {
    name.starts_with("core::panicking::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_crate() {
        for (file, name) in [
            ("/x/registry/src/index-1/ecdsa-0.16.9/src/lib.rs", "ecdsa/src/lib.rs"),
            ("/x/registry/src/index-1/crypto-bigint-0.5.5/src/uint/add.rs", "crypto-bigint/src/uint/add.rs"),
            ("/rustc/0123/library/core/src/slice/memchr.rs", "core/src/slice/memchr.rs"),
            ("/x/crates/protocol/src/token.rs", "protocol/src/token.rs"),
            ("../../crates/meter/src/lib.rs", "meter/src/lib.rs"),
        ] {
            assert_eq!(short(file), name);
        }
    }

    #[test]
    fn a_panic_is_wrong_unless_its_file_is_allowed_and_an_allowance_unless_it_is_needed() {
        let found = Found {
            functions: 7,
            places: BTreeMap::from([("a/src/lib.rs".into(), (BTreeSet::from([3, 5]), vec!["f".into(), "g".into()]))]),
            nowhere: BTreeSet::new(),
        };
        let judged = |text| judge(&found, &Allowed::parse(text).unwrap());
        assert_eq!(judged("").unwrap_err(), "a/src/lib.rs: a panic in line 3, 5, in\n    f\n    by g");
        assert!(judged("# why\na/src/lib.rs\n    Never.\n").unwrap().contains("2 panics"));
        let unused = judged("a/src/lib.rs\n    Never.\nb/src/lib.rs\n    Never.\n").unwrap_err();
        assert_eq!(unused, "allowed.txt: nothing in b/src/lib.rs may panic any more");
        assert!(Allowed::parse("a/src/lib.rs\n").is_err());
        assert!(Allowed::parse("    Never.\n").is_err());
    }
}
