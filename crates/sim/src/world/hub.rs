//! The world's clock, its queue of events, and what all parts share.

use super::faults::Faults;
use super::home::Home;
use super::provider::Provider;
use super::station::StationSide;
use super::stats::Stats;
use super::truth::Truth;
use coinless_phone::io::{HttpAnswer, HttpMethod, NoAnswer};
use coinless_station::tasks::{Effect, EffectResult, Task};
use fastrand::Rng;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Most of what happened that is kept for a report.
const STORY_LINES: usize = 60;
/// The station's time at the world's beginning: 2026-01-01 in milliseconds since 1970-01-01 UTC.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// Where an answer is put for a future that waits for it.
pub(super) type Slot<T> = Rc<RefCell<Option<T>>>;

/// A request of a phone on its way.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub method: HttpMethod,
    pub path: String,
    pub body: Vec<u8>,
}

/// What happens at a time.
pub(super) enum Event {
    /// A phone looks whether what it waits for is there.
    Wake { phone: usize },
    /// A phone's request reaches the station.
    Request { phone: usize, request: Request, answer: Option<Slot<Result<HttpAnswer, NoAnswer>>> },
    /// An answer reaches a phone.
    Answer { phone: usize, slot: Slot<Result<HttpAnswer, NoAnswer>>, answer: Result<HttpAnswer, NoAnswer> },
    /// A datagram reaches a meter.
    ToMeter { meter: usize, link: u32, bytes: Vec<u8> },
    /// A datagram reaches a phone.
    ToPhone { link: u32, bytes: Vec<u8> },
    /// A meter has something to send again.
    MeterDue { meter: usize },
    /// A meter's power comes back.
    PowerOn { meter: usize },
    /// Somebody does something at some meter.
    AtHome,
    /// Somebody does something with some phone.
    Person,
    /// The station turns to a task.
    Task { life: u32, task: Task },
    /// A call of the station arrives. `answered` is the station's life that gets the answer, `era` the database's that sent it.
    Call { task: Task, effect: Effect, answered: Option<u32>, era: u32 },
    /// The result of a call reaches the station.
    Result { life: u32, task: Task, result: EffectResult },
    /// The station looks into its outbox.
    Look { life: u32 },
    /// The station is started again.
    Restart,
    /// The provider comes to a decision.
    Decide { payment: String },
    /// The provider calls back.
    Callback { payment: String },
}

/// The phone's end of a link to a meter.
#[derive(Debug)]
pub(super) struct LinkEnd {
    pub phone: usize,
    pub inbox: VecDeque<Vec<u8>>,
}

/// Tokens and receipts that went over a link: somebody may have kept a copy.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pub tokens: Vec<Vec<u8>>,
    pub receipts: Vec<Vec<u8>>,
}

/// Everything but the phones.
pub(super) struct Hub {
    pub now_ms: u64,
    pub random: Rng,
    pub faults: Faults,
    pub stats: Stats,
    pub station: StationSide,
    pub provider: Provider,
    pub homes: Vec<Home>,
    pub links: BTreeMap<u32, LinkEnd>,
    pub truth: Truth,
    pub copies: Copies,
    /// The first thing that is not as it must be.
    pub wrong: Option<String>,
    /// Phones whose futures are to be polled.
    pub awake: Vec<usize>,
    /// Nobody begins anything new.
    pub quiet: bool,
    /// Everything is at its end, so that all books must agree.
    pub judging: bool,
    /// The call that arrives was sent by a station whose database is lost.
    pub from_lost_era: bool,
    /// While quiet, a recovery looks into statements only when it is let.
    pub may_recover: bool,
    story: VecDeque<String>,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
}

impl Hub {
    pub fn new(random: Rng, faults: Faults, station: StationSide) -> Self {
        Self {
            now_ms: 0,
            random,
            faults,
            stats: Stats::default(),
            station,
            provider: Provider::default(),
            homes: Vec::new(),
            links: BTreeMap::new(),
            truth: Truth::default(),
            copies: Copies::default(),
            wrong: None,
            awake: Vec::new(),
            quiet: false,
            judging: false,
            from_lost_era: false,
            may_recover: false,
            story: VecDeque::new(),
            queue: BTreeMap::new(),
            scheduled: 0,
        }
    }

    /// The station's time.
    pub fn wall_ms(&self) -> i64 {
        BEGINNING_MS + self.now_ms as i64
    }

    /// Lets `event` happen in `delay_ms`.
    pub fn after(&mut self, delay_ms: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((self.now_ms + delay_ms, self.scheduled), event);
    }

    /// Takes the next event and sets the clock to its time.
    pub fn next(&mut self) -> Option<Event> {
        let ((at_ms, _), event) = self.queue.pop_first()?;
        self.now_ms = self.now_ms.max(at_ms);
        Some(event)
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.awake.is_empty()
    }

    /// Whether a thing happens that happens in `rate` of a thousand cases.
    pub fn chance(&mut self, rate: u32) -> bool {
        rate > 0 && self.random.u32(0..1000) < rate
    }

    /// A delay that is mostly short: up to `most_ms`, half of them under a quarter of it.
    pub fn delay(&mut self, most_ms: u64) -> u64 {
        let most = if self.random.bool() { most_ms / 4 } else { most_ms };
        self.random.u64(1..=most.max(1))
    }

    /// Notes what happens, for the report of a failure.
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        if self.story.len() == STORY_LINES {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:>9.3} s  {}", self.now_ms as f64 / 1000.0, words()));
    }

    /// Notes that something is not as it must be. The first one counts.
    pub fn fail(&mut self, words: String) {
        self.wrong.get_or_insert(words);
    }

    /// What happened last, a line each.
    pub fn story(&self) -> String {
        self.story.iter().map(|line| format!("  {line}\n")).collect()
    }
}
