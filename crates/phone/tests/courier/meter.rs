//! A meter as far as a courier sees it: its registers, the conditions of credit, and signed answers.

use coinless_phone::records::TokenKey;
use coinless_protocol::coap::{Code, ContentFormat, Method, Request, Response};
use coinless_protocol::cose::{self, Label};
use coinless_protocol::identity::Identity;
use coinless_protocol::keys::{KeyHash, KeyHint, KeyPair, SIGNATURE_BYTES, SignError, Signer};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::report::Report;
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Clock, Credit, Order, Set, Token};
use coinless_protocol::{Bytes, Challenge, Commodity, CreditNumber, Epoch, MeterId, Register, Units};

/// After how many seconds a busy meter does more.
pub const BUSY_S: u32 = 150;

pub struct TestMeter {
    pub id: MeterId,
    pub key: KeyPair,
    pub register: Register,
    /// The numbers of the other registers; the credit number in it is not used.
    pub others: RegisterNumbers,
    pub valve: u32,
    pub clock: u64,
    /// The challenge that the clock may be set in answer to.
    challenge: Option<Challenge>,
    pub closed: bool,
    /// Settings that it cannot use, by their number.
    pub bad_settings: u32,
    /// It has done enough for strangers.
    pub busy: bool,
    /// It has neither report nor challenge.
    pub is_old: bool,
    /// Answers every token with this receipt, as somebody on the way could.
    pub replay: Option<Vec<u8>>,
    /// The most credit that fits; nothing is ever consumed.
    pub room: u64,
    /// Signs the receipts in the meter's place, and under its name.
    pub forger: Option<KeyPair>,
    /// The credit number of every credit token that was posted.
    pub posted: Vec<CreditNumber>,
    /// What every token that was posted sets.
    pub handed: Vec<String>,
    receipts: u32,
    last: Option<(Vec<u8>, Vec<u8>)>,
}

impl TestMeter {
    pub fn new(id: &str, secret: u8) -> Self {
        Self {
            id: id.parse().unwrap(),
            key: KeyPair::from_secret(&[secret; 32]).unwrap(),
            register: Register { number: CreditNumber(0), total: Units::ZERO },
            others: RegisterNumbers::default(),
            valve: 0,
            clock: 0,
            challenge: None,
            closed: false,
            bad_settings: 0,
            busy: false,
            is_old: false,
            replay: None,
            room: Units::MAX,
            forger: None,
            posted: Vec::new(),
            handed: Vec::new(),
            receipts: 0,
            last: None,
        }
    }

    fn hash(&self) -> KeyHash {
        self.key.public_key().hash()
    }

    fn registers(&self) -> RegisterNumbers {
        RegisterNumbers { credit: self.register.number, ..self.others }
    }

    /// How many numbers of the receipts' sequence it has used.
    pub fn numbers_used(&self) -> u32 {
        self.receipts
    }

    pub fn answer(&mut self, request: &Request<'_>) -> Response {
        match (request.method, request.path) {
            (Method::Get, ["meter"]) => self.identity(request.query.first().and_then(|query| challenge(query))),
            (Method::Post, ["token"]) => match self.token(request.payload) {
                Ok(receipt) => response(Code::CHANGED, ContentFormat::CoseSign1, &receipt),
                Err(refusal) => refuse(refusal),
            },
            (Method::Get, ["report" | "challenge"]) if self.is_old => {
                response(Code::NOT_FOUND, ContentFormat::Cbor, &[])
            }
            (Method::Get, ["report" | "challenge"]) if self.busy => refuse(Refusal::Busy),
            (Method::Get, ["report"]) => {
                self.receipts += 1;
                let report = Report { meter: self.id, number: self.receipts, sealed: Bytes::new() };
                let signer = UnderName { hint: self.key.key_hint(), key: self.forger.as_ref().unwrap_or(&self.key) };
                let signed = cose::sign(&report.to_payload().unwrap(), Label::Report, &self.hash(), &signer).unwrap();
                response(Code::CONTENT, ContentFormat::CoseSign1, &signed)
            }
            (Method::Get, ["challenge"]) => {
                self.receipts += 1;
                let challenge = u64::from(self.receipts).to_be_bytes();
                self.challenge = Some(challenge);
                response(Code::CONTENT, ContentFormat::OctetStream, &challenge)
            }
            _ => response(Code::NOT_FOUND, ContentFormat::Cbor, &[]),
        }
    }

    fn identity(&self, challenge: Option<Challenge>) -> Response {
        let identity = Identity {
            meter: self.id,
            meter_key: self.key.key_hint(),
            commodity: Commodity::Gas,
            credit: coinless_protocol::CreditKind::Unit,
            registers: self.registers(),
            flags: Flags::default(),
            challenge,
        };
        if challenge.is_none() {
            return response(Code::CONTENT, ContentFormat::Cbor, &identity.to_bytes().unwrap());
        }
        let signed = identity.sign(&self.hash(), &self.key).unwrap();
        response(Code::CONTENT, ContentFormat::CoseSign1, &signed)
    }

