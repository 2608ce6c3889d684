//! How big the app is.

use super::bundle::{MESSAGES, PAGE, Parts, SCRIPT, WASM};
use super::names::files;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// What a first visit may load until its page is shown, compressed with Brotli, in bytes.
pub const MOST_FIRST_LOAD_BYTES: u64 = 250_000;
/// Where first visits begin, and the parts of the program that their screens need (`app/src/part.rs`): the address by itself, a
/// meter's label, and an order's link, which leads the phone that paid, or one that takes its place, to an order that must be
/// fetched first.
const PAGES: [(&str, &[&str]); 3] = [("home", &["home"]), ("a meter", &["meter"]), ("an order", &["order", "fetch"])];
/// What every page loads besides its program, by the names without a hash.
const ALWAYS: [&str; 5] = ["manifest.webmanifest", "style.css", "icons/icon.svg", SCRIPT, WASM];
/// The language that is counted for the first load.
const LANGUAGE: &str = "en.";

/// The sizes of the app's files.
pub struct Sizes {
    files: BTreeMap<String, Size>,
    /// What the first visit of each of [`PAGES`] loads, compressed with Brotli, in bytes.
    first: Vec<u64>,
}

struct Size {
    bytes: u64,
    gzip_bytes: u64,
    brotli_bytes: u64,
    /// The first visits that load it, as letters.
    first: String,
}

/// Measures the files below `folder`, each of which has two compressed ones beside it; `parts` are those of the program.
///
/// # Errors
/// What cannot be read, or a part that is not there.
pub fn measure(folder: &Path, parts: &Parts) -> Result<Sizes, String> {
    let len = |name: &str| {
        let path = folder.join(name);
        fs::metadata(&path).map(|found| found.len()).map_err(|error| format!("{}: {error}", path.display()))
    };
    let of = |part: &&str| parts.get(*part).ok_or_else(|| format!("the program has no part {part}"));
    let of_all = |(_, names): (&str, &[&str])| names.iter().map(of).collect::<Result<Vec<_>, _>>();
    let pages = PAGES.into_iter().map(of_all).collect::<Result<Vec<_>, _>>()?;
    let (mut measured, mut first) = (BTreeMap::new(), vec![0; pages.len()]);
    for name in files(folder)?.into_iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")) {
        let (gzip_bytes, brotli_bytes) = (len(&format!("{name}.gz"))?, len(&format!("{name}.br"))?);
        let mut size = Size { bytes: len(&name)?, gzip_bytes, brotli_bytes, first: String::new() };
        for ((needs, sum), (page, _)) in pages.iter().zip(&mut first).zip(PAGES) {
            if is_first(&name, needs) {
                *sum += brotli_bytes;
                size.first.extend([if size.first.is_empty() { "" } else { ", " }, page]);
            }
        }
        measured.insert(name, size);
    }
    Ok(Sizes { files: measured, first })
}

/// Whether the first visit of a page that needs the parts `needs` of the program loads the file `name`.
fn is_first(name: &str, needs: &[&Vec<String>]) -> bool {
    let Some(name) = name.strip_prefix("app/") else { return name == PAGE || ALWAYS.contains(&name) };
    match name.strip_prefix(MESSAGES) {
        Some(language) => language.starts_with(LANGUAGE),
        None => {
            ALWAYS.contains(&without_hash(name).as_str())
                || needs.iter().any(|part| part.iter().any(|needed| needed == name))
        }
    }
}

/// The name that a file has before its hash is put in: `icons/a.0123456789abcdef.svg` was `icons/a.svg`.
fn without_hash(name: &str) -> String {
    let mut parts: Vec<_> = name.split('.').collect();
    if parts.len() > 2 {
        parts.remove(parts.len() - 2);
    }
    parts.join(".")
}

impl Sizes {
    /// What the first visit of the page that needs most loads, compressed with Brotli, in bytes.
    pub fn first_load_bytes(&self) -> u64 {
        self.first.iter().copied().max().unwrap_or(0)
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.files.keys().map(String::len).max().unwrap_or(0);
        writeln!(formatter, "{:<width$} {:>9} {:>9} {:>9}  loaded first by", "file", "bytes", "gzip", "brotli")?;
        for (name, Size { bytes, gzip_bytes, brotli_bytes, first }) in &self.files {
            writeln!(formatter, "{name:<width$} {bytes:>9} {gzip_bytes:>9} {brotli_bytes:>9}  {first}")?;
        }
        for (bytes, (page, _)) in self.first.iter().zip(PAGES) {
            let words = format!("first load of {page}");
            writeln!(formatter, "{words:<width$} {:>9} {:>9} {bytes:>9}  of {MOST_FIRST_LOAD_BYTES}", "", "")?;
        }
        let all: u64 = self.files.values().map(|size| size.brotli_bytes).sum();
        writeln!(formatter, "{:<width$} {:>9} {:>9} {all:>9}", "all of it", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_visit_loads_the_page_the_program_with_what_it_needs_and_one_language() {
        let needs = vec!["split_meter.0a.wasm".to_owned()];
        let first = ["index.html", "manifest.webmanifest", "app/style.0a.css", "app/coinless-app.1.js"];
        assert!(first.into_iter().all(|name| is_first(name, &[&needs])));
        let first = ["app/coinless-app_bg.2.wasm", "app/messages/en.3.ftl", "app/split_meter.0a.wasm"];
        assert!(first.into_iter().all(|name| is_first(name, &[&needs])));
        let not = ["sw.js", "app/messages/sw.4.ftl", "app/icons/large.5.png", "app/split_more.6.wasm"];
        assert!(!not.into_iter().any(|name| is_first(name, &[&needs])));
    }
}
