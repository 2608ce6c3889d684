//! What a phone keeps: whatever version of the app wrote it, and as long as the browser lets it.

use crate::browser::Browser;
use crate::page::{PHONE, Page};
use crate::town::{GAS, Town};
use serde_json::{Value, json};

/// Records as the first version of the app wrote them.
const OLDEST_ORDER: &str =
    include_str!("../../../phone/tests/store-format-1/order-01900000-0000-7000-8000-000000000001.json");
const OLDEST_TOKEN: &str = include_str!("../../../phone/tests/store-format-1/token-CLS0000000017-26361a84-0-7.json");
const OLDEST_METER: &str = include_str!("../../../phone/tests/store-format-1/meter-CLS0000000017-Z.json");

/// The database as version `VERSION` of its tables has it, with these rows, or what is in it if there are none.
const DATABASE: &str = "new Promise((done, failed) => {
    const opening = indexedDB.open('coinless', VERSION);
    opening.onerror = () => failed(opening.error);
    opening.onupgradeneeded = event => {
        if (event.oldVersion < 1) ['records', 'tabs'].forEach(name => opening.result.createObjectStore(name));
    };
    opening.onsuccess = () => {
        const database = opening.result, all = {};
        const transaction = database.transaction(['records', 'tabs'], 'readwrite');
        for (const [name, text] of ROWS) transaction.objectStore('records').put(text, name);
        for (const store of ['records', 'tabs']) {
            transaction.objectStore(store).openCursor().onsuccess = ({ target: { result: row } }) => {
                if (row) { all[`${store} ${row.key}`] = row.value; row.continue(); }
            };
        }
        transaction.oncomplete = () => { database.close(); done({ version: database.version, all }); };
        transaction.onabort = () => failed(transaction.error);
    };
})";
/// Notes what is asked of the browser and of the station; the browser's answer about the store is `ANSWER`.
const NOTES: &str =
    "window.asked = []; const send = fetch, persist = navigator.storage.persist.bind(navigator.storage);
    navigator.storage.persist = () => { window.asked.push('persist'); return ANSWER; };
    window.fetch = (url, init) => { if (init?.method === 'PUT') window.asked.push(url); return send(url, init); };";
const LOADED: &str = "document.querySelector('[data-step=loaded]').dataset.state === 'yes'";

/// What the JSON of a record says with some of its values replaced: it has the names that the first version gave it, and no others.
fn with(record: &str, values: &[(&str, Value)]) -> String {
    let json = record.lines().next().unwrap();
    let mut record: Value = serde_json::from_str(json).unwrap();
    for (pointer, value) in values {
        *record.pointer_mut(&format!("/record/{pointer}")).unwrap() = value.clone();
    }
    record.to_string()
}

/// Puts rows into the phone's database of this version, without the app; gives its version and all that is in it then.
fn database(page: &Page, version: u32, rows: &[(String, String)]) -> Value {
    page.evaluate(&DATABASE.replace("VERSION", &version.to_string()).replace("ROWS", &json!(rows).to_string()))
}

/// A page of the station's that is not the app.
fn outside(town: &Town, browser: &Browser) -> Page {
    let page = browser.open(&format!("{}/v1/app", town.line.url()));
    page.on(PHONE);
    page
}

/// The rows of a phone that has bought for the gas meter and not loaded it, as the first version wrote them; and the order's id.
fn oldest_rows(town: &Town) -> (Vec<(String, String)>, String) {
    let line = format!("{}=20.00", GAS.label);
    let words = ["--station", &town.line.url(), &line];
    let bought = town.desk.phone("seller", "buy", &words).unwrap().remove(0);
    let id = bought["order"].as_str().unwrap().to_owned();
    let folder = std::fs::read_dir(town.desk.path("seller")).unwrap();
    let names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let one = |kind: &str| {
        let name = names.iter().find(|name| name.starts_with(kind)).unwrap();
        let text = std::fs::read_to_string(town.desk.path("seller").join(name)).unwrap();
        let json: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        (name.strip_suffix(".json").unwrap().to_owned(), json["record"].clone())
    };
    let ((order_name, order), (token_name, token)) = (one("order-"), one("token-"));
    let station = ("station", town.line.url().into());
    let order_row = with(
        OLDEST_ORDER,
        &[
            station.clone(),
            ("id", order["id"].clone()),
            ("request", json!({ "lines": [{ "meter": GAS.label, "amount": "20.00", "immediate": false }] })),
            ("view/id", order["id"].clone()),
            ("view/version", order["view"]["version"].clone()),
            ("view/total", "20.00".into()),
            ("view/lines/0/amount", "20.00".into()),
            ("view/lines/0/quote", order["view"]["lines"][0]["quote"].clone()),
            ("view/lines/0/token", token["token"].clone()),
            ("meters/0/public_key", order["meters"][0]["public_key"].clone()),
        ],
    );
    let token_row =
        with(OLDEST_TOKEN, &[station.clone(), ("order", order["id"].clone()), ("token", token["token"].clone())]);
    let meter_row = with(OLDEST_METER, &[station]);
    let rows = [(order_name, order_row), (token_name, token_row), (format!("meter-{}", GAS.label), meter_row)];
    (rows.to_vec(), id)
}

