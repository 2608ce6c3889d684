//! What a page is shown on, and what that looks like.

use super::{Device, Page};
use coinless_station::service::now_ms;
use serde_json::json;
use std::fs;
use std::path::Path;

impl Page {
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

    /// Is where it is between twelve and one o'clock now, so that no day ends while a test runs; from the next load on.
    pub fn at_midday(&self) {
        let ahead = 12 - now_ms() / 3_600_000 % 24;
        // The names of these zones count the other way round.
        self.call("Emulation.setTimezoneOverride", json!({ "timezoneId": format!("Etc/GMT{:+}", -ahead) }));
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
