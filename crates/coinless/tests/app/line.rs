//! The line between a phone and a station: it can be cut, also just before or just after the station hears something.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
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

/// A station that has not answered by then does not.
const ANSWER: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    /// Whether nothing gets through.
    is_down: bool,
    /// How often a phone said something since it was last asked.
    said: usize,
    /// The count at which the line goes down, and how.
    cut_at: Option<(usize, Cut)>,
    /// Told when the line went down.
    told: Option<Sender<()>>,
    /// The phones' ends of what is connected.
    open: Vec<TcpStream>,
}

impl State {
    fn go_down(&mut self) {
        self.is_down = true;
        for stream in self.open.drain(..) {
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

/// A line. Its threads end with the connections that they carry.
pub struct Line {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Line {
    /// A line to the station that listens at `to`.
    pub fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for phone in listener.incoming().flatten() {
                carry(phone, to, &shared);
            }
        });
        Self { address, state }
    }

    /// The station's address at this end of the line.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts the line.
    pub fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.go_down();
        state.tell();
    }

    /// Cuts the line when a phone says something for the `nth` time from now on (from 0).
    pub fn cut_at(&self, nth: usize, how: Cut) -> Receiver<()> {
        let mut state = self.state.lock().unwrap();
        let (told, hears) = mpsc::channel();
        (state.said, state.cut_at, state.told) = (0, Some((nth, how)), Some(told));
        hears
    }

    /// Whether the line is cut.
    pub fn is_down(&self) -> bool {
        self.state.lock().unwrap().is_down
    }

    /// Mends the line, and forgets a cut that did not come.
    pub fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        (state.is_down, state.cut_at, state.told) = (false, None, None);
    }
}

/// Carries one connection, both ways, in threads.
fn carry(phone: TcpStream, to: SocketAddr, state: &Arc<Mutex<State>>) {
    let Ok(station) = TcpStream::connect(to) else { return };
    let (Ok(phone_end), Ok(station_end), Ok(kept)) = (phone.try_clone(), station.try_clone(), phone.try_clone()) else {
        return;
    };
    {
        let mut state = state.lock().unwrap();
        if state.is_down {
            return;
        }
        state.open.push(kept);
    }
    let (answers, answered) = mpsc::channel();
    let up = state.clone();
    thread::spawn(move || pass(phone, station, |bytes, to| said(&up, bytes, to, &answered)));
    thread::spawn(move || {
        pass(station_end, phone_end, |bytes, to| {
            // Who asked may not want to know.
            let _ = answers.send(());
            to.write_all(bytes).is_ok()
        });
    });
}

/// Passes on what a phone said, or cuts the line.
fn said(state: &Mutex<State>, bytes: &[u8], to: &mut TcpStream, answered: &Receiver<()>) -> bool {
    let mut held = state.lock().unwrap();
    let cut = held.cut_at.filter(|(at, _)| *at == held.said).map(|(_, cut)| cut);
    held.said += 1;
    match cut {
        None => {
            drop(held);
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
            held = state.lock().unwrap();
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
