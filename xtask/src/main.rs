//! `cargo xtask <command>`: builds, tests, measures and demonstrates Coinless. The only build logic of the project.

mod app;
mod doubles;
mod firmware;
mod fuzz;
mod panics;
mod peers;
mod runner;
mod style;
mod test;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask <command>

  demo [--once | --terminal]
                   the whole system on this machine, on one page to play with; with --once one purchase from end to end, by
                   itself; with --terminal to type at
  test [--long]    everything that must hold: style, format, lints, documentation, tests, other people's peers
  bench [--json] [--check] [part…]
                   speeds and sizes, as ratios: signing, meter, steps, orders, towns, sizes, and app, which is measured in
                   a browser; with --check it fails if an aim is missed; with --json each program prints an array
  app …            the phone app as a folder that a station serves, its tests in a browser, pictures of its screens (says
                   more when called with a word it does not know)
  firmware …       the meter as an image for Cortex-M, in an emulator; its size (says more when called alone)
  fuzz [--seconds N] [--jobs N] [--keep] [target…]
                   fuzzes every decoder and the meter core, each for a minute or N seconds, one at a time or N; with
                   --keep what was reached stays in fuzz/corpus
  panics           shows every function of the protocol and the meter core that can panic; there may be none
  ci               test, with every peer required";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match command {
        "demo" => demo(rest),
        "test" | "ci" if rest.iter().any(|argument| argument != "--long") => usage(ExitCode::from(2)),
        "test" => test::run(!rest.is_empty(), is_ci()),
        "ci" => test::run(!rest.is_empty(), true),
        "fuzz" => fuzz::run_targets(rest).unwrap_or_else(|| usage(ExitCode::from(2))),
        "panics" if rest.is_empty() => told(panics::check()),
        "bench" => bench(rest),
        "app" => app::main(rest),
        "firmware" => firmware::main(rest),
        "help" | "--help" | "-h" => usage(ExitCode::SUCCESS),
        _ => usage(ExitCode::from(2)),
    }
}

fn usage(code: ExitCode) -> ExitCode {
    println!("{USAGE}");
    code
}

/// Measures: what needs no browser, then the app in one. Without a browser the app is left out, unless it is asked for by name.
fn bench(words: &[String]) -> ExitCode {
    let parts = words.iter().filter(|word| !word.starts_with("--")).count();
    let has_app = words.iter().any(|word| word == app::BENCH);
    if parts == 0 || parts > usize::from(has_app) {
        let mut ratios = cargo();
        ratios.args(["bench", "-p", "coinless-sim", "--bench", "ratios", "--"]);
        ratios.args(words.iter().filter(|word| *word != app::BENCH));
        if parts > 0 && !has_app {
            return become_command(&mut ratios);
        }
        match ratios.status() {
            Ok(status) if status.success() => {}
            Ok(_) => return ExitCode::FAILURE,
            Err(error) => return cannot_run("cargo", &error),
        }
    }
    match app::bench(words.iter().any(|word| word == "--json")) {
        Err(why) if has_app || is_ci() => told(Err(why)),
        Err(why) => told(Ok(format!("left out: {why}"))),
        Ok(()) => ExitCode::SUCCESS,
    }
}

/// Builds the command `coinless`, and the app for the demo's page, and runs the demo.
fn demo(arguments: &[String]) -> ExitCode {
    let has = |words: &[&str]| arguments.iter().any(|argument| words.contains(&argument.as_str()));
    let mut demo = vec!["demo".into(), "--data".into(), target_directory().join("demo").into_os_string()];
    if !has(&["--once", "--terminal", "--app", "--help"]) {
        println!("1 of 2: the phone app (the first time takes some minutes)");
        match app::build() {
            Ok(built) => demo.extend(["--app".into(), built.folder.into_os_string()]),
            Err(error) => {
                eprintln!("{error}\nWithout the phone app there is `cargo xtask demo --terminal`.");
                return ExitCode::FAILURE;
            }
        }
        println!("2 of 2: the station and the meters");
    }
    match cargo().args(["build", "--package", "coinless"]).status() {
        Ok(status) if status.success() => {
            let program = target_directory().join("debug").join(format!("coinless{}", env::consts::EXE_SUFFIX));
            become_command(Command::new(program).args(demo).args(arguments))
        }
        Ok(_) => ExitCode::FAILURE,
        Err(error) => cannot_run("cargo", &error),
    }
}

/// Puts `command` in the place of this process, so that signals and the exit code are its own.
#[cfg(unix)]
fn become_command(command: &mut Command) -> ExitCode {
    let error = std::os::unix::process::CommandExt::exec(command);
    cannot_run(&command.get_program().to_string_lossy(), &error)
}

/// Runs `command` and ends as it ends.
#[cfg(not(unix))]
fn become_command(command: &mut Command) -> ExitCode {
    match command.status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => cannot_run(&command.get_program().to_string_lossy(), &error),
    }
}

fn cannot_run(program: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("cannot run {program}: {error}");
    ExitCode::FAILURE
}

/// Prints what a check came to.
fn told(result: Result<String, String>) -> ExitCode {
    ended(result.map(|remark| println!("{remark}")))
}

/// Ends a command; prints why it failed, if it did.
fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the environment says that this is continuous integration.
fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// The project's folder.
fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    here.and_then(|here| here.parent().map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("."))
}

/// Where cargo builds.
fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target))
}

/// The cargo that runs this, in the project's folder.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo told this program about itself must not reach the builds that it starts: build scripts that look at it would
    // run again each time.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    command
}
