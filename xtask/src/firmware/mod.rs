//! `cargo xtask firmware`: the meter as an image for Cortex-M, in an emulator.

mod c;
mod elf;
pub mod image;
mod size;
pub mod toolchain;

use crate::{ended, root};
use image::Processor;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use toolchain::Toolchain;

/// How it is used.
pub const USAGE: &str = "\
cargo xtask firmware --state FILE        runs the meter in FILE (made by `coinless meter new`) as an image for Cortex-M3 in
                                         QEMU; type `help` for what can happen at it
cargo xtask firmware --build             builds the image and says where it is
cargo xtask firmware --size [--check]    measures flash, RAM, stack and instructions, and writes docs/meter.md; with --check
                                         it writes nothing and fails if the page is stale or a budget is broken
cargo xtask firmware --c --state FILE    runs the same meter, its firmware written in C
cargo xtask firmware --c --build         builds the library for C and its example, and says where they are
cargo xtask firmware --c --header        makes the header anew
cargo xtask firmware --c --check         fails if the header is stale, and tests the library on this machine";

/// Runs the command.
pub fn main(arguments: &[String]) -> ExitCode {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["--state", state] => build().and_then(|image| emulate(&image, Path::new(state))),
        ["--c", "--state", state] => c::build().and_then(|built| emulate(&built.image, Path::new(state))),
        ["--c", "--build"] => c::build().map(|built| println!("{built}")),
        ["--c", "--header"] => c::write_header().map(|words| println!("{words}")),
        ["--c", "--check"] => check_c().map(|words| println!("{words}")),
        ["--build"] => build().map(|image| println!("{}", image.display())),
        ["--size"] => size::write(&root()).map(|words| println!("{words}")),
        ["--size", "--check"] | ["--check", "--size"] => size::check(&root()).map(|words| println!("{words}")),
        _ => {
            println!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    ended(result)
}

/// Builds the meter's image; gives its path.
///
/// # Errors
/// What is missing or what the compiler says.
pub fn build() -> Result<PathBuf, String> {
    let folder = image::build(&Toolchain::find()?, Processor::M3, &["meter"])?;
    Ok(folder.join("meter"))
}

/// Builds the example in C; gives its image's path.
///
/// # Errors
/// What is missing or what the compilers say.
pub fn build_c() -> Result<PathBuf, String> {
    c::build().map(|built| built.image)
}

/// Whether the library for C does what it must and its header is that of its source.
///
/// # Errors
/// What is wrong.
pub fn check_c() -> Result<String, String> {
    c::check_header().and_then(|words| c::test_library().map(|()| words))
}

/// Whether the table of sizes is right, for the tests.
///
/// # Errors
/// What is wrong.
pub fn check_sizes() -> Result<String, String> {
    size::check(&root())
}

/// Runs `image` with the meter of the file `state` until QEMU ends. Its link is a pseudo-terminal, whose path is printed; its
/// control line is standard input and output.
fn emulate(image: &Path, state: &Path) -> Result<(), String> {
    let at = |error: std::io::Error| format!("{}: {error}", state.display());
    let file = File::options().read(true).write(true).open(state).map_err(at)?;
    // As the simulated meter does it: one process for one meter. Held until the emulator has ended.
    file.try_lock().map_err(|_| format!("{}: another process runs this meter; end it first", state.display()))?;
    let path = std::fs::canonicalize(state).map_err(at)?;
    let path = path.to_str().filter(|path| !path.contains(',')).ok_or("QEMU cannot take this file's name")?;

    let mut command = Command::new(image::qemu()?);
    command.args(Processor::M3.machine()).args(["-display", "none", "-monitor", "none", "-kernel"]).arg(image);
    command.arg("-semihosting-config").arg(format!("enable=on,target=native,arg=meter,arg={path}"));
    command.args(["-chardev", "pty,id=link", "-chardev", "stdio,id=control,signal=on"]);
    command.args(["-serial", "chardev:link", "-serial", "chardev:control"]);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cannot run QEMU: {error}"))?;
    if let Some(output) = child.stdout.take() {
        copy_lines(output);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    drop(file);
    if status.success() { Ok(()) } else { Err(format!("QEMU: {status}")) }
}

/// Prints the meter's lines, and in place of QEMU's words on the pseudo-terminal what to do with it.
fn copy_lines(output: impl std::io::Read) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let line = line.trim_end();
        match line.strip_prefix("char device redirected to ").and_then(|rest| rest.split_once(" (label link)")) {
            Some((terminal, _)) => {
                println!("link: serial:{terminal}");
                println!("try: coinless phone deliver serial:{terminal}");
            }
            None => println!("{line}"),
        }
        // Whoever reads this wants each line at once.
        let _ = std::io::stdout().flush();
    }
}
