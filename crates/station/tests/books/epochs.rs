//! Key epochs that rise while credit is on its way: no line is lost, doubled, or both loaded and refunded.

use crate::desk::{Desk, Shows, meter_id, order_id};
use crate::restoring::{meter, units};
use crate::terms::{commit, standing, states, wish};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::KeyPair;
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{CreditNumber, Epoch, MAX_NUMBER_JUMP};
use coinless_station::lifecycle::LineState;
use coinless_station::terms::{self, Keys};
use coinless_station::view;

fn keys(raise_epoch: bool) -> Keys {
    let key = KeyPair::from_secret(&[9; 32]).unwrap().public_key();
    Keys { operational: OperationalKeys::new(&[key]).unwrap(), raise_epoch }
}

pub fn raise(desk: &mut Desk) {
    let (committed, payload) = desk.run(|work| terms::commit_keys(work, meter_id(), &keys(true), &wish())).unwrap();
    assert!(matches!(Token::from_payload(&payload).unwrap().order, Order::Keys(_)));
    desk.run(|work| terms::keys_signed(work, &committed, &[7])).unwrap();
    desk.work();
}

pub fn at(epoch: u16, number: u32, total: u64) -> Shows {
    let mut shows = Shows::at(number, total);
    shows.registers.epoch = Epoch(epoch);
    shows.registers.keys = u32::from(epoch > 0);
    shows
}

#[test]
fn what_was_on_its_way_is_counted_by_the_first_number_of_the_new_epoch() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    commit(&mut desk, &standing(5), &wish());
    raise(&mut desk);
    assert_eq!((meter(&mut desk).epoch, meter(&mut desk).last_number), (Epoch(1), CreditNumber(1)));
    let line = desk.run(|work| view::order(work, &id)).unwrap().lines.remove(0);
    assert_eq!(line.register_tokens.len(), 2, "keys, and the tariff again");
    assert_eq!(line.register_tokens[0], "07", "keys come first");
    let total = units(&mut desk, &id);
    // It rises before it loads anything.
    desk.shows(&at(1, 0, 0));
    assert_eq!(desk.state(&id, 1), LineState::Issued);
    desk.shows(&at(1, 1, total));
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    let settled: Vec<_> = states(&mut desk).into_iter().filter(|(_, _, state)| state == "settled").collect();
    assert_eq!(settled, [("keys", 1, "settled".to_owned())]);
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn tokens_of_the_earlier_epoch_load_until_the_meter_rises() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    raise(&mut desk);
    let total = units(&mut desk, &id);
    desk.shows(&at(0, 1, total));
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
    let next = desk.buy(2, &[500]);
    let both = total + units(&mut desk, &next);
    let newest = meter(&mut desk).last_number.0;
    desk.shows(&at(1, newest, both));
    assert_eq!(desk.state(&next, 1), LineState::Delivered);
    assert_eq!(desk.causes(), Vec::<String>::new());
}

#[test]
fn what_was_loaded_before_the_meter_rose_is_told_by_its_total() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    raise(&mut desk);
    let total = units(&mut desk, &id);
    desk.shows(&at(1, 0, total));
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
}

#[test]
fn a_void_survives_the_rise_on_both_sides() {
    for loaded in [false, true] {
        let mut desk = Desk::new();
        let id = desk.buy(1, &[1_000]);
        desk.void(&id, 1);
        raise(&mut desk);
        assert_eq!(desk.state(&id, 1), LineState::VoidPending);
        let total = if loaded { units(&mut desk, &id) } else { 0 };
        desk.shows(&at(1, 0, total));
        let expected = if loaded { LineState::Delivered } else { LineState::Refunded };
        assert_eq!(desk.state(&id, 1), expected);
        assert_eq!(meter(&mut desk).live_total.get(), total);
        assert_eq!(desk.causes(), Vec::<String>::new());
    }
}

#[test]
fn a_void_after_the_rise_is_refused_where_the_line_may_be() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    raise(&mut desk);
    desk.void(&id, 1);
    // It rose without the line: number 1 of the new epoch still counts it.
    desk.shows(&at(1, 0, 0));
    assert_eq!(desk.state(&id, 1), LineState::VoidPending);
    let newest = meter(&mut desk).last_number.0;
    assert!(newest > 2, "a token that the meter takes where it stands: {newest}");
    desk.shows(&at(1, newest, 0));
    assert_eq!(desk.state(&id, 1), LineState::Refunded);
}

#[test]
fn where_a_total_tells_two_things_the_line_stays_bought() {
    let mut desk = Desk::new();
    let first = desk.buy(1, &[1_000]);
    desk.void(&first, 1);
    let second = desk.buy(2, &[1_000]);
    raise(&mut desk);
    let total = units(&mut desk, &first);
    assert_eq!(units(&mut desk, &second), total);
    // Number 1 counted the first one alone, number 3 the second one.
    desk.shows(&at(1, 0, total));
    assert_eq!((desk.state(&first, 1), desk.state(&second, 1)), (LineState::Issued, LineState::Issued));
    let newest = meter(&mut desk).last_number.0;
    desk.shows(&at(1, newest, 2 * total));
    assert_eq!((desk.state(&first, 1), desk.state(&second, 1)), (LineState::Delivered, LineState::Delivered));
}

#[test]
fn what_no_epoch_signed_comes_before_a_person() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    raise(&mut desk);
    desk.shows(&at(2, 0, 0));
    desk.shows(&at(1, 0, 77));
    assert_eq!(desk.causes(), ["receipt_contradiction", "receipt_contradiction"]);
    assert_eq!(desk.state(&id, 1), LineState::Issued);
}

