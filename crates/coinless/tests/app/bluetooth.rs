//! The app and meters over Bluetooth: the browser's own Bluetooth, on a fake of BlueZ.

use crate::browser::Browser;
use crate::page::{PHONE, Page, quoted};
use crate::town::{GAS, Known, Town};
use coinless_sim::desk::Running;
use coinless_sim::fake_bluez::{FakeBluez, SHORTEST_MTU, USUAL_MTU};
use coinless_sim::family::{POWER, WATER};
use coinless_sim::line::Cut;
use serde_json::{Value, json};

/// Whether the order's screen says that the meter's receipt shows the credit.
pub const LOADED: &str = "document.querySelector('[data-step=loaded]').dataset.state === 'yes'";
/// The same for: it is on this phone.
pub const HERE: &str = "document.querySelector('[data-step=here]').dataset.state === 'yes'";
/// Resolves when nothing is under way; to whether all is loaded.
pub const ENDED: &str = "document.querySelector('main').getAttribute('aria-busy') === 'false'
    && { loaded: document.querySelector('[data-step=loaded]').dataset.state === 'yes' }";
/// Notes what the app asks the browser's chooser for, and asks.
const LISTEN: &str = "window.asked = []; const request = navigator.bluetooth.requestDevice.bind(navigator.bluetooth);
    navigator.bluetooth.requestDevice = options => { window.asked.push(options); return request(options); }; 0";
/// More messages than one delivery has.
const MOST_WRITES: usize = 16;

/// A town with meters that have Bluetooth alone, a browser, and the air between them.
struct Air {
    town: Town,
    meters: Vec<Running>,
    browser: Browser,
    bluez: FakeBluez,
}

impl Air {
    fn new(mtu: u16, meters: &[Known]) -> Option<Self> {
        let mut town = Town::with(&[])?;
        let bluez = FakeBluez::start(mtu).unwrap();
        town.tools.bus = Some(bluez.address().to_owned());
        let start = |known: &Known| {
            town.desk.new_meter_of(known.utility, known.id, known.commodity).unwrap();
            let mut command = town.desk.bluez_meter_command(known.id, bluez.address());
            command.arg("--mains");
            town.desk.start(command).unwrap()
        };
        let meters = meters.iter().map(start).collect();
        let browser = town.browser_with("phone", &["--enable-features=WebBluetooth".into()]);
        Some(Self { town, meters, browser, bluez })
    }

    fn page(&self) -> Page {
        let page = self.browser.tab();
        page.call("DeviceAccess.enable", json!({}));
        page.on(PHONE);
        page.start(&self.town.line.url());
        page
    }

    /// Shows what 20 buys.
    fn quote(&self, page: &Page) {
        page.find_meter(GAS.label);
        page.press_selected(".chip:nth-child(3)");
        page.press("quote");
        page.screen("quote");
        page.says("total", "20.00");
    }

    /// Waits until the browser's chooser, which came up after `from`, shows these meters; gives its id and the meters' ids
    /// there. It has never shown another.
    fn offers(&self, from: usize, meters: &[Known]) -> (Value, Vec<Value>) {
        let mut strangers = Vec::new();
        let found = self.browser.wire.event(from, |event| {
            if event.method != "DeviceAccess.deviceRequestPrompted" {
                return None;
            }
            let devices = event.params["devices"].as_array()?;
            let is_one = |device: &&Value| meters.iter().any(|known| device["name"] == known.id);
            strangers.extend(devices.iter().filter(|device| !is_one(device)).cloned());
            let id_of = |known: &Known| devices.iter().find(|device| device["name"] == known.id);
            let ids: Option<Vec<_>> =
                meters.iter().map(|known| id_of(known).map(|found| found["id"].clone())).collect();
            ids.map(|ids| (event.params["id"].clone(), ids))
        });
        assert!(strangers.is_empty(), "{strangers:?}");
        found.expect("the browser asks which meter")
    }

    /// Presses what has the test name `test`, and picks the first of `meters`, which are all that the chooser shows.
    fn pick(&self, page: &Page, test: &str, meters: &[Known]) {
        let from = self.browser.wire.now();
        page.press(test);
        let (prompt, devices) = self.offers(from, meters);
        page.call("DeviceAccess.selectPrompt", json!({ "id": prompt, "deviceId": devices[0] }));
    }

    /// What was sold to a meter, as it says.
    fn total(&mut self, meter: usize) -> u64 {
        self.meters[meter].control("show", "show").unwrap()["total_units"].as_u64().unwrap()
    }
}

#[test]
fn paid_and_loaded_over_bluetooth() {
    for mtu in [SHORTEST_MTU, USUAL_MTU] {
        let Some(mut air) = Air::new(mtu, &[GAS]) else { return };
        let page = air.page();
        air.quote(&page);
        air.pick(&page, "connect", &[GAS]);
        page.read("reached");
        assert_eq!(air.total(0), 0, "paid is not loaded");
        page.press("pay");
        page.screen("order");
        page.until(LOADED);
        assert!(air.total(0) > 0);
    }
}

