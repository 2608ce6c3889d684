//! A real meter and the model, side by side.

use crate::model::{Made, Model};
use crate::steps::Step;
use crate::support::{self, Flash, key, layout, meter_id, meter_key, units};
use crate::tokens::{What, Wish};
use coinless_meter::{
    Factory, Issuer, IssuerRole, Meter, MeterServer, OpeningCheck, Pressed, Served, ValveCommand, WorkLimit,
};
use coinless_protocol::coap::{Client, ContentFormat, Message, Method, Request};
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::Decision;
use coinless_protocol::report::Event;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Bytes, Challenge, CreditKind, Currency, FineCredit};
use std::collections::BTreeMap;

/// A meter, its valve, the model, and what was handed over so far.
pub struct Game {
    pub meter: Option<Meter<Flash>>,
    pub model: Model,
    /// How the valve stands, as it was driven, and how often it was driven open.
    pub valve_open: bool,
    pub opened: u64,
    /// What flows in the step under way, in thousandths, at once.
    pub pulse: i128,
    /// How often the power was cut in the middle of something.
    pub power_cuts: u64,
    tokens: Vec<(Wish, Vec<u8>)>,
    last: Option<usize>,
    message_id: u32,
    pub challenges: Vec<Challenge>,
    /// The readings' key of the station.
    pub readings: ReadingsKey,
    /// What happened how often.
    pub seen: BTreeMap<String, u64>,
}

/// What is different, in words; nothing if nothing is.
pub type Played = Result<(), String>;

