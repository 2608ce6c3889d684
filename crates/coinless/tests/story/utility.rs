//! A utility with a sales system of its own, as a process.

use crate::setting::{GAS, GAS_LABEL, Setting, complaint, desk};
use coinless_sim::desk::Desk;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

fn utility_command(desk: &Desk, more: &[&str]) -> std::process::Command {
    let mut command = desk.command(&["utility", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(desk.path("utility")).args(more);
    command
}

/// Lets the utility behave so for one call.
fn behave(url: &str, token: &str, behaviour: &str) {
    let http = coinless_station::net::http_client(Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let setting = json!({ "behaviour": behaviour, "calls": 1 });
    let request = http.put(format!("{url}/admin/setting")).bearer_auth(token).json(&setting);
    let answer = runtime.block_on(async { request.send().await }).unwrap();
    assert!(answer.status().is_success());
}

#[test]
fn a_utility_sells_over_http_and_is_down_or_unclear_on_demand() {
    let (desk, folder) = desk();
    let utility = desk.start(utility_command(&desk, &["--behaviour", "down"])).unwrap();
    let token_file = utility.listening["token_file"].as_str().unwrap();
    let token = std::fs::read_to_string(token_file).unwrap();
    let config = format!(
        "[[utilities]]\nname = \"sample-utility\"\ncurrency = \"EUR\"\nsales = {{ url = {:?}, token_file = {token_file:?} }}\n",
        utility.address()
    );
    std::fs::write(desk.path("station").join("station.toml"), config).unwrap();
    let story = Setting::at(desk, folder, &[]);
    let line = format!("{GAS_LABEL}=50.00");
    let quote = || story.desk.run(&["phone", "quote", "--station", &story.station.address(), &line]);
    let why = complaint(quote());
    assert!(why.contains("again later") || why.contains("cannot be reached") || why.contains("503"), "{why}");

    behave(&utility.address(), token.trim(), "ok");
    let quoted = quote().unwrap().remove(0);
    behave(&utility.address(), token.trim(), "unclear");
    let order = story.buy("phone", "50.00");
    assert_eq!(story.units(&order), quoted["lines"][0]["quote"]["units"].as_u64().unwrap());
    let sales = std::fs::read_to_string(story.desk.path("utility").join("sales.jsonl")).unwrap();
    assert_eq!(sales.lines().filter(|line| line.contains(&order)).count(), 1, "{sales}");
    assert!(
        complaint(story.desk.run_command({
            let mut command = story.desk.command(&["station", "debt", GAS_LABEL]);
            command.arg("--data").arg(story.desk.path("station"));
            command
        }))
        .contains("a sales system of its own")
    );
}

/// A sales system that knows no meter.
fn knows_nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let problem = json!({ "type": "urn:coinless:sales:problem:unknown_meter", "title": "unknown meter", "status": 404,
        "detail": "this meter is not one of ours", "code": "unknown_meter" });
    let (body, kind) = (problem.to_string(), "application/problem+json");
    let answer = format!("HTTP/1.1 404 x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            // A question of this kind fits one packet.
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn who_enrols_a_meter_is_warned_if_the_utility_does_not_know_it() {
    let (desk, _folder) = desk();
    let enrol = || {
        let mut command = desk.command(&["station", "enrol"]);
        command.arg("--data").arg(desk.path("station")).arg(desk.path(&format!("{GAS}.json")));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    desk.new_meter(GAS, "gas", &[]).unwrap();
    assert_eq!(enrol(), "", "a utility without a sales system of its own is not asked");
    let token_file = desk.path("token");
    std::fs::write(&token_file, "token").unwrap();
    let configure = |url: &str| {
        let config = format!(
            "[[utilities]]\nname = \"sample-utility\"\nbrand = \"City Gas\"\ncurrency = \"EUR\"\nsales = {{ url = {url:?}, token_file = {token_file:?} }}\n"
        );
        std::fs::write(desk.path("station").join("station.toml"), config).unwrap();
    };
    configure(&knows_nobody());
    let warned = enrol();
    assert!(
        warned.contains(&format!("City Gas does not sell to {GAS_LABEL}: this meter is not one of ours")),
        "{warned}"
    );
    // Down: the meter is enrolled all the same.
    configure("http://127.0.0.1:1");
    let warned = enrol();
    assert!(warned.contains("City Gas was not asked whether it knows 1 of these meters"), "{warned}");
}

#[test]
fn a_behaviour_that_there_is_not_is_refused_with_those_that_there_are() {
    let (desk, _folder) = desk();
    let why = complaint(desk.run_command(utility_command(&desk, &["--behaviour", "nonsense"])));
    assert!(why.contains("ok, slow, down, unclear, contradictory, forgetful"), "{why}");
}
