//! What a station does of its own accord: it dies over that after a restart, and the next one goes on.
//!
//! Each scenario leaves something to be done in the database, with the time that this would take taken out of it; then a
//! station is started that must die at the point, and then one that ends what was begun.

use super::utility::SandboxUtility;
use super::{each, named, steps};
use crate::daraja::{Reply, Server};
use crate::setting::{GAS, GAS_LABEL, desk, wait_for};
use coinless_sim::desk::Desk;
use coinless_sim::failpoint;
use coinless_station::store::{GroupSize, PostgresStore, SqliteStore, Store, StoreError};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
/// How long a station may take to come to its point.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which steps are reached in which scenario.
type Scenario = fn(&Restart, &str);
const SCENARIOS: [(&[&str], Scenario); 11] = [
    (&["release", "adopt", "start_sweeping", "start_comparing"], starts),
    (&["claim", "sweep"], finds_what_lost_its_task),
    (&["expire"], forgets_a_quote),
    (&["reconcile"], compares_the_books),
    (&["retract"], takes_a_late_sale_back),
    (&["mark_sent"], prompts_once),
    (&["finish"], has_nothing_left_to_do),
    (&["task_failed"], shows_what_it_cannot_do),
    (&["recover"], recovers_what_a_backup_does_not_have),
    (&["earn"], lets_a_phone_read),
    (&["problem"], takes_a_report),
];

/// The points that are reached here.
pub fn points() -> Vec<&'static str> {
    SCENARIOS.iter().flat_map(|(names, _)| steps(names)).collect()
}

#[test]
fn the_station_dies_over_what_it_does_by_itself() {
    each(&points(), |point| {
        let is_reached = |names: &[&str]| names.iter().any(|name| named(&format!("station.{name}.")).contains(&point));
        let (_, scenario) = SCENARIOS.iter().find(|(names, _)| is_reached(names)).unwrap();
        scenario(&Restart::new(), point);
    });
}

/// A station that is started several times.
struct Restart {
    desk: Desk,
    _folder: TempDir,
}

impl Restart {
    fn new() -> Self {
        let (desk, folder) = desk();
        desk.new_meter(GAS, "gas", &[]).unwrap();
        Self { desk, _folder: folder }
    }

    /// Starts a station that dies at `point`, by itself or when it is given an order by `act`; waits until it has.
    fn dies_at(&self, point: &str, act: impl FnOnce(&str)) {
        let mut command = self.desk.station_command("127.0.0.1:0", &[]);
        command.env(failpoint::VARIABLE, point);
        let mut running = self.desk.start(command).unwrap();
        act(&running.address());
        let pid = running.pid().unwrap();
        killed(point, pid, move || running.wait().unwrap());
    }

    /// The same for what it does as soon as it starts, before or after it listens.
    fn dies_at_once(&self, point: &str) {
        let mut command = self.desk.station_command("127.0.0.1:0", &[]);
        let mut child: Child = command.env(failpoint::VARIABLE, point).stdout(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        killed(point, pid, move || child.wait().unwrap());
    }

    /// An order for 50.00 EUR that was accepted by a station which then died at `point`.
    fn order_until(&self, point: &str) {
        self.dies_at(point, |url| order(url, json!({}), true));
    }

    /// Does to the database, while no station runs, what only time would do.
    fn change(&self, statements: &'static [&'static str]) {
        let store: Box<dyn Store> = match self.desk.database() {
            Some(database) => Box::new(PostgresStore::open(database, GroupSize::default()).unwrap()),
            None => Box::new(SqliteStore::open(&self.desk.path("station/station.db"), GroupSize::default()).unwrap()),
        };
        let changing = store.write(move |tx| {
            statements.iter().try_for_each(|sql| tx.execute(sql, &[]).map(drop))?;
            Ok::<_, StoreError>(())
        });
        runtime().block_on(changing).unwrap();
    }

    /// What the database counts, while a station may be running.
    fn count(&self, sql: &'static str) -> i64 {
        let store: Box<dyn Store> = match self.desk.database() {
            Some(database) => Box::new(PostgresStore::open(database, GroupSize::default()).unwrap()),
            None => Box::new(SqliteStore::open(&self.desk.path("station/station.db"), GroupSize::default()).unwrap()),
        };
        runtime().block_on(store.read(move |tx| tx.query(sql, &[])?[0].int(0))).unwrap()
    }

    /// Starts a station for good, which brings the order's line to `state`.
    fn ends_in(&self, state: &str) {
        let station = self.desk.start_station("127.0.0.1:0", &[]).unwrap();
        wait_for(&station.address(), ORDER, state);
    }

