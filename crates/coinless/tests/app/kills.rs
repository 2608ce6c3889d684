//! The tab or the whole browser killed, or the tab overtaken by a second one, in the middle of a purchase: whoever opens the app again
//! finds the purchase and ends it, paid once and loaded once.

use crate::browser::Browser;
use crate::cuts::{LIST, Purchases, family, phone};
use crate::page::{PHONE, Page};
use crate::person::Wanted;
use crate::tabs::is_overtaken;
use crate::town::{GAS, Town, run};
use coinless_sim::line::{Cut, Line};
use std::thread;

/// More steps than any purchase has.
const MAX_STEPS: usize = 40;

/// What happens to a tab in the middle of what it does.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// What runs it dies.
    Killed,
    /// The whole browser dies at once, and is started again: a phone whose battery was empty.
    Gone,
    /// A second tab goes on with it, while the first one still works.
    Overtaken,
}

/// One purchase for each step of those that are `apart` from each other, at which the line is cut after what was said, for as long as
/// it takes until the tab has its fate.
fn at_each_step(
    mut browser: Browser,
    purchases: &mut Purchases<'_>,
    mut page: Page,
    line: &Line,
    fate: Fate,
    (apart, fewest): (usize, usize),
) {
    for step in (0..MAX_STEPS).step_by(apart) {
        let url = purchases.town.line.url();
        let person = purchases.person(&page, &url);
        person.begin().unwrap();
        let cut = line.cut_at(step, Cut::After);
        let (after, next) = thread::scope(|scope| {
            let purchase = scope.spawn(|| {
                // It ends with the tab, or with the purchase, or is given up while the line is down for as long as an answer could come;
                // what became of it is looked at afterwards.
                let ended = person.finish(|_| ());
                // What has not come by now does not come.
                if ended.is_ok() || !line.is_down() {
                    line.mend();
                }
                ended
            });
            if cut.recv().is_err() {
                purchase.join().unwrap().unwrap();
                return (browser, None);
            }
            let browser = match fate {
                Fate::Killed => {
                    page.crash();
                    page.clone().close();
                    browser
                }
                Fate::Gone => {
                    browser.kill();
                    purchases.town.browser("phone")
                }
                Fate::Overtaken => browser,
            };
            line.mend();
            let next = browser.tab();
            next.on(PHONE);
            next.beside();
            purchases.person(&next, &url).come_back().unwrap();
            purchases.finish(&next);
            if matches!(fate, Fate::Overtaken) {
                is_overtaken(&page);
                page.clone().close();
            }
            (browser, Some(next))
        });
        browser = after;
        let Some(next) = next else {
            assert!(step > fewest, "only {step} steps");
            println!("{fate:?}: {step} steps");
            purchases.over += 1;
            return purchases.check();
        };
        page = next;
    }
    panic!("more than {MAX_STEPS} steps");
}

/// What is bought, by a person who stands at the meter.
const WANTED: Wanted<'_> = &[(GAS, "5")];

/// The same with the line to the station.
fn at_the_station(fate: Fate, apart: usize) {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let line = town.line.clone();
    on_the_way(&mut town, WANTED, &line, fate, (apart, 5));
}

/// The same while a family buys its list.
fn with_the_list(fate: Fate, apart: usize) {
    let Some(mut town) = family() else { return };
    let line = town.line.clone();
    on_the_way(&mut town, LIST, &line, fate, (apart, 5));
}

fn on_the_way(town: &mut Town, wanted: Wanted<'_>, line: &Line, fate: Fate, steps: (usize, usize)) {
    let browser = town.browser("phone");
    let page = phone(&browser, town, wanted);
    page.beside();
    let mut purchases = Purchases::new(town, &page, wanted);
    at_each_step(browser, &mut purchases, page, line, fate, steps);
}

#[test]
fn the_tab_is_killed_at_each_step_of_the_first_way() {
    at_the_station(Fate::Killed, 1);
}

#[test]
fn the_browser_is_killed_at_every_fourth_step_of_the_first_way() {
    at_the_station(Fate::Gone, 4);
}

#[test]
fn the_browser_is_killed_at_every_fourth_step_of_the_list() {
    with_the_list(Fate::Gone, 4);
}

#[test]
fn the_tab_is_killed_at_each_step_of_the_list() {
    with_the_list(Fate::Killed, 1);
}

#[test]
fn a_second_tab_goes_on_with_the_list_at_every_fourth_step_while_the_first_one_works() {
    with_the_list(Fate::Overtaken, 4);
}

#[test]
fn a_second_tab_goes_on_at_every_other_step_while_the_first_one_works() {
    at_the_station(Fate::Overtaken, 2);
}

/// The same with the line to a meter.
fn at_the_meter(fate: Fate, apart: usize) {
    let mut made = None;
    let town = Town::build(|desk| {
        let meter = run(desk, &GAS);
        let line =
            Line::new(meter.address().trim_start_matches("ws://").trim_end_matches('/').parse().unwrap()).unwrap();
        let place = format!("{} = \"ws://127.0.0.1:{}/\"", GAS.id, line.port());
        made = Some(line);
        (vec![meter], place)
    });
    let (Some(mut town), Some(line)) = (town, made) else { return };
    on_the_way(&mut town, WANTED, &line, fate, (apart, 4));
}

#[test]
fn the_tab_is_killed_at_each_message_to_the_meter() {
    at_the_meter(Fate::Killed, 1);
}

#[test]
fn a_second_tab_goes_on_at_every_other_message_to_the_meter() {
    at_the_meter(Fate::Overtaken, 2);
}
