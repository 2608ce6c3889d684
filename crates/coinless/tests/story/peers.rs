//! CoAP clients that others wrote, against the real meter.

use crate::setting::{GAS, Setting};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_station::records::from_hex;
use serde_json::Value;
use std::process::Command;

fn script() -> String {
    format!("{}/../../tests/peers/coap_peers.py", env!("CARGO_MANIFEST_DIR"))
}

fn talk(peer: &str) {
    let python = std::env::var("COINLESS_PEER_PYTHON");
    let client = std::env::var("COINLESS_COAP_CLIENT");
    let (Ok(python), true) = (python, peer == "aiocoap" || client.is_ok()) else {
        assert!(std::env::var_os("CI").is_none(), "with CI set, the peer {peer} is required: run cargo xtask test");
        println!("skipped: the peer {peer} is not here");
        return;
    };
    let mut story = Setting::new();
    let order = story.buy("phone", "50.00");
    std::fs::write(story.desk.path("token"), story.token(&order)).unwrap();
    let mut command = Command::new(python);
    let address = story.meter.address().strip_prefix("coap://").unwrap().to_owned();
    command.arg(script()).args([peer, &address]).arg(story.desk.path("token")).arg(GAS);
    if let Ok(client) = client {
        command.arg(format!("--coap-client={client}"));
    }
    let output = command.output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    assert!(output.status.success() && said["ok"] == true, "{said}");
    assert_eq!(said["meter_id"], GAS);
    let receipt = from_hex(said["receipt"].as_str().unwrap()).unwrap();
    let (_, receipt) = Receipt::parse(&receipt).unwrap();
    assert_eq!(receipt.outcome.decision, Decision::Applied);
    assert_eq!(story.display()["total_units"], story.units(&order));
}

#[test]
fn aiocoap_loads_a_meter() {
    talk("aiocoap");
}

#[test]
fn libcoap_loads_a_meter() {
    talk("libcoap");
}
