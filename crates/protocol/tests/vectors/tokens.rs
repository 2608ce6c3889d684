//! Tokens of every kind: credit, a void, a closing one, other registers, keys, and read requests.

use crate::file::check;
use crate::support::{hex, issuer, leak, meter, root, test_key, unhex, unhex_array};
use crate::token_cases::all;
use coinless_protocol::cose::{Label, Sign1, external_aad};
use coinless_protocol::keys::Signer;
use coinless_protocol::token::{
    Clock, Conditions, Content, Credit, Needs, Order, RefusedRange, Set, Token, Valve, ValveOrder,
};
use coinless_protocol::{CreditNumber, Epoch, Register, Units};
use serde::{Deserialize, Serialize};

/// A token in all its forms.
#[derive(Serialize, Deserialize)]
pub struct TokenVector {
    pub name: String,
    pub meter: String,
    pub meter_key: String,
    pub issuer_key: String,
    pub epoch: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<CreditVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<NeedsVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tariff: Option<ContentVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<ContentVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valve: Option<ValveVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<ContentVector>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    pub payload: String,
    pub external_aad: String,
    pub signed: String,
    pub signed_bytes: usize,
}

#[derive(Serialize, Deserialize)]
pub struct CreditVector {
    pub number: u32,
    pub total: u64,
}

#[derive(Serialize, Deserialize)]
pub struct ContentVector {
    pub number: u32,
    pub content: String,
}

#[derive(Serialize, Deserialize)]
pub struct ValveVector {
    pub number: u32,
    pub command: String,
}

#[derive(Serialize, Deserialize)]
pub struct ClockVector {
    pub unix_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

/// Valve commands in words.
pub const COMMANDS: [(&str, ValveOrder); 3] =
    [("release", ValveOrder::Release), ("hold shut", ValveOrder::HoldShut), ("service", ValveOrder::Service)];

#[derive(Serialize, Deserialize)]
pub struct NeedsVector {
    pub tariff: u32,
    pub settings: u32,
    pub keys: u32,
}

impl TokenVector {
    fn of(name: &str, token: &Token<'_>) -> Self {
        let meter = meter();
        let (set, keys) = match &token.order {
            Order::Set(set) => (*set, None),
            Order::Read(_) => (Set::default(), None),
            Order::Keys(keys) => (Set::default(), Some(*keys)),
        };
        let issuer = if keys.is_some() { root() } else { issuer() };
        let content = |content: Content<'_>| ContentVector { number: content.number, content: hex(content.bytes) };
        let conditions = token.credit().map(|credit| credit.conditions).unwrap_or_default();
        let needs = conditions.needs;
        let signed = token.sign(&meter.hash(), &issuer.pair).unwrap();
        Self {
            name: name.into(),
            meter: token.meter.to_string(),
            meter_key: meter.name.into(),
            issuer_key: issuer.name.into(),
            epoch: token.epoch.0,
            credit: token.register().map(|r| CreditVector { number: r.number.0, total: r.total.get() }),
            refused: conditions.refused.map(|range| [range.first().0, range.last().0]),
            needs: (needs != Needs::default()).then_some(NeedsVector {
                tariff: needs.tariff,
                settings: needs.settings,
                keys: needs.keys,
            }),
            challenge: match &token.order {
                Order::Read(challenge) => Some(hex(challenge)),
                Order::Set(_) | Order::Keys(_) => None,
            },
            tariff: set.tariff.map(content),
            settings: set.settings.map(content),
            valve: set.valve.map(|valve| ValveVector {
                number: valve.number,
                command: COMMANDS.into_iter().find(|(_, command)| *command == valve.command).unwrap().0.into(),
            }),
            clock: set.clock.map(|clock| ClockVector {
                unix_s: clock.unix_s,
                answers: clock.answers.map(|challenge| hex(&challenge)),
            }),
            keys: keys.map(content),
            closing: set.credit.is_some_and(|credit| credit.closing),
            payload: hex(&token.to_payload().unwrap()),
            external_aad: hex(&external_aad(Label::Token, &meter.hash())),
            signed: hex(&signed),
            signed_bytes: signed.len(),
        }
    }

