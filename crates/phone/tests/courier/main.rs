//! The courier against a meter and a station that count what happens to them, with a crash or a lost message at every step.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod attending;
mod buying;
mod carrying;
mod faults;
mod following;
mod handing_over;
mod meter;
mod registers;
mod restoring;
mod rounds;
mod station;

use coinless_phone::Error;
use coinless_phone::courier::{
    Bought, BoughtAt, Buyer, Delivered, Draws, Purchase, PurchaseLine, Refund, Restored, SyncReport, deliver, follow,
    refund, restore, sync, tell,
};
use coinless_phone::memory_store::MemoryStore;
use coinless_phone::records::StoredOrder;
use coinless_phone::store::Contents;
use coinless_protocol::MeterId;
use faults::{Fault, Faults, TestHttp, TestLink, TestStore, TestTime, run};
use meter::TestMeter;
use station::TestStation;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use uuid::Uuid;

const URL: &str = "https://station.example";
const GAS: &str = "CLS0000000017";
const WATER: &str = "CLS0000000025";

const FAULTS: [Fault; 4] = [Fault::CrashBefore, Fault::CrashAfter, Fault::LoseRequest, Fault::LoseAnswer];

/// A phone, a station and two meters; and how to use them as a person would.
struct World {
    faults: Rc<Faults>,
    store: TestStore,
    http: TestHttp,
    time: TestTime,
    gas: TestLink,
    water: TestLink,
    draws: Cell<u64>,
}

impl World {
    fn new() -> Self {
        let faults = Rc::<Faults>::default();
        let station = Rc::<RefCell<TestStation>>::default();
        let link = |id, secret| {
            let meter = TestMeter::new(id, secret);
            station.borrow_mut().enrol(meter.id, meter.key.public_key(), u64::MAX);
            TestLink { meter: Rc::new(RefCell::new(meter)), faults: faults.clone() }
        };
        let (gas, water) = (link(GAS, 1), link(WATER, 2));
        let store = TestStore { memory: MemoryStore::default(), faults: faults.clone(), station: station.clone() };
        let http = TestHttp { station, faults: faults.clone() };
        Self { faults, store, http, time: TestTime::default(), gas, water, draws: Cell::new(1) }
    }

    /// A world in which credit for both meters was bought and no token delivered.
    fn with_tokens() -> Self {
        let mut world = Self::new();
        let bought = world.buy(&purchase(&[(GAS, "50"), (WATER, "20")])).unwrap();
        assert_eq!(bought.unwrap().trouble, None);
        assert_eq!(world.finish(), Some(Ok(())));
        world
    }

    fn draw(&self) -> u64 {
        self.draws.replace(self.draws.get() + 1)
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | self.draw())
    }

    /// Every method gives none if the phone's process died.
    fn buy(&mut self, purchase: &Purchase) -> Option<Result<Bought, Error>> {
        let id = self.uuid();
        run(buyer(&mut self.store, &mut self.http, &self.time, &mut |_| {}).buy(id, purchase))
    }

    fn buy_at(&mut self, purchase: &Purchase) -> Option<Result<BoughtAt, Error>> {
        let (scan, read) = (self.draw().to_be_bytes(), self.draw().to_be_bytes());
        let draws = Draws { order: self.uuid(), scan, read };
        let gas = &mut self.gas;
        run(buyer(&mut self.store, &mut self.http, &self.time, &mut |_| {}).buy_at(gas, draws, purchase))
    }

    fn deliver(&mut self) -> Option<Result<Delivered, Error>> {
        run(deliver(&mut self.store, &mut self.gas))
    }

    fn deliver_water(&mut self) -> Delivered {
        run(deliver(&mut self.store, &mut self.water)).unwrap().unwrap()
    }

    fn sync(&mut self) -> Option<Result<SyncReport, Error>> {
        run(sync(&mut self.store, &mut self.http, URL))
    }

    fn refund(&mut self, order: Uuid, line: Option<u32>) -> Option<Result<Refund, Error>> {
        run(refund(&mut self.store, &mut self.http, order, line))
    }

    fn restore(&mut self, order: Uuid) -> Option<Result<Restored, Error>> {
        run(restore(&mut self.store, &mut self.http, URL, order))
    }

    /// Takes another phone into the hand, and gives the memory of the one before.
    fn change_phone(&mut self, memory: MemoryStore) -> MemoryStore {
        std::mem::replace(&mut self.store.memory, memory)
    }

    /// The payer has seen how all purchases ended.
    fn finish(&mut self) -> Option<Result<(), Error>> {
        for mut order in self.orders() {
            if let Err(error) = run(tell(&mut self.store, &mut order))? {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    fn contents(&self) -> &Contents {
        &self.store.memory.contents
    }

    fn orders(&self) -> Vec<StoredOrder> {
        self.contents().orders.clone()
    }

    fn states(&self) -> Vec<&'static str> {
        let station = self.http.station.borrow();
        station.orders.values().flat_map(|order| &order.lines).map(|line| line.state).collect()
    }

    fn gas_total(&self) -> u64 {
        self.gas.meter.borrow().register.total.get()
    }

    fn payments(&self) -> u32 {
        self.http.station.borrow().payments
    }
}

fn buyer<'a>(
    store: &'a mut TestStore,
    station: &'a mut TestHttp,
    time: &'a TestTime,
    progress: &'a mut dyn FnMut(coinless_phone::courier::Progress<'_>),
) -> Buyer<'a, TestStore, TestHttp, TestTime> {
    Buyer { store, station, url: URL, time, wait_ms: 60_000, progress }
}

fn purchase(lines: &[(&str, &str)]) -> Purchase {
    let line = |(meter, asked): &(&str, &str)| PurchaseLine {
        meter: meter.parse::<MeterId>().unwrap(),
        asked: asked.parse().unwrap(),
    };
    Purchase { lines: lines.iter().map(line).collect(), ..Purchase::default() }
}

/// Plays `story` once for every step that it has, with `fault` at that step, each time in a new world.
fn at_every_step(fault: Fault, world: impl Fn() -> World, story: impl Fn(&mut World)) {
    let mut undisturbed = world();
    undisturbed.faults.plan(&[]);
    story(&mut undisturbed);
    let steps = undisturbed.faults.steps();
    assert!(steps > 3, "only {steps} steps");
    for step in 0..steps {
        let mut world = world();
        world.faults.plan(&[(step, fault)]);
        story(&mut world);
    }
}

/// Repeats what a person would repeat until it works; a process that died or an unknown outcome is a reason to.
fn again<T>(mut attempt: impl FnMut() -> Option<Result<T, Error>>, done: impl Fn(&T) -> bool) -> T {
    for _ in 0..5 {
        match attempt() {
            Some(Ok(value)) if done(&value) => return value,
            Some(Err(error)) => assert!(error.is_unknown(), "{error}"),
            _ => {}
        }
    }
    panic!("does not come to an end");
}
