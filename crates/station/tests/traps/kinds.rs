//! One trait for every kind of provider: one that only calls back and cannot be asked, one that calls nobody and is asked, and one
//! where customers pay by themselves. Each is as small as it can be, and goes through the same traps.

use crate::station::App;
use crate::words::kes;
use crate::{ASKED, NOBODYS, ORDER};
use coinless_station::config::Config;
use coinless_station::ledger::Period;
use coinless_station::lifecycle::{LineState, PaymentState};
use coinless_station::money::{Currency, Money};
use coinless_station::payments;
use coinless_station::provider::{
    BadCallback, Call, Callback, EntryKind, MoneyReceipt, Notice, PaymentOutcome, PaymentProvider, PaymentRequest,
    RefundOutcome, RefundRequest, SHARED_ADDRESS, StatementEntry, StatementError,
};
use coinless_station::reconcile::{self, Look};
use coinless_station::service::now_ms;
use coinless_station::sweep;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::future::ready;
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CallsBack,
    IsAsked,
    IsPush,
}

/// Receipts with their minor units, how much was taken away again, and whether it said that nothing came.
#[derive(Debug, Clone, Default)]
struct Books {
    receipts: Vec<(String, i64)>,
    taken_back: i64,
    has_declined: bool,
}

impl Books {
    fn outcome(&self) -> PaymentOutcome {
        let currency = Currency::from_code("KES").unwrap();
        let receipt = |(receipt, minor): &(String, i64)| MoneyReceipt {
            receipt: receipt.clone(),
            amount: Money::from_minor(*minor),
            currency,
        };
        let receipts: Vec<_> = self.receipts.iter().map(receipt).collect();
        let reason = "words".to_owned();
        match (receipts.is_empty(), self.taken_back) {
            (true, _) if self.has_declined => PaymentOutcome::Declined { reason },
            (true, _) => PaymentOutcome::Pending { reference: None, instructions: None },
            (false, 0) => PaymentOutcome::Captured(receipts),
            (false, minor) => {
                PaymentOutcome::TakenBack { receipts, amount: Money::from_minor(minor), currency, reason }
            }
        }
    }

    /// As its callbacks write it.
    fn written(&self) -> Value {
        json!([self.receipts, self.taken_back, self.has_declined])
    }

    fn read(body: &[u8]) -> Result<Self, BadCallback> {
        let (receipts, taken_back, has_declined) =
            serde_json::from_slice(body).map_err(|error| BadCallback(error.to_string()))?;
        Ok(Self { receipts, taken_back, has_declined })
    }
}

struct Provider {
    kind: Kind,
    books: Arc<Mutex<Books>>,
}

impl PaymentProvider for Provider {
    fn name(&self) -> &str {
        "kind"
    }

    fn is_push(&self) -> bool {
        self.kind == Kind::IsPush
    }

    fn is_believed(&self) -> bool {
        self.kind == Kind::CallsBack
    }

