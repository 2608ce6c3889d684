//! CoAP clients and a Bluetooth central that others wrote, against the real meter.

use crate::bluetooth;
use crate::setting::{GAS, Setting};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_sim::desk::Desk;
use coinless_sim::fake_bluez::{BUS_VARIABLE, SHORTEST_MTU, USUAL_MTU};
use coinless_station::records::from_hex;
use serde_json::Value;
use std::process::Command;

fn script() -> String {
    format!("{}/../../tests/peers/coap_peers.py", env!("CARGO_MANIFEST_DIR"))
}

/// Lets `peer` load the meter that `command` runs, over a link that begins with `scheme`; `bus` is where it finds Bluetooth.
fn talk(peer: &str, scheme: &str, bus: Option<&str>, command: impl FnOnce(&Desk) -> Command) {
    let python = std::env::var("COINLESS_PEER_PYTHON");
    let client = std::env::var("COINLESS_COAP_CLIENT");
    let (Ok(python), true) = (python, peer != "libcoap" || client.is_ok()) else {
        assert!(std::env::var_os("CI").is_none(), "with CI set, the peer {peer} is required: run cargo xtask test");
        println!("skipped: the peer {peer} is not here");
        return;
    };
    let mut story = Setting::new();
    let command = command(&story.desk);
    story.restart_meter(command);
    let order = story.buy("phone", "50.00");
    std::fs::write(story.desk.path("token"), story.token(&order)).unwrap();
    let mut command = Command::new(python);
    let address = story.meter.address().strip_prefix(scheme).unwrap().to_owned();
    command.envs(bus.map(|bus| (BUS_VARIABLE, bus)));
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
    talk("aiocoap", "coap://", None, |desk| desk.meter_command(GAS, "127.0.0.1:0"));
}

#[test]
fn aiocoap_loads_a_meter_over_a_websocket() {
    talk("aiocoap-ws", "ws://", None, |desk| desk.ws_meter_command(GAS));
}

#[test]
fn bleak_loads_a_meter_over_bluetooth() {
    for mtu in [SHORTEST_MTU, USUAL_MTU] {
        let Some(bluez) = bluetooth::fake_bluez(mtu) else { return };
        talk("bleak", "bluetooth:", Some(bluez.address()), |desk| desk.bluez_meter_command(GAS, bluez.address()));
    }
}

#[test]
fn libcoap_loads_a_meter() {
    talk("libcoap", "coap://", None, |desk| desk.meter_command(GAS, "127.0.0.1:0"));
}
