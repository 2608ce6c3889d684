//! Makes of the compiled phone app what browsers load: `coinless-bind COMPILED NAME CUT OUT`.
//!
//! The program COMPILED, linked with its relocations, is cut into parts of which all but the first are loaded when they are
//! needed; the parts and the script that loads them come into the folder CUT. What wasm-bindgen makes of the first part,
//! `NAME.js` and `NAME_bg.wasm`, comes into the folder OUT. Both folders are made if they are not there.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;
use wasm_split_cli_support::{Options, transform};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [compiled, name, cut, out] = arguments.as_slice() else {
        eprintln!("usage: coinless-bind COMPILED NAME CUT OUT");
        return ExitCode::from(2);
    };
    let (compiled, cut, out) = (Path::new(compiled), Path::new(cut), Path::new(out));
    match split(compiled, name, cut).and_then(|()| bind(name, cut, out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Cuts `compiled` into parts in the folder `cut`, the first of them as `NAME.wasm`.
fn split(compiled: &Path, name: &str, cut: &Path) -> Result<(), String> {
    let program = std::fs::read(compiled).map_err(|error| format!("{}: {error}", compiled.display()))?;
    let first = cut.join(format!("{name}.wasm"));
    let script = format!("./{name}.js");
    let mut options = Options::new(&program);
    options.output_dir = cut;
    options.main_out_path = &first;
    options.main_module = &script;
    options.target.web();
    transform(options).map(drop).map_err(|error| chain(&error))
}

/// Writes into the folder `out` what browsers load of the first part in the folder `cut`.
fn bind(name: &str, cut: &Path, out: &Path) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(cut.join(format!("{name}.wasm"))).out_name(name);
    bindgen.web(true).map_err(|error| chain(&error))?;
    bindgen.typescript(false).omit_default_module_path(true).demangle(false);
    // The parts find one another by what the linker exports.
    bindgen.keep_lld_exports(true);
    bindgen.generate(out).map_err(|error| chain(&error))
}

/// An error with all its causes, in one line.
fn chain(error: &impl Display) -> String {
    format!("{error:#}").replace('\n', " ")
}
