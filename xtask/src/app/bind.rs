//! What browsers load, made of the compiled app by the program in `xtask/bind`, which is built once for each of its sources.

use super::bundle::{SCRIPT, WASM};
use super::tools::{cache, remove};
use crate::peers::run;
use crate::{cargo, root, target_directory};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program.
const PROGRAM: &str = "coinless-bind";

/// Writes with `program` the scripts and the WebAssembly that a browser loads into the new folder `out`; gives the folder. In
/// `cut` is what is not for browsers.
///
/// # Errors
/// What wasm-bindgen or the splitter says.
pub fn bind(program: &Path, compiled: &Path, cut: &Path, out: &Path) -> Result<PathBuf, String> {
    let at = |error: std::io::Error| format!("{}: {error}", out.display());
    remove(cut)?;
    remove(out)?;
    let name = SCRIPT.trim_end_matches(".js");
    debug_assert!(WASM.starts_with(name));
    run(Command::new(program).arg(compiled).arg(name).arg(cut).arg(out))?;
    fs::remove_file(cut.join(format!("{name}.wasm"))).map_err(at)?;
    for name in super::names::files(cut)? {
        fs::copy(cut.join(&name), out.join(&name)).map_err(at)?;
    }
    Ok(out.to_owned())
}

/// The program, built unless this user's caches have it.
///
/// # Errors
/// What is missing, what the compiler says, or that it is for another version of wasm-bindgen than the app.
pub fn program() -> Result<PathBuf, String> {
    let source = |name: &str| read(&folder().join(name));
    let (manifest, lock, main) = (source("Cargo.toml")?, source("Cargo.lock")?, source("src/main.rs")?);
    fits(&read(&root().join("Cargo.lock"))?, &lock)?;
    let hash = super::names::hash(&[manifest.as_bytes(), lock.as_bytes(), main.as_bytes()]);
    let kept = cache()?;
    let path = kept.join(format!("{PROGRAM}-{hash}{}", env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    let built = build(&mut cargo())?;
    // A copy that breaks off is no program.
    let half = kept.join(format!("{PROGRAM}-{}", std::process::id()));
    let keep = || {
        fs::create_dir_all(&kept)?;
        fs::copy(&built, &half)?;
        fs::rename(&half, &path)
    };
    keep().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Lets Clippy look at the program, where it is built.
///
/// # Errors
/// That it found something.
pub fn lint() -> Result<(), String> {
    // As `cargo clippy` does it, but all that the program is made of is built already.
    build(cargo().env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")).map(drop)
}

/// Builds the program with `cargo`; gives its path.
fn build(cargo: &mut Command) -> Result<PathBuf, String> {
    let target = target_directory().join("app/bind");
    cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(folder().join("Cargo.toml"));
    super::compile::run(cargo.arg("--target-dir").arg(&target), "the program in xtask/bind does not compile")?;
    Ok(target.join("debug").join(format!("{PROGRAM}{}", env::consts::EXE_SUFFIX)))
}

/// That the libraries in the program's lock file understand what those in the app's write.
fn fits(app: &str, program: &str) -> Result<(), String> {
    // wasm-bindgen promises nothing from one version to the next; the other one what every crate does.
    let pairs = [("wasm-bindgen", "wasm-bindgen-cli-support", 3), ("wasm_split_helpers", "wasm_split_cli_support", 2)];
    for (of_app, of_program, numbers) in pairs {
        let versions = [(app, of_app), (program, of_program)].map(|(lock, package)| version(lock, package));
        let [wanted, there] = versions.map(|version| version.unwrap_or("none"));
        if !wanted.split('.').take(numbers).eq(there.split('.').take(numbers)) {
            return Err(format!(
                "Cargo.lock has {of_app} {wanted}, and xtask/bind/Cargo.lock has {of_program} {there}, which does not fit: change \
                 the version in xtask/bind/Cargo.toml and run `cargo update --workspace` in xtask/bind"
            ));
        }
    }
    Ok(())
}

/// The version of a package in the text of a lock file.
fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

fn folder() -> PathBuf {
    root().join("xtask/bind")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_fits_the_app() {
        let lock = |folder: PathBuf| read(&folder.join("Cargo.lock")).unwrap();
        assert_eq!(fits(&lock(root()), &lock(folder())), Ok(()));
    }

    #[test]
    fn versions_that_do_not_fit_are_told() {
        let package = |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        let app = package("wasm-bindgen", "0.2.130") + &package("wasm_split_helpers", "0.2.3");
        let program =
            |bindgen, split| package("wasm-bindgen-cli-support", bindgen) + &package("wasm_split_cli_support", split);
        assert_eq!(fits(&app, &program("0.2.130", "0.2.4")), Ok(()));
        let error = fits(&app, &program("0.2.131", "0.2.4")).unwrap_err();
        assert!(error.starts_with("Cargo.lock has wasm-bindgen 0.2.130, and xtask/bind/Cargo.lock has"), "{error}");
        assert!(fits(&app, &program("0.2.130", "0.3.0")).is_err());
        assert!(fits(&app, &package("wasm-bindgen-cli-support", "0.2.130")).is_err());
    }
}
