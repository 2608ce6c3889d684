//! A tab: what is on it, and a person's hands and eyes.

use crate::cdp::{Event, PATIENCE, Refused, Wire};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Calls `look` now and whenever something on the page changes, until it gives something true; resolves to that.
const UNTIL: &str = "new Promise(done => {
    const look = () => { const found = (() => { try { return (LOOK); } catch (error) { return null; } })(); if (found) end(found); return found; };
    const observer = new MutationObserver(look);
    const events = ['input', 'change', 'focusin', 'load', 'popstate', 'DOMContentLoaded', 'transitionend'];
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
    /// The origin of the frame in it that is looked at instead.
    frame: Option<String>,
}

impl Page {
    pub fn new(wire: Wire, session: String, target: &str) -> Self {
        let page = Self { wire, session, target: target.to_owned(), frame: None };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// The frame in this page whose document comes from `origin`: to be looked at and pressed.
    pub fn frame(&self, origin: &str) -> Self {
        Self { frame: Some(origin.to_owned()), ..self.clone() }
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
        self.try_goto(url).unwrap_or_else(|Refused(why)| panic!("{why}"));
    }

    /// The same, of a page that may die.
    pub fn try_goto(&self, url: &str) -> Result<(), Refused> {
        let from = self.wire.now();
        let gone = self.try_call("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = gone.get("errorText") {
            return Err(Refused(format!("{url}: {error}")));
        }
        self.loaded(from);
        Ok(())
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
        let mut params =
            json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        if let Some(origin) = &self.frame {
            params["uniqueContextId"] = self.newest_context(origin);
        }
        let answer = self.try_call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            None => Ok(answer["result"]["value"].clone()),
            Some(details) => {
                Err(Refused(format!("{} {}: {script}", details["text"], details["exception"]["description"])))
            }
        }
    }

    /// The id of the newest document's scripts of a frame from `origin`, once there is one.
    fn newest_context(&self, origin: &str) -> Value {
        let of_origin = |event: &Event| {
            let context = &event.params["context"];
            let is = event.session.as_deref() == Some(&self.session)
                && event.method == "Runtime.executionContextCreated"
                && context["origin"] == origin
                && context["auxData"]["isDefault"] == true;
            is.then(|| context["uniqueId"].clone())
        };
        assert!(self.wire.event(0, of_origin).is_some(), "no frame from {origin} after {PATIENCE:?}");
        self.wire.events(of_origin).pop().unwrap_or_default()
    }

    /// The same, which must not throw.
    pub fn evaluate(&self, script: &str) -> Value {
        self.try_evaluate(script).unwrap_or_else(|Refused(why)| panic!("{why}"))
    }

    /// Waits until the JavaScript expression `look` is true of the page; gives what it came to.
    pub fn try_until(&self, look: &str) -> Result<Value, Refused> {
        let until = Instant::now() + PATIENCE;
        let script = UNTIL.replace("LOOK", look);
        loop {
            match self.try_evaluate(&script) {
                Err(error) if is_navigation(&error) && Instant::now() < until => {}
                ended => return ended,
            }
        }
    }

    /// The same, which must come to be.
    pub fn until(&self, look: &str) -> Value {
        let found = self.try_until(look);
        found.unwrap_or_else(|Refused(why)| panic!("{why}\nthe page shows: {}", self.text()))
    }

