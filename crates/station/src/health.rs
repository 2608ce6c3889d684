//! Whether the process is alive, and whether it can do its work now.

use crate::http::problem_response;
use crate::problem::{Error, More, ProblemDetails};
use crate::service::Station;
use crate::store::Watch;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer stands, however often it is asked for.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the database may take to answer a small question.
const READ_BOUND: Duration = Duration::from_secs(2);
/// How long the writer may be at one group of commands.
const WRITE_BOUND: Duration = Duration::from_secs(5);

/// What was found when the database was asked last.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

/// `/health`: the process is alive. `/ready`: it can do its work now.
pub fn router() -> Router<Station> {
    Router::new().route("/health", get(async || "ok\n")).route("/ready", get(answer))
}

async fn answer(State(station): State<Station>) -> Response {
    match station.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => problem_response(ProblemDetails {
            kind: "urn:coinless:problem:not_ready".to_owned(),
            title: "the station cannot do its work now".to_owned(),
            status: 503,
            detail: why,
            code: "not_ready".to_owned(),
            more: More::default(),
        }),
    }
}

impl Readiness {
    /// Whether `station` can do its work: it is not stopping, its database commits or has nothing to commit, and answers a
    /// question. Takes a bounded time; the database is asked once in [`ASK_AGAIN_AFTER`] at most.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub(crate) async fn check(&self, station: &Station, watch: Option<&Watch>) -> Result<(), String> {
        if station.is_broken() {
            return Err("the database cannot commit any more: the process ends".to_owned());
        }
        if station.is_stopping() {
            return Err("the station is stopping".to_owned());
        }
        if let Some(watch) = watch {
            not_busy(watch)?;
        }
        let mut asked = self.0.lock().await;
        if let Some((_, found)) = asked.as_ref().filter(|(at, _)| at.elapsed() < ASK_AGAIN_AFTER) {
            return found.clone();
        }
        let found = ask(station).await;
        *asked = Some((Instant::now(), found.clone()));
        found
    }
}

/// Nothing is queued behind a question that hangs: the queue is bounded, and who fills it waits.
fn not_busy(watch: &Watch) -> Result<(), String> {
    if watch.failure().is_some() {
        return Err("the database cannot commit any more: the process ends".to_owned());
    }
    match (watch.writing_for(), watch.reading_for()) {
        (Some(busy), _) if busy > WRITE_BOUND => Err(format!("the database has been writing for {} s", busy.as_secs())),
        (_, Some(busy)) if busy > READ_BOUND => Err(format!("the database has been reading for {} s", busy.as_secs())),
        _ => Ok(()),
    }
}

async fn ask(station: &Station) -> Result<(), String> {
    let question = station.read(|work| {
        work.query_first("SELECT due_ms FROM outbox LIMIT 1", &[])?;
        Ok::<_, Error>(())
    });
    match tokio::time::timeout(READ_BOUND, question).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("the database does not answer; the log says why".to_owned()),
        Err(_) => Err(format!("the database has not answered for {} s", READ_BOUND.as_secs())),
    }
}
