//! Speed as ratios within one run: what our code costs over the bare library or the bare disk beside it, and sizes in bytes.

mod meter;
mod orders;
mod rows;
mod signing;
mod sizes;

use std::time::{Duration, Instant};

/// How long each figure is measured.
const MEASURE: Duration = Duration::from_secs(3);

fn main() {
    // `cargo test --benches` calls this too, with --test: then once through is enough to see that it runs.
    let measure = if std::env::args().any(|word| word == "--test") { Duration::from_millis(50) } else { MEASURE };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let Ok(runtime) = runtime else { return eprintln!("no runtime") };
    println!("{:<58} {:>12} {:>10}", "", "a second", "ratio");
    runtime.block_on(signing::run(measure));
    meter::run(measure);
    runtime.block_on(orders::run(measure));
    println!();
    runtime.block_on(sizes::run());
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

/// A figure, and its ratio to another one of this run.
fn print(what: &str, rate: f64, to: Option<(f64, &str)>) {
    let ratio = to.map_or(String::new(), |(base, of)| format!("{:>10.2} of {of}", rate / base));
    println!("{what:<58} {rate:>12.0} {ratio}");
}
