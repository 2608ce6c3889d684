//! The whole story over the real binary: real sockets, real files, real processes that are killed.

mod input;
mod kills;
mod link;
mod peers;
mod provider;
mod purchase;
mod setting;
mod voids;
