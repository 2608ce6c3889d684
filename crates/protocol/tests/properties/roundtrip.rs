//! decode(encode(x)) = x, and a change of any bit of a signed object is noticed.

use crate::strategies;
use crate::support::{issuer, meter, station, test_key};
use coinless_protocol::coap::Message;
use coinless_protocol::cose::{Label, MAX_PAYLOAD_BYTES, Sign1, sign};
use coinless_protocol::identity::Identity;
use coinless_protocol::keys::Signer;
use coinless_protocol::readings::{MAX_SEALED_BYTES, OpenError, ReadingsKey};
use coinless_protocol::receipt::{MAX_RECEIPT_BYTES, Receipt};
use coinless_protocol::token::{MAX_TOKEN_BYTES, Order, Token};
use coinless_protocol::{MeterId, VERSION};
use proptest::prelude::*;

proptest! {
    #[test]
    fn tokens(token in strategies::token()) {
        let payload = token.to_payload().unwrap();
        prop_assert_eq!(Token::from_payload(&payload), Ok(token));
        prop_assert!(payload.len() + 80 <= MAX_TOKEN_BYTES);
        prop_assert_eq!(token.register().is_none(), matches!(token.order, Order::Read(_)));
    }

    #[test]
    fn receipts(receipt in strategies::receipt()) {
        let payload = receipt.to_payload().unwrap();
        prop_assert_eq!(Receipt::from_payload(&payload), Ok(receipt));
        prop_assert!(payload.len() + 80 <= MAX_RECEIPT_BYTES);
    }

    #[test]
    fn identities(identity in strategies::identity()) {
        let bytes = identity.to_bytes().unwrap();
        prop_assert_eq!(Identity::from_bytes(&bytes), Ok(identity));
    }

    #[test]
    fn labels(meter in strategies::meter_id()) {
        let label = meter.label().to_string();
        prop_assert_eq!(MeterId::from_label(&label), Ok(meter));
        prop_assert_eq!(MeterId::from_label(&format!(" {} ", label.to_lowercase())), Ok(meter));
        prop_assert_eq!(MeterId::from_label_url(&format!("https://s.example:8600/m/{label}#x")), Ok(meter));
        prop_assert_eq!(meter.to_string().parse(), Ok(meter));
    }

    #[test]
    fn coap_messages(parts in strategies::coap_parts()) {
        let Some(bytes) = parts.write() else { return Ok(()) };
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!((message.kind, message.code, message.id), (parts.kind, parts.code, parts.id));
        prop_assert_eq!(message.token, parts.token);
        prop_assert_eq!(message.options().map(|(n, v)| (n, v.to_vec())).collect::<Vec<_>>(), parts.options);
        prop_assert_eq!(message.payload, parts.payload);
    }
}

proptest! {
    // Each case signs, verifies or agrees keys.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8 + 1, ..ProptestConfig::default() })]

    #[test]
    fn signed_payloads(payload in proptest::collection::vec(any::<u8>(), 0..=MAX_PAYLOAD_BYTES)) {
        let (meter, issuer) = (meter(), issuer());
        for label in [Label::Token, Label::Receipt, Label::Identity] {
            let bytes = sign(&payload, label, &meter.hash(), &issuer.pair).unwrap();
            let object = Sign1::parse(&bytes).unwrap();
            prop_assert_eq!((object.kid, object.payload), (issuer.pair.key_hint(), payload.as_slice()));
            prop_assert!(object.verify(&issuer.public(), label, &meter.hash()));
        }
    }

    #[test]
    fn sealed_readings(number: u32, readings in strategies::readings(), id in strategies::meter_id()) {
        let (meter, station) = (meter(), station());
        let key = ReadingsKey::agree(&meter.pair, &station.public(), &id);
        let sealed = key.seal(number, &readings).unwrap();
        prop_assert!(sealed.len() <= MAX_SEALED_BYTES);
        let at_station = ReadingsKey::agree(&station.pair, &meter.public(), &id);
        prop_assert_eq!(at_station.open(number, &sealed), Ok(readings));
        prop_assert_eq!(at_station.open(number.wrapping_add(1), &sealed), Err(OpenError::Malformed));
        let other = ReadingsKey::agree(&test_key("coinless test key meter-2").pair, &station.public(), &id);
        prop_assert_eq!(other.open(number, &sealed), Err(OpenError::Key));
    }
}

#[test]
fn a_payload_that_is_too_long_is_not_signed() {
    assert_eq!(VERSION, 1);
    assert!(sign(&[0; MAX_PAYLOAD_BYTES + 1], Label::Token, &meter().hash(), &issuer().pair).is_err());
}

/// Every byte string that differs from `bytes` in one bit.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn first<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    strategy.new_tree(&mut runner).unwrap().current()
}

#[test]
fn no_token_with_a_flipped_bit_verifies() {
    let (meter, issuer) = (meter(), issuer());
    let signed = first(strategies::token()).sign(&meter.hash(), &issuer.pair).unwrap();
    for flipped in flips(&signed) {
        if let Ok((object, _)) = Token::parse(&flipped) {
            assert!(!object.verify(&issuer.public(), Label::Token, &meter.hash()), "{flipped:02x?}");
        }
    }
}

#[test]
fn no_receipt_with_a_flipped_bit_verifies() {
    let meter = meter();
    let signed = first(strategies::receipt()).sign(&meter.hash(), &meter.pair).unwrap();
    for flipped in flips(&signed) {
        assert!(Receipt::verified(&flipped, &meter.public(), &meter.hash()).is_err(), "{flipped:02x?}");
    }
}

#[test]
fn no_identity_with_a_flipped_bit_verifies() {
    let meter = meter();
    let signed = first(strategies::identity()).sign(&meter.hash(), &meter.pair).unwrap();
    for flipped in flips(&signed) {
        assert!(Identity::verified(&flipped, &meter.public(), &meter.hash()).is_err(), "{flipped:02x?}");
    }
}

#[test]
fn no_sealed_readings_with_a_flipped_bit_open() {
    let key = ReadingsKey::agree(&meter().pair, &station().public(), &crate::support::meter_id());
    let sealed = key.seal(7, &first(strategies::readings())).unwrap();
    for flipped in flips(&sealed) {
        assert!(key.open(7, &flipped).is_err(), "{flipped:02x?}");
    }
}
