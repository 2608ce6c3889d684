//! What an operator sees and does: metrics, readiness, logs, erasure, changes of tenant.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "shared with other tests")]
mod app;
mod log;

use app::{App, Script};
use coinless_protocol::MeterId;
use coinless_station::config::Config;
use coinless_station::erase::{self, Erased, Whose};
use coinless_station::keys::Keys;
use coinless_station::payments::Patience;
use coinless_station::problem::Error;
use coinless_station::service::{Parts, Station};
use coinless_station::signer::SocketSigner;
use coinless_station::store::{Job, Store, StoreError};
use coinless_station::tenants::{self, NewTenant};
use coinless_station::{meters, telemetry};
use log::Log;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const SECOND: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
const PAYER: &str = "+254700123456";
const METER: &str = "CLS0000000017";
const CUSTOMER: &str = "Ada Lovelace";

fn order(amount: &str) -> Value {
    json!({ "lines": [{ "meter": "CLS0000000017-Z", "amount": amount }], "payer": PAYER })
}

fn meter() -> MeterId {
    METER.parse().unwrap()
}

async fn buy(app: &App, id: &str) -> Value {
    app.put(id, &order("50.00")).await.expect(201);
    app.accept(id, 1).await.expect(202);
    app.wait_for(id, "issued").await
}

/// What the operator's listener says.
async fn operator(app: &App, path: &str) -> (u16, String) {
    operator_of(app.station.clone(), path).await
}

async fn operator_of(station: Station, path: &str) -> (u16, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    tokio::spawn(telemetry::serve(listener, station));
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let answer = http.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn metrics_show_what_happened_and_name_nobody() {
    let app = App::start(Script::unknown_then_captured(1)).await;
    let bought = buy(&app, ORDER).await;
    app.put(SECOND, &order("1.00")).await.expect(201);
    app.get("/nothing/here").await.expect_problem(404);
    let (status, text) = operator(&app, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "coinless_lines{state=\"issued\"} 1",
        "coinless_lines{state=\"quoted\"} 1",
        "coinless_lines{state=\"exception\"} 0",
        "coinless_payments{state=\"unknown\"} 0",
        "coinless_refunds{state=\"due\"} 0",
        "coinless_outbox_tasks{kind=\"expire\"} 1",
        "coinless_outbox_lag_seconds{kind=\"sign\"} 0",
        "coinless_task_seconds_count{kind=\"pay\",outcome=\"unknown\"} 1",
        "coinless_task_seconds_count{kind=\"query_payment\",outcome=\"captured\"} 1",
        "coinless_task_seconds_count{kind=\"sign\",outcome=\"signed\"} 1",
        "coinless_http_request_seconds_count{route=\"/v1/orders/{id}\",method=\"PUT\",status=\"2xx\"} 2",
        "coinless_http_request_seconds_count{route=\"-\",method=\"GET\",status=\"4xx\"} 1",
        "coinless_signer_refusals_total 0",
        "coinless_database_looked 1",
        "# TYPE coinless_store_commit_seconds histogram",
        "coinless_store_group_commands_bucket{le=\"+Inf\"}",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let token = bought["lines"][0]["token"].as_str().unwrap();
    for secret in [ORDER, SECOND, PAYER, &PAYER[4..], METER, CUSTOMER, "Lovelace", token, &token[..32]] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

#[tokio::test]
async fn scraping_is_no_load() {
    let app = App::start(Script::capture()).await;
    let started = std::time::Instant::now();
    let mut looks = String::new();
    for _ in 0..20 {
        let (_, text) = operator(&app, "/metrics").await;
        looks = text.lines().find_map(|line| line.strip_prefix("coinless_database_looks_total ")).unwrap().to_owned();
    }
    // Once, and once more for every 5 seconds that a slow machine takes.
    let looks: u64 = looks.parse().unwrap();
    assert!((1..=1 + started.elapsed().as_secs() / 5).contains(&looks), "{looks}");
}

#[tokio::test]
async fn metrics_are_not_public() {
    let app = App::start(Script::capture()).await;
    app.get("/metrics").await.expect_problem(404);
    assert_eq!(operator(&app, "/v1/issuer").await.0, 404);
}

#[tokio::test]
async fn readiness_ends_before_the_process() {
    let app = App::start(Script::capture()).await;
    assert_eq!(app.get("/health").await.text(200), "ok\n");
    assert_eq!(app.get("/ready").await.text(200), "ready\n");
    assert_eq!(operator(&app, "/ready").await, (200, "ready\n".to_owned()));
    app.station.stop();
    assert_eq!(app.station.ready().await, Err("the station is stopping".to_owned()));
}

/// A database that takes questions and does not answer them, or is closed.
struct Silent {
    asked: Mutex<Vec<Box<dyn Job>>>,
    is_closed: bool,
}

impl Store for Silent {
    fn submit(&self, _: Box<dyn Job>) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    fn submit_read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        if self.is_closed {
            return Err(StoreError::Database("no route to host".to_owned()));
        }
        self.asked.lock().unwrap().push(job);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }
}

fn on_silent(is_closed: bool) -> (Station, Arc<Silent>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let silent = Arc::new(Silent { asked: Mutex::default(), is_closed });
    let (store, config): (Arc<dyn Store>, _) = (silent.clone(), Config::default());
    let (station, _) = Station::new(Parts {
        keys: Keys::open(&folder.path().join("keys"), &config.utility_names().unwrap()).unwrap(),
        // Nothing is signed here.
        signer: Arc::new(SocketSigner::new(&folder.path().join("nobody.sock"))),
        providers: Vec::new(),
        utilities: config.utilities(&store).unwrap(),
        store,
        app: coinless_station::app::App::default(),
        patience: Patience::default(),
        callback_base: "http://127.0.0.1".to_owned(),
        probe: |_| (),
    });
    (station, silent, folder)
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_not_asked_by_everybody() {
    let (station, silent, _folder) = on_silent(false);
    let asking = (0..20).map(|_| {
        let station = station.clone();
        tokio::spawn(async move { station.ready().await })
    });
    for answer in asking.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), Err("the database has not answered for 2 s".to_owned()));
    }
    // One question stands for all who asked within a second after its answer; a slow machine may need a few.
    let asked = silent.asked.lock().unwrap().len();
    assert!((1..10).contains(&asked), "{asked}");
    let (_, text) = operator_of(station, "/metrics").await;
    assert!(
        text.contains("coinless_database_looked 0")
            && !text.contains("coinless_lines{")
            && !text.contains("coinless_refunds{"),
        "{text}"
    );
}

