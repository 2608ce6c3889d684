//! Programs of others that the tests talk to: Python packages in an environment of their own, libcoap's client, PostgreSQL's
//! server.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the peers are, as far as they are there.
#[derive(Default)]
pub struct Peers {
    /// A Python that has everything of `tests/peers/requirements.txt`.
    pub python: Option<PathBuf>,
    /// libcoap's client without TLS.
    pub coap_client: Option<PathBuf>,
    /// The folder of PostgreSQL's server programs.
    pub postgres: Option<PathBuf>,
    /// QEMU's program for Arm.
    pub qemu: Option<PathBuf>,
    /// The meter's image.
    pub firmware: Option<PathBuf>,
    /// The image of a meter in C.
    pub c_image: Option<PathBuf>,
    /// Chromium's program.
    pub chromium: Option<PathBuf>,
    /// axe-core's script.
    pub axe: Option<PathBuf>,
    /// The app's folder.
    pub app: Option<PathBuf>,
}

const COAP_CLIENT: &str = "coap-client-notls";
/// Both the program and Debian's package.
const DBUS_DAEMON: &str = "dbus-daemon";
/// Where Debian keeps the versions of PostgreSQL, each in a folder of its own.
const POSTGRES: &str = "/usr/lib/postgresql";

/// A Python that has everything of `tests/peers/requirements.txt`, in an environment below `target` that is made once for
/// each list and Python. Needs no special rights.
///
/// # Errors
/// What is missing, in words.
pub fn python(root: &Path, target: &Path) -> Result<PathBuf, String> {
    let list = root.join("tests/peers/requirements.txt");
    let packages = fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    let folder = environment(target, &packages, &["--requirement".as_ref(), list.as_os_str()])?;
    Ok(folder.join("bin/python"))
}

/// A folder below `target` with a Python environment in which `packages` are, made once for each such list and Python;
/// `arguments` tell pip the same.
///
/// # Errors
/// What is missing, in words.
pub(crate) fn environment(target: &Path, packages: &str, arguments: &[&OsStr]) -> Result<PathBuf, String> {
    let system = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let version = run(Command::new(&system).arg("--version"))?;

    let mut hash = DefaultHasher::new();
    (packages, &version, &system).hash(&mut hash);
    let folder = target.join("peers").join(format!("{:016x}", hash.finish()));
    let ready = folder.join("ready");
    if ready.exists() {
        return Ok(folder);
    }
    let create = || run(Command::new(&system).args(["-m", "venv", "--clear"]).arg(&folder));
    create().or_else(|error| {
        apt_install("python3-venv").map_err(|apt| format!("{error}; {apt}")).and_then(|()| create())
    })?;
    let mut install = Command::new(folder.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(arguments);
    // A registry may be out of reach for a moment.
    run(&mut install).or_else(|_| run(&mut install))?;
    fs::write(&ready, packages).map_err(|error| format!("{}: {error}", ready.display()))?;
    Ok(folder)
}

/// libcoap's client: from PATH, or, as root on Debian, installed.
///
/// # Errors
/// What is missing, in words.
pub fn coap_client() -> Result<PathBuf, String> {
    if let Some(program) = in_path(COAP_CLIENT) {
        return Ok(program);
    }
    apt_install("libcoap3-bin").map_err(|error| format!("{COAP_CLIENT} is not installed; {error}"))?;
    in_path(COAP_CLIENT).ok_or_else(|| format!("{COAP_CLIENT} is not in PATH"))
}

/// The message bus on which a fake of BlueZ plays, from PATH or, as root on Debian, installed.
///
/// # Errors
/// What is missing, in words.
pub fn dbus_daemon() -> Result<PathBuf, String> {
    if let Some(program) = in_path(DBUS_DAEMON) {
        return Ok(program);
    }
    apt_install(DBUS_DAEMON).map_err(|error| format!("{DBUS_DAEMON} is not installed; {error}"))?;
    in_path(DBUS_DAEMON).ok_or_else(|| format!("{DBUS_DAEMON} is not in PATH"))
}

/// The folder of PostgreSQL's server programs: what COINLESS_POSTGRES_BIN names, Debian's newest, from PATH, or, as root on
/// Debian, installed.
///
/// # Errors
/// What is missing, in words.
pub fn postgres() -> Result<PathBuf, String> {
    if let Some(folder) = find_postgres() {
        return Ok(folder);
    }
    apt_install("postgresql-15").map_err(|error| format!("PostgreSQL's server is not installed; {error}"))?;
    find_postgres().ok_or_else(|| format!("PostgreSQL's initdb is neither below {POSTGRES} nor in PATH"))
}

fn find_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES).into_iter().flatten().flatten().map(|version| version.path());
    let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<_> = versions.collect();
    versions.sort_by_key(number);
    let debian = versions.into_iter().rev().map(|version| version.join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::var_os("COINLESS_POSTGRES_BIN").map(PathBuf::from);
    let has_server = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    named.into_iter().chain(debian).chain(env::split_paths(&path)).find(has_server)
}

/// A program in PATH.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Installs a Debian package, as root on Debian.
pub(crate) fn apt_install(package: &str) -> Result<(), String> {
    let root = run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || !Path::new("/etc/debian_version").exists() {
        return Err(format!("install the package {package} (on Debian: apt-get install {package})"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-o", "Acquire::Retries=3"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut command)
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    apt(&install).or_else(|_| apt(&["update"]).and_then(|_| apt(&install))).map(|_| ())
}

/// The output of a command that succeeds; else what it said.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("").trim();
    Err(format!("{name} failed: {last}"))
}
