//! Wrong input on the command line: a clear message, a non-zero exit, and nothing half done.

use crate::setting::{GAS, GAS_LABEL, Setting, complaint, desk};

#[test]
fn the_phone_says_what_is_wrong() {
    let story = Setting::new();
    let url = story.station.address();
    let quote = |line: &str| complaint(story.desk.run(&["phone", "quote", "--station", &url, line]));
    for (line, says) in [
        ("CLS0000000017-K=50.00", "check character"),
        ("CLS0000000017=50.00", "check character is missing"),
        ("CLS0000000018-Z=50.00", "check character"),
        ("17=50.00", "4 to 16 characters"),
        (&format!("{GAS_LABEL}=0"), "above zero"),
        (&format!("{GAS_LABEL}=-5"), "amount"),
        (&format!("{GAS_LABEL}=1e9"), "amount"),
        (&format!("{GAS_LABEL}=500.01"), "at most 500.00 EUR"),
        (&format!("{GAS_LABEL}=0.10"), "at least 1.00 EUR"),
        (GAS_LABEL, "METER-CHECK=AMOUNT"),
    ] {
        let message = quote(line);
        assert!(message.contains(says), "{line}: {message}");
    }
    let stranger = "CLS0000000099".parse::<coinless_protocol::MeterId>().unwrap().label();
    assert!(quote(&format!("{stranger}=5")).contains("not enrolled"));
    let line = format!("{GAS_LABEL}=5.00");
    let closed = story.desk.run(&["phone", "quote", "--station", "http://127.0.0.1:9", &line]);
    assert!(!complaint(closed).is_empty());
    let nobody = story.desk.phone("phone", "deliver", &["coap://127.0.0.1:9"]);
    assert!(!complaint(nobody).is_empty());
    assert_eq!(story.balance("provider:sandbox:clearing"), "0.00");
}

#[test]
fn a_meter_is_made_once_and_enrolled_with_one_key() {
    let (desk, _folder) = desk();
    desk.new_meter(GAS, "gas", &[]).unwrap();
    assert!(desk.new_meter(GAS, "gas", &[]).unwrap_err().to_string().contains("exists"));
    std::fs::remove_file(desk.path(GAS)).unwrap();
    let other_key = desk.new_meter(GAS, "gas", &[]).unwrap_err().to_string();
    assert!(other_key.contains("another key"), "{other_key}");
    let enrol = |text: &str| {
        std::fs::write(desk.path("x.json"), text).unwrap();
        let mut command = desk.command(&["station", "enrol"]);
        command.arg("--data").arg(desk.path("station")).arg(desk.path("x.json"));
        complaint(desk.run_command(command))
    };
    assert!(enrol("{").contains("not a delivery record"));
    assert!(enrol("{\"id\": 1}").contains("not a delivery record"));
    assert!(desk.show("order", Some("nonsense")).unwrap_err().to_string().contains("no order with this id"));
}

#[test]
fn a_meter_without_an_issuer_accepts_nothing() {
    let story = Setting::new();
    let mut command = story.desk.command(&["meter", "new", "--id", "CLS0000000041", "--commodity", "water"]);
    command.arg("--state").arg(story.desk.path("orphan"));
    story.desk.run_command(command).unwrap();
    let orphan = story.desk.start(story.desk.meter_command("orphan", "127.0.0.1:0")).unwrap();
    let order = story.buy("phone", "50.00");
    let answer = crate::setting::Coap::new(&orphan.address()).post_token(&story.token(&order));
    assert!(answer.code.class() >= 4, "{answer:?}");
}

#[test]
fn a_table_of_tariffs_stands_for_all_of_them() {
    let (desk, _folder) = desk();
    let config = desk.path("station/station.toml");
    std::fs::write(&config, "[[utilities]]\nname = \"water-works\"\ncurrency = \"KES\"\n[utilities.tariffs.water]\nprice = \"150\"\ntax_percent = \"16\"\n").unwrap();
    desk.new_meter(GAS, "gas", &[]).unwrap();
    let station = desk.start_station("127.0.0.1:0", &[]).unwrap();
    let line = format!("{GAS_LABEL}=50.00");
    let quote = desk.run(&["phone", "quote", "--station", &station.address(), &line]);
    assert!(complaint(quote).contains("gas is not sold here"));
    std::fs::write(&config, "tarifs = 1\n").unwrap();
    let mut wrong = desk.station_command("127.0.0.1:0", &["--config"]);
    wrong.arg(&config);
    drop(station);
    assert!(complaint(desk.run_command(wrong)).contains("tarifs"));
}

#[test]
fn one_station_at_a_time() {
    let story = Setting::new();
    let mut second = story.desk.command(&["station", "run", "--listen", "127.0.0.1:0"]);
    second.arg("--data").arg(story.desk.path("station"));
    assert!(complaint(story.desk.run_command(second)).contains("another station is running"));
}
