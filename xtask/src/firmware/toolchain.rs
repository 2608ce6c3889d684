//! The compiler for Cortex-M and for browsers: that of the project with what it needs of the standard library, or where that
//! cannot be had, as root on Debian, Debian's own.

use crate::peers::{apt_install, in_path, run};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's compiler with the source of the standard library, and a linker for it.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const DEBIAN_LINKER: &str = "ld.lld-22";
const DEBIAN_WEB_LINKER: &str = "wasm-ld-22";
const DEBIAN_BIN: &str = "/usr/bin";
/// Longest time for rustup to fetch something, in seconds.
const RUSTUP_S: &str = "300";

/// How to build for a processor that no standard library comes with.
#[derive(Debug, Clone)]
pub struct Toolchain {
    kind: Kind,
    /// What it calls itself, for example `rustc 1.96.0 (LLVM 22.1)`.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The one that built this program.
    Own,
    Debian,
}

impl Toolchain {
    /// Finds it, or installs what it lacks.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn find() -> Result<Self, String> {
        Self::find_with(own_source())
    }

    /// The same for the `target` of browsers.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn find_for_web(target: &str) -> Result<Self, String> {
        Self::find_with(own_library(target))
    }

    fn find_with(own: Result<(), String>) -> Result<Self, String> {
        let own = own.map(|()| Kind::Own);
        let kind = own.or_else(|why| debian().map(|()| Kind::Debian).map_err(|error| format!("{why}; {error}")))?;
        let version = run(Command::new(kind.program("rustc")).arg("-vV"))?;
        let field =
            |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim().to_owned();
        Ok(Self { kind, name: format!("rustc {}, LLVM {}", field("release:"), field("LLVM version:")) })
    }

    /// Cargo in `folder`, whose `.cargo/config.toml` says the rest.
    pub fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = Command::new(self.kind.program("cargo"));
        cargo.current_dir(folder).env("RUSTC_BOOTSTRAP", "1");
        // What the cargo that runs this program set is not for another one, nor is what is set for programs of the host.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BUILD_", "CARGO_PROFILE_"];
            if own.iter().any(|prefix| text.starts_with(prefix)) || ["CARGO", "RUSTFLAGS", "RUSTC"].contains(&&*text) {
                cargo.env_remove(name);
            }
        }
        if self.kind == Kind::Debian {
            cargo.env_remove("RUSTUP_TOOLCHAIN").env("PATH", debian_path()).env("RUSTC", self.kind.program("rustc"));
            for target in ["THUMBV7M", "THUMBV6M"] {
                cargo.env(format!("CARGO_TARGET_{target}_NONE_EABI_LINKER"), DEBIAN_LINKER);
            }
        }
        cargo
    }

    /// Cargo in `folder` for browsers; `flags` are told to the compiler for the program and all that it is made of.
    pub fn cargo_for_web(&self, folder: &Path, mut flags: Vec<String>) -> Command {
        let mut cargo = self.cargo(folder);
        if self.kind == Kind::Own {
            cargo.env_remove("RUSTC_BOOTSTRAP");
        } else {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_WEB_LINKER);
            flags.push("-Clinker-flavor=wasm-ld".into());
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        cargo
    }

    /// What cargo must be told to build for browsers.
    pub fn web_arguments(&self) -> &'static [&'static str] {
        if self.kind == Kind::Own { &[] } else { &["-Zbuild-std=std,panic_abort"] }
    }

    /// Where the source of the standard library is, if it is here.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn library_source(&self) -> Result<PathBuf, String> {
        let sysroot = run(Command::new(self.kind.program("rustc")).args(["--print", "sysroot"]))?;
        Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust"))
    }

    /// Whether it is the one that built this program.
    pub fn is_own(&self) -> bool {
        self.kind == Kind::Own
    }

    /// A name for a folder that holds what it builds.
    pub fn folder(&self) -> &'static str {
        if self.kind == Kind::Own { "firmware" } else { "firmware-debian" }
    }
}

impl Kind {
    fn program(self, name: &str) -> PathBuf {
        match self {
            Self::Own if name == "cargo" => env::var_os("CARGO").map_or_else(|| name.into(), PathBuf::from),
            Self::Own => name.into(),
            Self::Debian => Path::new(DEBIAN_BIN).join(name),
        }
    }
}

/// Whether the project's own toolchain has the standard library's source; rustup may fetch it.
fn own_source() -> Result<(), String> {
    own_part("src/rust/library/core/Cargo.toml", ["component", "add", "rust-src"])
}

/// The same for the standard library built for `target`.
fn own_library(target: &str) -> Result<(), String> {
    own_part(&format!("{target}/lib"), ["target", "add", target])
}

/// Whether the project's own toolchain has `part`; rustup may fetch it with `words`.
fn own_part(part: &str, words: [&str; 3]) -> Result<(), String> {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]))?;
    let part = Path::new(sysroot.trim()).join("lib/rustlib").join(part);
    if part.exists() {
        return Ok(());
    }
    let rustup = in_path("rustup").ok_or_else(|| format!("{} is missing", part.display()))?;
    // A network that swallows packets must not hold this up for ever.
    let mut fetch = match in_path("timeout") {
        Some(timeout) => {
            let mut command = Command::new(timeout);
            command.arg(RUSTUP_S).arg(rustup);
            command
        }
        None => Command::new(rustup),
    };
    run(fetch.args(words))?;
    if part.exists() { Ok(()) } else { Err(format!("{} is missing", part.display())) }
}

fn debian() -> Result<(), String> {
    let there = || {
        let programs = ["cargo", "rustc", DEBIAN_LINKER].map(|name| Path::new(DEBIAN_BIN).join(name));
        programs.iter().all(|program| program.is_file()) && Path::new("/usr/lib/rustlib/src/rust/library").exists()
    };
    if there() {
        return Ok(());
    }
    DEBIAN_PACKAGES.iter().try_for_each(|package| apt_install(package))?;
    if there() { Ok(()) } else { Err(format!("the packages {DEBIAN_PACKAGES:?} lack what they should have")) }
}

/// PATH with Debian's programs first, before rustup's of the same names.
fn debian_path() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(DEBIAN_BIN)).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}
