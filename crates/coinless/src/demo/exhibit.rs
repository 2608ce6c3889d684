//! The demo's page: a real station, simulated meters and the real app in a frame, side by side, with all that passes between them in
//! words, and buttons that do to them what happens to things in the field.
//!
//! Everything listens on this computer alone. Phones reach the station and the meters over lines that are listened to and cut.

mod board;
mod books;
mod deeds;
mod ears;
mod meter;
mod serve;
mod words;

use super::{FAMILY, furnish};
use crate::output::{Context, Failure, Output};
use crate::station;
use board::Board;
use books::Books;
use coinless_sim::desk::Desk;
use coinless_sim::line::Line;
use coinless_sim::wire::Wire;
use meter::{Happened, Meter};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;

/// How the sandbox pays in the demo: it reports every payment twice.
const SANDBOX: [&str; 2] = ["--sandbox", "twice"];

/// All that the page shows and its buttons reach.
struct Exhibit {
    board: Arc<Board>,
    books: Books,
    meters: Vec<Arc<Meter>>,
    wires: Vec<Wire>,
    /// Where the station listens.
    station: SocketAddr,
    /// The line of the phone in the frame.
    phone: Mutex<Line>,
    /// Rung when the books may have changed.
    bell: Arc<Notify>,
    /// Held by the button that was pressed.
    hands: tokio::sync::Mutex<()>,
}

/// Where the demo listens: the page, the station for real phones, and the meters.
struct Doors {
    page: TcpListener,
    station: TcpListener,
    meters: Vec<TcpListener>,
}

impl Doors {
    fn open(port: u16) -> Result<Self, Failure> {
        let listen = |place: u16| {
            let port = if port == 0 { 0 } else { port.saturating_add(place) };
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
                let what = format!("the demo needs port {port} of this computer, and something else uses it ({error})");
                Failure::new(format!("{what}: is another demo running? Take another place with --port"))
            })
        };
        let meters = (2..).zip(FAMILY).map(|(place, _)| listen(place)).collect::<Result<_, _>>()?;
        Ok(Self { page: listen(0)?, station: listen(1)?, meters })
    }
}

fn port(listener: &TcpListener) -> Result<u16, Failure> {
    listener.local_addr().map(|address| address.port()).context("listening")
}

/// Shows the page until a signal, with station and meters in `data` and the app in `app`.
pub(super) fn run(data: &Path, app: &Path, at: u16, opens: bool, output: &Output) -> Result<(), Failure> {
    let binary = std::env::current_exe().context("finding this program")?;
    let doors = Doors::open(at)?;
    fs::create_dir_all(data).context(format_args!("making {}", data.display()))?;
    let desk = Desk::new(&binary, data);
    let page = port(&doors.page)?;
    furnish(&desk, &app_tables(page, &doors)?)?;
    let app = app.to_str().ok_or_else(|| Failure::new("the folder of the app has a name that is not UTF-8"))?;
    let mut station = desk.start_station("127.0.0.1:0", &[&["--app", app][..], &SANDBOX].concat());
    let station_running = station.as_mut().map_err(|error| Failure::new(format!("starting the station: {error}")))?;
    let address = station_running.address();
    let address = address.strip_prefix("http://").unwrap_or_default().parse().context("the station's address")?;
    let store = station::open_books(&desk.path("station"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("starting")?;
    let ended = runtime.block_on(show(desk, doors, address, Books::new(store), opens, output));
    // Whoever still looks at the page is not waited for.
    runtime.shutdown_background();
    ended?;
    station_running.stop().context("stopping the station").map(|_| ())
}

/// The tables of the station's configuration that let this page show the app, and the app reach the meters.
fn app_tables(page: u16, doors: &Doors) -> Result<String, Failure> {
    let mut tables = format!(
        "\n[app]\nname = \"Coinless demo\"\nmay_be_framed_by = [\"http://127.0.0.1:{page}\", \"http://localhost:{page}\"]\n\n[app.websocket_meters]\n"
    );
    for (meter, door) in FAMILY.iter().zip(&doors.meters) {
        let _ = writeln!(tables, "{} = \"ws://127.0.0.1:{}\"", meter.id, port(door)?);
    }
    Ok(tables)
}

async fn show(
    desk: Desk,
    doors: Doors,
    station: SocketAddr,
    books: Books,
    opens: bool,
    output: &Output,
) -> Result<(), Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
    let (page, real) = (port(&doors.page)?, port(&doors.station)?);
    let ports = std::iter::once(&doors.station).chain(&doors.meters).map(port).collect::<Result<_, _>>()?;
    let (board, bell) = (Arc::new(Board::new(ports)), Arc::new(Notify::new()));
    let (happens, happened) = unbounded_channel::<Happened>();
    let (mut meters, mut wires) = (Vec::new(), Vec::new());
    for ((place, known), door) in FAMILY.into_iter().enumerate().zip(doors.meters) {
        let meter = Arc::new(Meter::new(place, known, &desk, board.clone(), happens.clone()));
        meter.switch_on().await?;
        let (to, heard) = (meter.clone(), meter.clone());
        let wire = Wire::open(door, move || to.address(), move || ears::of_meter(heard.clone()));
        wires.push(wire.context("listening for a meter")?);
        meters.push(meter);
    }
    let line = |listener, who| Line::heard(listener, station, ears::of_station(board.clone(), bell.clone(), who));
    // For a real phone; the one in the frame has a line, and so a memory, of its own.
    let _real = line(doors.station, "real phone").context("listening for a real phone")?;
    let phone = line(any_port()?, "phone").context("listening for the phone")?;
    board.change(|shown| shown.phone.port = phone.port());
    let (phone, hands) = (Mutex::new(phone), tokio::sync::Mutex::new(()));
    let exhibit = Arc::new(Exhibit { board, books, meters, wires, station, phone, bell, hands });
    let watching = tokio::spawn(exhibit.clone().watch());
    let following = tokio::spawn(exhibit.clone().follow(happened));
    let serving = tokio::spawn(serve::serve(doors.page, exhibit));

    let url = format!("http://127.0.0.1:{page}");
    let words = format!("Open {url} in a browser.\nThe demo's data is in {}. Ctrl-C ends it.", desk.folder().display());
    output
        .result(&json!({ "event": "listening", "url": url, "station": format!("http://127.0.0.1:{real}") }), words)?;
    if opens {
        open_browser(&url, output);
    }
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        ended = watching => Err(gone("books", ended)),
        ended = following => Err(gone("meters", ended.map(Ok))),
        ended = serving => Err(gone("page", ended)),
    }
}

fn any_port() -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")
}

/// Why the demo cannot go on without one of its parts.
fn gone(part: &str, ended: Result<Result<(), Failure>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => Failure::new(format!("the demo's {part} ended")),
        Ok(Err(failure)) => failure,
        Err(error) => Failure::new(format!("the demo's {part} ended: {error}")),
    }
}

/// Opens the page where there is a screen. If that fails, its address was printed.
fn open_browser(url: &str, output: &Output) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if !has_screen && !cfg!(target_os = "macos") {
        return;
    }
    let started =
        Command::new(opener).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    match started {
        // It ends by itself; this waits for it beside.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => output.progress(format_args!("no browser was opened ({opener}: {error})")),
    }
}
