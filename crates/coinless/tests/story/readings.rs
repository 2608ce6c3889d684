//! Whoever lives with a meter reads it on a phone; and tells the station's people what is wrong.

use crate::setting::{GAS_LABEL, Setting, complaint};
use coinless_sim::desk::DeskError;
use serde_json::Value;

impl Setting {
    fn readings(&self, store: &str, more: &[&str]) -> Result<Vec<Value>, DeskError> {
        let url = self.station.address();
        self.desk.phone(store, "readings", &[&["--station", &url, GAS_LABEL], more].concat())
    }

    /// Presses the meter's button; gives the code that its display shows then.
    fn press(&mut self) -> String {
        self.meter.control("open", "open").unwrap();
        self.display()["owner_code"].as_str().unwrap().to_owned()
    }

    fn move_in(&self, customer: &str) {
        let mut command = self.desk.command(&["station", "tenant-change", GAS_LABEL, "--operator", "oscar"]);
        command.args(["--customer", customer, "--data"]).arg(self.desk.path("station"));
        self.desk.run_command(command).unwrap();
    }

    fn load(&mut self, store: &str, amount: &str) {
        self.buy(store, amount);
        self.deliver(store);
        self.sync(store);
    }
}

#[test]
fn a_phone_reads_a_meter_by_the_code_on_its_display_until_the_tenant_changes() {
    let mut story = Setting::new();
    story.load("phone", "50.00");
    assert_eq!(story.display()["owner_code"], Value::Null, "nobody pressed the button");
    assert!(complaint(story.readings("phone", &[])).contains("press the meter's button"));
    let code = story.press();
    let shown = story.display();
    let readings = story.readings("phone", &["--code", &code]).unwrap().remove(0);
    assert_eq!(readings["last"]["balance_fine"], shown["balance_fine"]);
    assert_eq!(story.readings("phone", &[]).unwrap().remove(0), readings, "once is enough");
    // Another phone has not stood there; a wrong code is one, and neighbours on the link have nothing.
    assert!(complaint(story.readings("neighbour", &[])).contains("may not see"));
    let other = if code == "00000000" { "00000001" } else { "00000000" };
    assert!(complaint(story.readings("neighbour", &["--code", other])).contains("4 more"));

    story.meter.control("consume 3m3", "consumed").unwrap();
    story.load("phone", "20.00");
    let readings = story.readings("phone", &[]).unwrap().remove(0);
    let used: i64 = readings["days"].as_array().unwrap().iter().map(|day| day["used_fine"].as_i64().unwrap()).sum();
    assert_eq!((used, &readings["last"]["consumed_fine"]), (3_000_000, &3_000_000.into()));
    assert_eq!(readings["last"]["valve"], "open");

    story.move_in("Grace Hopper");
    assert!(complaint(story.readings("phone", &[])).contains("may not see"));
    // The old tenant's code opens nothing; nor does a new one before the meter is known to be in the new tenancy.
    let code = story.press();
    assert!(complaint(story.readings("phone", &["--code", &code])).contains("the tenant has changed"));
    story.load("new", "20.00");
    let code = story.press();
    let readings = story.readings("new", &["--code", &code]).unwrap().remove(0);
    assert_eq!(readings["days"][0]["used_fine"], 0, "nothing of the old tenant's use: {readings}");
    assert!(complaint(story.readings("phone", &[])).contains("may not see"));
}

#[test]
fn a_problem_reaches_the_people_also_when_the_station_was_away() {
    let mut story = Setting::new();
    let url = story.station.address();
    let words = ["--station", &url, "--meter", GAS_LABEL, "--contact", "Ada, +254700123456"];
    let now = story.desk.phone("phone", "problem", &[&words[..], &["It hisses."]].concat()).unwrap().remove(0);
    assert!(story.station.stop().unwrap().success());
    let away = story.desk.phone("phone", "problem", &[&words[..], &["Nobody answers."]].concat());
    assert!(complaint(away).contains("the next sync brings it"));
    let at = url.trim_start_matches("http://").to_owned();
    story.station = story.desk.start_station(&at, &[]).unwrap();
    let synced = story.sync("phone");
    assert_eq!(synced["reported"].as_array().unwrap().len(), 1, "{synced}");
    assert_eq!(story.sync("phone")["reported"], serde_json::json!([]));
    let shown = story.desk.show("problems", None).unwrap();
    let told: Vec<_> = shown.iter().map(|problem| problem["text"].as_str().unwrap()).collect();
    assert_eq!(told, ["Nobody answers.", "It hisses."]);
    assert_eq!((&shown[1]["id"], &shown[1]["meter"]), (&now["problem"], &GAS_LABEL.into()));
    let mut erase = story.desk.command(&["station", "erase", now["problem"].as_str().unwrap(), "--operator", "oscar"]);
    erase.arg("--data").arg(story.desk.path("station"));
    assert_eq!(story.desk.run_command(erase).unwrap()[0]["erased_problems"], 1);
    assert_eq!(story.desk.show("problems", Some(GAS_LABEL)).unwrap()[1]["text"], "erased");
}
