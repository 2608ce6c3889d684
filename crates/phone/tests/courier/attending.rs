//! The meter's clock and report, and a technician's token: each costs the meter something, and none is ever in credit's way.

use super::*;
use coinless_phone::courier::{
    Attending, ClockSet, DeliveryOutcome, Handed, MAX_VISITS, PAUSE_S, ReportTaken, TokenFile, TokenFileError,
    fetch_report, hand, identity, set_clock,
};
use coinless_phone::records::{MeterKey, StoredVisit};
use coinless_phone::store::Store;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::token::{Order, Set, Valve, ValveOrder};

/// A moment of the phone's clock.
const NOW_S: u64 = 1_800_000_000;

impl World {
    fn attend<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut TestStore, &mut TestLink, &mut TestHttp, Attending<'_>) -> Result<T, Error>,
        now_s: u64,
    ) -> Option<Result<T, Error>> {
        let (store, link, http) = (&mut self.store, &mut self.gas, &mut self.http);
        run(async move {
            let identity = identity(link).await?;
            work(store, link, http, Attending { identity: &identity, url: URL, now_s }).await
        })
    }

    fn set_clock(&mut self, now_s: u64) -> Option<Result<ClockSet, Error>> {
        self.attend(async |store, link, http, attending| set_clock(store, link, http, attending).await, now_s)
    }

    fn report(&mut self, now_s: u64, at_once: bool) -> Option<Result<ReportTaken, Error>> {
        self.attend(async |store, link, _, attending| fetch_report(store, link, attending, at_once).await, now_s)
    }

    fn hand(&mut self, file: &TokenFile) -> Option<Result<Handed, Error>> {
        run(hand(&mut self.store, &mut self.gas, URL, file))
    }

    fn kept(&self) -> Option<u32> {
        self.contents().visits.iter().find_map(|visit| visit.report.as_ref()).map(|report| report.number)
    }

    fn valve_token(&self, number: u32) -> Vec<u8> {
        let valve = Some(Valve { number, command: ValveOrder::Service });
        let order = Order::Set(Set { valve, ..Set::default() });
        self.http.station.borrow_mut().register(GAS.parse().unwrap(), order)
    }
}

fn busy() -> Error {
    Error::Busy { after_s: Some(meter::BUSY_S) }
}

fn token_file(label: &str, token: &[u8]) -> Result<TokenFile, TokenFileError> {
    let hex: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    TokenFile::read(format!(r#"{{"meter": "{label}", "token": "{hex}", "more": 1}}"#).as_bytes())
}

#[test]
fn the_clock_is_set_once_a_day() {
    let mut world = World::with_tokens();
    world.http.station.borrow_mut().time_s = NOW_S + 7;
    assert!(matches!(world.set_clock(NOW_S), Some(Ok(ClockSet::Set(_)))));
    assert_eq!(world.gas.meter.borrow().clock, NOW_S + 7, "the station's word and not the phone's");
    let used = world.gas.meter.borrow().numbers_used();
    assert_eq!(world.set_clock(NOW_S + PAUSE_S - 1), Some(Ok(ClockSet::NotDue)));
    assert_eq!(world.gas.meter.borrow().numbers_used(), used);
    assert!(matches!(world.set_clock(NOW_S + PAUSE_S), Some(Ok(ClockSet::Set(_)))));
    // The phone's clock was wrong, and is right again.
    assert!(matches!(world.set_clock(NOW_S), Some(Ok(ClockSet::Set(_)))));
    // The receipts find their way.
    assert_eq!(world.sync().unwrap().unwrap().uploaded.len(), 3);
}

#[test]
fn without_a_way_to_the_station_the_meter_is_not_troubled() {
    let mut world = World::with_tokens();
    world.http.station.borrow_mut().time_s = NOW_S;
    // The first step is the question who the meter is.
    world.faults.plan(&[(1, Fault::LoseRequest)]);
    assert_eq!(world.set_clock(NOW_S), Some(Ok(ClockSet::NotOnLine)));
    assert_eq!((world.gas.meter.borrow().numbers_used(), world.contents().visits.len()), (0, 0));
    assert!(matches!(world.set_clock(NOW_S), Some(Ok(ClockSet::Set(_)))));
}

#[test]
fn a_meter_without_challenge_and_report() {
    let mut world = World::with_tokens();
    world.gas.meter.borrow_mut().is_old = true;
    assert_eq!(world.set_clock(NOW_S), Some(Ok(ClockSet::NotOffered)));
    assert_eq!(world.report(NOW_S, false), Some(Ok(ReportTaken::NotOffered)));
    assert_eq!(world.report(NOW_S, false), Some(Ok(ReportTaken::NotDue)));
    world.gas.meter.borrow_mut().is_old = false;
    world.gas.meter.borrow_mut().busy = true;
    assert_eq!(world.report(NOW_S, true), Some(Err(busy())));
    assert_eq!(world.set_clock(NOW_S + PAUSE_S), Some(Err(busy())));
}

#[test]
fn a_clock_token_that_says_more_is_not_handed_over() {
    let mut world = World::with_tokens();
    let other = world.valve_token(1);
    world.http.station.borrow_mut().wrong_clock = Some(other);
    assert!(matches!(world.set_clock(NOW_S), Some(Err(Error::StationAnswer(_)))));
    assert_eq!((world.gas.meter.borrow().valve, world.gas.meter.borrow().handed.len()), (0, 0));
}

#[test]
fn a_report_is_taken_along_once_a_day() {
    let mut world = World::with_tokens();
    let Some(Ok(ReportTaken::Kept(first))) = world.report(NOW_S, false) else { panic!("no report") };
    assert!(first.verified);
    assert_eq!(world.report(NOW_S + PAUSE_S - 1, false), Some(Ok(ReportTaken::NotDue)));
    assert_eq!(world.gas.meter.borrow().numbers_used(), 1);
    // A newer one takes its place.
    let Some(Ok(ReportTaken::Kept(second))) = world.report(NOW_S + 1, true) else { panic!("no report") };
    assert_eq!((world.contents().visits.len(), world.kept()), (1, Some(second.number)));
    let report = world.sync().unwrap().unwrap();
    assert_eq!((report.reports.len(), world.kept()), (1, None));
    assert_eq!(world.http.station.borrow().reports, [second.bytes]);
    // What the station has is not asked for again on the same day.
    assert_eq!(world.report(NOW_S + 2, false), Some(Ok(ReportTaken::NotDue)));
    assert_eq!(world.sync().unwrap().unwrap().reports, []);
}

#[test]
fn a_report_survives_crashes_and_lost_answers() {
    for fault in FAULTS {
        at_every_step(fault, World::with_tokens, |world| {
            again(|| world.report(NOW_S, true), |taken| matches!(taken, ReportTaken::Kept(_)));
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.http.station.borrow().reports.len(), world.kept()), (1, None));
        });
    }
}

