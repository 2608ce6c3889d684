//! The first way: one meter, now, through the phone.

use crate::browser::Browser;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};

/// What the meter's receipt says was loaded: each step of the line as the screen shows it.
const LOADED: &str = "['paid', 'sold', 'here', 'loaded'].map(name =>
    document.querySelector(`[data-step=${name}]`).dataset.state).join(' ') === 'yes yes passed yes'";

/// A phone that has come in by the label's address and sees what 20 buys.
fn quoted(town: &Town, browser: &Browser) -> Page {
    let page = browser.open(&format!("{}/m/{}", town.line.url(), GAS.label));
    page.on(PHONE);
    page.screen("meter");
    page.press_selected(".chip:nth-child(3)");
    page.press("quote");
    page.screen("quote");
    page.says("total", "20.00");
    page
}

#[test]
fn scanned_paid_and_loaded_in_one_go() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = quoted(&town, &browser);
    page.press("connect");
    page.read("reached");
    assert_eq!(town.balance("provider:sandbox:clearing"), "0.00");
    assert_eq!(town.display(0)["total_units"], 0);
    page.press("pay");
    page.screen("order");
    page.until(LOADED);
    page.read("loaded-receipt");
    page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    let shown = town.display(0);
    assert!(shown["total_units"].as_u64().unwrap() > 0, "{shown}");
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
}

#[test]
fn paid_first_and_loaded_at_the_meter_later_without_a_network() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = quoted(&town, &browser);
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    assert_eq!(page.evaluate("document.querySelector('[data-step=loaded]').dataset.state"), "no");
    assert_eq!(town.display(0)["total_units"], 0, "paid is not loaded");

    town.line.cut();
    page.press("load");
    page.until("document.querySelector('[data-step=loaded]').dataset.state === 'yes'");
    assert!(town.display(0)["total_units"].as_u64().unwrap() > 0);
    town.line.mend();
    page.press("sync");
    page.until("document.querySelector('main').getAttribute('aria-busy') === 'false'");
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}
