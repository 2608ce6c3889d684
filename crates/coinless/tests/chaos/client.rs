//! A client: it buys, pays, carries tokens to meters and receipts back, and takes lines back. It keeps its orders' ids; a broken
//! connection tells it nothing, so it asks again.

use crate::meters::Home;
use crate::plan::Plan;
use crate::town::Town;
use coinless_protocol::receipt::Receipt;
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::records::from_hex;
use coinless_station::view::{LineView, OrderView};
use fastrand::Rng;
use reqwest::Response;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a client that carried something waits before it looks for what is to be carried next.
const ROUND: Duration = Duration::from_millis(500);

/// A client and its draws.
pub struct Client {
    town: Arc<Town>,
    random: Rng,
    events: Option<Events>,
    /// The newest version of its order that it was told of.
    version: i64,
}

/// A stream of server-sent events.
struct Events {
    stream: Response,
    /// What came of the next events; a piece may end in the middle of a character.
    bytes: Vec<u8>,
    /// The first event shows the order as it is; later ones may have waited here while another answer told more.
    is_first: bool,
}

/// An order that a client is at.
struct Errand {
    id: String,
    plan: Plan,
    asked_back: BTreeSet<u32>,
}

impl Client {
    pub fn new(town: Arc<Town>, random: Rng) -> Self {
        Self { town, random, events: None, version: 0 }
    }

    /// Buys, order after order, until the town closes; every order is brought to its end.
    pub async fn live(mut self) {
        while !self.town.is_closing() {
            let plan = Plan::draw(&mut self.random, &self.town.setting.meters);
            let id = uuid::Builder::from_unix_timestamp_millis(
                self.random.u64(..1 << 48),
                &self.random.u128(..).to_be_bytes()[..10].try_into().unwrap(),
            );
            self.run(Errand { id: id.into_uuid().to_string(), plan, asked_back: BTreeSet::new() }).await;
        }
    }

    async fn run(&mut self, mut errand: Errand) {
        let path = format!("/v1/orders/{}", errand.id);
        let (status, body) = {
            let request = &errand.plan.request;
            self.town.doors.ask(&mut self.random, &path, |http, url| http.put(url).json(request)).await
        };
        assert!([200, 201].contains(&status), "the order was refused: {status} {body}");
        let view = parse(&body);
        self.town.told.order(view.clone());
        if errand.plan.walks_away {
            return;
        }
        let accept = json!({ "quote_version": view.quote_version });
        let payment = format!("{path}/payment");
        let (status, body) =
            self.town.doors.ask(&mut self.random, &payment, |http, url| http.post(url).json(&accept)).await;
        assert_eq!(status, 202, "the acceptance was refused: {body}");
        let view = parse(&body);
        (self.events, self.version) = (None, view.version);
        self.town.told.accepted(view);
        let mut carried = false;
        loop {
            let view = self.next_view(&path, carried).await;
            self.version = view.version;
            self.town.told.order(view.clone());
            if has_ended(&view) {
                return;
            }
            carried = self.carry(&mut errand, &path, &view).await;
        }
    }

    /// The order at its next change. Who carried something looks after a while in any case, since what it brought may have
    /// changed nothing.
    async fn next_view(&mut self, path: &str, carried: bool) -> OrderView {
        if carried {
            if let Ok(view) = timeout(ROUND, self.next_event(path)).await {
                return view;
            }
            let (status, body) = self.town.doors.ask(&mut self.random, path, |http, url| http.get(url)).await;
            assert_eq!(status, 200, "an acknowledged order is gone: {body}");
            // A stream that was opened meanwhile may have its first event waiting.
            self.events.iter_mut().for_each(|events| events.is_first = false);
            return parse(&body);
        }
        self.next_event(path).await
    }

