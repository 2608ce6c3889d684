//! A way through all screens of the app: a phone that is new, one meter, a family's list, a manager's round, and trouble.

use crate::browser::Browser;
use crate::gallery::Gallery;
use crate::page::{Page, named};
use crate::readings::{answered, type_code, weeks};
use crate::refunds::money_comes_back;
use crate::shell::lose_part;
use crate::town::{GAS, Town};
use coinless_protocol::MeterId;
use coinless_sim::family::{POWER, WATER};
use serde_json::json;
use std::fs;

/// Opens every part of the screen that folds.
const UNFOLD: &str = "document.querySelectorAll('main details').forEach(details => { details.open = true; })";

/// The number of a meter that no station sells for.
const STRANGER: &str = "CLS0000000040";

/// Goes through all screens.
pub fn all(town: &mut Town, browser: &Browser, gallery: &mut Gallery<'_>) {
    new_phone(town, gallery);
    one_meter(town, gallery);
    money_back(gallery);
    living(town, gallery);
    family(gallery);
    round(town, gallery);
    payments(town, gallery);
    part_missing(town, gallery);
    trouble(town, browser, gallery);
}

fn go(town: &Town, page: &Page, path: &str, screen: &str) {
    page.goto(&format!("{}{path}", town.line.url()));
    page.screen(screen);
}

/// Shows a screen whose way is the bar below.
fn tab(page: &Page, name: &str) {
    page.press(&format!("nav-{name}"));
    page.screen(name);
}

/// Goes to a meter without a new start of the app, which would ask the station how orders stand just when something is pressed.
fn to_meter(page: &Page, label: &str) {
    tab(page, "home");
    page.fill_selected("input[name=label]", label);
    page.press("find");
    page.screen("meter");
    page.read("masked");
}

fn new_phone(town: &Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    go(town, page, "/", "home");
    gallery.look("home-new", "A new phone");
    tab(page, "list");
    gallery.look("list-new", "The family's list, still empty");
    tab(page, "house");
    gallery.look("house-new", "A manager's rounds, before the first");
    tab(page, "history");
    gallery.look("history-new", "History, still empty");
    page.press("settings");
    page.screen("settings");
    gallery.look("settings", "Settings");
    tab(page, "home");
    page.press("scan");
    page.screen("scan");
    page.until(
        "['scan-no-camera', 'scan-camera-denied'].includes(document.querySelector('[data-test=camera]').dataset.state)",
    );
    gallery.look("scan", "Scanning a label, here without a camera");
    go(town, page, "/s/elsewhere", "nowhere");
    gallery.look("nowhere", "An address that leads nowhere");
    tab(page, "home");
    // One character is mistyped.
    page.fill_selected("input[name=label]", &GAS.label.replace("17-", "18-"));
    page.press("find");
    page.until("document.querySelector('#label-wrong').innerText");
    gallery.look("home-slip", "A mistyped number");
    let stranger = STRANGER.parse::<MeterId>().unwrap().label().to_string();
    page.fill_selected("input[name=label]", &stranger);
    page.press("find");
    page.screen("meter");
    page.read("unknown-meter");
    page.evaluate(UNFOLD);
    gallery.look("meter-unknown", "A meter that the station does not know");
}

fn one_meter(town: &mut Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    go(town, page, &format!("/m/{}", GAS.label), "meter");
    page.read("masked");
    gallery.look("meter", "One meter: is it the right one, and what to buy");
    page.evaluate(UNFOLD);
    gallery.look("meter-unfolded", "The same with all that folds");
    keep(page, "Kitchen gas", "Cellar");
    page.press_selected(".chip:nth-child(3)");
    page.press("quote");
    page.screen("quote");
    gallery.look("quote", "What it comes to, line by line");
    page.press("connect");
    page.read("reached");
    gallery.look("quote-reached", "The meter is reached before anybody pays");
    to_quote(page, GAS.label);
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]')?.dataset.state === 'yes'");
    gallery.look("order-ready", "Paid is not loaded");
    page.evaluate(UNFOLD);
    gallery.look("order-unfolded", "The same: another phone, a refund");
    tab(page, "home");
    page.read("waiting");
    gallery.look("home-waiting", "Something is paid and waits for the meter");
    tab(page, "history");
    page.press("order");
    page.screen("order");
    page.press("load");
    page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    gallery.look("order-loaded", "Loaded, as the meter's receipt says");
    page.press("receipt");
    page.screen("receipt");
    page.evaluate(UNFOLD);
    gallery.look("receipt", "A receipt");
}

