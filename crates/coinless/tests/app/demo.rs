//! The demo's page: played through the frame, and broken with every button; no sum changes.

mod ways;

use crate::access::Axe;
use crate::browser::{Browser, Tools};
use crate::page::{Device, Page};
use coinless_sim::desk::{Desk, Running};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// A screen on which a visitor sees it.
const SCREEN: Device = Device { width: 1440, height: 1150, is_phone: false };
/// What the receipt says was loaded: each step of the line as the phone shows it.
const LOADED: &str = "['paid', 'sold', 'here', 'loaded'].map(name =>
    document.querySelector(`[data-step=${name}]`).dataset.state).join(' ') === 'yes yes passed yes'";
/// What the page was told last.
const STATE: &str = "new Promise(done => {
    const events = new EventSource('/events');
    events.onmessage = event => { events.close(); done(JSON.parse(event.data)); };
})";

/// A demo that runs, and a visitor.
struct Visit {
    page: Page,
    browser: Browser,
    desk: Desk,
    demo: Running,
    tools: Tools,
    _folder: TempDir,
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Its station and meters must end with it.
        let _ = self.demo.stop();
    }
}

impl Visit {
    fn begin() -> Option<Self> {
        let tools = Tools::find()?;
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), folder.path());
        let mut command = desk.command(&["demo", "--port", "0", "--no-open"]);
        command.arg("--app").arg(&tools.app).arg("--data").arg(folder.path());
        let demo = desk.start(command).unwrap();
        let browser = Browser::start(&tools, &folder.path().join("visitor"), &[]);
        let page = browser.open(&demo.address());
        page.on(SCREEN);
        page.until("document.body.dataset.live === 'yes' && document.querySelector('#phone').src");
        Some(Self { page, browser, desk, demo, tools, _folder: folder })
    }

    /// The phone that is in the frame now.
    fn phone(&self) -> Page {
        let origin = self.page.evaluate("new URL(document.querySelector('#phone').src).origin");
        self.page.frame(origin.as_str().unwrap())
    }

    /// Buys for the gas meter and loads it, or tries to.
    fn buy(&self) -> Page {
        self.page.press_selected("[data-meter='0'] .scan");
        let phone = self.phone();
        phone.screen("meter");
        phone.press_selected(".chip:nth-child(3)");
        phone.press("quote");
        phone.screen("quote");
        phone.press("connect");
        phone.read("reached");
        phone.press("pay");
        phone.screen("order");
        phone
    }

    /// Waits until the page shows so much collected, and nothing under way.
    fn settled(&self, collected: &str) {
        let row = |words: &str, sum: &str| {
            format!(
                "[...document.querySelectorAll('#books tbody tr')].some(row => row.innerText.replace(/\\s+/g, ' ').trim() === '{words} {sum} EUR')"
            )
        };
        let settled = [row("Collected from payers", collected), row("Sold, not loaded yet", "0.00")];
        self.page.until(&settled.join(" && "));
    }

    fn ledger(&self) -> Value {
        let ledger = self.desk.show("ledger", None).unwrap().remove(0);
        assert_eq!(ledger["balanced"], true, "{ledger}");
        ledger
    }

    /// What each meter says of itself: sold, left, and the newest token.
    fn meters(&self) -> Vec<Value> {
        let state = self.page.evaluate(STATE);
        let sums = |meter: &Value| {
            let display = &meter["display"];
            assert!(display.is_object(), "{meter}");
            serde_json::json!([display["total_units"], display["balance_fine"], display["number"]])
        };
        state["meters"].as_array().unwrap().iter().map(sums).collect()
    }

    /// How often a button has been at work.
    fn deeds(&self) -> u64 {
        self.page.evaluate("Number(document.querySelector('#told').dataset.deeds)").as_u64().unwrap()
    }

    /// Presses a button and waits for what it tells; gives its words.
    fn break_it(&self, deed: &str) -> String {
        let before = self.deeds();
        self.page.press_selected(&format!("[data-deed='{deed}']"));
        self.told_after(before)
    }

    fn told_after(&self, before: u64) -> String {
        self.page.until(&format!("Number(document.querySelector('#told').dataset.deeds) > {before}"));
        self.page.evaluate("document.querySelector('#told').innerText").as_str().unwrap().to_owned()
    }
}

#[test]
fn a_stranger_loads_a_meter_and_breaks_everything_and_no_sum_changes() {
    let Some(visit) = Visit::begin() else { return };
    let phone = visit.buy();
    phone.until(LOADED);
    visit.settled("20.00");
    visit.page.press_selected("[data-meter='0'] .push");
    visit.page.until("document.querySelector(\"[data-meter='0']\").classList.contains('open')");
    visit.page.evaluate("scrollTo(0, 0)");
    visit.page.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo.png"));
    let (ledger, meters) = (visit.ledger(), visit.meters());
    assert_ne!(meters[0][0], 0);

    let expected = [
        ("send-again", "the same as before; nothing happened"),
        ("try-another", "this token is for another meter"),
        ("cut-power", "It knows what it knew"),
        ("lose-link", "cut off"),
        ("pay-twice", "202"),
        ("lose-phone", "gave it everything again"),
    ];
    for (deed, words) in expected {
        let told = visit.break_it(deed);
        assert!(told.contains(words) && told.contains("No sum has changed."), "{deed}: {told}");
        assert_eq!((visit.ledger(), visit.meters()), (ledger.clone(), meters.clone()), "{deed}");
    }

    // The new phone knows the purchase by its link.
    let phone = visit.phone();
    phone.screen("order");
    phone.until("document.querySelector('[data-step=loaded]').dataset.state === 'yes'");
    assert_eq!(visit.page.evaluate("document.querySelector('#phone-number').innerText"), "Phone 2");
    let complaints = Axe::new(&visit.tools).complaints(&visit.page);
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(!visit.page.is_too_wide());
    visit.page.evaluate("document.querySelector('.deeds').scrollIntoView({ block: 'end' })");
    visit.page.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-broken.png"));
}

#[test]
fn the_power_fails_in_the_middle_of_loading_and_the_meter_is_loaded_once() {
    let Some(visit) = Visit::begin() else { return };
    visit.page.press_selected("#later");
    let told = visit.break_it("cut-power");
    assert!(told.contains("Ready."), "{told}");
    let before = visit.deeds();
    let phone = visit.buy();
    let told = visit.told_after(before);
    assert!(told.contains("does not know whether it is loaded"), "{told}");
    let loaded = visit.meters()[0].clone();
    assert_ne!(loaded[0], 0, "the meter took the token before its power failed");
    let before = visit.deeds();
    phone.press("load");
    let told = visit.told_after(before);
    assert!(told.contains("Once is once.") && told.contains("No sum has changed."), "{told}");
    phone.until(LOADED);
    visit.settled("20.00");
    assert_eq!(visit.meters()[0], loaded);
}
