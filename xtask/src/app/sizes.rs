//! How big the app is.

use super::bundle::{MESSAGES, PAGE};
use super::names::files;
use std::fmt;
use std::fs;
use std::path::Path;

/// What a first visit may load, compressed with Brotli, in bytes. It is twice the aim of [`AIM_FIRST_LOAD_BYTES`], and may only fall.
pub const MOST_FIRST_LOAD_BYTES: u64 = 530_000;
/// What it is to come down to.
const AIM_FIRST_LOAD_BYTES: u64 = 250_000;
/// The language that is counted for the first load.
const LANGUAGE: &str = "en.";

/// The sizes of the app's files.
pub struct Sizes(Vec<Size>);

struct Size {
    name: String,
    bytes: u64,
    gzip_bytes: u64,
    brotli_bytes: u64,
    is_first: bool,
}

/// Measures the files below `folder`, each of which has two compressed ones beside it.
///
/// # Errors
/// What cannot be read.
pub fn measure(folder: &Path) -> Result<Sizes, String> {
    let len = |name: &str| {
        let path = folder.join(name);
        fs::metadata(&path).map(|found| found.len()).map_err(|error| format!("{}: {error}", path.display()))
    };
    let names = files(folder)?.into_iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz"));
    let sizes = names.map(|name| {
        let (gzip_bytes, brotli_bytes) = (len(&format!("{name}.gz"))?, len(&format!("{name}.br"))?);
        Ok(Size { bytes: len(&name)?, gzip_bytes, brotli_bytes, is_first: is_first(&name), name })
    });
    sizes.collect::<Result<_, String>>().map(Sizes)
}

/// Whether a first visit cannot do without the file `name`.
fn is_first(name: &str) -> bool {
    let Some(name) = name.strip_prefix("app/") else { return name == PAGE };
    match name.strip_prefix(MESSAGES) {
        Some(language) => language.starts_with(LANGUAGE),
        None => [".css", ".js", ".wasm"].iter().any(|ending| name.ends_with(ending)),
    }
}

impl Sizes {
    /// What a first visit loads, compressed with Brotli, in bytes.
    pub fn first_load_bytes(&self) -> u64 {
        self.0.iter().filter(|size| size.is_first).map(|size| size.brotli_bytes).sum()
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|size| size.name.len()).max().unwrap_or(0);
        writeln!(formatter, "{:<width$} {:>9} {:>9} {:>9}", "file", "bytes", "gzip", "brotli")?;
        for Size { name, bytes, gzip_bytes, brotli_bytes, is_first } in &self.0 {
            let first = if *is_first { "  first load" } else { "" };
            writeln!(formatter, "{name:<width$} {bytes:>9} {gzip_bytes:>9} {brotli_bytes:>9}{first}")?;
        }
        let first = self.first_load_bytes();
        writeln!(
            formatter,
            "{:<width$} {:>9} {:>9} {first:>9}  of {MOST_FIRST_LOAD_BYTES} (aim {AIM_FIRST_LOAD_BYTES})",
            "first load", "", ""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_visit_loads_the_page_the_program_and_one_language() {
        let first = ["index.html", "app/style.0a.css", "app/x.1.js", "app/x_bg.2.wasm", "app/messages/en.3.ftl"];
        assert!(first.into_iter().all(is_first));
        assert!(
            !["sw.js", "manifest.webmanifest", "app/messages/sw.4.ftl", "app/icons/a.5.svg"].into_iter().any(is_first)
        );
    }
}
