//! `coinless demo`: a station and meters on this machine, and the first purchase.

mod agree;
mod once;
mod town;

use crate::output::{Context, Failure, Output};
use coinless_sim::desk::Desk;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Options of the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Makes one whole purchase for a family's gas, water and electricity by itself, shows each step, and ends.
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

/// A meter of the demo's family.
struct FamilyMeter {
    id: &'static str,
    label: &'static str,
    commodity: &'static str,
    utility: &'static str,
}

/// Three meters of two utilities.
const FAMILY: [FamilyMeter; 3] = [
    FamilyMeter { id: "CLS0000000017", label: "CLS0000000017-Z", commodity: "gas", utility: "sample-energy" },
    FamilyMeter { id: "CLS0000000028", label: "CLS0000000028-T", commodity: "water", utility: "sample-water" },
    FamilyMeter { id: "CLS0000000039", label: "CLS0000000039-N", commodity: "electricity", utility: "sample-energy" },
];

/// The configuration of the demo's station.
const CONFIG: &str = "\
[[utilities]]
name = \"sample-energy\"
brand = \"Sample Energy\"
currency = \"EUR\"
[utilities.tariffs]
gas = { versions = [{ price = \"0.85\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }
electricity = { versions = [{ price = \"0.29\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }

[[utilities]]
name = \"sample-water\"
brand = \"Sample Water\"
currency = \"EUR\"
[utilities.tariffs]
water = { versions = [{ price = \"2.10\", tax_percent = \"7\", minimum = \"1\", maximum = \"500\" }] }
";

/// Writes the station's configuration, and makes and enrols the meters, unless they are there already.
fn furnish(desk: &Desk) -> Result<(), Failure> {
    let station = desk.path("station");
    DirBuilder::new().recursive(true).mode(0o700).create(&station).context("making the station's folder")?;
    let config = station.join("station.toml");
    if !config.exists() {
        if station.join("station.db").exists() {
            let words = "was made by an earlier demo, with another utility: delete it, or name another one with --data";
            return Err(Failure::new(format!("{} {words}", desk.folder().display())));
        }
        std::fs::write(&config, CONFIG).context("writing the station's configuration")?;
    }
    for meter in FAMILY {
        if !desk.path(meter.id).exists() {
            desk.new_meter_of(meter.utility, meter.id, meter.commodity).context("making and enrolling a meter")?;
        }
    }
    Ok(())
}
