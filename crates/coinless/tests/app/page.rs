//! A tab: what is on it, and a person's hands and eyes.

use crate::cdp::{PATIENCE, Refused, Wire};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Calls `look` now and whenever something on the page changes, until it gives something true; resolves to that.
const UNTIL: &str = "new Promise(done => {
    const look = () => { const found = (() => { try { return (LOOK); } catch (error) { return null; } })(); if (found) end(found); return found; };
    const observer = new MutationObserver(look);
    const events = ['input', 'change', 'load', 'popstate', 'DOMContentLoaded', 'transitionend'];
    const end = found => { observer.disconnect(); events.forEach(name => removeEventListener(name, look, true)); done(found); };
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    events.forEach(name => addEventListener(name, look, true));
    look();
})";

/// Whether a page's script was thrown away under a call by a page that took its place.
fn is_navigation(error: &Refused) -> bool {
    ["context was destroyed", "Cannot find context", "navigated or closed", "uniqueContextId not found"]
        .iter()
        .any(|words| error.0.contains(words))
}

/// How a page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    pub width: u32,
    pub height: u32,
    pub is_phone: bool,
}

/// The narrowest screen that the app is made for.
pub const NARROW: Device = Device { width: 320, height: 568, is_phone: true };
/// A phone of today.
pub const PHONE: Device = Device { width: 390, height: 844, is_phone: true };
/// A computer.
pub const DESKTOP: Device = Device { width: 1280, height: 800, is_phone: false };

/// A tab of a browser.
#[derive(Clone)]
pub struct Page {
    wire: Wire,
    session: String,
    target: String,
}

impl Page {
    pub fn new(wire: Wire, session: String, target: &str) -> Self {
        let page = Self { wire, session, target: target.to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// Calls the browser about this page.
    pub fn try_call(&self, method: &str, params: Value) -> Result<Value, Refused> {
        self.wire.call(Some(&self.session), method, params)
    }

    /// The same, which must not be refused.
    pub fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|Refused(why)| panic!("{why}"))
    }

    /// Goes to `url` and waits until its document is there.
    pub fn goto(&self, url: &str) {
        let from = self.wire.now();
        let gone = self.call("Page.navigate", json!({ "url": url }));
        assert!(gone.get("errorText").is_none(), "{url}: {}", gone["errorText"]);
        self.loaded(from);
    }

    /// Loads the page again.
    pub fn reload(&self) {
        let from = self.wire.now();
        self.call("Page.reload", json!({}));
        self.loaded(from);
    }

    fn loaded(&self, from: usize) {
        let session = Some(self.session.as_str());
        let is = self.wire.event(from, |event| {
            (event.session.as_deref() == session && event.method == "Page.domContentEventFired").then_some(())
        });
        assert!(is.is_some(), "no document after {PATIENCE:?}");
    }