/// Buys at the meter with this label what the third of the offered sums is, up to the quote.
fn to_quote(page: &Page, label: &str) {
    to_meter(page, label);
    page.press_selected(".chip:nth-child(3)");
    page.press("quote");
    page.screen("quote");
}

fn money_back(gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    to_quote(page, GAS.label);
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]')?.dataset.state === 'yes'");
    page.rests();
    page.press_selected(&format!("{} summary", named("refund")));
    page.press("refund-now");
    page.until("document.querySelector('[data-test=refund-state]')?.dataset.refund === 'carry'");
    gallery.look("order-refund", "A refund: first the void token goes to the meter");
    page.press("refund-carry");
    money_comes_back(page);
    gallery.look("order-refunded", "The money is back");
}

/// Whoever lives with the meter.
fn living(town: &Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    answered(page, "/readers", &json!({ "meter": GAS.id, "earned_ms": 1 }));
    answered(page, "/readings", &weeks());
    page.start(&format!("{}/m/{}", town.line.url(), GAS.label));
    type_code(page, "0123 4567");
    page.read("lasts");
    gallery.look("meter-readings", "What was used, how long it lasts, and what is wrong");
    page.press("problem");
    page.screen("problem");
    page.fill("problem-text", "It hisses when it opens.");
    gallery.look("problem", "A report of a problem");
    page.press("problem-send");
    page.until("document.querySelector('[data-test=problem-told]')?.dataset.taken === 'true'");
    gallery.look("problem-sent", "The report has arrived");
}

/// Keeps the meter on the screen by a name and a room.
fn keep(page: &Page, name: &str, room: &str) {
    page.evaluate("document.querySelector('[data-test=keep]').open = true");
    page.fill_selected("[data-test=keep] input[name=name]", name);
    page.fill_selected("[data-test=keep] input[name=room]", room);
    page.press("save");
    page.read("notice");
}

fn family(gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    for (meter, name, room) in [(WATER, "Bath", "First floor"), (POWER, "Flat", "Hall")] {
        to_meter(page, meter.label);
        keep(page, name, room);
    }
    tab(page, "list");
    for (meter, sum) in [(GAS, "20.00"), (WATER, "5m3"), (POWER, "30.00")] {
        page.fill_selected(&format!("input[name=\"{}\"]", meter.label), sum);
    }
    gallery.look("list", "A family's list: one payment for all");
    page.press("quote");
    page.screen("quote");
    gallery.look("quote-list", "What the list comes to");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelectorAll('[data-step=here][data-state=yes]').length === 3");
    gallery.look("order-list", "One outcome for each line");
    let carried = page.evaluate("document.querySelector('[data-test=hand-over] figure').dataset.text");
    let carried = carried.as_str().unwrap().to_owned();
    page.press("load");
    page.until("document.querySelector('[data-step=loaded][data-state=yes]')");
    gallery.look("order-partly", "One meter of three is loaded");
    page.goto(&carried);
    page.screen("carry");
    page.read("carried");
    gallery.look("carry", "A token from another phone");
    tab(page, "history");
    gallery.look("history", "History");
    tab(page, "home");
    gallery.look("home", "Home, with meters that are kept");
}

