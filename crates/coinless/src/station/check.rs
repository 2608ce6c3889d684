//! `coinless station check`.

use super::serve;
use crate::output::{Context, Failure, Output};
use coinless_station::app::App;
use coinless_station::config::{Config, UtilityConfig};
use coinless_station::money::Money;
use coinless_station::service::now_ms;
use coinless_station::setup::{self, Collects};
use coinless_station::store::{GroupSize, SqliteStore, Store};
use coinless_station::tariff::{Breakdown, Tariff};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Which configuration.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// Configuration file (TOML); without it, station.toml in the data folder, else built-in values.
    #[arg(long)]
    config: Option<PathBuf>,
    /// What a customer pays in the examples; a round sum if it is left out.
    #[arg(long, value_name = "AMOUNT")]
    pay: Option<String>,
}

/// What a new customer gets for his money.
#[derive(Serialize)]
pub(super) struct Example {
    utility: String,
    commodity: &'static str,
    currency: String,
    pub(super) pays: String,
    gets: String,
    units: u64,
    lines: Vec<serde_json::Value>,
    #[serde(skip)]
    pub(super) words: String,
}

/// Reads the configuration, and shows what people get for their money. Nothing is changed.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    let config = serve::read_config(&options.data, options.config.as_deref())?;
    let examples = examples(&config, options.pay.as_deref())?;
    providers(&config)?;
    App::open(&config.app).context("the phone app")?;
    for example in &examples {
        // A line apart, for people.
        output.result(example, &example.words)?;
        output.progress("");
    }
    output.progress("the configuration is right");
    Ok(())
}

/// What a new customer gets by each tariff of a configuration.
pub(super) fn examples(config: &Config, pay: Option<&str>) -> Result<Vec<Example>, Failure> {
    config.utility_names().context("the configuration")?;
    let mut examples = Vec::new();
    for utility in &config.utilities {
        let pay = pay.map(|pay| utility.currency.parse(pay).context(format_args!("--pay {pay}"))).transpose()?;
        for tariff in utility.tariffs().context("the configuration")?.tariffs.values() {
            let config = utility.tariffs.get(tariff.commodity().name());
            let blocks = config.and_then(|config| config.versions.last()).map_or(&[][..], |version| &version.blocks);
            let units = setup::example_units(blocks);
            examples.push(example(utility.brand.as_ref().unwrap_or(&utility.name), tariff, units, pay)?);
        }
    }
    Ok(examples)
}

/// What a new customer of `utility` gets for `pay`, or for a round sum that buys about so many m³ or kWh.
pub(super) fn example(utility: &str, tariff: &Tariff, units: u32, pay: Option<Money>) -> Result<Example, Failure> {
    let now_ms = now_ms();
    let sum = pay.map_or_else(|| setup::example_sum(tariff, units, now_ms), Ok);
    let breakdown = sum.and_then(|sum| setup::example(tariff, sum, now_ms));
    breakdown.map(|breakdown| Example::new(utility, &breakdown)).context(format_args!("an example for {utility}"))
}

impl Example {
    fn new(utility: &str, breakdown: &Breakdown) -> Self {
        let Breakdown { commodity, currency, total, .. } = breakdown;
        let pays = currency.format(*total);
        let gets = breakdown.units.fine().display(*commodity).to_string();
        let line =
            |line: &coinless_station::tariff::Line| serde_json::json!({ "text": line.text, "amount": line.amount });
        let explained: String = breakdown.to_string().lines().map(|line| format!("\n  {line}")).collect();
        let words =
            format!("{utility}: for {pays} {currency} a new customer gets {gets} of {}{explained}", commodity.name());
        Self {
            utility: utility.to_owned(),
            commodity: commodity.name(),
            currency: currency.code().to_owned(),
            pays,
            gets,
            units: breakdown.units.get(),
            lines: breakdown.lines.iter().map(line).collect(),
            words,
        }
    }
}

/// Whether what the payment providers need is there, such as the files with their keys.
fn providers(config: &Config) -> Result<(), Failure> {
    // They keep nothing of their own while they are made; the station's database may be far from here.
    let folder = tempfile::tempdir().context("making a folder")?;
    let store = SqliteStore::open(&folder.path().join("station.db"), GroupSize::default()).context("a database")?;
    let store: Arc<dyn Store> = Arc::new(store);
    config.providers(&store).context("the configuration")?;
    config.utilities(&store).context("the configuration")?;
    if config.providers.daraja.is_none() {
        return Ok(());
    }
    let check = |utility: &UtilityConfig| Collects::check_currency("daraja", utility.currency).context(&utility.name);
    config.utilities.iter().try_for_each(check)
}
