//! The app's tests and pictures, in a browser.

use super::tools::{axe, chromium};
use crate::cargo;
use std::path::Path;
use std::process::Command;

/// Runs the tests in a browser: all, or those whose names have `name` in them.
///
/// # Errors
/// What is missing, or that tests failed.
pub fn test(app: &Path, name: Option<&str>) -> Result<(), String> {
    run(command(app)?.env("CI", "true").arg("--").args(name))
}

fn command(app: &Path) -> Result<Command, String> {
    let mut command = cargo();
    command.args(["test", "--quiet", "--package", "coinless", "--test", "app"]);
    command.env("COINLESS_APP", app).env("COINLESS_CHROMIUM", chromium()?).env("COINLESS_AXE", axe()?);
    Ok(command)
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the tests in a browser: {status}")) }
}
