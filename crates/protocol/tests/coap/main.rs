//! CoAP server and client against each other, over a link with a fake clock that loses what it is told to.
#![allow(clippy::unwrap_used, reason = "a wrong expectation ends the test")]

mod exchange;
mod link;
mod server;
