//! Meters that are installed: once, proved by a receipt, and with credit that is nobody's money.

use crate::desk::{Desk, Shows, meter_id, refused};
use crate::restoring::{is_recovering, meter, settle};
use crate::terms::{standing, states};
use coinless_protocol::{FineCredit, Units};
use coinless_station::installation::{self, InstallationStatus, Plan};
use coinless_station::problem::Error;
use coinless_station::retirement;
use coinless_station::tenants::{self, NewTenant};
use coinless_station::terms::Content;
use std::collections::BTreeSet;

fn plan(debt: i64, initial: u64) -> Plan {
    Plan {
        operator: "ada".parse().unwrap(),
        reason: "flat 3".to_owned(),
        settings: None,
        tariff: None,
        debt: Some(FineCredit(debt)),
        initial: Some(Units::new(initial).unwrap()),
    }
}

fn install(desk: &mut Desk, plan: &Plan) -> Result<bool, Error> {
    let done = desk.run(|work| installation::install(work, meter_id(), plan));
    desk.work();
    done
}

fn status(desk: &mut Desk) -> InstallationStatus {
    desk.run(|work| installation::status(work, meter_id())).unwrap().unwrap()
}

#[test]
fn it_is_done_once_and_proved_by_the_test_token_or_a_later_one() {
    let mut desk = Desk::new();
    let Content::Tariff(tariff) = standing(5) else { unreachable!() };
    let mut with_tariff = Plan { tariff: Some(tariff), ..plan(5_000, 3_000) };
    assert!(install(&mut desk, &with_tariff).unwrap());
    assert!(!install(&mut desk, &with_tariff).unwrap());
    let done = status(&mut desk);
    assert_eq!((done.debt.as_str(), done.initial.as_str()), ("0.005 m³", "3.000 m³"));
    assert_eq!(
        done.tokens.iter().map(|token| (token.what, token.number)).collect::<Vec<_>>(),
        [("tariff", 1), ("credit", 1), ("test", 2)]
    );
    assert_eq!(states(&mut desk).len(), 1);
    assert_eq!((meter(&mut desk).live_total.get(), meter(&mut desk).reserved.get()), (3_000, 3_000));
    let Content::Tariff(other) = standing(6) else { unreachable!() };
    with_tariff.tariff = Some(other);
    for other in [&with_tariff, &plan(5_001, 3_000), &plan(5_000, 3_001)] {
        assert!(refused(install(&mut desk, other)).contains("was installed by ada"));
    }
    // Credit that is on its way to nobody in particular does not go back to a tenant.
    let tenant = NewTenant { customer: Some("Grace".to_owned()), place: None, again: false };
    let moved = desk.run(|work| tenants::change(work, meter_id(), &tenant, "ada"));
    assert!(refused(moved).contains("nobody bought"));

    let order = desk.buy(1, &[1_000]);
    desk.shows(&Shows::at(1, 3_000));
    assert_eq!((status(&mut desk).proved, meter(&mut desk).reserved.get() > 0), (None, true));
    desk.shows(&Shows::at(2, 3_000));
    let proved = status(&mut desk).proved.unwrap();
    desk.now_ms += 1_000;
    let total = crate::restoring::units(&mut desk, &order) + 3_000;
    desk.shows(&Shows::at(3, total));
    assert_eq!(status(&mut desk).proved, Some(proved), "by the first one");
    assert_eq!((desk.balance("sold_undelivered"), meter(&mut desk).reserved.get()), (0, 0));
    assert_eq!(desk.causes(), Vec::<String>::new());
    desk.check();
}

#[test]
fn more_than_a_meter_can_hold_is_not_given() {
    let mut desk = Desk::new();
    // 2000 are on it.
    assert!(refused(install(&mut desk, &plan(0, 4_998_001))).contains("can take 4998.000 m³ more"));
    assert!(install(&mut desk, &plan(0, 4_998_000)).unwrap());
}

#[test]
fn a_new_key_epoch_proves_nothing_before_it_takes_credit() {
    let mut desk = Desk::new();
    install(&mut desk, &plan(0, 0)).unwrap();
    crate::epochs::raise(&mut desk);
    desk.shows(&crate::epochs::at(1, 0, 0));
    assert_eq!(status(&mut desk).proved, None);
    desk.run(|work| coinless_station::registers::test(work, meter_id(), &"ada".parse().unwrap())).unwrap();
    let number = meter(&mut desk).last_number.0;
    desk.shows(&crate::epochs::at(1, number, 0));
    assert!(status(&mut desk).proved.is_some());
}

#[test]
fn what_a_restore_forgot_is_not_given_twice() {
    let mut desk = Desk::new();
    let file = desk.back_up();
    install(&mut desk, &plan(0, 3_000)).unwrap();
    desk.restore(&file).unwrap();
    assert!(refused(install(&mut desk, &plan(0, 3_000))).contains("being recovered"));
    settle(&mut desk);
    assert!(!is_recovering(&mut desk));
    let gap = meter(&mut desk).gap.unwrap();
    let file = desk.back_up();
    // Given again before the meter is heard, it is the same credit.
    assert!(install(&mut desk, &plan(0, 3_000)).unwrap());
    desk.shows(&Shows::at(gap.first().0 + 1, 3_000));
    assert_eq!((meter(&mut desk).live_total.get(), desk.causes()), (3_000, Vec::new()));
    // Heard first, it is counted as what the meter has, and comes before a person.
    desk.restore(&file).unwrap();
    settle(&mut desk);
    desk.shows(&Shows::at(gap.first().0 + 1, 3_000));
    assert_eq!((meter(&mut desk).live_total.get(), desk.causes()), (3_000, vec!["credit_without_order".to_owned()]));
    assert!(refused(install(&mut desk, &plan(0, 3_000))).contains("a restore forgot"));
    assert!(install(&mut desk, &plan(0, 0)).unwrap());
}

#[test]
fn a_dead_meter_takes_its_initial_credit_nowhere_by_itself() {
    let mut desk = Desk::new();
    install(&mut desk, &plan(0, 3_000)).unwrap();
    desk.run(|work| retirement::propose(work, meter_id(), None, &"ada".parse().unwrap(), "")).unwrap();
    desk.run(|work| retirement::confirm(work, meter_id(), &"bea".parse().unwrap(), &BTreeSet::new())).unwrap();
    desk.work();
    assert_eq!((desk.causes(), meter(&mut desk).reserved.get()), (vec!["retired_balance".to_owned()], 0));
    desk.check();
}
