//! A station that serves the app, meters that a browser reaches, and a browser.

use crate::browser::{Browser, Tools};
use crate::sales::Sales;
use crate::way::Way;
use coinless_sim::desk::{Desk, Running};
pub use coinless_sim::family::{FamilyMeter as Known, GAS};
use coinless_sim::family::{UTILITIES, WATER_TARIFF};
use coinless_sim::line::Line;
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A town for one test.
pub struct Town {
    pub desk: Desk,
    _station: Running,
    /// Running meters, in the order in which they were named.
    pub meters: Vec<Running>,
    /// The ways from browsers to them.
    pub ways: Vec<Way>,
    /// The sales system of `sample-water`, if it has one of its own.
    pub sales: Option<Sales>,
    /// The line between browsers and the station.
    pub line: Line,
    pub tools: Tools,
    folder: TempDir,
    /// Carries the ways and the sales system.
    _runtime: Runtime,
}

impl Town {
    /// A town with these meters; none if there is no browser here.
    pub fn with(meters: &[Known]) -> Option<Self> {
        Self::made(|_, _| None, |desk, runtime| meters_of(meters, desk, runtime))
    }

    /// The same, in which water is sold through a sales system of its own.
    pub fn with_sales(meters: &[Known]) -> Option<Self> {
        let sales = |runtime: &Runtime, desk: &Desk| Some(Sales::open(runtime, desk.folder()));
        Self::made(sales, |desk, runtime| meters_of(meters, desk, runtime))
    }

    /// A town whose meters `make` makes: those that are processes, and where a browser reaches which, as the station's
    /// configuration has it. None if there is no browser here.
    pub fn build(make: impl FnOnce(&Desk) -> (Vec<Running>, String)) -> Option<Self> {
        Self::made(
            |_, _| None,
            |desk, _| {
                let (meters, places) = make(desk);
                (meters, Vec::new(), places)
            },
        )
    }

    fn made(
        sales: impl FnOnce(&Runtime, &Desk) -> Option<Sales>,
        make: impl FnOnce(&Desk, &Runtime) -> (Vec<Running>, Vec<Way>, String),
    ) -> Option<Self> {
        let tools = Tools::find()?;
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path());
        fs::create_dir(desk.path("station")).unwrap();
        let config = desk.path("station").join("station.toml");
        let sales = sales(&runtime, &desk);
        let utilities = format!("{UTILITIES}{}\n", sales.as_ref().map_or(WATER_TARIFF, Sales::config));
        fs::write(&config, &utilities).unwrap();
        let (meters, ways, places) = make(&desk, &runtime);
        let app = tools.app.to_str().unwrap();
        fs::write(&config, format!("[app]\nfolder = '{app}'\n[app.websocket_meters]\n{places}\n{utilities}")).unwrap();
        let station = desk.start_station("127.0.0.1:0", &[]).unwrap();
        let line = line_to(&station);
        Some(Self { desk, _station: station, meters, ways, sales, line, tools, folder, _runtime: runtime })
    }

    /// What was sold to the meter with this place in the town, as it says itself.
    pub fn total(&mut self, meter: usize) -> u64 {
        self.display(meter)["total_units"].as_u64().unwrap()
    }

    /// A browser on the profile `phone`: the same name is the same phone.
    pub fn browser(&self, phone: &str) -> Browser {
        self.browser_with(phone, &[])
    }

    /// The same with more switches.
    pub fn browser_with(&self, phone: &str, switches: &[OsString]) -> Browser {
        Browser::start(&self.tools, &self.folder.path().join(phone), switches)
    }

    /// What the meter with this place in the town shows.
    pub fn display(&mut self, meter: usize) -> Value {
        self.meters[meter].control("show", "show").unwrap()
    }

    /// The balance of the accounts that begin with `account`, in the station's books, which must balance.
    pub fn balance(&self, account: &str) -> String {
        let ledger = self.desk.show("ledger", None).unwrap().remove(0);
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let accounts = ledger["accounts"].as_array().unwrap();
        let found = accounts.iter().find(|known| known["account"].as_str().unwrap().starts_with(account));
        found.map_or("0.00".to_owned(), |account| account["balance"].as_str().unwrap().to_owned())
    }
}

fn line_to(station: &Running) -> Line {
    Line::new(station.address().strip_prefix("http://").unwrap().parse().unwrap()).unwrap()
}

/// Makes these meters and the ways to them; where a browser reaches which.
fn meters_of(meters: &[Known], desk: &Desk, runtime: &Runtime) -> (Vec<Running>, Vec<Way>, String) {
    let mut places = String::new();
    let (mut running, mut ways) = (Vec::new(), Vec::new());
    for known in meters {
        let meter = run(desk, known);
        let way = Way::new(runtime, &meter.address());
        writeln!(places, "{} = \"{}\"", known.id, way.link()).unwrap();
        running.push(meter);
        ways.push(way);
    }
    (running, ways, places)
}

/// Makes this meter and runs it.
pub fn run(desk: &Desk, Known { id, commodity, utility, .. }: &Known) -> Running {
    desk.new_meter_of(utility, id, commodity).unwrap();
    let mut command = desk.command(&["meter", "run", "--ws", "127.0.0.1:0", "--mains"]);
    command.arg("--state").arg(desk.path(id));
    desk.start(command).unwrap()
}
