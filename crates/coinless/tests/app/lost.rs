//! What goes from one phone to another: a purchase from its link after the phone was lost, and a token that another phone carries.

use crate::family::standing;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};

/// A phone on which gas is paid and not loaded.
fn paid(town: &Town, browser: &crate::browser::Browser) -> Page {
    let page = browser.open(&format!("{}/m/{}", town.line.url(), GAS.label));
    page.on(PHONE);
    page.fill_selected("[name=amount]", "20");
    page.press("quote");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    page.until(&standing(&GAS, "ready"));
    page
}

/// What the code in the part `test` of the page holds.
fn code(page: &Page, test: &str) -> String {
    page.press_selected(&format!("[data-test={test}] summary"));
    let text = page.until(&format!("document.querySelector('[data-test={test}][open] .qr')?.dataset.text"));
    text.as_str().unwrap().to_owned()
}

#[test]
fn a_lost_phone_is_made_good_by_the_link_of_the_purchase() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = paid(&town, &browser);
    let link = code(&page, "share");
    assert!(page.text().contains(&link), "it can be written down too");
    browser.kill();

    let browser = town.browser("other phone");
    let page = browser.open(&link);
    page.on(PHONE);
    page.screen("order");
    page.until(&standing(&GAS, "ready"));
    assert_eq!(town.total(0), 0);
    page.press("load");
    page.until(&standing(&GAS, "loaded"));
    assert!(town.total(0) > 0);
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
    assert_eq!(town.balance("sold_undelivered"), "0.00");

    // The lost one turns up: it has nothing that could be loaded twice.
    let total = town.total(0);
    let browser = town.browser("phone");
    let page = browser.open(&link);
    page.until(&standing(&GAS, "loaded"));
    assert_eq!(town.total(0), total);
}

#[test]
fn another_phone_carries_a_token_without_a_network() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = paid(&town, &browser);
    let token = code(&page, "hand-over");

    // It has been here before, as a phone that is to work without a network.
    let other = town.browser("other phone");
    let carrier = other.open(&town.line.url());
    carrier.on(PHONE);
    carrier.until("navigator.serviceWorker.ready.then(() => true)");
    town.line.cut();
    carrier.goto(&token);
    carrier.screen("carry");
    carrier.says("carried", GAS.label);
    carrier.press("load");
    carrier.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    let total = town.total(0);
    assert!(total > 0);
    // A page that is loaded again shows the same, and what is loaded waits no more.
    carrier.reload();
    carrier.says("carried", GAS.label);
    carrier.press("nav-home");
    carrier.screen("home");
    assert_eq!(carrier.evaluate("document.querySelectorAll('[data-test=waiting]').length"), 0);

    // The phone that bought it loads again, which does nothing, and hears of it; whichever brings the receipt first.
    page.press("load");
    page.until(&standing(&GAS, "loaded-untold"));
    town.line.mend();
    page.press("sync");
    page.until(&standing(&GAS, "loaded"));
    assert_eq!(town.total(0), total);
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}