    fn balance(&self, account: &str) -> String {
        let ledger = self.desk.show("ledger", None).unwrap().remove(0);
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let accounts = ledger["accounts"].as_array().unwrap();
        let found = accounts.iter().find(|known| known["account"] == account);
        found.map_or("0.00".to_owned(), |account| account["balance"].as_str().unwrap().to_owned())
    }

    /// The causes of what is before a person.
    fn exceptions(&self) -> Vec<String> {
        let shown = self.desk.show("exceptions", None).unwrap();
        shown.iter().map(|shown| shown["cause"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks until there are such exceptions; each look is a process of its own.
    fn wait_for_exceptions(&self, causes: &[&str]) {
        for _ in 0..500 {
            if self.exceptions() == causes {
                return;
            }
        }
        panic!("{:?} and not {causes:?}", self.exceptions());
    }

    /// The order was paid once and sold once: its money is held for delivery, and the meter's next token counts it.
    fn is_sold_once(&self, point: &str, clearing: &str, money: &str) {
        assert_eq!(
            (self.balance(clearing), self.balance("sold_undelivered")),
            (money.into(), format!("-{money}")),
            "{point}"
        );
        let line = self.desk.show("order", Some(ORDER)).unwrap()[0]["lines"][0].clone();
        let meter = self.desk.show("meter", Some(GAS)).unwrap().remove(0);
        assert_eq!(meter["live_total_units"], line["quote"]["units"], "{point}");
    }
}

/// Waits until a process has killed itself at `point`; kills it and fails if it does not.
fn killed(point: &str, pid: Pid, wait: impl FnOnce() -> ExitStatus + Send + 'static) {
    let (tell, told) = channel();
    let waiting = thread::spawn(move || tell.send(wait()));
    let Ok(status) = told.recv_timeout(PATIENCE) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("{point} was never reached");
    };
    waiting.join().unwrap().unwrap();
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{point}: {status}");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Makes the order; with `accept` its quote is accepted. Answers may be lost: the station may die over them.
fn order(url: &str, more: Value, accept: bool) {
    let http = coinless_station::net::http_client(PATIENCE).unwrap();
    let mut body = json!({ "lines": [{ "meter": GAS_LABEL, "amount": "50.00" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let url = format!("{url}/v1/orders/{ORDER}");
    runtime().block_on(async {
        let Ok(put) = http.put(&url).json(&body).send().await else { return };
        assert_eq!(put.status(), 201, "{}", put.text().await.unwrap());
        if accept {
            let _ = http.post(format!("{url}/payment")).json(&json!({ "quote_version": 1 })).send().await;
        }
    });
}

/// A phone earns the meter's readings, once or twice; it has them.
fn lets_a_phone_read(station: &Restart, point: &str) {
    let mut meter = station.desk.start(station.desk.meter_command(GAS, "127.0.0.1:0")).unwrap();
    meter.control("open", "open").unwrap();
    let code = meter.control("show", "show").unwrap()["owner_code"].as_str().unwrap().to_owned();
    let ask = |url: &str| {
        let words = ["--station", url, GAS_LABEL, "--code", &code];
        station.desk.phone("phone", "readings", &words)
    };
    station.dies_at(point, |url| assert!(ask(url).is_err(), "{point}"));
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    let other = station.desk.phone("other", "readings", &["--station", &running.address(), GAS_LABEL]);
    assert!(other.is_err(), "{point}: a phone without the code");
    // The station is at another address now, and so another one to the phone: with the same code it earns them there.
    assert_eq!(ask(&running.address()).unwrap()[0]["meter"], GAS, "{point}");
    let readers = station.count("SELECT count(*) FROM reader");
    assert_eq!(readers, if point.ends_with("before") { 1 } else { 2 }, "{point}");
}

/// A problem is reported again under its id, and is there once.
fn takes_a_report(station: &Restart, point: &str) {
    let put = |url: &str| {
        let body = json!({ "meter": GAS_LABEL, "text": "it hisses" });
        let request = coinless_station::net::http_client(PATIENCE).unwrap().put(format!("{url}/v1/problems/{ORDER}"));
        runtime().block_on(async { request.json(&body).send().await.map(|answer| answer.status()) })
    };
    station.dies_at(point, |url| assert!(put(url).is_err(), "{point}"));
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    assert_eq!(put(&running.address()).unwrap(), 200, "{point}");
    let shown = station.desk.show("problems", Some(GAS)).unwrap();
    assert_eq!((shown.len(), &shown[0]["text"]), (1, &json!("it hisses")), "{point}");
}

/// It starts, for a meter that was enrolled before there were several utilities, and sells.
fn starts(station: &Restart, point: &str) {
    station.change(&["UPDATE meter SET utility = ''"]);
    station.dies_at_once(point);
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    order(&running.address(), json!({}), true);
    wait_for(&running.address(), ORDER, "issued");
    station.is_sold_once(point, "provider:sandbox:clearing", "50.00");
    assert_eq!(station.exceptions(), Vec::<String>::new(), "{point}");
}

/// A paid line whose task was lost gets it again, and a person is told once.
fn finds_what_lost_its_task(station: &Restart, point: &str) {
    station.order_until("station.query_payment.committed");
    station.change(&["DELETE FROM outbox WHERE task = 'sell'", "UPDATE outbox SET due_ms = 0 WHERE task = 'sweep'"]);
    station.dies_at_once(point);
    station.ends_in("issued");
    station.is_sold_once(point, "provider:sandbox:clearing", "50.00");
    assert_eq!(station.exceptions(), ["task_lost:sell"], "{point}");
}

/// A quote that nobody accepted expires, and its room is free.
fn forgets_a_quote(station: &Restart, point: &str) {
    station.dies_at("station.put.committed", |url| order(url, json!({}), false));
    station.change(&["UPDATE orders SET expires_ms = 0", "UPDATE outbox SET due_ms = 0 WHERE task = 'expire'"]);
    station.dies_at_once(point);
    station.ends_in("expired");
    assert_eq!(station.desk.show("meter", Some(GAS)).unwrap()[0]["reserved_units"], 0, "{point}");
    assert_eq!(station.exceptions(), Vec::<String>::new(), "{point}");
}

/// Money that came to the provider yesterday for no order is noted once.
fn compares_the_books(station: &Restart, point: &str) {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let yesterday_ms = coinless_station::service::now_ms() / DAY_MS * DAY_MS - 1;
    let stray = json!({
        "shown": { "id": "stray-1", "status": "captured", "amount": "7.00", "currency": "EUR" },
        "callback_url": "", "refunds": {}, "captured_ms": yesterday_ms,
    });
    std::fs::write(station.desk.path("station/sandbox.jsonl"), format!("{stray}\n")).unwrap();
    let due: &[&str] = &["INSERT INTO outbox (subject, task, due_ms, attempts, claimed_until_ms)
        VALUES ('station', 'reconcile', 0, 0, 0) ON CONFLICT (subject, task) DO UPDATE SET due_ms = 0"];
    station.change(due);
    station.dies_at_once(point);
    // A comparison that was cut short comes up again in an hour.
    station.change(due);
    let _running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    station.wait_for_exceptions(&["unmatched_money"]);
    assert_eq!(station.balance("suspense"), "-7.00", "{point}");
    assert_eq!(station.balance("provider:sandbox:clearing"), "7.00", "{point}");
}

/// A line that the utility does not admit to have sold is taken back from it after patience, and refunded.
fn takes_a_late_sale_back(station: &Restart, point: &str) {
    let utility = SandboxUtility::configure(&station.desk);
    utility.forgets();
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    order(&running.address(), json!({}), true);
    wait_for(&running.address(), ORDER, "sale_unknown");
    drop(running);
    utility.behaves();
    station.change(&["UPDATE order_line SET paid_ms = 0", "UPDATE outbox SET due_ms = 0 WHERE task = 'sell'"]);
    station.dies_at_once(point);
    station.ends_in("refunded");
    utility.took_back(ORDER);
    for account in ["provider:sandbox:clearing", "payer_money_held", "sold_undelivered", "refunds_due"] {
        assert_eq!(station.balance(account), "0.00", "{point}: {account}");
    }
    let meter = station.desk.show("meter", Some(GAS)).unwrap().remove(0);
    assert_eq!((&meter["live_total_units"], &meter["reserved_units"]), (&json!(0), &json!(0)), "{point}");
    assert_eq!(station.exceptions(), Vec::<String>::new(), "{point}");
}

/// A telephone is asked for its PIN at most once. If it is not known whether it was, the payment comes before a person.
fn prompts_once(station: &Restart, point: &str) {
    let serving = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = serving.block_on(Server::start());
    server.script("/oauth/v1/generate", [Reply::Json(200, json!({ "access_token": "t", "expires_in": "3599" }))]);
    let pushed = json!({ "MerchantRequestID": "1", "CheckoutRequestID": "ws_CO_1", "ResponseCode": "0",
        "ResponseDescription": "", "CustomerMessage": "" });
    const PUSH: &str = "/mpesa/stkpush/v1/processrequest";
    server.script(PUSH, [Reply::Json(200, pushed)]);
    let paid = json!({ "ResponseCode": "0", "ResponseDescription": "", "MerchantRequestID": "1",
        "CheckoutRequestID": "ws_CO_1", "ResultCode": "0", "ResultDesc": "paid" });
    server.script("/mpesa/stkpushquery/v1/query", [Reply::Json(200, paid)]);
    mpesa(&station.desk, &server.url);
    let payer = json!({ "payer": "0722111111", "lines": [{ "meter": GAS_LABEL, "amount": "500" }] });
    station.dies_at("station.accept.committed", |url| order(url, payer, true));
    station.dies_at_once(point);
    assert_eq!(server.seen(PUSH).len(), 0, "{point}");
    if point.ends_with(".before") {
        station.ends_in("issued");
        assert_eq!(server.seen(PUSH).len(), 1);
        station.is_sold_once(point, "provider:daraja-stk:clearing", "500.00");
        assert_eq!(station.exceptions(), Vec::<String>::new(), "{point}");
        return;
    }
    station.ends_in("payment_unknown");
    station.change(&["UPDATE orders SET created_ms = 0", "UPDATE outbox SET due_ms = 0 WHERE task = 'sweep'"]);
    let _running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    station.wait_for_exceptions(&["payment_stuck"]);
    assert_eq!(server.seen(PUSH).len(), 0, "what may have been asked for is not asked for again");
    assert_eq!(station.balance("provider:daraja-stk:clearing"), "0.00");
}

/// An order that the backup does not have is paid once and sold once.
fn recovers_what_a_backup_does_not_have(station: &Restart, point: &str) {
    let file = station.desk.path("backup");
    let data = station.desk.path("station");
    let mut backup = station.desk.command(&["station", "backup", "--data"]);
    backup.arg(&data).arg(&file);
    station.desk.run_command(backup).unwrap();
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    order(&running.address(), json!({}), true);
    wait_for(&running.address(), ORDER, "issued");
    drop(running);
    station.desk.lose_database().unwrap();
    let mut restore = station.desk.command(&["station", "restore", "--settle", "0", "--data"]);
    restore.arg(&data).arg(&file);
    station.desk.run_command(restore).unwrap();
    station.dies_at_once(point);
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    let recovery = || {
        let mut recover = station.desk.command(&["station", "recover", "--data"]);
        recover.arg(&data);
        station.desk.run_command(recover).unwrap().remove(0)
    };
    // Each look is a process of its own.
    while recovery()["lost_payments"].as_array().unwrap().is_empty() {}
    assert_eq!(station.balance("suspense"), "-50.00", "{point}");
    // The phone brings its order again.
    order(&running.address(), json!({}), false);
    wait_for(&running.address(), ORDER, "issued");
    while !recovery().is_null() {}
    station.is_sold_once(point, "provider:sandbox:clearing", "50.00");
    assert_eq!(station.balance("suspense"), "0.00", "{point}");
}

/// Has the station sell in shillings, paid by M-Pesa at `url`.
fn mpesa(desk: &Desk, url: &str) {
    let secret = |name: &str| {
        let path = desk.path(name);
        std::fs::write(&path, format!("{name}-text\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    let config = format!(
        "[[utilities]]\nname = \"sample-utility\"\ncurrency = \"KES\"\n\
         [utilities.tariffs.gas]\nprice = \"100\"\ntax_percent = \"0\"\n\
         [providers.daraja]\nurl = {url:?}\nshort_code = \"174379\"\nconsumer_key_file = {:?}\n\
         consumer_secret_file = {:?}\npasskey_file = {:?}\n",
        secret("key"),
        secret("secret"),
        secret("passkey")
    );
    std::fs::write(desk.path("station/station.toml"), config).unwrap();
}

/// A task that was done already by another way ends.
fn has_nothing_left_to_do(station: &Restart, point: &str) {
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    order(&running.address(), json!({}), true);
    wait_for(&running.address(), ORDER, "issued");
    drop(running);
    station.change(&["INSERT INTO outbox (subject, task, due_ms, attempts, claimed_until_ms)
        SELECT order_id || '/1', 'sell', 0, 0, 0 FROM orders"]);
    station.dies_at_once(point);
    station.ends_in("issued");
    station.is_sold_once(point, "provider:sandbox:clearing", "50.00");
    assert_eq!(station.exceptions(), Vec::<String>::new(), "{point}");
}

/// A task that cannot be done is shown once, and keeps nobody else waiting.
fn shows_what_it_cannot_do(station: &Restart, point: &str) {
    station.change(&["INSERT INTO outbox (subject, task, due_ms, attempts, claimed_until_ms)
        VALUES ('nonsense', 'sell', 0, 0, 0)"]);
    station.dies_at_once(point);
    let running = station.desk.start_station("127.0.0.1:0", &[]).unwrap();
    order(&running.address(), json!({}), true);
    wait_for(&running.address(), ORDER, "issued");
    station.wait_for_exceptions(&["task_failed:sell"]);
    station.is_sold_once(point, "provider:sandbox:clearing", "50.00");
}
