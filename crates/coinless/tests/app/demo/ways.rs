//! A stranger plays the ways that the demo's page has beside the first: reads its steps, and presses what they name.

use super::Visit;
use crate::family::standing;
use crate::page::{Page, quoted};
use crate::round::rows;
use crate::town::{GAS, Known};
use coinless_sim::family::{POWER, WATER};
use std::fs;

/// The demo's meters, in the order in which they hang; they are called as those of a town.
const METERS: [Known; 3] = [GAS, WATER, POWER];

/// The steps that the page shows.
const STEPS: &str = "document.querySelector('[data-steps]:not([hidden])')";

impl Visit {
    /// Chooses the way with this number.
    fn play(&self, way: u32) {
        self.page.press_selected(&format!("[data-way='{way}']"));
        self.page.until(&format!("{STEPS}.dataset.steps === '{way}'"));
    }

    /// That the steps on the page name something so.
    fn is_told(&self, words: &str) {
        let bold = format!("[...{STEPS}.querySelectorAll('b')].some(bold => bold.innerText === {})", quoted(words));
        assert_eq!(self.page.evaluate(&bold), true, "the page's steps do not name {words}");
    }

    /// Presses what `selector` finds, which says what the page's steps call it; `…` is whatever stands there.
    fn follow(&self, on: &Page, words: &str, selector: &str) {
        self.is_told(words);
        for part in words.split('…').map(str::trim) {
            on.until(&format!("document.querySelector({}).innerText.includes({})", quoted(selector), quoted(part)));
        }
        on.press_selected(selector);
    }

    /// Pays for what was asked for, once; nothing is loaded by that.
    fn pay(&self, phone: &Page) {
        self.follow(phone, "What does it come to?", "[data-test=quote]");
        phone.screen("quote");
        self.follow(phone, "Pay", "[data-test=pay]");
        phone.screen("order");
        phone.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-ready'");
        assert_eq!(self.sold(), [0, 0, 0], "paid is not loaded");
    }

    /// What was sold to each meter, as it says.
    fn sold(&self) -> [u64; 3] {
        let meters = self.meters();
        [0, 1, 2].map(|place| meters[place][0].as_u64().unwrap())
    }
}

#[test]
fn a_stranger_plays_the_familys_list() {
    let Some(visit) = Visit::begin() else { return };
    visit.play(2);
    let phone = visit.phone();
    for (place, meter) in METERS.iter().enumerate() {
        visit.follow(&visit.page, "Scan the label", &format!("[data-meter='{place}'] .scan"));
        phone.until(&format!("location.pathname === '/m/{}'", meter.label));
        phone.screen("meter");
        visit.follow(&phone, "Keep this meter in the list", "[data-test=keep] summary");
        visit.follow(&phone, "Keep", "[data-test=save]");
        phone.until("document.querySelector('[data-test=notice]')?.getAttribute('role') === 'status'");
    }
    visit.follow(&phone, "Family", "[data-test=nav-list]");
    phone.screen("list");
    for (meter, sum) in METERS.iter().zip(["20", "12.50", "10"]) {
        phone.fill(&format!("sum-{}", meter.label), sum);
    }
    visit.pay(&phone);
    for (place, meter) in METERS.iter().enumerate() {
        let before = visit.sold();
        let load = format!("[data-test=line][data-label=\"{}\"] [data-test=load]", meter.label);
        visit.follow(&phone, "Load … now", &load);
        phone.until(&standing(meter, "loaded"));
        let after = visit.sold();
        let changed: Vec<_> = (0..METERS.len()).filter(|other| before[*other] != after[*other]).collect();
        assert_eq!(changed, [place], "{before:?} {after:?}");
    }
    visit.settled("42.50");
}

#[test]
fn a_stranger_plays_the_managers_round() {
    let Some(visit) = Visit::begin() else { return };
    visit.play(3);
    let link = "[data-steps='3'] a[download]";
    let file = visit.browser.saved(&visit.desk.path("downloads"), || visit.page.press_selected(link));
    let path = visit.desk.path("round.csv");
    fs::write(&path, file).unwrap();
    let phone = visit.phone();
    phone.screen("home");
    visit.follow(&phone, "Rounds", "[data-test=nav-house]");
    phone.screen("house");
    let import = "Import meters from a file (CSV)";
    visit.is_told(import);
    phone.until(&format!("document.querySelector('main').innerText.includes({})", quoted(import)));
    phone.give_file("import", &path);
    phone.read("preview-count");
    phone.rests();
    visit.pay(&phone);
    visit.follow(&phone, "Walk the round", "[data-test=walk]");
    phone.screen("walk");
    for done in 1..=METERS.len() {
        visit.follow(&phone, "Load the meter at hand", "[data-test=load]");
        phone.until(&format!("document.querySelector('[data-test=counts]').dataset.done === '{done}'"));
        phone.rests();
    }
    assert!(visit.sold().iter().all(|sold| *sold > 0), "{:?}", visit.sold());
    visit.settled("30.00");
    let save = || visit.follow(&phone, "Save the result (CSV)", "[data-test=result]");
    let result = rows(&visit.browser.saved(&visit.desk.path("downloads"), save));
    let meters: Vec<_> = result.iter().map(|row| row["meter"].as_str()).collect();
    assert_eq!(meters, METERS.map(|meter| meter.label), "{result:?}");
}
