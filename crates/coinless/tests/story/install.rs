//! A technician installs meters from their delivery records; one of them counts money.

use crate::setting::{GAS_LABEL, OTHER, Setting, complaint, desk};
use coinless_sim::desk::DeskError;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

/// The station takes a fee from every purchase, and recovers what tenants owe it; it knows nothing of the meter's prices.
const CONFIG: &str = r#"
[[utilities]]
name = "sample-utility"
currency = "EUR"
[utilities.tariffs.gas]
price = "1"
[utilities.tariffs.electricity]
[[utilities.tariffs.electricity.versions]]
price = "0.25"
tax_percent = "20"
standing = { per_day = "0.10" }
debt = { percent = "10" }
fees = [{ name = "service", to = "caretaker", fixed = "0.50" }]
"#;

const TARIFF: &str = r#"
price = "0.20 EUR"
standing_per_day = "0.10 EUR"
debt_per_day = "0.50 EUR"
"#;

/// A station, and the delivery record of a meter that it does not know yet.
fn delivered(commodity: &str, credit: &str) -> (Setting, String) {
    let (desk, folder): (_, TempDir) = desk();
    fs::write(desk.path("station").join("station.toml"), CONFIG).unwrap();
    let story = Setting::at(desk, folder, &[]);
    let record = make(&story, commodity, credit);
    (story, record)
}

