//! The configuration file of a new station, with comments for people.

use super::{Collects, Setup, SimpleTariff};
use crate::tariff::BlockConfig;
use coinless_protocol::Commodity;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# The station's configuration, written by `coinless station init`. Change it by hand: whatever is behind a # is a comment.
# `coinless station check` says whether it is right and what people get for their money. A running station reads it when it is
# started again. Numbers with a point are in quotes, so that they are read exactly.
";

pub(super) fn text(setup: &Setup) -> String {
    let mut text = HEAD.to_owned();
    // Writing to a text cannot fail.
    let _ = write(&mut text, setup);
    text
}

fn write(out: &mut String, setup: &Setup) -> std::fmt::Result {
    if let Collects::Daraja { public_url, .. } | Collects::Stripe { public_url, .. } = &setup.collects {
        writeln!(out, "\n# Where the payment provider reaches this station from outside.")?;
        writeln!(out, "public_url = {}", quoted(public_url))?;
    }
    writeln!(out, "\n[[utilities]]")?;
    writeln!(out, "# Its name in the books and of its folder of keys. Do not change it once a meter is enrolled.")?;
    writeln!(out, "name = {}", quoted(setup.name.as_str()))?;
    writeln!(out, "# Its name for people.")?;
    writeln!(out, "brand = {}", quoted(&setup.brand))?;
    writeln!(out, "currency = {}", quoted(setup.currency.code()))?;
    for (commodity, tariff) in &setup.tariffs {
        self::tariff(out, setup, *commodity, tariff)?;
    }
    collects(out, &setup.collects)
}

fn tariff(out: &mut String, setup: &Setup, commodity: Commodity, tariff: &SimpleTariff) -> std::fmt::Result {
    let (name, unit, currency) = (commodity.name(), commodity.display_unit(), setup.currency);
    writeln!(out, "\n# What {name} costs. More is possible (levies, debt, free units, fees): docs/tariffs.md.")?;
    writeln!(out, "[utilities.tariffs.{name}]")?;
    match &setup.zone {
        Some(zone) => writeln!(out, "zone = {}  # where days and months begin", quoted(zone))?,
        None => writeln!(out, "# zone = \"Europe/Berlin\"  # where days and months begin; without it UTC")?,
    }
    writeln!(out, "\n[[utilities.tariffs.{name}.versions]]")?;
    match tariff.prices.blocks() {
        [BlockConfig { up_to: None, price }] => {
            writeln!(out, "price = \"{}\"  # {currency} a {unit}", price.0)?;
        }
        blocks => {
            writeln!(out, "# {currency} a {unit}, by what was bought in a calendar month.")?;
            writeln!(out, "blocks = [")?;
            for BlockConfig { up_to, price } in blocks {
                match up_to {
                    Some(end) => writeln!(out, "    {{ up_to = \"{}\", price = \"{}\" }},", end.0, price.0)?,
                    None => writeln!(out, "    {{ price = \"{}\" }},  # all that is above", price.0)?,
                }
            }
            writeln!(out, "]")?;
        }
    }
    if let Some(tax) = &tariff.tax_percent {
        let how = if tariff.prices_include_tax { "contained in the prices" } else { "on top" };
        writeln!(out, "tax_percent = \"{}\"  # per cent, {how}", tax.0)?;
    }
    if tariff.prices_include_tax {
        writeln!(out, "prices_include_tax = true")?;
    }
    if let Some(amount) = &tariff.standing_per_month {
        writeln!(out, "standing = {{ per_month = \"{}\" }}  # {currency} for each month", amount.0)?;
    }
    for (name, limit) in [("minimum", tariff.minimum), ("maximum", tariff.maximum)] {
        if let Some(limit) = limit {
            let which = if name == "minimum" { "least" } else { "most" };
            writeln!(out, "{name} = \"{}\"  # the {which} {currency} that one purchase may be", limit.0)?;
        }
    }
    writeln!(
        out,
        "# For a new price, write another [[utilities.tariffs.{name}.versions]] below, with from = \"2027-01-01\"."
    )
}

