//! Building the images, and what they hold.

use super::elf::{Elf, Symbol};
use super::toolchain::Toolchain;
use crate::peers::run;
use crate::{root, target_directory};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A processor that images are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// Cortex-M3.
    M3,
    /// Cortex-M0.
    M0,
}

impl Processor {
    /// Both.
    pub const ALL: [Self; 2] = [Self::M3, Self::M0];

    /// The compiler's name for it.
    pub fn target(self) -> &'static str {
        match self {
            Self::M3 => "thumbv7m-none-eabi",
            Self::M0 => "thumbv6m-none-eabi",
        }
    }

    /// What QEMU is told.
    pub fn machine(self) -> &'static [&'static str] {
        match self {
            Self::M3 => &["-machine", "lm3s6965evb", "-cpu", "cortex-m3"],
            Self::M0 => &["-machine", "microbit"],
        }
    }
}

/// How panics are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panics {
    /// They stop the processor at once and leave nothing in the image.
    Immediate,
    /// They go the ordinary way, so that it can be seen what might panic.
    Ordinary,
}

/// Builds the programs `names`; gives the folder where they are.
///
/// # Errors
/// What the compiler says.
pub fn build(toolchain: &Toolchain, processor: Processor, panics: Panics, names: &[&str]) -> Result<PathBuf, String> {
    let immediate = panics == Panics::Immediate;
    let target = target_directory().join(toolchain.folder()).join(if immediate { "image" } else { "panics" });
    let mut cargo = toolchain.cargo(&root().join("firmware"));
    cargo
        .args(["build", "--quiet", "--release", "--locked", "--target", processor.target(), "--target-dir"])
        .arg(&target);
    cargo.args(names.iter().flat_map(|name| ["--bin", name]));
    if !immediate {
        cargo.env("RUSTFLAGS", "-Clink-arg=-Tlink.x -Clink-arg=--nmagic");
    }
    let output = cargo.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(target.join(processor.target()).join("release"))
}

/// QEMU's program for Arm: from PATH, or, as root on Debian, installed.
///
/// # Errors
/// What is missing, in words.
pub fn qemu() -> Result<PathBuf, String> {
    const QEMU: &str = "qemu-system-arm";
    if let Some(program) = crate::peers::in_path(QEMU) {
        return Ok(program);
    }
    crate::peers::apt_install(QEMU).map_err(|error| format!("{QEMU} is not installed; {error}"))?;
    crate::peers::in_path(QEMU).ok_or_else(|| format!("{QEMU} is not in PATH"))
}

/// What QEMU calls itself.
///
/// # Errors
/// If it does not run.
pub fn qemu_version() -> Result<String, String> {
    let version = run(std::process::Command::new(qemu()?).arg("--version"))?;
    let word = version.split_whitespace().skip_while(|word| *word != "version").nth(1).unwrap_or("?");
    Ok(format!("QEMU {word}"))
}

/// What an image holds of panics: functions of the standard library that panic or format, and texts that say so. Empty if it
/// is as it must be.
pub fn panic_remains(elf: &Elf) -> BTreeSet<String> {
    let suspicious = |name: &str| name.contains("panicking") || name.contains("core::fmt");
    let mut remains: BTreeSet<_> =
        elf.symbols.iter().map(|symbol| symbol.name.clone()).filter(|name| suspicious(name)).collect();
    for section in elf.sections.iter().filter(|section| section.loaded) {
        for text in texts(&section.bytes) {
            // Places in source files go with panics.
            if text.contains("panicked at") || text.contains(".rs") || text.contains("unwrap()") {
                remains.insert(format!("the text '{text}'"));
            }
        }
    }
    remains
}

/// Texts of at least 6 printable characters.
fn texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    let printable = |byte: &u8| (0x20..0x7f).contains(byte);
    let runs = bytes.split(move |byte| !printable(byte)).filter(|run| run.len() >= 6);
    runs.map(|run| String::from_utf8_lossy(run).into_owned())
}

