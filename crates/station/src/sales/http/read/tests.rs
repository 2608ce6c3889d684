use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn asked() -> SaleRequest {
    SaleRequest {
        sale_id: "o/1".into(),
        meter_id: "CLS0000000017".into(),
        commodity: Commodity::Gas,
        asked: Asked::Money(Money::from_minor(5000)),
        amount: Money::from_minor(5000),
        currency: Currency::from_code("EUR").unwrap(),
        units: Units::new(49_435).unwrap(),
        terms: "t".into(),
    }
}

fn asked_trial(asked: Asked) -> AskedTrial {
    let currency = Currency::from_code("EUR").unwrap();
    AskedTrial { meter: "CLS0000000017".parse().unwrap(), commodity: Commodity::Gas, currency, asked }
}

fn answer(status: u16, body: &Value) -> Answer {
    let media_type = if status < 400 { "application/json" } else { "application/problem+json; charset=utf-8" };
    Answer { status, media_type: media_type.to_owned(), body: serde_json::to_vec(body).unwrap() }
}

fn told() -> Value {
    json!({
        "sale_id": "o.1", "meter": "CLS0000000017", "commodity": "gas", "unit": "dm3", "units": 49435,
        "currency": "EUR", "amount": "50.00", "outcome": "successful", "at_ms": 1
    })
}

