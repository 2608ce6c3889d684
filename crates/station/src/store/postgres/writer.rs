//! The writer: as many commands as are waiting in one transaction.
//!
//! Most commands do not fail. So they run together at first: without SAVEPOINTs, and what a command does not wait for is sent
//! while the next one runs. If one of them fails after it has written, all are rolled back and run again apart: each in a
//! SAVEPOINT of its own, and all of it answered before the next one runs.

use super::link::Failure;
use super::tx::PostgresTx;
use crate::store::{Fault, GroupSize, Job, StoreError, Watch};
use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How often in a row a group is tried before it is halved.
const TRIES_BEFORE_HALVING: u32 = 2;
/// How often in a row a single command is tried before its caller is told.
const TRIES_ALONE: u32 = 10;
/// The longest pause before a group is tried again: who is in the way is then past it.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const SAVEPOINT: &str = "SAVEPOINT command";
const KEEP: &str = "RELEASE command";
const UNDO: &str = "ROLLBACK TO command; RELEASE command";
/// A wait for a synchronous standby that a timeout cuts short would be told as a success: so none here.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// How a group ended that was not committed.
enum End {
    /// Nothing of it is durable.
    Again(Failure),
    /// Neither, and the commands must run apart.
    Apart,
    /// Nobody knows.
    Lost(String),
    /// The server cannot keep it, nor anything else.
    Disk(Fault, String),
    /// The store closes while the server is out of reach.
    Closed,
}

/// Runs commands until all senders are gone, or the server cannot keep what it is given.
pub(super) fn write_in_groups(mut tx: PostgresTx, jobs: &Receiver<Box<dyn Job>>, group: GroupSize, watch: &Watch) {
    while let Ok(first) = jobs.recv() {
        let waiting = std::iter::once(first).chain(std::iter::from_fn(|| jobs.try_recv().ok()));
        watch.group_begins();
        let can_go_on = write_all(&mut tx, waiting.take(group.0.max(1)).collect(), watch);
        watch.group_ends();
        if !can_go_on {
            return;
        }
    }
}

/// Runs these commands and tells their callers, in as few transactions as others let it. Gives whether more may follow.
fn write_all(tx: &mut PostgresTx, mut waiting: VecDeque<Box<dyn Job>>, watch: &Watch) -> bool {
    let (mut size, mut tries) = (waiting.len(), 0);
    let mut run: Run = together;
    while !waiting.is_empty() {
        size = size.clamp(1, waiting.len());
        let group = &mut waiting.make_contiguous()[..size];
        let failure = match commit_group(tx, group, run, watch) {
            Ok(outcomes) => {
                run = together;
                waiting.drain(..size).zip(outcomes).for_each(|(job, outcome)| job.tell(outcome));
                (size, tries) = (size * 2, 0);
                continue;
            }
            Err(End::Again(failure)) => failure,
            Err(End::Apart) => {
                run = apart;
                continue;
            }
            Err(End::Lost(why)) => {
                tracing::error!(%why, commands = size, "the connection broke during a commit: its outcome is not known");
                waiting.drain(..size).for_each(|job| job.tell(Err(StoreError::Lost(why.clone()))));
                continue;
            }
            Err(End::Disk(fault, why)) => {
                tracing::error!(error = why, "the database cannot commit; no more commands are taken");
                watch.failed(fault, &why);
                waiting.drain(..).for_each(|job| job.tell(Err(StoreError::Commit(why.clone()))));
                return false;
            }
            Err(End::Closed) => {
                waiting.drain(..).for_each(|job| job.tell(Err(StoreError::Closed)));
                return true;
            }
        };
        tries += 1;
        tracing::info!(%failure, commands = size, tries, "a group of commands is run again");
        if size > 1 && tries >= TRIES_BEFORE_HALVING {
            (size, tries) = (size / 2, 0);
        } else if size == 1 && tries >= TRIES_ALONE {
            tracing::warn!(%failure, tries, "a command is given up");
            waiting.drain(..1).for_each(|job| job.tell(Err(failure.clone().into_error())));
            tries = 0;
        }
        tx.link.pause(LONGEST_PAUSE.min(Duration::from_millis(1 << tries.min(7))));
    }
    true
}

