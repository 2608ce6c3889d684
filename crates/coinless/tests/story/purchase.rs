//! One purchase, and what must not happen to it afterwards.

use crate::setting::{Coap, GAS, GAS_LABEL, OTHER, Setting};
use coinless_protocol::MeterId;
use coinless_protocol::coap::Code;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_sim::desk::DeskError;
use coinless_station::records::{DeliveryRecord, HexKey};
use serde_json::json;
use std::fs;

#[test]
fn from_empty_to_loaded_and_back_to_the_books() {
    let mut story = Setting::new();
    assert_eq!(story.meter.control("open", "open").unwrap()["opened"], true);
    let used = story.meter.control("consume 5m3", "consumed").unwrap();
    assert_eq!((&used["valve"], &used["left_fine"]), (&"shut".into(), &0.into()), "{used}");
    let pressed = story.meter.control("open", "open").unwrap();
    assert_eq!(pressed["opened"], false, "no credit: {pressed}");

    let scanned = story.desk.phone("phone", "scan", &[&story.meter.address()]).unwrap();
    assert_eq!(scanned[0]["label"], GAS_LABEL);
    let order = story.buy("phone", "50.00");
    assert_eq!(story.line_state(&order), "issued");
    assert_eq!(story.display()["total_units"], 0, "paid is not loaded");
    assert_eq!(story.deliver("phone")[0]["result"], "applied");
    let shown = story.display();
    assert_eq!(shown["total_units"], story.units(&order));
    assert_eq!((&shown["valve"], &shown["armed"]), (&"shut".into(), &true.into()), "only a person opens: {shown}");
    assert_eq!(story.meter.control("open", "open").unwrap()["opened"], true);
    let used = story.meter.control("consume 1.250m3", "consumed").unwrap();
    assert_eq!(used["used_fine"], 1_250_000);

    assert_eq!(story.line_state(&order), "issued", "the station learns from the receipt alone");
    let synced = story.sync("phone");
    assert_eq!(synced["deleted_tokens"].as_array().unwrap().len(), 1);
    assert_eq!(story.line_state(&order), "delivered");
    assert_eq!(story.balance("provider:sandbox:clearing"), "50.00");
    assert_eq!(story.balance("sold_undelivered"), "0.00");
    assert_eq!(story.balance("utility:sample-utility:payable"), "-42.02");
    assert!(story.station.stop().unwrap().success(), "a graceful stop");
}

#[test]
fn a_token_works_once_here_and_nowhere_else() {
    let mut story = Setting::new();
    // One that spares a battery would verify only the first few.
    let mut command = story.desk.meter_command(GAS, "127.0.0.1:0");
    command.arg("--mains");
    story.restart_meter(command);
    story.desk.new_meter(OTHER, "gas", &[]).unwrap();
    let other = story.desk.start(story.desk.meter_command(OTHER, "127.0.0.1:0")).unwrap();
    let order = story.buy("phone", "50.00");
    let token = story.token(&order);
    let mut coap = Coap::new(&story.meter.address());

    // Each single bit flipped, before the token was ever taken.
    let mut refusals = std::collections::BTreeMap::<u8, u32>::new();
    for bit in 0..token.len() * 8 {
        let mut changed = token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let answer = coap.post_token(&changed);
        assert_eq!(answer.code.class(), 4, "bit {bit}: {answer:?}");
        *refusals.entry(Refusal::from_bytes(&answer.payload).unwrap() as u8).or_default() += 1;
    }
    for refusal in [
        Refusal::Malformed,
        Refusal::WrongVersion,
        Refusal::UnknownKey,
        Refusal::NotThisMeter,
        Refusal::OtherKey,
        Refusal::UnknownIssuer,
        Refusal::BadSignature,
    ] {
        assert!(refusals.contains_key(&(refusal as u8)), "no bit led to \"{}\": {refusals:?}", refusal.title());
    }
    assert_eq!(story.display()["total_units"], 0);

    let first = coap.post_token(&token);
    assert_eq!(first.code, Code::CHANGED);
    let (_, receipt) = Receipt::parse(&first.payload).unwrap();
    assert_eq!(receipt.outcome.decision, Decision::Applied);
    let loaded = without_events(story.display());
    for _ in 0..3 {
        let again = coap.post_token(&token);
        assert_eq!((again.code, &again.payload), (first.code, &first.payload), "the same receipt");
        assert_eq!(without_events(story.display()), loaded);
    }
    // Again each bit, now that the meter has an answer stored: a changed repeat is refused as well.
    for bit in (0..token.len() * 8).step_by(7) {
        let mut changed = token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(coap.post_token(&changed).code.class(), 4, "bit {bit}");
    }
    assert_eq!(without_events(story.display()), loaded);

    let refused = Coap::new(&other.address()).post_token(&token);
    assert_eq!(Refusal::from_bytes(&refused.payload), Ok(Refusal::NotThisMeter));

    // The last receipt can be had again, and a cut meter goes on where it was.
    assert_eq!(coap.get("receipt").payload, first.payload);
    story.meter.type_line("cut").unwrap();
    assert!(!story.meter.wait().unwrap().success(), "a cut is no tidy end");
    let address = story.meter.address().strip_prefix("coap://").unwrap().to_owned();
    story.meter = story.desk.start(story.desk.meter_command(GAS, &address)).unwrap();
    let after = story.display();
    for what in ["balance_fine", "total_units", "number", "armed", "valve", "consumed_fine"] {
        assert_eq!(after[what], loaded[what], "{what}");
    }
    let (_, receipt) = Receipt::parse(&coap.post_token(&token).payload).unwrap();
    assert_eq!(receipt.outcome.decision, Decision::NotNewer);
}

