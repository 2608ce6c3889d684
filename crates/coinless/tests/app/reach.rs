//! Ways from a phone to a meter that are there or are not.

use crate::page::named;
use crate::readings::answered;
use crate::town::{GAS, Town};
use serde_json::json;

#[test]
fn a_phone_without_a_way_to_the_meter_says_so_before_paying_and_hands_the_token_over() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let (iphone, android) = (town.browser("iphone"), town.browser("android"));
    let page = iphone.open(&town.line.url());
    let mut station = page.evaluate("fetch('/v1/app').then(answer => answer.json())");
    station["websocket_meters"] = json!({});
    answered(&page, "/v1/app", &station);
    let no_links =
        "for (const way of ['bluetooth', 'serial']) delete Navigator.prototype[way]; delete window.NDEFReader;";
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": no_links }));
    town.at_gas(&page);
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=nfc]').length"), 0);
    page.press_selected(".chip:nth-child(3)");
    page.press("quote");
    page.screen("quote");
    page.says("cannot-reach", "another phone scans it");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=connect]').length"), 0);
    assert_eq!(town.balance("provider:sandbox:clearing"), "0.00");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    page.rests();
    page.press_selected(&format!("{} summary", named("hand-over")));
    let code = page.evaluate("document.querySelector('[data-test=hand-over] .qr').dataset.text");
    let other = android.open(&town.line.url());
    // A phone that has heard of its station knows the ways to simulated meters.
    other.start(code.as_str().unwrap());
    other.screen("carry");
    other.press("load");
    other.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    assert!(town.display(0)["total_units"].as_u64().unwrap() > 0);
}

#[test]
fn a_tag_is_tapped_at_the_begin_where_the_browser_has_nfc() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.screen("home");
    let without =
        page.evaluate("typeof NDEFReader === 'undefined' && document.querySelectorAll('[data-test=nfc]').length === 0");
    assert_eq!(without, true);
    let reader = format!(
        "window.NDEFReader = class extends EventTarget {{
            async scan() {{
                const data = new DataView(new TextEncoder().encode('{}/m/{}').buffer);
                const event = new Event('reading');
                event.message = {{ records: [{{ recordType: 'url', data }}] }};
                setTimeout(() => this.dispatchEvent(event));
            }}
        }};",
        town.line.url(),
        GAS.label
    );
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": reader }));
    page.reload();
    page.screen("home");
    page.press("nfc");
    page.screen("meter");
    page.says("who", "Sample Energy");
}
