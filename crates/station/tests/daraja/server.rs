//! A scripted HTTP server on a loopback port: it notes every request, and answers, hangs up or stays silent as told.

use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

#[derive(Clone)]
pub enum Reply {
    Json(u16, Value),
    /// Takes the request in and breaks the connection.
    Reset,
    /// Takes the request in and never answers.
    Silent,
    /// Answers when told.
    Held(Arc<Notify>, Value),
}

#[derive(Debug, Clone)]
#[allow(dead_code, reason = "not all who share this look at everything")]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

#[derive(Clone, Default)]
struct State {
    script: Arc<Mutex<HashMap<String, VecDeque<Reply>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub struct Server {
    pub url: String,
    state: State,
    // One permit for each request that came in.
    arrived: Arc<Semaphore>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, arrived) = (State::default(), Arc::new(Semaphore::new(0)));
        let (held, counted) = (state.clone(), arrived.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, held.clone(), counted.clone()));
            }
        });
        Self { url, state, arrived }
    }

    /// What is answered at a path (`/path`, or `METHOD /path` for one method), one after another; the last one for ever.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.lock().unwrap().insert(path.to_owned(), replies.into_iter().collect());
    }

    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.state.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Waits until there were so many requests at a path.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Seen> {
        loop {
            let seen = self.seen(path);
            if seen.len() >= count {
                return seen;
            }
            self.arrived.acquire().await.unwrap().forget();
        }
    }
}

async fn serve(mut stream: TcpStream, state: State, arrived: Arc<Semaphore>) {
    let mut bytes = Vec::new();
    while let Some(seen) = request(&mut stream, &mut bytes).await {
        let (path, with_method) = (seen.path.clone(), format!("{} {}", seen.method, seen.path));
        state.seen.lock().unwrap().push(seen);
        arrived.add_permits(1);
        let reply = {
            let mut script = state.script.lock().unwrap();
            let key = if script.contains_key(&with_method) { with_method } else { path };
            let replies = script.get_mut(&key).unwrap_or_else(|| panic!("nothing is scripted for {key}"));
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        let (status, body) = match reply.unwrap() {
            Reply::Json(status, body) => (status, body),
            Reply::Held(until, body) => {
                until.notified().await;
                (200, body)
            }
            Reply::Reset => return,
            Reply::Silent => std::future::pending().await,
        };
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads one request; none when the other side has closed.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Seen> {
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let header = |name: &str| {
                let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
                lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
            };
            let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap_or(Value::Null);
                let method = head.split(' ').next().unwrap().to_owned();
                let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap().to_owned();
                let authorization = header("authorization").unwrap_or_default();
                bytes.drain(..end + 4 + length);
                return Some(Seen { method, path, authorization, body });
            }
        }
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}
