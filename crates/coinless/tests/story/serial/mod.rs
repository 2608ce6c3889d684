//! A meter on a serial line: the whole story, a bad cable, and a meter that dies.

mod wire;

use crate::setting::{GAS, Setting, complaint};
use coinless_sim::desk::DeskError;
use coinless_sim::{failpoint, serial};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread;
use wire::{Cable, Wire};

/// How often a phone tries to get through to a meter.
const TRIES: usize = 20;

/// Hands over tokens until the phone says that all are loaded; gives its last results, and how often it failed.
fn deliver(story: &Setting, link: &str) -> (Vec<Value>, usize) {
    let mut last = String::new();
    for failed in 0..TRIES {
        match story.desk.phone("phone", "deliver", &[link]) {
            Ok(results) => return (results, failed),
            Err(DeskError::Failed { message, .. }) => last = message,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("not delivered in {TRIES} tries, at last: {last}");
}

#[test]
fn bought_at_the_meter_and_loaded_over_a_serial_line() {
    let mut story = Setting::serial();
    let link = story.meter.address();
    assert!(link.starts_with("serial:/"), "{link}");
    story.buys_at_the_meter_and_loads();
}

#[test]
fn one_meter_on_both_links() {
    let mut story = Setting::new();
    let mut both = story.desk.serial_meter_command(GAS);
    both.args(["--listen", "127.0.0.1:0"]);
    story.restart_meter(both);
    let udp = story.meter.address();
    let serial = story.meter.wait_for("listening").unwrap()["link"].as_str().unwrap().to_owned();
    assert!(udp.starts_with("coap://127.0.0.1:") && serial.starts_with("serial:/"), "{udp} {serial}");
    let mut total = 0;
    for link in [&udp, &serial, &udp, &serial] {
        let order = story.buy("phone", "5.00");
        total += story.units(&order);
        assert_eq!(deliver(&story, link).0[0]["result"], "applied", "{link}");
        assert_eq!(story.display()["total_units"], total, "{link}");
        // Whoever asks again by the other link gets the same receipt.
        assert_eq!(deliver(&story, if link == &udp { &serial } else { &udp }).1, 0);
        assert_eq!(story.display()["total_units"], total, "{link}");
        story.sync("phone");
        assert_eq!(story.line_state(&order), "delivered", "{link}");
    }
}

#[test]
fn what_is_no_serial_line_with_a_meter() {
    let story = Setting::serial();
    let file = story.desk.path("file");
    std::fs::write(&file, "not a line").unwrap();
    let scan = |link: &str| complaint(story.desk.phone("phone", "scan", &[link]));
    for (link, says) in [
        ("serial:", "write serial:PATH"),
        (&format!("{}@fast", story.meter.address()), "there is no such device"),
        (&format!("{}@0", story.meter.address()), "write serial:PATH"),
        ("serial:/dev/nothing-is-here", "there is no such device; is it plugged in?"),
        (&format!("serial:{}", file.display()), "neither a serial device nor a pseudo-terminal"),
        (&format!("serial:{}", story.desk.folder().display()), "neither a serial device nor a pseudo-terminal"),
        ("serial:/dev/null", "neither a serial device nor a pseudo-terminal"),
        ("usb:1", "write coap://HOST:PORT, ws://HOST:PORT or serial:PATH"),
    ] {
        let message = scan(link);
        assert!(message.contains(says), "{link}: {message}");
    }
    let link = story.meter.address();
    let _other = serial::open(Path::new(link.strip_prefix("serial:").unwrap()), serial::BIT_RATE).unwrap();
    let message = scan(&link);
    assert!(message.contains("another program is using it"), "{message}");
}

/// An optical head that reflects: the phone hears itself.
#[test]
fn a_line_that_echoes() {
    let mut story = Setting::serial();
    let wire = Wire::new(&story.meter.address(), Cable { echoes: true, ..Cable::GOOD });
    let order = story.buy("phone", "5.00");
    let (delivered, failed) = deliver(&story, &wire.link());
    assert_eq!((&delivered[0]["result"], failed), (&"applied".into(), 0), "{delivered:?}");
    assert_eq!(story.display()["total_units"], story.units(&order));
}

/// Bytes are lost, changed and made up in both directions; repeats and checks get every token loaded, once.
#[test]
fn a_bad_cable() {
    thread::scope(|scope| {
        for seed in 1..=3 {
            scope.spawn(move || deliver_over_a_bad_cable(seed));
        }
    });
}

fn deliver_over_a_bad_cable(seed: u64) {
    const PURCHASES: usize = 4;
    let mut story = Setting::serial();
    let wire = Wire::new(&story.meter.address(), Cable { seed, one_in: 300, ..Cable::GOOD });
    let mut total = 0;
    for _ in 0..PURCHASES {
        let order = story.buy("phone", "5.00");
        total += story.units(&order);
        deliver(&story, &wire.link());
        assert_eq!(story.display()["total_units"], total, "seed {seed}");
        story.sync("phone");
        assert_eq!(story.line_state(&order), "delivered", "seed {seed}");
    }
    assert!(wire.damage() > 0, "seed {seed}: the cable was good");
    assert_eq!(story.balance("sold_undelivered"), "0.00", "seed {seed}");
}

/// `kill -9` of the meter at every point of a delivery, and a restart, on a new pseudo-terminal.
#[test]
fn the_meter_dies_in_the_middle_of_a_delivery() {
    let mut story = Setting::serial();
    let mut total = 0;
    for point in failpoint::METER {
        let mut dying = story.desk.serial_meter_command(GAS);
        dying.env(failpoint::VARIABLE, point);
        story.restart_meter(dying);
        let order = story.buy("phone", "5.00");
        total += story.units(&order);
        let link = story.meter.address();
        match story.desk.phone("phone", "deliver", &[&link]) {
            Ok(results) => assert_eq!((*point, &results[0]["result"]), ("meter.after_send", &"applied".into())),
            Err(DeskError::Failed { message, .. }) => {
                assert!(message.contains("nothing is lost, do the same again"), "{point}: {message}");
            }
            Err(error) => panic!("{point}: {error}"),
        }
        assert_eq!(story.meter.wait().unwrap().signal(), Some(9), "{point}");

        story.meter = story.desk.start(story.desk.serial_meter_command(GAS)).unwrap();
        deliver(&story, &story.meter.address());
        assert_eq!(story.display()["total_units"], total, "{point}");
        story.sync("phone");
        assert_eq!(story.line_state(&order), "delivered", "{point}");
    }
}
