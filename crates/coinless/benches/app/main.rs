//! The time that the phone app itself adds to a delivery, in a real browser, as a share of the time on the link in the same run.
//!
//! `cargo xtask bench app [--json]` builds the app and runs this.

#![allow(dead_code, reason = "hands of the tests that are not needed here")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on must fail")]

#[path = "../../tests/app/browser.rs"]
mod browser;
#[path = "../../tests/app/cdp.rs"]
mod cdp;
#[path = "../../tests/app/page/mod.rs"]
mod page;
#[path = "../../tests/app/sales.rs"]
mod sales;
#[path = "../../tests/app/town.rs"]
mod town;
#[path = "../../tests/app/way.rs"]
mod way;

use page::{PHONE, Page};
use serde_json::json;
use town::{GAS, Town};

/// Deliveries of which each figure is the median.
const DELIVERIES: usize = 9;
/// How long an exchange with the meter takes at least, in milliseconds, and what such a link is.
const LINKS: [(u32, &str); 2] = [(0, "a WebSocket on one computer"), (60, "an exchange in 60 ms, as over Bluetooth")];

/// Measures the next delivery: `spent.link` is the time in which a connection is being made or the meter has been asked and has not
/// answered, `spent.all` the time from the press to the screen that says *loaded*, both in milliseconds. Messages are told apart by
/// their codes (RFC 8323 §4.2).
const MEASURE: &str = "(() => {
    const Plain = window.PlainSocket ??= WebSocket;
    const spent = window.spent = { link: 0, all: 0 };
    let pressed = 0, asked = 0;
    delete document.body.dataset.measured;
    window.WebSocket = class extends Plain {
        constructor(...words) {
            super(...words);
            const began = performance.now();
            this.addEventListener('open', () => { spent.link += performance.now() - began; });
            this.addEventListener('message', ({ data }) => {
                if (new Uint8Array(data)[1] >= 64 && new Uint8Array(data)[1] < 192 && !spent.all) spent.link += performance.now() - asked;
            });
        }
        send(data) {
            if (data[1] >= 32) return super.send(data);
            asked = performance.now();
            if (PACE) { const copy = data.slice(); setTimeout(() => super.send(copy), PACE); } else super.send(data);
        }
    };
    addEventListener('click', event => { pressed = event.timeStamp; }, { capture: true, once: true });
    const look = () => {
        if (spent.all || document.querySelector('[data-step=loaded]')?.dataset.state !== 'yes') return;
        spent.all = performance.now() - pressed;
        observer.disconnect();
        document.body.dataset.measured = 'yes';
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
})(); 0";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.tab();
    page.on(PHONE);
    page.start(&town.line.url());
    // `cargo test --benches` calls this too, with --test: then once through is enough to see that it runs.
    let deliveries = if has("--test") { 1 } else { DELIVERIES };
    let mut figures = Vec::new();
    for (pace_ms, link) in LINKS {
        let mut shares: Vec<f64> = (0..deliveries).map(|_| delivery(&page, pace_ms)).collect();
        shares.sort_by(f64::total_cmp);
        let (least, share, most) = (shares[0], shares[deliveries / 2], shares[deliveries - 1]);
        let what = format!("the app's own time of a delivery, {link}");
        let line = format!("{what:<78} {share:>6.2} of the time on the link ({least:.2} to {most:.2})");
        if has("--json") {
            eprintln!("{line}")
        } else {
            println!("{line}")
        }
        figures
            .push(json!({ "what": what, "ratio": share, "of": "the time on the link", "least": least, "most": most }));
    }
    if has("--json") {
        println!("{}", json!(figures));
    }
}

/// Buys, then loads; gives the app's own time of loading as a share of the time on the link.
fn delivery(page: &Page, pace_ms: u32) -> f64 {
    page.find_meter(GAS.label);
    page.press_selected(".chip:nth-child(1)");
    page.press("quote");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    page.rests();
    page.evaluate(&MEASURE.replace("PACE", &pace_ms.to_string()));
    page.press("load");
    page.until("document.body.dataset.measured");
    let spent = page.evaluate("window.spent");
    let (link, all) = (spent["link"].as_f64().unwrap(), spent["all"].as_f64().unwrap());
    assert!(link > 0.0 && all > link, "{spent}");
    page.rests();
    all / link - 1.0
}
