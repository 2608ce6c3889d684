//! Speed as ratios within one run: what our code costs over the bare library, the bare disk or the bare database beside it,
//! and sizes in bytes.
//!
//! `cargo xtask bench [--json] [--check] [PART …]`: with `--check` it fails if an aim is missed; the parts are `signing`, `meter`, `steps`, `orders`, `towns` and `sizes`.

mod bare;
mod meter;
mod orders;
mod purchase;
mod report;
mod rows;
mod signing;
mod sizes;
mod stations;
mod steps;
mod towns;

use report::{line, print, progress};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long each figure is measured.
const MEASURE: Duration = Duration::from_secs(3);
const PARTS: [&str; 6] = ["signing", "meter", "steps", "orders", "towns", "sizes"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--json") {
        report::for_scripts();
    }
    let named: Vec<&str> = PARTS.into_iter().filter(|part| has(part)).collect();
    let parts = if named.is_empty() { PARTS.to_vec() } else { named };
    // `cargo test --benches` calls this too, with --test: then once through is enough to see that it runs.
    let scale = if has("--test") { Scale::Once } else { Scale::Whole };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        eprintln!("no runtime");
        return ExitCode::FAILURE;
    };
    let started = Instant::now();
    for part in parts {
        let at = started.elapsed().as_secs();
        progress(&format!("{part}, {at} s after the start"));
        match part {
            "signing" => runtime.block_on(signing::run(scale.measure())),
            "meter" => meter::run(scale.measure()),
            "steps" => runtime.block_on(steps::run(scale)),
            "orders" => runtime.block_on(orders::run(scale.measure())),
            "towns" => runtime.block_on(towns::run(scale)),
            _ => runtime.block_on(sizes::run()),
        }
        line("");
    }
    let missed = report::end();
    if has("--check") && missed > 0 {
        eprintln!("{missed} aims are missed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Enough for figures.
    Whole,
    /// Enough to see that it runs.
    Once,
}

impl Scale {
    /// How long a figure is measured.
    pub fn measure(self) -> Duration {
        match self {
            Self::Whole => MEASURE,
            Self::Once => Duration::from_millis(50),
        }
    }
}

/// How often a second `work` can be done.
fn rate(measure: Duration, mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut times = 0_u32;
    while started.elapsed() < measure {
        work();
        times += 1;
    }
    f64::from(times) / started.elapsed().as_secs_f64()
}
