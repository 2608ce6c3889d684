//! `coinless station init`.

mod arguments;
mod tariffs;

pub use arguments::Options;

use super::ask::{Asker, Question};
use super::check::{self, Example};
use super::{make_folder, serve};
use crate::output::{Context, Failure, Output};
use coinless_station::config::Config;
use coinless_station::setup::{self, Collects, Setup, ToFill};
use figment::Figment;
use figment::providers::{Format, Toml};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Asks, writes `station.toml`, and shows what it means.
pub(super) fn run(options: &Options, output: &Output) -> Result<(), Failure> {
    let path = options.data.join("station.toml");
    refuse_existing(&options.data, &path)?;
    let setup = ask(options)?;
    let text = setup.file();
    check_text(&text, &setup)?;
    make_folder(&options.data)?;
    write(&path, &text)?;
    let fill = setup.collects.to_fill();
    if let Some(folder) = fill.first().and_then(|file| file.path.parent()) {
        make_folder(folder)?;
    }
    let config = serve::read_config(&options.data, None)?;
    let examples = check::examples(&config, None)?;
    let next = next(&options.data, examples.first().map_or("10", |example| &example.pays));
    let shown = serde_json::json!({
        "written": path,
        "config": config,
        "collects": setup.collects.kind(),
        "examples": examples,
        "fill": fill.iter().map(|file| serde_json::json!({ "file": file.path, "what": file.what })).collect::<Vec<_>>(),
        "next": next.iter().map(|(command, _)| command).collect::<Vec<_>>(),
    });
    output.result(&shown, words(&path, &examples, &fill, &next))
}

/// Nothing is ever overwritten.
fn refuse_existing(data: &Path, path: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Failure::new(format!(
            "{} is there already, and is not overwritten: change it by hand and look at it with `coinless station check \
             --data {}`, or take another folder",
            path.display(),
            quoted(data)
        )));
    }
    if data.join("station.db").exists() {
        return Err(Failure::new(format!(
            "a station has been working in {} without a configuration, and its meters belong to the sample utility: take \
             another folder",
            data.display()
        )));
    }
    Ok(())
}

fn ask(options: &Options) -> Result<Setup, Failure> {
    let asker = Asker::new(options.defaults);
    let question = |words: &str, option, default: Option<String>| Question { words: words.to_owned(), option, default };
    let brand = asker.ask(
        &question("Name of the utility, as customers see it", "brand", None),
        options.brand.as_deref(),
        setup::read_brand,
    )?;
    let name = asker.ask(
        &question(
            "Its short name, for the books (not to be changed later)",
            "name",
            Some(setup::name_from_brand(&brand)),
        ),
        options.name.as_deref(),
        setup::read_name,
    )?;
    let currency = asker.ask(
        &question("Currency, by its code in ISO 4217", "currency", Some("EUR".to_owned())),
        options.currency.as_deref(),
        setup::read_currency,
    )?;
    let commodities = asker.ask(
        &question("What the meters measure: gas, water, electricity", "sells", Some("electricity".to_owned())),
        options.sells.as_deref(),
        setup::read_commodities,
    )?;
    options.check(&commodities)?;
    let zone = asker.ask(
        &question("Time zone, by which days and months begin", "zone", Some("UTC".to_owned())),
        options.zone.as_deref(),
        setup::read_zone,
    )?;
    let mut tariffs = std::collections::BTreeMap::new();
    for commodity in commodities {
        let asking =
            tariffs::Asking { asker: &asker, options, currency, commodity, zone: zone.as_deref(), brand: &brand };
        tariffs.insert(commodity, asking.tariff()?);
    }
    let collects = collects(&asker, options, currency)?;
    Ok(Setup { name, brand, currency, zone, tariffs, collects })
}