    fn start<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        Box::pin(ready(Books::default().outcome()))
    }

    fn query<'a>(&'a self, _: &'a PaymentRequest) -> Call<'a, PaymentOutcome> {
        let can_be_asked = self.kind != Kind::CallsBack;
        let said = if can_be_asked { self.books.lock().unwrap().outcome() } else { Books::default().outcome() };
        Box::pin(ready(said))
    }

    fn refund<'a>(&'a self, _: &'a RefundRequest) -> Call<'a, RefundOutcome> {
        Box::pin(ready(RefundOutcome::Refunded))
    }

    fn statement<'a>(&'a self, _: i64, _: i64) -> Call<'a, Result<Vec<StatementEntry>, StatementError>> {
        if self.kind != Kind::IsAsked {
            return Box::pin(ready(Err(StatementError::NotOffered)));
        }
        let books = self.books.lock().unwrap().clone();
        let payments = books.receipts.into_iter().map(|(receipt, minor)| (EntryKind::Payment, receipt, minor));
        let taken = (EntryKind::TakenBack, "T1".to_owned(), books.taken_back);
        let entries =
            payments.chain([taken]).filter(|(_, _, minor)| *minor > 0).map(|(kind, receipt, minor)| StatementEntry {
                kind,
                receipt,
                payment_id: Some(ORDER.to_owned()),
                refund_id: None,
                account: None,
                amount: Money::from_minor(minor),
                currency: Currency::from_code("KES").unwrap(),
                at_ms: now_ms(),
            });
        Box::pin(ready(Ok(entries.collect())))
    }

    fn read_callback(&self, callback: &Callback<'_>) -> Result<Notice, BadCallback> {
        let body: Value = serde_json::from_slice(callback.body).map_err(|error| BadCallback(error.to_string()))?;
        if body["signed"] != "rightly" {
            return Err(BadCallback("it is not signed".to_owned()));
        }
        match callback.subject {
            // Also the one that is not believed says what became of it.
            Some(payment) => Ok(Notice::Outcome {
                payment_id: payment.to_owned(),
                said: Books::read(body["said"].to_string().as_bytes())?.outcome(),
            }),
            None => Ok(Notice::Push { account: payments::account(ORDER), receipt: "R1".to_owned() }),
        }
    }
}

struct World {
    app: App,
    kind: Kind,
    provider: Arc<Provider>,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let provider = Arc::new(Provider { kind, books: Arc::default() });
        let kept = provider.clone();
        let app = App::start(|_| vec![provider]).await;
        app.order(ORDER, "kind", "500", None).await;
        Self { app, kind, provider: kept }
    }

    /// The token is out.
    async fn sold(kind: Kind) -> Self {
        let world = Self::start(kind).await;
        world.has(&[("R1", ASKED)], 0).await;
        world.app.wait_for(ORDER, |order| order.lines[0].token.is_some()).await;
        world
    }

    /// From now on the provider says this, and lets the station know in its way.
    async fn has(&self, receipts: &[(&str, i64)], taken_back: i64) {
        let receipts = receipts.iter().map(|(receipt, minor)| ((*receipt).to_owned(), *minor)).collect();
        self.says(Books { receipts, taken_back, has_declined: false }).await;
    }

    async fn says(&self, books: Books) {
        *self.provider.books.lock().unwrap() = books.clone();
        match self.kind {
            // Twice, as such providers do.
            Kind::CallsBack => {
                for _ in 0..2 {
                    assert_eq!(self.call(ORDER, "rightly", &books).await, 204);
                }
            }
            Kind::IsPush => assert_eq!(self.call(SHARED_ADDRESS, "rightly", &books).await, 204),
            // It is asked until it has said its last word; what comes later is in its statement.
            Kind::IsAsked => {
                let look = Look { store: self.app.store().clone(), now_ms: now_ms(), probe: |_| () };
                let utilities = Config::default().utilities(self.app.store()).unwrap();
                let period = Period { from_ms: now_ms() - 60_000, to_ms: now_ms() + 1_000 };
                let provider: Arc<dyn PaymentProvider> = self.provider.clone();
                reconcile::run(&look, &[provider], &utilities, period).await.unwrap();
            }
        }
    }

    async fn call(&self, subject: &str, signed: &str, books: &Books) -> u16 {
        let url = self.app.station.context().callbacks.url("kind", subject);
        self.app.post(&url, &json!({ "signed": signed, "said": books.written() })).await.0
    }

    /// What the provider holds, and what stands in suspense, in minor units.
    async fn expect_books(&self, clearing: i64, suspense: i64) {
        for (account, minor) in [("provider:kind:clearing", clearing), ("suspense", suspense)] {
            let sign = if minor < 0 { "-" } else { "" };
            let wanted = format!("{sign}{}", kes(minor.abs()));
            assert_eq!(self.app.balance(account).await, wanted, "{account}, {:?}", self.kind);
        }
    }

    async fn state(&self) -> (PaymentState, LineState) {
        let order = self.app.show(ORDER).await;
        (order.payment.state, order.lines[0].state)
    }
}

