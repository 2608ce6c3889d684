//! The seeded world: one station, many meters and phones, and everything that can go wrong between them, in one process, on
//! one thread, from one seed, under a clock of its own. What runs is the real thing: the station's commands and tasks on
//! SQLite in memory, the courier of `coinless-phone`, the meter core with its journal and its CoAP server, the protocol's CoAP
//! client. Simulated are the network, the power, the payment provider, and the people.
//!
//! The world goes on by [`World::step`], one event at a time: a datagram arrives, a task is prepared, a person presses a button.
//! After each step [`World::check`] holds the invariants of DESIGN §8 against what the world knows for certain: the meters'
//! own states, the provider's own books, and which lines each number counted when it was committed. [`World::quiesce`] ends
//! all faults, lets everybody deliver and sync until nothing changes any more, and checks that nothing was forgotten.
//!
//! # Fault model
//!
//! *Phone to meter*: datagrams get lost, come twice, come late and out of order. Any phone may meet any meter, several at once.
//!
//! *Meter*: the power is cut within any write of the flash, between two of them, and again while it starts. A flash keeps what
//! it was programmed with, but for the byte under way. Gas that flows right after opening, and too much of it.
//!
//! *Phone*: the app dies at any write to its memory and at any message, before or after it; a write fails, done or not; the
//! owner ends it; the whole phone is lost, and a new one knows nothing but the ids of its orders. People do the same again,
//! forget it, hand old tokens to any meter, bring old receipts, and ask for money back while the token is on its way.
//!
//! *Phone to station*: requests get lost, arrive twice, or arrive when the phone has long given up; answers get lost.
//!
//! *Station*: it dies between any two transactions: before a request, after its commit and before the answer, between a
//! task's preparation, its call and its result. What was in memory is gone; what was sent is sent. The database keeps what was
//! committed, unless it is lost as a whole: then the station is restored from an older backup, and recovers from the provider's
//! statement and what phones bring ([`Scale::restores`]; no phone is lost in such a world, as nobody else knows its orders).
//!
//! *Provider and sales system*: calls get lost, arrive twice or late; answers get lost; payments are declined, pending for
//! hours, of another amount; refunds are declined; callbacks come before the first answer, late, twice or never; a sale is
//! refused after it was quoted. They are honest and keep to their ids: the same id is the same payment, refund or sale.
//!
//! Nobody forges: that is played by the tests of `protocol` and `meter`.

mod calls;
mod faults;
mod home;
mod http;
mod hub;
mod io;
mod people;
mod phones;
mod provider;
mod quiet;
mod radio;
mod restore;
mod setting;
mod station;
mod stats;
mod truth;

pub use setting::SettingError;
pub use stats::Stats;

use coinless_station::ledger;
use hub::{Event, Hub};
use people::Habits;
use phones::{Done, Phone};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// Steps between two checks of every entry of the ledger.
const WHOLE_CHECK_STEPS: u64 = 500;

/// How large a world is and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Meters.
    pub meters: usize,
    /// Phones.
    pub phones: usize,
    /// Purchases that people want to make.
    pub purchases: u32,
    /// Longest time between two things that people do with their phones, in milliseconds.
    pub pause_ms: u64,
    /// Events until [`World::quiesce`].
    pub steps: u64,
    /// Restores of the station from a backup, at most.
    pub restores: u32,
}

/// A world.
pub struct World {
    hub: Rc<RefCell<Hub>>,
    phones: Vec<Phone>,
    scale: Scale,
    habits: Habits,
    seed: u64,
    steps: u64,
    bought: u32,
}

/// An invariant does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The world's seed.
    pub seed: u64,
    /// After which step.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// What happened last, a line each.
    pub story: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, step {}: {}", self.seed, self.step, self.what)?;
        writeln!(f, "the last that happened:")?;
        f.write_str(&self.story)
    }
}

impl std::error::Error for Violation {}

impl World {
    /// Does the next thing that happens.
    pub fn step(&mut self) {
        self.steps += 1;
        let Some(event) = self.hub.borrow_mut().next() else { return };
        self.happen(event);
        loop {
            let awake = std::mem::take(&mut self.hub.borrow_mut().awake);
            if awake.is_empty() {
                break;
            }
            awake.into_iter().for_each(|phone| self.poll(phone));
        }
    }

