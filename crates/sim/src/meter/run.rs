//! The process of a simulated meter: CoAP over its links, and control lines.

use super::bluez::BluezError;
use super::control::{Control, HELP};
use super::device::{SimulatedMeter, Surroundings};
use super::links::{LinkChoice, Links, Peer};
use super::report::Report;
use crate::failpoint;
use crate::flash::{FileFlash, FileFlashError};
use coinless_meter::MountError;
use std::convert::Infallible;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Why a meter does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state file cannot be used.
    #[error("the state file cannot be used: {0}")]
    File(#[from] FileFlashError),
    /// The state file holds no meter.
    #[error("{0}; delete the file and make a meter with `coinless meter new`")]
    Mount(#[from] MountError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; choose another address, port 0 for any free one")]
    Listen(SocketAddr, io::Error),
    /// There is no pseudo-terminal to be had.
    #[error("cannot make a pseudo-terminal: {0}")]
    Serial(io::Error),
    /// The tag's file cannot be written.
    #[error("the tag {0} cannot be written: {1}")]
    Tag(String, io::Error),
    /// There is no Bluetooth.
    #[error("no Bluetooth: {0}")]
    Bluez(#[from] BluezError),
    /// The operating system refused something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Longest time between two ticks of the meter.
const TICK: Duration = Duration::from_secs(1);

/// The lines of standard input. At its end the meter goes on.
pub fn stdin_lines() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    // A thread of its own, since nothing can interrupt a read of standard input: the process ends without waiting for it.
    std::thread::spawn(move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok);
        for line in lines {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// How a meter is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it can be reached.
    pub links: LinkChoice,
    /// It need not spare a battery.
    pub mains: bool,
    /// It has a clock that went on while it was off: that of this computer.
    pub keeps_time: bool,
}

/// Runs the meter of the file `state` until SIGINT or SIGTERM. `report` hears of everything, first of the links.
///
/// # Errors
/// [`RunError`] if it cannot be started.
pub async fn run(
    state: &Path,
    options: Options,
    lines: UnboundedReceiver<String>,
    report: impl FnMut(&Report),
) -> Result<(), RunError> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        ended = serve(state, options, lines, report) => ended.map(|never| match never {}),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// The same until the future is dropped: one of many meters of a process.
///
/// # Errors
/// [`RunError`] if it cannot be started.
pub async fn serve(
    state: &Path,
    options: Options,
    mut lines: UnboundedReceiver<String>,
    mut report: impl FnMut(&Report),
) -> Result<Infallible, RunError> {
    let mut process = Process::start(state, options).await?;
    process.links.names().for_each(|link| report(&Report::listening(&process.meter, link)));
    let mut lines_open = true;
    loop {
        let wait = process.until_due();
        let happened = tokio::select! {
            (peer, message) = process.links.receive() => process.message(peer, &message),
            line = lines.recv(), if lines_open => match line {
                Some(line) => process.control(&line),
                None => { lines_open = false; None }
            },
            () = tokio::time::sleep(wait) => None,
        };
        happened.iter().for_each(&mut report);
        process.poll();
    }
}

struct Process {
    meter: SimulatedMeter<FileFlash, Peer>,
    links: Links,
    started: Instant,
    /// Time that went by in the meter's world only.
    skipped_ms: u64,
}

impl Process {
    async fn start(state: &Path, options: Options) -> Result<Self, RunError> {
        let chip = FileFlash::open(state)?;
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(|error| RunError::Io(io::Error::other(error.to_string())))?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let surroundings = Surroundings { mains: options.mains, clock: options.keeps_time.then_some(now_s) };
        let meter = SimulatedMeter::start_in(chip, u16::from_le_bytes(random), surroundings)?;
        let links = Links::open(&options.links, meter.meter().id()).await?;
        Ok(Self { meter, links, started: Instant::now(), skipped_ms: 0 })
    }

    fn now_ms(&self) -> u64 {
        (self.started.elapsed().as_millis() as u64).saturating_add(self.skipped_ms)
    }

    fn until_due(&self) -> Duration {
        let due = self.meter.next_due_ms().map(|due| due.saturating_sub(self.now_ms()));
        due.map_or(TICK, |due| TICK.min(Duration::from_millis(due)))
    }

    fn message(&mut self, peer: Peer, message: &[u8]) -> Option<Report> {
        let (now_ms, jitter) = (self.now_ms(), self.started.elapsed().subsec_nanos() as u8);
        let Self { meter, links, .. } = self;
        let event = meter.serve(now_ms, jitter, peer, message, &mut |peer, bytes: &[u8]| links.send(peer, bytes))?;
        Some(Report::event(meter, event))
    }

    fn poll(&mut self) {
        let now_ms = self.now_ms();
        let Self { meter, links, .. } = self;
        meter.poll(now_ms, &mut |peer, bytes: &[u8]| links.send(peer, bytes));
    }

    fn control(&mut self, line: &str) -> Option<Report> {
        if line.trim().is_empty() {
            return None;
        }
        let now_ms = self.now_ms();
        let control = match Control::parse(line, self.meter.meter().commodity()) {
            Ok(control) => control,
            Err(error) => return Some(Report::Error { message: error.to_string() }),
        };
        let meter = &mut self.meter;
        Some(match control {
            Control::Consume { amount, spread } => {
                let consumed = meter.consume(now_ms, amount, spread);
                self.skipped_ms = self.skipped_ms.saturating_add(consumed.elapsed_ms);
                Report::consumed(meter, amount, consumed)
            }
            Control::Open => {
                let pressed = meter.press_open(now_ms);
                Report::pressed(meter, pressed)
            }
            Control::Emergency => match meter.take_emergency(now_ms) {
                Ok(taken) => Report::emergency(meter, taken),
                Err(error) => Report::Error { message: error.to_string() },
            },
            Control::Wait(time) => {
                let time_ms = time.as_millis() as u64;
                meter.wait(now_ms, time_ms);
                self.skipped_ms = self.skipped_ms.saturating_add(time_ms);
                Report::waited(meter, time.as_secs())
            }
            Control::Sensor(sensor, active) => {
                meter.sensor(now_ms, sensor, active);
                Report::sensed(meter, sensor, active)
            }
            Control::Load { power_w, seconds } => {
                let elapsed_ms = meter.load(now_ms, power_w, seconds);
                self.skipped_ms = self.skipped_ms.saturating_add(elapsed_ms);
                Report::load(meter, power_w, elapsed_ms / 1_000)
            }
            Control::Show => Report::show(meter, now_ms),
            Control::Cut => failpoint::die(),
            Control::Raise(cause) => {
                meter.meter_mut().raise_cause(now_ms, cause);
                meter.settle(now_ms);
                Report::technician(meter, Ok::<(), &str>(()))
            }
            Control::Clear(cause) => {
                let cleared = meter.meter_mut().clear_cause(now_ms, cause);
                Report::technician(meter, cleared)
            }
            Control::ClearValve => {
                let cleared = meter.meter_mut().clear_valve_failed(now_ms);
                Report::technician(meter, cleared)
            }
            Control::Help => Report::Help { lines: HELP },
        })
    }
}
