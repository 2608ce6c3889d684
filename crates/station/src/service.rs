//! The station as one running process: commands through the store's writer, tasks by workers, changes to whoever watches.

use crate::keys::Keys;
use crate::payments::Context;
use crate::problem::Error;
use crate::provider::PaymentProvider;
use crate::sales::SalesSystem;
use crate::store::{Store, StoreError};
use crate::tasks::{self, Effect, EffectResult, Kind, Task};
use crate::work::{After, Work};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Most calls to the payment provider under way at once.
const MAX_PROVIDER_CALLS: usize = 256;
/// Most other effects under way at once: a provider that is slow keeps nobody's token waiting.
const MAX_OTHER_EFFECTS: usize = 64;
/// Most changes that a slow watcher may lag behind; then it reads the order afresh.
const WATCH_BUFFER: usize = 1024;
/// Most tasks claimed at once.
const CLAIM_AT_ONCE: i64 = 256;
/// Longest time between two looks into the outbox.
const MAX_LOOK: Duration = Duration::from_secs(30);

/// Everything that a station consists of. Cheap to clone.
#[derive(Clone)]
pub struct Station {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    keys: Keys,
    provider: Arc<dyn PaymentProvider>,
    sales: Arc<dyn SalesSystem>,
    context: Context,
    changes: broadcast::Sender<String>,
    due: mpsc::UnboundedSender<Task>,
    look: Notify,
    provider_calls: Semaphore,
    other_effects: Semaphore,
    stopping: watch::Sender<bool>,
    broken: watch::Sender<bool>,
    probe: Probe,
}

/// Told the name of each point that a command or a task passes; tests end the process there. See [`points`].
pub type Probe = fn(&str);

/// Names of commands that requests run.
const REQUESTS: [&str; 5] = ["put", "accept", "callback", "receipt", "void"];

/// Every point of which a [`Probe`] is told, in the order of an order's life: `<name>.before` and `<name>.committed` around
/// the commit of each command, and `<task>.performed` after a task's effect and before its result is taken in.
pub fn points() -> Vec<String> {
    let around = |name: &str| [format!("station.{name}.before"), format!("station.{name}.committed")];
    let requests = REQUESTS.iter().flat_map(|name| around(name));
    let tasks = Kind::ALL.iter().filter(|kind| **kind != Kind::Expire);
    let tasks = tasks.flat_map(|kind| {
        let [before, committed] = around(kind.name());
        [format!("station.{}.performed", kind.name()), before, committed]
    });
    requests.chain(tasks).collect()
}

/// The parts that a station is put together from.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub keys: Keys,
    /// The payment provider.
    pub provider: Arc<dyn PaymentProvider>,
    /// The sales system.
    pub sales: Arc<dyn SalesSystem>,
    /// Where the provider reaches this station.
    pub callback_base: String,
    /// Told of each point that is passed; `|_| ()` outside tests.
    pub probe: Probe,
}

/// The workers of a station; [`Workers::run`] drives them.
pub struct Workers {
    station: Station,
    due: mpsc::UnboundedReceiver<Task>,
    under_way: JoinSet<()>,
}