    /// Evaluates JavaScript; gives what it, or the promise that it gives, comes to.
    pub fn try_evaluate(&self, script: &str) -> Result<Value, Refused> {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let answer = self.try_call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            None => Ok(answer["result"]["value"].clone()),
            Some(details) => {
                Err(Refused(format!("{} {}: {script}", details["text"], details["exception"]["description"])))
            }
        }
    }

    /// The same, which must not throw.
    pub fn evaluate(&self, script: &str) -> Value {
        self.try_evaluate(script).unwrap_or_else(|Refused(why)| panic!("{why}"))
    }

    /// Waits until the JavaScript expression `look` is true of the page; gives what it came to.
    pub fn until(&self, look: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        let script = UNTIL.replace("LOOK", look);
        loop {
            match self.try_evaluate(&script) {
                Ok(found) => return found,
                Err(error) if is_navigation(&error) && Instant::now() < until => {}
                Err(Refused(why)) => panic!("{why}\nthe page shows: {}", self.text()),
            }
        }
    }

    /// What the page shows, as text.
    pub fn text(&self) -> String {
        let text = self.try_evaluate("document.body ? document.body.innerText : ''");
        text.map_or_else(|Refused(why)| why, |text| text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the screen `name` to be shown.
    pub fn screen(&self, name: &str) {
        let selector = format!("main[data-screen=\"{name}\"]");
        self.until(&format!("document.querySelectorAll({}).length", quoted(&selector)));
    }

    /// Waits until what has the test name `test` says `words`.
    pub fn says(&self, test: &str, words: &str) {
        let found = format!("document.querySelector({}).innerText.includes({})", quoted(&named(test)), quoted(words));
        self.until(&found);
    }

    /// Waits for what has the test name `test`; gives its text.
    pub fn read(&self, test: &str) -> String {
        let found = self.until(&format!("document.querySelector({}).innerText", quoted(&named(test))));
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Presses what has the test name `test`, as a finger does: it must be enabled and nothing may lie over it.
    pub fn press(&self, test: &str) {
        self.press_selected(&named(test));
    }

    /// The same for the first that the CSS `selector` finds.
    pub fn press_selected(&self, selector: &str) {
        let place = self.until(&format!(
            "(() => {{
                const found = document.querySelector({});
                if (!found || found.disabled) return null;
                found.scrollIntoView({{ block: 'center', inline: 'center', behavior: 'instant' }});
                const box = found.getBoundingClientRect();
                if (!box.width || !box.height) return null;
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const top = document.elementFromPoint(x, y);
                return top && (found.contains(top) || top.contains(found)) ? {{ x, y }} : null;
            }})()",
            quoted(selector)
        ));
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let at = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": button, "buttons": buttons, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Types `text` in the place of what is in the field with the test name `test`.
    pub fn fill(&self, test: &str, text: &str) {
        let field = quoted(&named(test));
        self.until(&format!(
            "(() => {{ const field = document.querySelector({field}); if (!field || field.disabled) return null; field.focus(); field.select(); return true; }})()"
        ));
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Chooses `value` of the choice with the test name `test`.
    pub fn choose(&self, test: &str, value: &str) {
        let (field, value) = (quoted(&named(test)), quoted(value));
        let there = format!("[...document.querySelector({field}).options].some(option => option.value === {value})");
        self.until(&there);
        self.evaluate(&format!(
            "(() => {{
                const field = document.querySelector({field});
                field.value = {value};
                field.dispatchEvent(new Event('change', {{ bubbles: true }}));
            }})()"
        ));
    }

    /// Gives the file input with the test name `test` a file.
    pub fn give_file(&self, test: &str, path: &Path) {
        let selector = named(test);
        self.until(&format!("document.querySelectorAll({}).length", quoted(&selector)));
        let document = self.call("DOM.getDocument", json!({ "depth": 0 }));
        let root = &document["root"]["nodeId"];
        let node = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector }))["nodeId"].clone();
        self.call("DOM.setFileInputFiles", json!({ "nodeId": node, "files": [path] }));
    }

    /// Shows the page on another device.
    pub fn on(&self, device: Device) {
        let Device { width, height, is_phone } = device;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Wants the dark colours, or the light ones; and nothing that moves.
    pub fn dark(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Has letters of this size where a page does not say another; 16 is usual.
    pub fn letters(&self, px: u32) {
        self.call("Page.setFontSizes", json!({ "fontSizes": { "standard": px, "fixed": px } }));
    }

    /// Prefers the language `tag`, from the next load on.
    pub fn language(&self, tag: &str) {
        let agent = self.evaluate("navigator.userAgent");
        self.call("Emulation.setUserAgentOverride", json!({ "userAgent": agent, "acceptLanguage": tag }));
    }

    /// Whether the page is wider than the screen: then a person must push it to and fro to read it.
    pub fn is_too_wide(&self) -> bool {
        self.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth") == true
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&self, path: &Path) {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": false }));
        fs::write(path, from_base64(shot["data"].as_str().unwrap())).unwrap();
    }

    /// Kills what runs the page, as a phone that lacks memory does. The tab stays, and shows that it is gone.
    pub fn crash(&self) {
        let from = self.wire.now();
        // The page does not live to answer: the event is the answer.
        let message = self.wire.clone();
        let session = self.session.clone();
        std::thread::spawn(move || message.call(Some(&session), "Page.crash", json!({})));
        let session = Some(self.session.as_str());
        let crashed = self.wire.event(from, |event| {
            (event.session.as_deref() == session && event.method == "Inspector.targetCrashed").then_some(())
        });
        assert!(crashed.is_some(), "the tab lives");
    }

    /// Closes the tab at once.
    pub fn close(self) {
        let from = self.wire.now();
        self.wire
            .call(None, "Target.closeTarget", json!({ "targetId": self.target }))
            .unwrap_or_else(|error| panic!("{error:?}"));
        let gone = self.wire.event(from, |event| {
            (event.method == "Target.detachedFromTarget" && event.params["sessionId"] == self.session).then_some(())
        });
        assert!(gone.is_some(), "the tab is still there");
    }
}

/// The CSS selector of what has the test name `test`.
pub fn named(test: &str) -> String {
    format!("[data-test=\"{test}\"]")
}

/// A text as a JavaScript literal.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Bytes from Base64 (RFC 4648 §4).
pub fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte)));
        let bits = bits << (6 * (4 - group.len()));
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    out
}
