//! A house from a file, and what each of its meters is to get.

use super::{at_houses, choose, file, idle, import, street};
use crate::page::Page;

/// What the preview says of each meter.
fn shown(page: &Page) -> String {
    let shown = page.evaluate("[...document.querySelectorAll('[data-test=row] td')].map(cell => (cell.querySelector('input') || cell).value ?? cell.innerText).join('|')");
    shown.as_str().unwrap().to_owned()
}

fn total(page: &Page, total: &str) {
    page.says("preview-total", total);
}

#[test]
fn mistakes_of_a_file_are_told_line_by_line_and_change_nothing() {
    let Some((town, street)) = street(3, &[]) else { return };
    let browser = town.browser("phone");
    let page = at_houses(&town, &browser);
    let good = file(&street, |_| "20".into());
    import(&town, &page, "house.csv", &good);
    total(&page, "60");
    let twice =
        format!("{good}{},x,,,5\n,y,,,5\nCLS0000000017-K,z,,,5\n{}9,q,,some,5\n", street.label(0), street.label(1));
    choose(&town, &page, "house.csv", twice);
    let told = page.read("mistakes");
    let parts = [
        "Line 5: the meter",
        "is on line 2 too",
        "Line 6: the number of the meter is missing",
        "Line 7: CLS0000000017-K: One",
    ];
    for part in parts {
        assert!(told.contains(part), "{told}");
    }
    page.says("notice", "Nothing was changed");
    total(&page, "60");
    for (text, words) in [("", "no meters"), ("flat,amount\n1,5\n", "name a column meter"), ("meter\n", "no meters")] {
        choose(&town, &page, "house.csv", text);
        page.says("mistakes", words);
    }
    choose(&town, &page, "house.csv", format!("{good}{}", "x,\"\n").as_bytes());
    page.says("mistakes", "Line 5: a quotation mark");
    choose(&town, &page, "house.csv", b"meter,flat\nCLS0000000017-Z,M\xfcller\n");
    page.says("mistakes", "Line 2: the letters");
    total(&page, "60");

    // The file is the house: who is not in it any more gets nothing any more.
    let smaller: String = good.lines().take(3).map(|line| format!("{line}\n")).collect();
    // All of that or nothing.
    let stuck = "IDBObjectStore.prototype.delete = () => { throw new Error('it is stuck'); }; null";
    page.evaluate(stuck);
    choose(&town, &page, "house.csv", smaller.replace(",20", ",25"));
    page.says("notice", "could not write");
    total(&page, "60");
    page.reload();
    page.screen("house");
    total(&page, "60");
    choose(&town, &page, "house.csv", smaller);
    page.says("notice", "Meters in this house: 2. Not in the file any more, so taken off the house: 1.");
    total(&page, "40");
    page.reload();
    page.screen("house");
    total(&page, "40");
}

#[test]
fn sums_by_hand_the_same_by_shares_and_pasted() {
    let Some((town, street)) = street(4, &[]) else { return };
    let browser = town.browser("phone");
    let page = at_houses(&town, &browser);
    import(&town, &page, "house.csv", &file(&street, |_| String::new()));
    page.press("way-same");
    page.fill("one", "12,50");
    total(&page, "50.00");
    page.fill("one", "1,250");
    page.says("preview-count", "0 meters");
    page.press("quote");
    page.says("notice", "Write a sum");
    page.fill("one", "5m3");
    page.says("preview-count", "4 meters");
    total(&page, "0");

    // 1, 2, 3 and 1 persons.
    page.press("way-share");
    page.fill("one", "7.50");
    total(&page, "52.50");
    assert_eq!(shown(&page), "7.50|15.00|22.50|7.50");

    page.press("way-each");
    page.fill("paste", "20,50\n\n30\n5m3");
    page.press_selected("h1");
    total(&page, "50.50");
    assert_eq!(shown(&page), "20,50||30|5m3");
    let pasted = [
        (format!("{} 1\nCLS0000000017-Z 2\n", street.label(0)), "not in this house: CLS0000000017-Z"),
        ("Sum\n1\n2\n3\n4\n".to_owned(), "neither a label with a sum nor a sum, or there are too many: 1, 5"),
        ("1\n2\n3\n1,000\n".to_owned(), "too many: 4"),
    ];
    for (text, words) in pasted {
        page.fill("paste", &text);
        page.press_selected("h1");
        page.says("notice", words);
        assert_eq!(shown(&page), "20,50||30|5m3");
    }
    page.fill("paste", &format!("{}\t1\n{}\t2,5\n", street.label(3), street.label(1)));
    page.press_selected("h1");
    total(&page, "54.00");

    // By hand, from field to field: the next one stays where it is.
    page.press_selected("[data-test=row]:nth-child(2) input");
    page.evaluate("document.activeElement.select()");
    page.type_text("3");
    page.tab_on();
    page.type_text("40");
    page.tab_on();
    total(&page, "64.50");
    assert_eq!(shown(&page), "20,50|3|40|1");
    page.press_selected("[data-test=row]:nth-child(3) input");
    page.evaluate("document.activeElement.select()");
    page.type_text("much");
    page.tab_on();
    page.press("quote");
    page.says("notice", &format!("Nothing can be bought for {}", street.label(2)));
    idle(&page);
}
