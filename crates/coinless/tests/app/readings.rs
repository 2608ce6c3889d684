//! Whoever lives with a meter reads it on a phone, after typing once the code on its display.

use crate::access::Axe;
use crate::page::{NARROW, PHONE, Page, named, quoted};
use crate::town::{GAS, Town};
use coinless_station::service::now_ms;
use serde_json::{Value, json};
use std::time::Duration;

/// Has the page's requests to paths that end with `end` answered with this JSON, from the next load on.
pub fn answered(page: &Page, end: &str, json: &Value) {
    let script = format!(
        "{{ const own = window.fetch;
        window.fetch = (url, ...rest) => new URL(url, location).pathname.endsWith({})
            ? Promise.resolve(new Response({}, {{ headers: {{ 'content-type': 'application/json' }} }}))
            : own(url, ...rest); }}",
        quoted(end),
        quoted(&json.to_string())
    );
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
}

impl Town {
    /// The page of the gas meter on a phone.
    pub fn at_gas(&self, page: &Page) {
        page.goto(&format!("{}/m/{}", self.line.url(), GAS.label));
        page.on(PHONE);
        page.screen("meter");
    }

    /// Shows what 20.00 of gas come to.
    pub fn quote_gas(&self, page: &Page) {
        self.at_gas(page);
        page.press_selected(".chip:nth-child(3)");
        page.press("quote");
        page.screen("quote");
    }

    /// Buys 20.00 of gas, which stays on the phone.
    pub fn buy_gas(&self, page: &Page) {
        self.quote_gas(page);
        page.press("pay");
        page.screen("order");
        page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
        page.rests();
    }

    /// Buys 20.00 of gas and loads it at once.
    pub fn load_gas(&self, page: &Page) {
        self.quote_gas(page);
        page.press("connect");
        page.read("reached");
        page.press("pay");
        page.screen("order");
        page.until("document.querySelector('[data-test=delivery]')?.dataset.outcome === 'applied'");
        page.until("document.querySelector('[data-step=loaded]').dataset.state === 'yes'");
        page.until("document.querySelector('main').getAttribute('aria-busy') === 'false'");
    }

    /// Presses the gas meter's button; gives the code that its display shows then.
    fn code(&mut self) -> String {
        self.meters[0].control("open", "open").unwrap();
        self.display(0)["owner_code"].as_str().unwrap().to_owned()
    }
}

/// Types the code of the meter whose page is shown, and sends it.
pub fn type_code(page: &Page, code: &str) {
    page.until(&format!(
        "(() => {{ const ask = document.querySelector({}); if (ask) ask.open = true; return !!ask; }})()",
        quoted(&named("readings-ask"))
    ));
    page.fill("readings-code", code);
    page.press("readings-open");
}

fn wrong(code: &str) -> &'static str {
    if code.starts_with('0') { "1234 5678" } else { "0123-4567" }
}

#[test]
fn whoever_types_the_code_of_the_display_sees_balance_use_and_alarms() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    page.at_midday();
    town.load_gas(&page);
    let code = town.code();
    town.at_gas(&page);
    type_code(&page, "123");
    page.says("code-wrong", "eight digits");
    type_code(&page, wrong(&code));
    page.says("code-wrong", "4 more tries");
    // As the display has it, in two groups.
    type_code(&page, &format!("{} {}", &code[..4], &code[4..]));
    let balance = page.read("balance");
    let shown = town.display(0);
    let number = balance.split('\u{a0}').next().unwrap();
    let fine: i64 = number.replace(['.', ','], "").parse::<i64>().unwrap() * 1000;
    assert_eq!(fine, shown["balance_fine"].as_i64().unwrap() / 1000 * 1000, "{balance} {shown}");
    page.says("lasts", "not known yet");
    page.read("read-at");

    // What the meter says at the next loading comes by its receipt alone.
    town.meters[0].control("consume 3m3", "consumed").unwrap();
    town.meters[0].control("raise tamper", "technician").unwrap();
    town.load_gas(&page);
    town.at_gas(&page);
    page.says("alarms", "technician");
    page.press_selected(&format!("{} summary", named("chart-table")));
    page.says("chart-table", "3.000\u{a0}m³");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=chart] rect').length"), 1);
    assert_eq!(Axe::new(&town.tools).complaints(&page), Vec::<String>::new());

    // Without a network there is what was told last.
    town.line.cut();
    let balance = page.read("balance");
    town.at_gas_offline(&page);
    assert_eq!(page.read("balance"), balance);
}

impl Town {
    /// The same page while the station is out of reach: the app goes there by itself.
    fn at_gas_offline(&self, page: &Page) {
        page.press("home");
        page.screen("home");
        page.evaluate(&format!(
            "history.pushState(null, '', '/m/{}'); dispatchEvent(new PopStateEvent('popstate'))",
            GAS.label
        ));
        page.screen("meter");
    }
}

/// Waits for the next hour of UTC, by which wrong codes are counted, if this one is about to end.
fn with_time_left_in_the_hour() {
    let left = Duration::from_millis(3_600_000 - now_ms() as u64 % 3_600_000);
    if left < Duration::from_secs(60) {
        std::thread::sleep(left);
    }
}

