//! `docs/sales-system.openapi.yaml` is what both sides do: its examples are ours, and the sandbox answers by its schemas.

use crate::sandbox::{Behaviour, Options};
use crate::support::{Bench, METER, TOKEN};
use coinless_station::sales::http::wire::{
    ConfirmationAnswer, FinalCode, MAX_TIME_MS, MeterAnswer, ProblemBody, QuoteBody, ReversalAnswer, SaleAnswer,
    SaleBody, SalesPage, TrialBody, decode_sale_id, encode_sale_id,
};
use coinless_station::sales::http::{MAX_CURSOR_CHARS, MAX_EXPLANATION_LINES, MAX_TERMS_BYTES, MAX_WORDS_CHARS};
use jsonschema::Validator;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Contract(Value);

impl Contract {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sales-system.openapi.yaml");
        Self(serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn schema(&self, schema: &Value) -> Validator {
        let mut whole = schema.clone();
        whole["components"] = self.0["components"].clone();
        jsonschema::draft202012::new(&whole).unwrap()
    }

    fn component(&self, name: &str) -> Validator {
        self.schema(&json!({ "$ref": format!("#/components/schemas/{name}") }))
    }

    /// Follows a reference within the document, if it is one.
    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// Every request and response body: its operation or status, media type and description.
    fn bodies(&self) -> Vec<(String, String, &Value)> {
        let mut found = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let request = [("request".to_owned(), &operation["requestBody"])];
                let responses = operation["responses"].as_object().unwrap();
                let responses = responses.iter().map(|(status, said)| (status.clone(), self.follow(said)));
                for (name, body) in request.into_iter().chain(responses) {
                    for (media_type, content) in body["content"].as_object().into_iter().flatten() {
                        found.push((format!("{method} {path} {name}"), media_type.clone(), content));
                    }
                }
            }
        }
        found
    }
}

/// Reads an example as our type and writes it again: nothing of it may be lost.
fn is_ours<T: Serialize + DeserializeOwned>(example: &Value) {
    let ours: T = serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{error}: {example}"));
    let written = serde_json::to_value(&ours).unwrap();
    for (name, value) in example.as_object().unwrap() {
        assert_eq!(&written[name], value, "{name} is lost: {example}");
    }
}

