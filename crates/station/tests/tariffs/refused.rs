//! What is no tariff, and no purchase: each complaint names the value and says what to do.

use crate::{at, pay, tariff, want};
use coinless_protocol::Commodity;
use coinless_station::money::{Currency, Money};
use coinless_station::tariff::{History, QuoteError, TariffConfig};

/// The complaint about a definition.
fn complaint(definition: &str) -> String {
    match toml::from_str::<TariffConfig>(definition) {
        Err(error) => error.message().to_owned(),
        Ok(config) => config.build(Currency::from_code("EUR").unwrap(), Commodity::Gas).unwrap_err().to_string(),
    }
}

#[test]
fn a_wrong_definition_is_refused_by_name() {
    let cases = [
        ("", "price: it is missing"),
        ("price = 0.85", "in quotes"),
        ("price = 'cheap'", "\"cheap\" is no decimal number"),
        ("price = '-0.85'", "price: -0.85 is no price"),
        ("price = '0'", "greater than 0"),
        ("price = '0.1234567'", "at most 6 digits"),
        ("price = '1'\ntax_percent = '1001'", "tax_percent: 1001 is no rate"),
        ("price = '1'\nprize = '2'", "unknown field `prize`"),
        ("price = '1'\nzone = 'Mars/Olympus'", "zone: \"Mars/Olympus\" is no time zone"),
        ("price = '1'\n[[versions]]\nprice = '1'", "inside the versions"),
        ("[[versions]]\nprice = '1'\n[[versions]]\nprice = '2'", "versions[1].from: each version needs a later day"),
        ("[[versions]]\nfrom = '2026-02-30'\nprice = '1'", "versions[0].from: \"2026-02-30\" is no day"),
        ("[[versions]]\nprice = '1'\nblocks = [{ price = '1' }]", "either a price or blocks"),
        ("[[versions]]\nblocks = [{ price = '1' }, { price = '2' }]", "versions[0].blocks[0].up_to: every block"),
        ("[[versions]]\nblocks = [{ up_to = '9', price = '1' }]", "and the last has none"),
        (
            "[[versions]]\nblocks = [{ up_to = '9', price = '1' }, { up_to = '9', price = '1' }, { price = '1' }]",
            "versions[0].blocks[1].up_to: a block ends after",
        ),
        ("[[versions]]\nblocks = [{ up_to = '0.0001', price = '1' }, { price = '1' }]", "0.0001 is no quantity"),
        ("[[versions]]\nprice = '1'\nyear_starts_in = 13", "versions[0].year_starts_in"),
        ("[[versions]]\nprice = '1'\nminimum = '5'\nmaximum = '4'", "greater than the maximum"),
        ("[[versions]]\nprice = '1'\nminimum = '0.001'", "versions[0].minimum: 0.001"),
        ("[[versions]]\nprice = '1'\ntaxes = [{ name = 'a' }]", "versions[0].taxes[0]: write either percent"),
        ("[[versions]]\nprice = '1'\ntaxes = [{ name = 'a', per_unit = '1', of = ['all'] }]", "either percent"),
        ("[[versions]]\nprice = '1'\ntaxes = [{ name = 'energy', percent = '1' }]", "names something else"),
        ("[[versions]]\nprice = '1'\ntaxes = [{ name = '', percent = '1' }]", "a name has 1 to 64"),
        (
            "[[versions]]\nprice = '1'\ntaxes = [{ name = 'a', percent = '1', of = ['b'] }, { name = 'b', percent = '1' }]",
            "versions[0].taxes[0].of: \"b\" is not energy",
        ),
        ("[[versions]]\nprice = '1'\ntaxes = [{ name = 'a', percent = '1', of = [] }]", "it names nothing"),
        (
            "[[versions]]\nprice = '1'\nprices_include_tax = true\ntaxes = [{ name = 'a', per_unit = '1' }]",
            "a tax that prices include",
        ),
        ("[[versions]]\nprice = '1'\nstanding = {}", "versions[0].standing: write either"),
        ("[[versions]]\nprice = '1'\nstanding = { per_day = '1', at_most_days = 0 }", "it is from 1 to 3660"),
        ("[[versions]]\nprice = '1'\ndebt = { at_most = '5' }", "versions[0].debt: write percent"),
        ("[[versions]]\nprice = '1'\ndebt = { percent = '100' }", "100 with an amount to leave"),
        ("[[versions]]\nprice = '1'\nfees = [{ name = 'a', to = 'b' }]", "versions[0].fees[0]: write fixed"),
        ("[[versions]]\nprice = '1'\nfees = [{ name = 'a', to = 'b', percent = '100' }]", "must be under 100"),
        ("[[versions]]\nprice = '1'\nrounding = 'bankers'", "unknown variant `bankers`"),
    ];
    for (definition, part) in cases {
        let complaint = complaint(definition);
        assert!(complaint.contains(part), "{definition}\n  says: {complaint}");
    }
}

