//! `cargo xtask test`: everything that must hold.

use crate::doubles::{self, Doubles};
use crate::firmware;
use crate::peers::{self, Peers};
use crate::runner::Runner;
use crate::{app, cargo, fuzz, panics, root, style, target_directory};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;

/// The app is built for browsers alone, in a step of its own.
const NOT_THE_APP: &str = "--exclude=coinless-app";

/// Runs every step. `long` tries many more random cases; with `ci` peers that are missing are a failure.
pub fn run(long: bool, ci: bool) -> ExitCode {
    let mut runner = match Runner::new(target_directory().join("xtask")) {
        Ok(runner) => runner,
        Err(error) => {
            eprintln!("cannot write into {}: {error}", target_directory().display());
            return ExitCode::FAILURE;
        }
    };
    runner.step("style", || style::check(&root()));
    runner.command("format", cargo().args(["fmt", "--all", "--check"]));
    runner.step("format of the rest", format_outside);
    runner.command(
        "lints",
        cargo().args(["clippy", "--workspace", NOT_THE_APP, "--all-targets", "--", "-D", "warnings"]),
    );
    runner.command("fuzz", fuzz::check(&mut cargo()));
    let mut peers = peers(&mut runner, ci);
    let doubles = doubles(&mut runner, ci);
    vectors(&mut runner, &peers);
    firmware_image(&mut runner, &mut peers, ci);
    phone_app(&mut runner, &mut peers, ci);
    runner.command(
        "tests",
        tests(&peers, &doubles, long, ci).args(["test", "--workspace", NOT_THE_APP, "--no-fail-fast"]),
    );
    tests_on_postgres(&mut runner, &peers, &doubles, long, ci);
    runner.command(
        "docs",
        cargo().args(["doc", "--workspace", NOT_THE_APP, "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    runner.finish()
}

/// The packages that are not in the workspace, which `cargo fmt` there does not look at.
const OUTSIDE: [&str; 5] = ["firmware", "firmware/c", "firmware/c/header", "fuzz", "xtask/bind"];

/// Whether they are formatted.
fn format_outside() -> Result<String, String> {
    for folder in OUTSIDE {
        let mut format = cargo();
        format.args(["fmt", "--all", "--check", "--manifest-path"]).arg(root().join(folder).join("Cargo.toml"));
        peers::run(&mut format).map_err(|error| format!("{folder}: {error}"))?;
    }
    Ok(OUTSIDE.join(", "))
}

/// Finds or installs the peers. What is missing is a failed step with `ci` and a skipped one without.
fn peers(runner: &mut Runner, ci: bool) -> Peers {
    let mut peers = Peers::default();
    runner.attempt("python", ci, || keep(&mut peers.python, peers::python(&root(), &target_directory())));
    runner.attempt("libcoap", ci, || keep(&mut peers.coap_client, peers::coap_client()));
    runner.attempt("dbus-daemon", ci, || peers::dbus_daemon().map(|path| path.display().to_string()));
    runner.attempt("postgresql", ci, || keep(&mut peers.postgres, peers::postgres()));
    peers
}

/// Installs the doubles of outside systems. What is missing is a failed step with `ci` and a skipped one without.
fn doubles(runner: &mut Runner, ci: bool) -> Doubles {
    let mut doubles = Doubles::default();
    let target = target_directory();
    runner.attempt("localstripe", ci, || keep(&mut doubles.localstripe, doubles::localstripe(&target)));
    runner.attempt("stripe-stateful-mock", ci, || {
        keep(&mut doubles.stripe_stateful_mock, doubles::stripe_stateful_mock(&target))
    });
    runner.attempt("daraja-mock", ci, || keep(&mut doubles.daraja_mock, doubles::daraja_mock(&target)));
    runner.attempt("wiremock", ci, || keep(&mut doubles.wiremock, doubles::wiremock(&target)));
    doubles
}

fn keep(place: &mut Option<PathBuf>, found: Result<PathBuf, String>) -> Result<String, String> {
    let path = found?;
    let words = path.display().to_string();
    *place = Some(path);
    Ok(words)
}

/// Builds the meter's image, which some of the tests run, and compares its sizes with the table of `docs/meter.md`. A compiler
/// or emulator that is missing is a failed step with `ci` and a skipped one without.
fn firmware_image(runner: &mut Runner, peers: &mut Peers, ci: bool) {
    runner.attempt("qemu", ci, || keep(&mut peers.qemu, firmware::image::qemu()));
    runner.attempt("firmware", ci, || keep(&mut peers.firmware, firmware::build()));
    runner.attempt("firmware in C", ci, || keep(&mut peers.c_image, firmware::build_c()));
    runner.step("library for C", firmware::check_c);
    runner.attempt("panics", ci, panics::check);
    if peers.qemu.is_some() && peers.firmware.is_some() {
        runner.step("sizes", firmware::check_sizes);
    } else {
        runner.attempt("sizes", false, || Err("needs the image and QEMU".into()));
    }
}

/// Builds the phone app and finds the browser that its tests run in. What is missing is a failed step with `ci` and a skipped one
/// without.
fn phone_app(runner: &mut Runner, peers: &mut Peers, ci: bool) {
    runner.attempt("chromium", ci, || keep(&mut peers.chromium, app::chromium()));
    runner.attempt("axe-core", ci, || keep(&mut peers.axe, app::axe()));
    let mut built = None;
    runner.attempt("app", ci, || {
        let app = built.insert(app::build()?);
        keep(&mut peers.app, Ok(app.folder.clone()))
    });
    runner.attempt("app lints", ci, || app::lint().map(|()| "Clippy".to_owned()));
    if let Some(built) = built {
        runner.step("first load", || app::check_size(&built).map(|_| format!("{} bytes", built.first_load_bytes)));
    }
}

/// Other people's implementations check the vectors.
fn vectors(runner: &mut Runner, peers: &Peers) {
    match &peers.python {
        Some(python) => {
            let script = root().join("tests/peers/verify_vectors.py");
            runner.command("vectors", Command::new(python).arg(script).arg(root().join("vectors")));
        }
        None => runner.attempt("vectors", false, || Err("needs the Python peers".into())),
    }
}

/// The tests that open a station's database: only these run once more on PostgreSQL. (`stores` has both kinds by itself.)
const STORE_TESTS: [&str; 10] =
    ["books", "daraja", "http", "logs", "manual", "operations", "story", "traps", "utilities", "utility"];

/// The same tests again with every station's database in PostgreSQL, in clusters that they start by themselves.
fn tests_on_postgres(runner: &mut Runner, peers: &Peers, doubles: &Doubles, long: bool, ci: bool) {
    const NAME: &str = "tests on PostgreSQL";
    if peers.postgres.is_none() {
        return runner.attempt(NAME, false, || Err("needs PostgreSQL's server".into()));
    }
    let mut command = tests(peers, doubles, long, ci);
    // These tests wait for the database and for other processes half of their time.
    let threads = 2 * available_parallelism().map_or(1, NonZero::get);
    command.env("COINLESS_TEST_STORE", "postgres").env("RUST_TEST_THREADS", threads.to_string());
    // The whole workspace's features, so that nothing is built anew.
    command.args(["test", "--workspace", NOT_THE_APP, "--no-fail-fast"]);
    runner.command(NAME, command.args(STORE_TESTS.iter().flat_map(|name| ["--test", name])));
}

/// Cargo with all that tests read from the environment.
fn tests(peers: &Peers, doubles: &Doubles, long: bool, ci: bool) -> Command {
    let mut command = cargo();
    let peers = [
        ("COINLESS_PEER_PYTHON", &peers.python),
        ("COINLESS_COAP_CLIENT", &peers.coap_client),
        ("COINLESS_POSTGRES_BIN", &peers.postgres),
        ("COINLESS_FIRMWARE", &peers.firmware),
        ("COINLESS_C_IMAGE", &peers.c_image),
        ("COINLESS_QEMU", &peers.qemu),
        ("COINLESS_CHROMIUM", &peers.chromium),
        ("COINLESS_AXE", &peers.axe),
        ("COINLESS_APP", &peers.app),
    ];
    for (name, path) in peers.into_iter().chain(doubles.variables()) {
        match path {
            Some(path) => command.env(name, path),
            None => command.env_remove(name),
        };
    }
    command.env_remove("COINLESS_TEST_STORE");
    if ci {
        command.env("CI", "true");
    }
    if long {
        command.env("PROPTEST_CASES", "10000").env("COINLESS_LONG", "1");
    }
    command
}
