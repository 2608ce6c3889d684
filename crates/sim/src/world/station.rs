//! The station: its real commands on a database in memory, and its workers as events.

use super::hub::{Event, Hub};
use coinless_protocol::MeterId;
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::readings::ReadingsKey;
use coinless_station::keys::FastVerifier;
use coinless_station::payments::Context;
use coinless_station::problem::Error;
use coinless_station::sales::builtin::Tariffs;
use coinless_station::store::{SqliteTx, StoreError, Tx};
use coinless_station::sweep;
use coinless_station::tasks::{self, Kind};
use coinless_station::view;
use coinless_station::work::{After, Work};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Most tasks claimed at once.
const CLAIM_AT_ONCE: i64 = 64;
/// One look into the outbox in so many looks for what is stuck too.
const SWEEP_ONE_IN: u32 = 40;
/// The station's name in its own links.
pub(super) const URL: &str = "https://station.example";
/// The name of the only payment provider.
pub(super) const PROVIDER: &str = "sandbox";

/// The station's side of the world.
pub(super) struct StationSide {
    tx: SqliteTx,
    pub context: Context,
    pub tariffs: Rc<Tariffs>,
    pub operational: KeyPair,
    pub readings: KeyPair,
    pub up: bool,
    /// Rises with each crash: what was under way in an earlier life ends nowhere.
    pub life: u32,
    /// Rises with each restore: what the database of an earlier era knew is lost.
    pub era: u32,
    pub backup: Option<Vec<u8>>,
    /// Whether a command has run since the last check.
    pub wrote: bool,
    look_ms: Option<u64>,
    watches: BTreeMap<u64, Watch>,
    next_watch: u64,
    meter_keys: BTreeMap<MeterId, (FastVerifier, ReadingsKey)>,
}

/// A phone that watches an order.
struct Watch {
    phone: usize,
    order: String,
    /// None if the stream broke.
    chunks: Option<VecDeque<Vec<u8>>>,
}

/// What a watching phone finds.
pub(super) enum Watched {
    /// Nothing yet.
    Nothing,
    /// Bytes of the stream.
    Chunk(Vec<u8>),
    /// The stream broke.
    Broken,
}

impl StationSide {
    pub fn new(tx: SqliteTx, context: Context, tariffs: Tariffs, keys: (KeyPair, KeyPair)) -> Self {
        Self {
            tx,
            context,
            tariffs: Rc::new(tariffs),
            operational: keys.0,
            readings: keys.1,
            up: true,
            life: 0,
            era: 0,
            backup: None,
            wrote: false,
            look_ms: None,
            watches: BTreeMap::new(),
            next_watch: 0,
            meter_keys: BTreeMap::new(),
        }
    }

    /// Agrees on the keys of a meter once: in a world that takes most of the time.
    pub fn know(&mut self, meter: MeterId, key: &PublicKey) {
        let readings = ReadingsKey::agree(&self.readings, key, &meter);
        self.meter_keys.insert(meter, (FastVerifier::new(key), readings));
    }

    /// The keys of a meter's receipts.
    pub fn keys_of(&self, meter: &MeterId) -> Option<&(FastVerifier, ReadingsKey)> {
        self.meter_keys.get(meter)
    }

    /// Runs a command on the database, without what follows it.
    pub fn apply<T, E: From<StoreError>>(&mut self, command: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
        self.tx.apply(command)
    }

