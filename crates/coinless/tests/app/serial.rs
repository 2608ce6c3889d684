//! The app and a meter at a serial line: a browser without a head shows no ports, so a stand-in does, with a cable to the meter's own
//! line.

mod cable;

use crate::bluetooth::{ENDED, HERE, LOADED};
use crate::browser::Browser;
use crate::family::standing;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};
use cable::{Cable, Did};
use coinless_sim::desk::Running;
use coinless_sim::line::Cut;
use coinless_sim::serial::BIT_RATE;
use serde_json::{Value, json};

/// More writes than one delivery has.
const MOST_WRITES: usize = 24;

/// A town with a gas meter that has a serial line alone, and a computer with a cable to it.
struct Cellar {
    town: Town,
    meter: Running,
    page: Page,
    cable: Cable,
    _browser: Browser,
}

impl Cellar {
    fn new() -> Option<Self> {
        let town = Town::with(&[])?;
        town.desk.new_meter_of(GAS.utility, GAS.id, GAS.commodity).unwrap();
        let mut command = town.desk.serial_meter_command(GAS.id);
        command.arg("--mains");
        let meter = town.desk.start(command).unwrap();
        let browser = town.browser("computer");
        let page = browser.tab();
        page.on(PHONE);
        let cable = Cable::new(&browser, &page, &meter.address());
        page.start(&town.line.url());
        Some(Self { town, meter, page, cable, _browser: browser })
    }

    /// Shows what 20 buys.
    fn quote(&self) {
        self.page.find_meter(GAS.label);
        self.page.press_selected(".chip:nth-child(3)");
        self.page.press("quote");
        self.page.screen("quote");
        self.page.says("total", "20.00");
    }

    /// Buys for 20 without a meter at hand.
    fn buy(&self) {
        self.quote();
        self.page.press("pay");
        self.page.screen("order");
        self.page.until(HERE);
    }

    /// What was sold to the meter, as it says.
    fn total(&mut self) -> u64 {
        self.meter.control("show", "show").unwrap()["total_units"].as_u64().unwrap()
    }

    /// How often the page has opened the line; each time as meters have it.
    fn opened(&self) -> usize {
        let did = self.cable.did();
        let rates: Vec<_> =
            did.iter().filter_map(|did| if let Did::Open { rate } = did { Some(*rate) } else { None }).collect();
        assert!(rates.iter().all(|rate| *rate == BIT_RATE), "{rates:?}");
        rates.len()
    }
}

#[test]
fn reached_paid_and_loaded_over_a_serial_line() {
    let Some(mut cellar) = Cellar::new() else { return };
    cellar.quote();
    let page = cellar.page.clone();
    page.press("connect");
    page.read("reached");
    assert_eq!(cellar.total(), 0, "paid is not loaded");
    page.press("pay");
    page.screen("order");
    page.until(LOADED);
    assert!(cellar.total() > 0);
    assert_eq!(cellar.opened(), 1, "the line stays open while one pays");
    page.until(&standing(&GAS, "loaded"));
    let says = page.read("loaded-receipt");
    let receipts = cellar.town.desk.show("receipts", Some(GAS.id)).unwrap();
    let is_named = |receipt: &Value| says.contains(&format!("receipt no. {} ", receipt["receipt"]));
    let named =
        receipts.iter().find(|receipt| is_named(receipt)).expect("the station has the receipt that the screen names");
    assert_eq!(named["total_units"], cellar.total());
    assert_eq!(cellar.town.balance("sold_undelivered"), "0.00");
}

/// Whichever write of a delivery is the one in which the cable is pulled out, and whether the meter has all of it or half: the person
/// is told that nothing is lost, does the same again, and the credit is in the meter once.
#[test]
fn a_line_that_is_lost_in_a_write_is_picked_up_again() {
    let Some(mut cellar) = Cellar::new() else { return };
    let page = cellar.page.clone();
    let (mut each, mut broken) = (None, 0);
    for (round, (nth, how)) in (0..MOST_WRITES).flat_map(|nth| [(nth, Cut::Before), (nth, Cut::After)]).enumerate() {
        cellar.buy();
        let before = cellar.total();
        cellar.cable.break_at_write(nth, how);
        page.press("load");
        let loaded = page.until(ENDED)["loaded"] == true;
        let was_out = cellar.cable.mend();
        assert!(loaded || was_out, "nothing broke, and it is not loaded");
        if !loaded {
            broken += 1;
            assert!(page.text().contains("do the same again"), "{}", page.text());
            page.press("load");
            page.until(LOADED);
        }
        let loaded = cellar.total() - before;
        assert_eq!(loaded, *each.get_or_insert(loaded), "in round {round}");
        assert!(loaded > 0);
        if !was_out {
            assert!(broken >= 4, "the line broke before the token and with it: {broken}");
            return;
        }
    }
    panic!("a delivery has more than {MOST_WRITES} writes");
}

/// The line that was opened before is the one that is asked for: it is let go of first.
#[test]
fn a_meter_is_reached_again_by_the_same_line() {
    let Some(mut cellar) = Cellar::new() else { return };
    cellar.quote();
    let page = cellar.page.clone();
    for opened in 1..=3 {
        page.press("connect");
        page.rests();
        assert_eq!(page.evaluate("document.querySelector('[data-test=not-reached]')?.innerText"), json!(null));
        page.read("reached");
        assert_eq!(cellar.opened(), opened);
    }
    page.press("pay");
    page.screen("order");
    page.until(LOADED);
    assert!(cellar.total() > 0);
    assert_eq!(cellar.opened(), 3);
}

#[test]
fn who_picks_no_line_is_told_that_nothing_was_done() {
    let Some(mut cellar) = Cellar::new() else { return };
    cellar.quote();
    cellar.cable.chooses_nothing(true);
    cellar.page.press("connect");
    cellar.page.says("not-reached", "nothing is paid. No meter was chosen");
    assert_eq!((cellar.opened(), cellar.total()), (0, 0));
    cellar.cable.chooses_nothing(false);
    cellar.page.press("connect");
    cellar.page.read("reached");
}

#[test]
fn who_has_bluetooth_and_a_cable_may_choose_the_cable() {
    let Some(cellar) = Cellar::new() else { return };
    let page = cellar.page.clone();
    page.press("settings");
    page.screen("settings");
    page.press("cable");
    page.reload();
    page.screen("settings");
    page.until("document.querySelector('[data-test=cable]').checked");
    // From now on there is Bluetooth, without a meter in its reach.
    page.evaluate("(navigator.bluetooth.getAvailability = async () => true, true)");
    page.press("nav-home");
    cellar.quote();
    page.press("connect");
    page.read("reached");
    assert_eq!(cellar.opened(), 1);

    page.press("settings");
    page.screen("settings");
    page.press("cable");
    page.evaluate("history.back()");
    page.screen("quote");
    page.press("connect");
    page.says("not-reached", "nothing is paid. No meter was chosen");
    assert_eq!(cellar.opened(), 1);
}