fn collects(
    asker: &Asker,
    options: &Options,
    currency: coinless_station::money::Currency,
) -> Result<Collects, Failure> {
    let question = |words: &str, option, default| Question { words: words.to_owned(), option, default };
    let words = "Who collects: manual (cash, transfers), sandbox (nobody, to try), daraja (M-Pesa), stripe (cards)";
    let read = |text: &str| {
        let kind = setup::read_kind(text)?;
        Collects::check_currency(kind, currency).map(|()| kind)
    };
    let kind = asker.ask(&question(words, "collects", Some("manual".to_owned())), options.collects.as_deref(), read)?;
    let public_url = || {
        let words = "Address at which the provider reaches this station, https://…";
        asker.ask(&question(words, "public-url", None), options.public_url.as_deref(), setup::read_url)
    };
    Ok(match kind {
        "manual" => {
            let words = "Where people pay, as payers are told (for example: at the office, Mon to Fri 8 to 12)";
            let given = options.pay_where.as_deref();
            Collects::Manual {
                pay_where: asker.ask(&question(words, "pay-where", None), given, setup::read_pay_where)?,
            }
        }
        "daraja" => {
            let given = options.paybill.as_deref();
            let short_code = asker.ask(&question("Paybill number", "paybill", None), given, setup::read_short_code)?;
            Collects::Daraja { short_code, public_url: public_url()?, secrets: secrets(&options.data)? }
        }
        "stripe" => {
            let public_url = public_url()?;
            let words = "Address of the page that payers see when they have paid";
            let (given, default) = (options.return_url.as_deref(), Some(public_url.clone()));
            let return_url = asker.ask(&question(words, "return-url", default), given, setup::read_url)?;
            Collects::Stripe { return_url, public_url, secrets: secrets(&options.data)? }
        }
        _ => Collects::Sandbox,
    })
}

/// The folder of keys for providers, so that it is found from anywhere.
fn secrets(data: &Path) -> Result<PathBuf, Failure> {
    let whole = std::path::absolute(data).context(format_args!("the folder {}", data.display()))?;
    if whole.to_str().is_none() {
        return Err(Failure::new("the folder's name is not UTF-8, and cannot stand in the configuration"));
    }
    Ok(whole.join("secrets"))
}

/// Reads the text with the parser that the station has, and compares it with what was answered.
fn check_text(text: &str, setup: &Setup) -> Result<(), Failure> {
    let config: Config = Figment::from(Toml::string(text)).extract().context("reading back what is to be written")?;
    let json = |value: &coinless_station::config::UtilityConfig| serde_json::to_value(value).context("writing JSON");
    match config.utilities.as_slice() {
        [utility] if json(utility)? == json(&setup.utility())? => Ok(()),
        _ => Err(Failure::new("what would be written is not what was answered; nothing was written")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let what = || format!("writing {}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).context(what())?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.or_else(|error| {
        // Half a configuration is worse than none.
        let _ = fs::remove_file(path);
        Err(error).context(what())
    })
}

/// What to type next, and what for.
fn next(data: &Path, pay: &str) -> Vec<(String, &'static str)> {
    let data = quoted(data);
    vec![
        (format!("coinless station issuer --data {data} > issuer.json"), "the public keys that your meters must know"),
        (format!("coinless station enrol --data {data} METER.json …"), "your meters, by their delivery records"),
        (format!("coinless station check --data {data} --pay {pay}"), "after each change of the prices"),
        (format!("coinless station run --data {data}"), "sells"),
    ]
}

fn words(path: &Path, examples: &[Example], fill: &[ToFill], next: &[(String, &str)]) -> String {
    let mut text = format!("written: {}\n", path.display());
    for example in examples {
        let _ = write!(text, "\n{}\n", example.words);
    }
    if !fill.is_empty() {
        text += "\nbefore the station runs, put into these files (one key each, chmod 600):\n";
        for ToFill { path, what } in fill {
            let _ = writeln!(text, "  {}\n      {what}", path.display());
        }
    }
    text += "\nnext:\n";
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in next {
        let _ = writeln!(text, "  {command:<width$}  {what}");
    }
    text
}

/// A path as it is typed in a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
