//! When something does not work: each trouble has words and a next step.

use crate::page::{PHONE, named};
use crate::town::{GAS, Town};
use coinless_phone::outcome::Standing;
use coinless_phone::readings::{ALARMS, CAUSES};
use coinless_phone::trouble::refusal_name;
use coinless_protocol::problem::Refusal;
use coinless_sim::line::Cut;
use coinless_station::problem::Code;
use serde_json::json;

/// The messages in English, by their ids.
const ENGLISH: &str = include_str!("../../../../app/messages/en.ftl");

#[test]
fn every_cause_has_words() {
    let ids: Vec<&str> = ENGLISH.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id).collect();
    let dashed = |kind: &str, name: &str| format!("{kind}-{}", name.replace('_', "-"));
    let codes = Code::ALL.into_iter().map(|code| dashed("problem", code.name()));
    // What providers and the counter's clients are told.
    let to_others = ["problem-bad-callback", "problem-bad-credential", "problem-float-too-small"];
    let codes = codes.filter(|id| !to_others.contains(&id.as_str()));
    let standings = Standing::ALL.into_iter().map(|standing| dashed("standing", standing.name()));
    let refusals = Refusal::ALL.into_iter().map(|refusal| dashed("meter-refuses", refusal_name(refusal)));
    let alarms = ALARMS.into_iter().map(|alarm| dashed("alarm", alarm));
    let causes = CAUSES.into_iter().map(|cause| dashed("cause", cause));
    let missing: Vec<_> = codes
        .chain(standings)
        .chain(refusals)
        .chain(alarms)
        .chain(causes)
        .filter(|id| !ids.contains(&id.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_problem_is_reported_with_its_numbers_also_without_a_network() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.buy_gas(&page);
    let order = page.evaluate("location.pathname").as_str().unwrap().trim_start_matches("/o/").to_owned();
    page.press("receipt");
    page.screen("receipt");
    page.press("problem");
    page.screen("problem");
    page.says("problem-attached", &order);
    page.fill("problem-text", "It hisses.");
    page.fill("problem-contact", "Ada, +254700123456");
    page.press("problem-send");
    page.until("document.querySelector('[data-test=problem-told]')?.dataset.taken === 'true'");
    let first = page.read("problem-number");

    town.at_gas(&page);
    page.press("problem");
    page.screen("problem");
    town.line.cut();
    page.fill("problem-text", "It smells.");
    page.press("problem-send");
    page.until("document.querySelector('[data-test=problem-told]')?.dataset.taken === 'false'");
    page.says("problem-told", "sent when there is a network");
    page.read("problems-waiting");
    let second = page.read("problem-number");
    town.line.mend();
    // As the browser says it when there is a network again.
    page.evaluate("dispatchEvent(new Event('online'))");
    page.until("document.querySelector('[data-test=problem-told]')?.dataset.taken === 'true'");
    page.says("notice", &second);
    let shown = town.desk.show("problems", None).unwrap();
    let told: Vec<_> = shown.iter().map(|problem| (&problem["id"], &problem["text"], &problem["meter"])).collect();
    let label = json!(GAS.label);
    assert_eq!(told, [(&json!(second), &json!("It smells."), &label), (&json!(first), &json!("It hisses."), &label)]);
    assert_eq!((&shown[1]["order"], &shown[1]["contact"]), (&json!(order), &json!("Ada, +254700123456")));
    assert_eq!(shown[0]["order"], json!(null));
}

#[test]
fn a_receipt_is_shared_copied_and_printed() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.buy_gas(&page);
    page.press("nav-history");
    page.screen("history");
    page.press("order");
    page.screen("order");
    page.evaluate("navigator.share = data => { window.shared = data; return Promise.resolve(); }");
    page.press("receipt");
    page.screen("receipt");
    page.press("share");
    let shared = page.until("window.shared?.text");
    let order = page.evaluate("location.pathname.split('/')[3]");
    for part in [GAS.label, "20.00", "Sample Energy", order.as_str().unwrap()] {
        assert!(shared.as_str().unwrap().contains(part), "{part}: {shared}");
    }
    page.evaluate("window.print = () => { window.printed = true; }");
    page.press("print");
    page.until("window.printed");
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let is_shown = |selector: &str| page.evaluate(&format!("document.querySelector('{selector}').offsetHeight > 0"));
    assert_eq!(["[data-test=paper]", "nav", "header", "[data-test=print]"].map(is_shown), [true, false, false, false]);
    page.call("Emulation.setEmulatedMedia", json!({ "media": "" }));

    // A browser that hands nothing to other apps copies.
    page.evaluate(
        "delete navigator.share; delete Navigator.prototype.share;
        navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }",
    );
    page.press("nav-history");
    page.press("order");
    page.press("receipt");
    page.screen("receipt");
    page.press("share");
    page.says("notice", "Copied");
    assert_eq!(page.evaluate("window.copied"), shared);
}

