//! Every kept input of every target, and every byte string of the vectors, on any toolchain.

use coinless_fuzz::{TARGETS, run, seeds};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Most bytes of all corpora together.
const MAX_CORPORA_BYTES: u64 = 300 * 1024;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn names(folder: &str, strip: &str) -> BTreeSet<String> {
    let paths = files(&root().join(folder));
    let names = paths.iter().filter_map(|path| path.file_name());
    names.map(|name| name.to_string_lossy().trim_end_matches(strip).to_string()).collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_string()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names("fuzz/fuzz_targets", ".rs"), targets);
    assert_eq!(names("fuzz/corpus", ""), targets);
}

#[test]
fn corpora_are_small() {
    let inputs = TARGETS.iter().flat_map(|target| files(&root().join("fuzz/corpus").join(target.name)));
    let bytes: u64 = inputs.map(|input| fs::metadata(input).unwrap().len()).sum();
    assert!(bytes <= MAX_CORPORA_BYTES, "{bytes} bytes: minimise them with `cargo xtask fuzz`");
}

#[test]
fn every_kept_input_passes() {
    for target in TARGETS {
        let inputs = files(&root().join("fuzz/corpus").join(target.name));
        assert!(!inputs.is_empty(), "{}", target.name);
        for path in inputs {
            let bytes = fs::read(&path).unwrap();
            std::panic::catch_unwind(|| run(target.name, &bytes)).unwrap_or_else(|_| panic!("{}", path.display()));
        }
    }
}

#[test]
fn every_seed_passes() {
    for target in TARGETS {
        let seeds = seeds::seeds(target.name, &root().join("vectors")).unwrap();
        assert!(seeds.len() > 20, "{}", target.name);
        seeds.iter().for_each(|seed| run(target.name, seed));
    }
}
