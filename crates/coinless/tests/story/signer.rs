//! A signer in a process of its own, its quota, and what the root key says to it.

use crate::setting::{Setting, complaint, wait_for};
use coinless_sim::desk::{Desk, Running};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const UTILITY: &str = "sample-utility";

/// The most looks at the station's exceptions until one is there.
const LOOKS: usize = 2000;

fn signer_command(desk: &Desk) -> Command {
    let mut command = desk.command(&["station", "signer", "--utility", UTILITY]);
    command.arg("--keys").arg(desk.path("signer")).arg("--socket").arg(desk.path("signer.sock"));
    command
}

fn keys(desk: &Desk) -> PathBuf {
    desk.path("signer").join(UTILITY)
}

/// Seals a quota as the root key's owner does, and puts it into the signer's key folder.
fn seal(desk: &Desk, serial: &str, m3: &str) {
    let mut command =
        desk.command(&["station", "quota", "seal", "--serial", serial, "--per-hour", m3, "--per-day", m3]);
    command.arg("--root").arg(keys(desk).join("root.key"));
    command.arg("--operational").arg(keys(desk).join("operational.pub"));
    let sealed = desk.run_command(command).unwrap().remove(0);
    fs::write(keys(desk).join("quota.json"), sealed.to_string()).unwrap();
}

fn usage(desk: &Desk) -> Value {
    let mut command = desk.command(&["station", "quota", "show", "--utility", UTILITY]);
    command.arg("--keys").arg(desk.path("signer"));
    desk.run_command(command).unwrap().remove(0)
}

/// A station whose signer is another process with keys of its own.
fn apart() -> (Desk, TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path());
    let signer = desk.start(signer_command(&desk)).unwrap();
    let station = desk.path("station");
    fs::create_dir_all(station.join("keys").join(UTILITY)).unwrap();
    let socket = desk.path("signer.sock");
    fs::write(station.join("station.toml"), format!("signer_socket = {:?}\n", socket.to_str().unwrap())).unwrap();
    // Without the public keys the station says what to copy.
    assert!(complaint(desk.run_command(issuer(&desk))).contains("copy it here"));
    for name in ["operational.pub", "root.pub"] {
        fs::copy(keys(&desk).join(name), station.join("keys").join(UTILITY).join(name)).unwrap();
    }
    desk.write_issuer().unwrap();
    (desk, folder, signer)
}

fn issuer(desk: &Desk) -> Command {
    let mut command = desk.command(&["station", "issuer"]);
    command.arg("--data").arg(desk.path("station"));
    command
}

#[test]
fn a_station_sells_through_a_signer_apart_until_its_quota_is_spent() {
    let (desk, folder, mut signer) = apart();
    assert!(signer.stop().unwrap().success());
    seal(&desk, "1", "25");
    let mut signer = desk.start(signer_command(&desk)).unwrap();
    assert_eq!(signer.listening["limits"][UTILITY]["units_hour"], 25_000);
    let mut story = Setting::at(desk, folder, &["--metrics", "127.0.0.1:0"]);
    assert!(!story.desk.path("station").join("keys").join(UTILITY).join("operational.key").exists());

    // 19.776 m³ are within the quota.
    let first = story.buy("phone", "20.00");
    assert_eq!(story.units(&first), 19_776);
    let day = &usage(&story.desk)["day"];
    assert_eq!((&day["used_units"], &day["left_units"]), (&19_776.into(), &5_224.into()));

    // 29.658 m³ more are not, and would not be in another hour. It is paid and sold, and comes before a person.
    let link = format!("{}=30.00", crate::setting::GAS_LABEL);
    let bought = story.desk.phone("phone", "buy", &["--wait", "1", "--station", &story.station.address(), &link]);
    let second = crate::setting::results(bought)[0]["order"].as_str().unwrap().to_owned();
    let exceptions = (0..LOOKS).map(|_| story.desk.show("exceptions", None).unwrap()).find(|found| !found.is_empty());
    let exception = exceptions.expect("a person is told").remove(0);
    assert_eq!(exception["cause"], "signer_refused");
    let detail = exception["detail"].as_str().unwrap();
    assert!(
        detail.contains("the signing quota of sample-utility is used up") && detail.contains("29658 more"),
        "{detail}"
    );
    assert_eq!(story.line_state(&second), "sold");
    let (status, metrics) = crate::operator::get(story.station.listening["metrics"].as_str().unwrap());
    assert_eq!(status, 200);
    assert!(metrics.contains("coinless_exceptions_open{cause=\"signer_refused\"} 1"), "{metrics}");
    assert!(!metrics.contains("coinless_signer_refusals_total 0"), "{metrics}");

    // A new sealed quota, and the signer goes on; so does the order, by itself.
    assert!(signer.stop().unwrap().success());
    seal(&story.desk, "2", "1000");
    let _signer = story.desk.start(signer_command(&story.desk)).unwrap();
    wait_for(&story.station.address(), &second, "issued");
    assert_eq!(usage(&story.desk)["day"]["used_units"], 19_776 + 29_658);
    story.sync("phone");
    story.deliver("phone");
    assert_eq!(story.display()["total_units"], 19_776 + 29_658);
}

