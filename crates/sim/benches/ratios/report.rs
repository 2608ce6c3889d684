//! Figures for people, line by line, and for scripts, as JSON at the end.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

static IS_JSON: AtomicBool = AtomicBool::new(false);
static MISSED: AtomicUsize = AtomicUsize::new(0);
static FIGURES: Mutex<Vec<Value>> = Mutex::new(Vec::new());

/// From here on standard output is kept for JSON, and lines for people go to standard error.
pub fn for_scripts() {
    IS_JSON.store(true, Ordering::Relaxed);
}

/// A line for people.
pub fn line(text: impl AsRef<str>) {
    let text = text.as_ref();
    if IS_JSON.load(Ordering::Relaxed) { eprintln!("{text}") } else { println!("{text}") }
}

/// What is being measured now, for people who wait.
pub fn progress(what: &str) {
    eprintln!("… {what}");
}

/// A figure for scripts.
pub fn note(figure: Value) {
    FIGURES.lock().unwrap_or_else(PoisonError::into_inner).push(figure);
}

/// Notes whether a figure meets its aim; gives the same.
pub fn meets(is_met: bool) -> bool {
    MISSED.fetch_add(usize::from(!is_met), Ordering::Relaxed);
    is_met
}

/// A figure, and its ratio to another one of this run.
pub fn print(what: &str, rate: f64, to: Option<(f64, &str)>) {
    let ratio = to.map_or(String::new(), |(base, of)| format!("{:>10.2} of {of}", rate / base));
    line(format!("{what:<58} {rate:>12.0} {ratio}"));
    let ratio = to.map(|(base, of)| json!({ "ratio": rate / base, "of": of }));
    note(json!({ "what": what.trim(), "per_second": rate, "ratio": ratio }));
}

/// Ends the report: for scripts everything on one line. Gives how many aims were missed.
pub fn end() -> usize {
    if IS_JSON.load(Ordering::Relaxed) {
        let figures = std::mem::take(&mut *FIGURES.lock().unwrap_or_else(PoisonError::into_inner));
        println!("{}", Value::Array(figures));
    }
    MISSED.load(Ordering::Relaxed)
}
