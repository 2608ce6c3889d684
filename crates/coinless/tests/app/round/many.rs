//! A house of 200 meters is walked without a network and without a reload of the page.

use super::{at_houses, counts, file, fly, idle, import, pay, street};

const METERS: usize = 200;
/// So many meters are loaded while the test waits once.
const PIECE: usize = 20;
/// What a page may have grown by after so many meters: no meter leaves more than 100 kB behind.
const MOST_GROWTH_BYTES: u64 = METERS as u64 * 100_000;

/// Presses the button whenever it can be pressed, until so many are done; resolves to what is done then.
const WALK: &str = "new Promise(done => {
    const look = () => {
        const counts = document.querySelector('[data-test=counts]');
        if (Number(counts.dataset.done) >= UNTIL && document.querySelector('main').getAttribute('aria-busy') === 'false') {
            observer.disconnect();
            done(Number(counts.dataset.done));
        } else {
            const load = document.querySelector('[data-test=load]');
            if (load && !load.disabled && Number(counts.dataset.done) < UNTIL) load.click();
        }
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    look();
})";

#[test]
fn two_hundred_meters_are_loaded_without_a_network_and_without_a_reload() {
    let Some((town, street)) = street(METERS, &[]) else { return };
    let browser = town.browser("manager");
    let page = at_houses(&town, &browser);
    import(&town, &page, "house.csv", &file(&street, |_| "20.00".into()));
    page.says("preview-count", "200 meters");
    pay(&page);
    counts(&page, 0, 0, METERS);
    idle(&page);
    fly(&town, &page);
    let began = page.evaluate("performance.timeOrigin");
    let used = || page.call("Runtime.getHeapUsage", serde_json::json!({}))["usedSize"].as_f64().unwrap() as u64;
    let (mut at_first, mut at_last) = (0, 0);
    for done in (PIECE..=METERS).step_by(PIECE) {
        assert_eq!(page.evaluate(&WALK.replace("UNTIL", &done.to_string())), done);
        page.call("HeapProfiler.collectGarbage", serde_json::json!({}));
        at_last = used();
        if done == PIECE {
            at_first = at_last;
        }
    }
    assert_eq!(page.evaluate("performance.timeOrigin"), began, "the page was loaded again");
    assert!(at_last < at_first + MOST_GROWTH_BYTES, "{at_first} bytes at first, {at_last} at last");
    assert_eq!(street.applied(), [1; METERS]);
    page.says("receipts-waiting", "200 receipts");
    page.read("walk-over");
}