    /// The next server-sent event of the order; the stream is opened again when it breaks.
    async fn next_event(&mut self, path: &str) -> OrderView {
        loop {
            if let Some(events) = &mut self.events {
                if let Some(end) = events.bytes.windows(2).position(|two| two == b"\n\n") {
                    let event = String::from_utf8(events.bytes.drain(..end + 2).collect()).unwrap();
                    let view = event.lines().find_map(|line| line.strip_prefix("data: ")).map(parse);
                    let Some(view) = view else { continue };
                    self.town.doors.answered();
                    if std::mem::take(&mut events.is_first) || view.version >= self.version {
                        return view;
                    }
                } else if let Ok(Some(chunk)) = events.stream.chunk().await {
                    events.bytes.extend_from_slice(&chunk);
                } else {
                    self.events = None;
                }
                continue;
            }
            let url = format!("{}{path}/events", self.town.doors.open_one(&mut self.random).await);
            if let Ok(stream) = self.town.doors.http.get(url).send().await {
                assert!([200, 500, 503].contains(&stream.status().as_u16()), "an order is gone: {stream:?}");
                let events = |stream| Events { stream, bytes: Vec::new(), is_first: true };
                self.events = (stream.status() == 200).then(|| events(stream));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Does what is to be done about each line; gives whether anything was.
    async fn carry(&mut self, errand: &mut Errand, path: &str, view: &OrderView) -> bool {
        let mut carried = false;
        for line in &view.lines {
            let takes_back = line.state == LineState::Issued
                && errand.plan.voids.contains(&line.line)
                && errand.asked_back.insert(line.line);
            if takes_back {
                if let (0, Some(token)) = (self.random.u32(0..4), &line.token) {
                    // It is loaded, and nobody knows: it must not be refunded.
                    self.home(line).hand(&from_hex(token).unwrap());
                }
                self.take_back(path, line.line).await;
                carried = true;
            } else if let Some(token) = &line.token {
                self.bring(line, &from_hex(token).unwrap()).await;
                carried = true;
            }
        }
        carried
    }

    fn home(&self, line: &LineView) -> &Home {
        self.town.setting.meters.homes.iter().find(|home| home.id.as_str() == line.meter).unwrap()
    }

    async fn take_back(&mut self, path: &str, line: u32) {
        let path = format!("{path}/lines/{line}/void");
        let (status, body) = self.town.doors.ask(&mut self.random, &path, |http, url| http.post(url)).await;
        match status {
            202 => {
                let view = parse(&body);
                self.version = view.version;
                self.town.told.void(view, line);
            }
            // Somebody else brought a receipt meanwhile.
            409 => {}
            _ => panic!("a void was refused: {status} {body}"),
        }
    }

    /// Brings a token to its meter and the receipt back. Now and then the receipt is lost on the way, an old token is tried, or
    /// a receipt is brought twice.
    async fn bring(&mut self, line: &LineView, token: &[u8]) {
        let town = self.town.clone();
        let draw = self.random.u32(0..16);
        let mut random = self.random.fork();
        let home = self.home(line);
        let mut receipts = vec![home.hand(token)];
        match draw {
            0..3 => receipts.clear(),
            3..5 => receipts.extend(home.hand_old(&mut random)),
            5 => receipts.extend(receipts.clone()),
            6 => receipts = home.hand_old(&mut random).into_iter().chain(receipts).collect(),
            _ => {}
        }
        for receipt in receipts {
            let post = |http: &reqwest::Client, url: String| {
                http.post(url).header("Content-Type", "application/cose").body(receipt.clone())
            };
            let (status, body) = town.doors.ask(&mut self.random, "/v1/receipts", post).await;
            assert_eq!(status, 200, "a receipt was refused: {body}");
            let number = Receipt::parse(&receipt).unwrap().1.number;
            town.told.receipt(&line.meter, number, &receipt);
        }
    }
}

/// Whether nothing more is to come of an order.
pub fn has_ended(view: &OrderView) -> bool {
    let declined = view.payment.state == PaymentState::Declined;
    view.lines.iter().all(|line| match line.state {
        LineState::Delivered | LineState::Refunded | LineState::Exception => true,
        LineState::Failed => declined,
        _ => false,
    })
}

pub fn parse(body: &str) -> OrderView {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}
