//! A tab: what is on it, and a person's hands and eyes.

mod device;
mod hands;

use crate::cdp::{Event, PATIENCE, Refused, Wire};
use serde_json::{Value, json};
use std::time::Instant;

pub use device::from_base64;

/// Calls `look` now and whenever something on the page changes, until it gives something true; resolves to that.
const UNTIL: &str = "new Promise(done => {
    const look = () => { const found = (() => { try { return (LOOK); } catch (error) { return null; } })(); if (found) end(found); return found; };
    const observer = new MutationObserver(look);
    const events = ['input', 'change', 'focusin', 'load', 'popstate', 'DOMContentLoaded', 'transitionend', 'online', 'offline'];
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
        let mut params = self.script(script);
        params["returnByValue"] = true.into();
        let answer = self.try_call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            None => Ok(answer["result"]["value"].clone()),
            Some(details) => {
                Err(Refused(format!("{} {}: {script}", details["text"], details["exception"]["description"])))
            }
        }
    }

    /// The call that evaluates JavaScript where this looks.
    fn script(&self, script: &str) -> Value {
        let mut params = json!({ "expression": script, "awaitPromise": true, "userGesture": true });
        if let Some(origin) = &self.frame {
            params["uniqueContextId"] = self.newest_context(origin);
        }
        params
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
