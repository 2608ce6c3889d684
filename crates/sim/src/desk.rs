//! The command `coinless` as processes on a desk: a station, meters and phones, driven through what their commands print.
//!
//! The demo and the tests of the whole story use it; both run the same binary that people run.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

/// Where the processes keep their files, and which binary they are.
#[derive(Debug, Clone)]
pub struct Desk {
    binary: PathBuf,
    folder: PathBuf,
    database: Option<String>,
}

/// Why something on the desk did not work.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A process could not be started or talked to.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A command failed.
    #[error("`coinless {command}` ended with {status}: {message}")]
    Failed {
        /// Its words.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed on standard error.
        message: String,
        /// The results that it printed before.
        results: Vec<Value>,
    },
    /// A process printed something that is not JSON, or ended before it printed what was waited for.
    #[error("{0}")]
    Unexpected(String),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> DeskError {
    let what = what.into();
    move |source| DeskError::Io { what, source }
}

impl Desk {
    /// A desk for `binary` with its files in `folder`.
    pub fn new(binary: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), folder: folder.into(), database: None }
    }

    /// The same with the station's database in PostgreSQL, named by a connection string; none is SQLite.
    #[must_use]
    pub fn on(self, database: Option<String>) -> Self {
        Self { database, ..self }
    }

    /// The connection string of the station's database, if it is in PostgreSQL.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// A file or folder on the desk.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command with its words and `--json`.
    pub fn command<W: AsRef<OsStr>>(&self, words: &[W]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--json").args(words).stdin(Stdio::null()).env_remove(crate::failpoint::VARIABLE);
        // What goes wrong only: who looks at a desk follows the results.
        command.env("COINLESS_LOG", "error");
        match &self.database {
            Some(database) => command.env("COINLESS_STATION_DATABASE", database),
            None => command.env_remove("COINLESS_STATION_DATABASE"),
        };
        command
    }

    /// Runs a command to its end; gives its results.
    ///
    /// # Errors
    /// [`DeskError`] if it fails, with what it said.
    pub fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<Vec<Value>, DeskError> {
        self.run_command(self.command(words))
    }

    /// Runs a prepared command to its end; gives its results.
    ///
    /// # Errors
    /// [`DeskError`] if it fails, with what it said.
    pub fn run_command(&self, mut command: Command) -> Result<Vec<Value>, DeskError> {
        let words: Vec<_> = command.get_args().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let words = words.join(" ");
        let output = command.output().map_err(io_error(format!("running `coinless {words}`")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let results = text.lines().map(|line| parse(line, &words)).collect::<Result<Vec<_>, _>>()?;
        if output.status.success() {
            return Ok(results);
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(DeskError::Failed { command: words, status: output.status, message, results })
    }

    /// Runs a command that prints one result.
    ///
    /// # Errors
    /// [`DeskError`] if it fails or prints none.
    pub fn run_one<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<Value, DeskError> {
        let first = self.run(words)?.into_iter().next();
        first.ok_or_else(|| DeskError::Unexpected("a command printed no result".to_owned()))
    }

    /// Starts a process that goes on, and waits until it listens.
    ///
    /// # Errors
    /// [`DeskError`] if it ends before.
    pub fn start(&self, mut command: Command) -> Result<Running, DeskError> {
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(io_error("starting a process"))?;
        let mut running = Running::new(child)?;
        running.listening = running.wait_for("listening")?;
        Ok(running)
    }

    /// Starts `coinless station run` on this desk at `listen`.
    ///
    /// # Errors
    /// [`DeskError`] if it does not come up.
    pub fn start_station(&self, listen: &str, more: &[&str]) -> Result<Running, DeskError> {
        self.start(self.station_command(listen, more))
    }

    /// Loses the station's database, as a disk that breaks. No station may be running.
    ///
    /// # Errors
    /// When the files or the server do not let it.
    pub fn lose_database(&self) -> io::Result<()> {
        if let Some(database) = &self.database {
            return crate::postgres::lose(database);
        }
        for name in ["station.db", "station.db-wal", "station.db-shm"] {
            match std::fs::remove_file(self.path("station").join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The command that [`Desk::start_station`] starts.
    pub fn station_command(&self, listen: &str, more: &[&str]) -> Command {
        let mut command = self.command(&["station", "run", "--listen", listen]);
        command.arg("--data").arg(self.path("station")).args(more);
        command
    }

    /// Makes a meter and enrols it: `issuer.json` must be on the desk. Its state is in a file of its number's name.
    ///
    /// # Errors
    /// [`DeskError`] if a command fails.
    pub fn new_meter(&self, id: &str, commodity: &str, more: &[&str]) -> Result<Value, DeskError> {
        self.enrol_new(id, commodity, "issuer.json", more, &[])
    }

    /// The same for a utility that is not alone at its station. Its keys are written to `issuer-<utility>.json`.
    ///
    /// # Errors
    /// [`DeskError`] if a command fails.
    pub fn new_meter_of(&self, utility: &str, id: &str, commodity: &str) -> Result<Value, DeskError> {
        let issuer = format!("issuer-{utility}.json");
        self.write_keys(&issuer, &["--utility", utility])?;
        self.enrol_new(id, commodity, &issuer, &[], &["--utility", utility])
    }

    fn enrol_new(
        &self,
        id: &str,
        commodity: &str,
        issuer: &str,
        more: &[&str],
        enrol: &[&str],
    ) -> Result<Value, DeskError> {
        let mut command = self.command(&["meter", "new", "--id", id, "--commodity", commodity]);
        command.arg("--state").arg(self.path(id)).arg("--issuer").arg(self.path(issuer)).args(more);
        let mut results = self.run_command(command)?;
        let record = results.pop().ok_or_else(|| DeskError::Unexpected("no delivery record".to_owned()))?;
        self.write(&format!("{id}.json"), &record)?;
        let mut command = self.command(&["station", "enrol"]);
        self.run_command({
            command.arg("--data").arg(self.path("station")).args(enrol).arg(self.path(&format!("{id}.json")));
            command
        })?;
        Ok(record)
    }

    /// Writes the public keys that meters must know to `issuer.json`.
    ///
    /// # Errors
    /// [`DeskError`] if a command fails.
    pub fn write_issuer(&self) -> Result<(), DeskError> {
        self.write_keys("issuer.json", &[])
    }

    fn write_keys(&self, name: &str, more: &[&str]) -> Result<(), DeskError> {
        let mut command = self.command(&["station", "issuer"]);
        command.arg("--data").arg(self.path("station")).args(more);
        let issuer = self.run_command(command)?.pop();
        self.write(name, &issuer.ok_or_else(|| DeskError::Unexpected("no keys".to_owned()))?)
    }

    /// The command that runs a meter made by [`Desk::new_meter`].
    pub fn meter_command(&self, id: &str, listen: &str) -> Command {
        let mut command = self.command(&["meter", "run", "--listen", listen]);
        command.arg("--state").arg(self.path(id));
        command
    }

    /// The same on a serial line, and nothing else.
    pub fn serial_meter_command(&self, id: &str) -> Command {
        let mut command = self.command(&["meter", "run", "--serial"]);
        command.arg("--state").arg(self.path(id));
        command
    }

    /// The same at a WebSocket, and nothing else.
    pub fn ws_meter_command(&self, id: &str) -> Command {
        let mut command = self.command(&["meter", "run", "--ws", "127.0.0.1:0"]);
        command.arg("--state").arg(self.path(id));
        command
    }

    /// The same over Bluetooth, through the BlueZ that is on the bus at `bus`, and nothing else.
    pub fn bluez_meter_command(&self, id: &str, bus: &str) -> Command {
        let mut command = self.command(&["meter", "run", "--bluez"]);
        command.arg("--state").arg(self.path(id)).env(crate::fake_bluez::BUS_VARIABLE, bus);
        command
    }

    /// The same with an NFC tag whose memory is a file on the desk, and nothing else.
    pub fn ndef_meter_command(&self, id: &str, tag: &str) -> Command {
        let mut command = self.command(&["meter", "run", "--ndef"]);
        command.arg(self.path(tag)).arg("--state").arg(self.path(id));
        command
    }

    /// `coinless station show` of `what`, and of which.
    ///
    /// # Errors
    /// [`DeskError`] if it fails.
    pub fn show(&self, what: &str, id: Option<&str>) -> Result<Vec<Value>, DeskError> {
        let mut command = self.command(&["station", "show", what]);
        command.arg("--data").arg(self.path("station")).args(id);
        self.run_command(command)
    }

    /// The command of a phone whose store is `store` on the desk.
    pub fn phone_command(&self, store: &str, verb: &str, words: &[&str]) -> Command {
        let mut command = self.command(&["phone", verb]);
        command.arg("--store").arg(self.path(store)).args(words);
        command
    }

    /// Runs a command of a phone.
    ///
    /// # Errors
    /// [`DeskError`] if it fails.
    pub fn phone(&self, store: &str, verb: &str, words: &[&str]) -> Result<Vec<Value>, DeskError> {
        self.run_command(self.phone_command(store, verb, words))
    }

    fn write(&self, name: &str, value: &Value) -> Result<(), DeskError> {
        std::fs::write(self.path(name), value.to_string()).map_err(io_error(format!("writing {name}")))
    }

    /// The folder of the desk.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A process that goes on. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    control: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
    /// What it said when it began to listen.
    pub listening: Value,
}

impl Running {
    fn new(mut child: Child) -> Result<Self, DeskError> {
        let piped = || DeskError::Unexpected("a process without pipes".to_owned());
        let control = child.stdin.take();
        let results = BufReader::new(child.stdout.take().ok_or_else(piped)?);
        Ok(Self { child, control, results, listening: Value::Null })
    }

    /// Where it listens: a meter's `link` or a station's `url`.
    pub fn address(&self) -> String {
        let said = &self.listening;
        said["link"].as_str().or_else(|| said["url"].as_str()).unwrap_or_default().to_owned()
    }

    /// Reads results until one of the kind `event`.
    ///
    /// # Errors
    /// [`DeskError`] if the process ends before, or says that a control line was wrong.
    pub fn wait_for(&mut self, event: &str) -> Result<Value, DeskError> {
        loop {
            let mut line = String::new();
            if self.results.read_line(&mut line).map_err(io_error("reading from a process"))? == 0 {
                return Err(DeskError::Unexpected(format!("a process ended before it said \"{event}\"")));
            }
            let result = parse(&line, event)?;
            if result["event"] == event {
                return Ok(result);
            }
            if result["event"] == "error" {
                let message = result["message"].as_str().unwrap_or_default();
                return Err(DeskError::Unexpected(format!("a process said \"{message}\" before \"{event}\"")));
            }
        }
    }

    /// Types a control line; gives its answer, which is of the kind `event`.
    ///
    /// # Errors
    /// [`DeskError`] if the process does not take it, says that it cannot be done, or ends.
    pub fn control(&mut self, line: &str, event: &str) -> Result<Value, DeskError> {
        self.type_line(line)?;
        self.wait_for(event)
    }

    /// Types a control line that has no answer, such as `cut`.
    ///
    /// # Errors
    /// [`DeskError`] if the process does not take it.
    pub fn type_line(&mut self, line: &str) -> Result<(), DeskError> {
        let closed = || DeskError::Unexpected("the process takes no control lines".to_owned());
        writeln!(self.control.as_mut().ok_or_else(closed)?, "{line}").map_err(io_error("typing a control line"))
    }

    /// Its process number.
    ///
    /// # Errors
    /// [`DeskError`] if it has none that can be signalled.
    pub fn pid(&self) -> Result<Pid, DeskError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| DeskError::Unexpected("a process without a number".to_owned()))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`DeskError`] if it cannot be waited for.
    pub fn wait(&mut self) -> Result<ExitStatus, DeskError> {
        self.child.wait().map_err(io_error("waiting for a process"))
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// [`DeskError`] if it cannot be asked or waited for.
    pub fn stop(&mut self) -> Result<ExitStatus, DeskError> {
        kill_process(self.pid()?, Signal::TERM).map_err(|error| io_error("stopping a process")(error.into()))?;
        self.wait()
    }

    fn kill_now(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_now();
    }
}

fn parse(line: &str, of: &str) -> Result<Value, DeskError> {
    serde_json::from_str(line).map_err(|_| DeskError::Unexpected(format!("not JSON, from {of}: {line}")))
}