#[test]
fn a_station_that_takes_no_reports() {
    let mut world = World::with_tokens();
    world.report(NOW_S, false);
    // One that does not know the question may know it later.
    for unknown in ["", "not_found"] {
        world.http.station.borrow_mut().no_reports = Some(unknown);
        assert_eq!(world.sync().unwrap().unwrap().problems, []);
        assert!(world.kept().is_some());
    }
    // One that refuses this one will always do so.
    world.http.station.borrow_mut().no_reports = Some("not_signed");
    assert_eq!(world.sync().unwrap().unwrap().problems.len(), 1);
    assert_eq!(world.kept(), None);
    assert_eq!(world.sync().unwrap().unwrap().problems, []);
}

#[test]
fn a_forged_report_is_not_kept() {
    let mut world = World::with_tokens();
    world.gas.meter.borrow_mut().forger = Some(KeyPair::from_secret(&[78; 32]).unwrap());
    assert!(matches!(world.report(NOW_S, false), Some(Err(Error::NotAuthentic(_)))));
    assert_eq!(world.kept(), None);
}

#[test]
fn what_is_noted_of_meters_is_bounded() {
    let mut world = World::with_tokens();
    let noted = |number: usize, asked_s: u64| {
        let meter = format!("CLS{number:010}").parse().unwrap();
        let key = MeterKey { meter, meter_key: coinless_protocol::keys::KeyHint([1; 4]) };
        StoredVisit { report_asked_s: asked_s, ..StoredVisit::new(key, URL) }
    };
    for number in 0..MAX_VISITS {
        // All of today, the first ones earlier.
        run(world.store.save_visit(&noted(1_000 + number, NOW_S - 1_000 + number as u64))).unwrap().unwrap();
    }
    world.report(NOW_S, false);
    assert_eq!(world.contents().visits.len(), MAX_VISITS);
    assert!(!world.contents().visits.contains(&noted(1_000, NOW_S - 1_000)), "the oldest one is forgotten");
    // A day later all others say nothing any more.
    world.report(NOW_S + PAUSE_S + 1_000, false);
    assert_eq!(world.contents().visits.len(), 1);
}

#[test]
fn a_technicians_token() {
    let mut world = World::new();
    let file = token_file("CLS0000000017-Z", &world.valve_token(1)).unwrap();
    for fault in FAULTS {
        at_every_step(fault, World::new, |world| {
            let handed = again(|| world.hand(&file), |handed| handed.outcome.is_done());
            assert_eq!(handed.outcome, DeliveryOutcome::Applied);
            assert_eq!(world.gas.meter.borrow().valve, 1);
            again(|| world.sync(), |report| report.problems.is_empty());
            assert_eq!((world.contents().tokens.len(), world.http.station.borrow().receipts.len()), (0, 1));
        });
    }
    // After a newer one, the meter is past it.
    let newer = token_file("CLS0000000017-Z", &world.valve_token(2)).unwrap();
    assert_eq!(world.hand(&newer).unwrap().unwrap().outcome, DeliveryOutcome::Applied);
    assert_eq!(world.hand(&file).unwrap().unwrap().outcome, DeliveryOutcome::Covered);
}

#[test]
fn a_technicians_token_for_something_else() {
    let mut world = World::new();
    let token = world.valve_token(1);
    let error = |label: &str, token: &[u8]| token_file(label, token).unwrap_err().to_string();
    assert!(error("CLS0000000025-X", &token).contains("its token is for CLS0000000017-Z"));
    assert!(error("CLS0000000017-Z", &token[1..]).contains("cannot be read"));
    assert!(TokenFile::read(b"{}").unwrap_err().to_string().contains("meter and token"));
    let file = token_file("CLS0000000017-Z", &token).unwrap();
    std::mem::swap(&mut world.gas, &mut world.water);
    let wrong = world.hand(&file).unwrap().unwrap_err();
    assert!(matches!(wrong, Error::OtherMeter { .. }), "{wrong}");
    std::mem::swap(&mut world.gas, &mut world.water);
    *world.gas.meter.borrow_mut() = TestMeter::new(GAS, 78);
    assert!(matches!(world.hand(&file), Some(Err(Error::NotAuthentic(_)))));
    assert!(world.gas.meter.borrow().handed.is_empty() && world.contents().receipts.is_empty());
}
