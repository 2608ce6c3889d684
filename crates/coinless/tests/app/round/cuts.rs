//! The app is killed, the network comes and goes, and there are two tabs: nothing is lost, and nothing is loaded or paid twice.

use super::{at_houses, counts, file, fly, idle, import, land, load, next, pay, set_network, street};
use crate::cdp::PATIENCE;
use crate::page::{PHONE, Page};
use crate::shell::KEPT;
use crate::street::Street;
use crate::town::Town;
use coinless_sim::line::{Cut, Line};

/// An order whose payment is not known after so many questions stays so.
const MOST_QUESTIONS: usize = 100;

/// Kills the app when the line is cut under what it does, and gives where it was.
fn killed(page: &Page, line: &Line, nth: usize, how: Cut, act: impl FnOnce()) -> String {
    let url = url(page);
    line.mend();
    let cut = line.cut_at(nth, how);
    act();
    // The line is cut while the app works: it is killed in the middle of it.
    if cut.recv_timeout(PATIENCE).is_err() {
        panic!("nothing was said on the line for the {nth}th time: {}", page.text());
    }
    page.crash();
    url
}

/// Where the tab is.
fn url(page: &Page) -> String {
    page.evaluate("location.href").as_str().unwrap_or_default().to_owned()
}

/// A town in which the lines to the meters can be cut.
fn on_lines(count: usize) -> Option<(Town, Street, Vec<Line>)> {
    let mut made = None;
    let town = Town::build(|desk| {
        let street = Street::new(desk, count);
        let (lines, places) = street.on_lines();
        made = Some((street, lines));
        (Vec::new(), places)
    })?;
    let (street, lines) = made?;
    Some((town, street, lines))
}

#[test]
fn killed_while_paying_a_round_is_paid_once() {
    let Some((town, street)) = street(2, &[]) else { return };
    let browser = town.browser("manager");
    let page = at_houses(&town, &browser);
    import(&town, &page, "house.csv", &file(&street, |_| "20.00".into()));
    // Killed while it looks at the quote: nothing is paid, and the house is still there.
    page.press("quote");
    page.screen("quote");
    page.crash();
    page.goto(&format!("{}/s/house", town.line.url()));
    page.says("preview-total", "40.00");
    idle(&page);
    // Two meters are asked for; then the order is written down and goes out, and then it is paid.
    page.press("way-same");
    let cuts = [
        (1, Cut::After, false),
        (2, Cut::Before, true),
        (2, Cut::After, true),
        (3, Cut::Before, true),
        (3, Cut::After, true),
        (4, Cut::After, true),
    ];
    let mut sum = 0;
    for (number, (nth, how, is_begun)) in (1..).zip(cuts) {
        page.fill("one", &number.to_string());
        page.press("quote");
        page.screen("quote");
        killed(&page, &town.line, nth, how, || page.press("pay"));
        town.line.mend();
        page.goto(&format!("{}/s/house", town.line.url()));
        page.screen("house");
        page.press("way-same");
        idle(&page);
        if !is_begun {
            page.fill("one", &number.to_string());
            pay(&page);
            page.press("nav-house");
            page.press("way-same");
        }
        // What was begun goes on.
        page.press("round");
        page.until("['order', 'walk'].includes(document.querySelector('main').dataset.screen)");
        page.press("sync");
        let is_ready = "document.querySelector('[data-test=counts], [data-verdict=verdict-ready]')";
        for _ in 0..MOST_QUESTIONS {
            if page.evaluate(&format!("!!{is_ready}")) == true {
                break;
            }
            idle(&page);
            page.press("sync");
        }
        idle(&page);
        page.press("nav-house");
        page.press("way-same");
        sum += 2 * number;
        assert_eq!(town.balance("provider:sandbox:clearing"), format!("{sum}.00"), "{how:?} {nth}");
    }
    page.press("round");
    page.screen("walk");
    counts(&page, 0, 0, 2);
}