fn collects(out: &mut String, collects: &Collects) -> std::fmt::Result {
    let path = |name: &str, folder: &Path| quoted(&folder.join(name).to_string_lossy());
    match collects {
        Collects::Sandbox => writeln!(
            out,
            "\n# Nobody collects: payments go to a sandbox inside the station, and no money moves. To take cash, remove the # below.\n\
             # [providers.manual]\n\
             # pay_where = \"at the counter, Mon to Fri 8 to 16 h\""
        ),
        Collects::Manual { pay_where } => {
            writeln!(out, "\n# People take the money in: cash, or bank transfers (docs/payments/manual.md).")?;
            writeln!(out, "[providers.manual]")?;
            writeln!(out, "# What payers are told.")?;
            writeln!(out, "pay_where = {}", quoted(pay_where))
        }
        Collects::Daraja { short_code, secrets, .. } => {
            writeln!(out, "\n# M-Pesa (docs/payments/daraja.md). Each file holds one key and nothing else.")?;
            writeln!(out, "[providers.daraja]")?;
            writeln!(out, "short_code = {}  # the paybill number", quoted(short_code))?;
            for name in ["consumer_key", "consumer_secret", "passkey"] {
                let file = format!("daraja-{}", name.replace('_', "-"));
                writeln!(out, "{name}_file = {}", path(&file, secrets))?;
            }
            writeln!(out, "# pull_transactions = true  # once the paybill is registered for Pull Transactions")
        }
        Collects::Stripe { return_url, secrets, .. } => {
            writeln!(out, "\n# Stripe (docs/payments/stripe.md). Only the station's user may read the files.")?;
            writeln!(out, "[providers.stripe]")?;
            writeln!(out, "secret_key_file = {}", path("stripe-secret-key", secrets))?;
            writeln!(out, "webhook_secret_file = {}", path("stripe-webhook-secret", secrets))?;
            writeln!(out, "return_url = {}  # where Stripe's page sends the payer afterwards", quoted(return_url))
        }
    }
}

/// A basic string of TOML. Of what JSON escapes, TOML 1.0 reads all in the same way (section "String").
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::setup::{read_currency, read_name, read_number};

    fn setup(currency: &str, collects: Collects) -> Setup {
        let number = |text| Some(read_number(text).unwrap());
        let flat = SimpleTariff { prices: "2.10".parse().unwrap(), ..SimpleTariff::default() };
        let full = SimpleTariff {
            prices: "0.10:50,0.40".parse().unwrap(),
            tax_percent: number("19"),
            prices_include_tax: true,
            standing_per_month: number("5.5"),
            minimum: number("1"),
            maximum: number("500"),
        };
        Setup {
            name: read_name("house-12").unwrap(),
            brand: "The \"Old\" House \\ № 12 #1".to_owned(),
            currency: read_currency(currency).unwrap(),
            zone: Some("Africa/Nairobi".to_owned()),
            tariffs: [(Commodity::Water, flat), (Commodity::Electricity, full)].into(),
            collects,
        }
    }

    #[test]
    fn what_is_written_is_what_was_answered() {
        let (url, secrets) = ("https://pay.example".to_owned(), "/srv/it's \"here\"".into());
        let all = [
            Collects::Sandbox,
            Collects::Manual { pay_where: "at the \"blue\" door".to_owned() },
            Collects::Daraja { short_code: "174379".to_owned(), public_url: url.clone(), secrets },
            Collects::Stripe { return_url: url.clone(), public_url: url, secrets: "/srv/secrets".into() },
        ];
        for collects in all {
            let setup = setup("KES", collects);
            let text = setup.file();
            let config: Config = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let json = |value: &crate::config::UtilityConfig| serde_json::to_value(value).unwrap();
            assert_eq!(config.utilities.len(), 1);
            assert_eq!(json(&config.utilities[0]), json(&setup.utility()));
            config.utilities[0].tariffs().unwrap();
            let providers = &config.providers;
            match &setup.collects {
                Collects::Sandbox => assert!(providers.manual.is_none() && providers.stripe.is_none()),
                Collects::Manual { pay_where } => assert_eq!(&providers.manual.as_ref().unwrap().pay_where, pay_where),
                Collects::Daraja { .. } => {
                    let daraja = providers.daraja.as_ref().unwrap();
                    let files = [
                        &daraja.consumer_key_file,
                        &daraja.consumer_secret_file,
                        daraja.passkey_file.as_ref().unwrap(),
                    ];
                    let to_fill: Vec<_> = setup.collects.to_fill().into_iter().map(|file| file.path).collect();
                    assert_eq!(to_fill.iter().collect::<Vec<_>>(), files);
                    assert!(config.public_url.is_some());
                }
                Collects::Stripe { .. } => {
                    let stripe = providers.stripe.as_ref().unwrap();
                    let to_fill: Vec<_> = setup.collects.to_fill().into_iter().map(|file| file.path).collect();
                    assert_eq!(to_fill, [stripe.secret_key_file.clone(), stripe.webhook_secret_file.clone()]);
                }
            }
        }
    }
}
