//! The cable between the port that a page sees and the serial line of a meter.

use crate::browser::Browser;
use crate::cdp::{Event, Wire};
use crate::page::Page;
use coinless_sim::line::Cut;
use coinless_sim::serial;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::thread;

/// What a page has for the browser's serial lines.
const PORT: &str = include_str!("port.js");
/// How the page tells what it does.
const TELL: &str = "tellCable";

/// What the page did at its port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Did {
    /// Opened it at so many bits a second.
    Open { rate: u32 },
    /// Sent bytes.
    Write { bytes: Vec<u8> },
    /// Closed it.
    Close,
}

#[derive(Deserialize)]
struct Told {
    number: u64,
    #[serde(flatten)]
    did: Did,
}

#[derive(Default)]
struct Plan {
    /// What was done so far.
    did: Vec<Did>,
    /// Writes since it was last asked.
    writes: usize,
    /// The write in which it is pulled out: half-way, or when the meter has it all.
    break_at: Option<(usize, Cut)>,
}

/// A cable. Its threads end some time after it is dropped, or with the meter.
pub struct Cable {
    page: Page,
    plan: Arc<Mutex<Plan>>,
}

impl Cable {
    /// Plugs a cable into the meter's `link` and into the port of `page`, which has it from its next document on.
    pub fn new(browser: &Browser, page: &Page, link: &str) -> Self {
        let path = Path::new(link.strip_prefix("serial:").unwrap());
        let line = serial::blocking(serial::open(path, serial::BIT_RATE).unwrap()).unwrap();
        page.call("Runtime.addBinding", json!({ "name": TELL }));
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": PORT }));
        let plan = Arc::default();
        let (wire, from, to_meter) = (browser.wire.clone(), browser.wire.now(), line.try_clone().unwrap());
        let (there, told) = (page.clone(), Arc::downgrade(&plan));
        thread::spawn(move || carry_to_meter(&wire, from, &there, to_meter, &told));
        let here = page.clone();
        thread::spawn(move || carry_to_page(line, &here));
        Self { page: page.clone(), plan }
    }

    /// It is pulled out in the `nth` write from now on (from 0), once.
    pub fn break_at_write(&self, nth: usize, how: Cut) {
        let mut plan = self.plan.lock().unwrap();
        (plan.writes, plan.break_at) = (0, Some((nth, how)));
    }

    /// Plugs it in again if it was pulled out; says whether it was.
    pub fn mend(&self) -> bool {
        let is_out = self.plan.lock().unwrap().break_at.take().is_none();
        if is_out {
            self.page.evaluate("cable.plugIn()");
        }
        is_out
    }

    /// Whether the person closes the browser's list of ports without a choice, from now on.
    pub fn chooses_nothing(&self, is: bool) {
        self.page.evaluate(&format!("cable.choosesNothing({is})"));
    }

    /// What the page did at its port so far.
    pub fn did(&self) -> Vec<Did> {
        self.plan.lock().unwrap().did.clone()
    }
}

/// Does to the line what the page does to its port.
fn carry_to_meter(wire: &Wire, mut from: usize, page: &Page, mut line: File, plan: &Weak<Mutex<Plan>>) {
    loop {
        let told = next(wire, &mut from);
        let Some(plan) = plan.upgrade() else { return };
        let Some(Told { number, did }) = told else { continue };
        let how = plan.lock().unwrap().happens(&did);
        let bytes = if let Did::Write { bytes } = &did { bytes.as_slice() } else { &[] };
        let arrives = if how == Some(Cut::Before) { bytes.len() / 2 } else { bytes.len() };
        if line.write_all(&bytes[..arrives]).is_err() {
            return;
        }
        let answer = if how.is_some() { "cable.pullOut()".to_owned() } else { format!("cable.answer({number})") };
        // A page that is gone needs no answer.
        let _ = page.try_evaluate(&answer);
    }
}

impl Plan {
    /// Notes what the page did; says whether the cable is pulled out in it, and when.
    fn happens(&mut self, did: &Did) -> Option<Cut> {
        self.did.push(did.clone());
        if !matches!(did, Did::Write { .. }) {
            return None;
        }
        self.writes += 1;
        let (_, how) = self.break_at.filter(|(nth, _)| nth + 1 == self.writes)?;
        self.break_at = None;
        Some(how)
    }
}

/// What the page tells next; none if it is silent for long.
fn next(wire: &Wire, from: &mut usize) -> Option<Told> {
    let mut seen = 0;
    let told = wire.event(*from, |event: &Event| {
        seen += 1;
        let is = event.method == "Runtime.bindingCalled" && event.params["name"] == TELL;
        is.then(|| serde_json::from_str(event.params["payload"].as_str().unwrap()).unwrap())
    });
    *from += seen;
    told
}

/// Hands the page what the meter sends.
fn carry_to_page(mut line: File, page: &Page) {
    let mut buffer = [0; 256];
    while let Ok(length @ 1..) = line.read(&mut buffer) {
        // A page that is gone hears nothing.
        let _ = page.try_evaluate(&format!("cable.give({})", json!(buffer[..length])));
    }
}
