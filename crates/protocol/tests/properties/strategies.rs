//! Values of every type, and byte strings that are almost right. The larger ones are boxed: a debug build moves them over
//! the stack of a test thread otherwise.

use crate::contents;
use crate::support::{issuer, leak, meter};
use coinless_protocol::problem::Refusal;
use coinless_protocol::readings::{MAX_SEALED_BYTES, Readings};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::report::{EVENTS, EventCounts, MAX_SEALED_REPORT_BYTES, Report, ReportContent};
use coinless_protocol::state::Flags;
use coinless_protocol::token::{
    Clock, Conditions, Content, Credit, MAX_CONTENT_BYTES, Needs, Order, RefusedRange, Set, Token, Valve, ValveOrder,
};
use coinless_protocol::{
    Bytes, Commodity, CreditKind, CreditNumber, Currency, Epoch, FineCredit, MeterId, Register, Units,
};
use coinless_protocol::{coap, identity::Identity, keys::KeyHint};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};

pub fn meter_id() -> impl Strategy<Value = MeterId> {
    "[A-Z]{3}[0-9A-Z]{1,13}".prop_map(|text| text.parse().unwrap())
}

/// Numbers of every encoded length, with the ends of each.
pub fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..30_u32, 250..260_u32, 65_530..65_540_u32, any::<u32>(), Just(u32::MAX)]
}

pub fn units() -> impl Strategy<Value = Units> {
    prop_oneof![0..300_u64, 0..=Units::MAX, Just(Units::MAX)].prop_map(|units| Units::new(units).unwrap())
}

pub fn fine() -> impl Strategy<Value = FineCredit> {
    prop_oneof![0..300_i64, 0..=i64::MAX, Just(i64::MAX)].prop_map(FineCredit)
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let range = (number(), number())
        .prop_map(|(a, b)| RefusedRange::new(CreditNumber(a.min(b)), CreditNumber(a.max(b))).unwrap());
    let needs = (number(), number(), number()).prop_map(|(tariff, settings, keys)| Needs { tariff, settings, keys });
    (of(range), prop_oneof![Just(Needs::default()), needs]).prop_map(|(refused, needs)| Conditions { refused, needs })
}

/// A version of a register that holds any bytes, of every length.
fn content() -> BoxedStrategy<Content<'static>> {
    let noise = vec(any::<u8>(), 0..=MAX_CONTENT_BYTES);
    let bytes = prop_oneof![2 => noise, 3 => contents::bytes()];
    (number(), bytes).prop_map(|(number, bytes)| Content { number: number.max(1), bytes: leak(bytes) }).boxed()
}

fn credit() -> impl Strategy<Value = Credit> {
    (number(), units(), conditions(), any::<bool>()).prop_map(|(number, total, conditions, closing)| Credit {
        register: Register { number: CreditNumber(number), total },
        conditions,
        closing,
    })
}

fn set() -> impl Strategy<Value = Set<'static>> {
    let command = select(vec![ValveOrder::Release, ValveOrder::HoldShut, ValveOrder::Service]);
    let valve = (number(), command).prop_map(|(number, command)| Valve { number: number.max(1), command });
    let unix_s = prop_oneof![number().prop_map(u64::from), any::<u64>()];
    let clock =
        (unix_s, any::<Option<[u8; 8]>>()).prop_map(|(unix_s, answers)| Clock { unix_s: unix_s.max(1), answers });
    (of(credit()), of(content()), of(content()), of(valve), of(clock))
        .prop_map(|(credit, tariff, settings, valve, clock)| Set { credit, tariff, settings, valve, clock })
        .prop_filter("at least one register", |set| *set != Set::default())
}

