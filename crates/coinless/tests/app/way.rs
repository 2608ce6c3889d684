//! The way from browsers to one meter: it can break at any message, and lead to another meter.

use coinless_sim::wire::{Passage, Wire};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

#[derive(Debug)]
struct Plan {
    /// Where the meter listens that a phone finds at the end.
    to: SocketAddr,
    /// Messages of both sides since it was last asked.
    passed: usize,
    /// The message at which it breaks.
    break_at: Option<usize>,
}

/// A way.
#[derive(Debug)]
pub struct Way {
    wire: Wire,
    plan: Arc<Mutex<Plan>>,
}

impl Way {
    /// The way to the meter that listens at `to`, `ws://HOST:PORT`.
    pub fn new(runtime: &Runtime, to: &str) -> Self {
        let _inside = runtime.enter();
        let plan = Arc::new(Mutex::new(Plan { to: address(to), passed: 0, break_at: None }));
        let (leads, listens) = (plan.clone(), plan.clone());
        let ears = move || {
            let plan = listens.clone();
            let ear = move |_, _: &[u8]| {
                let mut plan = plan.lock().unwrap();
                plan.passed += 1;
                match plan.break_at {
                    Some(at) if at < plan.passed => {
                        plan.break_at = None;
                        Passage::Break
                    }
                    _ => Passage::Pass,
                }
            };
            Box::new(ear) as coinless_sim::wire::Ear
        };
        let to = move || Some(leads.lock().unwrap().to);
        let wire = Wire::open(TcpListener::bind("127.0.0.1:0").unwrap(), to, ears).unwrap();
        Self { wire, plan }
    }

    /// The link as a phone takes it.
    pub fn link(&self) -> String {
        self.wire.link()
    }

    /// Whoever takes this way from now on finds the meter that listens at `to`.
    pub fn lead_to(&self, to: &str) {
        self.plan.lock().unwrap().to = address(to);
        self.wire.cut();
    }

    /// Breaks at the `nth` message of either side from now on (from 0), once.
    pub fn break_at(&self, nth: usize) {
        let mut plan = self.plan.lock().unwrap();
        (plan.passed, plan.break_at) = (0, Some(nth));
    }

    /// Forgets a break that did not come; says whether it came.
    pub fn mend(&self) -> bool {
        self.plan.lock().unwrap().break_at.take().is_none()
    }
}

fn address(link: &str) -> SocketAddr {
    link.trim_start_matches("ws://").trim_end_matches('/').parse().unwrap()
}