/// The time in milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Station {
    /// Puts a station together. Nothing runs until [`Workers::run`].
    pub fn new(parts: Parts) -> (Self, Workers) {
        let (due, receiver) = mpsc::unbounded_channel();
        let context = Context {
            provider: parts.provider.name().to_owned(),
            utility: parts.sales.utility().to_owned(),
            callback_base: parts.callback_base,
            callback_key: parts.keys.callback_key(),
        };
        let inner = Inner {
            store: parts.store,
            keys: parts.keys,
            provider: parts.provider,
            sales: parts.sales,
            context,
            changes: broadcast::channel(WATCH_BUFFER).0,
            due,
            look: Notify::new(),
            provider_calls: Semaphore::new(MAX_PROVIDER_CALLS),
            other_effects: Semaphore::new(MAX_OTHER_EFFECTS),
            stopping: watch::channel(false).0,
            broken: watch::channel(false).0,
            probe: parts.probe,
        };
        let station = Self { inner: Arc::new(inner) };
        let workers = Workers { station: station.clone(), due: receiver, under_way: JoinSet::new() };
        (station, workers)
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// The payment provider.
    pub fn provider(&self) -> &dyn PaymentProvider {
        &*self.inner.provider
    }

    /// The sales system.
    pub fn sales(&self) -> &dyn SalesSystem {
        &*self.inner.sales
    }

    /// What steps need to know.
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// The ids of orders that change from now on.
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.inner.changes.subscribe()
    }

    /// Begins to stop: workers finish what is under way, and live streams end.
    pub fn stop(&self) {
        self.inner.stopping.send_replace(true);
    }

    /// Waits until the station begins to stop.
    pub async fn stopped(&self) {
        // The sender lives as long as this station.
        let _ = self.inner.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Waits until the database cannot commit any more. Nothing more may be promised then: the process must end.
    pub async fn broken(&self) {
        // The sender lives as long as this station.
        let _ = self.inner.broken.subscribe().wait_for(|broken| *broken).await;
    }

    /// Whether the database cannot commit any more.
    pub fn is_broken(&self) -> bool {
        *self.inner.broken.borrow()
    }

    /// Runs a command, whose `name` is for probes. When this returns, what it wrote is durable, and what it queued is under
    /// way.
    ///
    /// # Errors
    /// The command's error; then nothing was written.
    pub async fn run<T: Send + 'static>(
        &self,
        name: &str,
        command: impl FnOnce(&mut Work<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let job = move |tx: &mut dyn crate::store::Tx| {
            let mut work = Work::new(tx, now_ms());
            let result = command(&mut work)?;
            Ok::<_, Error>((result, work.after))
        };
        self.probe(name, "before");
        let committing = self.inner.store.write(job);
        // Apart from who asked: a client that hangs up must not keep what is committed from being followed.
        let (station, name) = (self.clone(), name.to_owned());
        let following = tokio::spawn(async move {
            let (result, after) = station.notice_broken(committing.await)?;
            station.probe(&name, "committed");
            station.follow(after);
            Ok(result)
        });
        following.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Runs a command that only reads.
    ///
    /// # Errors
    /// The command's error.
    pub async fn read<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Work<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.notice_broken(self.inner.store.read(move |tx| command(&mut Work::new(tx, now_ms()))).await)
    }

    fn notice_broken<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Store(StoreError::Commit(_) | StoreError::Closed)) = &result {
            self.inner.broken.send_replace(true);
        }
        result
    }

    fn probe(&self, name: &str, point: &str) {
        (self.inner.probe)(&format!("station.{name}.{point}"));
    }

    fn follow(&self, after: After) {
        for order_id in after.touched {
            // Nobody may be watching.
            let _ = self.inner.changes.send(order_id);
        }
        for task in after.due {
            // The workers are gone only when the process stops; the outbox has the task for the next one.
            let _ = self.inner.due.send(task);
        }
        if after.later {
            self.inner.look.notify_one();
        }
    }

    async fn perform(&self, task: Task) {
        let Err(error) = self.try_perform(&task).await else { return };
        tracing::error!(%error, task = task.kind.name(), "a task failed; it is tried again and shown to a person");
        let (kind, why) = (task.kind.name(), error.to_string());
        let noted = self.run("task_failed", move |work| {
            work.exception(&task.subject, &format!("task_failed:{kind}"), &why)?;
            Ok(work.again_at(&task, tasks::back_off(work.now_ms, task.attempts))?)
        });
        if let Err(error) = noted.await {
            // It stays in the outbox and comes up again when its claim ends.
            tracing::error!(%error, task = kind, "a failed task cannot be noted");
        }
    }

    async fn try_perform(&self, task: &Task) -> Result<(), Error> {
        let (asked, context) = (task.clone(), self.inner.context.clone());
        let effect = self.read(move |work| tasks::prepare(work, &asked, &context)).await?;
        let Some(effect) = effect else {
            let done = task.clone();
            return self.run("finish", move |work| Ok(work.finish(&done)?)).await;
        };
        let result = self.effect(effect).await;
        tracing::info!(task = task.kind.name(), attempts = task.attempts, "performed");
        self.probe(task.kind.name(), "performed");
        let (task, context) = (task.clone(), self.inner.context.clone());
        self.run(task.kind.name(), move |work| tasks::complete(work, &task, result, &context)).await
    }

    async fn effect(&self, effect: Effect) -> EffectResult {
        let inner = &*self.inner;
        match effect {
            Effect::None => EffectResult::None,
            Effect::StartPayment(request) => EffectResult::Payment(inner.provider.start(&request).await),
            Effect::QueryPayment(request) => EffectResult::Payment(inner.provider.query(&request).await),
            Effect::Sell(sale) => EffectResult::Sale(inner.sales.vend(&sale).await),
            Effect::Sign(request) => EffectResult::Signed(inner.keys.sign_token(&request.payload, &request.meter_key)),
            Effect::Reverse(sale) => EffectResult::Reversal(inner.sales.reverse(&sale).await),
            Effect::Refund(request) => EffectResult::Refund(inner.provider.refund(&request).await),
        }
    }
}

