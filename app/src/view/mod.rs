//! What is shown: one module for each screen, and [`parts`] of which they are made.

mod carry;
mod history;
mod home;
mod house;
mod list;
mod meter;
mod order;
mod page;
mod parts;
mod quote;
mod receipt;
mod scan;
mod settings;
mod visit;
mod walk;

pub use page::page;
