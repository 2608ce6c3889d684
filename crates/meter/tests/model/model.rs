//! What a meter knows, as lists of what has happened. Every sum is made anew from its list each time it is asked for, in integers
//! without bound for all purposes.

use crate::calendar::Moment;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::{EVENTS, Event};
use coinless_protocol::settings::{SensorSet, Settings};
use coinless_protocol::state::{ShutCause, ShutCauses};
use coinless_protocol::tariff::Tariff;
use coinless_protocol::{Challenge, Commodity};

/// Parts of a division that are kept.
const MILLION: i128 = 1_000_000;

/// What a meter was made with.
#[derive(Debug, Clone)]
pub struct Made {
    pub commodity: Commodity,
    pub by_money: bool,
    /// In whole units.
    pub initial: u64,
    pub max_credit: u64,
    /// What may flow right after an opening, in thousandths, and for how long that is looked at, in ms; none for no check.
    pub opening: Option<(i128, u64)>,
    pub open_by_token: bool,
    pub on_battery: bool,
}

/// What tokens set and seldom changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    pub epoch: u16,
    pub tariff: (u32, Tariff),
    pub settings: (u32, Settings),
    pub keys: (u32, Vec<u8>),
}

/// Consumption: how much, and what it was worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// In thousandths of dm³, litre or Wh, as it was measured.
    pub measured: i128,
    /// The correction that held, in millionths.
    pub ppm: i128,
    /// The price that held; none for unit credit.
    pub price: Option<i128>,
    /// Which of the months that the meter saw begin.
    pub month: u32,
}

/// What else survives a power cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Epoch, number and total of each credit token that was taken.
    pub credits: Vec<(u16, u32, u64)>,
    /// Epoch and number of each valve command that was taken.
    pub commands: Vec<(u16, u32)>,
    pub uses: Vec<Use>,
    pub charges: Vec<i128>,
    /// Which of them were debt.
    pub debts: Vec<i128>,
    pub withdrawals: Vec<i128>,
    pub open: bool,
    pub valve_failed: bool,
    pub causes: ShutCauses,
    pub checking: bool,
    pub by_hand: bool,
    pub openings: u8,
    pub emergency: bool,
    pub closed: bool,
    pub friendly: bool,
    pub alarm: u8,
    pub clock: u64,
    pub clock_known: bool,
    pub charged_day: u32,
    pub used_day: u32,
    pub month: u32,
    pub months: u32,
    pub events: [u32; EVENTS],
    pub receipts: u32,
    pub decision: Decision,
    pub about: u32,
    pub stock: u8,
}

/// What is gone after a power cut.
#[derive(Debug, Clone)]
pub struct Now {
    pub now_ms: u64,
    /// The clock was so late, in seconds, at this uptime.
    pub clock_from: (u64, u64),
    pub clock_known: bool,
    /// The clock's part of a start was done.
    pub started: bool,
    pub challenge: Option<(Challenge, u64)>,
    /// The opening check: until when, and what has flowed.
    pub check: Option<(u64, i128)>,
    pub flow_seen: bool,
    pub shut_ms: Option<u64>,
    /// What has flowed since this uptime.
    pub minute: (u64, i128),
    /// Flow without a pause: when it began and was last seen, and whether it was told.
    pub run: Option<(u64, u64, bool)>,
    pub over_load_ms: Option<u64>,
    pub sensors: SensorSet,
    /// Some receipt can be given again; that of this token, if it is one.
    pub answered: Option<Option<Vec<u8>>>,
    pub stock: u8,
    /// The uptime up to which the stock was filled up.
    pub stock_ms: u64,
    pub pressed: Option<(u8, u64)>,
}

/// A meter as DESIGN §2 and §6 and `docs/meter.md` describe it.
#[derive(Debug, Clone)]
pub struct Model {
    pub made: Made,
    pub terms: Terms,
    pub facts: Facts,
    pub now: Now,
    /// What may be found after a power cut: terms and facts since the last that were certainly kept.
    pub past: Vec<(Terms, Facts)>,
}

