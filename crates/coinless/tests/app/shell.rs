//! The app's shell: it comes from the station alone, stays on the phone, and opens without a network.

use crate::access::Axe;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};
use serde_json::json;

/// Resolves when the service worker has kept the app and answers for this page.
pub const KEPT: &str = "navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller
    || new Promise(done => navigator.serviceWorker.addEventListener('controllerchange', done))).then(() => true)";

#[test]
fn after_the_first_visit_the_app_opens_without_a_network() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.on(PHONE);
    page.until("document.querySelectorAll('main[data-screen]').length");
    assert_eq!(page.evaluate(KEPT), true);
    let before = page.text();
    assert!(!before.trim().is_empty());

    // The line is dead and the phone knows it; then the whole app is started anew.
    town.line.cut();
    browser.set_offline(true);
    page.reload();
    page.until("document.querySelectorAll('main[data-screen]').length");
    // A computer with a network may think of that again for a new page.
    browser.set_offline(true);
    page.until("!navigator.onLine");
    browser.kill();
    let browser = town.browser("phone");
    let page = browser.open(&format!("{}/m/{}", town.line.url(), GAS.label));
    page.until("document.querySelectorAll('main[data-screen]').length");
    // Screens whose part of the program the first visit did not need are here too: the meter's, the manager's house, the settings.
    page.until("document.querySelector('main[data-screen=meter] [data-test=unknown-meter]')");
    page.press("nav-house");
    page.until("document.querySelector('main[data-screen=house] [data-test=import]')");
    page.press("settings");
    page.until("document.querySelector('main[data-screen=settings] [data-test=language]')");
    page.press("nav-home");
    page.until("document.querySelector('main[data-screen=home] [data-test=find]')");
    assert!(town.line.is_down());
}

#[test]
fn a_link_that_lost_its_end_says_so_at_the_first_visit() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&format!("{}/m/", town.line.url()));
    page.on(PHONE);
    page.screen("nowhere");
    assert!(page.text().contains("This address leads nowhere"), "{}", page.text());
    page.press("home");
    page.screen("home");
}

#[test]
fn the_chosen_language_is_there_without_a_network() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.on(PHONE);
    assert_eq!(page.evaluate(KEPT), true);
    // Nothing in Arabic has been shown before the line is dead.
    town.line.cut();
    browser.set_offline(true);
    page.press("settings");
    page.choose("language", "ar");
    let arabic = |of: &Page, screen: &str| {
        of.until(&format!(
            "document.documentElement.lang === 'ar' && getComputedStyle(document.body).direction === 'rtl'
            && /\\p{{Script=Arabic}}/u.test(document.querySelector('main[data-screen={screen}] h1').innerText)"
        ))
    };
    arabic(&page, "settings");
    page.close();
    let page = browser.tab();
    page.on(PHONE);
    browser.set_offline(true);
    for (path, screen) in [("", "home"), ("/s/house", "house"), ("/s/settings", "settings")] {
        page.goto(&format!("{}{path}", town.line.url()));
        arabic(&page, screen);
    }
    assert_eq!(page.evaluate("document.querySelector('[data-test=language]').value"), "ar");
    assert!(!page.is_too_wide());
    assert!(town.line.is_down());
}

/// As if the station did not give the part of the program that has most screens, or gave it again.
pub fn lose_part(page: &Page, is_lost: bool) {
    // What is kept already is not looked at.
    page.call("Network.setBypassServiceWorker", json!({ "bypass": is_lost }));
    let lost = if is_lost { json!(["*/app/split_more.*"]) } else { json!([]) };
    page.call("Network.setBlockedURLs", json!({ "urls": lost }));
}

#[test]
fn a_screen_that_cannot_be_loaded_says_so_and_can_be_tried_again() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.tab();
    page.on(PHONE);
    lose_part(&page, true);
    page.goto(&town.line.url());
    page.press("nav-house");
    let missing = "document.querySelector('main[data-screen=house] [data-test=part-missing]')";
    page.until(missing);
    assert_eq!(
        page.read("part-missing"),
        "This part of Coinless could not be loaded. Nothing is lost. Try again when there is a network."
    );
    assert_eq!(Axe::new(&town.tools).complaints(&page), Vec::<String>::new());
    // Tried again in vain.
    page.until("document.querySelector('[data-test=part-missing]').tried = true");
    page.press("part-again");
    page.until(&format!("{missing} && !{missing}.tried"));
    lose_part(&page, false);
    page.press("part-again");
    page.until("document.querySelector('main[data-screen=house] [data-test=import]')");
}

#[test]
fn a_page_asks_nobody_but_its_station() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.until("document.querySelectorAll('main[data-screen]').length");
    assert_eq!(page.evaluate(KEPT), true);
    let asked = browser.wire.events(|event| {
        let url = event.params["request"]["url"].as_str().filter(|_| event.method == "Network.requestWillBeSent")?;
        Some(url.to_owned())
    });
    assert!(asked.len() > 3, "{asked:?}");
    let strangers: Vec<_> =
        asked.iter().filter(|url| !url.starts_with(&town.line.url()) && !url.starts_with("data:")).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    // The policy forbids it, whoever would try.
    let refused = page.evaluate("fetch('http://127.0.0.1:1/').then(() => 'sent', error => error.message)");
    assert!(refused.as_str().unwrap().contains("violates") || refused == "Failed to fetch", "{refused}");
    let forbidden = browser.wire.event(0, |event| {
        let text = event.params["entry"]["text"].as_str().unwrap_or_default();
        (event.method == "Log.entryAdded" && text.contains("Content Security Policy")).then_some(())
    });
    assert!(forbidden.is_some(), "the console says that the policy forbade it");
}

#[test]
fn a_page_whose_program_does_not_come_says_so_in_words() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open("about:blank");
    page.on(PHONE);
    let words = "load this page again";
    page.call("Network.setBypassServiceWorker", json!({ "bypass": true }));
    page.call("Network.setBlockedURLs", json!({ "urls": ["*/app/coinless-app_bg.*"] }));
    page.goto(&town.line.url());
    page.until(&format!("document.body.innerText.includes('{words}')"));
    // Without the script nothing can notice: the words come by themselves after a while, which is not waited for here.
    page.call("Network.setBlockedURLs", json!({ "urls": ["*/app/coinless-app.*"] }));
    page.goto(&town.line.url());
    page.until("document.readyState === 'complete' && document.querySelector('.opening [role=progressbar]')");
    page.until("!document.body.className && document.getAnimations().some(one => one.effect.getTiming().delay > 5000)");
    page.evaluate(
        "document.getAnimations().filter(one => !one.effect.target.matches('.spinner')).forEach(one => one.finish())",
    );
    page.until(&format!("document.body.innerText.includes('{words}')"));
    page.call("Network.setBlockedURLs", json!({ "urls": [] }));
    page.goto(&town.line.url());
    page.screen("home");
    page.until("!document.querySelector('.opening')");
}
