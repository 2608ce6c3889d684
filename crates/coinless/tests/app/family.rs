//! The second way: a family's list of meters of several utilities, paid at once, each loaded when somebody is at it.

use crate::browser::Browser;
use crate::page::{PHONE, Page, quoted};
use crate::town::{GAS, Known, Town};
use coinless_sim::family::{POWER, WATER};
use coinless_sim::utility::Behaviour;

const FAMILY: [(Known, &str, &str, &str); 3] =
    [(GAS, "Stove", "Kitchen", "20"), (WATER, "Bath", "Cellar", "12.50"), (POWER, "Flat", "Hall", "30kWh")];

/// What is said of the line of `meter` when it stands so.
pub fn standing(meter: &Known, standing: &str) -> String {
    let line = format!("[data-test=line][data-label=\"{}\"][data-standing=\"{standing}\"]", meter.label);
    format!("document.querySelector({})", quoted(&line))
}

/// A phone that keeps the family's meters.
pub fn at_home(town: &Town, browser: &Browser) -> Page {
    let page = browser.open(&town.line.url());
    page.on(PHONE);
    let picture = town.desk.path("picture.png");
    page.screen("home");
    page.picture(&picture);
    for (meter, name, room, _) in &FAMILY {
        page.goto(&format!("{}/m/{}", town.line.url(), meter.label));
        page.press_selected("[data-test=keep] summary");
        page.fill_selected("[name=name]", name);
        page.fill_selected("[name=room]", room);
        if meter.label == GAS.label {
            page.give_file("picture", &picture);
            page.until("document.querySelector('[data-test=keep] img').complete");
        }
        page.press("save");
        page.until("document.querySelector('[data-test=notice]')?.getAttribute('role') === 'status'");
    }
    page
}

/// Writes the sums of `meters` into the list, and sees what they come to.
fn quote(page: &Page, meters: &[Known]) {
    page.press("nav-list");
    page.screen("list");
    for (meter, _, _, sum) in FAMILY.iter().filter(|(meter, ..)| meters.iter().any(|one| one.label == meter.label)) {
        page.fill(&format!("sum-{}", meter.label), sum);
    }
    page.press("quote");
    page.screen("quote");
    page.until(&format!("document.querySelectorAll('[data-test=quoted]').length === {}", meters.len()));
}

fn pay(page: &Page, meters: &[Known]) {
    quote(page, meters);
    page.press("pay");
    page.screen("order");
}

/// Presses the button of the line of `meter`.
fn load(page: &Page, meter: &Known) {
    page.press_selected(&format!("[data-test=line][data-label=\"{}\"] [data-test=load]", meter.label));
}

#[test]
fn one_list_one_payment_and_each_meter_when_somebody_is_at_it() {
    let meters = FAMILY.map(|(meter, ..)| meter);
    let Some(mut town) = Town::with(&meters) else { return };
    let browser = town.browser("phone");
    let page = at_home(&town, &browser);
    page.press("nav-home");
    page.until("document.querySelectorAll('[data-test=kept]').length === 3");
    page.until("[...document.querySelectorAll('[data-test=kept]')].some(entry => entry.innerText.includes('Stove') && entry.innerText.includes('Kitchen') && entry.querySelector('img'))");
    quote(&page, &meters);
    // Whoever goes back to change something finds what was typed.
    page.press("change");
    page.screen("list");
    let typed = format!("document.querySelector('[data-test=\"sum-{}\"]').value", WATER.label);
    assert_eq!(page.evaluate(&typed), "12.50");
    page.press("quote");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    for meter in &meters {
        page.until(&standing(meter, "ready"));
    }
    page.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-ready'");
    assert_eq!((town.total(0), town.total(1), town.total(2)), (0, 0, 0), "paid is not loaded");
    let paid = town.balance("provider:sandbox:clearing");

    town.line.cut();
    for (place, others) in [(2, [0, 1]), (0, [1, 2]), (1, [0, 2])] {
        let before = others.map(|other| town.total(other));
        load(&page, &meters[place]);
        page.until(&standing(&meters[place], "loaded-untold"));
        assert!(town.total(place) > 0);
        assert_eq!(others.map(|other| town.total(other)), before, "nothing for the others");
    }
    page.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-loaded'");
    town.line.mend();
    page.press("sync");
    for meter in &meters {
        page.until(&standing(meter, "loaded"));
    }
    assert_eq!(town.balance("sold_undelivered"), "0.00");
    assert_eq!(town.balance("provider:sandbox:clearing"), paid, "one payment");
    page.press("nav-history");
    page.until("document.querySelectorAll('[data-test=order]').length === 1");
}

