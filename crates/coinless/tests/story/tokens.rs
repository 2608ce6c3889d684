//! Tariff, settings, valve, clock and keys of a real meter, set by name from the command line.

use crate::operator::get;
use crate::setting::{Coap, GAS_LABEL, OTHER, Setting, complaint};
use coinless_sim::desk::DeskError;
use coinless_station::records::{from_hex, to_hex};
use serde_json::Value;
use std::path::PathBuf;

pub fn token(story: &Setting, what: &str, more: &[&str]) -> Result<Vec<Value>, DeskError> {
    let mut command = story.desk.command(&["station", "token", what, GAS_LABEL]);
    command.arg("--data").arg(story.desk.path("station")).args(more);
    story.desk.run_command(command)
}

fn made(story: &Setting, what: &str, more: &[&str]) -> Value {
    token(story, what, &[&["--by", "ada"], more].concat()).unwrap().pop().unwrap()
}

/// Hands a token to the meter, and its receipt to the station; gives what the receipt says of the decision.
pub fn hand(story: &Setting, link: &str, made: &Value) -> coinless_protocol::receipt::Receipt {
    let token = from_hex(made["token"].as_str().unwrap()).unwrap();
    let answer = Coap::new(link).post_token(&token);
    let receipt = coinless_protocol::receipt::Receipt::parse(&answer.payload).unwrap().1;
    upload(&story.station.address(), "receipts", &answer.payload);
    receipt
}

pub fn upload(station: &str, what: &str, bytes: &[u8]) -> Value {
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = http.post(format!("{station}/v1/{what}")).header("content-type", "application/cose");
        let answer = request.body(bytes.to_vec()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    })
}

fn post(story: &Setting, what: &str, body: &Value) -> Value {
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = http.post(format!("{}/v1/{what}", story.station.address())).json(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    })
}

