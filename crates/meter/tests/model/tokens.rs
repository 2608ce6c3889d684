//! Tokens: DESIGN §2 and the table of outcomes in `docs/meter.md`, plainly.

use crate::model::Model;
use crate::support::{key, meter_id, meter_key};
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::Event;
use coinless_protocol::settings::{NO_CORRECTION_PPM, Settings};
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::{
    Clock, Conditions, Content, Credit, Needs, Order, RefusedRange, Set, Token, Valve, ValveOrder,
};
use coinless_protocol::{Challenge, Commodity, CreditNumber, Epoch, Register, Units};

/// The key that signs keys.
pub const ROOT: u8 = 4;
/// The longest step of a number.
const JUMP: u32 = 1 << 20;

/// A token that somebody makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub epoch: u16,
    pub signer: u8,
    pub what: What,
}

/// What it does.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Read(Challenge),
    /// Number and names of operational keys.
    Keys(u32, Vec<u8>),
    Registers(Box<Registers>),
}

/// The registers that it sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Registers {
    pub credit: Option<Sold>,
    /// None for a content that is none.
    pub tariff: Option<(u32, Option<Tariff>)>,
    pub settings: Option<(u32, Option<Settings>)>,
    pub valve: Option<(u32, ValveOrder)>,
    pub clock: Option<(u64, Option<Challenge>)>,
}

/// What it says of credit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sold {
    pub number: u32,
    pub total: u64,
    pub refused: Option<(u32, u32)>,
    pub needs: (u32, u32, u32),
    pub closing: bool,
}

impl Wish {
    /// The signed token.
    pub fn signed(&self) -> Vec<u8> {
        let (mut tariff, mut settings) = (vec![0xff], vec![0xff]);
        let keys = match &self.what {
            What::Keys(_, names) => {
                let keys: Vec<_> = names.iter().map(|name| key(*name).public_key()).collect();
                OperationalKeys::new(&keys).map_or(vec![0xff], |keys| keys.to_bytes().unwrap().to_vec())
            }
            _ => Vec::new(),
        };
        let order = match &self.what {
            What::Read(challenge) => Order::Read(*challenge),
            What::Keys(number, _) => Order::Keys(Content { number: *number, bytes: &keys }),
            What::Registers(registers) => {
                if let Some((_, Some(wanted))) = &registers.tariff {
                    tariff = wanted.to_bytes().unwrap().to_vec();
                }
                if let Some((_, Some(wanted))) = &registers.settings {
                    settings = wanted.to_bytes().unwrap().to_vec();
                }
                Order::Set(registers.set(&tariff, &settings))
            }
        };
        let (epoch, hint) = (Epoch(self.epoch), meter_key().hash().hint());
        let token = Token { meter: meter_id(), meter_key: hint, epoch, order };
        token.sign(&meter_key().hash(), &key(self.signer)).map(|bytes| bytes.to_vec()).unwrap_or_default()
    }
}

impl Registers {
    fn set<'a>(&self, tariff: &'a [u8], settings: &'a [u8]) -> Set<'a> {
        let credit = self.credit.map(|sold| {
            let register = Register { number: CreditNumber(sold.number), total: Units::new(sold.total).unwrap() };
            let range = |(first, last)| RefusedRange::new(CreditNumber(first), CreditNumber(last));
            let needs = Needs { tariff: sold.needs.0, settings: sold.needs.1, keys: sold.needs.2 };
            let conditions = Conditions { refused: sold.refused.and_then(range), needs };
            Credit { register, conditions, closing: sold.closing }
        });
        let content = |number: u32, bytes: &'a [u8]| Content { number, bytes };
        Set {
            credit,
            tariff: self.tariff.as_ref().map(|(number, _)| content(*number, tariff)),
            settings: self.settings.as_ref().map(|(number, _)| content(*number, settings)),
            valve: self.valve.map(|(number, command)| Valve { number, command }),
            clock: self.clock.map(|(unix_s, answers)| Clock { unix_s, answers }),
        }
    }
}

/// What is taken of a token.
#[derive(Debug, Clone, PartialEq)]
struct Verdict {
    decision: Decision,
    taken: What,
}

/// Whether a number is newer than the meter's own.
fn newer(number: u32, own: u32) -> Decision {
    if number <= own {
        Decision::NotNewer
    } else if number > own.saturating_add(JUMP) {
        Decision::JumpTooFar
    } else {
        Decision::Applied
    }
}

