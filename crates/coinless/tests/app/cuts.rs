//! The network, or the link to the meter, cut at every step: each purchase comes to its end, paid once and loaded once, and no
//! screen says loaded before the meter is.

use crate::page::{PHONE, Page};
use crate::person::{Person, Wanted};
use crate::town::{GAS, Town};
use coinless_sim::family::{POWER, WATER};
use coinless_sim::line::Cut;
use std::thread;

/// More steps than any purchase has.
const MAX_STEPS: usize = 80;

/// What the screen shows while nothing is under way.
const IDLE: &str = "document.querySelector('main[data-screen]')?.getAttribute('aria-busy') === 'false'";

/// Purchases of the same things one after the other, and what must be true of all of them together.
pub struct Purchases<'a> {
    pub town: &'a mut Town,
    pub wanted: Wanted<'a>,
    pub is_at_meter: bool,
    /// How many are over.
    pub over: usize,
    /// What the meters had before the first one, and what each purchase brings them.
    units: Vec<u64>,
    paid_cents: u64,
}

impl<'a> Purchases<'a> {
    /// Makes one purchase without any trouble, by which the others are measured. The meters of `wanted` are the town's.
    pub fn new(town: &'a mut Town, page: &Page, wanted: Wanted<'a>) -> Self {
        // What several meters get is bought by the list, by a person who is at none of them.
        let is_at_meter = wanted.len() == 1;
        let mut first = Self { town, wanted, is_at_meter, over: 0, units: Vec::new(), paid_cents: 0 };
        let url = first.town.line.url();
        first.person(page, &url).begin().unwrap();
        first.person(page, &url).finish(|_| ()).unwrap();
        first.units = first.totals();
        assert!(first.units.iter().all(|units| *units > 0));
        first.paid_cents = first.clearing_cents();
        assert!(first.paid_cents > 0);
        first.over = 1;
        first
    }

    /// Who makes the next one.
    pub fn person<'p>(&self, page: &'p Page, url: &'p str) -> Person<'p>
    where
        'a: 'p,
    {
        Person { page, url, wanted: self.wanted, is_at_meter: self.is_at_meter, over: self.over }
    }

    /// Makes the next purchase to its end: from where the page is.
    pub fn finish(&mut self, page: &Page) {
        let url = self.town.line.url();
        let person = self.person(page, &url);
        let before: Vec<u64> = self.units.iter().map(|units| units * self.over as u64).collect();
        let wanted = self.wanted;
        let ended = person.finish(|seen| {
            for label in seen.lines("loaded", "yes") {
                let place = wanted.iter().position(|(meter, _)| meter.label == label).unwrap();
                assert!(self.town.total(place) > before[place], "{label} is said to be loaded, and is not");
            }
        });
        ended.unwrap();
        self.over += 1;
        self.check();
    }

    /// Every purchase that is over was paid once and loaded once.
    pub fn check(&mut self) {
        let over = self.over as u64;
        assert_eq!(self.totals(), self.units.iter().map(|units| units * over).collect::<Vec<_>>());
        assert_eq!(self.clearing_cents(), self.paid_cents * over);
        assert_eq!(self.town.balance("sold_undelivered"), "0.00");
    }

    fn totals(&mut self) -> Vec<u64> {
        (0..self.wanted.len()).map(|place| self.town.total(place)).collect()
    }

    fn clearing_cents(&self) -> u64 {
        self.town.balance("provider:sandbox:clearing").replace('.', "").parse().unwrap()
    }
}

/// One purchase for each step, with the network cut `how` at that step until the app has nothing under way.
fn network(town: &mut Town, wanted: Wanted<'_>, how: Cut) {
    let browser = town.browser("phone");
    let page = phone(&browser, town, wanted);
    let mut purchases = Purchases::new(town, &page, wanted);
    for step in 0..MAX_STEPS {
        let cut = purchases.town.line.cut_at(step, how);
        let url = purchases.town.line.url();
        purchases.person(&page, &url).begin().unwrap();
        let came = thread::scope(|scope| {
            let line = purchases.town.line.clone();
            let watched = page.clone();
            let mending = scope.spawn(move || {
                let came = cut.recv().is_ok();
                if came {
                    watched.until(IDLE);
                    line.mend();
                }
                came
            });
            purchases.finish(&page);
            purchases.town.line.mend();
            mending.join().unwrap()
        });
        if !came {
            assert!(step > 8, "only {step} steps");
            println!("{how:?}: {step} steps");
            return;
        }
    }
    panic!("more than {MAX_STEPS} steps");
}

/// A phone that keeps the meters of `wanted`, if they are several.
pub fn phone(browser: &crate::browser::Browser, town: &Town, wanted: Wanted<'_>) -> Page {
    let page = browser.open(&town.line.url());
    page.on(PHONE);
    page.until("navigator.serviceWorker.ready.then(() => true)");
    if wanted.len() > 1 {
        for (meter, _) in wanted {
            page.goto(&format!("{}/m/{}", town.line.url(), meter.label));
            page.press_selected("[data-test=keep] summary");
            page.press("save");
            page.until("document.querySelector('[data-test=notice]')?.getAttribute('role') === 'status'");
        }
    }
    page
}

/// What a family buys.
pub const LIST: Wanted<'_> = &[(GAS, "5"), (WATER, "4"), (POWER, "3")];

/// A town with the meters of [`LIST`].
pub fn family() -> Option<Town> {
    Town::with(&[GAS, WATER, POWER])
}

#[test]
fn the_network_is_cut_before_each_message_of_the_first_way() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    network(&mut town, &[(GAS, "5")], Cut::Before);
}

#[test]
fn the_network_is_cut_after_each_message_of_the_first_way() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    network(&mut town, &[(GAS, "5")], Cut::After);
}

#[test]
fn the_network_is_cut_before_each_message_of_the_list() {
    let Some(mut town) = family() else { return };
    network(&mut town, LIST, Cut::Before);
}

#[test]
fn the_network_is_cut_after_each_message_of_the_list() {
    let Some(mut town) = family() else { return };
    network(&mut town, LIST, Cut::After);
}

/// One purchase for each message to or from a meter, at which the links to all meters break.
fn links(town: &mut Town, wanted: Wanted<'_>) {
    let browser = town.browser("phone");
    let page = phone(&browser, town, wanted);
    let mut purchases = Purchases::new(town, &page, wanted);
    for step in 0..MAX_STEPS {
        purchases.town.ways.iter().for_each(|way| way.break_at(step));
        let url = purchases.town.line.url();
        purchases.person(&page, &url).begin().unwrap();
        purchases.finish(&page);
        let broken = purchases.town.ways.iter().filter(|way| way.mend()).count();
        if broken == 0 {
            assert!(step > 4, "only {step} steps");
            println!("{step} steps");
            return;
        }
    }
    panic!("more than {MAX_STEPS} steps");
}

#[test]
fn the_link_to_the_meter_breaks_at_each_message() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    links(&mut town, &[(GAS, "5")]);
}

#[test]
fn the_links_to_the_meters_of_the_list_break_at_each_message() {
    let Some(mut town) = family() else { return };
    links(&mut town, LIST);
}
