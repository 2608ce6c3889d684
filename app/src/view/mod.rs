//! What is shown: one module for each screen, and [`parts`] of which they are made.

mod carry;
mod history;
mod home;
mod house;
pub mod later;
mod list;
mod meter;
mod order;
mod page;
mod parts;
mod planned;
mod problem;
mod quote;
mod readings;
mod receipt;
mod refund;
mod scan;
mod settings;
mod visit;
mod walk;

pub use page::page;