#[test]
fn a_wrong_meter_says_so_and_the_meter_at_hand_gets_its_own_token() {
    let Some(mut town) = Town::with(&FAMILY.map(|(meter, ..)| meter)) else { return };
    let browser = town.browser("phone");
    let page = at_home(&town, &browser);
    pay(&page, &[GAS, WATER]);
    page.until(&standing(&GAS, "ready"));
    page.until(&standing(&WATER, "ready"));

    // Somebody stands at the neighbour's meter and believes that it is the own one.
    town.ways[0].lead_to(&town.meters[2].address());
    load(&page, &GAS);
    page.says("notice", POWER.label);
    page.until(&standing(&GAS, "ready"));
    assert_eq!((town.total(0), town.total(1), town.total(2)), (0, 0, 0));

    town.ways[0].lead_to(&town.meters[1].address());
    load(&page, &GAS);
    page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
    assert!(town.total(1) > 0 && town.total(0) == 0, "the water meter was at hand");
    page.until(&standing(&WATER, "loaded"));
    page.until(&standing(&GAS, "ready"));

    town.ways[0].lead_to(&town.meters[0].address());
    page.press("load");
    page.until(&standing(&GAS, "loaded"));
    assert!(town.total(0) > 0 && town.total(2) == 0);
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}

#[test]
fn a_utility_that_does_not_sell_keeps_nobody_from_the_others() {
    let Some(mut town) = Town::with_sales(&FAMILY.map(|(meter, ..)| meter)) else { return };
    let browser = town.browser("phone");
    let page = at_home(&town, &browser);
    quote(&page, &[GAS, WATER]);
    town.sales.as_ref().unwrap().behave(Behaviour::Contradictory, 0, Some(1));
    page.press("pay");
    page.screen("order");
    page.until(&standing(&GAS, "ready"));
    page.until(&standing(&WATER, "refunded"));
    page.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-partly'");
    page.until("document.querySelector('[data-test=summary] [data-outcome=refunded]').innerText.includes('12.50')");
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00", "the water's money is back");
    page.press("load");
    page.until(&standing(&GAS, "loaded"));
    assert!(town.total(0) > 0 && town.total(1) == 0);
    assert_eq!(town.balance("sold_undelivered"), "0.00");
}

#[test]
fn while_a_utility_is_slow_the_other_meters_are_loaded() {
    let Some(mut town) = Town::with_sales(&FAMILY.map(|(meter, ..)| meter)) else { return };
    let browser = town.browser("phone");
    let page = at_home(&town, &browser);
    quote(&page, &[GAS, WATER]);
    town.sales.as_ref().unwrap().behave(Behaviour::Slow, 0, None);
    page.press("pay");
    page.screen("order");
    page.until(&standing(&GAS, "ready"));
    page.until("document.querySelector('[data-test=verdict]').dataset.verdict === 'verdict-unknown'");
    let water = format!("[data-test=line][data-label=\"{}\"] [data-step=sold]", WATER.label);
    assert_ne!(page.evaluate(&format!("document.querySelector({}).dataset.state", quoted(&water))), "yes");
    page.press("load");
    page.until(&standing(&GAS, "loaded"));
    assert!(town.total(0) > 0);

    // Nobody presses anything: who looks sees it come.
    town.sales.as_ref().unwrap().behave(Behaviour::Ok, 0, None);
    page.until(&standing(&WATER, "ready"));
    page.press("load");
    page.until(&standing(&WATER, "loaded"));
    assert!(town.total(1) > 0);
    assert_eq!(town.balance("sold_undelivered"), "0.00");
    assert_eq!(town.balance("provider:sandbox:clearing"), "32.50");
}
