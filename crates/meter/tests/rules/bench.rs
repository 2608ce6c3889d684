//! A meter with its valve, in the state that a row begins with.

use crate::seen::Seen;
use crate::setup::{Setup, Stand};
use crate::support::{self, Flash, fine, key, layout, meter_id, meter_key, units};
use coinless_meter::{Meter, Pressed, ValveCommand, WorkLimit};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::state::ShutCause;
use coinless_protocol::token::{Clock, Conditions, Content, Credit, Order, Set, Token, Valve, ValveOrder};
use coinless_protocol::{CreditNumber, Epoch, Register};

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// 2026-07-01, a Wednesday, in days since 1970-01-01.
pub const DAY: u64 = 20_635;

/// A meter under test.
pub struct Bench {
    pub meter: Option<Meter<Flash>>,
    on_battery: bool,
    pub now_ms: u64,
    /// Whether the valve stands open, as it was driven.
    pub open: bool,
    /// It was told to shut while it stood shut.
    shut_again: bool,
    /// The number of the newest token of each kind that was made.
    credit_number: u32,
    content_number: u32,
    /// The last token that was handed over.
    pub last: Vec<u8>,
}

impl Bench {
    pub fn new(setup: &Setup) -> Self {
        let mut bench = Self {
            meter: None,
            on_battery: setup.on_battery,
            now_ms: 1_000,
            open: false,
            shut_again: false,
            credit_number: 0,
            content_number: 0,
            last: Vec::new(),
        };
        bench.mount(support::made(&setup.factory()));
        bench.settle();
        bench.prepare(setup);
        bench.settle();
        bench.shut_again = false;
        bench
    }

    fn mount(&mut self, flash: Flash) {
        let mut meter = Meter::mount(flash, &layout()).unwrap();
        if self.on_battery {
            meter.limit_work(WorkLimit::BATTERY);
        }
        self.meter = Some(meter);
    }

    fn prepare(&mut self, setup: &Setup) {
        if let Some(trusted) = setup.clock {
            self.set_clock(DAY * 86_400 + u64::from(setup.hour) * 3_600, trusted);
        }
        let (tariff, settings) = (setup.tariff.to_bytes().unwrap(), setup.settings.to_bytes().unwrap());
        self.content_number = u32::from(tariff.len() + settings.len() > 2);
        let number = self.content_number;
        if tariff.len() > 1 {
            let tariff = Some(Content { number, bytes: &tariff });
            self.hand(&Order::Set(Set { tariff, ..Set::default() }));
        }
        if settings.len() > 1 {
            let settings = Some(Content { number, bytes: &settings });
            self.hand(&Order::Set(Set { settings, ..Set::default() }));
        }
        if setup.money > 0 {
            self.credit(setup.money, false);
        }
        if setup.stand != Stand::New {
            assert_eq!(self.meter().press_open(1_000), Pressed::Opened);
            self.settle();
        }
        if setup.stand == Stand::Open {
            self.wait(100_000);
        }
        self.play(setup);
    }

    /// What has happened before the row begins.
    fn play(&mut self, setup: &Setup) {
        for _ in 0..setup.tripped {
            self.open_into_flow();
        }
        if setup.used > 0 {
            self.use_up(setup.used);
        }
        if setup.emergency_taken {
            let now_ms = self.now_ms;
            assert_eq!(self.meter().take_emergency(now_ms), Ok(true));
            self.settle();
        }
        if setup.used_after > 0 {
            self.use_up(setup.used_after);
        }
        if setup.command {
            self.order(ValveOrder::HoldShut);
        }
        for cause in &setup.raised {
            let now_ms = self.now_ms;
            self.meter().raise_cause(now_ms, *cause);
            self.settle();
        }
        if setup.closed {
            self.credit(0, true);
        }
        if setup.restarted {
            self.restart(None);
        }
        if setup.stand != Stand::Checking {
            self.wait(20_000);
        }
        if setup.flow_while_shut {
            self.use_up(1);
        }
    }

    pub fn meter(&mut self) -> &mut Meter<Flash> {
        self.meter.as_mut().unwrap()
    }

    /// What its clock says, if it was ever set.
    pub fn clock(&mut self) -> Option<u64> {
        let now_ms = self.now_ms;
        self.meter().clock(now_ms).map(|(unix_s, _)| unix_s)
    }

    pub fn seen(&mut self) -> Seen {
        let open = self.open;
        Seen::of(self.meter(), open)
    }

    /// The words for a valve that was driven shut while it stood shut.
    pub fn driven_shut_again(&self) -> Option<String> {
        self.shut_again.then(|| "driven shut again".to_owned())
    }

