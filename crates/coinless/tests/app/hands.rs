//! The tests' own hands and eyes: each of them can fail.

use crate::access::Axe;
use crate::browser::Tools;
use crate::camera;
use crate::page::{DESKTOP, NARROW, PHONE};
use crate::town::{GAS, Town};
use coinless_sim::line::Cut;
use std::ffi::OsString;

/// A page with a bad picture, a covered button, and one that answers.
const PAGE: &str = "document.head.innerHTML = `<meta name=viewport content='width=device-width'>`;
    document.body.innerHTML = `<img src='data:,'><p style='font-size: 1rem'>Words</p>
    <input data-test=field><select data-test=choice><option value=a>A<option value=b>B</select>
    <button data-test=late disabled>Late</button><p data-test=said></p><input type=file data-test=file>`;
    const at = name => document.querySelector('[data-test=' + name + ']');
    at('late').onclick = () => { at('said').innerText = at('field').value + ' ' + at('choice').value; };
    at('choice').onchange = () => { at('late').disabled = false; };
    at('file').onchange = () => at('file').files[0].text().then(text => { at('said').innerText = text; });";

#[test]
fn hands_press_type_and_choose_and_eyes_see() {
    let Some(town) = Town::with(&[]) else { return };
    let browser = town.browser("phone");
    // A station's own address, since only a page of a server has all that a page can have.
    let page = browser.open(&format!("{}/v1/app", town.line.url()));
    page.on(PHONE);
    page.evaluate(PAGE);
    page.fill("field", "first");
    page.fill("field", "typed");
    page.choose("choice", "b");
    page.press("late");
    page.says("said", "typed b");
    assert_eq!(page.read("said"), "typed b");
    std::fs::write(town.desk.path("file"), "from a file").unwrap();
    page.give_file("file", &town.desk.path("file"));
    page.says("said", "from a file");

    let complaints = Axe::new(&town.tools).complaints(&page);
    assert!(complaints.iter().any(|line| line.starts_with("image-alt")), "{complaints:?}");
    page.on(NARROW);
    assert!(!page.is_too_wide());
    page.evaluate("document.body.style.width = '400px'");
    assert!(page.is_too_wide());
    page.on(DESKTOP);
    assert!(!page.is_too_wide());
    let letters = "parseInt(getComputedStyle(document.querySelector('p')).fontSize)";
    assert_eq!(page.evaluate(letters), 16);
    page.letters(32);
    assert_eq!(page.evaluate(letters), 32);
    page.dark(true);
    assert_eq!(page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"), true);
    page.language("ar");
    assert_eq!(page.evaluate("navigator.language"), "ar");
    let picture = town.desk.path("picture.png");
    page.picture(&picture);
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn tabs_are_killed_and_lines_cut() {
    let Some(town) = Town::with(&[]) else { return };
    let browser = town.browser("phone");
    let url = format!("{}/v1/app", town.line.url());
    let (page, other) = (browser.open(&url), browser.open(&url));
    page.evaluate("localStorage.setItem('kept', 'yes')");
    page.crash();
    page.goto(&url);
    assert_eq!(other.evaluate("localStorage.getItem('kept')"), "yes");
    page.close();
    let ask = "fetch('/v1/app').then(answer => answer.status, () => 'lost')";
    for how in [Cut::Before, Cut::After] {
        let cut = town.line.cut_at(1, how);
        assert_eq!(other.evaluate(ask), 200);
        assert_eq!(other.evaluate(ask), "lost");
        cut.recv().unwrap();
        assert_eq!(other.evaluate(ask), "lost");
        town.line.mend();
        assert_eq!(other.evaluate(ask), 200);
    }
    browser.set_offline(true);
    assert_eq!(other.evaluate(ask), "lost");
    browser.set_offline(false);
    assert_eq!(other.evaluate(ask), 200);
}

#[test]
fn a_camera_sees_a_label() {
    let Some(town) = Town::with(&[]) else { return };
    assert!(Tools::find().is_some());
    let film = town.desk.path("label.y4m");
    camera::film(&film, &[&format!("{}/m/{}", town.line.url(), GAS.label)], 2);
    let mut file = OsString::from("--use-file-for-fake-video-capture=");
    file.push(&film);
    let switches = ["--use-fake-device-for-media-stream".into(), "--use-fake-ui-for-media-stream".into(), file];
    let browser = town.browser_with("phone", &switches);
    let page = browser.open(&format!("{}/v1/app", town.line.url()));
    let seen = page.evaluate(
        "(async () => {
            const video = document.createElement('video');
            video.muted = true;
            video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
            await video.play();
            const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight), context = canvas.getContext('2d');
            context.drawImage(video, 0, 0);
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
            let dark = 0;
            for (let at = 0; at < data.length; at += 4) if (data[at] < 100) dark += 1;
            return { width: canvas.width, share: dark / (data.length / 4) };
        })()",
    );
    assert_eq!(seen["width"], 640, "{seen}");
    let share = seen["share"].as_f64().unwrap();
    assert!(share > 0.05 && share < 0.5, "{seen}");
}
