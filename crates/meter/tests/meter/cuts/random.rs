//! A whole meter whose power is cut again and again at random moments: while it starts, counts, takes tokens and answers.

use super::Receipts;
use crate::support::*;
use coinless_meter::{Meter, ValveCommand, unbilled_bound};
use coinless_protocol::receipt::Receipt;
use coinless_protocol::settings::Settings;
use coinless_protocol::token::{Content, Order, Set, Token};
use coinless_protocol::{Commodity, Epoch, FineCredit};

/// Cuts of the ordinary run, and of the long one (`COINLESS_LONG=1`, which `cargo xtask test --long` sets).
const CUTS: u64 = 600;
const LONG_CUTS: u64 = 20_000;

/// Cuts in the life of one meter, at most.
const MAX_CUTS: u64 = 24;

/// Replays the life of this seed alone.
const SEED_VARIABLE: &str = "COINLESS_METER_SEED";

/// Credit tokens that there are, each for so many units more.
const CREDITS: u32 = 24;
const UNITS: u64 = 300;
/// Settings tokens that there are.
const SETTINGS: u32 = 8;

/// Most that one call counts, in thousandths.
const PULSES: i64 = 4_000;

struct Tokens {
    credit: Vec<Vec<u8>>,
    settings: Vec<Vec<u8>>,
}

impl Tokens {
    fn sign() -> Self {
        let settings = |number| {
            let content = Settings { low_credit: number, ..Settings::default() }.to_bytes().unwrap();
            let content = Content { number, bytes: &content };
            let order = Order::Set(Set { settings: Some(content), ..Set::default() });
            let meter_key = meter_key().hash().hint();
            signed(&Token { meter: meter_id(), meter_key, epoch: Epoch(0), order })
        };
        Self {
            credit: (1..=CREDITS).map(|number| credit(number, u64::from(number) * UNITS)).collect(),
            settings: (1..=SETTINGS).map(settings).collect(),
        }
    }
}

/// A meter in its life, and what is known outside of it.
struct Life<'a> {
    tokens: &'a Tokens,
    draw: Draw,
    meter: Option<Meter<Flash>>,
    now_ms: u64,
    /// All that flowed, in thousandths.
    used: i64,
    cuts: u64,
    receipts: Receipts,
    /// The last receipt, and the consumption in it.
    acknowledged: Option<(Receipt, FineCredit)>,
}

impl Life<'_> {
    /// Lives until enough cuts have come.
    fn live(&mut self, cuts: u64) {
        while self.cuts < cuts {
            self.happen();
            if self.meter().flash().is_cut() {
                self.cuts += 1;
                self.restart();
            }
        }
    }

    fn meter(&mut self) -> &mut Meter<Flash> {
        self.meter.as_mut().unwrap()
    }

    /// One thing happens, and the port does its part.
    fn happen(&mut self) {
        self.now_ms += self.draw.below(5_000);
        let now = self.now_ms;
        match self.draw.below(10) {
            0..=5 => {
                let fine = 1 + self.draw.below(PULSES as u64) as i64;
                self.used += fine;
                self.meter().consume(now, FineCredit(fine));
            }
            6 => {
                let next = self.meter().registers().credit.0;
                let at = (u64::from(next) + self.draw.below(4)).saturating_sub(1) as usize;
                self.hand_over(|tokens| &tokens.credit[at.min(CREDITS as usize - 1)]);
            }
            7 => {
                let at = self.draw.below(SETTINGS.into()) as usize;
                self.hand_over(|tokens| &tokens.settings[at]);
            }
            8 => {
                let receipt = self.meter().receipt(now).map(<[u8]>::to_vec);
                receipt.into_iter().for_each(|receipt| self.acknowledge(&receipt));
            }
            _ => drop(self.meter().press_open(now)),
        }
        self.meter().take_valve_command();
        self.meter().tick(now);
    }

    fn hand_over(&mut self, token: impl Fn(&Tokens) -> &Vec<u8>) {
        let (now, token) = (self.now_ms, token(self.tokens));
        let receipt = self.meter().token(now, token).map(|answer| answer.receipt.to_vec());
        receipt.into_iter().for_each(|receipt| self.acknowledge(&receipt));
    }

    fn acknowledge(&mut self, receipt: &[u8]) {
        self.receipts.add(receipt);
        let (receipt, readings) = opened(receipt);
        assert!(readings.consumed.0 <= self.used, "{} counted of {}", readings.consumed.0, self.used);
        self.acknowledged = Some((receipt, readings.consumed));
    }

    /// Power comes back, and may be cut again while the meter starts.
    fn restart(&mut self) {
        let mut flash = self.meter.take().unwrap().into_flash();
        for _ in 0..self.draw.below(3) {
            flash.flip_erased(512);
        }
        flash.power_on();
        let reach = [50, 1_100, 1_700, 6_000][self.draw.below(4) as usize];
        flash.cut_after(self.draw.below(reach));
        self.now_ms = 0;
        let mut meter = mounted(flash);
        if !meter.flash().is_cut() {
            assert_eq!(meter.fault(), None);
            self.check(&meter);
        }
        assert_ne!(meter.take_valve_command(), Some(ValveCommand::Open), "a start opened the valve");
        meter.tick(0);
        self.meter = Some(meter);
    }

    /// Nothing is older than the last receipt, and nothing is there that was never given.
    fn check(&self, meter: &Meter<Flash>) {
        let (state, registers) = (meter.state().unwrap(), meter.registers());
        assert!(state.sums_hold());
        assert_eq!(state.total.get(), u64::from(registers.credit.0) * UNITS);
        assert_eq!(meter.terms().settings.low_credit, registers.settings);
        let lost = self.used - state.consumed.0;
        let bound = unbilled_bound(meter.commodity()).0 + PULSES;
        assert!((0..=bound * self.cuts as i64).contains(&lost), "{lost} lost in {} cuts", self.cuts);
        let Some((receipt, consumed)) = &self.acknowledged else { return };
        let said = &receipt.registers;
        assert!(state.receipt_number >= receipt.number && state.consumed >= *consumed);
        assert!(registers.credit >= said.credit && registers.settings >= said.settings);
    }
}

fn life(tokens: &Tokens, seed: u64) -> u64 {
    let mut draw = Draw(seed);
    let commodity = [Commodity::Gas, Commodity::Water, Commodity::Electricity][draw.below(3) as usize];
    let mut flash = made(&factory(commodity));
    flash.reseed(draw.below(u64::MAX));
    flash.cut_after(draw.below(4_000));
    let cuts = 1 + draw.below(MAX_CUTS);
    let (meter, receipts) = (Some(mounted(flash)), Receipts::default());
    let mut life = Life { tokens, draw, meter, now_ms: 0, used: 0, cuts: 0, receipts, acknowledged: None };
    life.live(cuts);
    life.cuts
}

#[test]
fn a_meter_is_never_older_than_its_last_receipt() {
    let (tokens, mut cuts) = (Tokens::sign(), 0);
    let enough = if long() { LONG_CUTS } else { CUTS };
    for seed in seeds(SEED_VARIABLE) {
        let replay = Replay(SEED_VARIABLE, seed);
        cuts += life(&tokens, seed);
        drop(replay);
        if cuts >= enough {
            break;
        }
    }
}
