//! Meters that are replaced: nothing moves before the old one's last receipt, and then once. Dead ones: by two people.

use crate::desk::{Desk, Shows, UTILITY, enrol_for, meter_id, refused};
use crate::restoring::{is_recovering, meter, settle, units};
use coinless_protocol::MeterId;
use coinless_protocol::state::{ShutCause, ShutCauses};
use coinless_protocol::token::Token;
use coinless_station::lifecycle::LineState;
use coinless_station::operator::Operator;
use coinless_station::problem::Error;
use coinless_station::{meters, refunds, replacement, retirement};
use std::collections::BTreeSet;

fn new_id() -> MeterId {
    "CLS0000000025".parse().unwrap()
}

fn name(name: &str) -> Operator {
    name.parse().unwrap()
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.run(|work| enrol_for(work, new_id(), UTILITY)).unwrap();
    desk
}

fn begin(desk: &mut Desk) -> Result<bool, Error> {
    let begun = desk.run(|work| replacement::begin(work, meter_id(), new_id(), &name("ada"), "broken glass"));
    desk.work();
    begun
}

/// The old meter took the newest token, and everything was taken out.
fn closed(desk: &mut Desk, total: u64, consumed: i64) -> Shows {
    let number = meter(desk).last_number.0;
    let withdrawn = 2_000_000 + total as i64 * 1_000 - consumed;
    let mut shows = Shows { withdrawn, consumed, ..Shows::at(number, total) };
    shows.flags.causes = ShutCauses::NONE.with(ShutCause::ClosedAccount);
    shows
}

fn new_meter(desk: &mut Desk) -> meters::Meter {
    desk.run(|work| meters::find(work, new_id())).unwrap()
}

fn closing_tokens(desk: &mut Desk) -> Vec<bool> {
    let rows = desk.run(|work| {
        Ok(work.query("SELECT payload FROM token WHERE meter_id = $1 ORDER BY number", &[meter_id().as_str().into()])?)
    });
    let is_closing = |payload: &[u8]| Token::from_payload(payload).unwrap().credit().unwrap().closing;
    rows.unwrap().iter().map(|row| is_closing(row.bytes(0).unwrap())).collect()
}

#[test]
fn what_is_left_moves_with_the_last_receipt_and_once() {
    let mut desk = desk();
    let id = desk.buy(1, &[1_000]);
    assert!(begin(&mut desk).unwrap());
    assert!(!begin(&mut desk).unwrap(), "the command again changes nothing");
    assert_eq!(closing_tokens(&mut desk), [false, true]);
    assert_eq!(new_meter(&mut desk).live_total.get(), 0);
    assert!(refused(desk.run(|work| refunds::void(work, &id, 1))).contains("being replaced by CLS0000000025"));
    let again = desk.run(|work| crate::desk::put(work, &crate::desk::order_id(2), &[500], "test"));
    assert!(refused(again).contains("buy for that one"));

    let total = units(&mut desk, &id);
    // The line's own token reached it first: nothing is closed yet.
    desk.shows(&Shows::at(1, total));
    assert_eq!((desk.state(&id, 1), new_meter(&mut desk).live_total.get()), (LineState::Delivered, 0));
    let last = closed(&mut desk, total, 1_500);
    desk.shows(&last);
    desk.shows(&last);
    let status = desk.run(|work| replacement::status(work, meter_id())).unwrap();
    // 2000 that it was made with and what was bought, less 1.5 units that were used.
    let moved = 2_000 + total - 2;
    assert_eq!(status.rest.as_deref(), Some("0.000 m³"));
    assert_eq!(new_meter(&mut desk).live_total.get(), moved);
    assert!(meter(&mut desk).is_retired);
    assert!(status.closing_token.is_none() && status.transfer_token.is_some());
    desk.shows(&Shows { meter: new_id(), ..Shows::at(1, moved) });
    let status = desk.run(|work| replacement::status(work, meter_id())).unwrap();
    assert_eq!(status.transfer_token, None);
    assert_eq!(new_meter(&mut desk).reserved.get(), 0);
    assert_eq!(desk.balance("sold_undelivered"), 0);
    assert_eq!(desk.causes(), Vec::<String>::new());
    desk.check();
}