    fn token(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (_, token) = Token::parse(bytes)?;
        if token.meter != self.id {
            return Err(Refusal::NotThisMeter);
        }
        if token.meter_key != self.key.key_hint() {
            return Err(Refusal::OtherKey);
        }
        if let Some(receipt) = &self.replay {
            return Ok(receipt.clone());
        }
        if self.busy {
            return Err(Refusal::Busy);
        }
        if let Some((_, receipt)) = self.last.as_ref().filter(|(last, _)| last == bytes) {
            return Ok(receipt.clone());
        }
        if let Ok(key) = TokenKey::of(bytes) {
            self.handed.push(key.to_string().split_once('-').unwrap().1.split_once('-').unwrap().1.to_owned());
        }
        let none = CreditNumber(0);
        let (outcome, challenge) = match &token.order {
            Order::Read(challenge) => (Outcome { decision: Decision::Read, token: none }, Some(*challenge)),
            Order::Keys(keys) => (Outcome { decision: self.keys(token.epoch, keys.number), token: none }, None),
            Order::Set(set) => {
                let decision = self.set(token.epoch, set);
                (Outcome { decision, token: token.register().map_or(none, |register| register.number) }, None)
            }
        };
        let receipt = self.receipt(outcome, challenge);
        self.last = Some((bytes.to_vec(), receipt.clone()));
        Ok(receipt)
    }

    fn keys(&mut self, epoch: Epoch, number: u32) -> Decision {
        let own = self.others.epoch;
        if epoch.0 == own.0 + 1 {
            self.others = RegisterNumbers { epoch, keys: number, ..RegisterNumbers::default() };
            (self.register.number, self.valve) = (CreditNumber(0), 0);
            Decision::Applied
        } else if epoch != own {
            Decision::OtherEpoch
        } else {
            decision(newer(&mut self.others.keys, number))
        }
    }

    /// Each register on its own; what is said of credit counts, if there is credit.
    fn set(&mut self, epoch: Epoch, set: &Set<'_>) -> Decision {
        if let Some(credit) = &set.credit {
            self.posted.push(credit.register.number);
        }
        if epoch != self.others.epoch {
            return Decision::OtherEpoch;
        }
        if set.settings.is_some_and(|settings| settings.number == self.bad_settings) {
            return Decision::BadContent;
        }
        let mut taken = false;
        taken |= set.tariff.is_some_and(|tariff| newer(&mut self.others.tariff, tariff.number));
        taken |= set.settings.is_some_and(|settings| newer(&mut self.others.settings, settings.number));
        taken |= set.valve.is_some_and(|valve| newer(&mut self.valve, valve.number));
        if let Some(Clock { unix_s, answers }) = set.clock {
            let lawful = match answers {
                Some(challenge) => self.challenge.take() == Some(challenge),
                None => unix_s > self.clock,
            };
            if lawful {
                self.clock = unix_s;
            }
            taken |= lawful;
        }
        set.credit.as_ref().map_or(decision(taken), |credit| self.credit(credit))
    }

    fn credit(&mut self, credit: &Credit) -> Decision {
        let (new, conditions, own) = (credit.register, &credit.conditions, &self.others);
        let needs = &conditions.needs;
        if new.number <= self.register.number {
            Decision::NotNewer
        } else if self.closed {
            Decision::Closed
        } else if needs.tariff > own.tariff || needs.settings > own.settings || needs.keys > own.keys {
            Decision::NeedsNewerRegister
        } else if conditions.refused.is_some_and(|range| range.contains(self.register.number)) {
            Decision::InRefusedRange
        } else if new.total < self.register.total {
            Decision::TotalWouldFall
        } else if new.total.get() > self.room {
            Decision::NotYet { use_first: Units::new(new.total.get() - self.room).unwrap() }
        } else {
            self.register = new;
            Decision::Applied
        }
    }

    fn receipt(&mut self, outcome: Outcome, challenge: Option<Challenge>) -> Vec<u8> {
        self.receipts += 1;
        let receipt = Receipt {
            meter: self.id,
            number: self.receipts,
            outcome,
            registers: self.registers(),
            total: self.register.total,
            sums: Sums::default(),
            flags: Flags::default(),
            readings: Bytes::new(),
            challenge,
        };
        let signer = UnderName { hint: self.key.key_hint(), key: self.forger.as_ref().unwrap_or(&self.key) };
        receipt.sign(&self.hash(), &signer).unwrap().to_vec()
    }
}

/// Signs with one key and names another.
struct UnderName<'a> {
    hint: KeyHint,
    key: &'a KeyPair,
}

impl Signer for UnderName<'_> {
    type Error = SignError;

    fn key_hint(&self) -> KeyHint {
        self.hint
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        self.key.sign(message)
    }
}

/// Takes a number if it is newer.
fn newer(own: &mut u32, number: u32) -> bool {
    let is_newer = number > *own;
    *own = number.max(*own);
    is_newer
}

fn decision(taken: bool) -> Decision {
    if taken { Decision::Applied } else { Decision::NotNewer }
}

fn refuse(refusal: Refusal) -> Response {
    let max_age_s = (refusal == Refusal::Busy).then_some(BUSY_S);
    Response { max_age_s, ..response(refusal.coap_code(), ContentFormat::Problem, &refusal.to_bytes().unwrap()) }
}

fn response(code: Code, format: ContentFormat, payload: &[u8]) -> Response {
    Response { code, format: Some(format as u16), max_age_s: None, payload: Bytes::copy_of(payload).unwrap() }
}

fn challenge(query: &str) -> Option<Challenge> {
    u64::from_str_radix(query.strip_prefix("c=")?, 16).ok().map(u64::to_be_bytes)
}
