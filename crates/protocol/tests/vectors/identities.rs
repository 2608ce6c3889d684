//! Identities, unsigned and signed.

use crate::file::check;
use crate::support::{hex, longest_meter_id, meter, meter_id, test_key, unhex, unhex_array};
use coinless_protocol::cose::{Label, external_aad};
use coinless_protocol::identity::{Identity, display_code};
use coinless_protocol::receipt::RegisterNumbers;
use coinless_protocol::state::{Flags, ShutCause, ShutCauses};
use coinless_protocol::{Commodity, CreditKind, CreditNumber, Currency, Epoch};
use serde::{Deserialize, Serialize};

/// An identity in all its forms; signed if it answers a challenge.
#[derive(Serialize, Deserialize)]
pub struct IdentityVector {
    pub name: String,
    pub meter: String,
    pub meter_key: String,
    pub commodity: String,
    pub registers: [u32; 5],
    pub flags: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// Code and digits after the point, with money credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<(String, u8)>,
    pub payload: String,
    pub payload_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// What a challenge adds.
#[derive(Serialize, Deserialize)]
pub struct Proof {
    pub display_code: String,
    pub external_aad: String,
    pub signed: String,
    pub signed_bytes: usize,
}

fn money(code: &str, exponent: u8) -> CreditKind {
    CreditKind::Money(Currency::new(code.as_bytes().try_into().unwrap(), exponent).unwrap())
}

/// The longest identity there is.
pub fn longest() -> Identity {
    Identity {
        meter: longest_meter_id(),
        meter_key: meter().hash().hint(),
        commodity: Commodity::Electricity,
        credit: money("ZZZ", 4),
        registers: RegisterNumbers {
            epoch: Epoch(u16::MAX),
            credit: CreditNumber(u32::MAX),
            tariff: u32::MAX,
            settings: u32::MAX,
            keys: u32::MAX,
        },
        flags: Flags::from_bits(0xff07).unwrap(),
        challenge: Some([0xff; 8]),
    }
}

fn all() -> Vec<(&'static str, Identity)> {
    let new = Identity {
        meter: meter_id(),
        meter_key: meter().hash().hint(),
        commodity: Commodity::Gas,
        credit: CreditKind::Unit,
        registers: RegisterNumbers::default(),
        flags: Flags { causes: ShutCauses::NONE.with(ShutCause::NoCredit), ..Flags::default() },
        challenge: None,
    };
    let used = Identity {
        registers: RegisterNumbers { epoch: Epoch(0), credit: CreditNumber(42), tariff: 1, settings: 1, keys: 0 },
        flags: Flags { open: true, ..Flags::default() },
        ..new
    };
    vec![
        ("smallest", Identity { meter: "CLS0".parse().unwrap(), flags: Flags::default(), ..new }),
        ("gas, new, shut for want of credit", new),
        ("water, open", Identity { commodity: Commodity::Water, ..used }),
        ("electricity, open", Identity { commodity: Commodity::Electricity, ..used }),
        ("gas, challenged", Identity { challenge: Some([0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]), ..used }),
        ("electricity, money credit", Identity { commodity: Commodity::Electricity, credit: money("EUR", 2), ..used }),
        (
            "water, money credit without a smaller unit, challenged",
            Identity { commodity: Commodity::Water, credit: money("XAF", 0), challenge: Some([8; 8]), ..used },
        ),
        ("largest", longest()),
    ]
}

impl IdentityVector {
    fn of(name: &str, identity: &Identity) -> Self {
        let meter = meter();
        let RegisterNumbers { epoch, credit, tariff, settings, keys } = identity.registers;
        let payload = identity.to_bytes().unwrap();
        let proof = identity.challenge.map(|challenge| {
            let signed = identity.sign(&meter.hash(), &meter.pair).unwrap();
            Proof {
                display_code: format!("{:06}", display_code(&challenge, &meter.hash())),
                external_aad: hex(&external_aad(Label::Identity, &meter.hash())),
                signed: hex(&signed),
                signed_bytes: signed.len(),
            }
        });
        Self {
            name: name.into(),
            meter: identity.meter.to_string(),
            meter_key: meter.name.into(),
            commodity: identity.commodity.name().into(),
            registers: [u32::from(epoch.0), credit.0, tariff, settings, keys],
            flags: identity.flags.bits(),
            challenge: identity.challenge.map(|challenge| hex(&challenge)),
            currency: match identity.credit {
                CreditKind::Unit => None,
                CreditKind::Money(currency) => Some((currency.code().into(), currency.exponent())),
            },
            payload: hex(&payload),
            payload_bytes: payload.len(),
            proof,
        }
    }

    /// The identity that the fields describe.
    fn identity(&self) -> Identity {
        let [epoch, credit, tariff, settings, keys] = self.registers;
        Identity {
            meter: self.meter.parse().unwrap(),
            meter_key: test_key(&self.meter_key).hash().hint(),
            commodity: Commodity::from_name(&self.commodity).unwrap(),
            credit: self.currency.as_ref().map_or(CreditKind::Unit, |(code, exponent)| money(code, *exponent)),
            registers: RegisterNumbers {
                epoch: Epoch(epoch.try_into().unwrap()),
                credit: CreditNumber(credit),
                tariff,
                settings,
                keys,
            },
            flags: Flags::from_bits(self.flags).unwrap(),
            challenge: self.challenge.as_deref().map(unhex_array),
        }
    }
}

/// The vectors of identities.
pub fn vectors() -> Vec<IdentityVector> {
    let made = all().iter().map(|(name, identity)| IdentityVector::of(name, identity)).collect();
    let about = "What meters say of themselves (rule identity of docs/protocol.cddl); with a challenge also signed (rule \
                 signed-identity), and the code on the display. registers: epoch, credit, tariff, settings, keys; \
                 currency, with money credit: code and digits after the point.";
    check("identities.json", about, made)
}

#[test]
fn identities() {
    for vector in vectors() {
        let meter = test_key(&vector.meter_key);
        let identity = vector.identity();
        assert_eq!(hex(&identity.to_bytes().unwrap()), vector.payload, "{}", vector.name);
        assert_eq!(Identity::from_bytes(&unhex(&vector.payload)), Ok(identity), "{}", vector.name);
        if let Some(proof) = &vector.proof {
            assert_eq!(hex(&identity.sign(&meter.hash(), &meter.pair).unwrap()), proof.signed, "{}", vector.name);
            let verified = Identity::verified(&unhex(&proof.signed), &meter.public(), &meter.hash());
            assert_eq!(verified, Ok(identity), "{}", vector.name);
            let code = display_code(&identity.challenge.unwrap(), &meter.hash());
            assert_eq!(format!("{code:06}"), proof.display_code);
        }
    }
}
