//! The demo that goes on: a station, and a gas, a water and an electricity meter, until it is told to end.

use super::{FAMILY, FamilyMeter, furnish};
use crate::output::{Context, Failure};
use coinless_sim::desk::Desk;
use std::fs;
use std::io::{BufRead, Write, stdin};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The port of the first meter; the others have the next ones.
const FIRST_PORT: u16 = 5683;

const STATION: &str = "127.0.0.1:8600";

/// A meter that prints for people.
struct Meter {
    commodity: &'static str,
    child: Child,
}

impl Drop for Meter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Refuses to begin where the station or a meter could not listen: its place would be taken by a stranger's.
fn check_ports() -> Result<(), Failure> {
    let taken = |what: &str, error: std::io::Error| {
        Failure::new(format!("the demo needs {what}, and something else uses it ({error}): is another demo running?"))
    };
    TcpListener::bind(STATION).map_err(|error| taken(&format!("{STATION} for its station"), error))?;
    for (meter, port) in FAMILY.iter().zip(FIRST_PORT..) {
        let place = format!("127.0.0.1:{port}");
        UdpSocket::bind(&place)
            .map_err(|error| taken(&format!("{place} (UDP) for its {} meter", meter.commodity), error))?;
    }
    Ok(())
}

/// Runs station and meters in `folder` until `quit` or a signal.
pub(super) fn run(folder: &Path) -> Result<(), Failure> {
    let binary = std::env::current_exe().context("finding this program")?;
    check_ports()?;
    fs::create_dir_all(folder).context(format_args!("making {}", folder.display()))?;
    let desk = Desk::new(&binary, folder);
    furnish(&desk, "")?;
    let mut station = desk.start_station(STATION, &[]).context("starting the station")?;
    let mut meters = Vec::new();
    for (FamilyMeter { id, commodity, .. }, port) in FAMILY.into_iter().zip(FIRST_PORT..) {
        meters.push(start_meter(&binary, &desk, commodity, id, port)?);
    }
    let help = || print_help(&binary, folder, &station.address());
    help();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
        let mut lines = typed_lines();
        loop {
            let line = tokio::select! {
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                // At the end of input nobody types any more, and the town goes on.
                Some(line) = lines.recv() => line,
            };
            let (who, what) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            match (who, meters.iter_mut().find(|meter| meter.commodity == who)) {
                ("", _) => {}
                ("quit" | "exit", _) => return Ok(()),
                (_, Some(meter)) => control(meter, what),
                _ => help(),
            }
        }
    })?;
    drop(meters);
    station.stop().context("stopping the station").map(|_| ())
}

/// What is typed, line by line, from a thread of its own: reading the terminal cannot be interrupted.
fn typed_lines() -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
        // Kept open, so that the receiver goes on waiting for signals alone.
        std::thread::park();
        drop(sender);
    });
    lines
}

fn start_meter(binary: &Path, desk: &Desk, commodity: &'static str, id: &str, port: u16) -> Result<Meter, Failure> {
    let mut command = Command::new(binary);
    command.args(["meter", "run", "--listen", &format!("127.0.0.1:{port}"), "--state"]).arg(desk.path(id));
    let child = command.stdin(Stdio::piped()).spawn().context("starting a meter")?;
    Ok(Meter { commodity, child })
}

fn control(meter: &mut Meter, line: &str) {
    let typed = meter.child.stdin.as_mut().map(|stdin| writeln!(stdin, "{line}").and_then(|()| stdin.flush()));
    if !matches!(typed, Some(Ok(()))) {
        println!(
            "the {} meter has no power (it was cut): start the demo again, it goes on from its state",
            meter.commodity
        );
    }
}

fn print_help(binary: &Path, folder: &Path, url: &str) {
    let here = std::env::current_dir().unwrap_or_default();
    // Shorter to read and to type from where the demo was started.
    let near = |path: &Path| path.strip_prefix(&here).unwrap_or(path).to_owned();
    let (binary, folder) = (near(binary), near(folder));
    let (binary, store) = (binary.display(), folder.join("phone"));
    let store = store.display();
    println!("\nThe station is at {url}, its data in {}.", folder.join("station").display());
    for (FamilyMeter { commodity, label, utility, .. }, port) in FAMILY.into_iter().zip(FIRST_PORT..) {
        println!("  {commodity:<12} meter {label} of {utility:<14} at coap://127.0.0.1:{port}");
    }
    let lines: Vec<String> =
        FAMILY.into_iter().zip(["50", "20", "30"]).map(|(one, pay)| format!("{}={pay}", one.label)).collect();
    println!(
        "
Type here what happens at a meter:
  gas open                     press its button
  gas consume 1.250m3          use gas
  gas show                     look at its display
  gas cut                      cut its power
  quit

In another terminal, be the family's phone, which pays once for all three:
  {binary} phone scan --store {store} coap://127.0.0.1:5683
  {binary} phone quote --station {url} {lines}
  {binary} phone buy --store {store} --station {url} {lines}
  {binary} phone deliver --store {store} coap://127.0.0.1:5683     (then 5684, 5685)
  {binary} phone sync --store {store}
and the operator:
  {binary} station show --data {station} ledger
",
        lines = lines.join(" "),
        station = folder.join("station").display()
    );
}
