//! The app's shell: it comes from the station alone, stays on the phone, and opens without a network.

use crate::page::PHONE;
use crate::town::{GAS, Town};

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
    assert_eq!(page.evaluate("navigator.onLine"), false);
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
