//! The readers.

use super::link::Failure;
use super::tx::PostgresTx;
use crate::store::{Job, StoreError};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a question waits for a server that is out of reach.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a question is asked whose connection broke or that was in somebody's way.
const TRIES: u32 = 5;

/// One transaction sees one state.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Answers questions until all senders are gone.
pub(super) fn answer_reads(mut tx: PostgresTx, questions: &Mutex<Receiver<Box<dyn Job>>>) {
    loop {
        // One reader waits with the lock held, the others wait for the lock.
        let question = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = question else { return };
        let answered = answer(&mut tx, &mut *job);
        // What was read is known; how the transaction ends does not change it.
        job.tell(answered);
        if tx.end("COMMIT").is_err() {
            tx.link.drop_connection();
        }
    }
}

fn answer(tx: &mut PostgresTx, job: &mut dyn Job) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        tx.link.connect(Some(PATIENCE))?;
        tx.begin(BEGIN);
        let is_good = job.run(tx);
        match tx.take_failure() {
            None => return Ok(()),
            // The job's own error is told, if it has one.
            Some(Failure::Refused(_)) if !is_good => return Ok(()),
            Some(Failure::Refused(why)) => return Err(StoreError::Database(why)),
            Some(failure) if tries >= TRIES => return Err(failure.into_error()),
            Some(failure) => {
                tracing::info!(%failure, "reading again");
                tx.link.drop_connection();
            }
        }
        tries += 1;
    }
}
