//! Who may read a meter, as time passes; and what its readings say by day.

use crate::desk::{Desk, NOON, PROVIDER, Shows, meter_id};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::readings::ReadingsKey;
use coinless_station::problem::{Code, Error};
use coinless_station::readers::{self, Earned, MOST_READERS, ReaderSecret, TypedCode};
use coinless_station::readings::{self, ReadingsView};
use coinless_station::tenants::{self, NewTenant};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn key() -> ReadingsKey {
    let pair = |byte: u8| KeyPair::from_secret(&[byte; 32]).unwrap();
    ReadingsKey::agree(&pair(9), &pair(7).public_key(), &meter_id())
}

fn secret(number: usize) -> ReaderSecret {
    format!("{number:064x}").try_into().unwrap()
}

fn type_code(desk: &mut Desk, code: u32, reader: usize) -> Result<Earned, Error> {
    let code = TypedCode::parse(&format!("{code:08}")).unwrap();
    desk.run(|work| readers::earn(work, meter_id(), code, &secret(reader), &key()))
}

/// Types what the meter shows when its last receipt has this number.
fn type_of(desk: &mut Desk, number: u32, reader: usize) -> Result<Earned, Error> {
    type_code(desk, key().owner_code(number), reader)
}

fn may_read(desk: &mut Desk, reader: usize) -> bool {
    desk.run(|work| readers::check(work, meter_id(), &secret(reader))).is_ok()
}

fn view(desk: &mut Desk, reader: usize, offset_minutes: i64) -> ReadingsView {
    desk.run(|work| {
        let since = readers::check(work, meter_id(), &secret(reader))?;
        readings::view(work, meter_id(), since, offset_minutes)
    })
    .unwrap()
}

