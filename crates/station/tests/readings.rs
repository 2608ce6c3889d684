//! A meter's readings as a phone sees them, and what people report: a station on a real socket with its own database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "shared with other tests")]
mod app;

use app::{App, Script};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::{Flags, ShutCause, ShutCauses};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, MeterId, Units};
use coinless_station::tenants::{self, NewTenant};
use coinless_station::{erase, problem_reports};
use serde_json::{Value, json};

const READERS: &str = "/v1/meters/CLS0000000017-Z/readers";
const READINGS: &str = "/v1/meters/CLS0000000017-Z/readings";
const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const PROBLEM: &str = "01890a5d-ac96-774b-bcce-b302099a8060";

fn meter() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

fn pair() -> KeyPair {
    KeyPair::from_secret(&[7; 32]).unwrap()
}

fn key(app: &App) -> ReadingsKey {
    let utility = app.station.utilities().only().unwrap().name.clone();
    app.station.keys().of(&utility).unwrap().readings_key(&meter(), &pair().public_key())
}

fn secret(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// A receipt of the meter, which has used so much, brought by anybody.
async fn bring(app: &App, number: u32, credit: u32, total: u64, consumed: i64) {
    let (initial, total) = (FineCredit(2_000_000), Units::new(total).unwrap());
    let balance = FineCredit(initial.0 + total.fine().0 - consumed);
    let readings = Readings { balance, consumed: FineCredit(consumed), clock: None };
    let receipt = Receipt {
        meter: meter(),
        number,
        outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
        registers: RegisterNumbers { epoch: Epoch(0), credit: CreditNumber(credit), tariff: 0, settings: 0, keys: 0 },
        total,
        sums: Sums { initial, withdrawn: FineCredit(0), charged: FineCredit(0) },
        flags: Flags { valve_failed: true, causes: ShutCauses::NONE.with(ShutCause::Tamper), ..Flags::default() },
        readings: key(app).seal(number, &readings).unwrap(),
        challenge: None,
    };
    let bytes = receipt.sign(&pair().public_key().hash(), &pair()).unwrap().to_vec();
    assert_eq!(app.post_bytes("/v1/receipts", "application/cose", bytes).await.expect(200)["new"], true);
}

fn typed(app: &App, number: u32, reader: u8) -> Value {
    json!({ "code": format!("{:08}", key(app).owner_code(number)), "reader": secret(reader) })
}

/// A code that no number near `number` has.
fn wrong(app: &App, number: u32, reader: u8) -> Value {
    let key = key(app);
    let near: Vec<u32> = (number.saturating_sub(20)..number + 20).map(|number| key.owner_code(number)).collect();
    let code = (0..).find(|code| !near.contains(code)).unwrap();
    json!({ "code": format!("{code:08}"), "reader": secret(reader) })
}

async fn read(app: &App, reader: u8) -> app::Answer {
    app.get_as(READINGS, &format!("Bearer {}", secret(reader))).await
}

#[tokio::test]
async fn whoever_stood_before_the_meter_reads_it_and_nobody_else() {
    let app = App::start(Script::capture()).await;
    bring(&app, 5, 0, 0, 250_000).await;
    let earned = app.post(READERS, &typed(&app, 6, 1)).await.expect(200);
    assert_eq!(earned["meter"], "CLS0000000017");
    assert_eq!(app.post(READERS, &wrong(&app, 6, 1)).await.expect(200), earned, "earned is earned");
    let readings = read(&app, 1).await.expect(200);
    let last = &readings["last"];
    assert_eq!(
        (&last["balance"], &last["balance_fine"], &last["receipt"]),
        (&"1.750 m³".into(), &1_750_000.into(), &5.into())
    );
    assert_eq!((&last["valve"], &last["causes"]), (&"shut".into(), &json!(["tamper"])));
    assert_eq!((&last["alarms"], &last["clock_known"]), (&json!(["valve_failed"]), &Value::Null));
    assert_eq!((&readings["days"][0]["used_fine"], &readings["days_left"]), (&0.into(), &Value::Null));

    // Strangers: nothing, another secret, garbage, another scheme.
    assert_eq!(app.get(READINGS).await.expect_problem(403)["code"], "not_entitled");
    assert_eq!(read(&app, 2).await.expect_problem(403)["code"], "not_entitled");
    for given in ["Bearer", "Bearer 00", "Bearer zz", &format!("Basic {}", secret(1)), &secret(1)] {
        assert_eq!(app.get_as(READINGS, given).await.expect_problem(403)["code"], "not_entitled", "{given}");
    }
    let other = "CLS0000000099".parse::<MeterId>().unwrap().label().to_string();
    let elsewhere = app.get_as(&format!("/v1/meters/{other}/readings"), &format!("Bearer {}", secret(1))).await;
    assert_eq!(elsewhere.expect_problem(404)["code"], "unknown_meter");
    let far = app.get_as(&format!("{READINGS}?offset_minutes=841"), &format!("Bearer {}", secret(1))).await;
    far.expect_problem(400);
    for body in [
        json!({ "code": "1234567", "reader": secret(1) }),
        json!({ "code": "12345678", "reader": "00" }),
        json!({ "code": "12345678" }),
    ] {
        assert_eq!(app.post(READERS, &body).await.expect_problem(400)["code"], "malformed", "{body}");
    }
    assert!(!app.place.dump().contains(&secret(1)), "only its hash is kept");
}

#[tokio::test]
async fn wrong_codes_are_few() {
    let app = App::start(Script::capture()).await;
    bring(&app, 5, 0, 0, 0).await;
    app.post(READERS, &typed(&app, 5, 1)).await.expect(200);
    for left in ["4 more", "3 more", "2 more", "1 more", "0 more"] {
        let problem = app.post(READERS, &wrong(&app, 5, 2)).await.expect_problem(403);
        assert_eq!(
            (&problem["code"], left.starts_with(&problem["tries_left"].to_string())),
            (&"wrong_code".into(), true)
        );
        assert!(problem["detail"].as_str().unwrap().contains(left), "{problem}");
    }
    for body in [wrong(&app, 5, 2), typed(&app, 5, 2)] {
        let problem = app.post(READERS, &body).await.expect_problem(429);
        let after_s = problem["retry_after_s"].as_u64().unwrap();
        assert!(problem["code"] == "too_often" && (1..=3600).contains(&after_s), "{problem}");
    }
    read(&app, 2).await.expect_problem(403);
    read(&app, 1).await.expect(200);
}

#[tokio::test]
async fn a_change_of_tenant_ends_it() {
    let app = App::start(Script::capture()).await;
    bring(&app, 5, 0, 0, 250_000).await;
    app.post(READERS, &typed(&app, 5, 1)).await.expect(200);
    let new = NewTenant { customer: Some("Grace Hopper".to_owned()), ..NewTenant::default() };
    app.station.run("tenant", move |work| tenants::change(work, meter(), &new, "grace")).await.unwrap();
    assert_eq!(read(&app, 1).await.expect_problem(403)["code"], "not_entitled");
    // What the old tenant saw on the display, or has kept from the station, opens nothing.
    for number in 0..=20 {
        let problem = app.post(READERS, &typed(&app, number, 1)).await.expect_problem(409);
        assert_eq!(problem["code"], "not_possible_now");
    }
    bring(&app, 9, 0, 0, 300_000).await;
    app.post(READERS, &typed(&app, 9, 1)).await.expect_problem(409);
    // The new tenant's first credit proves which receipts are of the new tenancy.
    app.put(ORDER, &json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": "20.00" }] })).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    let order = app.wait_for(ORDER, "issued").await;
    let units = order["lines"][0]["quote"]["units"].as_u64().unwrap();
    bring(&app, 10, 1, units, 350_000).await;
    assert_eq!(app.post(READERS, &typed(&app, 9, 1)).await.expect_problem(403)["code"], "wrong_code");
    app.post(READERS, &typed(&app, 10, 2)).await.expect(200);
    bring(&app, 12, 1, units, 400_000).await;
    read(&app, 1).await.expect_problem(403);
    let readings = read(&app, 2).await.expect(200);
    let used: i64 = readings["days"].as_array().unwrap().iter().map(|day| day["used_fine"].as_i64().unwrap()).sum();
    assert_eq!(used, 50_000, "what the old tenant used is not told: {readings}");
    assert_eq!(readings["last"]["consumed_fine"], 400_000);
}

#[tokio::test]
async fn a_problem_is_reported_once_shown_and_erased() {
    let app = App::start(Script::capture()).await;
    let path = format!("/v1/problems/{PROBLEM}");
    let report = json!({
        "order": ORDER, "meter": "CLS0000000017-Z", "text": "It hisses.\nAda", "contact": "+254700123456"
    });
    assert_eq!(app.put_at(&path, &report).await.expect(200)["new"], true);
    assert_eq!(app.put_at(&path, &report).await.expect(200)["new"], false);
    let other = json!({ "text": "Something else" });
    assert_eq!(app.put_at(&path, &other).await.expect_problem(409)["code"], "report_conflict");
    for (path, body, status) in [
        ("/v1/problems/7", json!({ "text": "x" }), 400),
        ("/v1/problems/01890a5d-ac96-774b-bcce-b302099a8061", json!({ "text": " " }), 400),
        ("/v1/problems/01890a5d-ac96-774b-bcce-b302099a8061", json!({ "text": "x".repeat(2_001) }), 400),
        ("/v1/problems/01890a5d-ac96-774b-bcce-b302099a8061", json!({ "text": "x", "meter": "CLS0000000017-A" }), 422),
    ] {
        app.put_at(path, &body).await.expect_problem(status);
    }
    let shown = app.station.read(|work| problem_reports::newest(work, Some("CLS0000000017"), 10)).await.unwrap();
    assert_eq!((shown.len(), shown[0].text.as_str(), shown[0].order.as_deref()), (1, "It hisses.\nAda", Some(ORDER)));
    for n in 1..10 {
        let path = format!("/v1/problems/01890a5d-ac96-774b-bcce-b302099a807{n}");
        app.put_at(&path, &json!({ "meter": "CLS0000000017-Z", "text": "again" })).await.expect(200);
    }
    let more = json!({ "meter": "CLS0000000017-Z", "text": "and again" });
    let too_many = app.put_at("/v1/problems/01890a5d-ac96-774b-bcce-b302099a8080", &more).await.expect_problem(429);
    assert_eq!(too_many["code"], "too_often");
    app.put_at("/v1/problems/01890a5d-ac96-774b-bcce-b302099a8081", &other).await.expect(200);

    let gone = app.station.run("erase", |work| erase::problem(work, PROBLEM, "grace")).await.unwrap();
    assert_eq!(gone.problems, 1);
    assert!(!app.place.dump().contains("hisses") && !app.place.dump().contains("254700123456"));
    assert_eq!(app.put_at(&path, &report).await.expect(200)["new"], false, "it does not come back");
    assert!(!app.place.dump().contains("hisses"));
    let everybody = erase::Whose::Everybody;
    let gone =
        app.station.run("erase", move |work| erase::meter(work, meter(), &[], everybody, "grace")).await.unwrap();
    assert_eq!(gone.problems, 9);
    assert!(!app.place.dump().contains("again\n"));
}