    /// Drives the valve as the meter says, as a port does.
    pub fn settle(&mut self) {
        let now_ms = self.now_ms;
        for _ in 0..2 {
            match self.meter().take_valve_command() {
                Some(ValveCommand::Open) => self.open = true,
                Some(ValveCommand::Shut) => {
                    self.shut_again |= !self.open;
                    self.open = false;
                }
                None => {}
            }
            self.meter().tick(now_ms);
        }
    }

    pub fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.settle();
    }

    /// Uses so many units at once, whether or not the valve stands open.
    pub fn use_up(&mut self, units: i64) {
        let now_ms = self.now_ms;
        self.meter().consume(now_ms, fine(units));
        self.settle();
    }

    /// Opens the valve by a press while an appliance is open: the sixth dm³ in the first seconds.
    pub fn open_into_flow(&mut self) {
        self.wait(60_000);
        let now_ms = self.now_ms;
        assert_eq!(self.meter().press_open(now_ms), Pressed::Opened);
        self.settle();
        for _ in 0..6 {
            self.wait(1_000);
            self.use_up(1);
        }
        assert!(!self.open);
    }

    /// Switches off and on; `clock_went_on` says how far the port's clock went meanwhile, in seconds.
    pub fn restart(&mut self, clock_went_on: Option<u64>) {
        let unix_s = self.clock();
        let flash = self.meter.take().unwrap().into_flash();
        flash.power_on();
        self.mount(flash);
        self.now_ms = 0;
        if let (Some(passed_s), Some(unix_s)) = (clock_went_on, unix_s) {
            assert!(self.meter().clock_went_on(0, unix_s + passed_s));
        }
        self.settle();
    }

    /// Hands over a token of `order` by the operational key, of the meter's own epoch.
    pub fn hand(&mut self, order: &Order<'_>) -> Option<String> {
        let epoch = self.meter().registers().epoch;
        self.hand_by(&support::issuer(), epoch, order)
    }

    pub fn hand_by(&mut self, signer: &KeyPair, epoch: Epoch, order: &Order<'_>) -> Option<String> {
        let hint = meter_key().hash().hint();
        let token = Token { meter: meter_id(), meter_key: hint, epoch, order: *order };
        self.last = token.sign(&meter_key().hash(), signer).unwrap().to_vec();
        self.hand_again()
    }

    pub fn hand_again(&mut self) -> Option<String> {
        let (now_ms, last) = (self.now_ms, self.last.clone());
        let answer = match self.meter().token(now_ms, &last) {
            Ok(answer) => format!("answer: {}", answer.outcome.decision.name()),
            Err(refusal) => format!("refused: {}", refusal.title()),
        };
        self.settle();
        Some(answer)
    }

    /// A credit token that adds `added` units.
    pub fn credit(&mut self, added: i64, closing: bool) -> Option<String> {
        let total = self.meter().state().unwrap().total.get().checked_add_signed(added).unwrap();
        self.credit_number += 1;
        let register = Register { number: CreditNumber(self.credit_number), total: units(total) };
        let credit = Some(Credit { register, conditions: Conditions::default(), closing });
        self.hand(&Order::Set(Set { credit, ..Set::default() }))
    }

    pub fn order(&mut self, command: ValveOrder) -> Option<String> {
        self.content_number += 1;
        let valve = Some(Valve { number: self.content_number, command });
        self.hand(&Order::Set(Set { valve, ..Set::default() }))
    }

    /// A token of settings or tariff with this content.
    pub fn content(&mut self, settings: bool, bytes: &[u8]) -> Option<String> {
        self.content_number += 1;
        let content = Some(Content { number: self.content_number, bytes });
        self.hand(&Order::Set(match settings {
            true => Set { settings: content, ..Set::default() },
            false => Set { tariff: content, ..Set::default() },
        }))
    }

    /// A clock token, in answer to the meter's challenge or not.
    pub fn set_clock(&mut self, unix_s: u64, answering: bool) -> Option<String> {
        let now_ms = self.now_ms;
        let answers = answering.then(|| self.meter().challenge(now_ms).unwrap());
        self.hand(&Order::Set(Set { clock: Some(Clock { unix_s, answers }), ..Set::default() }))
    }

    /// A token of other operational keys, by the root key: only key 9 from now on.
    pub fn keys(&mut self, epoch: Epoch, number: u32) -> Option<String> {
        let keys = coinless_protocol::issuers::OperationalKeys::new(&[key(9).public_key()]).unwrap();
        let content = Content { number, bytes: &keys.to_bytes().unwrap() };
        self.hand_by(&key(4), epoch, &Order::Keys(content))
    }

    /// What a technician at the meter clears, in words.
    pub fn clear(&mut self, cause: ShutCause) -> Option<String> {
        let now_ms = self.now_ms;
        let cleared = self.meter().clear_cause(now_ms, cause);
        self.settle();
        cleared.err().map(|error| format!("refused: {error}"))
    }
}