    /// Reads in a transaction of its own.
    pub fn read<T>(
        &mut self,
        now_ms: i64,
        command: impl FnOnce(&mut Work<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.tx.apply(|tx| command(&mut Work::new(tx, now_ms)))
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, watch: u64) {
        self.watches.remove(&watch);
    }

    /// What has come on a watch.
    pub fn watched(&mut self, watch: u64) -> Watched {
        match self.watches.get_mut(&watch).and_then(|watch| watch.chunks.as_mut()) {
            None => Watched::Broken,
            Some(chunks) => chunks.pop_front().map_or(Watched::Nothing, Watched::Chunk),
        }
    }
}

impl Hub {
    /// Runs a command in a transaction of its own, then does what follows. A refusal is an answer; every other error is a
    /// fault of the station.
    pub fn run<T>(&mut self, command: impl FnOnce(&mut Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let now_ms = self.wall_ms();
        self.station.wrote = true;
        let done = self.station.tx.apply(|tx| {
            let mut work = Work::new(tx, now_ms);
            let result = command(&mut work)?;
            Ok::<_, Error>((result, work.after))
        });
        match done {
            Ok((result, after)) => {
                self.follow(after);
                Ok(result)
            }
            Err(error) => Err(self.blame(error)),
        }
    }

    /// Reads from the station's database.
    pub fn read<T>(&mut self, command: impl FnOnce(&mut Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let now_ms = self.wall_ms();
        self.station.read(now_ms, command).map_err(|error| self.blame(error))
    }

    fn blame(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Refused { .. }) {
            self.fail(format!("a command of the station failed: {error}"));
        }
        error
    }

    fn follow(&mut self, after: After) {
        for order in after.touched {
            self.truth.changed.insert(order.clone());
            self.show_change(&order);
        }
        for task in after.due {
            if task.kind == Kind::Sign {
                self.note_committed(&task.subject);
            }
            let (life, delay) = (self.station.life, self.delay(40));
            self.after(delay, Event::Task { life, task });
        }
        if after.later {
            self.look_later();
        }
    }

    fn look_later(&mut self) {
        let Ok(Some(due_ms)) = self.read(tasks::next_due) else { return };
        let delay = u64::try_from(due_ms - self.wall_ms()).unwrap_or(0);
        let at_ms = self.now_ms + delay;
        if self.station.look_ms.is_none_or(|look_ms| at_ms < look_ms) {
            self.station.look_ms = Some(at_ms);
            let life = self.station.life;
            self.after(delay, Event::Look { life });
        }
    }

    /// The station looks into its outbox.
    pub fn look(&mut self, life: u32) {
        if life != self.station.life || !self.station.up {
            return;
        }
        self.station.look_ms = None;
        if self.random.u32(0..SWEEP_ONE_IN) == 0 && self.sweep().is_err() {
            return;
        }
        let Ok(claimed) = self.run(|work| tasks::claim(work, CLAIM_AT_ONCE)) else { return };
        for task in claimed {
            let delay = self.delay(40);
            self.after(delay, Event::Task { life, task });
        }
        self.look_later();
    }

    /// The station looks for what is stuck, or lost its task.
    pub fn sweep(&mut self) -> Result<(), Error> {
        let context = self.station.context.clone();
        self.run(|work| sweep::look(work, &context))
    }

    /// Whether the station dies here.
    pub fn may_crash(&mut self) -> bool {
        if !self.station.up || !self.chance(self.faults.station_crash) {
            return false;
        }
        self.stats.count("station crashes");
        self.tell(|| "the station crashes".to_owned());
        self.die();
        true
    }

    /// What was in the station's memory is gone.
    fn die(&mut self) {
        self.station.up = false;
        self.station.life += 1;
        self.station.look_ms = None;
        for watch in self.station.watches.values_mut() {
            watch.chunks = None;
            self.awake.push(watch.phone);
        }
        let delay = self.delay(10_000);
        self.after(delay, Event::Restart);
    }

    /// The database is lost: it is another one from here on.
    pub fn replace_database(&mut self, tx: SqliteTx) {
        self.station.tx = tx;
        self.station.era += 1;
        self.die();
    }

    /// The station is started again.
    pub fn restart(&mut self) {
        self.station.up = true;
        self.tell(|| "the station starts".to_owned());
        if self.run(tasks::release_claims).is_ok() {
            let life = self.station.life;
            self.after(0, Event::Look { life });
        }
    }

    /// Opens a stream of an order's changes; the order as it is comes first.
    pub fn watch(&mut self, phone: usize, order: &str) -> Option<u64> {
        if !self.station.up {
            return None;
        }
        let id = order.to_owned();
        let chunk = event(&self.read(|work| view::order(work, &id)).ok()?)?;
        let watch = self.station.next_watch;
        self.station.next_watch += 1;
        let chunks = Some(VecDeque::from([chunk]));
        self.station.watches.insert(watch, Watch { phone, order: id, chunks });
        Some(watch)
    }

    fn show_change(&mut self, order: &str) {
        if !self.station.watches.values().any(|watch| watch.order == order) {
            return;
        }
        let Ok(view) = self.read(|work| view::order(work, order)) else { return };
        let Some(chunk) = event(&view) else { return };
        for watch in self.station.watches.values_mut().filter(|watch| watch.order == order) {
            if let Some(chunks) = &mut watch.chunks {
                chunks.push_back(chunk.clone());
                self.awake.push(watch.phone);
            }
        }
    }
}

fn event(view: &view::OrderView) -> Option<Vec<u8>> {
    serde_json::to_string(view).ok().map(|json| format!("event: order\ndata: {json}\n\n").into_bytes())
}
