//! A round that two phones share, and that a third takes over.

use super::{at_houses, counts, file, fly, idle, import, land, load, pay, result, street};
use crate::page::{PHONE, Page};

/// The link that the walk offers to another phone: the whole round, or a half.
fn link(page: &Page, selector: &str) -> String {
    let link = page.until(&format!("document.querySelector('[data-test=split] {selector}').dataset.text"));
    link.as_str().unwrap().to_owned()
}

fn sync(page: &Page) {
    idle(page);
    page.press("sync");
    idle(page);
}

#[test]
fn two_phones_share_a_round_and_a_third_takes_it_over() {
    let Some((town, street)) = street(4, &[]) else { return };
    let phones = ["manager", "caretaker", "other"].map(|name| town.browser(name));
    let manager = at_houses(&town, &phones[0]);
    let house = file(&street, |_| "20.00".into());
    import(&town, &manager, "house.csv", &house);
    pay(&manager);
    manager.press_selected("[data-test=split] summary");
    let whole = link(&manager, "> [data-text]");
    let halves = [1, 2].map(|half| link(&manager, &format!("[data-test=half]:nth-child({half}) [data-text]")));

    // The caretaker's phone has the names of the flats from the same file.
    let caretaker = at_houses(&town, &phones[1]);
    import(&town, &caretaker, "house.csv", &house);
    let other = phones[2].open(&whole);
    other.on(PHONE);
    for (page, link) in [(&manager, &halves[0]), (&caretaker, &halves[1])] {
        page.goto(link);
        page.screen("walk");
        counts(page, 0, 0, 2);
        idle(page);
    }
    counts(&other, 0, 0, 4);
    idle(&other);
    caretaker.says("next-stop", "Flat 3");
    // A phone without the file knows its label.
    other.says("next-stop", &street.label(0));

    let pages = [&manager, &caretaker, &other];
    pages.into_iter().for_each(|page| fly(&town, page));
    load(&manager);
    counts(&manager, 1, 0, 1);
    load(&manager);
    manager.read("walk-over");
    load(&caretaker);
    caretaker.says("next-stop", "Flat 4");
    caretaker.press("skip");
    caretaker.fill("note", "dog");
    caretaker.press("skip-now");
    counts(&caretaker, 1, 1, 0);
    // The third phone knows nothing of all that, and stands at the first flat again: its meter gives the same receipt.
    load(&other);
    counts(&other, 1, 0, 3);
    assert_eq!(street.applied(), [1, 1, 1, 0]);

    pages.into_iter().for_each(|page| land(&town, page));
    for page in pages {
        page.until("!document.querySelector('[data-test=receipts-waiting]')");
    }
    pages.into_iter().for_each(sync);
    counts(&other, 3, 0, 1);
    load(&other);
    counts(&other, 4, 0, 0);
    idle(&other);
    other.until("!document.querySelector('[data-test=receipts-waiting]')");
    assert_eq!(street.applied(), [1; 4]);

    // The manager's phone walks a half, and its result tells what all have done.
    sync(&manager);
    manager.press_selected("[data-test=split] summary");
    manager.press("take-all");
    counts(&manager, 4, 0, 0);
    let rows = result(&town, &phones[0], &manager);
    assert!(rows.iter().all(|row| row["outcome"] == "loaded" && row["paid"] == "20.00"), "{rows:?}");
    assert_eq!(town.balance("provider:sandbox:clearing"), "80.00");
    assert_eq!(town.balance("sold_undelivered"), "0.00");
    // What the caretaker noted of the flat is in the caretaker's own until somebody has loaded it.
    sync(&caretaker);
    let rows = result(&town, &phones[1], &caretaker);
    assert!(rows.iter().all(|row| row["outcome"] == "loaded" && row["skipped"].is_empty()), "{rows:?}");
}
