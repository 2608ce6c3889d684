//! Points at which a test can kill a process: `COINLESS_FAILPOINT=<name>` in the environment of a debug build.
//!
//! The process ends by SIGKILL, as in a power cut: nothing is flushed, no destructor runs.

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
