//! Points at which a test can kill a process: `COINLESS_FAILPOINT=<name>` in the environment of a debug build.
//!
//! The process ends by SIGKILL, as in a power cut: nothing is flushed, no destructor runs.

/// The environment variable that names a point.
pub const VARIABLE: &str = "COINLESS_FAILPOINT";

/// The points of a simulated meter, in the order in which the answer to a token passes them.
pub const METER: &[&str] =
    &["meter.before_verify", "meter.before_journal", "meter.after_journal", "meter.before_send", "meter.after_send"];

/// The process has come to the point `name`; ends it there if the environment says so. Nothing in a release build.
pub fn reach(name: &str) {
    if cfg!(debug_assertions) && std::env::var_os(VARIABLE).is_some_and(|chosen| chosen == name) {
        die();
    }
}

/// Ends this process at once, by SIGKILL.
pub fn die() -> ! {
    // Cannot fail for one's own process; if it does, abort is the next best.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
