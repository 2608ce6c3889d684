//! A landlord without any merchant account: tenants pay at the counter, and a cashier marks it.

use crate::setting::{GAS_LABEL, Setting, complaint, results, wait_for_text};
use coinless_sim::desk::DeskError;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use tempfile::TempDir;

/// The only provider is people. The folder has the configuration.
fn landlord() -> (Setting, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("station.toml");
    std::fs::write(&config, "[providers.manual]\npay_where = \"caretaker, ground floor, 8 to 10 h\"\n").unwrap();
    (Setting::with_station(&["--config", config.to_str().unwrap()]), folder)
}

fn pay(story: &Setting, words: &[&str]) -> Result<Vec<Value>, DeskError> {
    let mut command = story.desk.command(&["station", "pay"]);
    command.args(words).arg("--data").arg(story.desk.path("station"));
    story.desk.run_command(command)
}

/// Buys without waiting for the payment; gives the order's id and what the tenant is told.
pub fn order(story: &Setting, amount: &str) -> (String, String) {
    let line = format!("{GAS_LABEL}={amount}");
    let words = ["--station", &story.station.address(), "--wait", "0", &line];
    let bought = results(story.desk.phone("phone", "buy", &words));
    let id = bought[0]["order"].as_str().unwrap().to_owned();
    wait_for_text(&story.station.address(), &id, "\"instructions\":\"Pay ");
    let told = story.order(&id)["payment"]["instructions"].as_str().unwrap().to_owned();
    (id, told)
}

#[test]
fn a_landlord_sells_for_cash() {
    let (mut story, _config) = landlord();
    let (id, told) = order(&story, "50.00");
    let code = coinless_station::payments::account(&id);
    assert_eq!(told, format!("Pay 50.00 EUR and name the code {code}: caretaker, ground floor, 8 to 10 h"));
    // What the cashier types wrong is said, and nothing is booked.
    let mark = |order: &str, amount: &str, id: &str| {
        pay(&story, &["mark", order, amount, "--cashier", "cashier-1", "--id", id])
    };
    assert!(complaint(mark(&code, "49.00", "slip-1")).contains("asks for 50.00 EUR"));
    assert!(complaint(mark("ABC", "50.00", "slip-1")).contains("no order has the code ABC"));
    assert!(complaint(mark(&code, "a lot", "slip-1")).contains("amount a lot"));
    assert_eq!(story.balance("provider:manual:clearing"), "0.00");
    // As the tenant says it.
    let said = format!("{} {}", code[..5].to_lowercase(), &code[5..]);
    let marked = mark(&said, "50.00", "slip-1").unwrap().remove(0);
    let expected = json!({ "order": id, "code": code, "id": "slip-1", "kind": "cash", "amount": "50.00",
        "currency": "EUR", "cashier": "cashier-1" });
    assert_eq!(marked, expected);
    assert_eq!(mark(&code, "50.00", "slip-1").unwrap(), [expected], "the same slip again is the same money");
    story.wait_for(&id, "issued");
    assert_eq!(story.balance("provider:manual:clearing"), "50.00");

    story.sync("phone");
    assert_eq!(story.deliver("phone")[0]["result"], "applied");
    story.sync("phone");
    assert_eq!(story.line_state(&id), "delivered");
    assert_eq!(story.display()["total_units"], story.units(&id));
    assert_eq!(story.balance("sold_undelivered"), "0.00");
    let day = pay(&story, &["day", "--cashier", "cashier-1"]).unwrap().remove(0);
    assert_eq!((&day["entries"][0]["id"], &day["entries"][0]["order"]), (&json!("slip-1"), &json!(id)), "{day}");
    assert_eq!(
        day["sums"],
        json!([{ "kind": "cash", "currency": "EUR", "taken_in": "50.00", "handed_out": "0.00", "left": "50.00" }])
    );
    assert_eq!(pay(&story, &["day", "--cashier", "cashier-2"]).unwrap()[0]["sums"], json!([]));
}

