//! A meter's readings for whoever lives with it, and problems that people report.

use crate::app::{App, Notice, Running, store};
use crate::browser::http::HomeStation;
use crate::browser::{origin, random, time};
use crate::part::courier;
use crate::words::{t, tt};
use coinless_phone::Error;
use coinless_phone::courier::{self, SyncReport};
use coinless_phone::readings::NotEarned;
use coinless_phone::records::{StoredProblem, StoredReader};
use coinless_protocol::MeterId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

/// Earns the readings of `meter` by the code that its display shows; `why` says why the code opened nothing.
pub fn earn(app: App, meter: MeterId, code: String, why: RwSignal<Option<NotEarned>>) {
    app.run(Running::Asking, earned(meter, code, why));
}

/// Asks anew for the readings of `meter`, if this phone has earned them; `ended` tells that they are for others now. Without an answer
/// the last ones stay, with the time at which they were read.
pub fn look(app: App, meter: MeterId, ended: RwSignal<bool>) {
    let is_earned = |reader: &StoredReader| reader.earned_ms.is_some();
    if !app.contents.with_untracked(|contents| contents.reader(&meter).is_some_and(is_earned)) {
        return;
    }
    spawn_local(async move {
        match asked(meter).await {
            // The screen may have been left meanwhile.
            Err(Error::NotEntitled(_)) => drop(ended.try_set(true)),
            Err(error @ Error::Store(_)) => app.notice.set(Some((&error).into())),
            Ok(()) | Err(_) => {}
        }
    });
}

/// Asks anew for those readings of `meters` that this phone has earned.
pub async fn refresh(app: App, meters: Vec<MeterId>) {
    if let Err(error @ Error::Store(_)) = refreshed(meters).await {
        app.notice.set(Some((&error).into()));
    }
}

courier! {
    async fn earned(meter: MeterId, code: String, why: RwSignal<Option<NotEarned>>) -> Result<(), Error> {
        let drawn = random().map_err(Error::Link)?;
        let (mut memory, mut station, url) = (store(), HomeStation, origin());
        let earned = courier::earn_readings(&mut memory, (&mut station, &url), &meter, &code, drawn).await;
        match earned.map_err(NotEarned::of) {
            Ok(_) => courier::readings(&mut memory, &mut station, &meter, time::local()).await.map(drop),
            Err(NotEarned::Other(error)) => Err(error),
            Err(told) => {
                // The screen may have been left meanwhile.
                let _ = why.try_set(Some(told));
                Ok(())
            }
        }
    }

    async fn asked(meter: MeterId) -> Result<(), Error> {
        courier::readings(&mut store(), &mut HomeStation, &meter, time::local()).await.map(drop)
    }

    async fn refreshed(meters: Vec<MeterId>) -> Result<(), Error> {
        let (mut memory, mut station, url) = (store(), HomeStation, origin());
        let told = courier::refresh_readings(&mut memory, (&mut station, &url), &meters, time::local()).await;
        told.map(drop)
    }

    async fn reported(app: App, problem: StoredProblem, kept: RwSignal<Option<Uuid>>) -> Result<(), Error> {
        let id = problem.id;
        let sent = courier::report_problem(&mut store(), &mut HomeStation, &problem).await;
        let waits = app.contents.with_untracked(|contents| contents.problems.iter().any(|one| one.id == id));
        match sent {
            Ok(()) => app.reported.set(Some(id)),
            // The next sync sends it.
            Err(_) if waits => {}
            Err(error) => return Err(error),
        }
        // The screen may have been left meanwhile.
        let _ = kept.try_set(Some(id));
        Ok(())
    }
}

/// What a sync brought to the station may say more of meters, and people hear that their reports are there.
pub fn after_sync(app: App, report: &SyncReport) {
    let receipts = report.uploaded.iter().map(|receipt| receipt.meter);
    let mut meters: Vec<MeterId> = receipts.chain(report.reports.iter().map(|of| of.meter)).collect();
    meters.sort_unstable();
    meters.dedup();
    if !meters.is_empty() {
        spawn_local(refresh(app, meters));
    }
    if let Some(id) = report.problems_taken.last() {
        app.reported.set(Some(*id));
        app.notice.set(Some(Notice::good(tt("problem-taken", &[("number", &id.to_string())]))));
    }
}

/// Reports a problem. `kept` names it once it is on this phone or at the station; [`App::reported`] once the station has it.
pub fn report(app: App, problem: StoredProblem, kept: RwSignal<Option<Uuid>>) {
    let Some(problem) = problem.within_limits() else {
        return app.notice.set(Some(Notice::trouble(t("problem-empty"), "")));
    };
    app.run(Running::Asking, reported(app, problem, kept));
}
