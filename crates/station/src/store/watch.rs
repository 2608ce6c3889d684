//! What a store tells of itself while it works: counters that cost no lock, for metrics and for whoever asks whether the
//! database still answers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bounds of [`Watch::group_sizes`], in commands; the last bucket has none.
pub const GROUP_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Bounds of [`Watch::commit_times`], in microseconds; the last bucket has none.
pub const COMMIT_BOUNDS_US: [u64; 11] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000];

/// Why a database cannot commit any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No room is left on its disk.
    DiskFull,
    /// Its files cannot be read or written.
    Io,
    /// Something else, which its message tells.
    Other,
}

/// What a store tells of itself. A store calls it from its writer and its reader; everything is relaxed and lock-free.
#[derive(Debug)]
pub struct Watch {
    opened: Instant,
    group_sizes: Counts<{ GROUP_BOUNDS.len() + 1 }>,
    commit_times_us: Counts<{ COMMIT_BOUNDS_US.len() + 1 }>,
    writing_since_us: AtomicU64,
    reading_since_us: AtomicU64,
    failure: OnceLock<(Fault, String)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            opened: Instant::now(),
            group_sizes: Counts::new(),
            commit_times_us: Counts::new(),
            writing_since_us: AtomicU64::new(0),
            reading_since_us: AtomicU64::new(0),
            failure: OnceLock::new(),
        }
    }
}

impl Watch {
    /// The writer begins a group of commands.
    pub fn group_begins(&self) {
        self.writing_since_us.store(self.now_us(), Ordering::Relaxed);
    }

    /// The writer has committed a group of `commands`; the COMMIT alone took `commit`.
    pub fn group_committed(&self, commands: usize, commit: Duration) {
        self.group_sizes.add(&GROUP_BOUNDS, commands as u64);
        self.commit_times_us.add(&COMMIT_BOUNDS_US, micros(commit));
        self.writing_since_us.store(0, Ordering::Relaxed);
    }

    /// The writer has nothing to do: what it had is committed, or given up.
    pub fn group_ends(&self) {
        self.writing_since_us.store(0, Ordering::Relaxed);
    }

    /// The writer cannot commit any more, because of `fault`, in the words of the database. The first one stays.
    pub fn failed(&self, fault: Fault, words: &str) {
        // A second failure is a consequence of the first.
        let _ = self.failure.set((fault, words.to_owned()));
        self.writing_since_us.store(0, Ordering::Relaxed);
    }

    /// The reader begins an answer.
    pub fn read_begins(&self) {
        self.reading_since_us.store(self.now_us(), Ordering::Relaxed);
    }

    /// The reader has answered.
    pub fn read_ends(&self) {
        self.reading_since_us.store(0, Ordering::Relaxed);
    }

    /// For how long the writer has been at one group; none if it has nothing to do.
    pub fn writing_for(&self) -> Option<Duration> {
        self.since(&self.writing_since_us)
    }

    /// For how long the reader has been at one answer; none if it has nothing to do.
    pub fn reading_for(&self) -> Option<Duration> {
        self.since(&self.reading_since_us)
    }

    /// Why the database cannot commit any more, if it cannot.
    pub fn failure(&self) -> Option<(Fault, &str)> {
        self.failure.get().map(|(fault, words)| (*fault, words.as_str()))
    }

    /// How many groups had how many commands: see [`GROUP_BOUNDS`].
    pub fn group_sizes(&self) -> Histogram {
        self.group_sizes.read(&GROUP_BOUNDS)
    }

    /// How many commits took how many microseconds: see [`COMMIT_BOUNDS_US`].
    pub fn commit_times(&self) -> Histogram {
        self.commit_times_us.read(&COMMIT_BOUNDS_US)
    }

    fn now_us(&self) -> u64 {
        // 0 stands for nothing to do.
        micros(self.opened.elapsed()).max(1)
    }

    fn since(&self, since_us: &AtomicU64) -> Option<Duration> {
        match since_us.load(Ordering::Relaxed) {
            0 => None,
            since_us => Some(Duration::from_micros(self.now_us().saturating_sub(since_us))),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Counts by size, as read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The sum of all values.
    pub sum: u64,
    /// How many values there were.
    pub count: u64,
    /// For each bound, and for none (the last), how many values were above the bound before and not above this one.
    pub buckets: Vec<(Option<u64>, u64)>,
}

#[derive(Debug)]
struct Counts<const N: usize> {
    sum: AtomicU64,
    buckets: [AtomicU64; N],
}

impl<const N: usize> Counts<N> {
    fn new() -> Self {
        Self { sum: AtomicU64::new(0), buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    fn add(&self, bounds: &[u64], value: u64) {
        let at = bounds.partition_point(|bound| *bound < value);
        self.sum.fetch_add(value, Ordering::Relaxed);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self, bounds: &[u64]) -> Histogram {
        let bounds = bounds.iter().copied().map(Some).chain([None]);
        let buckets: Vec<_> = bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed))).collect();
        Histogram {
            sum: self.sum.load(Ordering::Relaxed),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_their_buckets() {
        let watch = Watch::default();
        for commands in [1, 2, 3, 4, 5, 256, 257] {
            watch.group_begins();
            assert!(watch.writing_for().is_some());
            watch.group_committed(commands, Duration::from_micros(250));
        }
        assert_eq!(watch.writing_for(), None);
        let sizes = watch.group_sizes();
        assert_eq!((sizes.count, sizes.sum), (7, 528));
        let counts: Vec<_> = sizes.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 2, 1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(watch.commit_times().buckets[1], (Some(250), 7));
    }

    #[test]
    fn the_first_failure_stays() {
        let watch = Watch::default();
        assert_eq!(watch.failure(), None);
        watch.failed(Fault::DiskFull, "full");
        watch.failed(Fault::Io, "broken");
        assert_eq!(watch.failure(), Some((Fault::DiskFull, "full")));
    }
}
