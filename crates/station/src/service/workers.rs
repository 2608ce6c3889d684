//! The workers: whatever is due is performed, by whoever claims it.

use super::Station;
use crate::problem::Error;
use crate::tasks::{self, Kind, Task};
use crate::telemetry::{Words, subject_hash};
use crate::{meters, reconcile, sweep};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, info_span};

/// Most tasks claimed at once.
const CLAIM_AT_ONCE: i64 = 256;
/// Longest time between two looks into the outbox.
const MAX_LOOK: Duration = Duration::from_secs(5);

/// The workers of a station; [`Workers::run`] drives them.
pub struct Workers {
    pub(super) station: Station,
    pub(super) due: mpsc::UnboundedReceiver<Task>,
    pub(super) under_way: JoinSet<()>,
    pub(super) has_begun: bool,
}

impl Workers {
    /// Puts the database in order as a starting station must find it; who serves requests does this before. [`Workers::run`]
    /// does it if nobody did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let station = &self.station;
        // Alone on this database, whoever claimed is dead; else whoever claimed by this process's name.
        let release = if station.inner.store.is_shared() { tasks::release_own_claims } else { tasks::release_claims };
        station.run("release", release).await?;
        if let Some(only) = station.utilities().only() {
            let name = only.name.clone();
            station.run("adopt", move |work| meters::adopt(work, &name)).await?;
        }
        station.run("start_sweeping", sweep::start).await?;
        station.run("start_comparing", reconcile::start).await
    }

    /// Performs tasks until [`Station::stop`]; then finishes those under way.
    ///
    /// # Errors
    /// When the database fails at the start.
    pub async fn run(mut self) -> Result<(), Error> {
        self.begin().await?;
        let station = self.station.clone();
        let mut look_at = Instant::now();
        loop {
            // Only when something may be due: tasks that are handed over need no look into the outbox.
            if Instant::now() >= look_at {
                look_at = Instant::now()
                    + self.claim_due().await.unwrap_or_else(|error| {
                        tracing::error!(error = %Words(&error.to_string()), "the outbox cannot be read");
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
        let subject = subject_hash(&task.subject);
        let span = info_span!("task", kind = task.kind.name(), attempts = task.attempts, subject);
        let performing = async move {
            let at_provider = matches!(task.kind, Kind::Pay | Kind::QueryPayment | Kind::Refund);
            let inner = &station.inner;
            let turn = if at_provider { &inner.provider_calls } else { &inner.other_effects };
            tokio::select! {
                // Neither semaphore is ever closed.
                Ok(_permit) = turn.acquire() => station.perform(task).await,
                // What has not begun is left to the outbox.
                () = station.stopped() => {}
            }
        };
        self.under_way.spawn(performing.instrument(span));
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
