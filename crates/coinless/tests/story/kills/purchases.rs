//! Two purchases: one is loaded, the other one taken back before it is. Whatever failed is done again; always there is one
//! sale, one payment, one credit.
//!
//! They are played with the built-in sales system, and with a utility over HTTP that forgets its first answer and wants to be
//! told of deliveries.

use super::utility::SandboxUtility;
use super::{named, steps};
use crate::kills::each;
use crate::setting::{GAS, GAS_LABEL, desk};
use coinless_sim::desk::{Desk, DeskError, Running};
use coinless_sim::failpoint::{self, METER, PHONE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::TcpStream;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the station does in these purchases with any utility, and with one over HTTP.
const BUILT_IN: [&str; 11] =
    ["put", "accept", "callback", "receipt", "void", "pay", "query_payment", "vend", "sign", "reverse", "refund"];
const OVER_HTTP: [&str; 2] = ["last_response", "confirm"];

/// The points of the station that are reached here.
pub fn points() -> Vec<&'static str> {
    [steps(&BUILT_IN), named("signer."), steps(&OVER_HTTP)].concat()
}

/// How often a step is repeated; each repetition follows a process that died or was not there.
const TRIES: usize = 30;
/// How long a station may take to come back, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

/// A process that is started again when it dies.
struct Kept {
    address: String,
    pid: Pid,
    keeper: JoinHandle<Died>,
}

/// How a process that was told to kill itself ended, and the one that took its place.
type Died = Option<Running>;

/// Which process is told to kill itself, and where.
#[derive(Clone, Copy)]
enum Victim<'a> {
    Station(&'a str),
    Meter(&'a str),
    Phone(&'a str),
}

impl Victim<'_> {
    fn point(&self) -> &str {
        match self {
            Self::Station(point) | Self::Meter(point) | Self::Phone(point) => point,
        }
    }
}

struct Story<'a> {
    desk: Desk,
    station: String,
    meter: String,
    victim: Victim<'a>,
    /// Whether the phone still has to die.
    phone_dies: bool,
    utility: Option<SandboxUtility>,
}

