//! Faults at numbered steps, and a store, a link and HTTP that suffer them.
//!
//! A step is one durable write or one exchange. At a step the process can die before or after it happens, and an exchange can
//! lose its request or its answer. Nothing else fails: bytes are not changed and nothing is answered twice by itself.

use crate::meter::TestMeter;
use crate::station::TestStation;
use coinless_phone::io::{Events, HttpAnswer, HttpRequest, Link, NoAnswer, Station, Time};
use coinless_phone::memory_store::MemoryStore;
use coinless_phone::records::StoredReceipt;
use coinless_phone::records::record::{self, Record};
use coinless_phone::store::{Contents, Store, StoreError};
use coinless_protocol::coap::{Request, Response};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    CrashBefore,
    CrashAfter,
    LoseRequest,
    LoseAnswer,
}

/// Counts steps and makes the chosen ones fail.
#[derive(Default)]
pub struct Faults {
    step: Cell<usize>,
    planned: RefCell<Vec<(usize, Fault)>>,
}

impl Faults {
    pub fn plan(&self, faults: &[(usize, Fault)]) {
        self.step.set(0);
        *self.planned.borrow_mut() = faults.to_vec();
    }

    pub fn steps(&self) -> usize {
        self.step.get()
    }

    fn next(&self) -> Option<Fault> {
        let step = self.step.replace(self.step.get() + 1);
        self.planned.borrow().iter().find(|(at, _)| *at == step).map(|(_, fault)| *fault)
    }

    /// A process that dies never sees another poll.
    async fn write<T>(&self, act: impl FnOnce() -> T) -> T {
        match self.next() {
            Some(Fault::CrashBefore) => std::future::pending().await,
            Some(Fault::CrashAfter) => {
                act();
                std::future::pending().await
            }
            _ => act(),
        }
    }

    async fn exchange<T>(&self, act: impl FnOnce() -> T) -> Result<T, NoAnswer> {
        match self.next() {
            Some(Fault::CrashBefore) => std::future::pending().await,
            Some(Fault::CrashAfter) => {
                act();
                std::future::pending().await
            }
            Some(Fault::LoseRequest) => Err(NoAnswer("request lost".into())),
            Some(Fault::LoseAnswer) => {
                act();
                Err(NoAnswer("answer lost".into()))
            }
            None => Ok(act()),
        }
    }
}

/// Runs a future that waits for nothing but its own death: none if it died.
pub fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A phone's memory that outlives its process.
pub struct TestStore {
    pub memory: MemoryStore,
    pub faults: Rc<Faults>,
    pub station: Rc<RefCell<TestStation>>,
}

impl TestStore {
    /// The rule of the token store, checked at every deletion.
    fn check_removal(&self, name: &str) {
        let contents = &self.memory.contents;
        let stored = contents.tokens.iter().find(|stored| record::token_name(&stored.key) == name);
        let stored = stored.expect("removed only once");
        let token = &stored.key;
        let at_station = |receipt: &StoredReceipt| {
            receipt.acknowledged && receipt.is_of_meter(token) && self.station.borrow().has_receipt(&receipt.bytes)
        };
        let covered = contents.settling(stored).any(at_station);
        let credit = token.numbers.credit;
        let about_it = |receipt: &&StoredReceipt| receipt.receipt.outcome.token == credit;
        let refused = contents.receipts.iter().filter(about_it).any(at_station);
        assert!(covered || (refused && !contents.is_current(stored)), "{token} deleted too early");
    }
}

impl Store for TestStore {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        self.memory.load().await
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        let tokens = match record {
            Record::Order(order) => order.current_tokens().collect(),
            _ => Vec::new(),
        };
        for token in tokens {
            let known = self.memory.contents.tokens.iter().any(|stored| stored.key == token);
            let covered = self.memory.contents.receipts.iter().any(|receipt| receipt.covers(&token));
            assert!(known || covered, "an order points to a token that is not in the store");
        }
        let memory = &mut self.memory;
        self.faults.write(|| run(memory.save(record))).await.expect("memory does not wait")
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        if Record::is_token_name(name) {
            self.check_removal(name);
        }
        let memory = &mut self.memory;
        self.faults.write(|| run(memory.remove(name))).await.expect("memory does not wait")
    }
}

/// A link to one meter.
pub struct TestLink {
    pub meter: Rc<RefCell<TestMeter>>,
    pub faults: Rc<Faults>,
}

impl Link for TestLink {
    async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        self.faults.exchange(|| self.meter.borrow_mut().answer(request)).await
    }
}

/// HTTP to the station.
pub struct TestHttp {
    pub station: Rc<RefCell<TestStation>>,
    pub faults: Rc<Faults>,
}

impl Station for TestHttp {
    type Events = TestEvents;

    async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        self.faults.exchange(|| self.station.borrow_mut().answer(request)).await
    }

    async fn watch(&mut self, path: &str) -> Result<TestEvents, NoAnswer> {
        let chunks = self.faults.exchange(|| self.station.borrow_mut().events(path)).await?;
        Ok(TestEvents { chunks })
    }
}

/// A stream of events that breaks off after what it has.
pub struct TestEvents {
    chunks: Vec<Vec<u8>>,
}

impl Events for TestEvents {
    async fn chunk(&mut self, _most_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        if self.chunks.is_empty() { Err(NoAnswer("broken".into())) } else { Ok(Some(self.chunks.remove(0))) }
    }
}

/// A clock that runs only while someone waits.
#[derive(Default)]
pub struct TestTime(Cell<u64>);

impl Time for TestTime {
    fn now_ms(&self) -> u64 {
        self.0.get()
    }

    async fn pause(&self, ms: u64) {
        self.0.set(self.0.get() + ms);
    }
}
