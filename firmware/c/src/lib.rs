//! The meter core for firmware written in C: a static library over `coinless-meter` and the C header
//! `include/coinless_meter.h`, which `cargo xtask firmware --c` makes of `abi.rs` and `api.rs`.
//!
//! * `abi.rs`: the types and constants of the header.
//! * `api.rs`: the functions of the header.
//! * `held.rs`: a meter in memory that C gave, and the check that it is used by one call at a time.
//! * `board.rs`: the port of `coinless-meter` over the functions that C gave.
//! * `chip.rs`, `key.rs`: the flash and the private key, likewise.
//!
//! It does not allocate, does not panic, and keeps nothing but in the memory that C gave. Every pointer that comes in is checked
//! for null and alignment; that it points to what the header says is the caller's word.
#![cfg_attr(not(test), no_std)]

mod abi;
mod api;
mod board;
mod chip;
mod held;
mod key;
#[cfg(test)]
mod tests;

pub use abi::*;
pub use api::*;

// Nothing panics into it. It is there because a library without the standard library needs one; where the core is built with
// panic=immediate-abort it is not even linked.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
