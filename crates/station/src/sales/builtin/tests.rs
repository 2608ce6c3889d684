use super::*;
use crate::config::Config;
use crate::store::{SqliteTx, Tx};
use crate::tariff::TariffConfig;
use coinless_protocol::{FINE_PER_UNIT, Units};

fn tariffs() -> Tariffs {
    Config::default().utilities[0].tariffs().unwrap()
}

fn meter() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

const JULY_1: i64 = 1_782_864_000_000;

fn ask(tx: &mut SqliteTx, tariffs: &Tariffs, now_ms: i64, asked: Asked) -> Result<Quote, QuoteError> {
    trial(&mut Work::new(tx, now_ms), tariffs, meter(), Commodity::Electricity, asked)
}

fn request(id: &str, asked: Asked, quote: &Quote) -> SaleRequest {
    SaleRequest {
        sale_id: id.to_owned(),
        meter_id: meter().as_str().to_owned(),
        commodity: Commodity::Electricity,
        asked,
        amount: quote.amount,
        currency: Currency::from_code("EUR").unwrap(),
        units: quote.units,
        terms: quote.terms.clone(),
    }
}

#[test]
fn fifty_euros_of_gas() {
    let mut tx = SqliteTx::in_memory().unwrap();
    let mut work = Work::new(&mut tx, JULY_1);
    let quote = trial(&mut work, &tariffs(), meter(), Commodity::Gas, Asked::Money(Money::from_minor(5000))).unwrap();
    // 50.00 / 1.19 = 42.0168; 42.02 / 0.85 = 49.435 m³
    assert_eq!((quote.net.minor(), quote.tax.minor(), quote.units.get()), (4202, 798, 49_435));
    assert!(quote.explanation[0].text.contains("49.435 m³ at 0.85 EUR a m³"), "{:?}", quote.explanation);
}

#[test]
fn limits() {
    let mut tx = SqliteTx::in_memory().unwrap();
    let mut say =
        |minor| ask(&mut tx, &tariffs(), JULY_1, Asked::Money(Money::from_minor(minor))).unwrap_err().to_string();
    assert!(say(99).contains("at least 1.00 EUR"));
    assert!(say(50_001).contains("at most 500.00 EUR"));
    let nothing = Tariffs { tariffs: BTreeMap::new(), ..tariffs() };
    let quote = ask(&mut tx, &nothing, JULY_1, Asked::Money(Money::from_minor(500)));
    assert_eq!(quote, Err(QuoteError::NotSold(Commodity::Electricity)));
}

#[test]
fn a_sale_that_was_taken_back_first_is_never_made() {
    let mut tx = SqliteTx::in_memory().unwrap();
    let asked = Asked::Money(Money::from_minor(500));
    let quote = ask(&mut tx, &tariffs(), JULY_1, asked).unwrap();
    let mut work = Work::new(&mut tx, JULY_1);
    let sale = request("o/1", asked, &quote);
    assert_eq!(reverse(&mut work, &tariffs(), &sale).unwrap(), ReversalOutcome::Reversed);
    assert!(matches!(vend(&mut work, &tariffs(), &sale).unwrap(), SaleOutcome::Failed { .. }));
    let sale = request("o/2", asked, &quote);
    for _ in 0..2 {
        assert_eq!(vend(&mut work, &tariffs(), &sale).unwrap(), SaleOutcome::Sold { units: sale.units });
    }
}

