//! Tokens of the other registers: committed, signed, carried with credit, settled, superseded.

use crate::desk::{Desk, Shows, meter_id, refused};
use crate::restoring::units;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{Order, Token, ValveOrder};
use coinless_station::lifecycle::LineState;
use coinless_station::signer::SignError;
use coinless_station::terms::{self, Committed, Content, Wish};
use coinless_station::view;

pub fn wish() -> Wish {
    let operator = "ada".parse().unwrap();
    Wish { operator, reason: "from 1 July".to_owned(), with_credit: true, again: false }
}

pub fn standing(per_day: u32) -> Content {
    Content::Tariff(Tariff { standing_per_day: per_day, ..Tariff::default() })
}

fn disuse(days: u16) -> Content {
    Content::Settings(Settings { disuse_days: days, ..Settings::default() })
}

pub fn commit(desk: &mut Desk, content: &Content, wish: &Wish) -> Committed {
    let done = desk.run(|work| terms::commit(work, meter_id(), content, wish)).unwrap();
    desk.work();
    done
}

pub fn states(desk: &mut Desk) -> Vec<(&'static str, u64, String)> {
    let status = desk.run(|work| terms::status(work, meter_id())).unwrap();
    status.tokens.into_iter().map(|token| (token.register, token.number, token.state)).collect()
}

fn carried(desk: &mut Desk, order: &str) -> usize {
    desk.run(|work| view::order(work, order)).unwrap().lines[0].register_tokens.len()
}

/// What the newest credit token asks for.
fn needs(desk: &mut Desk) -> (u32, u32) {
    let payload = desk.run(|work| {
        let rows = work.query("SELECT payload FROM token ORDER BY epoch DESC, number DESC LIMIT 1", &[])?;
        Ok(rows[0].bytes(0)?.to_vec())
    });
    let payload = payload.unwrap();
    let needs = Token::from_payload(&payload).unwrap().credit().unwrap().conditions.needs;
    (needs.tariff, needs.settings)
}