impl Model {
    /// A meter that was never started.
    pub fn new(made: Made, keys: Vec<u8>) -> Self {
        let mut causes = ShutCauses::NONE;
        if made.initial == 0 {
            causes = causes.with(ShutCause::NoCredit);
        }
        let facts = Facts {
            credits: Vec::new(),
            commands: Vec::new(),
            uses: Vec::new(),
            charges: Vec::new(),
            debts: Vec::new(),
            withdrawals: Vec::new(),
            open: false,
            valve_failed: false,
            causes,
            checking: false,
            by_hand: false,
            openings: 0,
            emergency: false,
            closed: false,
            friendly: false,
            alarm: 0,
            clock: 0,
            clock_known: false,
            charged_day: 0,
            used_day: 0,
            month: 0,
            months: 0,
            events: [0; EVENTS],
            receipts: 0,
            decision: Decision::Read,
            about: 0,
            stock: u8::MAX,
        };
        let terms =
            Terms { epoch: 0, tariff: (0, Tariff::default()), settings: (0, Settings::default()), keys: (0, keys) };
        let past = vec![(terms.clone(), facts.clone())];
        let mut model = Self { made, terms, facts, now: Now::at_start(0), past };
        model.start(None);
        model
    }

    pub fn settings(&self) -> &Settings {
        &self.terms.settings.1
    }

    pub fn tariff(&self) -> &Tariff {
        &self.terms.tariff.1
    }

    /// The number of the credit register in this epoch.
    pub fn credit_number(&self) -> u32 {
        self.facts.credits.last().filter(|(epoch, ..)| *epoch == self.terms.epoch).map_or(0, |(_, number, _)| *number)
    }

    /// The number of the valve command in this epoch.
    pub fn command_number(&self) -> u32 {
        self.facts.commands.last().filter(|(epoch, _)| *epoch == self.terms.epoch).map_or(0, |(_, number)| *number)
    }

    /// All that was ever sold, in whole units.
    pub fn total(&self) -> u64 {
        self.facts.credits.last().map_or(0, |(.., total)| *total)
    }

    /// Consumption as it was measured.
    pub fn measured(&self) -> i128 {
        self.facts.uses.iter().map(|used| used.measured).sum()
    }

    /// Consumption after correction, use by use, and the rest of the last one.
    fn corrected(&self) -> (Vec<i128>, i128) {
        let mut sum = 0;
        let mut parts = Vec::new();
        for used in &self.facts.uses {
            let before = sum / MILLION;
            sum += used.measured * used.ppm;
            parts.push(sum / MILLION - before);
        }
        (parts, sum % MILLION)
    }

    pub fn correction_rest(&self) -> i128 {
        self.corrected().1
    }

    /// What consumption was worth, in millionths of thousandths.
    fn worth(&self) -> i128 {
        let parts = self.corrected().0;
        parts.iter().zip(&self.facts.uses).map(|(part, used)| part * used.price.unwrap_or(MILLION)).sum()
    }

    /// Credit used by consumption.
    pub fn consumed(&self) -> i128 {
        self.worth() / MILLION
    }

    pub fn price_rest(&self) -> i128 {
        self.worth() % MILLION
    }

    /// Consumption in the month under way.
    pub fn used_in_month(&self) -> i128 {
        let parts = self.corrected().0;
        let this = |used: &Use| used.month == self.facts.months;
        parts.iter().zip(&self.facts.uses).filter(|(_, used)| this(used)).map(|(part, _)| part).sum()
    }

    pub fn charged(&self) -> i128 {
        self.facts.charges.iter().sum()
    }

    pub fn debt_paid(&self) -> i128 {
        self.facts.debts.iter().sum()
    }