/// Runs the commands and commits them together. Gives what to tell each of them.
fn commit_group(
    tx: &mut PostgresTx,
    group: &mut [Box<dyn Job>],
    run: Run,
    watch: &Watch,
) -> Result<Vec<Result<(), StoreError>>, End> {
    tx.link.connect(None).map_err(|_| End::Closed)?;
    tx.begin(BEGIN);
    let outcomes = run(tx, group)?;
    if !tx.link.is_connected() {
        return Err(roll_back(tx, Failure::Broken("the connection broke before the commit".to_owned())));
    }
    let started = Instant::now();
    match tx.end(COMMIT) {
        Ok(()) => {
            watch.group_committed(group.len(), started.elapsed());
            Ok(outcomes)
        }
        Err(Failure::Broken(why)) => {
            tx.link.drop_connection();
            Err(End::Lost(why))
        }
        Err(failure) => Err(roll_back(tx, failure)),
    }
}

/// How the commands of a group are run.
type Run = fn(&mut PostgresTx, &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, End>;

/// Without SAVEPOINTs, and hardly waiting.
fn together(tx: &mut PostgresTx, group: &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, End> {
    for job in group.iter_mut() {
        tx.next_command();
        let is_good = job.run(tx) || tx.forget();
        match tx.take_failure() {
            None if is_good => {}
            None => return Err(roll_back_for(tx, End::Apart)),
            Some(failure) => return Err(roll_back_alone(tx, failure)),
        }
    }
    tx.flush();
    match tx.take_failure() {
        None => Ok(vec![Ok(()); group.len()]),
        Some(failure) => Err(roll_back_alone(tx, failure)),
    }
}

/// Each in a SAVEPOINT.
fn apart(tx: &mut PostgresTx, group: &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, End> {
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        tx.then(SAVEPOINT);
        let keep = job.run(tx);
        if keep {
            tx.flush();
        } else {
            tx.forget();
        }
        match tx.take_failure() {
            None => tx.then(if keep { KEEP } else { UNDO }),
            Some(Failure::Refused(_) | Failure::Count(_)) if !keep => tx.then(UNDO),
            Some(failure @ (Failure::Refused(_) | Failure::Count(_))) => {
                // It went on as if nothing had happened, but nothing of it is kept.
                tx.forget();
                tx.then(UNDO);
                outcomes.push(Err(failure.into_error()));
                continue;
            }
            Some(failure) => return Err(roll_back(tx, failure)),
        }
        outcomes.push(Ok(()));
    }
    Ok(outcomes)
}

/// What is one command's own fault must not keep the others from being committed.
fn roll_back_alone(tx: &mut PostgresTx, failure: Failure) -> End {
    match failure {
        Failure::Refused(_) | Failure::Count(_) => roll_back_for(tx, End::Apart),
        failure => roll_back(tx, failure),
    }
}

fn roll_back(tx: &mut PostgresTx, failure: Failure) -> End {
    match failure {
        Failure::Disk(fault, why) => {
            // The server rolls back when it sees that the connection is gone.
            tx.link.drop_connection();
            return End::Disk(fault, why);
        }
        Failure::Broken(_) => tx.link.drop_connection(),
        Failure::Refused(_) | Failure::Count(_) | Failure::Conflict(_) => {}
    }
    roll_back_for(tx, End::Again(failure))
}

fn roll_back_for(tx: &mut PostgresTx, end: End) -> End {
    if tx.roll_back().is_err() {
        // The server rolls back when it sees that the connection is gone.
        tx.link.drop_connection();
    }
    end
}
