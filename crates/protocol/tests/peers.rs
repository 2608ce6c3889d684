//! CoAP clients that others wrote talk to this crate's server over UDP.
//!
//! The environment says where they are: `COINLESS_PEER_PYTHON` is a Python with tests/peers/requirements.txt,
//! `COINLESS_COAP_CLIENT` libcoap's client. `cargo xtask test` sets both. Without them the test says "skipped"; with `CI`
//! they must be there.
#![allow(clippy::unwrap_used, reason = "a wrong expectation ends the test")]

#[path = "support/mod.rs"]
mod support;

use coinless_protocol::coap::{Answer, Code, ContentFormat, Input, Message, Server, option};
use coinless_protocol::cose::Label;
use coinless_protocol::identity::Identity;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{Commodity, CreditNumber, Epoch, Register, Units, cose};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{hex, issuer, meter, meter_id};

/// What the server answers a good token with; here its content does not matter.
const RECEIPT: [u8; 250] = [0xd5; 250];
const LINKS: &[u8] = b"</meter>;ct=60,</token>;ct=18";

fn identity() -> Identity {
    let (meter_key, registers) = (meter().hash().hint(), RegisterNumbers::default());
    Identity {
        meter: meter_id(),
        meter_key,
        commodity: Commodity::Gas,
        credit: coinless_protocol::CreditKind::Unit,
        registers,
        flags: Flags::default(),
        challenge: None,
    }
}

fn token() -> Vec<u8> {
    let register = Register { number: CreditNumber(1), total: Units::new(25_000).unwrap() };
    let order = Order::credit(register, Conditions::default());
    let token = Token { meter: meter_id(), meter_key: meter().hash().hint(), epoch: Epoch(0), order };
    token.sign(&meter().hash(), &issuer().pair).unwrap().to_vec()
}

/// Code, format and payload of the answer, and whether it comes later than the acknowledgement.
fn answer(message: &Message<'_>) -> (Code, Option<ContentFormat>, Vec<u8>, bool) {
    let path: Vec<_> = message.values(option::URI_PATH).collect();
    match (message.code.0, path.as_slice()) {
        (1, [b".well-known", b"core"]) => (Code::CONTENT, Some(ContentFormat::LinkFormat), LINKS.to_vec(), false),
        (1, [b"meter"]) => (Code::CONTENT, Some(ContentFormat::Cbor), identity().to_bytes().unwrap().to_vec(), false),
        (2, [b"token"]) => {
            assert_eq!(message.uint(option::CONTENT_FORMAT), Some(18));
            let good = cose::Sign1::parse(message.payload)
                .is_ok_and(|object| object.verify(&issuer().public(), Label::Token, &meter().hash()));
            if good {
                (Code::CHANGED, Some(ContentFormat::CoseSign1), RECEIPT.to_vec(), true)
            } else {
                let refusal = Refusal::BadSignature;
                (refusal.coap_code(), Some(ContentFormat::Problem), refusal.to_bytes().unwrap().to_vec(), true)
            }
        }
        _ => (Code::NOT_FOUND, None, vec![], false),
    }
}

/// Serves for ever; ends with the process.
fn serve(socket: &UdpSocket) {
    let started = Instant::now();
    let mut server = Server::<SocketAddr, 4>::new(1);
    let mut buffer = [0; 1500];
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    loop {
        let now_ms = started.elapsed().as_millis() as u64;
        while let Some((peer, bytes)) = server.poll(now_ms) {
            socket.send_to(&bytes, peer).unwrap();
        }
        let Ok((len, peer)) = socket.recv_from(&mut buffer) else { continue };
        match server.receive(now_ms, peer, &buffer[..len]) {
            Input::Nothing => {}
            Input::Send(bytes) => drop(socket.send_to(&bytes, peer)),
            Input::Request(request) => {
                let (code, format, payload, separate) = answer(&request.message);
                if separate && let Some(bytes) = server.acknowledge(&request) {
                    socket.send_to(&bytes, peer).unwrap();
                    std::thread::sleep(Duration::from_millis(300));
                }
                let answer = Answer { format, payload: &payload, ..Answer::empty(code) };
                socket.send_to(&server.respond(now_ms, 0, &request, answer).unwrap(), peer).unwrap();
            }
        }
    }
}

fn talk(python: &str, arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/coap_peers.py");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success() && report["ok"] == true, "{report:#}");
    report
}

#[test]
fn coap_clients_of_others() {
    let Ok(python) = std::env::var("COINLESS_PEER_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "COINLESS_PEER_PYTHON is not set: run `cargo xtask test`");
        println!("skipped: COINLESS_PEER_PYTHON is not set; `cargo xtask test` sets it");
        return;
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || serve(&socket));

    let folder = std::env::temp_dir().join(format!("coinless-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (good, bad) = (folder.join("good"), folder.join("bad"));
    let mut changed = token();
    std::fs::write(&good, &changed).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&bad, &changed).unwrap();

    let mut clients = vec![("aiocoap", String::new())];
    match std::env::var("COINLESS_COAP_CLIENT") {
        Ok(program) => clients.push(("libcoap", format!("--coap-client={program}"))),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "COINLESS_COAP_CLIENT is not set: run `cargo xtask test`");
            println!("skipped: libcoap, COINLESS_COAP_CLIENT is not set");
        }
    }
    for (client, option) in &clients {
        let file = |path: &std::path::Path| path.to_str().unwrap().to_string();
        for (file, good) in [(file(&good), true), (file(&bad), false)] {
            let mut arguments = vec![*client, &address, &file, "CLS0000000017"];
            arguments.extend((!option.is_empty()).then_some(option.as_str()));
            let report = talk(&python, &arguments);
            let receipt = if good { Value::from(hex(&RECEIPT)) } else { Value::Null };
            assert_eq!(report["receipt"], receipt, "{report:#}");
            assert_eq!(report["core"]["payload"], hex(LINKS), "{report:#}");
            assert_eq!(report["token"]["code"], if good { "2.04" } else { "4.03" }, "{report:#}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