    /// Plays the world to the step that its scale names, checks after each step, and quiesces.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(&mut self) -> Result<(), Violation> {
        while self.steps < self.scale.steps {
            self.step();
            self.check()?;
        }
        self.quiesce()
    }

    /// Checks what may have changed since the last check.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn check(&mut self) -> Result<(), Violation> {
        let whole = self.steps.is_multiple_of(WHOLE_CHECK_STEPS);
        self.hub.borrow_mut().check(whole);
        self.verdict()
    }

    /// What has happened so far, counted.
    pub fn stats(&self) -> Stats {
        let mut stats = self.hub.borrow().stats.clone();
        stats.add("steps", self.steps);
        stats
    }

    /// What happened last, a line each.
    pub fn story(&self) -> String {
        self.hub.borrow().story()
    }

    fn verdict(&self) -> Result<(), Violation> {
        let hub = self.hub.borrow();
        match &hub.wrong {
            None => Ok(()),
            Some(what) => Err(Violation { seed: self.seed, step: self.steps, what: what.clone(), story: hub.story() }),
        }
    }

    fn happen(&mut self, event: Event) {
        if matches!(event, Event::Person) {
            if !self.hub.borrow().quiet {
                self.person();
            }
            return;
        }
        let hub = &mut *self.hub.borrow_mut();
        match event {
            Event::Person => {}
            Event::Wake { phone } => hub.awake.push(phone),
            Event::Request { phone, request, answer } => hub.request(phone, &request, answer),
            Event::Answer { phone, slot, answer } => {
                slot.replace(Some(answer));
                hub.awake.push(phone);
            }
            Event::ToMeter { meter, link, bytes } => hub.meter_receives(meter, link, &bytes),
            Event::ToPhone { link, bytes } => {
                if let Some(end) = hub.links.get_mut(&link) {
                    end.inbox.push_back(bytes);
                    hub.awake.push(end.phone);
                }
            }
            Event::MeterDue { meter } => hub.meter_due(meter),
            Event::PowerOn { meter } => hub.switch_on(meter),
            Event::AtHome => {
                if !hub.quiet {
                    hub.at_home();
                    let delay = hub.delay(self.scale.pause_ms);
                    hub.after(delay, Event::AtHome);
                }
            }
            Event::Task { life, task } => hub.begin_task(life, task),
            Event::Call { task, effect, answered, era } => hub.arrive(task, effect, answered, era),
            Event::Result { life, task, result } => hub.end_task(life, task, result),
            Event::Look { life } => hub.look(life),
            Event::Restart => hub.restart(),
            Event::Decide { payment } => hub.decide(&payment),
            Event::Callback { payment } => hub.callback(&payment),
        }
    }

    /// Lets a phone go on.
    fn poll(&mut self, which: usize) {
        let done = self.phones[which].poll();
        if self.phones[which].handset.shown.replace(false) {
            self.close_wish(which);
        }
        let hub = &mut *self.hub.borrow_mut();
        match done {
            None => {}
            Some(Done::Ended(words)) => hub.tell(|| format!("phone {which}: {words}")),
            Some(Done::Died(words)) => {
                hub.stats.count("apps that died");
                hub.tell(|| format!("the app dies in: {words}"));
            }
        }
    }

    /// The owner's wish is done, or given up: it was paid once at most.
    fn close_wish(&mut self, which: usize) {
        let Some(wish) = self.phones[which].wish.take() else { return };
        let hub = &mut *self.hub.borrow_mut();
        let paid = wish.ids.iter().filter(|id| hub.provider.payments.contains_key(&id.to_string())).count();
        if paid > 1 {
            hub.fail(format!("phone {which} paid {paid} times for one purchase: {:?}", wish.ids));
        }
    }
}

impl Hub {
    /// Checks orders that changed, the sum of all accounts if a command has run, and every entry of the ledger if `whole`.
    fn check(&mut self, whole: bool) {
        while let Some(order) = self.truth.changed.pop_first() {
            self.check_order(&order);
        }
        if !std::mem::take(&mut self.station.wrote) {
            return;
        }
        let balances = self.read(ledger::balances).unwrap_or_default();
        let sum: i64 = balances.iter().map(|known| known.balance.minor()).sum();
        if sum != 0 {
            self.fail(format!("the accounts add up to {sum}: {balances:?}"));
        }
        if whole {
            self.check_books(&balances);
        }
    }
}
