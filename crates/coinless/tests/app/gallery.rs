//! Every screen of the app, looked at: by axe-core in both themes and directions of writing, on the narrowest screen with letters
//! of twice the size; and, for `cargo xtask app --screenshots`, as pictures.

use crate::access::Axe;
use crate::page::{self, DESKTOP, Device, Page};
use crate::small;
use crate::tour;
use crate::town::{GAS, Town};
use coinless_sim::family::{POWER, WATER};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Screens of these sizes that do not zoom: a phone's browser shrinks a page that is too wide, also for a moment after it was.
const PHONE: Device = Device { is_phone: false, ..page::PHONE };
const NARROW: Device = Device { is_phone: false, ..page::NARROW };

/// Where pictures go, if they are wanted.
const PICTURES: &str = "COINLESS_PICTURES";

/// What pictures are taken on.
const DEVICES: [(Device, &str); 2] = [(PHONE, "phone"), (DESKTOP, "desktop")];

/// Of these there are also pictures from right to left, in the dark.
const MIRRORED: [&str; 4] = ["home", "quote", "order-ready", "walk"];

/// Letters of twice the usual size, in px.
const LARGE: u32 = 32;
const USUAL: u32 = 16;

/// What cannot be read: text that its own box cuts off, or that stands outside the page; a line each.
const CUT_OFF: &str = "(() => {
    const found = [];
    const isShown = element => element.checkVisibility({ visibilityProperty: true });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode, parent = node.parentElement;
        if (!node.data.trim() || !isShown(parent) || parent.closest('.skip, .heard, script')) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects()) {
            const outer = parent.closest('pre')?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
            if (box.left < outer.left - 1 || box.right > outer.right + 1) { found.push(`outside: ${node.data.trim()}`); break; }
        }
        for (let around = parent; around && around !== document.body; around = around.parentElement) {
            const style = getComputedStyle(around);
            const clips = style.overflowX !== 'visible' && style.overflowX !== 'auto';
            const isBox = style.display !== 'inline' && around.clientWidth > 0;
            const tight = isBox && (clips || around.matches('button, .button')) && around.scrollWidth > around.clientWidth + 1;
            if (tight) { found.push(`cut off: ${node.data.trim()}`); break; }
        }
    }
    return [...new Set(found)];
})()";

/// A look at each screen.
pub struct Gallery<'a> {
    pub page: &'a Page,
    axe: Axe,
    language: &'static str,
    pictures: Option<PathBuf>,
    /// The names of the screens seen, and what is to be seen there.
    seen: Vec<(&'static str, &'static str)>,
    complaints: Vec<String>,
}

impl Gallery<'_> {
    /// Looks at what is shown now, once nothing is under way; `name` and `caption` say what it is.
    pub fn look(&mut self, name: &'static str, caption: &'static str) {
        self.page.until("document.querySelector('main').getAttribute('aria-busy') === 'false'");
        self.look_at_once(name, caption);
    }

    /// The same while something is under way.
    pub fn look_at_once(&mut self, name: &'static str, caption: &'static str) {
        assert!(self.seen.iter().all(|(seen, _)| *seen != name), "{name} was looked at before");
        self.seen.push((name, caption));
        match self.pictures.clone() {
            Some(folder) if self.language == "en" => self.take_pictures(&folder, name, &DEVICES),
            Some(folder) if MIRRORED.contains(&name) => self.take_pictures(&folder, name, &DEVICES[..1]),
            Some(_) => {}
            None => self.examine(name),
        }
    }

    /// Shows the page on a device that is as high as the page, but not lower than `device`.
    fn on_all_of(&self, device: Device) {
        self.page.on(device);
        let height = self.page.evaluate("document.documentElement.scrollHeight").as_u64().unwrap();
        self.page.on(Device { height: u32::try_from(height).unwrap().max(device.height), ..device });
    }

    fn examine(&mut self, name: &str) {
        let page = self.page;
        // All of the page at once: what is behind the bar below for now can be pushed up.
        self.on_all_of(PHONE);
        let mut found = self.axe.complaints(page);
        let title = page.evaluate("document.title.startsWith(`${document.querySelector('h1')?.innerText} · `)");
        if title != true {
            found.push(format!("the page's title is {}", page.evaluate("document.title")));
        }
        page.dark(true);
        found.extend(self.axe.colours(page).into_iter().map(|line| format!("dark: {line}")));
        page.dark(false);
        page.on(NARROW);
        page.letters(LARGE);
        if page.is_too_wide() {
            found.push("narrow: the page is wider than the screen".to_owned());
        }
        let cut = page.evaluate(CUT_OFF);
        found.extend(cut.as_array().unwrap().iter().filter_map(Value::as_str).map(|line| format!("narrow: {line}")));
        page.letters(USUAL);
        page.on(PHONE);
        self.complaints.extend(found.into_iter().map(|line| format!("{} in {}: {line}", name, self.language)));
    }

    fn take_pictures(&self, folder: &Path, name: &str, devices: &[(Device, &str)]) {
        self.page.evaluate("document.activeElement?.blur()");
        for (device, kind) in devices {
            self.on_all_of(*device);
            fs::write(folder.join(format!("{name}.{kind}.png")), small::picture(self.page)).unwrap();
        }
        self.page.on(PHONE);
    }
}

/// Goes through all screens in `language`.
fn visit(language: &'static str, dark: bool) {
    let Some(mut town) = Town::with(&[GAS, WATER, POWER]) else { return };
    let browser = town.browser("phone");
    let page = browser.tab();
    page.language(language);
    page.on(PHONE);
    page.dark(dark);
    let pictures =
        env::var_os(PICTURES).map(|folder| if dark { PathBuf::from(folder).join(language) } else { folder.into() });
    if let Some(folder) = &pictures {
        fs::create_dir_all(folder).unwrap();
    }
    let mut gallery = Gallery {
        page: &page,
        axe: Axe::new(&town.tools),
        language,
        pictures,
        seen: Vec::new(),
        complaints: Vec::new(),
    };
    tour::all(&mut town, &browser, &mut gallery);
    assert_eq!(page.evaluate("document.documentElement.lang"), language);
    assert!(gallery.complaints.is_empty(), "{}", gallery.complaints.join("\n"));
    if let Some(folder) = gallery.pictures.as_ref().filter(|_| language == "en") {
        fs::write(folder.join("README.md"), index(&gallery.seen)).unwrap();
    }
}

/// The pictures with what they show.
fn index(seen: &[(&str, &str)]) -> String {
    let mut text =
        "# The app's screens\n\nMade by `cargo xtask app --screenshots`.\n\n## From right to left, in the dark\n\n"
            .to_owned();
    for name in MIRRORED {
        let caption = seen.iter().find(|(seen, _)| *seen == name).map_or("", |(_, caption)| caption);
        text.push_str(&format!("<img src=\"ar/{name}.phone.png\" width=\"200\" alt=\"{caption}, in Arabic\">\n"));
    }
    for (name, caption) in seen {
        text.push_str(&format!(
            "\n## {caption}\n\n<img src=\"{name}.phone.png\" width=\"260\" alt=\"{caption}, on a phone\">\n\
             <img src=\"{name}.desktop.png\" width=\"520\" alt=\"{caption}, on a computer\">\n"
        ));
    }
    text
}

#[test]
fn everybody_can_use_every_screen_in_english() {
    visit("en", false);
}

#[test]
fn everybody_can_use_every_screen_from_right_to_left() {
    visit("ar", env::var_os(PICTURES).is_some());
}
