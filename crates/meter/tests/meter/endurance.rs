//! The endurance sum of `docs/meter.md`: computed from the code's own constants, and checked against the journal at work.

use crate::journal::ring::Note;
use coinless_meter::journal::{CONFIRMED, Journal};
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::state::SLOT_BYTES;
use coinless_meter::unbilled_bound;
use coinless_protocol::Commodity;

const SECTOR_BYTES: u32 = 2048;

/// What a household uses a day in the mean of a year, in whole dm³, litres or Wh: four people, a house that is heated with
/// gas.
const HOUSEHOLD: [(Commodity, &str, i64); 3] = [
    (Commodity::Gas, "gas, 6 m³", 6_000),
    (Commodity::Water, "water, 500 litres", 500),
    (Commodity::Electricity, "electricity, 10 kWh", 10_000),
];

/// Commits a day that are not about consumption: tokens, presses, alarms, the change of the day.
const OTHER_COMMITS: u32 = 10;
/// Starts a day.
const STARTS: u32 = 1;
const DAYS: u32 = 365;
const CYCLES: [u32; 2] = [10_000, 100_000];

/// Commits a day.
fn commits(commodity: Commodity, used: i64) -> u32 {
    (used * 1000 / unbilled_bound(commodity).0) as u32 + OTHER_COMMITS
}

/// Erasures of a sector a year in a journal of so many sectors, each a group of its own: the first record of a group is
/// written [`CONFIRMED`] times, and every start enters another group.
fn erasures(commits_a_day: u32, sectors: u32) -> u32 {
    let commits_a_group = SECTOR_BYTES / SLOT_BYTES as u32 - (CONFIRMED - 1);
    ((commits_a_day * DAYS).div_ceil(commits_a_group) + STARTS * DAYS).div_ceil(sectors)
}

fn table() -> Vec<String> {
    let mut rows = Vec::new();
    for (commodity, words, used) in HOUSEHOLD {
        for sectors in [4, 16] {
            let commits = commits(commodity, used);
            let erasures = erasures(commits, sectors);
            let [small, large] = CYCLES.map(|cycles| cycles / erasures);
            rows.push(format!("| {words} | {commits} | {sectors} | {erasures} | {small} | {large} |"));
        }
    }
    rows
}

#[test]
fn the_endurance_table_is_what_the_constants_say() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/meter.md")).unwrap();
    let section = text.split("## Endurance").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let expected = table();
    let found: Vec<_> = section.lines().filter(|line| HOUSEHOLD.iter().any(|of| line.contains(of.1))).collect();
    assert_eq!(found, expected, "\nthe table must be\n{}\n", expected.join("\n"));
    for number in
        [format!("{SLOT_BYTES} bytes"), format!("{OTHER_COMMITS} other commits"), format!("{STARTS} start a day")]
    {
        assert!(section.contains(&number), "the text must say: {number}");
    }
    for (commodity, unit) in [
        (Commodity::Gas, "dm³ of gas"),
        (Commodity::Water, "litres of water"),
        (Commodity::Electricity, "Wh of electricity"),
    ] {
        let bound = format!("{} {unit}", unbilled_bound(commodity).0 / 1000);
        assert!(section.contains(&bound), "the text must say: {bound}");
    }
}

/// A year of a household's commits and starts on a journal of `SIZE` bytes.
fn year<const SIZE: usize>(commits_a_day: u32) -> u64 {
    let mut flash = RamFlash::<SIZE, 8, { SECTOR_BYTES as usize }>::new(1);
    for day in 0..DAYS {
        let (mut journal, _) = Journal::<Note<SLOT_BYTES>>::open(&mut flash, 0..SIZE as u32).unwrap();
        for number in 0..commits_a_day {
            journal.commit(&mut flash, &Note(day * commits_a_day + number)).unwrap();
        }
    }
    flash.erasures()
}

#[test]
fn a_journal_wears_no_more_than_the_sum_says() {
    for (commodity, words, used) in HOUSEHOLD {
        let commits = commits(commodity, used);
        let (four, sixteen) =
            (year::<{ 4 * SECTOR_BYTES as usize }>(commits), year::<{ 16 * SECTOR_BYTES as usize }>(commits));
        for (found, sectors) in [(four, 4), (sixteen, 16)] {
            let sum = u64::from(erasures(commits, sectors) * sectors);
            // Each start enters a group in the middle of another, so that the sum is somewhat too high.
            assert!(found <= sum && found >= sum * 9 / 10, "{words}: {found} erasures and not {sum}");
        }
    }
}
