//! A landlord sets his own station up.

use crate::setting::complaint;
use coinless_sim::desk::Desk;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use tempfile::TempDir;

fn desk() -> (Desk, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path()), folder)
}

fn init(desk: &Desk, more: &[&str]) -> Result<Vec<Value>, coinless_sim::desk::DeskError> {
    let mut command = desk.command(&["station", "init"]);
    command.arg("--data").arg(desk.path("station")).args(more);
    desk.run_command(command)
}

/// Runs `init` with these lines typed; gives whether it was content, its result, and what it said.
fn typed(desk: &Desk, lines: &[&str]) -> (bool, Vec<Value>, String) {
    let mut command = desk.command(&["station", "init"]);
    command.arg("--data").arg(desk.path("station"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever has all the answers that he needs does not read the rest.
    let _ = child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    let results = String::from_utf8(output.stdout).unwrap();
    let results = results.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.success(), results, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_landlord_answers_questions_and_sells_by_them() {
    let (desk, _folder) = desk();
    let (good, results, said) = typed(
        &desk,
        &[
            "House 12", // its name
            "House 12", // the short name, wrongly
            "",         // as proposed
            "euro", "eur", "gas", "",     // UTC
            "0,85", // a comma
            "0.85", "19%", "19", "no", "", "1", "0.50", // less than the minimum
            "200", "no", // not meant so
            "0.80", "19", "", "", "1", "", "yes", "cash", "sandbox",
        ],
    );
    assert!(good, "{said}");
    for why in [
        "write 1 to 32 of a-z, 0-9 and -",
        "three capital letters",
        "a decimal point and not a comma",
        "\"19%\" is no number",
        "it is greater than the maximum",
        "write one of manual, sandbox, daraja, stripe",
    ] {
        assert!(said.contains(why), "{why} in {said}");
    }
    let written = &results[0];
    assert_eq!(written["config"]["utilities"][0]["name"], "house-12");
    assert_eq!(written["config"]["utilities"][0]["tariffs"]["gas"]["versions"][0]["price"], "0.80");
    let example = &written["examples"][0];
    // 20.00 / 1.19 = 16.81; 16.81 / 0.80 = 21.0125, in whole litres.
    assert_eq!((&example["pays"], &example["gets"]), (&json!("20.00"), &json!("21.012 m³")));

    desk.write_issuer().unwrap();
    desk.new_meter("CLS0000000017", "gas", &[]).unwrap();
    let station = desk.start_station("127.0.0.1:0", &[]).unwrap();
    let quote = desk.run_one(&["phone", "quote", "--station", &station.address(), "CLS0000000017-Z=20.00"]).unwrap();
    assert_eq!(quote["lines"][0]["quote"]["units"], example["units"], "{quote}");
    assert_eq!(quote["lines"][0]["quote"]["units"], 21_012);
}

#[test]
fn everything_can_be_said_by_options() {
    let (desk, _folder) = desk();
    let options = [
        "--brand=Three Houses",
        "--currency=KES",
        "--sells=water,electricity",
        "--zone=Africa/Nairobi",
        "--price=electricity=12:50,25.5",
        "--price=water=150",
        "--tax=16",
        "--tax=water=0",
        "--tax-included=yes",
        "--standing=100",
        "--minimum=20",
        "--maximum=none",
        "--collects=daraja",
        "--paybill=174379",
        "--public-url=https://pay.example/",
        "--defaults",
    ];
    let written = init(&desk, &options).unwrap().remove(0);
    let tariffs = &written["config"]["utilities"][0]["tariffs"];
    assert_eq!(tariffs["electricity"]["versions"][0]["blocks"][0]["up_to"], "50");
    assert_eq!(tariffs["electricity"]["versions"][0]["prices_include_tax"], true);
    assert_eq!(tariffs["water"]["versions"][0]["tax_percent"], Value::Null);
    assert_eq!(tariffs["water"]["versions"][0]["minimum"], "20");
    assert_eq!(tariffs["water"]["zone"], "Africa/Nairobi");
    // Which keys to fill in; the station says which of them is missing, and runs once they are there.
    let fill: Vec<_> = written["fill"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(fill.len(), 3);
    let check = || {
        let mut command = desk.command(&["station", "check", "--pay", "500"]);
        command.arg("--data").arg(desk.path("station"));
        desk.run_command(command)
    };
    assert!(complaint(check()).contains(fill[0]));
    for file in fill {
        std::fs::write(file, "secret\n").unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let checked = check().unwrap();
    assert_eq!(checked.len(), 2);
    assert!(checked.iter().all(|example| example["pays"] == "500.00" && example["utility"] == "Three Houses"));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_guessed() {
    let (desk, _folder) = desk();
    let good = ["--defaults", "--brand=House 12", "--price=0.29", "--collects=sandbox"];
    // What has no default must be said.
    assert!(complaint(init(&desk, &["--brand=House 12", "--defaults"])).contains("give --price"));
    assert!(complaint(init(&desk, &["--brand=House 12"])).contains("give --name"));
    let wrong = |option: &str| complaint(init(&desk, &[&good[..], &[option]].concat()));
    assert!(wrong("--currency=euro").contains("--currency: a currency is written"));
    assert!(wrong("--tax=gas=19").contains("\"gas\" is not among what is sold"));
    assert!(wrong("--maximum=0.001").contains("--maximum"));
    // Nothing could ever be bought so.
    let never = complaint(init(&desk, &[&good[..], &["--standing=100", "--maximum=50"]].concat()));
    assert!(never.contains("more than 50.00 EUR"), "{never}");
    assert!(!desk.path("station").join("station.toml").exists());

    init(&desk, &good).unwrap();
    let text = std::fs::read(desk.path("station").join("station.toml")).unwrap();
    let again = complaint(init(&desk, &good));
    assert!(again.contains("is not overwritten") && again.contains("station check"), "{again}");
    assert_eq!(std::fs::read(desk.path("station").join("station.toml")).unwrap(), text);
}

#[test]
fn a_station_that_has_worked_is_not_given_other_utilities() {
    if coinless_sim::postgres::is_chosen().unwrap() {
        eprintln!("left out: what has worked is known by the file of its database");
        return;
    }
    let (desk, _folder) = crate::setting::desk();
    desk.new_meter("CLS0000000017", "gas", &[]).unwrap();
    let options = ["--defaults", "--brand=House 12", "--price=0.29", "--collects=sandbox"];
    assert!(complaint(init(&desk, &options)).contains("take another folder"));
}
