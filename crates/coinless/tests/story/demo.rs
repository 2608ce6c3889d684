//! The demo that plays by itself.

use coinless_sim::desk::Desk;

#[test]
fn one_payment_for_gas_water_and_electricity() {
    let desk = Desk::new(env!("CARGO_BIN_EXE_coinless"), "/");
    let steps = desk.run(&["demo", "--once"]).unwrap();
    let step = |name: &str| steps.iter().find(|step| step["step"] == name).map(|step| &step["result"]).unwrap();
    assert_eq!(step("quote")["total"], "100.00");
    assert_eq!(step("buy")["lines"].as_array().unwrap().len(), 3);
    assert_eq!(steps.last().unwrap()["result"]["agree"], true);
}