/// 10 kWh for 0.10 each a month, then 0.20; 3 kWh free once a month; debt is recovered by half.
fn blocks() -> Tariffs {
    let text = "[[versions]]
        blocks = [{ up_to = \"10\", price = \"0.10\" }, { price = \"0.20\" }]
        free = { units = \"3\" }
        debt = { percent = \"50\" }";
    let config: TariffConfig = toml::from_str(text).unwrap();
    let currency = Currency::from_code("EUR").unwrap();
    let tariff = config.build(currency, Commodity::Electricity).unwrap();
    Tariffs { tariffs: [(Commodity::Electricity, tariff)].into(), ..tariffs() }
}

#[test]
fn blocks_and_allowances_go_on_over_purchases_and_come_back_with_a_reversal() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks());
    let euro = Asked::Money(Money::from_minor(100));
    let first = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    assert_eq!(first.units.get(), 13_000, "10 kWh and 3 free");
    let sale = request("o/1", euro, &first);
    vend(&mut Work::new(&mut tx, JULY_1), &tariffs, &sale).unwrap();
    let second = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    assert_eq!(second.units.get(), 5_000, "the second block, and nothing free");
    let august = ask(&mut tx, &tariffs, JULY_1 + 40 * 86_400_000, euro).unwrap();
    assert_eq!(august.units.get(), 13_000);
    reverse(&mut Work::new(&mut tx, JULY_1), &tariffs, &sale).unwrap();
    reverse(&mut Work::new(&mut tx, JULY_1), &tariffs, &sale).unwrap();
    assert_eq!(ask(&mut tx, &tariffs, JULY_1, euro).unwrap().units, first.units);
}

#[test]
fn two_quotes_do_not_give_one_allowance_twice() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks());
    let euro = Asked::Money(Money::from_minor(100));
    let quote = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    let mut work = Work::new(&mut tx, JULY_1);
    assert!(matches!(vend(&mut work, &tariffs, &request("o/1", euro, &quote)).unwrap(), SaleOutcome::Sold { .. }));
    for _ in 0..2 {
        let second = vend(&mut work, &tariffs, &request("o/2", euro, &quote)).unwrap();
        assert!(matches!(second, SaleOutcome::Failed { .. }), "{second:?}");
    }
}

#[test]
fn a_debt_is_recovered_and_comes_back_with_a_reversal() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks());
    let euro = Asked::Money(Money::from_minor(100));
    let owed = |tx: &mut SqliteTx| {
        history::find(&mut Work::new(tx, 0), &tariffs.utility, meter().as_str()).unwrap().history.debt
    };
    set_debt(&mut Work::new(&mut tx, 0), &tariffs.utility, meter(), Money::from_minor(80)).unwrap();
    let quote = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    let sale = request("o/1", euro, &quote);
    vend(&mut Work::new(&mut tx, JULY_1), &tariffs, &sale).unwrap();
    assert_eq!(owed(&mut tx).minor(), 30);
    let next = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    vend(&mut Work::new(&mut tx, JULY_1), &tariffs, &request("o/2", euro, &next)).unwrap();
    assert_eq!(owed(&mut tx).minor(), 0);
    // Not the newest sale: what it recovered is owed again, what the other recovered is not.
    reverse(&mut Work::new(&mut tx, JULY_1), &tariffs, &sale).unwrap();
    assert_eq!(owed(&mut tx).minor(), 50);
}

#[test]
fn a_free_allowance_comes_back_with_a_reversal_of_an_earlier_sale() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks());
    let euro = Asked::Money(Money::from_minor(100));
    let buy = |tx: &mut SqliteTx, id, now_ms| {
        let sale = request(id, euro, &ask(tx, &tariffs, now_ms, euro).unwrap());
        assert!(matches!(vend(&mut Work::new(tx, now_ms), &tariffs, &sale).unwrap(), SaleOutcome::Sold { .. }));
        sale
    };
    let (first, second) = (buy(&mut tx, "o/1", JULY_1), buy(&mut tx, "o/2", JULY_1));
    assert_eq!((first.units.get(), second.units.get()), (13_000, 5_000), "the first has 3 kWh free");
    reverse(&mut Work::new(&mut tx, JULY_1), &tariffs, &first).unwrap();
    let again = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
    assert_eq!(
        again.units.get(),
        3_000 + 5_000 + 2_500,
        "free; what is left of block 1 beside the second sale; block 2"
    );

    let august = JULY_1 + 40 * 86_400_000;
    let third = buy(&mut tx, "o/3", JULY_1);
    assert_eq!(buy(&mut tx, "o/4", august).units.get(), 13_000);
    reverse(&mut Work::new(&mut tx, august), &tariffs, &third).unwrap();
    assert_eq!(ask(&mut tx, &tariffs, august, euro).unwrap().units.get(), 5_000, "this month's was given");
}