#[tokio::test]
async fn a_broken_database_makes_the_station_unready() {
    let (station, _, _folder) = on_silent(true);
    let (status, text) = operator_of(station.clone(), "/ready").await;
    assert_eq!(status, 503);
    assert!(text.contains("not_ready") && text.contains("does not answer") && !text.contains("route"), "{text}");
    station.run("test", |_| Ok(())).await.unwrap_err();
    assert_eq!(station.ready().await, Err("the database cannot commit any more: the process ends".to_owned()));
}

#[tokio::test]
async fn the_log_can_be_followed_and_gives_nothing_away() {
    let log = Log::capture();
    // The provider's words name the payer and the address of the callback.
    let app = App::start(Script::unknown_then_captured(2)).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a9999";
    let bought = buy(&app, id).await;
    let path = app.station.context().callbacks.path("test", id);
    app.call_back(id).await;
    app.post(&format!("/v1/orders/{id}/lines/1/void"), &json!({})).await.expect(202);
    let failed: Result<(), Error> = app
        .station
        .run("test", move |work| {
            Err(work.execute_one("x", "UPDATE meter SET place = place WHERE meter_id = $1", &["-".into()]).unwrap_err())
        })
        .await;
    assert!(failed.is_err());
    let (mac, token) = (path.rsplit('/').next().unwrap(), bought["lines"][0]["token"].as_str().unwrap());
    log.holds_none(&[id, PAYER, &PAYER[4..], CUSTOMER, "Lovelace", mac, &mac[..16], token, &token[..32], METER]);
    let (text, subject) = (log.text(), telemetry::subject_hash(id));
    let of_order: Vec<_> = text.lines().filter(|line| line.contains(&subject)).collect();
    for what in [
        "request{request_id=",
        "task{kind=\"pay\"",
        "task{kind=\"sell\"",
        "command{name=\"accept\"}",
        "outcome of a payment is unknown",
        "\"captured\"",
    ] {
        assert!(of_order.iter().any(|line| line.contains(what)), "{what} is not in\n{of_order:#?}");
    }
}

#[tokio::test]
async fn each_request_has_an_id() {
    let app = App::start(Script::capture()).await;
    let (first, second) = (app.get("/health").await.request_id, app.get("/nothing").await.request_id);
    assert_eq!((first.len(), second.len()), (32, 32));
    assert_ne!(first, second);
}

/// Every text in every table.
fn dump(app: &App) -> String {
    app.place.dump()
}

