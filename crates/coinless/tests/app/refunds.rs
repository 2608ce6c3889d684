//! Money comes back once the meter has promised never to take what was bought, and not before.

use crate::cdp::PATIENCE;
use crate::page::{Page, named};
use crate::town::{GAS, Town};
use std::time::Instant;

/// Waits until the station has taken the sale back and paid the money back, after the meter's receipt went there by itself.
pub fn money_comes_back(page: &Page) {
    page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'void'");
    let until = Instant::now() + PATIENCE;
    while page.evaluate("document.querySelector('[data-test=line]').dataset.standing") != "refunded" {
        assert!(Instant::now() < until, "the money is not back: {}", page.text());
        page.rests();
        page.press("sync");
    }
    page.until("document.querySelector('[data-test=refund-state]')?.dataset.refund === 'done'");
}

#[test]
fn money_comes_back_after_the_void_token_was_carried_to_the_meter() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.buy_gas(&page);
    page.press_selected(&format!("{} summary", named("refund")));
    page.press("refund-now");
    page.until("document.querySelector('[data-test=refund-state]')?.dataset.refund === 'carry'");
    page.rests();
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00", "no receipt, no refund");
    // It is not told as a purchase that was not made, and there is nothing to load.
    assert_eq!(page.evaluate("document.querySelector('[data-test=verdict]').dataset.verdict"), "verdict-refunding");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=load]').length"), 0);
    page.press("refund-carry");
    page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'void'");
    page.says("delivery", "can never be loaded");
    assert_eq!(town.display(0)["total_units"], 0);
    money_comes_back(&page);
    assert_eq!(page.evaluate("document.querySelector('[data-test=verdict]').dataset.verdict"), "verdict-refunded");
    assert_eq!(town.balance("provider:sandbox:clearing"), "0.00");
}

#[test]
fn what_is_loaded_is_not_refunded() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let (first, second) = (town.browser("first"), town.browser("second"));
    let page = first.open(&town.line.url());
    town.buy_gas(&page);
    let link = page.evaluate("location.href");
    // From now on the first one hears nothing of the purchase, until it asks for the money.
    page.evaluate(
        "(() => {
            const plain = window.fetch;
            let hasAsked = false;
            window.fetch = (path, init) =>
                String(path).startsWith('/v1/orders/') && !hasAsked ? new Promise(() => {}) : plain(path, init);
            document.addEventListener('click', ({ target }) => {
                hasAsked ||= Boolean(target.closest('[data-test=refund-now]'));
            }, true);
            return true;
        })()",
    );
    town.line.cut();
    town.line.mend();
    // Another phone has the purchase by its link, and loads it; the first one does not know.
    let other = second.open(link.as_str().unwrap());
    other.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    other.rests();
    other.press("load");
    other.until("document.querySelector('[data-test=line]').dataset.standing === 'loaded'");
    page.press_selected(&format!("{} summary", named("refund")));
    page.press("refund-now");
    page.says("notice", "loaded already");
    page.press("next-ask");
    page.until("document.querySelector('[data-test=line]').dataset.standing === 'loaded'");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=refund]').length"), 0);
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
}