/// A token of any kind that is not too long: contents that do not fit beside one another are taken out.
pub fn token() -> BoxedStrategy<Token<'static>> {
    let plain = (number(), units(), conditions()).prop_map(|(number, total, conditions)| {
        Order::credit(Register { number: CreditNumber(number), total }, conditions)
    });
    let order = prop_oneof![
        3 => plain,
        4 => set().prop_map(Order::Set),
        1 => content().prop_map(Order::Keys),
        1 => any::<[u8; 8]>().prop_map(Order::Read),
    ];
    (meter_id(), any::<[u8; 4]>(), any::<u16>(), order)
        .prop_map(|(meter, hint, epoch, order)| {
            let token = |order| Token { meter, meter_key: KeyHint(hint), epoch: Epoch(epoch), order };
            let Order::Set(set) = order else { return token(order) };
            // One content fits beside the longest head, and all the others fit without any.
            let fewer = [
                set,
                Set { tariff: None, settings: set.settings, ..Set::default() },
                Set { tariff: None, settings: None, ..set },
                Set { tariff: set.tariff, ..Set::default() },
            ];
            let fits = |set: &Set<'static>| *set != Set::default() && token(Order::Set(*set)).to_payload().is_ok();
            token(Order::Set(fewer.into_iter().find(fits).expect("one of them fits")))
        })
        .boxed()
}

pub fn report_content() -> BoxedStrategy<ReportContent> {
    let events = prop_oneof![
        Just([u16::MAX; EVENTS]),
        any::<[u16; EVENTS]>(),
        any::<[u8; EVENTS]>().prop_map(|e| e.map(u16::from))
    ];
    (fine(), number(), any::<(bool, bool)>(), fine(), fine(), events)
        .prop_map(|(metered, valve, (emergency_taken, clock_trusted), debt_total, debt_paid, events)| ReportContent {
            metered,
            valve,
            emergency_taken,
            clock_trusted,
            debt_total,
            debt_paid,
            events: EventCounts::from_array(events),
        })
        .boxed()
}

pub fn report() -> BoxedStrategy<Report> {
    let sealed = vec(any::<u8>(), 0..=MAX_SEALED_REPORT_BYTES).prop_map(|bytes| Bytes::copy_of(&bytes).unwrap());
    (meter_id(), number(), sealed).prop_map(|(meter, number, sealed)| Report { meter, number, sealed }).boxed()
}

fn registers() -> impl Strategy<Value = RegisterNumbers> {
    (any::<u16>(), number(), number(), number(), number()).prop_map(|(epoch, credit, tariff, settings, keys)| {
        RegisterNumbers { epoch: Epoch(epoch), credit: CreditNumber(credit), tariff, settings, keys }
    })
}

fn flags() -> impl Strategy<Value = Flags> {
    (0..8_u16, any::<u8>()).prop_map(|(low, causes)| Flags::from_bits(low | u16::from(causes) << 8).unwrap())
}

fn decision() -> impl Strategy<Value = Decision> {
    let plain = [
        Decision::Read,
        Decision::Applied,
        Decision::NotNewer,
        Decision::InRefusedRange,
        Decision::TotalWouldFall,
        Decision::NeedsNewerRegister,
        Decision::JumpTooFar,
        Decision::OtherEpoch,
        Decision::Closed,
        Decision::BadContent,
    ];
    prop_oneof![8 => select(plain.to_vec()), 1 => units().prop_map(|use_first| Decision::NotYet { use_first })]
}

pub fn receipt() -> BoxedStrategy<Receipt> {
    let outcome = (decision(), number()).prop_map(|(decision, token)| Outcome { decision, token: CreditNumber(token) });
    let sums = (fine(), fine(), fine()).prop_map(|(initial, withdrawn, charged)| Sums { initial, withdrawn, charged });
    let readings = vec(any::<u8>(), 0..=MAX_SEALED_BYTES).prop_map(|bytes| Bytes::copy_of(&bytes).unwrap());
    let challenge = any::<Option<[u8; 8]>>();
    (meter_id(), number(), outcome, registers(), units(), sums, flags(), readings, challenge)
        .prop_map(|(meter, number, outcome, registers, total, sums, flags, readings, challenge)| Receipt {
            meter,
            number,
            outcome,
            registers,
            total,
            sums,
            flags,
            readings,
            challenge,
        })
        .boxed()
}

