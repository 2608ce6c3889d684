//! The way to the stations: which of them is up, and how much they have answered.

use fastrand::Rng;
use reqwest::{Client, RequestBuilder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a client waits for an answer, as a phone does.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client rests after no answer or a busy one.
const PAUSE: Duration = Duration::from_millis(20);

/// The stations' addresses.
pub struct Doors {
    pub urls: Vec<String>,
    pub http: Client,
    up: watch::Sender<Vec<bool>>,
    answers: watch::Sender<u64>,
    unknown: AtomicU64,
}

impl Doors {
    pub fn new(urls: Vec<String>) -> Self {
        let up = watch::channel(vec![false; urls.len()]).0;
        let http = coinless_station::net::http_client(TIMEOUT).unwrap();
        Self { urls, http, up, answers: watch::channel(0).0, unknown: AtomicU64::new(0) }
    }

    /// Says that a station is killed in a moment, or that it listens.
    pub fn set(&self, at: usize, is_up: bool) {
        self.up.send_modify(|up| up[at] = is_up);
    }

    /// The address of a station that is up; waits until one is.
    pub async fn open_one(&self, random: &mut Rng) -> &str {
        let mut up = self.up.subscribe();
        // The sender lives as long as this.
        let up = up.wait_for(|up| up.contains(&true)).await.unwrap();
        let open: Vec<_> = (0..up.len()).filter(|at| up[*at]).collect();
        &self.urls[open[random.usize(..open.len())]]
    }

    /// Notes that a station answered.
    pub fn answered(&self) {
        self.answers.send_modify(|answers| *answers += 1);
    }

    /// Waits until the stations have answered so often again.
    pub async fn more_answers(&self, count: u64) {
        let mut answers = self.answers.subscribe();
        let until = *answers.borrow() + count;
        // The sender lives as long as this.
        answers.wait_for(|answers| *answers >= until).await.unwrap();
    }

    /// What this station, which is up, says of an order. A connection may still be one to the station that died.
    pub async fn look(&self, at: usize, order: &str) -> (u16, String) {
        loop {
            if let Some(answer) = send(self.http.get(format!("{}/v1/orders/{order}", self.urls[at]))).await {
                return answer;
            }
            sleep(PAUSE).await;
        }
    }

    /// How many requests got no answer.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Sends a request until it is answered by any station. No answer is unknown: the same goes out again. Now and then it goes
    /// out twice at the same moment, as it would from an impatient phone.
    pub async fn ask(
        &self,
        random: &mut Rng,
        path: &str,
        request: impl Fn(&Client, String) -> RequestBuilder,
    ) -> (u16, String) {
        loop {
            let url = format!("{}{path}", self.open_one(random).await);
            let answer = if random.u32(0..10) == 0 {
                let other = format!("{}{path}", self.open_one(random).await);
                let (answer, _) = tokio::join!(send(request(&self.http, url)), send(request(&self.http, other)));
                answer
            } else {
                send(request(&self.http, url)).await
            };
            match answer {
                Some((status, body)) => {
                    self.answered();
                    // Not now, and not known: these say nothing of what was asked.
                    if ![500, 503].contains(&status) {
                        return (status, body);
                    }
                    let says_so = body.contains("ask again") || body.contains("\"unavailable\"");
                    assert!(says_so, "{path}: {status} {body}");
                }
                None => {
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                }
            }
            sleep(PAUSE).await;
        }
    }
}

/// Status and body of a whole answer.
async fn send(request: RequestBuilder) -> Option<(u16, String)> {
    let answer = request.send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}
