//! A round: quantities, many lines, and their result.

use super::*;
use coinless_phone::outcome::{LineReport, Loaded, Outcome, Summary, Verdict};
use coinless_phone::records::{Consent, Skip, SkipReason, StoredWalk};
use coinless_phone::round;

const FILE: &str = "Flat;meter;amount;state\r\n=1+1;CLS0000000017-Z;50;Kwale\r\n\"2;b\";CLS0000000025-W;7m3;\r\n";

fn round_purchase() -> Purchase {
    let water = WATER.parse::<MeterId>().unwrap().label().to_string();
    let file = round::read(FILE.replace("CLS0000000025-W", &water).as_bytes()).unwrap();
    Purchase { lines: file.lines, round: Some(file.round), ..Purchase::default() }
}

fn reports(world: &World) -> Vec<LineReport> {
    LineReport::of_order(&world.contents().orders[0], world.contents())
}

fn csv(world: &World) -> String {
    String::from_utf8(round::result(&world.contents().orders[0], world.contents()).unwrap()).unwrap()
}

#[test]
fn money_and_quantities_through_any_fault() {
    for fault in FAULTS {
        at_every_step(fault, World::new, |world| {
            again(|| world.buy(&round_purchase()), |bought| bought.order.is_settled());
            assert_eq!((world.payments(), world.contents().orders.len()), (1, 1));
            assert_eq!(world.orders()[0].consent, Consent::AtMost("71".parse().unwrap()));
            again(|| world.deliver(), Delivered::is_complete);
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.gas_total(), world.states()), (station::UNITS, vec!["delivered", "issued"]));
        });
    }
}

#[test]
fn the_result_at_any_time() {
    let mut world = World::new();
    world.faults.plan(&[(4, Fault::CrashBefore)]);
    assert!(world.buy(&round_purchase()).is_none());
    let id = world.orders()[0].id;
    let header = "Flat;meter;amount;file state;label;utility;asked;paid;tax;currency;units;outcome;state;loaded;receipt;reason;\
        order;line\r\n";
    let water = WATER.parse::<MeterId>().unwrap().label();
    let first = |utility: &str| format!("'=1+1;CLS0000000017-Z;50;Kwale;CLS0000000017-Z;{utility};50;");
    let second = |utility: &str| format!("\"2;b\";{water};7m3;;{water};{utility};7m3;");
    let unanswered = ";;;;open;\"the station has not answered; NOT PAID\";no;;";
    let expected = format!("{header}{}{unanswered};{id};1\r\n{}{unanswered};{id};2\r\n", first(""), second(""));
    assert_eq!(csv(&world), expected);

    assert!(world.buy(&round_purchase()).unwrap().unwrap().order.is_settled());
    let ready = "ready;paid, sold, on this phone, NOT LOADED yet;no";
    let first = first("Aqua");
    let second = format!("{}21;1.25;EUR;7000;{ready};;;{id};2\r\n", second("Aqua"));
    let paid = "50;1.25;EUR;1000";
    assert_eq!(csv(&world), format!("{header}{first}{paid};{ready};;;{id};1\r\n{second}"));
    world.deliver();
    let word = "loaded;\"paid, sold, LOADED; the station does not know it yet: sync\";yes";
    assert_eq!(csv(&world), format!("{header}{first}{paid};{word};1;;{id};1\r\n{second}"));
    world.sync();
    // The token is gone, and so may the receipt be: its number stays.
    assert_eq!(world.contents().tokens.len(), 1);
    let loaded = format!("{header}{first}{paid};loaded;paid, sold, LOADED;yes;1;;{id};1\r\n{second}");
    assert_eq!(csv(&world), loaded);
    world.buy(&purchase(&[(GAS, "1")]));
    world.deliver();
    world.sync();
    assert_eq!(csv(&world), loaded);
}

#[test]
fn without_a_file_the_result_names_the_meters() {
    let world = World::with_tokens();
    let csv = csv(&world);
    let mut lines = csv.lines();
    // Spreadsheets must see that it is UTF-8.
    let header =
        "\u{feff}meter,label,utility,asked,paid,tax,currency,units,outcome,state,loaded,receipt,reason,order,line";
    assert_eq!(lines.next(), Some(header));
    let first = "CLS0000000017,CLS0000000017-Z,Aqua,50,50,1.25,EUR,1000,ready,\"paid, sold, on";
    assert!(lines.next().unwrap().starts_with(first), "{csv}");
}

