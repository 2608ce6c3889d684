//! Building the images, and what they hold.

use super::elf::Elf;
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

/// Builds the programs `names`; gives the folder where they are.
///
/// # Errors
/// What the compiler says.
pub fn build(toolchain: &Toolchain, processor: Processor, names: &[&str]) -> Result<PathBuf, String> {
    let target = target_directory().join(toolchain.folder()).join("image");
    let mut cargo = toolchain.cargo(&root().join("firmware"));
    cargo
        .args(["build", "--quiet", "--release", "--locked", "--target", processor.target(), "--target-dir"])
        .arg(&target);
    cargo.args(names.iter().flat_map(|name| ["--bin", name]));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_texts_are_found() {
        let section = |bytes: &[u8], loaded| super::super::elf::Section {
            name: ".rodata".into(),
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
