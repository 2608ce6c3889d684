//! The walk in flight mode, and its result as a file.

use super::{at_houses, counts, file, fly, idle, import, land, load, next, pay, result, street};
use crate::camera;
use crate::page::Page;
use crate::street::Street;
use crate::town::Town;
use std::collections::BTreeMap;

/// Whose link leads to the wrong meter: that of the sixth flat instead of the fifth, and that of another house instead of the third.
const WRONG: [(usize, usize); 2] = [(4, 5), (2, 6)];

#[test]
fn a_round_is_paid_once_walked_without_a_network_and_told_as_a_file() {
    let Some((town, street)) = street(7, &WRONG) else { return };
    let browser = town.browser("manager");
    let page = at_houses(&town, &browser);
    // The seventh meter is not of this house.
    let house: String =
        file(&street, |at| format!("{}0.00", at + 1)).lines().take(7).map(|line| format!("{line}\n")).collect();
    import(&town, &page, "=house.csv", &house);
    page.says("preview-total", "210.00");
    pay(&page);
    assert_eq!(town.balance("provider:sandbox:clearing"), "210.00");
    counts(&page, 0, 0, 6);

    fly(&town, &page);
    page.read("offline");
    out_of_the_row(&town, &street, &page);
    passed_over(&street, &page);

    // What the residents' meters say comes to the station with the network.
    page.says("receipts-waiting", "4 receipts wait");
    assert_ne!(town.balance("sold_undelivered"), "0.00");
    land(&town, &page);
    page.until("!document.querySelector('[data-test=receipts-waiting]')");
    idle(&page);
    assert_eq!(street.applied(), [1, 1, 0, 1, 0, 1, 0]);
    told(&street, &result(&town, &browser, &page));
}

/// The first flat; the fourth by a scan; the sixth, taken for the fifth; and the second by the number on its label.
fn out_of_the_row(town: &Town, street: &Street, page: &Page) {
    next(page, street, 0);
    load(page);
    // The round ends here: the resident opens it.
    page.until("document.querySelector('[data-test=next]').dataset.valve === 'armed'");
    counts(page, 1, 0, 5);

    // A label is scanned out of the row.
    next(page, street, 1);
    page.press("scan");
    page.screen("scan");
    let picture = town.desk.path("label.bmp");
    camera::picture(&picture, Some(&format!("{}/m/{}", town.line.url(), street.label(3))));
    page.give_file("picture", &picture);
    page.screen("walk");
    counts(page, 2, 0, 4);
    idle(page);

    // Somebody stands at flat 6 and takes it for flat 5: it is loaded with its own, and told.
    next(page, street, 4);
    load(page);
    page.says("other-meter", "This was Flat 6, not Flat 5");
    counts(page, 3, 0, 3);

    // By the number on the label.
    page.press_selected("[data-test=number] summary");
    let mistyped = street.label(1).replace("101", "110");
    page.fill("label", &mistyped);
    page.press("load-number");
    page.until("document.querySelector('#label-wrong').innerText.includes('mistyped')");
    page.fill("label", &street.label(6));
    page.press("load-number");
    page.says("notice", &format!("The meter {} is not one of those", street.label(6)));
    page.fill("label", &street.label(1));
    page.press("load-number");
    counts(page, 4, 0, 2);
    idle(page);
}

/// What cannot be loaded: the third flat, where the meter of another house answers, and the fifth.
fn passed_over(street: &Street, page: &Page) {
    // At the third flat hangs the meter of another house.
    next(page, street, 2);
    load(page);
    page.says("notice", &format!("This phone holds nothing for the meter {}", street.label(6)));
    counts(page, 4, 0, 2);
    page.press("skip");
    page.press("skip-not-reachable");
    page.fill("note", "=HYPERLINK(\"http://x\")");
    page.press("skip-now");
    counts(page, 4, 1, 1);
    next(page, street, 4);
    page.press("skip");
    page.press("skip-now");
    counts(page, 4, 2, 0);
    page.read("walk-over");
    page.press_selected("[data-test=stops] summary");
    page.press_selected("[data-test=stop]:nth-child(5) [data-test=unskip]");
    counts(page, 4, 1, 1);
    page.press("skip");
    page.press("skip-other");
    page.fill("note", "a dog, \"large\"");
    page.press("skip-now");
    counts(page, 4, 2, 0);
}

/// The result as an accountant reads it.
fn told(street: &Street, rows: &[BTreeMap<String, String>]) {
    let cells = |column: &str| rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
    assert_eq!(cells("name"), ["Flat 1", "Flat 2", "Flat 3", "Flat 4", "Flat 5", "Flat 6"]);
    assert_eq!(cells("paid"), ["10.00", "20.00", "30.00", "40.00", "50.00", "60.00"]);
    assert_eq!(cells("outcome"), ["loaded", "loaded", "ready", "loaded", "ready", "loaded"]);
    assert_eq!(cells("loaded"), ["yes", "yes", "no", "yes", "no", "yes"]);
    assert_eq!(cells("skipped"), ["", "", "not-reachable", "", "other", ""]);
    assert_eq!(cells("note"), ["", "", "'=HYPERLINK(\"http://x\")", "", "a dog, \"large\"", ""]);
    assert_eq!(cells("currency"), ["EUR"; 6]);
    assert_eq!(cells("label"), (0..6).map(|at| street.label(at)).collect::<Vec<_>>());
    let units: Vec<u64> = cells("units").iter().map(|cell| cell.parse().unwrap()).collect();
    // 19 % are in what was paid: 10.00 is 8.40 and 1.60.
    assert_eq!(cells("tax")[0], "1.60");
    assert!(units.is_sorted() && units[0] > 0, "{units:?}");
    let receipts = cells("receipt");
    assert!([0, 1, 3, 5].iter().all(|at| receipts[*at].parse::<u32>().is_ok()), "{receipts:?}");
    assert!([2, 4].iter().all(|at| receipts[*at].is_empty()), "{receipts:?}");
}