impl Game {
    pub fn new(made: Made) -> Self {
        let flash = support::made(&factory(&made));
        let mut game = Self {
            meter: None,
            model: Model::new(made, vec![2]),
            valve_open: false,
            opened: 0,
            pulse: 0,
            power_cuts: 0,
            tokens: Vec::new(),
            last: None,
            message_id: 0,
            challenges: Vec::new(),
            readings: ReadingsKey::agree(&key(3), &meter_key(), &meter_id()),
            seen: BTreeMap::new(),
        };
        game.mount(flash, None);
        game.settle();
        game.model.keep();
        game
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn made_tokens(&self) -> usize {
        self.tokens.len()
    }

    pub fn meter(&mut self) -> &mut Meter<Flash> {
        self.meter.as_mut().unwrap()
    }

    pub fn is_cut(&mut self) -> bool {
        self.meter().flash().is_cut()
    }

    pub fn saw(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// Lets `step` happen to both, and says what is different then.
    pub fn play(&mut self, step: &Step) -> Played {
        self.pulse = match step {
            Step::Consume(fine) | Step::Trickle(fine, ..) => (*fine).max(0).into(),
            _ => 0,
        };
        let agreed = self.happen(step);
        if !self.is_cut() {
            agreed?;
            self.settle();
        }
        if self.is_cut() {
            // Whatever the meter said when its power went off.
            self.power_cuts += 1;
            self.saw("power cuts");
            return self.restart(None, &[]);
        }
        self.model.keep();
        self.compare()
    }

    fn happen(&mut self, step: &Step) -> Played {
        let now_ms = self.model.now.now_ms;
        match step {
            Step::Token(wish) => {
                self.tokens.push((wish.clone(), wish.signed()));
                self.hand(self.tokens.len() - 1)
            }
            Step::TornToken(wish, steps) => {
                self.tokens.push((wish.clone(), wish.signed()));
                self.meter().flash().cut_after(*steps);
                self.hand(self.tokens.len() - 1)
            }
            Step::OldToken(at) => self.hand(*at),
            Step::SameToken => self.last.map_or(Ok(()), |at| self.hand(at)),
            Step::Forgery(wish) => self.forge(wish),
            Step::Garbage(bytes) => {
                self.model.tick();
                let refused = self.meter().token(now_ms, bytes).is_err();
                if refused { Ok(()) } else { Err("garbage was taken".into()) }
            }
            Step::Receipt => self.receipt(),
            Step::Report => self.report(),
            Step::Challenge => self.challenge(),
            Step::SignedIdentities(times) => {
                for _ in 0..*times {
                    let refused = self.meter().signed_identity(now_ms, [1; 8]).err();
                    same!("signed identity", refused, self.model.signed_identity().err());
                }
                Ok(())
            }
            Step::Wait(ms) => {
                self.model.now.now_ms += ms;
                Ok(())
            }
            Step::Restart { clock, cuts } => self.restart(*clock, cuts),
            Step::Cut(steps) => {
                self.meter().flash().cut_after(*steps);
                Ok(())
            }
            at_the_meter => self.happen_at_the_meter(at_the_meter),
        }
    }

    fn happen_at_the_meter(&mut self, step: &Step) -> Played {
        let (meter, model) = (self.meter.as_mut().unwrap(), &mut self.model);
        let now_ms = model.now.now_ms;
        match step {
            Step::Consume(fine) => {
                meter.consume(now_ms, FineCredit(*fine));
                model.consume((*fine).into());
            }
            Step::Press => {
                let pressed = match model.press() {
                    Ok(true) => Pressed::Opened,
                    Ok(false) => Pressed::AlreadyOpen,
                    Err(causes) => Pressed::HeldShut(causes),
                };
                let really = meter.press_open(now_ms);
                self.acknowledged(really == Pressed::Opened);
                same!("a press", really, pressed);
                self.saw(format!("presses: {}", if pressed == Pressed::Opened { "opened" } else { "not" }));
            }
            Step::Emergency => {
                let taken = model.take_emergency();
                let really = meter.take_emergency(now_ms).ok();
                self.acknowledged(really == Some(true));
                same!("emergency credit", really, Some(taken));
            }
            Step::Raise(cause) => {
                meter.raise_cause(now_ms, *cause);
                model.raise(*cause);
            }
            Step::Clear(cause) => {
                let may = model.clear(*cause);
                let really = meter.clear_cause(now_ms, *cause).is_ok();
                self.acknowledged(really);
                same!("clearing", really, may);
            }
            Step::Repair => {
                model.repair();
                let really = meter.clear_valve_failed(now_ms).is_ok();
                self.acknowledged(really);
                same!("a repair", really, true);
            }
            Step::Sense(sensor, active) => {
                meter.sensor(now_ms, *sensor, *active);
                model.sense(*sensor, *active);
            }
            Step::Load(power_w, ms) => {
                meter.load(now_ms, *power_w);
                model.load(*power_w);
                model.now.now_ms += ms;
                meter.load(model.now.now_ms, *power_w);
                model.load(*power_w);
            }
            Step::Trickle(fine, times, pause_ms) => {
                for _ in 0..=*times {
                    meter.consume(model.now.now_ms, FineCredit(*fine));
                    model.consume((*fine).into());
                    model.now.now_ms += pause_ms;
                }
            }
            step => unreachable!("{step:?} is not at the meter"),
        }
        Ok(())
    }

    /// What was acknowledged is kept from now on, whatever happens to the power.
    fn acknowledged(&mut self, said: bool) {
        if said && !self.is_cut() {
            self.model.keep();
        }
    }

    fn hand(&mut self, at: usize) -> Played {
        let (wish, bytes) = self.tokens[at].clone();
        self.last = Some(at);
        let expected = self.model.token(&wish, &bytes);
        let answer = if at.is_multiple_of(2) { self.over_the_link(&bytes) } else { self.at_the_core(&bytes) };
        let said = answer.as_ref().map(|(decision, repeated, _)| (*decision, *repeated)).map_err(|refusal| *refusal);
        self.acknowledged(said.is_ok());
        same!("a token", said, expected);
        let Ok((decision, repeated, receipt)) = answer else { return Ok(()) };
        self.saw(format!("tokens: {}", decision.name()));
        if decision == Decision::Applied && !matches!(wish.what, What::Registers(_)) {
            self.saw(if wish.epoch > 0 { "keys of a later epoch" } else { "keys" });
        }
        if repeated {
            self.saw("tokens answered from what is stored");
            return Ok(());
        }
        let challenge = match wish.what {
            What::Read(challenge) => Some(challenge),
            _ => None,
        };
        self.compare_receipt(&receipt, challenge)
    }

    /// A token straight to the core; gives decision, whether it was repeated, and the receipt.
    fn at_the_core(&mut self, bytes: &[u8]) -> Result<(Decision, bool, Vec<u8>), Refusal> {
        let now_ms = self.model.now.now_ms;
        let answer = self.meter().token(now_ms, bytes)?;
        Ok((answer.outcome.decision, answer.repeated, answer.receipt.to_vec()))
    }

    /// A token in a datagram, to the meter's server.
    fn over_the_link(&mut self, bytes: &[u8]) -> Result<(Decision, bool, Vec<u8>), Refusal> {
        let now_ms = self.model.now.now_ms;
        self.message_id = self.message_id.wrapping_add(1);
        let format = Some(ContentFormat::CoseSign1);
        let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: bytes };
        let datagram =
            Client::start(now_ms, u64::from(self.message_id) << 32, &request).unwrap().first_datagram().to_vec();
        let meter = self.meter.as_mut().unwrap();
        let mut sent = Vec::new();
        let served = MeterServer::<(), 1>::new(1)
            .handle(meter, now_ms, 0, (), &datagram, &mut |(), bytes| sent = bytes.to_vec());
        match served {
            Served::Token { outcome, repeated } => {
                let receipt = Message::parse(&sent).unwrap().payload.to_vec();
                Ok((outcome.decision, repeated, receipt))
            }
            Served::Refused(refusal) => Err(refusal),
            served => panic!("a token was served as {served:?}"),
        }
    }

    fn forge(&mut self, wish: &Wish) -> Played {
        let mut bytes = wish.signed();
        *bytes.last_mut().unwrap() ^= 1;
        let is_keys = matches!(wish.what, What::Keys(..));
        let may_sign = if is_keys { wish.signer == 4 } else { self.model.terms.keys.1.contains(&wish.signer) };
        let expected = if may_sign {
            self.model.forged()
        } else {
            // Cheaper to see than a wrong signature.
            self.model.token(wish, &bytes).unwrap_err()
        };
        let now_ms = self.model.now.now_ms;
        same!("a forgery", self.meter().token(now_ms, &bytes).err(), Some(expected));
        Ok(())
    }

    fn receipt(&mut self) -> Played {
        let (expected, now_ms) = (self.model.receipt(), self.model.now.now_ms);
        let first = self.meter().receipt_needs_signature();
        let receipt = self.meter().receipt(now_ms).map(<[u8]>::to_vec);
        self.acknowledged(receipt.is_ok());
        same!("a receipt", receipt.as_ref().map(drop).map_err(|refusal| *refusal), expected);
        match receipt {
            Ok(receipt) if first => self.compare_receipt(&receipt, None),
            _ => Ok(()),
        }
    }

    fn report(&mut self) -> Played {
        let (expected, now_ms) = (self.model.report(), self.model.now.now_ms);
        let mut signed = Bytes::new();
        let said = self.meter().report(now_ms, &mut signed);
        self.acknowledged(said.is_ok());
        same!("a report", said, expected);
        if said.is_err() {
            return Ok(());
        }
        self.compare_report(&signed)
    }

    fn challenge(&mut self) -> Played {
        let (expected, now_ms) = (self.model.challenge(), self.model.now.now_ms);
        let said: Result<Challenge, Refusal> = self.meter().challenge(now_ms);
        self.acknowledged(said.is_ok());
        match (said, expected) {
            (Ok(challenge), Ok(None)) => {
                if self.challenges.contains(&challenge) {
                    return Err("a challenge came twice".into());
                }
                self.challenges.push(challenge);
                self.model.now.challenge = Some((challenge, now_ms));
            }
            (Ok(challenge), Ok(Some(expected))) => same!("a challenge", challenge, expected),
            (said, expected) => same!("a challenge", said.err(), expected.err()),
        }
        Ok(())
    }

    /// Lets both see the time.
    fn settle(&mut self) {
        self.settle_meter(self.model.now.now_ms);
        self.model.tick();
    }

    /// Drives the valve as a port does.
    pub fn settle_meter(&mut self, now_ms: u64) {
        for _ in 0..2 {
            match self.meter().take_valve_command() {
                Some(ValveCommand::Open) => (self.valve_open, self.opened) = (true, self.opened + 1),
                Some(ValveCommand::Shut) => self.valve_open = false,
                None => {}
            }
            self.meter().tick(now_ms);
        }
    }

    pub fn mount(&mut self, flash: Flash, clock: Option<u64>) {
        let mut meter = Meter::mount(flash, &layout()).unwrap();
        if self.model.made.on_battery {
            meter.limit_work(WorkLimit::BATTERY);
        }
        if let Some(unix_s) = clock {
            meter.clock_went_on(0, unix_s);
        }
        self.meter = Some(meter);
    }

    /// Counts the events in the end.
    pub fn look_back(&mut self) {
        for event in Event::ALL {
            let times = self.model.facts.events[event as usize];
            *self.seen.entry(format!("event: {}", event.words())).or_default() += u64::from(times);
        }
    }

    /// Counts what is to be seen now.
    pub fn look(&mut self) {
        let facts = &self.model.facts;
        let causes: Vec<_> = facts.causes.iter().filter(|cause| *cause != ShutCause::Fault).collect();
        let flags = [
            ("open", facts.open),
            ("friendly credit", facts.friendly),
            ("emergency credit", facts.emergency),
            ("closed", facts.closed),
            ("clock known", facts.clock_known),
            ("debt paid", self.model.debt_paid() > 0),
            ("valve failed", facts.valve_failed),
        ];
        for (name, _) in flags.into_iter().filter(|(_, there)| *there) {
            self.saw(name);
        }
        for cause in causes {
            self.saw(format!("cause: {}", cause.words()));
        }
    }
}

fn factory(made: &Made) -> Factory {
    let euro = CreditKind::Money(Currency::new(*b"EUR", 2).unwrap());
    let opening = made.opening.map_or(OpeningCheck::NONE, |_| OpeningCheck::GAS);
    let issuer = |role, name| Issuer { role, key: key(name).public_key() };
    Factory {
        credit: if made.by_money { euro } else { CreditKind::Unit },
        initial: units(made.initial),
        max_credit: units(made.max_credit),
        opening,
        open_by_token: made.open_by_token,
        issuers: heapless::Vec::from_slice(&[issuer(IssuerRole::Root, 4), issuer(IssuerRole::Operational, 2)]).unwrap(),
        ..support::factory(made.commodity)
    }
}
