//! `kill -9` of every process at every named point, a restart, and the invariants: the books balance, every line ends
//! delivered, refunded or before a person, and the meter has what was sold.
//!
//! A process is told by its environment to kill itself (SIGKILL) at one point of [`failpoint::all`]; it is started again
//! without that. Each point is played in a setting of its own.

mod commands;
mod purchases;
mod restarts;
mod utility;

use coinless_sim::failpoint::{self, COMMAND, METER, PHONE};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many settings are played at once. They wait for each other's processes most of the time.
const AT_ONCE: usize = 4;

/// Plays every point, a few at a time.
fn each(points: &[&'static str], play: impl Fn(&'static str) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(points.len()) {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    play(point);
                }
            });
        }
    });
}

/// The points of a station whose names begin so, as they are listed.
fn named(beginning: &str) -> Vec<&'static str> {
    failpoint::station().iter().map(String::as_str).filter(|point| point.starts_with(beginning)).collect()
}

/// The points of these steps of a station.
fn steps(names: &[&str]) -> Vec<&'static str> {
    let points: Vec<_> = names.iter().flat_map(|name| named(&format!("station.{name}."))).collect();
    assert!(points.len() >= 2 * names.len(), "{names:?}: {points:?}");
    points
}

#[test]
fn every_listed_point_is_played_once() {
    let station = [purchases::points(), restarts::points()].concat();
    let played: Vec<_> = [&station[..], METER, PHONE, COMMAND].concat();
    let once: BTreeSet<_> = played.iter().copied().collect();
    assert_eq!(once.len(), played.len(), "{played:?}");
    assert_eq!(once, failpoint::all().into_iter().collect());
}