#[tokio::test]
async fn what_is_finished_can_be_erased() {
    let app = App::start(Script::decline()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    app.wait_for(ORDER, "failed").await;
    let said = format!("{PAYER} is not registered");
    app.station.run("test", move |work| Ok(work.exception(ORDER, "two_references", &said)?)).await.unwrap();
    let erase = || async {
        let orders = app.station.read(move |work| erase::orders_of(work, meter())).await?;
        let run = move |work: &mut coinless_station::work::Work<'_>| {
            erase::meter(work, meter(), &orders, Whose::Everybody, "grace")
        };
        app.station.run("erase", run).await
    };
    let refused = erase().await.unwrap_err().to_string();
    assert!(refused.contains("nobody has seen to the exception two_references"), "{refused}");
    assert!(dump(&app).contains(PAYER) && dump(&app).contains(CUSTOMER), "a refusal erases nothing");
    let resolved = "UPDATE exception SET resolved_ms = 1, resolution = detail WHERE subject = $1";
    app.station.run("test", move |work| Ok(work.execute(resolved, &[ORDER.into()])?)).await.unwrap();

    let before = app.ledger().await;
    assert_eq!(erase().await.unwrap(), Erased { orders: 1, names: true, problems: 0 });
    let all = dump(&app);
    for gone in [PAYER, &PAYER[4..], CUSTOMER, "Lovelace", "no funds"] {
        assert!(!all.contains(gone), "{gone} is in\n{all}");
    }
    assert!(all.contains("erase_meter") && all.contains("grace"), "{all}");
    assert_eq!(app.ledger().await, before);
    assert_eq!(erase().await.unwrap(), Erased::default(), "the same again erases nothing");
    // The same request is still the same order, and another one is not.
    app.put(ORDER, &order("50.00")).await.expect(200);
    app.put(ORDER, &order("50.01")).await.expect_problem(409);
    assert!(!dump(&app).contains(PAYER), "asking again brings nothing back");
}

#[tokio::test]
async fn what_is_not_finished_is_not_erased() {
    let app = App::start(Script::capture()).await;
    buy(&app, ORDER).await;
    let refused = app.station.run("erase", |work| erase::order(work, ORDER, "grace")).await.unwrap_err().to_string();
    assert!(refused.contains("line 1 is issued"), "{refused}");
    let orders = vec![ORDER.to_owned()];
    let run = move |work: &mut coinless_station::work::Work<'_>| {
        erase::meter(work, meter(), &orders, Whose::Everybody, "grace")
    };
    let refused = app.station.run("erase", run).await.unwrap_err().to_string();
    assert!(refused.contains("1 order(s)") && refused.contains(ORDER), "{refused}");
    assert!(dump(&app).contains(PAYER) && dump(&app).contains(CUSTOMER));
    // Who does it is always known.
    let nobody = |work: &mut coinless_station::work::Work<'_>| erase::meter(work, meter(), &[], Whose::Everybody, " ");
    let refused = app.station.run("erase", nobody).await.unwrap_err().to_string();
    assert!(refused.contains("say who does this"), "{refused}");
    assert!(dump(&app).contains(CUSTOMER));
}

async fn change(app: &App, customer: &str) -> Result<bool, Error> {
    let new = NewTenant { customer: Some(customer.to_owned()), ..NewTenant::default() };
    app.station.run("tenant", move |work| tenants::change(work, meter(), &new, "grace")).await
}

#[tokio::test]
async fn a_change_of_tenant_voids_what_is_not_loaded() {
    let app = App::start(Script::capture()).await;
    buy(&app, ORDER).await;
    app.put(SECOND, &order("1.00")).await.expect(201);
    assert!(change(&app, "Grace Hopper").await.unwrap());
    app.wait_for(ORDER, "void_pending").await;
    app.wait_for(SECOND, "expired").await;
    let pending = app.station.read(|work| tenants::pending(work, meter())).await.unwrap();
    assert_eq!((pending.voids.len(), pending.voids[0].order.as_str()), (1, ORDER));
    let known = app.station.read(|work| meters::find(work, meter())).await.unwrap();
    assert_eq!((known.customer.as_deref(), known.live_total.get()), (Some("Grace Hopper"), 0));

    // The new tenant buys; the command given again must not void that.
    let third = "01890a5d-ac96-774b-bcce-b302099a8059";
    buy(&app, third).await;
    assert!(!change(&app, "Grace Hopper").await.unwrap());
    app.wait_for(third, "issued").await;
    assert!(dump(&app).contains("tenant_change"));
    assert!(dump(&app).contains(CUSTOMER), "the earlier tenant is known until erased");
}

#[tokio::test]
async fn no_change_of_tenant_while_something_is_paid() {
    let app = App::start(Script::pending()).await;
    app.put(ORDER, &order("50.00")).await.expect(201);
    app.accept(ORDER, 1).await.expect(202);
    let refused = change(&app, "Grace Hopper").await.unwrap_err().to_string();
    assert!(refused.contains("still being paid or sold") && refused.contains("awaiting_payment"), "{refused}");
    let known = app.station.read(|work| meters::find(work, meter())).await.unwrap();
    assert_eq!(known.customer.as_deref(), Some(CUSTOMER));
}