    /// The token that the fields describe.
    fn token(&self) -> Token<'static> {
        let needs = self.needs.as_ref();
        let conditions = Conditions {
            refused: self.refused.map(|[a, b]| RefusedRange::new(CreditNumber(a), CreditNumber(b)).unwrap()),
            needs: needs.map_or(Needs::default(), |n| Needs { tariff: n.tariff, settings: n.settings, keys: n.keys }),
        };
        let content = |vector: &ContentVector| Content { number: vector.number, bytes: leak(unhex(&vector.content)) };
        let credit = self.credit.as_ref().map(|credit| Credit {
            register: Register { number: CreditNumber(credit.number), total: Units::new(credit.total).unwrap() },
            conditions,
            closing: self.closing,
        });
        let set = Set {
            credit,
            tariff: self.tariff.as_ref().map(content),
            settings: self.settings.as_ref().map(content),
            valve: self.valve.as_ref().map(|valve| Valve {
                number: valve.number,
                command: COMMANDS.into_iter().find(|(name, _)| *name == valve.command).unwrap().1,
            }),
            clock: self
                .clock
                .as_ref()
                .map(|clock| Clock { unix_s: clock.unix_s, answers: clock.answers.as_deref().map(unhex_array) }),
        };
        let order = match (set == Set::default(), &self.challenge, &self.keys) {
            (false, None, None) => Order::Set(set),
            (true, Some(challenge), None) => Order::Read(unhex_array(challenge)),
            (true, None, Some(keys)) => Order::Keys(content(keys)),
            _ => panic!("{}: not one order", self.name),
        };
        let meter_key = test_key(&self.meter_key).hash().hint();
        Token { meter: self.meter.parse().unwrap(), meter_key, epoch: Epoch(self.epoch), order }
    }
}

/// The vectors of the file, after the comparison with what the code makes.
pub fn vectors() -> Vec<TokenVector> {
    let made = all().iter().map(|(name, token)| TokenVector::of(name, token)).collect();
    let about = "What stations sign: payload (rule token of docs/protocol.cddl), external_aad, and the COSE_Sign1 (rule \
                 signed-token) with a deterministic signature (RFC 6979). Keys are signed by a root key. Contents of registers \
                 are explained in tariffs.json, settings.json and operational_keys.json.";
    check("tokens.json", about, made)
}

#[test]
fn tokens() {
    for vector in vectors() {
        let (meter, issuer) = (test_key(&vector.meter_key), test_key(&vector.issuer_key));
        let token = vector.token();
        assert_eq!(hex(&token.to_payload().unwrap()), vector.payload, "{}", vector.name);
        assert_eq!(hex(&token.sign(&meter.hash(), &issuer.pair).unwrap()), vector.signed, "{}", vector.name);
        assert_eq!(Token::from_payload(&unhex(&vector.payload)), Ok(token), "{}", vector.name);
        let signed = unhex(&vector.signed);
        let (sign1, parsed) = Token::parse(&signed).unwrap();
        assert_eq!(parsed, token);
        assert_eq!(sign1.kid, issuer.pair.key_hint());
        assert!(sign1.verify(&issuer.public(), Label::Token, &meter.hash()), "{}", vector.name);
    }
}

#[test]
fn a_signature_serves_one_role_one_key_and_one_meter() {
    let (meter, issuer) = (meter(), issuer());
    let signed = all()[0].1.sign(&meter.hash(), &issuer.pair).unwrap();
    let sign1 = Sign1::parse(&signed).unwrap();
    let other = test_key("coinless test key meter-2");
    assert!(sign1.verify(&issuer.public(), Label::Token, &meter.hash()));
    assert!(!sign1.verify(&issuer.public(), Label::Receipt, &meter.hash()));
    assert!(!sign1.verify(&issuer.public(), Label::Identity, &meter.hash()));
    assert!(!sign1.verify(&issuer.public(), Label::Token, &other.hash()));
    assert!(!sign1.verify(&other.public(), Label::Token, &meter.hash()));
}
