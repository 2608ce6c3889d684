//! A station with one provider, and everybody around it.

use crate::outside::Side;
use crate::server::Server;
use crate::station::App;
use crate::words::{CHARGE, PAY_OUT, confirmation, event, intent, kes, paid_out, prompt_callback};
use crate::{ASKED, ORDER, setup};
use coinless_protocol::readings::Readings;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::{CreditNumber, Epoch, FineCredit, Units};
use coinless_station::lifecycle::LineState;
use coinless_station::money::Money;
use coinless_station::operator::Operator;
use coinless_station::payments;
use coinless_station::provider::manual::{self, CashKind, Mark};
use coinless_station::provider::{PaymentProvider, SHARED_ADDRESS};
use coinless_station::receipts::{self, OpenedReceipt};
use coinless_station::records::to_hex;
use coinless_station::resolve::{self, Decision as How, Resolution};
use coinless_station::service::now_ms;
use coinless_station::store::Store;
use coinless_station::view::OrderView;
use coinless_station::work::Work;
use ring::hmac;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct World {
    pub app: App,
    pub server: Server,
    pub side: Side,
    pub store: Arc<dyn Store>,
    pub provider: Arc<dyn PaymentProvider>,
    http: reqwest::Client,
}

impl World {
    /// A station whose only provider is `side`, which answers everything, and where nobody has paid.
    pub async fn start(side: Side) -> Self {
        let server = Server::start().await;
        side.waits(&server);
        let kept = Mutex::new(None);
        let app = App::start(|store| {
            let provider = side.open(&server.url, store);
            *kept.lock().unwrap() = Some((store.clone(), provider.clone()));
            vec![provider]
        })
        .await;
        let (store, provider) = kept.into_inner().unwrap().unwrap();
        let http = coinless_station::net::http_client(Duration::from_secs(60)).unwrap();
        Self { app, server, side, store, provider, http }
    }

    /// The order is made and its price accepted.
    pub async fn order(&self) {
        self.app.order(ORDER, self.side.name(), "500", Some("0722111111")).await;
    }

    /// The order is made and paid, and its token is out.
    pub async fn sold(side: Side) -> Self {
        let world = Self::start(side).await;
        world.order().await;
        world.pays(&[("R1", ASKED)]).await;
        world.issued().await;
        world
    }

    /// The payer pays these (receipt, minor units), and the station is told.
    pub async fn pays(&self, receipts: &[(&str, i64)]) {
        if self.side == Side::Manual {
            for (receipt, minor) in receipts {
                self.mark(ORDER, receipt, *minor).await.unwrap();
            }
            return;
        }
        self.side.has(&self.server, receipts, 0);
        self.calls_back().await;
    }

    /// The whole sum is taken away again, not by us, and the station is told as this provider tells it.
    pub async fn takes_back(&self) {
        match self.side {
            Side::Manual => {
                let who = cashier();
                let correct = move |work: &mut Work<'_>| manual::correct(work, ORDER, "R1", "C1", &who, "not paid");
                self.app.station.run("correct", correct).await.unwrap();
            }
            Side::Stripe => {
                self.side.has(&self.server, &[("R1", ASKED)], ASKED);
                // A dispute has nothing of ours, only its charge.
                let dispute = serde_json::json!({ "id": "dp_1", "charge": CHARGE, "status": "needs_response" });
                assert_eq!(self.stripe(&event("charge.dispute.created", dispute), setup::WEBHOOK_SECRET).await, 204);
            }
            side => {
                side.has(&self.server, &[("R1", ASKED)], ASKED);
                self.calls_back().await;
            }
        }
    }

    /// The provider calls back, as it does, about the order.
    pub async fn calls_back(&self) {
        let (status, wanted) = match self.side {
            Side::Sandbox => {
                let body = crate::words::sandbox("captured", ASKED, None).to_string();
                (self.sandbox(ORDER, &body, b"key").await, 204)
            }
            Side::Stk => (self.app.post(&self.address(ORDER), &prompt_callback(0)).await.0, 200),
            Side::Paybill => {
                let body = confirmation("R1", &payments::account(ORDER));
                (self.app.post(&self.address(SHARED_ADDRESS), &body).await.0, 200)
            }
            Side::Stripe => {
                let event = event("payment_intent.succeeded", intent("succeeded", ASKED, 0, false));
                (self.stripe(&event, setup::WEBHOOK_SECRET).await, 204)
            }
            Side::Manual => panic!("nobody calls back for a cashier"),
        };
        assert_eq!(status, wanted, "{:?}", self.side);
    }

    /// The genuine address of callbacks about `subject`.
    pub fn address(&self, subject: &str) -> String {
        self.app.station.context().callbacks.url(self.side.name(), subject)
    }

    /// A callback of the sandbox, signed with `key`; gives the status of the answer.
    pub async fn sandbox(&self, subject: &str, body: &str, key: &[u8]) -> u16 {
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body.as_bytes());
        let call = self.http.post(self.address(subject)).header("x-signature", to_hex(signature.as_ref()));
        call.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// An event of Stripe, signed with `secret`; gives the status of the answer.
    pub async fn stripe(&self, event: &Value, secret: &str) -> u16 {
        stripe(&self.app, event, secret).await
    }