impl Workers {
    /// Performs tasks until [`Station::stop`]; then finishes those under way.
    ///
    /// # Errors
    /// When the outbox cannot be read at the start.
    pub async fn run(mut self) -> Result<(), Error> {
        self.station.run("release", tasks::release_claims).await?;
        let station = self.station.clone();
        let mut look_at = Instant::now();
        loop {
            // Only when something may be due: tasks that are handed over need no look into the outbox.
            if Instant::now() >= look_at {
                look_at = Instant::now()
                    + self.claim_due().await.unwrap_or_else(|error| {
                        tracing::error!(%error, "the outbox cannot be read");
                        MAX_LOOK
                    });
            }
            tokio::select! {
                Some(task) = self.due.recv() => self.start(task),
                () = station.inner.look.notified() => look_at = Instant::now(),
                () = tokio::time::sleep_until(look_at) => {}
                () = station.stopped() => break,
            }
            while let Ok(task) = self.due.try_recv() {
                self.start(task);
            }
            while self.under_way.try_join_next().is_some() {}
        }
        while self.under_way.join_next().await.is_some() {}
        Ok(())
    }

    fn start(&mut self, task: Task) {
        let station = self.station.clone();
        self.under_way.spawn(async move {
            let at_provider = matches!(task.kind, Kind::Pay | Kind::QueryPayment | Kind::Refund);
            let inner = &station.inner;
            let turn = if at_provider { &inner.provider_calls } else { &inner.other_effects };
            tokio::select! {
                // Neither semaphore is ever closed.
                Ok(_permit) = turn.acquire() => station.perform(task).await,
                // What has not begun is left to the outbox.
                () = station.stopped() => {}
            }
        });
    }

    /// Starts what is due and not claimed; gives how long until the next is.
    async fn claim_due(&mut self) -> Result<Duration, Error> {
        let next = self.station.read(|work| Ok((tasks::next_due(work)?, work.now_ms))).await?;
        let (Some(due_ms), now) = next else { return Ok(MAX_LOOK) };
        if due_ms > now {
            return Ok(Duration::from_millis((due_ms - now) as u64).min(MAX_LOOK));
        }
        let claimed = self.station.run("claim", |work| tasks::claim(work, CLAIM_AT_ONCE)).await?;
        for task in claimed {
            self.start(task);
        }
        Ok(Duration::ZERO)
    }
}
