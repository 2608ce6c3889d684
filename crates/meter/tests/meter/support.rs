//! A meter on a test bench: its keys, its issuer, its flash in memory.

use coinless_meter::ram_flash::RamFlash;
use coinless_meter::{Factory, Issuer, IssuerRole, Layout, Meter, OpeningCheck, State, ValveCommand, commission};
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::readings::{Readings, ReadingsKey};
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::{Event, EventCounts};
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{Commodity, CreditKind, CreditNumber, Epoch, FineCredit, MeterId, Register, Units};
use std::ops::RangeInclusive;

/// One sector for the factory record, four of two slots for the journal of states, and six of one slot, two in a group, for
/// that of terms.
pub type Flash = RamFlash<5632, 8, 512>;

pub const INITIAL: u64 = 2000;
pub const MAX_CREDIT: u64 = 10_000;

pub fn layout() -> Layout {
    Layout { factory: 0..512, journal: 512..2560, terms: 2560..5632 }
}

pub fn units(units: u64) -> Units {
    Units::new(units).unwrap()
}

pub fn fine(units: i64) -> FineCredit {
    FineCredit(units * 1000)
}

pub fn meter_id() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

pub fn key(byte: u8) -> KeyPair {
    KeyPair::from_secret(&[byte; 32]).unwrap()
}

pub fn issuer() -> KeyPair {
    key(2)
}

pub fn meter_key() -> PublicKey {
    key(1).public_key()
}

pub fn factory(commodity: Commodity) -> Factory {
    let issuers = [
        Issuer { role: IssuerRole::Root, key: key(4).public_key() },
        Issuer { role: IssuerRole::Operational, key: issuer().public_key() },
    ];
    let gas = commodity == Commodity::Gas;
    Factory {
        meter: meter_id(),
        commodity,
        credit: CreditKind::Unit,
        secret: [1; 32],
        issuers: heapless::Vec::from_slice(&issuers).unwrap(),
        readings_key: Some(key(3).public_key()),
        initial: units(INITIAL),
        max_credit: units(MAX_CREDIT),
        opening: if gas { OpeningCheck::GAS } else { OpeningCheck::NONE },
        open_by_token: false,
    }
}

pub fn made(factory: &Factory) -> Flash {
    commission(Flash::new(7), &layout(), factory).unwrap()
}

pub fn mounted(flash: Flash) -> Meter<Flash> {
    Meter::mount(flash, &layout()).unwrap()
}

/// A new meter that has been started, its valve driven and its first record journaled.
pub fn meter(commodity: Commodity) -> Meter<Flash> {
    started(made(&factory(commodity)))
}

pub fn started(flash: Flash) -> Meter<Flash> {
    let mut meter = mounted(flash);
    meter.take_valve_command();
    meter.tick(0);
    meter
}

/// A new meter whose valve is open and has passed the check, at 100 s.
pub fn open_meter(commodity: Commodity) -> Meter<Flash> {
    let mut meter = meter(commodity);
    assert_eq!(meter.press_open(1_000), coinless_meter::Pressed::Opened);
    assert_eq!(meter.take_valve_command(), Some(ValveCommand::Open));
    meter.tick(100_000);
    meter
}

pub fn credit_with(number: u32, total: u64, conditions: Conditions) -> Token<'static> {
    let register = Register { number: CreditNumber(number), total: units(total) };
    let meter_key = meter_key().hash().hint();
    Token { meter: meter_id(), meter_key, epoch: Epoch(0), order: Order::credit(register, conditions) }
}

pub fn signed(token: &Token<'_>) -> Vec<u8> {
    token.sign(&meter_key().hash(), &issuer()).unwrap().to_vec()
}

pub fn credit(number: u32, total: u64) -> Vec<u8> {
    signed(&credit_with(number, total, Conditions::default()))
}

/// A receipt as the station reads it, with its readings; the sum of DESIGN §6 is checked.
pub fn opened(receipt: &[u8]) -> (Receipt, Readings) {
    assert!(receipt.len() <= 256);
    let receipt = Receipt::verified(receipt, &meter_key(), &meter_key().hash()).unwrap();
    let readings_key = ReadingsKey::agree(&key(3), &meter_key(), &meter_id());
    let readings = readings_key.open(receipt.number, &receipt.readings).unwrap();
    let sums = receipt.sums;
    let sum = sums.initial.0 + receipt.total.fine().0 - sums.withdrawn.0 - sums.charged.0 - readings.consumed.0;
    assert_eq!(readings.balance.0, sum, "the sum of a receipt");
    (receipt, readings)
}

/// A state without the count of its starts and of the clocks that they lost.
pub fn apart_from_starts(state: &State) -> State {
    let mut events = state.events.to_array();
    (events[Event::Start as usize], events[Event::ClockLost as usize]) = (0, 0);
    State { events: EventCounts::from_array(events), ..*state }
}

/// Whether tests may take minutes: `cargo xtask test --long` says so.
pub fn long() -> bool {
    std::env::var_os("COINLESS_LONG").is_some()
}

/// The seeds of a random test: all from 0 on, or the one in the environment.
pub fn seeds(variable: &str) -> RangeInclusive<u64> {
    match std::env::var(variable).ok().map(|seed| seed.parse().unwrap()) {
        Some(seed) => seed..=seed,
        None => 0..=u64::MAX,
    }
}

/// Tells how to replay a case, if it panics.
pub struct Replay(pub &'static str, pub u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(variable, seed) = self;
            eprintln!("replay this case: {variable}={seed} cargo test -p coinless-meter --test meter random");
        }
    }
}

/// Repeatable random numbers: SplitMix64.
pub struct Draw(pub u64);

impl Draw {
    /// 0 to `limit` − 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 1) % limit
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