#[test]
fn what_was_passed_over_is_told_until_it_is_loaded() {
    let mut world = World::with_tokens();
    let mut walk = StoredWalk::new(world.orders()[0].id);
    let skip = |note: &str| Skip { reason: SkipReason::NobodyHome, note: note.into() };
    walk.skipped.extend([(1, skip("=cmd")), (2, skip("a \"dog\", large"))]);
    world.store.memory.contents.walks.push(walk);
    let ends = |csv: &str, ends: [&str; 2]| {
        let is = csv.lines().skip(1).zip(ends).all(|(line, end)| line.ends_with(end));
        assert!(is, "{csv}");
    };
    ends(&csv(&world), [",1,nobody-home,'=cmd", ",2,nobody-home,\"a \"\"dog\"\", large\""]);
    world.deliver();
    ends(&csv(&world), [",1,,", ",2,nobody-home,\"a \"\"dog\"\", large\""]);
}

#[test]
fn an_unanswered_token_is_neither_loaded_nor_not_loaded() {
    let mut world = World::with_tokens();
    // Ask who it is, note that it is handed over, hand it over.
    world.faults.plan(&[(2, Fault::LoseAnswer)]);
    assert!(world.deliver().unwrap().unwrap().interrupted.is_some());
    assert_eq!((reports(&world)[0].loaded, reports(&world)[1].loaded), (Loaded::Unknown, Loaded::No));
    assert!(world.deliver().unwrap().unwrap().is_complete());
    assert_eq!((reports(&world)[0].loaded, reports(&world)[0].receipt), (Loaded::Yes, Some(1)));
    // A meter that says that it is full has not loaded it.
    world.water.meter.borrow_mut().room = 0;
    assert!(!world.deliver_water().is_complete());
    assert_eq!((reports(&world)[1].loaded, reports(&world)[1].outcome), (Loaded::No, Outcome::Ready));
}

#[test]
fn no_more_is_paid_than_was_quoted() {
    let mut world = World::new();
    // The price rises between the quote and the order.
    world.faults.plan(&[(2, Fault::CrashAfter)]);
    assert!(world.buy(&purchase(&[(GAS, "10m3")])).is_none());
    world.http.station.borrow_mut().price = Some(station::PRICE + 1);
    let bought = world.buy(&purchase(&[(GAS, "10m3")])).unwrap().unwrap();
    assert!(matches!(bought.trouble, Some(Error::OtherOrder(_))), "{:?}", bought.trouble);
    assert_eq!(world.payments(), 0);

    let mut world = World::new();
    world.http.station.borrow_mut().surcharge = 1;
    let bought = world.buy(&purchase(&[(GAS, "10m3")])).unwrap().unwrap();
    assert!(matches!(bought.trouble, Some(Error::OtherOrder(_))) && world.payments() == 0);
}

#[test]
fn no_more_than_the_payer_wants_to_pay() {
    let mut world = World::new();
    for (asked, most) in [("10m3", "29"), ("30", "29.99")] {
        let wanted = Purchase { most: Some(most.parse().unwrap()), ..purchase(&[(GAS, asked)]) };
        assert!(matches!(world.buy(&wanted), Some(Err(Error::TooExpensive { total, .. })) if total == "30"));
    }
    assert!(world.orders().is_empty() && world.http.station.borrow().orders.is_empty());
    let wanted = Purchase { most: Some("30".parse().unwrap()), ..purchase(&[(GAS, "10m3")]) };
    assert_eq!(world.buy(&wanted).unwrap().unwrap().trouble, None);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let gas = (GAS, "1");
    let name = |name: &str| Some(name.to_owned());
    let wrong = [
        purchase(&[]),
        purchase(&[gas; 501]),
        purchase(&[gas, gas]),
        Purchase { payer: name(&"x".repeat(65)), ..purchase(&[gas]) },
        Purchase { payer: name("a\nb"), ..purchase(&[gas]) },
        Purchase { provider: name(" "), ..purchase(&[gas]) },
    ];
    let mut world = World::new();
    for wrong in wrong {
        assert!(matches!(world.buy(&wrong), Some(Err(Error::BadPurchase(_)))));
        assert!(matches!(world.buy_at(&wrong), Some(Err(Error::BadPurchase(_)))));
    }
    assert!(world.http.station.borrow().paths.is_empty());
    // Here the station must be asked what the meter measures.
    assert!(matches!(world.buy(&purchase(&[(GAS, "1kWh")])), Some(Err(Error::BadPurchase(_)))));
    assert!(world.orders().is_empty() && world.http.station.borrow().orders.is_empty());
}

