//! `docs/meter.md` against the code: every row of its tables is played on a real meter, or compared with a constant.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod constants;
mod decisions;
mod event;
mod seen;
mod setup;
#[path = "../meter/support.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod support;
mod table;

use bench::Bench;
use coinless_protocol::Commodity;
use setup::Setup;
use std::collections::BTreeSet;

/// The names of the columns of the table of rules.
const RULES: [&str; 3] = ["state", "event", "what happens"];
/// The words that stand for nothing.
const NOTHING: &str = "nothing";

/// Plays a row on a meter of `commodity`: what is seen to have happened, in the words of the last column.
fn play(commodity: Commodity, state: &str, event: &str) -> Result<BTreeSet<String>, String> {
    let setup = Setup::parse(commodity, state)?;
    let mut bench = Bench::new(&setup);
    let before = bench.seen();
    let answer = event::happen(&mut bench, event)?;
    let mut happened: BTreeSet<String> = before.until(&bench.seen()).into_iter().collect();
    happened.extend(answer);
    happened.extend(bench.driven_shut_again());
    Ok(happened)
}

#[test]
fn every_row_of_the_rules_is_what_a_meter_does() {
    let rows = table::read(&RULES);
    assert!(rows.len() > 90, "the table of rules has {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let [state, event, told] = row.cells.as_slice() else { unreachable!("three columns") };
        let told: BTreeSet<String> = told.split("; ").filter(|what| *what != NOTHING).map(str::to_owned).collect();
        for commodity in setup::commodities(state) {
            match play(commodity, state, event) {
                Ok(happened) if happened == told => {}
                Ok(happened) => {
                    let words = Vec::from_iter(happened).join("; ");
                    wrong.push(format!("line {}, {commodity}: | {state} | {event} | {words} |", row.line));
                }
                Err(error) => wrong.push(format!("line {}, {commodity}: {error}", row.line)),
            }
        }
    }
    assert!(wrong.is_empty(), "docs/meter.md says otherwise than what happens:\n{}", wrong.join("\n"));
}

#[test]
fn every_word_of_the_rules_is_used() {
    let rows = table::read(&RULES);
    let all = rows.iter().flat_map(|row| row.cells.iter()).map(String::as_str).collect::<Vec<_>>().join("; ");
    let missing: Vec<_> = seen::words().into_iter().filter(|word| !all.contains(word)).collect();
    assert!(missing.is_empty(), "no row of the rules shows {missing:?}");
}