impl Story<'_> {
    /// Does a command of the phone until it ends as it should.
    fn phone(&mut self, verb: &str, words: &[&str]) -> Value {
        let mut last = String::new();
        for _ in 0..TRIES {
            let mut command = self.desk.phone_command("phone", verb, words);
            if self.phone_dies {
                command.env(failpoint::VARIABLE, self.victim.point());
            }
            match self.desk.run_command(command) {
                Ok(results) => return results.into_iter().next().unwrap_or_default(),
                Err(DeskError::Failed { status, message, .. }) => {
                    if status.code().is_none() {
                        self.phone_dies = false;
                    }
                    last = message;
                    self.wait_for_station();
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("phone {verb} did not work {TRIES} times, at last: {last}");
    }

    /// Waits until the station listens: after its death it takes its time to come back.
    fn wait_for_station(&self) {
        let began = Instant::now();
        while TcpStream::connect(self.station.trim_start_matches("http://")).is_err() {
            assert!(began.elapsed() < PATIENCE, "{}: the station does not come back", self.victim.point());
            thread::sleep(LOOK);
        }
    }

    fn buy(&mut self, amount: &str, at_once: bool) -> String {
        let (station, meter, line) = (self.station.clone(), self.meter.clone(), format!("{GAS_LABEL}={amount}"));
        let words = ["--station", &station, &line, "--at", &meter];
        let bought = self.phone("buy", if at_once { &words } else { &words[..3] });
        bought["order"].as_str().unwrap().to_owned()
    }

    fn deliver(&mut self) {
        let meter = self.meter.clone();
        self.phone("deliver", &[&meter]);
    }

    fn line(&self, order: &str) -> Value {
        self.desk.show("order", Some(order)).unwrap()[0]["lines"][0].clone()
    }

    /// Syncs until the order's line has come to its end. Each sync asks the station, which works on meanwhile.
    fn sync_until(&mut self, order: &str, state: &str) {
        for _ in 0..TRIES * 10 {
            self.phone("sync", &[]);
            if self.line(order)["state"] == state {
                return;
            }
        }
        panic!("{order} is not {state}: {}", self.line(order));
    }
}

/// Starts a process that dies at the point of its environment, and starts it again.
fn keep(desk: &Desk, first: Command, mut again: Command) -> Kept {
    let mut running = desk.start(first).unwrap();
    let (address, pid) = (running.address(), running.pid().unwrap());
    let desk = desk.clone();
    let at = address.trim_start_matches("http://").trim_start_matches("coap://").to_owned();
    again.args(["--listen", &at]);
    let keeper = thread::spawn(move || {
        let status = running.wait().unwrap();
        // Killed by itself at its point, unless the test is over.
        (status.code().is_none() && !desk.path("over").exists()).then(|| desk.start(again).unwrap())
    });
    Kept { address, pid, keeper }
}

fn play(victim: Victim<'_>) {
    let point = victim.point().to_owned();
    let (desk, _folder) = desk();
    let over_http = steps(&OVER_HTTP).contains(&point.as_str());
    let utility = over_http.then(|| SandboxUtility::configure(&desk));
    if let Some(utility) = &utility {
        utility.is_unclear_once();
    }
    desk.new_meter(GAS, "gas", &[]).unwrap();
    let with = |mut command: Command, dies: bool| {
        if dies {
            command.env(failpoint::VARIABLE, &point);
        }
        command
    };
    let mut station_restart = desk.command(&["station", "run"]);
    station_restart.arg("--data").arg(desk.path("station"));
    let mut meter_restart = desk.command(&["meter", "run"]);
    meter_restart.arg("--state").arg(desk.path(GAS));
    let dies = matches!(victim, Victim::Station(_));
    let station = keep(&desk, with(desk.station_command("127.0.0.1:0", &[]), dies), station_restart);
    let dies = matches!(victim, Victim::Meter(_));
    let meter = keep(&desk, with(desk.meter_command(GAS, "127.0.0.1:0"), dies), meter_restart);
    let mut story = Story {
        desk: desk.clone(),
        station: station.address.clone(),
        meter: meter.address.clone(),
        victim,
        phone_dies: matches!(victim, Victim::Phone(_)),
        utility,
    };

    // A phone reads the meter first when it loads what it buys at once.
    let at_once = point.ends_with("_read");
    let loaded = story.buy("50.00", at_once);
    story.deliver();
    story.sync_until(&loaded, "delivered");
    let taken_back = story.buy("20.00", false);
    story.phone("refund", &[&taken_back]);
    story.deliver();
    story.sync_until(&taken_back, "refunded");
    check(&story, &loaded, &taken_back, &point);

    let victim_died = match victim {
        Victim::Phone(_) => !story.phone_dies,
        Victim::Station(_) => station.keeper.is_finished(),
        Victim::Meter(_) => meter.keeper.is_finished(),
    };
    assert!(victim_died, "{point} was never reached");
    end(&desk, station);
    end(&desk, meter);
}

/// Ends a kept process: the one that took the dead one's place, or the first one.
fn end(desk: &Desk, kept: Kept) {
    std::fs::write(desk.path("over"), "").unwrap();
    if !kept.keeper.is_finished() {
        kill_process(kept.pid, Signal::KILL).unwrap();
    }
    drop(kept.keeper.join().unwrap());
}

fn check(story: &Story<'_>, loaded: &str, taken_back: &str, point: &str) {
    let orders = story.desk.show("order", None).unwrap();
    assert_eq!(orders.len(), 2, "{point}: one order for one purchase: {orders:?}");
    let ledger = story.desk.show("ledger", None).unwrap().remove(0);
    assert_eq!(ledger["balanced"], true, "{point}: {ledger}");
    let balance = |account: &str| {
        let accounts = ledger["accounts"].as_array().unwrap();
        accounts.iter().find(|known| known["account"] == account).map(|account| account["balance"].clone())
    };
    assert_eq!(balance("provider:sandbox:clearing"), Some("50.00".into()), "{point}: one payment each, one refund");
    for empty in ["payer_money_held", "sold_undelivered", "refunds_due"] {
        assert_eq!(balance(empty), Some("0.00".into()), "{point}: {empty}");
    }
    let payments = std::fs::read_to_string(story.desk.path("station/sandbox.jsonl")).unwrap();
    let ids: std::collections::BTreeSet<_> = payments
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|payment| payment["shown"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, [loaded.to_owned(), taken_back.to_owned()].into(), "{point}: payments at the provider");
    let meter = story.desk.show("meter", Some(GAS)).unwrap().remove(0);
    let units = &story.line(loaded)["quote"]["units"];
    assert_eq!(&meter["live_total_units"], units, "{point}: one sale is live");
    assert_eq!(&meter["newest_receipt"]["total_units"], units, "{point}: one credit");
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new(), "{point}");
    if let Some(utility) = &story.utility {
        utility.sold_once_and_knows(loaded, units.as_u64().unwrap());
        utility.took_back(taken_back);
    }
}

#[test]
fn the_station_dies_at_every_step_of_a_purchase() {
    each(&points(), |point| play(Victim::Station(point)));
}

#[test]
fn the_meter_dies_at_every_step() {
    // A phone waits long for a meter that died after it had acknowledged the token.
    each(METER, |point| play(Victim::Meter(point)));
}

#[test]
fn the_phone_dies_at_every_step() {
    each(PHONE, |point| play(Victim::Phone(point)));
}
