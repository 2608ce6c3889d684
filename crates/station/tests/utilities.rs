//! Two utilities in one station, each with its own currency, tax, brand and settlement.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "shared with other tests")]
mod app;

use app::place::{self, METER};
use app::{App, Script};
use coinless_station::config::Config;
use coinless_station::ledger::{self, Manual, Owed};
use coinless_station::money::{Amount, Currency, Money};
use coinless_station::{meters, receipts};
use serde_json::{Value, json};

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const SECOND: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
/// The meter of the second utility.
const FARM: &str = "CLS0000000021";

/// Gas for euros with 19 % tax, and for shillings with 16 %.
const CONFIG: &str = r#"
    [[utilities]]
    name = "city-gas"
    brand = "City Gas"
    currency = "EUR"
    tariffs.gas = { price = "1.00", tax_percent = "19" }

    [[utilities]]
    name = "farm-gas"
    brand = "Farm Gas"
    currency = "KES"
    tariffs.gas = { price = "100", tax_percent = "16" }
"#;

fn label(meter: &str) -> String {
    meter.parse::<coinless_protocol::MeterId>().unwrap().label().to_string()
}

fn order(lines: &[(&str, &str)]) -> Value {
    let line = |(meter, amount): &(&str, &str)| json!({ "meter": label(meter), "amount": amount });
    json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// Both utilities, with a meter of each.
async fn start() -> App {
    let app = App::of(&toml::from_str::<Config>(CONFIG).unwrap(), Script::capture()).await;
    let record = place::record(FARM, None);
    app.station.run("enrol", move |work| meters::enrol(work, &record, &"farm-gas".parse().unwrap())).await.unwrap();
    app
}

/// Buys, and lets the meter say that it has loaded it.
async fn buy(app: &App, id: &str, meter: &'static str, amount: &str) {
    app.put(id, &order(&[(meter, amount)])).await.expect(201);
    app.accept(id, 1).await.expect(202);
    let issued = app.wait_for(id, "issued").await;
    let receipt = place::loaded(meter, issued["lines"][0]["quote"]["units"].as_u64().unwrap());
    let context = app.station.context().clone();
    app.station.run("deliver", move |work| receipts::accept(work, &receipt, &context)).await.unwrap();
    app.wait_for(id, "delivered").await;
}

#[tokio::test]
async fn one_payment_is_in_one_currency() {
    let app = start().await;
    let both = order(&[(METER, "10.00"), (FARM, "1000.00")]);
    for problem in [app.put(ORDER, &both).await.expect_problem(422), app.post("/v1/quotes", &both).await.expect(422)] {
        assert_eq!(problem["code"], "wrong_currency");
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(detail, "one payment is in one currency: Farm Gas sells in KES, others in EUR");
    }
    app.get(&format!("/v1/orders/{ORDER}")).await.expect_problem(404);
    // Asking for the other currency does not help either.
    let mut in_shillings = order(&[(METER, "10.00")]);
    in_shillings["currency"] = "KES".into();
    assert_eq!(app.put(ORDER, &in_shillings).await.expect_problem(422)["code"], "wrong_currency");
}

#[tokio::test]
async fn each_utility_has_its_own_currency_tax_and_brand() {
    let app = start().await;
    for (meter, amount, brand, currency, tax) in
        [(METER, "11.90", "City Gas", "EUR", "1.90"), (FARM, "1160.00", "Farm Gas", "KES", "160.00")]
    {
        let known = app.get(&format!("/v1/meters/{}", label(meter))).await.expect(200);
        assert_eq!((&known["utility"], &known["currency"]), (&brand.into(), &currency.into()));
        let quoted = app.post("/v1/quotes", &order(&[(meter, amount)])).await.expect(200);
        assert_eq!(quoted["currency"], currency);
        let quote = &quoted["lines"][0]["quote"];
        assert_eq!((&quote["units"], &quote["tax"]), (&10_000.into(), &tax.into()), "{quote}");
    }
}

#[tokio::test]
async fn what_one_is_paid_leaves_the_other_as_it_was() {
    let app = start().await;
    buy(&app, ORDER, METER, "11.90").await;
    buy(&app, SECOND, FARM, "1160.00").await;
    let balances = async || {
        let mut all = Vec::new();
        for account in ["city-gas:payable", "city-gas:tax", "farm-gas:payable", "farm-gas:tax"] {
            all.push(app.balance(&format!("utility:{account}")).await);
        }
        all
    };
    assert_eq!(balances().await, ["-10.00", "-1.90", "-1000.00", "-160.00"]);
    let settle = |utility: &'static str, code: &str, minor| {
        let amount = Amount(Money::from_minor(minor), Currency::from_code(code).unwrap());
        let manual = Manual { id: "1".to_owned(), operator: "grace".to_owned(), amount };
        app.station.run("settle", move |work| ledger::settle(work, &utility.parse().unwrap(), Owed::Payable, &manual))
    };
    assert!(settle("city-gas", "EUR", 1_000).await.unwrap());
    assert_eq!(balances().await, ["0.00", "-1.90", "-1000.00", "-160.00"]);
    // Nothing is owed to either in the other's currency.
    assert!(settle("city-gas", "KES", 1).await.is_err());
    assert!(settle("farm-gas", "EUR", 1).await.is_err());
    assert!(settle("farm-gas", "KES", 60_000).await.unwrap());
    assert_eq!(balances().await, ["0.00", "-1.90", "-400.00", "-160.00"]);
    assert_eq!(app.ledger().await["balanced"], true);
    assert_eq!(app.exceptions().await, json!([]));
}
