//! The third way: a house from a file, one payment, and a walk past its meters without a network.

mod cuts;
mod many;
mod shared;
mod sums;
mod walk;

use crate::browser::Browser;
use crate::page::{PHONE, Page};
use crate::street::Street;
use crate::town::Town;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

/// A town with a street of `count` gas meters; at the places of `others` first a browser reaches the meter of the second.
fn street(count: usize, others: &[(usize, usize)]) -> Option<(Town, Street)> {
    let mut street = None;
    let town = Town::build(|desk| {
        let made = Street::new(desk, count);
        let places = made.places(others);
        street = Some(made);
        (Vec::new(), places)
    })?;
    Some((town, street?))
}

/// The file of a house: of each meter its flat, and what it is to get.
fn file(street: &Street, amount: impl Fn(usize) -> String) -> String {
    let lines = (0..street.meters.len()).map(|at| {
        let flat = at + 1;
        format!("{},Flat {flat},Floor {},{},{}\n", street.label(at), flat / 4, at % 3 + 1, amount(at))
    });
    format!("meter,flat,room,persons,amount\n{}", lines.collect::<String>())
}

/// A phone at the screen of houses.
fn at_houses(town: &Town, browser: &Browser) -> Page {
    let page = browser.open(&format!("{}/s/house", town.line.url()));
    page.on(PHONE);
    page.screen("house");
    page
}

/// Chooses a file of this name and text.
fn choose(town: &Town, page: &Page, name: &str, text: impl AsRef<[u8]>) {
    let path = town.desk.path(name);
    fs::write(&path, text).unwrap();
    page.give_file("import", &path);
}

/// Takes a file in, of which nothing is wrong.
fn import(town: &Town, page: &Page, name: &str, text: &str) {
    choose(town, page, name, text);
    page.read("preview-count");
    idle(page);
}

/// Pays for what the screen of houses shows, and begins the walk.
fn pay(page: &Page) {
    page.press("quote");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-ready'");
    page.press("walk");
    page.screen("walk");
}

/// Waits until nothing is under way.
fn idle(page: &Page) {
    page.until("document.querySelector('main').getAttribute('aria-busy') === 'false'");
}

/// Waits until so many are done, skipped and left.
fn counts(page: &Page, done: usize, skipped: usize, left: usize) {
    page.until(&format!(
        "(({{ done, skipped, left }}) => done == {done} && skipped == {skipped} && left == {left})(document.querySelector('[data-test=counts]').dataset)"
    ));
}

/// Waits until the walk says that this meter is the next.
fn next(page: &Page, street: &Street, at: usize) {
    let meter = street.meters[at];
    page.until(&format!("document.querySelector('[data-test=next-stop]').dataset.meter === '{meter}'"));
}

/// Loads the meter at hand.
fn load(page: &Page) {
    page.press("load");
    page.until("document.querySelector('[data-test=visit]')");
    idle(page);
}

/// Puts the phone into flight mode: the station is out of reach, and the phone knows that it has no network. Its radio to the meters
/// stays on: a browser that is emulated to be off the network would close their WebSockets too.
fn fly(town: &Town, page: &Page) {
    town.line.cut();
    set_network(page, false);
}

/// The opposite.
fn land(town: &Town, page: &Page) {
    town.line.mend();
    set_network(page, true);
}

/// Whether the phone knows of a network.
fn set_network(page: &Page, is_there: bool) {
    let state = json!({ "offline": !is_there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    page.call("Network.overrideNetworkState", state);
    page.until(&format!("navigator.onLine === {is_there}"));
}

/// A row of a round's result, by the names of its columns.
pub type Row = BTreeMap<String, String>;

/// The result of a round, as the browser saves it.
fn result(town: &Town, browser: &Browser, page: &Page) -> Vec<Row> {
    let text = browser.saved(&town.desk.path("downloads"), || page.press("result"));
    idle(page);
    rows(&text)
}

/// The rows of a round's result.
pub fn rows(text: &[u8]) -> Vec<Row> {
    let marked = text.strip_prefix(b"\xef\xbb\xbf");
    let mut reader = csv::Reader::from_reader(marked.unwrap_or(text));
    let names = reader.headers().unwrap().clone();
    // Spreadsheets must see that names of flats are UTF-8.
    assert!(marked.is_some() || !names.iter().any(|name| name == "name"), "{names:?}");
    let row = |cells: csv::StringRecord| names.iter().map(str::to_owned).zip(cells.iter().map(str::to_owned)).collect();
    reader.records().map(|cells| row(cells.unwrap())).collect()
}