fn code_of(error: Result<Earned, Error>) -> Code {
    match error {
        Err(Error::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn used(consumed: i64, clock_ms: Option<i64>) -> Shows {
    let clock = clock_ms.map(|ms| (ms / 1000).try_into().unwrap());
    Shows { consumed, clock, ..Shows::at(0, 0) }
}

#[test]
fn a_code_may_be_a_little_older_or_newer_than_what_is_known() {
    let mut desk = Desk::new();
    // A new meter of which nothing is known yet.
    assert!(matches!(type_of(&mut desk, 0, 1), Ok(Earned::Entitled { earned_ms: NOON })));
    assert!(desk.take(100, &used(500, None)));
    let mut entitled = Vec::new();
    for number in 85..115 {
        // Each try in an hour of its own, and a few a day.
        desk.now_ms += 2 * HOUR_MS;
        if matches!(type_of(&mut desk, number, number as usize), Ok(Earned::Entitled { .. })) {
            entitled.push(number);
        }
    }
    assert_eq!(entitled, (92..=108).collect::<Vec<_>>());
}

#[test]
fn wrong_codes_are_counted_by_the_hour_and_by_the_day() {
    let mut desk = Desk::new();
    let right = key().owner_code(0);
    let wrong = (0..).find(|code| (0..=8).all(|number| key().owner_code(number) != *code)).unwrap();
    let (mut tried, mut was_told_when) = (0, false);
    while desk.now_ms < NOON + DAY_MS {
        match type_code(&mut desk, wrong, 1) {
            Ok(Earned::Wrong { .. }) => (tried, was_told_when) = (tried + 1, false),
            Ok(earned) => panic!("{earned:?}"),
            Err(refused) => {
                assert!(!was_told_when, "it was told when to try again: {refused}");
                let after_s = i64::try_from(refused.details().more.retry_after_s.unwrap()).unwrap();
                assert_eq!(code_of(Err(refused)), Code::TooOften);
                assert_eq!(code_of(type_code(&mut desk, right, 1)), Code::TooOften, "not even the right one");
                (was_told_when, desk.now_ms) = (true, desk.now_ms + after_s * 1000);
            }
        }
    }
    // From noon to noon there are two days by the calendar.
    assert_eq!(tried, 40);
    desk.now_ms = NOON + 2 * DAY_MS;
    assert!(matches!(type_code(&mut desk, right, 1), Ok(Earned::Entitled { .. })));
}

#[test]
fn the_first_to_come_goes_when_there_are_too_many() {
    let mut desk = Desk::new();
    for reader in 0..=MOST_READERS {
        desk.now_ms += 1;
        type_of(&mut desk, 0, reader).unwrap();
    }
    let reading: Vec<_> = (0..=MOST_READERS).filter(|reader| may_read(&mut desk, *reader)).collect();
    assert_eq!(reading, (1..=MOST_READERS).collect::<Vec<_>>());
}

fn move_in(desk: &mut Desk, name: &str) {
    let new = NewTenant { customer: Some(name.to_owned()), ..NewTenant::default() };
    assert!(desk.run(|work| tenants::change(work, meter_id(), &new, "grace")).unwrap());
}

#[test]
fn a_meters_time_proves_the_new_tenancy_too() {
    let mut desk = Desk::new();
    assert!(desk.take(3, &used(500, None)));
    type_of(&mut desk, 3, 1).unwrap();
    desk.now_ms += DAY_MS;
    move_in(&mut desk, "Grace");
    assert!(!may_read(&mut desk, 1));
    // A receipt of before, brought late; one whose time is after the change by less than clocks drift; one of after it.
    let changed_ms = desk.now_ms;
    desk.now_ms += 2 * DAY_MS;
    assert!(desk.take(5, &used(600, Some(changed_ms - 1_000))));
    assert!(desk.take(6, &used(700, Some(changed_ms + HOUR_MS - 1_000))));
    // A clock that is ahead proves nothing.
    let ahead = used(550, Some(desk.now_ms + 61_000));
    assert!(desk.take(4, &ahead));
    assert_eq!(code_of(type_of(&mut desk, 6, 1)), Code::NotPossibleNow);
    assert!(desk.take(7, &used(800, Some(changed_ms + HOUR_MS))));
    assert!(matches!(type_of(&mut desk, 6, 1), Ok(Earned::Wrong { .. })));
    type_of(&mut desk, 7, 1).unwrap();
    assert_eq!(view(&mut desk, 1, 0).days.iter().map(|day| day.used_fine).sum::<i64>(), 0);
    // The same names again end it too, if a person says so.
    desk.now_ms += 1;
    let again = NewTenant { customer: Some("Grace".to_owned()), again: true, ..NewTenant::default() };
    desk.run(|work| tenants::change(work, meter_id(), &again, "grace")).unwrap();
    assert!(!may_read(&mut desk, 1));
}

#[test]
fn a_credit_number_of_after_the_change_proves_it() {
    let mut desk = Desk::new();
    let old = desk.buy(1, &[2_000]);
    desk.receipt(1);
    assert!(desk.run(|work| coinless_station::orders::lines(work, &old)).is_ok());
    type_of(&mut desk, 1, 1).unwrap();
    move_in(&mut desk, "Grace");
    // The old tenant kept a receipt back, and what the display showed then.
    let old_total = total(&mut desk, 1);
    assert!(desk.take(4, &Shows::at(1, old_total)));
    assert_eq!(code_of(type_of(&mut desk, 4, 1)), Code::NotPossibleNow);
    let new = desk.put(2, &[2_000], PROVIDER);
    desk.accept(&new, None).unwrap();
    desk.work();
    let credited = total(&mut desk, 2);
    assert!(desk.take(5, &Shows::at(2, credited)));
    assert!(matches!(type_of(&mut desk, 4, 1), Ok(Earned::Wrong { .. })));
    type_of(&mut desk, 5, 2).unwrap();
    assert!(may_read(&mut desk, 2) && !may_read(&mut desk, 1));
}

fn total(desk: &mut Desk, number: u32) -> u64 {
    desk.run(|work| {
        let sql = "SELECT total FROM token WHERE meter_id = $1 AND number = $2";
        let row = work.query_first(sql, &[meter_id().as_str().into(), number.into()])?;
        Ok(row.unwrap().number(0)?)
    })
    .unwrap()
}

#[test]
fn use_is_told_by_day_as_far_as_receipts_show_it() {
    let mut desk = Desk::new();
    type_of(&mut desk, 0, 1).unwrap();
    assert_eq!(view(&mut desk, 1, 0).last, None);
    desk.shows(&used(0, Some(NOON)));
    desk.now_ms += 2 * DAY_MS;
    desk.shows(&used(40_000, Some(desk.now_ms)));
    desk.now_ms += DAY_MS;
    // Its clock stood still for weeks: when the receipt came in is nearer.
    desk.shows(&used(70_000, Some(NOON - 30 * DAY_MS)));
    let view_now = view(&mut desk, 1, 0);
    let days: Vec<_> = view_now.days.iter().map(|day| (day.day.as_str(), day.used_fine, day.estimated)).collect();
    assert_eq!(
        days,
        [
            ("2026-11-24", 10_000, false),
            ("2026-11-25", 20_000, true),
            ("2026-11-26", 25_000, false),
            ("2026-11-27", 15_000, false)
        ]
    );
    // 70 dm³ in 3 days; 1.930 m³ are left.
    assert_eq!((view_now.mean.as_deref(), view_now.mean_fine), (Some("0.023 m³"), Some(23_333)));
    assert_eq!(view_now.days_left, Some(82));
    assert_eq!(view_now.last.as_ref().map(|last| last.at.as_str()), Some("2026-11-27T12:00:00Z"));
    desk.now_ms += 80 * DAY_MS;
    assert_eq!(view(&mut desk, 1, 0).days_left, Some(2));
    // Twelve hours ahead of UTC it is midnight at noon.
    assert_eq!(view(&mut desk, 1, 720).days[0].used_fine, 20_000);
}
