//! Tariffs from outside: published ones with worked examples, properties of random ones, what is refused, and the examples
//! of `docs/tariffs.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod docs;
mod figures;
mod properties;
mod published;
mod refused;
mod rules;

use coinless_protocol::{Commodity, Units};
use coinless_station::money::{Currency, Money};
use coinless_station::tariff::{Asked, Breakdown, LineKind, Tariff, TariffConfig};
use jiff::Timestamp;

/// The tariff of a definition.
fn tariff(definition: &str, currency: &str, commodity: Commodity) -> Tariff {
    let config: TariffConfig = toml::from_str(definition).unwrap();
    config.build(Currency::from_code(currency).unwrap(), commodity).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn units(credit: u64) -> Units {
    Units::new(credit).unwrap()
}

fn pay(minor: i64) -> Asked {
    Asked::Money(Money::from_minor(minor))
}

fn want(credit: u64) -> Asked {
    Asked::Units(units(credit))
}

/// Fails unless parts and lines add up to the total and no part is negative.
fn adds_up(quote: &Breakdown) {
    let amounts = [quote.energy, quote.standing, quote.debt, quote.rounding].into_iter();
    let amounts =
        amounts.chain(quote.taxes.iter().map(|tax| tax.amount)).chain(quote.fees.iter().map(|fee| fee.amount));
    let amounts: Vec<i64> = amounts.map(Money::minor).collect();
    assert!(amounts.iter().all(|amount| *amount >= 0), "{quote:?}");
    assert_eq!(amounts.iter().sum::<i64>(), quote.total.minor(), "{quote:?}");
    assert_eq!(quote.net().minor() + quote.tax().minor() + quote.fee().minor(), quote.total.minor());
    let lines = quote.lines.iter().filter(|line| line.kind == LineKind::Part);
    let sum: i64 = lines.map(|line| line.amount.replace('.', "").parse::<i64>().unwrap()).sum();
    assert_eq!(sum, quote.total.minor(), "{quote}");
}