impl Model {
    /// A token of `wish` is handed over as `bytes`; gives the decision, and whether it was answered from what is stored.
    pub fn token(&mut self, wish: &Wish, bytes: &[u8]) -> Result<(Decision, bool), Refusal> {
        self.tick();
        let repeated = self.now.answered.as_ref().is_some_and(|answered| answered.as_deref() == Some(bytes));
        let may_change = matches!(self.facts.decision, Decision::NotYet { .. } | Decision::NeedsNewerRegister);
        if repeated && !(may_change && self.judge(wish).decision != self.facts.decision) {
            return Ok((self.facts.decision, true));
        }
        let is_keys = matches!(wish.what, What::Keys(..));
        let may_sign = if is_keys { wish.signer == ROOT } else { self.terms.keys.1.contains(&wish.signer) };
        if !may_sign {
            self.count(Event::BadToken);
            return Err(Refusal::UnknownIssuer);
        }
        let from_press = if self.made.on_battery { Some(self.work()?) } else { None };
        let verdict = self.usable(self.judge(wish));
        match (verdict.decision, from_press) {
            (Decision::Applied, Some(from_press)) => self.give_back(from_press),
            (Decision::Applied, None) | (_, Some(_)) => {}
            (_, None) => drop(self.work()?),
        }
        self.take(wish, &verdict);
        self.now.answered = Some(Some(bytes.to_vec()));
        Ok((verdict.decision, false))
    }

    /// A token that looks right and is signed by nobody.
    pub fn forged(&mut self) -> Refusal {
        self.tick();
        if self.made.on_battery && self.work().is_err() {
            return Refusal::Busy;
        }
        self.count(Event::BadToken);
        Refusal::BadSignature
    }

    fn judge(&self, wish: &Wish) -> Verdict {
        let nothing = |decision| Verdict { decision, taken: What::Registers(Box::default()) };
        let own = self.terms.epoch;
        match &wish.what {
            What::Read(_) => nothing(Decision::Read),
            What::Keys(number, names) => {
                let before = if wish.epoch == own { Some(self.terms.keys.0) } else { None };
                let before = before.or((u32::from(wish.epoch) == u32::from(own) + 1).then_some(0));
                match before.map(|before| newer(*number, before)) {
                    Some(Decision::Applied) => {
                        Verdict { decision: Decision::Applied, taken: What::Keys(*number, names.clone()) }
                    }
                    Some(decision) => nothing(decision),
                    None => nothing(Decision::OtherEpoch),
                }
            }
            What::Registers(_) if wish.epoch != own => nothing(Decision::OtherEpoch),
            What::Registers(registers) => self.judge_registers(registers),
        }
    }

    /// Each register on its own; what the receipt says is the word on credit, if there is any.
    fn judge_registers(&self, wanted: &Registers) -> Verdict {
        let mut taken = Registers::default();
        let mut words = Vec::new();
        let mut decide = |decision: Option<Decision>| {
            words.extend(decision);
            decision == Some(Decision::Applied)
        };
        if decide(wanted.tariff.as_ref().map(|(number, _)| newer(*number, self.terms.tariff.0))) {
            taken.tariff.clone_from(&wanted.tariff);
        }
        if decide(wanted.settings.as_ref().map(|(number, _)| newer(*number, self.terms.settings.0))) {
            taken.settings.clone_from(&wanted.settings);
        }
        if decide(wanted.valve.map(|(number, _)| newer(number, self.command_number()))) {
            taken.valve = wanted.valve;
        }
        let news = |clock| if self.is_news(clock) { Decision::Applied } else { Decision::NotNewer };
        if decide(wanted.clock.map(news)) {
            taken.clock = wanted.clock;
        }
        let credit = wanted.credit.map(|sold| self.judge_credit(&sold, &taken));
        taken.credit = wanted.credit.filter(|_| credit == Some(Decision::Applied));
        let strongest = [Decision::Applied, Decision::JumpTooFar].into_iter().find(|word| words.contains(word));
        let decision = credit.unwrap_or(strongest.unwrap_or(Decision::NotNewer));
        Verdict { decision, taken: What::Registers(Box::new(taken)) }
    }

    fn judge_credit(&self, sold: &Sold, with: &Registers) -> Decision {
        let own = self.credit_number();
        let number = |own: u32, new: Option<u32>| new.unwrap_or(own);
        let tariff = number(self.terms.tariff.0, with.tariff.as_ref().map(|(number, _)| *number));
        let settings = number(self.terms.settings.0, with.settings.as_ref().map(|(number, _)| *number));
        let has_prices = !self.tariff().rates.is_empty() || with.tariff.is_some();
        let (least_tariff, least_settings, least_keys) = sold.needs;
        let needs_older = least_tariff > tariff || least_settings > settings || least_keys > self.terms.keys.0;
        let adds = sold.total > self.total() && !sold.closing;
        let needs_more = needs_older || (self.made.by_money && !has_prices && adds);
        let fits = self.balance() + (i128::from(sold.total) - i128::from(self.total())) * 1_000;
        let over = fits - i128::from(self.max_credit()) * 1_000;
        if newer(sold.number, own) != Decision::Applied {
            newer(sold.number, own)
        } else if sold.refused.is_some_and(|(first, last)| (first..=last).contains(&own)) {
            Decision::InRefusedRange
        } else if sold.total < self.total() {
            Decision::TotalWouldFall
        } else if self.facts.closed {
            Decision::Closed
        } else if needs_more {
            Decision::NeedsNewerRegister
        } else if adds && over > 0 {
            Decision::NotYet { use_first: Units::new(((over + 999) / 1_000) as u64).unwrap() }
        } else {
            Decision::Applied
        }
    }