    /// What the page shows, as text.
    pub fn text(&self) -> String {
        let text = self.try_evaluate("document.body ? document.body.innerText : ''");
        text.map_or_else(|Refused(why)| why, |text| text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the screen `name` to be shown, and for the part of the program that has it.
    pub fn screen(&self, name: &str) {
        let selector = format!("main[data-screen=\"{name}\"]:not(:has([data-test=part-loading]))");
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
        let pressed = self.try_press(selector);
        pressed.unwrap_or_else(|Refused(why)| panic!("{selector}: {why}\nthe page shows: {}", self.text()));
    }

    /// The same, of a page that may die.
    pub fn try_press(&self, selector: &str) -> Result<(), Refused> {
        let place = self.try_place(selector)?;
        if self.frame.is_some() {
            return Ok(());
        }
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let at = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": button, "buttons": buttons, "clickCount": 1 });
            self.try_call("Input.dispatchMouseEvent", at)?;
        }
        Ok(())
    }

    /// Where to press; what is in a frame is pressed at once, since the page around it scrolls along. What still moves while the page
    /// takes shape is waited for, as a person does.
    fn try_place(&self, selector: &str) -> Result<Value, Refused> {
        let pressed = if self.frame.is_some() { "found.click(), place" } else { "still" };
        let look = format!(
            "(() => {{
                const found = document.querySelector({});
                if (!found || found.disabled) return null;
                found.scrollIntoView({{ block: 'center', inline: 'center', behavior: 'instant' }});
                const where = () => {{
                    const box = found.getBoundingClientRect();
                    return box.width && box.height ? {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }} : null;
                }};
                const place = where();
                if (!place) return null;
                const top = document.elementFromPoint(place.x, place.y);
                if (!top || !(found.contains(top) || top.contains(found))) return null;
                const is_still = after => after && after.x === place.x && after.y === place.y && !found.disabled;
                const still = new Promise(done => setTimeout(() => done(is_still(where()) ? place : null), 50));
                return ({pressed});
            }})()",
            quoted(selector)
        );
        let until = Instant::now() + PATIENCE;
        loop {
            match self.try_until(&look)? {
                Value::Null if Instant::now() < until => {}
                Value::Null => return Err(Refused(format!("{selector} does not stand still"))),
                place => return Ok(place),
            }
        }
    }

    /// Types `text` in the place of what is in the field with the test name `test`.
    pub fn fill(&self, test: &str, text: &str) {
        self.fill_selected(&named(test), text);
    }

    /// The same for the first field that the CSS `selector` finds.
    pub fn fill_selected(&self, selector: &str, text: &str) {
        let filled = self.try_fill(selector, text);
        filled.unwrap_or_else(|Refused(why)| panic!("{selector}: {why}\nthe page shows: {}", self.text()));
    }

    /// The same, of a page that may die.
    pub fn try_fill(&self, selector: &str, text: &str) -> Result<(), Refused> {
        let field = quoted(selector);
        self.try_until(&format!(
            "(() => {{ const field = document.querySelector({field}); if (!field || field.disabled) return null; field.focus(); field.select(); return true; }})()"
        ))?;
        self.try_call("Input.insertText", json!({ "text": text })).map(drop)
    }

    /// Types `text` where the page's focus is.
    pub fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Goes to the next field, as from a keyboard.
    pub fn tab_on(&self) {
        self.key("Tab");
    }

    /// Presses a key: `Tab`, `Enter` or `Space`.
    pub fn key(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Space" => (32, " "),
            other => panic!("which key is {other}?"),
        };
        let name = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({ "type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Goes with the Tab key, forwards, to what the CSS `selector` finds. One must see where one is on the way.
    pub fn tab_to(&self, selector: &str) {
        const MOST: usize = 60;
        let is_here = format!("document.activeElement.matches({})", quoted(selector));
        for _ in 0..MOST {
            self.key("Tab");
            let seen = self.evaluate(
                "(() => { const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                    return document.activeElement === document.body || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2); })()",
            );
            assert_eq!(seen, true, "one does not see where the focus is on the way to {selector}");
            if self.evaluate(&is_here) == true {
                return;
            }
        }
        panic!("no way to {selector} by the Tab key");
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
        self.until(&format!("document.querySelector({})?.disabled === false", quoted(&selector)));
        let document = self.call("DOM.getDocument", json!({ "depth": 0 }));
        let root = &document["root"]["nodeId"];
        let node = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector }))["nodeId"].clone();
        self.call("DOM.setFileInputFiles", json!({ "nodeId": node, "files": [path] }));
    }

    /// Goes to `url`, a screen of the app, and waits until it is at rest: when it starts, it asks how its orders stand.
    pub fn start(&self, url: &str) {
        let from = self.wire.now();
        self.goto(url);
        let session = Some(self.session.as_str());
        let asks = self.wire.event(from, |event| {
            let is = event.session.as_deref() == session && event.method == "Network.requestWillBeSent";
            (is && event.params["request"]["url"].as_str()?.ends_with("/v1/recovery")).then_some(())
        });
        assert!(asks.is_some(), "the app does not ask its station: {}", self.text());
        self.rests();
    }

    /// Waits until nothing is under way in the app.
    pub fn rests(&self) {
        self.until("document.querySelector('main').getAttribute('aria-busy') === 'false'");
    }

    /// Goes to the meter with this label as a person does who types it.
    pub fn find_meter(&self, label: &str) {
        self.press("home");
        self.screen("home");
        self.until("(document.querySelector('input[name=label]').focus(), true)");
        self.call("Input.insertText", json!({ "text": label }));
        self.press("find");
        self.screen("meter");
    }

    /// Shows the page on another device.
    pub fn on(&self, device: Device) {
        let Device { width, height, is_phone } = device;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Shows the page beside others, as in a window of its own. A tab behind another one is drawn seldom, and so pressed slowly.
    pub fn beside(&self) {
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
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
