//! What each line of a quote says in figures.

use crate::{at, pay, tariff, units};
use coinless_protocol::Commodity::{self, Electricity, Water};
use coinless_station::money::Money;
use coinless_station::tariff::{Breakdown, History};
use serde_json::{Value, json};

/// The figures of each line, after the beginning of its text.
fn figures(quote: &Breakdown) -> Vec<(String, Value)> {
    let figures = |line: &coinless_station::tariff::Line| {
        let words = line.text.split(' ').take(3).collect::<Vec<_>>().join(" ");
        (words, serde_json::to_value(&line.step).unwrap())
    };
    quote.lines.iter().map(figures).collect()
}

fn quote(definition: &str, commodity: Commodity, minor: i64, history: &History) -> Breakdown {
    tariff(definition, "EUR", commodity).quote(pay(minor), history, at("2026-07-14T10:00:00Z")).unwrap()
}

#[test]
fn every_line_says_in_figures_what_it_says_in_words() {
    let definition = "[[versions]]\nblocks = [{ up_to = '10', price = '0.20' }, { up_to = '100', price = '0.305' }, { price = '0.50' }]\n\
        standing = { per_day = '0.10' }\nfree = { units = '5', counts_in_blocks = true }\n\
        taxes = [{ name = 'excise', per_unit = '0.0205' }, { name = 'VAT', percent = '19', of = ['energy', 'standing', 'excise'] }]\n\
        debt = { percent = '10' }\nfees = [{ name = 'service fee', to = 'PayShop', fixed = '0.50' }]";
    let history = History {
        last_purchase: Some(at("2026-07-12T10:00:00Z")),
        debt: Money::from_minor(6000),
        ..History::default()
    };
    let expected = json!([
        ["5.000 kWh at", { "kind": "block", "units": 5000, "price": "0.20", "block": 1, "from_units": 0, "to_units": 10_000, "per": "month" }],
        ["41.311 kWh at", { "kind": "block", "units": 41_311, "price": "0.305", "block": 2, "from_units": 10_000, "to_units": 100_000, "per": "month" }],
        ["free allowance of", { "kind": "free", "units": 5000, "counts_in_blocks": true, "from": "2026-07", "to": "2026-07" }],
        ["standing charge, 2", { "kind": "standing", "count": 2, "price": "0.10", "per": "day", "from": "2026-07-13", "to": "2026-07-14" }],
        ["excise, 0.0205 EUR", { "kind": "tax", "name": "excise", "price": "0.0205" }],
        ["VAT 19 %", { "kind": "tax", "name": "VAT", "percent": "19", "of": ["commodity", "standing"], "of_taxes": ["excise"] }],
        ["debt recovered (58.05", { "kind": "debt", "left": "58.05" }],
        ["service fee, for", { "kind": "fee", "name": "service fee", "payee": "PayShop" }],
    ]);
    assert_eq!(json!(figures(&quote(definition, Electricity, 2000, &history))), expected);
}

#[test]
fn the_last_block_is_open_and_what_is_left_over_is_a_line() {
    let definition = "[[versions]]\nblocks_over = 'consumed'\nblocks = [{ up_to = '10', price = '1' }, { price = '70' }]\n\
        period = 'year'\nstanding = { per_month = '2.38' }";
    let start = jiff::civil::date(2026, 1, 1);
    let read_back = Some(coinless_station::tariff::Counter { start, units: units(10_000) });
    let history = History { read_back, ..History::default() };
    let expected = json!([
        ["0.251 m³ at", { "kind": "block", "units": 251, "price": "70.00", "block": 2, "from_units": 10_000, "per": "year", "consumed": true }],
        ["standing charge, 1", { "kind": "standing", "count": 1, "price": "2.38", "per": "month", "from": "2026-07", "to": "2026-07" }],
        ["rounding: not enough", { "kind": "rounding", "units": 1 }],
    ]);
    assert_eq!(json!(figures(&quote(definition, Water, 2000, &history))), expected);
}

#[test]
fn a_meter_that_counts_money_gets_credit() {
    let one = tariff("[[versions]]\nprice = '0.30'", "EUR", Electricity);
    let quote = one.quote_money(pay(2000), &History::default(), at("2026-07-14T10:00:00Z")).unwrap();
    assert_eq!(json!(figures(&quote)), json!([["credit; the meter", { "kind": "credit" }]]));
}