#[test]
fn keys_of_the_same_epoch_change_nothing_else() {
    let mut desk = Desk::new();
    let id = desk.buy(1, &[1_000]);
    let commit =
        |desk: &mut Desk| desk.run(|work| terms::commit_keys(work, meter_id(), &keys(false), &wish())).unwrap();
    let (first, payload) = commit(&mut desk);
    assert_eq!(commit(&mut desk), (terms::Committed { is_new: false, ..first.clone() }, payload), "until it is signed");
    desk.run(|work| terms::keys_signed(work, &first, &[7])).unwrap();
    assert_eq!((first.epoch, first.number, commit(&mut desk).0.number), (Epoch(0), 1, 2));
    let total = units(&mut desk, &id);
    desk.shows(&at(0, 1, total));
    assert_eq!(desk.state(&id, 1), LineState::Delivered);
}

/// A meter that knows the rules of credit and nothing else.
#[derive(Debug, Clone, Copy)]
struct Meter {
    epoch: u16,
    number: u32,
    total: u64,
}

impl Meter {
    fn take(&mut self, token: &Token<'_>) {
        if let Order::Keys(_) = token.order {
            if token.epoch.0 == self.epoch + 1 {
                (self.epoch, self.number) = (token.epoch.0, 0);
            }
            return;
        }
        let Some(credit) = token.credit().filter(|_| token.epoch.0 == self.epoch) else { return };
        let (number, total) = (credit.register.number.0, credit.register.total.get());
        let jump = number.saturating_sub(self.number);
        let refused = credit.conditions.refused.is_some_and(|range| range.contains(CreditNumber(self.number)));
        if jump > 0 && jump <= MAX_NUMBER_JUMP && !refused {
            // A meter refuses this. A station that keeps its own rules never asks for it: what a meter has loaded is left out only by tokens
            // that are refused where it stands.
            assert!(total >= self.total, "number {number} takes {} down to {total}", self.total);
            (self.number, self.total) = (number, total);
        }
    }
}

/// Everything that was ever made for the meter.
fn payloads(desk: &mut Desk) -> Vec<Vec<u8>> {
    let rows = desk.run(|work| {
        Ok(work.query(
            "SELECT payload FROM token UNION ALL SELECT payload FROM register_token WHERE register = 'keys'",
            &[],
        )?)
    });
    rows.unwrap().iter().map(|row| row.bytes(0).unwrap().to_vec()).collect()
}

struct Play {
    desk: Desk,
    random: fastrand::Rng,
    meter: Meter,
    shown: Vec<Shows>,
    orders: Vec<String>,
}

impl Play {
    fn step(&mut self) {
        match self.random.u32(0..12) {
            0..=2 => {
                // Amounts repeat, so that totals may tell two things.
                let (number, minor) = (self.orders.len() as u32 + 1, 100 * self.random.i64(1..4));
                let id = self.desk.buy(number, &[minor]);
                assert_eq!(id, order_id(number));
                self.orders.push(id);
            }
            3 | 4 if !self.orders.is_empty() => {
                let id = self.orders[self.random.usize(..self.orders.len())].clone();
                if self.desk.state(&id, 1) == LineState::Issued {
                    self.desk.void(&id, 1);
                }
            }
            5 if self.meter.epoch < 4 => raise(&mut self.desk),
            6..=8 => {
                let payloads = payloads(&mut self.desk);
                if !payloads.is_empty() {
                    let payload = &payloads[self.random.usize(..payloads.len())];
                    self.take(payload);
                }
            }
            9 | 10 => self.upload(self.shown.len()),
            _ if !self.shown.is_empty() => {
                let index = self.random.usize(..self.shown.len());
                self.upload(index);
            }
            _ => {}
        }
    }

    fn take(&mut self, payload: &[u8]) {
        self.meter.take(&Token::from_payload(payload).unwrap());
        self.shown.push(at(self.meter.epoch, self.meter.number, self.meter.total));
    }

    /// The receipt `index`, or a fresh one.
    fn upload(&mut self, index: usize) {
        if index == self.shown.len() {
            self.shown.push(at(self.meter.epoch, self.meter.number, self.meter.total));
        }
        let shows = self.shown[index].clone();
        self.desk.take(index as u32 + 1, &shows);
    }

    /// Whoever has a phone carries everything until nothing is open.
    fn end(&mut self) {
        for _ in 0..12 {
            for payload in payloads(&mut self.desk) {
                self.take(&payload);
            }
            self.upload(self.shown.len());
        }
    }
}

#[test]
fn whatever_happens_in_whatever_order_meter_and_books_agree_in_the_end() {
    let seeds = if std::env::var_os("COINLESS_TEST_STORE").is_some() { 0..8 } else { 0..120 };
    for seed in seeds {
        let meter = Meter { epoch: 0, number: 0, total: 0 };
        let random = fastrand::Rng::with_seed(seed);
        let mut play = Play { desk: Desk::new(), random, meter, shown: Vec::new(), orders: Vec::new() };
        for _ in 0..40 {
            play.step();
        }
        play.end();
        assert_eq!(play.desk.causes(), Vec::<String>::new(), "seed {seed}");
        let mut delivered = 0;
        for id in play.orders.clone() {
            match play.desk.state(&id, 1) {
                LineState::Delivered => delivered += units(&mut play.desk, &id),
                LineState::Refunded => {}
                other => panic!("seed {seed}: order {id} is {other:?}, the meter {:?}", play.meter),
            }
        }
        assert_eq!(play.meter.total, delivered, "seed {seed}");
        assert_eq!(crate::restoring::meter(&mut play.desk).live_total.get(), delivered, "seed {seed}");
    }
}
