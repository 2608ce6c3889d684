//! Kills stations and starts them again.

use crate::client::parse;
use crate::town::Town;
use coinless_sim::desk::Running;
use fastrand::Rng;
use rustix::process::{Signal, kill_process};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::block_in_place;
use tokio::time::sleep;

/// Answers of the stations between two kills: load is on.
const ANSWERS: std::ops::Range<u64> = 10..150;
/// And then so many milliseconds, so that it is not always right after an answer.
const MOMENT_MS: std::ops::Range<u64> = 0..40;
/// One station of so many is killed again before it listens.
const START_KILLS: u32 = 6;
/// So many milliseconds after its start.
const START_MS: std::ops::Range<u64> = 0..150;
/// Orders that are looked at after a restart.
const LOOKS: usize = 8;

/// Kills so often, either station each time, and starts it again at once; then the town closes. Gives the stations.
pub async fn kill(town: Arc<Town>, mut stations: Vec<Running>, kills: usize, mut random: Rng) -> Vec<Running> {
    for _ in 0..kills {
        town.doors.more_answers(random.u64(ANSWERS)).await;
        sleep(Duration::from_millis(random.u64(MOMENT_MS))).await;
        let at = random.usize(..stations.len());
        town.doors.set(at, false);
        block_in_place(|| {
            kill_process(stations[at].pid().unwrap(), Signal::KILL).unwrap();
            let status = stations[at].wait().unwrap();
            let killed = status.signal() == Some(Signal::KILL.as_raw());
            assert!(killed, "the station ended by itself, {status}:\n{}", town.setting.complaints(at));
            if random.u32(0..START_KILLS) == 0 {
                // It dies once more, while it starts.
                town.setting.start_and_kill(at, Duration::from_millis(random.u64(START_MS)));
            }
            stations[at] = town.setting.start(at);
        });
        town.doors.set(at, true);
        look(&town, at, &mut random).await;
    }
    town.close();
    stations
}

/// What was acknowledged before is there after the restart.
async fn look(town: &Town, at: usize, random: &mut Rng) {
    let orders = town.told.orders();
    for _ in 0..LOOKS.min(orders.len()) {
        let known = &orders[random.usize(..orders.len())];
        let (status, body) = town.doors.look(at, &known.view.id).await;
        assert_eq!(status, 200, "an acknowledged order is gone: {known:?}: {body}");
        known.check(&parse(&body));
    }
}