    /// Whether what a token says of the time is new: an answer to the open challenge is, and later than the clock is.
    fn is_news(&self, (unix_s, answers): (u64, Option<Challenge>)) -> bool {
        match answers {
            Some(challenge) => self.open_challenge(600_000) == Some(challenge),
            None => unix_s > self.clock(),
        }
    }

    /// The challenge that was given out less than this ago and not yet answered.
    fn open_challenge(&self, within_ms: u64) -> Option<Challenge> {
        let (challenge, since_ms) = self.now.challenge?;
        (self.now.now_ms - since_ms < within_ms).then_some(challenge)
    }

    /// Nothing is taken of a token with a content that this meter cannot use.
    fn usable(&self, verdict: Verdict) -> Verdict {
        let usable = match &verdict.taken {
            What::Read(_) => true,
            What::Keys(_, names) => !names.is_empty(),
            What::Registers(registers) => {
                let tariff =
                    |tariff: &Tariff| tariff.rates.is_empty() != self.made.by_money && !two_at_one_moment(tariff);
                let gas = self.made.commodity == Commodity::Gas;
                let settings = |settings: &Settings| match gas {
                    true => settings.open_by_token != Some(true),
                    false => settings.correction_ppm == NO_CORRECTION_PPM,
                };
                let content = |there: bool, usable: bool| !there || usable;
                content(registers.tariff.is_some(), matches!(&registers.tariff, Some((_, Some(new))) if tariff(new)))
                    && content(
                        registers.settings.is_some(),
                        matches!(&registers.settings, Some((_, Some(new))) if settings(new)),
                    )
            }
        };
        if usable {
            return verdict;
        }
        Verdict { decision: Decision::BadContent, taken: What::Registers(Box::default()) }
    }

    fn take(&mut self, wish: &Wish, verdict: &Verdict) {
        let was_open = self.facts.open;
        self.take_terms(wish, &verdict.taken);
        self.note();
        if let What::Registers(registers) = &verdict.taken {
            self.take_registers(registers);
        }
        self.facts.decision = verdict.decision;
        self.facts.about = match &wish.what {
            What::Registers(registers) => registers.credit.map_or(0, |sold| sold.number),
            _ => 0,
        };
        self.facts.receipts += 1;
        match (was_open, self.facts.open) {
            (false, true) => self.open(),
            (true, false) => self.shut(),
            _ => {}
        }
        self.note();
    }

    fn take_terms(&mut self, wish: &Wish, taken: &What) {
        match taken {
            What::Read(_) => {}
            What::Keys(number, names) => {
                if wish.epoch != self.terms.epoch {
                    self.terms.epoch = wish.epoch;
                    (self.terms.tariff.0, self.terms.settings.0) = (0, 0);
                }
                self.terms.keys = (*number, names.clone());
            }
            What::Registers(registers) => {
                if let Some((number, Some(tariff))) = &registers.tariff {
                    self.terms.tariff = (*number, tariff.clone());
                }
                if let Some((number, Some(settings))) = &registers.settings {
                    self.terms.settings = (*number, settings.clone());
                }
            }
        }
    }

    fn take_registers(&mut self, taken: &Registers) {
        if let Some((number, command)) = taken.valve {
            self.facts.commands.push((self.terms.epoch, number));
            self.command(command);
        }
        if let Some((unix_s, answers)) = taken.clock {
            self.facts.clock = unix_s;
            self.now.clock_from = (unix_s, self.now.now_ms);
            if answers.is_some() {
                (self.facts.clock_known, self.now.clock_known, self.now.challenge) = (true, true, None);
            }
        }
        if let Some(sold) = &taken.credit {
            self.load_credit(sold);
        }
    }