#[test]
fn what_goes_back_is_handed_out_at_the_counter() {
    let (story, _config) = landlord();
    let (id, _) = order(&story, "50.00");
    pay(&story, &["mark", &id, "50", "--cashier", "cashier-1", "--id", "bank-7", "--transfer", "--note", "flat 3"])
        .unwrap();
    story.wait_for(&id, "issued");
    assert_eq!(pay(&story, &["refunds"]).unwrap(), Vec::<Value>::new());
    // The tenant takes it back before it reached the meter.
    story.sync("phone");
    story.refund("phone", &id);
    story.deliver("phone");
    story.sync("phone");
    story.wait_for(&id, "sale_reversed");
    let waiting = pay(&story, &["refunds"]).unwrap().remove(0);
    let refund = format!("{id}/1");
    assert_eq!((&waiting["refund"], &waiting["amount"]), (&json!(refund), &json!("50.00")), "{waiting}");
    let named = format!("{}/1", waiting["code"].as_str().unwrap());
    let hand_out = |cashier: &str| pay(&story, &["hand-out", &named, "--cashier", cashier]);
    assert!(complaint(pay(&story, &["hand-out", "ABC/1", "--cashier", "x"])).contains("no order has the code ABC"));
    assert_eq!(hand_out("cashier-2").unwrap()[0]["amount"], "50.00");
    story.wait_for(&id, "refunded");
    assert_eq!(hand_out("cashier-2").unwrap()[0]["amount"], "50.00", "the same again hands nothing out");
    assert!(complaint(hand_out("cashier-1")).contains("cashier-2 handed this refund out already"));
    assert_eq!(story.balance("provider:manual:clearing"), "0.00");
    assert_eq!(story.balance("refunds_due"), "0.00");
    let day = pay(&story, &["day", "--cashier", "cashier-2"]).unwrap().remove(0);
    assert_eq!((&day["sums"][0]["left"], &day["refunds"][0]["refund"]), (&json!("-50.00"), &json!(refund)));
}

#[test]
fn a_wrong_mark_is_corrected_by_name() {
    let (story, _config) = landlord();
    let (id, _) = order(&story, "20.00");
    pay(&story, &["mark", &id, "20", "--cashier", "cashier-1", "--id", "slip-1"]).unwrap();
    story.wait_for(&id, "issued");
    let correct = |id: &str, order: &str| {
        pay(&story, &["correct", order, "slip-1", "--cashier", "cashier-1", "--id", id, "--note", "wrong tenant"])
    };
    assert!(complaint(correct("slip-2", "ABC")).contains("no order has the code ABC"));
    assert_eq!(correct("slip-2", &id).unwrap()[0]["corrected"], "slip-1");
    assert!(complaint(correct("slip-3", &id)).contains("corrected by cashier-1 already"));
    story.wait_for(&id, "taken_back");
    let shown = story.desk.show("exceptions", None).unwrap();
    assert_eq!(shown[0]["cause"], "taken_back");
    assert_eq!((story.balance("provider:manual:clearing"), story.balance("suspense")), ("0.00".into(), "20.00".into()));
    let day = pay(&story, &["day", "--cashier", "cashier-1"]).unwrap().remove(0);
    assert_eq!((&day["sums"][0]["left"], &day["entries"][1]["corrects"]), (&json!("0.00"), &json!("slip-1")));
}

#[test]
fn safaricom_is_told_where_payments_are_reported() {
    let (desk, folder) = crate::setting::desk();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "text").unwrap();
    let register = |url: &str, public: &str, more: &[&str]| {
        let text = format!(
            "{public}\n[providers.daraja]\nurl = \"{url}\"\nshort_code = \"174379\"\npull_transactions = true\n\
             consumer_key_file = \"{0}\"\nconsumer_secret_file = \"{0}\"\n",
            secret.display()
        );
        std::fs::write(desk.path("station").join("station.toml"), text).unwrap();
        let mut command = desk.command(&["station", "daraja-register"]);
        command.arg("--data").arg(desk.path("station")).args(more);
        desk.run_command(command)
    };
    let nobody = "http://127.0.0.1:1";
    assert!(complaint(register(nobody, "", &[])).contains("set public_url"));
    let public = "public_url = \"https://station.example\"";
    let dry = register(nobody, public, &["--dry-run"]).unwrap().remove(0);
    let address = dry["address"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://station.example/v1/callbacks/daraja-paybill/-/"), "{address}");
    assert!(complaint(register(nobody, "public_url = \"http://station.example\"", &[])).contains("https://"));
    let forbidden = register(nobody, "public_url = \"https://mpesa.example\"", &[]);
    assert!(complaint(forbidden).contains("no address with the word \"mpesa\""));
    assert!(complaint(register(nobody, public, &[])).contains("confirmations were not registered"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        [
            json!({ "access_token": "t", "expires_in": "3599" }),
            json!({ "OriginatorCoversationID": "1", "ResponseCode": "0" }),
            json!({ "ResponseRefID": "1", "ResponseStatus": "1000" }),
        ]
        .map(|answer| serve_one(&listener, &answer))
    });
    let registered = register(&url, public, &["--telephone", "0722000000"]).unwrap().remove(0);
    assert_eq!((&registered["registered"], &registered["pull_transactions"]), (&json!(true), &json!(true)));
    let [_, urls, pull] = serving.join().unwrap();
    assert!(urls.starts_with("POST /mpesa/c2b/v2/registerurl") && urls.contains(&address), "{urls}");
    assert!(pull.starts_with("POST /pulltransactions/v1/register") && pull.contains("0722000000"), "{pull}");
}

/// Answers one request and closes; gives the request.
fn serve_one(listener: &TcpListener, answer: &Value) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((_, value)) = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = answer.to_string();
    write!(stream, "HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
    request + &String::from_utf8(body).unwrap()
}