#[test]
fn tokens_that_the_first_version_stored_are_loaded_by_this_one() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let (rows, id) = oldest_rows(&town);
    let browser = town.browser("phone");
    let page = outside(&town, &browser);
    database(&page, 1, &rows);
    page.goto(&format!("{}/s/settings", town.line.url()));
    page.screen("settings");
    page.says("stays", "purchase's link");
    assert!(!page.text().contains("cannot be read"), "{}", page.text());
    page.press("nav-list");
    page.screen("list");
    assert!(page.text().contains("Kitchen"), "{}", page.text());
    page.start(&format!("{}/o/{id}", town.line.url()));
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    assert_eq!(town.display(0)["total_units"], 0);
    // Without a network what is on the phone must do.
    town.line.cut();
    page.press("load");
    page.until(LOADED);
    assert!(town.display(0)["total_units"].as_u64().unwrap() > 0);
}

#[test]
fn a_store_of_a_newer_version_is_left_alone_and_said_so() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let (rows, id) = oldest_rows(&town);
    let browser = town.browser("phone");
    let page = outside(&town, &browser);
    let before = database(&page, 2, &rows);
    assert_eq!(before["version"], 2);
    page.goto(&format!("{}/o/{id}", town.line.url()));
    let said = page.until("document.body.innerText.includes('A newer version of this app') && document.body.innerText");
    assert!(said.as_str().unwrap().contains("Nothing was changed"), "{said}");
    page.goto(&format!("{}/v1/app", town.line.url()));
    assert_eq!(database(&page, 2, &[]), before);
}

#[test]
fn a_record_of_a_newer_version_is_left_alone_and_said_so() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let (mut rows, id) = oldest_rows(&town);
    let newer = json!({ "format": 2, "record": { "what": "nobody knows yet" } }).to_string();
    rows[1].1.clone_from(&newer);
    let browser = town.browser("phone");
    let page = outside(&town, &browser);
    database(&page, 1, &rows);
    page.goto(&format!("{}/s/settings", town.line.url()));
    page.until("document.querySelector('main').innerText.includes('One record cannot be read')");
    page.goto(&format!("{}/o/{id}", town.line.url()));
    page.read("verdict");
    page.goto(&format!("{}/v1/app", town.line.url()));
    let after = database(&page, 1, &[]);
    assert_eq!(after["all"][format!("records {}", rows[1].0)], newer);
}

/// Buys in a browser that answers so whether the store stays; it is asked before the station is.
fn bought(town: &Town, browser: &Browser, answer: &str) -> Page {
    let page = outside(town, browser);
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": NOTES.replace("ANSWER", answer) }));
    town.buy_gas(&page);
    let asked = page.evaluate("window.asked");
    let asked: Vec<_> = asked.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(asked[0], "persist", "{asked:?}");
    assert!(asked[1].starts_with("/v1/orders/"), "{asked:?}");
    page
}

#[test]
fn the_browser_is_asked_to_keep_the_store_before_the_first_purchase() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let grant = json!({ "permissions": ["durableStorage"], "origin": town.line.url() });
    browser.wire.call(None, "Browser.grantPermissions", grant).unwrap();
    let page = bought(&town, &browser, "persist()");
    assert_eq!(page.evaluate("navigator.storage.persisted()"), true);
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=may-go]').length"), 0);
    page.press("settings");
    page.says("stays", "has promised to keep it");
}

#[test]
fn a_browser_that_does_not_promise_to_keep_it_is_no_reason_not_to_buy() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = bought(&town, &browser, "Promise.resolve(false)");
    page.says("may-go", "keep the link of this purchase");
    // What is in the meter needs no keeping.
    page.press("load");
    page.until(LOADED);
    page.until("!document.querySelector('[data-test=may-go]')");
    page.press("settings");
    page.says("stays", "may throw it away");
}

#[test]
fn a_page_that_is_left_while_it_opens_the_store_does_not_hold_it() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.tab();
    // On a slow disk making the tables takes a while: here, until the page has ended.
    let slow = "if (location.pathname === '/') {
        const own = IDBFactory.prototype.open;
        IDBFactory.prototype.open = function (...given) {
            const opening = own.apply(this, given);
            opening.addEventListener('upgradeneeded', () => {
                const table = opening.result.createObjectStore('slow');
                const again = () => { table.get(0).onsuccess = again; };
                again();
                document.body.dataset.making = true;
            });
            return opening;
        };
    }";
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": slow }));
    page.goto(&town.line.url());
    page.until("document.body.dataset.making");
    town.at_gas(&page);
    let names = page.evaluate("indexedDB.databases().then(all => all.map(({ name, version }) => [name, version]))");
    assert_eq!(names, json!([["coinless", 1]]));
}
