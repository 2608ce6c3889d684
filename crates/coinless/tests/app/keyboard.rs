//! The first way with a keyboard alone, and what is heard of it.

use crate::page::Page;
use crate::town::{GAS, Town};

/// Notes all that is said where a screen reader listens.
const LISTEN: &str = "(() => {
    const live = document.querySelector('[aria-live]');
    window.heard = [];
    new MutationObserver(() => window.heard.push(live.innerText)).observe(live, { childList: true, subtree: true, characterData: true });
})()";

/// The focus is at the start of the screen `name`.
fn at_the_start_of(page: &Page, name: &str) {
    page.screen(name);
    page.until("document.activeElement.id === 'main'");
}

#[test]
fn one_meter_is_loaded_without_a_finger_and_one_hears_how_it_goes() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.screen("home");
    page.evaluate(LISTEN);
    page.tab_to("input[name=label]");
    page.call("Input.insertText", serde_json::json!({ "text": GAS.label }));
    page.key("Enter");
    at_the_start_of(&page, "meter");
    page.read("masked");
    page.tab_to(".chip:nth-child(3)");
    page.key("Space");
    page.tab_to("[data-test=quote]");
    page.key("Enter");
    at_the_start_of(&page, "quote");
    page.tab_to("[data-test=connect]");
    page.key("Enter");
    page.read("reached");
    page.tab_to("[data-test=pay]");
    page.key("Enter");
    page.screen("order");
    page.until("document.querySelector('[data-step=loaded]')?.dataset.state === 'yes'");
    for words in ["Looking for the meter", "Buying", "Loaded. The meter has taken the credit."] {
        page.until(&format!("window.heard.some(heard => heard.includes('{words}'))"));
    }
    assert!(town.display(0)["total_units"].as_u64().unwrap() > 0);
}
