//! What the page shows now, and who waits for it to change.

use super::books::Page;
use super::deeds::Told;
use crate::demo::{FAMILY, FamilyMeter};
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Most messages that are shown; older ones are forgotten.
const MAX_SAID: usize = 60;

/// All that the page shows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    pub meters: Vec<Face>,
    pub books: Option<Page>,
    said: VecDeque<Said>,
    pub phone: Phone,
    /// The ports for real phones: the station's, and the meters'.
    pub real: Vec<u16>,
    /// What was done to all this last, and what it changed.
    pub told: Option<Told>,
    /// A button is at work.
    pub busy: bool,
    /// How often a button has been at work.
    pub deeds: u64,
}

/// A meter as it looks.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Face {
    pub id: &'static str,
    pub label: &'static str,
    pub commodity: &'static str,
    utility: &'static str,
    /// What `show` says; nothing while there is no power.
    pub display: Option<Value>,
    /// What waits for the next token.
    pub trap: Option<&'static str>,
}

/// The phone in the frame.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Phone {
    /// From 1: another one has another memory.
    pub number: u32,
    pub port: u16,
    /// Where it begins.
    pub path: String,
}

/// A message in words.
#[derive(Debug, Clone, Serialize)]
struct Said {
    number: u64,
    from: String,
    to: String,
    words: String,
    /// How long it is on its way, in bytes; none for what is no message.
    bytes: Option<usize>,
    /// `lost` if it does not arrive, `blow` if it is none but something that happens to all this.
    mark: Option<&'static str>,
}

/// The page's state.
#[derive(Debug)]
pub(super) struct Board {
    shown: Mutex<Shown>,
    changed: watch::Sender<u64>,
}

impl Board {
    /// Nothing has happened yet; a real phone takes the ports `real`, first the station's.
    pub fn new(real: Vec<u16>) -> Self {
        let face = |known: FamilyMeter| {
            let FamilyMeter { id, label, commodity, utility } = known;
            Face { id, label, commodity, utility, display: None, trap: None }
        };
        let shown = Shown {
            meters: FAMILY.into_iter().map(face).collect(),
            books: None,
            said: VecDeque::new(),
            phone: Phone { number: 1, port: 0, path: "/".into() },
            real,
            told: None,
            busy: false,
            deeds: 0,
        };
        Self { shown: Mutex::new(shown), changed: watch::channel(0).0 }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is shown.
    pub fn change<T>(&self, change: impl FnOnce(&mut Shown) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// Looks at what is shown.
    pub fn look<T>(&self, look: impl FnOnce(&Shown) -> T) -> T {
        look(&self.lock())
    }

    /// Shows a message of so many bytes.
    pub fn say(&self, from: &str, to: &str, words: impl Into<String>, bytes: Option<usize>) {
        self.add(from, to, words.into(), bytes, None);
    }

    /// Shows a message that is lost on its way.
    pub fn lose(&self, from: &str, to: &str, words: impl Into<String>) {
        self.add(from, to, words.into(), None, Some("lost"));
    }

    /// Shows what happens to `to`.
    pub fn blow(&self, from: &str, to: &str, words: &str) {
        self.add(from, to, words.to_owned(), None, Some("blow"));
    }

    fn add(&self, from: &str, to: &str, words: String, bytes: Option<usize>, mark: Option<&'static str>) {
        self.change(|shown| {
            let number = shown.said.back().map_or(0, |said| said.number) + 1;
            let (from, to) = (from.to_owned(), to.to_owned());
            shown.said.push_back(Said { number, from, to, words, bytes, mark });
            if shown.said.len() > MAX_SAID {
                shown.said.pop_front();
            }
        });
    }

    /// All that is shown, as JSON.
    pub fn json(&self) -> Value {
        serde_json::to_value(&*self.lock()).unwrap_or_default()
    }

    /// Is told of each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
