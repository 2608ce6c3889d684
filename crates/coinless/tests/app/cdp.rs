//! Chromium's debugging protocol over its WebSocket: calls that are answered, and events that are kept until somebody looks.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// What has not happened by then does not happen.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A test with more events than this goes in circles.
const MAX_EVENTS: usize = 200_000;
/// A screenshot of a large page is the longest message.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Something that the browser said by itself.
#[derive(Debug, Clone)]
pub struct Event {
    pub session: Option<String>,
    pub method: String,
    pub params: Value,
}

/// A call that the browser refused, or could not answer any more.
#[derive(Debug)]
pub struct Refused(pub String);

#[derive(Default)]
struct Inbox {
    answers: HashMap<u64, Value>,
    events: Vec<Event>,
    is_closed: bool,
}

/// The connection to a browser. Copies share it.
#[derive(Clone)]
pub struct Wire(Arc<Shared>);

struct Shared {
    inbox: Mutex<Inbox>,
    changed: Condvar,
    out: mpsc::UnboundedSender<String>,
    calls: AtomicU64,
}

impl Wire {
    /// Connects to `url`, which a browser printed when it started.
    pub fn connect(url: &str) -> Self {
        let (out, outgoing) = mpsc::unbounded_channel();
        let (inbox, changed, calls) = (Mutex::default(), Condvar::new(), AtomicU64::new(1));
        let shared = Arc::new(Shared { inbox, changed, out, calls });
        let (wire, url) = (shared.clone(), url.to_owned());
        // Ends when either side does.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(carry(&wire, &url, outgoing));
            wire.inbox.lock().unwrap().is_closed = true;
            wire.changed.notify_all();
        });
        Self(shared)
    }

    /// Calls `method`; gives its result.
    pub fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, Refused> {
        let id = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let gone = || Refused(format!("{method}: the browser is gone"));
        self.0.out.send(message.to_string()).map_err(|_| gone())?;
        let detached = |event: &Event| {
            event.method == "Target.detachedFromTarget" && event.params["sessionId"].as_str() == session
        };
        let answer = self.look(|inbox| match inbox.answers.remove(&id) {
            Some(answer) => Some(Ok(answer)),
            None if inbox.is_closed => Some(Err(gone())),
            None if session.is_some() && inbox.events.iter().any(detached) => {
                Some(Err(Refused(format!("{method}: the page is gone"))))
            }
            None => None,
        });
        let answer = answer.ok_or_else(|| Refused(format!("{method}: no answer after {PATIENCE:?}: {params}")))??;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(Refused(format!("{method}: {}", error["message"]))),
        }
    }

    /// How many events there were: a place to look from.
    pub fn now(&self) -> usize {
        self.0.inbox.lock().unwrap().events.len()
    }

    /// Waits for the first event since `from` that `wanted` gives something for.
    pub fn event<T>(&self, from: usize, mut wanted: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        let mut next = from;
        self.look(|inbox| {
            let fresh = inbox.events.get(next..).unwrap_or_default();
            next += fresh.len();
            fresh.iter().find_map(&mut wanted)
        })
    }

    /// All events so far that `wanted` gives something for.
    pub fn events<T>(&self, wanted: impl FnMut(&Event) -> Option<T>) -> Vec<T> {
        self.0.inbox.lock().unwrap().events.iter().filter_map(wanted).collect()
    }

    /// Waits until `found` finds something.
    fn look<T>(&self, mut found: impl FnMut(&mut Inbox) -> Option<T>) -> Option<T> {
        let until = Instant::now() + PATIENCE;
        let mut inbox = self.0.inbox.lock().unwrap();
        loop {
            if let Some(found) = found(&mut inbox) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            inbox = self.0.changed.wait_timeout(inbox, left).unwrap().0;
        }
    }
}

/// Carries messages both ways until one side ends.
async fn carry(wire: &Shared, url: &str, mut outgoing: mpsc::UnboundedReceiver<String>) {
    let address = url.trim_start_matches("ws://").split('/').next().unwrap_or_default();
    let stream = TcpStream::connect(address).await.unwrap();
    let config =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES)).max_frame_size(Some(MAX_MESSAGE_BYTES));
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else { return };
                if sink.send(Message::text(message)).await.is_err() {
                    return;
                }
            }
            message = stream.next() => {
                let Some(Ok(message)) = message else { return };
                if let Message::Text(text) = message {
                    keep(wire, serde_json::from_str(&text).unwrap());
                }
            }
        }
    }
}

fn keep(wire: &Shared, mut message: Value) {
    let mut inbox = wire.inbox.lock().unwrap();
    if let Some(id) = message["id"].as_u64() {
        inbox.answers.insert(id, message);
    } else {
        assert!(inbox.events.len() < MAX_EVENTS, "more than {MAX_EVENTS} events");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (session, method) = (text(&message["sessionId"]), text(&message["method"]).unwrap_or_default());
        inbox.events.push(Event { session, method, params: message["params"].take() });
    }
    drop(inbox);
    wire.changed.notify_all();
}
