//! Orders that are paid from a manager's float.

use crate::desk::{Desk, NOON, enrol, eur, euros, manual, order_id, put, refused};
use crate::place::Place;
use coinless_station::float::{self, Credential};
use coinless_station::ledger;
use coinless_station::lifecycle::LineState;
use coinless_station::orders;
use coinless_station::problem::Error;
use coinless_station::sales::SaleOutcome;
use coinless_station::store::GroupSize;
use coinless_station::work::Work;

#[test]
fn an_order_is_paid_at_once() {
    let mut desk = Desk::new();
    let credential = desk.float(10_000);
    let id = desk.put(1, &[3_000, 2_000], float::PROVIDER);
    desk.accept(&id, Some(&credential)).unwrap();
    assert_eq!(desk.state(&id, 1), LineState::Paid);
    assert_eq!(desk.balance("float:manager"), -5_000);
    // Accepting again changes nothing.
    desk.accept(&id, Some(&credential)).unwrap();
    desk.accept(&id, None).unwrap();
    desk.work();
    assert_eq!(desk.state(&id, 2), LineState::Issued);
    assert_eq!(desk.run(float::all).unwrap()[0].balance, euros(5_000));
    assert_eq!(desk.balance("sold_undelivered"), -5_000);
}

#[test]
fn who_has_no_right_or_not_enough_gets_nothing() {
    let mut desk = Desk::new();
    let credential = desk.float(4_999);
    let id = desk.put(1, &[3_000, 2_000], float::PROVIDER);
    let (manager, secret) = credential.split_once(':').unwrap();
    let wrong = [
        None,
        Some(format!("{manager}:{}", "0".repeat(64))),
        Some(format!("nobody:{secret}")),
        Some(manager.to_owned()),
        Some(String::new()),
        Some("x".repeat(10_000)),
    ];
    for credential in &wrong {
        let words = refused(desk.accept(&id, credential.as_deref()));
        assert!(words.contains("credential") && !words.contains(secret), "{words}");
    }
    assert!(refused(desk.accept(&id, Some(&credential))).contains("does not hold 50.00 EUR"));
    assert_eq!(desk.state(&id, 1), LineState::Quoted);
    assert_eq!(desk.balance("float:manager"), -4_999);
    let other = desk.put(2, &[1_000], "test");
    assert!(refused(desk.accept(&other, Some(&credential))).contains("only an order whose provider is float"));
    // A new secret ends the old one.
    desk.run(|work| float::pay_in(work, "manager", &manual("2", 1))).unwrap();
    let renewed = desk.run(|work| float::renew(work, "manager", eur())).unwrap();
    refused(desk.accept(&id, Some(&credential)));
    desk.accept(&id, Some(&format!("manager:{}", renewed.as_str()))).unwrap();
    assert_eq!(desk.balance("float:manager"), 0);
    desk.check();
}

#[test]
fn what_goes_back_goes_back_into_the_float() {
    let mut desk = Desk::new();
    let credential = desk.float(10_000);
    let id = desk.put(1, &[3_000, 2_000], float::PROVIDER);
    desk.accept(&id, Some(&credential)).unwrap();
    desk.outside.sale = Some(SaleOutcome::Failed { reason: "closed".to_owned() });
    desk.work();
    assert_eq!([desk.state(&id, 1), desk.state(&id, 2)], [LineState::Refunded; 2]);
    assert_eq!(desk.balance("float:manager"), -10_000);
    assert_eq!(desk.outside.refunds_asked, []);
    // A void, settled by a receipt.
    desk.outside.sale = None;
    let id = desk.put(2, &[3_000], float::PROVIDER);
    desk.accept(&id, Some(&credential)).unwrap();
    desk.work();
    desk.void(&id, 1);
    desk.receipt(2);
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
    assert_eq!((desk.balance("float:manager"), desk.balance("refunds_due")), (-10_000, 0));
}

#[test]
fn paying_in_is_done_once_and_taken_back_only_while_it_is_there() {
    let mut desk = Desk::new();
    let credential = desk.float(5_000);
    assert!(!desk.run(|work| float::pay_in(work, "manager", &manual("1", 5_000))).unwrap());
    refused(desk.run(|work| float::pay_in(work, "manager", &manual("1", 5_001))));
    refused(desk.run(|work| float::pay_in(work, "nobody", &manual("2", 100))));
    refused(desk.run(|work| float::pay_in(work, "No Name", &manual("2", 100))));
    refused(desk.run(|work| float::open(work, "manager", eur())));
    assert_eq!(desk.balance("bank"), 5_000);
    let id = desk.put(1, &[1_000], float::PROVIDER);
    desk.accept(&id, Some(&credential)).unwrap();
    desk.work();
    let back = |work: &mut Work<'_>| ledger::take_back(work, "float/manager/1", "paid in", "ada");
    assert!(refused(desk.run(back)).contains("does not hold 50.00 EUR"));
    desk.run(|work| float::pay_in(work, "manager", &manual("2", 1_000))).unwrap();
    desk.run(back).unwrap();
    assert_eq!((desk.balance("float:manager"), desk.balance("bank")), (0, 1_000));
    refused(desk.run(back));
    refused(desk.run(|work| float::pay_in(work, "manager", &manual("1", 5_000))));
    desk.check();
}

#[test]
fn a_credential_is_never_shown() {
    let shown = format!("{:?}", Credential::from("manager:secret".to_owned()));
    assert!(!shown.contains("secret") && !shown.contains("manager"), "{shown}");
}

#[test]
fn two_orders_race_for_the_last_money() {
    // Both are accepted by the writer of a real store, in one group and in two.
    for group in [1, 512] {
        let place = Place::with_groups(GroupSize(group));
        let store = &*place.store;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ids = [order_id(1), order_id(2)];
        let made = ids.clone();
        let opened = store.write(move |tx| {
            let mut work = Work::new(tx, NOON);
            enrol(&mut work)?;
            for id in &made {
                put(&mut work, id, &[3_000], float::PROVIDER)?;
            }
            let secret = float::open(&mut work, "manager", eur())?;
            float::pay_in(&mut work, "manager", &manual("1", 5_000))?;
            Ok::<_, Error>(format!("manager:{}", secret.as_str()))
        });
        let credential = runtime.block_on(opened).unwrap();
        let accept = |id: &String| {
            let (id, credential) = (id.clone(), Credential::from(credential.clone()));
            store.write(move |tx| orders::accept_with(&mut Work::new(tx, NOON), &id, 1, Some(&credential)))
        };
        // Both are queued before either is waited for.
        let answers = ids.each_ref().map(accept).map(|answer| runtime.block_on(answer));
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        let [.., lost] = answers;
        assert!(refused(lost).contains("does not hold"));
        let books = store.read(|tx| {
            let mut work = Work::new(tx, 0);
            ledger::check(&mut work)?;
            assert_eq!(float::check(&mut work)?, None);
            Ok::<_, Error>((float::all(&mut work)?, orders::line(&mut work, &order_id(2), 1)?.state))
        });
        let (floats, state) = runtime.block_on(books).unwrap();
        assert_eq!((floats[0].balance, state), (euros(2_000), LineState::Quoted));
    }
}
