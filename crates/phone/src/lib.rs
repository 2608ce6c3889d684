//! The courier: what a phone does for a meter that has no network of its own.
//!
//! It reads a meter's identity, orders and pays at the station, keeps the tokens, hands them to the meter, and brings the
//! meter's receipts back. It holds no key that can make credit, so nobody has to trust it.
//!
//! * [`courier`]: scan, buy, deliver, refund, sync: the decisions.
//! * [`io`]: what the courier needs of the world: a link to the meter, HTTP to the station, a clock; [`lossy`] makes a link of
//!   what loses messages.
//! * [`store`]: what it must remember, and two stores: [`memory_store`] and (not in a browser) `file_store`.
//! * [`round`]: many lines from a manager's file, and its result; [`outcome`]: how the lines of an order stand.
//! * [`readings`]: what a meter's readings say; [`trouble`]: what can be done next; [`draft`]: what is about to be bought.
//! * [`words`]: for people, about what a meter says; [`messages`]: what an app says, in the reader's language.
//! * [`api`] and [`wire`]: the station's HTTP API, as far as a phone needs it.
//!
//! # The rule that all of it follows
//!
//! What must not happen twice is in the store before it is sent, under a name that stays the same; what must not get lost
//! leaves the store only when the other side has said that it has it. An exchange without an answer is *unknown*, never
//! *failed*. Therefore a phone may die between any two steps, and doing the same again is always right.
//!
//! # Architecture invariant
//!
//! The courier does no I/O of its own, reads no clock and draws no random number: all of that comes in through the traits of
//! [`io`] and [`store`] or as arguments. Its futures need not be `Send`, so that it also runs in a browser.

mod amount;
pub mod api;
mod asked;
pub mod courier;
pub mod draft;
mod error;
#[cfg(not(target_arch = "wasm32"))]
pub mod file_store;
mod hex;
pub mod io;
mod link;
pub mod lossy;
pub mod memory_store;
pub mod messages;
pub mod outcome;
pub mod readings;
pub mod records;
pub mod round;
mod sse;
pub mod store;
pub mod trouble;
pub mod wire;
pub mod words;

pub use amount::{Amount, AmountError, Sum};
pub use asked::{Asked, AskedError, Quantity, as_typed};
pub use error::Error;
pub use link::{LinkError, OrderLink};
