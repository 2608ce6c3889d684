//! A connection to the server that breaks where a test wants it to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where the next connection breaks, once.
#[derive(Clone, Copy, PartialEq)]
pub enum Cut {
    /// The server never sees what holds these words.
    Before(&'static str),
    /// The server acts on what holds these words, and its answer never arrives.
    After(&'static str),
}

/// Passes bytes between the loopback address and the server's socket.
pub struct Proxy {
    port: u16,
    cut: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    /// A proxy in front of the server that listens on `socket`. Its threads end with the connections.
    pub fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::default();
        let armed = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming() {
                pass(client.unwrap(), &socket, &armed);
            }
        });
        Self { port, cut }
    }

    /// The connection string that leads through the proxy.
    pub fn through(&self, direct: &str) -> String {
        let rest = direct.split(' ').filter(|word| !word.starts_with("host=") && !word.starts_with("port="));
        format!("host=127.0.0.1 port={} {}", self.port, rest.collect::<Vec<_>>().join(" "))
    }

    /// Breaks a connection once, there.
    pub fn cut(&self, at: Cut) {
        *self.cut.lock().unwrap() = Some(at);
    }

    /// Whether the connection was broken there.
    pub fn has_cut(&self) -> bool {
        self.cut.lock().unwrap().is_none()
    }
}

fn pass(client: TcpStream, socket: &Path, cut: &Arc<Mutex<Option<Cut>>>) {
    let server = UnixStream::connect(socket).unwrap();
    let swallow = Arc::new(Mutex::new(false));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (armed, swallowing) = (Arc::clone(cut), Arc::clone(&swallow));
    thread::spawn(move || up(from, to, &armed, &swallowing));
    thread::spawn(move || down(server, client, &swallow));
}

/// To the server.
fn up(mut from: TcpStream, mut to: UnixStream, cut: &Mutex<Option<Cut>>, swallow: &Mutex<bool>) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let holds = |words: &str| bytes[..length].windows(words.len()).any(|part| part == words.as_bytes());
        let mut cut = cut.lock().unwrap();
        match *cut {
            Some(Cut::Before(words)) if holds(words) => {
                *cut = None;
                break;
            }
            Some(Cut::After(words)) if holds(words) => {
                *cut = None;
                *swallow.lock().unwrap() = true;
            }
            _ => (),
        }
        drop(cut);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// From the server.
fn down(mut from: UnixStream, mut to: TcpStream, swallow: &Mutex<bool>) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if *swallow.lock().unwrap() || to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