fn make(story: &Setting, commodity: &str, credit: &str) -> String {
    let desk = &story.desk;
    let mut command = desk.command(&["meter", "new", "--id", OTHER, "--commodity", commodity, "--credit", credit]);
    command.arg("--state").arg(desk.path(OTHER)).arg("--issuer").arg(desk.path("issuer.json"));
    let record = desk.run_command(command).unwrap().remove(0);
    let file = desk.path(&format!("{OTHER}.json"));
    fs::write(&file, record.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn install(story: &Setting, record: &str, more: &[&str]) -> Result<Vec<Value>, DeskError> {
    let mut command = story.desk.command(&["station", "install", record, "--by", "ada"]);
    command.arg("--data").arg(story.desk.path("station")).args(more);
    story.desk.run_command(command)
}

fn installed(story: &Setting) -> Value {
    story.desk.show("meter", Some(OTHER)).unwrap()[0]["installation"].clone()
}

/// Hands a technician's file to a meter, and has the phone bring the receipt to the station.
fn hand(story: &Setting, file: &Value, link: &str) -> Value {
    let words = ["--station", &story.station.address(), file.as_str().unwrap(), link];
    let handed = story.desk.phone("technician", "hand", &words).unwrap().remove(0);
    story.sync("technician");
    handed
}

#[test]
fn a_technician_installs_a_meter_and_proves_it() {
    let (story, record) = delivered("gas", "unit");
    let out = story.desk.path("tokens");
    let plan = ["--debt", "20 m³", "--initial", "3 m³", "--out", out.to_str().unwrap()];
    assert!(complaint(install(&story, &record, &["--initial", "3 kWh"])).contains("m³"));
    assert!(complaint(install(&story, &record, &["--initial", "499 m³"])).contains("can take 498.000 m³ more"));
    let unknown = story.desk.show("meter", Some(OTHER));
    assert!(complaint(unknown).contains("is not enrolled"), "what fails leaves nothing");

    let first = install(&story, &record, &plan).unwrap().remove(0);
    assert_eq!((&first["new"], &first["proved"]), (&true.into(), &Value::Null), "{first}");
    let files = first["files"].as_array().unwrap();
    let names: Vec<_> = first["tokens"].as_array().unwrap().iter().map(|token| &token["what"]).collect();
    assert_eq!(names, ["tariff", "credit", "test"]);
    let again = install(&story, &record, &plan).unwrap().remove(0);
    assert_eq!((&again["new"], &again["tokens"]), (&false.into(), &first["tokens"]));
    assert_eq!(install(&story, &record, &[]).unwrap()[0]["tokens"], first["tokens"], "who only wants the tokens again");
    let other = complaint(install(&story, &record, &["--initial", "4 m³"]));
    assert!(other.contains("was installed by ada") && other.contains("3.000 m³"), "{other}");

    let meter = story.desk.start(story.desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    assert_eq!(hand(&story, &files[0], &meter.address())["result"], "applied");
    assert_eq!(hand(&story, &files[1], &meter.address())["result"], "applied");
    assert_eq!(installed(&story)["proved"], Value::Null, "credit alone proves nothing");
    let tested = hand(&story, &files[2], &meter.address());
    assert_eq!((&tested["result"], &tested["registers"]["credit"]), (&"applied".into(), &2.into()), "{tested}");
    assert!(installed(&story)["proved"].is_string(), "{}", installed(&story));
    let shown = story.desk.show("meter", Some(OTHER)).unwrap().remove(0);
    assert_eq!((&shown["newest_receipt"]["total_units"], &shown["reserved_units"]), (&3_000.into(), &0.into()));
    assert_eq!(shown["newest_receipt"]["balance"], "5.000 m³", "2 m³ that it was made with, and 3");
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
    assert_eq!(story.balance("sold_undelivered"), "0.00", "nobody paid, so no account of money moves");
}

/// The day of a meter's clock, since 1970.
fn day(display: &Value) -> i64 {
    display["clock_unix_s"].as_i64().unwrap() / 86_400
}

/// A balance, in thousandths of the meter's unit.
fn fine(shown: &Value) -> i64 {
    shown["balance_fine"].as_i64().unwrap()
}

#[test]
fn a_meter_that_counts_money_is_installed_and_sold_to() {
    let (story, record) = delivered("electricity", "money:EUR");
    let tariff = story.desk.path("tariff.toml");
    fs::write(&tariff, TARIFF).unwrap();
    let label = OTHER.parse::<coinless_protocol::MeterId>().unwrap().label().to_string();
    let line = format!("{label}=20.00");
    let buy = ["--station", &story.station.address(), &line];
    // Without prices it is sold nothing, and takes no debt.
    assert!(complaint(install(&story, &record, &["--debt", "5.00 EUR"])).contains("needs prices"));
    install(&story, &record, &[]).unwrap();
    let refused = |words: &[&str]| format!("{:?}", story.desk.phone("phone", "buy", words).unwrap_err());
    assert!(refused(&buy).contains("has no prices yet"));

    let mut command = story.desk.command(&["station", "token", "tariff", &label, "--by", "ada"]);
    command.arg("--file").arg(&tariff).arg("--data").arg(story.desk.path("station"));
    let made = story.desk.run_command(command).unwrap().remove(0);
    assert!(made["says"].to_string().contains("0.20 EUR"), "{made}");
    let wrong = [buy[0], buy[1], &format!("{label}=30kWh")];
    let said = refused(&wrong);
    assert!(said.contains("its credit is money"), "{said}");
    let bought = story.desk.phone("phone", "buy", &buy).unwrap().remove(0);
    let order = bought["order"].as_str().unwrap().to_owned();
    let quote = story.order(&order)["lines"][0]["quote"].clone();
    assert_eq!((&quote["units"], &quote["shown"]), (&1_950.into(), &"19.50 EUR".into()), "{quote}");
    assert_eq!((&quote["net"], &quote["tax"], &quote["fee"]), (&"19.50".into(), &"0.00".into(), &"0.50".into()));
    assert_eq!(story.desk.show("meter", Some(OTHER)).unwrap()[0]["reserved"], "19.50 EUR");

    let mut meter = story.desk.start(story.desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    let delivered = story.desk.phone("phone", "deliver", &[&meter.address()]).unwrap();
    let loaded = meter.control("show", "show").unwrap();
    assert!(delivered.iter().any(|token| token["result"] == "applied" && token["number"] == 2), "{delivered:?}");
    story.sync("phone");
    assert_eq!(story.line_state(&order), "delivered");
    assert!(installed(&story)["proved"].is_string(), "a later number proves the test token as well");
    meter.control("open", "open").unwrap();
    // 10 kWh at 0.20 EUR, and the standing charge at each midnight that goes by, at whatever hour of the day this runs.
    meter.control("consume 10kWh in 86400 s", "consumed").unwrap();
    let used = meter.control("show", "show").unwrap();
    let midnights = day(&used) - day(&loaded);
    assert!(midnights > 0, "{used}");
    assert_eq!(fine(&loaded) - fine(&used), 200_000 + 10_000 * midnights, "{used}");
    // The next receipt brings what was used.
    story.desk.phone("phone", "buy", &[buy[0], buy[1], &format!("{label}=10.00")]).unwrap();
    story.desk.phone("phone", "deliver", &[&meter.address()]).unwrap();
    story.sync("phone");
    let shown = story.desk.show("meter", Some(OTHER)).unwrap().remove(0);
    assert_eq!(shown["credit_currency"], "EUR");
    assert_eq!((&shown["live_total"], &shown["reserved"]), (&"29.00 EUR".into(), &"0.00 EUR".into()));
    let after = meter.control("show", "show").unwrap();
    let charged = fine(&used) + 950_000 - fine(&shown["newest_receipt"]);
    assert!((0..=10_000 * (day(&after) - day(&used))).contains(&charged), "{shown} {after}");
    assert_eq!(story.balance("utility:sample-utility:payable"), "-29.00");
    assert_eq!(story.balance("sold_undelivered"), "0.00");
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
}

#[test]
fn what_counts_other_money_is_not_enrolled() {
    let (story, record) = delivered("electricity", "money:KES");
    assert!(complaint(install(&story, &record, &[])).contains("counts its credit in KES, sample-utility sells in EUR"));
    // Amounts of other meters are in their own units.
    let known = story.desk.path("CLS0000000017.json");
    let said = complaint(install(&story, known.to_str().unwrap(), &["--debt", "5.00 EUR"]));
    assert!(said.contains("m³"), "{said}");
    assert_eq!(story.desk.show("meter", Some(GAS_LABEL)).unwrap()[0]["installation"], Value::Null);
}
