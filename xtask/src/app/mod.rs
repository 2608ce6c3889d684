//! `cargo xtask app`: the phone app as the folder that a station serves.

mod browser;
mod bundle;
mod compile;
mod names;
mod sizes;
mod tools;

pub use tools::{axe, chromium};

use crate::{root, target_directory};
use std::path::PathBuf;
use std::process::ExitCode;

/// How it is used.
pub const USAGE: &str = "\
cargo xtask app                  builds the app into target/app/dist, which `coinless station run --app FOLDER` serves, and shows
                                 its sizes; too many bytes for the first load are a failure
cargo xtask app --test [name]    builds it and runs its tests in a browser";

/// Runs the command.
pub fn main(arguments: &[String]) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => build().and_then(|built| check_size(&built)).map(|table| print!("{table}")),
        ["--test"] => build().and_then(|built| browser::test(&built.folder, None)),
        ["--test", name] => build().and_then(|built| browser::test(&built.folder, Some(name))),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
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
    let compiled = compile::compile(&place)?;
    let bound = tools::bind(&compiled, &place.join("bound"))?;
    tools::shrink(&bound.join(bundle::WASM), &place.join("shrunk"))?;
    let folder = place.join("dist");
    let app = root().join("app");
    bundle::write(&bound, &app.join("static"), &app.join("messages"), &folder)?;
    tools::compress(&folder)?;
    let sizes = sizes::measure(&folder)?;
    Ok(Built { table: sizes.to_string(), first_load_bytes: sizes.first_load_bytes(), folder })
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
