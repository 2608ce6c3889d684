//! Programs of others that make the app smaller and that its tests need, each installed once into a folder of this user's caches.

use crate::doubles::{node_modules, program};
use crate::peers::{apt_install, in_path, run};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

const BINARYEN: &str = "binaryen@132.0.0";
const AXE: &str = "axe-core@4.14.1";
/// Names of the browser's program.
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// What every browser that the app is for understands of WebAssembly (2022 and later).
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Compresses each file that it is given, as Node knows how.
const COMPRESS: &str = "
const fs = require('fs'), zlib = require('zlib'), constants = zlib.constants;
for (const name of process.argv.slice(1)) {
    const bytes = fs.readFileSync(name);
    const params = {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    };
    fs.writeFileSync(name + '.br', zlib.brotliCompressSync(bytes, { params }));
    fs.writeFileSync(name + '.gz', zlib.gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
}";

/// Puts a smaller program of the same meaning in the place of each WebAssembly in `folder`; those made before are kept in `kept`.
///
/// # Errors
/// What is missing or what wasm-opt says.
pub fn shrink(folder: &Path, kept: &Path) -> Result<(), String> {
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(kept).map_err(at)?;
    let mut small = Vec::new();
    for name in super::names::files(folder)?.into_iter().filter(|name| name.ends_with(".wasm")) {
        let before = fs::read(folder.join(&name)).map_err(at)?;
        small.push((format!("{}.wasm", super::names::hash(&[&before, BINARYEN.as_bytes()])), folder.join(name)));
    }
    // Two files with the same program are one here.
    let missing: BTreeMap<_, _> = small.iter().filter(|(name, _)| !kept.join(name).is_file()).cloned().collect();
    let missing: Vec<_> = missing.into_iter().collect();
    if !missing.is_empty() {
        let node = program("node", "nodejs")?;
        let script = node_modules(&cache()?, &[BINARYEN])?.join("binaryen/bin/wasm-opt");
        // Most of them are so small that starting the program takes longer than its work.
        at_once(&missing, |(name, file)| optimized(&node, &script, file, &kept.join(name)))?;
    }
    for (name, file) in &small {
        fs::copy(kept.join(name), file).map_err(at)?;
    }
    for name in super::names::files(kept)?.into_iter().filter(|name| small.iter().all(|(needed, _)| needed != name)) {
        fs::remove_file(kept.join(name)).map_err(at)?;
    }
    Ok(())
}

/// Writes a smaller program of the same meaning as `file` to `small`.
fn optimized(node: &Path, script: &Path, file: &Path, small: &Path) -> Result<(), String> {
    let half = small.with_extension("half");
    let mut command = Command::new(node);
    command.arg(script).args(["-Oz", "--strip-producers"]).args(WASM_FEATURES).arg(file).arg("-o").arg(&half);
    run(&mut command)?;
    fs::rename(&half, small).map_err(|error| format!("{}: {error}", small.display()))
}

/// Does `work` for each of `items`, as many at once as there are processors.
///
/// # Errors
/// One of those of `work`.
fn at_once<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) -> Result<(), String> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = |first: usize| items.iter().skip(first).step_by(workers).try_for_each(&work);
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|first| scope.spawn(move || share(first))).collect();
        running.into_iter().try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Writes two compressed files beside each file below `folder`.
///
/// # Errors
/// What Node says.
pub fn compress(folder: &Path) -> Result<(), String> {
    let files = super::names::files(folder)?;
    let mut node = Command::new(program("node", "nodejs")?);
    run(node.args(["--eval", COMPRESS, "--"]).args(files.iter().map(|name| folder.join(name)))).map(|_| ())
}

/// axe-core's script, which looks for what keeps people out.
///
/// # Errors
/// What is missing, in words.
pub fn axe() -> Result<PathBuf, String> {
    Ok(node_modules(&cache()?, &[AXE])?.join("axe-core/axe.min.js"))
}

/// The browser: what COINLESS_CHROMIUM names, from PATH, or, as root on Debian, installed.
///
/// # Errors
/// What is missing, in words.
pub fn chromium() -> Result<PathBuf, String> {
    let find = || CHROMIUM.into_iter().find_map(in_path);
    if let Some(path) = env::var_os("COINLESS_CHROMIUM").map(PathBuf::from).or_else(find) {
        return Ok(path);
    }
    apt_install("chromium").map_err(|error| format!("no Chromium is installed; {error}"))?;
    find().ok_or_else(|| format!("none of {CHROMIUM:?} is in PATH"))
}

/// Cargo's own folder, and those in it that hold the source of crates.
///
/// # Errors
/// If there is none.
pub fn registries() -> Result<(PathBuf, Vec<PathBuf>), String> {
    let home = env::var_os("CARGO_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let home = home.ok_or("HOME is not set")?;
    let folders = fs::read_dir(home.join("registry/src")).into_iter().flatten();
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path())).collect();
    Ok((home, folders))
}

/// Where this user's programs keep what can be made again.
///
/// # Errors
/// If that is nowhere.
pub fn cache() -> Result<PathBuf, String> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("coinless")).ok_or_else(|| "HOME is not set".into())
}

/// Removes a folder with all that is in it, if it is there.
pub fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}