#[test]
fn only_the_root_key_changes_a_quota() {
    let (desk, _folder, mut signer) = apart();
    assert!(signer.stop().unwrap().success());
    seal(&desk, "2", "25");
    assert!(desk.start(signer_command(&desk)).unwrap().stop().unwrap().success());
    // Taken away, older, changed, or sealed by another key: the signer does not start, and says what to do.
    let refused = || complaint(desk.run_command(signer_command(&desk)));
    let quota = keys(&desk).join("quota.json");
    let good = fs::read_to_string(&quota).unwrap();
    fs::remove_file(&quota).unwrap();
    assert!(refused().contains("must be the sealed quota with serial 2"));
    seal(&desk, "1", "25");
    assert!(refused().contains("must be the sealed quota with serial 2"));
    fs::write(&quota, good.replace("25000", "26000")).unwrap();
    assert!(refused().contains("not signed by this utility's root key"));
    let mut command = desk.command(&["station", "quota", "seal", "--serial", "3", "--per-hour", "1", "--per-day", "1"]);
    command.arg("--root").arg(keys(&desk).join("operational.key"));
    command.arg("--operational").arg(keys(&desk).join("operational.pub"));
    assert!(complaint(desk.run_command(command)).contains("is not the root key of"));

    // The signer's database is lost: it names the life that a reset must name.
    fs::write(&quota, good).unwrap();
    for name in ["signer.db", "signer.db-wal", "signer.db-shm"] {
        // Only the database is there for certain.
        let _ = fs::remove_file(desk.path("signer").join(name));
    }
    let lost = refused();
    let life = lost.split_once("for the life ").unwrap().1.split_once(' ').unwrap().0;
    let mut command = desk.command(&["station", "quota", "reset", "--life", life]);
    command.arg("--root").arg(keys(&desk).join("root.key"));
    command.arg("--operational").arg(keys(&desk).join("operational.pub"));
    let reset = desk.run_command(command).unwrap().remove(0);
    fs::write(keys(&desk).join("reset.json"), reset.to_string()).unwrap();
    assert!(desk.start(signer_command(&desk)).unwrap().stop().unwrap().success());
}

#[test]
fn a_station_that_signs_itself_shows_its_quota() {
    let story = Setting::new();
    story.buy("phone", "20.00");
    let mut command = story.desk.command(&["station", "quota", "show"]);
    command.arg("--data").arg(story.desk.path("station"));
    let usage = story.desk.run_command(command).unwrap().remove(0);
    assert_eq!((&usage["utility"], &usage["day"]["used_units"]), (&UTILITY.into(), &19_776.into()));
    assert_eq!(usage["limits"]["serial"], 0);
}