#[test]
fn every_example_is_ours_and_fits_its_schema() {
    let contract = Contract::read();
    let mut count = 0;
    let bodies = contract.bodies();
    assert!(bodies.len() > 30);
    for (place, media_type, content) in bodies {
        let validator = contract.schema(&content["schema"]);
        let schema = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let problem = schema.ends_with("Problem");
        assert_eq!(media_type, if problem { "application/problem+json" } else { "application/json" }, "{place}");
        let examples = content["examples"].as_object().unwrap_or_else(|| panic!("{place} has no example"));
        for example in examples.values() {
            let value = &contract.follow(example)["value"];
            let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{place}: {errors:?}");
            match schema.as_str() {
                "Meter" => is_ours::<MeterAnswer>(value),
                "Trial" => is_ours::<TrialBody>(value),
                "Quote" => is_ours::<QuoteBody>(value),
                "Sale" => is_ours::<SaleBody>(value),
                "SaleState" => is_ours::<SaleAnswer>(value),
                "Confirmation" => is_ours::<ConfirmationAnswer>(value),
                "Reversal" => is_ours::<ReversalAnswer>(value),
                "SalesPage" => is_ours::<SalesPage>(value),
                "Problem" | "FinalProblem" => is_ours::<ProblemBody>(value),
                other => panic!("{other} is checked nowhere"),
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn lists_and_limits_are_the_same_on_both_sides() {
    let contract = Contract::read();
    let schemas = &contract.0["components"]["schemas"];
    let codes: BTreeSet<_> = FinalCode::ALL.into_iter().map(FinalCode::name).collect();
    let named = schemas["FinalCode"]["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap());
    assert_eq!(codes, named.collect());
    assert_eq!(schemas["Time"]["maximum"], MAX_TIME_MS);
    assert_eq!(schemas["Terms"]["maxLength"], MAX_TERMS_BYTES);
    assert_eq!(schemas["Quote"]["properties"]["explanation"]["maxItems"], MAX_EXPLANATION_LINES);
    assert_eq!(schemas["Line"]["properties"]["text"]["maxLength"], MAX_WORDS_CHARS);
    assert_eq!(schemas["SalesPage"]["properties"]["next_cursor"]["maxLength"], MAX_CURSOR_CHARS);
    let is_id = contract.component("SaleId");
    for id in ["order/1", "o-1/999999999", "01890a5d-ac96-774b-bcce-b302099a8057/1"] {
        assert!(is_id.is_valid(&json!(encode_sale_id(id).unwrap())), "{id}");
    }
    for bad in ["order/1", "order", "order.0", "order.01", ".1", "a.b.1", "order.1234567890"] {
        assert!(!is_id.is_valid(&json!(bad)) && decode_sale_id(bad).is_none(), "{bad}");
    }
}

#[test]
fn schemas_refuse_what_the_contract_does_not_have() {
    let contract = Contract::read();
    let state = contract.component("SaleState");
    let good = contract.0["components"]["examples"]["Successful"]["value"].clone();
    assert!(state.is_valid(&good));
    let wrong = [
        ("sale_id", json!("order/1")),
        ("units", json!(1.5)),
        ("units", json!(-1)),
        ("amount", json!(50)),
        ("amount", json!("0.00")),
        ("amount", json!("5e1")),
        ("currency", json!("eur")),
        ("unit", json!("m3")),
        ("unit", json!("Wh")),
        ("outcome", json!("failed")),
        ("outcome", json!("sold")),
        ("failure", json!({"code": "not_sold"})),
    ];
    for (name, value) in wrong {
        let mut body = good.clone();
        body[name] = value.clone();
        assert!(!state.is_valid(&body), "{name} {value}");
    }
}

/// Calls the sandbox and holds its answer to the contract.
async fn call(contract: &Contract, request: RequestBuilder, status: u16, schema: &str) -> Value {
    let answer = request.send().await.unwrap();
    let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let (got, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
    assert_eq!(got, status, "{body}");
    let problem = schema.ends_with("Problem");
    assert_eq!(media_type, if problem { "application/problem+json" } else { "application/json" }, "{body}");
    let errors: Vec<_> = contract.component(schema).iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{schema}: {errors:?}: {body}");
    if problem {
        assert_eq!(body["status"], status);
    }
    body
}

#[tokio::test]
async fn the_sandbox_answers_by_the_schemas() {
    let mut options = Options { page: 1, ..Options::new(TOKEN) };
    options.blocked.insert("CLS0000000025".to_owned());
    options.unknown.insert("CLS0000000033".to_owned());
    let bench = Bench::with(options).await;
    let contract = Contract::read();
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let request = |method: Method, path: &str| {
        let request = http.request(method, format!("{}/v1{path}", bench.url)).bearer_auth(TOKEN);
        request.header("content-type", "application/json")
    };
    let put = |path: &str, body: &Value| request(Method::PUT, path).body(body.to_string());
    let get = |path: &str| request(Method::GET, path);
    let trial = |body: &Value| request(Method::POST, "/trials").body(body.to_string());
    let check = async |request: RequestBuilder, status, schema| call(&contract, request, status, schema).await;

    check(get(&format!("/meters/{METER}")), 200, "Meter").await;
    check(get("/meters/CLS0000000025"), 422, "FinalProblem").await;
    check(get("/meters/CLS0000000033"), 404, "FinalProblem").await;
    check(get("/meters/x"), 400, "Problem").await;
    check(http.get(format!("{}/v1/meters/{METER}", bench.url)), 401, "Problem").await;
    check(get("/nothing"), 404, "Problem").await;
    check(request(Method::DELETE, "/sales"), 405, "Problem").await;

    let asked = json!({
        "meter": METER, "commodity": "gas", "unit": "dm3", "currency": "EUR", "asked": { "amount": "50.00" }
    });
    let quote = check(trial(&asked), 200, "Quote").await;
    check(trial(&with(&asked, "asked", json!({ "units": 12_000 }))), 200, "Quote").await;
    check(trial(&with(&asked, "asked", json!({ "amount": "0.50" }))), 422, "FinalProblem").await;
    check(trial(&with(&asked, "meter", json!("CLS0000000025"))), 422, "FinalProblem").await;
    for (name, value) in [("unit", json!("Wh")), ("currency", json!("USD")), ("asked", json!({})), ("meter", json!(1))]
    {
        check(trial(&with(&asked, name, value)), 400, "Problem").await;
    }
    check(trial(&json!("x".repeat(20_000))), 413, "Problem").await;

    let mut sale = asked.clone();
    for name in ["units", "amount", "terms"] {
        sale[name] = quote[name].clone();
    }
    assert!(contract.component("Sale").is_valid(&sale));
    check(get("/sales/order.1"), 404, "Problem").await;
    check(put("/sales/order.1/confirmation", &sale), 404, "Problem").await;
    check(put("/sales/order.1", &sale), 200, "SaleState").await;
    check(get("/sales/order.1"), 200, "SaleState").await;
    check(put("/sales/order.1", &with(&sale, "amount", json!("60.00"))), 409, "Problem").await;
    check(put("/sales/order.1/confirmation", &sale), 200, "Confirmation").await;
    check(put("/sales/order.1/reversal", &sale), 422, "FinalProblem").await;
    check(put("/sales/order.2", &with(&sale, "terms", json!("old"))), 422, "FinalProblem").await;
    check(get("/sales/order.2"), 200, "SaleState").await;
    check(put("/sales/order.3/reversal", &sale), 200, "Reversal").await;
    check(put("/sales/order.3", &sale), 422, "FinalProblem").await;
    check(put("/sales/order.3/confirmation", &sale), 422, "FinalProblem").await;
    check(put("/sales/order.4", &sale), 200, "SaleState").await;
    check(put("/sales/none", &sale), 400, "Problem").await;
    check(get("/sales/none"), 400, "Problem").await;

    let page = check(get("/sales?from_ms=0&to_ms=9000000000000"), 200, "SalesPage").await;
    let next = format!("/sales?from_ms=0&to_ms=9000000000000&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(check(get(&next), 200, "SalesPage").await["next_cursor"], Value::Null);
    for bad in ["/sales", "/sales?from_ms=x&to_ms=1", "/sales?from_ms=2&to_ms=1", "/sales?from_ms=0&to_ms=1&cursor=x"] {
        check(get(bad), 400, "Problem").await;
    }
    bench.behave(Behaviour::Down, 0, Some(1));
    check(get("/sales/order.1"), 503, "Problem").await;
    bench.behave(Behaviour::Unclear, 0, Some(1));
    check(put("/sales/order.1", &sale), 500, "Problem").await;
    bench.behave(Behaviour::Contradictory, 0, Some(1));
    check(put("/sales/order.1", &sale), 422, "FinalProblem").await;
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}