fn round(town: &mut Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    let rows = [(GAS, "12", "Cellar", "20.00"), (WATER, "14", "Bath", "10.00"), (POWER, "15", "Hall", "5kWh")];
    let rows = rows.map(|(meter, flat, room, amount)| format!("{},Flat {flat},{room},2,{amount}\n", meter.label));
    let file = town.desk.path("Harbour 7.csv");
    fs::write(&file, format!("meter,flat,room,persons,amount\n{}", rows.concat())).unwrap();
    tab(page, "house");
    page.give_file("import", &file);
    page.read("preview");
    gallery.look("house", "A house from a file: what each meter gets");
    page.press("way-share");
    page.fill_selected("input[name=one]", "7.50");
    gallery.look("house-share", "So much for each person");
    page.press("way-each");
    page.press("quote");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelectorAll('[data-test=summary] [data-outcome=ready]').length");
    gallery.look("order-round", "A round is paid");
    page.press("walk");
    page.screen("walk");
    gallery.look("walk", "Walking the round: the next meter");
    page.press("skip");
    page.read("skipping");
    page.evaluate(UNFOLD);
    gallery.look("walk-unfolded", "The same: skipping one, sharing the round");
    page.press("skip-not-reachable");
    page.press("skip-now");
    page.until("document.querySelector('[data-test=counts]').dataset.skipped === '1'");
    page.press("load");
    page.until("document.querySelector('[data-test=counts]').dataset.done === '1'");
    page.evaluate(UNFOLD);
    gallery.look("walk-skipped", "One is loaded, one is skipped");
}

/// Payments of which the station has not heard the end.
fn payments(town: &Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    tab(page, "history");
    // The first purchase of all: one meter.
    page.press_selected("main li:last-child > [data-test=order]");
    page.screen("order");
    let told = page.evaluate("fetch(`/v1/orders/${location.pathname.split('/').pop()}`).then(answer => answer.json())");
    let pay = "Pay 20.00 EUR to the account EE38 2200 2210 2014 5685 with the reference 4711 0815.";
    let ways = [
        ("order-waits", "A payment that waits: what the payer has to do", "sent", "awaiting-payment", json!(pay)),
        ("order-unknown", "What became of a payment is not known yet", "unknown", "payment-unknown", json!(null)),
    ];
    for (place, (name, caption, payment, standing, instructions)) in ways.into_iter().enumerate() {
        let mut order = told.clone();
        let id = told["id"].as_str().unwrap();
        let id = format!("{}{place:04}", &id[..id.len() - 4]);
        order["id"] = json!(id);
        order["payment"]["state"] = json!(payment);
        order["payment"]["instructions"] = instructions;
        order["lines"][0]["state"] = json!(standing.replace('-', "_"));
        order["lines"][0]["token"] = json!(null);
        answered(page, &format!("/v1/orders/{id}"), &order);
        page.start(&format!("{}/o/{id}", town.line.url()));
        page.until(&format!("document.querySelector('[data-test=line]')?.dataset.standing === '{standing}'"));
        gallery.look(name, caption);
    }
}

fn part_missing(town: &Town, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    lose_part(page, true);
    go(town, page, "/", "home");
    tab(page, "house");
    page.read("part-missing");
    gallery.look("part-missing", "A part of the app that could not be loaded");
    lose_part(page, false);
    page.press("part-again");
    page.read("preview");
}

fn trouble(town: &mut Town, browser: &Browser, gallery: &mut Gallery<'_>) {
    let page = gallery.page;
    to_meter(page, WATER.label);
    page.press_selected(".chip:nth-child(3)");
    town.line.cut();
    page.press("quote");
    page.read("notice");
    page.evaluate(UNFOLD);
    gallery.look("trouble", "No answer, and nothing is lost");
    browser.set_offline(true);
    page.read("offline");
    page.press("dismiss");
    gallery.look("offline", "Without a network");
    town.line.mend();
    browser.set_offline(false);
    // Another tab takes over.
    let other = browser.open(&town.line.url());
    other.screen("home");
    page.read("go-on-here");
    page.call("Page.bringToFront", serde_json::json!({}));
    gallery.look("overtaken", "The app is open in another tab");
    other.close();
}
