//! The app as WebAssembly.

use super::tools::registries;
use crate::firmware::toolchain::Toolchain;
use crate::root;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the app is compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the app below `place`; gives the WebAssembly file, which can be cut into parts.
///
/// # Errors
/// What is missing or what the compiler says.
pub fn compile(place: &Path) -> Result<PathBuf, String> {
    let (mut cargo, folder, name) = command("build", place)?;
    run(cargo.arg("--locked"), &format!("the app does not compile with {name}"))?;
    Ok(folder.join(TARGET).join("app/coinless-app.wasm"))
}

/// Lets Clippy look at the app, in the folder where it is built.
///
/// # Errors
/// What is missing, or that it found something.
pub fn lint(place: &Path) -> Result<(), String> {
    let (mut cargo, ..) = command("clippy", place)?;
    run(cargo.args(["--locked", "--", "-D", "warnings"]), "Clippy found something in the app")
}

/// Cargo that does `what` with the app below `place`; the folder where it puts what it makes; and the compiler's name.
fn command(what: &str, place: &Path) -> Result<(Command, PathBuf, String), String> {
    let toolchain = Toolchain::find_for_web(TARGET)?;
    // Two compilers in one folder would throw each other's work away.
    let folder = if toolchain.is_own() { place.to_owned() } else { place.join("debian") };
    // The marks by which the program is cut are those by which it would be linked once more.
    let mut flags = vec!["-Clink-arg=--emit-relocs".to_owned()];
    flags.extend(shortened(&toolchain)?);
    let mut cargo = toolchain.cargo_for_web(&root(), flags);
    cargo.args([what, "--quiet", "--package", "coinless-app", "--target", TARGET, "--profile", "app"]);
    cargo.args(toolchain.web_arguments()).arg("--target-dir").arg(&folder);
    Ok((cargo, folder, toolchain.name))
}

/// Flags that keep the paths of this machine out of the program: a panic names its file in the project or in a crate. Of two
/// that fit, the later one holds.
fn shortened(toolchain: &Toolchain) -> Result<Vec<String>, String> {
    let (home, registries) = registries()?;
    let folders = [(home, "cargo"), (toolchain.library_source()?, "rust"), (root(), "coinless")].into_iter();
    let folders = folders.chain(registries.into_iter().map(|folder| (folder, "")));
    Ok(folders.map(|(folder, short)| format!("--remap-path-prefix={}={short}", folder.display())).collect())
}

/// Runs cargo, which tells by itself what is wrong.
///
/// # Errors
/// `failed` if it fails.
pub fn run(cargo: &mut Command, failed: &str) -> Result<(), String> {
    let status = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(failed.to_owned()) }
}
