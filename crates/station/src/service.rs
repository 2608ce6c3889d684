//! The station as one running process: commands through the store's writer, tasks by workers, changes to whoever watches.

mod clocks;
mod effects;
mod workers;

pub use workers::Workers;

use crate::app::App;
use crate::keys::Keys;
use crate::payments::{Callbacks, Context, Patience};
use crate::problem::{Code, Error};
use crate::provider::PaymentProvider;
use crate::signer::TokenSigner;
use crate::store::{Fault, Store, StoreError, Watch};
use crate::tasks::{self, EffectResult, Task};
use crate::telemetry::{self, Telemetry, Words};
use crate::utilities::Utilities;
use crate::work::{After, Work};
use crate::{health, reconcile};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, Span, info_span};

/// Most calls to the payment provider under way at once.
const MAX_PROVIDER_CALLS: usize = 256;
/// Most other effects under way at once: a provider that is slow keeps nobody's token waiting.
const MAX_OTHER_EFFECTS: usize = 64;
/// Most changes that a slow watcher may lag behind; then it reads the order afresh.
const WATCH_BUFFER: usize = 1024;

/// Everything that a station consists of. Cheap to clone.
#[derive(Clone)]
pub struct Station {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    keys: Keys,
    signer: Arc<dyn TokenSigner>,
    providers: Vec<Arc<dyn PaymentProvider>>,
    utilities: Utilities,
    app: App,
    context: Context,
    changes: broadcast::Sender<String>,
    due: mpsc::UnboundedSender<Task>,
    look: Notify,
    provider_calls: Semaphore,
    other_effects: Semaphore,
    stopping: watch::Sender<bool>,
    broken: watch::Sender<bool>,
    probe: Probe,
    watch: Option<Arc<Watch>>,
    telemetry: Telemetry,
    readiness: health::Readiness,
    clocks: clocks::Asked,
}

/// Told the name of each point that a command or a task passes; tests end the process there. See [`points`].
pub type Probe = fn(&str);

/// Names of commands that requests run.
const REQUESTS: [&str; 7] = ["put", "accept", "callback", "receipt", "void", "earn", "problem"];

/// Names of commands that the station runs of its own accord: when it starts, and around tasks.
const OWN: [&str; 8] =
    ["release", "adopt", "start_sweeping", "start_comparing", "claim", "mark_sent", "finish", "task_failed"];

/// Every point of which a [`Probe`] is told by a station: `<name>.before` and `<name>.committed` around the commit of each
/// command, and `<step>.performed` after a task's effect and before its result is taken in ([`tasks::STEPS`]). The daily
/// comparison has commits of its own within its effect: `reconcile.noted` after what differs was noted, `reconcile.compared`
/// after it was noted that a source was compared.
pub fn points() -> Vec<String> {
    let around = |name: &str| [format!("station.{name}.before"), format!("station.{name}.committed")];
    let requests = REQUESTS.iter().chain(&OWN).flat_map(|name| around(name));
    let steps = tasks::STEPS.iter().flat_map(|name| {
        let [before, committed] = around(name);
        [format!("station.{name}.performed"), before, committed]
    });
    let compared = reconcile::POINTS.map(str::to_owned);
    requests.chain(steps).chain(compared).collect()
}

