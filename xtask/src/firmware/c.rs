//! The meter core for firmware written in C: its header, its library, and the example that runs in the emulator.

use super::toolchain::Toolchain;
use crate::peers::{apt_install, in_path, run};
use crate::{cargo, root, target_directory};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const COMPILER: &str = "arm-none-eabi-gcc";
const COMPILER_PACKAGE: &str = "gcc-arm-none-eabi";
const TARGET: &str = "thumbv7m-none-eabi";
/// What the example's chip needs: sectors of 2048 bytes.
const FEATURES: &str = "erase-2048";

/// How the example is compiled and linked. Nothing of a C library is needed.
const FLAGS: [&str; 16] = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-mcpu=cortex-m3",
    "-mthumb",
    "-Os",
    "-g",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostdlib",
    "-Iinclude",
    "-Wl,--gc-sections",
    "-Wl,-z,noexecstack",
];

/// The folder of the library.
fn folder() -> PathBuf {
    root().join("firmware").join("c")
}

fn header_path() -> PathBuf {
    folder().join("include").join("coinless_meter.h")
}

/// Writes the header anew; says what it did.
///
/// # Errors
/// What is wrong with the library's source.
pub fn write_header() -> Result<String, String> {
    let (made, path) = (make_header()?, header_path());
    fs::write(&path, made).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("wrote {}", path.display()))
}

/// Checks that the header is what the library's source makes.
///
/// # Errors
/// If it is not.
pub fn check_header() -> Result<String, String> {
    let path = header_path();
    let stored = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if make_header()? == stored {
        return Ok("the header is that of the library".into());
    }
    Err(format!("{} is stale: run `cargo xtask firmware --c --header`", path.display()))
}

/// Runs the tests of the library on this machine.
///
/// # Errors
/// What failed.
pub fn test_library() -> Result<(), String> {
    let mut test = cargo();
    test.args(["test", "--quiet", "--locked", "--manifest-path"]).arg(folder().join("Cargo.toml"));
    run(test.arg("--target-dir").arg(target_directory().join("firmware-c"))).map(drop)
}

fn make_header() -> Result<String, String> {
    let mut tool = cargo();
    tool.args(["run", "--quiet", "--locked", "--manifest-path"]).arg(folder().join("header").join("Cargo.toml"));
    tool.arg("--target-dir").arg(target_directory().join("firmware-header"));
    run(tool.arg("--").arg(folder()).arg("-"))
}

/// What was built.
pub struct Built {
    /// The library.
    pub library: PathBuf,
    /// The example.
    pub image: PathBuf,
}

impl std::fmt::Display for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "library: {}", self.library.display())?;
        writeln!(f, "header:  {}", header_path().display())?;
        write!(f, "example: {}", self.image.display())
    }
}

/// Builds the library and the example.
///
/// # Errors
/// What is missing or what the compilers say.
pub fn build() -> Result<Built, String> {
    let toolchain = Toolchain::find()?;
    let target = target_directory().join(toolchain.folder()).join("c");
    let mut cargo = toolchain.cargo(&folder());
    cargo.args(["build", "--quiet", "--release", "--locked", "--features", FEATURES, "--target", TARGET]);
    run(cargo.arg("--target-dir").arg(&target))?;
    let library = target.join(TARGET).join("release").join("libcoinless_meter.a");
    let image = target.join("meter");
    run(&mut compile(&compiler()?, &library, &image))?;
    Ok(Built { library, image })
}

fn compile(compiler: &Path, library: &Path, image: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.current_dir(folder()).args(FLAGS).arg("-Wl,-T,example/lm3s6965evb.ld");
    command.args(["example/board.c", "example/main.c"]).arg(library).arg("-lgcc").arg("-o").arg(image);
    command
}

/// GCC for Arm without an operating system: from PATH, or, as root on Debian, installed.
fn compiler() -> Result<PathBuf, String> {
    if let Some(program) = in_path(COMPILER) {
        return Ok(program);
    }
    apt_install(COMPILER_PACKAGE).map_err(|error| {
        format!("{COMPILER} is not installed ({error}): take your system's package ({COMPILER_PACKAGE}), or Arm's GNU toolchain")
    })?;
    in_path(COMPILER).ok_or_else(|| format!("{COMPILER} is not in PATH"))
}
