//! The disk of a PostgreSQL server fails under a station. With full data files the server lives on and refuses: the station ends.
//! With a full log the server ends all sessions, and restarts when it can: the station waits for it.

use super::{BUYERS, MOST, SmallDisk, buy, buy_all_at_once, check, ended, is_left_out, runtime, start};
use crate::setting::GAS;
use coinless_sim::desk::Desk;
use coinless_sim::postgres::Cluster;
use futures_util::future::{join_all, select_all};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The disk: a database of its own needs 8 MiB, and 8 more in the log.
const DISK_KIB: u32 = 40 * 1024;
/// Room for data, and for the log, to sell a little.
const DATA_ROOM_KIB: u32 = 512;
const LOG_ROOM_KIB: u32 = 1024;

/// A disk that the server's user can reach.
fn disk() -> Option<SmallDisk> {
    let disk = SmallDisk::mount("disk", DISK_KIB, "1777")?;
    fs::set_permissions(disk.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(disk)
}

fn desk(disk: &SmallDisk, database: String) -> Desk {
    let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), disk.desk()).on(Some(database));
    desk.write_issuer().unwrap();
    desk.new_meter(GAS, "gas", &[]).unwrap();
    desk
}

#[test]
fn a_full_disk_of_the_server_loses_nothing_that_was_acknowledged() {
    if is_left_out(true) {
        return;
    }
    let Some(disk) = disk() else { return };
    let cluster = Cluster::start_where(disk.enter(), None).unwrap();
    let desk = desk(&disk, cluster.database_in(&disk.place().join("data")).unwrap());
    let complaints = disk.folder().join("complaints");
    let mut station = start(&desk, &complaints);
    disk.fill(DATA_ROOM_KIB);
    let told = buy_all_at_once(&station.address(), MOST);
    let said = ended(&mut station, &complaints);
    assert!(said.contains("the disk of the PostgreSQL server is full: free space on it"), "{said}");
    disk.free();
    check(&desk, &told);
}

#[test]
fn a_full_disk_of_the_servers_log_is_waited_for() {
    if is_left_out(true) {
        return;
    }
    let Some(disk) = disk() else { return };
    let cluster = Cluster::start_where(disk.enter(), Some(&disk.place().join("log"))).unwrap();
    let desk = desk(&disk, cluster.database().unwrap());
    let complaints = disk.folder().join("complaints");
    let mut station = start(&desk, &complaints);
    disk.fill(LOG_ROOM_KIB);
    let url = station.address();
    let told = runtime().block_on(async {
        let buyers: Vec<_> = (0..BUYERS).map(|_| tokio::spawn(buy(url.clone(), MOST))).collect();
        let (first, _, others) = select_all(buyers).await;
        let mut told = first.unwrap();
        // Somebody was not told the outcome: the server has ended, or will not come up. The others wait.
        disk.free();
        cluster.restart().unwrap();
        told.extend(join_all(others).await.into_iter().flat_map(Result::unwrap));
        told
    });
    let status = station.stop().unwrap();
    assert!(status.success(), "{}", fs::read_to_string(&complaints).unwrap());
    check(&desk, &told);
}
