//! What a phone's courier sees of the world: its memory, the station, the meter at hand, and time. Each may fail at each use.

use super::hub::{Event, Hub, Request, Slot};
use super::station::Watched;
use coinless_phone::io::{Events, HttpAnswer, HttpMethod, HttpRequest, NoAnswer, Station, Time};
use coinless_phone::memory_store::MemoryStore;
use coinless_phone::records::record::Record;
use coinless_phone::store::{Contents, Store, StoreError};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

/// How long a phone waits for the station's answer.
const ANSWER_MS: u64 = 10_000;
/// How long a phone bears a silent stream.
const SILENCE_MS: u64 = 30_000;

/// A phone as its courier sees it.
#[derive(Clone)]
pub(super) struct Handset {
    pub hub: Rc<RefCell<Hub>>,
    pub phone: usize,
    /// The app has died; the world drops what it was doing.
    pub dead: Rc<Cell<bool>>,
    /// The owner has been shown how a purchase ended.
    pub shown: Rc<Cell<bool>>,
    pub memory: Rc<RefCell<MemoryStore>>,
}

impl Handset {
    /// A point at which the app may die.
    pub async fn may_die(&self) {
        let dies = {
            let hub = &mut *self.hub.borrow_mut();
            hub.chance(hub.faults.app_crash)
        };
        if dies {
            self.dead.set(true);
            pending::<()>().await;
        }
    }

    /// Waits until `ready` gives something, or until `until_ms`.
    pub async fn wait<T>(&self, until_ms: u64, mut ready: impl FnMut(&mut Hub) -> Option<T>) -> Option<T> {
        {
            let hub = &mut *self.hub.borrow_mut();
            let delay = until_ms.saturating_sub(hub.now_ms);
            hub.after(delay, Event::Wake { phone: self.phone });
        }
        poll_fn(|_| {
            let hub = &mut *self.hub.borrow_mut();
            match ready(hub) {
                Some(value) => Poll::Ready(Some(value)),
                None if hub.now_ms >= until_ms => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// An order is in the memory before it is first sent, and what is accepted before it is paid (ARCHITECTURE, the phone).
    fn check_stored(&self, request: &Request) {
        let mut path = request.path.strip_prefix("/v1/orders/").unwrap_or("").split('/');
        let Some(Ok(id)) = path.next().map(str::parse) else { return };
        let paid = path.next() == Some("payment");
        let memory = self.memory.borrow();
        let order = memory.contents.order(id);
        let known = request.method == HttpMethod::Get || order.is_some();
        if !known || (paid && order.is_some_and(|order| order.accepted.is_none())) {
            self.hub.borrow_mut().fail(format!("phone {} sends what it has not stored: {}", self.phone, request.path));
        }
    }

    /// Whether a write fails, and whether it is done nevertheless.
    async fn before_write(&self) -> Option<bool> {
        self.may_die().await;
        let hub = &mut *self.hub.borrow_mut();
        let fails = hub.chance(hub.faults.store_error);
        if fails {
            hub.stats.count("writes of phones that failed");
        }
        fails.then(|| hub.random.bool())
    }

    /// Writes by `write`, with the faults of a phone's memory.
    async fn write(
        &self,
        write: impl AsyncFnOnce(&mut MemoryStore) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = self.before_write().await;
        if failed != Some(false) {
            // A store in memory never waits: it is back before anybody looks.
            let mut memory = self.memory.take();
            let written = write(&mut memory).await;
            self.memory.replace(memory);
            written?;
        }
        self.may_die().await;
        match failed {
            None => Ok(()),
            Some(_) => Err(StoreError::Failed("the memory is worn".to_owned())),
        }
    }
}

impl Store for Handset {
    async fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(self.memory.borrow().contents.clone())
    }

    async fn save(&mut self, record: &Record) -> Result<(), StoreError> {
        self.write(async |memory| memory.save(record).await).await
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        if Record::is_token_name(name) {
            self.hub.borrow_mut().stats.count("tokens deleted by phones");
        }
        self.write(async |memory| memory.remove(name).await).await
    }
}

impl Time for Handset {
    fn now_ms(&self) -> u64 {
        self.hub.borrow().now_ms
    }

    async fn pause(&self, ms: u64) {
        let until_ms = self.now_ms() + ms;
        self.wait::<()>(until_ms, |_| None).await;
    }
}

/// The station over the phone's network.
pub(super) struct Http(pub Handset);

impl Station for Http {
    type Events = Stream;

    async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        self.0.may_die().await;
        let request = Request { method: request.method, path: request.path.to_owned(), body: request.body.to_vec() };
        self.0.check_stored(&request);
        let slot = Slot::default();
        let until_ms = {
            let hub = &mut *self.0.hub.borrow_mut();
            hub.send_request(self.0.phone, request, &slot);
            hub.now_ms + ANSWER_MS
        };
        let answer = self.0.wait(until_ms, |_| slot.take()).await;
        self.0.may_die().await;
        answer.unwrap_or_else(|| Err(NoAnswer("it took too long".to_owned())))
    }

    async fn watch(&mut self, path: &str) -> Result<Stream, NoAnswer> {
        self.0.pause(100).await;
        let id = path.strip_prefix("/v1/orders/").and_then(|rest| rest.strip_suffix("/events"));
        let watch = self.0.hub.borrow_mut().watch(self.0.phone, id.unwrap_or(""));
        let watch = watch.ok_or_else(|| NoAnswer("no stream".to_owned()))?;
        Ok(Stream { handset: self.0.clone(), watch })
    }
}

/// A stream of an order's changes.
pub(super) struct Stream {
    handset: Handset,
    watch: u64,
}

impl Events for Stream {
    async fn chunk(&mut self, most_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        let until_ms = self.handset.now_ms() + most_ms.min(SILENCE_MS);
        let watch = self.watch;
        let watched = self.handset.wait(until_ms, |hub| match hub.station.watched(watch) {
            Watched::Nothing => None,
            watched => Some(watched),
        });
        match watched.await {
            Some(Watched::Chunk(chunk)) => Ok(Some(chunk)),
            Some(_) => Err(NoAnswer("the stream broke".to_owned())),
            None => Err(NoAnswer("the stream is silent".to_owned())),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The world may be at work itself when it drops what a dead app was doing; then the watch just stays.
        if let Ok(mut hub) = self.handset.hub.try_borrow_mut() {
            hub.station.unwatch(self.watch);
        }
    }
}

impl Hub {
    /// Sends a phone's request on its way, on which it may get lost, come late or come twice.
    fn send_request(&mut self, phone: usize, request: Request, slot: &Slot<Result<HttpAnswer, NoAnswer>>) {
        self.stats.count("requests of phones");
        if self.chance(self.faults.request_lost) {
            self.stats.count("requests of phones lost");
            return;
        }
        let mut answer = Some(slot.clone());
        if self.chance(self.faults.request_astray) {
            self.stats.count("requests of phones that arrive late or twice");
            if self.random.bool() {
                answer = None;
            }
            let delay = ANSWER_MS + self.delay(120_000);
            self.after(delay, Event::Request { phone, request: request.clone(), answer: None });
        }
        if answer.is_some() {
            let delay = self.delay(400);
            self.after(delay, Event::Request { phone, request, answer });
        }
    }
}
