//! `coinless station install`.

use super::token::{Opened, in_file, meter_id, read, write_token};
use super::{chosen, commit_to_sign, enrol, open_store, serve, signing};
use crate::output::{Context, Failure, Output};
use coinless_protocol::{Commodity, FINE_PER_UNIT, FineCredit, MeterId, Units};
use coinless_station::installation::{self, InstallationStatus, Plan};
use coinless_station::meters;
use coinless_station::money::Currency;
use coinless_station::operator::Operator;
use coinless_station::records::DeliveryRecord;
use coinless_station::terms::{self, CreditWords};
use coinless_station::utilities::UtilityName;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Which meters, and what is put on them.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the database and the keys.
    #[arg(long)]
    data: PathBuf,
    /// The utility that sells to them; may be left out if there is one alone.
    #[arg(long)]
    utility: Option<UtilityName>,
    /// Files with a delivery record (JSON) each, or with several in a list. Meters that are not enrolled are.
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Debt that each meter recovers as its tariff says, for example "20.00 EUR", or "50 kWh" for a meter that counts units.
    #[arg(long, value_name = "AMOUNT")]
    debt: Option<String>,
    /// Credit that the utility gives to each, written in the same way.
    #[arg(long, value_name = "AMOUNT")]
    initial: Option<String>,
    /// The tariff that each meter charges by itself (TOML); a meter that counts money takes no credit without one.
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
    /// How each meter behaves (TOML).
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Who does this; it is noted, together with the time.
    #[arg(long, value_name = "NAME")]
    by: Operator,
    /// Why, for those who look at it later.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    reason: String,
    /// Writes each token into a file of its own in this folder, numbered in the order in which the meter should get them: coinless
    /// phone hand FILE LINK.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Installs meters, all of them or none; says what a technician carries to them.
///
/// # Errors
/// A failure that says what to do.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    let config = serve::read_config(&options.data, None)?;
    let utility = chosen(&config, options.utility.clone())?;
    let records = enrol::read_all(&options.records)?;
    enrol::check_money(&config, &utility, &records)?;
    let plans = records.iter().map(|record| options.plan(record)).collect::<Result<Vec<_>, _>>()?;
    let store = open_store(&options.data, &config)?;
    let (name, asked) = (utility.clone(), records.clone());
    let ids = records.iter().map(|record| meter_id(&record.label)).collect::<Result<Vec<_>, _>>()?;
    let (installed, due) = commit_to_sign(&*store, ids, move |work| {
        let mut installed = Vec::new();
        for (record, plan) in asked.iter().zip(&plans) {
            let id = meters::parse_label(&record.label)?;
            // What was installed may have got another customer since.
            let id = match installation::is_installed(work, id, &record.public_key.0)? {
                true => id,
                false => meters::enrol(work, record, &name)?,
            };
            installed.push((id, installation::install(work, id, plan)?));
        }
        Ok(installed)
    })?;
    signing::sign(&options.data, &config, &store, due, output)?;
    drop(store);
    let opened = Opened::at(&options.data)?;
    for (id, is_new) in &installed {
        let id = *id;
        let status = opened.read(move |work| installation::status(work, id))?;
        let status = status.ok_or_else(|| Failure::new("the installation is gone"))?;
        let files = options.out.as_deref().map(|folder| write_all(folder, id, &status)).transpose()?;
        let mut shown = serde_json::to_value(&status).context("writing JSON")?;
        shown["meter"] = id.to_string().into();
        shown["label"] = id.label().to_string().into();
        shown["new"] = (*is_new).into();
        shown["files"] = files.iter().flatten().map(|path| path.display().to_string()).collect();
        output.result(&shown, words(id, *is_new, &status, files.as_deref()))?;
    }
    let new: Vec<MeterId> = installed.iter().filter(|(_, is_new)| *is_new).map(|(id, _)| *id).collect();
    enrol::warn(&options.data, &config, &utility, &new, output);
    Ok(())
}

impl Options {
    /// What is put on the meter of a record.
    fn plan(&self, record: &DeliveryRecord) -> Result<Plan, Failure> {
        let credit = credit_of(record)?;
        let amount = |name: &str, text: &Option<String>| {
            text.as_deref().map(|text| credit.parse(text).context(format_args!("{name}, {}", record.label))).transpose()
        };
        let initial = amount("--initial", &self.initial)?.map(|fine| {
            let units = u64::try_from(fine.0 / FINE_PER_UNIT).ok().filter(|_| fine.0 % FINE_PER_UNIT == 0);
            let units = units.and_then(|units| Units::new(units).ok());
            units.ok_or_else(|| Failure::new("--initial is too fine: a meter is given whole credit units"))
        });
        let tariff = self
            .tariff
            .as_deref()
            .map(|file| in_file(file, terms::read_tariff(&read(file)?, credit, FineCredit::ZERO)));
        let settings = self.settings.as_deref().map(|file| in_file(file, terms::read_settings(&read(file)?, credit)));
        Ok(Plan {
            operator: self.by.clone(),
            reason: self.reason.trim().to_owned(),
            settings: settings.transpose()?,
            tariff: tariff.transpose()?,
            debt: amount("--debt", &self.debt)?,
            initial: initial.transpose()?,
        })
    }
}

/// What the credit of the meter of a record counts.
fn credit_of(record: &DeliveryRecord) -> Result<CreditWords, Failure> {
    let commodity = Commodity::from_name(&record.commodity)
        .ok_or_else(|| Failure::new("the commodity must be gas, water or electricity"))?;
    let currency = record.money.as_ref().map(|money| Currency::from_code(&money.currency)).transpose();
    Ok(CreditWords { commodity, currency: currency.context(&record.label)? })
}

/// Writes the tokens into a folder, which is made if it is missing; gives the files in the order of the tokens.
fn write_all(folder: &Path, id: MeterId, status: &InstallationStatus) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder).context(format_args!("making the folder {}", folder.display()))?;
    let label = id.label().to_string();
    let mut files = Vec::new();
    for (at, token) in status.tokens.iter().enumerate() {
        let bytes = token.token.as_deref();
        let bytes = bytes
            .ok_or_else(|| Failure::new("not all tokens are signed yet: give the same command again in a moment"))?;
        let path = folder.join(format!("{label}-{}-{}.json", at + 1, token.what));
        write_token(&path, &label, bytes)?;
        files.push(path);
    }
    Ok(files)
}

fn words(id: MeterId, is_new: bool, status: &InstallationStatus, files: Option<&[PathBuf]>) -> String {
    let again = if is_new { "" } else { " already" };
    let mut text = format!(
        "meter {} is installed{again}, by {} at {}: debt {}, initial credit {}",
        id.label(),
        status.operator,
        status.installed,
        status.debt,
        status.initial
    );
    match &status.proved {
        Some(proved) => text += &format!("\nproved on {proved}"),
        None => text += "\nnot proved yet: a receipt of the meter for the test token, or for any later one, proves it",
    }
    for (at, token) in status.tokens.iter().enumerate() {
        let _ = match (files.and_then(|files| files.get(at)), &token.token) {
            (Some(path), _) => write!(text, "\n  {:<8} coinless phone hand {} LINK", token.what, path.display()),
            (None, Some(bytes)) => write!(text, "\n  {:<8} token {bytes}", token.what),
            (None, None) => write!(text, "\n  {:<8} is not signed yet: give the same command again", token.what),
        };
    }
    text
}