#[test]
fn a_tariff_goes_with_the_next_credit_until_a_receipt_shows_it() {
    let mut desk = Desk::new();
    let first = desk.buy(1, &[1_000]);
    assert_eq!((needs(&mut desk), carried(&mut desk, &first)), ((0, 0), 0));
    let done = commit(&mut desk, &standing(5), &wish());
    assert_eq!((done.number, done.is_new), (1, true));
    assert_eq!(states(&mut desk), [("tariff", 1, "signed".to_owned())]);
    assert_eq!(carried(&mut desk, &first), 1, "whoever carries credit carries it");
    let second = desk.buy(2, &[1_000]);
    assert_eq!((needs(&mut desk), carried(&mut desk, &second)), ((1, 0), 1));
    let mut shows = Shows::at(1, units(&mut desk, &first));
    desk.shows(&shows);
    assert_eq!(desk.state(&first, 1), LineState::Delivered);
    assert_eq!(states(&mut desk)[0].2, "signed");
    shows.registers.tariff = 1;
    desk.shows(&shows);
    assert_eq!(states(&mut desk)[0].2, "settled");
    assert_eq!(carried(&mut desk, &second), 0);
    desk.buy(3, &[1_000]);
    assert_eq!(needs(&mut desk), (0, 0), "the meter has it");
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn a_newer_version_supersedes_one_that_was_not_shown() {
    let mut desk = Desk::new();
    commit(&mut desk, &standing(5), &wish());
    assert!(!commit(&mut desk, &standing(5), &wish()).is_new, "the command again changes nothing");
    assert_eq!(commit(&mut desk, &standing(6), &wish()).number, 2);
    assert!(commit(&mut desk, &standing(6), &Wish { again: true, ..wish() }).is_new);
    commit(&mut desk, &disuse(90), &Wish { with_credit: false, ..wish() });
    let name = |state: &str| state.to_owned();
    let expected = [
        ("settings", 1, name("signed")),
        ("tariff", 1, name("superseded")),
        ("tariff", 2, name("superseded")),
        ("tariff", 3, name("signed")),
    ];
    assert_eq!(states(&mut desk), expected);
    let order = desk.buy(1, &[1_000]);
    assert_eq!((needs(&mut desk), carried(&mut desk, &order)), ((3, 0), 2));
    // The first one reached the meter all the same.
    let mut shows = Shows::at(0, 0);
    shows.registers.tariff = 1;
    desk.shows(&shows);
    assert_eq!(states(&mut desk), expected);
    shows.registers.tariff = 3;
    shows.registers.settings = 1;
    desk.shows(&shows);
    assert_eq!(states(&mut desk)[3].2, "settled");
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn what_is_signed_is_what_was_committed() {
    let mut desk = Desk::new();
    let refusal = SignError::Refused("no".to_owned());
    desk.outside.signature = Err(refusal);
    desk.run(|work| terms::commit(work, meter_id(), &Content::Valve(ValveOrder::HoldShut), &wish()).map(drop)).unwrap();
    desk.work();
    assert_eq!(desk.causes(), ["signer_refused"]);
    let subject = format!("{}/0/valve/1", meter_id());
    let request = desk.run(|work| terms::request(work, &subject)).unwrap().unwrap();
    let Order::Set(set) = Token::from_payload(&request.payload).unwrap().order else { panic!("it sets") };
    assert_eq!(set.valve.map(|valve| (valve.number, valve.command)), Some((1, ValveOrder::HoldShut)));
    desk.outside.signature = Ok(vec![1]);
    desk.retry();
    assert_eq!(states(&mut desk), [("valve", 1, "signed".to_owned())]);
    assert_eq!(desk.run(|work| terms::request(work, &subject)).unwrap(), None);
}

#[test]
fn what_a_meter_would_refuse_is_not_signed() {
    let mut desk = Desk::new();
    let settings = Settings { open_by_token: Some(true), ..Settings::default() };
    let gas = desk.run(|work| terms::commit(work, meter_id(), &Content::Settings(settings.clone()), &wish()));
    assert!(refused(gas).contains("opened by a person"));
    let mut tariff = Tariff::default();
    tariff.rates.push(coinless_protocol::tariff::Price(1)).unwrap();
    let priced = desk.run(|work| terms::commit(work, meter_id(), &Content::Tariff(tariff.clone()), &wish()));
    assert!(refused(priced).contains("counts units"));
    let reason = "x".repeat(201);
    let long = desk.run(|work| terms::commit(work, meter_id(), &standing(1), &Wish { reason, ..wish() }));
    assert!(refused(long).contains("at most 200"));
    assert_eq!(states(&mut desk), []);
}

#[test]
fn the_clock_uses_no_number_up() {
    let mut desk = Desk::new();
    let now_s = u64::try_from(desk.now_ms / 1000).unwrap();
    let done = commit(&mut desk, &Content::Clock, &Wish { with_credit: false, ..wish() });
    assert_eq!(done.number, now_s);
    let order = desk.buy(1, &[1_000]);
    assert_eq!(carried(&mut desk, &order), 0, "a phone asks for a fresh one");
    let mut shows = Shows::at(0, 0);
    shows.clock = Some(now_s - 1);
    desk.shows(&shows);
    assert_eq!(states(&mut desk)[0].2, "signed");
    shows.clock = Some(now_s + 5);
    desk.shows(&shows);
    assert_eq!(states(&mut desk)[0].2, "settled");
}

#[test]
fn after_a_restore_numbers_are_skipped_and_what_is_not_ours_is_shown() {
    let mut desk = Desk::new();
    commit(&mut desk, &standing(5), &wish());
    let file = desk.back_up();
    commit(&mut desk, &standing(7), &wish());
    desk.restore(&file).unwrap();
    let mut shows = Shows::at(0, 0);
    shows.registers.tariff = 2;
    desk.shows(&shows);
    assert_eq!(desk.causes(), ["register_not_ours"]);
    let done = commit(&mut desk, &standing(7), &wish());
    assert!(done.number > 2, "{}", done.number);
    shows.registers.tariff = done.number.try_into().unwrap();
    desk.shows(&shows);
    assert_eq!(states(&mut desk).last().unwrap().2, "settled");
    assert_eq!(desk.causes(), ["register_not_ours"]);
}
