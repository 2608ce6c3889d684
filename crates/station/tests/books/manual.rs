//! What people book by a command of their own.

use crate::desk::{Desk, UTILITY, manual, refused};
use coinless_station::ledger::{self, Manual, Owed};
use coinless_station::utilities::UtilityName;

fn utility() -> UtilityName {
    UTILITY.parse().unwrap()
}

#[test]
fn nobody_is_paid_more_than_is_owed() {
    let mut desk = Desk::new();
    desk.buy(1, &[11_900]);
    let settle = |desk: &mut Desk, of, manual: Manual| desk.run(|work| ledger::settle(work, &utility(), of, &manual));
    // Not delivered: the money is the payer's.
    let words = refused(settle(&mut desk, Owed::Payable, manual("T1", 1)));
    assert!(words.contains("sample-utility is owed 0.00 EUR, not 0.01 EUR"), "{words}");
    desk.receipt(1);
    assert!(refused(settle(&mut desk, Owed::Payable, manual("T1", 10_001))).contains("owed 100.00 EUR"));
    assert!(settle(&mut desk, Owed::Payable, manual("T1", 6_000)).unwrap());
    assert!(!settle(&mut desk, Owed::Payable, manual("T1", 6_000)).unwrap());
    assert!(refused(settle(&mut desk, Owed::Payable, manual("T1", 5_000))).contains("used for another sum"));
    assert!(refused(settle(&mut desk, Owed::Payable, manual("T2", 4_001))).contains("owed 40.00 EUR"));
    assert!(settle(&mut desk, Owed::Payable, manual("T2", 4_000)).unwrap());
    assert!(settle(&mut desk, Owed::Tax, manual("T1", 1_900)).unwrap());
    refused(settle(&mut desk, Owed::Fees, manual("T1", 1)));
    refused(settle(&mut desk, Owed::Tax, manual("T3", 0)));
    assert_eq!(desk.balance("bank"), -11_900);
    for bad in ["", "a b", "a/b", &"x".repeat(65)] {
        refused(settle(&mut desk, Owed::Tax, manual(bad, 1)));
    }
    refused(settle(&mut desk, Owed::Tax, Manual { operator: " ".to_owned(), ..manual("T4", 1) }));
    desk.check();
}

#[test]
fn a_provider_pays_out_what_it_holds() {
    let mut desk = Desk::new();
    desk.buy(1, &[11_900]);
    let payout = |desk: &mut Desk, manual: Manual| desk.run(|work| ledger::payout(work, "test", &manual));
    assert!(refused(payout(&mut desk, manual("P1", 11_901))).contains("test holds 119.00 EUR, not 119.01 EUR"));
    assert!(payout(&mut desk, manual("P1", 11_900)).unwrap());
    assert!(!payout(&mut desk, manual("P1", 11_900)).unwrap());
    refused(payout(&mut desk, manual("P2", 1)));
    assert_eq!((desk.balance("bank"), desk.balance("provider:test:clearing")), (11_900, 0));
}

#[test]
fn only_what_a_person_booked_is_taken_back_and_once() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[11_900]);
    desk.run(|work| ledger::payout(work, "test", &manual("P1", 9_000))).unwrap();
    let back =
        |desk: &mut Desk, subject: &str, cause: &str| desk.run(|work| ledger::take_back(work, subject, cause, "bob"));
    back(&mut desk, "payout/test/P1", "paid out").unwrap();
    assert_eq!((desk.balance("bank"), desk.balance("provider:test:clearing")), (0, 11_900));
    assert!(refused(back(&mut desk, "payout/test/P1", "paid out")).contains("before"));
    assert!(refused(back(&mut desk, "payout/test/P1", "correction of paid out")).contains("correction"));
    assert!(refused(back(&mut desk, "payout/test/P2", "paid out")).contains("nothing was booked"));
    assert!(refused(back(&mut desk, &id, "line 1 sold")).contains("of kind sold"));
    // Its id is used up.
    let again = desk.run(|work| ledger::payout(work, "test", &manual("P1", 9_000)));
    assert!(refused(again).contains("use a new id"));
    desk.check();
}
