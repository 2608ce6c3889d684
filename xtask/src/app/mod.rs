//! `cargo xtask app`: the phone app as the folder that a station serves.

mod bind;
mod browser;
mod bundle;
mod compile;
mod icons;
#[cfg(test)]
mod messages;
mod names;
mod parts;
mod sizes;
mod tools;

pub use tools::{axe, chromium};

use crate::{ended, root, target_directory};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How it is used.
pub const USAGE: &str = "\
cargo xtask app                  builds the app into target/app/dist, which `coinless station run --app FOLDER` serves, and shows
                                 its sizes; too many bytes for the first load are a failure
cargo xtask app --test [name]    builds it and runs its tests in a browser
cargo xtask app --lint           lets Clippy look at it as it is built for browsers
cargo xtask app --icons          draws the pictures in app/static/icons anew from the drawings there
cargo xtask app --screenshots    builds it and makes a picture of every screen in docs/app";

/// The part of the benchmark that is the app's.
pub const BENCH: &str = "app";

/// Builds the app and measures its own share of a delivery.
///
/// # Errors
/// What is missing, or that it could not be measured.
pub fn bench(json: bool) -> Result<(), String> {
    chromium()?;
    browser::bench(&build()?.folder, json)
}

/// Runs the command.
pub fn main(arguments: &[String]) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => build().and_then(|built| check_size(&built)).map(|table| print!("{table}")),
        ["--lint"] => lint(),
        ["--icons"] => icons::draw(),
        ["--test"] => build().and_then(|built| browser::test(&built.folder, None)),
        ["--screenshots"] => build().and_then(|built| browser::pictures(&built.folder, &root().join("docs/app"))),
        ["--test", name] => build().and_then(|built| browser::test(&built.folder, Some(name))),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    ended(result)
}

/// An app that was built.
pub struct Built {
    /// What a station serves.
    pub folder: PathBuf,
    /// Its files and their sizes, a line each.
    pub table: String,
    /// What a first visit loads, compressed, in bytes.
    pub first_load_bytes: u64,
}

/// Builds the app.
///
/// # Errors
/// What is missing, or what a tool says.
pub fn build() -> Result<Built, String> {
    let place = target_directory().join("app");
    let (compiled, program) = std::thread::scope(|scope| {
        // The compiler works on the app for most of its time with one processor.
        let program = scope.spawn(bind::program);
        (compile::compile(&place), program.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let bound = bind::bind(&program?, &compiled?, &place.join("cut"), &place.join("bound"))?;
    tools::shrink(&bound, &place.join("shrunk"))?;
    let folder = place.join("dist");
    let app = root().join("app");
    let parts = bundle::write(&bound, &app.join("static"), &app.join("messages"), &folder)?;
    names_no_machine(&folder)?;
    tools::compress(&folder)?;
    let sizes = sizes::measure(&folder, &parts)?;
    Ok(Built { table: sizes.to_string(), first_load_bytes: sizes.first_load_bytes(), folder })
}

/// That no file of the app names a folder of the machine on which it was built.
fn names_no_machine(folder: &Path) -> Result<(), String> {
    let (home, _) = tools::registries()?;
    let own = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.components().count() > 1);
    for name in names::files(folder)? {
        let path = folder.join(&name);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for folder in [root(), home.clone()].iter().chain(&own) {
            let folder = folder.to_string_lossy();
            if bytes.windows(folder.len()).any(|part| part == folder.as_bytes()) {
                return Err(format!("{name} has a path of this machine, below {folder}"));
            }
        }
    }
    Ok(())
}

/// Lets Clippy look at the app as it is built for browsers, and at the program that binds it.
///
/// # Errors
/// What is missing, or that it found something.
pub fn lint() -> Result<(), String> {
    compile::lint(&target_directory().join("app"))?;
    bind::lint()
}

/// Shows the sizes of what was built, unless it is too big.
///
/// # Errors
/// That it is.
pub fn check_size(built: &Built) -> Result<String, String> {
    let Built { table, first_load_bytes, .. } = built;
    let most = sizes::MOST_FIRST_LOAD_BYTES;
    if *first_load_bytes <= most {
        return Ok(table.clone());
    }
    Err(format!("{table}the first load has {first_load_bytes} bytes, more than {most}"))
}
