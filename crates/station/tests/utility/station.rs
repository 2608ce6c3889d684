//! Every behaviour of the sandbox utility through a whole station: a paid line ends issued, refunded or before a person, its id
//! never changes, and nothing is sold twice.

use crate::app::App;
use crate::sandbox::{Behaviour, CallKind, Fault, Options, Setting};
use crate::support::{METER, PATIENT_MS, TIMEOUT_MS, TOKEN};
use coinless_station::payments::Patience;

const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const SALE: &str = "01890a5d-ac96-774b-bcce-b302099a8057.1";

/// What a utility's books hold of the order, after checking that it is of this one sale and that the station's books balance.
async fn standing(app: &App) -> usize {
    let sales = app.utility.sales();
    assert!(sales.len() <= 1 && sales.iter().all(|sale| sale.sale_id == SALE && sale.amount == "50.00"), "{sales:?}");
    let strangers: Vec<_> =
        app.utility.seen().into_keys().filter(|call| !call.ends_with(&format!(" {SALE}"))).collect();
    assert!(strangers.is_empty(), "the id of a sale never changes: {strangers:?}");
    assert!(app.is_balanced().await);
    assert_eq!(app.provider_saw().0, 1, "the money is collected once");
    sales.iter().filter(|sale| !sale.reversed).count()
}

fn seen(app: &App, call: &str) -> u32 {
    app.utility.seen().get(&format!("{call} {SALE}")).copied().unwrap_or_default()
}

async fn paid(app: &App, behaviour: Behaviour, way: usize, calls: Option<u32>) {
    let (status, order) = app.order(ORDER).await;
    assert_eq!(status, 201, "{order}");
    app.utility.set(Setting { behaviour, calls, way: Some(way) });
    app.pay(ORDER).await;
}

#[tokio::test]
async fn a_line_is_sold_as_quoted_and_explained() {
    let app = App::start(Patience::default()).await;
    paid(&app, Behaviour::Ok, 0, None).await;
    let order = app.wait_for(ORDER, &["issued"]).await;
    let quote = &order["lines"][0]["quote"];
    assert_eq!(quote["shown"], "47.423 m³");
    assert_eq!(quote["explanation"][1]["text"], "standing charge");
    let kinds: Vec<_> = (0..4).map(|line| quote["explanation"][line]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["block", "standing", "tax", "fee"]);
    assert_eq!(
        (&quote["explanation"][0]["units"], &quote["explanation"][2]["percent"]),
        (&serde_json::json!(47_423), &serde_json::json!("19.00"))
    );
    assert_eq!((standing(&app).await, seen(&app, "vend")), (1, 1));
    assert_eq!(app.exceptions().await, Vec::<String>::new());
}

#[tokio::test]
async fn whatever_goes_wrong_with_one_call_nothing_is_sold_twice() {
    let cases = Behaviour::ALL.into_iter().flat_map(|behaviour| {
        let faults = behaviour.faults(CallKind::Vend).iter().enumerate();
        faults.map(move |(way, fault)| (behaviour, way, *fault))
    });
    let tests: Vec<_> = cases.map(|case| tokio::spawn(one_call(case))).collect();
    assert!(tests.len() >= 10);
    for test in tests {
        test.await.unwrap();
    }
}

async fn one_call((behaviour, way, fault): (Behaviour, usize, Fault)) {
    let late = matches!(fault, Fault::LateAnswer | Fault::LateWork);
    let timeout_ms = if late { TIMEOUT_MS } else { PATIENT_MS };
    let app = App::with(Options::new(TOKEN), Patience::default(), timeout_ms).await;
    paid(&app, behaviour, way, Some(1)).await;
    let order = app.wait_for(ORDER, &["issued", "refunded", "exception"]).await;
    // What is late comes now, when all is done.
    app.utility.set(Setting::default());
    if fault == Fault::LateWork {
        app.utility.late_works(1).await;
    }
    let state = order["lines"][0]["state"].as_str().unwrap();
    let (wanted, exceptions, refunds) = match fault {
        // Believed, and paid back: that it was sold shows when the books are compared.
        Fault::SaysFailed => ("refunded", vec![], 1),
        Fault::OtherUnits => ("exception", vec!["other_units_sold"], 0),
        Fault::OtherAmount | Fault::OtherSale => ("issued", vec!["sale_contradiction"], 0),
        _ => ("issued", vec![], 0),
    };
    assert_eq!(state, wanted, "{fault:?}: {order}");
    assert_eq!(app.exceptions().await, exceptions, "{fault:?}");
    assert_eq!(standing(&app).await, 1, "{fault:?}");
    assert_eq!(app.provider_saw().1.len(), refunds, "{fault:?}");
    let again = matches!(fault, Fault::Unavailable | Fault::Refuse | Fault::LateWork);
    assert_eq!(seen(&app, "vend"), if again { 2 } else { 1 }, "{fault:?}: made again only if it is not known there");
}

