//! `coinless demo`: a station and meters on this machine, as a page to play with, to type at, or as one purchase by itself.

mod agree;
mod exhibit;
mod once;
mod town;

use crate::output::{Context, Failure, Output};
use coinless_sim::desk::Desk;
use coinless_sim::family::{FAMILY, FamilyMeter, UTILITIES, WATER_TARIFF};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Options of the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Makes one whole purchase for a family's gas, water and electricity by itself, shows each step, and ends.
    #[arg(long)]
    once: bool,
    /// No page: what happens at the meters is typed here, and the phone is the command line in another terminal.
    #[arg(long, conflicts_with = "once")]
    terminal: bool,
    /// Folder of the phone app for the page, as `cargo xtask app` makes it.
    #[arg(long, value_name = "FOLDER", required_unless_present_any = ["once", "terminal"])]
    app: Option<PathBuf>,
    /// Port of the page on this computer; the station has the next one, and the meters the next three. 0 takes any free ones.
    #[arg(long, default_value_t = 8600)]
    port: u16,
    /// Opens no browser.
    #[arg(long)]
    no_open: bool,
    /// Folder of the demo's station, meters and phone; what is in it goes on.
    #[arg(long, default_value = "coinless-demo")]
    data: PathBuf,
}

/// Runs the demo.
///
/// # Errors
/// A failure that says what to do.
pub fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    let Options { data, port, no_open, .. } = options;
    match &options.app {
        _ if options.once => once::run(output),
        Some(app) if !options.terminal => exhibit::run(data, app, *port, !no_open, output),
        _ => town::run(data),
    }
}

/// Writes the station's configuration with `more` tables, and makes and enrols the meters, unless they are there already.
fn furnish(desk: &Desk, more: &str) -> Result<(), Failure> {
    let station = desk.path("station");
    DirBuilder::new().recursive(true).mode(0o700).create(&station).context("making the station's folder")?;
    let config = station.join("station.toml");
    if !config.exists() && station.join("station.db").exists() {
        let words = "was made by an earlier demo, with another utility: delete it, or name another one with --data";
        return Err(Failure::new(format!("{} {words}", desk.folder().display())));
    }
    std::fs::write(&config, format!("{UTILITIES}{WATER_TARIFF}{more}"))
        .context("writing the station's configuration")?;
    for meter in FAMILY {
        if !desk.path(meter.id).exists() {
            desk.new_meter_of(meter.utility, meter.id, meter.commodity).context("making and enrolling a meter")?;
        }
    }
    Ok(())
}
