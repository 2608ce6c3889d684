//! `coinless station quota`.

use super::serve;
use crate::output::{Context, Failure, Output};
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_station::keys::{read_pair, read_public};
use coinless_station::service::now_ms;
use coinless_station::signer::{self, Life, Limits, Usage, Used, seal_quota, seal_reset};
use coinless_station::utilities::UtilityName;
use std::path::{Path, PathBuf};

/// Quotas of the signer.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Shows what each key may sign and how much of it is left.
    Show {
        /// The station's folder, if its signer runs within it.
        #[arg(long, required_unless_present = "keys", conflicts_with = "keys")]
        data: Option<PathBuf>,
        /// The key folder of a signer that runs apart.
        #[arg(long, requires = "utilities")]
        keys: Option<PathBuf>,
        /// A utility, with --keys; may be given several times.
        #[arg(long = "utility", value_name = "NAME")]
        utilities: Vec<UtilityName>,
    },
    /// Prints new limits, sealed by the root key: quota.json for the signer's key folder.
    ///
    /// Where the root key is, off line. Put what is printed as quota.json into the utility's folder among the signer's keys, and
    /// start the signer again.
    Seal {
        #[command(flatten)]
        key: RootKey,
        /// The number of these limits: higher than that of the last ones.
        #[arg(long)]
        serial: u32,
        /// Most m³ or kWh in one hour; 0 stops all sales.
        #[arg(long, value_name = "M3_OR_KWH", value_parser = units)]
        per_hour: u64,
        /// Most m³ or kWh in one day (UTC).
        #[arg(long, value_name = "M3_OR_KWH", value_parser = units)]
        per_day: u64,
        /// Most tokens for tariff, settings and valve, and most closings of meters, in one hour.
        #[arg(long, value_name = "TOKENS", default_value_t = Limits::default().registers_hour)]
        registers_per_hour: u64,
        /// Most of them in one day (UTC).
        #[arg(long, value_name = "TOKENS", default_value_t = Limits::default().registers_day)]
        registers_per_day: u64,
    },
    /// Prints leave for the signer to begin a new database, sealed by the root key: reset.json for the signer's key folder.
    ///
    /// For a signer.db that is lost, and of which there is no backup.
    Reset {
        #[command(flatten)]
        key: RootKey,
        /// The life that the signer names when it refuses to start.
        #[arg(long)]
        life: Life,
    },
}

/// Whose word it is, and about which key.
#[derive(clap::Args)]
pub struct RootKey {
    /// The file with the private root key, root.key.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// The public key that signs tokens, operational.pub.
    #[arg(long, value_name = "FILE")]
    operational: PathBuf,
}

impl RootKey {
    fn read(&self) -> Result<(KeyPair, PublicKey), Failure> {
        let root = read_pair(&self.root).context("the root key")?;
        let operational = read_public(&self.operational).context("the operational key")?;
        // What another root key seals, the signer does not believe; better known here.
        let beside = self.operational.with_file_name("root.pub");
        if beside.exists() && read_public(&beside).context("the public root key")? != root.public_key() {
            let words = format!("{} is not the root key of {}", self.root.display(), beside.display());
            return Err(Failure::new(words));
        }
        Ok((root, operational))
    }
}

/// Runs a command.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Show { data, keys, utilities } => show(data.as_deref(), keys.as_deref(), utilities, output),
        Command::Seal { key, serial, per_hour, per_day, registers_per_hour, registers_per_day } => {
            if per_hour > per_day {
                output.warning("an hour may have more than a day: the day's limit will hold");
            }
            let (root, operational) = key.read()?;
            let limits = Limits {
                serial: *serial,
                units_hour: *per_hour,
                units_day: *per_day,
                registers_hour: *registers_per_hour,
                registers_day: *registers_per_day,
            };
            record(&seal_quota(&limits, &operational, &root).context("sealing the limits")?, output)
        }
        Command::Reset { key, life } => {
            let (root, operational) = key.read()?;
            record(&seal_reset(*life, &operational, &root).context("sealing the reset")?, output)
        }
    }
}

fn record(sealed: &[u8], output: &Output) -> Result<(), Failure> {
    let value: serde_json::Value = serde_json::from_slice(sealed).context("reading back what was sealed")?;
    output.record(&value)
}

fn show(data: Option<&Path>, keys: Option<&Path>, utilities: &[UtilityName], output: &Output) -> Result<(), Failure> {
    let (folder, names) = match (data, keys) {
        (_, Some(keys)) => (keys.to_owned(), utilities.to_vec()),
        (Some(data), None) => {
            let config = serve::read_config(data, None)?;
            if let Some(socket) = &config.signer_socket {
                return Err(Failure::new(format!(
                    "the signer of this station runs apart ({}): name its key folder with --keys, and --utility",
                    socket.display()
                )));
            }
            (data.join("keys"), config.utility_names().context("the configuration")?)
        }
        (None, None) => return Err(Failure::new("say whose quotas with --data or --keys")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting")?;
    let found = runtime.block_on(signer::usage(&folder, &names, now_ms())).context("the signer's quotas")?;
    found.iter().try_for_each(|usage| output.result(usage, words(usage)))
}

fn words(usage: &Usage) -> String {
    let from = match usage.limits.serial {
        0 => "as built in".to_owned(),
        serial => format!("sealed, number {serial}"),
    };
    let line = |name: &str, used: &Used, shown: fn(u64) -> String, what: &str| {
        let (left, used_units) = (shown(used.left_units), shown(used.used_units));
        let minutes = (used.until_ms - now_ms()).max(0) / 60_000;
        format!(
            "\n  this {name:<4}  {left:>12} {what}left, {used_units} signed; begins again in {} h {} min",
            minutes / 60,
            minutes % 60
        )
    };
    format!(
        "{}: at most {} m³ or kWh an hour and {} a day ({from}){}{}{}{}",
        usage.utility,
        display_units(usage.limits.units_hour),
        display_units(usage.limits.units_day),
        line("hour", &usage.hour, display_units, ""),
        line("day", &usage.day, display_units, ""),
        line("hour", &usage.registers_hour, |tokens| tokens.to_string(), "tokens for other registers "),
        line("day", &usage.registers_day, |tokens| tokens.to_string(), "tokens for other registers ")
    )
}

/// Credit units as m³ or kWh.
pub(super) fn display_units(units: u64) -> String {
    match units % 1000 {
        0 => (units / 1000).to_string(),
        rest => format!("{}.{rest:03}", units / 1000),
    }
}

/// Credit units of a number of m³ or kWh, with up to three digits after the point.
fn units(text: &str) -> Result<u64, String> {
    let wrong = || "write a number of m³ or kWh, with at most 3 digits after the point".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 3 || text.ends_with('.') {
        return Err(wrong());
    }
    format!("{whole}{fraction:0<3}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        for (text, read) in [("0", 0), ("5000", 5_000_000), ("0.5", 500), ("1.250", 1250)] {
            assert_eq!(units(text), Ok(read), "{text}");
        }
        for bad in ["", ".5", "1.", "1.2345", "-1", "5kWh", "99999999999999999999"] {
            assert!(units(bad).is_err(), "{bad}");
        }
        assert_eq!([display_units(5_000_000), display_units(1250)], ["5000", "1.250"]);
    }
}
