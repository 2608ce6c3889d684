//! What a customer owes is set by name, and recovered as the tariff says.

use crate::setting::{GAS, GAS_LABEL, Setting, complaint, desk};
use serde_json::Value;

const CONFIG: &str = r#"
[[utilities]]
name = "sample-utility"
currency = "EUR"
[utilities.tariffs.gas]
[[utilities.tariffs.gas.versions]]
price = "1"
debt = { percent = "20" }
"#;

fn debt(story: &Setting, more: &[&str]) -> Result<Vec<Value>, coinless_sim::desk::DeskError> {
    let mut command = story.desk.command(&["station", "debt", GAS_LABEL]);
    command.arg("--data").arg(story.desk.path("station")).args(more);
    story.desk.run_command(command)
}

#[test]
fn a_debt_is_set_by_an_operator_and_recovered_from_purchases() {
    let (desk, folder) = desk();
    std::fs::write(desk.path("station").join("station.toml"), CONFIG).unwrap();
    let story = Setting::at(desk, folder, &[]);
    assert_eq!(debt(&story, &[]).unwrap()[0]["debt"], "0.00");
    assert!(complaint(debt(&story, &["--set", "60"])).contains("--operator"));
    assert!(complaint(debt(&story, &["--set=-1", "--operator", "manager"])).contains("greater than zero"));
    assert!(complaint(debt(&story, &["--set", "60", "--operator", ""])).contains("say who does this"));
    let set = debt(&story, &["--set", "15.00", "--operator", "manager"]).unwrap().remove(0);
    assert_eq!((&set["before"], &set["debt"], &set["is_recovered"]), (&"0.00".into(), &"15.00".into(), &true.into()));

    let order = story.buy("phone", "50.00");
    assert_eq!(story.units(&order), 40_000);
    assert_eq!(debt(&story, &[]).unwrap()[0]["debt"], "5.00");
    // The last of it, and no more.
    let order = story.buy("phone", "50.00");
    assert_eq!(story.units(&order), 45_000);
    let set = debt(&story, &["--set", "0", "--operator", "manager"]).unwrap().remove(0);
    assert_eq!((&set["before"], &set["debt"]), (&"0.00".into(), &"0.00".into()));
}

#[test]
fn a_debt_that_no_tariff_recovers_is_told() {
    let story = Setting::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_coinless"));
    // For people, on the same database.
    for (name, value) in story.desk.command(&["station"]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["station", "debt", GAS, "--set", "15", "--operator", "manager", "--data"]);
    let output = command.arg(story.desk.path("station")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("owes sample-utility 15.00 EUR") && said.contains("takes nothing of it"), "{said}");
}