/// The parts that a station is put together from.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub keys: Keys,
    /// Who signs: in this process, or behind a socket.
    pub signer: Arc<dyn TokenSigner>,
    /// The payment providers, at least one; the first is taken if an order names none.
    pub providers: Vec<Arc<dyn PaymentProvider>>,
    /// The utilities that sell here.
    pub utilities: Utilities,
    /// The phone app that is served; [`App::default`] for none.
    pub app: App,
    /// Where providers reach this station.
    pub callback_base: String,
    /// How long is waited for others.
    pub patience: Patience,
    /// Told of each point that is passed; `|_| ()` outside tests.
    pub probe: Probe,
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
            confirming: parts.utilities.confirming(),
            push: parts.providers.iter().filter(|one| one.is_push()).map(|one| one.name().to_owned()).collect(),
            callbacks: Callbacks::new(parts.callback_base, &parts.keys.callback_key()),
            patience: parts.patience,
        };
        let watch = parts.store.watch();
        let inner = Inner {
            telemetry: Telemetry::new(watch.clone()),
            readiness: health::Readiness::default(),
            clocks: clocks::Asked::default(),
            watch,
            store: parts.store,
            keys: parts.keys,
            signer: parts.signer,
            providers: parts.providers,
            utilities: parts.utilities,
            app: parts.app,
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
        let workers = Workers { station: station.clone(), due: receiver, under_way: JoinSet::new(), has_begun: false };
        (station, workers)
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Who signs.
    pub fn signer(&self) -> &dyn TokenSigner {
        &*self.inner.signer
    }

    /// The payment provider of this name, or the first one.
    ///
    /// # Errors
    /// [`Code::UnknownProvider`] that says which there are.
    pub fn provider(&self, name: Option<&str>) -> Result<&dyn PaymentProvider, Error> {
        let mut providers = self.inner.providers.iter();
        let found = providers.find(|provider| name.is_none_or(|name| provider.name() == name));
        found.map(|provider| &**provider).ok_or_else(|| {
            let names: Vec<_> = self.inner.providers.iter().map(|provider| provider.name()).collect();
            Error::refused(Code::UnknownProvider, format!("payment is possible by {}", names.join(", ")))
        })
    }

    /// The payment providers, the one first that is taken if an order names none.
    pub fn providers(&self) -> impl Iterator<Item = &dyn PaymentProvider> {
        self.inner.providers.iter().map(|provider| &**provider)
    }

    /// The phone app that is served.
    pub fn app(&self) -> &App {
        &self.inner.app
    }

    /// The utilities that sell here.
    pub fn utilities(&self) -> &Utilities {
        &self.inner.utilities
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

    /// Why the database cannot commit any more, if it told, in its words.
    pub fn failure(&self) -> Option<(Fault, String)> {
        let failure = self.inner.watch.as_ref()?.failure()?;
        Some((failure.0, failure.1.to_owned()))
    }

    /// Whether the station has begun to stop.
    pub fn is_stopping(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    /// The metrics.
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// Whether the station can do its work now; takes a bounded time.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub async fn ready(&self) -> Result<(), String> {
        self.inner.readiness.check(self, self.inner.watch.as_deref()).await
    }

    /// Runs a command, whose `name` is for probes. When this returns, what it wrote is durable, and what it queued is under
    /// way.
    ///
    /// # Errors
    /// The command's error; then nothing was written.
    pub async fn run<T: Send + 'static>(
        &self,
        name: &str,
        mut command: impl FnMut(&mut Work<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let span = info_span!("command", name);
        let here = Span::current();
        let claimant = self.inner.store.claimant().cloned();
        let job = move |tx: &mut dyn crate::store::Tx| {
            let mut work = Work::new(tx, now_ms()).claiming_as(claimant.clone());
            // It runs in the writer's thread: its log lines belong to whoever asked.
            let result = span.in_scope(|| command(&mut work))?;
            Ok::<_, Error>((result, work.after))
        };
        self.probe(name, "before");
        let committing = self.inner.store.write(job);
        // Apart from who asked: a client that hangs up must not keep what is committed from being followed.
        let (station, name) = (self.clone(), name.to_owned());
        let following = async move {
            let (result, after) = station.notice_broken(committing.await)?;
            station.probe(&name, "committed");
            station.follow(after);
            Ok(result)
        };
        let following = tokio::spawn(following.instrument(here));
        following.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Whether other processes may work on the same database: they do not tell of what they change.
    pub fn is_shared(&self) -> bool {
        self.inner.store.is_shared()
    }

    /// Runs a command that only reads.
    ///
    /// # Errors
    /// The command's error.
    pub async fn read<T: Send + 'static>(
        &self,
        mut command: impl FnMut(&mut Work<'_>) -> Result<T, Error> + Send + 'static,
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
        let started = Instant::now();
        let performed = self.try_perform(&task).await;
        self.inner.telemetry.performed(task.kind, performed.as_ref().unwrap_or(&"error"), started.elapsed());
        let Err(error) = performed else { return };
        let shown = error.to_string();
        tracing::error!(error = %Words(&shown), task = task.kind.name(), "a task failed; it is tried again and shown to a person");
        let (kind, why) = (task.kind.name(), error.to_string());
        let noted = self.run("task_failed", move |work| {
            work.exception(&task.subject, &format!("task_failed:{kind}"), &why)?;
            Ok(work.again_at(&task, tasks::back_off(work.now_ms, task.attempts))?)
        });
        if let Err(error) = noted.await {
            // It stays in the outbox and comes up again when its claim ends.
            tracing::error!(error = %Words(&error.to_string()), task = kind, "a failed task cannot be noted");
        }
    }

    /// Performs a task; gives what came back, as a label.
    async fn try_perform(&self, task: &Task) -> Result<&'static str, Error> {
        let (asked, context) = (task.clone(), self.inner.context.clone());
        let effect = self.read(move |work| tasks::prepare(work, &asked, &context)).await?;
        let Some(effect) = effect else {
            let done = task.clone();
            self.run("finish", move |work| Ok(work.finish(&done)?)).await?;
            return Ok("nothing");
        };
        let effect = self.once(effect).await?;
        let step = effect.step(task.kind);
        let result = self.effect(effect).await;
        let outcome = telemetry::outcome(&result);
        if matches!(result, EffectResult::Signed(Err(_))) {
            self.inner.telemetry.signer_refused();
        }
        tracing::info!(outcome, task = task.kind.name(), attempts = task.attempts, "performed");
        self.probe(step, "performed");
        let (task, context) = (task.clone(), self.inner.context.clone());
        self.run(step, move |work| tasks::complete(work, &task, &result, &context)).await?;
        Ok(outcome)
    }
}
