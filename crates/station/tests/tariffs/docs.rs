//! The examples of `docs/tariffs.md` are definitions that are read, and quotes that are printed.

use crate::{adds_up, at, pay, tariff};
use coinless_protocol::Commodity;
use coinless_station::money::Money;
use coinless_station::tariff::History;

const PAGE: &str = include_str!("../../../../docs/tariffs.md");

/// The page's examples in one language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn every_definition_is_a_tariff() {
    let definitions = examples("toml");
    assert!(definitions.len() >= 5, "{}", definitions.len());
    for definition in definitions {
        tariff(definition, "EUR", Commodity::Electricity);
    }
}

#[test]
fn the_quote_is_as_printed() {
    let definition = examples("toml").pop().unwrap();
    let history = History {
        last_purchase: Some(at("2026-06-30T10:00:00Z")),
        debt: Money::from_minor(6000),
        ..History::default()
    };
    let tariff = tariff(definition, "EUR", Commodity::Electricity);
    let quote = tariff.quote(pay(5000), &history, at("2026-07-14T10:00:00Z")).unwrap();
    adds_up(&quote);
    assert_eq!(quote.to_string(), examples("text").pop().unwrap());
}
