//! The app as WebAssembly.

use crate::firmware::toolchain::Toolchain;
use crate::root;
use std::path::{Path, PathBuf};

/// What the app is compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the app below `place`; gives the WebAssembly file.
///
/// # Errors
/// What is missing or what the compiler says.
pub fn compile(place: &Path) -> Result<PathBuf, String> {
    let toolchain = Toolchain::find_for_web(TARGET)?;
    // Two compilers in one folder would throw each other's work away.
    let folder = if toolchain.is_own() { place.to_owned() } else { place.join("debian") };
    let mut cargo = toolchain.cargo_for_web(&root());
    cargo.args(["build", "--quiet", "--package", "coinless-app", "--target", TARGET, "--profile", "app", "--locked"]);
    cargo.args(toolchain.web_arguments()).arg("--target-dir").arg(&folder);
    let status = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        Ok(folder.join(TARGET).join("app/coinless-app.wasm"))
    } else {
        Err(format!("the app does not compile with {}", toolchain.name))
    }
}