    pub fn withdrawn(&self) -> i128 {
        self.facts.withdrawals.iter().sum()
    }

    /// Debt that is left.
    pub fn debt(&self) -> i128 {
        (i128::from(self.tariff().debt.total.0) - self.debt_paid()).max(0)
    }

    /// DESIGN §6.
    pub fn balance(&self) -> i128 {
        let sold = (i128::from(self.made.initial) + i128::from(self.total())) * 1_000;
        sold - self.withdrawn() - self.charged() - self.consumed()
    }

    pub fn max_credit(&self) -> u64 {
        self.settings().max_credit.map_or(self.made.max_credit, |units| units.get())
    }

    pub fn armed(&self) -> bool {
        !self.facts.open && self.facts.causes.is_empty()
    }

    pub fn count(&mut self, event: Event) {
        let count = &mut self.facts.events[event as usize];
        *count = (*count + 1).min(u16::MAX.into());
    }

    /// What the clock says now; 0 if it was never set.
    pub fn clock(&self) -> u64 {
        match self.now.clock_from {
            (0, _) => 0,
            (unix_s, from_ms) => unix_s + (self.now.now_ms - from_ms) / 1_000,
        }
    }

    /// The local time that it is at least, as it was when somebody last looked.
    pub fn at_least(&self) -> Option<Moment> {
        (self.facts.clock > 0).then(|| Moment::at(self.facts.clock, self.settings()))
    }

    /// The local time, if the meter knows it.
    pub fn known(&self) -> Option<Moment> {
        self.at_least().filter(|_| self.now.clock_known)
    }

    /// The price that holds now; none for unit credit.
    pub fn price(&self) -> Option<i128> {
        let tariff = self.tariff();
        let rate = self.known().map_or(usize::from(tariff.rate_without_clock), |moment| moment.rate(tariff));
        let used = self.used_in_month();
        let more = tariff.steps.iter().rev().find(|step| i128::from(step.from) * MILLION <= used);
        let base = tariff.rates.get(rate).map_or(0, |price| price.0);
        self.made.by_money.then_some(i128::from(base) + i128::from(more.map_or(0, |step| step.more.0)))
    }

    /// Keeps what may be found after a power cut from now on.
    pub fn note(&mut self) {
        if self.past.last() != Some(&(self.terms.clone(), self.facts.clone())) {
            self.past.push((self.terms.clone(), self.facts.clone()));
        }
    }

    /// Everything but what may be lost is certainly kept now: nothing older is found after a power cut.
    pub fn keep(&mut self) {
        self.note();
        let now = (self.terms.clone(), self.facts.without_what_may_be_lost());
        let same = |(terms, facts): &(Terms, Facts)| *terms == now.0 && facts.without_what_may_be_lost() == now.1;
        let older = self.past.iter().rposition(|past| !same(past)).map_or(0, |at| at + 1);
        self.past.drain(..older);
    }
}

impl Facts {
    /// What is journaled at once. Consumption is journaled when the unbilled bound is reached, and with it the clock and what
    /// follows from both without shutting anything.
    fn without_what_may_be_lost(&self) -> Self {
        Self {
            uses: Vec::new(),
            friendly: false,
            alarm: 0,
            clock: 0,
            charged_day: 0,
            used_day: 0,
            month: 0,
            months: 0,
            events: [0; EVENTS],
            stock: 0,
            ..self.clone()
        }
    }
}

impl Now {
    /// After a start, with a clock that was last known to say `clock`.
    pub fn at_start(clock: u64) -> Self {
        Self {
            now_ms: 0,
            clock_from: (clock, 0),
            clock_known: false,
            started: false,
            challenge: None,
            check: None,
            flow_seen: false,
            shut_ms: None,
            minute: (0, 0),
            run: None,
            over_load_ms: None,
            sensors: SensorSet::NONE,
            answered: None,
            stock: 0,
            stock_ms: 0,
            pressed: None,
        }
    }
}