#[test]
fn what_was_not_loaded_is_loaded_and_taken_out_by_the_closing_token() {
    let mut desk = desk();
    let first = desk.buy(1, &[1_000]);
    let wanted_back = desk.buy(2, &[500]);
    desk.void(&wanted_back, 1);
    begin(&mut desk).unwrap();
    let total = units(&mut desk, &first);
    let last = closed(&mut desk, total, 0);
    desk.shows(&last);
    assert_eq!((desk.state(&first, 1), desk.state(&wanted_back, 1)), (LineState::Delivered, LineState::Refunded));
    assert_eq!(new_meter(&mut desk).live_total.get(), 2_000 + total);
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn a_void_that_was_loaded_is_closed_by_the_next_token() {
    let mut desk = desk();
    let id = desk.buy(1, &[1_000]);
    desk.void(&id, 1);
    begin(&mut desk).unwrap();
    let total = units(&mut desk, &id);
    // It stands where it must refuse the closing token.
    desk.shows(&Shows::at(1, total));
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    assert_eq!(new_meter(&mut desk).live_total.get(), 0);
    assert_eq!(closing_tokens(&mut desk), [false, false, true, true], "one that it can take where it stands");
    let last = closed(&mut desk, total, 0);
    desk.shows(&last);
    assert_eq!(new_meter(&mut desk).live_total.get(), 2_000 + total);
}

#[test]
fn not_every_meter_can_stand_for_another_one() {
    let mut desk = desk();
    let same = desk.run(|work| replacement::begin(work, meter_id(), meter_id(), &name("ada"), ""));
    assert!(refused(same).contains("does not replace itself"));
    let other: MeterId = "CLS0000000033".parse().unwrap();
    desk.run(|work| enrol_for(work, other, "another")).unwrap();
    let of_another = desk.run(|work| replacement::begin(work, meter_id(), other, &name("ada"), ""));
    assert!(refused(of_another).contains("different utilities"));
    let id = desk.put(1, &[1_000], crate::desk::PROVIDER);
    desk.accept(&id, None).unwrap();
    assert!(refused(begin(&mut desk)).contains("still being paid or sold"));
    desk.work();
    begin(&mut desk).unwrap();
    let third = desk.run(|work| replacement::begin(work, new_id(), meter_id(), &name("ada"), ""));
    assert!(refused(third).contains("being replaced"));
}

#[test]
fn a_dead_meter_is_retired_by_two_people_and_moves_what_is_left() {
    let mut desk = desk();
    let first = desk.buy(1, &[1_000]);
    let total = units(&mut desk, &first);
    desk.shows(&Shows { consumed: 0, ..Shows::at(1, total) });
    desk.now_ms += 10 * 86_400_000;
    desk.shows(&Shows { consumed: 1_000_000, ..Shows::at(1, total) });
    desk.now_ms += 5 * 86_400_000;
    let second = desk.buy(2, &[500]);
    let (ada, bea) = (name("ada"), name("bea"));
    desk.run(|work| retirement::propose(work, meter_id(), Some(new_id()), &ada, "burnt")).unwrap();
    let proposed = desk.run(|work| retirement::status(work, meter_id())).unwrap();
    // 100 units a day for five days.
    let left = 2_000 + total - 1_000 - 500;
    assert!(proposed.reasoning.iter().any(|line| line.contains("by estimate")), "{proposed:?}");
    let nobody = BTreeSet::new();
    let alone = desk.run(|work| retirement::confirm(work, meter_id(), &ada, &nobody));
    assert!(refused(alone).contains("another person"));
    let third = desk.buy(3, &[300]);
    let changed = desk.run(|work| retirement::confirm(work, meter_id(), &bea, &nobody));
    assert!(refused(changed).contains("propose it again"));
    desk.run(|work| retirement::propose(work, meter_id(), Some(new_id()), &ada, "burnt")).unwrap();
    desk.run(|work| retirement::confirm(work, meter_id(), &bea, &nobody)).unwrap();
    desk.work();
    assert_eq!((desk.state(&second, 1), desk.state(&third, 1)), (LineState::Delivered, LineState::Delivered));
    let moved = left + units(&mut desk, &second) + units(&mut desk, &third);
    assert_eq!(new_meter(&mut desk).live_total.get(), moved);
    assert!(meter(&mut desk).is_retired);
    assert_eq!((meter(&mut desk).reserved.get(), desk.balance("sold_undelivered")), (0, 0));
    let twice = desk.run(|work| retirement::confirm(work, meter_id(), &bea, &nobody));
    assert!(refused(twice).contains("nobody has proposed"));
    assert_eq!(desk.causes(), Vec::<String>::new());
    // It was not so dead.
    desk.shows(&Shows { consumed: 1_000_000, ..Shows::at(1, total) });
    assert_eq!(desk.causes(), ["retired_meter_speaks"]);
}

#[test]
fn without_a_new_meter_lines_are_refunded_and_the_rest_is_for_a_person() {
    let mut desk = desk();
    let first = desk.buy(1, &[1_000]);
    let wanted_back = desk.buy(2, &[500]);
    desk.void(&wanted_back, 1);
    desk.run(|work| retirement::propose(work, meter_id(), None, &name("ada"), "")).unwrap();
    desk.run(|work| retirement::confirm(work, meter_id(), &name("bea"), &BTreeSet::new())).unwrap();
    desk.work();
    assert_eq!((desk.state(&first, 1), desk.state(&wanted_back, 1)), (LineState::Refunded, LineState::Refunded));
    let old = meter(&mut desk);
    assert_eq!((old.live_total.get(), old.reserved.get()), (0, 0));
    assert_eq!(desk.causes(), ["retired_balance"]);
    desk.check();
}

#[test]
fn a_replacement_whose_token_never_came_back_ends_by_two_people() {
    let mut desk = desk();
    let id = desk.buy(1, &[1_000]);
    begin(&mut desk).unwrap();
    desk.run(|work| retirement::propose(work, meter_id(), Some(new_id()), &name("ada"), "")).unwrap();
    desk.run(|work| retirement::confirm(work, meter_id(), &name("bea"), &BTreeSet::new())).unwrap();
    desk.work();
    let total = units(&mut desk, &id);
    assert_eq!(new_meter(&mut desk).live_total.get(), 2_000 + total);
    // The closing token's receipt comes after all: nothing moves twice.
    let last = closed(&mut desk, total, 0);
    desk.shows(&last);
    assert_eq!(new_meter(&mut desk).live_total.get(), 2_000 + total);
}

#[test]
fn after_a_restore_what_the_new_meter_has_waits_for_the_old_ones_last_receipt() {
    let mut desk = desk();
    let id = desk.buy(1, &[1_000]);
    begin(&mut desk).unwrap();
    let total = units(&mut desk, &id);
    let file = desk.back_up();
    // What is forgotten: the old meter was closed, and the new one has what was left.
    desk.restore(&file).unwrap();
    assert!(refused(begin_other_way(&mut desk)).contains("being replaced"));
    settle(&mut desk);
    assert!(!is_recovering(&mut desk));
    let moved = 2_000 + total;
    let gap = new_meter(&mut desk).gap.unwrap();
    let has_it = Shows { meter: new_id(), ..Shows::at(gap.first().0, moved) };
    desk.shows(&has_it);
    assert_eq!(
        (new_meter(&mut desk).live_total.get(), desk.causes()),
        (0, Vec::<String>::new()),
        "nobody counts it twice"
    );
    let number = meter(&mut desk).gap.unwrap().first().0 - 1;
    let last = Shows { registers: Shows::at(number, total).registers, ..closed(&mut desk, total, 0) };
    desk.shows(&last);
    assert_eq!(new_meter(&mut desk).live_total.get(), moved);
    desk.shows(&has_it);
    assert_eq!((new_meter(&mut desk).live_total.get(), desk.causes()), (moved, Vec::new()));
    let newest = new_meter(&mut desk).last_number.0;
    desk.shows(&Shows { meter: new_id(), ..Shows::at(newest, moved) });
    assert_eq!((new_meter(&mut desk).reserved.get(), new_meter(&mut desk).live_total.get()), (0, moved));
    desk.check();
}

fn begin_other_way(desk: &mut Desk) -> Result<bool, Error> {
    desk.run(|work| replacement::begin(work, new_id(), meter_id(), &name("ada"), ""))
}

#[test]
fn nothing_is_replaced_while_what_was_sold_is_being_recovered() {
    let mut desk = desk();
    let file = desk.back_up();
    desk.restore(&file).unwrap();
    let only = |desk: &mut Desk, id: MeterId| {
        desk.run(|work| {
            let sql = "UPDATE meter SET recovering_since_ms = CASE WHEN meter_id = $1 THEN 1 END";
            Ok(work.execute(sql, &[id.as_str().into()])?)
        })
        .unwrap();
        let said = refused(begin(desk));
        assert!(said.contains(&format!("meter {} is being recovered", id.label())), "{said}");
    };
    only(&mut desk, meter_id());
    only(&mut desk, new_id());
    desk.run(|work| Ok(work.execute("UPDATE meter SET recovering_since_ms = NULL", &[])?)).unwrap();
    assert!(begin(&mut desk).unwrap());
}
