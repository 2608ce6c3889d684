//! `coinless station enrol`.

use super::{chosen, open_store, serve, with_work};
use crate::output::{Context, Failure, Output};
use coinless_protocol::MeterId;
use coinless_station::config::{Config, UtilityConfig};
use coinless_station::records::DeliveryRecord;
use coinless_station::sales::Lookup;
use coinless_station::utilities::UtilityName;
use coinless_station::{meters, problem};
use std::fs;
use std::path::{Path, PathBuf};

/// Enrols meters by their delivery records, and says which of them the utility's own sales system does not sell to.
///
/// # Errors
/// A failure that says what to do; then none is enrolled.
pub(super) fn enrol(
    data: &Path,
    files: &[PathBuf],
    utility: Option<UtilityName>,
    output: &Output,
) -> Result<(), Failure> {
    let config = serve::read_config(data, None)?;
    let utility = chosen(&config, utility)?;
    let records = read_all(files)?;
    check_money(&config, &utility, &records)?;
    let name = utility.clone();
    // All or none: a list that stops half way would be hard to go on with.
    let enrolled = with_work(data, move |work| {
        let enrol = |record: &DeliveryRecord| Ok((meters::enrol(work, record, &name)?, record.commodity.clone()));
        records.iter().map(enrol).collect::<Result<Vec<_>, problem::Error>>()
    })?;
    enrolled.iter().try_for_each(|(id, commodity)| {
        let shown = serde_json::json!({ "enrolled": id.to_string(), "label": id.label().to_string() });
        output.result(&shown, format_args!("enrolled {} ({commodity})", id.label()))
    })?;
    let ids: Vec<MeterId> = enrolled.iter().map(|(id, _)| *id).collect();
    warn(data, &config, &utility, &ids, output);
    Ok(())
}

/// Reads delivery records from files.
pub(super) fn read_all(files: &[PathBuf]) -> Result<Vec<DeliveryRecord>, Failure> {
    Ok(files.iter().map(|file| read_records(file)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Refuses meters whose credit is money that their utility does not sell.
pub(super) fn check_money(config: &Config, utility: &UtilityName, records: &[DeliveryRecord]) -> Result<(), Failure> {
    let Some(known) = config.utilities.iter().find(|known| utility.as_str() == known.name) else { return Ok(()) };
    for record in records {
        let Some(money) = &record.money else { continue };
        let (label, counts) = (&record.label, &money.currency);
        if *counts != known.currency.code() {
            let sells = known.currency;
            return Err(Failure::new(format!(
                "meter {label} counts its credit in {counts}, {utility} sells in {sells}"
            )));
        }
        if known.sales.is_some() {
            return Err(Failure::new(format!(
                "meter {label} counts its credit in {counts}; {utility} has a sales system of its own, which sells m³ and kWh"
            )));
        }
    }
    Ok(())
}

/// Warns of meters that the utility's sales system does not sell to, if it has one of its own.
pub(super) fn warn(data: &Path, config: &Config, utility: &UtilityName, ids: &[MeterId], output: &Output) {
    let is_apart = |known: &UtilityConfig| utility.as_str() == known.name && known.sales.is_some();
    if config.utilities.iter().any(is_apart)
        && let Err(failure) = warn_of_unknown(data, config, utility, ids, output)
    {
        output.warning(format_args!("{utility} was not asked whether it knows these meters: {failure}"));
    }
}

/// Warns of meters that the utility's sales system does not sell to. It is no reason to refuse them: it may be told later.
fn warn_of_unknown(
    data: &Path,
    config: &Config,
    utility: &UtilityName,
    ids: &[MeterId],
    output: &Output,
) -> Result<(), Failure> {
    let store = open_store(data, config)?;
    let utilities = config.utilities(&store).context("the configuration")?;
    let utility = utilities.find(utility).context("the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    for (done, id) in ids.iter().enumerate() {
        match runtime.block_on(utility.lookup(*id)) {
            Lookup::Known { .. } => {}
            Lookup::Refused { reason } => {
                output.warning(format_args!("{} does not sell to {}: {reason}", utility.brand, id.label()));
            }
            Lookup::Unavailable { why } => {
                let left = ids.len() - done;
                let brand = &utility.brand;
                output.warning(format_args!("{brand} was not asked whether it knows {left} of these meters: {why}"));
                break;
            }
        }
    }
    Ok(())
}

fn read_records(file: &Path) -> Result<Vec<DeliveryRecord>, Failure> {
    let text = fs::read_to_string(file).context(format_args!("reading {}", file.display()))?;
    let one = serde_json::from_str::<DeliveryRecord>(&text).map(|record| vec![record]);
    let records = one.or_else(|error| serde_json::from_str::<Vec<DeliveryRecord>>(&text).map_err(|_| error));
    records.context(format_args!("{} is not a delivery record as `coinless meter new` prints it", file.display()))
}
