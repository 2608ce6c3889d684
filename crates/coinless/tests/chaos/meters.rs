//! Meters in the test's own process, around the real core.

use coinless_meter::{Issuer, IssuerRole, commission};
use coinless_protocol::coap::{Client, ClientEvent, Code, ContentFormat, Method, Request};
use coinless_protocol::keys::KeyPair;
use coinless_protocol::{Commodity, CreditKind, MeterId};
use coinless_sim::flash::{RamChip, layout};
use coinless_sim::meter::{Blueprint, SimulatedMeter};
use coinless_station::records::{self, DeliveryRecord, HexKey, IssuerRecord};
use fastrand::Rng;
use std::sync::{Mutex, PoisonError};

/// All meters.
pub struct Meters {
    pub homes: Vec<Home>,
}

/// A meter where it hangs; whoever carries something to it waits for his turn.
pub struct Home {
    pub id: MeterId,
    commodity: Commodity,
    inner: Mutex<Inner>,
}

struct Inner {
    meter: SimulatedMeter<RamChip, u32>,
    exchanges: u64,
    /// Every token that it was ever handed.
    tokens: Vec<Vec<u8>>,
}

/// Milliseconds from one exchange to the next by the meter's clock: so long that it never spares its battery or its flash, since
/// here hundreds of old tokens are handed over.
const EXCHANGE_MS: u64 = 300_000;

impl Home {
    /// A new meter that knows a utility's keys, and the record that is delivered with it.
    pub fn make(number: usize, issuer: &IssuerRecord, random: &mut Rng) -> (Self, DeliveryRecord) {
        let id: MeterId = format!("CLS{number:010}").parse().unwrap();
        let commodity = [Commodity::Gas, Commodity::Water, Commodity::Electricity][number % 3];
        let (secret, pair) = loop {
            let mut secret = [0; 32];
            random.fill(&mut secret);
            // All but one draw in 2^32 are a key.
            if let Ok(pair) = KeyPair::from_secret(&secret) {
                break (secret, pair);
            }
        };
        let key = |key: &records::IssuerKey| {
            let role = match key.role {
                records::IssuerRole::Root => IssuerRole::Root,
                records::IssuerRole::Operational => IssuerRole::Operational,
            };
            Issuer { role, key: key.public_key.0 }
        };
        let issuers = issuer.issuers.iter().map(key).collect();
        let readings_key = Some(issuer.readings_key.0);
        let blueprint = Blueprint {
            id,
            commodity,
            credit: CreditKind::Unit,
            issuers,
            readings_key,
            initial: None,
            max_credit: None,
        };
        let chip = commission(RamChip::new(random.u64(..)), &layout(), &blueprint.factory(secret).unwrap()).unwrap();
        let meter = SimulatedMeter::start(chip, random.u16(..)).unwrap();
        let record = DeliveryRecord {
            id: id.to_string(),
            label: id.label().to_string(),
            commodity: commodity.name().to_owned(),
            public_key: HexKey(pair.public_key()),
            initial_units: blueprint.initial().get(),
            max_credit_units: blueprint.max_credit().get(),
            customer: None,
            place: None,
            money: None,
        };
        let inner = Mutex::new(Inner { meter, exchanges: 0, tokens: Vec::new() });
        (Self { id, commodity, inner }, record)
    }

    /// The unit of its quantities.
    pub fn unit(&self) -> &'static str {
        if self.commodity == Commodity::Electricity { "kWh" } else { "m3" }
    }

    /// Hands the meter a token; gives its receipt.
    pub fn hand(&self, token: &[u8]) -> Vec<u8> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.tokens.push(token.to_vec());
        inner.exchange(token)
    }

    /// Hands the meter any token that it was handed before; gives its receipt. Somebody kept a copy.
    pub fn hand_old(&self, random: &mut Rng) -> Option<Vec<u8>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let token = random.choice(&inner.tokens)?.clone();
        Some(inner.exchange(&token))
    }

    /// The total of its credit register.
    pub fn total(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).meter.total().get()
    }
}

impl Inner {
    /// Posts a token over CoAP and gives the answer, which must be a receipt.
    fn exchange(&mut self, token: &[u8]) -> Vec<u8> {
        self.exchanges += 1;
        let now_ms = self.exchanges * EXCHANGE_MS;
        let format = Some(ContentFormat::CoseSign1);
        let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: token };
        // Message id and token from the count: fresh for each exchange with this meter.
        let mut client = Client::start(now_ms, self.exchanges << 16 | self.exchanges << 48, &request).unwrap();
        let mut sent = Vec::new();
        let mut send = |_, bytes: &[u8]| sent.push(bytes.to_vec());
        self.meter.serve(now_ms, 0, 1, client.first_datagram(), &mut send);
        for datagram in &sent {
            if let ClientEvent::Response(response, acknowledgement) = client.receive(now_ms, datagram) {
                if let Some(bytes) = acknowledgement {
                    self.meter.serve(now_ms, 0, 1, &bytes, &mut |_, _| ());
                }
                assert_eq!(response.code, Code::CHANGED, "the meter refused a token: {response:?}");
                return response.payload.to_vec();
            }
        }
        panic!("the meter did not answer: {sent:?}");
    }
}
