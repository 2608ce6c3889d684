//! `kill -9` at random moments under load: 64 clients buy, load, take back and walk away, at stations that are killed and started
//! again all the while. What was acknowledged is there, every line comes to an end, and everybody's books agree.
//!
//! Three settings: SQLite, one station on PostgreSQL, and two stations on one PostgreSQL of which either is killed. The payment
//! provider, a utility's own sales system, the meters and (with two stations) the signer run in the test, and outlive the
//! stations.
//!
//! * `COINLESS_LONG=1`, which `cargo xtask test --long` sets, kills 170 times in each setting instead of a few times.
//! * `COINLESS_KILLS=50` kills so often instead.
//! * `COINLESS_SEED=7` draws the same orders, moods and moments again. What happens between processes is never quite the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod books;
mod client;
mod doors;
mod killer;
mod meters;
mod moods;
mod plan;
mod processes;
mod setting;
mod told;
mod town;

use setting::Kind;
use std::env;

/// Kills of each setting in an ordinary run.
const KILLS: usize = 5;
/// Kills of each setting in a long one.
const LONG_KILLS: usize = 170;

#[test]
fn stations_are_killed_on_sqlite() {
    play(Kind::Sqlite, 1);
}

#[test]
fn stations_are_killed_on_postgresql() {
    play(Kind::Postgres, 2);
}

#[test]
fn either_of_two_stations_is_killed_on_one_postgresql() {
    play(Kind::TwoOnPostgres, 3);
}

fn play(kind: Kind, seed: u64) {
    let number = |name| env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let seed = number("COINLESS_SEED").unwrap_or(seed);
    let long = if env::var_os("COINLESS_LONG").is_some() { LONG_KILLS } else { KILLS };
    let kills = number("COINLESS_KILLS").map_or(long, |kills| kills as usize);
    town::play(kind, seed, kills);
}
