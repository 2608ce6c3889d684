//! The app's tests, pictures and measurements, in a browser.

use super::tools::{axe, chromium, remove};
use crate::cargo;
use std::path::Path;
use std::process::Command;

/// Runs the tests in a browser: all, or those whose names have `name` in them.
///
/// # Errors
/// What is missing, or that tests failed.
pub fn test(app: &Path, name: Option<&str>) -> Result<(), String> {
    run(command(app, "test")?.env("CI", "true").arg("--").args(name))
}

/// Makes a picture of every screen, and a page that shows them, in the folder `pictures`, in place of those that are there.
///
/// # Errors
/// What is missing, or that the way through the screens was not found.
pub fn pictures(app: &Path, pictures: &Path) -> Result<(), String> {
    remove(pictures)?;
    run(command(app, "test")?.env("CI", "true").env("COINLESS_PICTURES", pictures).args(["--", "gallery"]))
}

/// Measures the app's own share of a delivery.
///
/// # Errors
/// What is missing, or that it could not be measured.
pub fn bench(app: &Path, json: bool) -> Result<(), String> {
    run(command(app, "bench")?.env("CI", "true").arg("--").args(json.then_some("--json")))
}

/// The program `app` of this kind: `test` or `bench`.
fn command(app: &Path, kind: &str) -> Result<Command, String> {
    let mut command = cargo();
    command.args([kind, "--quiet", "--package", "coinless", &format!("--{kind}"), "app"]);
    command.env("COINLESS_APP", app).env("COINLESS_CHROMIUM", chromium()?).env("COINLESS_AXE", axe()?);
    Ok(command)
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("in a browser: {status}")) }
}
