//! Reading a label: with the camera, from a picture, and what is said where neither helps.

use crate::browser::Browser;
use crate::camera;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};
use serde_json::json;
use std::ffi::OsString;

/// Frames of the film in which something is held before the camera: two seconds.
const FRAMES: usize = 20;

/// What the label of the gas meter says.
fn label(town: &Town) -> String {
    format!("{}/m/{}", town.line.url(), GAS.label)
}

/// A browser whose camera sees these codes one after the other, again and again.
fn with_camera(town: &Town, codes: &[&str]) -> Browser {
    let film = town.desk.path("seen.y4m");
    camera::film(&film, codes, FRAMES);
    let mut file = OsString::from("--use-file-for-fake-video-capture=");
    file.push(&film);
    let switches = ["--use-fake-device-for-media-stream".into(), "--use-fake-ui-for-media-stream".into(), file];
    town.browser_with("phone", &switches)
}

/// The screen with the camera, as one comes to it from the first one.
fn scanning(town: &Town, browser: &Browser) -> Page {
    let page = browser.open(&town.line.url());
    page.on(PHONE);
    page.press("scan");
    page.screen("scan");
    page
}

fn camera_says(page: &Page, state: &str) -> String {
    page.until(&format!("document.querySelector('[data-test=camera]').dataset.state === '{state}'"));
    page.read("camera")
}

/// Waits for the meter's screen.
fn opened(page: &Page) {
    page.screen("meter");
    assert!(page.text().contains(GAS.label), "{}", page.text());
}

#[test]
fn the_camera_sees_a_label_and_its_meter_opens() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = with_camera(&town, &[&label(&town)]);
    opened(&scanning(&town, &browser));
}

#[test]
fn a_code_that_is_no_label_is_told_and_the_camera_looks_on() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let strange = "https://elsewhere.example/offers";
    {
        let browser = with_camera(&town, &[strange]);
        let page = scanning(&town, &browser);
        page.says("notice", "not from this station's labels");
        camera_says(&page, "scan-aim");
        assert_eq!(page.evaluate("document.querySelector('video').srcObject.active"), true);
    }
    let browser = with_camera(&town, &[strange, &label(&town)]);
    opened(&scanning(&town, &browser));
}

#[test]
fn a_picture_of_a_label_opens_its_meter_and_one_without_says_so() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = scanning(&town, &browser);
    let said = camera_says(&page, "scan-no-camera");
    assert!(said.contains("Take a picture of the label, or type its number"), "{said}");
    let give = |name: &str, code: Option<&str>| {
        let path = town.desk.path(name);
        camera::picture(&path, code);
        page.give_file("picture", &path);
    };
    give("wall.bmp", None);
    page.says("notice", "No code was found in this picture");
    std::fs::write(town.desk.path("letter.bmp"), "no picture at all").unwrap();
    page.give_file("picture", &town.desk.path("letter.bmp"));
    page.says("notice", "This file is no picture");
    give("slip.bmp", Some("CLS0000000017-Q"));
    page.says("notice", "not from this station's labels");
    give("label.bmp", Some(&label(&town)));
    opened(&page);
}

#[test]
fn where_the_camera_is_not_allowed_it_says_what_to_do() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser_with("phone", &["--use-fake-device-for-media-stream".into()]);
    let denied = json!({ "permission": { "name": "camera" }, "setting": "denied", "origin": town.line.url() });
    browser.wire.call(None, "Browser.setPermission", denied).unwrap();
    let page = scanning(&town, &browser);
    let said = camera_says(&page, "scan-camera-denied");
    assert!(said.contains("Allow it in the browser's settings"), "{said}");
    page.until("document.querySelectorAll('[data-test=picture]').length");
}