    /// A cashier marks a transfer.
    pub async fn mark(&self, order: &str, entry: &str, minor: i64) -> Result<String, coinless_station::problem::Error> {
        let mark = Mark {
            entry_id: entry.to_owned(),
            kind: CashKind::Transfer,
            amount: Money::from_minor(minor),
            note: String::new(),
        };
        let order = order.to_owned();
        self.app.station.run("mark", move |work| manual::mark_paid(work, &order, &mark, &cashier())).await
    }

    /// A person decides that money goes back.
    pub async fn give_back(&self, subject: &str, cause: &str) {
        let resolution = Resolution {
            subject: subject.to_owned(),
            cause: cause.to_owned(),
            operator: "manager".to_owned(),
            note: "talked to the customer".to_owned(),
            decision: How::Refund,
        };
        self.app.station.run("resolve", move |work| resolve::resolve(work, &resolution)).await.unwrap();
    }

    /// The provider makes the refund that was asked for, once; waits until the books have it.
    pub async fn refunds(&self, refund_id: &str) {
        match self.side {
            Side::Stk | Side::Paybill => {
                let asked = self.server.wait_for(PAY_OUT, 1).await;
                let url = asked[0].body["ResultURL"].as_str().unwrap().to_owned();
                for _ in 0..2 {
                    assert_eq!(self.app.post(&url, &paid_out()).await.0, 200);
                }
            }
            Side::Manual => {
                let refund = refund_id.to_owned();
                let pay_out = move |work: &mut Work<'_>| manual::pay_out(work, &refund, &cashier());
                self.app.station.run("pay_out", pay_out).await.unwrap();
            }
            // It was answered at once.
            Side::Sandbox | Side::Stripe => {}
        }
        self.app.wait_for_balance("refunds_due", "0.00").await;
    }

    /// Waits until the token is out.
    pub async fn issued(&self) -> OrderView {
        let issued = |order: &OrderView| order.lines[0].state == LineState::Issued && order.lines[0].token.is_some();
        self.app.wait_for(ORDER, issued).await
    }

    /// A receipt of the meter, which stands at `number` with what was sold up to it.
    pub async fn meter_is_at(&self, number: u32) {
        let context = self.app.station.context().clone();
        let accept = move |work: &mut Work<'_>| {
            let row = work.query_first("SELECT total FROM token WHERE number = $1", &[number.into()])?;
            let total = Units::new(row.unwrap().number(0).unwrap()).unwrap();
            let initial = FineCredit(2_000_000);
            let receipt = Receipt {
                meter: "CLS0000000017".parse().unwrap(),
                number,
                outcome: Outcome { decision: Decision::Read, token: CreditNumber(0) },
                registers: RegisterNumbers {
                    epoch: Epoch(0),
                    credit: CreditNumber(number),
                    tariff: 0,
                    settings: 0,
                    keys: 0,
                },
                total,
                sums: Sums { initial, withdrawn: FineCredit(0), charged: FineCredit(0) },
                flags: Default::default(),
                readings: Default::default(),
                challenge: None,
            };
            let balance = FineCredit(initial.0 + total.fine().0);
            let readings = Readings { balance, consumed: FineCredit(0), clock: None };
            receipts::accept(work, &OpenedReceipt { bytes: vec![number as u8], receipt, readings }, &context)
        };
        assert!(self.app.station.run("receipt", accept).await.unwrap());
    }

    /// The books, in minor units: what the provider holds, what stands in suspense, what was sold and is not delivered.
    #[track_caller]
    pub fn expect_books(&self, clearing: i64, suspense: i64, undelivered: i64) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let clearing_account = format!("provider:{}:clearing", self.side.name());
            let accounts =
                [(clearing_account.as_str(), clearing), ("suspense", suspense), ("sold_undelivered", undelivered)];
            for (account, minor) in accounts {
                let sign = if minor < 0 { "-" } else { "" };
                let balance = self.app.balance(account).await;
                assert_eq!(balance, format!("{sign}{}", kes(minor.abs())), "{account} of {:?}, {at}", self.side);
            }
        }
    }

    /// What is before a person, in the order of its subjects.
    #[track_caller]
    pub fn expect_exceptions(&self, wanted: &[&str]) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move { assert_eq!(self.app.exceptions().await, wanted, "{:?}, {at}", self.side) }
    }

    /// How often the provider was asked to collect.
    pub fn starts(&self) -> usize {
        let start = self.side.start().unwrap();
        let (method, path) = start.split_once(' ').unwrap_or(("POST", &start));
        self.server.seen(path).iter().filter(|seen| seen.method == method).count()
    }
}

/// An event of Stripe to a station, signed with `secret`; gives the status of the answer.
pub async fn stripe(app: &App, event: &Value, secret: &str) -> u16 {
    let (body, time) = (event.to_string(), now_ms() / 1000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = to_hex(hmac::sign(&key, format!("{time}.{body}").as_bytes()).as_ref());
    let http = coinless_station::net::http_client(Duration::from_secs(60)).unwrap();
    let call = http.post(app.station.context().callbacks.url("stripe", SHARED_ADDRESS));
    let call = call.header("stripe-signature", format!("t={time},v1={signature}"));
    call.body(body).send().await.unwrap().status().as_u16()
}

fn cashier() -> Operator {
    "cashier-1".parse().unwrap()
}