#[test]
fn a_link_that_is_lost_while_paying_is_made_anew() {
    let Some(mut air) = Air::new(USUAL_MTU, &[GAS]) else { return };
    let page = air.page();
    air.quote(&page);
    air.pick(&page, "connect", &[GAS]);
    page.read("reached");
    air.bluez.lose_links();
    page.press("pay");
    page.screen("order");
    page.until(LOADED);
    assert!(air.total(0) > 0);
}

/// Whichever message of a delivery is the one in which the link breaks, and whether the meter has it or not: the person is told
/// that nothing is lost, does the same again, and the credit is in the meter once.
#[test]
fn a_link_that_is_lost_in_a_write_is_picked_up_again() {
    let Some(mut air) = Air::new(USUAL_MTU, &[GAS]) else { return };
    let page = air.page();
    let (mut each, mut broken) = (None, 0);
    for (round, (nth, how)) in (0..MOST_WRITES).flat_map(|nth| [(nth, Cut::Before), (nth, Cut::After)]).enumerate() {
        air.quote(&page);
        page.press("pay");
        page.screen("order");
        page.until(HERE);
        let before = air.total(0);
        air.bluez.lose_link_at_write(nth, how);
        air.pick(&page, "load", &[GAS]);
        let loaded = page.until(ENDED)["loaded"] == true;
        let got_through = air.bluez.keep_links();
        assert!(loaded || !got_through, "nothing broke, and it is not loaded");
        if !loaded {
            broken += 1;
            assert!(page.text().contains("do the same again"), "{}", page.text());
            air.pick(&page, "load", &[GAS]);
            page.until(LOADED);
        }
        let loaded = air.total(0) - before;
        assert_eq!(loaded, *each.get_or_insert(loaded), "in round {round}");
        assert!(loaded > 0);
        if got_through {
            assert!(broken >= 4, "the link broke before the token and with it: {broken}");
            return;
        }
    }
    panic!("a delivery has more than {MOST_WRITES} messages");
}

#[test]
fn the_chooser_shows_the_meters_of_the_round_and_no_others() {
    let Some(mut air) = Air::new(USUAL_MTU, &[POWER, WATER, GAS]) else { return };
    let words = ["--station", &air.town.line.url(), &format!("{}=10.00", GAS.label), &format!("{}=10.00", POWER.label)];
    let bought = air.town.desk.phone("other", "buy", &words).unwrap().remove(0);
    let order = bought["order"].as_str().unwrap().to_owned();
    let page = air.page();
    page.evaluate(&format!(
        "history.pushState(null, '', '/s/walk/{order}'); dispatchEvent(new PopStateEvent('popstate'))"
    ));
    page.until("document.querySelector('[data-test=counts]').dataset.left === '2'");
    page.rests();
    page.evaluate(LISTEN);
    // All three are in reach: whoever asks for any meter is shown them.
    let service = quoted("8df804b7-3300-496d-9dfa-f8fb40a236bc");
    let from = air.browser.wire.now();
    page.evaluate(&format!(
        "navigator.bluetooth.requestDevice({{ filters: [{{ services: [{service}] }}] }}).catch(() => 0); 0"
    ));
    let (prompt, _) = air.offers(from, &[POWER, WATER, GAS]);
    page.call("DeviceAccess.cancelPrompt", json!({ "id": prompt }));
    // The meter at hand may be any of the round; it is not the next one.
    let next = page.until("document.querySelector('[data-test=next-stop]').dataset.meter");
    assert_eq!(next, GAS.id);
    air.pick(&page, "load", &[POWER, GAS]);
    page.until("document.querySelector('[data-test=counts]').dataset.done === '1'");
    assert!(air.total(0) > 0);
    assert_eq!((air.total(1), air.total(2)), (0, 0));
    // What is loaded is not offered any more.
    air.pick(&page, "load", &[GAS]);
    page.until("document.querySelector('[data-test=counts]').dataset.done === '2'");
    assert!(air.total(2) > 0);
    let named = |known: &Known| json!({ "services": ["8df804b7-3300-496d-9dfa-f8fb40a236bc"], "name": known.id });
    let asked = page.evaluate("window.asked.slice(1)");
    assert_eq!(asked, json!([{ "filters": [named(&GAS), named(&POWER)] }, { "filters": [named(&GAS)] }]));
}

#[test]
fn who_picks_no_meter_is_told_that_nothing_was_done() {
    let Some(mut air) = Air::new(USUAL_MTU, &[GAS]) else { return };
    let page = air.page();
    air.quote(&page);
    let from = air.browser.wire.now();
    page.press("connect");
    let (prompt, _) = air.offers(from, &[GAS]);
    page.call("DeviceAccess.cancelPrompt", json!({ "id": prompt }));
    page.says("not-reached", "nothing is paid. No meter was chosen");
    assert_eq!(air.total(0), 0);
}
