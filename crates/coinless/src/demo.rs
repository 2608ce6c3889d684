//! `coinless demo`: a station and meters on this machine, and the first purchase.

mod once;
mod town;

use crate::output::{Failure, Output};
use std::path::PathBuf;

/// Options of the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Makes one whole purchase by itself, shows each step, and ends.
    #[arg(long)]
    once: bool,
    /// Folder of the demo's station, meters and phone; what is in it goes on.
    #[arg(long, default_value = "coinless-demo")]
    data: PathBuf,
}

/// Runs the demo.
///
/// # Errors
/// A failure that says what to do.
pub fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    if options.once { once::run(output) } else { town::run(&options.data) }
}
