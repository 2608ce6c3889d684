//! Points at which a test can kill a process: `COINLESS_FAILPOINT=<name>` in the environment of a debug build.
//!
//! The process ends by SIGKILL, as in a power cut: nothing is flushed, no destructor runs.

use std::sync::LazyLock;

/// The environment variable that names a point.
pub const VARIABLE: &str = "COINLESS_FAILPOINT";

/// The points of a simulated meter, in the order in which the answer to a token passes them.
pub const METER: &[&str] =
    &["meter.before_verify", "meter.before_journal", "meter.after_journal", "meter.before_send", "meter.after_send"];

/// The points of a phone: before and after every durable write and every message.
pub const PHONE: &[&str] = &[
    "phone.before_order_stored",
    "phone.after_order_stored",
    "phone.before_put",
    "phone.after_put",
    "phone.before_payment",
    "phone.after_payment",
    "phone.before_token_stored",
    "phone.after_token_stored",
    "phone.before_read",
    "phone.after_read",
    "phone.before_post",
    "phone.after_post",
    "phone.before_receipt_stored",
    "phone.after_receipt_stored",
    "phone.before_upload",
    "phone.after_upload",
    "phone.before_void",
    "phone.after_void",
    "phone.before_token_deleted",
    "phone.after_token_deleted",
];

/// The points of a command that writes into a station's database by itself, such as `coinless station resolve`: around its
/// commit.
pub const COMMAND: &[&str] = &["command.before", "command.committed"];

/// The points of a station: its own, and those of the signer inside it.
pub fn station() -> &'static [String] {
    static POINTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let signer = coinless_station::signer::POINTS.map(str::to_owned);
        coinless_station::service::points().into_iter().chain(signer).collect()
    });
    &POINTS
}

/// Every point of every process.
pub fn all() -> Vec<&'static str> {
    let station = station().iter().map(String::as_str);
    let others = [PHONE, METER, COMMAND].concat();
    station.chain(others).collect()
}

/// Whether the environment names a point that is known; in a release build, where points do nothing, it may name any.
///
/// # Errors
/// Which points there are.
pub fn check() -> Result<(), String> {
    match std::env::var(VARIABLE) {
        Ok(name) if cfg!(debug_assertions) && !all().contains(&name.as_str()) => {
            Err(format!("no fail point {name}; there are: {}", all().join(", ")))
        }
        _ => Ok(()),
    }
}

/// A station has come to the point `name`, as [`reach`]. In a debug build a point that is not listed ends the process: no test
/// could know of it.
pub fn reach_listed(name: &str) {
    if cfg!(debug_assertions) && station().iter().all(|listed| listed != name) {
        eprintln!("the fail point {name} is not listed");
        std::process::abort();
    }
    reach(name);
}

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
