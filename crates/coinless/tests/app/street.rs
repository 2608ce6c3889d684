//! A street of meters in one thread of the test, since a process for each would be too many.

use crate::cdp::PATIENCE;
use coinless_meter::{Issuer, IssuerRole};
use coinless_protocol::{Commodity, CreditKind, MeterId};
use coinless_sim::desk::Desk;
use coinless_sim::line::Line;
use coinless_sim::meter::{self, Blueprint, LinkChoice, Options, Report};
use coinless_station::records::{self, DeliveryRecord, HexKey, IssuerRecord};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::{fs, thread};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// Whose meters hang in the street.
const UTILITY: &str = "sample-energy";
/// The first meter's number.
const FIRST: u64 = 100;

/// Meters that run until this is dropped.
pub struct Street {
    /// Their numbers, in the order in which they hang.
    pub meters: Vec<MeterId>,
    /// Where each of them is reached.
    links: BTreeMap<MeterId, String>,
    applied: Arc<Mutex<BTreeMap<MeterId, usize>>>,
    _stop: oneshot::Sender<()>,
}

impl Street {
    /// Makes and enrols `count` gas meters, and runs them.
    pub fn new(desk: &Desk, count: usize) -> Self {
        let mut command = desk.command(&["station", "issuer", "--utility", UTILITY]);
        command.arg("--data").arg(desk.path("station"));
        let issuers = desk.run_command(command).unwrap().remove(0);
        let issuers: IssuerRecord = serde_json::from_value(issuers).unwrap();
        let meters: Vec<MeterId> =
            (FIRST..).take(count).map(|number| format!("CLS{number:010}").parse().unwrap()).collect();
        let records: Vec<_> = meters.iter().map(|id| make(desk, *id, &issuers)).collect();
        let list = desk.path("street.json");
        fs::write(&list, serde_json::to_vec(&records).unwrap()).unwrap();
        let mut command = desk.command(&["station", "enrol", "--utility", UTILITY]);
        command.arg("--data").arg(desk.path("station")).arg(list);
        desk.run_command(command).unwrap();

        let applied = Arc::new(Mutex::new(BTreeMap::new()));
        let (stop, stopped) = oneshot::channel();
        let (listens, heard) = channel();
        let states = meters.iter().map(|id| (*id, desk.path(id.as_str()))).collect();
        let told = applied.clone();
        thread::spawn(move || run(states, &told, &listens, stopped));
        let links = (0..count).map(|_| heard.recv_timeout(PATIENCE).expect("every meter listens")).collect();
        Self { meters, links, applied, _stop: stop }
    }

    /// The label of the meter at this place.
    pub fn label(&self, at: usize) -> String {
        self.meters[at].label().to_string()
    }

    /// Where a browser reaches which meter, as a station's configuration has it. At the places of `others` first it reaches the
    /// meter of the second, as if somebody stood at the wrong meter.
    pub fn places(&self, others: &[(usize, usize)]) -> String {
        let mut places = String::new();
        for (at, id) in self.meters.iter().enumerate() {
            let there = others.iter().find(|(wrong, _)| *wrong == at).map_or(at, |(_, other)| *other);
            writeln!(places, "{id} = \"{}\"", self.links[&self.meters[there]]).unwrap();
        }
        places
    }

    /// A line to each meter, which can be cut, and where a browser finds them.
    pub fn on_lines(&self) -> (Vec<Line>, String) {
        let line = |id| Line::new(self.links[id].strip_prefix("ws://").unwrap().parse().unwrap()).unwrap();
        let lines: Vec<Line> = self.meters.iter().map(line).collect();
        let place = |(id, line): (&MeterId, &Line)| format!("{id} = \"ws://127.0.0.1:{}\"\n", line.port());
        let places = self.meters.iter().zip(&lines).map(place).collect();
        (lines, places)
    }

    /// How often each meter has taken credit, in the order in which they hang.
    pub fn applied(&self) -> Vec<usize> {
        let applied = self.applied.lock().unwrap();
        self.meters.iter().map(|id| applied.get(id).copied().unwrap_or(0)).collect()
    }
}

fn make(desk: &Desk, id: MeterId, issuers: &IssuerRecord) -> DeliveryRecord {
    let issuer = |key: &records::IssuerKey| {
        let role = match key.role {
            records::IssuerRole::Root => IssuerRole::Root,
            records::IssuerRole::Operational => IssuerRole::Operational,
        };
        Issuer { role, key: key.public_key.0 }
    };
    let blueprint = Blueprint {
        id,
        commodity: Commodity::Gas,
        credit: CreditKind::Unit,
        issuers: issuers.issuers.iter().map(issuer).collect(),
        readings_key: Some(issuers.readings_key.0),
        initial: None,
        max_credit: None,
    };
    let key = meter::make(&desk.path(id.as_str()), &blueprint).unwrap();
    DeliveryRecord {
        id: id.to_string(),
        label: id.label().to_string(),
        commodity: blueprint.commodity.name().to_owned(),
        public_key: HexKey(key),
        initial_units: blueprint.initial().get(),
        max_credit_units: blueprint.max_credit().get(),
        customer: None,
        place: None,
        money: None,
    }
}

fn run(
    states: Vec<(MeterId, PathBuf)>,
    applied: &Arc<Mutex<BTreeMap<MeterId, usize>>>,
    listens: &Sender<(MeterId, String)>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let set = LocalSet::new();
    for (id, state) in states {
        let (applied, listens) = (applied.clone(), listens.clone());
        set.spawn_local(async move {
            let ws = Some("127.0.0.1:0".parse().unwrap());
            let links = LinkChoice { listen: None, serial: false, ws, bluez: false, ndef: None };
            let (_lines, none) = mpsc::unbounded_channel();
            let report = |report: &Report| match report {
                // Whoever made the street waits for each.
                Report::Listening { link, .. } => listens.send((id, link.clone())).unwrap(),
                // What sets the clock has no number.
                Report::Token { decision: "applied", repeated: false, number: 1.., .. } => {
                    *applied.lock().unwrap().entry(id).or_default() += 1;
                }
                _ => {}
            };
            let options = Options { links, mains: true, keeps_time: false };
            meter::serve(&state, options, none, report).await.unwrap();
        });
    }
    runtime.block_on(set.run_until(async move { drop(stopped.await) }));
}