/// Each kind goes through what can happen to it, and ends as any other does.
#[tokio::test]
async fn every_kind_of_provider() {
    let each = [Kind::CallsBack, Kind::IsAsked, Kind::IsPush].map(async |kind| {
        tokio::join!(sold_once(kind), not_what_was_asked_for(kind), late_words(kind), forged_words(kind), silence(kind))
    });
    join_all(each).await;
}

async fn sold_once(kind: Kind) {
    let world = World::sold(kind).await;
    world.has(&[("R1", ASKED)], 0).await;
    world.expect_books(ASKED, 0).await;
    assert_eq!(world.state().await, (PaymentState::Captured, LineState::Issued), "{kind:?}");
    let paid_again = [("R1", ASKED), ("R2", ASKED)];
    world.has(&paid_again, 0).await;
    world.app.wait_for_exception("second_success").await;
    world.has(&paid_again, 0).await;
    world.expect_books(2 * ASKED, -ASKED).await;
    world.app.give_back(&format!("{ORDER}/receipt/R2")).await;
    world.app.wait_for_balance("refunds_due", "0.00").await;
    world.expect_books(ASKED, 0).await;
    // The token is out, and the money is gone.
    world.has(&paid_again, ASKED).await;
    world.app.wait_for_exception("taken_back").await;
    world.has(&paid_again, ASKED).await;
    world.expect_books(0, ASKED).await;
    assert_eq!(world.state().await, (PaymentState::TakenBack, LineState::Issued), "{kind:?}");
}

async fn not_what_was_asked_for(kind: Kind) {
    let world = World::start(kind).await;
    world.has(&[("R1", 40_000)], 0).await;
    world.app.wait_for_exception("other_amount").await;
    world.expect_books(40_000, -40_000).await;
    assert_eq!(world.state().await, (PaymentState::Exception, LineState::Exception), "{kind:?}");
    // The same number for other money moves nothing.
    let world = World::sold(kind).await;
    world.has(&[("R1", 70_000)], 0).await;
    // Who calls nobody is not asked again after the end, but compared with.
    let cause = if kind == Kind::IsAsked { "statement_other_amount" } else { "receipt_reused" };
    world.app.wait_for_exception(cause).await;
    world.expect_books(ASKED, 0).await;
}

async fn late_words(kind: Kind) {
    let world = World::start(kind).await;
    world.says(Books { has_declined: true, ..Books::default() }).await;
    world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Declined).await;
    world.expect_books(0, 0).await;
    world.has(&[("R1", ASKED)], 0).await;
    world.app.wait_for_exception("captured_after_decline").await;
    world.expect_books(ASKED, -ASKED).await;
    assert_eq!(world.state().await.1, LineState::Exception, "{kind:?}");
}

async fn forged_words(kind: Kind) {
    let world = World::start(kind).await;
    let captured = Books { receipts: vec![("R1".to_owned(), ASKED)], ..Books::default() };
    assert_eq!(world.call(ORDER, "wrongly", &captured).await, 403);
    assert_eq!(world.call(NOBODYS, "rightly", &captured).await, 404);
    if kind != Kind::CallsBack {
        // Who can be asked is asked, and its books have nothing.
        assert_eq!(world.call(ORDER, "rightly", &captured).await, 204);
    }
    world.expect_books(0, 0).await;
    assert_eq!(world.state().await.0, PaymentState::Sent, "{kind:?}");
    assert!(world.app.exceptions().await.is_empty());
}

async fn silence(kind: Kind) {
    let world = World::start(kind).await;
    world.app.wait_for(ORDER, |order| order.payment.state == PaymentState::Sent && order.version > 1).await;
    let mut hasty = world.app.station.context().clone();
    hasty.patience.payment_ms = -1;
    world.app.station.run("sweep", move |work| sweep::look(work, &hasty)).await.unwrap();
    // That a customer has not paid yet by himself is nobody's fault.
    let wanted: &[&str] = if kind == Kind::IsPush { &[] } else { &["payment_stuck"] };
    assert_eq!(world.app.exceptions().await, wanted, "{kind:?}");
    world.expect_books(0, 0).await;
}