#[test]
fn killed_at_every_step_of_the_walk_loads_every_meter_once() {
    let Some((town, street, lines)) = on_lines(6) else { return };
    let browser = town.browser("manager");
    let page = at_houses(&town, &browser);
    assert_eq!(page.evaluate(KEPT), true);
    import(&town, &page, "house.csv", &file(&street, |_| "20.00".into()));
    pay(&page);
    idle(&page);
    fly(&town, &page);
    // The opening of the link, who are you, the token, the report; the meter hears it, or not.
    let cuts = [(0, Cut::After), (2, Cut::Before), (2, Cut::After), (3, Cut::Before), (3, Cut::After)];
    for (at, (nth, how)) in cuts.into_iter().enumerate() {
        next(&page, &street, at);
        let walk = killed(&page, &lines[at], nth, how, || page.press("load"));
        lines[at].mend();
        page.goto(&walk);
        set_network(&page, false);
        page.screen("walk");
        page.read("offline");
        if page.evaluate("Number(document.querySelector('[data-test=counts]').dataset.done)") != at + 1 {
            next(&page, &street, at);
            load(&page);
        }
        counts(&page, at + 1, 0, 5 - at);
    }
    // Killed after something was passed over: it is noted.
    page.press("skip");
    page.fill("note", "nobody");
    page.press("skip-now");
    counts(&page, 5, 1, 0);
    let walk = url(&page);
    page.crash();
    page.goto(&walk);
    set_network(&page, false);
    counts(&page, 5, 1, 0);
    page.evaluate("document.querySelector('[data-test=stops]').open = true");
    page.says("stops", "nobody");
    assert_eq!(street.applied(), [1, 1, 1, 1, 1, 0]);

    // Receipts are sent, and the app is killed at that.
    for (nth, how) in [(0, Cut::Before), (1, Cut::After), (3, Cut::After)] {
        killed(&page, &town.line, nth, how, || set_network(&page, true));
        page.goto(&walk);
        set_network(&page, false);
        counts(&page, 5, 1, 0);
        idle(&page);
    }
    land(&town, &page);
    page.until("!document.querySelector('[data-test=receipts-waiting]')");
    idle(&page);
    assert_eq!(street.applied(), [1, 1, 1, 1, 1, 0]);
    counts(&page, 5, 1, 0);
}

#[test]
fn a_network_that_comes_and_goes_takes_every_receipt_in_the_end() {
    let Some((town, street)) = street(5, &[]) else { return };
    let browser = town.browser("manager");
    let page = at_houses(&town, &browser);
    import(&town, &page, "house.csv", &file(&street, |_| "20.00".into()));
    pay(&page);
    idle(&page);
    fly(&town, &page);
    for at in 0..5 {
        load(&page);
        counts(&page, at + 1, 0, 4 - at);
    }
    page.says("receipts-waiting", "5 receipts");
    for (nth, how) in [(0, Cut::Before), (1, Cut::After), (2, Cut::Before), (0, Cut::After)] {
        town.line.mend();
        let cut = town.line.cut_at(nth, how);
        set_network(&page, true);
        cut.recv_timeout(PATIENCE).unwrap();
        idle(&page);
        set_network(&page, false);
        counts(&page, 5, 0, 0);
    }
    land(&town, &page);
    page.until("!document.querySelector('[data-test=receipts-waiting]')");
    idle(&page);
    assert_eq!(street.applied(), [1; 5]);
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}

#[test]
fn a_round_goes_on_in_the_tab_that_was_opened_last() {
    let Some((town, street)) = street(3, &[]) else { return };
    let browser = town.browser("manager");
    let first = at_houses(&town, &browser);
    import(&town, &first, "house.csv", &file(&street, |_| "20.00".into()));
    pay(&first);
    load(&first);
    counts(&first, 1, 0, 2);
    let second = browser.open(&url(&first));
    second.on(PHONE);
    second.screen("walk");
    counts(&second, 1, 0, 2);
    first.read("go-on-here");
    assert_eq!(first.evaluate("!!document.querySelector('[data-test=load]')"), false);
    idle(&second);
    load(&second);
    counts(&second, 2, 0, 1);
    first.press("go-on-here");
    first.screen("walk");
    counts(&first, 2, 0, 1);
    second.read("go-on-here");
    idle(&first);
    load(&first);
    counts(&first, 3, 0, 0);
    assert_eq!(street.applied(), [1; 3]);
}
