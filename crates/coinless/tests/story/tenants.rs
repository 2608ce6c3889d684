//! A tenant moves out, another one moves in; and what names them is erased.

use crate::setting::{Coap, GAS_LABEL, Setting, complaint};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_sim::postgres;
use coinless_station::records::from_hex;
use serde_json::{Value, json};

const PAYER: &str = "+254700123456";
const OLD: &str = "Ada Lovelace";
const NEW: &str = "Grace Hopper";

fn decision(story: &Setting, token: &[u8]) -> Decision {
    Receipt::parse(&Coap::new(&story.meter.address()).post_token(token).payload).unwrap().1.outcome.decision
}

fn move_in(story: &Setting, customer: &str) -> Value {
    let mut command = story.desk.command(&["station", "tenant-change", GAS_LABEL, "--operator", "oscar"]);
    command.args(["--customer", customer, "--data"]).arg(story.desk.path("station"));
    story.desk.run_command(command).unwrap().remove(0)
}

fn erase(story: &Setting, subject: &str, more: &[&str]) -> Result<Vec<Value>, coinless_sim::desk::DeskError> {
    let mut command = story.desk.command(&["station", "erase", subject, "--operator", "oscar"]);
    command.args(more).arg("--data").arg(story.desk.path("station"));
    story.desk.run_command(command)
}

/// Buys over the API, by a payer with a telephone number.
fn buy_by_payer(story: &Setting, amount: &str) -> String {
    let order = uuid::Uuid::now_v7().to_string();
    let url = format!("{}/v1/orders/{order}", story.station.address());
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let body = json!({ "lines": [{ "meter": GAS_LABEL, "amount": amount }], "payer": PAYER });
        assert_eq!(http.put(&url).json(&body).send().await.unwrap().status(), 201);
        let accept = http.post(format!("{url}/payment")).json(&json!({ "quote_version": 1 }));
        assert_eq!(accept.send().await.unwrap().status(), 202);
    });
    story.wait_for(&order, "issued");
    order
}

/// Whether a text stands anywhere in the files of the database; in PostgreSQL, in its rows.
fn is_in_database(story: &Setting, text: &str) -> bool {
    if let Some(database) = story.desk.database() {
        return postgres::dump(database).unwrap().contains(text);
    }
    ["station.db", "station.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(story.desk.path("station").join(name)).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn what_the_old_tenant_did_not_load_goes_back() {
    let mut story = Setting::new();
    move_in(&story, OLD);
    let old = buy_by_payer(&story, "50.00");
    let token = story.token(&old);
    let changed = move_in(&story, NEW);
    assert_eq!((&changed["changed"], &changed["voids"][0]["order"]), (&true.into(), &old.as_str().into()), "{changed}");
    let void = from_hex(changed["token"].as_str().unwrap()).unwrap();
    assert_eq!(story.line_state(&old), "void_pending");
    // The new tenant buys before the void reached the meter, and comes to it first.
    let new = story.buy("new", "20.00");
    story.deliver("new");
    story.sync("new");
    story.wait_for(&old, "refunded");
    assert_eq!(story.line_state(&new), "delivered");
    assert_eq!(decision(&story, &token), Decision::NotNewer, "the old token is dead");
    assert_eq!(decision(&story, &void), Decision::NotNewer, "the void is overtaken");
    assert_eq!(story.display()["total_units"], story.units(&new));
    assert_eq!(story.balance("provider:sandbox:clearing"), "20.00");
    assert!(is_in_database(&story, PAYER) && is_in_database(&story, OLD));
    assert_eq!(move_in(&story, NEW)["changed"], false, "given again, the new tenant's lines stay");
    assert_eq!(story.line_state(&new), "delivered");

    // Everything is finished: the old tenant can be forgotten, and then the new one.
    let erased = erase(&story, GAS_LABEL, &["--earlier"]).unwrap().remove(0);
    assert_eq!((&erased["erased_orders"], &erased["log_emptied"]), (&1.into(), &true.into()), "{erased}");
    assert!(!is_in_database(&story, OLD));
    assert!(!is_in_database(&story, PAYER));
    assert!(is_in_database(&story, NEW), "the new tenant stays");
    assert_eq!(erase(&story, &new, &[]).unwrap()[0]["erased_orders"], 1);
    assert_eq!(erase(&story, GAS_LABEL, &[]).unwrap()[0]["erased_names"], true);
    for gone in [OLD, NEW, "Lovelace", "Hopper", PAYER, &PAYER[1..]] {
        assert!(!is_in_database(&story, gone), "{gone}");
    }
    assert_eq!(erase(&story, GAS_LABEL, &[]).unwrap()[0]["erased_orders"], 0);
    assert_eq!(story.balance("provider:sandbox:clearing"), "20.00");
}

#[test]
fn what_the_old_tenant_loads_after_the_change_is_delivered() {
    let mut story = Setting::new();
    let old = buy_by_payer(&story, "50.00");
    let token = story.token(&old);
    let changed = move_in(&story, NEW);
    let void = from_hex(changed["token"].as_str().unwrap()).unwrap();
    // The meter knows of no void yet: it loads what was paid for.
    assert_eq!(decision(&story, &token), Decision::Applied);
    assert_eq!(decision(&story, &void), Decision::InRefusedRange);
    let new = story.buy("new", "20.00");
    // The first token leaves out what the meter has; its receipt brings one that counts it.
    story.deliver("new");
    story.sync("new");
    assert_eq!(story.line_state(&old), "delivered");
    story.sync("new");
    story.deliver("new");
    story.sync("new");
    assert_eq!(story.line_state(&new), "delivered");
    assert_eq!(story.display()["total_units"], story.units(&old) + story.units(&new));
    assert_eq!(story.balance("provider:sandbox:clearing"), "70.00");
    assert_eq!(move_in(&story, NEW)["voids"], json!([]));
}

#[test]
fn what_is_not_finished_is_not_erased() {
    let story = Setting::new();
    let order = buy_by_payer(&story, "50.00");
    assert!(complaint(erase(&story, &order, &[])).contains("line 1 is issued"));
    assert!(complaint(erase(&story, GAS_LABEL, &[])).contains("1 order(s)"));
    assert!(complaint(erase(&story, "nonsense", &[])).contains("neither"));
}