    fn command(&mut self, command: ValveOrder) {
        match command {
            ValveOrder::HoldShut => {
                self.facts.causes = self.facts.causes.with(ShutCause::Command);
                (self.facts.open, self.facts.checking, self.facts.by_hand) = (false, false, true);
            }
            ValveOrder::Release => self.facts.causes = self.facts.causes.without(ShutCause::Command),
            ValveOrder::Service => {
                for cause in [ShutCause::Tamper, ShutCause::Flow, ShutCause::Disuse] {
                    self.facts.causes = self.facts.causes.without(cause);
                }
                (self.facts.valve_failed, self.facts.openings, self.facts.used_day) = (false, 0, 0);
            }
        }
    }

    fn load_credit(&mut self, sold: &Sold) {
        let added = i128::from(sold.total) - i128::from(self.total());
        self.facts.credits.push((self.terms.epoch, sold.number, sold.total));
        let debt = (added * 1_000 * i128::from(self.tariff().debt.per_cent) / 100).min(self.debt());
        self.facts.charges.push(debt);
        self.facts.debts.push(debt);
        if sold.closing {
            self.facts.withdrawals.push(self.balance().max(0));
            self.facts.closed = true;
            self.facts.causes = self.facts.causes.with(ShutCause::NoCredit).with(ShutCause::ClosedAccount);
            (self.facts.open, self.facts.checking, self.facts.by_hand) = (false, false, true);
        } else if self.balance() > 0 {
            (self.facts.emergency, self.facts.friendly) = (false, false);
            let before = self.facts.causes;
            self.facts.causes = before.without(ShutCause::NoCredit);
            let used_up_alone = before.contains(ShutCause::NoCredit) && self.facts.causes.is_empty();
            let allowed = self.settings().open_by_token.unwrap_or(self.made.open_by_token);
            let may_open = allowed && self.made.commodity != Commodity::Gas && !self.facts.by_hand;
            if used_up_alone && may_open && !self.facts.open {
                self.facts.open = true;
                self.facts.checking = self.made.opening.is_some();
            }
        }
    }

    /// The last receipt is asked for.
    pub fn receipt(&mut self) -> Result<(), Refusal> {
        self.tick();
        if self.now.answered.is_none() {
            self.work()?;
            self.facts.receipts += 1;
            self.now.answered = Some(None);
            self.note();
        }
        Ok(())
    }

    /// A report is asked for.
    pub fn report(&mut self) -> Result<(), Refusal> {
        self.tick();
        self.work()?;
        self.facts.receipts += 1;
        self.note();
        Ok(())
    }

    /// A challenge is asked for: gives the one that must come if it is an old one, or none for a new one.
    pub fn challenge(&mut self) -> Result<Option<Challenge>, Refusal> {
        self.tick();
        let old = self.open_challenge(300_000);
        if old.is_none() {
            self.work()?;
            self.facts.receipts += 1;
            self.note();
        }
        Ok(old)
    }

    /// A signed identity is asked for.
    pub fn signed_identity(&mut self) -> Result<(), Refusal> {
        self.tick();
        if self.made.on_battery { self.work().map(drop) } else { Ok(()) }
    }

    /// One work for a stranger; gives whether it is of those that a press allows.
    fn work(&mut self) -> Result<bool, Refusal> {
        let now_ms = self.now.now_ms;
        if let Some((left @ 1.., since_ms)) = self.now.pressed
            && now_ms - since_ms < 300_000
        {
            self.now.pressed = Some((left - 1, since_ms));
            return Ok(true);
        }
        if self.now.stock == 0 {
            self.count(Event::Busy);
            return Err(Refusal::Busy);
        }
        self.now.stock -= 1;
        self.facts.stock = self.now.stock;
        Ok(false)
    }

    /// One more work each five minutes.
    pub fn fill_stock(&mut self) {
        const EACH_MS: u64 = 300_000;
        let (most, now_ms) = (if self.made.on_battery { 12 } else { 100 }, self.now.now_ms);
        for _ in self.now.stock_ms / EACH_MS..now_ms / EACH_MS {
            self.now.stock = (self.now.stock + 1).min(most);
        }
        (self.now.stock_ms, self.facts.stock) = (now_ms, self.now.stock);
    }

    fn give_back(&mut self, from_press: bool) {
        if from_press {
            self.now.pressed = self.now.pressed.map(|(left, since_ms)| (left + 1, since_ms));
        } else {
            self.now.stock += 1;
            self.facts.stock = self.now.stock;
        }
    }
}

/// Whether two rates begin at the same moment of the week.
fn two_at_one_moment(tariff: &Tariff) -> bool {
    let mut seen = std::collections::HashSet::new();
    let moments = tariff
        .switches
        .iter()
        .flat_map(|switch| (0..7).filter(|day| switch.days.contains(*day)).map(|day| (day, switch.at.get())));
    moments.into_iter().any(|moment| !seen.insert(moment))
}
