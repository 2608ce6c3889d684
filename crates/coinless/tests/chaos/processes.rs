//! Two stations on one PostgreSQL, one thing at a time.

use crate::client::{has_ended, parse};
use crate::setting::{Kind, Setting};
use coinless_sim::desk::Running;
use coinless_station::ledger;
use coinless_station::lifecycle::LineState;
use coinless_station::records::from_hex;
use coinless_station::view::OrderView;
use coinless_station::work::Work;
use fastrand::Rng;
use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Orders that both stations are told of at the same moment.
const ORDERS: usize = 24;
/// How long a phone waits before it looks again.
const ROUND: Duration = Duration::from_millis(50);
/// Who waits longer waits in vain. Shorter than a process may sit on a task that it claimed (`work::CLAIM_MS`).
const PATIENCE: Duration = Duration::from_secs(60);

struct Two {
    runtime: Runtime,
    setting: Setting,
    stations: Vec<Running>,
    http: Client,
}

impl Two {
    fn start() -> Option<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let setting = Setting::new(Kind::TwoOnPostgres, &runtime, &mut Rng::new())?;
        let stations = vec![setting.start(0), setting.start(1)];
        let http = coinless_station::net::http_client(PATIENCE * 2).unwrap();
        Some(Self { runtime, setting, stations, http })
    }

    fn url(&self, at: usize, path: &str) -> String {
        format!("{}{path}", self.stations[at].address())
    }

    /// Watches an order at one station until all of its lines are in `state`.
    async fn watch(&self, at: usize, order: &str, state: LineState) -> OrderView {
        let watching = async {
            let mut stream = self.http.get(self.url(at, &format!("{order}/events"))).send().await.unwrap();
            let mut bytes = Vec::new();
            loop {
                let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
                bytes.extend_from_slice(&chunk);
                while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                    let event = String::from_utf8(bytes.drain(..end + 2).collect()).unwrap();
                    let view = event.lines().find_map(|line| line.strip_prefix("data: ")).map(parse);
                    if let Some(view) = view.filter(|view| view.lines.iter().all(|line| has_come_to(line.state, state)))
                    {
                        return view;
                    }
                }
            }
        };
        let watched = timeout(PATIENCE, watching).await;
        watched.unwrap_or_else(|_| panic!("station {at} does not show {order} {}", state.name()))
    }

    /// Tells both stations the same at the same moment; gives what they answer.
    async fn both(&self, path: &str, request: impl Fn(&Client, String) -> RequestBuilder) -> [(u16, String); 2] {
        let ask = async |at| {
            let answer = request(&self.http, self.url(at, path)).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (one, other) = tokio::join!(ask(0), ask(1));
        [one, other]
    }

    /// The receipt of the meter of an order's line for its token.
    fn receipt(&self, view: &OrderView, line: usize) -> Vec<u8> {
        let line = &view.lines[line];
        let home = self.setting.meters.homes.iter().find(|home| home.id.as_str() == line.meter).unwrap();
        home.hand(&from_hex(line.token.as_deref().unwrap()).unwrap())
    }

    /// Both books are right: ours in themselves, and what the provider collected and gave back.
    fn check_books(&self, clearing: i64) {
        let store = self.setting.store();
        let checking = store.read(|tx| ledger::check(&mut Work::new(tx, 0)));
        self.runtime.block_on(checking).unwrap();
        let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let entries = self.setting.provider.entries();
        let of = |kind: &str| entries.iter().filter(|one| one.kind == kind).map(|one| minor(&one.amount)).sum::<i64>();
        assert_eq!(of("payment") - of("refund"), clearing);
        let ledger = self.setting.desks[0].show("ledger", None).unwrap().remove(0);
        let accounts = ledger["accounts"].as_array().unwrap();
        let account = accounts.iter().find(|one| one["account"] == "provider:sandbox:clearing").unwrap();
        assert_eq!(minor(account["balance"].as_str().unwrap()), clearing, "{ledger}");
        assert_eq!(self.setting.desks[0].show("exceptions", None).unwrap(), Vec::<Value>::new());
    }
}

/// Whether a line is in a state, or was: somebody else's receipt may show that it is loaded.
fn has_come_to(now: LineState, state: LineState) -> bool {
    now == state || now == LineState::Delivered
}

fn order() -> String {
    format!("/v1/orders/{}", uuid::Uuid::now_v7())
}

fn request(setting: &Setting, homes: &[usize]) -> Value {
    let line = |at: &usize| json!({ "meter": setting.meters.homes[*at].id.label().to_string(), "amount": "5.00" });
    json!({ "lines": homes.iter().map(line).collect::<Vec<_>>(), "payer": "pay 0" })
}

fn accept() -> Value {
    json!({ "quote_version": 1 })
}

