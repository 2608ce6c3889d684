//! What commands print: words for people, or one JSON object per result for scripts.

use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// Where results go.
pub struct Output {
    json: bool,
}

/// Why a command failed, in words that say what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    exit_code: u8,
}

/// The exit code of most failures.
const FAILED: u8 = 1;
/// The exit code when a disk failed: `EX_IOERR` of sysexits(3).
const IO_FAILED: u8 = 74;

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: FAILED }
    }

    /// A failure of a disk: the process ends with 74.
    pub fn of_disk(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: IO_FAILED }
    }

    /// The same with another exit code than 1.
    pub fn with_exit_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

/// Adds to an error what was being done.
pub trait Context<T> {
    /// The value, or a failure that begins with `doing`.
    fn context(self, doing: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn context(self, doing: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{doing}: {error}")))
    }
}

impl Output {
    /// Output for people, or for scripts if `json`.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether scripts read this.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints one result: `value` as one line of JSON for scripts, else `words`.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn result(&self, value: &impl Serialize, words: impl Display) -> Result<(), Failure> {
        let text = if self.json { serde_json::to_string(value).context("writing JSON")? } else { words.to_string() };
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).context("writing to standard output")
    }

    /// Prints a file that other commands read: JSON in either case, on one line for scripts.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn record(&self, value: &impl Serialize) -> Result<(), Failure> {
        let pretty = serde_json::to_string_pretty(value).context("writing JSON")?;
        self.result(value, pretty)
    }

    /// Warns of what may be a mistake, on standard error.
    pub fn warning(&self, words: impl Display) {
        eprintln!("coinless: warning: {words}");
    }

    /// Tells a person how things go; scripts do not see it on standard output.
    pub fn progress(&self, words: impl Display) {
        if !self.json {
            eprintln!("{words}");
        }
    }
}
