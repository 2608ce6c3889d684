//! The demo that goes on: a station, and a gas, a water and an electricity meter, until it is told to end.

use crate::output::{Context, Failure};
use coinless_protocol::MeterId;
use coinless_sim::desk::{Desk, Running};
use std::fs;
use std::io::{BufRead, Write, stdin};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Name for control lines, number, commodity, and port of each meter.
const METERS: [(&str, &str, u16); 3] =
    [("gas", "CLS0000000017", 5683), ("water", "CLS0000000025", 5684), ("electricity", "CLS0000000033", 5685)];

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

/// Runs station and meters in `folder` until `quit` or the end of input.
pub(super) fn run(folder: &Path) -> Result<(), Failure> {
    let binary = std::env::current_exe().context("finding this program")?;
    fs::create_dir_all(folder).context(format_args!("making {}", folder.display()))?;
    let desk = Desk::new(&binary, folder);
    desk.write_issuer().context("the station's keys")?;
    let mut station = desk.start_station(STATION, &[]).context("starting the station")?;
    let mut meters = Vec::new();
    for (commodity, id, port) in METERS {
        if !desk.path(id).exists() {
            desk.new_meter(id, commodity, &[]).context("making a meter")?;
        }
        meters.push(start_meter(&desk, commodity, id, port)?);
    }
    print_help(&binary, folder, &station);
    for line in stdin().lock().lines() {
        let line = line.context("reading what you typed")?;
        let (who, what) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match (who, meters.iter_mut().find(|meter| meter.commodity == who)) {
            ("", _) => {}
            ("quit" | "exit", _) => break,
            (_, Some(meter)) => control(meter, what),
            _ => print_help(&binary, folder, &station),
        }
    }
    drop(meters);
    station.stop().context("stopping the station").map(|_| ())
}

fn start_meter(desk: &Desk, commodity: &'static str, id: &str, port: u16) -> Result<Meter, Failure> {
    let binary = std::env::current_exe().context("finding this program")?;
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

fn print_help(binary: &Path, folder: &Path, station: &Running) {
    let (binary, store, url) = (binary.display(), folder.join("phone"), station.address());
    let store = store.display();
    println!("\nThe station is at {url}, its data in {}.", folder.join("station").display());
    for (commodity, id, port) in METERS {
        let label = id.parse::<MeterId>().map(|id| id.label().to_string()).unwrap_or_default();
        println!("  {commodity:<12} meter {label} at coap://127.0.0.1:{port}");
    }
    println!(
        "
Type here what happens at a meter:
  gas open                     press its button
  gas consume 1.250m3          use gas
  gas show                     look at its display
  gas cut                      cut its power
  quit

In another terminal, be the phone:
  {binary} phone scan --store {store} coap://127.0.0.1:5683
  {binary} phone quote --station {url} CLS0000000017-Z=50.00
  {binary} phone buy --store {store} --station {url} CLS0000000017-Z=50.00
  {binary} phone deliver --store {store} coap://127.0.0.1:5683
  {binary} phone sync --store {store}
and the operator:
  {binary} station show --data {station} ledger
",
        station = folder.join("station").display()
    );
}