#[test]
fn a_watcher_at_one_station_hears_of_what_the_other_one_did() {
    let Some(two) = Two::start() else { return };
    let (order, body) = (order(), request(&two.setting, &[0]));
    two.runtime.block_on(async {
        assert_eq!(two.http.put(two.url(0, &order)).json(&body).send().await.unwrap().status(), 201);
        let accepting = async {
            let payment = two.url(0, &format!("{order}/payment"));
            assert_eq!(two.http.post(payment).json(&accept()).send().await.unwrap().status(), 202);
        };
        let (view, ()) = tokio::join!(two.watch(1, &order, LineState::Issued), accepting);
        let receipt = two.receipt(&view, 0);
        let bringing = async {
            let post = two.http.post(two.url(0, "/v1/receipts")).header("Content-Type", "application/cose");
            assert_eq!(post.body(receipt).send().await.unwrap().status(), 200);
        };
        tokio::join!(two.watch(1, &order, LineState::Delivered), bringing);
    });
    two.check_books(500);
}

#[test]
fn both_stations_are_told_the_same_at_the_same_moment_and_it_is_done_once() {
    let Some(two) = Two::start() else { return };
    let run = async |number: usize| {
        // The second line is taken back.
        let homes = [number % two.setting.meters.homes.len(), (number + 7) % two.setting.meters.homes.len()];
        let (order, body) = (order(), request(&two.setting, &homes));
        let made = two.both(&order, |http, url| http.put(url).json(&body)).await;
        assert!(made.iter().all(|(status, _)| [200, 201].contains(status)), "{made:?}");
        let made = made.map(|(_, body)| parse(&body));
        assert_eq!(made[0].lines, made[1].lines);
        let accepted = two.both(&format!("{order}/payment"), |http, url| http.post(url).json(&accept())).await;
        assert!(accepted.iter().all(|(status, _)| *status == 202), "{accepted:?}");
        two.watch(number % 2, &order, LineState::Issued).await;
        let voided = two.both(&format!("{order}/lines/2/void"), |http, url| http.post(url)).await;
        // Another order's receipt may have shown that it is loaded.
        assert!(voided.iter().all(|(status, _)| [202, 409].contains(status)), "{voided:?}");
        loop {
            let answer = two.http.get(two.url(number % 2, &order)).send().await.unwrap();
            let view = parse(&answer.text().await.unwrap());
            if has_ended(&view) {
                return view;
            }
            tokio::time::sleep(ROUND).await;
            for line in (0..2).filter(|line| view.lines[*line].token.is_some()) {
                let receipt = two.receipt(&view, line);
                let post = |http: &Client, url: String| {
                    http.post(url).header("Content-Type", "application/cose").body(receipt.clone())
                };
                let taken = two.both("/v1/receipts", post).await;
                assert!(taken.iter().all(|(status, _)| *status == 200), "{taken:?}");
            }
        }
    };
    let views = two.runtime.block_on(async {
        let running = (0..ORDERS).map(|number| timeout(PATIENCE, run(number)));
        let mut views = Vec::new();
        for view in join_all(running).await {
            views.push(view.expect("an order comes to its end"));
        }
        views
    });
    let lines = || views.iter().flat_map(|view| &view.lines);
    let delivered = lines().filter(|line| line.state == LineState::Delivered).count();
    assert_eq!(lines().filter(|line| line.state == LineState::Refunded).count(), ORDERS * 2 - delivered);
    two.check_books(500 * i64::try_from(delivered).unwrap());
    for home in &two.setting.meters.homes {
        let of_it = lines().filter(|line| line.meter == home.id.as_str() && line.state == LineState::Delivered);
        assert_eq!(home.total(), of_it.map(|line| line.quote.units).sum::<u64>());
    }
}

#[test]
fn what_a_killed_station_was_at_goes_on_as_soon_as_it_is_back() {
    // The last start is cut short before it has taken the dead one's place.
    let points =
        [("station.accept.committed", false), ("station.vend.performed", false), ("station.sign.before", true)];
    for (point, dies_again) in points {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let Some(setting) = Setting::new(Kind::Postgres, &runtime, &mut Rng::new()) else { return };
        let mut first = setting.start_to_die(0, point);
        let (order, body) = (order(), request(&setting, &[1]));
        let http = coinless_station::net::http_client(PATIENCE * 2).unwrap();
        runtime.block_on(async {
            let url = format!("{}{order}", first.address());
            assert_eq!(http.put(&url).json(&body).send().await.unwrap().status(), 201);
            // It may be dead before it answers.
            let _ = http.post(format!("{url}/payment")).json(&accept()).send().await;
        });
        assert_eq!(first.wait().unwrap().signal(), Some(Signal::KILL.as_raw()), "{point} is passed");
        if dies_again {
            setting.start_and_die(0, "station.release.before");
        }
        let stations = vec![setting.start(0)];
        let one = Two { runtime, setting, stations, http };
        one.runtime.block_on(one.watch(0, &order, LineState::Issued));
    }
}
