//! A station that serves the app, meters that a browser reaches, and a browser.

use crate::browser::{Browser, Tools};
use crate::line::Line;
use coinless_sim::desk::{Desk, Running};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use tempfile::TempDir;

/// A meter of the town.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub id: &'static str,
    pub label: &'static str,
    pub commodity: &'static str,
    pub utility: &'static str,
}

pub const GAS: Known =
    Known { id: "CLS0000000017", label: "CLS0000000017-Z", commodity: "gas", utility: "sample-energy" };
pub const WATER: Known =
    Known { id: "CLS0000000028", label: "CLS0000000028-T", commodity: "water", utility: "sample-water" };
pub const POWER: Known =
    Known { id: "CLS0000000039", label: "CLS0000000039-N", commodity: "electricity", utility: "sample-energy" };

/// Two utilities.
const UTILITIES: &str = "
[[utilities]]
name = \"sample-energy\"
brand = \"Sample Energy\"
currency = \"EUR\"
[utilities.tariffs]
gas = { versions = [{ price = \"0.85\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }
electricity = { versions = [{ price = \"0.29\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }

[[utilities]]
name = \"sample-water\"
brand = \"Sample Water\"
currency = \"EUR\"
[utilities.tariffs]
water = { versions = [{ price = \"2.10\", tax_percent = \"7\", minimum = \"1\", maximum = \"500\" }] }
";

/// A town for one test.
pub struct Town {
    pub desk: Desk,
    pub station: Running,
    /// Running meters, in the order in which they were named.
    pub meters: Vec<Running>,
    /// The line between browsers and the station.
    pub line: Line,
    pub tools: Tools,
    folder: TempDir,
}

impl Town {
    /// A town with these meters; none if there is no browser here.
    pub fn with(meters: &[Known]) -> Option<Self> {
        let tools = Tools::find()?;
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path());
        fs::create_dir(desk.path("station")).unwrap();
        let config = desk.path("station").join("station.toml");
        fs::write(&config, UTILITIES).unwrap();

        let mut places = String::new();
        let mut running = Vec::new();
        for Known { id, commodity, utility, .. } in meters {
            desk.new_meter_of(utility, id, commodity).unwrap();
            let mut command = desk.command(&["meter", "run", "--ws", "127.0.0.1:0", "--mains"]);
            command.arg("--state").arg(desk.path(id));
            let meter = desk.start(command).unwrap();
            writeln!(places, "{id} = \"{}\"", meter.address()).unwrap();
            running.push(meter);
        }
        let app = tools.app.to_str().unwrap();
        fs::write(&config, format!("[app]\nfolder = '{app}'\n[app.websocket_meters]\n{places}\n{UTILITIES}")).unwrap();
        let station = desk.start_station("127.0.0.1:0", &[]).unwrap();
        let line = Line::new(station.address().strip_prefix("http://").unwrap().parse().unwrap());
        Some(Self { desk, station, meters: running, line, tools, folder })
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
