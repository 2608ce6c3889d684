//! Credit tokens, a void and read requests.

use crate::file::check;
use crate::support::{hex, issuer, longest_meter_id, meter, meter_id, test_key, unhex, unhex_array};
use coinless_protocol::cose::{Label, Sign1, external_aad};
use coinless_protocol::keys::Signer;
use coinless_protocol::token::{Conditions, Needs, Order, RefusedRange, Token};
use coinless_protocol::{CreditNumber, Epoch, MeterId, Register, Units};
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
    pub credit: Option<Credit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<NeedsVector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    pub payload: String,
    pub external_aad: String,
    pub signed: String,
    pub signed_bytes: usize,
}

#[derive(Serialize, Deserialize)]
pub struct Credit {
    pub number: u32,
    pub total: u64,
}

#[derive(Serialize, Deserialize)]
pub struct NeedsVector {
    pub tariff: u32,
    pub settings: u32,
    pub keys: u32,
}

/// A credit token of the issuer for the test meter.
pub fn credit(meter_id: MeterId, epoch: u16, number: u32, total: u64, conditions: Conditions) -> Token<'static> {
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    let order = Order::credit(register, conditions);
    Token { meter: meter_id, meter_key: meter().hash().hint(), epoch: Epoch(epoch), order }
}

/// A range of refused numbers as conditions.
pub fn refused(first: u32, last: u32) -> Conditions {
    let refused = RefusedRange::new(CreditNumber(first), CreditNumber(last));
    assert!(refused.is_some());
    Conditions { refused, ..Conditions::default() }
}

/// The longest token there is.
pub fn longest() -> Token<'static> {
    let needs = Needs { tariff: u32::MAX, settings: u32::MAX, keys: u32::MAX };
    let conditions = Conditions { needs, ..refused(u32::MAX, u32::MAX) };
    credit(longest_meter_id(), u16::MAX, u32::MAX, Units::MAX, conditions)
}

/// Every token of the vectors with its name.
pub fn all() -> Vec<(&'static str, Token<'static>)> {
    let none = Conditions::default();
    let needs = |tariff, settings, keys| Conditions { needs: Needs { tariff, settings, keys }, ..none };
    let read = |id, epoch| Token {
        meter: id,
        meter_key: meter().hash().hint(),
        epoch: Epoch(epoch),
        order: Order::Read([0xc0, 0xff, 0xee, 1, 2, 3, 4, 5]),
    };
    vec![
        ("credit, smallest", credit("CLS0".parse().unwrap(), 0, 1, 0, none)),
        ("credit, first of a meter", credit(meter_id(), 0, 1, 25_000, none)),
        ("credit, typical: 250 m3 sold so far", credit(meter_id(), 0, 42, 250_000, none)),
        ("credit, with a refused range of one number", credit(meter_id(), 0, 43, 275_000, refused(41, 41))),
        ("credit, needs a tariff", credit(meter_id(), 1, 44, 300_000, needs(7, 0, 0))),
        ("credit, needs tariff, settings and keys", credit(meter_id(), 1, 44, 300_000, needs(7, 300, 2))),
        (
            "credit, with range and needs",
            credit(meter_id(), 1, 45, 300_000, Conditions { refused: refused(40, 43).refused, ..needs(0, 300, 0) }),
        ),
        ("credit, largest without conditions", credit(longest_meter_id(), u16::MAX, u32::MAX, Units::MAX, none)),
        ("credit, largest of all", longest()),
        ("void of the line that only numbers 42 and 43 count", credit(meter_id(), 0, 44, 225_000, refused(42, 43))),
        ("read request", read(meter_id(), 0)),
        ("read request, largest", read(longest_meter_id(), u16::MAX)),
    ]
}

impl TokenVector {
    fn of(name: &str, token: &Token<'_>) -> Self {
        let (meter, issuer) = (meter(), issuer());
        let conditions = token.credit().map(|credit| credit.conditions).unwrap_or_default();
        let needs = conditions.needs;
        let signed = token.sign(&meter.hash(), &issuer.pair).unwrap();
        Self {
            name: name.into(),
            meter: token.meter.to_string(),
            meter_key: meter.name.into(),
            issuer_key: issuer.name.into(),
            epoch: token.epoch.0,
            credit: token.register().map(|r| Credit { number: r.number.0, total: r.total.get() }),
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
            payload: hex(&token.to_payload().unwrap()),
            external_aad: hex(&external_aad(Label::Token, &meter.hash())),
            signed: hex(&signed),
            signed_bytes: signed.len(),
        }
    }

    /// The token that the fields describe.
    fn token(&self) -> Token<'_> {
        let needs = self.needs.as_ref();
        let conditions = Conditions {
            refused: self.refused.map(|[a, b]| RefusedRange::new(CreditNumber(a), CreditNumber(b)).unwrap()),
            needs: needs.map_or(Needs::default(), |n| Needs { tariff: n.tariff, settings: n.settings, keys: n.keys }),
        };
        let order = match (&self.credit, &self.challenge) {
            (Some(credit), None) => Order::credit(
                Register { number: CreditNumber(credit.number), total: Units::new(credit.total).unwrap() },
                conditions,
            ),
            (None, Some(challenge)) => Order::Read(unhex_array(challenge)),
            _ => panic!("{}: neither credit nor read request", self.name),
        };
        let meter_key = test_key(&self.meter_key).hash().hint();
        Token { meter: self.meter.parse().unwrap(), meter_key, epoch: Epoch(self.epoch), order }
    }
}

/// The vectors of the file, after the comparison with what the code makes.
pub fn vectors() -> Vec<TokenVector> {
    let made = all().iter().map(|(name, token)| TokenVector::of(name, token)).collect();
    let about = "What stations sign: payload (rule token of docs/protocol.cddl), external_aad, and the COSE_Sign1 (rule \
                 signed-token) with a deterministic signature (RFC 6979).";
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
