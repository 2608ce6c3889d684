//! Several statements on their way at once.

use super::link::{Done, Failure, failure};
use super::value;
use crate::store::{Expect, StoreError, Value};
use futures_util::{TryStreamExt, pin_mut};
use std::future::{Future, poll_fn};
use std::task::Poll;
use tokio_postgres::{Client, Statement};

/// What is to be sent.
pub(super) struct Step<'a> {
    /// Its words.
    pub(super) sql: &'static str,
    /// Its parameters.
    pub(super) parameters: &'a [Value],
    /// What its answer is good for.
    pub(super) what: What,
}

/// What its answer is good for.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// Nothing.
    Control,
    /// Whether it changed as many rows as it must.
    Statement(Expect),
    /// It is asked for.
    Question,
}

/// A statement as the server knows it.
pub(super) enum Known {
    /// It need not know it.
    Control,
    /// As this.
    Prepared(Statement),
}

/// Sends all steps, then waits for the answers; gives those of the questions.
pub(super) async fn ask_all(client: &Client, steps: &[Step<'_>], known: &[Known]) -> Result<Vec<Done>, Failure> {
    let mut asked = Vec::with_capacity(steps.len());
    for (step, known) in steps.iter().zip(known) {
        let mut answer = Box::pin(ask(client, step, known));
        // It sends when it is first polled; the server answers in the order in which it was asked.
        let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        asked.push((step.what, first, answer));
    }
    let mut done = Vec::new();
    for (what, first, answer) in asked {
        let answer = match first {
            Poll::Ready(answer) => answer,
            Poll::Pending => answer.await,
        };
        let (changed, found) = answer.map_err(|error| failure(&error))?;
        match what {
            What::Control => {}
            What::Statement(expect) => expect.check(changed).map_err(unexpected)?,
            What::Question => {
                let rows = found.iter().map(value::row).collect::<Result<_, _>>();
                done.push(Done { rows: rows.map_err(|error| Failure::Refused(error.to_string()))?, changed });
            }
        }
    }
    Ok(done)
}

/// The number of changed rows and the rows.
type Answer = Result<(u64, Vec<tokio_postgres::Row>), tokio_postgres::Error>;

async fn ask(client: &Client, step: &Step<'_>, known: &Known) -> Answer {
    match known {
        Known::Control => client.batch_execute(step.sql).await.map(|()| (0, Vec::new())),
        Known::Prepared(statement) => query(client, statement, step.parameters).await,
    }
}

fn unexpected(error: StoreError) -> Failure {
    match error {
        StoreError::Conflict(why) => Failure::Conflict(why),
        other => Failure::Count(other.to_string()),
    }
}

async fn query(client: &Client, statement: &Statement, parameters: &[Value]) -> Answer {
    let stream = client.query_raw(statement, parameters).await?;
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok((stream.rows_affected().unwrap_or(0), rows))
}