/// 10 kWh for 0.10 each a month, then 0.20, by what the meter says was consumed.
fn blocks_over_consumption() -> Tariffs {
    let text = "[[versions]]
        blocks = [{ up_to = \"10\", price = \"0.10\" }, { price = \"0.20\" }]
        blocks_over = \"consumed\"";
    let config: TariffConfig = toml::from_str(text).unwrap();
    let tariff = config.build(Currency::from_code("EUR").unwrap(), Commodity::Electricity).unwrap();
    Tariffs { tariffs: [(Commodity::Electricity, tariff)].into(), ..tariffs() }
}

/// A receipt that says that so many Wh were consumed since the meter was made.
fn receipt(tx: &mut SqliteTx, number: i64, consumed_wh: i64, received_ms: i64) {
    let bytes: &[u8] = b"not looked at";
    let fine = (consumed_wh * FINE_PER_UNIT).into();
    tx.execute(
        "INSERT INTO receipt (meter_id, number, credit_number, total, balance, consumed, decision, bytes, received_ms)
         VALUES ($1, $2, 0, 0, 0, $3, 'applied', $4, $5)",
        &[meter().as_str().into(), number.into(), fine, bytes.into(), received_ms.into()],
    )
    .unwrap();
}

#[test]
fn who_sends_no_receipts_does_not_begin_again_at_the_first_block() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks_over_consumption());
    let euro = Asked::Money(Money::from_minor(100));
    receipt(&mut tx, 1, 100_000, JULY_1 - 1);
    for (id, units) in [("o/1", 10_000), ("o/2", 5_000), ("o/3", 5_000)] {
        let quote = ask(&mut tx, &tariffs, JULY_1, euro).unwrap();
        assert_eq!(quote.units.get(), units, "{:?}", quote.explanation);
        assert!(quote.explanation[0].text.ends_with("a month, bought)"), "{:?}", quote.explanation);
        vend(&mut Work::new(&mut tx, JULY_1), &tariffs, &request(id, euro, &quote)).unwrap();
    }
    // One of before that came late says nothing of this month.
    receipt(&mut tx, 0, 90_000, JULY_1 + 1);
    assert_eq!(ask(&mut tx, &tariffs, JULY_1 + 2, euro).unwrap().units.get(), 5_000);
    receipt(&mut tx, 2, 104_000, JULY_1 + 3);
    let quote = ask(&mut tx, &tariffs, JULY_1 + 4, euro).unwrap();
    assert_eq!(quote.units.get(), 6_000 + 2_000, "the meter says that 4 of 10 kWh were consumed");
    assert!(quote.explanation[0].text.ends_with("a month, read back from the meter)"), "{:?}", quote.explanation);
}

#[test]
fn another_purchase_does_not_change_a_price_by_consumption() {
    let (mut tx, tariffs) = (SqliteTx::in_memory().unwrap(), blocks_over_consumption());
    let asked = Asked::Money(Money::from_minor(60));
    receipt(&mut tx, 1, 100_000, JULY_1 - 1);
    receipt(&mut tx, 2, 104_000, JULY_1);
    let quote = ask(&mut tx, &tariffs, JULY_1, asked).unwrap();
    for id in ["o/1", "o/2"] {
        let said = vend(&mut Work::new(&mut tx, JULY_1), &tariffs, &request(id, asked, &quote)).unwrap();
        assert_eq!(said, SaleOutcome::Sold { units: Units::new(6_000).unwrap() }, "{id}");
    }
}