#[test]
fn too_many_wrong_codes_are_told_with_when_to_try_again_and_a_new_tenant_types_a_new_one() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let (first, second) = (town.browser("first"), town.browser("second"));
    let page = first.open(&town.line.url());
    town.load_gas(&page);
    let code = town.code();
    town.at_gas(&page);
    type_code(&page, &code);
    page.read("balance");

    let stranger = second.open(&town.line.url());
    town.at_gas(&stranger);
    with_time_left_in_the_hour();
    for words in ["4 more", "3 more", "2 more", "One more", "no more tries"] {
        type_code(&stranger, wrong(&code));
        stranger.says("code-wrong", words);
    }
    type_code(&stranger, &code);
    // The next full hour, as the phone writes it.
    let next = "new Intl.DateTimeFormat('en', { timeStyle: 'short' }).format(Math.ceil(Date.now() / 36e5) * 36e5)";
    let next = stranger.evaluate(next);
    stranger.says("code-wrong", next.as_str().unwrap());
    // Wrong codes of others take nothing from whoever has earned the readings.
    town.at_gas(&page);
    page.read("balance");

    let mut command = town.desk.command(&["station", "tenant-change", GAS.label, "--operator", "oscar"]);
    command.args(["--customer", "Grace Hopper", "--data"]).arg(town.desk.path("station"));
    town.desk.run_command(command).unwrap();
    town.at_gas(&page);
    page.says("readings-ended", "type the code anew");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=balance]').length"), 0, "nothing of it stays");
}

#[test]
fn a_new_tenant_loads_something_first() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.load_gas(&page);
    let mut command = town.desk.command(&["station", "tenant-change", GAS.label, "--operator", "oscar"]);
    command.args(["--customer", "Grace Hopper", "--data"]).arg(town.desk.path("station"));
    town.desk.run_command(command).unwrap();
    let code = town.code();
    town.at_gas(&page);
    page.says("masked", "G****");
    type_code(&page, &code);
    page.says("code-wrong", "Load something first");
    town.load_gas(&page);
    let code = town.code();
    town.at_gas(&page);
    type_code(&page, &code);
    page.read("balance");
}

/// Two weeks as a station tells them.
pub fn weeks() -> Value {
    let days: Vec<Value> = (1..=14)
        .map(|day| json!({ "day": format!("2026-11-{day:02}"), "used": format!("{}.500 m³", day % 4), "used_fine": (day % 4) * 1_000_000 + 500_000, "estimated": day % 5 == 0 }))
        .collect();
    let last = json!({
        "receipt": 41, "at_ms": 1_794_600_000_000_u64, "balance": "17.250 m³", "balance_fine": 17_250_000, "consumed_fine": 0,
        "valve": "shut", "causes": ["flow", "something_new"], "alarms": ["low_credit", "something_new"],
    });
    json!({ "meter": GAS.id, "label": GAS.label, "commodity": "gas", "last": last, "days": days, "mean": "1.982 m³", "mean_fine": 1_982_000, "days_left": 8 })
}

#[test]
fn two_weeks_are_a_chart_and_a_table_on_the_narrowest_screen() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    answered(&page, "/readers", &json!({ "meter": GAS.id, "earned_ms": 1 }));
    answered(&page, "/readings", &weeks());
    town.at_gas(&page);
    page.on(NARROW);
    type_code(&page, "٠١٢٣٤٥٦٧");
    page.says("lasts", "lasts 8 more days");
    page.says("balance", "17.250\u{a0}m³");
    page.says("alarms", "Buy soon");
    page.says("alarms", "Look for a leak");
    page.says("alarms", "does not know");
    page.says("alarms", "for another reason");
    let chart = |look: &str| page.evaluate(&format!("document.querySelector('[data-test=chart]'){look}"));
    assert_eq!(chart(".querySelectorAll('rect').length"), 14);
    assert_eq!(chart(".querySelectorAll('rect.estimated').length"), 2);
    let label = chart(".getAttribute('aria-label')");
    assert!(label.as_str().unwrap().contains("3.500\u{a0}m³"), "{label}");
    page.press_selected(&format!("{} summary", named("chart-table")));
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=chart-table] tbody tr').length"), 14);
    assert!(!page.is_too_wide());
    assert_eq!(Axe::new(&town.tools).complaints(&page), Vec::<String>::new());
}

#[test]
fn up_to_a_target_a_round_buys_what_is_missing_in_the_last_reading() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.load_gas(&page);
    let file = town.desk.path("house.csv");
    std::fs::write(&file, format!("meter,flat\n{},1\n", GAS.label)).unwrap();
    let planned = |words: &str| {
        page.press("nav-house");
        page.screen("house");
        page.press("way-target");
        page.until("document.querySelector('[name=one]')");
        page.evaluate(
            "(() => { const field = document.querySelector('[name=one]');
                field.value = '40m3'; field.dispatchEvent(new Event('input', { bubbles: true })); })()",
        );
        page.says("preview", words);
    };
    page.press("nav-house");
    page.screen("house");
    page.give_file("import", &file);
    page.read("preview");
    // Its page says what it measures, and its balance to whoever has typed the code.
    let code = town.code();
    town.at_gas(&page);
    planned("its balance is not known here");
    town.at_gas(&page);
    type_code(&page, &code);
    page.read("balance");
    let fine = town.display(0)["balance_fine"].as_i64().unwrap();
    let missing = 40_000 - fine.div_euclid(1000);
    let missing = format!("{}.{:03}", missing / 1000, missing % 1000);
    planned(&format!("{}m3", missing.trim_end_matches('0')));
}