pub fn identity() -> BoxedStrategy<Identity> {
    let commodity = select(vec![Commodity::Gas, Commodity::Water, Commodity::Electricity]);
    let challenge = any::<Option<[u8; 8]>>();
    let money = ("[A-Z]{3}", 0..=Currency::MAX_EXPONENT).prop_map(|(code, exponent)| {
        CreditKind::Money(Currency::new(code.as_bytes().try_into().unwrap(), exponent).unwrap())
    });
    let credit = prop_oneof![Just(CreditKind::Unit), money];
    (meter_id(), any::<[u8; 4]>(), commodity, credit, registers(), flags(), challenge)
        .prop_map(|(meter, hint, commodity, credit, registers, flags, challenge)| Identity {
            meter,
            meter_key: KeyHint(hint),
            commodity,
            credit,
            registers,
            flags,
            challenge,
        })
        .boxed()
}

pub fn readings() -> impl Strategy<Value = Readings> {
    let balance = prop_oneof![-300..300_i64, any::<i64>(), Just(i64::MIN)].prop_map(FineCredit);
    let clock = prop_oneof![Just(None), any::<u32>().prop_map(|s| Some(u64::from(s))), any::<u64>().prop_map(Some)];
    (balance, fine(), clock).prop_map(|(balance, consumed, clock)| Readings { balance, consumed, clock })
}

/// The parts of a CoAP message; options are in order.
#[derive(Debug, Clone)]
pub struct CoapParts {
    pub kind: coap::Kind,
    pub code: coap::Code,
    pub id: u16,
    pub token: Vec<u8>,
    pub options: Vec<(u16, Vec<u8>)>,
    pub payload: Vec<u8>,
}

impl CoapParts {
    /// As bytes; none if they are longer than a message may be.
    pub fn write(&self) -> Option<Vec<u8>> {
        let options: Vec<_> = self.options.iter().map(|(number, value)| (*number, value.as_slice())).collect();
        let written = coap::write(self.kind, self.code, self.id, &self.token, &options, &self.payload);
        written.ok().map(|bytes| bytes.to_vec())
    }
}

pub fn kind() -> impl Strategy<Value = coap::Kind> {
    select(vec![coap::Kind::Con, coap::Kind::Non, coap::Kind::Ack, coap::Kind::Rst])
}

pub fn coap_parts() -> BoxedStrategy<CoapParts> {
    let number = prop_oneof![0..30_u16, 260..300_u16, any::<u16>()];
    let value = prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 0..300)];
    let options = vec((number, value), 0..5).prop_map(|mut options| {
        options.sort_by_key(|(number, _)| *number);
        options
    });
    let payload = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..320)];
    (kind(), 1..=255_u8, any::<u16>(), vec(any::<u8>(), 0..=8), options, payload)
        .prop_map(|(kind, code, id, token, options, payload)| CoapParts {
            kind,
            code: coap::Code(code),
            id,
            token,
            options,
            payload,
        })
        .boxed()
}

/// Encoded objects of every kind, whole.
fn good() -> BoxedStrategy<Vec<u8>> {
    let signed = token().prop_map(|token| token.sign(&meter().hash(), &issuer().pair).unwrap().to_vec());
    prop_oneof![
        token().prop_map(|token| token.to_payload().unwrap().to_vec()),
        receipt().prop_map(|receipt| receipt.to_payload().unwrap().to_vec()),
        identity().prop_map(|identity| identity.to_bytes().unwrap().to_vec()),
        report().prop_map(|report| report.to_payload().unwrap().to_vec()),
        contents::bytes(),
        select(Refusal::ALL.to_vec()).prop_map(|refusal| refusal.to_bytes().unwrap().to_vec()),
        coap_parts().prop_map(|parts| parts.write().unwrap_or_default()),
        signed,
    ]
    .boxed()
}

/// Byte strings: noise, and good objects of every kind with a few bytes changed, put in or taken out.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), 0..4_u8, any::<u8>()), 0..4);
    let almost = (good(), edits).prop_map(|(mut bytes, edits)| {
        for (at, edit, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.get_mut(at).into_iter().for_each(|old| *old = byte),
            }
        }
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..400), 3 => almost]
}