/// The functions that call one of the standard library's that panics, as they are in an image built with [`Panics::Ordinary`]:
/// found by the branches in their instructions (Armv7-M Architecture Reference Manual, A7.7.12 and A7.7.18).
pub fn callers_of_panics(elf: &Elf) -> BTreeSet<String> {
    let panics: Vec<u32> = elf.symbols.iter().filter(|s| s.code && is_panic(&s.name)).map(|s| s.address).collect();
    let functions = elf.symbols.iter().filter(|symbol| symbol.code && !is_panic(&symbol.name));
    let panicking = functions.filter(|function| {
        let code = code_of(elf, function);
        branches(&code, function.address).any(|to| panics.contains(&to))
    });
    panicking.map(|function| function.name.clone()).collect()
}

fn is_panic(name: &str) -> bool {
    ["core::panicking", "core::slice::index::slice_", "core::option::unwrap_failed", "core::option::expect_failed"]
        .iter()
        .any(|prefix| name.contains(prefix))
        || name.contains("core::result::unwrap_failed")
        || name.contains("core::str::slice_error_fail")
}

fn code_of(elf: &Elf, function: &Symbol) -> Vec<u8> {
    let holds = |s: &&super::elf::Section| {
        s.loaded && s.address <= function.address && function.address < s.address.saturating_add(s.size)
    };
    let section = elf.sections.iter().find(holds);
    let bytes = section.and_then(|section| {
        let from = (function.address - section.address) as usize;
        section.bytes.get(from..from + function.size as usize)
    });
    bytes.unwrap_or_default().to_vec()
}

/// Where the 32-bit branches in `code` at `address` go to (BL, and B.W as a tail call has it). Other words that look like one
/// go to nowhere in particular.
fn branches(code: &[u8], address: u32) -> impl Iterator<Item = u32> {
    let halves: Vec<u32> = code.chunks_exact(2).map(|half| u32::from(u16::from_le_bytes([half[0], half[1]]))).collect();
    let pairs: Vec<_> = halves.windows(2).map(|pair| (pair[0], pair[1])).collect();
    (address..).step_by(2).zip(pairs).filter_map(|(at, (high, low))| {
        let branch = high & 0xf800 == 0xf000 && (low & 0xd000 == 0xd000 || low & 0xd000 == 0x9000);
        branch.then(|| {
            let (s, j1, j2) = (high >> 10 & 1, low >> 13 & 1, low >> 11 & 1);
            let (i1, i2) = (1 ^ j1 ^ s, 1 ^ j2 ^ s);
            let offset = s << 24 | i1 << 23 | i2 << 22 | (high & 0x3ff) << 12 | (low & 0x7ff) << 1;
            // 25 bits, signed.
            let offset = ((offset << 7) as i32) >> 7;
            at.wrapping_add(4).wrapping_add_signed(offset)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_go_where_the_manual_says() {
        // bl to itself, bl 0x100 further, b.w 4 back.
        let code = [0xff, 0xf7, 0xfe, 0xff, 0x00, 0xf0, 0x7e, 0xf8, 0xff, 0xf7, 0xfc, 0xbf, 0x70, 0x47];
        let found: Vec<_> = branches(&code, 0x1000).collect();
        assert_eq!(found, [0x1000, 0x1104, 0x1004]);
    }

    #[test]
    fn panic_texts_are_found() {
        let section = |bytes: &[u8], loaded| super::super::elf::Section {
            name: ".rodata".into(),
            address: 0,
            size: bytes.len() as u32,
            loaded,
            bytes: bytes.to_vec(),
        };
        let elf = |bytes: &[u8], loaded| Elf { sections: vec![section(bytes, loaded)], symbols: Vec::new() };
        assert!(panic_remains(&elf(b"\0crates/meter\0valve\0", true)).is_empty());
        assert_eq!(panic_remains(&elf(b"\0src/lib.rs\0", true)).len(), 1);
        assert!(panic_remains(&elf(b"\0src/lib.rs\0", false)).is_empty(), "debug information takes no flash");
    }
}
