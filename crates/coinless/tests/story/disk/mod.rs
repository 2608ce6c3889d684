//! The disk of a station fails while people buy: what was acknowledged is kept, nothing else was acknowledged, and the station
//! says what to do.

mod server;
mod small;
mod sync;

use crate::setting::{GAS, GAS_LABEL, desk, wait_for};
use coinless_sim::desk::{Desk, Running};
use coinless_sim::postgres;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use small::SmallDisk;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Who buys at the same time: so that several commands are in one transaction when it fails.
const BUYERS: usize = 4;
/// How often each buys at most. The meter can take 500 m³: more would be refused for another reason.
const MOST: usize = 100;
/// The small disk, and the room that is left on it to sell a little, in KiB.
const DISK_KIB: u32 = 8 * 1024;
const ROOM_KIB: u32 = 512;
/// The largest file that may be written in the other test.
const FILE_BYTES: u64 = 1_500_000;

/// What a client was told of an order.
#[derive(Debug)]
struct Told {
    order: String,
    made: bool,
    accepted: bool,
}

/// Buys over and over, at most so often, until something is not acknowledged; gives what was told of every order.
async fn buy(url: String, most: usize) -> Vec<Told> {
    let http = coinless_station::net::http_client(Duration::from_secs(60)).unwrap();
    let mut all = Vec::new();
    for _ in 0..most {
        let order = uuid::Uuid::now_v7().to_string();
        all.push(Told { order: order.clone(), made: false, accepted: false });
        let told = all.last_mut().unwrap();
        let body = json!({ "lines": [{ "meter": GAS_LABEL, "amount": "1.00" }], "payer": "+254700123456" });
        if !acknowledged(http.put(format!("{url}/v1/orders/{order}")).json(&body)).await {
            return all;
        }
        told.made = true;
        let accept = json!({ "quote_version": 1 });
        if !acknowledged(http.post(format!("{url}/v1/orders/{order}/payment")).json(&accept)).await {
            return all;
        }
        told.accepted = true;
    }
    all
}

/// Whether the station answered with success. If it says that it failed, it must say so as what it is: not known, or, when its
/// sales system could not look into the database in time, that nothing was ordered.
async fn acknowledged(request: reqwest::RequestBuilder) -> bool {
    let Ok(answer) = request.send().await else { return false };
    let status = answer.status();
    if status.is_success() {
        return true;
    }
    let problem: Value = answer.json().await.unwrap();
    assert!([500, 503].contains(&status.as_u16()), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("ask again") || detail.contains("nothing was ordered"), "{problem}");
    false
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn buy_all_at_once(url: &str, most: usize) -> Vec<Told> {
    runtime().block_on(async {
        let buyers: Vec<_> = (0..BUYERS).map(|_| tokio::spawn(buy(url.to_owned(), most))).collect();
        let mut told = Vec::new();
        for buyer in buyers {
            told.extend(buyer.await.unwrap());
        }
        told
    })
}

/// Starts the station with what it says on standard error in a file.
fn start(desk: &Desk, complaints: &Path) -> Running {
    start_command(desk, desk.station_command("127.0.0.1:0", &[]), complaints)
}

fn start_command(desk: &Desk, mut command: Command, complaints: &Path) -> Running {
    command.stderr(File::create(complaints).unwrap());
    desk.start(command).unwrap()
}

/// The station has ended by itself, with the exit code of a disk that failed; gives what it said.
fn ended(station: &mut Running, complaints: &Path) -> String {
    let status = station.wait().unwrap();
    let said = fs::read_to_string(complaints).unwrap();
    assert_eq!(status.code(), Some(74), "{said}");
    assert!(said.contains("start the station again") && said.contains("under the same id"), "{said}");
    said
}

/// Everything that was acknowledged is there, and goes on to its end; the books are right.
fn check(desk: &Desk, told: &[Told]) {
    let station = desk.start_station("127.0.0.1:0", &[]).unwrap();
    assert!(told.iter().any(|told| told.accepted), "something was sold before: {told:?}");
    assert!(told.iter().any(|told| !told.made || !told.accepted), "something was not: {told:?}");
    for told in told {
        let shown = desk.show("order", Some(&told.order));
        if !told.made {
            // Not known: either is right, and asking again would tell.
            continue;
        }
        let shown = shown.unwrap().remove(0);
        assert_eq!(shown["total"], "1.00", "{shown}");
        if told.accepted {
            assert_ne!(shown["payment"]["state"], "none", "{shown}");
            wait_for(&station.address(), &told.order, "issued");
        }
    }
    let ledger = desk.show("ledger", None).unwrap().remove(0);
    assert_eq!(ledger["balanced"], true, "{ledger}");
}

/// The failing disk is under the station's files or under a server's: a test is about one of them.
fn is_left_out(of_a_server: bool) -> bool {
    let is_left_out = postgres::is_chosen().unwrap() != of_a_server;
    if is_left_out {
        println!("left out: {} chooses the other store", postgres::STORE);
    }
    is_left_out
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    fill_and_check("station", "");
}

#[test]
fn a_full_disk_of_the_signer_loses_nothing_that_was_acknowledged() {
    fill_and_check("station/keys", "/keys");
}

/// Fills the disk at `place` of a desk while people buy; the station says that the disk of its folder, and `below` it, is full.
fn fill_and_check(place: &str, below: &str) {
    if is_left_out(false) {
        return;
    }
    let Some(disk) = SmallDisk::mount(place, DISK_KIB, "700") else { return };
    let desk = Desk::new(disk.program(), disk.desk());
    desk.write_issuer().unwrap();
    desk.new_meter(GAS, "gas", &[]).unwrap();
    let complaints = disk.folder().join("complaints");
    let mut station = start(&desk, &complaints);
    disk.fill(ROOM_KIB);
    let told = buy_all_at_once(&station.address(), MOST);
    let said = ended(&mut station, &complaints);
    assert!(said.contains(&format!("{below} is full: free space on it")), "{said}");
    disk.free();
    check(&desk, &told);
}

#[test]
fn a_write_error_loses_nothing_that_was_acknowledged() {
    if is_left_out(false) {
        return;
    }
    let (desk, folder) = desk();
    desk.new_meter(GAS, "gas", &[]).unwrap();
    let complaints = folder.path().join("complaints");
    let mut station = start(&desk, &complaints);
    // No file may grow beyond this: writing then fails with EFBIG, which SQLite tells as an I/O error.
    let limit = Rlimit { current: Some(FILE_BYTES), maximum: Some(FILE_BYTES) };
    prlimit(Some(station.pid().unwrap()), Resource::Fsize, limit).unwrap();
    let told = buy_all_at_once(&station.address(), MOST);
    let said = ended(&mut station, &complaints);
    assert!(said.contains("cannot be read or written"), "{said}");
    check(&desk, &told);
}
