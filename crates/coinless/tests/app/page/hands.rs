//! What a person does with a page: presses, types, chooses.

use super::{Page, named, quoted};
use crate::cdp::{PATIENCE, Refused};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

impl Page {
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
        let field = format!("document.querySelector({})", quoted(&named(test)));
        self.until(&format!("{field}?.disabled === false"));
        let field = self.call("Runtime.evaluate", self.script(&field))["result"]["objectId"].clone();
        self.call("DOM.setFileInputFiles", json!({ "objectId": field, "files": [path] }));
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
}
