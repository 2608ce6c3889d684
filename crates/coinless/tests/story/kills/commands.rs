//! Commands of the operator that write into the station's database: each dies before and after its commit, is given again, and
//! is done once.

use super::each;
use crate::counter::order;
use crate::setting::{GAS_LABEL, OTHER, Setting, desk, results};
use coinless_sim::desk::DeskError;
use coinless_sim::failpoint::{self, COMMAND};
use serde_json::{Value, json};

/// A station with an operator, whose commands die at a point before they are given again.
struct Office {
    story: Setting,
    point: &'static str,
}

impl Office {
    /// Gives a command that must die, and then again; gives what it said then, or how it refused.
    fn twice(&self, words: &[&str]) -> Result<Vec<Value>, String> {
        let command = |point: Option<&str>| {
            let mut command = self.story.desk.command(&["station"]);
            command.args(words).arg("--data").arg(self.story.desk.path("station"));
            if let Some(point) = point {
                command.env(failpoint::VARIABLE, point);
            }
            self.story.desk.run_command(command)
        };
        match command(Some(self.point)) {
            Err(DeskError::Failed { status, .. }) if status.code().is_none() => {}
            other => panic!("{words:?} never reached {}: {other:?}", self.point),
        }
        match command(None) {
            Ok(results) => Ok(results),
            Err(DeskError::Failed { message, .. }) => Err(message),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the first try was kept.
    fn is_kept(&self) -> bool {
        self.point == COMMAND[1]
    }

    /// The same command, which says whether what it booked is new.
    fn books(&self, words: &[&str]) {
        assert_eq!(self.twice(words).unwrap()[0]["new"], !self.is_kept(), "{words:?}");
    }
}

#[test]
fn a_command_that_dies_is_done_once() {
    each(COMMAND, |point| {
        let office = Office { story: Setting::new(), point };
        floats(&office);
        books(&office);
        enrolment(&office);
        exceptions(&office);
        tenants(&office);
    });
}

#[test]
fn a_command_of_a_landlord_that_dies_is_done_once() {
    each(COMMAND, |point| {
        let (desk, folder) = desk();
        std::fs::write(desk.path("station").join("station.toml"), LANDLORD).unwrap();
        let office = Office { story: Setting::at(desk, folder, &[]), point };
        cash(&office);
        unpaid(&office);
        debts(&office);
    });
}

#[test]
fn a_command_about_a_meter_that_dies_is_done_once() {
    each(COMMAND, |point| {
        let office = Office { story: Setting::new(), point };
        tokens(&office);
        installing(&office);
        replacing(&office);
        retiring(&office);
    });
}

/// He takes cash, and his tariff recovers what tenants owe.
const LANDLORD: &str = r#"
[[utilities]]
name = "sample-utility"
currency = "EUR"
[utilities.tariffs.gas]
[[utilities.tariffs.gas.versions]]
price = "1"
debt = { percent = "20" }
[providers.manual]
pay_where = "caretaker, ground floor, 8 to 10 h"
"#;

/// Money is taken in once, taken out of the books once, and handed out once.
fn cash(office: &Office) {
    let story = &office.story;
    let till = || story.balance("provider:manual:clearing");
    let mark = |id: &str, amount: &str, slip: &str| {
        office.twice(&["pay", "mark", id, amount, "--cashier", "ada", "--id", slip]).unwrap();
        story.wait_for(id, "issued");
    };
    let (wrong, _) = order(story, "50.00");
    mark(&wrong, "50.00", "slip-1");
    assert_eq!(till(), "50.00");
    let correct = ["pay", "correct", &wrong, "slip-1", "--cashier", "ada", "--id", "slip-2", "--note", "wrong tenant"];
    office.twice(&correct).unwrap();
    story.wait_for(&wrong, "taken_back");
    assert_eq!((till(), story.balance("suspense")), ("0.00".to_owned(), "50.00".to_owned()));

    // Another sum, or the phone would take it for the same purchase.
    let (back, _) = order(story, "40.00");
    mark(&back, "40.00", "slip-3");
    story.sync("phone");
    story.refund("phone", &back);
    story.deliver("phone");
    story.sync("phone");
    story.wait_for(&back, "sale_reversed");
    office.twice(&["pay", "hand-out", &format!("{back}/1"), "--cashier", "ada"]).unwrap();
    story.wait_for(&back, "refunded");
    assert_eq!((till(), story.balance("refunds_due")), ("0.00".to_owned(), "0.00".to_owned()));
}

/// An order that nobody pays is ended.
fn unpaid(office: &Office) {
    let (id, _) = order(&office.story, "30.00");
    let ended = office.twice(&["cancel", &id, "--operator", "ada"]).unwrap();
    assert_eq!(ended[0]["ended"], !office.is_kept());
    assert_eq!(office.story.line_state(&id), "failed");
}

fn debts(office: &Office) {
    let set = office.twice(&["debt", GAS_LABEL, "--set", "15.00", "--operator", "ada"]).unwrap();
    assert_eq!(set[0]["before"], if office.is_kept() { "15.00" } else { "0.00" }, "{set:?}");
    assert_eq!(set[0]["debt"], "15.00");
}

fn floats(office: &Office) {
    let opened = office.twice(&["float", "open", "block-7"]);
    // The secret that was printed by nobody is lost: a new one is made.
    assert_eq!(opened.is_err(), office.is_kept(), "{opened:?}");
    assert!(office.twice(&["float", "renew", "block-7"]).unwrap()[0]["credential"].is_string());
    office.books(&["float", "pay-in", "block-7", "50.00", "--operator", "ada", "--id", "B1"]);
    assert_eq!(office.story.balance("float:block-7"), "-50.00");
    assert_eq!(office.story.balance("bank"), "50.00");
}

fn books(office: &Office) {
    let story = &office.story;
    let order = story.buy("phone", "50.00");
    story.deliver("phone");
    story.sync("phone");
    assert_eq!(story.line_state(&order), "delivered");
    office.books(&["books", "settle", "sample-utility", "42.02", "--operator", "ada", "--id", "T1"]);
    assert_eq!(story.balance("bank"), "7.98");
    let back = ["books", "correct", "settlement/sample-utility/T1", "payable settled", "--operator", "bob"];
    // What was corrected is not corrected again.
    assert_eq!(office.twice(&back).is_err(), office.is_kept());
    assert_eq!(story.balance("bank"), "50.00");
    office.books(&["books", "payout", "sandbox", "20.00", "--operator", "ada", "--id", "P1"]);
    assert_eq!((story.balance("bank"), story.balance("provider:sandbox")), ("70.00".into(), "30.00".into()));
}

fn enrolment(office: &Office) {
    let desk = &office.story.desk;
    let mut command = desk.command(&["meter", "new", "--id", OTHER, "--commodity", "water"]);
    command.arg("--state").arg(desk.path(OTHER)).arg("--issuer").arg(desk.path("issuer.json"));
    let record = desk.run_command(command).unwrap().remove(0);
    let file = desk.path("record.json");
    std::fs::write(&file, record.to_string()).unwrap();
    office.twice(&["enrol", file.to_str().unwrap()]).unwrap();
    assert_eq!(desk.show("meter", Some(OTHER)).unwrap().len(), 1);
}

/// What died after its commit is signed by whoever gives the command again.
fn tokens(office: &Office) {
    let story = &office.story;
    let file = |name: &str, text: &str| {
        let path = story.desk.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let settings = file("settings.toml", "leak_hours = 24\n");
    let tariff = file("tariff.toml", "standing_per_day = \"0.050 m³\"\n");
    let root = story.desk.path("station/keys/sample-utility/root.key");
    let token = |words: &[&str]| {
        let made =
            office.twice(&[&["token", words[0], GAS_LABEL, "--by", "ada"], &words[1..]].concat()).unwrap().remove(0);
        assert!(made["token"].is_string(), "{}: {made}", office.point);
        made
    };
    for words in [&["settings", "--file", &settings][..], &["tariff", "--file", &tariff], &["valve", "hold"]] {
        let made = token(words);
        assert_eq!((&made["number"], &made["new"]), (&json!(1), &json!(!office.is_kept())), "{made}");
    }
    let debt = token(&["debt", "--total", "2 m³"]);
    assert_eq!((&debt["number"], &debt["new"]), (&json!(2), &json!(!office.is_kept())), "{debt}");
    // A test is a test each time, and worth nothing.
    assert_eq!(token(&["test"])["number"], if office.is_kept() { 2 } else { 1 });
    assert_eq!(token(&["clock"])["register"], "clock");
    let keys = token(&["keys", "--root-key", root.to_str().unwrap(), "--raise-epoch"]);
    assert_eq!((&keys["epoch"], &keys["number"]), (&json!(1), &json!(1)), "it is raised once: {keys}");
    let mut show = story.desk.command(&["station", "token", "show", GAS_LABEL]);
    show.arg("--data").arg(story.desk.path("station"));
    let shown = story.desk.run_command(show).unwrap().remove(0);
    let left: Vec<_> =
        shown["tokens"].as_array().unwrap().iter().filter(|token| token["state"] == "committed").collect();
    assert_eq!(left, Vec::<&Value>::new(), "{}", office.point);
}

/// A new meter is installed once, and its tokens are there.
fn installing(office: &Office) {
    let desk = &office.story.desk;
    let mut command = desk.command(&["meter", "new", "--id", OTHER, "--commodity", "gas"]);
    command.arg("--state").arg(desk.path(OTHER)).arg("--issuer").arg(desk.path("issuer.json"));
    let record = desk.run_command(command).unwrap().remove(0);
    let file = desk.path("record.json");
    std::fs::write(&file, record.to_string()).unwrap();
    let words = ["install", file.to_str().unwrap(), "--by", "ada", "--debt", "5 m³", "--initial", "3 m³"];
    let installed = office.twice(&words).unwrap().remove(0);
    assert_eq!(installed["new"], !office.is_kept());
    let tokens = installed["tokens"].as_array().unwrap();
    assert!(tokens.iter().all(|token| token["token"].is_string()), "{}: {installed}", office.point);
    assert_eq!(tokens.iter().map(|token| token["number"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 2]);
    let shown = desk.show("meter", Some(OTHER)).unwrap().remove(0);
    assert_eq!((&shown["live_total_units"], &shown["last_number"]), (&json!(3_000), &json!(2)));
}

fn replacing(office: &Office) {
    let other = OTHER.parse::<coinless_protocol::MeterId>().unwrap().label().to_string();
    let begun = office.twice(&["replace", GAS_LABEL, &other, "--by", "ada"]).unwrap().remove(0);
    assert_eq!(begun["begun"], !office.is_kept());
    assert!(begun["closing_token"].is_string(), "{}: {begun}", office.point);
}

/// The closing token never comes back: two people end it, and what is left moves once.
fn retiring(office: &Office) {
    let other = OTHER.parse::<coinless_protocol::MeterId>().unwrap().label().to_string();
    let proposed = office.twice(&["retire", GAS_LABEL, "--by", "ada", "--replace-by", &other]).unwrap().remove(0);
    assert_eq!(proposed["confirmed_by"], Value::Null);
    let confirmed = office.twice(&["retire", GAS_LABEL, "--confirm-by", "bea"]);
    assert_eq!(confirmed.is_err(), office.is_kept(), "{confirmed:?}");
    let mut show = office.story.desk.command(&["station", "retire", GAS_LABEL, "--show"]);
    show.arg("--data").arg(office.story.desk.path("station"));
    let status = office.story.desk.run_command(show).unwrap().remove(0);
    assert_eq!((&status["confirmed_by"], &status["moved"]), (&json!("bea"), &json!("2.000 m³")), "{status}");
    let shown = office.story.desk.show("meter", Some(OTHER)).unwrap().remove(0);
    assert_eq!(shown["live_total_units"], 5_000, "{}", office.point);
}

/// Money for no order is seen to.
fn exceptions(office: &Office) {
    let story = &office.story;
    let stray = json!({
        "shown": { "id": "stray-1", "status": "captured", "amount": "7.00", "currency": "EUR" },
        "callback_url": "", "refunds": {}, "captured_ms": coinless_station::service::now_ms(),
    });
    let path = story.desk.path("station/sandbox.jsonl");
    let known = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{known}\n{stray}\n")).unwrap();
    let mut reconcile = story.desk.command(&["station", "reconcile"]);
    reconcile.arg("--data").arg(story.desk.path("station"));
    story.desk.run_command(reconcile).unwrap();
    assert_eq!(story.balance("suspense"), "-7.00");
    let resolve = ["resolve", "sandbox/stray-1", "unmatched_money", "--operator", "ada", "--note", "n", "--elsewhere"];
    assert_eq!(office.twice(&resolve).is_err(), office.is_kept());
    assert_eq!((story.balance("suspense"), story.balance("bank")), ("0.00".to_owned(), "63.00".to_owned()));
    assert_eq!(results(story.desk.show("exceptions", None)), Vec::<Value>::new());
}

/// A tenant moves out: what is not loaded becomes void. Who moved in is erased when everything is finished.
fn tenants(office: &Office) {
    let story = &office.story;
    let order = story.buy("phone", "20.00");
    let change = ["tenant-change", GAS_LABEL, "--operator", "ada", "--customer", "Grace Hopper"];
    assert_eq!(office.twice(&change).unwrap()[0]["changed"], !office.is_kept());
    assert_eq!(story.line_state(&order), "void_pending");
    let other = OTHER.parse::<coinless_protocol::MeterId>().unwrap().label().to_string();
    let erased = office.twice(&["erase", &other, "--operator", "ada"]).unwrap();
    assert_eq!(erased[0]["erased_orders"], 0);
    assert_eq!(story.balance("provider:sandbox"), "57.00");
}