fn file(story: &Setting, name: &str, text: &str) -> PathBuf {
    let path = story.desk.path(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn states(story: &Setting) -> Vec<(String, u64, String)> {
    let shown = token(story, "show", &[]).unwrap().remove(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let read = |one: &Value| (text(&one["register"]), one["number"].as_u64().unwrap(), text(&one["state"]));
    shown["tokens"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn an_operator_sets_what_a_meter_does() {
    let story = Setting::new();
    let link = story.meter.address();
    let settings = file(&story, "settings.toml", "emergency_credit = \"1 m³\"\nleak_hours = 24\n");
    let settings = settings.to_str().unwrap();
    let wrong = file(&story, "wrong.toml", "leak_hours = 24\nemergency_credit = \"1 kWh\"\n");
    let said = complaint(token(&story, "settings", &["--by", "ada", "--file", wrong.to_str().unwrap()]));
    assert!(said.contains("line 2") && said.contains("m³"), "{said}");
    assert!(complaint(token(&story, "settings", &["--file", settings])).contains("--by"));

    let shown = made(&story, "settings", &["--file", settings, "--check"]);
    assert!(shown["says"].to_string().contains("emergency credit: 1.000 m³"), "{shown}");
    assert_eq!(states(&story), []);
    let made_settings = made(&story, "settings", &["--file", settings, "--reason", "winter"]);
    assert_eq!((&made_settings["number"], &made_settings["new"]), (&1.into(), &true.into()));
    assert_eq!(made(&story, "settings", &["--file", settings])["new"], false);
    let receipt = hand(&story, &link, &made_settings);
    assert_eq!((receipt.outcome.decision.name(), receipt.registers.settings), ("applied", 1));

    made(&story, "debt", &["--add", "2 m³"]);
    let debt = made(&story, "debt", &["--add", "3 m³"]);
    assert!(debt["says"].to_string().contains("5.000 m³"), "{debt}");
    assert_eq!(hand(&story, &link, &debt).registers.tariff, 2);

    let held = hand(&story, &link, &made(&story, "valve", &["hold"]));
    assert!(held.flags.causes.iter().any(|cause| cause.words() == "command of the utility"));
    let released = hand(&story, &link, &made(&story, "valve", &["release"]));
    assert!(!released.flags.causes.iter().any(|cause| cause.words() == "command of the utility"));
    let report = Coap::new(&link).get("report");
    let body = serde_json::json!({ "report": to_hex(&report.payload) });
    assert_eq!(post(&story, "reports", &body)["new"], true);
    assert_eq!(post(&story, "reports", &body)["new"], false);
    let challenge = Coap::new(&link).get("challenge");
    let answer =
        get(&format!("{}/v1/meters/{GAS_LABEL}/clock/{}", story.station.address(), to_hex(&challenge.payload)));
    assert_eq!(answer.0, 200, "{}", answer.1);
    let answered: Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!(hand(&story, &link, &answered).outcome.decision.name(), "applied");
    let meter = story.desk.show("meter", Some(GAS_LABEL)).unwrap().remove(0);
    assert_eq!((&meter["report"]["debt_total"], &meter["report"]["valve"]), (&"5.000 m³".into(), &2.into()));
    let clock = made(&story, "clock", &[]);
    hand(&story, &link, &clock);
    let test = made(&story, "test", &[]);
    assert_eq!(hand(&story, &link, &test).registers.credit.0, 1);
    let expected = [("settings", 1), ("tariff", 2), ("valve", 2), ("clock", clock["number"].as_u64().unwrap())];
    let settled: Vec<_> = states(&story).into_iter().filter(|(_, _, state)| state == "settled").collect();
    let settled: Vec<_> = settled.iter().map(|(register, number, _)| (register.as_str(), *number)).collect();
    assert_eq!(settled, expected);
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
}

#[test]
fn a_stolen_key_is_outlived() {
    let story = Setting::new();
    let link = story.meter.address();
    let order = story.buy("phone", "50.00");
    let old = story.token(&order);
    let root = story.desk.path("station").join("keys/sample-utility/root.key");
    let root = root.to_str().unwrap();
    let wrong = story.desk.path("station").join("keys/sample-utility/operational.key");
    let refused = complaint(token(&story, "keys", &["--by", "ada", "--root-key", wrong.to_str().unwrap()]));
    assert!(refused.contains("is not the root key"), "{refused}");
    let keys = made(&story, "keys", &["--root-key", root, "--raise-epoch"]);
    assert_eq!((&keys["epoch"], &keys["number"]), (&1.into(), &1.into()));
    let line = &story.order(&order)["lines"][0];
    assert_eq!(line["register_tokens"][0], keys["token"]);
    let receipt = hand(&story, &link, &keys);
    assert_eq!((receipt.registers.epoch.0, receipt.registers.credit.0), (1, 0));
    // What the stolen key signed is worth nothing any more.
    let answer = Coap::new(&link).post_token(&old);
    assert_eq!(
        coinless_protocol::receipt::Receipt::parse(&answer.payload).unwrap().1.outcome.decision.name(),
        "other epoch"
    );
    let new = story.token(&order);
    assert_ne!(new, old);
    let answer = Coap::new(&link).post_token(&new);
    upload(&story.station.address(), "receipts", &answer.payload);
    assert_eq!(story.line_state(&order), "delivered");
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
}

fn replace(story: &Setting) -> Value {
    let mut command = story.desk.command(&["station", "replace", GAS_LABEL, OTHER, "--by", "ada"]);
    command.arg("--data").arg(story.desk.path("station"));
    story.desk.run_command(command).unwrap().remove(0)
}

#[test]
fn what_is_left_on_an_old_meter_goes_to_the_new_one() {
    let story = Setting::new();
    story.desk.new_meter(OTHER, "gas", &[]).unwrap();
    let new = story.desk.start(story.desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    let order = story.buy("phone", "50.00");
    let begun = replace(&story);
    assert_eq!((&begun["begun"], &begun["moved"]), (&true.into(), &Value::Null));
    let closing = serde_json::json!({ "token": begun["closing_token"] });
    let receipt = hand(&story, &story.meter.address(), &closing);
    assert!(receipt.flags.causes.iter().any(|cause| cause.words() == "closed account"));
    assert_eq!(story.line_state(&order), "delivered");
    // The running station signs what follows.
    let moved = loop {
        let status = replace(&story);
        assert_eq!(status["begun"], false);
        if status["transfer_token"].is_string() {
            break status;
        }
    };
    let units = receipt.sums.withdrawn.0 / 1000;
    let receipt = hand(&story, &new.address(), &serde_json::json!({ "token": moved["transfer_token"] }));
    assert_eq!(receipt.total.get(), u64::try_from(units).unwrap());
    assert_eq!(replace(&story)["transfer_token"], Value::Null);
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
}
