//! A cable between a phone and the serial line of a meter that loses, changes and makes up bytes.

use coinless_sim::serial::{self, Pty, blocking};
use fastrand::Rng;
use rustix::fd::OwnedFd;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What a cable does.
#[derive(Clone, Copy)]
pub struct Cable {
    /// What its faults are drawn from.
    pub seed: u64,
    /// One of how many bytes is hit; 0 for none.
    pub one_in: u32,
    /// Whether the phone hears itself.
    pub echoes: bool,
}

impl Cable {
    /// One that does what it should.
    pub const GOOD: Self = Self { seed: 0, one_in: 0, echoes: false };
}

/// A cable that is plugged in. Its threads end with the test, or with the meter.
pub struct Wire {
    path: String,
    damage: Arc<AtomicUsize>,
    _phone_end: OwnedFd,
}

impl Wire {
    /// Plugs a cable into the meter's `link`.
    pub fn new(link: &str, cable: Cable) -> Self {
        let path = Path::new(link.strip_prefix("serial:").unwrap());
        let meter = blocking(serial::open(path, serial::BIT_RATE).unwrap()).unwrap();
        let Pty { near, path, far } = Pty::new().unwrap();
        let phone = blocking(near).unwrap();
        let damage = Arc::new(AtomicUsize::new(0));
        let mut rng = Rng::with_seed(cable.seed);
        let mut pump = |from: &File, to: &File, echo: Option<&File>| {
            let echo = echo.map(|file| file.try_clone().unwrap());
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let faults = Faults { rng: rng.fork(), one_in: cable.one_in, damage: damage.clone() };
            thread::spawn(move || carry(from, to, echo, faults));
        };
        pump(&phone, &meter, cable.echoes.then_some(&phone));
        pump(&meter, &phone, None);
        Self { path, damage, _phone_end: far }
    }

    /// The phone's end.
    pub fn link(&self) -> String {
        format!("serial:{}", self.path)
    }

    /// How many bytes were hit so far.
    pub fn damage(&self) -> usize {
        self.damage.load(Ordering::SeqCst)
    }
}

struct Faults {
    rng: Rng,
    one_in: u32,
    damage: Arc<AtomicUsize>,
}

impl Faults {
    /// What becomes of a byte: nothing, another one, itself, or itself and noise.
    fn of(&mut self, byte: u8) -> Vec<u8> {
        if self.one_in == 0 || self.rng.u32(0..self.one_in) > 0 {
            return vec![byte];
        }
        self.damage.fetch_add(1, Ordering::SeqCst);
        match self.rng.u8(0..3) {
            0 => vec![],
            1 => vec![byte ^ 1 << self.rng.u8(0..8)],
            _ => vec![byte, self.rng.u8(..)],
        }
    }
}

/// Carries bytes until an end is closed.
fn carry(mut from: File, mut to: File, mut echo: Option<File>, mut faults: Faults) {
    let mut buffer = [0; 256];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let read = &buffer[..length];
        let carried: Vec<u8> = read.iter().flat_map(|byte| faults.of(*byte)).collect();
        let echoed = echo.as_mut().is_none_or(|echo| echo.write_all(read).is_ok());
        if !echoed || to.write_all(&carried).is_err() {
            return;
        }
    }
}
