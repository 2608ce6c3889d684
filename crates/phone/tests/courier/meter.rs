//! A meter as far as a courier sees it: the credit register, its conditions, and signed answers.

use coinless_protocol::coap::{Code, ContentFormat, Method, Request, Response};
use coinless_protocol::identity::Identity;
use coinless_protocol::keys::{KeyHash, KeyHint, KeyPair, SIGNATURE_BYTES, SignError, Signer};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Order, Token};
use coinless_protocol::{Bytes, Challenge, Commodity, CreditNumber, MeterId, Register, Units};

pub struct TestMeter {
    pub id: MeterId,
    pub key: KeyPair,
    pub register: Register,
    /// The most credit that fits; nothing is ever consumed.
    pub room: u64,
    /// Signs the receipts in the meter's place, and under its name.
    pub forger: Option<KeyPair>,
    /// Every token that was posted.
    pub posted: Vec<CreditNumber>,
    receipts: u32,
    last: Option<(Vec<u8>, Vec<u8>)>,
}

impl TestMeter {
    pub fn new(id: &str, secret: u8) -> Self {
        Self {
            id: id.parse().unwrap(),
            key: KeyPair::from_secret(&[secret; 32]).unwrap(),
            register: Register { number: CreditNumber(0), total: Units::ZERO },
            room: Units::MAX,
            forger: None,
            posted: Vec::new(),
            receipts: 0,
            last: None,
        }
    }

    fn hash(&self) -> KeyHash {
        self.key.public_key().hash()
    }

    fn registers(&self) -> RegisterNumbers {
        RegisterNumbers { credit: self.register.number, ..RegisterNumbers::default() }
    }

    pub fn answer(&mut self, request: &Request<'_>) -> Response {
        match (request.method, request.path) {
            (Method::Get, ["meter"]) => self.identity(request.query.first().and_then(|query| challenge(query))),
            (Method::Post, ["token"]) => match self.token(request.payload) {
                Ok(receipt) => response(Code::CHANGED, ContentFormat::CoseSign1, &receipt),
                Err(refusal) => response(refusal.coap_code(), ContentFormat::Problem, &refusal.to_bytes().unwrap()),
            },
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
        if let Some((_, receipt)) = self.last.as_ref().filter(|(last, _)| last == bytes) {
            return Ok(receipt.clone());
        }
        let (outcome, challenge) = match (token.order, token.credit()) {
            (Order::Read(challenge), _) => {
                (Outcome { decision: Decision::Read, token: CreditNumber(0) }, Some(challenge))
            }
            (_, Some(credit)) => {
                let (register, refused) = (credit.register, credit.conditions.refused);
                self.posted.push(register.number);
                let refused = refused.is_some_and(|range| range.contains(self.register.number));
                (Outcome { decision: self.credit(register, refused), token: register.number }, None)
            }
            _ => panic!("this station sells credit and nothing else"),
        };
        let receipt = self.receipt(outcome, challenge);
        self.last = Some((bytes.to_vec(), receipt.clone()));
        Ok(receipt)
    }

    fn credit(&mut self, new: Register, refused: bool) -> Decision {
        if new.number <= self.register.number {
            Decision::NotNewer
        } else if refused {
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

fn response(code: Code, format: ContentFormat, payload: &[u8]) -> Response {
    Response { code, format: Some(format as u16), max_age_s: None, payload: Bytes::copy_of(payload).unwrap() }
}

fn challenge(query: &str) -> Option<Challenge> {
    u64::from_str_radix(query.strip_prefix("c=")?, 16).ok().map(u64::to_be_bytes)
}
