//! The books on the command line: what is owed is paid, what others say is compared, managers pay in advance.

use crate::setting::{GAS_LABEL, Setting, complaint, results};
use serde_json::{Value, json};

impl Setting {
    /// Runs `coinless station ...` on this station's folder.
    fn operate(&self, words: &[&str]) -> Result<Vec<Value>, coinless_sim::desk::DeskError> {
        let mut command = self.desk.command(&["station"]);
        command.args(words).arg("--data").arg(self.desk.path("station"));
        self.desk.run_command(command)
    }
}

#[test]
fn what_was_delivered_is_stated_and_settled() {
    let story = Setting::new();
    story.buy("phone", "50.00");
    story.deliver("phone");
    story.sync("phone");
    let statement = story.operate(&["books", "statement"]).unwrap().remove(0);
    assert_eq!(statement["agrees"], true, "{statement}");
    assert_eq!((&statement["lines"][0]["net"], &statement["lines"][0]["meter"]), (&json!("42.02"), &json!(GAS_LABEL)));
    let settle = |amount: &str, id: &str| {
        story.operate(&["books", "settle", "sample-utility", amount, "--operator", "ada", "--id", id])
    };
    assert!(complaint(settle("42.03", "T1")).contains("is owed 42.02 EUR"));
    assert_eq!(settle("42.02", "T1").unwrap()[0]["new"], true);
    assert_eq!(settle("42.02", "T1").unwrap()[0]["new"], false);
    assert_eq!(story.balance("bank"), "-42.02");
    let back = ["books", "correct", "settlement/sample-utility/T1", "payable settled", "--operator", "bob"];
    story.operate(&back).unwrap();
    assert_eq!(story.balance("bank"), "0.00");
    complaint(story.operate(&back));
    let trial = story.operate(&["books", "trial"]).unwrap().remove(0);
    let clearing =
        trial.as_array().unwrap().iter().find(|line| line["account"] == "provider:sandbox:clearing").cloned();
    assert_eq!(clearing.unwrap()["closing"], "50.00");
    assert!(complaint(story.operate(&["books", "trial", "--from", "yesterday"])).contains("2026-11-24T09:30:00Z"));
}

#[test]
fn a_payment_that_only_the_provider_knows_is_found() {
    let story = Setting::new();
    story.buy("phone", "50.00");
    let report = story.operate(&["reconcile"]).unwrap().remove(0);
    assert_eq!(report["differences"], json!([]), "{report}");
    assert_eq!(report["compared"][0]["our_sums"], json!(["50.00 EUR"]));
    assert_eq!(report["compared"][0]["their_sums"], json!(["50.00 EUR"]));
    // Money that came to the provider for no order of ours.
    let at_ms = coinless_station::service::now_ms();
    let stray = json!({
        "shown": { "id": "stray-1", "status": "captured", "amount": "7.00", "currency": "EUR" },
        "callback_url": "", "refunds": {}, "captured_ms": at_ms,
    });
    let path = story.desk.path("station").join("sandbox.jsonl");
    let known = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{known}\n{stray}\n")).unwrap();
    let report = story.operate(&["reconcile"]).unwrap().remove(0);
    assert_eq!(report["differences"][0]["cause"], "unmatched_money", "{report}");
    assert_eq!(story.balance("suspense"), "-7.00");
    let shown = story.desk.show("exceptions", None).unwrap().remove(0);
    assert_eq!((&shown["subject"], &shown["amount"]), (&json!("sandbox/stray-1"), &json!("7.00 EUR")));
    let resolve = ["resolve", "sandbox/stray-1", "unmatched_money", "--operator", "ada", "--note", "called them"];
    assert!(complaint(story.operate(&[&resolve[..], &["--refund"]].concat())).contains("belongs to no order"));
    story.operate(&[&resolve[..], &["--elsewhere"]].concat()).unwrap();
    assert_eq!((story.balance("suspense"), story.balance("bank")), ("0.00".to_owned(), "-7.00".to_owned()));
    assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<Value>::new());
}

#[test]
fn a_manager_pays_from_a_float_and_two_orders_race_for_it() {
    let story = Setting::new();
    let opened = story.operate(&["float", "open", "block-7"]).unwrap().remove(0);
    let credential = opened["credential"].as_str().unwrap().to_owned();
    story.operate(&["float", "pay-in", "block-7", "50.00", "--operator", "ada", "--id", "B1"]).unwrap();
    complaint(story.operate(&["float", "open", "block-7"]));
    let ids = ["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"];
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let pay = async |id: &str| {
        let url = format!("{}/v1/orders/{id}", story.station.address());
        let body = json!({ "lines": [{ "meter": GAS_LABEL, "amount": "30.00" }], "provider": "float" });
        assert_eq!(http.put(&url).json(&body).send().await.unwrap().status().as_u16(), 201);
        let body = json!({ "quote_version": 1, "credential": credential });
        http.post(format!("{url}/payment")).json(&body).send().await.unwrap().status().as_u16()
    };
    let mut answers = runtime.block_on(async { <[u16; 2]>::from(tokio::join!(pay(ids[0]), pay(ids[1]))) });
    let paid = ids[usize::from(answers[1] == 202)];
    answers.sort_unstable();
    assert_eq!(answers, [202, 409]);
    story.wait_for(paid, "issued");
    assert_eq!(results(story.operate(&["float", "show"]))[0]["balance"], "20.00");
    assert_eq!(story.balance("float:block-7"), "-20.00");
    // The secret is in no file of the station.
    let secret = credential.split_once(':').unwrap().1.as_bytes();
    for entry in std::fs::read_dir(story.desk.path("station")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}