#[test]
fn who_pays_and_how_is_sent_and_must_not_change_under_way() {
    let wanted = |payer: &str| Purchase {
        payer: Some(payer.into()),
        provider: Some("daraja".into()),
        ..purchase(&[(GAS, "50")])
    };
    let mut world = World::new();
    world.faults.plan(&[(2, Fault::CrashAfter)]);
    assert!(world.buy(&wanted("254700000001")).is_none());
    let order = world.orders()[0].id;
    assert!(matches!(world.buy(&wanted("254700000002")), Some(Err(Error::OtherPayer(id))) if id == order));
    assert_eq!(world.payments(), 0);
    assert!(world.buy(&wanted("254700000001")).unwrap().unwrap().resumed);
    let request = serde_json::to_value(&world.orders()[0].request).unwrap();
    assert_eq!((&request["payer"], &request["provider"]), (&"254700000001".into(), &"daraja".into()));
}

#[test]
fn five_hundred_lines() {
    let mut world = World::new();
    // Two meters are here, of the others only the keys are known.
    let others: Vec<String> = (1_000..1_498).map(|number| format!("CLS{number:010}")).collect();
    for other in &others {
        let other = TestMeter::new(other, 3);
        world.http.station.borrow_mut().enrol(other.id, other.key.public_key(), u64::MAX);
    }
    let meters = [GAS, WATER].into_iter().chain(others.iter().map(String::as_str));
    let lines: Vec<(&str, &str)> = meters.zip(["2", "1m3"].into_iter().cycle()).collect();
    let bought = world.buy(&purchase(&lines)).unwrap().unwrap();
    assert_eq!((bought.trouble, world.payments()), (None, 1));
    let summary = Summary::of(&reports(&world));
    assert_eq!(
        (summary.verdict(), summary.ready.lines, summary.paid.sum.to_string()),
        (Verdict::Complete, 500, "1250".into())
    );
    let contents = world.contents();
    let current = contents.current_tokens();
    assert!(contents.tokens.iter().all(|token| current.contains(&token.key) == contents.is_current(token)));
    // A meter is handed its own and nothing else.
    assert_eq!(world.deliver().unwrap().unwrap().deliveries.len(), 1);
    let summary = Summary::of(&reports(&world));
    assert_eq!((summary.loaded.lines, summary.loaded.sum.to_string()), (1, "2".into()));
}

#[test]
fn partial_outcomes() {
    let mut world = World::with_tokens();
    let summary = |world: &World| Summary::of(&reports(world));
    let set = |world: &mut World, states: [&'static str; 2]| {
        let mut station = world.http.station.borrow_mut();
        let order = station.orders.values_mut().next().unwrap();
        order.version += 1;
        for (line, state) in order.lines.iter_mut().zip(states) {
            line.state = state;
        }
        drop(station);
        world.sync();
    };
    assert_eq!(summary(&world).verdict(), Verdict::Complete);
    set(&mut world, ["issued", "sale_unknown"]);
    assert_eq!((summary(&world).verdict(), summary(&world).open.sum.to_string()), (Verdict::Unknown, "20".into()));
    // Paid and not sold: the money goes back, and the phone keeps asking.
    set(&mut world, ["issued", "failed"]);
    assert_eq!((summary(&world).verdict(), summary(&world).refunding.lines), (Verdict::Partly, 1));
    assert_eq!(summary(&world).paid.sum.to_string(), "70");
    assert!(world.orders()[0].is_open());
    set(&mut world, ["delivered", "exception"]);
    assert_eq!((summary(&world).person.lines, world.orders()[0].is_open()), (1, true));
    set(&mut world, ["delivered", "refunded"]);
    assert_eq!((summary(&world).refunded.lines, world.orders()[0].is_open()), (1, false));
    assert_eq!(summary(&world).verdict(), Verdict::Partly);

    let mut world = World::new();
    world.http.station.borrow_mut().declines = true;
    world.buy(&purchase(&[(GAS, "50")]));
    assert_eq!((summary(&world).verdict(), summary(&world).paid.lines), (Verdict::Nothing, 0));
}