fn told_quote() -> Value {
    json!({
        "meter": "CLS0000000017", "commodity": "gas", "unit": "dm3", "units": 1000, "currency": "EUR",
        "amount": "50.00", "net": "40.00", "tax": "9.50", "fee": "0.50",
        "explanation": [{"text": "gas", "amount": "50.20"}, {"text": "bonus", "amount": "-0.20"}], "terms": "x"
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[test]
fn a_sale_is_sold_only_if_everything_is_what_was_asked() {
    let sold = |body| sale(&answer(200, &body), &asked());
    assert_eq!(sold(told()), Ok(SaleOutcome::Sold { units: Units::new(49_435).unwrap() }));
    // Another quantity is sold too, and goes before a person.
    let other = sold(with(told(), "units", json!(1)));
    assert_eq!(other, Ok(SaleOutcome::Sold { units: Units::new(1).unwrap() }));
    let lies = [
        ("sale_id", json!("o.2")),
        ("sale_id", json!("o/1")),
        ("meter", json!("CLS0000000025")),
        ("commodity", json!("water")),
        ("unit", json!("litre")),
        ("currency", json!("USD")),
        ("amount", json!("50.01")),
        ("amount", json!("-50.00")),
        ("amount", json!("5e1")),
        ("units", json!(2_000_000_000_000_000_u64)),
    ];
    for (name, value) in lies {
        assert!(sold(with(told(), name, value.clone())).is_err_and(|why| why.contradicts), "{name} {value}");
        // The same holds for a failure: it may be another sale's.
        let failed = with(with(told(), "outcome", json!("failed")), "failure", json!({"code": "meter_blocked"}));
        if name != "units" {
            assert!(sold(with(failed, name, value.clone())).is_err(), "{name} {value}");
        }
    }
    let silences = [
        ("outcome", json!("unknown")),
        ("outcome", json!("sold")),
        ("outcome", json!("failed")),
        ("amount", json!(50)),
    ];
    for (name, value) in silences {
        assert!(sold(with(told(), name, value.clone())).is_err_and(|why| !why.contradicts), "{name} {value}");
    }
    assert!(sold(json!(null)).is_err());
}

#[test]
fn only_the_closed_list_is_final() {
    let problem =
        |code: &str| json!({"type": "about:blank", "code": code, "sale_id": "o.1", "detail": "sorry\u{1b}[31m"});
    for code in FinalCode::ALL {
        let said = sale(&answer(422, &problem(code.name())), &asked());
        if code == FinalCode::NotReversible {
            assert!(said.is_err());
        } else {
            assert_eq!(said, Ok(SaleOutcome::Failed { reason: "sorry [31m".into() }), "{code:?}");
        }
    }
    for code in ["conflict", "internal", "unavailable", "unknown_sale", "", "NOT_SOLD"] {
        assert!(sale(&answer(422, &problem(code)), &asked()).is_err(), "{code}");
    }
    for status in [200, 301, 500, 503, 599] {
        let mut said = answer(status, &problem("not_sold"));
        said.media_type = PROBLEM_TYPE.to_owned();
        assert!(sale(&said, &asked()).is_err(), "{status}");
    }
    // Not as problem details, or not about this sale.
    let mut plain = answer(422, &problem("not_sold"));
    plain.media_type = "application/json".to_owned();
    assert!(sale(&plain, &asked()).is_err());
    assert!(sale(&answer(422, &with(problem("not_sold"), "sale_id", json!("o.2"))), &asked()).is_err());
    assert!(sale(&answer(422, &json!({"code": "not_sold"})), &asked()).is_err());
    // A conflict is never final, and a person should see it.
    assert!(sale(&answer(409, &problem("conflict")), &asked()).is_err_and(|why| why.contradicts));
}

#[test]
fn not_known_is_said_in_the_contracts_words_only() {
    let problem = json!({"code": "unknown_sale", "sale_id": "o.1"});
    assert_eq!(last_response(&answer(404, &problem), &asked()), Ok(SaleOutcome::NotFound));
    assert!(last_response(&answer(410, &problem), &asked()).is_err());
    assert!(last_response(&answer(404, &json!({"code": "unknown_sale"})), &asked()).is_err());
    let nothing = Answer { status: 404, media_type: String::new(), body: Vec::new() };
    assert!(last_response(&nothing, &asked()).is_err());
    assert!(sale(&answer(404, &problem), &asked()).is_err(), "a sale is never unknown to whoever makes it");
}

#[test]
fn figures_of_a_quote_are_taken_over_or_passed_over_and_never_make_it_fail() {
    let money = asked_trial(Asked::Money(Money::from_minor(5000)));
    let step = |figures: Value| {
        let mut line = json!({ "text": "gas", "amount": "50.00" });
        line.as_object_mut().unwrap().extend(figures.as_object().unwrap().clone());
        let body = with(told_quote(), "explanation", json!([line]));
        let quote = trial(&answer(200, &body), &money).unwrap().unwrap();
        assert_eq!((quote.explanation[0].text.as_str(), quote.explanation.len()), ("gas", 1));
        serde_json::to_value(&quote.explanation[0].step).unwrap()
    };
    for good in [
        json!({ "kind": "block", "units": 1000, "price": "50.00", "block": 2, "from_units": 10, "to_units": 5000, "per": "year" }),
        json!({ "kind": "standing", "count": 31, "per": "day", "from": "2026-02-28", "to": "2026-03-30", "price": "0.1" }),
        json!({ "kind": "tax", "name": "VAT", "percent": "19", "of": ["commodity"], "of_taxes": ["excise"] }),
        json!({ "kind": "fee", "name": "service", "payee": "PayShop" }),
        json!({ "kind": "debt", "left": "12.00" }),
        json!({}),
    ] {
        assert_eq!(step(good.clone()), good);
    }
    assert_eq!(step(json!({ "kind": "fee", "name": " a\u{7}b " })), json!({ "kind": "fee", "name": "a b" }));
    assert_eq!(step(json!({ "kind": "fee", "colour": "blue" })), json!({ "kind": "fee" }));
    for bad in [
        json!({ "kind": "levy_of_2040" }),
        json!({ "units": 1000 }),
        json!({ "kind": "block", "units": -1 }),
        json!({ "kind": "block", "units": u64::MAX }),
        json!({ "kind": "block", "price": 0.85 }),
        json!({ "kind": "block", "price": "<b>" }),
        json!({ "kind": "block", "price": ".5" }),
        json!({ "kind": "block", "price": "1".repeat(25) }),
        json!({ "kind": "standing", "from": "2026-02-30" }),
        json!({ "kind": "standing", "from": "yesterday" }),
        json!({ "kind": "standing", "count": 65_536 }),
        json!({ "kind": "tax", "of_taxes": vec!["VAT"; 9] }),
        json!({ "kind": "tax", "of": ["water"] }),
        json!({ "kind": ["tax"] }),
    ] {
        assert_eq!(step(bad.clone()), json!({}), "{bad}");
    }
}

#[test]
fn quotes_must_add_up_and_be_what_was_asked() {
    let money = asked_trial(Asked::Money(Money::from_minor(5000)));
    let quoted = |body: Value, asked: &AskedTrial| trial(&answer(200, &body), asked);
    let quote = quoted(told_quote(), &money).unwrap().unwrap();
    assert_eq!((quote.net.minor(), quote.tax.minor(), quote.fee.minor(), quote.units.get()), (4000, 950, 50, 1000));
    assert_eq!(quote.explanation[1].amount, "-0.20");
    assert!(
        quoted(with(told_quote(), "fee", json!("0.49")), &money).is_err_and(|why| why.why.contains("do not add up"))
    );
    let wrong = [
        ("meter", json!("CLS0000000025")),
        ("currency", json!("USD")),
        ("unit", json!("m3")),
        ("commodity", json!("water")),
        ("amount", json!("0")),
        ("net", json!("-40.00")),
        ("fee", json!("0.501")),
        ("units", json!(0)),
        ("units", json!(u64::MAX)),
        ("terms", json!("x".repeat(MAX_TERMS_BYTES + 1))),
        ("terms", json!("x\0")),
        ("explanation", json!([])),
        ("explanation", json!([{"text": "gas", "amount": "49.99"}])),
        ("explanation", json!([{"text": "gas", "amount": "--50.00"}])),
        ("explanation", json!(vec![json!({"text": "", "amount": "0"}); MAX_EXPLANATION_LINES + 1])),
    ];
    for (name, value) in wrong {
        assert!(
            quoted(with(told_quote(), name, value.clone()), &money).is_err_and(|why| why.contradicts),
            "{name} {value}"
        );
    }
    let other = asked_trial(Asked::Money(Money::from_minor(4999)));
    assert!(quoted(told_quote(), &other).is_err());
    let units = |units| asked_trial(Asked::Units(Units::new(units).unwrap()));
    assert!(quoted(told_quote(), &units(1000)).is_ok());
    assert!(quoted(told_quote(), &units(1001)).is_err());
}

#[test]
fn a_list_is_of_the_time_and_currency_that_was_asked_for() {
    let eur = Currency::from_code("EUR").unwrap();
    let entry = with(told(), "reversed", json!(true));
    let page = |entry: Value| sales_page(&answer(200, &json!({"sales": [entry]})), eur, (0, 2));
    let (sales, next) = page(entry.clone()).unwrap();
    assert_eq!((sales[0].sale_id.as_str(), sales[0].reversed, next), ("o/1", true, None));
    let wrong = [
        ("at_ms", json!(2)),
        ("at_ms", json!(-1)),
        ("currency", json!("USD")),
        ("sale_id", json!("x")),
        ("unit", json!("Wh")),
    ];
    for (name, value) in wrong {
        assert!(page(with(entry.clone(), name, value.clone())).is_err_and(|why| why.contradicts), "{name} {value}");
    }
}

/// Bodies that are nearly right: each member left out, kept, or replaced.
fn nearly(right: Value) -> impl Strategy<Value = Value> {
    let other = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(|text| json!(text)),
        "-?[0-9]{0,30}\\.?[0-9]{0,5}".prop_map(|text| json!(text)),
        Just(json!([{"text": 1}])),
        Just(json!({"code": "not_sold"})),
    ];
    let names: Vec<String> = right.as_object().unwrap().keys().cloned().collect();
    proptest::collection::vec((0..names.len(), proptest::option::of(other)), 1..4).prop_map(move |changes| {
        let mut body = right.clone();
        for (at, value) in changes {
            let object = body.as_object_mut().unwrap();
            match value {
                Some(value) => object.insert(names[at].clone(), value),
                None => object.remove(&names[at]),
            };
        }
        body
    })
}

fn read_all(answer: &Answer) -> (Read<SaleOutcome>, Read<SaleOutcome>, Read<ReversalOutcome>) {
    let asked = asked();
    let meter = "CLS0000000017".parse().unwrap();
    let _ = lookup(answer, meter);
    let _ = trial(answer, &asked_trial(asked.asked));
    let _ = trial(answer, &asked_trial(Asked::Units(Units::new(5).unwrap())));
    let _ = confirmation(answer, &asked);
    let _ = sales_page(answer, asked.currency, (0, i64::MAX));
    (sale(answer, &asked), last_response(answer, &asked), reversal(answer, &asked))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bytes_without_sense_say_nothing(
        status in any::<u16>(), media_type in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (sold, last, reversed) = read_all(&Answer { status, media_type, body });
        prop_assert!(sold.is_err() && last.is_err() && reversed.is_err());
    }

    #[test]
    fn nearly_right_sales_are_sold_only_as_asked(body in nearly(told()), status in 190_u16..600) {
        let (sold, last, reversed) = read_all(&answer(status, &body));
        prop_assert!(reversed.is_err());
        for said in [sold, last].into_iter().flatten() {
            prop_assert!((200..300).contains(&status));
            for name in ["sale_id", "meter", "currency", "commodity", "unit"] {
                prop_assert_eq!(&body[name], &told()[name]);
            }
            let SaleOutcome::Sold { units } = said else { panic!("{said:?}") };
            prop_assert_eq!(json!(units.get()), body["units"].clone());
        }
    }

    #[test]
    fn quotes_that_are_taken_add_up(body in nearly(told_quote())) {
        if let Ok(Ok(quote)) = trial(&answer(200, &body), &asked_trial(Asked::Money(Money::from_minor(5000)))) {
            prop_assert_eq!(quote.amount.minor(), 5000);
            prop_assert_eq!(quote.net.minor() + quote.tax.minor() + quote.fee.minor(), 5000);
            prop_assert!(quote.terms.len() <= MAX_TERMS_BYTES && quote.units > Units::ZERO);
        }
    }
}
