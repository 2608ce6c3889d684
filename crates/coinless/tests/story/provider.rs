//! The payment provider as it behaves in the world.

use crate::setting::{GAS_LABEL, Setting, complaint};

#[test]
fn a_declined_payment_sells_nothing() {
    let story = Setting::with_station(&["--sandbox", "decline"]);
    let line = format!("{GAS_LABEL}=50.00");
    let bought = story.desk.phone("phone", "buy", &["--station", &story.station.address(), &line]);
    let Err(coinless_sim::desk::DeskError::Failed { message, results, .. }) = bought else {
        panic!("a declined payment is no success: {bought:?}")
    };
    assert!(
        message.contains("declined") || results.iter().any(|r| r["payment"] == "declined"),
        "{message} {results:?}"
    );
    assert_eq!(story.balance("provider:sandbox:clearing"), "0.00");
}

#[test]
fn callbacks_twice_early_or_never_make_one_payment() {
    for behaviour in ["twice", "early", "silent"] {
        let story = Setting::with_station(&["--sandbox", behaviour]);
        let order = story.buy("phone", "50.00");
        assert_eq!(story.line_state(&order), "issued", "{behaviour}");
        assert_eq!(story.balance("provider:sandbox:clearing"), "50.00", "{behaviour}");
        assert_eq!(story.desk.show("exceptions", None).unwrap(), Vec::<serde_json::Value>::new());
    }
}

#[test]
fn an_unknown_behaviour_is_refused() {
    let story = Setting::new();
    let outcome = story.desk.run(&["station", "run", "--data", "x", "--sandbox", "nonsense"]);
    assert!(complaint(outcome).contains("pay, decline, twice, early, silent"));
}