/// What a meter shows but for the count of what was tried with it.
fn without_events(mut shown: serde_json::Value) -> serde_json::Value {
    assert!(shown["events"].is_object(), "{shown}");
    shown["events"].take();
    shown
}

#[test]
fn the_longest_list_can_be_bought_and_loaded() {
    let mut story = Setting::new();
    // Of all these meters but one only the keys are known; the one that is here is loaded.
    let others: Vec<_> = (1..500).map(other_meter).collect();
    fs::write(story.desk.path("others.json"), json!(others).to_string()).unwrap();
    let mut enrol = story.desk.command(&["station", "enrol", "--data"]);
    enrol.args([story.desk.path("station"), story.desk.path("others.json")]);
    story.desk.run_command(enrol).unwrap();
    let url = story.station.address();
    let lines: Vec<_> = others.iter().map(|meter| format!("{}=1.00", meter.label)).collect();
    let first = format!("{GAS_LABEL}=1.00");
    let mut words = vec!["--station", url.as_str(), first.as_str()];
    words.extend(lines.iter().map(String::as_str));
    // A busy machine may take longer than a phone waits: the same again is the same purchase.
    let is_unknown = |bought: &Result<_, DeskError>| match bought {
        Err(DeskError::Failed { message, .. }) => message.contains("the outcome is not known yet"),
        _ => false,
    };
    let mut bought = story.desk.phone("phone", "buy", &words);
    for _ in 0..10 {
        if is_unknown(&bought) {
            bought = story.desk.phone("phone", "buy", &words);
        }
    }
    let bought = bought.unwrap();
    let order = bought[0]["order"].as_str().unwrap();
    assert!(story.order(order).to_string().len() > 256 * 1024, "longer than anything else that a phone reads");
    story.deliver("phone");
    story.sync("phone");
    assert_eq!(story.display()["total_units"], story.units(order));
    let lines = story.order(order)["lines"].clone();
    let states: Vec<_> = lines.as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!((states.len(), states[0]), (500, "delivered"));
    assert!(states[1..].iter().all(|state| *state == "issued"), "{states:?}");
    assert_eq!(story.balance("sold_undelivered"), "-499.00");
}

/// What is delivered with a meter that nobody sees here.
fn other_meter(number: u16) -> DeliveryRecord {
    let id: MeterId = format!("CLS{:010}", 1_000 + number).parse().unwrap();
    let mut secret = [1; 32];
    secret[..2].copy_from_slice(&number.to_le_bytes());
    DeliveryRecord {
        id: id.to_string(),
        label: id.label().to_string(),
        commodity: "gas".to_owned(),
        public_key: HexKey(KeyPair::from_secret(&secret).unwrap().public_key()),
        initial_units: 2_000,
        max_credit_units: 500_000,
        customer: None,
        place: None,
        money: None,
    }
}

#[test]
fn straight_through_the_phone() {
    let story = Setting::new();
    let (link, line) = (story.meter.address(), format!("{GAS_LABEL}=50.00"));
    let bought =
        story.desk.phone("phone", "buy", &["--station", &story.station.address(), &line, "--at", &link]).unwrap();
    assert_eq!(bought[0]["lines"][0]["loaded"], true, "{bought:?}");
    let order = bought[0]["order"].as_str().unwrap();
    story.sync("phone");
    assert_eq!(story.line_state(order), "delivered");

    // The meter holds 500 m³: what does not fit is refused before anybody pays.
    let line = format!("{GAS_LABEL}=500.00");
    let full = story.desk.phone("phone", "buy", &["--station", &story.station.address(), &line, "--at", &link]);
    let Err(DeskError::Failed { message, results, .. }) = full else { panic!("it should not fit: {full:?}") };
    assert!(message.contains("more now") || results[0]["rejected"].as_str().unwrap().contains("more now"), "{message}");
    assert_eq!(story.balance("provider:sandbox:clearing"), "50.00");
}
