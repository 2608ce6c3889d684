//! Doubles of outside systems, made by others: payment providers that tests of the adapters talk to. All run as programs of their
//! own; nothing of them is built into Coinless. Each tells its version and licence:
//!
//! | double | licence | of what |
//! |---|---|---|
//! | localstripe | GPL-3.0 | Stripe: PaymentIntents, refunds, signed events |
//! | stripe-stateful-mock | MIT | Stripe: charges, refunds, idempotency keys |
//! | daraja-mock | CC-BY-NC-ND | M-Pesa's requests and answers |
//! | WireMock | Apache-2.0 | any HTTP server that fails on demand |

use crate::peers::{apt_install, environment, in_path, run};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

const LOCALSTRIPE: &str = "localstripe==1.15.10";
const DARAJA_MOCK: &str = "daraja-mock==1.0.5";
const STRIPE_STATEFUL_MOCK: &str = "stripe-stateful-mock@0.0.16";
const WIREMOCK: &str = "wiremock@3.13.2";
const NODE_PACKAGES: [&str; 2] = [STRIPE_STATEFUL_MOCK, WIREMOCK];
const WIREMOCK_JAR: &str = "wiremock/build/wiremock-standalone-3.13.2.jar";

/// Where the doubles are, as far as they are there.
#[derive(Default)]
pub struct Doubles {
    /// localstripe's program; the Python beside it has localstripe.
    pub localstripe: Option<PathBuf>,
    /// stripe-stateful-mock's script, for `node`.
    pub stripe_stateful_mock: Option<PathBuf>,
    /// daraja-mock's program.
    pub daraja_mock: Option<PathBuf>,
    /// WireMock's archive, for `java -jar`.
    pub wiremock: Option<PathBuf>,
}

impl Doubles {
    /// What tests read from the environment.
    pub fn variables(&self) -> [(&'static str, &Option<PathBuf>); 4] {
        [
            ("COINLESS_LOCALSTRIPE", &self.localstripe),
            ("COINLESS_STRIPE_STATEFUL_MOCK", &self.stripe_stateful_mock),
            ("COINLESS_DARAJA_MOCK", &self.daraja_mock),
            ("COINLESS_WIREMOCK", &self.wiremock),
        ]
    }
}

/// localstripe, in a Python environment of its own below `target`.
///
/// # Errors
/// What is missing, in words.
pub fn localstripe(target: &Path) -> Result<PathBuf, String> {
    there(environment(target, LOCALSTRIPE, &[LOCALSTRIPE.as_ref()])?.join("bin/localstripe"))
}

/// daraja-mock, in a Python environment of its own below `target`.
///
/// # Errors
/// What is missing, in words.
pub fn daraja_mock(target: &Path) -> Result<PathBuf, String> {
    there(environment(target, DARAJA_MOCK, &[DARAJA_MOCK.as_ref()])?.join("bin/daraja-mock"))
}

/// stripe-stateful-mock, below `target`; needs Node.
///
/// # Errors
/// What is missing, in words.
pub fn stripe_stateful_mock(target: &Path) -> Result<PathBuf, String> {
    program("node", "nodejs")?;
    there(node_modules(target, &NODE_PACKAGES)?.join("stripe-stateful-mock/dist/cli.js"))
}

/// WireMock, below `target`; needs Java.
///
/// # Errors
/// What is missing, in words.
pub fn wiremock(target: &Path) -> Result<PathBuf, String> {
    program("java", "default-jre-headless")?;
    there(node_modules(target, &NODE_PACKAGES)?.join(WIREMOCK_JAR))
}

/// The folder below `target` with Node's `packages`, installed once for each list of them. Nothing of theirs runs while they are
/// installed.
///
/// # Errors
/// What is missing, in words.
pub(crate) fn node_modules(target: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let mut hash = DefaultHasher::new();
    packages.hash(&mut hash);
    let folder = target.join("peers/npm").join(format!("{:016x}", hash.finish()));
    let (modules, ready) = (folder.join("node_modules"), folder.join("ready"));
    if ready.exists() {
        return Ok(modules);
    }
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(at)?;
    let mut install = Command::new(program("npm", "npm")?);
    install.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).args(packages);
    // A registry may be out of reach for a moment.
    run(&mut install).or_else(|_| run(&mut install))?;
    fs::write(&ready, packages.join("\n")).map_err(at)?;
    Ok(modules)
}

/// A program in PATH, or, as root on Debian, installed.
pub(crate) fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(path) = in_path(name) {
        return Ok(path);
    }
    apt_install(package).map_err(|error| format!("{name} is not installed; {error}"))?;
    in_path(name).ok_or_else(|| format!("{name} is not in PATH"))
}

fn there(path: PathBuf) -> Result<PathBuf, String> {
    if path.is_file() { Ok(path) } else { Err(format!("{} was not installed", path.display())) }
}
