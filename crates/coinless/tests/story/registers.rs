//! What goes with credit: a technician's tokens for other registers, the meter's report, and its clock.

use crate::setting::{Coap, GAS, GAS_LABEL, OTHER, Setting, results};
use coinless_protocol::cose::Sign1;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::report::Report;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{Content, Order, Set, Token, Valve, ValveOrder};
use coinless_protocol::{Epoch, MeterId};
use coinless_sim::desk::DeskError;
use coinless_station::keys::read_pair;
use coinless_station::records::from_hex;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// Writes a token for the gas meter into a file on the desk, signed by the station's key of this name.
fn token_file(story: &Setting, name: &str, signer: &str, epoch: u16, order: Order<'_>) -> String {
    let keys = story.desk.path("station").join("keys/sample-utility");
    let signer = read_pair(&keys.join(format!("{signer}.key"))).unwrap();
    let record: Value = serde_json::from_slice(&fs::read(story.desk.path(&format!("{GAS}.json"))).unwrap()).unwrap();
    let key = PublicKey::from_sec1(&from_hex(record["public_key"].as_str().unwrap()).unwrap()).unwrap();
    let meter: MeterId = GAS.parse().unwrap();
    let token = Token { meter, meter_key: key.hash().hint(), epoch: Epoch(epoch), order };
    let signed = token.sign(&key.hash(), &signer).unwrap();
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = story.desk.path(name);
    fs::write(&path, json!({"meter": GAS_LABEL, "token": hex}).to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn valve(number: u32, command: ValveOrder) -> Order<'static> {
    Order::Set(Set { valve: Some(Valve { number, command }), ..Set::default() })
}

/// Hands a token file to the gas meter; gives the result and whether the command was content.
fn hand(story: &Setting, file: &str) -> (Value, bool) {
    let words = ["--station", &story.station.address(), file, &story.meter.address()];
    let outcome = story.desk.phone("technician", "hand", &words);
    let content = outcome.is_ok();
    (results(outcome).remove(0), content)
}

#[test]
fn a_technician_hands_over_token_files() {
    let mut story = Setting::new();
    let settings = Settings { emergency: 500, ..Settings::default() }.to_bytes().unwrap();
    let settings = Set { settings: Some(Content { number: 3, bytes: &settings }), ..Set::default() };
    let file = token_file(&story, "settings.json", "operational", 0, Order::Set(settings));
    let (taken, content) = hand(&story, &file);
    assert_eq!((&taken["result"], content), (&"applied".into(), true), "{taken}");
    assert_eq!((&taken["sets"], &taken["registers"]["settings"]), (&json!({"settings": 3}), &3.into()), "{taken}");
    // The same again is right, also after something else.
    let shut = token_file(&story, "shut.json", "operational", 0, valve(1, ValveOrder::HoldShut));
    let (held, _) = hand(&story, &shut);
    assert_eq!((&held["result"], &held["valve"]), (&"applied".into(), &"shut".into()), "{held}");
    assert_eq!(held["causes"], json!(["command of the utility"]), "{held}");
    let (again, content) = hand(&story, &file);
    assert_eq!((&again["result"], content), (&"covered".into(), true), "{again}");

    // A technician sees to a tamper; what the utility ordered stays.
    story.meter.control("raise tamper", "technician").unwrap();
    let service = token_file(&story, "service.json", "operational", 0, valve(2, ValveOrder::Service));
    assert_eq!(hand(&story, &service).0["causes"], json!(["command of the utility"]));
    let release = token_file(&story, "release.json", "operational", 0, valve(3, ValveOrder::Release));
    let (released, _) = hand(&story, &release);
    assert_eq!(
        (&released["causes"], &released["valve"]),
        (&json!([]), &"armed".into()),
        "a person opens it: {released}"
    );

    // What people see.
    let mut command = Command::new(env!("CARGO_BIN_EXE_coinless"));
    command
        .args(["phone", "hand", "--store"])
        .arg(story.desk.path("technician"))
        .args([&release, &story.meter.address()]);
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = printed.lines().map(str::trim).collect();
    assert!(lines[0].starts_with(&format!("{GAS_LABEL}  token with valve command 3: ")), "{printed}");
    assert_eq!(lines[1], "valve shut and armed: press the button at the meter to open it");
    assert_eq!(lines[2], "the meter's numbers: credit 0, tariff 0, settings 3, keys 0, epoch 0");

    // The station takes every receipt, and nothing is left to bring.
    let synced = story.sync("technician");
    assert_eq!(synced["uploaded"].as_array().unwrap().len(), 5, "{synced}");
    let listed = story.desk.phone("technician", "list", &[]).unwrap().remove(0);
    assert_eq!(listed["tokens"], json!([]));
    // Only a report tells of a valve command: it was brought along, and the station has taken it.
    assert_eq!((&synced["reports"].as_array().map(Vec::len), &listed["reports"]), (&Some(1), &json!([])), "{synced}");
    assert!(listed["receipts"].as_array().unwrap().iter().all(|receipt| receipt["acknowledged"] == true), "{listed}");
}

#[test]
fn credit_goes_on_in_a_new_epoch() {
    let story = Setting::new();
    let keys = story.desk.path("station").join("keys/sample-utility");
    let operational: KeyPair = read_pair(&keys.join("operational.key")).unwrap();
    let same = OperationalKeys::new(&[operational.public_key()]).unwrap().to_bytes().unwrap();
    let keys = Order::Keys(Content { number: 1, bytes: &same });
    let file = token_file(&story, "keys.json", "root", 1, keys);
    let (taken, content) = hand(&story, &file);
    assert_eq!((&taken["registers"]["epoch"], &taken["registers"]["keys"], content), (&1.into(), &1.into(), true));
    // What is of the epoch before says that it is over, and that the meter needs it no more.
    let tariff = Tariff::default().to_bytes().unwrap();
    let tariff = Set { tariff: Some(Content { number: 1, bytes: &tariff }), ..Set::default() };
    let old = token_file(&story, "old.json", "operational", 0, Order::Set(tariff));
    assert_eq!(hand(&story, &old).0["result"], "covered");
    let new = token_file(&story, "new.json", "operational", 1, Order::Set(tariff));
    assert_eq!(hand(&story, &new).0["result"], "applied");
}

#[test]
fn what_a_technician_cannot_hand_over() {
    let mut story = Setting::new();
    let open = Settings { open_by_token: Some(true), ..Settings::default() }.to_bytes().unwrap();
    let open = Set { settings: Some(Content { number: 1, bytes: &open }), ..Set::default() };
    let file = token_file(&story, "open.json", "operational", 0, Order::Set(open));
    let words = ["--station", &story.station.address(), &file, &story.meter.address()];
    let refused = story.desk.phone("technician", "hand", &words);
    let Err(DeskError::Failed { message, results, status, .. }) = refused else { panic!("taken: {refused:?}") };
    assert_eq!((results[0]["result"].as_str(), status.code()), (Some("bad content"), Some(1)), "{results:?}");
    assert!(message.contains("holds what this meter cannot use"), "{message}");

    let complaint = |words: &[&str]| crate::setting::complaint(story.desk.phone("technician2", "hand", words));
    let link = story.meter.address();
    assert!(complaint(&[&file, &link]).contains("name it with --station"), "an empty phone knows no station");
    fs::write(story.desk.path("none.json"), "{}").unwrap();
    let none = story.desk.path("none.json").to_str().unwrap().to_owned();
    assert!(complaint(&["--station", &story.station.address(), &none, &link]).contains("nothing was sent"));
    // A key of the utility's that may not do so.
    let forged = token_file(&story, "forged.json", "root", 0, valve(1, ValveOrder::Release));
    let words = ["--station", &story.station.address(), &forged, &link];
    assert!(complaint(&words).contains("unknown issuer key"));
    story.desk.new_meter(OTHER, "gas", &[]).unwrap();
    let other = story.desk.start(story.desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    let words = ["--station", &story.station.address(), &forged, &other.address()];
    assert!(complaint(&words).contains("nothing was sent"));
    assert_eq!(story.display()["valve"], "shut");
}

#[test]
fn a_delivery_takes_the_report_along_once_a_day() {
    let mut story = Setting::new();
    story.buy("phone", "20.00");
    story.deliver("phone");
    let reports = |story: &Setting| story.desk.phone("phone", "list", &[]).unwrap()[0]["reports"].clone();
    let first = reports(&story);
    assert_eq!((&first[0]["label"], &first[0]["verified"]), (&GAS_LABEL.into(), &true.into()), "{first}");
    story.sync("phone");
    story.buy("phone", "20.00");
    story.deliver("phone");
    // On the same day the meter is not asked again, but by somebody who wants it.
    let number = || {
        let report = Coap::new(&story.meter.address()).get("report");
        Report::from_payload(Sign1::parse(&report.payload).unwrap().payload).unwrap().number
    };
    let before = number();
    story.deliver("phone");
    assert_eq!(number(), before + 1, "nothing but this test has used a number");
    let asked = story.desk.phone("phone", "report", &[&story.meter.address()]).unwrap().remove(0);
    assert_eq!(asked["report"], before + 2, "{asked}");
    // Without a station nothing is late, and nothing fails.
    assert!(story.station.stop().unwrap().success());
    let refused = story.desk.phone("fresh", "report", &[&story.meter.address()]);
    assert!(crate::setting::complaint(refused).contains("name it with --station"));
}