#[tokio::test]
async fn a_forgetful_utility_is_asked_until_it_remembers() {
    let app = App::start(Patience::default()).await;
    // Sold and 500; not known; sold again, which is the same sale, and 500; then all is well.
    paid(&app, Behaviour::Forgetful, 0, Some(3)).await;
    app.wait_for(ORDER, &["issued"]).await;
    assert_eq!((standing(&app).await, seen(&app, "vend")), (1, 2));
}

#[tokio::test]
async fn while_the_utility_is_down_nothing_is_ordered_and_nothing_is_lost() {
    let app = App::start(Patience::default()).await;
    app.utility.set(Setting { behaviour: Behaviour::Down, calls: None, way: Some(0) });
    let (status, problem) = app.order(ORDER).await;
    assert_eq!((status, &problem["code"]), (503, &"unavailable".into()));
    app.utility.set(Setting::default());
    paid(&app, Behaviour::Down, 1, None).await;
    app.wait_for(ORDER, &["sale_unknown"]).await;
    assert_eq!(standing(&app).await, 0);
    app.utility.set(Setting::default());
    app.wait_for(ORDER, &["issued"]).await;
    assert_eq!(standing(&app).await, 1);
}

#[tokio::test]
async fn a_sale_that_stays_unknown_is_taken_back_and_the_money_with_it() {
    let patience = Patience { sale_ms: 500, ..Patience::default() };
    let app = App::with(Options::new(TOKEN), patience, TIMEOUT_MS).await;
    // Sells, and never says so.
    paid(&app, Behaviour::Slow, 1, None).await;
    // The reversal is late too: unknown, and a person is told.
    app.utility.wait_for(&format!("reverse {SALE}"), 2).await;
    assert_eq!(app.exceptions().await, ["sale_stuck"]);
    assert_eq!(app.provider_saw().1, Vec::<String>::new(), "no money goes back before the sale is taken back");
    // All the late work is done now, in any order.
    app.utility.set(Setting::default());
    app.wait_for(ORDER, &["refunded"]).await;
    app.utility.late_works(seen(&app, "vend") as usize).await;
    assert_eq!(standing(&app).await, 0);
    assert_eq!(app.provider_saw().1, [format!("{ORDER}/1")]);
}

#[tokio::test]
async fn a_sale_that_was_never_made_is_taken_back_before() {
    // Late from the beginning: the first thing that the utility hears is the reversal.
    let app = App::start(Patience { sale_ms: -1, ..Patience::default() }).await;
    paid(&app, Behaviour::Ok, 0, None).await;
    app.wait_for(ORDER, &["refunded"]).await;
    assert_eq!((standing(&app).await, seen(&app, "vend"), seen(&app, "reverse")), (0, 0, 1));
    assert_eq!(app.provider_saw().1, [format!("{ORDER}/1")]);
}

#[tokio::test]
async fn whose_meter_it_is_the_utility_says_and_the_station_masks() {
    let app = App::start(Patience::default()).await;
    let told = || ("S***** C*****".into(), "1 S***** S*****".into());
    assert_eq!(app.whose().await, [told(), told()]);
    // Down for the meter alone: what the station knows is shown.
    app.utility.set(Setting { behaviour: Behaviour::Down, calls: Some(1), way: Some(0) });
    assert_eq!(app.whose().await, [("G**** H*****".into(), serde_json::Value::Null), told()]);
}

#[tokio::test]
async fn nobody_is_erased_whose_delivery_the_utility_has_not_heard_of() {
    let app = App::start(Patience::default()).await;
    paid(&app, Behaviour::Ok, 0, None).await;
    app.wait_for(ORDER, &["issued"]).await;
    app.utility.set(Setting { behaviour: Behaviour::Down, calls: None, way: Some(0) });
    app.deliver(ORDER).await;
    // The words of its quote go with the confirmation.
    let refused = app.erase(ORDER).await.unwrap_err();
    assert!(refused.contains("line 1 is still to be told to its utility (confirm)"), "{refused}");
}

#[tokio::test]
async fn a_meter_that_is_blocked_is_refused_before_anybody_pays() {
    let mut options = Options::new(TOKEN);
    options.blocked.insert(METER.to_owned());
    let app = App::with(options, Patience::default(), PATIENT_MS).await;
    let (status, problem) = app.order(ORDER).await;
    assert_eq!((status, &problem["code"]), (422, &"not_sold".into()), "{problem}");
}
