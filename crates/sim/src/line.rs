//! The line between phones and a station: somebody may listen, and it can be cut, also just before or just after the station hears
//! something. [`crate::wire`] is the one to a meter.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Where a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The station never hears what the phone said.
    Before,
    /// The station hears it, and the phone never hears an answer.
    After,
}

/// Who says something on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The phone, or the browser that is one.
    Phone,
    /// What the phone talks to: a station or a meter.
    Other,
}

/// Hears the bytes that pass, as they come; called by the threads of the line.
type Ear = dyn Fn(Side, &[u8]) + Send + Sync;

/// Most connections at a time; one more is closed at once.
const MAX_CONNECTIONS: usize = 64;
/// A station that has not answered by then does not.
const ANSWER: Duration = Duration::from_secs(30);

/// What a phone says when the line goes down.
enum When {
    /// Whatever it says for this time, counted from 0.
    Nth(usize),
    /// What begins like this.
    Begins(&'static str),
}

impl When {
    fn is_now(&self, said: usize, bytes: &[u8]) -> bool {
        match self {
            Self::Nth(nth) => *nth == said,
            Self::Begins(words) => bytes.starts_with(words.as_bytes()),
        }
    }
}

#[derive(Default)]
struct State {
    /// Whether nothing gets through.
    is_down: bool,
    /// How often a phone said something since it was last asked.
    said: usize,
    /// When the line goes down, and how.
    cut: Option<(When, Cut)>,
    /// Told when the line went down.
    told: Option<Sender<()>>,
    /// The phones' ends of what is connected, by the number of the connection.
    open: Vec<(u64, TcpStream)>,
}

impl State {
    fn go_down(&mut self) {
        self.is_down = true;
        for (_, stream) in self.open.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn tell(&mut self) {
        if let Some(told) = self.told.take() {
            // The test may have ended.
            let _ = told.send(());
        }
    }
}

/// What the threads of a line share.
struct Shared {
    to: SocketAddr,
    state: Mutex<State>,
    ear: Box<Ear>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line. Its threads end with the connections that they carry. Copies are the same line.
#[derive(Clone)]
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Line {
    /// A line to the station that listens at `to`, at any free port of this computer.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn new(to: SocketAddr) -> io::Result<Self> {
        Self::heard(TcpListener::bind("127.0.0.1:0")?, to, |_, _| {})
    }

    /// A line from `listener` to the station that listens at `to`, on which `ear` hears what passes.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn heard(
        listener: TcpListener,
        to: SocketAddr,
        ear: impl Fn(Side, &[u8]) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { to, state: Mutex::default(), ear: Box::new(ear) });
        let carrier = shared.clone();
        thread::spawn(move || {
            for (number, phone) in (0..).zip(listener.incoming().flatten()) {
                carry(number, phone, &carrier);
            }
        });
        Ok(Self { address, shared })
    }

    /// The station's address at this end of the line.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port at this end of the line.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the line.
    pub fn cut(&self) {
        let mut state = self.shared.state();
        state.go_down();
        state.tell();
    }

    /// Cuts the line when a phone says something for the `nth` time from now on (from 0).
    pub fn cut_at(&self, nth: usize, how: Cut) -> Receiver<()> {
        self.cut_when(When::Nth(nth), how)
    }

    /// Cuts the line when a phone next says something that begins with `words`, whatever it says before.
    pub fn cut_at_words(&self, words: &'static str, how: Cut) -> Receiver<()> {
        self.cut_when(When::Begins(words), how)
    }

    fn cut_when(&self, when: When, how: Cut) -> Receiver<()> {
        let mut state = self.shared.state();
        let (told, hears) = mpsc::channel();
        (state.said, state.cut, state.told) = (0, Some((when, how)), Some(told));
        hears
    }

    /// Whether the line is cut.
    pub fn is_down(&self) -> bool {
        self.shared.state().is_down
    }

    /// Mends the line, and forgets a cut that did not come.
    pub fn mend(&self) {
        let mut state = self.shared.state();
        (state.is_down, state.cut, state.told) = (false, None, None);
    }
}

/// Carries one connection, both ways, in threads.
fn carry(number: u64, phone: TcpStream, shared: &Arc<Shared>) {
    let Ok(station) = TcpStream::connect(shared.to) else { return };
    let (Ok(phone_end), Ok(station_end), Ok(kept)) = (phone.try_clone(), station.try_clone(), phone.try_clone()) else {
        return;
    };
    {
        let mut state = shared.state();
        if state.is_down || state.open.len() == MAX_CONNECTIONS {
            return;
        }
        state.open.push((number, kept));
    }
    let (answers, answered) = mpsc::channel();
    let (up, down) = (shared.clone(), shared.clone());
    thread::spawn(move || pass(phone, station, |bytes, to| said(&up, bytes, to, &answered)));
    thread::spawn(move || {
        pass(station_end, phone_end, |bytes, to| {
            // Who asked may not want to know.
            let _ = answers.send(());
            (down.ear)(Side::Other, bytes);
            to.write_all(bytes).is_ok()
        });
        down.state().open.retain(|(open, _)| *open != number);
    });
}

/// Passes on what a phone said, or cuts the line.
fn said(shared: &Shared, bytes: &[u8], to: &mut TcpStream, answered: &Receiver<()>) -> bool {
    let mut held = shared.state();
    let cut = held.cut.as_ref().filter(|(when, _)| when.is_now(held.said, bytes)).map(|(_, cut)| *cut);
    held.said += 1;
    match cut {
        None => {
            drop(held);
            (shared.ear)(Side::Phone, bytes);
            return to.write_all(bytes).is_ok();
        }
        Some(Cut::Before) => held.go_down(),
        Some(Cut::After) => {
            held.go_down();
            drop(held);
            answered.try_iter().for_each(drop);
            // A station gives up what it does for a connection that ends, so this one stays until it has answered.
            if to.write_all(bytes).is_ok() {
                let _ = answered.recv_timeout(ANSWER);
            }
            held = shared.state();
        }
    }
    held.tell();
    false
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut give: impl FnMut(&[u8], &mut TcpStream) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if !give(&buffer[..len], &mut to) {
            break;
        }
    }
    for stream in [from, to] {
        // Closed already, perhaps.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
