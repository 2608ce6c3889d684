//! Lets the linker find the memory map of the chip that the emulator has for the target.

use std::env;
use std::path::Path;

fn main() {
    let variable = |name| env::var(name).unwrap_or_default();
    let chip = if variable("TARGET").starts_with("thumbv6m") { "microbit" } else { "lm3s6965evb" };
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")).join("memory").join(chip);
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rerun-if-changed=memory");
}
