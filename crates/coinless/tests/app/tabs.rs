//! Two tabs: one works at a time, the other says so and can take over, and whatever both do is paid once and loaded once.

use crate::family::standing;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};

fn quoted(page: &Page, url: &str) {
    page.on(PHONE);
    page.goto(&format!("{url}/m/{}", GAS.label));
    page.fill_selected("[name=amount]", "20");
    page.press("quote");
    page.screen("quote");
}

pub fn is_overtaken(page: &Page) {
    page.until("document.querySelector('[data-test=go-on-here]')");
}

#[test]
fn a_second_tab_takes_over_and_gives_back() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let (browser, url) = (town.browser("phone"), town.line.url());
    let first = browser.tab();
    first.beside();
    quoted(&first, &url);
    let second = browser.open(&url);
    second.beside();
    second.on(PHONE);
    second.screen("home");
    is_overtaken(&first);
    assert_eq!(first.evaluate("document.querySelectorAll('[data-test=pay]').length"), 0);
    // What the first one would still do changes nothing: nothing is ordered.
    assert_eq!(town.balance("provider:sandbox:clearing"), "0.00");

    first.press("go-on-here");
    is_overtaken(&second);
    quoted(&first, &url);
    first.press("pay");
    first.until(&standing(&GAS, "ready"));
    second.press("go-on-here");
    is_overtaken(&first);
    // The second one has what the first one bought, and loads it.
    second.says("waiting", "");
    second.press("load");
    second.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    let total = town.total(0);
    assert!(total > 0);
    first.press("go-on-here");
    first.until(&standing(&GAS, "loaded"));
    assert_eq!(town.total(0), total);
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}