#[test]
fn json_is_read_like_toml_and_written_back() {
    let config: TariffConfig = serde_json::from_str(r#"{ "price": "0.85", "tax_percent": 19 }"#).unwrap();
    let again: TariffConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    let tariff = again.build(Currency::from_code("EUR").unwrap(), Commodity::Gas).unwrap();
    let quote = tariff.quote(pay(5000), &History::default(), at("2026-07-14T10:00:00Z")).unwrap();
    assert_eq!(quote.units.get(), 49_435);
    assert!(
        serde_json::from_str::<TariffConfig>(r#"{ "price": 0.85 }"#).unwrap_err().to_string().contains("in quotes")
    );
}

#[test]
fn a_purchase_that_cannot_be_says_what_can() {
    let now = at("2026-07-14T10:00:00Z");
    let definition = "[[versions]]\nprice = '0.50'\nminimum = '2'\nmaximum = '100'\nstanding = { per_month = '12' }\n\
                      fees = [{ name = 'fee', to = 'agent', fixed = '1' }]";
    let tariff = tariff(definition, "EUR", Commodity::Electricity);
    let error = |asked| tariff.quote(asked, &History::default(), now).unwrap_err();
    assert_eq!(error(pay(199)).to_string(), "at least 2.00 EUR must be bought");
    assert_eq!(error(pay(-5)).to_string(), "at least 2.00 EUR must be bought");
    assert_eq!(error(pay(10_001)).to_string(), "at most 100.00 EUR can be bought at once");
    assert_eq!(error(want(0)), QuoteError::Nothing);
    // 12.00 and 1.00 are due before anything is bought, and 1 Wh costs a cent as amounts are rounded up.
    let QuoteError::TooLittle { least } = error(pay(1300)) else { panic!("too little") };
    assert_eq!(least.to_string(), "13.01 EUR");
    assert!(tariff.quote(pay(least.money.minor()), &History::default(), now).is_ok());
    // (100 - 13) / 0.50 = 174 kWh.
    assert!(tariff.quote(want(174_000), &History::default(), now).is_ok());
    assert!(matches!(error(want(174_001)), QuoteError::Unaffordable { most } if most.money.minor() == 10_000));
    assert_eq!(error(want(1_000_000_000_000_000)), QuoteError::TooMuch);
    let history = History { debt: Money::from_minor(-1), ..History::default() };
    assert!(matches!(tariff.quote(pay(5000), &history, now), Err(QuoteError::History(_))));
    assert_eq!(tariff.limits(now).unwrap(), (Money::from_minor(200), Money::from_minor(10_000)));
}

#[test]
fn absurd_sums_are_errors() {
    let now = at("2026-07-14T10:00:00Z");
    let none = History::default();
    let cheap = tariff("price = '0.000001'", "EUR", Commodity::Gas);
    assert_eq!(cheap.quote(pay(Money::MAX.minor()), &none, now), Err(QuoteError::TooMuch));
    let taxes: String = (0..32).map(|i| format!("{{ name = 't{i}', percent = '1000', of = ['all'] }},")).collect();
    let dear = tariff(&format!("[[versions]]\nprice = '1000000000'\ntaxes = [{taxes}]"), "EUR", Commodity::Gas);
    assert_eq!(dear.quote(want(1_000_000_000_000), &none, now), Err(QuoteError::TooMuch));
    assert_eq!(dear.quote(pay(Money::MAX.minor()), &none, now), Err(QuoteError::TooMuch));
    assert!(cheap.quote(pay(i64::MAX), &none, now).is_err());
    assert!(cheap.quote(pay(i64::MIN), &none, now).is_err());
}