#[test]
fn a_purchase_comes_back_by_its_link_when_the_browser_has_thrown_everything_away() {
    let Some(mut town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    // The browser is asked to keep what the phone has before anything is ordered.
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({ "source": "window.done = [];
            StorageManager.prototype.persist = async () => { window.done.push('asked'); return false; };
            const ask = window.fetch;
            window.fetch = (url, options) => {
                if (options?.method === 'PUT') window.done.push('ordered');
                return ask(url, options);
            };" }),
    );
    town.buy_gas(&page);
    assert_eq!(page.evaluate("window.done"), json!(["asked", "ordered"]));
    page.says("may-go", "keep the link");
    let link = page.evaluate("location.href");
    let link = link.as_str().unwrap();
    page.goto("about:blank");
    page.call("Storage.clearDataForOrigin", json!({ "origin": town.line.url(), "storageTypes": "all" }));
    page.goto(&format!("{}/s/history", town.line.url()));
    page.on(PHONE);
    page.screen("history");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=order]').length"), 0);
    page.press_selected(&format!("{} summary", named("lost")));
    page.fill("lost-link", "https://elsewhere.example/o/1");
    page.press("lost-open");
    page.until("document.querySelector('#lost-wrong').innerText");
    page.fill("lost-link", link);
    page.press("lost-open");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    page.rests();
    page.press("load");
    page.until("document.querySelector('[data-step=loaded]').dataset.state === 'yes'");
    assert!(town.display(0)["total_units"].as_u64().unwrap() > 0);
}

#[test]
fn what_is_about_to_be_bought_outlives_a_reload() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.quote_gas(&page);
    page.reload();
    page.screen("quote");
    page.says("total", "20.00");
    page.press("change");
    page.screen("meter");
    page.evaluate("history.back()");
    page.screen("quote");
    page.press("pay");
    page.screen("order");
    page.until("document.querySelector('[data-step=here]').dataset.state === 'yes'");
    page.rests();
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
    // Once it is bought, it is not about to be.
    page.goto(&format!("{}/s/quote", town.line.url()));
    page.screen("quote");
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=pay]').length"), 0);
}

#[test]
fn the_same_bought_again_before_one_knows_how_it_ended_goes_on_and_says_so() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.quote_gas(&page);
    // The order is written down and does not get out.
    let cut = town.line.cut_at_words("PUT /v1/orders/", Cut::Before);
    page.press("pay");
    cut.recv().unwrap();
    page.screen("order");
    let first = page.evaluate("location.pathname");
    // As a phone that has no memory left: it was never told how it ended.
    page.crash();
    page.close();
    town.line.mend();

    let page = browser.tab();
    town.buy_gas(&page);
    page.says("notice", "nothing is paid twice");
    assert_eq!(page.evaluate("location.pathname"), first);
    assert_eq!(town.balance("provider:sandbox:clearing"), "20.00");
    // Now it was told.
    town.buy_gas(&page);
    assert_eq!(page.evaluate("document.querySelectorAll('[data-test=notice]').length"), 0);
    assert_ne!(page.evaluate("location.pathname"), first);
    assert_eq!(town.balance("provider:sandbox:clearing"), "40.00");
}

#[test]
fn a_meter_that_was_replaced_leads_to_the_new_one() {
    let Some(town) = Town::with(&[GAS]) else { return };
    let browser = town.browser("phone");
    let page = browser.open(&town.line.url());
    town.at_gas(&page);
    let told = json!({ "type": "urn:coinless:problem:not_sold", "title": "this is not sold here", "status": 422, "detail": "replaced",
        "code": "not_sold", "replaced_by": coinless_sim::family::WATER.label });
    page.evaluate(&format!(
        "(() => {{ const own = fetch; window.fetch = (url, ...rest) => String(url).endsWith('/v1/quotes')
            ? Promise.resolve(new Response(JSON.stringify({told}), {{ status: 422 }})) : own(url, ...rest); }})()"
    ));
    page.press_selected(".chip:nth-child(3)");
    page.press("quote");
    page.says("notice", "was replaced by the meter");
    page.press("next-meter");
    page.screen("meter");
    assert_eq!(page.evaluate("location.pathname"), format!("/m/{}", coinless_sim::family::WATER.label));
}
