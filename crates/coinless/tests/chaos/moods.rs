//! The grid's sales system behaves badly now and then.

use crate::town::Town;
use coinless_sim::utility::{Behaviour, Setting};
use fastrand::Rng;
use std::sync::Arc;

/// Answers of the stations between two moods.
const ANSWERS: std::ops::Range<u64> = 20..200;
/// The way of [`Behaviour::Contradictory`] in which another quantity is sold than was quoted.
const OTHER_UNITS: usize = 1;

/// Changes the grid's mood until nobody buys any more; then it behaves well.
pub async fn change(town: Arc<Town>, mut random: Rng) {
    while !town.is_closing() {
        tokio::select! {
            () = town.doors.more_answers(random.u64(ANSWERS)) => {}
            () = town.closed() => break,
        }
        let calls = |most: u32, random: &mut Rng| Some(random.u32(1..most));
        let setting = match random.u32(0..10) {
            0..3 => Setting { behaviour: Behaviour::Slow, calls: calls(8, &mut random), way: None },
            3..6 => Setting { behaviour: Behaviour::Unclear, calls: calls(12, &mut random), way: None },
            6..8 => Setting { behaviour: Behaviour::Down, calls: calls(12, &mut random), way: None },
            8 => Setting { behaviour: Behaviour::Forgetful, calls: calls(6, &mut random), way: None },
            _ => Setting { behaviour: Behaviour::Contradictory, calls: Some(1), way: Some(OTHER_UNITS) },
        };
        town.setting.grid.set(setting);
    }
    town.setting.grid.set(Setting::default());
}
