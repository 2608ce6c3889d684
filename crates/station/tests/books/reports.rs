//! Reports of meters: the newest is kept, older ones change nothing, and the valve command is settled by them.

use crate::desk::{Desk, meter_id};
use crate::terms::{commit, states, wish};
use coinless_protocol::FineCredit;
use coinless_protocol::report::{Event, EventCounts, ReportContent};
use coinless_protocol::token::ValveOrder;
use coinless_station::reports::{self, OpenedReport, ReportStatus};
use coinless_station::terms::Content;
use coinless_station::{meters, terms};

fn report(number: u32, valve: u32) -> OpenedReport {
    let mut events = EventCounts::default();
    (0..number).for_each(|_| events.count(Event::Cover));
    let content = ReportContent {
        metered: FineCredit(12_000_000),
        valve,
        emergency_taken: false,
        clock_trusted: true,
        debt_total: FineCredit(0),
        debt_paid: FineCredit(0),
        events,
    };
    OpenedReport { bytes: vec![1], meter: meter_id(), number, content }
}

fn newest(desk: &mut Desk) -> Option<ReportStatus> {
    desk.run(|work| {
        let meter = meters::find(work, meter_id())?;
        reports::status(work, &meter)
    })
    .unwrap()
}

#[test]
fn the_newest_is_kept_and_never_goes_back() {
    let mut desk = Desk::new();
    assert_eq!(newest(&mut desk), None);
    assert!(desk.run(|work| reports::accept(work, &report(3, 0))).unwrap());
    assert!(!desk.run(|work| reports::accept(work, &report(2, 0))).unwrap());
    let kept = newest(&mut desk).unwrap();
    assert_eq!((kept.number, kept.taken, kept.metered.as_str()), (3, 1, "12.000 m³"));
    assert_eq!(kept.events.into_iter().collect::<Vec<_>>(), [("cover opened".to_owned(), 3)]);
    assert!(desk.run(|work| reports::accept(work, &report(4, 0))).unwrap());
    assert_eq!(newest(&mut desk).map(|kept| (kept.number, kept.taken)), Some((4, 2)));
}

#[test]
fn a_report_settles_the_valve_command() {
    let mut desk = Desk::new();
    commit(&mut desk, &Content::Valve(ValveOrder::HoldShut), &terms::Wish { with_credit: false, ..wish() });
    desk.run(|work| reports::accept(work, &report(1, 0))).unwrap();
    assert_eq!(states(&mut desk)[0].2, "signed");
    desk.run(|work| reports::accept(work, &report(2, 1))).unwrap();
    assert_eq!(states(&mut desk)[0].2, "settled");
    desk.run(|work| reports::accept(work, &report(3, 9))).unwrap();
    assert_eq!(desk.causes(), ["register_not_ours"]);
}
